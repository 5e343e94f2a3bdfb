//! Tests of sessions that share the crates of `:dep`, with the real binary.

use std::collections::BTreeMap;
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

/// Whether rustc was given the crates: by the number of each session crate, and for each time that it compiled statements of
/// one of so many cells. A crate or a cell may be compiled ahead, given up since others need the processors, and compiled anew.
fn linked_crates(log: &str, cells: usize) -> (BTreeMap<u32, bool>, Vec<Vec<bool>>) {
    let (mut items, mut statements) = (BTreeMap::new(), vec![Vec::new(); cells]);
    let number = |line: &str, before: &str, after: &str| {
        let (_, rest) = line.split_once(before)?;
        rest.split_once(after).map(|(number, _)| number.parse::<u32>().expect("a number"))
    };
    for line in log.lines() {
        let linked = line.contains("--extern=threadbook_deps=");
        if let Some(number) = number(line, "--crate-name=session_", "\"") {
            items.insert(number, linked);
        } else if line.contains("--crate-name=threadbook_cell")
            // Cells that try the toolchain have the number 0.
            && let Some(cell) = number(line, "compile cell=In[", "]: command").filter(|cell| *cell > 0)
        {
            statements[cell as usize - 1].push(linked);
        }
    }
    statements.iter_mut().for_each(Vec::dedup);
    (items, statements)
}

/// Each cell of a session with a crate, and whether rustc is given the crates for its items and for its statements. All print
/// what they should.
#[test]
fn only_cells_that_may_need_crates_link_to_them() {
    const CELLS: [(&str, &str, &[bool], &[bool]); 9] = [
        (":dep extension = { path = \"extension\" }\nuse extension::prelude::*;", "", &[], &[]),
        ("let n: i32 = [1, 2].iter().sum(); println!(\"{n}\");", "3\n", &[], &[false]),
        ("let d = n.doubled(); println!(\"{}\", d.0);", "6\n", &[], &[true]),
        ("println!(\"{}\", d.0);", "6\n", &[], &[true]),
        ("fn plain(n: i32) -> i32 { n.pow(2) }\nprintln!(\"{}\", plain(n));", "9\n", &[false], &[false]),
        ("fn by_method(n: i32) -> i32 { n.doubled().0 }\nprintln!(\"{}\", plain(n));", "9\n", &[true], &[false]),
        ("println!(\"{}\", by_method(n));", "6\n", &[], &[true]),
        ("fn by_name(n: i32) -> Twice { Twice(n) }\nprintln!(\"{}\", by_name(n).0);", "3\n", &[true], &[true]),
        // Std has a method of this name, so the first try is without the crates; but numbers have none.
        ("println!(\"{}\", n.leak());", "4\n", &[], &[false, true]),
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
    let (items, statements) = linked_crates(&log, CELLS.len());
    let expected: Vec<bool> = CELLS.iter().flat_map(|(_, _, items, _)| items.iter().copied()).collect();
    assert_eq!(items.into_values().collect::<Vec<_>>(), expected, "{log}");
    for (index, (source, printed, _, expected)) in CELLS.iter().enumerate() {
        let outputs = executed["cells"][index]["outputs"].as_array().expect("a list");
        let texts = outputs.iter().filter(|output| output["name"] == "stdout");
        let text: String =
            texts.flat_map(|output| output["text"].as_array().expect("lines")).filter_map(|l| l.as_str()).collect();
        assert_eq!(text, *printed, "{source}");
        let times = (statements[index].len() / expected.len().max(1)).max(1);
        assert_eq!(statements[index], expected.repeat(times), "{source}\n{log}");
    }
}
