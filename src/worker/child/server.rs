//! The worker process: loads the runtime, then one compiled cell after the other, and runs each on this one thread.
//! It knows nothing of the cell but its library; variables live in the runtime.

use std::ffi::c_void;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Mutex;

use super::{capture, comm, input, interpose, interrupt, oom, stdio};
use crate::sys::descriptor::out_of_reach;
use crate::sys::process;
use crate::sys::socket::send_descriptor;
use crate::worker::abi::comm::Comm;
use crate::worker::abi::launch;
use crate::worker::abi::memory::{Event, Memory};
use crate::worker::abi::protocol::{self, End, Request, Response, Run};
use crate::worker::abi::ring::Ring;
use crate::worker::abi::timing::TimeFormat;
use crate::worker::child::keeper::{self, Role};
use crate::worker::child::libraries::Libraries;
use crate::worker::child::snapshot::{Copied, Copier};
use crate::worker::host;

/// Becomes the worker if a session has started this process as one, and then returns only if the descriptors are not what
/// a session passes. In any other process it returns None, and a session may start the executable of this process as a
/// worker from then on. So an executable calls it before anything else, and has to export the functions of `hooks`.
pub fn main() -> Option<ExitCode> {
    // Control socket, ring, the ring's wake-up, the keeper's reports.
    let numbers = launch::descriptors()?;
    let fds: Option<Vec<RawFd>> =
        numbers.to_str().and_then(|numbers| numbers.split(',').map(|number| number.parse().ok()).collect());
    let Some(&[control, memory, wake, reports]) = fds.as_deref() else {
        eprintln!(
            "error: the environment has a variable by which threadbook starts itself; unset THREADBOOK_WORKER"
        );
        return Some(ExitCode::from(2));
    };
    // SAFETY: the descriptors were inherited for us.
    let [control, memory, wake, reports] =
        [control, memory, wake, reports].map(|fd| unsafe { OwnedFd::from_raw_fd(fd) });
    let workers = [&control, &memory, &wake].map(AsRawFd::as_raw_fd);
    match keeper::keep(reports, &workers) {
        Ok(Role::Worker) => {}
        // The descriptors of the worker are closed already: nothing may close them again.
        Ok(Role::Keeper) | Err(_) => process::leave(0),
    }
    // SAFETY: this process has one thread.
    unsafe { launch::clean_environment() };
    // The session went away, or never spoke our protocol: there is nobody to tell. A program's own exit handlers are
    // not run: a copy of it must not end it a second time.
    let _ = serve(control, memory, wake);
    process::leave(0)
}

fn serve(control: OwnedFd, memory: OwnedFd, wake: OwnedFd) -> io::Result<()> {
    let mut control = UnixStream::from(out_of_reach(control)?);
    let ring =
        Box::leak(Box::new(Ring::new(Memory::open(out_of_reach(memory)?)?, Event::open(out_of_reach(wake)?))));
    let Request::Hello { version, libraries, runtime } = protocol::receive(&control)? else {
        return Err(io::Error::other("the first message is hello"));
    };
    if version != protocol::VERSION {
        return protocol::send(&control, &Response::Ready { version: protocol::VERSION });
    }
    capture::begin(ring);
    interpose::begin();
    interrupt::begin();
    input::begin();
    stdio::begin();
    let mut loaded = Libraries::default();
    let begun = libraries.iter().try_for_each(|library| loaded.load(library).map(drop));
    if let Err(reason) = begun.and_then(|()| attach(&mut loaded, &runtime)) {
        return protocol::send(&control, &Response::LoadFailed { reason });
    }
    protocol::send(&control, &Response::Ready { version: protocol::VERSION })?;
    let mut copier = Copier::new();
    loop {
        let worker = std::process::id();
        let end = match protocol::receive(&control)? {
            Request::Run(run) => run_cell(&mut loaded, &run),
            Request::Comm(comm) => run_comm(&comm),
            Request::Snapshot { limit } => {
                match copier.copy(limit) {
                    Ok(Copied::Made(pid, line)) => {
                        protocol::send(&control, &Response::SnapshotTaken { pid })?;
                        send_descriptor(&control, line)?;
                    }
                    Ok(Copied::Copy(line)) => {
                        control = line;
                        oom::withdraw();
                        capture::begin_copy();
                        interrupt::begin();
                        attach(&mut loaded, &runtime).map_err(io::Error::other)?;
                    }
                    Err(error) => protocol::send(&control, &Response::SnapshotFailed { error })?,
                }
                continue;
            }
            Request::Hello { .. } => return Err(io::Error::other("hello comes once")),
        };
        stdio::flush();
        if std::process::id() != worker {
            // The cell forked, and this process is the child, which has run its share of the cell: it is no second worker.
            process::leave(if end == End::Returned { 0 } else { 1 });
        }
        input::end_cell();
        capture::running(0);
        protocol::send(&control, &Response::Done { end, tail: ring.tail() })?;
    }
}

