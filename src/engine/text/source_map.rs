//! Owns the map from the files that rustc is given to the text that the user wrote.
//!
//! A generated file is built here piece by piece, so its map cannot disagree with its text. This file never reads
//! Rust, never touches the disk and does not know what a diagnostic is.

use crate::events::CellId;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A range of bytes of a cell's text, exactly as the user wrote it (byte order mark and `\r\n` included).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CellSpan {
    pub cell: CellId,
    pub source: Arc<str>,
    pub range: Range<usize>,
}

impl CellSpan {
    pub(crate) fn text(&self) -> &str {
        &self.source[self.range.clone()]
    }

    /// Line and column of the first byte, both counted from 1. The column counts characters, as rustc's does.
    pub(crate) fn line_column(&self) -> (usize, usize) {
        line_column(&self.source, self.range.start)
    }
}

#[derive(Clone, Debug)]
enum Origin {
    /// Text of the engine's own. A message about it alone has no place in a cell.
    Ours,
    /// Text of the engine's own directly before text of the user (`pub `). An insertion before it is shown as an
    /// insertion before the user's text.
    Prefix,
    /// Copied verbatim from a cell, beginning at byte `at` of it.
    Cell { cell: CellId, source: Arc<str>, at: usize },
    /// Text of the engine's own that stands for this part of a cell: a message about it is shown there.
    Alias(CellSpan),
}

#[derive(Clone, Debug)]
struct Segment {
    range: Range<usize>,
    origin: Origin,
}

/// One generated file, and the origin of each of its bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct GeneratedFile {
    generated: String,
    /// Segments in order, without gaps or overlaps. None is empty, except the copy of an empty cell.
    segments: Vec<Segment>,
}

/// Writes a `GeneratedFile`, piece by piece.
#[derive(Clone, Debug, Default)]
pub(crate) struct SourceBuilder {
    text: GeneratedFile,
    wraps: Vec<Wrap>,
}

/// A piece of the cell's text that is copied with text of the engine's own around it.
#[derive(Clone, Debug)]
pub(crate) struct Wrap {
    /// Bytes of the cell. `original` copies it whole or not at all.
    pub range: Range<usize>,
    pub before: String,
    pub after: &'static str,
}

impl SourceBuilder {
    pub(crate) fn new() -> SourceBuilder {
        SourceBuilder::default()
    }

    /// Has `original` put text around these pieces from now on.
    pub(crate) fn wrap(&mut self, wraps: Vec<Wrap>) {
        self.wraps = wraps;
    }

    /// Adds text of the engine's own. Returns its range of bytes in the file, for `Diagnostic::touches`.
    pub(crate) fn generated(&mut self, text: &str) -> Range<usize> {
        self.push(text, Origin::Ours)
    }

    /// Adds text of the engine's own that belongs to the cell text directly after it, such as `pub `.
    pub(crate) fn prefix(&mut self, text: &str) -> Range<usize> {
        self.push(text, Origin::Prefix)
    }

    /// Adds a copy of `range` of a cell's text. Panics if `source` has no such range.
    pub(crate) fn original(&mut self, cell: CellId, source: &Arc<str>, range: Range<usize>) -> Range<usize> {
        let inside = |wrap: &&Wrap| range.start <= wrap.range.start && wrap.range.end <= range.end;
        let wraps: Vec<Wrap> = self.wraps.iter().filter(inside).cloned().collect();
        let start = self.text.generated.len();
        let mut at = range.start;
        for wrap in wraps {
            if at < wrap.range.start {
                self.copy(cell, source, at..wrap.range.start);
            }
            self.prefix(&wrap.before);
            self.copy(cell, source, wrap.range.clone());
            self.generated(wrap.after);
            at = wrap.range.end;
        }
        if at < range.end || at == range.start {
            self.copy(cell, source, at..range.end);
        }
        start..self.text.generated.len()
    }

    fn copy(&mut self, cell: CellId, source: &Arc<str>, range: Range<usize>) -> Range<usize> {
        let copied = &source[range.clone()];
        if let Some(Segment { range: last, origin: Origin::Cell { cell: c, source: s, at } }) =
            self.text.segments.last_mut()
            && *c == cell
            && Arc::ptr_eq(s, source)
            && *at + last.len() == range.start
        {
            let start = self.text.generated.len();
            self.text.generated.push_str(copied);
            last.end = self.text.generated.len();
            return start..last.end;
        }
        self.push(copied, Origin::Cell { cell, source: source.clone(), at: range.start })
    }

