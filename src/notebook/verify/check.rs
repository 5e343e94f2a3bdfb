//! How often a cell is run, and when it counts as matched.
//!
//! A cell with one lane has one outcome and is run once. Only where the scheduler may decide is it run again, a
//! bounded number of times; what does not appear by then is a difference.

use std::time::{Duration, Instant};

use super::PATIENCE;
use super::cells::Cell;
use super::report::{CellReport, TwinReport};
use crate::engine::Outcome;
use crate::error::Error;
use crate::events::{CellId, Failure};
use crate::lanes::matching::match_streams;
use crate::lanes::run::Run;
use crate::lanes::verdict::{Difference, compare};
use crate::notebook::twin::{TwinOutput, Twins};

/// Between two looks at whether a cell's last threads have ended, while others may still run.
const LOOK: Duration = Duration::from_millis(200);

/// Of a cell that is repeated against its twin, so many runs and texts are kept.
const KEPT: usize = 20;

/// What a check needs of a session.
pub(super) trait Machine {
    fn execute(&mut self, source: &str, ahead: &[&str]) -> Result<(CellId, Outcome), Error>;
    /// Whether the cells that follow run with small random delays, so that rare outcomes are not so rare. Every
    /// second try of a cell does: what a scheduler may do with delays it may do without.
    fn perturb(&mut self, on: bool);
    /// Waits until all lanes have ended; answers whether they have.
    fn settle(&mut self, patience: Duration) -> Result<bool, Error>;
    /// What a cell has put out so far.
    fn read(&self, cell: CellId) -> Run;
}

/// What a check needs of the twins.
pub(super) trait Twin {
    fn run(&mut self, id: &str) -> Result<Option<TwinOutput>, Error>;
}

