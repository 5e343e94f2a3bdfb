//! Reads [rustc's JSON diagnostics](https://doc.rust-lang.org/rustc/json.html) tolerantly: only the fields that are
//! used here, and a missing field is read as empty.
//!
//! Knows nothing about cells.

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
    /// The text of `rustc --explain`. `None` if rustc has none for this code.
    #[serde(default)]
    pub explanation: Option<String>,
}

/// `byte_start` and `byte_end` count bytes of the file as it is on disk. rustc removes a byte order mark and turns
/// `\r\n` into `\n` when it reads a file, but undoes both in these numbers.
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
    /// The lines from `line_start` to `line_end`. Empty if rustc does not have the file's text, as for a library
    /// whose source is not installed.
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

    /// This span, then the call of the macro that made it, then the call of the macro around that call, and so on
    /// outwards.
    pub(super) fn outwards(&self) -> impl Iterator<Item = &Span> {
        std::iter::successors(Some(self), |span| span.expansion.as_ref().map(|e| &e.span))
    }

    /// The outermost macro that made this span, with the place of its call. `None` if no macro made it.
    pub(super) fn outermost(&self) -> Option<&Expansion> {
        let inner = self.expansion.as_deref();
        std::iter::successors(inner, |e| e.span.expansion.as_deref()).last()
    }
}
