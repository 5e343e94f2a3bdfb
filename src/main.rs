//! The executable. What it can do is in `cli`.

mod cli;

fn main() -> std::process::ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_some_and(|first| first == "__worker") {
        return threadbook::worker::main(arguments);
    }
    cli::main()
}