impl Twin for Twins {
    fn run(&mut self, id: &str) -> Result<Option<TwinOutput>, Error> {
        Twins::run(self, id)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Matched,
    Differs,
    /// Run, but with nothing to compare with.
    NotRecorded,
    Skipped,
}

/// One run of one cell.
struct Attempt {
    id: CellId,
    millis: u128,
    run: Run,
}

/// Checks one cell; also answers the run that was judged if more of it may still come: some of its lanes still ran,
/// or its text differs, and a child that was forked last may not have been heard of yet.
pub(super) fn cell<T: Twin>(
    machine: &mut dyn Machine,
    cell: &Cell,
    ahead: &[&str],
    tries: u32,
    twins: Option<&mut T>,
) -> Result<(CellReport, Option<CellId>), Error> {
    let mut report = CellReport::new(cell);
    if cell.skip {
        return Ok((report, None));
    }
    let mut runs = Vec::new();
    let (mut open, mut last) = (None, None);
    for number in 1..=tries {
        machine.perturb(number % 2 == 0);
        let attempt = run(machine, cell, ahead)?;
        machine.perturb(false);
        last = Some(attempt.id);
        open = last.filter(|_| !attempt.run.open.is_empty());
        (report.tries, report.millis) = (number, attempt.millis);
        let difference = judge(cell, &attempt.run);
        let again = difference.is_some() && attempt.run.concurrent;
        report.judge(cell, difference);
        runs.push(attempt.run);
        if !again {
            break;
        }
    }
    open = open.or(last.filter(|_| matches!(report.difference, Some(Difference::Stream(_)))));
    if let Some(twins) = twins {
        runs.drain(..runs.len().saturating_sub(KEPT));
        report.twin = twin(machine, cell, ahead, tries, twins, runs)?;
    }
    Ok((report, open))
}

/// Judges a cell once more, of which more may have come since it was judged first.
pub(super) fn recheck(machine: &dyn Machine, cell: &Cell, id: CellId, report: &mut CellReport) {
    report.difference = None;
    report.judge(cell, judge(cell, &machine.read(id)));
}

fn judge(cell: &Cell, run: &Run) -> Option<Difference> {
    if !cell.unrecorded {
        return compare(run, &cell.recorded).err();
    }
    let failure = run.failure.as_ref().filter(|_| !cell.may_fail)?;
    let ours = Some(format!("{}: {}", failure.ename, failure.evalue));
    Some(Difference::Failure { recorded: None, ours })
}

/// Runs a cell, and waits for what it started.
fn run(machine: &mut dyn Machine, cell: &Cell, ahead: &[&str]) -> Result<Attempt, Error> {
    let begun = Instant::now();
    let (id, outcome) = machine.execute(&cell.source, ahead)?;
    let millis = begun.elapsed().as_millis();
    let waiting = Instant::now();
    let mut run = machine.read(id);
    while !run.open.is_empty() && waiting.elapsed() < PATIENCE {
        let all_ended = machine.settle(LOOK)?;
        run = machine.read(id);
        if all_ended {
            run.open.clear();
        }
    }
    // A failure that was not reported as an event is one all the same.
    if outcome != Outcome::Ok && run.failure.is_none() {
        let evalue = "the cell did not end well".to_owned();
        run.failure = Some(Failure { ename: format!("{outcome:?}"), evalue, traceback: Vec::new() });
    }
    Ok(Attempt { id, millis, run })
}

/// Compares a cell's runs with live runs of its twin: some run of ours has to be one of CPython's.
fn twin<T: Twin>(
    machine: &mut dyn Machine,
    cell: &Cell,
    ahead: &[&str],
    tries: u32,
    twins: &mut T,
    mut runs: Vec<Run>,
) -> Result<Option<TwinReport>, Error> {
    let mut texts: Vec<String> = Vec::new();
    let mut report = TwinReport::default();
    for number in 1..=tries {
        let Some(output) = twins.run(&cell.id)? else { return Ok(None) };
        report.tries = number;
        if let Some(error) = output.error.filter(|_| !cell.may_fail) {
            report.fails(Difference::Failure { recorded: Some(error), ours: None });
            return Ok(Some(report));
        }
        if number > 1 {
            machine.perturb(number % 2 == 0);
            let run = run(machine, cell, ahead)?.run;
            machine.perturb(false);
            report.meet(texts.iter().map(|text| same(&run, text)));
            keep(&mut runs, run);
        }
        if !report.matched {
            report.meet(runs.iter().map(|run| same(run, &output.text)));
        }
        keep(&mut texts, output.text);
        let scheduled = runs.last().is_some_and(|run| run.concurrent);
        if report.matched || !scheduled {
            break;
        }
    }
    Ok(Some(report))
}

fn same(run: &Run, text: &str) -> Result<(), Difference> {
    match_streams(run, [Some(text), None]).map(drop).map_err(Difference::Stream)
}

fn keep<T>(kept: &mut Vec<T>, new: T) {
    if kept.len() == KEPT {
        kept.remove(0);
    }
    kept.push(new);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Event;
    use crate::lanes::scripted::events;
    use crate::lanes::verdict::Recorded;
    use std::collections::BTreeSet;

    /// Answers each run of a cell with the next script.
    struct Scripted {
        scripts: Vec<&'static str>,
        events: Vec<Event>,
        last: u32,
        /// What comes only once it is waited for.
        late: Option<&'static str>,
        settled: usize,
    }

    impl Machine for Scripted {
        fn perturb(&mut self, _: bool) {}
        fn execute(&mut self, _: &str, _: &[&str]) -> Result<(CellId, Outcome), Error> {
            let script = self.scripts[self.last as usize % self.scripts.len()];
            self.last += 1;
            self.events.extend(events(script, CellId(self.last)));
            Ok((CellId(self.last), Outcome::Ok))
        }
        fn settle(&mut self, _: Duration) -> Result<bool, Error> {
            self.settled += 1;
            if let Some(late) = self.late.take() {
                self.events = events(late, CellId(self.last));
            }
            Ok(true)
        }
        fn read(&self, cell: CellId) -> Run {
            Run::read(&self.events, cell, &BTreeSet::new())
        }
    }

    struct Texts(Vec<&'static str>, usize);

    impl Twin for Texts {
        fn run(&mut self, _: &str) -> Result<Option<TwinOutput>, Error> {
            self.1 += 1;
            let text = self.0.get((self.1 - 1) % self.0.len().max(1));
            Ok(text.map(|text| TwinOutput { text: (*text).to_owned(), error: None }))
        }
    }

    fn machine(scripts: &[&'static str]) -> Scripted {
        Scripted { scripts: scripts.to_vec(), events: Vec::new(), last: 0, late: None, settled: 0 }
    }

    fn recorded(text: &str) -> Cell {
        let recorded = Recorded { streams: [text.to_owned(), String::new()], ..Recorded::default() };
        Cell { id: "x".into(), recorded, ..Cell::default() }
    }

    fn checked(machine: &mut Scripted, text: &str, twin: Option<&[&'static str]>) -> CellReport {
        let mut twin = twin.map(|texts| Texts(texts.to_vec(), 0));
        cell(machine, &recorded(text), &[], 5, twin.as_mut()).expect("no errors in here").0
    }

    const YES: &str = "spawn main a A\na| yes\nend a";
    const NO: &str = "spawn main a A\na| no\nend a";

    #[test]
    fn a_cell_with_one_lane_is_run_once() {
        let report = checked(&mut machine(&["main| no", "main| yes"]), "yes\n", None);
        assert_eq!((report.status, report.tries), (Status::Differs, 1));
        let report = checked(&mut machine(&["main| yes"]), "yes\n", None);
        assert_eq!((report.status, report.tries), (Status::Matched, 1));
    }

    #[test]
    fn what_the_scheduler_decides_is_repeated_until_it_appears() {
        let report = checked(&mut machine(&[NO, NO, YES]), "yes\n", None);
        assert_eq!((report.status, report.tries, report.difference), (Status::Matched, 3, None));
    }

    #[test]
    fn repeating_is_bounded() {
        let report = checked(&mut machine(&[NO]), "yes\n", None);
        assert_eq!((report.status, report.tries), (Status::Differs, 5));
        assert!(report.difference.is_some());
    }

    #[test]
    fn late_output_is_waited_for() {
        let mut machine = machine(&["spawn main a A"]);
        machine.late = Some(YES);
        let report = checked(&mut machine, "yes\n", None);
        assert_eq!((report.status, report.tries, machine.settled), (Status::Matched, 1, 1));
    }

    #[test]
    fn a_cell_without_a_record_is_only_run() {
        let cell = Cell { unrecorded: true, ..recorded("") };
        let (report, _) =
            super::cell::<Texts>(&mut machine(&[NO]), &cell, &[], 5, None).expect("no errors in here");
        assert_eq!((report.status, report.tries), (Status::NotRecorded, 1));
        let report = checked(&mut machine(&["main| a"]), "", None);
        assert_eq!(report.status, Status::Differs);
    }

    #[test]
    fn a_skipped_cell_is_not_run() {
        let cell = Cell { skip: true, ..recorded("yes\n") };
        let mut machine = machine(&[YES]);
        let (report, _) = super::cell::<Texts>(&mut machine, &cell, &[], 5, None).expect("no errors in here");
        assert_eq!((report.status, machine.last), (Status::Skipped, 0));
    }

    #[test]
    fn the_twin_and_ours_are_repeated_until_they_meet() {
        let twin = |scripts: &[&'static str], texts: &[&'static str]| {
            let report = checked(&mut machine(scripts), "yes\n", Some(texts)).twin.expect("a twin");
            (report.matched, report.tries)
        };
        assert_eq!(twin(&["main| yes"], &["yes\n"]), (true, 1));
        assert_eq!(twin(&["main| yes"], &["no\n", "yes\n"]), (false, 1));
        assert_eq!(twin(&[YES], &["no\n", "no\n", "yes\n"]), (true, 3));
        assert_eq!(twin(&[YES, NO], &["no\n"]), (true, 2));
        assert_eq!(twin(&[YES], &["no\n"]), (false, 5));
        assert_eq!(checked(&mut machine(&[YES]), "yes\n", Some(&[])).twin, None);
    }

    #[test]
    fn a_cell_whose_lanes_still_ran_is_judged_again() {
        let mut machine = machine(&["spawn main a A\na| yes"]);
        let cell = recorded("yes\n");
        let mut report = checked(&mut machine, "yes\n", None);
        assert_eq!(report.status, Status::Matched);
        machine.events.extend(events("spawn main a A\na| more", CellId(1)));
        recheck(&machine, &cell, CellId(1), &mut report);
        assert_eq!(report.status, Status::Differs);
    }
}
