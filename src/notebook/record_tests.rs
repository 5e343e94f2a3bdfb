use super::*;
use crate::events::Failure;
use crate::events::fixture::{lane, main_lane, origin, text};

fn record(events: impl IntoIterator<Item = Event>) -> Record {
    let mut recorder = Recorder::new();
    recorder.begin(CellId(1));
    events.into_iter().for_each(|event| recorder.event(event));
    recorder.end(CellId(1));
    recorder.take_changed().swap_remove(0)
}

fn stream(stream: Stream, text: &str) -> Output {
    Output::Stream { stream, text: text.into() }
}

#[test]
fn text_of_one_stream_is_one_output_whoever_wrote_it() {
    use Stream::{Stderr, Stdout};
    let bundle = json!({"text/plain": "42"}).as_object().expect("an object").clone();
    let failure = Failure { ename: "Panic".into(), evalue: "boom".into(), traceback: vec![] };
    let record = record([
        main_lane(),
        lane(2, "Thread-1", 1),
        text(1, 1, Stdout, "a\r"),
        text(1, 2, Stdout, "b\n"),
        text(1, 2, Stderr, "e"),
        text(1, 1, Stdout, "c"),
        Event::Display {
            origin: origin(1, 1),
            data: bundle.clone(),
            metadata: Map::new(),
            id: None,
            update: false,
        },
        text(1, 1, Stdout, ""),
        text(1, 1, Stdout, "d"),
        Event::Warning { cell: CellId(1), rendered: "warning: unused".into() },
        Event::Result { cell: CellId(1), data: bundle.clone() },
        Event::Failed { cell: CellId(1), failure: failure.clone() },
    ]);
    let expected = [
        stream(Stdout, "a\rb\n"),
        stream(Stderr, "e"),
        stream(Stdout, "c"),
        Output::Display { data: bundle.clone(), metadata: Map::new(), id: None },
        stream(Stdout, "d"),
        stream(Stderr, "warning: unused\n"),
        Output::Result { cell: CellId(1), data: bundle },
        Output::Error(failure),
    ];
    assert_eq!(*record.outputs, expected);
    let pieces =
        json!([[1, "stdout", 2], [2, "stdout", 2], [2, "stderr", 1], [1, "stdout", 2], [null, "stderr", 16]]);
    assert_eq!(record.threadbook["pieces"], pieces);
}

#[test]
fn lanes_say_who_they_are_and_on_which_thread_they_ran() {
    let at = |ms: u64| Duration::from_micros(ms * 1000 + 500);
    let task = Lane {
        id: LaneId(3),
        kind: LaneKind::Task,
        name: "square".into(),
        parent: Some(LaneId::MAIN),
        cell: CellId(1),
        pid: 10,
        at: at(1),
    };
    let record = record([
        main_lane(),
        lane(2, "unnamed", 1),
        Event::Renamed { lane: LaneId(2), name: "Pool-0_0".into() },
        Event::Lane(task),
        Event::Started { lane: LaneId(3), on: LaneId(2), at: at(2) },
        text(1, 3, Stream::Stdout, "x"),
        Event::Ended { lane: LaneId(3), at: at(4) },
    ]);
    let thread = json!({"id": 2, "kind": "thread", "name": "Pool-0_0", "parent": 1, "pid": 10,
        "started_ms": 2.0, "ended_ms": null});
    let task = json!({"id": 3, "kind": "task", "name": "square", "parent": 1, "pid": 10,
        "started_ms": 2.5, "ended_ms": 4.5, "thread": "Pool-0_0"});
    assert_eq!(record.threadbook["lanes"], json!([thread, task]));
}

#[test]
fn that_the_main_thread_wrote_goes_without_saying() {
    assert!(record([main_lane(), text(1, 1, Stream::Stdout, "x")]).threadbook.is_empty());
    assert!(!record([main_lane(), lane(2, "Thread-1", 1)]).threadbook.is_empty(), "a silent thread is news");
}

