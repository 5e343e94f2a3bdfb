//! What a magic is: how it is written, what it is for, how much of its cell is Rust, and what it does. Every magic is one
//! `Spec`, in a file of its own; the table in `magics` lists them all.
//!
//! A magic never does anything itself. It changes the scope, which is a value, or returns an `Act` for the session.

use std::ops::Range;
use std::path::Path;

use crate::engine::rejection::UsageError;
use crate::engine::scope::Scope;
use crate::engine::text::cell::Mark;
use crate::worker::TimeFormat;

/// All magics and commands, in the order of `:help`.
pub(crate) type Table = &'static [&'static Spec];

/// One magic or command. `%%time` and `%time` are two: they have one name and are two kinds.
pub(crate) struct Spec {
    pub kind: Kind,
    pub name: &'static str,
    /// What follows the name, as `:help` shows it: `[-n N] CODE`. Empty if nothing does.
    pub usage: &'static str,
    /// What it does, in one line that starts in lower case.
    pub help: &'static str,
    pub body: Body,
    pub action: Action,
}

/// How a magic is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `%%name`: a cell magic, which is about the whole cell. It stands before the cell's Rust.
    Cell,
    /// `%name`: a line magic.
    Line,
    /// `:name`: a command, as evcxr spells it.
    Command,
    /// `!rest`: a command of the shell. It has no name.
    Shell,
}

/// How much of the text at a magic is its own, and how much is Rust of the cell.
pub(crate) enum Body {
    /// The magic's line is its own; the lines below are Rust.
    Line,
    /// The magic's line is its own, and so are the lines below until what follows the name is whole.
    Lines { is_whole: fn(&str) -> bool },
    /// The magic's line has Rust in it, such as `%time STATEMENT`.
    Rust {
        /// Returns how many bytes of what follows the name are the magic's own.
        own: fn(&str) -> usize,
        /// Returns what the magic says about that Rust. The number is the length of the cell.
        mark: fn(&Line, usize) -> Mark,
    },
    /// All lines below are the magic's own, and are not Rust (`%%bash`).
    Text,
}

/// What a magic does.
pub(crate) enum Action {
    /// It stands beside Rust and other magics, and acts in the order of the lines.
    InCell(fn(&Line, &mut Context) -> Result<Option<Act>, UsageError>),
    /// It needs a cell of its own, and something else is done in the place of that cell.
    InPlaceOfCell {
        /// What is said if there is something else in the cell.
        not_alone: &'static str,
        /// The text is what follows the name.
        replace: fn(&str, &Surroundings) -> Result<Replacement, UsageError>,
    },
}

/// What a magic in a cell sees and may change.
pub(crate) struct Context<'a> {
    /// The scope that the cell, and those that follow, will find.
    pub scope: &'a mut Scope,
    pub table: Table,
}

/// What a magic that takes the place of a cell sees.
pub(crate) struct Surroundings<'a> {
    /// The directory that cells have: paths are relative to it.
    pub directory: &'a Path,
    pub scope: &'a Scope,
}

/// What the session does for a magic.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// Print this before the cell runs.
    Say(String),
    /// Print the type of this expression.
    SayType(String),
    /// Run this Rust in the worker, in the place of the magic's line.
    Call(String),
    /// Time the cell.
    Time(TimeFormat),
    /// Measure what the mark of this magic says. There must be something.
    Measure,
    /// Draw the lanes of a cell.
    Draw(Picture),
    /// Keep what the cell puts out from the front end.
    Capture(Capture),
    /// Build the crates that the scope wants by now.
    BuildCrates,
}

/// Whose lanes are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Picture {
    /// Those of the cell before this one.
    Last,
    This,
}

/// What of a cell is kept from the front end, and in which variable it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Capture {
    /// `None` if it is thrown away.
    pub name: Option<String>,
    pub stdout: bool,
    pub stderr: bool,
    pub display: bool,
}

/// What is done in the place of a cell.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Replacement {
    /// Run this text as the cell, after printing `said`.
    Run { text: String, said: String },
    /// Have the front end put this text in the place of the cell, or else in the next one.
    Show { text: String, replace: bool },
    /// Make the variables what they were before the last cell.
    Rollback,
    /// Begin with a new worker and nothing defined.
    Restart,
}

/// One magic as it stands in a cell.
#[derive(Clone)]
pub(crate) struct Line {
    pub kind: Kind,
    pub name: String,
    /// What follows the name, trimmed, without what is Rust of the cell.
    pub rest: String,
    /// Bytes of the cell: the line, without its end.
    pub line: Range<usize>,
    /// Bytes of the cell: the part of the line that is not Rust.
    pub own: Range<usize>,
    /// The lines below, if they are not Rust (`Body::Text`).
    pub body: Option<String>,
    /// `None` if there is no such magic.
    pub spec: Option<&'static Spec>,
}

impl Line {
    /// Whether nothing that has to follow is missing.
    pub(crate) fn is_whole(&self) -> bool {
        match self.spec.map(|spec| &spec.body) {
            Some(Body::Lines { is_whole }) => is_whole(&self.rest),
            _ => true,
        }
    }
}

impl Spec {
    /// The magic as it is written: `%%time`.
    pub(crate) fn spelling(&self) -> String {
        format!("{}{}", self.kind.prefix(), self.name)
    }
}

impl Kind {
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Kind::Cell => "%%",
            Kind::Line => "%",
            Kind::Command => ":",
            Kind::Shell => "!",
        }
    }
}

impl Act {
    /// Whether a cell with this act can be compiled only when its turn has come. A cell that brings in crates says what
    /// it builds while it does, and may name files that an earlier cell writes; a cell that is captured makes a variable
    /// that is not in its own program.
    pub(crate) fn waits_for_its_turn(&self) -> bool {
        matches!(self, Act::BuildCrates | Act::Capture(_))
    }
}
