//! `pipe`: a line with two ends between processes, on which values travel whole. Owns the framing. An end must not
//! be used by two threads or processes for sending (or for receiving) at the same time.

use super::transfer::Transfer;
use crate::sys;
use crate::time::Seconds;
use crate::wait::deadline;
use std::fmt;
use std::io::{self, Read, Write};
use std::marker::PhantomData;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

/// One end of a pipe: sends values to the other end and receives those that were sent there. It is closed when it
/// is dropped in every process that has it, and a forked child has a copy of all that its parent has.
pub struct Connection<T> {
    line: UnixStream,
    values: PhantomData<fn(T) -> T>,
}

/// Two connected ends: what is sent into one is received from the other.
///
/// # Errors
/// The system has no socket to give.
pub fn pipe<T: Transfer>() -> io::Result<(Connection<T>, Connection<T>)> {
    let (one, other) = UnixStream::pair()?;
    Ok((Connection { line: one, values: PhantomData }, Connection { line: other, values: PhantomData }))
}

impl<T: Transfer> Connection<T> {
    /// Sends a value; waits while the line is full.
    ///
    /// # Errors
    /// The other end is closed (`BrokenPipe`).
    pub fn send(&self, value: T) -> io::Result<()> {
        let mut message = vec![0; size_of::<usize>()];
        value.write(&mut message);
        let len = message.len() - size_of::<usize>();
        message[..size_of::<usize>()].copy_from_slice(&len.to_ne_bytes());
        (&self.line).write_all(&message)
    }

    /// Waits for a value.
    ///
    /// # Errors
    /// The other end is closed and nothing is left (`UnexpectedEof`).
    pub fn recv(&self) -> io::Result<T> {
        let mut len = [0; size_of::<usize>()];
        (&self.line).read_exact(&mut len)?;
        let len = usize::from_ne_bytes(len);
        let mut message = Vec::new();
        if (&self.line).take(len as u64).read_to_end(&mut message)? < len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(T::read(&mut message.as_slice())?)
    }

    /// Waits for at most `timeout`: whether there is something to receive, if only the end.
    ///
    /// # Errors
    /// The system cannot say.
    pub fn poll(&self, timeout: impl Seconds) -> io::Result<bool> {
        sys::readable(self.line.as_fd(), deadline(timeout.duration()))
    }

    /// Closes this end in this process; dropping it does the same.
    pub fn close(self) {}
}

impl<T> fmt::Debug for Connection<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Connection>")
    }
}
