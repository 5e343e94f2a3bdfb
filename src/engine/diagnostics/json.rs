//! rustc's JSON diagnostics (<https://doc.rust-lang.org/rustc/json.html>), read tolerantly: only what is used here, and what
//! is missing is empty.
//!
//! Knows nothing of cells.

use serde::Deserialize;
use std::ops::Range;

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Message {
    pub message: String,
    #[serde(default)]
    pub code: Option<Code>,
    pub level: String,
    #[serde(default)]
    pub spans: Vec<Span>,
    #[serde(default)]
    pub children: Vec<Message>,
    #[serde(default)]
    pub rendered: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Code {
    pub code: String,
    /// Present if `rustc --explain` knows the code.
    #[serde(default)]
    pub explanation: Option<String>,
}

/// `byte_start` and `byte_end` count bytes of the file as it is on disk: rustc undoes its own removal of a byte
/// order mark and its folding of `\r\n`.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Span {
    pub file_name: String,
    pub byte_start: usize,
    pub byte_end: usize,
    #[serde(default)]
    pub line_start: usize,
    #[serde(default)]
    pub line_end: usize,
    #[serde(default)]
    pub column_start: usize,
    #[serde(default)]
    pub column_end: usize,
    /// The lines from `line_start` to `line_end`. Empty if rustc does not have the file's text, as of a library whose
    /// source is not installed.
    #[serde(default)]
    pub text: Vec<Line>,
    #[serde(default)]
    pub is_primary: bool,
    #[serde(default)]
    pub label: Option<String>,
    #[serde(default)]
    pub suggested_replacement: Option<String>,
    #[serde(default)]
    pub expansion: Option<Box<Expansion>>,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Line {
    pub text: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(super) struct Expansion {
    pub span: Span,
    #[serde(default)]
    pub macro_decl_name: String,
}

impl Span {
    pub(super) fn bytes(&self) -> Range<usize> {
        self.byte_start..self.byte_end.max(self.byte_start)
    }

    /// This span, then the place where the macro that made it was called, and so on outwards.
    pub(super) fn outwards(&self) -> impl Iterator<Item = &Span> {
        std::iter::successors(Some(self), |span| span.expansion.as_ref().map(|e| &e.span))
    }

    /// The outermost macro that made this span, and where it was called.
    pub(super) fn outermost(&self) -> Option<&Expansion> {
        let inner = self.expansion.as_deref();
        std::iter::successors(inner, |e| e.span.expansion.as_deref()).last()
    }
}
