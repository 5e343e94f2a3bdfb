//! What cells of a Threadbook session link to, as the crate `threadbook`.
pub mod host;