#[test]
fn late_text_goes_to_its_own_cell_and_only_what_changed_is_told() {
    let mut recorder = Recorder::new();
    recorder.event(lane(2, "Thread-1", 1));
    for cell in [CellId(1), CellId(2)] {
        recorder.begin(cell);
        recorder.end(cell);
    }
    let cells = |records: &[Record]| records.iter().map(|record| record.cell.0).collect::<Vec<_>>();
    let before = recorder.take_changed();
    assert_eq!(cells(&before), [1, 2]);
    recorder.event(text(1, 2, Stream::Stdout, "late"));
    let after = recorder.take_changed();
    assert_eq!(cells(&after), [1]);
    assert_eq!(*after[0].outputs, [stream(Stream::Stdout, "late")]);
    assert!(before[0].outputs.is_empty(), "what was handed out stays as it was");
    recorder.event(Event::Ended { lane: LaneId(2), at: Duration::ZERO });
    assert_eq!(cells(&recorder.take_changed()), [1]);
    assert!(recorder.take_changed().is_empty());
}

#[test]
fn the_pieces_are_bounded() {
    let turns = (0..KEPT as u32 + 10).map(|n| text(1, n % 2 + 1, Stream::Stdout, "x\n"));
    let record = record([main_lane(), lane(2, "Thread-1", 1)].into_iter().chain(turns));
    assert_eq!(record.threadbook["pieces"].as_array().expect("a list").len(), KEPT);
    assert_eq!(record.threadbook["pieces_truncated"], true);
    assert_eq!(*record.outputs, [stream(Stream::Stdout, &"x\n".repeat(KEPT + 10))], "the text is not");
}

/// What a pool of one thread does with so many tasks, each with an event of its own for its begin and its end.
fn tasks(count: u32) -> impl Iterator<Item = Event> {
    let at = Duration::ZERO;
    let worker = [main_lane(), lane(2, "ThreadPoolExecutor-0_0", 1)];
    let task = move |id| match lane(id, "action", 1) {
        Event::Lane(task) => Event::Lane(Lane { kind: LaneKind::Task, ..task }),
        other => other,
    };
    let lives = (3..3 + count).map(LaneId).flat_map(move |lane| {
        [task(lane.0), Event::Started { lane, on: LaneId(2), at }, Event::Ended { lane, at }]
    });
    worker.into_iter().chain(lives).chain([Event::Ended { lane: LaneId(2), at }])
}

#[test]
fn lanes_that_are_not_written_are_forgotten_when_they_end() {
    let mut recorder = Recorder::new();
    tasks(5 * KEPT as u32).for_each(|event| recorder.event(event));
    assert_eq!(recorder.lanes.len(), KEPT + 1, "those that are written, and the main thread");
    let recording = &recorder.cells[&CellId(1)];
    assert_eq!((recording.lanes.len(), recording.known.len()), (KEPT, KEPT));
    let record = recorder.take_changed().swap_remove(0);
    assert_eq!(record.threadbook["lanes_truncated"], true);
    let lanes = record.threadbook["lanes"].as_array().expect("a list");
    assert_eq!((lanes.len(), &lanes[KEPT - 1]["thread"]), (KEPT, &json!("ThreadPoolExecutor-0_0")));
}

#[test]
fn the_stamps_are_those_of_jupyterlab() {
    let record = record([]);
    let keys: Vec<_> = record.execution.keys().map(String::as_str).collect();
    let expected = [
        "iopub.execute_input",
        "iopub.status.busy",
        "iopub.status.idle",
        "shell.execute_reply",
        "shell.execute_reply.started",
    ];
    assert_eq!(keys, expected);
    let time = |key: &str| {
        let stamp = record.execution[key].as_str().expect("a string");
        assert!(stamp.len() == "2026-01-02T03:04:05.678901Z".len() && stamp.ends_with('Z'), "{stamp}");
        humantime::parse_rfc3339(stamp).expect("a time")
    };
    assert!(time("iopub.status.busy") <= time("iopub.status.idle"));
}

/// Not a benchmark: a guard against work per line that grows.
#[test]
fn half_a_million_lines_take_no_time() {
    let started = Instant::now();
    let record = record((0..500_000).map(|_| text(1, 1, Stream::Stdout, "a line of ordinary length\n")));
    assert_eq!(record.outputs.len(), 1);
    assert!(started.elapsed() < Duration::from_secs(5), "took {:?}", started.elapsed());
}

fn display(cell: u32, lane: u32, text: &str, id: &str, update: bool) -> Event {
    let data = Map::from_iter([("text/plain".to_owned(), text.into())]);
    Event::Display { origin: origin(cell, lane), data, metadata: Map::new(), id: Some(id.into()), update }
}

