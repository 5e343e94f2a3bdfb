//! One message of rustc's, and the questions that the engine asks about it. Never renders anything.

use std::ops::Range;

use super::json;
use super::location;
use super::paths;
use crate::engine::rejection::Reported;
use crate::engine::rustc_text::wording;
use crate::engine::text::source_map::{CellSpan, SourceMap};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Level {
    Error,
    Warning,
    Note,
    Help,
}

/// One message of rustc's, with its notes and suggestions.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Diagnostic {
    pub(super) level: Level,
    /// An error code (`E0382`) or the name of a lint.
    pub code: Option<String>,
    pub message: String,
    pub(super) raw: json::Message,
    /// The line that it was read from.
    json: String,
    /// Help texts that the engine adds after rustc's own notes.
    pub(super) helps: Vec<String>,
}

/// Reads rustc's standard error. Returns its diagnostics, and the lines that are not diagnostics (a compiler crash, a
/// linker's own messages). The totals and the hint at `--explain` with which rustc ends are left out: `render` writes
/// the hint anew, for the diagnostics that are really shown.
pub(in crate::engine) fn parse(stderr: &str) -> (Vec<Diagnostic>, String) {
    let (mut diagnostics, mut rest) = (Vec::new(), String::new());
    for line in stderr.lines() {
        match serde_json::from_str::<json::Message>(line) {
            Ok(raw) => diagnostics.extend(Diagnostic::new(raw, line)),
            // rustc's other JSON records (artifacts, reports of future breakage) are not for users.
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
    /// `None` if the message is not for users.
    fn new(mut raw: json::Message, json: &str) -> Option<Diagnostic> {
        raw.children.retain(|note| !wording::is_about_the_runtime(&note.message));
        let level = match raw.level.as_str() {
            "failure-note" => return None,
            "warning" => Level::Warning,
            "note" => Level::Note,
            "help" => Level::Help,
            _ => Level::Error,
        };
        if raw.spans.is_empty() && raw.code.is_none() && wording::is_total(&raw.message) {
            return None;
        }
        let mut message = raw.message.clone();
        if raw.level.contains("internal compiler error") {
            message.insert_str(0, "internal compiler error: ");
        }
        let code = raw.code.as_ref().map(|code| code.code.clone());
        Some(Diagnostic { level, code, message, raw, json: json.to_string(), helps: Vec::new() })
    }

    pub(in crate::engine) fn reported(&self) -> Reported {
        let explanation = self.raw.code.as_ref().and_then(|code| code.explanation.clone());
        Reported { code: self.code.clone(), explanation, json: self.json.clone() }
    }

    /// The type of the expression that was compared with `threadbook::show::TypeOf`. `None` if this is another error.
    pub(in crate::engine) fn type_of_expression(&self) -> Option<&str> {
        let labels = self.raw.spans.iter().filter_map(|span| span.label.as_deref());
        wording::type_of_expression(self.code.as_deref(), labels)
    }

    /// The message with the names that the user knows.
    pub(in crate::engine) fn message_in_cells(&self, map: &SourceMap) -> String {
        paths::in_cells(&self.message, map)
    }

    /// The name of two types that the message is about. `None` if it is not about types of one name.
    pub(in crate::engine) fn name_of_two_types(&self) -> Option<&str> {
        self.raw.children.iter().find_map(|note| wording::name_of_two_types(&note.message))
    }

    /// What was moved out of a variable, such as `pair.0`. `None` if the error is about no such move, or if all of the
    /// variable was moved.
    pub(in crate::engine) fn moved_part(&self) -> Option<&str> {
        self.raw.children.iter().find_map(|note| wording::moved_part(&note.message))
    }

    pub(in crate::engine) fn is_error(&self) -> bool {
        self.level == Level::Error
    }

    /// Whether it is about a place in the code, and not about rustc's own work, such as linking.
    pub(in crate::engine) fn has_place(&self) -> bool {
        !self.raw.spans.is_empty()
    }

    /// The parts of cells that the message itself is about, the most important first. Empty if there are none.
    pub(in crate::engine) fn primary(&self, map: &SourceMap) -> Vec<CellSpan> {
        let primary = self.raw.spans.iter().filter(|span| span.is_primary);
        primary.filter_map(|span| location::resolve(span, map).cell()).collect()
    }

    /// Whether any span of the message or of its notes (suggestions aside) lies on `range` of the generated file
    /// `file`, also by way of a macro.
    pub(in crate::engine) fn touches(&self, file: &str, range: &Range<usize>) -> bool {
        let notes = self.raw.children.iter().flat_map(|note| &note.spans);
        let notes = notes.filter(|span| span.suggested_replacement.is_none());
        self.raw.spans.iter().chain(notes).any(|span| overlaps(span, file, range))
    }

    /// As `touches`, but only for the primary spans of the message itself.
    pub(in crate::engine) fn primary_touches(&self, file: &str, range: &Range<usize>) -> bool {
        self.raw.spans.iter().any(|span| span.is_primary && overlaps(span, file, range))
    }

    /// The text that rustc suggests in place of the code that the error is about. `None` if the error has not this
    /// code.
    pub(in crate::engine) fn replacement(&self, code: &str) -> Option<&str> {
        let spans = self.raw.children.iter().flat_map(|child| &child.spans);
        spans.filter(|_| self.code.as_deref() == Some(code)).find_map(|span| span.suggested_replacement.as_deref())
    }

    /// The texts of rustc's notes and helps.
    pub(in crate::engine) fn notes(&self) -> impl Iterator<Item = &str> {
        self.raw.children.iter().map(|note| note.message.as_str())
    }

    /// Whether rustc suggests to change the text of a cell.
    pub(in crate::engine) fn suggests_a_change(&self, map: &SourceMap) -> bool {
        let spans = self.raw.children.iter().flat_map(|child| &child.spans);
        let mut changed = spans.filter(|span| span.suggested_replacement.is_some());
        changed.any(|span| location::resolve(span, map).cell().is_some())
    }

    /// Adds a line `= help: …` after rustc's own notes.
    pub(in crate::engine) fn add_help(&mut self, help: impl Into<String>) {
        self.helps.push(help.into());
    }

    /// rustc's own rendering, with the coordinates of the generated files. Tests compare the engine's rendering with
    /// it.
    #[cfg(test)]
    pub(super) fn rendered(&self) -> &str {
        self.raw.rendered.as_deref().unwrap_or_default()
    }
}

/// Whether the span, or a macro call that it came from, lies on `range` of `file`. A span without length counts if it
/// lies inside the range or at one of its ends.
fn overlaps(span: &json::Span, file: &str, range: &Range<usize>) -> bool {
    span.outwards().any(|span| {
        let bytes = span.bytes();
        let inside = bytes.start < range.end && range.start < bytes.end;
        let point = bytes.is_empty() && range.start <= bytes.start && bytes.start <= range.end;
        span.file_name == file && (inside || point)
    })
}
