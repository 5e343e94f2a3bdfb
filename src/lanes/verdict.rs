//! Compares all that a cell put out with what was recorded of it: streams, displays and results, and the error.
//!
//! Never runs a cell, and never decides how often one is run.

use crate::events::{Failure, LaneId};
use crate::lanes::matching::{Bindings, Mismatch, match_streams};
use crate::lanes::pattern::{Piece, fits, render};
use crate::lanes::run::Run;

/// The outputs that a notebook has of a cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Recorded {
    /// In the order of `lanes::STREAMS`, each stream's texts put together: the order between streams is not recorded.
    pub streams: [String; 2],
    /// `text/plain` of displays and results.
    pub shown: Vec<String>,
    /// `ename` and `evalue`.
    pub error: Option<(String, String)>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Difference {
    Stream(Box<Mismatch>),
    /// A display or result, counted from 1. `None` if that side has no more.
    Shown {
        index: usize,
        recorded: Option<String>,
        ours: Option<String>,
    },
    /// How the cell failed. `None` if it did not.
    Failure {
        recorded: Option<String>,
        ours: Option<String>,
    },
}

impl Difference {
    /// How far the comparison came. Of several tries, the difference that came furthest tells most.
    pub(crate) fn reached(&self) -> (usize, usize) {
        match self {
            Difference::Failure { .. } => (0, 0),
            Difference::Stream(mismatch) => (1 + usize::from(mismatch.stream.name() == "stderr"), mismatch.offset),
            Difference::Shown { index, .. } => (3, *index),
        }
    }
}

/// The first difference between a run and what was recorded.
pub(crate) fn compare(run: &Run, recorded: &Recorded) -> Result<(), Difference> {
    failure(run.failure.as_ref(), recorded.error.as_ref())?;
    let [stdout, stderr] = &recorded.streams;
    let bound = match_streams(run, [Some(stdout), Some(stderr)]).map_err(Difference::Stream)?;
    shown(run, &recorded.shown, bound)
}

fn failure(ours: Option<&Failure>, recorded: Option<&(String, String)>) -> Result<(), Difference> {
    let ours = ours.map(|failure| (&failure.ename, &failure.evalue));
    let recorded = recorded.map(|(ename, evalue)| (ename, evalue));
    if ours == recorded {
        return Ok(());
    }
    let say = |(ename, evalue): (&String, &String)| format!("{ename}: {evalue}");
    Err(Difference::Failure { recorded: recorded.map(say), ours: ours.map(say) })
}

/// Compares displays and results: those of one lane in order, those of several lanes in any order.
fn shown(run: &Run, recorded: &[String], mut bound: Bindings) -> Result<(), Difference> {
    let mut left: Vec<&(LaneId, Vec<Piece>)> = run.shown.iter().collect();
    for (index, text) in recorded.iter().enumerate() {
        let found = left.iter().enumerate().find_map(|(at, (lane, pieces))| {
            let first_of_lane = !left[..at].iter().any(|(earlier, _)| earlier == lane);
            let fit = fits(pieces, text, 0, &bound).into_iter().find(|fit| fit.end == text.len());
            fit.filter(|_| first_of_lane).map(|fit| (at, fit))
        });
        let Some((at, fit)) = found else {
            let ours = left.first().map(|(_, pieces)| render(pieces, &bound));
            return Err(Difference::Shown { index: index + 1, recorded: Some(text.clone()), ours });
        };
        bound.bind(&fit.binds);
        left.remove(at);
    }
    match left.first() {
        None => Ok(()),
        Some((_, pieces)) => {
            let ours = Some(render(pieces, &bound));
            Err(Difference::Shown { index: recorded.len() + 1, recorded: None, ours })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Event, MimeBundle};
    use crate::lanes::scripted::{CELL, events, read};

    fn run(script: &str, results: &[&str], failure: Option<&str>) -> Run {
        let mut events = events(script, CELL);
        for result in results {
            let data = MimeBundle::from_iter([("text/plain".to_owned(), (*result).into())]);
            events.push(Event::Result { cell: CELL, data });
        }
        events.extend(failure.map(|evalue| {
            let failure = Failure { ename: "Panic".into(), evalue: evalue.into(), traceback: Vec::new() };
            Event::Failed { cell: CELL, failure }
        }));
        read(&events, CELL)
    }

    fn recorded(stdout: &str, shown: &[&str], error: Option<&str>) -> Recorded {
        Recorded {
            streams: [stdout.to_owned(), String::new()],
            shown: shown.iter().map(|s| (*s).to_owned()).collect(),
            error: error.map(|evalue| ("Panic".to_owned(), evalue.to_owned())),
        }
    }

    #[test]
    fn results_and_errors() {
        let same = |run: &Run, text, shown: &[&str], error| compare(run, &recorded(text, shown, error)).is_ok();
        assert!(same(&run("main| a", &["5"], None), "a\n", &["5"], None));
        assert!(same(&run("main| a", &["at 11:47:38"], None), "a\n", &["at 09:00:00"], None));
        assert!(!same(&run("main| a", &["5"], None), "a\n", &["6"], None));
        assert!(!same(&run("main| a", &["5"], None), "a\n", &["5", "5"], None));
        assert!(!same(&run("main| a", &["5"], None), "a\n", &[], None));
        assert!(!same(&run("main| a", &[], Some("no")), "a\n", &[], None));
        assert!(!same(&run("main| a", &[], None), "a\n", &[], Some("no")));
        assert!(!same(&run("main| a", &[], Some("no")), "a\n", &[], Some("not")));
        assert!(same(&run("main| a", &[], Some("no")), "a\n", &[], Some("no")));
    }

    /// The renaming that the streams settled holds for results, too.
    #[test]
    fn names_in_results() {
        let run = run("spawn main a Thread-1\na| Thread-1", &["Thread-1"], None);
        assert_eq!(compare(&run, &recorded("Thread-4\n", &["Thread-4"], None)), Ok(()));
        assert!(compare(&run, &recorded("Thread-4\n", &["Thread-5"], None)).is_err());
    }
}
