//! Tests of the diagnostics that users see, with the real rustc.

use super::*;
use crate::engine::text::source_map::{GeneratedFile, SourceBuilder, SourceMap};
use crate::events::CellId;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

const FILE: &str = "cell.rs";

/// The messages of the installed rustc about this file.
fn rustc(file: &str) -> String {
    let directory = tempfile::tempdir().expect("a directory for the test");
    rustc_in(directory.path(), Path::new(FILE), file)
}

/// Compiles a library in this directory, where rustc also finds the libraries compiled there before. `path` is the
/// library's file, as rustc is to name it.
fn rustc_in(directory: &Path, path: &Path, file: &str) -> String {
    std::fs::write(directory.join(path), file).expect("the source is written");
    let mut command = Command::new("rustc");
    command.args(["--edition=2024", "--error-format=json", "--emit=metadata", "--crate-type=lib", "-L."]);
    let output = command.arg(path).current_dir(directory).output().expect("rustc runs");
    String::from_utf8(output.stderr).expect("rustc writes UTF-8")
}

fn map(text: GeneratedFile) -> SourceMap {
    let mut map = SourceMap::new();
    map.insert(FILE, text);
    map
}

fn diagnose(text: GeneratedFile) -> (Vec<Diagnostic>, SourceMap) {
    let (diagnostics, rest) = parse(&rustc(text.generated()));
    assert_eq!(rest, "");
    (diagnostics, map(text))
}

