//! The built-in provider of completion and inspection. It replies at once, from a copy of the session's names, and
//! never asks another program.

use crate::engine::api::{Completions, Inspection, Provider, Reply};
use crate::engine::ask::complete::complete;
use crate::engine::ask::inspect::{help, inspect};
use crate::engine::ask::names::Names;

impl Provider for Names {
    fn complete(&self, source: &str, cursor: usize, reply: Reply<Completions>) {
        reply.send(complete(self, source, cursor));
    }

    fn inspect(&self, source: &str, cursor: usize, full: bool, reply: Reply<Option<Inspection>>) {
        reply.send(inspect(self, source, cursor, full));
    }

    fn help(&self, source: &str) -> Option<String> {
        help(self, source)
    }
}