    /// Adds text of the engine's own that stands for a part of a cell: an error in it is shown at that part.
    pub(crate) fn alias(
        &mut self,
        text: &str,
        cell: CellId,
        source: &Arc<str>,
        range: Range<usize>,
    ) -> Range<usize> {
        self.push(text, Origin::Alias(CellSpan { cell, source: source.clone(), range }))
    }

    /// Adds white space in the shape of `text`: the same lines, with as many characters in each.
    pub(crate) fn blank(&mut self, text: &str) -> Range<usize> {
        let blank: String = text.chars().map(|c| if matches!(c, '\n' | '\r' | '\t') { c } else { ' ' }).collect();
        self.push(&blank, Origin::Ours)
    }

    pub(crate) fn finish(self) -> GeneratedFile {
        self.text
    }

    fn push(&mut self, text: &str, origin: Origin) -> Range<usize> {
        let start = self.text.generated.len();
        self.text.generated.push_str(text);
        let range = start..self.text.generated.len();
        if !range.is_empty() || matches!(origin, Origin::Cell { .. }) {
            self.text.segments.push(Segment { range: range.clone(), origin });
        }
        range
    }
}

impl GeneratedFile {
    /// A file that consists of one cell's text.
    #[cfg(test)]
    pub(crate) fn verbatim(cell: CellId, source: &Arc<str>) -> GeneratedFile {
        let mut builder = SourceBuilder::new();
        builder.original(cell, source, 0..source.len());
        builder.finish()
    }

    /// The text of the file, as rustc is to read it.
    pub(crate) fn generated(&self) -> &str {
        &self.generated
    }

    /// The part of `span` (bytes of the file) that a user wrote. `None` if none of it is a user's. At the ends, the
    /// engine's own text is cut off, and so is the white space next to it; in the middle, the engine's text is
    /// ignored.
    pub(crate) fn locate(&self, span: Range<usize>) -> Option<CellSpan> {
        if !self.holds(&span) {
            return None;
        }
        if span.is_empty() {
            return self.locate_point(span.start);
        }
        let mut parts = self.segments.iter().filter_map(|segment| segment.cut(&span));
        let first = parts.next()?;
        let last = parts.rfind(|part| part.cell == first.cell && part.range.start >= first.range.end);
        let mut place = first.clone();
        place.range.end = last.map_or(first.range.end, |last| last.range.end);
        self.trim(&span, &mut place);
        Some(place)
    }

    /// As `locate`, but `None` unless `span` is one unbroken piece of a cell. Only such a piece can be replaced.
    pub(crate) fn locate_exact(&self, span: Range<usize>) -> Option<CellSpan> {
        let place = self.locate(span.clone())?;
        (place.text() == self.generated.get(span)?).then_some(place)
    }

    /// The end of the user's text, if `span` reaches the end of the file. rustc's "the file ended too early" has to
    /// be shown there, also if text of the engine's own comes after it.
    pub(crate) fn locate_end(&self, span: &Range<usize>) -> Option<CellSpan> {
        if !self.holds(span) || span.end < self.generated.trim_end().len() {
            return None;
        }
        let last = self.segments.iter().rev().find_map(|segment| segment.cut(&segment.range))?;
        let end = last.range.start + last.text().trim_end().len();
        Some(CellSpan { range: end..end, ..last })
    }

    /// The byte at a line and a column, both counted from 1 and the column in characters, as rustc and panics print
    /// them.
    pub(crate) fn offset(&self, line: usize, column: usize) -> Option<usize> {
        let start = match line.checked_sub(1)? {
            0 => 0,
            n => self.generated.match_indices('\n').nth(n - 1)?.0 + 1,
        };
        let rest = self.generated.get(start..)?.split('\n').next()?;
        let mut columns = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
        columns.nth(column.checked_sub(1)?).map(|at| start + at)
    }

    /// The places from which on copied text stands further right than in its cell: the line and the column (both from
    /// 1, in characters), and by how many columns. Copied text always has the same line as in its cell.
    pub(crate) fn shifts(&self) -> Vec<(u32, u32, i64)> {
        let mut shifts: Vec<(u32, u32, i64)> = Vec::new();
        for segment in &self.segments {
            let Origin::Cell { source, at, .. } = &segment.origin else { continue };
            let (line, column) = line_column(&self.generated, segment.range.start);
            let (_, original) = line_column(source, *at);
            let (line, back) = (line as u32, column as i64 - original as i64);
            let before = shifts.last().filter(|(l, ..)| *l == line).map_or(0, |(.., back)| *back);
            if back != before {
                shifts.push((line, column as u32, back));
            }
        }
        shifts
    }

