//! What stands in the ring that a worker writes and its session reads.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| threadbook::worker::fuzzing::records(bytes));