fn attach(libraries: &mut Libraries, runtime: &Path) -> Result<(), String> {
    type Attach = unsafe extern "C" fn(*const host::Host) -> u32;
    let runtime = libraries.load(runtime)?;
    let found = runtime.symbol(c"threadbook_attach")?;
    comm::begin(runtime.symbol(c"threadbook_comm")?);
    // SAFETY: the runtime defines `threadbook_attach` with this type, and the table lives for ever.
    let version = unsafe {
        let attach: Attach = std::mem::transmute(found);
        attach(&HOST)
    };
    if version == host::VERSION { Ok(()) } else { Err(format!("the runtime speaks version {version}")) }
}

static REPORT: Mutex<Option<End>> = Mutex::new(None);

unsafe extern "C" fn report(kind: u32, message: *const u8, message_len: usize, at: *const u8, at_len: usize) {
    // SAFETY: the runtime passes text that it keeps during the call.
    let (message, at) = unsafe { (text(message, message_len), text(at, at_len)) };
    let end = if kind == host::FAILED { End::Failed { message } } else { End::Panicked { message, at } };
    *REPORT.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(end);
}

/// # Safety
/// `bytes` points to `len` readable bytes, or `len` is 0.
unsafe fn text(bytes: *const u8, len: usize) -> String {
    if len == 0 {
        return String::new();
    }
    // SAFETY: promised by the caller.
    String::from_utf8_lossy(unsafe { std::slice::from_raw_parts(bytes, len) }).into_owned()
}

fn run_cell(libraries: &mut Libraries, run: &Run) -> End {
    let entry = match libraries.load_cell(run) {
        // SAFETY: every cell's library defines `threadbook_cell` with this type.
        Ok(entry) => unsafe { std::mem::transmute::<*mut c_void, host::Entry>(entry) },
        Err(reason) => return End::NotLoaded { reason },
    };
    let places: String = run.places.iter().map(|places| places.to_line()).collect();
    let frame = host::Frame {
        places: places.as_ptr(),
        places_len: places.len(),
        wall_only: run.timing.format == TimeFormat::Wall,
        timed: run.timing.cell,
        compile_seconds: run.timing.compile_seconds,
        report,
    };
    capture::schedule(run.schedule);
    oom::offer();
    interrupt::clear();
    capture::running(run.cell);
    input::begin_cell(run.input);
    stdio::forget_end();
    // SAFETY: the frame and what it points to outlive the call; the entry catches panics itself.
    unsafe { entry(&frame) };
    REPORT.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take().unwrap_or(End::Returned)
}

fn run_comm(message: &Comm) -> End {
    interrupt::clear();
    capture::running(message.cell);
    input::begin_cell(protocol::Input::Empty);
    comm::run(message);
    End::Returned
}

static HOST: host::Host = host::Host {
    version: host::VERSION,
    text: host_text,
    next_thread_number: host_next_thread_number,
    declare: host_declare,
    here: host_here,
    declare_in: host_declare_in,
    act_as: host_act_as,
    adopt: host_adopt,
    rename: host_rename,
    enter: host_enter,
    leave: host_leave,
    end: host_end,
    join: host_join,
    display: host_display,
    result: host_result,
    input: host_input,
    waits: host_waits,
    woke: host_woke,
    interrupt: &interrupt::INTERRUPT,
};

