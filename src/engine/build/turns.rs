//! Lets one thread at a time build what has a certain key: two would write the same files.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard};

#[derive(Default)]
pub(super) struct Turns {
    /// The keys of what is being built.
    taken: Mutex<BTreeSet<String>>,
    /// Notified when one of them is free again.
    freed: Condvar,
}

/// The right to build what has this key. It ends when the value is dropped.
pub(crate) struct Turn<'a> {
    turns: &'a Turns,
    key: &'a str,
}

impl Turns {
    /// Waits until no other thread builds what has this key.
    pub(super) fn take<'a>(&'a self, key: &'a str) -> Turn<'a> {
        let taken = self.freed.wait_while(self.taken(), |taken| taken.contains(key));
        taken.unwrap_or_else(|poisoned| poisoned.into_inner()).insert(key.to_string());
        Turn { turns: self, key }
    }

    fn taken(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.taken.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.turns.taken().remove(self.key);
        self.turns.freed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{TryRecvError, channel};

    #[test]
    fn the_same_key_waits_and_another_does_not() {
        let turns = Turns::default();
        let first = turns.take("a");
        drop(turns.take("b"));
        let (say, said) = channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _second = turns.take("a");
                say.send(()).expect("heard");
            });
            // What the second thread says it says behind `take`, which returns only once the first turn has ended.
            assert_eq!(said.try_recv(), Err(TryRecvError::Empty));
            drop(first);
            said.recv().expect("its turn came");
        });
        assert!(turns.taken().is_empty());
    }
}
