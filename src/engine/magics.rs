//! Magics and commands: lines of a cell that are not Rust. Each is a `Spec` in a file of its own, and `TABLE` lists them;
//! parsing, help, completion, inspection and errors all read the table. To add one, read `spec` and `opt`, write a file
//! like `opt`, and add its line to the table.
//!
//! Nothing is run here: a magic changes the scope, which is a value, or says what the session is to do (`Act`).

mod arguments;
mod capture;
mod config;
mod dep;
mod directory;
mod edition;
mod env;
mod evcxr;
mod explain;
mod format;
mod help;
mod history;
mod load;
mod opt;
mod rerun;
mod reset;
mod rollback;
mod run;
mod script;
mod show;
mod spec;
mod split;
mod threads;
mod time;
mod timeit;
mod type_of;
mod unknown;
mod who;
mod writefile;

use std::ops::Range;

use crate::engine::rejection::UsageError;
use crate::engine::scope::Scope;
use crate::engine::text::cell::Cell;

pub(super) use spec::{Act, Capture, Line, Picture, Replacement, Surroundings};

use spec::{Action, Context, Kind, Spec, Table};

/// All magics and commands, in the order of `:help`.
static TABLE: Table = &[
    &time::CELL,
    &time::LINE,
    &timeit::CELL,
    &timeit::LINE,
    &threads::CELL,
    &threads::LINE,
    &capture::CELL,
    &script::BASH,
    &script::SH,
    &script::PYTHON,
    &script::PYTHON3,
    &script::SCRIPT,
    &show::HTML,
    &show::JAVASCRIPT,
    &show::JS,
    &show::MARKDOWN,
    &show::LATEX,
    &show::SVG,
    &writefile::CELL,
    &dep::MANIFEST,
    &run::LINE,
    &load::LINE,
    &rerun::RERUN,
    &rerun::RECALL,
    &script::COMMAND,
    &directory::CD,
    &directory::PWD,
    &env::LINE,
    &who::WHO,
    &who::WHOS,
    &reset::LINE,
    &rollback::ROLLBACK,
    &rollback::RESTART,
    &history::LINE,
    &help::LSMAGIC,
    &config::LINE,
    &dep::COMMAND,
    &dep::SHOW_DEPS,
    &opt::COMMAND,
    &edition::COMMAND,
    &who::VARS,
    &type_of::COMMAND,
    &type_of::SHORT,
    &format::VALUES,
    &format::ERRORS,
    &format::TYPES,
    &explain::EXPLAIN,
    &explain::LAST_ERROR_JSON,
    &env::COMMAND,
    &time::COMMAND,
    &reset::COMMAND,
    &rollback::RESTART_COMMAND,
    &evcxr::SCCACHE,
    &evcxr::CACHE,
    &evcxr::CLEAR_CACHE,
    &evcxr::PRESERVE_VARS_ON_PANIC,
    &evcxr::LINKER,
    &evcxr::CODEGEN_BACKEND,
    &evcxr::ALLOW_STATIC_LINKING,
    &evcxr::OFFLINE,
    &evcxr::TOOLCHAIN,
    &evcxr::BUILD_ENV,
    &evcxr::LOAD_CONFIG,
    &evcxr::QUIT,
    &evcxr::DOC,
    &evcxr::TIME_PASSES,
    &evcxr::INTERNAL_DEBUG,
    &evcxr::LAST_COMPILE_DIR,
    &help::VERSION,
    &help::HELP,
];

/// A cell with its magics apart from its Rust.
pub(super) struct Parsed {
    pub lines: Vec<Line>,
    /// The cell's text with its magics blanked out: same length, same lines.
    pub rust: String,
    pub cell: Cell,
}

/// What a cell's magics have done and want done.
#[derive(Debug)]
pub(super) struct Effect {
    /// The scope that the cell will find.
    pub scope: Scope,
    /// In the order of the magics, each with the line (bytes of the cell) that its magic stands in.
    pub acts: Vec<(Range<usize>, Act)>,
}

