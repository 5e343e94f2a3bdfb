//! `pipe`: a line with two ends between processes, on which values travel whole. Owns the framing. An end must not
//! be used by two threads or processes for sending (or for receiving) at the same time.

use super::transfer::Transfer;
use crate::sync::Mutex;
use crate::sys::{self, Readiness};
use crate::time::Seconds;
use crate::wait::{Stop, deadline, lock, until_ready};
use std::fmt;
use std::io::{self, ErrorKind};
use std::marker::PhantomData;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

/// One end of a pipe: sends values to the other end and receives those that were sent there. It is closed when it
/// is dropped in every process that has it, and a forked child has a copy of all that its parent has.
///
/// ```
/// # use threadbook::multiprocessing::{Process, pipe};
/// let (ours, theirs) = pipe()?;
/// Process::new(move || theirs.send(vec![1, 2, 3])).start()?;
/// assert_eq!(ours.recv()?, [1, 2, 3]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Connection<T> {
    line: UnixStream,
    /// What an interrupted `recv` has taken off the line: the beginning of the next message.
    received: Mutex<Vec<u8>>,
    /// What an interrupted `send` has not put on the line any more: the rest of the message before the next one.
    unsent: Mutex<Vec<u8>>,
    values: PhantomData<fn(T) -> T>,
}

const LEN_BYTES: usize = size_of::<usize>();

/// The largest piece, in bytes, by which the buffer of an incoming message grows: what the line says of a message's length
/// is not allocated before the bytes are there.
const PIECE_BYTES: usize = 64 * 1024;

/// Two connected ends: what is sent into one is received from the other.
///
/// # Errors
/// The system has no socket to give.
///
/// ```
/// # use threadbook::multiprocessing::pipe;
/// let (one, other) = pipe()?;
/// one.send(1)?;
/// assert_eq!(other.recv()?, 1);
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn pipe<T: Transfer>() -> io::Result<(Connection<T>, Connection<T>)> {
    let (one, other) = UnixStream::pair()?;
    Ok((Connection::new(one), Connection::new(other)))
}

impl<T> Connection<T> {
    fn new(line: UnixStream) -> Self {
        Connection { line, received: Mutex::default(), unsent: Mutex::default(), values: PhantomData }
    }

