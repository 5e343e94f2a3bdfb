//! One atom of a run as a pattern: what of a printed text has to be the same in another run, and what may be
//! renamed (thread, pool, worker and process numbers, pids) or measured anew (times, durations).
//!
//! Nothing here knows lanes, orders or searches: it says only where one atom may end in a text, and at what price.

use std::collections::{BTreeSet, HashMap};

use crate::lanes::measure::{Measure, digits, measured, timing_follows};

/// A name that may be renamed: an index into the bindings of a search.
pub(crate) type Slot = usize;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Piece {
    Literal(String),
    /// The number in a name. `thread`: Python 3.10 and later write the function after it, `Thread-16 (action)`;
    /// `suffix` is what ours wrote there.
    Number {
        slot: Slot,
        ours: String,
        thread: bool,
        suffix: Option<String>,
    },
    /// The worker index of a name that is not the speaker's own: which task is meant is not known, so any does.
    AnyNumber(String),
    /// A number that is a process id in our run. It may be a plain number that happens to be equal, too.
    Pid {
        slot: Slot,
        ours: String,
    },
    Measured {
        kind: Measure,
        ours: String,
    },
}

/// The renamable names of one run. Names of one class are renamed one to one; a task's worker index has no class,
/// since two tasks may share a worker.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    known: HashMap<(String, String), Slot>,
    classes: Vec<Option<Class>>,
    class_ids: HashMap<String, usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Class {
    pub id: usize,
    /// Several such names may become one: pids of children, since Python's pools give one process several tasks.
    pub shared: bool,
}

impl Slots {
    pub(crate) fn len(&self) -> usize {
        self.classes.len()
    }

    pub(crate) fn class(&self, slot: Slot) -> Option<Class> {
        self.classes[slot]
    }

    /// The slot of the name `ours` among those of `class`.
    pub(crate) fn named(&mut self, class: &str, ours: &str) -> Slot {
        if let Some(&slot) = self.known.get(&(class.to_owned(), ours.to_owned())) {
            return slot;
        }
        let next = self.class_ids.len();
        let id = *self.class_ids.entry(class.to_owned()).or_insert(next);
        self.classes.push(Some(Class { id, shared: false }));
        self.known.insert((class.to_owned(), ours.to_owned()), self.classes.len() - 1);
        self.classes.len() - 1
    }

    /// The slot of a child's pid.
    pub(crate) fn child(&mut self, pid: u32) -> Slot {
        let slot = self.named("pid", &pid.to_string());
        self.classes[slot] = self.classes[slot].map(|class| Class { shared: true, ..class });
        slot
    }

    /// A slot without a class: it is bound without regard to others.
    pub(crate) fn lone(&mut self) -> Slot {
        self.classes.push(None);
        self.classes.len() - 1
    }
}

/// The names of whoever printed a text.
pub(crate) struct Speaker<'a> {
    /// The name of the thread that the text was printed on.
    pub thread: &'a str,
    /// For a task: the slot of the worker that it is bound to.
    pub worker: Option<Slot>,
}

/// What a search has bound so far, as a pattern needs to see it.
pub(crate) trait Bound {
    fn value(&self, slot: Slot) -> Option<u64>;
    /// Whether another name of the slot's class already has this value.
    fn taken(&self, slot: Slot, value: u64) -> bool;
    /// Whether two names must not become one.
    fn same_class(&self, one: Slot, other: Slot) -> bool;
}

/// One way in which a pattern fits: where it ends, and what it binds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fit {
    pub end: usize,
    pub binds: Vec<(Slot, u64)>,
}

/// Reads a printed text as a pattern.
pub(crate) fn pattern(text: &str, speaker: &Speaker, pids: &BTreeSet<u32>, slots: &mut Slots) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut literal = String::new();
    let mut at = 0;
    while at < text.len() {
        let mut found = Vec::new();
        let end = token(text, at, speaker, pids, slots, &mut found).unwrap_or(at);
        if end > at {
            for piece in found {
                push(&mut pieces, &mut literal, piece);
            }
            at = end;
        } else {
            let c = text[at..].chars().next().map_or(1, char::len_utf8);
            literal.push_str(&text[at..at + c]);
            at += c;
        }
    }
    if !literal.is_empty() {
        pieces.push(Piece::Literal(literal));
    }
    pieces
}

fn push(pieces: &mut Vec<Piece>, literal: &mut String, piece: Piece) {
    match piece {
        Piece::Literal(text) => literal.push_str(&text),
        other => {
            if !literal.is_empty() {
                pieces.push(Piece::Literal(std::mem::take(literal)));
            }
            pieces.push(other);
        }
    }
}

