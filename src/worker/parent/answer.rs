//! Input of cells, the session's side: knows which question is open, and takes its answer to the worker, in pieces if it is
//! long. A question is answered once. If its cell ends first, the answer is the end of input.

use std::sync::{Arc, Mutex, MutexGuard};

use crate::worker::abi::ring::Ring;
use crate::worker::abi::slot::{Kind, LARGEST};

/// What a front end says to `Event::Input`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A line, without its end.
    Line(String),
    /// There is no more input.
    End,
    /// The cell is being interrupted: reading fails.
    Interrupted,
}

/// A session's handle for whoever answers, on any thread. Clones speak of the same session.
#[derive(Clone, Default)]
pub struct Answerer(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    /// The memory of the worker that is alive.
    ring: Option<Arc<Ring>>,
    /// Whether a cell runs.
    open: bool,
    /// Whether the cell is being interrupted: every question is answered so.
    interrupted: bool,
    /// The number of the last question.
    last: u64,
    /// The ticket of the open question, whose number is `last`; None if no question is open.
    waits: Option<u64>,
    /// The rest of an answer whose first piece the worker has.
    rest: Vec<u8>,
}

impl Answerer {
    /// Answers a question. Returns false if the question is not open: it was answered, or its cell has ended.
    pub fn answer(&self, number: u64, answer: Answer) -> bool {
        let mut state = self.state();
        if number != state.last || state.waits.is_none() {
            return false;
        }
        match answer {
            Answer::Line(text) => state.piece(text.into_bytes()),
            Answer::End => state.post(Kind::End, &[]),
            Answer::Interrupted => state.post(Kind::Interrupted, &[]),
        }
        true
    }

    /// Makes the worker with this memory the one that is answered.
    pub(crate) fn serve(&self, ring: Arc<Ring>) {
        let mut state = self.state();
        *state = State { ring: Some(ring), last: state.last, ..State::default() };
    }

    /// Notes that a cell begins.
    pub(crate) fn open(&self) {
        let mut state = self.state();
        // A question that is still open was that of a worker that has ended: nobody waits.
        (state.open, state.interrupted, state.waits, state.rest) = (true, false, None, Vec::new());
    }

    /// Notes that the cell is being interrupted, and answers the open question so.
    pub(crate) fn interrupt(&self) {
        let mut state = self.state();
        (state.interrupted, state.rest) = (true, Vec::new());
        state.post(Kind::Interrupted, &[]);
    }

    /// Notes that the cell has ended, and answers the open question with the end of input.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        (state.open, state.rest) = (false, Vec::new());
        state.post(Kind::End, &[]);
    }

    /// Opens the question that the worker waits for with this ticket; returns its number. None if there is nobody to ask:
    /// then it is answered at once.
    pub(crate) fn asked(&self, ticket: u64) -> Option<u64> {
        let mut state = self.state();
        state.waits = Some(ticket);
        if !state.open || state.interrupted {
            let answer = if state.open { Kind::Interrupted } else { Kind::End };
            state.post(answer, &[]);
            return None;
        }
        state.last += 1;
        Some(state.last)
    }

    /// Sends the next piece of an answer to the worker, which waits for it with this ticket.
    pub(crate) fn go_on(&self, ticket: u64) {
        let mut state = self.state();
        state.waits = Some(ticket);
        match state.open {
            true => {
                let rest = std::mem::take(&mut state.rest);
                state.piece(rest);
            }
            false => state.post(Kind::End, &[]),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl State {
    fn piece(&mut self, mut text: Vec<u8>) {
        if text.len() <= LARGEST {
            return self.post(Kind::Line, &text);
        }
        let rest = text.split_off(LARGEST);
        self.post(Kind::Piece, &text);
        self.rest = rest;
    }

    fn post(&mut self, kind: Kind, bytes: &[u8]) {
        if let (Some(ticket), Some(ring)) = (self.waits.take(), &self.ring) {
            ring.slot().post(ticket, kind, bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::abi::memory::{Event, Memory};

    fn new_ring() -> Ring {
        Ring::new(Memory::create().expect("memory"), Event::create().expect("an event"))
    }

    fn serving() -> (Answerer, Arc<Ring>) {
        let ring = Arc::new(new_ring());
        let answerer = Answerer::default();
        answerer.serve(ring.clone());
        (answerer, ring)
    }

    #[test]
    fn a_question_is_answered_once() {
        let (answerer, ring) = serving();
        answerer.open();
        let number = answerer.asked(7).expect("asked");
        assert!(!answerer.answer(number + 1, Answer::End));
        assert!(answerer.answer(number, Answer::Line("a\u{e9}".into())));
        assert!(!answerer.answer(number, Answer::End));
        let mut line = Vec::new();
        assert_eq!(ring.slot().wait(7, &mut line), Kind::Line);
        assert_eq!(line, "a\u{e9}".as_bytes());
    }

    #[test]
    fn a_long_answer_comes_in_pieces_and_whole() {
        let (answerer, ring) = serving();
        answerer.open();
        let text = "0123456789".repeat(LARGEST / 4);
        let number = answerer.asked(1).expect("asked");
        assert!(answerer.answer(number, Answer::Line(text.clone())));
        let (mut line, mut ticket) = (Vec::new(), 1);
        while ring.slot().wait(ticket, &mut line) == Kind::Piece {
            assert!(!answerer.answer(number, Answer::End), "it is answered already");
            ticket += 1;
            answerer.go_on(ticket);
        }
        assert_eq!(line, text.as_bytes());
        assert_eq!(ticket, 3);
    }

    #[test]
    fn nobody_waits_beyond_the_end_of_a_cell() {
        let (answerer, ring) = serving();
        let mut line = Vec::new();
        assert_eq!(answerer.asked(1), None, "no cell runs");
        assert_eq!(ring.slot().wait(1, &mut line), Kind::End);
        answerer.open();
        let number = answerer.asked(2).expect("asked");
        answerer.close();
        assert_eq!(ring.slot().wait(2, &mut line), Kind::End);
        assert!(!answerer.answer(number, Answer::Line("late".into())));
        answerer.open();
        let number = answerer.asked(3).expect("asked");
        answerer.serve(Arc::new(new_ring()));
        assert!(!answerer.answer(number, Answer::Line("to a dead worker".into())));
        assert!(line.is_empty());
    }
}
