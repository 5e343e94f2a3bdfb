//! Input of cells, the worker's side. Fd 0 is `/dev/null` and stays so: a child reads nothing from it. When this process
//! reads it while a cell runs, the session is asked for a line.
//!
//! Threads ask one after the other. A line that is longer than the reader's buffer is kept for the next read, also
//! for one of a later cell. In a forked child `may_ask` is false, so the child never meets a lock that was held at the fork.

use std::collections::VecDeque;
use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use crate::sys::descriptor;
use crate::worker::abi::protocol::Input;
use crate::worker::abi::record::Head;
use crate::worker::abi::slot::Kind;
use crate::worker::child::capture;

/// The process whose cell may ask for input; 0 while there is none.
static OWNER: AtomicU32 = AtomicU32::new(0);
/// Whether questions are refused.
static REFUSED: AtomicBool = AtomicBool::new(false);
/// Whether the refusal has been printed in this cell.
static TOLD: AtomicBool = AtomicBool::new(false);
/// Device and inode of the `/dev/null` that is fd 0. If fd 0 is another file by now, a read is left to the system.
static NULL: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];
/// What was answered and is not read yet. The lock is held while a question is open.
static KEPT: Mutex<VecDeque<u8>> = Mutex::new(VecDeque::new());

/// Bytes of the longest prompt. A longer one is cut.
const LARGEST_PROMPT: usize = 64 << 10;

const REFUSAL: &[u8] = b"threadbook: the front end takes no input (it sent `allow_stdin: false`)\n";

/// Why there is no line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    End,
    Refused,
    Interrupted,
}

/// Remembers which file fd 0 is.
pub(crate) fn begin() {
    if let Some(identity) = identity() {
        NULL.iter().zip(identity).for_each(|(known, word)| known.store(word, Ordering::Relaxed));
    }
}

fn identity() -> Option<[u64; 2]> {
    descriptor::status(0).map(|status| [status.device, status.inode])
}

/// Notes that a cell begins in this process.
pub(crate) fn begin_cell(input: Input) {
    REFUSED.store(input == Input::Refused, Ordering::Relaxed);
    TOLD.store(false, Ordering::Relaxed);
    let owner = if input == Input::Empty { 0 } else { std::process::id() };
    OWNER.store(owner, Ordering::Release);
}

/// Notes that the cell has ended. Threads of it that go on read nothing more.
pub(crate) fn end_cell() {
    OWNER.store(0, Ordering::Release);
}

fn may_ask() -> bool {
    let owner = OWNER.load(Ordering::Acquire);
    owner != 0 && owner == std::process::id()
}

/// Reads from fd 0: returns how many bytes, 0 at the end of input, or an errno. None if the read is the system's to do.
pub(crate) fn read(into: &mut [MaybeUninit<u8>]) -> Option<Result<usize, c_int>> {
    let is_null = || identity().is_some_and(|identity| identity == [0, 1].map(|n| NULL[n].load(Ordering::Relaxed)));
    if into.is_empty() || !may_ask() || !is_null() {
        return None;
    }
    let mut kept = kept();
    if kept.is_empty() {
        match question(b"", false) {
            Ok(line) => {
                kept.extend(line);
                kept.push_back(b'\n');
            }
            Err(Missing::End) => return Some(Ok(0)),
            Err(Missing::Refused) => {
                if !TOLD.swap(true, Ordering::Relaxed) {
                    capture::text(2, REFUSAL);
                }
                return Some(Err(libc::ENOTSUP));
            }
            // Not EINTR: std would read again.
            Err(Missing::Interrupted) => return Some(Err(libc::ECANCELED)),
        }
    }
    let length = kept.len().min(into.len());
    for (to, byte) in into.iter_mut().zip(kept.drain(..length)) {
        to.write(byte);
    }
    Some(Ok(length))
}

/// Asks for a line with a prompt. What is kept for reads of fd 0 stays there.
pub(crate) fn ask(prompt: &[u8], password: bool) -> Result<Vec<u8>, Missing> {
    if !may_ask() {
        return Err(Missing::End);
    }
    let _one_at_a_time = kept();
    question(prompt, password)
}

fn kept() -> MutexGuard<'static, VecDeque<u8>> {
    KEPT.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Asks the session. The caller holds `KEPT`, so that there is one question at a time.
fn question(prompt: &[u8], password: bool) -> Result<Vec<u8>, Missing> {
    // The cell may have ended while the caller waited for its turn.
    let Some(ring) = capture::ring().filter(|_| may_ask()) else { return Err(Missing::End) };
    if REFUSED.load(Ordering::Relaxed) {
        return Err(Missing::Refused);
    }
    let mut detail = 0;
    let mut text = vec![u8::from(password)];
    text.extend_from_slice(&prompt[..prompt.len().min(LARGEST_PROMPT)]);
    let mut line = Vec::new();
    loop {
        // A time is a ticket that no question has had, also of a worker whose place this one has taken.
        let ticket = capture::now();
        let question = [&ticket.to_ne_bytes()[..], &text].concat();
        if !capture::input(detail, &question) {
            return Err(Missing::End);
        }
        match ring.slot().wait(ticket, &mut line) {
            Kind::Line => return Ok(line),
            Kind::Piece => (detail, text) = (Head::MORE, Vec::new()),
            Kind::End => return Err(Missing::End),
            Kind::Interrupted => return Err(Missing::Interrupted),
        }
    }
}
