//! Decides whether a text is a whole cell, for front ends that run it at Enter or else wait for more lines (see the
//! [message `is_complete_request`](https://jupyter-client.readthedocs.io/en/stable/messaging.html#code-completeness)).
//! Never runs or compiles the text.

use crate::engine::magics::{self, Parsed};
use crate::engine::text::cell;

/// Whether a text is a whole cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whole {
    /// The text is a whole cell.
    Complete,
    /// More text has to follow. The next line should start with `indent` spaces.
    Incomplete {
        /// The number of spaces.
        indent: usize,
    },
    /// No text that follows could make it a cell.
    Invalid,
}

/// Judges a text by the parser alone. It does not ask rustc, so errors of types or names do not count.
pub fn whole(source: &str) -> Whole {
    let verdict = judge(source);
    // The parser keeps every text that it has read on this thread, because spans refer to it. No span of this text is
    // left, so its copy can go.
    proc_macro2::extra::invalidate_current_thread_spans();
    verdict
}

fn judge(source: &str) -> Whole {
    let Parsed { lines, rust, cell } = magics::parse(source);
    if lines.iter().any(|line| !line.is_whole()) {
        return Whole::Incomplete { indent: 4 };
    }
    if cell.parts.is_ok() {
        return Whole::Complete;
    }
    match scan(&rust) {
        Brackets::Wrong => Whole::Invalid,
        Brackets::Unterminated => Whole::Incomplete { indent: 0 },
        Brackets::Open(depth) => Whole::Incomplete { indent: 4 * depth },
        Brackets::Paired => match parse(&rust) {
            // The text parses here, but the engine's own reading of the cell has failed, and that one counts.
            Ok(()) => Whole::Invalid,
            Err(at_end) if at_end => Whole::Incomplete { indent: last_indent(&rust) },
            Err(_) => Whole::Invalid,
        },
    }
}

/// Parses the text as a cell. `Err(true)` if it is right as far as it goes and only ends too early.
fn parse(rust: &str) -> Result<(), bool> {
    let tokens = rust.parse().map_err(|_| false)?;
    cell::with_room(tokens, || parse_here(rust)).unwrap_or(Err(false))
}

fn parse_here(rust: &str) -> Result<(), bool> {
    use syn::parse::Parser;
    let file = |input: syn::parse::ParseStream| {
        input.call(syn::Attribute::parse_inner)?;
        input.call(syn::Block::parse_within)
    };
    file.parse_str(rust).map(drop).map_err(|error| error.to_string().starts_with("unexpected end of input"))
}

fn last_indent(text: &str) -> usize {
    let last = text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
    last.len() - last.trim_start().len()
}

#[derive(Debug, PartialEq, Eq)]
enum Brackets {
    Paired,
    /// This many brackets are still open.
    Open(usize),
    /// The text ends in the middle of a string or a comment.
    Unterminated,
    /// A bracket is closed that was not opened, or another kind was opened last.
    Wrong,
}

fn scan(text: &str) -> Brackets {
    let mut open = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        rest = match c {
            '/' if after.starts_with('/') => after.find('\n').map_or("", |end| &after[end..]),
            '/' if after.starts_with('*') => match block_comment(rest) {
                Some(rest) => rest,
                None => return Brackets::Unterminated,
            },
            '"' => match string(after) {
                Some(rest) => rest,
                None => return Brackets::Unterminated,
            },
            'r' | 'b' | 'c' => match raw_string(rest) {
                Some(Some(rest)) => rest,
                Some(None) => return Brackets::Unterminated,
                None => word(rest),
            },
            '\'' => character(after),
            '(' | '[' | '{' => {
                open.push(c);
                after
            }
            ')' | ']' | '}' => {
                let pair = matches!((open.pop(), c), (Some('('), ')') | (Some('['), ']') | (Some('{'), '}'));
                if !pair {
                    return Brackets::Wrong;
                }
                after
            }
            c if c.is_alphanumeric() || c == '_' => word(rest),
            _ => after,
        };
    }
    if open.is_empty() { Brackets::Paired } else { Brackets::Open(open.len()) }
}

/// The rest after the word at the start of `text`.
fn word(text: &str) -> &str {
    text.trim_start_matches(|c: char| c.is_alphanumeric() || c == '_')
}

