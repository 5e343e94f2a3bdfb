//! Hands comm messages of the front end to the runtime's `threadbook_comm`, which knows their handlers.

use std::ffi::c_void;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::events::CommAct;
use crate::worker::abi::comm::Comm;
use crate::worker::host;

/// The function; null until the runtime is loaded.
static ENTRY: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());

/// `entry` is the runtime's `threadbook_comm`.
pub(crate) fn begin(entry: *mut c_void) {
    ENTRY.store(entry, Ordering::Relaxed);
}

/// Hands the message to its handler, on the calling thread.
pub(crate) fn run(comm: &Comm) {
    type Entry = unsafe extern "C" fn(*const host::Comm);
    let entry = ENTRY.load(Ordering::Relaxed);
    let (kind, target) = match &comm.act {
        CommAct::Open { target } => (host::COMM_OPEN, target.as_str()),
        CommAct::Message => (host::COMM_MESSAGE, ""),
        CommAct::Close => (host::COMM_CLOSE, ""),
    };
    let message = host::Comm {
        kind,
        id: comm.id.as_ptr(),
        id_len: comm.id.len(),
        target: target.as_ptr(),
        target_len: target.len(),
        data: comm.data.as_ptr(),
        data_len: comm.data.len(),
    };
    if !entry.is_null() {
        // SAFETY: the runtime defines `threadbook_comm` with this type; the message outlives the call, and panics stop there.
        unsafe { std::mem::transmute::<*mut c_void, Entry>(entry)(&message) };
    }
}