/// The text that the user sees of this output of rustc, without the hint at `--explain`.
fn shown(stderr: &str, file: GeneratedFile) -> String {
    let (diagnostics, rest) = parse(stderr);
    assert_eq!(rest, "");
    let map = map(file);
    let plain = render(&diagnostics, &map, false);
    let coloured = render(&diagnostics, &map, true);
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
    let hint = |line: &&str| !line.contains("explanations: ") && !line.contains("--explain");
    plain.lines().filter(hint).collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

#[track_caller]
fn check(file: GeneratedFile, expected: &str) {
    assert_eq!(shown(&rustc(file.generated()), file), expected.trim());
}

const PRELUDE: &str = "#![allow(unused_variables, dead_code)]\n\
    #[allow(unused_macros)] macro_rules! println { ($($t:tt)*) => { { let _ = ::std::format!($($t)*); } }; }\n";

/// A cell of statements, as the engine wraps it: the engine's prelude, a function around the text, and the engine's
/// code after it.
fn statements(cell: &str) -> GeneratedFile {
    let mut builder = SourceBuilder::new();
    builder.generated(PRELUDE);
    builder.generated("fn cell_3() {");
    builder.original(CellId(3), &cell.into(), 0..cell.len());
    builder.generated("\n}\n");
    builder.finish()
}

/// A cell of items, as the engine wraps it: a macro of an earlier cell comes before it, and `pub ` is put before each
/// `struct` and `fn`.
fn items(cell: &str) -> GeneratedFile {
    let mut builder = SourceBuilder::new();
    builder.generated("#![allow(dead_code, unused_macros)]\nuse std::fmt::Debug as _;\n");
    let earlier: Arc<str> = "macro_rules! sum {\n    ($a:expr, $b:expr) => { $a + $b + missing };\n}\n".into();
    builder.original(CellId(1), &earlier, 0..earlier.len());
    let source: Arc<str> = cell.into();
    let mut at = 0;
    for (next, word) in cell.match_indices(['s', 'f']) {
        let starts_line = next == 0 || cell[..next].ends_with('\n');
        if starts_line && (cell[next..].starts_with("struct") || cell[next..].starts_with("fn")) && !word.is_empty()
        {
            builder.original(CellId(4), &source, at..next);
            builder.prefix("pub ");
            at = next;
        }
    }
    builder.original(CellId(4), &source, at..cell.len());
    builder.generated("\npub fn __end() {}\n");
    builder.finish()
}

/// `cases.txt` holds cells and what their user sees of rustc's messages. `recorded.txt` holds what rustc said, since
/// that differs between rustc's releases. `BLESS=1` records the messages of the installed rustc and writes what the
/// user sees of them.
#[test]
fn cells_and_what_their_users_see() {
    let (cases, recorded) = (include_str!("cases.txt"), include_str!("recorded.txt"));
    let bless = std::env::var_os("BLESS").is_some();
    let (mut seen, mut said) = (Vec::new(), Vec::new());
    let mut recorded = recorded.split("====\n");
    for case in cases.split("==== ").skip(1) {
        let (title, body) = case.split_once('\n').expect("a case has a title");
        let (cell, _expected) = body.split_once("\n----\n").expect("a case has an expectation");
        let file = if title.starts_with("items") { items(cell) } else { statements(cell) };
        let stderr = match bless {
            true => without_explanations(&rustc(file.generated())),
            false => recorded.next().expect("each case is recorded: run with BLESS=1").to_string(),
        };
        seen.push(format!("==== {title}\n{cell}\n----\n{}\n", shown(&stderr, file)));
        said.push(stderr);
    }
    let seen = seen.join("\n");
    if bless {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/engine/diagnostics");
        std::fs::write(directory.join("cases.txt"), seen).expect("the cases are written");
        return std::fs::write(directory.join("recorded.txt"), said.join("====\n"))
            .expect("the records are written");
    }
    for (seen, expected) in seen.split("==== ").zip(cases.split("==== ")) {
        assert_eq!(seen, expected, "\n{seen}");
    }
}

/// Removes the long pages of `--explain`: only whether there is one matters.
fn without_explanations(stderr: &str) -> String {
    let shorten = |line: &str| {
        let mut record: serde_json::Value = serde_json::from_str(line).expect("rustc writes JSON");
        if let Some(explanation) = record.pointer_mut("/code/explanation").filter(|page| page.is_string()) {
            *explanation = "".into();
        }
        format!("{record}\n")
    };
    stderr.lines().map(shorten).collect()
}

#[test]
fn wide_characters_tabs_and_crlf() {
    check(
        statements("let é = \"日本語\"; let a: u8 = \"👩‍👩‍👧\";\r\n\tlet b: u8 = é;"),
        r#"
error[E0308]: mismatched types
 --> In[3]:1:28
  |
1 | let é = "日本語"; let a: u8 = "👩👩👧";
  |                          --   ^^^^^^^^ expected `u8`, found `&str`
  |                          |
  |                          expected due to this

error[E0308]: mismatched types
 --> In[3]:2:14
  |
2 |     let b: u8 = é;
  |            --   ^ expected `u8`, found `&str`
  |            |
  |            expected due to this
"#,
    );
}

#[test]
fn a_file_without_its_end() {
    let mut builder = SourceBuilder::new();
    builder.generated("fn cell_3() {");
    builder.original(CellId(3), &"let x = 1;\nif x == 1 {\n".into(), 0..23);
    check(
        builder.finish(),
        r#"
error: this file contains an unclosed delimiter
 --> In[3]:2:13
  |
2 | if x == 1 {
  |           -^
  |           |
  |           unclosed delimiter
"#,
    );
}

#[test]
fn the_explain_hint_is_about_what_is_shown() {
    let (mut diagnostics, map) = diagnose(statements("let x: u8 = \"\";\ny;"));
    let hint = |diagnostics: &[Diagnostic]| {
        let shown = render(diagnostics, &map, false);
        shown.lines().filter(|l| l.contains("xpla")).map(str::to_owned).collect::<Vec<_>>()
    };
    let both = "Some errors have detailed explanations: E0308, E0425.";
    assert_eq!(hint(&diagnostics), [both, "For more information about an error, try `rustc --explain E0308`."]);
    diagnostics.retain(|d| d.code.as_deref() == Some("E0308"));
    assert_eq!(hint(&diagnostics), ["For more information about this error, try `rustc --explain E0308`."]);
    assert_eq!(render(&[], &map, false), "");
}

#[test]
fn helps_of_ours_come_after_the_notes() {
    let (mut diagnostics, map) = diagnose(statements("use foo::bar;"));
    diagnostics[0].add_help("write `:dep foo` first");
    let shown = render(&diagnostics, &map, false);
    assert!(shown.contains("\n  = help: write `:dep foo` first\n\nFor more"), "{shown}");
}

/// rustc reports a move at a marker: the session's own code after the cell, which stores the variables back.
#[test]
fn a_marker_of_ours_is_touched() {
    let mut builder = SourceBuilder::new();
    builder.generated("fn cell_3() { let s = String::new();\n");
    builder.original(CellId(2), &"drop(s);".into(), 0..8);
    builder.generated("\n");
    let other = builder.generated("let _t = 1;");
    let marker = builder.generated("store(s);");
    builder.generated("}\nfn store(s: String) {}\n");
    let (diagnostics, map) = diagnose(builder.finish());
    let moved = diagnostics.iter().find(|d| d.code.as_deref() == Some("E0382")).expect("the move is seen");
    assert!(moved.primary_touches(FILE, &marker) && moved.touches(FILE, &marker));
    assert!(!moved.primary_touches(FILE, &other) && !moved.touches("other.rs", &marker));
    assert!(moved.is_error() && moved.primary(&map).is_empty());
    let shown = render(std::slice::from_ref(moved), &map, false);
    assert!(shown.contains(" --> In[2]:1:6") && !shown.contains("store"), "{shown}");
}

#[test]
fn what_is_no_diagnostic_is_kept() {
    let artifact = r#"{"$message_type":"artifact","artifact":"x","emit":"link"}"#;
    let future = r#"{"message":"m","level":"warning","unknown":[1],"spans":[],"children":[]}"#;
    let (diagnostics, rest) = parse(&format!("{artifact}\n{future}\nthread 'rustc' panicked\n\nld: no\n"));
    assert_eq!((diagnostics.len(), rest.as_str()), (1, "thread 'rustc' panicked\n\nld: no\n"));
    assert_eq!(render(&diagnostics, &SourceMap::new(), false), "warning: m\n");
}

#[test]
fn an_error_in_text_of_ours_is_said_and_a_warning_is_not() {
    let mut builder = SourceBuilder::new();
    builder.generated("use std::fmt::Debug;\nfn f() { ours }\n");
    check(builder.finish(), "error[E0425]: cannot find value `ours` in this scope");
}

/// Nothing may panic, whatever the map says: the text may be cut anywhere, also inside a character.
#[test]
fn a_map_of_other_text_is_harmless() {
    let cell = "let é = \"日本\";\r\nlet a: u8 = é;\r\nHashMap::new();\r\nif";
    let text = statements(cell);
    let (diagnostics, _) = parse(&rustc(text.generated()));
    for shift in 0..80 {
        let other: Arc<str> = format!("{}é日本\r\n\u{feff}", " ".repeat(shift)).repeat(4).into();
        render(&diagnostics, &map(GeneratedFile::verbatim(CellId(1), &other)), true);
        render(&diagnostics, &map(GeneratedFile::verbatim(CellId(1), &"".into())), false);
    }
}

/// The oldest release of rustc that is known to have the engine's layout. Older ones lay out patches, gutters and
/// long lines in another way.
const SAME_LAYOUT: (u32, u32) = (1, 95);

fn lays_out_as_we_do() -> bool {
    let output = Command::new("rustc").arg("--version").output().expect("rustc runs");
    let version = String::from_utf8(output.stdout).expect("UTF-8");
    let release = version.split(' ').nth(1).expect("`rustc 1.95.0 (…)`");
    let mut numbers = release.split('.').map(|number| number.parse::<u32>().expect("a number"));
    let release = (numbers.next().expect("major"), numbers.next().expect("minor"));
    release >= SAME_LAYOUT
}

/// Where nothing is generated, the engine's rendering equals rustc's own, except for the names of files.
#[test]
fn rustc_renders_the_same() {
    let (mut compared, same_layout) = (0, lays_out_as_we_do());
    for (at, cell) in include_str!("oracle.txt").split("//----\n").enumerate() {
        let cell = match at % 3 {
            0 => cell.to_owned(),
            1 => cell.replace('\n', "\r\n"),
            _ => format!("\u{feff}{cell}"),
        };
        let (diagnostics, map) = diagnose(GeneratedFile::verbatim(CellId(1), &cell.as_str().into()));
        assert!(!diagnostics.is_empty(), "{cell}");
        for diagnostic in &diagnostics {
            let ours = render(std::slice::from_ref(diagnostic), &map, false);
            if !same_layout && is_trimmed(diagnostic.rendered()) {
                continue;
            }
            let compare = if same_layout { comparable } else { outline };
            assert_eq!(compare(&ours), compare(diagnostic.rendered()), "{ours}");
            compared += 1;
        }
    }
    assert!(compared > 200, "{compared}");
}

/// A library's source is quoted where rustc quotes it. Where rustc does not, here because the file is missing, only
/// its path and lines are named.
#[test]
fn a_librarys_source_is_quoted_if_it_is_there() {
    let directory = tempfile::tempdir().expect("a directory for the test");
    let library = directory.path().join("library").join("near.rs");
    std::fs::create_dir(directory.path().join("library")).expect("made");
    let source = "//! é\r\n#![allow(dead_code)]\r\npub fn far<T>(_: T)\r\nwhere\r\n    T: Copy,\r\n{\r\n}\r\n\r\n\r\n\r\n#[derive(Debug)]\r\npub struct \
        S {\r\n    x: u8,\r\n}\r\npub trait Go {\r\n    fn go(&self);\r\n}\r\n";
    assert_eq!(rustc_in(directory.path(), &library, source), "");
    let cell = "extern crate near;\npub fn f(s: near::S) {\n    near::far(String::new());\n    s.x;\n    near::far(1, 2);\n    \
        let _ = near::S { x: 1 };\n    s.go();\n}\nimpl near::Go for u8 {}\n";
    let compare = |is_quoted: bool| {
        let (diagnostics, rest) = parse(&rustc_in(directory.path(), Path::new(FILE), cell));
        assert_eq!(rest, "");
        let map = map(GeneratedFile::verbatim(CellId(1), &cell.into()));
        let mut all = String::new();
        let compare = if lays_out_as_we_do() { comparable } else { outline };
        for diagnostic in &diagnostics {
            let ours = render(std::slice::from_ref(diagnostic), &map, false);
            assert_eq!(compare(&ours), compare(diagnostic.rendered()), "{ours}");
            all += &ours;
        }
        assert!(diagnostics.len() > 4 && all.contains("library/near.rs:"), "{all}");
        assert_eq!(all.contains("pub fn far<T>(_: T)"), is_quoted, "{all}");
    };
    compare(true);
    std::fs::write(&library, source.replace("far", "for")).expect("another file");
    compare(false);
    std::fs::remove_file(&library).expect("removed");
    compare(false);
}

/// Removes two known differences: rustc 1.95 is off by one in the columns of libraries, whose paths the engine
/// shortens; and rustc adds a note about macros.
fn comparable(rendered: &str) -> String {
    let rendered = rendered.replace(FILE, "In[1]");
    let kept = rendered.lines().filter(|l| !l.contains("originates in the ") && !l.contains("--explain"));
    let lines = kept.map(|line| match line.split_once("library/") {
        Some((before, place)) if before.contains("--> ") || before.contains("::: ") => {
            place.rsplit_once(':').map_or(place, |(line, _column)| line)
        }
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n").trim_end_matches(['\n', ' ', '|']).to_owned()
}

/// The part that both layouts have in common: everything except patches, white space and gutters without a line.
fn outline(rendered: &str) -> String {
    let text = comparable(rendered);
    let lines = text.lines().take_while(|line| !line.starts_with("help: "));
    let lines = lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| line != "|").collect::<Vec<_>>().join("\n")
}

/// Whether a line was too long to be shown whole.
fn is_trimmed(rendered: &str) -> bool {
    rendered.lines().any(|line| line.contains("| ...") || line.ends_with("..."))
}

/// The runtime's source belongs to the engine too. A span in one of its macros is shown at the user's call; a note
/// about its functions is kept without a place; a note that only points there is dropped.
#[test]
fn the_runtime_is_never_shown() {
    let cell: Arc<str> = "print!(1);\nspawn(2);".into();
    let span = |file: &str, start: usize, end: usize, primary: bool, expansion: &str| {
        format!(
            r#"{{"file_name":"{file}","byte_start":{start},"byte_end":{end},"line_start":7,"column_start":1,
            "is_primary":{primary},"label":null,"expansion":{expansion}}}"#
        )
    };
    let call = span(FILE, 0, 9, false, "null");
    let inside = span("/s/rt/lib.rs", 70, 75, true, &format!(r#"{{"span":{call},"macro_decl_name":"print!"}}"#));
    let runtime = span("/s/rt/lib.rs", 90, 95, true, "null");
    let other = span("/x/registry/src/index-1/dep-1.0.0/src/lib.rs", 90, 95, true, "null");
    let note = |text: &str, span: &str| format!(r#"{{"message":"{text}","level":"note","spans":[{span}]}}"#);
    let notes = [
        note("required by a bound in `spawn`", &runtime),
        note("function defined here", &runtime),
        note("see", &other),
    ];
    let line = format!(r#"{{"message":"m","level":"error","spans":[{inside}],"children":[{}]}}"#, notes.join(","));
    let (diagnostics, rest) = parse(&line.replace('\n', ""));
    assert_eq!(rest, "");
    let mut map = map(GeneratedFile::verbatim(CellId(5), &cell));
    map.hide_dir("/s/rt");
    let shown = render(&diagnostics, &map, false);
    let expected = "error: m\n --> In[5]:1:1\n  |\n1 | print!(1);\n  | ^^^^^^^^^\n  |\n  \
        = note: required by a bound in `spawn`\nnote: see\n --> dep-1.0.0/src/lib.rs:7:1\n";
    assert_eq!(shown, expected, "\n{shown}");
    assert_eq!(diagnostics[0].primary(&map)[0].text(), "print!(1)");
}
