//! The live view, drawn from hand-made events.

use std::time::{Duration, Instant};

use serde_json::json;

use super::*;
use crate::events::Stream::{Stderr, Stdout};
use crate::events::fixture::{lane, main_lane, origin, text};
use crate::notebook::fixture::Page;

/// What the view draws of one cell, `In[1]` of 3: the report and the problems.
fn drawn(look: Look, error_stops: bool, events: &[Event], outcome: Outcome) -> (String, String) {
    let (report, problem) = (Page::default(), Page::default());
    let printer = Printer::start(Box::new(report.clone()), Box::new(problem.clone()));
    let mut view = View::new(printer, look);
    view.event(&main_lane());
    let title = Title::FirstLine("let x = 1;".into());
    view.cell_begins(CellId(1), Progress { at: 2, total: 13 }, &title, error_stops);
    events.iter().for_each(|event| view.event(event));
    view.cell_ends(&outcome, Duration::from_millis(12));
    view.finish();
    (report.text(), problem.text())
}

const PLAIN: Look = Look { colour: false, problem_colour: false, quiet: false };

/// The report of one good cell, without header and end.
fn body(events: &[Event]) -> String {
    let (report, problem) = drawn(PLAIN, true, events, Outcome::Ok);
    assert_eq!(problem, "");
    let body = report.strip_prefix("[ 2/13] In[1]  let x = 1;\n").expect("the header");
    body.strip_suffix("  ✓ 12 ms\n\n").expect("the end").to_owned()
}

fn bundle(text: &str) -> MimeBundle {
    json!({ "text/plain": text }).as_object().expect("an object").clone()
}

fn ended(lane: u32) -> Event {
    Event::Ended { lane: LaneId(lane), at: Duration::ZERO }
}

#[test]
fn each_line_has_its_lane_and_lines_are_never_torn() {
    let drawn = body(&[
        lane(2, "Thread-16", 1),
        lane(3, "a-much-longer-name", 1),
        text(1, 1, Stdout, "whole\nhalf "),
        text(1, 2, Stdout, "Thread-16 "),
        text(1, 3, Stdout, "last"),
        text(1, 2, Stderr, "careful\n"),
        text(1, 2, Stdout, "0\n\n"),
        ended(3),
        text(1, 1, Stdout, "line"),
    ]);
    assert_eq!(
        drawn,
        "  MainThread         │ whole
  Thread-16          ! careful
  Thread-16          │ Thread-16 0
  Thread-16          │ 
  a-much-longer-name │ last
  MainThread         │ half line
"
    );
}

#[test]
fn tasks_children_and_unknown_lanes_have_names_too() {
    let made = |id, kind, name: &str, pid| {
        let (cell, at, parent) = (CellId(1), Duration::ZERO, Some(LaneId::MAIN));
        Event::Lane(Lane { id: LaneId(id), kind, name: name.into(), parent, cell, pid, at })
    };
    let started = |lane, on| Event::Started { lane: LaneId(lane), on: LaneId(on), at: Duration::ZERO };
    let drawn = body(&[
        made(2, LaneKind::Thread, "worker", 10),
        Event::Renamed { lane: LaneId(2), name: "Pool-0_0".into() },
        made(3, LaneKind::Task, "square", 10),
        made(4, LaneKind::Task, "task", 10),
        made(5, LaneKind::Process, "Process-1", 11),
        started(3, 2),
        started(4, 2),
        text(1, 3, Stdout, "a\n"),
        text(1, 4, Stdout, "b\n"),
        text(1, 5, Stdout, "c\n"),
        text(1, 9, Stdout, "d\n"),
    ]);
    assert_eq!(
        drawn,
        "  Pool-0_0 square │ a
  Pool-0_0        │ b
  Process-1@11    │ c
  lane 9          │ d
"
    );
}

