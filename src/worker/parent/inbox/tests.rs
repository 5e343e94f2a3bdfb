//! Records and bytes as a worker and its processes send them, and the events that come of them. The processes that have
//! to live, or to have ended, are real ones.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use super::*;
use crate::sys::process::parent_of;
use crate::worker::abi::memory::AtomicU64;
use crate::worker::abi::record::HEAD;
use crate::worker::abi::words;

/// No process has this id: the kernel's limit is 2^22.
const WORKER: u32 = 1 << 30;

#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<Event>>>);

impl Sink for Events {
    fn event(&mut self, event: Event) {
        self.0.lock().expect("no poison").push(event);
    }
}

struct Bench {
    inbox: Inbox,
    events: Events,
    open: Arc<Open>,
}

impl Bench {
    fn new() -> Bench {
        let (events, open) = (Events::default(), Arc::<Open>::default());
        let start = Start {
            executable: "threadbook".into(),
            directory: None,
            libraries: Vec::new(),
            runtime: "runtime".into(),
            each_print: false,
            epoch: 0,
            last_lane: 0,
            answerer: Answerer::default(),
            memory: None,
        };
        let streams = [(); 2].map(|()| UnixStream::pair().expect("two sockets").0);
        let sink: SharedSink = Arc::new(Mutex::new(Box::new(events.clone())));
        let mut inbox = Inbox::new(&start, sink, open.clone(), streams);
        inbox.set_worker(WORKER);
        Bench { inbox, events, open }
    }

    fn record(&mut self, kind: Kind, detail: u32, lane: u32, cell: u32, pid: u32) {
        self.records(&[head(kind, detail, lane, cell, pid)]);
    }

    /// The session reads these records, which have all been written before it reads the first.
    fn records(&mut self, heads: &[Head]) {
        for index in 0..heads.len() {
            let (words, length) = written(&heads[index..]);
            assert_eq!(self.inbox.record(&Unread::of(&words, length)), HEAD);
        }
    }

    /// `maker` starts a program in `cell`.
    fn program(&mut self, lane: u32, cell: u32, maker: u32, pid: u32) {
        self.records(&program(lane, cell, maker, pid));
    }

    /// The session reads text that this process writes, before these records.
    fn read_before(&mut self, pid: u32, text: &str, unread: &[Head]) {
        let (words, length) = written(unread);
        self.inbox.raw(Stream::Stdout, pid, text.as_bytes(), &Unread::of(&words, length));
    }

    fn reap(&mut self) {
        self.reap_before(&[]);
    }

    /// The session takes note of the processes that have ended, before it reads these records.
    fn reap_before(&mut self, unread: &[Head]) {
        let (words, length) = written(unread);
        self.inbox.reap(&Unread::of(&words, length));
    }

    fn texts(&mut self) -> Vec<(u32, String)> {
        self.inbox.flush();
        let events = self.events.0.lock().expect("no poison");
        let text = |event: &Event| match event {
            Event::Text { origin, text, .. } => Some((origin.lane.0, text.clone())),
            _ => None,
        };
        events.iter().filter_map(text).collect()
    }

    /// The lane and cell under which text that this process writes comes out, once every record has been read.
    fn writes(&mut self, pid: u32, text: &str) -> Option<(LaneId, CellId)> {
        self.read_before(pid, text, &[]);
        self.said(text)
    }

    /// The same of text that may have been held back.
    fn said(&mut self, text: &str) -> Option<(LaneId, CellId)> {
        self.inbox.flush();
        let events = self.events.0.lock().expect("no poison");
        events.iter().rev().find_map(|event| match event {
            Event::Text { origin, text: of, .. } if of == text => Some((origin.lane, origin.cell)),
            _ => None,
        })
    }

    fn open(&self) -> Vec<LaneId> {
        self.open.wait(Duration::ZERO)
    }
}

fn head(kind: Kind, detail: u32, lane: u32, cell: u32, pid: u32) -> Head {
    let detail = detail as u8;
    Head { kind, detail, length: 0, lane, other: 1, cell, running: cell, pid, tid: pid, nanos: 0 }
}

/// The records as they stand in the ring, and their length in bytes.
fn written(heads: &[Head]) -> (Vec<AtomicU64>, usize) {
    let bytes: Vec<u8> = heads.iter().flat_map(|head| head.to_bytes()).collect();
    (words::of(&bytes), bytes.len())
}

/// The records of a program's start: its lane is declared, then it runs.
fn program(lane: u32, cell: u32, maker: u32, pid: u32) -> [Head; 2] {
    [head(Kind::Lane, host::PROCESS, lane, cell, maker), head(Kind::Process, 0, lane, cell, pid)]
}

/// A shell with a child. The child ends when it is killed, the shell when its input does.
struct Shell {
    shell: Child,
    child: u32,
}

impl Shell {
    fn start() -> Shell {
        let mut command = Command::new("sh");
        command.args(["-c", "sleep 600 & echo $!; wait; exec cat"]);
        let mut shell = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a shell");
        let mut line = String::new();
        let output = shell.stdout.as_mut().expect("piped");
        BufReader::new(output).read_line(&mut line).expect("a line");
        let child = line.trim().parse().expect("a pid");
        Shell { shell, child }
    }

