//! Finds the magics of a cell: lines that are not Rust. What each does is in its own file.

use std::ops::Range;

use super::spec::{Body, Kind, Line, Spec};
use crate::engine::text::cell::Mark;

/// Which magic there is of a kind and a name, if any.
pub(super) type Find = fn(Kind, &str) -> Option<&'static Spec>;

/// A cell's text with its magics apart.
pub(super) struct Split {
    pub lines: Vec<Line>,
    /// The cell's text with its magics blanked out: same length, same lines.
    pub rust: String,
    /// What the magics say about the Rust.
    pub marks: Vec<Mark>,
}

/// Splits a cell's text. A magic stands at the start of a line, outside of any bracket, string or comment; `%%name` only
/// before the first Rust.
pub(super) fn split(source: &str, find: Find) -> Split {
    let mut split = Split { lines: Vec::new(), rust: source.to_string(), marks: Vec::new() };
    let mut seen_rust = false;
    let mut start = 0;
    while let Some(text) = source[start..].split_inclusive('\n').next() {
        let range = start..start + text.trim_end().len();
        let range_start = start;
        start += text.len();
        match parse_line(text.trim_end(), range, find) {
            Some(mut line) if may_stand_here(&line, seen_rust, &split.rust) => {
                start = line.take_lines(source, start);
                seen_rust |= line.own.end < line.line.end;
                if split.add(line, start) {
                    break;
                }
            }
            _ if is_comment(text) && is_whole(&split.rust[..range_start]) => {
                blank(&mut split.rust, range_start..start);
            }
            _ => seen_rust |= !text.trim().is_empty() && !text.trim_start().starts_with("//"),
        }
    }
    split
}

impl Split {
    /// Adds a magic; the line after it starts at `next`. Returns whether the rest of the cell belongs to it.
    fn add(&mut self, mut line: Line, next: usize) -> bool {
        let end = self.rust.len();
        let mut takes_rest = false;
        match line.spec.map(|spec| &spec.body) {
            Some(Body::Text) => {
                line.body = Some(self.rust[next..].to_string());
                blank(&mut self.rust, line.line.start..end);
                takes_rest = true;
            }
            Some(Body::Rust { mark, .. }) => {
                let mark = mark(&line, end);
                blank(&mut self.rust, line.own.clone());
                if matches!(mark, Mark::Measured(_)) {
                    end_statement(&mut self.rust, line.own.end..next);
                }
                self.marks.push(mark);
            }
            Some(Body::Line | Body::Lines { .. }) | None => blank(&mut self.rust, line.own.clone()),
        }
        self.lines.push(line);
        takes_rest
    }
}

impl Line {
    /// Takes the lines below, the first of which starts at `next`, until the magic's text is whole, all of them if it never
    /// is. Returns where the line after these starts.
    fn take_lines(&mut self, source: &str, mut next: usize) -> usize {
        for text in source[next..].split_inclusive('\n') {
            if self.is_whole() {
                break;
            }
            self.rest.push('\n');
            self.rest += text.trim_end();
            self.line.end = next + text.trim_end().len();
            self.own.end = self.line.end;
            next += text.len();
        }
        next
    }
}

/// Puts a semicolon in the place of the line's end, if the line is a statement that lacks only that: what is measured
/// need not end with one.
fn end_statement(rust: &mut String, line: Range<usize>) {
    let text = &rust[line.clone()];
    let code = text.trim_end();
    let is_whole = !code.is_empty() && !code.ends_with(';') && !code.contains("//");
    if is_whole && text.ends_with('\n') && code.parse::<proc_macro2::TokenStream>().is_ok() {
        rust.replace_range(line.end - 1..line.end, ";");
    }
}

/// Overwrites a range with spaces. Line breaks stay, and so does the length in bytes.
fn blank(text: &mut String, range: Range<usize>) {
    let blanked: String = text[range.clone()]
        .chars()
        .flat_map(|c| std::iter::repeat_n(if c == '\n' || c == '\r' { c } else { ' ' }, c.len_utf8()))
        .collect();
    text.replace_range(range, &blanked);
}

/// Whether a line is a comment as shells and Python write it, which many people put above a command. Rust has attributes
/// that begin with the same sign.
fn is_comment(line: &str) -> bool {
    line.strip_prefix('#').is_some_and(|text| match text.trim_start() {
        inside if inside.starts_with('[') || inside.starts_with("![") => false,
        inside => !(inside.len() == text.len() && inside.starts_with('!')),
    })
}

/// Whether no bracket, string or comment is open at the end of this text.
fn is_whole(rust: &str) -> bool {
    rust.trim().is_empty() || rust.parse::<proc_macro2::TokenStream>().is_ok()
}

