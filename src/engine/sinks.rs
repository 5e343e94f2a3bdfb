//! What stands between the worker's events and a front end: the trace, the picture drawn from it, and the limit on output.

pub(super) mod output_limit;
pub(super) mod picture;
pub(super) mod trace;
