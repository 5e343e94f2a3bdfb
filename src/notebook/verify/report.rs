//! What `verify` says of each cell: lines for people, or one JSON document.

use std::fmt::Write;
use std::path::Path;

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use super::result::{CellResult, Status};
use crate::lanes::matching::{Mismatch, Offer, Refusal};
use crate::lanes::verdict::Difference;

/// Lanes of a mismatch that are shown to people. Of more, the number is given; JSON has them all.
const SHOWN_LANES: usize = 12;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();
const DIM: Style = Style::new().dimmed();

/// The lines about one cell, for people.
pub(super) fn lines(cell: &CellResult) -> String {
    let (style, word) = match cell.status {
        Status::Matched => (GOOD, "matched"),
        Status::Differs => (BAD, "differs"),
        Status::NotRecorded => (DIM, "not recorded"),
        Status::Skipped => (DIM, "skipped"),
    };
    let mut text = format!("{:<10} {style}{word}{style:#}", cell.id);
    match (cell.status, cell.tries) {
        (Status::Matched, 2..) => text += &format!(", in try {}", cell.tries),
        (Status::Differs, 2..) => text += &format!(", in all of {} tries", cell.tries),
        _ => {}
    }
    match (cell.seed, cell.tries) {
        (Some(seed), 2..) if cell.status == Status::Differs => text += &format!(", the last with --seed {seed}"),
        (Some(seed), _) => text += &format!(", with --seed {seed}"),
        (None, _) => {}
    }
    if cell.status != Status::Skipped {
        let _ = write!(text, " {DIM}{} ms{DIM:#}", cell.millis);
    }
    text.push('\n');
    if let Some(difference) = &cell.difference {
        text += &explain(difference, "recorded");
    }
    if let Some(why) = &cell.no_checkpoint {
        let _ = writeln!(
            text,
            "    no state to go back to could be kept, since {why}: each try began with what the one before had left"
        );
    }
    if let Some(twin) = &cell.twin {
        let (style, word) = if twin.matched { (GOOD, "matched") } else { (BAD, "differs") };
        let tries = if twin.tries > 1 { format!(", in {} tries", twin.tries) } else { String::new() };
        let _ = writeln!(text, "{:<10} {style}{word}{style:#}{tries}", "  twin");
        if let Some(difference) = &twin.difference {
            text += &explain(difference, "CPython");
        }
    }
    text
}

/// Says where and how outputs differ. `other` names what ours is compared with.
fn explain(difference: &Difference, other: &str) -> String {
    let said =
        |text: &Option<String>| text.as_ref().map_or_else(|| "nothing".to_owned(), |text| format!("{text:?}"));
    match difference {
        Difference::Stream(mismatch) => explain_stream(mismatch, other),
        Difference::Shown { index, recorded, ours } => {
            format!("    result or display {index}: {other} {}, this run {}\n", said(recorded), said(ours))
        }
        Difference::Failure { recorded, ours } => {
            let failed = |text: &Option<String>| match text {
                Some(text) => format!("failed with {text:?}"),
                None => "did not fail".to_owned(),
            };
            format!("    {other} {}, this run {}\n", failed(recorded), failed(ours))
        }
    }
}

fn explain_stream(mismatch: &Mismatch, other: &str) -> String {
    let Mismatch { stream, line, column, recorded, .. } = mismatch;
    let mut text = format!("    {}, line {line}, column {column}: ", stream.name());
    match recorded {
        Some(atom) => {
            let _ = writeln!(text, "{other} {atom:?}, which no lane supplies there");
        }
        None => {
            let _ = writeln!(text, "{other} ends, but lanes have more");
        }
    }
    // Lanes with something to say come first.
    let (more, ended): (Vec<_>, Vec<_>) = mismatch.lanes.iter().partition(|offer| offer.next.is_some());
    for offer in more.iter().chain(&ended).take(SHOWN_LANES) {
        let _ = writeln!(text, "      {:<24} {}", offer.lane, refusal(offer));
    }
    if mismatch.lanes.len() > SHOWN_LANES {
        let _ = writeln!(text, "      and {} lanes more", mismatch.lanes.len() - SHOWN_LANES);
    }
    if mismatch.lanes.is_empty() {
        text += "      no lane printed anything\n";
    }
    if mismatch.undecided {
        text += "    not decided for certain: too many ways to split the text were tried; make the cell smaller\n";
    }
    text
}

fn refusal(offer: &Offer) -> String {
    let next = format!("{:?}", offer.next.as_deref().unwrap_or(""));
    match &offer.refusal {
        Refusal::Ended => "has ended".to_owned(),
        Refusal::Other => format!("offers {next}"),
        Refusal::Early { of, placed, needed } => {
            format!("offers {next} only after {of}, of which {} pieces are still to come", needed - placed)
        }
        Refusal::Busy => format!("offers {next}, but another task keeps that worker busy"),
    }
}

