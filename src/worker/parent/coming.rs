//! What the records say of processes that are written and not read yet. Bytes on fd 1 or 2 may be read before these
//! records, which tell whose bytes they are.

use std::collections::BTreeMap;

use crate::worker::abi::record::{Head, Kind};
use crate::worker::abi::ring::Unread;
use crate::worker::host;

#[derive(Default)]
pub(crate) struct Coming {
    /// The ids of processes whose start is told.
    started: Vec<u32>,
    /// Process lanes that are declared and whose start is not told, with the process that declares each.
    unborn: BTreeMap<u32, u32>,
}

impl Coming {
    pub(crate) fn of(unread: &Unread) -> Coming {
        let mut coming = Coming::default();
        let mut at = 0;
        while let Some((head, length)) = Head::read(unread, at) {
            match head.kind {
                Kind::Lane if u32::from(head.detail) & !host::DAEMON == host::PROCESS => {
                    coming.unborn.insert(head.lane, head.pid);
                }
                Kind::Process => {
                    coming.unborn.remove(&head.lane);
                    coming.started.push(head.pid);
                }
                Kind::End => drop(coming.unborn.remove(&head.lane)),
                _ => {}
            }
            at += length;
        }
        coming
    }

    /// The ids of processes whose start is told.
    pub(crate) fn started(&self) -> &[u32] {
        &self.started
    }

    /// Whether `maker` is about to start a process: it has declared the lane, and has not told the start.
    pub(crate) fn is_about_to_start(&self, maker: u32) -> bool {
        self.unborn.values().any(|other| *other == maker)
    }
}
