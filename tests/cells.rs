//! Runs every session in `tests/cells/*.md` in a real worker and compares what each cell puts out with what the file
//! says; `tests/cells/README.md` has the form. `BLESS=1` writes what came out into the blocks that differ. `SESSIONS` names
//! another directory of sessions, as `tests/crates/run.sh` does.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use threadbook::engine::{Engine, Options, Session};
use threadbook::events::{CellId, Event, LaneId, Sink};

fn main() {
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("cells-cache");
    // SAFETY: no other thread runs yet.
    unsafe { std::env::set_var("THREADBOOK_CACHE", cache) };
    let directory = std::env::var_os("SESSIONS").unwrap_or_else(|| "tests/cells".into());
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join(directory);
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .expect("the directory of sessions is there")
        .map(|entry| entry.expect("a readable entry").path())
        .filter(|path| path.extension().is_some_and(|e| e == "md") && !path.ends_with("README.md"))
        .collect();
    files.sort();
    let trial = |path: PathBuf| {
        let name = path.file_stem().expect("a file").to_string_lossy().into_owned();
        Trial::test(name, move || check(&path))
    };
    let mut trials: Vec<Trial> = files.into_iter().map(trial).collect();
    trials.push(Trial::test("a block that every text matches is refused", refusal));
    libtest_mimic::run(&Arguments::from_args(), trials).exit();
}

/// A `rust` block and the blocks that follow it: their names and texts.
struct Cell {
    line: usize,
    source: String,
    expected: Vec<(String, String)>,
}

fn refusal() -> Result<(), Failed> {
    for (block, is_refused) in [("...", true), ("...\n...", true), ("...\na", false), ("", false), ("[..]", false)]
    {
        let came = parse(&format!("```rust\n1\n```\n\n```stderr\n{block}\n```\n"));
        if came.is_err() != is_refused {
            return Err(format!("{block:?}: {:?}", came.err()).into());
        }
    }
    Ok(())
}

fn parse(text: &str) -> Result<Vec<Cell>, String> {
    let mut cells: Vec<Cell> = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(name) = line.strip_prefix("```") else { continue };
        let block: Vec<&str> = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
        if !block.is_empty() && block.iter().all(|line| *line == "...") {
            return Err(format!("line {}: a `{name}` block that every text matches", number + 1));
        }
        let block = block.join("\n");
        match (name, cells.last_mut()) {
            ("rust", _) => cells.push(Cell { line: number + 1, source: block, expected: Vec::new() }),
            (name, Some(cell)) => cell.expected.push((name.to_string(), block)),
            (name, None) => return Err(format!("line {}: a `{name}` block before the first cell", number + 1)),
        }
    }
    Ok(cells)
}

#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<Event>>>);

impl Sink for Events {
    fn event(&mut self, event: Event) {
        self.0.lock().expect("no test panics while it holds this").push(event);
    }
}

fn check(path: &Path) -> Result<(), Failed> {
    let text = std::fs::read_to_string(path)?;
    let cells = parse(&text)?;
    let events = run(&cells)?;
    let mut wrong = String::new();
    let mut blessed = text.clone();
    for (index, cell) in cells.iter().enumerate() {
        let actual = put_out(CellId(index as u32 + 1), &events, &cell.expected);
        if !matches(&cell.expected, &actual) {
            let (expected, actual) = (blocks(&cell.expected), blocks(&actual));
            write!(
                wrong,
                "\n{}:{}\n{}\n-- expected\n{expected}-- came\n{actual}",
                path.display(),
                cell.line,
                cell.source
            )?;
            let cell_block = format!("```rust\n{}\n```\n", cell.source);
            let separator = if expected.is_empty() { "" } else { "\n" };
            blessed = blessed.replace(
                &format!("{cell_block}{separator}{expected}"),
                &format!("{cell_block}{}{actual}", if actual.is_empty() { "" } else { "\n" }),
            );
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(path, blessed)?;
    }
    Err(wrong.into())
}

fn run(cells: &[Cell]) -> Result<Vec<Event>, Failed> {
    let events = Events::default();
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))?;
    let options = Options {
        directory: Some(directory.path().to_path_buf()),
        executable: Some(env!("CARGO_BIN_EXE_threadbook").into()),
        ..Options::default()
    };
    let mut session = Session::start(options, Box::new(events.clone()))?;
    for (index, cell) in cells.iter().enumerate() {
        session.execute(CellId(index as u32 + 1), &cell.source, &[])?;
    }
    let open = session.settle(Duration::from_secs(10))?;
    if !open.is_empty() {
        return Err(format!("lanes that did not end: {open:?}").into());
    }
    drop(session);
    Ok(std::mem::take(&mut *events.0.lock().expect("the session has ended")))
}

