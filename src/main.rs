//! The executable. What it can do is in `cli`; what it is beside the library is a worker, with the functions of the C
//! library that it replaces (`interpose`).

#![deny(unsafe_code)]

mod cli;
#[expect(unsafe_code, reason = "C functions take pointers")]
mod interpose;

fn main() -> std::process::ExitCode {
    threadbook::worker::main().unwrap_or_else(cli::main)
}
