//! Tests of sessions that share the crates of `:dep`, with the real binary.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Stdio};

use super::Bench;

/// The crate's build script notes that it runs, and then waits for the file `go`.
const BUILD_SCRIPT: &str = r#"
fn main() {
    use std::io::Write;
    println!("cargo::rerun-if-changed=build.rs");
    let mut runs = std::fs::OpenOptions::new().append(true).create(true).open("../runs").unwrap();
    runs.write_all(b"run\n").unwrap();
    while !std::path::Path::new("../go").exists() {
        std::thread::yield_now();
    }
}
"#;

fn start(bench: &Bench, output: &str) -> (Child, BufReader<ChildStdout>) {
    let mut command = bench.command(&["run", "nb.ipynb", "-o", output]);
    let mut child =
        command.env("THREADBOOK_CACHE", bench.path("cache")).stdout(Stdio::piped()).spawn().expect("it starts");
    let stdout = child.stdout.take().expect("a pipe");
    (child, BufReader::new(stdout))
}

fn read_until(lines: &mut impl BufRead, part: &str) {
    let mut line = String::new();
    while !line.contains(part) {
        line.clear();
        assert!(lines.read_line(&mut line).expect("is text") > 0, "no line with {part:?}");
    }
}

#[test]
fn two_sessions_build_one_set_once() {
    let source = ":dep slow = { path = \"slow\" }\nassert_eq!(slow::two(), 2);";
    let bench = Bench::with_cells(&[(source, &[])]);
    fs::create_dir_all(bench.path("slow/src")).expect("made");
    let manifest = "[package]\nname = \"slow\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    let files = [("Cargo.toml", manifest), ("build.rs", BUILD_SCRIPT), ("src/lib.rs", "pub fn two() -> u8 { 2 }")];
    for (name, text) in files {
        fs::write(bench.path("slow").join(name), text).expect("written");
    }
    let (mut first, mut first_lines) = start(&bench, "first.ipynb");
    read_until(&mut first_lines, "Compiling slow");
    let (mut second, mut second_lines) = start(&bench, "second.ipynb");
    read_until(&mut second_lines, "Waiting for another session that builds crates");
    fs::write(bench.path("go"), "").expect("written");
    // A process whose output nobody reads could not end.
    for lines in [&mut first_lines, &mut second_lines] {
        std::io::copy(lines, &mut std::io::sink()).expect("read");
    }
    assert!(first.wait().expect("it ends").success() && second.wait().expect("it ends").success());
    assert_eq!(fs::read_to_string(bench.path("runs")).expect("is text"), "run\n");
}