/// The rest after the block comment at the start of `text`; such comments nest. `None` if the comment does not end.
fn block_comment(text: &str) -> Option<&str> {
    let mut depth = 0;
    let mut at = 0;
    loop {
        let next = text[at..].find(['/', '*'])? + at;
        let two = text.get(next..next + 2)?;
        (depth, at) = match two {
            "/*" => (depth + 1, next + 2),
            "*/" => (depth - 1, next + 2),
            _ => (depth, next + 1),
        };
        if depth == 0 {
            return Some(&text[at..]);
        }
    }
}

/// The rest after a string, given the text after its opening quote. `None` if the string does not end.
fn string(mut text: &str) -> Option<&str> {
    loop {
        let at = text.find(['"', '\\'])?;
        let is_end = text[at..].starts_with('"');
        text = &text[at + 1..];
        if is_end {
            return Some(text);
        }
        let escaped = text.chars().next()?;
        text = &text[escaped.len_utf8()..];
    }
}

/// The rest after the [raw string](https://doc.rust-lang.org/reference/tokens.html#raw-string-literals) at the start of
/// `text`. `None` if no raw string starts there; `Some(None)` if it does not end.
fn raw_string(text: &str) -> Option<Option<&str>> {
    let after = text.strip_prefix("br").or_else(|| text.strip_prefix("cr")).or_else(|| text.strip_prefix('r'))?;
    let body = after.trim_start_matches('#');
    let end = format!("\"{}", "#".repeat(after.len() - body.len()));
    let body = body.strip_prefix('"')?;
    Some(body.find(&end).map(|at| &body[at + end.len()..]))
}

/// The rest after a character or a lifetime, given the text after its apostrophe.
fn character(text: &str) -> &str {
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some('\\'), Some(escaped)) => {
            let rest = &text[1 + escaped.len_utf8()..];
            // An escape such as `\u{1f980}` or `\x41` ends at most 10 bytes later. A quote that is farther away is not
            // its end.
            rest.find('\'').filter(|end| *end <= 10).map_or(rest, |end| &rest[end + 1..])
        }
        (Some(c), Some('\'')) => &text[c.len_utf8() + 1..],
        _ => word(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The place that the parser gives to a new text. It lies behind all texts that the parser keeps on this thread.
    fn place_of_a_new_text() -> String {
        let tokens: proc_macro2::TokenStream = "x".parse().expect("Rust");
        let place = tokens.into_iter().map(|token| format!("{:?}", token.span())).collect();
        proc_macro2::extra::invalidate_current_thread_spans();
        place
    }

    #[test]
    fn the_parser_keeps_no_text_that_was_judged() {
        proc_macro2::extra::invalidate_current_thread_spans();
        let before = place_of_a_new_text();
        for text in ["let x = 1;", "struct A", "let = 5;", "fn f() {"] {
            whole(text);
            assert_eq!(place_of_a_new_text(), before, "{text}");
        }
    }

    #[test]
    fn texts_are_judged_by_the_parser() {
        let incomplete = |indent| Whole::Incomplete { indent };
        for (text, verdict) in [
            ("", Whole::Complete),
            ("let x = 1;", Whole::Complete),
            ("x + 1", Whole::Complete),
            ("%%time\nlet x = 1;", Whole::Complete),
            (":vars", Whole::Complete),
            ("fn f() {", incomplete(4)),
            ("fn f() {\n    if x {", incomplete(8)),
            ("let x =", incomplete(0)),
            ("struct A", incomplete(0)),
            ("let s = \"abc", incomplete(0)),
            ("let s = r#\"abc\"", incomplete(0)),
            ("/* /* */", incomplete(0)),
            ("f(')', '\\'', '\\u{7d}', \"}\", b'}', r\"\\\") // )", Whole::Complete),
            ("fn f<'a>(x: &'a str) -> &'a str { x }", Whole::Complete),
            ("}", Whole::Invalid),
            ("(]", Whole::Invalid),
            ("let = 5;", Whole::Invalid),
            ("fn fn f() {}", Whole::Invalid),
            ("\u{1f980}", Whole::Invalid),
        ] {
            assert_eq!(whole(text), verdict, "{text}");
        }
    }
}
