//! `Queue`: values that any process puts in and any takes out, first in, first out. It is a file in memory that
//! all processes share, a lock and a count; so a `put` is complete when it comes back, whatever happens to the
//! process then, and never waits for a reader. A process that is killed in the middle of a `put` or `get` takes the
//! lock with it, as in CPython.

use super::transfer::Transfer;
use crate::sync::SharedCount;
use crate::sys::shared_file;
use crate::time::Seconds;
use crate::wait::{Stop, deadline, take_one};
use std::fmt;
use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Instant;

/// A queue between processes. Clones are the same queue, and so is the copy in a forked child.
///
/// ```
/// # use threadbook::multiprocessing::{Process, Queue};
/// let queue = Queue::new()?;
/// let puts = queue.clone();
/// Process::new(move || puts.put((1, "one".to_string()))).start()?;
/// assert_eq!(queue.get()?, (1, "one".to_string()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Queue<T> {
    shared: Arc<Shared>,
    values: PhantomData<fn(T) -> T>,
}

struct Shared {
    /// A [`Header`], then one message after the other, each with its length before it.
    file: File,
    /// 1 while no process holds the lock.
    lock: SharedCount,
    /// How many values nobody has taken or is about to take.
    count: SharedCount,
}

/// Where the messages are that were not taken yet: from `head` to before `tail`.
struct Header {
    head: u64,
    tail: u64,
    count: u64,
}

const HEADER_BYTES: u64 = 24;
const LEN_BYTES: usize = 8;

impl<T: Transfer> Queue<T> {
    /// A queue with nothing in it.
    ///
    /// # Errors
    /// The system has no file in memory to give.
    ///
    /// ```
    /// # use threadbook::multiprocessing::Queue;
    /// assert!(Queue::<i32>::new()?.empty()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn new() -> io::Result<Queue<T>> {
        let (file, lock, count) = (shared_file()?, SharedCount::new(1)?, SharedCount::new(0)?);
        let shared = Shared { file, lock, count };
        shared.write_header(&Header { head: HEADER_BYTES, tail: HEADER_BYTES, count: 0 })?;
        Ok(Queue { shared: Arc::new(shared), values: PhantomData })
    }

    /// Puts a value at the end.
    ///
    /// # Errors
    /// There is no memory left for it.
    ///
    /// ```
    /// # use threadbook::multiprocessing::Queue;
    /// let queue = Queue::new()?;
    /// queue.put(1)?;
    /// queue.put(2)?;
    /// assert_eq!((queue.get()?, queue.get()?), (1, 2));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn put(&self, value: T) -> io::Result<()> {
        let mut message = vec![0; LEN_BYTES];
        value.write(&mut message);
        let len = (message.len() - LEN_BYTES) as u64;
        message[..LEN_BYTES].copy_from_slice(&len.to_ne_bytes());
        let written = self.shared.locked(|shared, header| {
            shared.file.write_all_at(&message, header.tail)?;
            header.tail += message.len() as u64;
            header.count += 1;
            Ok(())
        });
        written.map_err(Stop::into_error)?;
        self.shared.count.give()
    }

    /// Waits for a value and takes it from the front.
    ///
    /// # Errors
    /// The system fails.
    ///
    /// ```
    /// # use threadbook::multiprocessing::{Process, Queue};
    /// let queue = Queue::new()?;
    /// let puts = queue.clone();
    /// Process::new(move || puts.put(7)).start()?;
    /// assert_eq!(queue.get()?, 7);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn get(&self) -> io::Result<T> {
        let value = self.get_until(None)?;
        Ok(value.expect("a wait without a deadline ends only with a value"))
    }

    /// Waits for at most `timeout`; `None` if the queue was empty all the time.
    ///
    /// # Errors
    /// The system fails.
    ///
    /// ```
    /// # use threadbook::multiprocessing::Queue;
    /// assert_eq!(Queue::<i32>::new()?.get_timeout(0.001)?, None);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn get_timeout(&self, timeout: impl Seconds) -> io::Result<Option<T>> {
        self.get_until(deadline(timeout.duration()))
    }

    /// Takes a value if there is one.
    ///
    /// # Errors
    /// The system fails.
    ///
    /// ```
    /// # use threadbook::multiprocessing::Queue;
    /// let queue = Queue::new()?;
    /// queue.put('a')?;
    /// assert_eq!((queue.try_get()?, queue.try_get()?), (Some('a'), None));
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn try_get(&self) -> io::Result<Option<T>> {
        self.get_until(Some(Instant::now()))
    }

    fn get_until(&self, deadline: Option<Instant>) -> io::Result<Option<T>> {
        match self.shared.take_message(deadline).map_err(Stop::into_error)? {
            Some(message) => Ok(Some(T::read(&mut message.as_slice())?)),
            None => Ok(None),
        }
    }

    /// How many values there are just now.
    ///
    /// # Errors
    /// The system fails.
    ///
    /// ```
    /// # use threadbook::multiprocessing::Queue;
    /// let queue = Queue::new()?;
    /// queue.put(1)?;
    /// assert_eq!(queue.qsize()?, 1);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn qsize(&self) -> io::Result<u64> {
        self.shared.locked(|_, header| Ok(header.count)).map_err(Stop::into_error)
    }

    /// Whether there are no values just now.
    ///
    /// # Errors
    /// The system fails.
    ///
    /// ```
    /// # use threadbook::multiprocessing::Queue;
    /// assert!(Queue::<i32>::new()?.empty()?);
    /// # Ok::<(), std::io::Error>(())
    /// ```
    pub fn empty(&self) -> io::Result<bool> {
        Ok(self.qsize()? == 0)
    }
}

