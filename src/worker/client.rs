//! The session's handle on its worker. One thread starts the child, reads everything that comes from it, and stays
//! until it has ended: nothing that was written is lost, whoever dies first.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::output::LaneId;

use super::answer::Answerer;
use super::comm::Comm;
use super::inbox::{Inbox, Open, SharedSink};
use super::process::kill_group;
use super::protocol::{self, End, Request, Response, Run};
use super::ring::Ring;
use super::server;

/// What a worker is started with.
pub struct Start {
    /// The threadbook executable.
    pub executable: PathBuf,
    pub directory: Option<PathBuf>,
    /// Libraries that the runtime needs, in order, then the runtime.
    pub libraries: Vec<PathBuf>,
    pub runtime: PathBuf,
    pub each_print: bool,
    /// `CLOCK_MONOTONIC` nanoseconds at the start of the session.
    pub epoch: u64,
    /// The last lane id that an earlier worker of the session gave out.
    pub last_lane: u32,
    pub answerer: Answerer,
}

/// A running worker. Dropping it kills it, its threads and its children.
pub struct Worker {
    pid: u32,
    /// Readable once the worker has ended.
    pidfd: Option<OwnedFd>,
    control: UnixStream,
    replies: Receiver<Reply>,
    open: Arc<Open>,
    running: Arc<AtomicU32>,
    answerer: Answerer,
    /// Set when the worker has ended.
    last_lane: Arc<AtomicU32>,
    reader: Option<JoinHandle<()>>,
}

/// How a worker ended that should not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Signal(i32),
    Code(i32),
}

enum Reply {
    Started(io::Result<(u32, OwnedFd)>),
    Ready(u32),
    Unfit(String),
    Done(End),
    Lost(Exit),
}

impl Worker {
    /// Starts a worker and waits until its runtime is loaded; the error says what stopped it.
    pub fn start(start: Start, sink: SharedSink) -> Result<Worker, String> {
        let failed = |error: io::Error| format!("failed to start the worker: {error}");
        let (control, far_control) = UnixStream::pair().map_err(failed)?;
        let hello = Request::Hello {
            version: protocol::VERSION,
            libraries: start.libraries.clone(),
            runtime: start.runtime.clone(),
        };
        let (sender, replies) = channel();
        let open = Arc::new(Open::default());
        let running = Arc::new(AtomicU32::new(0));
        let last_lane = Arc::new(AtomicU32::new(start.last_lane));
        let answerer = start.answerer.clone();
        let reader = {
            let shared = Shared { open: open.clone(), running: running.clone(), last_lane: last_lane.clone() };
            let control = control.try_clone().map_err(failed)?;
            // The child is told to die with the thread that started it, so that thread is the one that stays.
            std::thread::Builder::new()
                .name("worker reader".into())
                .spawn(move || read_worker(start, sink, control, far_control, shared, sender))
                .map_err(failed)?
        };
        let mut worker = Worker {
            pid: 0,
            pidfd: None,
            control,
            replies,
            open,
            running,
            answerer,
            last_lane,
            reader: Some(reader),
        };
        let (pid, pidfd) = match worker.reply() {
            Reply::Started(started) => started.map_err(failed)?,
            other => return Err(other.unexpected()),
        };
        (worker.pid, worker.pidfd) = (pid, Some(pidfd));
        protocol::send(&worker.control, &hello).map_err(failed)?;
        match worker.reply() {
            Reply::Ready(protocol::VERSION) => Ok(worker),
            Reply::Ready(_) => {
                Err("the worker is of another version of threadbook; start the session again".into())
            }
            Reply::Unfit(reason) => Err(format!("the worker cannot load its runtime: {reason}")),
            other => Err(other.unexpected()),
        }
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Runs a cell to its end; everything that it wrote has gone to the sink by then.
    pub fn run(&mut self, run: Run) -> Result<End, Exit> {
        self.request(run.cell, &Request::Run(run))
    }

    /// The same for a comm message.
    pub fn comm(&mut self, comm: Comm) -> Result<End, Exit> {
        self.request(comm.cell, &Request::Comm(comm))
    }

    fn request(&mut self, cell: u32, request: &Request) -> Result<End, Exit> {
        self.running.store(cell, Ordering::SeqCst);
        self.answerer.open();
        let sent = protocol::send(&self.control, request);
        // A failed send means that the worker has died: the reader says how.
        let _ = sent;
        loop {
            match self.reply() {
                Reply::Done(end) => return Ok(end),
                Reply::Lost(exit) => return Err(exit),
                Reply::Started(_) | Reply::Ready(_) | Reply::Unfit(_) => {}
            }
        }
    }

    /// Whether the worker has died since the last cell, and how.
    pub fn died(&mut self) -> Option<Exit> {
        if !self.pidfd.as_ref().is_some_and(is_readable) {
            return None;
        }
        loop {
            if let Reply::Lost(exit) = self.reply() {
                return Some(exit);
            }
        }
    }

    /// The last lane id that was given out, once the worker has ended.
    pub fn last_lane(&self) -> u32 {
        self.last_lane.load(Ordering::SeqCst)
    }

    /// Waits until no thread, task or child of any cell is left, at most `patience`; answers those that are.
    pub fn settle(&self, patience: Duration) -> Vec<LaneId> {
        self.open.wait(patience)
    }

    fn reply(&self) -> Reply {
        // The reader sends `Lost` before it ends, so a closed channel means that it panicked.
        self.replies.recv().unwrap_or(Reply::Lost(Exit::Code(-1)))
    }
}

impl Reply {
    fn unexpected(self) -> String {
        match self {
            Reply::Lost(exit) => format!("the worker ended before it was ready: {exit}"),
            _ => "the worker spoke out of turn".into(),
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        kill_group(self.pid);
        let _ = self.control.shutdown(std::net::Shutdown::Both);
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Exit::Code(code) => write!(f, "exit code {code}"),
            Exit::Signal(signal) => match signal_name(*signal) {
                Some(name) => write!(f, "signal {signal} ({name})"),
                None => write!(f, "signal {signal}"),
            },
        }
    }
}

fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        libc::SIGABRT => "SIGABRT, abort",
        libc::SIGBUS => "SIGBUS, bad memory access",
        libc::SIGFPE => "SIGFPE, arithmetic fault",
        libc::SIGILL => "SIGILL, illegal instruction",
        libc::SIGKILL => "SIGKILL, killed from outside or out of memory",
        libc::SIGSEGV => "SIGSEGV, invalid memory access",
        libc::SIGTERM => "SIGTERM, terminated",
        libc::SIGINT => "SIGINT, interrupted",
        libc::SIGPIPE => "SIGPIPE, broken pipe",
        libc::SIGXCPU => "SIGXCPU, CPU time limit",
        libc::SIGXFSZ => "SIGXFSZ, file size limit",
        _ => return None,
    })
}

