//! What magics say about the Rust of a cell: which statements are timed, and which are measured. Measures nothing itself.

use std::ops::Range;

use syn::spanned::Spanned;

/// What a magic says about the Rust beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// The statement that begins in these bytes of the cell is timed (`%time`).
    Timed(Range<usize>),
    Measured(Measured),
}

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

/// Whether the statement that starts at this byte is timed.
pub(super) fn is_timed(marks: &[Mark], start: usize) -> bool {
    marks.iter().any(|mark| matches!(mark, Mark::Timed(range) if range.contains(&start)))
}

/// The expression of a statement that is measured, without the semicolon: its value is kept from the optimiser. `None`
/// if the statement is not measured, or is no expression.
pub(super) fn expression(marks: &[Mark], stmt: &syn::Stmt) -> Option<Range<usize>> {
    let start = stmt.span().byte_range().start;
    marks.iter().find(|mark| matches!(mark, Mark::Measured(measured) if measured.within.contains(&start)))?;
    match stmt {
        syn::Stmt::Expr(expression, _) => Some(expression.span().byte_range()),
        syn::Stmt::Macro(call) => Some(start..call.mac.span().byte_range().end),
        _ => None,
    }
}