#[test]
fn results_displays_and_warnings() {
    let drawn = body(&[
        text(1, 1, Stdout, "no newline"),
        Event::Display {
            origin: origin(1, 1),
            data: bundle("shown\ntwice"),
            metadata: MimeBundle::new(),
            id: None,
            update: false,
        },
        Event::Warning { cell: CellId(1), rendered: "\x1b[33mwarning\x1b[0m: unused\n  here\n".into() },
        Event::Result { cell: CellId(1), data: bundle("[\n  1,\n]") },
    ]);
    assert_eq!(
        drawn,
        "  MainThread │ no newline
  MainThread │ shown
  MainThread │ twice
  warning: unused
    here
  Out[1]: [
            1,
          ]
"
    );
}

#[test]
fn what_a_carriage_return_has_overwritten_is_not_shown() {
    for (texts, shown) in [
        (&["5%\r50%\r100%\n"][..], "100%"),
        (&["5%\r", "50%\r", "100%", "\n"], "100%"),
        (&["dos\r\n"], "dos"),
        (&["dos\r", "\n"], "dos"),
        (&["5%\r50%\r"], "50%"),
    ] {
        let events: Vec<_> = texts.iter().map(|t| text(1, 1, Stdout, t)).collect();
        assert_eq!(body(&events), format!("  MainThread │ {shown}\n"), "{texts:?}");
    }
}

#[test]
fn an_error_goes_where_it_is_looked_for() {
    let failure = Failure {
        ename: "Panic".into(),
        evalue: "boom".into(),
        traceback: vec!["\x1b[31mPanic\x1b[0m".into(), "b".into()],
    };
    let failed = [text(1, 1, Stdout, "x"), Event::Failed { cell: CellId(1), failure }];
    let (report, problem) = drawn(PLAIN, true, &failed, Outcome::Panicked);
    assert_eq!(problem, "Panic\nb\n");
    assert!(report.ends_with("  MainThread │ x\n  ✗ panicked after 12 ms\n\n"), "{report}");
    let (report, problem) = drawn(PLAIN, false, &failed, Outcome::Panicked);
    assert_eq!(problem, "");
    assert!(report.ends_with("│ x\n  Panic\n  b\n  ✗ panicked after 12 ms\n\n"), "{report}");
    let quiet = Look { quiet: true, problem_colour: true, ..PLAIN };
    let expected = (String::new(), "\x1b[31mPanic\x1b[0m\nb\n".to_owned());
    assert_eq!(drawn(quiet, true, &failed, Outcome::Panicked), expected);
}

#[test]
fn colours_follow_the_lane_and_end_with_the_line() {
    let look = Look { colour: true, ..PLAIN };
    let events = [lane(2, "Thread-1", 1), text(1, 2, Stdout, "\x1b[1mbold\n"), text(1, 2, Stderr, "e\n")];
    let (report, _) = drawn(look, true, &events, Outcome::Ok);
    let name = format!("  {}Thread-1  {:#}", LANES[2], LANES[2]);
    assert!(report.contains(&format!("{name} {DIM}│{DIM:#} \x1b[1mbold\x1b[0m\n")), "{report:?}");
    assert!(report.contains(&format!("{name} {BAD}!{BAD:#} e\n")), "{report:?}");
    assert_eq!(strip_str(&report).to_string().lines().nth(1), Some("  Thread-1   │ bold"));
}

#[test]
fn neither_a_title_nor_a_name_moves_the_cursor_and_a_file_gets_no_escapes() {
    let hostile = "a\x1b[2J\x1b]0;x\x07\r\u{9b}b";
    let report = Page::default();
    let mut view = View::new(Printer::start(Box::new(report.clone()), Box::new(Page::default())), PLAIN);
    view.event(&main_lane());
    for title in [Title::Heading(hostile.into()), Title::FirstLine(hostile.into())] {
        view.cell_begins(CellId(1), Progress { at: 1, total: 1 }, &title, true);
    }
    view.event(&lane(2, hostile, 1));
    view.event(&text(1, 2, Stdout, "\x1b[2Jcleared\x1b]0;title\x07\n"));
    view.finish();
    let report = report.text();
    assert!(!report.contains(|c: char| c.is_control() && c != '\n'), "{report:?}");
    assert!(report.contains("│ cleared\n"), "{report:?}");
}

