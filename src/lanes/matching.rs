//! Decides whether a recorded text can be split into the lanes of a run: each lane in order, under one renaming,
//! with nothing before its cause. A depth-first search, with a memo over what is left to place.
//!
//! It never guesses: what the search cannot decide within its budget is said to be undecided.

mod plan;

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use self::plan::Plan;
use crate::events::Stream;
use crate::lanes::pattern::{Bound, Class, Fit, Piece, Slot, Slots, fits, render};
use crate::lanes::run::{Run, STREAMS, Task};

/// Atoms that a search tries at most, which takes about a second. Beyond it the result is undecided.
const BUDGET: usize = 10_000_000;

/// Where and why the recorded text cannot be split into the lanes of the run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Mismatch {
    pub stream: Stream,
    /// Byte offset of the first recorded atom that no lane supplies, in the recorded text of its stream.
    pub offset: usize,
    /// Line and column of that atom, counted from 1, the column in characters.
    pub line: usize,
    pub column: usize,
    /// The rest of the recorded line from there on. `None` if the recorded text ends there.
    pub recorded: Option<String>,
    pub lanes: Vec<Offer>,
    /// Whether the search ended because its budget was used up: another split may exist.
    pub undecided: bool,
}

impl Mismatch {
    /// How many bytes the recorded atom and the likest offer have in common.
    fn closeness(&self) -> usize {
        let recorded = self.recorded.as_deref().unwrap_or_default();
        let common = |next: &str| next.bytes().zip(recorded.bytes()).take_while(|(a, b)| a == b).count();
        self.lanes.iter().filter_map(|offer| offer.next.as_deref()).map(common).max().unwrap_or(0)
    }
}

/// What one lane offers at the place of a mismatch.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Offer {
    pub lane: String,
    /// The lane's next atom, with names as the recorded text has them. `None` if all of its atoms are placed.
    pub next: Option<String>,
    pub refusal: Refusal,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Refusal {
    /// All atoms of the lane are placed.
    Ended,
    /// The lane's next atom is another text.
    Other,
    /// The atom would come too early: the first `needed` atoms of lane `of` come before it, and `placed` of them have
    /// come.
    Early { of: String, placed: usize, needed: usize },
    /// The lane's task would run on a recorded worker that another task keeps busy.
    Busy,
}

/// The names of a match: what each of the run's is called in the recorded text.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bindings {
    values: Vec<Option<u64>>,
    classes: Vec<Option<Class>>,
    /// How many names of a class have a value: those that share it, and those that do not.
    used: HashMap<(usize, u64), [usize; 2]>,
}

/// Matches the recorded texts, by stream in the order of `STREAMS`, with the run. A stream without a text is not
/// compared.
pub(crate) fn match_streams(run: &Run, recorded: [Option<&str>; 2]) -> Result<Bindings, Box<Mismatch>> {
    match_within(run, recorded, BUDGET)
}

fn match_within(run: &Run, recorded: [Option<&str>; 2], budget: usize) -> Result<Bindings, Box<Mismatch>> {
    let plan = Plan::new(run, recorded.map(Option::unwrap_or_default));
    let mut search = Search::new(run, &plan, recorded, budget);
    if search.run() { Ok(search.bound) } else { Err(Box::new(search.mismatch())) }
}

impl Bindings {
    fn new(slots: &Slots) -> Self {
        let classes = (0..slots.len()).map(|slot| slots.class(slot)).collect();
        Bindings { values: vec![None; slots.len()], classes, used: HashMap::new() }
    }

    pub(crate) fn bind(&mut self, binds: &[(Slot, u64)]) {
        for &(slot, value) in binds {
            self.values[slot] = Some(value);
            if let Some(class) = self.classes[slot] {
                self.used.entry((class.id, value)).or_default()[usize::from(class.shared)] += 1;
            }
        }
    }

    fn unbind(&mut self, binds: &[(Slot, u64)]) {
        for &(slot, value) in binds {
            self.values[slot] = None;
            if let Some(class) = self.classes[slot] {
                self.used.entry((class.id, value)).or_default()[usize::from(class.shared)] -= 1;
            }
        }
    }
}