/// Whether a line that looks like a magic is one. In the middle of a cell, a line that starts with `%` or `:` may go on
/// an expression (`a\n% b`); it is a magic there only if what stands before it is whole.
fn may_stand_here(line: &Line, seen_rust: bool, rust: &str) -> bool {
    if !seen_rust {
        return true;
    }
    let before = rust[..line.line.start].trim_end();
    matches!(line.kind, Kind::Line | Kind::Command) && before.ends_with([';', '}']) && is_whole(before)
}

fn parse_line(line: &str, range: Range<usize>, find: Find) -> Option<Line> {
    let (kind, after) = if let Some(after) = line.strip_prefix("%%") {
        (Kind::Cell, after)
    } else if let Some(after) = line.strip_prefix('%') {
        (Kind::Line, after)
    } else if let Some(after) = line.strip_prefix('!') {
        (Kind::Shell, after)
    } else if let Some(after) = line.strip_prefix(':').filter(|after| !after.starts_with(':')) {
        (Kind::Command, after)
    } else {
        return None;
    };
    let length = match kind {
        Kind::Shell => 0,
        _ => after.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(after.len()),
    };
    let (name, rest) = after.split_at(length);
    let starts_well = match kind {
        // `(!x)` and `!(x)` are Rust.
        Kind::Shell => rest.trim_start().starts_with(|c: char| c.is_alphanumeric() || "./~_\"'$".contains(c)),
        _ => name.starts_with(|c: char| c.is_alphabetic()),
    };
    if !starts_well {
        return None;
    }
    let spec = find(kind, name);
    let own = match spec.map(|spec| &spec.body) {
        Some(Body::Rust { own, .. }) => own(rest),
        _ => rest.len(),
    };
    let end = range.start + kind.prefix().len() + length + own;
    let (name, rest) = (name.to_string(), rest[..own].trim().to_string());
    Some(Line { kind, name, rest, own: range.start..end, line: range, body: None, spec })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::magics::parse;

    fn names(source: &str) -> Vec<String> {
        let lines = parse(source).lines;
        lines.into_iter().map(|line| format!("{}{} {}", line.kind.prefix(), line.name, line.rest)).collect()
    }

    #[test]
    fn magics_stand_at_the_start_of_lines() {
        assert_eq!(names("%%time --wall\nlet x = 1;"), ["%%time --wall"]);
        assert_eq!(names("\n:opt 2\n%config time=wall"), [":opt 2", "%config time=wall"]);
        assert_eq!(names("let x = 1;\n:vars"), [":vars "]);
    }

    #[test]
    fn rust_beside_a_magic_stays_where_it_is() {
        assert_eq!(parse("%time let x = f();").rust, "      let x = f();");
        assert_eq!(parse("%%time\nlet x = 1;").rust, "      \nlet x = 1;");
    }

    #[test]
    fn an_expression_that_goes_on_is_no_magic() {
        assert!(names("let x = a\n%b;").is_empty());
        assert!(names("::std::mem::drop(1);").is_empty());
        assert!(names("let s = \"\n%time\n\";").is_empty());
        assert!(names("f(1);\n%%time").is_empty());
    }

    #[test]
    fn the_cell_below_a_script_magic_is_not_rust() {
        let parsed = parse("%%time\n%%bash -e\necho '{'\n%%x\n");
        assert_eq!(parsed.lines.len(), 2);
        assert_eq!(parsed.lines[1].body, Some("echo '{'\n%%x\n".into()));
        assert!(parsed.rust.trim().is_empty());
    }

    #[test]
    fn commands_of_the_shell_stand_before_the_rust() {
        assert_eq!(names("!ls -l | head\n! pwd\nlet x = 1;"), ["! ls -l | head", "! pwd"]);
        assert!(names("!(a)").is_empty() && names("(!a)").is_empty() && names("f(1);\n!a").is_empty());
    }

    #[test]
    fn comments_of_shells_are_no_rust() {
        for (source, rust) in [
            ("# fetch\n!ls\n# a { b\nlet x = 1;", "       \n   \n       \nlet x = 1;"),
            ("#!ls\n1", "#!ls\n1"),
            ("# !ls\n1", "     \n1"),
            ("#[test]\nfn f() {}", "#[test]\nfn f() {}"),
            ("# [test]\nfn f() {}", "# [test]\nfn f() {}"),
            ("#![allow(a)]\n1", "#![allow(a)]\n1"),
            ("f(1)\n# end", "f(1)\n     "),
            ("let s = \"\n# text\n\";", "let s = \"\n# text\n\";"),
            ("quote! {\n#x\n}", "quote! {\n#x\n}"),
        ] {
            assert_eq!(parse(source).rust, rust);
        }
    }

    #[test]
    fn blanking_keeps_length_and_lines() {
        let mut text = "a\u{e9}\nb".to_string();
        blank(&mut text, 0..4);
        assert_eq!(text, "   \nb");
    }
}
