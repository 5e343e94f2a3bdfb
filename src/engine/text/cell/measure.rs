//! What `%timeit` and `%%timeit` measure: which statements, with which flags. Measures nothing itself.

use std::ops::Range;

use syn::spanned::Spanned;

use super::Parts;
use crate::engine::rejection::UsageError;
use crate::engine::text::magic::{Kind, Magic};

/// Statements that are measured together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Measured {
    /// Bytes of the cell that its statements begin in.
    pub body: Range<usize>,
    /// The same with the setup, whose variables end with the measurement too.
    pub within: Range<usize>,
    pub flags: Flags,
}

/// IPython's flags of `%timeit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flags {
    /// `-n`: loops of a run; 0 asks for as many as take 0.2 s.
    pub loops: u64,
    /// `-r`
    pub runs: u64,
    /// `-p`: digits.
    pub precision: u64,
    /// `-q`: prints nothing.
    pub quiet: bool,
    /// `-o`: the measurement is the cell's result.
    pub output: bool,
}

impl Default for Flags {
    fn default() -> Flags {
        Flags { loops: 0, runs: 7, precision: 3, quiet: false, output: false }
    }
}

impl Flags {
    pub(crate) fn parse(text: &str) -> Result<Flags, UsageError> {
        let mut flags = Flags::default();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let name = rest.strip_prefix('-').and_then(|r| r.chars().next()).unwrap_or(' ');
            let value = rest.get(2..).unwrap_or_default().trim_start();
            let length = value.len() - value.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let number = value[..length].parse::<u64>().ok();
            rest = match (name, number) {
                ('n', Some(number)) => set(&mut flags.loops, number, &value[length..]),
                ('r', Some(number)) if number > 0 => set(&mut flags.runs, number, &value[length..]),
                ('p', Some(number)) if (1..=17).contains(&number) => {
                    set(&mut flags.precision, number, &value[length..])
                }
                ('q', None) => set(&mut flags.quiet, true, value),
                ('o', None) => set(&mut flags.output, true, value),
                _ => {
                    return Err(UsageError(format!(
                        "`%timeit` takes `-n LOOPS`, `-r RUNS`, `-p DIGITS`, `-q` and `-o`, not `{rest}`"
                    )));
                }
            };
        }
        Ok(flags)
    }
}

/// Sets a flag and answers the text behind it.
fn set<'a, T>(flag: &mut T, value: T, rest: &'a str) -> &'a str {
    *flag = value;
    rest.trim_start()
}

/// The expression of a statement that is measured, without the semicolon: its value is kept from the optimiser.
pub(super) fn expression(magics: &[Magic], stmt: &syn::Stmt) -> Option<Range<usize>> {
    let start = stmt.span().byte_range().start;
    let is_measured =
        |magic: &Magic| magic.is_timeit() && (magic.kind == Kind::Cell || magic.line.contains(&start));
    if !magics.iter().any(is_measured) {
        return None;
    }
    match stmt {
        syn::Stmt::Expr(expression, _) => Some(expression.span().byte_range()),
        syn::Stmt::Macro(call) => Some(start..call.mac.span().byte_range().end),
        _ => None,
    }
}

/// Notes what is measured in the parts of a cell of this length; its value is no result.
pub(super) fn mark(parts: &mut Parts, magics: &[Magic], length: usize) {
    for magic in magics.iter().filter(|magic| magic.is_timeit()) {
        let within = match magic.kind {
            Kind::Cell => magic.blanked.end..length,
            _ => magic.blanked.end..magic.line.end,
        };
        let body = if magic.kind == Kind::Cell { magic.line.end..length } else { within.clone() };
        // `command` has refused what is wrong with the flags.
        let flags = Flags::parse(&magic.rest).unwrap_or_default();
        if parts.tail.as_ref().is_some_and(|tail| within.contains(&tail.start)) {
            parts.tail = None;
        }
        if parts.statements.iter().any(|statement| body.contains(&statement.range.start)) {
            parts.measured.push(Measured { body, within, flags });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::text::cell::Cell;

    #[test]
    fn flags_are_ipythons() {
        let flags = Flags::parse("-n 10 -r3 -q -p 5 -o").unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(flags, Flags { loops: 10, runs: 3, precision: 5, quiet: true, output: true });
        for wrong in ["-x", "-n", "-r 0", "-q 1", "5"] {
            assert!(Flags::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_first_line_of_a_measured_cell_is_setup() {
        let parts = Cell::parse("%%timeit -n 2 let v = vec![1];\nlet x = v.len();\nx;").parts.expect("Rust");
        assert_eq!(parts.measured.len(), 1);
        assert_eq!(parts.measured[0].body, 30..50);
        assert!(parts.bindings().is_empty());
        assert!(parts.free_names().is_empty() || !parts.free_names().contains("v"));
        assert_eq!(parts.statements[2].range, 48..49);
    }

    #[test]
    fn a_measured_line_binds_nothing() {
        let parts = Cell::parse("let a = 1;\n%timeit let b = a;\n%timeit a\n%timeit a + 1").parts.expect("Rust");
        assert_eq!(parts.measured.len(), 3);
        assert_eq!(parts.bindings().len(), 1);
        assert_eq!(parts.tail, None);
    }
}
