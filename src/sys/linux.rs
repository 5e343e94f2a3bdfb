//! What only Linux has. Each name here is one that another system has to provide, or to do without.

pub(crate) mod credentials;
pub(crate) mod futex;
#[cfg(feature = "kernel")]
pub(crate) mod machine;
pub(crate) mod memory;
pub(crate) mod open_files;
pub(crate) mod process;
pub(crate) mod thread;
