//! The text of a cell.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| threadbook::engine::fuzzing::cell(bytes));
