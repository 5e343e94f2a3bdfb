//! The Jupyter messaging protocol, version 5.5: connection files, frames, and one type for the content of each message
//! (<https://jupyter-client.readthedocs.io/en/stable/messaging.html>).
//!
//! To add a message, write its content in the family's file here, and one arm in `dispatcher`. Never decides what
//! happens when a message comes.

pub(crate) mod ask;
pub(crate) mod codec;
pub(crate) mod comm;
pub(crate) mod connection;
pub(crate) mod content;
pub(crate) mod control;
pub(crate) mod execute;
pub(crate) mod iopub;
pub(crate) mod stdin;