fn find(kind: Kind, name: &str) -> Option<&'static Spec> {
    TABLE.iter().find(|spec| (spec.kind, spec.name) == (kind, name)).copied()
}

/// The magics of a cell, without a look at its Rust.
pub(super) fn lines(source: &str) -> Vec<Line> {
    split::split(source, find).lines
}

pub(super) fn parse(source: &str) -> Parsed {
    let split::Split { lines, rust, marks } = split::split(source, find);
    let cell = Cell::with_marks(source, &rust, &marks);
    Parsed { lines, rust, cell }
}

/// Every magic as it is written, with its line of `:help`.
pub(super) fn known() -> impl Iterator<Item = (String, String)> {
    TABLE.iter().map(|spec| (spec.spelling(), help::line(spec, TABLE)))
}

/// Applies a cell's magics to the scope that they find, in their order.
pub(super) fn apply(mut scope: Scope, lines: &[Line]) -> Result<Effect, UsageError> {
    let mut acts = Vec::new();
    for line in lines {
        let Some(spec) = line.spec else { return Err(unknown::error(line, TABLE)) };
        match spec.action {
            Action::InPlaceOfCell { not_alone, .. } => return Err(not_alone.into()),
            Action::InCell(act) => {
                let act = act(line, &mut Context { scope: &mut scope, table: TABLE })?;
                acts.extend(act.map(|act| (line.line.clone(), act)));
            }
        }
    }
    Ok(Effect { scope, acts })
}

/// What is done in the place of a cell that is one magic and nothing else. `None` if the cell is to be run.
pub(super) fn replacement(source: &str, surroundings: &Surroundings) -> Option<Result<Replacement, UsageError>> {
    let line = source.trim();
    let kinds = [Kind::Line, Kind::Command];
    let (kind, after) = kinds.into_iter().find_map(|kind| Some((kind, line.strip_prefix(kind.prefix())?)))?;
    if after.contains('\n') {
        return None;
    }
    let (name, rest) = after.split_once(char::is_whitespace).unwrap_or((after, ""));
    match find(kind, name)?.action {
        Action::InPlaceOfCell { replace, .. } => Some(replace(rest.trim(), surroundings)),
        Action::InCell(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What magics have come to: the scope, and what the session is to do.
    #[derive(Debug)]
    pub(super) struct Applied {
        pub(super) scope: Scope,
        pub(super) acts: Vec<Act>,
    }

    pub(super) fn effect_in(scope: &Scope, source: &str) -> Result<Applied, UsageError> {
        let Effect { scope, acts } = apply(scope.clone(), &parse(source).lines)?;
        Ok(Applied { scope, acts: acts.into_iter().map(|(_, act)| act).collect() })
    }

    pub(super) fn effect(source: &str) -> Result<Applied, UsageError> {
        effect_in(&Scope::default(), source)
    }

    pub(super) fn acts(source: &str) -> Result<Vec<Act>, UsageError> {
        Ok(effect(source)?.acts)
    }

    /// In a directory with a file `a b.rs` of four lines, and in the first cell.
    pub(super) fn replacement(source: &str) -> Option<Result<Replacement, UsageError>> {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("a b.rs"), "one\ntwo\nthree\nfour").expect("written");
        super::replacement(source, &Surroundings { directory: directory.path(), scope: &Scope::default() })
    }

    #[test]
    fn no_two_magics_are_written_alike() {
        for (index, spec) in TABLE.iter().enumerate() {
            let found = find(spec.kind, spec.name).expect("it is in the table");
            assert!(std::ptr::eq(found, TABLE[index]), "{}", spec.spelling());
        }
    }

    #[test]
    fn acts_are_in_the_order_of_their_lines() {
        let effect = apply(Scope::default(), &parse("%who\n:opt 2\n%pwd\n").lines).expect("magics");
        let lines: Vec<Range<usize>> = effect.acts.into_iter().map(|(line, _)| line).collect();
        assert_eq!(lines, [0..4, 12..16]);
    }
}
