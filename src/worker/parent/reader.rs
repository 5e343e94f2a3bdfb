//! The thread that starts a worker and reads everything that comes from it, from its snapshots and from their keeper. It
//! stays until all of them have ended, so nothing that was written is lost, whichever of them dies first.

use std::collections::HashSet;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::Sender;

use crate::sys::poll::{poll, poll_now};
use crate::sys::process::kill_group;
use crate::sys::socket::receive_descriptor;
use crate::worker::abi::protocol::{self, Response, SnapshotError};
use crate::worker::abi::report;
use crate::worker::abi::ring::Ring;
use crate::worker::parent::inbox::{Inbox, SharedSink};
use crate::worker::parent::open::Open;
use crate::worker::parent::reply::Reply;
use crate::worker::parent::snapshot::{Process, Snapshot};
use crate::worker::parent::start::{Start, start};

/// What the reader thread shares with the handle.
#[derive(Clone)]
pub(crate) struct Shared {
    pub open: Arc<Open>,
    /// The process id of the worker.
    pub current: Arc<AtomicU32>,
    /// The cell that was last sent to the worker.
    pub running: Arc<AtomicU32>,
    /// The last lane id that was given out. Set when all processes have ended.
    pub last_lane: Arc<AtomicU32>,
}

/// What the thread does, from the start of the keeper to its end.
pub(crate) fn read_worker(
    from: Start,
    sink: SharedSink,
    (control, far_control): (UnixStream, UnixStream),
    held: UnixStream,
    shared: Shared,
    replies: Sender<Reply>,
) {
    let mut started = match start(&from, far_control) {
        Ok(started) => started,
        Err(error) => return drop(replies.send(Reply::Started(Err(error)))),
    };
    let Ok((worker, _)) = report::receive(&started.reports) else {
        let _ = started.keeper.wait();
        return drop(replies.send(Reply::Gone));
    };
    shared.current.store(worker, Ordering::SeqCst);
    let _ = replies.send(Reply::Started(Ok(worker)));
    let watched =
        [&started.streams[0], &started.streams[1]].map(|stream| stream.try_clone().ok().map(OwnedFd::from));
    let mut inbox = Inbox::new(&from, sink, shared.open.clone(), started.streams);
    inbox.set_worker(worker);
    let mut reader = Reader {
        ring: started.ring,
        workers: HashSet::from([worker]),
        lines: vec![Line { pid: worker, socket: control }],
        reports: started.reports,
        held: Some(held),
        watched,
        replies,
        shared,
    };
    reader.until_the_end(&mut inbox);
    let _ = started.keeper.kill();
    let _ = started.keeper.wait();
    reader.take_everything(&mut inbox);
    inbox.finish();
    reader.shared.last_lane.store(reader.ring.last_lane(), Ordering::SeqCst);
    let _ = reader.replies.send(Reply::Gone);
}

struct Reader {
    ring: Arc<Ring>,
    /// The worker and its snapshots.
    workers: HashSet<u32>,
    /// Their control sockets; a snapshot says nothing until it is asked for something.
    lines: Vec<Line>,
    reports: UnixStream,
    /// Readable (its end) once the handle has been dropped; None from then on.
    held: Option<UnixStream>,
    watched: [Option<OwnedFd>; 2],
    replies: Sender<Reply>,
    shared: Shared,
}

struct Line {
    pid: u32,
    socket: UnixStream,
}

impl Reader {
    fn until_the_end(&mut self, inbox: &mut Inbox) {
        loop {
            self.take_everything(inbox);
            let may_sleep = self.ring.may_sleep();
            let mut fds: Vec<BorrowedFd> = vec![self.reports.as_fd(), self.ring.wake().descriptor()];
            fds.extend(self.lines.iter().map(|line| line.socket.as_fd()));
            fds.extend(self.watched.iter().flatten().map(|fd| fd.as_fd()));
            fds.extend(inbox.watched());
            // It stands last, since it is not always there.
            fds.extend(self.held.iter().map(|held| held.as_fd()));
            // While a cell writes without end there is always something to read: the descriptors are looked at all the same.
            let ready = if may_sleep { poll(&fds) } else { poll_now(&fds) };
            self.ring.awake();
            // From the last to the first: a line that has ended is removed, and a new one is put behind them.
            for index in (0..self.lines.len()).rev().filter(|index| ready[2 + index]) {
                if !self.message(index, inbox) {
                    self.lines.remove(index);
                }
            }
            if self.held.is_some() && ready.last() == Some(&true) {
                self.held = None;
                // The worker is killed by the handle. A snapshot ends at the end of its control socket, whoever holds it.
                self.lines.iter().for_each(|line| drop(line.socket.shutdown(Shutdown::Both)));
            }
            if ready[0] && !self.report(inbox) {
                return;
            }
        }
    }

