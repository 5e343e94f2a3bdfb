//! The messages of session and worker on the control socket: closed enums as JSON, each behind its length (four bytes in
//! native order). The first message tells the version, which alone decides whether the others can be understood.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::worker::abi::comm::Comm;
use crate::worker::abi::schedule::Schedule;
use crate::worker::abi::timing::Timing;

/// The version of this file, raised with every change to it.
pub(crate) const VERSION: u32 = 6;

/// From the session.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    Hello {
        version: u32,
        libraries: Vec<PathBuf>,
        runtime: PathBuf,
    },
    Run(Run),
    Comm(Comm),
    /// The process is to make a copy of itself that waits, unless that takes longer than `limit`.
    Snapshot {
        limit: Duration,
    },
}

/// One compiled cell to run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    pub cell: u32,
    /// The library of all crates, if whatever is loaded later may take from it what both have.
    pub shared: Option<PathBuf>,
    /// Libraries that the cell links to, in the order in which they must be loaded.
    pub needs: Vec<PathBuf>,
    pub library: PathBuf,
    /// Files whose places the runtime is to know from here on.
    pub places: Vec<Places>,
    pub timing: Timing,
    pub schedule: Schedule,
    pub input: Input,
}

/// Who answers a cell that reads its standard input.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input {
    /// Nobody: the input is empty.
    #[default]
    Empty,
    /// Nobody, since the front end has said that it does not: reading is an error.
    Refused,
    /// The front end, by an `Answerer`.
    Asked,
}

/// A generated file: what `panic::Location` calls it, what the user is told instead (`In[3]`), and where its text
/// stands further right than in the cell: line and column (from 1), and by how many columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Places {
    pub file: String,
    pub label: String,
    pub shifts: Vec<(u32, u32, i64)>,
}

impl Places {
    /// As `host::Frame::places` has it.
    pub fn to_line(&self) -> String {
        let shifts = self.shifts.iter().map(|(line, column, back)| format!("\t{line} {column} {back}"));
        format!("{}\t{}{}\n", self.file, self.label, shifts.collect::<String>())
    }
}

/// From the worker.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Response {
    /// The runtime is loaded.
    Ready {
        version: u32,
    },
    /// The runtime could not be loaded.
    LoadFailed {
        reason: String,
    },
    /// The cell has ended; its records end at `tail` of the ring.
    Done {
        end: End,
        tail: u64,
    },
    /// The snapshot asked for waits under this process id. One byte with its control socket follows
    /// (`sys::socket::send_descriptor`).
    SnapshotTaken {
        pid: u32,
    },
    SnapshotFailed {
        error: SnapshotError,
    },
}

/// Why there is no snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SnapshotError {
    Threads,
    Pipe,
    LockedFile,
    Cost { milliseconds: u64 },
    Failed { reason: String },
}

impl std::fmt::Display for SnapshotError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            SnapshotError::Threads => write!(f, "a thread was running"),
            SnapshotError::Pipe => write!(f, "a pipe or a socket was open"),
            SnapshotError::LockedFile => write!(f, "a locked file was open"),
            SnapshotError::Cost { milliseconds } => write!(f, "a copy would have taken {milliseconds} ms"),
            SnapshotError::Failed { reason } => write!(f, "the copy failed: {reason}"),
        }
    }
}

/// How a cell's code ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    Returned,
    /// `?` returned this error.
    Failed {
        message: String,
    },
    /// `at` is `In[3]:2:5`, or a place in a library.
    Panicked {
        message: String,
        at: String,
    },
    /// The library could not be loaded; nothing ran.
    NotLoaded {
        reason: String,
    },
}

pub(crate) fn send(mut to: impl Write, message: &impl Serialize) -> io::Result<()> {
    let mut bytes = vec![0; 4];
    serde_json::to_writer(&mut bytes, message)?;
    let length = u32::try_from(bytes.len() - 4).map_err(io::Error::other)?;
    bytes[..4].copy_from_slice(&length.to_ne_bytes());
    to.write_all(&bytes)
}

/// The next message. `UnexpectedEof` if the other side has ended or closed the socket.
pub(crate) fn receive<T: DeserializeOwned>(mut from: impl Read) -> io::Result<T> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let length = u32::from_ne_bytes(length) as usize;
    // Memory is taken for what comes, not for what is announced: a cell with a wild pointer may have written the length.
    let mut bytes = Vec::with_capacity(length.min(64 << 10));
    if from.take(length as u64).read_to_end(&mut bytes)? < length {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(serde_json::from_slice(&bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_arrives_as_it_was_sent() {
        let end = End::Panicked { message: "x\u{e9}".into(), at: "In[3]:2:5".into() };
        let mut wire = Vec::new();
        send(&mut wire, &Response::Done { end: end.clone(), tail: 7 }).expect("sent");
        let Response::Done { end: got, tail: 7 } = receive(&wire[..]).expect("received") else { panic!("done") };
        assert_eq!(got, end);
    }

    #[test]
    fn memory_is_taken_for_what_comes_and_not_for_what_is_announced() {
        struct Asked<'a>(&'a [u8], usize);
        impl Read for Asked<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                self.1 = self.1.max(buffer.len());
                self.0.read(buffer)
            }
        }
        let wire = [&u32::MAX.to_ne_bytes()[..], b"{}"].concat();
        let mut asked = Asked(&wire, 0);
        assert_eq!(receive::<Response>(&mut asked).expect_err("torn").kind(), io::ErrorKind::UnexpectedEof);
        assert!(asked.1 <= 1 << 20, "{}", asked.1);
    }

    #[test]
    fn a_torn_message_is_an_error() {
        let mut wire = Vec::new();
        send(&mut wire, &Response::Ready { version: VERSION }).expect("sent");
        assert!(receive::<Response>(&wire[..wire.len() - 1]).is_err());
    }
}
