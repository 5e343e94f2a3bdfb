//! What comes on the control socket between session and worker.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| threadbook::worker::fuzzing::messages(bytes));
