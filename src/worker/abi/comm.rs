//! Comm messages, in both directions: those of the front end go to the runtime's `threadbook_comm`, those of cells
//! come out of the ring as JSON and become events. What is said on a comm is never looked into.

use std::ffi::c_void;
use std::sync::atomic::{AtomicPtr, Ordering};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::events::{CommAct, Event, Origin, Stream};

use crate::worker::abi::protocol::End;
use crate::worker::host;

/// A comm message of the front end.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Comm {
    /// Output of its handler is this cell's.
    pub cell: u32,
    /// What the front end does.
    pub act: Act,
    /// The comm's id.
    pub id: String,
    /// Of an open only.
    pub target: String,
    /// JSON
    pub data: String,
}

/// What a front end does with a comm.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub enum Act {
    /// `comm_open`
    Open,
    /// `comm_msg`
    Message,
    /// `comm_close`
    Close,
}

static ENTRY: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());

/// `entry` is the runtime's `threadbook_comm`.
pub(crate) fn begin(entry: *mut c_void) {
    ENTRY.store(entry, Ordering::Relaxed);
}

/// Hands the message to its handler, on the calling thread.
pub(crate) fn run(comm: &Comm) -> End {
    type Entry = unsafe extern "C" fn(*const host::Comm);
    let entry = ENTRY.load(Ordering::Relaxed);
    let kind = match comm.act {
        Act::Open => host::COMM_OPEN,
        Act::Message => host::COMM_MESSAGE,
        Act::Close => host::COMM_CLOSE,
    };
    let message = host::Comm {
        kind,
        id: comm.id.as_ptr(),
        id_len: comm.id.len(),
        target: comm.target.as_ptr(),
        target_len: comm.target.len(),
        data: comm.data.as_ptr(),
        data_len: comm.data.len(),
    };
    if !entry.is_null() {
        // SAFETY: the runtime defines `threadbook_comm` with this type; the message outlives the call, and panics stop there.
        unsafe { std::mem::transmute::<*mut c_void, Entry>(entry)(&message) };
    }
    End::Returned
}

/// What a cell says on a comm, from the runtime's JSON; its data is JSON in a string.
pub(crate) fn event(told: &Value, origin: Origin) -> Option<Event> {
    let id = told["id"].as_str()?.to_owned();
    let act = match told["act"].as_str()? {
        "open" => CommAct::Open { target: told["target"].as_str()?.to_owned() },
        "message" => CommAct::Message,
        _ => CommAct::Close,
    };
    match serde_json::from_str(told["data"].as_str()?) {
        Ok(data) => Some(Event::Comm { origin, id, act, data }),
        Err(error) => {
            let text = format!("threadbook: a comm message is not sent, since its data is not JSON: {error}\n");
            Some(Event::Text { origin, stream: Stream::Stderr, text })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{CellId, LaneId};
    use serde_json::json;
    use std::time::Duration;

    const ORIGIN: Origin =
        Origin { cell: CellId(3), running: None, lane: LaneId(1), pid: 8, tid: 9, at: Duration::ZERO };

    #[test]
    fn what_a_cell_says_is_read_with_its_data() {
        let told = json!({"act": "open", "id": "c", "target": "t", "data": "{\"a\": [1]}"});
        let act = CommAct::Open { target: "t".into() };
        let expected = Event::Comm { origin: ORIGIN, id: "c".into(), act, data: json!({"a": [1]}) };
        assert_eq!(event(&told, ORIGIN), Some(expected));
        assert_eq!(event(&json!({"act": "message", "data": "1"}), ORIGIN), None);
    }

    #[test]
    fn what_is_no_json_is_said_to_be_none() {
        let told = json!({"act": "message", "id": "c", "data": "{a: 1}"});
        let Some(Event::Text { stream: Stream::Stderr, text, .. }) = event(&told, ORIGIN) else { panic!("text") };
        assert!(text.contains("not sent") && text.contains("not JSON"), "{text}");
    }
}
