//! How a worker is started: the keeper's process, with its descriptors, limits and ends of the streams.

use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::sync::Arc;

use crate::sys::process::{end_with_this_thread, limit_memory, pass_descriptors, raise_stack_limit};
use crate::sys::socket::stream_pair;
use crate::worker::abi::launch;
use crate::worker::abi::memory::{Event, Memory};
use crate::worker::abi::ring::Ring;
use crate::worker::parent::answer::Answerer;

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
    /// Bytes of memory that the worker may ask for (`RLIMIT_DATA`, getrlimit(2)).
    pub memory: Option<u64>,
}

/// The session's ends of what the keeper and the worker were started with.
pub(crate) struct Started {
    pub keeper: Child,
    pub ring: Arc<Ring>,
    /// Fd 1 and 2.
    pub streams: [UnixStream; 2],
    pub reports: UnixStream,
}

/// Starts keeper and worker. The keeper is told to die with the thread that calls this.
pub(crate) fn start(start: &Start, control: UnixStream) -> io::Result<Started> {
    let ring = Arc::new(Ring::new(Memory::create()?, Event::create()?));
    ring.set_last_lane(start.last_lane);
    start.answerer.serve(ring.clone());
    let (out, far_out) = stream_pair()?;
    let (err, far_err) = stream_pair()?;
    let (reports, far_reports) = UnixStream::pair()?;
    let memory = ring.memory().descriptor().try_clone_to_owned()?;
    let wake = ring.wake().descriptor().try_clone_to_owned()?;
    let descriptors = [control.into(), memory, wake, far_reports.into()];
    let mut command =
        launch::command(start.executable.as_os_str(), |command| pass_descriptors(command, descriptors));
    if let Some(directory) = &start.directory {
        command.current_dir(directory);
    }
    command.stdin(Stdio::null()).stdout(OwnedFd::from(far_out)).stderr(OwnedFd::from(far_err));
    command.process_group(0);
    raise_stack_limit(&mut command, STACK);
    if let Some(bytes) = start.memory {
        limit_memory(&mut command, bytes);
    }
    end_with_this_thread(&mut command);
    Ok(Started { keeper: command.spawn()?, ring, streams: [out, err], reports })
}

/// Bytes of stack for the worker's main thread. Cells move their variables over it, so a large array needs as much
/// stack; beyond that the worker dies of a stack overflow.
const STACK: u64 = 64 << 20;
