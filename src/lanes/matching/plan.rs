//! What of a run never changes during a search: which lanes are alike, and whose names are whose.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::lanes::pattern::{Piece, Slot};
use crate::lanes::run::{Run, RunLane};

/// Lanes that differ in nothing but the names that only they use are
/// alike: of several alike in the same state, one is tried.
pub(super) struct Plan {
    /// Equal for lanes that are alike.
    pub alike: Vec<u64>,
    /// The slots that only this lane uses.
    pub own: Vec<Vec<Slot>>,
    /// All other slots.
    pub shared: Vec<Slot>,
    /// Some task prints before it says on which worker: then where tasks began and ended matters later.
    pub late_names: bool,
    /// For each stream, lane and atom: where in the recorded text it should be placed at the latest for the atoms
    /// after it to find their lines. Only a hint: of lanes that fit, the most urgent one is tried first.
    pub latest: [Vec<Vec<isize>>; 2],
}

impl Plan {
    pub(super) fn new(run: &Run, texts: [&str; 2]) -> Plan {
        let mut own = vec![Vec::new(); run.lanes.len()];
        let mut shared = Vec::new();
        for (slot, user) in users(run).into_iter().enumerate() {
            match user {
                Some(lane) => own[lane].push(slot),
                None => shared.push(slot),
            }
        }
        // In the order of their first use, so that lanes that are alike list them alike.
        for (index, lane) in run.lanes.iter().enumerate() {
            own[index].sort_by_cached_key(|slot| pieces(lane).position(|piece| numbered(piece) == Some(*slot)));
        }
        let waiting = gates_on(run);
        let alike = (0..run.lanes.len()).map(|lane| likeness(run, lane, &own[lane], &waiting[lane])).collect();
        let latest = [0, 1].map(|stage| {
            let lines = last_lines(texts[stage]);
            run.lanes.iter().map(|lane| latest(&lane.streams[stage].atoms, &lines)).collect()
        });
        Plan { alike, own, shared, late_names: run.lanes.iter().any(names_late), latest }
    }
}

/// Where each line of a text begins for the last time.
fn last_lines(text: &str) -> HashMap<&str, usize> {
    let mut offset = 0;
    let lines = text.split_inclusive('\n').map(|line| {
        offset += line.len();
        (line.trim_end_matches('\n'), offset - line.len())
    });
    lines.filter(|(line, _)| !line.is_empty()).collect()
}

fn latest(atoms: &[Vec<Piece>], lines: &HashMap<&str, usize>) -> Vec<isize> {
    let mut latest = vec![isize::MAX; atoms.len()];
    let mut after = isize::MAX;
    for (index, atom) in atoms.iter().enumerate().rev() {
        if let [Piece::Literal(text)] = atom.as_slice() {
            let line = lines.get(text.as_str()).and_then(|offset| isize::try_from(*offset).ok());
            after = after.saturating_sub_unsigned(text.len()).min(line.unwrap_or(isize::MAX));
        }
        latest[index] = after;
    }
    latest
}

/// For each slot the one lane that uses it, where it is one.
fn users(run: &Run) -> Vec<Option<usize>> {
    let mut users = vec![BTreeSet::new(); run.slots.len()];
    let mut shared = vec![false; run.slots.len()];
    for (index, lane) in run.lanes.iter().enumerate() {
        for piece in pieces(lane) {
            match piece {
                Piece::Number { slot, .. } => {
                    users[*slot].insert(index);
                }
                // May be a plain number, which is no name of the lane's own.
                Piece::Pid { slot, .. } => shared[*slot] = true,
                _ => {}
            }
        }
    }
    for piece in run.shown.iter().flat_map(|(_, shown)| shown) {
        if let Piece::Number { slot, .. } | Piece::Pid { slot, .. } = piece {
            shared[*slot] = true;
        }
    }
    let only =
        |(lanes, shared): (BTreeSet<usize>, bool)| (lanes.len() == 1 && !shared).then(|| lanes.first().copied());
    users.into_iter().zip(shared).map(|both| only(both).flatten()).collect()
}

fn numbered(piece: &Piece) -> Option<Slot> {
    if let Piece::Number { slot, .. } = piece { Some(*slot) } else { None }
}

fn pieces(lane: &RunLane) -> impl Iterator<Item = &Piece> {
    lane.streams.iter().flat_map(|output| output.atoms.iter().flatten())
}

fn is_named(piece: &Piece, name: Slot) -> bool {
    matches!(piece, Piece::Number { slot, .. } | Piece::Pid { slot, .. } if *slot == name)
}

fn names_late(lane: &RunLane) -> bool {
    let Some(task) = &lane.task else { return false };
    let names = |atom: &Vec<Piece>| atom.iter().any(|piece| is_named(piece, task.worker));
    let mut atoms = lane.streams.iter().flat_map(|output| &output.atoms);
    let first = atoms.next().is_some_and(names);
    !first && atoms.any(names)
}

/// For each lane, the gates of others that wait for it.
fn gates_on(run: &Run) -> Vec<Vec<(usize, usize, usize, usize)>> {
    let mut on = vec![Vec::new(); run.lanes.len()];
    for (index, lane) in run.lanes.iter().enumerate() {
        for (stage, output) in lane.streams.iter().enumerate() {
            for gate in &output.gates {
                for &(other, count) in &gate.after {
                    on[other].push((index, stage, gate.at, count));
                }
            }
        }
    }
    on
}

fn likeness(run: &Run, lane: usize, own: &[Slot], waiting: &[(usize, usize, usize, usize)]) -> u64 {
    let lane = &run.lanes[lane];
    let mut hasher = DefaultHasher::new();
    lane.task.as_ref().map(|task| &task.pool).hash(&mut hasher);
    waiting.hash(&mut hasher);
    for output in &lane.streams {
        output.atoms.len().hash(&mut hasher);
        for atom in &output.atoms {
            atom.len().hash(&mut hasher);
            for piece in atom {
                match piece {
                    Piece::Number { slot, thread, suffix, .. } => {
                        let local = own.iter().position(|s| s == slot);
                        (local, if local.is_none() { Some(slot) } else { None }, thread, suffix).hash(&mut hasher);
                    }
                    Piece::AnyNumber(_) => 1.hash(&mut hasher),
                    Piece::Measured { kind, .. } => kind.hash(&mut hasher),
                    other => other.hash(&mut hasher),
                }
            }
        }
        for gate in &output.gates {
            (gate.at, &gate.after).hash(&mut hasher);
        }
    }
    hasher.finish()
}
