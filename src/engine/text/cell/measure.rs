//! What magics say about the Rust of a cell: which statements are timed, and which are measured. Never measures
//! anything itself.

use std::ops::Range;

use syn::spanned::Spanned;

/// What one magic says about the Rust beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// `%time`: the statement that begins within these bytes of the cell is timed.
    Timed(Range<usize>),
    Measured(Measured),
}

/// Statements that are measured together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Measured {
    /// Bytes of the cell in which the measured statements begin.
    pub body: Range<usize>,
    /// The same bytes and those of the setup, whose variables end with the measurement too.
    pub within: Range<usize>,
    pub flags: Flags,
}

/// The flags of IPython's [`%timeit`](https://ipython.readthedocs.io/en/stable/interactive/magics.html#magic-timeit).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flags {
    /// `-n`: loops in each run. 0 means as many as take 0.2 s.
    pub loops: u64,
    /// `-r`: number of runs.
    pub runs: u64,
    /// `-p`: digits of the times that are printed.
    pub precision: u64,
    /// `-q`: print nothing.
    pub quiet: bool,
    /// `-o`: make the measurement the cell's result.
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

/// The bytes of a measured expression, without its semicolon. Its value has to be kept from the optimiser. `None` if
/// the statement is not measured or is not an expression.
pub(super) fn expression(marks: &[Mark], stmt: &syn::Stmt) -> Option<Range<usize>> {
    let start = stmt.span().byte_range().start;
    marks.iter().find(|mark| matches!(mark, Mark::Measured(measured) if measured.within.contains(&start)))?;
    match stmt {
        syn::Stmt::Expr(expression, _) => Some(expression.span().byte_range()),
        syn::Stmt::Macro(call) => Some(start..call.mac.span().byte_range().end),
        _ => None,
    }
}
