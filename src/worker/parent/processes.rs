//! Owns what is known of the worker's processes: the lane and cell that each speaks for, the lanes that each has declared,
//! and how its end is noticed. An entry goes with its process: the system gives the process id to another afterwards.

use std::collections::{BTreeSet, HashMap};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use crate::events::LaneId;
use crate::sys::poll::poll_now;
use crate::sys::process::{parent_of, pidfd_open};
use crate::worker::parent::coming::Coming;

/// How many descendants of children (programs of a shell, as a rule) are remembered at once, each with a descriptor.
/// One beyond that is not remembered: its ancestors are looked up again for each piece that it writes.
const DESCENDANTS: usize = 128;

#[derive(Default)]
pub(crate) struct Processes {
    known: HashMap<u32, Process>,
    /// How many of them are descendants.
    descendants: usize,
    /// Process lanes that were declared and have no process yet, with the process that declared each.
    unborn: HashMap<u32, u32>,
    /// The process that declared each lane that has neither ended nor become a process of its own.
    makers: HashMap<u32, u32>,
    /// The same pairs by process.
    declared: BTreeSet<(u32, u32)>,
}

/// What a process speaks for: what it writes to fd 1 or 2 itself is this lane's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Speaker {
    pub lane: u32,
    /// 0 for whichever cell runs.
    pub cell: u32,
}

struct Process {
    speaker: Speaker,
    role: Role,
    watch: Watch,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    /// It runs cells, or may take over: a worker or a copy of one.
    Worker,
    /// The worker or a child has started it, and its lane is its own.
    Child,
    /// It was started by other means than ours to see, and speaks for the first ancestor that is known.
    Descendant,
}

/// How the end of a process is noticed.
enum Watch {
    /// The keeper reports it.
    Keeper,
    /// The descriptor is readable once the process has ended.
    Descriptor(OwnedFd),
    /// It had ended before it could be watched.
    Ended,
    /// There was no descriptor for it (the limit of open files); the next look asks again.
    Later,
}

impl Watch {
    fn of(pid: u32) -> Watch {
        match pidfd_open(pid) {
            Ok(descriptor) => Watch::Descriptor(descriptor),
            Err(error) if error.raw_os_error() == Some(libc::ESRCH) => Watch::Ended,
            Err(_) => Watch::Later,
        }
    }
}

impl Processes {
    /// This process is a worker or a copy.
    pub(crate) fn add_worker(&mut self, pid: u32) {
        let speaker = Speaker { lane: LaneId::MAIN.0, cell: 0 };
        self.add(pid, Process { speaker, role: Role::Worker, watch: Watch::Keeper });
    }

    /// The declared lane `speaker.lane` runs as this process.
    pub(crate) fn add_child(&mut self, pid: u32, speaker: Speaker) {
        self.forget_lane(speaker.lane);
        self.add(pid, Process { speaker, role: Role::Child, watch: Watch::of(pid) });
    }

    fn add(&mut self, pid: u32, process: Process) {
        self.descendants += usize::from(process.role == Role::Descendant);
        if let Some(before) = self.known.insert(pid, process) {
            self.descendants -= usize::from(before.role == Role::Descendant);
        }
    }

    /// Process `maker` has declared a lane.
    pub(crate) fn declare(&mut self, lane: u32, maker: u32, is_process: bool) {
        self.forget_lane(lane);
        if is_process {
            self.unborn.insert(lane, maker);
        }
        self.makers.insert(lane, maker);
        self.declared.insert((maker, lane));
    }

    /// The lane has ended, or is a process now.
    pub(crate) fn forget_lane(&mut self, lane: u32) {
        self.unborn.remove(&lane);
        if let Some(maker) = self.makers.remove(&lane) {
            self.declared.remove(&(maker, lane));
        }
    }

    /// What the process speaks for, if it is known.
    pub(crate) fn speaker(&self, pid: u32) -> Option<Speaker> {
        self.known.get(&pid).map(|process| process.speaker)
    }

