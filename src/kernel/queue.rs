//! What waits for the session's thread, and what it is doing: one request at a time, in the order in which they came.
//!
//! The queue has no bound: it holds requests and comm messages of clients, of which nothing may be dropped.

use std::collections::VecDeque;

use super::comm::{CommRequest, RunningComm};
use super::execution::{CellRequest, RunningCell};
use super::protocol::codec::Message;
use super::subshells;

/// Waiting cells that are told to the session ahead of their turn, which may compile them early. The others are told later.
const AHEAD: usize = 16;

#[derive(Default)]
pub(super) struct Queue {
    waiting: VecDeque<Waiting>,
    pub running: Running,
}

pub(super) enum Waiting {
    Cell(Box<CellRequest>),
    Comm(Box<Message>, CommRequest),
}

/// What the session's thread is doing.
#[derive(Default)]
pub(super) enum Running {
    #[default]
    None,
    Cell(Box<RunningCell>),
    Comm(Box<RunningComm>),
}

impl Queue {
    pub(super) fn push(&mut self, waiting: Waiting) {
        self.waiting.push_back(waiting);
    }

    /// Takes the request whose turn it is. `None` if the session's thread is busy, or nothing waits.
    pub(super) fn pop(&mut self) -> Option<Waiting> {
        match self.running {
            Running::None => self.waiting.pop_front(),
            _ => None,
        }
    }

    /// The sources of the cells that will have the next numbers. Blank ones have none, and do not come to the session.
    pub(super) fn ahead(&self) -> Vec<String> {
        let cells = self.waiting.iter().filter_map(|waiting| match waiting {
            Waiting::Cell(request) => Some(request),
            Waiting::Comm(..) => None,
        });
        let next = cells.take_while(|request| request.stores_history()).filter(|request| !request.is_blank());
        next.take(AHEAD).map(|request| request.content.code.clone()).collect()
    }

    /// Takes the cells that wait on this shell. The other shells' requests keep their places, and so do comm messages.
    pub(super) fn take_cells_of(&mut self, subshell: Option<&str>) -> Vec<Message> {
        let mut taken = Vec::new();
        for waiting in std::mem::take(&mut self.waiting) {
            match waiting {
                Waiting::Cell(request) if subshells::id_of(&request.message.header) == subshell => {
                    taken.push(request.message);
                }
                other => self.waiting.push_back(other),
            }
        }
        taken
    }
}

impl Running {
    /// The request that the session's thread works for.
    pub(super) fn message(&self) -> Option<&Message> {
        match self {
            Running::None => None,
            Running::Cell(cell) => Some(cell.message()),
            Running::Comm(comm) => Some(&comm.message),
        }
    }
}
