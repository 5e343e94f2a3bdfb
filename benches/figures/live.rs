//! A session whose cells are measured, and a process that is.

use std::io::Read;
use std::mem::MaybeUninit;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use threadbook::engine::{Engine, Options, Outcome, Session};
use threadbook::events::{CellId, Event, Sink, Stream};

pub(crate) const EXECUTABLE: &str = env!("CARGO_BIN_EXE_threadbook");

/// Seconds of a cell or of a process.
#[derive(Clone, Copy)]
pub(crate) struct Took {
    pub(crate) wall: f64,
    /// CPU of everything that took part: the session's process, its compilers, its worker.
    pub(crate) cpu: f64,
    /// CPU of the process that ran the code.
    pub(crate) run: f64,
}

/// What came out on the standard output and the standard error.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Said {
    pub(crate) out: String,
    pub(crate) err: String,
}

#[derive(Clone, Default)]
struct Heard(Arc<Mutex<Said>>);

impl Sink for Heard {
    fn event(&mut self, event: Event) {
        match event {
            Event::Failed { failure, .. } => eprintln!("{}", failure.traceback.join("\n")),
            Event::Text { stream: Stream::Stdout, text, .. } => self.0.lock().expect("no poison").out += &text,
            Event::Text { stream: Stream::Stderr, text, .. } => self.0.lock().expect("no poison").err += &text,
            _ => {}
        }
    }
}

pub(crate) struct Live {
    session: Session,
    heard: Heard,
    cells: u32,
}

impl Live {
    pub(crate) fn start() -> Live {
        let options = Options { executable: Some(EXECUTABLE.into()), ..Options::default() };
        let heard = Heard::default();
        let session = Session::start(options, Box::new(heard.clone())).expect("a session");
        Live { session, heard, cells: 0 }
    }

    pub(crate) fn run(&mut self, source: &str) -> Took {
        self.run_before(source, &[])
    }

    /// Runs a cell that these will follow.
    pub(crate) fn run_before(&mut self, source: &str, ahead: &[&str]) -> Took {
        self.cells += 1;
        let worker = self.session.worker_pid();
        let before = (Instant::now(), own_cpu(), children_cpu(), process_cpu(worker));
        let outcome = self.session.execute(CellId(self.cells), source, ahead).expect("the session goes on");
        assert_eq!(outcome, Outcome::Ok, "{source}");
        let run = process_cpu(worker) - before.3;
        let around = own_cpu() - before.1 + children_cpu() - before.2;
        Took { wall: before.0.elapsed().as_secs_f64(), cpu: run + around, run }
    }

    /// What the cells have put out since this was last asked.
    pub(crate) fn said(&self) -> Said {
        std::mem::take(&mut self.heard.0.lock().expect("no poison"))
    }
}

/// Runs a program to its end.
#[expect(clippy::zombie_processes, reason = "`wait4` waits, and tells what the process used")]
pub(crate) fn process(command: &mut Command) -> (Took, Said) {
    let began = Instant::now();
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let mut said = Said::default();
    child.stdout.take().expect("a pipe").read_to_string(&mut said.out).expect("text");
    child.stderr.take().expect("a pipe").read_to_string(&mut said.err).expect("text");
    let (mut status, mut usage) = (0, MaybeUninit::zeroed());
    // SAFETY: both places are valid for a write, and zeroes are a `rusage`.
    let (waited, usage) = unsafe {
        let pid = child.id() as libc::pid_t;
        (libc::wait4(pid, &raw mut status, 0, usage.as_mut_ptr()), usage.assume_init())
    };
    assert!(waited == child.id() as libc::pid_t && status == 0, "{command:?} failed: {}", said.err);
    let cpu = seconds(&usage);
    (Took { wall: began.elapsed().as_secs_f64(), cpu, run: cpu }, said)
}

fn seconds(usage: &libc::rusage) -> f64 {
    let of = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    of(usage.ru_utime) + of(usage.ru_stime)
}

/// CPU of the children that have ended.
fn children_cpu() -> f64 {
    let mut usage = MaybeUninit::zeroed();
    // SAFETY: the place is valid for a write, and zeroes are a `rusage`.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr());
        usage.assume_init()
    };
    seconds(&usage)
}

fn own_cpu() -> f64 {
    process_cpu(std::process::id())
}

/// CPU of all threads that a process has and had (clock_getcpuclockid(3)).
fn process_cpu(pid: u32) -> f64 {
    let (mut clock, mut time) = (0, MaybeUninit::<libc::timespec>::zeroed());
    // SAFETY: both places are valid for a write, and zeroes are a `timespec`.
    let (found, time) = unsafe {
        let found = libc::clock_getcpuclockid(pid as libc::pid_t, &raw mut clock);
        (found == 0 && libc::clock_gettime(clock, time.as_mut_ptr()) == 0, time.assume_init())
    };
    assert!(found, "process {pid} has ended");
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
