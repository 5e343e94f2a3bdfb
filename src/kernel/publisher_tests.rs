use super::*;
use crate::events::Lane;

struct Bench {
    publisher: Publisher,
    now: Instant,
}

impl Bench {
    fn new() -> Bench {
        let mut publisher = Publisher::default();
        let now = Instant::now();
        for (id, name) in [(1, "MainThread"), (2, "Thread-1")] {
            let (id, name) = (LaneId(id), name.to_string());
            let at = Duration::ZERO;
            let lane = Lane { id, kind: LaneKind::Thread, name, parent: None, cell: CellId(0), pid: 10, at };
            publisher.event(Event::Lane(lane), now);
        }
        publisher.begin(CellId(1), json!({"msg_id": "one"}), 1, false);
        Bench { publisher, now }
    }

    fn text(&mut self, cell: u32, lane: u32, stream: Stream, text: &str) {
        let origin = Origin {
            cell: CellId(cell),
            running: None,
            lane: LaneId(lane),
            pid: 10,
            tid: 10 + lane,
            at: Duration::ZERO,
        };
        self.publisher.event(Event::Text { origin, stream, text: text.into() }, self.now);
    }

    /// Parent, type and text of what is ready.
    fn ready(&mut self) -> Vec<(String, &'static str, String)> {
        let told = |message: Outgoing| {
            let parent = message.parent["msg_id"].as_str().unwrap_or("none").to_string();
            (parent, message.msg_type, message.content["text"].as_str().unwrap_or("").to_string())
        };
        self.publisher.take().into_iter().map(told).collect()
    }
}

fn told(parent: &str, text: &str) -> (String, &'static str, String) {
    (parent.into(), "stream", text.into())
}

#[test]
fn text_waits_for_more_and_goes_when_it_is_due() {
    let mut bench = Bench::new();
    bench.text(1, 1, Stream::Stdout, "a\n");
    bench.text(1, 1, Stream::Stdout, "b\n");
    bench.publisher.flush_due(bench.now);
    assert_eq!(bench.ready(), []);
    bench.publisher.flush_due(bench.now + GATHER);
    assert_eq!(bench.ready(), [told("one", "a\nb\n")]);
    assert_eq!(bench.publisher.due(), None);
}

#[test]
fn much_text_goes_at_once() {
    let mut bench = Bench::new();
    bench.text(1, 1, Stream::Stdout, &"x".repeat(LARGEST));
    assert_eq!(bench.ready().len(), 1);
}

#[test]
fn one_writer_is_told_plainly_and_several_by_their_bytes() {
    let mut bench = Bench::new();
    bench.text(1, 2, Stream::Stdout, "a\n");
    bench.publisher.flush(CellId(1));
    let metadata = bench.publisher.take()[0].metadata.clone();
    assert_eq!(metadata["threadbook"], json!({"thread": "Thread-1", "pid": 10, "tid": 12}));
    bench.text(1, 2, Stream::Stdout, "a\n");
    bench.text(1, 1, Stream::Stdout, "\u{e9}\n");
    bench.text(1, 1, Stream::Stdout, "\n");
    bench.publisher.flush(CellId(1));
    let metadata = bench.publisher.take()[0].metadata.clone();
    let pieces = json!([
        {"thread": "Thread-1", "pid": 10, "tid": 12, "bytes": 2},
        {"thread": "MainThread", "pid": 10, "tid": 11, "bytes": 4},
    ]);
    assert_eq!(metadata["threadbook"]["pieces"], pieces);
}

#[test]
fn a_task_is_told_with_its_thread_and_a_process_by_its_name() {
    let mut bench = Bench::new();
    for (id, kind, name) in [(3, LaneKind::Task, "square"), (4, LaneKind::Process, "Process-1")] {
        let (id, name, at) = (LaneId(id), name.to_string(), Duration::ZERO);
        let lane = Lane { id, kind, name, parent: None, cell: CellId(1), pid: 10, at };
        bench.publisher.event(Event::Lane(lane), bench.now);
    }
    let started = Event::Started { lane: LaneId(3), on: LaneId(2), at: Duration::ZERO };
    bench.publisher.event(started, bench.now);
    bench.text(1, 3, Stream::Stdout, "x");
    bench.text(1, 4, Stream::Stderr, "y");
    bench.publisher.flush(CellId(1));
    let told: Vec<Value> = bench.publisher.take().into_iter().map(|m| m.metadata["threadbook"].clone()).collect();
    assert_eq!(told[0], json!({"thread": "Thread-1", "task": "square", "pid": 10, "tid": 13}));
    assert_eq!(told[1], json!({"thread": "MainThread", "process": "Process-1", "pid": 10, "tid": 14}));
}

#[test]
fn late_text_goes_to_the_request_of_its_own_cell() {
    let mut bench = Bench::new();
    bench.publisher.begin(CellId(2), json!({"msg_id": "two"}), 2, false);
    bench.text(2, 1, Stream::Stdout, "new");
    bench.text(1, 2, Stream::Stdout, "late");
    bench.text(77, 2, Stream::Stdout, " and unknown");
    bench.publisher.flush(CellId(2));
    assert_eq!(bench.ready(), [told("two", "new and unknown")]);
    bench.publisher.flush_all();
    assert_eq!(bench.ready(), [told("one", "late")]);
}

