//! Ends a `use` that has no semicolon, at the end of its line or of the cell: many notebooks are written so. Every byte
//! keeps its place.

use std::ops::Range;

use crate::engine::text::tokens::is_punct;
use proc_macro2::{TokenStream, TokenTree};

/// The text with a semicolon behind each such `use`, in the place of white space or after the end. `None` if there is none.
pub(super) fn with_ends(rust: &str) -> Option<String> {
    let tokens: Vec<TokenTree> = rust.parse::<TokenStream>().ok()?.into_iter().collect();
    let mut ended = rust.to_string();
    for start in (0..tokens.len()).filter(|index| is_use(&tokens[*index])) {
        let Some(end) = end(rust, &tokens[start..]) else { continue };
        match rust.as_bytes().get(end) {
            Some(byte) if byte.is_ascii_whitespace() => ended.replace_range(end..end + 1, ";"),
            None => ended.push(';'),
            Some(_) => {}
        }
    }
    (ended != rust).then_some(ended)
}

/// The range of a `use` without the semicolon that only `with_ends` has put there, and whether it has.
pub(super) fn without_end(rust: &str, range: Range<usize>) -> (Range<usize>, bool) {
    match rust.get(range.clone()) {
        Some(text) if text.ends_with(';') => (range, false),
        _ => (range.start..range.end - 1, true),
    }
}

fn is_use(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Ident(ident) if ident == "use")
}

/// Where the `use` that these tokens begin with ends on its line, if it needs no more and has no semicolon.
fn end(rust: &str, tokens: &[TokenTree]) -> Option<usize> {
    let bytes = |token: &TokenTree| token.span().byte_range();
    for (last, token) in tokens.iter().enumerate() {
        let next = tokens.get(last + 1);
        let goes_on = match next {
            Some(TokenTree::Punct(punct)) => [':', ';', ','].contains(&punct.as_char()),
            Some(TokenTree::Ident(ident)) => ident == "as",
            _ => false,
        };
        if is_punct(Some(token), ';') {
            return None;
        }
        let end = bytes(token).end;
        let line_ends = next.is_none_or(|next| rust[end..bytes(next).start].contains('\n'));
        if line_ends && !goes_on {
            let text = format!("{};", &rust[bytes(&tokens[0]).start..end]);
            if syn::parse_str::<syn::ItemUse>(&text).is_ok() {
                return Some(end);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_ends_with_its_line() {
        for (rust, ended) in [
            ("use std::fs\nlet a = 1;", Some("use std::fs;let a = 1;")),
            ("use a::b", Some("use a::b;")),
            ("use a::b // c\nuse d::{e,\n f} \ng", Some("use a::b;// c\nuse d::{e,\n f};\ng")),
            ("use a as b\n1", Some("use a as b;1")),
            ("use a::*\n1", Some("use a::*;1")),
            ("use a\n::b\n1", Some("use a\n::b;1")),
            ("use a\nas b\n1", Some("use a\nas b;1")),
            ("use a::b;\n1", None),
            ("let a = 1\n1", None),
            ("use a::\n1", None),
            ("fn f() { use a::b }", None),
        ] {
            assert_eq!(with_ends(rust).as_deref(), ended, "{rust}");
        }
    }
}
