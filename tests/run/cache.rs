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

/// A session shrinks the cache while it runs, but keeps the entries that it uses. After the session, `clear` removes
/// all of them.
#[test]
fn a_full_cache_is_shrunk_and_can_be_emptied() {
    let source = "fn two() -> u8 { 2 }\nlet x = two();\nwhile std::path::Path::new(\"old\").exists() {}";
    let bench = Bench::with_cells(&[(source, &[]), ("assert_eq!(x + two(), 4)", &[])]);
    let cache = bench.path("cache");
    fs::DirBuilder::new().mode(0o700).recursive(true).create(cache.join("cells")).expect("made");
    // The first cell runs until this old entry has been removed.
    let old = cache.join("cells/libold.so");
    fs::write(&old, [0; 4096]).expect("written");
    std::os::unix::fs::symlink(&old, bench.path("old")).expect("made");
    let set = |command: &mut Command| {
        command.env("THREADBOOK_CACHE", &cache).env("THREADBOOK_CACHE_SIZE", "1");
    };
    let mut run = bench.command(&["run", "nb.ipynb", "-q", "--timeout", "60"]);
    set(&mut run);
    text(&mut run);
    let ask = |arguments: &[&str]| {
        let mut command = Command::new(THREADBOOK);
        set(command.arg("cache").args(arguments));
        text(&mut command)
    };
    let shown = ask(&[]);
    let head = shown.lines().next().expect("a line");
    assert!(head.starts_with(&format!("{}: ", cache.display())) && head.ends_with("limit 1 bytes"), "{shown}");
    let counts = || {
        let usage: serde_json::Value = serde_json::from_str(&ask(&["--json"])).expect("JSON");
        ["cells", "crates", "runtimes", "values"].map(|kind| {
            let kinds = usage["kinds"].as_array().expect("a list");
            let of_kind = kinds.iter().find(|other| other["kind"] == kind).expect("each kind");
            let entries = of_kind["entries"].as_u64().expect("a number");
            assert_eq!(of_kind["last_used"].is_null(), entries == 0, "{of_kind}");
            entries
        })
    };
    let [cells, crates, runtimes, values] = counts();
    assert!(cells >= 3, "what the session used is still there: {shown}");
    // The values are verdicts on the toolchain, of which a short session comes to some or to none.
    assert_eq!([crates, runtimes], [0, 1]);
    assert!(values <= 2, "{shown}");
    let kept = ask(&["prune", "--older-than", "1"]);
    assert!(kept.starts_with("removed 0 bytes\n"), "{kept}");
    let pruned = ask(&["prune", "--to", "2M"]);
    assert!(pruned.starts_with("removed ") && counts()[0] <= cells, "{pruned}");
    assert!(ask(&["clear"]).starts_with("removed "));
    assert_eq!(counts(), [0; 4]);
}

#[test]
fn a_limit_that_is_no_size_is_named() {
    let bench = Bench::with_cells(&[("1", &[])]);
    let mut show = bench.command(&["cache"]);
    show.env("THREADBOOK_CACHE", bench.path("cache")).env("THREADBOOK_CACHE_SIZE", "much");
    let output = show.output().expect("the binary starts");
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).expect("is text");
    assert!(said.contains("THREADBOOK_CACHE_SIZE is `much`; give a size above 0"), "{said}");
}
