//! The operating system: every call to it that another part makes, each behind a safe function.
//!
//! What POSIX has stands in the files beside this one; what only Linux has is in `linux`, and a second system is a
//! second module with the same names. Nothing here knows what Threadbook wants a call for. `unsafe` code elsewhere
//! is only what no function can make safe: shared memory, loaded libraries, replaced C functions (`worker`).

pub(crate) mod clock;
pub(crate) mod descriptor;
pub(crate) mod dirs;
mod linux;
pub(crate) mod poll;
pub(crate) mod private_files;
pub(crate) mod process;
pub(crate) mod socket;

#[cfg(feature = "kernel")]
pub(crate) use linux::machine;
pub(crate) use linux::{futex, memory, open_files, thread};