/// # Safety
/// `bytes` points to `len` readable bytes, or `len` is 0.
unsafe fn slice<'a>(bytes: *const u8, len: usize) -> &'a [u8] {
    // SAFETY: promised by the caller.
    if len == 0 { &[] } else { unsafe { std::slice::from_raw_parts(bytes, len) } }
}

unsafe extern "C" fn host_text(stream: u32, bytes: *const u8, len: usize) {
    // SAFETY: promised by the runtime, as for the functions below.
    let bytes = unsafe { slice(bytes, len) };
    if !capture::text(stream as u8, bytes) && stream & host::UNSAID == 0 {
        // SAFETY: readable bytes, written by the raw system call.
        unsafe { libc::syscall(libc::SYS_write, stream, bytes.as_ptr(), bytes.len()) };
    }
}

extern "C" fn host_next_thread_number() -> u32 {
    capture::next_thread_number()
}

unsafe extern "C" fn host_declare(kind: u32, name: *const u8, len: usize) -> u64 {
    // SAFETY: as above.
    capture::declare(kind, capture::here(), unsafe { slice(name, len) }).to_handle()
}

extern "C" fn host_here() -> u64 {
    capture::here().to_handle()
}

unsafe extern "C" fn host_declare_in(kind: u32, of: u64, name: *const u8, len: usize) -> u64 {
    // SAFETY: as above.
    capture::declare(kind, capture::Here::from_handle(of), unsafe { slice(name, len) }).to_handle()
}

extern "C" fn host_act_as(lane: u64) -> u64 {
    capture::act_as(capture::Here::from_handle(lane)).to_handle()
}

extern "C" fn host_adopt(lane: u64) {
    capture::adopt(capture::Here::from_handle(lane));
}

unsafe extern "C" fn host_rename(name: *const u8, len: usize) {
    // SAFETY: as above.
    capture::rename(unsafe { slice(name, len) });
}

extern "C" fn host_enter(lane: u64) -> u64 {
    capture::enter(capture::Here::from_handle(lane)).to_handle()
}

extern "C" fn host_leave(previous: u64) {
    capture::leave(capture::Here::from_handle(previous));
}

extern "C" fn host_end(lane: u64) {
    capture::end(capture::Here::from_handle(lane));
}

extern "C" fn host_join(lane: u64) {
    capture::join(capture::Here::from_handle(lane));
}

unsafe extern "C" fn host_display(json: *const u8, len: usize) {
    // SAFETY: as above.
    show(unsafe { slice(json, len) }, false);
}

unsafe extern "C" fn host_result(json: *const u8, len: usize) {
    // SAFETY: as above.
    show(unsafe { slice(json, len) }, true);
}

unsafe extern "C" fn host_input(
    prompt: *const u8,
    len: usize,
    password: bool,
    take: unsafe extern "C" fn(*mut c_void, *const u8, usize),
    to: *mut c_void,
) -> u32 {
    // SAFETY: as above.
    match input::ask(unsafe { slice(prompt, len) }, password) {
        Ok(line) => {
            // SAFETY: the runtime's own function and argument, and text that lives during the call.
            unsafe { take(to, line.as_ptr(), line.len()) };
            host::INPUT_LINE
        }
        Err(input::Missing::End) => host::INPUT_END,
        Err(input::Missing::Refused) => host::INPUT_REFUSED,
        Err(input::Missing::Interrupted) => host::INPUT_INTERRUPTED,
    }
}

extern "C" fn host_waits(what: u32) {
    capture::waits(what);
}

extern "C" fn host_woke() {
    capture::woke();
}

/// Shows a value. A signal handler that interrupts its own thread's print cannot; then stderr says so.
fn show(json: &[u8], result: bool) {
    if !capture::display(json, result) {
        let said = b"threadbook: a display from a signal handler was left out\n";
        // SAFETY: readable bytes, written by the raw system call.
        unsafe { libc::syscall(libc::SYS_write, libc::STDERR_FILENO, said.as_ptr(), said.len()) };
    }
}
