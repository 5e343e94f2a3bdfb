//! What a session may use.

use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a cell may run; then it is interrupted. Compiling does not count.
    pub time: Option<Duration>,
    /// Bytes of memory of the process that runs cells (`RLIMIT_DATA`); a cell that asks for more is aborted.
    pub memory: Option<u64>,
    /// How long a copy of the worker may take, which keeps its variables from a crash of the next cell; zero for none.
    pub snapshot: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { time: None, memory: None, snapshot: Duration::from_millis(200) }
    }
}