    fn take_everything(&self, inbox: &mut Inbox) {
        self.ring.read(|unread| inbox.record(unread));
        inbox.read_streams(&self.ring.unread());
        self.ring.read(|unread| inbox.record(unread));
        inbox.release(&self.ring.unread());
        inbox.reap(&self.ring.unread());
        inbox.flush();
    }

    /// Takes a report of the keeper that a process has ended. Returns false if no process is left that could run a cell.
    fn report(&mut self, inbox: &mut Inbox) -> bool {
        let Ok((pid, exit)) = report::receive(&self.reports) else { return false };
        if !self.workers.remove(&pid) {
            // It was an orphan that a cell had left.
            return true;
        }
        // It may have sent messages before it ended.
        if let Some(index) = self.lines.iter().position(|line| line.pid == pid) {
            while self.message(index, inbox) {}
            self.lines.remove(index);
        }
        // Its children end with it, except those that have left its group.
        kill_group(pid);
        self.take_everything(inbox);
        inbox.process_ended(pid);
        if pid == self.shared.current.load(Ordering::SeqCst) {
            inbox.finish_cell();
        }
        let _ = self.replies.send(Reply::Ended(pid, exit));
        !self.workers.is_empty()
    }

    /// Takes one message of a line. Returns false if the line has ended.
    fn message(&mut self, index: usize, inbox: &mut Inbox) -> bool {
        let Line { pid: of, socket } = &self.lines[index];
        let of = *of;
        let Ok(response) = protocol::receive::<Response>(socket) else { return false };
        let reply = match response {
            Response::Ready { version } => Reply::Ready(version),
            Response::LoadFailed { reason } => Reply::LoadFailed(reason),
            Response::SnapshotTaken { pid } => Reply::Snapshot { of, taken: self.snapshot(index, pid, inbox) },
            Response::SnapshotFailed { error } => Reply::Snapshot { of, taken: Err(error) },
            Response::Done { end, tail } => {
                self.done(tail, inbox);
                Reply::Done(end)
            }
        };
        // Refused once the handle has been dropped; a snapshot is then dropped with its reply.
        let _ = self.replies.send(reply);
        true
    }

    /// A snapshot waits, whose control socket comes over this line. If the process has ended and been reaped, the keeper
    /// will not report it again.
    fn snapshot(&mut self, index: usize, pid: u32, inbox: &mut Inbox) -> Result<Snapshot, SnapshotError> {
        let failed = |error: io::Error| SnapshotError::Failed { reason: error.to_string() };
        let control = UnixStream::from(receive_descriptor(&self.lines[index].socket).map_err(failed)?);
        let socket = control.try_clone().map_err(failed)?;
        let snapshot = Snapshot(Process::new(pid, control).map_err(failed)?);
        inbox.set_worker(pid);
        self.workers.insert(pid);
        self.lines.push(Line { pid, socket });
        Ok(snapshot)
    }

    /// Reads the output of a cell that has ended. The cell's records end at `tail`.
    fn done(&self, tail: u64, inbox: &mut Inbox) {
        inbox.set_running(self.shared.running.load(Ordering::SeqCst));
        // Up to `tail` but not beyond the ring's own: a cell may have written over either, and the loop is to end.
        while self.ring.head() < tail.min(self.ring.tail()) {
            self.ring.read(|unread| inbox.record(unread));
        }
        inbox.set_running(self.shared.running.load(Ordering::SeqCst));
        inbox.read_streams(&self.ring.unread());
        inbox.release(&self.ring.unread());
        inbox.finish_cell();
        inbox.set_running(0);
    }
}