    fn holds(&self, span: &Range<usize>) -> bool {
        self.generated.get(span.clone()).is_some()
    }

    fn locate_point(&self, at: usize) -> Option<CellSpan> {
        let begins = |s: &&Segment| s.range.start == at || (s.range.start < at && at < s.range.end);
        let cells = || self.segments.iter().filter(|s| matches!(s.origin, Origin::Cell { .. }));
        if let Some(segment) = cells().find(begins).or_else(|| cells().find(|s| s.range.end == at)) {
            return segment.place(at..at);
        }
        let prefix =
            self.segments.iter().position(|s| s.range.start == at && matches!(s.origin, Origin::Prefix))?;
        let next = self.segments.get(prefix + 1)?;
        next.place(next.range.start..next.range.start)
    }

    /// Cuts white space off the ends of `place`, except where they are the ends of `span` itself.
    fn trim(&self, span: &Range<usize>, place: &mut CellSpan) {
        let ours = |at: usize| {
            let holder = self.segments.iter().find(|s| s.range.contains(&at));
            holder.is_some_and(|s| !matches!(s.origin, Origin::Cell { .. }))
        };
        let text = place.text().to_owned();
        if text.trim().is_empty() {
            return;
        }
        if ours(span.start) {
            place.range.start += text.len() - text.trim_start().len();
        }
        if ours(span.end - 1) {
            place.range.end -= text.len() - text.trim_end().len();
        }
    }
}

impl Segment {
    /// The bytes of a cell that `range`, which lies within this segment, stands for.
    fn place(&self, range: Range<usize>) -> Option<CellSpan> {
        let (cell, source, at) = match &self.origin {
            Origin::Cell { cell, source, at } => (cell, source, at),
            Origin::Alias(place) => return Some(place.clone()),
            Origin::Ours | Origin::Prefix => return None,
        };
        let shift = |byte: usize| byte - self.range.start + at;
        Some(CellSpan { cell: *cell, source: source.clone(), range: shift(range.start)..shift(range.end) })
    }

    fn cut(&self, span: &Range<usize>) -> Option<CellSpan> {
        let range = span.start.max(self.range.start)..span.end.min(self.range.end);
        if range.is_empty() { None } else { self.place(range) }
    }
}

/// The generated files of one compilation, by the names that rustc gives them.
#[derive(Clone, Debug, Default)]
pub(crate) struct SourceMap {
    files: BTreeMap<String, GeneratedFile>,
    hidden_dirs: Vec<PathBuf>,
}

impl SourceMap {
    pub(crate) fn new() -> SourceMap {
        SourceMap::default()
    }

    /// Adds a file. `name` is what rustc writes into a span's `file_name`: the path as it was given on the command
    /// line.
    pub(crate) fn insert(&mut self, name: impl Into<String>, text: GeneratedFile) {
        self.files.insert(name.into(), text);
    }

    /// Declares files under `dir` to be the engine's own (the runtime, the files of earlier cells). They are never
    /// shown to the user.
    pub(crate) fn hide_dir(&mut self, dir: impl Into<PathBuf>) {
        self.hidden_dirs.push(dir.into());
    }

    pub(crate) fn get(&self, name: &str) -> Option<&GeneratedFile> {
        self.files.get(name)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &GeneratedFile)> {
        self.files.iter().map(|(name, text)| (name.as_str(), text))
    }

    pub(crate) fn is_ours(&self, name: &str) -> bool {
        self.files.contains_key(name) || self.hidden_dirs.iter().any(|dir| Path::new(name).starts_with(dir))
    }
}

