//! How a worker is started: the keeper's process, with its descriptors, limits and ends of the streams.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use crate::worker::abi::ring::Ring;
use crate::worker::child::server;
use crate::worker::parent::answer::Answerer;
use crate::worker::parent::stream::stream_pair;

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
pub(crate) fn start(start: &Start, control: &UnixStream) -> io::Result<Started> {
    let ring = Arc::new(Ring::create(start.last_lane)?);
    start.answerer.serve(ring.clone());
    let (out, far_out) = stream_pair()?;
    let (err, far_err) = stream_pair()?;
    let (reports, far_reports) = UnixStream::pair()?;
    let inherited =
        [control.as_raw_fd(), ring.memory().as_raw_fd(), ring.wake().as_raw_fd(), far_reports.as_raw_fd()];
    let mut command = Command::new(&start.executable);
    command.args(server::arguments(inherited));
    if std::env::var_os(TUNABLES.0).is_none() {
        command.env(TUNABLES.0, TUNABLES.1);
    }
    if let Some(directory) = &start.directory {
        command.current_dir(directory);
    }
    command.stdin(Stdio::null()).stdout(OwnedFd::from(far_out)).stderr(OwnedFd::from(far_err));
    let memory = start.memory;
    // SAFETY: between fork and exec only system calls that are safe there.
    unsafe {
        command.pre_exec(move || {
            libc::setpgid(0, 0);
            raise_stack_limit();
            if let Some(bytes) = memory {
                lower_data_limit(bytes);
            }
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            for fd in inherited {
                if libc::fcntl(fd, libc::F_SETFD, 0) < 0 {
                    return Err(io::Error::last_os_error());
                }
            }
            Ok(())
        });
    }
    Ok(Started { keeper: command.spawn()?, ring, streams: [out, err], reports })
}

/// Asks the C library for huge pages where a heap is large: a copy of the worker then costs a fraction. Only known when a
/// program starts; the worker takes it out again, for it is no business of the programs that cells run.
pub(crate) const TUNABLES: (&str, &str) = ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1");

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

fn lower_data_limit(bytes: u64) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: two system calls on a local.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_DATA, &mut limit) == 0 {
            limit.rlim_cur = bytes.min(limit.rlim_max);
            libc::setrlimit(libc::RLIMIT_DATA, &limit);
        }
    }
}