fn spawn(start: &Start, control: &UnixStream, ring: &Ring, streams: [UnixStream; 2]) -> io::Result<Child> {
    let mut command = Command::new(&start.executable);
    command.args(server::arguments(control, &ring.memory(), &ring.wake()));
    if let Some(directory) = &start.directory {
        command.current_dir(directory);
    }
    let [out, err] = streams;
    command.stdin(Stdio::null()).stdout(OwnedFd::from(out)).stderr(OwnedFd::from(err));
    let inherited = [control.as_raw_fd(), ring.memory().as_raw_fd(), ring.wake().as_raw_fd()];
    // SAFETY: between fork and exec only system calls that are safe there.
    unsafe {
        command.pre_exec(move || {
            libc::setpgid(0, 0);
            raise_stack_limit();
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            for fd in inherited {
                if libc::fcntl(fd, libc::F_SETFD, 0) < 0 {
                    return Err(io::Error::last_os_error());
                }
            }
            Ok(())
        });
    }
    command.spawn()
}

/// Room for the main thread, whose cells move their variables over the stack; a large array is one.
const STACK: libc::rlim_t = 64 << 20;

/// Between fork and exec: takes effect with the program that is about to be loaded.
fn raise_stack_limit() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: two system calls on a local.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_STACK, &mut limit) == 0 && limit.rlim_cur < STACK {
            limit.rlim_cur = STACK.min(limit.rlim_max);
            libc::setrlimit(libc::RLIMIT_STACK, &limit);
        }
    }
}

/// A socket pair whose near end is told which process wrote what.
fn stream_pair() -> io::Result<(UnixStream, UnixStream)> {
    let (near, far) = UnixStream::pair()?;
    let on: libc::c_int = 1;
    // SAFETY: passes the address and size of a local.
    let answer = unsafe {
        let size = std::mem::size_of_val(&on) as libc::socklen_t;
        libc::setsockopt(near.as_raw_fd(), libc::SOL_SOCKET, libc::SO_PASSCRED, (&raw const on).cast(), size)
    };
    if answer == 0 { Ok((near, far)) } else { Err(io::Error::last_os_error()) }
}

/// What the reader thread shares with the handle.
struct Shared {
    open: Arc<Open>,
    running: Arc<AtomicU32>,
    last_lane: Arc<AtomicU32>,
}

