//! The locks, threads and sleeps that this crate's waits are built from: std's, and the system's futex. The tests in
//! `runtime/models` compile this crate with a file of their own in this place, whose scheduler tries other orders.

pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
pub(crate) use std::thread::{self, ThreadId};
pub(crate) use std::thread_local;

pub(crate) use crate::sys::{futex_wait, futex_wake};
