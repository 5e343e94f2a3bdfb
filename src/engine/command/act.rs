//! `%rollback` and `%restart`: what a cell of its own does to the session, and no code does.

/// What the session does instead of running a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// The variables are as they were before the last cell.
    Rollback,
    /// A new worker, with nothing defined.
    Restart,
}

pub const ALONE: &str = "`%rollback` and `%restart` need a cell of their own";

/// The act that a cell asks for, if it is that and nothing else.
pub fn act(source: &str) -> Option<Act> {
    match source.trim() {
        "%rollback" => Some(Act::Rollback),
        "%restart" => Some(Act::Restart),
        _ => None,
    }
}