    /// The child ends, and the shell has waited for it: its id is free.
    fn end_child(&self) {
        // SAFETY: sends a signal to the shell's child.
        unsafe { libc::kill(self.child as libc::pid_t, libc::SIGKILL) };
        while parent_of(self.child).is_some() {
            std::thread::yield_now();
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        // SAFETY: as above; if it has ended, so has the shell's wait.
        unsafe { libc::kill(self.child as libc::pid_t, libc::SIGKILL) };
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

/// A process that has ended and been waited for.
fn ended() -> u32 {
    let mut child = Command::new("true").spawn().expect("it starts");
    child.wait().expect("it ends");
    child.id()
}

#[test]
fn a_process_id_that_is_used_again_speaks_with_its_new_name() {
    let (first, second) = (Shell::start(), Shell::start());
    let mut bench = Bench::new();
    bench.program(5, 1, WORKER, first.shell.id());
    assert_eq!(bench.writes(first.child, "old"), Some((LaneId(5), CellId(1))));
    first.end_child();
    let child = first.child;
    drop(first);
    bench.reap();
    bench.program(9, 2, WORKER, second.shell.id());
    // It has gone by the time it is looked up, as a program of a shell mostly has.
    assert_eq!(bench.writes(child, "new"), Some((LaneId(9), CellId(2))));
}

/// The ids of processes that have ended, in the order in which they were started.
fn three_ended() -> [u32; 3] {
    loop {
        let ids = [ended(), ended(), ended()];
        // The system begins again at the lowest id after the highest.
        if ids.is_sorted() {
            return ids;
        }
    }
}

#[test]
fn text_that_is_read_before_the_record_of_its_process_waits_for_that_record() {
    let [first, second, _] = three_ended();
    let mut bench = Bench::new();
    let starts = [program(5, 1, WORKER, first), program(6, 1, WORKER, second)].concat();
    bench.read_before(first, "of the first", &starts);
    bench.read_before(second, "of the second", &starts);
    assert_eq!(bench.texts(), []);
    bench.records(&starts);
    assert_eq!(bench.texts(), [(5, "of the first".to_string()), (6, "of the second".to_string())]);
}

#[test]
fn text_of_a_program_that_a_program_started_comes_before_what_the_worker_says_next() {
    let [shell, its, next] = three_ended();
    let mut bench = Bench::new();
    let said = head(Kind::Rename, 0, 1, 1, WORKER);
    let records = [&program(5, 1, WORKER, shell)[..], &[said], &program(6, 1, WORKER, next)].concat();
    bench.read_before(its, "of the shell's", &records);
    bench.read_before(shell, "of the shell", &records);
    bench.records(&records);
    let is_order = |events: &[Event]| {
        let place = |wanted: fn(&Event) -> bool| events.iter().position(wanted).expect("it came");
        place(|event| matches!(event, Event::Text { .. })) < place(|event| matches!(event, Event::Renamed { .. }))
    };
    assert_eq!(bench.texts(), [(5, "of the shell'sof the shell".to_string())]);
    assert!(is_order(&bench.events.0.lock().expect("no poison")));
}

#[test]
fn text_that_is_read_when_a_program_ends_waits_for_the_record_of_the_next_one() {
    let [first, second, _] = three_ended();
    let mut bench = Bench::new();
    bench.program(5, 1, WORKER, first);
    let starts = program(6, 1, WORKER, second);
    bench.read_before(second, "of the second", &starts);
    bench.reap_before(&starts);
    bench.records(&starts);
    assert_eq!(bench.texts(), [(6, "of the second".to_string())]);
}

#[test]
fn what_a_child_declared_ends_with_it() {
    let mut bench = Bench::new();
    let child = ended();
    bench.program(5, 1, WORKER, child);
    bench.record(Kind::Lane, host::THREAD, 6, 1, child);
    bench.record(Kind::Lane, host::THREAD, 7, 1, WORKER);
    bench.reap();
    assert_eq!(bench.open(), [LaneId(7)]);
}

#[test]
fn a_program_that_a_dead_child_was_about_to_start_holds_nothing_back() {
    let mut bench = Bench::new();
    let child = ended();
    bench.program(5, 1, WORKER, child);
    bench.record(Kind::Lane, host::PROCESS, 6, 1, child);
    assert_eq!(bench.writes(WORKER + 1, "held"), None, "it may be that program");
    bench.reap();
    assert_eq!(bench.said("held"), Some((LaneId::MAIN, CellId(1))));
}

#[test]
fn a_torn_character_is_found_at_the_end_only() {
    for (bytes, torn) in [
        (&b"abc"[..], 0),
        ("\u{e9}".as_bytes(), 0),
        (&"\u{e9}".as_bytes()[..1], 1),
        (&"a\u{20ac}".as_bytes()[..3], 2),
        (&"\u{1f600}".as_bytes()[..3], 3),
        (&b"\xff\xff"[..], 0),
        (&b"\x80\x80\x80\x80"[..], 0),
        (&b""[..], 0),
    ] {
        assert_eq!(torn_tail(bytes), torn, "{bytes:?}");
    }
}

/// The id of a thread has no descriptor, as any has none at the limit of open files.
#[test]
fn a_child_that_cannot_be_watched_lives_until_it_has_ended() {
    let (say, said) = std::sync::mpsc::channel();
    let (end, ends) = std::sync::mpsc::channel::<()>();
    let thread = std::thread::spawn(move || {
        // SAFETY: takes no arguments.
        say.send(unsafe { libc::gettid() } as u32).expect("heard");
        ends.recv().expect_err("hung up");
    });
    let mut bench = Bench::new();
    bench.program(5, 1, WORKER, said.recv().expect("said"));
    bench.reap();
    assert_eq!(bench.open(), [LaneId(5)]);
    drop(end);
    thread.join().expect("no panic");
    while !bench.open().is_empty() {
        bench.reap();
    }
}
