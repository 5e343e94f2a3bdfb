//! Tests of the cache's limit and of `threadbook cache`, with the real binary.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::process::Command;

use super::{Bench, THREADBOOK};

fn text(command: &mut Command) -> String {
    let output = command.output().expect("the binary starts");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).expect("is text")
}

/// A session shrinks the cache while it runs, but keeps the entries that it uses. After the session, `clean` removes
/// all of them.
#[test]
fn a_full_cache_is_shrunk_and_can_be_emptied() {
    let source = "fn two() -> u8 { 2 }\nlet x = two();\nwhile std::path::Path::new(\"old\").exists() {}";
    let bench = Bench::with_cells(&[(source, &[]), ("assert_eq!(x + two(), 4)", &[])]);
    let cache = bench.path("cache");
    fs::DirBuilder::new().mode(0o700).create(&cache).expect("made");
    // The first cell runs until this old entry has been removed.
    let old = cache.join("libold.so");
    fs::write(&old, [0; 4096]).expect("written");
    std::os::unix::fs::symlink(&old, bench.path("old")).expect("made");
    let set = |command: &mut Command| {
        command.env("THREADBOOK_CACHE", &cache).env("THREADBOOK_CACHE_SIZE", "1");
    };
    let mut run = bench.command(&["run", "nb.ipynb", "-q", "--timeout", "60"]);
    set(&mut run);
    text(&mut run);
    let mut show = Command::new(THREADBOOK);
    set(show.args(["cache", "show"]));
    let shown = text(&mut show);
    assert!(shown.starts_with(&format!("{}: ", cache.display())) && shown.ends_with("limit 1 bytes\n"), "{shown}");
    assert!(!shown.contains(": 0 entries"), "what the session used is still there: {shown}");
    let mut clean = Command::new(THREADBOOK);
    set(clean.args(["cache", "clean"]));
    let cleaned = text(&mut clean);
    assert!(cleaned.starts_with("removed ") && cleaned.contains(": 0 entries, 0 bytes"), "{cleaned}");
}

#[test]
fn a_limit_that_is_no_size_is_named() {
    let bench = Bench::with_cells(&[("1", &[])]);
    let mut show = bench.command(&["cache", "show"]);
    show.env("THREADBOOK_CACHE", bench.path("cache")).env("THREADBOOK_CACHE_SIZE", "much");
    let output = show.output().expect("the binary starts");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).expect("is text");
    assert!(said.contains("THREADBOOK_CACHE_SIZE is `much`; give a size above 0"), "{said}");
}
