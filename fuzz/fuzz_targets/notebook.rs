//! A notebook's file.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| threadbook::notebook::fuzzing::notebook(bytes));
