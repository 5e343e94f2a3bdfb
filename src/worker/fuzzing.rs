//! The way in for the fuzz targets in `fuzz/`: whatever a worker, or a cell that has gone wild in it, may hand to the
//! session. Compiled only for them.

use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::events::{Event, Sink};
use crate::worker::abi::protocol::{Request, Response, receive, send};
use crate::worker::abi::record::RecordReader;
use crate::worker::abi::ring::Unread;
use crate::worker::abi::words;
use crate::worker::parent::answer::Answerer;
use crate::worker::parent::inbox::Inbox;
use crate::worker::parent::open::Open;
use crate::worker::parent::start::Start;

struct Nobody;

impl Sink for Nobody {
    fn event(&mut self, _: Event) {}
}

/// The bytes stand in the ring.
pub fn records(mut bytes: &[u8]) {
    let start = Start {
        executable: "threadbook".into(),
        directory: None,
        libraries: Vec::new(),
        runtime: "runtime".into(),
        each_print: bytes.len().is_multiple_of(2),
        epoch: 0,
        last_lane: 0,
        answerer: Answerer::default(),
        memory: None,
    };
    let streams = [(); 2].map(|()| {
        let (near, _far) = UnixStream::pair().expect("two sockets");
        near.set_nonblocking(true).expect("a socket of ours");
        near
    });
    let mut inbox = Inbox::new(&start, Arc::new(Mutex::new(Box::new(Nobody))), Arc::<Open>::default(), streams);
    inbox.set_worker(1 << 30);
    inbox.set_running(1);
    let mut reader = RecordReader::default();
    loop {
        let words = words::of(bytes);
        let unread = Unread::of(&words, bytes.len());
        let Some((head, payload, length)) = reader.read(&unread) else { break };
        assert!(length <= bytes.len() && length.is_multiple_of(8) && head.length as usize == payload.len());
        let again = [&head.to_bytes()[..], payload, &[0; 8]].concat();
        let mut reader = RecordReader::default();
        let read =
            reader.read(&Unread::of(&words::of(&again), again.len())).map(|(head, payload, _)| (head, payload));
        assert_eq!(read, Some((head, payload)));
        assert_eq!(inbox.record(&unread), length);
        bytes = &bytes[length..];
    }
    assert_eq!(
        inbox.record(&Unread::of(&words::of(bytes), bytes.len())),
        bytes.len(),
        "what is no record is passed over"
    );
    let nothing = words::of(&[]);
    inbox.release(&Unread::of(&nothing, 0));
    inbox.reap(&Unread::of(&nothing, 0));
    inbox.flush();
    inbox.finish_cell();
    inbox.process_ended(1 << 30);
    inbox.finish();
}

/// The bytes come from the control socket: as they are, and as the text of one message.
pub fn messages(bytes: &[u8]) {
    let framed = [&(bytes.len() as u32).to_ne_bytes(), bytes].concat();
    for wire in [bytes, &framed] {
        message::<Request>(wire);
        message::<Response>(wire);
    }
}

fn message<T: Serialize + DeserializeOwned>(wire: &[u8]) {
    let Ok(message) = receive::<T>(wire) else { return };
    let sent = |message: &T| {
        let mut wire = Vec::new();
        send(&mut wire, message).expect("what was received can be sent");
        wire
    };
    let once = sent(&message);
    assert_eq!(sent(&receive::<T>(&once[..]).expect("what was sent is received")), once);
}