#[test]
fn a_silent_cell_shows_nothing() {
    let mut bench = Bench::new();
    bench.publisher.begin(CellId(2), json!({"msg_id": "two"}), 2, true);
    bench.text(2, 1, Stream::Stdout, "hush");
    bench.publisher.event(Event::Result { cell: CellId(2), data: Map::new() }, bench.now);
    bench.publisher.flush_all();
    assert_eq!(bench.ready(), []);
}

#[test]
fn a_result_comes_after_the_text_before_it() {
    let mut bench = Bench::new();
    bench.text(1, 1, Stream::Stdout, "first");
    bench.publisher.event(Event::Result { cell: CellId(1), data: Map::new() }, bench.now);
    let kinds: Vec<_> = bench.ready().into_iter().map(|(_, kind, _)| kind).collect();
    assert_eq!(kinds, ["stream", "execute_result"]);
}

#[test]
fn streams_keep_their_order_until_they_change_too_often() {
    let mut bench = Bench::new();
    for n in 0..1000 {
        bench.text(1, 1, if n % 2 == 0 { Stream::Stdout } else { Stream::Stderr }, "x");
    }
    bench.publisher.flush_all();
    let ready = bench.ready();
    assert_eq!(ready.len(), CHANGES);
    assert_eq!(ready.iter().map(|(_, _, text)| text.len()).sum::<usize>(), 1000);
}

#[test]
fn routes_are_bounded_but_those_of_running_threads_stay() {
    let mut bench = Bench::new();
    let lane = Lane {
        id: LaneId(9),
        kind: LaneKind::Thread,
        name: "Thread-9".into(),
        parent: None,
        cell: CellId(1),
        pid: 10,
        at: Duration::ZERO,
    };
    bench.publisher.event(Event::Lane(lane), bench.now);
    for n in 2..=ROUTES as u32 + 5 {
        bench.publisher.begin(CellId(n), Value::Null, n, false);
    }
    assert_eq!(bench.publisher.routes.len(), ROUTES);
    bench.text(1, 9, Stream::Stdout, "still here");
    bench.publisher.flush_all();
    assert_eq!(bench.ready(), [told("one", "still here")]);
    bench.publisher.event(Event::Ended { lane: LaneId(9), at: Duration::ZERO }, bench.now);
    bench.publisher.begin(CellId(5000), Value::Null, 5000, false);
    assert!(!bench.publisher.routes.contains_key(&CellId(1)));
}

fn display(cell: u32, percent: u32, update: bool) -> Event {
    let origin =
        Origin { cell: CellId(cell), running: None, lane: LaneId(2), pid: 10, tid: 12, at: Duration::ZERO };
    let data = Map::from_iter([("text/plain".to_owned(), format!("{percent} %").into())]);
    Event::Display { origin, data, metadata: Map::new(), id: Some("bar".into()), update }
}

#[test]
fn a_display_comes_after_the_text_before_it_and_is_changed_by_its_id() {
    let mut bench = Bench::new();
    bench.text(1, 1, Stream::Stdout, "first");
    bench.publisher.event(display(1, 0, false), bench.now);
    bench.publisher.event(display(1, 10, true), bench.now);
    let told = bench.publisher.take();
    let kinds: Vec<_> = told.iter().map(|message| message.msg_type).collect();
    assert_eq!(kinds, ["stream", "display_data", "update_display_data"]);
    let content = json!({"data": {"text/plain": "10 %"}, "metadata": {}, "transient": {"display_id": "bar"}});
    assert_eq!(told[2].content, content);
    assert_eq!(told[1].metadata["threadbook"]["thread"], "Thread-1");
}

#[test]
fn of_changes_that_wait_only_the_last_is_sent_but_text_between_them_keeps_its_place() {
    let mut bench = Bench::new();
    for percent in 0..100 {
        bench.publisher.event(display(1, percent, percent > 0), bench.now);
    }
    bench.text(1, 1, Stream::Stdout, "between");
    bench.publisher.event(display(1, 100, true), bench.now);
    let told = bench.publisher.take();
    let kinds: Vec<_> = told.iter().map(|message| message.msg_type).collect();
    assert_eq!(kinds, ["display_data", "update_display_data", "stream", "update_display_data"]);
    assert_eq!(told[1].content["data"]["text/plain"], "99 %");
}

#[test]
fn output_is_cleared_after_the_text_before_it() {
    let mut bench = Bench::new();
    bench.text(1, 1, Stream::Stdout, "old");
    let origin = Origin { cell: CellId(1), running: None, lane: LaneId(1), pid: 10, tid: 11, at: Duration::ZERO };
    bench.publisher.event(Event::Clear { origin, wait: true }, bench.now);
    let told = bench.publisher.take();
    assert_eq!((told[0].msg_type, told[1].msg_type), ("stream", "clear_output"));
    assert_eq!(told[1].content, json!({"wait": true}));
}
