//! Frames from whoever can reach one of the kernel's sockets.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| threadbook::kernel::fuzzing::frames(bytes));