impl Bound for Bindings {
    fn value(&self, slot: Slot) -> Option<u64> {
        self.values[slot]
    }
    fn taken(&self, slot: Slot, value: u64) -> bool {
        let Some(class) = self.classes[slot] else { return false };
        let [alone, shared] = self.used.get(&(class.id, value)).copied().unwrap_or_default();
        alone > 0 || shared > 0 && !class.shared
    }
    fn same_class(&self, one: Slot, other: Slot) -> bool {
        let (Some(one), Some(other)) = (self.classes[one], self.classes[other]) else { return false };
        one.id == other.id && !(one.shared && other.shared)
    }
}

/// The next atom of a lane, placed in the recorded text.
#[derive(Clone, Debug)]
struct Move {
    lane: usize,
    from: usize,
    fit: Fit,
}

struct Frame {
    moves: Vec<Move>,
    next: usize,
    /// The move that led here; none for the first state, and for the step to the next stream.
    made: Option<Move>,
    turned: bool,
}

struct Search<'a> {
    run: &'a Run,
    plan: &'a Plan,
    texts: [&'a str; 2],
    compared: [bool; 2],
    /// The stream that is being placed: one after the other, under one renaming.
    stage: usize,
    offset: usize,
    placed: [Vec<usize>; 2],
    /// Where each lane began and ended in the text of the stage.
    spans: [Vec<(usize, usize)>; 2],
    bound: Bindings,
    /// The lane that supplied the last atom: the likeliest to supply the next.
    last: usize,
    hashes: Vec<u64>,
    seen: HashSet<u64>,
    budget: usize,
    best: Option<Mismatch>,
}

