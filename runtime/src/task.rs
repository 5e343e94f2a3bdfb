//! Runs the future that a cell's statements are if they await: on the thread that runs cells, so that prints, panics and
//! interrupts are those of any other cell. Needs no reactor, and brings none: timers and sockets belong to the crate that the
//! future comes from.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use crate::cell::Answer;
use crate::wait::Monitor;
use crate::{interrupt, task_lanes};

/// Whether the future has been woken since it was polled last.
struct Woken(Monitor<bool>);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.change(|woken| *woken = true);
    }
}

/// Waits for the value of a future. An interrupt of the cell unwinds, which drops the future.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let mut value = None;
    until_ready(&mut |context| match future.as_mut().poll(context) {
        Poll::Ready(ready) => {
            value = Some(ready);
            true
        }
        Poll::Pending => false,
    });
    match value {
        Some(value) => value,
        None => unreachable!("a future that is ready has a value"),
    }
}

/// Polls until `poll` returns true. Not generic, since what is generic is compiled again in each cell.
#[inline(never)]
fn until_ready(poll: &mut dyn FnMut(&mut Context<'_>) -> bool) {
    let woken = Arc::new(Woken(Monitor::new(false)));
    let waker = Waker::from(woken.clone());
    let mut context = Context::from_waker(&waker);
    while !poll(&mut context) {
        // A future that wakes itself at each poll never waits.
        interrupt::check();
        woken.0.wait(|woken| std::mem::take(woken).then_some(()));
    }
}

/// Enters the async runtime of the session's crates on the thread that runs cells, for the cell that begins: `enter` makes the
/// runtime on first need and returns the number of a new task, `current` that of the task that the calling thread polls.
pub fn enter(enter: fn() -> u64, current: fn() -> u64) {
    task_lanes::begin_cell(enter(), current);
}

/// What a cell that came to its end returns.
pub fn ended() -> Answer {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::interrupt::testing;
    use std::future::{pending, poll_fn};
    use std::pin::Pin;
    use std::sync::mpsc::channel;
    use std::thread;

    /// Wakes itself so often before it is ready.
    fn later(times: u32) -> impl Future<Output = u32> {
        let mut left = times;
        poll_fn(move |context| {
            if left == 0 {
                return Poll::Ready(times);
            }
            left -= 1;
            context.waker().wake_by_ref();
            Poll::Pending
        })
    }

    #[test]
    fn a_future_is_polled_until_it_is_ready() {
        assert_eq!(block_on(async { later(0).await + later(3).await }), 3);
        assert_eq!(block_on(async { block_on(later(2)) + later(1).await }), 3, "within another");
    }

    #[test]
    fn another_thread_wakes_it() {
        let (sender, wakers) = channel::<Waker>();
        let waking = thread::spawn(move || wakers.into_iter().for_each(Waker::wake));
        let mut polls = 0;
        let value = block_on(poll_fn(move |context| {
            polls += 1;
            if polls == 3 {
                return Poll::Ready(polls);
            }
            sender.send(context.waker().clone()).unwrap();
            Poll::Pending
        }));
        assert_eq!(value, 3);
        waking.join().unwrap();
    }

    #[test]
    fn an_interrupt_ends_it_and_drops_the_future() {
        struct Dropped<'a>(&'a mut u32);
        impl Drop for Dropped<'_> {
            fn drop(&mut self) {
                *self.0 += 1;
            }
        }
        let mut dropped = 0;
        testing::interrupted_by_signal(|| {
            let guard = Dropped(&mut dropped);
            block_on(async move {
                let _guard = guard;
                pending::<()>().await
            })
        });
        let busy: Pin<Box<dyn Future<Output = ()>>> = Box::pin(async { while later(1).await > 0 {} });
        testing::interrupted(|| block_on(busy));
        assert_eq!(dropped, 1);
    }
}
