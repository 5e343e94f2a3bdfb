//! Writes the body of a cell's crate: the statements on their own lines, each as it is, timed, measured or shown, and
//! the code that magics run. Never decides what happens to variables; the plan does.

use std::ops::Range;
use std::sync::Arc;

use crate::events::CellId;

use super::loops::LOOK;
use super::{AWAITED, Writer};
use crate::engine::build::storage_plan::{Marker, Plan, PutBack};
use crate::engine::text::cell::{Flags, Kind, Measured, Parts, Statement};

/// What a range of the cell becomes.
enum Piece<'a> {
    Use,
    Call(&'a str),
    Statement(&'a Statement),
}

impl Writer {
    /// Writes the cell's own text with everything blanked out that is not a statement or an import, and code that shows
    /// the value of the last expression. Then stores the variables that the plan stores inside of the cell's code.
    pub(super) fn body(&mut self, cell: CellId, source: &Arc<str>, parts: &Parts, plan: &Plan) {
        let mut at = 0;
        let mut open: Option<(&Measured, bool)> = None;
        for (range, piece) in pieces(parts) {
            if let Some((ended, awaits)) = open.take_if(|(open, _)| !open.body.contains(&range.start)) {
                self.measured(ended.flags, awaits);
            }
            self.root.blank(&source[at..range.start]);
            at = range.end;
            match piece {
                Piece::Use => {
                    let has_no_end = !source[range.clone()].ends_with(';');
                    self.root.original(cell, source, range);
                    self.root.generated(if has_no_end { ";" } else { "" });
                }
                Piece::Call(rust) => {
                    self.root.generated(rust);
                    self.root.blank(&source[range]);
                }
                Piece::Statement(statement) => {
                    let group = parts.measured.iter().find(|measured| measured.body.contains(&range.start));
                    if let (Some(group), None) = (group, open) {
                        let awaits = plan.awaits && awaits(group, parts);
                        self.measure(group.flags, awaits);
                        open = Some((group, awaits));
                    }
                    self.statement(cell, source, statement, parts, open.is_some());
                }
            }
        }
        if let Some((ended, awaits)) = open {
            self.root.generated("\n");
            self.measured(ended.flags, awaits);
        }
        self.root.blank(&source[at..]);
        if parts.runs_main {
            self.root.generated("\n; ::threadbook::cell::Main::answer(main())?;");
        }
        self.root.generated("\n;");
        self.root.generated(LOOK);
        for kept in &plan.kept {
            self.store(kept, Marker::Store(kept.name.clone()));
        }
        for taken in plan.taken.iter().filter(|t| t.put_back == PutBack::Inside && !t.rebound) {
            self.put_back(&taken.name);
        }
        // The type of a future's value is not written, so its last expression has to say it.
        self.root.generated(match plan.awaits {
            false => "::core::result::Result::Ok(()) }); ",
            true => "::threadbook::task::ended() }) }); ",
        });
    }

    fn statement(&mut self, cell: CellId, source: &Arc<str>, of: &Statement, parts: &Parts, measured: bool) {
        let range = of.range.clone();
        if measured {
            return self.kept_from_the_optimiser(cell, source, of);
        }
        // An interrupt may have ended a wait of the statement before this one, so the check stands here. `prefix` keeps
        // the first column of the statement on a new line.
        if parts.statements.first().is_some_and(|first| first.range != range) {
            self.root.prefix(LOOK);
        }
        match (of.timed, parts.tail == Some(range.clone())) {
            (false, false) => self.interruptible(cell, source, of),
            (true, false) => {
                self.root.generated("let threadbook_timer = ::threadbook::timing::Timer::start(); ");
                self.interruptible(cell, source, of);
                self.root.generated(" drop(threadbook_timer);");
            }
            (timed, true) => self.tail(cell, source, of, timed),
        }
        // In the setup of a measured cell, the range of an expression does not include its semicolon.
        if !parts.measured.is_empty() {
            self.root.generated("; ");
        }
    }

    /// Writes the cell's last expression, whose value is shown.
    fn tail(&mut self, cell: CellId, source: &Arc<str>, of: &Statement, timed: bool) {
        let range = of.range.clone();
        if self.form != 0 {
            self.root.generated(&format!("; ::threadbook::show::form({})", self.form));
        }
        self.root.generated("; match &(");
        if timed {
            self.root.generated("{ let threadbook_timer = ::threadbook::timing::Timer::start(); ");
        }
        let strips = self.strips.len();
        self.interruptible(cell, source, of);
        self.root.generated(if timed { " }" } else { "" });
        // The alias makes rustc's errors about showing the value point at the expression.
        let shown = self.root.alias(
            ") { threadbook_value => { use ::threadbook::show::Fallback as _; ::threadbook::show::tail(); threadbook_value.evcxr_display() } };",
            cell,
            source,
            range,
        );
        if self.strips.len() > strips {
            self.strips.push(shown);
        }
    }

    /// Opens the closure that is measured. The closure borrows what it mentions (no `move`), since it is called more than
    /// once.
    fn measure(&mut self, flags: Flags, awaits: bool) {
        let Flags { loops, runs, precision, quiet, .. } = flags;
        self.root.generated(&format!(
            "; let threadbook_timed = ::threadbook::timeit::measure(::threadbook::timeit::Options {{ loops: {loops}, runs: {runs}, precision: {precision}, quiet: {quiet} }}, || {{ "
        ));
        self.root.generated(if awaits { AWAITED } else { "" });
    }

    /// Closes the closure that is measured, and shows the result if the flags ask for it.
    fn measured(&mut self, flags: Flags, awaits: bool) {
        self.root.generated(if awaits { "}) }); " } else { "}); " });
        if flags.output {
            let show = "{ use ::threadbook::show::Fallback as _; (&threadbook_timed).evcxr_display(); } ";
            self.root.generated(show);
        }
    }

    fn kept_from_the_optimiser(&mut self, cell: CellId, source: &Arc<str>, statement: &Statement) {
        // The range of a `let` includes its semicolon; the range of an expression does not.
        let range = statement.range.clone();
        if source[range.clone()].ends_with(';') {
            self.root.original(cell, source, range);
        } else if !statement.binds.is_empty() {
            self.root.original(cell, source, range);
            self.root.generated(";");
        } else {
            self.root.generated("::core::hint::black_box(");
            self.root.original(cell, source, range);
            self.root.generated(");");
        }
        for bind in &statement.binds {
            self.root.generated(&format!(" ::core::hint::black_box(&{}); ", bind.name));
        }
    }
}

/// Whether statements that are measured together await. If no statement of the cell does, a macro awaits somewhere.
fn awaits(group: &Measured, parts: &Parts) -> bool {
    let mut awaiting = parts.statements.iter().filter(|statement| statement.awaits).peekable();
    awaiting.peek().is_none() || awaiting.any(|statement| group.body.contains(&statement.range.start))
}

fn pieces(parts: &Parts) -> Vec<(Range<usize>, Piece<'_>)> {
    let uses = parts.items.iter().filter(|item| matches!(item.kind, Kind::Use(_)));
    let mut pieces: Vec<(Range<usize>, Piece)> =
        parts.statements.iter().map(|s| (s.range.clone(), Piece::Statement(s))).collect();
    pieces.extend(uses.map(|item| (item.range.clone(), Piece::Use)));
    pieces.extend(parts.calls.iter().map(|call| (call.line.clone(), Piece::Call(&call.rust))));
    pieces.sort_by_key(|(range, _)| range.start);
    pieces
}
