use super::*;
use crate::lanes::pattern::Slot;
use crate::lanes::pattern::render;
use crate::lanes::run::Run;
use crate::lanes::scripted::{events, log, read, run};

struct Unbound;

impl crate::lanes::pattern::Bound for Unbound {
    fn value(&self, _: Slot) -> Option<u64> {
        None
    }
    fn taken(&self, _: Slot, _: u64) -> bool {
        false
    }
    fn same_class(&self, _: Slot, _: Slot) -> bool {
        false
    }
}

fn atoms(run: &Run, lane: usize, stream: usize) -> Vec<String> {
    run.lanes[lane].streams[stream].atoms.iter().map(|atom| render(atom, &Unbound)).collect()
}

fn gates(run: &Run, lane: usize) -> Vec<(usize, Vec<(usize, usize)>)> {
    run.lanes[lane].streams[0].gates.iter().map(|gate| (gate.at, gate.after.clone())).collect()
}

#[test]
fn a_prints_payload_and_newline_are_two_atoms() {
    let run = run("main| a\nmain|\nmain~ b\nmain! c\nmain| \\n d");
    assert_eq!(atoms(&run, 0, 0), ["a", "\n", "\n", "b", "\n d", "\n"]);
    assert_eq!(atoms(&run, 0, 1), ["c", "\n"]);
    assert!(!run.concurrent);
}

#[test]
fn spawns_and_joins_are_gates() {
    let run = run("
        main| before
        spawn main t Thread-1
        t| one
        t| two
        main| meanwhile
        join main t
        main| after
    ");
    assert!(run.concurrent);
    assert_eq!(gates(&run, 1), [(0, vec![(0, 2)])]);
    assert_eq!(gates(&run, 0), [(4, vec![(1, 4)])]);
}

#[test]
fn a_joined_worker_has_ended_its_tasks() {
    let run = run("
        submit main a action
        spawn main v ThreadPoolExecutor-0_0
        start a v
        a| a
        end a
        join main v
        main| after
    ");
    assert_eq!(gates(&run, 1), [(0, vec![(0, 2)])]);
    assert_eq!(run.lanes[0].label, "task action on ThreadPoolExecutor-0_0");
}

/// The main thread's lane goes over all cells; what another cell's threads print meanwhile is theirs.
#[test]
fn a_cell_has_its_own_output_only() {
    let mut all = events("spawn main t Thread-1\nmain| one", CellId(1));
    all.extend(events("main| two", CellId(2)));
    all.extend(events("spawn main t Thread-1\nt| late", CellId(1)).pop());
    let log = log(&all, &[CellId(1), CellId(2)]);
    let (first, second) = (log.read(CellId(1)), log.read(CellId(2)));
    assert_eq!(
        (atoms(&first, 0, 0), atoms(&first, 1, 0)),
        (vec!["one".into(), "\n".into()], vec!["late".into(), "\n".into()])
    );
    assert_eq!((second.lanes.len(), atoms(&second, 0, 0)), (1, vec!["two".into(), "\n".into()]));
    assert!(!second.concurrent && log.open(CellId(2)).is_empty());
}

#[test]
fn what_was_changed_or_cleared_is_not_recorded_as_it_was() {
    let display = |text: &str, update| Event::Display {
        origin: crate::events::fixture::origin(1, 1),
        data: MimeBundle::from_iter([("text/plain".to_owned(), text.into())]),
        metadata: MimeBundle::new(),
        id: Some("bar".into()),
        update,
    };
    let read = |all: &[Event]| read(all, CellId(1));
    let mut all = events("main| old", CellId(1));
    all.extend([display("0 %", false), display("50 %", true)]);
    let run = read(&all);
    assert_eq!(run.shown.iter().map(|(_, atom)| render(atom, &Unbound)).collect::<Vec<_>>(), ["50 %"]);
    all.push(Event::Clear { origin: crate::events::fixture::origin(1, 1), wait: true });
    assert_eq!(read(&all).lanes.len(), 1, "it is there until something else is");
    all.extend(events("main| new", CellId(1)));
    all.push(display("100 %", true));
    let run = read(&all);
    assert_eq!((atoms(&run, 0, 0), run.shown.len()), (vec!["new".to_owned(), "\n".to_owned()], 0));
}