/// What a cell put out, in the blocks of `tests/cells/README.md`.
fn put_out(cell: CellId, events: &[Event], expected: &[(String, String)]) -> Vec<(String, String)> {
    let by_lane = expected.iter().any(|(name, _)| name == "lanes");
    let mut put_out: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, text: &str| match put_out.iter_mut().find(|(other, _)| other == name) {
        Some((_, all)) => all.push_str(text),
        None => put_out.push((name.into(), text.into())),
    };
    for event in events {
        match event {
            Event::Text { origin, stream, text } if origin.cell == cell && !by_lane => add(stream.name(), text),
            Event::Result { cell: of, data } if *of == cell => {
                match data.get("text/plain").filter(|_| data.len() == 1) {
                    Some(text) => add("result", text.as_str().unwrap_or_default()),
                    None => data.iter().for_each(|(mime, value)| add("result", &form(mime, value))),
                }
            }
            Event::Display { origin, data, update, .. } if origin.cell == cell => {
                let name = if *update { "update" } else { "display" };
                data.iter().for_each(|(mime, value)| add(name, &form(mime, value)));
            }
            Event::Clear { origin, wait } if origin.cell == cell => {
                add("display", if *wait { "(cleared with the next)\n" } else { "(cleared)\n" });
            }
            Event::Warning { cell: of, rendered } if *of == cell => add("warning", &plain(rendered)),
            Event::Failed { cell: of, failure } if *of == cell => {
                add("error", &plain(&failure.traceback.join("\n")));
            }
            _ => {}
        }
    }
    if by_lane {
        add("lanes", &lanes(cell, events));
    }
    put_out.into_iter().map(|(name, text)| (name, text.strip_suffix('\n').unwrap_or(&text).to_string())).collect()
}

/// One form of a displayed value: its type and text, a long one by its length.
fn form(mime: &str, value: &serde_json::Value) -> String {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match text.len() {
        ..1_000 => format!("{mime}: {text}\n"),
        length => format!("{mime}: {length} bytes\n"),
    }
}

fn lanes(cell: CellId, events: &[Event]) -> String {
    let mut lanes: Vec<(LaneId, String, String)> = Vec::new();
    for event in events {
        match event {
            // A new worker declares the main thread again.
            Event::Lane(lane) if lanes.iter().all(|(id, ..)| *id != lane.id) => {
                lanes.push((lane.id, lane.name.clone(), String::new()))
            }
            Event::Renamed { lane, name } => {
                lanes.iter_mut().filter(|(id, ..)| id == lane).for_each(|(_, old, _)| old.clone_from(name));
            }
            Event::Text { origin, text, .. } if origin.cell == cell => {
                lanes.iter_mut().filter(|(id, ..)| *id == origin.lane).for_each(|(_, _, all)| all.push_str(text));
            }
            _ => {}
        }
    }
    let line = |name: &str, text: &str| text.lines().map(|l| format!("{name} | {l}\n")).collect::<String>();
    lanes.iter().map(|(_, name, text)| line(name, text)).collect()
}

/// Without ANSI sequences.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        rest = after.split_once(|c: char| c.is_ascii_alphabetic()).map_or("", |(_, rest)| rest);
    }
    let plain = plain + rest;
    plain.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

fn blocks(blocks: &[(String, String)]) -> String {
    let block = |(name, text): &(String, String)| match text.as_str() {
        "" => format!("```{name}\n```\n"),
        text => format!("```{name}\n{text}\n```\n"),
    };
    blocks.iter().map(block).collect::<Vec<_>>().join("\n")
}

fn matches(expected: &[(String, String)], actual: &[(String, String)]) -> bool {
    let is_expected =
        |(came, _): &(String, String)| expected.iter().any(|(name, _)| name.trim_end_matches('?') == came);
    let comes = |(name, text): &(String, String)| {
        let came = actual.iter().find(|(came, _)| name.trim_end_matches('?') == came);
        came.map_or(name.ends_with('?'), |(_, came)| matches_text(text, came))
    };
    actual.iter().all(is_expected) && expected.iter().all(comes)
}

/// `[..]` stands for any characters of a line, and a line `...` for any number of lines.
fn matches_text(expected: &str, actual: &str) -> bool {
    fn lines(expected: &[&str], actual: &[&str]) -> bool {
        match expected {
            [] => actual.is_empty(),
            ["...", rest @ ..] => (0..=actual.len()).any(|skip| lines(rest, &actual[skip..])),
            [first, rest @ ..] => actual.first().is_some_and(|a| line(first, a)) && lines(rest, &actual[1..]),
        }
    }
    fn line(expected: &str, actual: &str) -> bool {
        match expected.split_once("[..]") {
            None => expected == actual,
            Some((start, rest)) => actual.strip_prefix(start).is_some_and(|after| {
                (0..=after.len()).any(|at| after.is_char_boundary(at) && line(rest, &after[at..]))
            }),
        }
    }
    lines(&expected.lines().collect::<Vec<_>>(), &actual.lines().collect::<Vec<_>>())
}
