//! Turns calls of the session's own macros into the items that they make, so that later cells find these as they find any
//! others. Items have no [hygiene](https://doc.rust-lang.org/reference/macros-by-example.html#hygiene), so their text means the
//! same where it is written out. A call that makes anything else, or that cannot be expanded here, stays a statement.

mod matching;
mod pattern;
mod transcribe;

use std::ops::Range;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;

use super::item::{self, Expansion, Item, MacroCall};
use super::{call, depth};

/// Macro calls inside of each other that are expanded; a call with more stays a statement. rustc's own
/// [limit](https://doc.rust-lang.org/reference/attributes/limits.html#the-recursion_limit-attribute) is 128.
const DEEPEST: usize = 128;

/// Bytes of text that a call may become; a call that becomes more stays a statement, since each item costs memory for as
/// long as the session lives.
const LONGEST: usize = 1 << 20;

/// The text of the session's macro of this name. `None` if there is none.
pub(super) type Definitions<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// The items that the call makes, which stands in `range` of its cell. `None` if its macro is not the session's, or makes
/// anything but items.
pub(super) fn items_of(call: &MacroCall, range: &Range<usize>, definition: Definitions<'_>) -> Option<Vec<Item>> {
    let text = definition(&call.name)?;
    let tokens: TokenStream = call.tokens.parse().ok()?;
    let texts = depth::with_room(tokens, || {
        let tokens = call.tokens.parse().ok()?;
        let mut texts = Vec::new();
        expand(&text, tokens, definition, 0, &mut texts)?;
        Some(texts)
    })??;
    let make = |(index, text): (usize, &String)| {
        // The first item takes the place of the call, the others follow it.
        let at = if index == 0 { range.clone() } else { range.end..range.end };
        from_expansion(Expansion { text: text.as_str().into(), call: range.clone() }, at)
    };
    texts.iter().enumerate().map(make).collect::<Option<Vec<Item>>>().filter(|items| !items.is_empty())
}

/// The item that a macro made, in the place `at` of the cell. `None` if its text is no item.
fn from_expansion(expansion: Expansion, at: Range<usize>) -> Option<Item> {
    let text = &expansion.text;
    let item = match syn::parse_str::<syn::Item>(text).ok()? {
        syn::Item::Macro(made) if made.ident.is_none() => {
            call::from_call(&made.mac, &made, made.semi_token.is_some(), text)?
        }
        item => item::from_item(&item, text),
    };
    Some(Item { range: at, expansion: Some(expansion), ..item })
}

/// Adds the texts of the items that a macro makes of these tokens. `None` if it makes anything else.
fn expand(
    macro_text: &str,
    tokens: TokenStream,
    definition: Definitions<'_>,
    depth: usize,
    texts: &mut Vec<String>,
) -> Option<()> {
    let input: Vec<TokenTree> = tokens.into_iter().collect();
    let rules = pattern::rules(macro_text)?;
    let (bindings, body) =
        rules.iter().find_map(|rule| Some((matching::whole(&rule.matcher, &input)?, &rule.body)))?;
    let file: syn::File = syn::parse2(transcribe::body(body, &bindings)?).ok()?;
    for item in file.items {
        match &item {
            syn::Item::Use(_) | syn::Item::Verbatim(_) => return None,
            syn::Item::Macro(call) if call.ident.is_none() => {
                let inner = call.mac.path.get_ident().and_then(|name| definition(&name.to_string()));
                match inner {
                    Some(inner) if depth < DEEPEST => {
                        expand(&inner, call.mac.tokens.clone(), definition, depth + 1, texts)?;
                    }
                    None if call::makes_items(&call.mac) => texts.push(item.to_token_stream().to_string()),
                    _ => return None,
                }
            }
            _ => texts.push(item.to_token_stream().to_string()),
        }
        if texts.iter().map(String::len).sum::<usize>() > LONGEST {
            return None;
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use crate::engine::text::cell::Cell;

    /// The items that the cell's macro calls become, as text, and how many statements are left.
    #[track_caller]
    fn expanded(source: &str) -> (Vec<String>, usize) {
        let mut cell = Cell::parse(source);
        cell.expand(&|_| None);
        let parts = cell.parts.expect("Rust");
        let made = parts.items.iter().filter_map(|item| Some(item.expansion.as_ref()?.text.to_string()));
        (made.collect(), parts.statements.len())
    }

    #[track_caller]
    fn check(source: &str, items: &[&str], statements: usize) {
        assert_eq!(expanded(source), (items.iter().map(|text| text.to_string()).collect(), statements), "{source}");
    }

    #[test]
    fn a_macro_that_makes_items_is_written_out() {
        check(
            "macro_rules! mk { ($n:ident) => { fn $n() -> i32 { 5 } } } mk!(hello);",
            &["fn hello () -> i32 { 5 }"],
            0,
        );
        check(
            "macro_rules! getters { ($($n:ident : $t:ty = $e:expr),* $(,)?) => { $(fn $n() -> $t { $e * 2 })* } }
             getters! { a: i32 = 1 + 2, b: Vec<u8> = c, }",
            &["fn a () -> i32 { (1 + 2) * 2 }", "fn b () -> Vec < u8 > { c * 2 }"],
            0,
        );
        check(
            "macro_rules! new { ($(#[$m:meta])* $v:vis struct $n:ident { $($f:ident : $t:ty),* }) => {
                 $(#[$m])* $v struct $n { $($f: $t),* } impl $n { fn n() -> u8 { 1 } } } }
             new! { #[derive(Debug)] struct A { x: u8 } }",
            &["# [derive (Debug)] struct A { x : u8 }", "impl A { fn n () -> u8 { 1 } }"],
            0,
        );
        check(
            "macro_rules! two { ($a:ident, $($rest:tt)*) => { struct $a; two!($($rest)*); }; ($a:ident) => { struct $a; } }
             two!(A, B, C);",
            &["struct A ;", "struct B ;", "struct C ;"],
            0,
        );
    }

    #[test]
    fn what_is_no_item_stays_a_statement() {
        for source in [
            "macro_rules! say { ($x:expr) => { println!(\"{}\", $x); } } say!(1);",
            "macro_rules! bind { ($x:ident) => { let $x = 1; } } bind!(a);",
            "macro_rules! sum { ($($x:expr),*) => { 0 $(+ $x)* } } sum!(1, 2);",
            "macro_rules! f { (a) => { fn f() {} } } f!(b);",
            "macro_rules! two { ($($x:ident)*, $($y:ident)*) => { $(fn $x() { $y() })* } } two!(a b, c);",
            "macro_rules! endless { () => { endless!(); } } endless!();",
            "println!(\"a\");",
        ] {
            check(source, &[], 1);
        }
    }

    #[test]
    fn fragments_are_matched_as_rustc_matches_them() {
        for (matcher, call, expected) in [
            ("$a:tt $b:tt", ":: 'a", "(:: , 'a)"),
            ("$a:literal $b:lifetime", "-1 'b", "(- 1 , 'b)"),
            ("$a:vis $b:ident", "x", "(, x)"),
            ("$a:ty => $b:path", "&'static [u8] => a::b<C>", "(& 'static [u8] , a :: b < C >)"),
        ] {
            let source = format!(
                "macro_rules! m {{ ({matcher}) => {{ static X: &str = stringify!($a, $b); }} }} m!({call});"
            );
            let (items, _) = expanded(&source);
            let plain = |text: &str| text.split_whitespace().collect::<String>();
            assert_eq!(
                plain(&items.concat()),
                plain(&format!("static X: &str = stringify!{expected};")),
                "{source}"
            );
        }
    }
}