#[test]
fn late_output_says_which_cell_it_belongs_to() {
    let report = Page::default();
    let printer = Printer::start(Box::new(report.clone()), Box::new(Page::default()));
    let mut view = View::new(printer, PLAIN);
    view.event(&main_lane());
    view.event(&lane(2, "Thread-1", 1));
    let title = Title::Heading("Late".into());
    view.cell_begins(CellId(2), Progress { at: 2, total: 3 }, &title, true);
    view.event(&text(2, 1, Stdout, "now\n"));
    view.event(&text(1, 2, Stdout, "late\nand "));
    view.cell_ends(&Outcome::Ok, Duration::from_secs(75));
    view.event(&text(1, 2, Stdout, "later\n"));
    view.cell_skipped(Progress { at: 3, total: 3 }, &title);
    view.finish();
    assert_eq!(
        report.text(),
        "[2/3] In[2]  Late
  MainThread │ now
  In[1] Thread-1 │ late
  In[1] Thread-1 │ and 
  ✓ 1 min 15 s

  In[1] Thread-1 │ later
[3/3] skipped  Late

"
    );
}

#[test]
fn a_line_without_end_is_shown_in_parts() {
    let long = "x".repeat(LONGEST_LINE / 2 + 1);
    let events: Vec<_> = (0..4).map(|_| text(1, 1, Stdout, &long)).collect();
    assert_eq!(body(&events).lines().count(), 2);
}

#[test]
fn names_cannot_break_the_page() {
    let name = "na\nme\x1b[2J".to_owned() + &"e".repeat(40);
    let drawn = body(&[lane(2, &name, 1), text(1, 2, Stdout, "x\n")]);
    assert_eq!(drawn, format!("  name[2J{}… │ x\n", "e".repeat(WIDEST - 8)));
}

#[test]
fn lanes_that_have_ended_are_forgotten() {
    let printer = Printer::start(Box::new(Page::default()), Box::new(Page::default()));
    let mut view = View::new(printer, PLAIN);
    for id in 2..2000 {
        [lane(id, "Thread-1", 1), text(1, id, Stdout, "x"), ended(id)].iter().for_each(|event| view.event(event));
    }
    assert!(view.lanes.is_empty());
}

#[test]
fn durations_read_well() {
    for (micros, expected) in [
        (0, "0.0 ms"),
        (420, "0.4 ms"),
        (12_300, "12 ms"),
        (999_400, "999 ms"),
        (1_240_000, "1.24 s"),
        (3_725_000_000, "62 min 5 s"),
    ] {
        assert_eq!(human(Duration::from_micros(micros)), expected);
    }
}

/// Not a benchmark: a guard against work per line that grows.
#[test]
fn two_hundred_thousand_lines_take_no_time() {
    let line = text(1, 1, Stdout, "Thread-16 prints a line of ordinary length\n");
    let events = vec![line; 200_000];
    let started = Instant::now();
    assert_eq!(body(&events).lines().count(), events.len());
    assert!(started.elapsed() < Duration::from_secs(5), "took {:?}", started.elapsed());
}

#[test]
fn images_are_named_and_a_display_that_changes_is_shown_in_its_last_state() {
    let display = |at: u64, percent: &str, update: bool| Event::Display {
        origin: Origin { at: Duration::from_millis(at), ..origin(1, 1) },
        data: bundle(percent),
        metadata: MimeBundle::new(),
        id: Some("bar".into()),
        update,
    };
    let image = json!({"image/png": "AAAA".repeat(4000)}).as_object().expect("an object").clone();
    let drawn = body(&[
        Event::Display { origin: origin(1, 1), data: image, metadata: MimeBundle::new(), id: None, update: false },
        display(1, "0 %", false),
        display(2, "1 %", true),
        display(3, "2 %", true),
        Event::Clear { origin: origin(1, 1), wait: false },
        display(4, "100 %", true),
    ]);
    let lines: Vec<_> = drawn.lines().map(|line| line.rsplit("│ ").next().expect("a line")).collect();
    assert_eq!(lines, ["[image/png, 12 kB]", "0 %", "1 %", "100 %"]);
}
