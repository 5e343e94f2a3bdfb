//! What it costs that no state is lost: copies of the worker by the size of its heap, the way back after a crash, and
//! interrupts.

use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use threadbook::engine::{Engine, Limits, Options, Outcome, Session};
use threadbook::events::{CellId, Event, Sink};

use crate::bench::Bench;
use crate::live::EXECUTABLE;
use crate::record::Row;

/// Tells each text of a cell.
struct Heard(Sender<()>);

impl Sink for Heard {
    fn event(&mut self, event: Event) {
        if matches!(event, Event::Text { .. }) {
            let _ = self.0.send(());
        }
    }
}

fn start(snapshot: Duration) -> (Session, std::sync::mpsc::Receiver<()>) {
    let limits = Limits { snapshot, ..Limits::default() };
    let options = Options { executable: Some(EXECUTABLE.into()), limits, ..Options::default() };
    let (sender, heard) = channel();
    (Session::start(options, Box::new(Heard(sender))).expect("a session"), heard)
}

pub(crate) fn measure(bench: &mut Bench) {
    let heaps = if bench.quick { &[0, 256][..] } else { &[0, 256, 1024, 4096] };
    for &megabytes in heaps {
        let with = cells(megabytes, Duration::from_secs(10));
        let without = cells(megabytes, Duration::ZERO);
        bench.add(Row::new(format!("cached cell with a copy at {megabytes} MB"), "s", with));
        bench.add(Row::new(format!("cached cell without a copy at {megabytes} MB"), "s", without));
    }
    crash(bench);
    interrupts(bench);
    if !bench.quick {
        long_session(bench);
    }
}

fn run(session: &mut Session, number: u32, source: &str) -> (f64, Outcome) {
    let began = Instant::now();
    let outcome = session.execute(CellId(number), source, &[]).expect("it runs");
    (began.elapsed().as_secs_f64(), outcome)
}

/// Cells one after the other: each waits for the copy that was made after the one before.
fn cells(megabytes: usize, snapshot: Duration) -> Vec<f64> {
    let (mut session, _heard) = start(snapshot);
    run(&mut session, 1, &format!("let heap = vec![1u8; {megabytes} << 20];"));
    run(&mut session, 2, "let mut n = 0;");
    run(&mut session, 3, "n += 1;");
    (4..44).map(|number| run(&mut session, number, "n += 1;").0).collect()
}

/// From the end of the cell that crashed to the end of the next.
fn crash(bench: &mut Bench) {
    let (mut session, _heard) = start(Limits::default().snapshot);
    run(&mut session, 1, "let mut n = 0;");
    run(&mut session, 2, "n += 1;");
    let samples = (0..20).map(|round| {
        let (_, outcome) = run(&mut session, 3 + 2 * round, "std::process::abort();");
        assert_eq!(outcome, Outcome::WorkerLost);
        let (took, outcome) = run(&mut session, 4 + 2 * round, "n += 1;");
        assert_eq!(outcome, Outcome::Ok);
        took
    });
    bench.add(Row::new("the cell after a crash, cached", "s", samples.collect::<Vec<_>>()));
}

fn interrupts(bench: &mut Bench) {
    let cells = [
        ("a loop of the cell", "println!(\"on\"); loop { n += 1; }"),
        ("a loop of a function", "println!(\"on\"); forever();"),
        ("std's sleep", "println!(\"on\"); std::thread::sleep(std::time::Duration::from_secs(600));"),
        ("a child", "println!(\"on\"); std::process::Command::new(\"sleep\").arg(\"600\").status()?;"),
    ];
    let (mut session, mut heard) = start(Limits::default().snapshot);
    run(&mut session, 1, "let mut n = 0u64;\nfn forever() { loop { std::hint::spin_loop() } }");
    let mut number = 1;
    for (name, source) in cells {
        let samples = (0..5).map(|_| {
            number += 1;
            heard.try_iter().for_each(drop);
            let (interrupter, heard) = (session.interrupter(), &mut heard);
            std::thread::scope(|scope| {
                let asked = scope.spawn(move || {
                    heard.recv().expect("the cell is on");
                    let asked = Instant::now();
                    assert!(interrupter.interrupt());
                    asked
                });
                let (_, outcome) = run(&mut session, number, source);
                let ended = Instant::now();
                assert_eq!(outcome, Outcome::Interrupted);
                (ended - asked.join().expect("no panic")).as_secs_f64()
            })
        });
        let samples: Vec<f64> = samples.collect();
        bench.add(Row::new(format!("interrupt of {name}"), "s", samples));
    }
}

/// What a session of 10,000 cells and 500 restarts has grown to: the second half must not have grown.
fn long_session(bench: &mut Bench) {
    let (mut session, _heard) = start(Limits::default().snapshot);
    let mut number = 0;
    let mut next = |session: &mut Session, source: &str| {
        number += 1;
        assert_eq!(run(session, number, source).1, Outcome::Ok);
    };
    next(&mut session, "let mut n = 0;");
    for cells in [100, 4_900, 5_000] {
        let began = Instant::now();
        (0..cells).for_each(|_| next(&mut session, "n += 1;"));
        bench.add(Row::new(
            format!("the last {cells} of 10,000 cached cells, each"),
            "s",
            vec![began.elapsed().as_secs_f64() / f64::from(cells)],
        ));
        held(bench, &session, &format!("after {cells} more cells"));
    }
    for restarts in [250, 250] {
        let began = Instant::now();
        (0..restarts).for_each(|_| next(&mut session, "%restart"));
        bench.add(Row::new("a restart", "s", vec![began.elapsed().as_secs_f64() / f64::from(restarts)]));
        held(bench, &session, &format!("after {restarts} more restarts"));
    }
}

fn held(bench: &mut Bench, session: &Session, when: &str) {
    let kilobytes = |pid: &str| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap_or_default().to_string();
        line.split_whitespace().nth(1).and_then(|kb| kb.parse::<f64>().ok()).unwrap_or(0.0)
    };
    let count = |path: &str| std::fs::read_dir(path).map_or(0, Iterator::count) as f64;
    let worker = session.worker_pid().to_string();
    bench.add(Row::new(format!("resident, session's process, {when}"), "MB", vec![kilobytes("self") / 1024.0]));
    bench.add(Row::new(format!("resident, worker, {when}"), "MB", vec![kilobytes(&worker) / 1024.0]));
    bench.add(Row::new(format!("descriptors, session's process, {when}"), "", vec![count("/proc/self/fd")]));
    bench.add(Row::new(format!("descriptors, worker, {when}"), "", vec![count(&format!("/proc/{worker}/fd"))]));
}
