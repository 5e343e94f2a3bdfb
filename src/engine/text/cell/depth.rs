//! Finds how deep the parser would have to recurse into a text, before it does: the parser recurses, and a thread's
//! stack is limited. Looks at tokens only, never at syntax.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Brackets that may be open at once. A text with more is not parsed; no real program nests like this.
const DEEPEST: usize = 200;

/// Tokens that may follow one another with nothing between them that ends a statement, an item or an argument. Even
/// without brackets, each such token may nest (`&&x`, `a = b = c`, `a + b`, `if … else if …`). A text with more is
/// not parsed.
const LONGEST: usize = 4000;

/// Tokens of this kind for which any thread's stack is large enough. A text with more is parsed on a thread with a
/// stack of `STACK` bytes.
const USUAL: usize = 100;

/// Bytes of stack of the parser's own thread: enough for `LONGEST` levels, at 43 KiB a level in a debug build. The
/// system provides memory only for the part that is used.
const STACK: usize = 256 << 20;

#[derive(Debug, PartialEq, Eq)]
enum Depth {
    Usual,
    Large,
    TooLarge,
}

/// Calls `work`, which parses these tokens, on a thread whose stack is large enough. `None` if the tokens nest too
/// deeply for every stack, or if that thread cannot be started.
pub(crate) fn with_room<R: Send>(tokens: TokenStream, work: impl FnOnce() -> R + Send) -> Option<R> {
    match depth(tokens) {
        Depth::Usual => Some(work()),
        Depth::Large => std::thread::scope(|scope| {
            let thread = std::thread::Builder::new().name("parser".into()).stack_size(STACK);
            thread.spawn_scoped(scope, work).ok()?.join().ok()
        }),
        Depth::TooLarge => None,
    }
}

fn depth(tokens: TokenStream) -> Depth {
    if brackets_nest_too_deeply(tokens.clone()) {
        return Depth::TooLarge;
    }
    match longest(tokens) {
        most if most <= USUAL => Depth::Usual,
        most if most <= LONGEST => Depth::Large,
        _ => Depth::TooLarge,
    }
}

fn brackets_nest_too_deeply(tokens: TokenStream) -> bool {
    let inside = |token| match token {
        TokenTree::Group(group) => Some(group.stream()),
        _ => None,
    };
    let mut level = vec![tokens];
    for _ in 0..DEEPEST {
        level = level.into_iter().flatten().filter_map(inside).collect();
        if level.is_empty() {
            return false;
        }
    }
    true
}

/// The greatest depth of the text, in tokens: those that follow one another, plus those inside a bracket behind them,
/// and so on inwards.
fn longest(tokens: TokenStream) -> usize {
    let (mut longest, mut run, mut before_block) = (0, 0, 0);
    // Whether a name, and then its `!`, came just before. The tokens that a macro is given are not parsed, so they
    // add no depth.
    let (mut after_name, mut after_macro) = (false, false);
    for token in tokens {
        let is_macro = std::mem::take(&mut after_macro);
        let was_name = std::mem::take(&mut after_name);
        match token {
            TokenTree::Group(group) => {
                let inside = if is_macro { 0 } else { self::longest(group.stream()) };
                longest = longest.max(run + 1 + inside);
                let ends = group.delimiter() == Delimiter::Brace;
                (run, before_block) = if ends { (0, run + 1) } else { (run + 1, 0) };
                continue;
            }
            TokenTree::Punct(punct) if [';', ','].contains(&punct.as_char()) => run = 0,
            TokenTree::Punct(punct) => {
                after_macro = punct.as_char() == '!' && was_name;
                run += 1;
            }
            TokenTree::Ident(name) => {
                after_name = true;
                run += if name == "else" { before_block + 1 } else { 1 };
            }
            TokenTree::Literal(_) => run += 1,
        }
        before_block = 0;
        longest = longest.max(run);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::text::cell::Cell;

    fn of(text: &str) -> Depth {
        depth(text.parse().expect("tokens"))
    }

    /// Texts that nest `n` times without a bracket.
    fn nested(n: usize) -> [String; 12] {
        [
            "!".repeat(n) + "x",
            "&".repeat(n) + "x",
            "x".to_string() + &" as u8".repeat(n),
            "if a {}".to_string() + &" else if a {}".repeat(n),
            "x".to_string() + &".f()".repeat(n),
            "1".to_string() + &"+1".repeat(n),
            "||".repeat(n) + "1",
            format!("let x: {}u8;", "&".repeat(n)),
            format!("let x: {}u8{};", "A<".repeat(n), ">".repeat(n)),
            "a=".repeat(n) + "1;",
            "return ".repeat(n) + "1",
            "x".to_string() + &"?".repeat(n),
        ]
    }

    #[test]
    fn what_nests_without_brackets_is_parsed_or_refused_and_never_the_end() {
        for text in nested(500) {
            assert_eq!(of(&text), Depth::Large, "{}", &text[..40]);
            assert!(Cell::parse(&text).parts.is_ok(), "{}", &text[..40]);
        }
        for text in nested(10_000) {
            assert_eq!(of(&text), Depth::TooLarge, "{}", &text[..40]);
            assert!(Cell::parse(&text).parts.is_err_and(|error| error.too_deep));
        }
    }

    #[test]
    fn the_most_that_is_parsed_fits() {
        for text in nested(LONGEST / 2 - 2).into_iter().filter(|text| of(text) == Depth::Large) {
            assert!(Cell::parse(&text).parts.is_ok(), "{}", &text[..40]);
        }
        let most = format!("let x: {}u8;", "&".repeat(LONGEST - 5));
        assert_eq!(of(&most), Depth::Large);
        assert!(Cell::parse(&most).parts.is_ok());
    }

    #[test]
    fn long_texts_that_do_not_nest_are_usual() {
        for text in [
            "f(1);".repeat(10_000),
            "fn f() { g() }".repeat(10_000),
            format!("[{}]", "1,".repeat(10_000)),
            format!("html! {{ {} }}", "<p>".repeat(10_000)),
            "if a { b() }\n".repeat(10_000),
        ] {
            assert_eq!(of(&text), Depth::Usual, "{}", &text[..20]);
        }
    }
}
