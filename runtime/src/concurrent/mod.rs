//! Python's `concurrent` package: nothing but [`futures`].

pub mod futures;
