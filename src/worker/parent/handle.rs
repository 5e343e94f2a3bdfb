//! The session's handle on its worker: runs cells in it, stops them, takes snapshots of it and puts one in its place.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::events::LaneId;
use crate::sys::process::{interrupt_group, kill_group};

use crate::worker::abi::comm::Comm;
use crate::worker::abi::exit::Exit;
use crate::worker::abi::protocol::{self, End, Request, Run, SnapshotError};
use crate::worker::parent::answer::Answerer;
use crate::worker::parent::inbox::SharedSink;
use crate::worker::parent::open::Open;
use crate::worker::parent::reader::{Shared, read_worker};
use crate::worker::parent::reply::Reply;
use crate::worker::parent::snapshot::{Process, Snapshot};
use crate::worker::parent::start::Start;

/// How long an interrupted cell may take to end by itself; then its worker is killed.
const PATIENCE: Duration = Duration::from_secs(1);

/// The end of a worker whose keeper was killed: the system kills the worker with it.
const KEEPER_LOST: Exit = Exit::Signal(libc::SIGKILL);

/// A running worker. Dropping it kills the worker, its threads and its children, ends its snapshots, and waits until all
/// of them have ended.
pub struct Worker {
    process: Process,
    /// How the worker ended, once that is known.
    exit: Option<Exit>,
    snapshot: Asked,
    replies: Receiver<Reply>,
    /// For those who stop a cell from elsewhere.
    sender: Sender<Reply>,
    /// The keeper has ended, and with it the worker and its snapshots.
    gone: bool,
    shared: Shared,
    answerer: Answerer,
    reader: Option<JoinHandle<()>>,
    /// The reader ends all processes once this end of the pair is closed. None only while the worker is dropped.
    hold: Option<UnixStream>,
}

/// The snapshot of the worker that was last asked for.
enum Asked {
    Nothing,
    Waiting,
    Taken(Result<Snapshot, SnapshotError>),
}

/// Why a cell was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    Interrupted,
    TimedOut,
}

/// How a cell's run went: how its code or its worker ended, and whether it was stopped.
pub struct Ran {
    pub end: Result<End, Exit>,
    pub stop: Option<Stop>,
}

/// Stops a cell of one worker, from any thread.
#[derive(Clone)]
pub struct Stopper(Sender<Reply>);

impl Stopper {
    /// A stopper without a worker, for tests.
    #[cfg(test)]
    pub fn of_nothing() -> Stopper {
        Stopper(channel().0)
    }

    /// Stops this cell, if it runs.
    pub fn stop(&self, cell: u32) {
        // A worker that has ended runs nothing.
        let _ = self.0.send(Reply::Stop(cell));
    }
}

impl Worker {
    /// Starts a worker and waits until its runtime is loaded; the error says what stopped it.
    pub fn start(start: Start, sink: SharedSink) -> Result<Worker, String> {
        let failed = |error: io::Error| format!("failed to start the worker: {error}");
        let (control, far_control) = UnixStream::pair().map_err(failed)?;
        let (hold, held) = UnixStream::pair().map_err(failed)?;
        let hello = Request::Hello {
            version: protocol::VERSION,
            libraries: start.libraries.clone(),
            runtime: start.runtime.clone(),
        };
        let (sender, replies) = channel();
        let answerer = start.answerer.clone();
        let shared = Shared {
            open: Arc::new(Open::default()),
            current: Arc::default(),
            running: Arc::default(),
            last_lane: Arc::new(AtomicU32::new(start.last_lane)),
        };
        let reader = {
            let (shared, sender) = (shared.clone(), sender.clone());
            let control = control.try_clone().map_err(failed)?;
            // The keeper is killed when the thread that started it ends, so the reader's thread starts it: that thread
            // stays to the end.
            std::thread::Builder::new()
                .name("worker reader".into())
                .spawn(move || read_worker(start, sink, (control, far_control), held, shared, sender))
                .map_err(failed)?
        };
        let pid = match replies.recv() {
            Ok(Reply::Started(started)) => started.map_err(failed)?,
            Ok(other) => return Err(other.unexpected()),
            Err(_) => return Err(Reply::Gone.unexpected()),
        };
        let mut worker = Worker {
            process: Process::new(pid, control).map_err(failed)?,
            exit: None,
            snapshot: Asked::Nothing,
            replies,
            sender,
            gone: false,
            shared,
            answerer,
            reader: Some(reader),
            hold: Some(hold),
        };
        protocol::send(&worker.process.control, &hello).map_err(failed)?;
        match worker.reply(None) {
            Ok(Some(Reply::Ready(protocol::VERSION))) => Ok(worker),
            Ok(Some(Reply::Ready(_))) => {
                Err("the worker is of another version of threadbook; start the session again".into())
            }
            Ok(Some(Reply::LoadFailed(reason))) => Err(format!("the worker cannot load its runtime: {reason}")),
            Ok(Some(other)) => Err(other.unexpected()),
            Ok(None) | Err(TimedOut) => Err(Reply::Gone.unexpected()),
        }
    }

