//! Writes a statement with checks for an interrupt in its outermost loops: at each turn, or between strips of turns (the
//! runtime's `strips`). Strips begin long if the turns are brief, and with one turn otherwise.
//!
//! A loop does the same in strips, but rustc may refuse code in strips that it accepts in the loop as it is written, and
//! words errors about the loop's header differently. So every loop can also be written without strips (`in_strips`).

use std::ops::Range;
use std::sync::Arc;

use crate::events::CellId;

use super::Writer;
use crate::engine::text::cell::{Form, Over, Statement, Turns};

/// Generated code that ends the cell if the user has interrupted it.
pub(super) const LOOK: &str = " ::threadbook::interrupt::check(); ";

impl Writer {
    /// Writes the statement with checks in its outermost loops.
    pub(super) fn interruptible(&mut self, cell: CellId, source: &Arc<str>, of: &Statement) {
        let mut at = of.range.start;
        for turns in &of.turns {
            self.root.original(cell, source, at..turns.range.start);
            self.turns(cell, source, turns);
            at = turns.range.end;
        }
        self.root.original(cell, source, at..of.range.end);
    }

    fn turns(&mut self, cell: CellId, source: &Arc<str>, turns: &Turns) {
        let Range { start, end } = turns.range;
        let brief = turns.calls.as_ref().is_some_and(|calls| calls.is_subset(&self.brief));
        if brief && matches!(turns.form, Form::For { over: Over::Few, .. }) {
            self.root.original(cell, source, start..end);
        } else if self.in_strips && brief {
            self.strips(cell, source, turns, "brief");
        } else if self.in_strips && turns.may_be_short {
            self.strips(cell, source, turns, "by_time");
        } else {
            self.at_each_turn(cell, source, turns, LOOK);
        }
    }

    /// Writes the loop with this code at the beginning of its body.
    fn at_each_turn(&mut self, cell: CellId, source: &Arc<str>, turns: &Turns, code: &str) {
        let inside = turns.body.start + 1;
        self.root.original(cell, source, turns.range.start..inside);
        self.root.prefix(code);
        self.root.original(cell, source, inside..turns.range.end);
    }

    fn strips(&mut self, cell: CellId, source: &Arc<str>, turns: &Turns, pace: &str) {
        let Range { start, end } = turns.range;
        let before = self.root.generated(&match &turns.form {
            Form::For { over: Over::Range, .. } => format!("{{ ::threadbook::range_strips! {{ {pace} "),
            Form::For { .. } => format!("{{ ::threadbook::strips! {{ {pace} "),
            Form::While { .. } | Form::Loop { .. } => {
                let pace = format!("::threadbook::strips::Pace::{pace}()");
                format!("{{ let mut threadbook_turns = ::threadbook::strips::Turns::new({pace}); ")
            }
        });
        let after = match &turns.form {
            Form::For { iterator, .. } => {
                self.root.original(cell, source, start..iterator.end);
                self.root.generated(";");
                self.root.original(cell, source, iterator.end..end);
                " } }"
            }
            Form::While { condition, lets } => {
                self.root.generated("loop { threadbook_turns.begin(); ");
                self.root.original(cell, source, start..condition.start);
                self.root.prefix(if *lets {
                    "threadbook_turns.another() && "
                } else {
                    "threadbook_turns.another() && ("
                });
                self.root.original(cell, source, condition.clone());
                self.root.generated(if *lets { "" } else { ")" });
                self.root.original(cell, source, condition.end..end);
                " if !threadbook_turns.goes_on() { break; } } }"
            }
            // A loop without a `break` has the type `!`, which it would lose as the value of a `break`.
            Form::Loop { breaks: false } => {
                self.root.generated("loop { threadbook_turns.begin(); ");
                self.at_each_turn(
                    cell,
                    source,
                    turns,
                    " if !threadbook_turns.another() { threadbook_turns.goes_on(); break; } ",
                );
                " } }"
            }
            Form::Loop { breaks: true } => {
                self.root.generated("'threadbook_strips: loop { threadbook_turns.begin(); break (");
                self.at_each_turn(
                    cell,
                    source,
                    turns,
                    " if !threadbook_turns.another() { threadbook_turns.goes_on(); continue 'threadbook_strips; } ",
                );
                "); } }"
            }
        };
        let after = self.root.generated(after);
        self.strips.push(before.start..after.end);
    }
}