/// The name, pid, time or duration that begins at `at`, and where it ends.
fn token(
    text: &str,
    at: usize,
    speaker: &Speaker,
    pids: &BTreeSet<u32>,
    slots: &mut Slots,
    found: &mut Vec<Piece>,
) -> Option<usize> {
    let rest = &text[at..];
    let before = text[..at].chars().next_back();
    if before.is_some_and(|c| c.is_alphanumeric() || c == '_') && !rest.starts_with("Process-") {
        return None;
    }
    if let Some(length) = worker_name(rest, speaker, slots, found) {
        return Some(at + length);
    }
    if let Some(length) = numbered_name(rest, slots, found) {
        return Some(at + length);
    }
    if let Some((kind, length)) = measured(rest, timing_follows(&text[..at])) {
        found.push(Piece::Measured { kind, ours: rest[..length].to_owned() });
        return Some(at + length);
    }
    let digits = digits(rest);
    let number: u32 = rest[..digits].parse().ok()?;
    if !pids.contains(&number) || rest[..digits].starts_with('0') {
        return None;
    }
    let ours = rest[..digits].to_owned();
    found.push(Piece::Pid { slot: slots.named("pid", &ours), ours });
    Some(at + digits)
}

/// `ThreadPoolExecutor-K_J`, or the speaker's own name where its pool has a prefix of the user's.
fn worker_name(rest: &str, speaker: &Speaker, slots: &mut Slots, found: &mut Vec<Piece>) -> Option<usize> {
    const POOL: &str = "ThreadPoolExecutor-";
    let own = own_name(rest, speaker);
    if let Some(after) = rest.strip_prefix(POOL) {
        let pool = digits(after);
        let index = after[pool..].strip_prefix('_').map_or(0, digits);
        if pool == 0 || index == 0 {
            return None;
        }
        let (pool, index) = (&after[..pool], &after[pool + 1..pool + 1 + index]);
        let slot = slots.named("pool", pool);
        found.push(Piece::Literal(POOL.to_owned()));
        found.push(Piece::Number { slot, ours: pool.to_owned(), thread: false, suffix: None });
        found.push(Piece::Literal("_".to_owned()));
        found.push(worker_index(index, own.is_some(), pool, speaker, slots));
        return Some(POOL.len() + pool.len() + 1 + index.len());
    }
    let own = own?;
    let (prefix, index) = own.rsplit_once('_')?;
    if prefix.is_empty() || index.is_empty() || digits(index) != index.len() || speaker.worker.is_none() {
        return None;
    }
    found.push(Piece::Literal(format!("{prefix}_")));
    found.push(worker_index(index, true, prefix, speaker, slots));
    Some(own.len())
}

/// The speaker's own name, where `rest` begins with it as a whole word.
fn own_name<'a>(rest: &str, speaker: &Speaker<'a>) -> Option<&'a str> {
    let after = rest.strip_prefix(speaker.thread)?;
    let whole = !speaker.thread.is_empty() && digits(after) == 0;
    whole.then_some(speaker.thread)
}

fn worker_index(index: &str, own: bool, pool: &str, speaker: &Speaker, slots: &mut Slots) -> Piece {
    let ours = index.to_owned();
    match speaker.worker {
        _ if !own => Piece::AnyNumber(ours),
        Some(slot) => Piece::Number { slot, ours, thread: false, suffix: None },
        // The worker itself, outside any task: its index stands for the thread.
        None => {
            let slot = slots.named(&format!("worker of {pool}"), index);
            Piece::Number { slot, ours, thread: false, suffix: None }
        }
    }
}

fn numbered_name(rest: &str, slots: &mut Slots, found: &mut Vec<Piece>) -> Option<usize> {
    let prefix = ["Thread-", "Process-", "ForkPoolWorker-", "Dummy-"].into_iter().find(|p| rest.starts_with(p))?;
    let number = digits(&rest[prefix.len()..]);
    if number == 0 {
        return None;
    }
    let end = prefix.len() + number;
    let ours = rest[prefix.len()..end].to_owned();
    let thread = prefix == "Thread-";
    let suffix = if thread { function_suffix(&rest[end..]) } else { 0 };
    found.push(Piece::Literal(prefix.to_owned()));
    found.push(Piece::Number {
        slot: slots.named(prefix, &ours),
        ours,
        thread,
        suffix: (suffix > 0).then(|| rest[end..end + suffix].to_owned()),
    });
    Some(end + suffix)
}

/// The length of ` (action)`, as Python writes after a thread's number.
fn function_suffix(rest: &str) -> usize {
    let Some(name) = rest.strip_prefix(" (") else { return 0 };
    let length = name.find(|c: char| !(c.is_alphanumeric() || "_<>".contains(c))).unwrap_or(name.len());
    if length > 0 && name[length..].starts_with(')') { length + 3 } else { 0 }
}