/// The last line for people.
pub(super) fn summary(runs: &[Vec<CellResult>]) -> String {
    let cells = || runs.iter().flatten();
    let count = |status| cells().filter(|cell| cell.status == status).count();
    let mut text = format!("{} matched, {} differ", count(Status::Matched), count(Status::Differs));
    for (status, word) in [(Status::NotRecorded, "not recorded"), (Status::Skipped, "skipped")] {
        if count(status) > 0 {
            text += &format!(", {} {word}", count(status));
        }
    }
    let twins: Vec<bool> = cells().filter_map(|cell| cell.twin.as_ref()).map(|twin| twin.matched).collect();
    if !twins.is_empty() {
        let matched = twins.iter().filter(|matched| **matched).count();
        text += &format!("; twins: {matched} matched, {} differ", twins.len() - matched);
    }
    text + "\n"
}

/// The whole report as one document.
pub(super) fn json(notebook: &Path, good: bool, runs: &[Vec<CellResult>]) -> String {
    let runs: Vec<Value> = runs
        .iter()
        .map(|cells| json!({ "ok": cells.iter().all(CellResult::is_good), "cells": cells.iter().map(cell).collect::<Vec<_>>() }))
        .collect();
    format!("{:#}\n", json!({ "notebook": notebook.display().to_string(), "ok": good, "runs": runs }))
}

fn cell(cell: &CellResult) -> Value {
    let status = match cell.status {
        Status::Matched => "matched",
        Status::Differs => "differs",
        Status::NotRecorded => "not recorded",
        Status::Skipped => "skipped",
    };
    let twin = cell.twin.as_ref().map(|twin| {
        let status = if twin.matched { "matched" } else { "differs" };
        json!({ "status": status, "tries": twin.tries, "difference": twin.difference.as_ref().map(difference) })
    });
    json!({
        "index": cell.index,
        "id": cell.id,
        "status": status,
        "tries": cell.tries,
        "seed": cell.seed,
        "no_checkpoint": cell.no_checkpoint,
        "millis": u64::try_from(cell.millis).unwrap_or(u64::MAX),
        "difference": cell.difference.as_ref().map(difference),
        "twin": twin,
    })
}

fn difference(difference: &Difference) -> Value {
    match difference {
        Difference::Stream(mismatch) => json!({
            "in": mismatch.stream.name(),
            "line": mismatch.line,
            "column": mismatch.column,
            "recorded": mismatch.recorded,
            "lanes": mismatch.lanes.iter().map(|offer| json!({
                "lane": offer.lane,
                "offers": offer.next,
                "why": refusal(offer),
            })).collect::<Vec<_>>(),
            "undecided": mismatch.undecided,
        }),
        Difference::Shown { index, recorded, ours } => {
            json!({ "in": "results", "number": index, "recorded": recorded, "ours": ours })
        }
        Difference::Failure { recorded, ours } => json!({ "in": "error", "recorded": recorded, "ours": ours }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::cells::RecordedCell;
    use super::*;
    use crate::lanes::matching::match_streams;
    use crate::lanes::scripted::run;

    fn report(recorded: &str) -> CellResult {
        let script = "
            main| Main 0
            spawn main a Thread-1
            a| Thread-1 {0..2}
            join main a
            main| Main 1
        ";
        let mismatch = match_streams(&run(script), [Some(recorded), None]).expect_err("should differ");
        CellResult {
            status: Status::Differs,
            tries: 7,
            millis: 12,
            difference: Some(Difference::Stream(mismatch)),
            ..CellResult::new(&RecordedCell { id: "cell-01".into(), ..RecordedCell::default() })
        }
    }

    #[test]
    fn for_people() {
        let text = lines(&report("Main 0\nThread-8 0\nMain 1\n"));
        let plain = anstream::adapter::strip_str(&text).to_string();
        let expected = "\
cell-01    differs, in all of 7 tries 12 ms
    stdout, line 3, column 1: recorded \"Main 1\", which no lane supplies there
      MainThread               offers \"Main 1\" only after Thread-1, of which 2 pieces are still to come
      Thread-1                 offers \"Thread-8 1\"
";
        assert_eq!(plain, expected);
        let cut = anstream::adapter::strip_str(&lines(&report("Main 0\n"))).to_string();
        assert!(cut.contains("stdout, line 2, column 1: recorded ends, but lanes have more"), "{cut}");
    }

    #[test]
    fn as_json() {
        let runs = [vec![report("Main 0\nMain 1\n")]];
        let value: Value = serde_json::from_str(&json(Path::new("a.ipynb"), false, &runs)).expect("JSON");
        assert_eq!(value["notebook"], "a.ipynb");
        let cell = &value["runs"][0]["cells"][0];
        assert_eq!(
            (&cell["id"], &cell["status"], &cell["tries"]),
            (&json!("cell-01"), &json!("differs"), &json!(7))
        );
        assert_eq!(cell["difference"]["lanes"][1]["offers"], "Thread-1 0");
        assert_eq!(cell["difference"]["line"], 2);
    }
}
