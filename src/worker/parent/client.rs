//! The session's handle on its worker and on the copies of it: what it asks of them, and which of them is the worker.

use std::io;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::events::LaneId;

use crate::sys::poll::is_readable;
use crate::sys::process::{interrupt_group, kill_group, pidfd_open};
use crate::worker::abi::comm::Comm;
use crate::worker::abi::exit::Exit;
use crate::worker::abi::protocol::{self, End, NotCopied, Request, Run};
use crate::worker::parent::answer::Answerer;
use crate::worker::parent::inbox::SharedSink;
use crate::worker::parent::open::Open;
use crate::worker::parent::reader::{Shared, read_worker};
use crate::worker::parent::start::Start;

/// How long an interrupted cell may take to end by itself.
const PATIENCE: Duration = Duration::from_secs(1);

/// A process that runs cells, or would.
struct Process {
    pid: u32,
    /// Readable once it has ended.
    pidfd: OwnedFd,
    control: UnixStream,
}

/// A running worker. Dropping it kills it, its threads and its children, and waits until they and its copies have ended:
/// copies are dropped first.
pub(crate) struct Worker {
    process: Process,
    replies: Receiver<Reply>,
    /// For those who stop a cell from elsewhere.
    sender: Sender<Reply>,
    open: Arc<Open>,
    current: Arc<AtomicU32>,
    running: Arc<AtomicU32>,
    answerer: Answerer,
    /// Set when all processes have ended.
    last_lane: Arc<AtomicU32>,
    ending: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
    copying: bool,
    /// The keeper has ended, and with it the worker and its copies.
    gone: bool,
}

/// A copy of the worker that waits. Dropping it ends it.
pub(crate) struct Copy(Option<Process>);

/// Why a cell was stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    Interrupted,
    TimedOut,
}

/// How a cell's run went: how its code or its worker ended, and whether it was stopped.
pub(crate) struct Ran {
    pub end: Result<End, Exit>,
    pub stop: Option<Stop>,
}

/// Stops a cell of one worker, from any thread.
#[derive(Clone)]
pub(crate) struct Stopper(Sender<Reply>);

impl Stopper {
    /// For tests: it has no worker.
    #[cfg(test)]
    pub(crate) fn of_nothing() -> Stopper {
        Stopper(channel().0)
    }

    /// Stops this cell, if it runs.
    pub(crate) fn stop(&self, cell: u32) {
        // A worker that has gone runs nothing.
        let _ = self.0.send(Reply::Stop(cell));
    }
}

pub(crate) enum Reply {
    Started(io::Result<u32>),
    Ready(u32),
    Unfit(String),
    Done(End),
    Copied(Result<(u32, UnixStream), NotCopied>),
    /// A worker or a copy has ended.
    Ended(u32, Exit),
    /// All have ended, and the keeper.
    Gone,
    /// Not from the reader: somebody wants this cell stopped.
    Stop(u32),
}

impl Worker {
    /// Starts a worker and waits until its runtime is loaded; the error says what stopped it.
    pub(crate) fn start(start: Start, sink: SharedSink) -> Result<Worker, String> {
        let failed = |error: io::Error| format!("failed to start the worker: {error}");
        let (control, far_control) = UnixStream::pair().map_err(failed)?;
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
            ending: Arc::default(),
        };
        let reader = {
            let (shared, sender) = (shared.clone(), sender.clone());
            let control = control.try_clone().map_err(failed)?;
            // The keeper is told to die with the thread that started it, so that thread is the one that stays.
            std::thread::Builder::new()
                .name("worker reader".into())
                .spawn(move || read_worker(start, sink, control, far_control, shared, sender))
                .map_err(failed)?
        };
        let pid = match replies.recv() {
            Ok(Reply::Started(started)) => started.map_err(failed)?,
            Ok(other) => return Err(other.unexpected()),
            Err(_) => return Err(Reply::Gone.unexpected()),
        };
        let process = Process { pid, pidfd: pidfd_open(pid).map_err(failed)?, control };
        let Shared { open, current, running, last_lane, ending } = shared;
        let reader = Some(reader);
        let mut worker = Worker {
            process,
            replies,
            sender,
            open,
            current,
            running,
            answerer,
            last_lane,
            ending,
            reader,
            copying: false,
            gone: false,
        };
        protocol::send(&worker.process.control, &hello).map_err(failed)?;
        match worker.reply(None) {
            Some(Reply::Ready(protocol::VERSION)) => Ok(worker),
            Some(Reply::Ready(_)) => {
                Err("the worker is of another version of threadbook; start the session again".into())
            }
            Some(Reply::Unfit(reason)) => Err(format!("the worker cannot load its runtime: {reason}")),
            other => Err(other.unwrap_or(Reply::Gone).unexpected()),
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid
    }

    pub(crate) fn stopper(&self) -> Stopper {
        Stopper(self.sender.clone())
    }

    /// Runs a cell to its end; everything that it wrote has gone to the sink by then. A cell that is stopped, or has
    /// run for `limit`, is asked to end; one that does not is killed.
    pub(crate) fn run(&mut self, run: Run, limit: Option<Duration>) -> Ran {
        self.request(run.cell, &Request::Run(run), limit)
    }

    /// The same for a comm message.
    pub(crate) fn comm(&mut self, comm: Comm, limit: Option<Duration>) -> Ran {
        self.request(comm.cell, &Request::Comm(comm), limit)
    }