/// All ways in which `pieces` fit `text` from `from` on. The first is the one to try first.
pub(crate) fn fits(pieces: &[Piece], text: &str, from: usize, bound: &dyn Bound) -> Vec<Fit> {
    if let [Piece::Literal(literal)] = pieces {
        let fit = text[from..].starts_with(literal.as_str());
        return if fit { vec![Fit { end: from + literal.len(), binds: Vec::new() }] } else { Vec::new() };
    }
    let mut partial = vec![Fit { end: from, binds: Vec::new() }];
    for piece in pieces {
        let mut next = Vec::new();
        for fit in &partial {
            extend(piece, text, fit, bound, &mut next);
        }
        if next.is_empty() {
            return next;
        }
        partial = next;
    }
    partial
}

fn extend(piece: &Piece, text: &str, fit: &Fit, bound: &dyn Bound, next: &mut Vec<Fit>) {
    let rest = &text[fit.end..];
    let plain = |length: usize| Fit { end: fit.end + length, binds: fit.binds.clone() };
    match piece {
        Piece::Literal(literal) if rest.starts_with(literal.as_str()) => next.push(plain(literal.len())),
        Piece::Literal(_) => {}
        // A shorter number fits too: the digits that follow may be the next lane's.
        Piece::AnyNumber(_) => next.extend((1..=digits(rest)).rev().map(plain)),
        Piece::Measured { kind, .. } => {
            let found = measured(rest, *kind == Measure::Duration);
            next.extend(found.filter(|(k, _)| k == kind).map(|(_, length)| plain(length)));
        }
        Piece::Pid { slot, ours } => {
            number(rest, *slot, fit, bound, next);
            let equal = plain(ours.len());
            if rest.starts_with(ours.as_str()) && !next.iter().any(|n| n.end == equal.end && n.binds == equal.binds)
            {
                next.push(equal);
            }
        }
        Piece::Number { slot, thread: false, .. } => number(rest, *slot, fit, bound, next),
        Piece::Number { slot, suffix, .. } => {
            let mut numbers = Vec::new();
            number(rest, *slot, fit, bound, &mut numbers);
            for numbered in numbers {
                after_number(suffix.as_deref(), text, numbered, next);
            }
        }
    }
}

/// The function after a thread's number: the same on both sides, or on one side only (a Python before 3.10).
fn after_number(suffix: Option<&str>, text: &str, fit: Fit, next: &mut Vec<Fit>) {
    let theirs = function_suffix(&text[fit.end..]);
    let longer = Fit { end: fit.end + theirs, binds: fit.binds.clone() };
    match suffix {
        Some(ours) if theirs > 0 => next.extend((&text[fit.end..fit.end + theirs] == ours).then_some(longer)),
        Some(_) => next.push(fit),
        None if theirs > 0 => next.extend([fit, longer]),
        None => next.push(fit),
    }
}

fn number(rest: &str, slot: Slot, fit: &Fit, bound: &dyn Bound, next: &mut Vec<Fit>) {
    let here = fit.binds.iter().find(|(s, _)| *s == slot).map(|(_, value)| *value);
    if let Some(value) = here.or_else(|| bound.value(slot)) {
        let value = value.to_string();
        if rest.starts_with(&value) {
            next.push(Fit { end: fit.end + value.len(), binds: fit.binds.clone() });
        }
        return;
    }
    for length in (1..=digits(rest).min(18)).rev() {
        let digits = &rest[..length];
        let Ok(value) = digits.parse::<u64>() else { continue };
        let leading_zero = length > 1 && digits.starts_with('0');
        if !leading_zero && !bound.taken(slot, value) && !taken_here(fit, slot, value, bound) {
            let mut binds = fit.binds.clone();
            binds.push((slot, value));
            next.push(Fit { end: fit.end + length, binds });
        }
    }
}

/// Whether two names of one atom would become one, which no renaming allows.
fn taken_here(fit: &Fit, slot: Slot, value: u64, bound: &dyn Bound) -> bool {
    fit.binds.iter().any(|&(other, v)| v == value && other != slot && bound.same_class(other, slot))
}

/// The text that a pattern stands for, with bound names as the other side calls them.
pub(crate) fn render(pieces: &[Piece], bound: &dyn Bound) -> String {
    let name = |slot: Slot, ours: &str| bound.value(slot).map_or_else(|| ours.to_owned(), |v| v.to_string());
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Literal(t) | Piece::AnyNumber(t) | Piece::Measured { ours: t, .. } => text.push_str(t),
            Piece::Pid { slot, ours } => text.push_str(&name(*slot, ours)),
            Piece::Number { slot, ours, suffix, .. } => {
                text.push_str(&name(*slot, ours));
                text.push_str(suffix.as_deref().unwrap_or(""));
            }
        }
    }
    text
}
