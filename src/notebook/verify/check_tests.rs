use std::collections::BTreeSet;

use super::*;
use crate::engine::scripted::{Asked, Calls, Play, Scripted};
use crate::lanes::scripted::events;
use crate::lanes::verdict::Recorded;
use crate::notebook::verify::result::Status;

/// A checker whose engine plays the scripts in turn, one a run.
fn checker(scripts: &[&'static str]) -> (Checker, Calls) {
    let scripts = scripts.to_vec();
    let mut runs = 0;
    playing(move |asked| {
        runs += 1;
        Play::of(events(scripts[(runs - 1) % scripts.len()], asked.cell))
    })
}

fn playing(script: impl FnMut(Asked) -> Play + 'static) -> (Checker, Calls) {
    let (log, calls) = (SharedLog::new(Log::new(BTreeSet::new())), Calls::default());
    let engine = Scripted::new(Box::new(log.clone()), calls.clone(), script);
    (Checker::new(Box::new(engine), log, Seeds::From(40), 5), calls)
}

struct Texts(Vec<&'static str>, usize);

impl Twin for Texts {
    fn run(&mut self, _: &str) -> Result<Option<TwinOutput>, Error> {
        self.1 += 1;
        let text = self.0.get((self.1 - 1) % self.0.len().max(1));
        Ok(text.map(|text| TwinOutput { text: (*text).to_owned(), error: None }))
    }
}

fn recorded(text: &str) -> RecordedCell {
    let recorded = Recorded { streams: [text.to_owned(), String::new()], ..Recorded::default() };
    RecordedCell { id: "x".into(), recorded, ..RecordedCell::default() }
}

fn checked(scripts: &[&'static str], text: &str, twin: Option<&[&'static str]>) -> CellResult {
    let mut twin = twin.map(|texts| Texts(texts.to_vec(), 0));
    let twin = twin.as_mut().map(|twin| twin as &mut dyn Twin);
    checker(scripts).0.cell(&recorded(text), &[], twin).expect("no errors in here").0
}

fn without_twin(checker: &mut Checker, cell: &RecordedCell) -> (CellResult, Option<CellId>) {
    checker.cell(cell, &[], None).expect("no errors in here")
}

const YES: &str = "spawn main a A\na| yes\nend a";
const NO: &str = "spawn main a A\na| no\nend a";

#[test]
fn a_cell_with_one_lane_is_run_once() {
    let report = checked(&["main| no", "main| yes"], "yes\n", None);
    assert_eq!((report.status, report.tries), (Status::Differs, 1));
    let report = checked(&["main| yes"], "yes\n", None);
    assert_eq!((report.status, report.tries), (Status::Matched, 1));
}

#[test]
fn what_the_scheduler_decides_is_repeated_until_it_appears() {
    let report = checked(&[NO, NO, YES], "yes\n", None);
    assert_eq!((report.status, report.tries, report.difference), (Status::Matched, 3, None));
}

#[test]
fn repeating_is_bounded() {
    let report = checked(&[NO], "yes\n", None);
    assert_eq!((report.status, report.tries), (Status::Differs, 5));
    assert!(report.difference.is_some());
}

#[test]
fn late_output_is_waited_for() {
    let (mut checker, calls) = playing(|asked| {
        let mut all = events(YES, asked.cell);
        let late = all.split_off(1);
        Play { late, ..Play::of(all) }
    });
    let (result, open) = without_twin(&mut checker, &recorded("yes\n"));
    assert_eq!((result.status, result.tries, open), (Status::Matched, 1, None));
    assert_eq!(calls.lines().iter().filter(|call| *call == "settle").count(), 1);
}

#[test]
fn a_cell_without_a_record_is_only_run() {
    let cell = RecordedCell { unrecorded: true, ..recorded("") };
    let (result, _) = without_twin(&mut checker(&[NO]).0, &cell);
    assert_eq!((result.status, result.tries), (Status::NotRecorded, 1));
    assert_eq!(checked(&["main| a"], "", None).status, Status::Differs);
}

#[test]
fn a_skipped_cell_is_not_run() {
    let (mut checker, calls) = checker(&[YES]);
    let (result, _) = without_twin(&mut checker, &RecordedCell { skip: true, ..recorded("yes\n") });
    assert_eq!((result.status, calls.lines().len()), (Status::Skipped, 0));
}

#[test]
fn the_twin_and_ours_are_repeated_until_they_meet() {
    let twin = |scripts: &[&'static str], texts: &[&'static str]| {
        let report = checked(scripts, "yes\n", Some(texts)).twin.expect("a twin");
        (report.matched, report.tries)
    };
    assert_eq!(twin(&["main| yes"], &["yes\n"]), (true, 1));
    assert_eq!(twin(&["main| yes"], &["no\n", "yes\n"]), (false, 1));
    assert_eq!(twin(&[YES], &["no\n", "no\n", "yes\n"]), (true, 3));
    assert_eq!(twin(&[YES, NO], &["no\n"]), (true, 2));
    assert_eq!(twin(&[YES], &["no\n"]), (false, 5));
    assert_eq!(checked(&[YES], "yes\n", Some(&[])).twin, None);
}

#[test]
fn a_cell_of_which_more_may_come_is_judged_again() {
    let (mut checker, _) = playing(|asked| {
        let mut all = events("spawn main a A\na| yes\na| more", asked.cell);
        all.truncate(2);
        Play::of(all)
    });
    let cell = recorded("yes\nmore\n");
    let (mut result, open) = without_twin(&mut checker, &cell);
    assert_eq!((result.status, open), (Status::Differs, Some(CellId(5))));
    let more = events("spawn main a A\na| yes\na| more", CellId(5)).split_off(2);
    more.into_iter().for_each(|event| checker.log.event(event));
    checker.recheck(&cell, CellId(5), &mut result);
    assert_eq!((result.status, result.difference), (Status::Matched, None));
}

#[test]
fn each_try_begins_with_the_state_from_before_the_cell() {
    let (mut checker, calls) = playing(|asked| {
        let script = match asked.before {
            [first] if first == "let n = 36;" && asked.cell == CellId(4) => YES,
            _ => NO,
        };
        Play::of(events(script, asked.cell))
    });
    without_twin(&mut checker, &RecordedCell { source: "let n = 36;".into(), unrecorded: true, ..recorded("") });
    let (result, _) = without_twin(&mut checker, &RecordedCell { source: "n += 1;".into(), ..recorded("yes\n") });
    assert_eq!((result.status, result.tries, result.seed, result.no_checkpoint), (Status::Matched, 3, None, None));
    let ran = |number: u32| format!("In[{number}] n += 1; then []");
    let expected = [ran(2), "restore".into(), "seed 41".into(), ran(3), "restore".into(), ran(4)];
    assert_eq!(calls.lines()[1..], expected);
}

#[test]
fn why_no_state_was_kept_is_said() {
    let log = SharedLog::new(Log::new(BTreeSet::new()));
    let script = |asked: Asked| Play::of(events(NO, asked.cell));
    let mut engine = Scripted::new(Box::new(log.clone()), Calls::default(), script);
    engine.no_checkpoint = Some("a thread was running");
    let mut checker = Checker::new(Box::new(engine), log, Seeds::Given(7), 2);
    let (result, _) = without_twin(&mut checker, &recorded("yes\n"));
    assert_eq!((result.tries, result.seed), (2, Some(8)));
    assert_eq!(result.no_checkpoint.as_deref(), Some("a thread was running"));
    let (result, _) = without_twin(&mut checker, &recorded("no\n"));
    assert_eq!((result.tries, result.seed, result.no_checkpoint), (1, Some(7), None), "nothing was to be restored");
}

#[test]
fn of_all_tries_the_last_alone_is_kept() {
    let (mut checker, _) = playing(|asked| Play::of(events("spawn main a A\na| {0..100}\nend a", asked.cell)));
    without_twin(&mut checker, &recorded("x\n"));
    let log = checker.log.lock();
    let kept: Vec<u32> = (1..=5).filter(|cell| !log.read(CellId(*cell)).lanes.is_empty()).collect();
    assert_eq!(kept, [5]);
}