    fn request(&mut self, cell: u32, request: &Request, limit: Option<Duration>) -> Ran {
        self.running.store(cell, Ordering::SeqCst);
        self.answerer.open();
        // A failed send means that the worker has died: the reader says how.
        let _ = protocol::send(&self.process.control, request);
        let mut deadline = limit.map(|limit| Instant::now() + limit);
        let mut stop = None;
        loop {
            match self.reply(deadline) {
                Some(Reply::Done(end)) => return Ran { end: Ok(end), stop },
                Some(Reply::Ended(pid, exit)) if pid == self.process.pid => return Ran { end: Err(exit), stop },
                Some(Reply::Gone) => return Ran { end: Err(KEEPER_LOST), stop },
                Some(Reply::Stop(of)) if of == cell && stop.is_none() => stop = Some(Stop::Interrupted),
                None if stop.is_none() => stop = Some(Stop::TimedOut),
                None => {
                    kill_group(self.process.pid);
                    deadline = None;
                    continue;
                }
                // Nobody has asked after this copy.
                Some(Reply::Copied(copied)) => {
                    self.copying = false;
                    hang_up(copied);
                    continue;
                }
                Some(_) => continue,
            }
            interrupt_group(self.process.pid);
            self.answerer.interrupt();
            deadline = Some(Instant::now() + PATIENCE);
        }
    }

    /// Whether the worker has died since the last cell, and how.
    pub(crate) fn died(&mut self) -> Option<Exit> {
        if !is_readable(&self.process.pidfd) {
            return None;
        }
        loop {
            match self.reply(None) {
                Some(Reply::Ended(pid, exit)) if pid == self.process.pid => return Some(exit),
                Some(Reply::Gone) | None => return Some(KEEPER_LOST),
                Some(_) => {}
            }
        }
    }

    /// Asks for a copy of the worker as it is now, which `copied` answers. A copy that would take longer than `limit` is
    /// not made.
    pub(crate) fn copy(&mut self, limit: Duration) {
        self.copying = protocol::send(&self.process.control, &Request::Copy { limit }).is_ok();
    }

    /// The copy that was last asked for, or why there is none; nothing if none is under way.
    pub(crate) fn copied(&mut self) -> Option<Result<Copy, NotCopied>> {
        if !std::mem::take(&mut self.copying) {
            return None;
        }
        let lost = |reason: &str| Some(Err(NotCopied::Failed { reason: reason.into() }));
        loop {
            match self.reply(None) {
                Some(Reply::Copied(Ok((pid, control)))) => {
                    return Some(match pidfd_open(pid) {
                        Ok(pidfd) => Ok(Copy(Some(Process { pid, pidfd, control }))),
                        Err(error) => Err(NotCopied::Failed { reason: error.to_string() }),
                    });
                }
                Some(Reply::Copied(Err(why))) => return Some(Err(why)),
                Some(Reply::Ended(pid, exit)) if pid == self.process.pid => {
                    // For `died` to find.
                    let _ = self.sender.send(Reply::Ended(pid, exit));
                    return lost("the worker ended");
                }
                Some(Reply::Gone) | None => return lost("the worker ended"),
                Some(_) => {}
            }
        }
    }

    /// The copy takes the worker's place, which is ended if it has not. False if the copy has ended too.
    pub(crate) fn take_over(&mut self, mut copy: Copy) -> bool {
        let Some(process) = copy.0.take() else { return false };
        // One whose keeper has gone is about to end.
        if self.gone || is_readable(&process.pidfd) {
            return false;
        }
        self.current.store(process.pid, Ordering::SeqCst);
        let before = std::mem::replace(&mut self.process, process);
        kill_group(before.pid);
        self.copying = false;
        true
    }

    /// The last lane id that was given out, once the worker has ended.
    pub(crate) fn last_lane(&self) -> u32 {
        self.last_lane.load(Ordering::SeqCst)
    }

    /// Waits until no thread, task or child of any cell is left, at most `patience`; answers those that are.
    pub(crate) fn settle(&self, patience: Duration) -> Vec<LaneId> {
        self.open.wait(patience)
    }

    /// The next reply; none once the deadline has passed. After the last there is no other.
    fn reply(&mut self, deadline: Option<Instant>) -> Option<Reply> {
        if self.gone {
            return Some(Reply::Gone);
        }
        let reply = match deadline {
            None => self.replies.recv().unwrap_or(Reply::Gone),
            Some(deadline) => match self.replies.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(reply) => reply,
                Err(RecvTimeoutError::Timeout) => return None,
                Err(RecvTimeoutError::Disconnected) => Reply::Gone,
            },
        };
        self.gone = matches!(reply, Reply::Gone);
        Some(reply)
    }
}

/// What is said of a worker whose keeper was killed, and all with it.
const KEEPER_LOST: Exit = Exit::Signal(libc::SIGKILL);

/// Ends a copy that is not wanted; the reader has its line too, so it is not enough to drop it.
fn hang_up(copied: Result<(u32, UnixStream), NotCopied>) {
    if let Ok((_, line)) = copied {
        let _ = line.shutdown(Shutdown::Both);
    }
}

impl Reply {
    fn unexpected(self) -> String {
        match self {
            Reply::Ended(_, exit) => format!("the worker ended before it was ready: {exit}"),
            Reply::Gone => "the worker ended before it was ready".into(),
            _ => "the worker spoke out of turn".into(),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::SeqCst);
        kill_group(self.process.pid);
        // A copy that nobody has asked after.
        for reply in self.replies.try_iter() {
            if let Reply::Copied(copied) = reply {
                hang_up(copied);
            }
        }
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        if let Some(process) = self.0.take() {
            // It ends once its line does.
            let _ = process.control.shutdown(Shutdown::Both);
        }
    }
}