    pub fn pid(&self) -> u32 {
        self.process.pid
    }

    pub fn stopper(&self) -> Stopper {
        Stopper(self.sender.clone())
    }

    /// Runs a cell to its end; everything that it wrote has gone to the sink by then. A cell that is stopped, or has
    /// run for `limit`, is asked to end; one that does not is killed.
    pub fn run(&mut self, run: Run, limit: Option<Duration>) -> Ran {
        self.request(run.cell, &Request::Run(run), limit)
    }

    /// Runs the handler of a comm message, as `run` runs a cell.
    pub fn comm(&mut self, comm: Comm, limit: Option<Duration>) -> Ran {
        self.request(comm.cell, &Request::Comm(comm), limit)
    }

    fn request(&mut self, cell: u32, request: &Request, limit: Option<Duration>) -> Ran {
        self.shared.running.store(cell, Ordering::SeqCst);
        self.answerer.open();
        // A snapshot of the state before this cell that nobody has taken is dropped when it comes.
        self.snapshot = Asked::Nothing;
        // A failed send means that the worker has died: the reader says how.
        let _ = protocol::send(&self.process.control, request);
        let mut deadline = limit.map(|limit| Instant::now() + limit);
        let mut stop = None;
        loop {
            if let Some(exit) = self.end_of_worker() {
                return Ran { end: Err(exit), stop };
            }
            match self.reply(deadline) {
                Ok(Some(Reply::Done(end))) => return Ran { end: Ok(end), stop },
                Ok(Some(Reply::Stop(of))) if of == cell && stop.is_none() => stop = Some(Stop::Interrupted),
                Ok(_) => continue,
                Err(TimedOut) if stop.is_none() => stop = Some(Stop::TimedOut),
                Err(TimedOut) => {
                    kill_group(self.process.pid);
                    deadline = None;
                    continue;
                }
            }
            interrupt_group(self.process.pid);
            self.answerer.interrupt();
            deadline = Some(Instant::now() + PATIENCE);
        }
    }

    /// How the worker ended, if it has ended.
    pub fn died(&mut self) -> Option<Exit> {
        if !self.process.has_ended() {
            return self.end_of_worker();
        }
        loop {
            if let Some(exit) = self.end_of_worker() {
                return Some(exit);
            }
            let _ = self.reply(None);
        }
    }

    /// Asks for a snapshot of the worker as it is now, which `snapshot` returns. None is made that would take longer than
    /// `limit`.
    pub fn request_snapshot(&mut self, limit: Duration) {
        self.snapshot = match protocol::send(&self.process.control, &Request::Snapshot { limit }) {
            Ok(()) => Asked::Waiting,
            Err(_) => Asked::Nothing,
        };
    }

