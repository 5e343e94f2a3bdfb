//! The text of a panic of the running cell. Usually it becomes the cell's error, or is printed when the cell has caught the
//! panic. If the process ends before either, it is printed here: a user needs most what went wrong first.

use crate::events::{Origin, Stream};

use crate::worker::host;

/// The text of the last panic that no output or error has mentioned yet.
#[derive(Default)]
pub(crate) struct Unsaid(Option<(Origin, Vec<u8>)>);

impl Unsaid {
    /// Looks at a piece of text; returns true if it is not to be printed now, but kept in case its process ends.
    pub(crate) fn keeps(&mut self, stream: u8, origin: Origin, text: &[u8]) -> bool {
        if u32::from(stream) & host::UNSAID != 0 {
            self.0 = Some((origin, text.to_vec()));
            return true;
        }
        // This is the kept text, which is printed now.
        self.0.take_if(|(of, unsaid)| of.pid == origin.pid && unsaid == text);
        false
    }

    /// Drops the text: the cell has ended and has reported its error.
    pub(crate) fn forget(&mut self) {
        self.0 = None;
    }

    /// The text to be printed now that this process has ended.
    pub(crate) fn of_ended(&mut self, process: u32) -> Option<(Origin, Stream, Vec<u8>)> {
        let (origin, text) = self.0.take_if(|(origin, _)| origin.pid == process)?;
        Some((origin, Stream::Stderr, text))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::events::{CellId, LaneId};

    use super::*;

    fn see(unsaid: &mut Unsaid, stream: u32, text: &str) -> bool {
        let (pid, cell) = (7, CellId(1));
        let origin = Origin { cell, running: Some(cell), lane: LaneId::MAIN, pid, tid: pid, at: Duration::ZERO };
        unsaid.keeps(stream as u8, origin, text.as_bytes())
    }

    #[test]
    fn a_panic_is_said_once() {
        let kept = host::STDERR | host::UNSAID;
        let mut unsaid = Unsaid::default();
        assert!(see(&mut unsaid, kept, "first") && !see(&mut unsaid, host::STDERR, "other"));
        assert!(unsaid.of_ended(8).is_none(), "another process");
        assert_eq!(unsaid.of_ended(7).map(|(.., text)| text), Some(b"first".to_vec()));
        assert!(unsaid.of_ended(7).is_none(), "said already");
        assert!(see(&mut unsaid, kept, "second") && !see(&mut unsaid, host::STDERR, "second"));
        assert!(unsaid.of_ended(7).is_none(), "printed by the runtime");
        assert!(see(&mut unsaid, kept, "third"));
        unsaid.forget();
        assert!(unsaid.of_ended(7).is_none(), "it was the cell's error");
    }
}