impl Shared {
    /// The bytes of the first value; `None` once `deadline` has passed.
    fn take_message(&self, deadline: Option<Instant>) -> Result<Option<Vec<u8>>, Stop> {
        if !take_one(&self.count, deadline)? {
            return Ok(None);
        }
        let message = self.locked(|shared, header| {
            let mut len = [0; LEN_BYTES];
            shared.file.read_exact_at(&mut len, header.head)?;
            let mut message = vec![0; u64::from_ne_bytes(len) as usize];
            shared.file.read_exact_at(&mut message, header.head + LEN_BYTES as u64)?;
            header.head += (LEN_BYTES + message.len()) as u64;
            header.count -= 1;
            if header.count == 0 {
                (header.head, header.tail) = (HEADER_BYTES, HEADER_BYTES);
                shared.file.set_len(HEADER_BYTES)?;
            }
            Ok(message)
        });
        if message.is_err() {
            // The value is still there for whoever asks next.
            self.count.give()?;
        }
        message.map(Some)
    }

    /// Runs `work` under the lock of all processes, for which it waits; what `work` did to the header holds if it
    /// succeeds.
    fn locked<R>(&self, work: impl FnOnce(&Shared, &mut Header) -> io::Result<R>) -> Result<R, Stop> {
        take_one(&self.lock, None)?;
        let outcome = self.read_header().and_then(|mut header| {
            let returned = work(self, &mut header)?;
            self.write_header(&header)?;
            Ok(returned)
        });
        self.lock.give()?;
        Ok(outcome?)
    }

    fn read_header(&self) -> io::Result<Header> {
        let mut bytes = [0; HEADER_BYTES as usize];
        self.file.read_exact_at(&mut bytes, 0)?;
        let input = &mut &bytes[..];
        Ok(Header { head: u64::read(input)?, tail: u64::read(input)?, count: u64::read(input)? })
    }

    fn write_header(&self, header: &Header) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(HEADER_BYTES as usize);
        (header.head, header.tail, header.count).write(&mut bytes);
        self.file.write_all_at(&bytes, 0)
    }
}

impl<T> Clone for Queue<T> {
    fn clone(&self) -> Self {
        Queue { shared: self.shared.clone(), values: PhantomData }
    }
}

impl<T> fmt::Debug for Queue<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Queue>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interrupt::testing::interrupted;

    #[test]
    fn an_interrupted_get_loses_no_value() {
        let queue = Queue::new().unwrap();
        queue.put(7).unwrap();
        // As if another process worked on the queue when the interrupt comes.
        assert!(queue.shared.lock.try_take().unwrap());
        interrupted(|| queue.get());
        interrupted(|| queue.put(8));
        queue.shared.lock.give().unwrap();
        assert_eq!((queue.qsize().unwrap(), queue.try_get().unwrap()), (1, Some(7)));
        assert_eq!(queue.try_get().unwrap(), None);
    }
}