    /// Waits for the snapshot that was last asked for and returns it, or why there is none. None if no snapshot was asked
    /// for since the last cell.
    pub fn snapshot(&mut self) -> Option<Result<Snapshot, SnapshotError>> {
        loop {
            match std::mem::replace(&mut self.snapshot, Asked::Nothing) {
                Asked::Nothing => return None,
                Asked::Taken(taken) => return Some(taken),
                Asked::Waiting if self.end_of_worker().is_some() => {
                    return Some(Err(SnapshotError::Failed { reason: "the worker ended".into() }));
                }
                Asked::Waiting => {
                    self.snapshot = Asked::Waiting;
                    let _ = self.reply(None);
                }
            }
        }
    }

    /// Takes another snapshot of the state that a snapshot holds, which goes on holding it: one state can be restored any
    /// number of times. None is made that would take longer than `limit`.
    pub fn snapshot_of(&mut self, snapshot: &Snapshot, limit: Duration) -> Result<Snapshot, SnapshotError> {
        let Snapshot(Process { pid, control, .. }) = snapshot;
        let ended = || SnapshotError::Failed { reason: "the snapshot's process ended".into() };
        protocol::send(control, &Request::Snapshot { limit }).map_err(|_| ended())?;
        loop {
            match self.reply(None) {
                Ok(Some(Reply::Snapshot { of, taken })) if of == *pid => return taken,
                Ok(Some(Reply::Ended(of, _))) if of == *pid => return Err(ended()),
                Ok(Some(Reply::Gone)) | Err(TimedOut) => return Err(ended()),
                Ok(_) => {}
            }
        }
    }

    /// Puts a snapshot in the worker's place; the worker is ended if it has not. False if the snapshot has ended too.
    pub fn take_over(&mut self, snapshot: Snapshot) -> bool {
        // A process whose keeper has ended is about to end.
        let Snapshot(process) = snapshot;
        if self.gone || process.has_ended() {
            return false;
        }
        self.shared.current.store(process.pid, Ordering::SeqCst);
        let before = std::mem::replace(&mut self.process, process);
        kill_group(before.pid);
        (self.exit, self.snapshot) = (None, Asked::Nothing);
        true
    }

    /// The last lane id that was given out, once the worker has ended.
    pub fn last_lane(&self) -> u32 {
        self.shared.last_lane.load(Ordering::SeqCst)
    }

    /// Waits until no thread, task or child of any cell is left, at most `patience`; returns those that are.
    pub fn settle(&self, patience: Duration) -> Vec<LaneId> {
        self.shared.open.wait(patience)
    }

    /// How the worker ended, as far as replies have told; None while it is not known to have ended.
    fn end_of_worker(&self) -> Option<Exit> {
        self.exit.or(self.gone.then_some(KEEPER_LOST))
    }

    /// Waits for the next reply, without end if there is no deadline. Whoever waits, and for whatever, the worker's end and
    /// its snapshot are noted; of a snapshot nothing is left to return then.
    fn reply(&mut self, deadline: Option<Instant>) -> Result<Option<Reply>, TimedOut> {
        if self.gone {
            return Ok(Some(Reply::Gone));
        }
        let reply = match deadline {
            None => self.replies.recv().unwrap_or(Reply::Gone),
            Some(deadline) => match self.replies.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(reply) => reply,
                Err(RecvTimeoutError::Timeout) => return Err(TimedOut),
                Err(RecvTimeoutError::Disconnected) => Reply::Gone,
            },
        };
        match reply {
            Reply::Gone => self.gone = true,
            Reply::Ended(pid, exit) if pid == self.process.pid => self.exit = Some(exit),
            Reply::Snapshot { of, taken } if of == self.process.pid => {
                if let Asked::Waiting = self.snapshot {
                    self.snapshot = Asked::Taken(taken);
                }
                return Ok(None);
            }
            _ => {}
        }
        Ok(Some(reply))
    }
}

/// The deadline of a wait has passed.
struct TimedOut;

impl Drop for Worker {
    fn drop(&mut self) {
        kill_group(self.process.pid);
        // Drops the snapshots that nobody has taken, and refuses those that are still to come.
        self.replies = channel().1;
        self.hold = None;
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}