impl<'a> Search<'a> {
    fn new(run: &'a Run, plan: &'a Plan, texts: [Option<&'a str>; 2], budget: usize) -> Self {
        let lanes = run.lanes.len();
        let mut search = Search {
            run,
            plan,
            texts: texts.map(Option::unwrap_or_default),
            compared: texts.map(|text| text.is_some()),
            stage: 0,
            offset: 0,
            placed: [vec![0; lanes], vec![0; lanes]],
            spans: [vec![(0, 0); lanes], vec![(0, 0); lanes]],
            bound: Bindings::new(&run.slots),
            last: 0,
            hashes: vec![0; lanes],
            seen: HashSet::new(),
            budget,
            best: None,
        };
        search.rehash_all();
        search
    }

    fn run(&mut self) -> bool {
        let mut frames = vec![self.arrive(None, false)];
        while let Some(frame) = frames.last_mut() {
            if self.finished() {
                return true;
            }
            if self.stage_done() && !frame.turned && frame.next == 0 {
                frame.next = usize::MAX;
                self.turn(1);
                let next = self.arrive(None, true);
                frames.push(next);
            } else if let Some(step) = frame.moves.get(frame.next).cloned() {
                frame.next += 1;
                self.apply(&step);
                let next = self.arrive(Some(step), false);
                frames.push(next);
            } else if let Some(frame) = frames.pop() {
                if frame.turned {
                    self.turn(0);
                }
                if let Some(step) = &frame.made {
                    self.undo(step);
                }
            }
        }
        false
    }

    fn finished(&self) -> bool {
        self.stage + 1 == STREAMS.len() && self.stage_done()
    }

    fn stage_done(&self) -> bool {
        if !self.compared[self.stage] {
            return true;
        }
        self.offset == self.texts[self.stage].len()
            && self
                .run
                .lanes
                .iter()
                .zip(&self.placed[self.stage])
                .all(|(l, n)| *n == l.streams[self.stage].atoms.len())
    }

    fn turn(&mut self, stage: usize) {
        self.stage = stage;
        self.offset = if stage == 0 { self.texts[0].len() } else { 0 };
        self.rehash_all();
    }

    fn apply(&mut self, step: &Move) {
        let lane = step.lane;
        self.bound.bind(&step.fit.binds);
        let placed = &mut self.placed[self.stage][lane];
        let span = &mut self.spans[self.stage][lane];
        if *placed == 0 {
            span.0 = step.from;
        }
        *placed += 1;
        span.1 = step.fit.end;
        self.offset = step.fit.end;
        self.last = lane;
        self.rehash(lane);
    }

    fn undo(&mut self, step: &Move) {
        self.bound.unbind(&step.fit.binds);
        self.placed[self.stage][step.lane] -= 1;
        self.offset = step.from;
        self.rehash(step.lane);
    }

    /// Looks at the state just reached: what can come next, if it was not tried before.
    fn arrive(&mut self, made: Option<Move>, turned: bool) -> Frame {
        let moves = if self.seen.insert(self.state()) { self.moves() } else { Vec::new() };
        if moves.is_empty() && !self.stage_done() {
            match made.as_ref().filter(|step| self.cut_short(step)) {
                Some(step) => {
                    self.undo(step);
                    self.dead_end();
                    self.apply(step);
                }
                None => self.dead_end(),
            }
        }
        Frame { moves, next: 0, made, turned }
    }

    fn moves(&mut self) -> Vec<Move> {
        if self.stage_done() {
            return Vec::new();
        }
        let mut moves = Vec::new();
        let mut tried = HashSet::new();
        let lanes = self.run.lanes.len();
        for lane in std::iter::once(self.last).chain((0..lanes).filter(|l| *l != self.last)).take(lanes) {
            if self.budget == 0 {
                break;
            }
            let Some(atom) = self.next_atom(lane) else { continue };
            self.budget -= 1;
            if self.early(lane).is_some() {
                continue;
            }
            let fits = fits(atom, self.texts[self.stage], self.offset, &self.bound);
            if fits.is_empty() || !tried.insert(self.hashes[lane]) {
                continue;
            }
            let here = fits.into_iter().filter(|fit| !self.busy(lane, fit));
            moves.extend(here.map(|fit| Move { lane, from: self.offset, fit }).collect::<Vec<_>>());
        }
        moves
            .sort_by_key(|step: &Move| self.plan.latest[self.stage][step.lane][self.placed[self.stage][step.lane]]);
        moves
    }

    fn next_atom(&self, lane: usize) -> Option<&'a Vec<Piece>> {
        self.run.lanes[lane].streams[self.stage].atoms.get(self.placed[self.stage][lane])
    }

    /// What has to come before the lane's next atom and has not: the other lane, and how many atoms of it.
    fn early(&self, lane: usize) -> Option<(usize, usize)> {
        let gates = &self.run.lanes[lane].streams[self.stage].gates;
        let at = self.placed[self.stage][lane];
        // Earlier gates were passed, and what was passed stays so.
        let gate = gates.binary_search_by_key(&at, |gate| gate.at).ok().map(|index| &gates[index])?;
        gate.after.iter().copied().find(|&(other, count)| self.placed[self.stage][other] < count)
    }

    /// Whether the lane is a task that would, with this atom, share its worker with one that overlaps it.
    fn busy(&self, lane: usize, fit: &Fit) -> bool {
        let Some(task) = &self.run.lanes[lane].task else { return false };
        let named = fit.binds.iter().find(|(slot, _)| *slot == task.worker).map(|(_, value)| *value);
        let Some(worker) = named.or_else(|| self.bound.value(task.worker)) else { return false };
        let (placed, spans) = (&self.placed[self.stage], &self.spans[self.stage]);
        if placed[lane] > 0 && named.is_none() {
            // It is where it was before.
            return false;
        }
        let start = if placed[lane] > 0 { spans[lane].0 } else { self.offset };
        self.run.lanes.iter().enumerate().any(|(other, theirs)| {
            let same = |t: &Task| t.pool == task.pool && self.bound.value(t.worker) == Some(worker);
            let shares = other != lane && theirs.task.as_ref().is_some_and(same);
            let ended = placed[other] == theirs.streams[self.stage].atoms.len() && spans[other].1 <= start;
            shares && placed[other] > 0 && !ended
        })
    }

