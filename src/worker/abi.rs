//! What both sides of the worker share: the messages of the control socket, the ring of records and what lies in it.

pub(crate) mod comm;
pub(crate) mod exit;
pub(crate) mod launch;
pub(crate) mod memory;
pub(crate) mod protocol;
pub(crate) mod record;
pub(crate) mod report;
pub(crate) mod ring;
#[cfg(test)]
mod ring_tests;
pub(crate) mod schedule;
pub(crate) mod slot;
pub(crate) mod timing;
pub(crate) mod words;
#[cfg(test)]
mod words_tests;