    /// Puts these bytes on the line and drains them, as far as it gets.
    fn put(&self, bytes: &mut Vec<u8>) -> Result<(), Stop> {
        let mut sent = 0;
        let outcome = loop {
            if sent == bytes.len() {
                break Ok(());
            }
            match sys::send(self.line.as_fd(), &bytes[sent..]) {
                Ok(count) => sent += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if let Err(stop) = until_ready(self.line.as_fd(), Readiness::Writable, None) {
                        break Err(stop);
                    }
                }
                Err(error) => break Err(error.into()),
            }
        };
        bytes.drain(..sent);
        outcome
    }

    /// Takes bytes off the line until `message` has `len` of them.
    fn fill(&self, message: &mut Vec<u8>, len: usize) -> Result<(), Stop> {
        while message.len() < len {
            let begin = message.len();
            message.resize(len.min(begin + PIECE_BYTES), 0);
            let received = sys::receive(self.line.as_fd(), &mut message[begin..]);
            message.truncate(begin + *received.as_ref().unwrap_or(&0));
            match received {
                Ok(0) => return Err(io::Error::from(ErrorKind::UnexpectedEof).into()),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    until_ready(self.line.as_fd(), Readiness::Readable, None)?;
                }
                Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    /// Receives the rest of a message whose beginning is there already.
    fn complete(&self, message: &mut Vec<u8>) -> Result<(), Stop> {
        self.fill(message, LEN_BYTES)?;
        let len = message.first_chunk().map_or(0, |len| usize::from_ne_bytes(*len));
        self.fill(message, LEN_BYTES.saturating_add(len))
    }
}

impl<T: Transfer> Connection<T> {
    /// Sends a value; waits while the line is full. If it is interrupted half-way, the next `send` sends the rest first.
    ///
    /// # Errors
    /// The other end is closed (`BrokenPipe`).
    ///
    /// ```
    /// # use threadbook::multiprocessing::pipe;
    /// let (ours, theirs) = pipe()?;
    /// ours.send(1)?;
    /// drop(theirs);
    /// assert!(ours.send(2).is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn send(&self, value: T) -> io::Result<()> {
        let mut message = vec![0; LEN_BYTES];
        value.write(&mut message);
        let len = message.len() - LEN_BYTES;
        message[..LEN_BYTES].copy_from_slice(&len.to_ne_bytes());
        let mut rest = std::mem::take(&mut *lock(&self.unsent));
        let mut outcome = self.put(&mut rest);
        if outcome.is_ok() {
            outcome = self.put(&mut message);
            // A message of which nothing is on the line counts as not sent.
            rest = if message.len() < LEN_BYTES + len { message } else { Vec::new() };
        }
        *lock(&self.unsent) = rest;
        outcome.map_err(Stop::into_error)
    }

    /// Waits for a value. If it is interrupted half-way, the next `recv` goes on with the same value.
    ///
    /// # Errors
    /// The other end is closed and nothing is left (`UnexpectedEof`).
    ///
    /// ```
    /// # use threadbook::multiprocessing::pipe;
    /// let (ours, theirs) = pipe()?;
    /// theirs.send(1)?;
    /// drop(theirs);
    /// assert_eq!(ours.recv()?, 1);
    /// assert!(ours.recv().is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn recv(&self) -> io::Result<T> {
        let mut message = std::mem::take(&mut *lock(&self.received));
        if let Err(stop) = self.complete(&mut message) {
            *lock(&self.received) = message;
            return Err(stop.into_error());
        }
        Ok(T::read(&mut &message[LEN_BYTES..])?)
    }

    /// Waits for at most `timeout`: whether there is something to receive, if only the end.
    ///
    /// # Errors
    /// The system cannot say.
    ///
    /// ```
    /// # use threadbook::multiprocessing::pipe;
    /// let (ours, theirs) = pipe()?;
    /// assert!(!ours.poll(0)?);
    /// theirs.send(1)?;
    /// assert!(ours.poll(1)?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn poll(&self, timeout: impl Seconds) -> io::Result<bool> {
        until_ready(self.line.as_fd(), Readiness::Readable, deadline(timeout.duration())).map_err(Stop::into_error)
    }

    /// Closes this end in this process; dropping it does the same.
    ///
    /// ```
    /// # use threadbook::multiprocessing::pipe;
    /// let (ours, theirs) = pipe::<i32>()?;
    /// theirs.close();
    /// assert!(ours.recv().is_err());
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn close(self) {}
}

impl<T> fmt::Debug for Connection<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Connection>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interrupt::testing::{interrupted, interrupted_by_signal};
    use std::io::Write;

    #[test]
    fn what_an_interrupted_recv_has_taken_is_for_the_next_one() {
        let (ours, theirs) = pipe::<String>().unwrap();
        let message = [&5usize.to_ne_bytes()[..], &5usize.to_ne_bytes(), b"hello"].concat();
        let message = [&(message.len() - LEN_BYTES).to_ne_bytes(), &message[LEN_BYTES..]].concat();
        for piece in message.chunks(3) {
            interrupted(|| ours.recv());
            (&theirs.line).write_all(piece).unwrap();
        }
        assert_eq!(ours.recv().unwrap(), "hello");
        drop(theirs);
        assert_eq!(ours.recv().unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }

    #[test]
    fn what_an_interrupted_send_has_left_is_sent_by_the_next_one() {
        let (ours, theirs) = pipe::<Vec<u8>>().unwrap();
        let large = vec![7; 10_000_000];
        interrupted(|| ours.send(large.clone()));
        // Nothing of this one is on the line, so it was not sent.
        interrupted(|| ours.send(vec![1]));
        let reader = std::thread::spawn(move || (theirs.recv().unwrap(), theirs.recv().unwrap(), theirs.recv()));
        ours.send(vec![2]).unwrap();
        drop(ours);
        let (first, second, end) = reader.join().unwrap();
        assert!(first == large && second == [2] && end.is_err());
    }

    #[test]
    fn an_interrupt_ends_a_recv_whenever_it_comes() {
        let (ours, theirs) = pipe::<i32>().unwrap();
        for _ in 0..100 {
            interrupted_by_signal(|| ours.recv());
            interrupted_by_signal(|| ours.poll(3600));
        }
        theirs.send(1).unwrap();
        assert_eq!(ours.recv().unwrap(), 1);
    }
}
