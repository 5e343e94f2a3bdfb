//! The locks, threads, sleeps and polls that this crate's waits are built from: those of std and of the system. The tests in
//! `runtime/models` compile this crate with a file of their own in this place, whose scheduler tries other orders.

pub(crate) use std::sync::atomic::AtomicU32;
pub(crate) use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
pub(crate) use std::thread::{self, ThreadId};
pub(crate) use std::thread_local;

pub(crate) use crate::sys::{SharedCount, SigintBlocked, futex_wait, futex_wake, poll};
