//! Macro calls that make items, as far as their own tokens tell: those of the runtime's `transfer!`, and those whose tokens
//! begin like an item, as `thread_local!`, `lazy_static!` and `bitflags!` have them. Never expands a macro.

use std::collections::BTreeMap;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;
use syn::spanned::Spanned;

use super::item::{Edit, Item, Kind, MacroCall, Name, Space, insert};
use super::mention::{self, name_of};
use super::statics;
use crate::engine::text::tokens::is_punct;

/// The item that is this call of a macro, which `ends` with a semicolon or not. `None` if it makes no item.
pub(super) fn from_call(mac: &syn::Macro, call: &impl ToTokens, ends: bool, source: &str) -> Option<Item> {
    if !makes_items(mac) {
        return None;
    }
    let names = names_in_tokens(mac.tokens.clone());
    let range = call.span().byte_range();
    let mut edits = Vec::new();
    publish_tokens(mac.tokens.clone(), &mut edits);
    if !ends && source[range.clone()].ends_with([')', ']']) {
        edits.push(Edit { range: range.end..range.end, text: ";".into() });
    }
    let all = call.to_token_stream();
    Some(Item {
        range,
        expansion: None,
        call: MacroCall::new(mac),
        names,
        kind: Kind::Definition,
        edits,
        statics: Vec::new(),
        locals: statics::of_call(mac, call).into_iter().collect(),
        mentions: mention::of_tokens(all.clone()),
        reads: mention::reads_of_tokens(all.clone()),
        tokens: all.to_string(),
        functions: BTreeMap::new(),
        shapes_types: true,
        movable: false,
    })
}

/// Whether a call of a macro that is not the session's makes items, as far as its tokens tell.
pub(super) fn makes_items(mac: &syn::Macro) -> bool {
    let implements = mac.path.segments.last().is_some_and(|last| last.ident == "transfer");
    implements || (!names_in_tokens(mac.tokens.clone()).is_empty() && begins_like_an_item(mac.tokens.clone()))
}

fn begins_like_an_item(tokens: TokenStream) -> bool {
    let mut trees = tokens.into_iter().peekable();
    while is_punct(trees.peek(), '#') {
        trees.next();
        trees.next();
    }
    matches!(trees.next(), Some(TokenTree::Ident(ident)) if
        ["pub", "static", "struct", "enum", "fn", "const", "trait", "type", "impl", "unsafe"]
            .contains(&ident.to_string().as_str()))
}

fn names_in_tokens(tokens: TokenStream) -> Vec<Name> {
    let idents: Vec<Option<String>> = tokens
        .into_iter()
        .map(|tree| if let TokenTree::Ident(ident) = tree { Some(name_of(&ident)) } else { None })
        .collect();
    let mut names = Vec::new();
    for pair in idents.windows(3) {
        let (Some(keyword), Some(mut ident)) = (pair[0].clone(), pair[1].clone()) else { continue };
        if ident == "ref" || ident == "mut" {
            let Some(after) = pair[2].clone() else { continue };
            ident = after;
        }
        let space = match keyword.as_str() {
            "static" | "fn" | "const" => Space::Value,
            "struct" | "enum" | "trait" | "type" => Space::Type,
            _ => continue,
        };
        names.push(Name { space, ident });
    }
    names
}

fn publish_tokens(tokens: TokenStream, edits: &mut Vec<Edit>) {
    let mut after_visibility = false;
    for tree in tokens {
        match &tree {
            TokenTree::Ident(ident) if ident == "pub" => after_visibility = true,
            TokenTree::Group(_) if after_visibility => {}
            TokenTree::Ident(ident) if ident == "static" || ident == "struct" => {
                if !after_visibility {
                    edits.push(insert(ident.span().byte_range().start, "pub "));
                }
                after_visibility = false;
            }
            _ => after_visibility = false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(source: &str) -> Option<Item> {
        let call: syn::ItemMacro = syn::parse_str(source).expect("a macro call");
        from_call(&call.mac, &call, call.semi_token.is_some(), source)
    }

    #[test]
    fn what_begins_like_an_item_has_names() {
        let names =
            |source| item(source).expect("an item").names.into_iter().map(|name| name.ident).collect::<Vec<_>>();
        assert_eq!(names("lazy_static! { static ref X: u8 = 1; }"), ["X"]);
        assert_eq!(names("bitflags! { pub struct Flags: u8 { const A = 1; } }"), ["Flags"]);
        assert_eq!(names("thread_local! { static X: u8 = 1; pub static Y: u8 = 2; }"), ["X", "Y"]);
    }

    #[test]
    fn statics_become_public() {
        let edits = item("thread_local! { static X: u8 = 1; pub static Y: u8 = 2; }").expect("an item").edits;
        assert_eq!(edits, [insert(16, "pub ")]);
    }

    #[test]
    fn calls_of_other_macros_are_statements() {
        for source in ["println!(\"a\");", "vec![1];", "assert_eq!(a, b);"] {
            assert!(item(source).is_none(), "{source}");
        }
    }
}