    /// Descriptors that are readable once a process has ended.
    pub(crate) fn watched(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.known.values().filter_map(|process| match &process.watch {
            Watch::Descriptor(descriptor) => Some(descriptor.as_fd()),
            _ => None,
        })
    }

    /// The children and descendants that have ended since the last look and are not forgotten yet.
    pub(crate) fn ended(&mut self) -> Vec<u32> {
        let mut ended = Vec::new();
        let (mut pids, mut descriptors) = (Vec::new(), Vec::new());
        for (pid, process) in &mut self.known {
            if let Watch::Later = process.watch {
                process.watch = Watch::of(*pid);
            }
            match &process.watch {
                Watch::Descriptor(descriptor) => {
                    pids.push(*pid);
                    descriptors.push(descriptor.as_fd());
                }
                Watch::Ended => ended.push(*pid),
                Watch::Keeper | Watch::Later => {}
            }
        }
        if !descriptors.is_empty() {
            let ready = poll_now(&descriptors);
            ended.extend(pids.into_iter().zip(ready).filter(|(_, ready)| *ready).map(|(pid, _)| pid));
        }
        ended
    }

    /// The process has ended. Returns the lanes that have ended with it: its own, if it was a child, and those that it
    /// declared and that are no processes of their own.
    pub(crate) fn forget(&mut self, pid: u32) -> Vec<u32> {
        let mut lanes: Vec<u32> = self.declared.range((pid, 0)..=(pid, u32::MAX)).map(|(_, lane)| *lane).collect();
        lanes.iter().for_each(|lane| self.forget_lane(*lane));
        if let Some(process) = self.known.remove(&pid) {
            match process.role {
                Role::Child => lanes.push(process.speaker.lane),
                Role::Descendant => self.descendants -= 1,
                Role::Worker => {}
            }
        }
        lanes
    }

    /// The lane and cell for which a process speaks that has written and is not known. `coming` is what the unread records
    /// say. None if one of them tells it, or may tell it soon: a program may write before the record of its start is read.
    ///
    /// A process that has ended and been waited for has no ancestors to ask for. If it was started by the worker or a
    /// child, the record of its start is written by then. Else it is a descendant of a program, and speaks for the program
    /// that was started last before it: the system gives out process ids in order.
    pub(crate) fn find_speaker(&mut self, pid: u32, running: u32, coming: &Coming) -> Option<Speaker> {
        let mut ancestor = Some(pid);
        while let Some(other) = ancestor.filter(|pid| !self.known.contains_key(pid)) {
            ancestor = parent_of(other).filter(|parent| *parent > 1);
        }
        if ancestor == Some(pid) {
            return self.speaker(pid);
        }
        let is_its_maker = |maker: &u32| ancestor.is_none_or(|ancestor| ancestor == *maker);
        if coming.started().contains(&pid)
            || ancestor.is_some_and(|ancestor| coming.is_about_to_start(ancestor))
            || self.unborn.values().any(is_its_maker)
        {
            return None;
        }
        let speaks_for = match ancestor {
            Some(ancestor) => Some(ancestor),
            None => {
                let children = self.known.iter().filter(|(_, process)| process.role == Role::Child);
                let children = children.map(|(child, _)| child).chain(coming.started());
                // The difference wraps, as ids do: a child with a larger id is the farthest one.
                children.min_by_key(|child| pid.wrapping_sub(**child)).copied()
            }
        };
        let speaker = match speaks_for {
            None => Speaker { lane: LaneId::MAIN.0, cell: running },
            // If it is not known, the record of its start is still to be read.
            Some(other) => self.speaker(other)?,
        };
        if self.descendants < DESCENDANTS
            && let Ok(descriptor) = pidfd_open(pid)
        {
            let watch = Watch::Descriptor(descriptor);
            self.add(pid, Process { speaker, role: Role::Descendant, watch });
        }
        Some(speaker)
    }
}