fn shown(text: &str, id: &str) -> Output {
    let data = Map::from_iter([("text/plain".to_owned(), text.into())]);
    Output::Display { data, metadata: Map::new(), id: Some(id.into()) }
}

#[test]
fn a_display_is_changed_wherever_it_was_shown() {
    let mut recorder = Recorder::new();
    recorder.event(display(1, 1, "0 %", "bar", false));
    recorder.event(display(1, 1, "other", "other", false));
    recorder.event(display(2, 1, "10 %", "bar", false));
    recorder.take_changed();
    recorder.event(display(3, 2, "unknown", "nobody's", true));
    recorder.event(display(3, 2, "20 %", "bar", true));
    let records = recorder.take_changed();
    let outputs = |cell: u32| records.iter().find(|record| record.cell == CellId(cell)).map(|r| r.outputs.to_vec());
    assert_eq!(outputs(1), Some(vec![shown("20 %", "bar"), shown("other", "other")]));
    assert_eq!(outputs(2), Some(vec![shown("20 %", "bar")]));
    assert_eq!(outputs(3).unwrap_or_default(), [], "a change shows nothing itself");
}

#[test]
fn what_is_cleared_is_gone_at_once_or_with_the_next_output() {
    use Stream::Stdout;
    let mut recorder = Recorder::new();
    let clear = |wait| Event::Clear { origin: origin(1, 1), wait };
    let outputs = |recorder: &mut Recorder| recorder.take_changed().swap_remove(0).outputs.to_vec();
    recorder.event(main_lane());
    recorder.event(lane(2, "Thread-1", 1));
    recorder.event(text(1, 2, Stdout, "old\n"));
    recorder.event(display(1, 1, "old", "d", false));
    recorder.event(text(2, 1, Stdout, "of another cell"));
    recorder.event(clear(true));
    assert_eq!(recorder.cells[&CellId(1)].outputs.len(), 2);
    recorder.event(text(1, 2, Stdout, "new"));
    let records = recorder.take_changed();
    assert_eq!(*records[0].outputs, [stream(Stdout, "new")]);
    assert_eq!(records[0].threadbook["pieces"], json!([[2, "stdout", 3]]));
    assert_eq!(records[1].outputs.len(), 1);
    recorder.event(display(1, 1, "nowhere any more", "d", true));
    recorder.event(clear(false));
    assert_eq!(outputs(&mut recorder), []);
}

/// What nbclient 0.11's `NotebookClient.process_message` leaves in a cell of the same messages: streams `a` and `b`, a
/// display `d` and its update `u`, `clear_output` with and without wait (`w`, `n`), an error and a result.
const NBCLIENT: &[(&str, &str)] = &[
    ("awb", "b"),
    ("aw", "a"),
    ("anb", "b"),
    ("an", ""),
    ("awnb", "b"),
    ("anwb", "b"),
    ("awwb", "b"),
    ("wa", "a"),
    ("awE", "E"),
    ("awR", "R"),
    // A change is no output: what is to be cleared stays until there is one.
    ("awub", "b"),
    ("adwu", "au"),
    ("awdub", "ub"),
    ("dwbu", "b"),
    ("dwdu", "u"),
    ("dnu", ""),
];

#[test]
fn what_is_cleared_is_what_nbclient_clears() {
    let event = |step: char| match step {
        'a' | 'b' => text(1, 1, Stream::Stdout, &step.to_string()),
        'd' => display(1, 1, "d", "id", false),
        'u' => display(1, 1, "u", "id", true),
        'w' | 'n' => Event::Clear { origin: origin(1, 1), wait: step == 'w' },
        'R' => Event::Result { cell: CellId(1), data: Map::from_iter([("text/plain".to_owned(), "R".into())]) },
        _ => Event::Failed {
            cell: CellId(1),
            failure: Failure { ename: "E".into(), evalue: String::new(), traceback: Vec::new() },
        },
    };
    let told = |output: &Output| match output {
        Output::Stream { text, .. } => text.clone(),
        Output::Display { data, .. } | Output::Result { data, .. } => {
            data["text/plain"].as_str().expect("text").to_string()
        }
        Output::Error(failure) => failure.ename.clone(),
    };
    for (steps, expected) in NBCLIENT {
        let outputs: String = record(steps.chars().map(event)).outputs.iter().map(told).collect();
        assert_eq!(outputs, *expected, "{steps}");
    }
}