/// The reader thread: from the child's start to its end.
fn read_worker(
    start: Start,
    sink: SharedSink,
    control: UnixStream,
    far_control: UnixStream,
    shared: Shared,
    replies: Sender<Reply>,
) {
    let started = (|| {
        let ring = Arc::new(Ring::create(start.last_lane)?);
        start.answerer.serve(ring.clone());
        let (out, far_out) = stream_pair()?;
        let (err, far_err) = stream_pair()?;
        let child = spawn(&start, &far_control, &ring, [far_out, far_err])?;
        let pidfd = pidfd_open(child.id())?;
        let handle = pidfd.try_clone()?;
        Ok((ring, [out, err], child, pidfd, handle))
    })();
    drop(far_control);
    let (ring, streams, mut child, pidfd, handle) = match started {
        Ok(started) => started,
        Err(error) => return drop(replies.send(Reply::Started(Err(error)))),
    };
    let _ = replies.send(Reply::Started(Ok((child.id(), handle))));
    let watched = [streams[0].try_clone(), streams[1].try_clone()].map(|stream| stream.ok().map(OwnedFd::from));
    let mut inbox = Inbox::new(&start, sink, shared.open, streams);
    inbox.set_worker(child.id());
    let reader = Reader { ring, control, pidfd, watched, replies, running: shared.running };
    reader.until_the_end(&mut inbox);
    let exit = match child.wait() {
        Ok(status) => status.signal().map_or(Exit::Code(status.code().unwrap_or(-1)), Exit::Signal),
        Err(_) => Exit::Code(-1),
    };
    // SAFETY: children of the worker share its process group; their lane is in a session that has ended.
    unsafe { libc::kill(-(child.id() as libc::pid_t), libc::SIGKILL) };
    reader.take_everything(&mut inbox);
    inbox.finish();
    shared.last_lane.store(reader.ring.last_lane(), Ordering::SeqCst);
    let _ = reader.replies.send(Reply::Lost(exit));
}

struct Reader {
    ring: Arc<Ring>,
    control: UnixStream,
    pidfd: OwnedFd,
    watched: [Option<OwnedFd>; 2],
    replies: Sender<Reply>,
    running: Arc<AtomicU32>,
}

impl Reader {
    fn until_the_end(&self, inbox: &mut Inbox) {
        let mut control_is_open = true;
        loop {
            self.take_everything(inbox);
            if !self.ring.may_sleep() {
                continue;
            }
            let mut fds: Vec<BorrowedFd> = vec![self.pidfd.as_fd(), self.ring.wake()];
            fds.extend(self.watched.iter().flatten().map(|fd| fd.as_fd()));
            fds.extend(inbox.children().map(|fd| fd.as_fd()));
            if control_is_open {
                fds.push(self.control.as_fd());
            }
            let ready = poll(&fds);
            self.ring.awake();
            if control_is_open && ready.last() == Some(&true) {
                control_is_open = self.message(inbox);
            }
            if ready[0] {
                return;
            }
        }
    }

    fn take_everything(&self, inbox: &mut Inbox) {
        self.ring.read(|bytes| inbox.record(bytes));
        inbox.read_streams();
        self.ring.read(|bytes| inbox.record(bytes));
        inbox.release();
        inbox.reap();
        inbox.flush();
    }

    /// Takes one message; false when there will be no more.
    fn message(&self, inbox: &mut Inbox) -> bool {
        let Ok(response) = protocol::receive::<Response>(&self.control) else { return false };
        let reply = match response {
            Response::Ready { version } => Reply::Ready(version),
            Response::Unfit { reason } => Reply::Unfit(reason),
            Response::Done { end, tail } => {
                inbox.set_running(self.running.load(Ordering::SeqCst));
                while self.ring.head() < tail {
                    self.ring.read(|bytes| inbox.record(bytes));
                }
                inbox.set_running(self.running.load(Ordering::SeqCst));
                inbox.read_streams();
                inbox.release();
                inbox.finish_cell();
                inbox.set_running(0);
                Reply::Done(end)
            }
        };
        self.replies.send(reply).is_ok()
    }
}

pub fn pidfd_open(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: asks for a descriptor of a process; touches no memory.
    let fd = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the system just gave us this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as libc::c_int) })
}

/// Waits until one of the descriptors can be read or has ended; says for each whether it is one.
pub fn poll(fds: &[BorrowedFd]) -> Vec<bool> {
    poll_for(fds, -1)
}

pub fn is_readable(fd: &impl AsFd) -> bool {
    poll_for(&[fd.as_fd()], 0)[0]
}

fn poll_for(fds: &[BorrowedFd], milliseconds: libc::c_int) -> Vec<bool> {
    let mut polled: Vec<libc::pollfd> =
        fds.iter().map(|fd| libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 }).collect();
    // SAFETY: the array and its length belong together. An interrupted wait leaves every answer at 0.
    unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, milliseconds) };
    polled.iter().map(|fd| fd.revents != 0).collect()
}