fn line_column(text: &str, at: usize) -> (usize, usize) {
    let before = &text[..at];
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before[start..].trim_start_matches('\u{feff}').chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Builds a file from a script: `[…]` is copied from cell 1, `<…>` is a prefix, the rest is the engine's own. The
    /// cell's text is the text in all brackets together.
    fn build(script: &str) -> GeneratedFile {
        let cell: String = script.split('[').skip(1).map(|s| s.split(']').next().unwrap()).collect();
        let source: Arc<str> = cell.into();
        let (mut builder, mut at) = (SourceBuilder::new(), 0);
        for piece in script.split_inclusive([']', '>']) {
            let (ours, theirs) = piece.split_once(['[', '<']).unwrap_or((piece, ""));
            builder.generated(ours);
            if let Some(theirs) = theirs.strip_suffix(']') {
                builder.original(CellId(1), &source, at..at + theirs.len());
                at += theirs.len();
            } else if let Some(prefix) = theirs.strip_suffix('>') {
                builder.prefix(prefix);
            }
        }
        builder.finish()
    }

    /// Locates the text `span` of the generated file, and compares the result, written as `start:text`, with
    /// `expected`.
    fn check(script: &str, span: &str, expected: &str) {
        let text = build(script);
        let start = text.generated().find(span).expect("the span is in the file");
        let found = text.locate(start..start + span.len());
        let found = found.map_or("none".to_owned(), |p| format!("{}:{}", p.range.start, p.text()));
        assert_eq!(found, expected, "{span:?} in {script:?}");
    }

    #[test]
    fn spans_are_cut_to_what_the_user_wrote() {
        check("fn f() {[let x = 1;]}", "x = 1", "4:x = 1");
        check("fn f() {[let x = 1;]}", "f()", "none");
        check("fn f() {[let x = 1;]}", "= 1;}", "6:= 1;");
        check("fn f() {[ let x = 1; ]}", "{ let x = 1; }", "1:let x = 1;");
        check("[a ]<pub >[struct S;]", "pub struct S", "2:struct S");
        check("[struct S { ]<pub >[x: u8 }]", "{ pub x: u8 }", "9:{ x: u8 }");
        check("show([v.iter()])", "show(v.iter())", "0:v.iter()");
        check("a[é日本]b", "日", "2:日");
    }

    #[test]
    fn a_point_belongs_to_the_cell_it_touches() {
        let point = |script: &str, at: usize| build(script).locate(at..at).map(|p| p.range.start);
        assert_eq!(point("{[ab]}", 1), Some(0));
        assert_eq!(point("{[ab]}", 3), Some(2));
        assert_eq!(point("{[ab]}", 0), None);
        assert_eq!(point("{}<pub >[ab]", 2), Some(0));
        assert_eq!(point("{[]}", 1), Some(0));
        assert_eq!(point("{[ab]}", 9), None);
    }

    #[test]
    fn only_unbroken_text_may_be_replaced() {
        let text = build("{[struct S { ]<pub >[x: u8 }]}");
        let exact = |span: &str| {
            let at = text.generated().find(span).unwrap();
            text.locate_exact(at..at + span.len()).is_some()
        };
        assert!(exact("S") && exact("x: u8"));
        assert!(!exact("{ pub x") && !exact("{struct") && !exact("pub"));
    }

    #[test]
    fn the_end_of_the_file_is_the_end_of_the_cell() {
        let text = build("{[if x {\n]}\n");
        assert_eq!(text.locate_end(&(8..9)).map(|p| p.range), Some(6..6));
        assert_eq!(text.locate_end(&(10..10)).map(|p| p.range), Some(6..6));
        assert_eq!(text.locate_end(&(2..3)), None);
    }

    #[test]
    fn pieces_of_several_cells() {
        let (one, two): (Arc<str>, Arc<str>) = ("macro".into(), "let x;\r\nlet y;".into());
        let mut builder = SourceBuilder::new();
        builder.original(CellId(1), &one, 0..5);
        builder.blank("é\r\nb");
        let mark = builder.generated(";mark;");
        builder.original(CellId(2), &two, 0..6);
        builder.original(CellId(2), &two, 6..14);
        let text = builder.finish();
        assert_eq!(text.generated(), "macro \r\n ;mark;let x;\r\nlet y;");
        assert_eq!(&text.generated()[mark.clone()], ";mark;");
        assert_eq!(text.locate(mark), None);
        let y = text.offset(3, 5).unwrap();
        let place = text.locate(y..y + 1).unwrap();
        assert_eq!((place.cell, place.text(), place.line_column()), (CellId(2), "y", (2, 5)));
        assert_eq!(text.locate(0..text.generated().len()).unwrap().cell, CellId(1));
        assert_eq!((text.offset(9, 1), text.offset(1, 99), text.offset(0, 1)), (None, None, None));
    }
}
