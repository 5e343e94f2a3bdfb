//! Magics and commands: lines of a cell that are not Rust. What each does is the session's business.

use std::ops::Range;

/// One line `%name rest`, `%%name rest` or `:name rest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Magic {
    pub kind: Kind,
    pub name: String,
    /// What follows the name, trimmed; empty where the rest is Rust of the cell (`%time`).
    pub rest: String,
    pub line: Range<usize>,
    /// The part of the line that is not Rust.
    pub blanked: Range<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `%%name`: speaks of the whole cell; the first line that is not blank.
    Cell,
    /// `%name`
    Line,
    /// `:name`, as evcxr spells it.
    Command,
}

impl Kind {
    pub fn prefix(self) -> &'static str {
        match self {
            Kind::Cell => "%%",
            Kind::Line => "%",
            Kind::Command => ":",
        }
    }
}

impl Magic {
    /// Whether this is a `%time` and the statement that starts at `start` is the one on its line.
    pub fn times_statement_at(&self, start: usize) -> bool {
        self.kind == Kind::Line && self.name == "time" && (self.blanked.end..self.line.end).contains(&start)
    }
}

/// The magics of a cell, and its text with them blanked out. A magic stands at the start of a line, outside of any
/// bracket, string or comment; `%%name` only before the first Rust.
pub fn split(source: &str) -> (Vec<Magic>, String) {
    let mut magics: Vec<Magic> = Vec::new();
    let mut rust = source.to_string();
    let mut seen_rust = false;
    let mut start = 0;
    for line in source.split_inclusive('\n') {
        let range = start..start + line.trim_end().len();
        start += line.len();
        match parse_line(line.trim_end(), range) {
            Some(magic) if may_stand_here(&magic, seen_rust, &rust) => {
                blank(&mut rust, magic.blanked.clone());
                seen_rust |= magic.blanked.end < magic.line.end;
                magics.push(magic);
            }
            _ => seen_rust |= !line.trim().is_empty() && !line.trim_start().starts_with("//"),
        }
    }
    (magics, rust)
}

/// Overwrites a range with spaces; line breaks stay, and so does the length in bytes.
pub fn blank(text: &mut String, range: Range<usize>) {
    let blanked: String = text[range.clone()]
        .chars()
        .flat_map(|c| std::iter::repeat_n(if c == '\n' || c == '\r' { c } else { ' ' }, c.len_utf8()))
        .collect();
    text.replace_range(range, &blanked);
}

/// In the middle of a cell a line that starts with `%` or `:` may go on an expression (`a\n% b`). It is a magic
/// there only if what stands before it is whole.
fn may_stand_here(magic: &Magic, seen_rust: bool, rust: &str) -> bool {
    if !seen_rust {
        return true;
    }
    let before = rust[..magic.line.start].trim_end();
    magic.kind != Kind::Cell && (before.ends_with([';', '}'])) && before.parse::<proc_macro2::TokenStream>().is_ok()
}

fn parse_line(line: &str, range: Range<usize>) -> Option<Magic> {
    let (kind, after) = if let Some(after) = line.strip_prefix("%%") {
        (Kind::Cell, after)
    } else if let Some(after) = line.strip_prefix('%') {
        (Kind::Line, after)
    } else if let Some(after) = line.strip_prefix(':').filter(|after| !after.starts_with(':')) {
        (Kind::Command, after)
    } else {
        return None;
    };
    let length = after.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(after.len());
    let name = &after[..length];
    if !name.starts_with(|c: char| c.is_alphabetic()) {
        return None;
    }
    let name_end = range.start + kind.prefix().len() + length;
    let takes_rust = kind == Kind::Line && name == "time";
    Some(Magic {
        kind,
        name: name.to_string(),
        rest: if takes_rust { String::new() } else { after[length..].trim().to_string() },
        blanked: range.start..if takes_rust { name_end } else { range.end },
        line: range,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(source: &str) -> Vec<String> {
        split(source).0.into_iter().map(|m| format!("{}{} {}", m.kind.prefix(), m.name, m.rest)).collect()
    }

    #[test]
    fn magics_stand_at_the_start_of_lines() {
        assert_eq!(names("%%time --wall\nlet x = 1;"), ["%%time --wall"]);
        assert_eq!(names("\n:opt 2\n%config time=wall"), [":opt 2", "%config time=wall"]);
        assert_eq!(names("let x = 1;\n:vars"), [":vars "]);
    }

    #[test]
    fn an_expression_that_goes_on_is_no_magic() {
        assert!(names("let x = a\n%b;").is_empty());
        assert!(names("::std::mem::drop(1);").is_empty());
        assert!(names("let s = \"\n%time\n\";").is_empty());
        assert!(names("f(1);\n%%time").is_empty());
    }

    #[test]
    fn time_leaves_its_statement_to_rust() {
        let (magics, rust) = split("%time let x = f();");
        assert_eq!(rust, "      let x = f();");
        assert!(magics[0].times_statement_at(6));
    }

    #[test]
    fn blanking_keeps_length_and_lines() {
        let mut text = "a\u{e9}\nb".to_string();
        blank(&mut text, 0..4);
        assert_eq!(text, "   \nb");
    }
}
