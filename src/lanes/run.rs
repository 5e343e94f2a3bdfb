//! What one run of one cell put out, lane by lane.
//!
//! A `Run` holds no order between lanes except the one that the program itself made (spawn, submit, join, result). The
//! order in which the events of different lanes happened to arrive is not kept.

use crate::events::{Failure, LaneId, Stream};
use crate::lanes::pattern::{Piece, Slot, Slots};

/// The streams, in the order in which they are compared.
pub(crate) const STREAMS: [Stream; 2] = [Stream::Stdout, Stream::Stderr];

/// All that one run of a cell put out.
#[derive(Debug, Default)]
pub(crate) struct Run {
    /// The lanes that printed something, in the order in which they first did.
    pub lanes: Vec<RunLane>,
    /// `text/plain` of displays and of the result, in order, each with its lane.
    pub shown: Vec<(LaneId, Vec<Piece>)>,
    pub failure: Option<Failure>,
    pub slots: Slots,
    /// Whether the cell made lanes besides its own: the scheduler may then decide what it puts out.
    pub concurrent: bool,
}

/// The output of one lane, by stream (in the order of `STREAMS`).
#[derive(Debug)]
pub(crate) struct RunLane {
    pub label: String,
    pub task: Option<Task>,
    pub streams: [Output; 2],
}

/// What a lane is that may share a worker with lanes that do not overlap it: a task of a pool of threads, or a child
/// process. In Python one child runs several tasks of a pool of processes.
#[derive(Clone, Debug)]
pub(crate) struct Task {
    /// The slot of the worker that it is bound to: its index in the pool, or the child's pid.
    pub worker: Slot,
    /// The pool that the task runs in, by the prefix of its threads: indices of different pools are unrelated. Empty for
    /// processes.
    pub pool: String,
}

#[derive(Debug, Default)]
pub(crate) struct Output {
    pub atoms: Vec<Vec<Piece>>,
    /// In order of `at`.
    pub gates: Vec<Gate>,
}

/// From atom `at` on, this lane comes after the first `count` atoms of each of the other lanes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct GateOf<L> {
    pub at: usize,
    pub after: Vec<(L, usize)>,
}

/// A gate that names other lanes by their index in `Run::lanes`.
pub(crate) type Gate = GateOf<usize>;
