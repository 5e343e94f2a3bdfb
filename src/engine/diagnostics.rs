//! What rustc said, and how the user is to see it: in the coordinates of cells, laid out as rustc lays it out.
//!
//! Reads rustc's JSON and renders text. Never runs rustc, and never decides what an error means for the session:
//! that is asked by `touches` and answered elsewhere.

mod json;
mod names;
mod place;
mod render;
mod suggest;
#[cfg(test)]
mod tests;

pub(super) use render::render;

use crate::engine::text::source_map::{Place, SourceMap};
use std::ops::Range;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Level {
    Error,
    Warning,
    Note,
    Help,
}

/// One message of rustc's, with its notes and suggestions.
#[derive(Clone, Debug)]
pub(super) struct Diagnostic {
    pub level: Level,
    /// `E0382`, or the name of a lint.
    pub code: Option<String>,
    pub message: String,
    raw: json::Message,
    helps: Vec<String>,
}

/// Reads rustc's standard error: its diagnostics, and the lines that are none (a compiler crash, a linker's own
/// words). The counts and the `--explain` hint with which rustc ends are left out: `render` makes the hint anew,
/// from the diagnostics that are really shown.
pub(super) fn parse(stderr: &str) -> (Vec<Diagnostic>, String) {
    let (mut diagnostics, mut rest) = (Vec::new(), String::new());
    for line in stderr.lines() {
        match serde_json::from_str::<json::Message>(line) {
            Ok(raw) => diagnostics.extend(Diagnostic::new(raw)),
            // Other records of rustc's (artifacts, future breakage reports) are objects too, and not for users.
            Err(_) if line.starts_with("{\"$message_type\"") => {}
            Err(_) => {
                rest.push_str(line);
                rest.push('\n');
            }
        }
    }
    (diagnostics, rest)
}

impl Diagnostic {
    fn new(mut raw: json::Message) -> Option<Diagnostic> {
        // What our own runtime asks of a value is said by the message itself.
        raw.children.retain(|note| !note.message.starts_with("required by a bound in `threadbook::"));
        let level = match raw.level.as_str() {
            "failure-note" => return None,
            "warning" => Level::Warning,
            "note" => Level::Note,
            "help" => Level::Help,
            _ => Level::Error,
        };
        if raw.spans.is_empty() && raw.code.is_none() && is_count(&raw.message) {
            return None;
        }
        let mut message = raw.message.clone();
        if raw.level.contains("internal compiler error") {
            message.insert_str(0, "internal compiler error: ");
        }
        let code = raw.code.as_ref().map(|c| c.code.clone());
        Some(Diagnostic { level, code, message, raw, helps: Vec::new() })
    }

    /// The type that an expression has instead of `threadbook::show::TypeOf`, as rustc says it.
    pub(super) fn type_of_expression(&self) -> Option<&str> {
        let labels = || self.raw.spans.iter().filter_map(|span| span.label.as_deref());
        let is_asked = self.code.as_deref() == Some("E0308") && labels().any(|label| label.contains("`TypeOf`"));
        labels()
            .filter(|_| is_asked)
            .find_map(|label| label.strip_prefix("this expression has type `")?.strip_suffix('`'))
    }

    pub(super) fn is_error(&self) -> bool {
        self.level == Level::Error
    }

    /// The places in cells that the message itself is about, most important first. Empty if it is about none.
    pub(super) fn primary(&self, map: &SourceMap) -> Vec<Place> {
        let spans = self.raw.spans.iter().filter(|s| s.is_primary);
        spans.filter_map(|span| place::resolve(span, map).cell()).collect()
    }

    /// Whether any span of the message or of its notes (suggestions aside) lies on `range` of generated file
    /// `file`, also when it got there through a macro.
    pub(super) fn touches(&self, file: &str, range: &Range<usize>) -> bool {
        let notes = self.raw.children.iter().flat_map(|c| &c.spans).filter(|s| s.suggested_replacement.is_none());
        self.raw.spans.iter().chain(notes).any(|span| overlaps(span, file, range))
    }

    /// As `touches`, for the primary spans of the message itself.
    pub(super) fn primary_touches(&self, file: &str, range: &Range<usize>) -> bool {
        self.raw.spans.iter().any(|span| span.is_primary && overlaps(span, file, range))
    }

    /// What rustc would write in the place that an error of this code is about.
    pub(super) fn replacement(&self, code: &str) -> Option<&str> {
        let spans = self.raw.children.iter().flat_map(|child| &child.spans);
        spans.filter(|_| self.code.as_deref() == Some(code)).find_map(|span| span.suggested_replacement.as_deref())
    }

    /// Adds `= help: …` after rustc's own notes.
    pub(super) fn add_help(&mut self, help: impl Into<String>) {
        self.helps.push(help.into());
    }

    /// rustc's own rendering, in the coordinates of the generated files: for bug reports, not for users.
    #[cfg(test)]
    pub(super) fn rendered(&self) -> &str {
        self.raw.rendered.as_deref().unwrap_or_default()
    }
}

/// A span without length touches the range that it lies in or at an end of.
fn overlaps(span: &json::Span, file: &str, range: &Range<usize>) -> bool {
    span.outwards().any(|span| {
        let bytes = span.bytes();
        let inside = bytes.start < range.end && range.start < bytes.end;
        let point = bytes.is_empty() && range.start <= bytes.start && bytes.start <= range.end;
        span.file_name == file && (inside || point)
    })
}

/// The totals that rustc ends with: they count what the user may never get to see.
fn is_count(message: &str) -> bool {
    message.starts_with("aborting due to ")
        || message.ends_with(" warning emitted")
        || message.ends_with(" warnings emitted")
}