    fn rehash_all(&mut self) {
        for lane in 0..self.run.lanes.len() {
            self.rehash(lane);
        }
    }

    fn rehash(&mut self, lane: usize) {
        let mut hasher = DefaultHasher::new();
        (self.plan.alike[lane], self.placed[self.stage][lane]).hash(&mut hasher);
        for slot in &self.plan.own[lane] {
            self.bound.value(*slot).hash(&mut hasher);
        }
        if self.plan.late_names && self.run.lanes[lane].task.is_some() && self.placed[self.stage][lane] > 0 {
            self.spans[self.stage][lane].hash(&mut hasher);
        }
        self.hashes[lane] = hasher.finish();
    }

    /// A number for all that decides what may still come; equal for states that differ by lanes that are alike.
    fn state(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.stage, self.offset).hash(&mut hasher);
        self.hashes.iter().fold(0u64, |sum, hash| sum.wrapping_add(*hash)).hash(&mut hasher);
        for slot in &self.plan.shared {
            self.bound.value(*slot).hash(&mut hasher);
        }
        hasher.finish()
    }

    /// Whether a name was cut short, to try whether its last digits are the next lane's: nothing worth a report.
    fn cut_short(&self, step: &Move) -> bool {
        let text = self.texts[self.stage].as_bytes();
        let around = step.fit.end.checked_sub(1).and_then(|last| text.get(last..=step.fit.end));
        around.is_some_and(|bytes| bytes.iter().all(u8::is_ascii_digit))
    }

    /// Keeps the dead end that is furthest on; of several there, the one that offers what is most like the text.
    fn dead_end(&mut self) {
        let reached = |m: &Mismatch| (STREAMS.iter().position(|s| *s == m.stream), m.offset);
        let here = (Some(self.stage), self.offset);
        match &self.best {
            Some(best) if reached(best) > here => {}
            Some(best) if reached(best) == here => {
                let new = self.describe();
                if new.closeness() > best.closeness() {
                    self.best = Some(new);
                }
            }
            _ => self.best = Some(self.describe()),
        }
    }

    fn describe(&self) -> Mismatch {
        let text = self.texts[self.stage];
        let (before, rest) = text.split_at(self.offset);
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let first_line = rest.split_inclusive('\n').next();
        let recorded = first_line.map(|line| if line == "\n" { line } else { line.trim_end_matches('\n') });
        Mismatch {
            stream: STREAMS[self.stage],
            offset: self.offset,
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            recorded: recorded.map(str::to_owned),
            lanes: (0..self.run.lanes.len()).filter_map(|lane| self.offer(lane)).collect(),
            undecided: false,
        }
    }

    fn offer(&self, lane: usize) -> Option<Offer> {
        let this = &self.run.lanes[lane];
        if this.streams[self.stage].atoms.is_empty() {
            return None;
        }
        let next = self.next_atom(lane);
        let refusal = match (next, self.early(lane)) {
            (None, _) => Refusal::Ended,
            (Some(_), Some((other, needed))) => {
                let placed = self.placed[self.stage][other];
                Refusal::Early { of: self.run.lanes[other].label.clone(), placed, needed }
            }
            (Some(atom), None) if fits(atom, self.texts[self.stage], self.offset, &self.bound).is_empty() => {
                Refusal::Other
            }
            (Some(_), None) => Refusal::Busy,
        };
        Some(Offer { lane: this.label.clone(), next: next.map(|atom| render(atom, &self.bound)), refusal })
    }

    fn mismatch(mut self) -> Mismatch {
        let undecided = self.budget == 0;
        let best = self.best.take();
        let mut mismatch = best.unwrap_or_else(|| self.describe());
        mismatch.undecided = undecided;
        mismatch
    }
}

#[cfg(test)]
mod original;
#[cfg(test)]
mod random;
#[cfg(test)]
mod tests;
