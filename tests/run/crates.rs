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

const EXTENSION: &str = "
pub struct Doubled(pub i32);
pub mod prelude { pub trait Double { fn doubled(self) -> crate::Doubled; fn leak(self) -> i32; } pub use crate::Doubled as Twice; }
impl prelude::Double for i32 {
    fn doubled(self) -> Doubled { Doubled(2 * self) }
    fn leak(self) -> i32 { self + 1 }
}
";

/// For each cell, whether rustc was given the crates, each time that it compiled something of the cell. The log has the
/// commands of a cell before the line that says how long all of them took.
fn linked_crates(log: &str) -> Vec<Vec<bool>> {
    let directory =
        |line: &str| line.split("cd \"").nth(1).and_then(|rest| Some(rest.rsplit_once("/")?.0.to_string()));
    let directory = |line: &str| directory(line.split("\" && ").next().unwrap_or_default());
    // Cells that try the toolchain are compiled meanwhile, in another directory; they have no items.
    let ours = log.lines().find(|line| line.contains("--crate-name=session_")).and_then(directory);
    let mut cells = Vec::new();
    let mut commands = Vec::new();
    for line in log.lines() {
        if line.contains("compile cell=In[") && !line.contains("In[0]") {
            cells.push(std::mem::take(&mut commands));
        } else if directory(line) == ours
            && (line.contains("--crate-name=threadbook_cell") || line.contains("--crate-name=session_"))
        {
            commands.push(line.contains("--extern=threadbook_deps="));
        }
    }
    cells
}

/// Each cell of a session with a crate, and whether rustc is given the crates for it. All print what they should.
#[test]
fn only_cells_that_may_need_crates_link_to_them() {
    const CELLS: [(&str, &str, &[bool]); 9] = [
        (":dep extension = { path = \"extension\" }\nuse extension::prelude::*;", "", &[]),
        ("let n: i32 = [1, 2].iter().sum(); println!(\"{n}\");", "3\n", &[false]),
        ("let d = n.doubled(); println!(\"{}\", d.0);", "6\n", &[true]),
        ("println!(\"{}\", d.0);", "6\n", &[true]),
        ("fn plain(n: i32) -> i32 { n.pow(2) }\nprintln!(\"{}\", plain(n));", "9\n", &[false, false]),
        ("fn by_method(n: i32) -> i32 { n.doubled().0 }\nprintln!(\"{}\", plain(n));", "9\n", &[true, false]),
        ("println!(\"{}\", by_method(n));", "6\n", &[true]),
        ("fn by_name(n: i32) -> Twice { Twice(n) }\nprintln!(\"{}\", by_name(n).0);", "3\n", &[true, true]),
        // Std has a method of this name, so the first try is without the crates; but numbers have none.
        ("println!(\"{}\", n.leak());", "4\n", &[false, true]),
    ];
    let bench = Bench::with_cells(&CELLS.map(|(source, ..)| (source, &[][..])));
    fs::create_dir_all(bench.path("extension/src")).expect("made");
    let manifest = "[package]\nname = \"extension\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
    for (name, text) in [("Cargo.toml", manifest), ("src/lib.rs", EXTENSION)] {
        fs::write(bench.path("extension").join(name), text).expect("written");
    }
    let mut run = bench.command(&["run", "nb.ipynb", "-q"]);
    run.env("THREADBOOK_CACHE", bench.path("cache")).env("THREADBOOK_LOG", "debug");
    let output = run.output().expect("it starts");
    let log = String::from_utf8(output.stderr).expect("is text");
    assert!(output.status.success(), "{log}");
    let executed = bench.executed();
    let linked = linked_crates(&log);
    for (index, (source, printed, expected)) in CELLS.iter().enumerate() {
        let outputs = executed["cells"][index]["outputs"].as_array().expect("a list");
        let texts = outputs.iter().filter(|output| output["name"] == "stdout");
        let text: String =
            texts.flat_map(|output| output["text"].as_array().expect("lines")).filter_map(|l| l.as_str()).collect();
        assert_eq!(text, *printed, "{source}");
        assert_eq!(linked[index], *expected, "{source}\n{log}");
    }
}
