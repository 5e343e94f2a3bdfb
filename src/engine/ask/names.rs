//! The names in scope, for completion and inspection. They are a copy of the session's scope as it was after a cell, so
//! questions can be asked while the next cell runs. Never changes the scope and never runs code.

use crate::events::CellId;

use crate::engine::scope::{Module, Scope, homes_in};
use crate::engine::text::cell::{Item, Space};

/// The names that a cell can use, as they were at one point of a session.
#[derive(Clone, Default)]
pub struct Names(pub(in crate::engine) Scope);

/// One item that is in force.
pub(super) struct Entry<'a> {
    pub ident: &'a str,
    pub cell: CellId,
    pub item: &'a Item,
    /// The item's text in its cell.
    pub text: &'a str,
}

impl Names {
    pub(super) fn items(&self) -> impl Iterator<Item = Entry<'_>> {
        self.0.item_names().filter_map(|(name, home)| {
            let module = self.0.modules.get(&home)?;
            let item = self.0.item(name, home)?;
            // A tuple struct has its name both as a type and as a function. One entry is enough.
            let twice = name.space == Space::Value && item.names.iter().any(|n| n.space == Space::Type);
            (!twice).then(|| Entry { ident: &name.ident, cell: home.cell, item, text: text(module, item) })
        })
    }

    pub(super) fn item(&self, ident: &str) -> Option<Entry<'_>> {
        self.items().find(|entry| entry.ident == ident)
    }

    /// The text of the item `ident` that this cell defined, even if a later cell has defined another one of that name.
    pub(super) fn item_of(&self, cell: CellId, ident: &str) -> Option<&str> {
        let module = self.0.modules.values().rev().find(|module| module.home.cell == cell)?;
        let item = module.items.iter().find(|item| item.names.iter().any(|name| name.ident == ident))?;
        Some(text(module, item))
    }

    /// The text of every impl that is in force.
    pub(super) fn impls(&self) -> impl Iterator<Item = &str> {
        let is_impl = |item: &Item| matches!(item.kind, crate::engine::text::cell::Kind::Impl { .. });
        self.0.modules.values().flat_map(move |module| {
            module.live().filter(move |(_, item)| is_impl(item)).map(|(_, item)| text(module, item))
        })
    }
}

fn text<'a>(module: &'a Module, item: &'a Item) -> &'a str {
    match &item.expansion {
        Some(expansion) => &expansion.text,
        None => module.source.get(item.range.clone()).unwrap_or_default(),
    }
}

/// The cell that defined a type, and the type's name there. References and smart pointers around the type are removed
/// first. `None` if no cell defined it.
pub(super) fn session_type(ty: &str) -> Option<(CellId, &str)> {
    const POINTERS: [&str; 3] = ["std::boxed::Box<", "std::rc::Rc<", "std::sync::Arc<"];
    let mut ty = ty;
    loop {
        let inner =
            ty.strip_prefix('&').or_else(|| ty.strip_prefix("'static ")).or_else(|| ty.strip_prefix("mut "));
        let inner = inner.or_else(|| POINTERS.iter().find_map(|pointer| ty.strip_prefix(pointer)));
        match inner {
            Some(inner) => ty = inner,
            None => break,
        }
    }
    let (home, rest) = homes_in(ty).next().filter(|_| ty.starts_with("session_"))?;
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    Some((home.cell, &rest[..end]))
}

/// The text of an item without the documentation and the attributes before it.
pub(super) fn definition(text: &str) -> &str {
    let Ok(item) = syn::parse_str::<syn::Item>(text) else { return text };
    let start = attributes(&item).iter().map(|a| syn::spanned::Spanned::span(a).byte_range().end).max();
    text.get(start.unwrap_or(0)..).unwrap_or(text).trim()
}

/// The documentation of the item in `text`. Empty if it has none.
pub(super) fn documentation(text: &str) -> String {
    let Ok(item) = syn::parse_str::<syn::Item>(text) else { return String::new() };
    let line = |attribute: &syn::Attribute| match &attribute.meta {
        syn::Meta::NameValue(syn::MetaNameValue {
            path,
            value: syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(line), .. }),
            ..
        }) if path.is_ident("doc") => Some(line.value()),
        _ => None,
    };
    let lines: Vec<String> = attributes(&item).iter().filter_map(line).collect();
    let lines: Vec<&str> = lines.iter().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    lines.join("\n").trim().to_string()
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    match item {
        syn::Item::Const(item) => &item.attrs,
        syn::Item::Enum(item) => &item.attrs,
        syn::Item::Fn(item) => &item.attrs,
        syn::Item::Impl(item) => &item.attrs,
        syn::Item::Macro(item) => &item.attrs,
        syn::Item::Mod(item) => &item.attrs,
        syn::Item::Static(item) => &item.attrs,
        syn::Item::Struct(item) => &item.attrs,
        syn::Item::Trait(item) => &item.attrs,
        syn::Item::Type(item) => &item.attrs,
        syn::Item::Union(item) => &item.attrs,
        _ => &[],
    }
}

/// The kind of an item, such as `function`, and its head on one line: a function's signature, or `struct Foo`.
pub(super) fn kind_and_head(text: &str) -> (&'static str, String) {
    let kind = match syn::parse_str::<syn::Item>(text) {
        Ok(syn::Item::Fn(_)) => "function",
        Ok(syn::Item::Struct(_)) => "struct",
        Ok(syn::Item::Enum(_)) => "enum",
        Ok(syn::Item::Union(_)) => "union",
        Ok(syn::Item::Trait(_)) => "trait",
        Ok(syn::Item::Type(_)) => "type",
        Ok(syn::Item::Mod(_)) => "module",
        Ok(syn::Item::Macro(_)) => "macro",
        Ok(syn::Item::Const(_) | syn::Item::Static(_)) => "constant",
        _ => "item",
    };
    let definition = definition(text);
    let end = match kind {
        "constant" => definition.find(['=', ';']),
        _ => definition.find(['{', ';']),
    };
    let head = &definition[..end.unwrap_or(definition.len())];
    (kind, head.split_whitespace().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_type_is_seen_through_pointers() {
        assert_eq!(session_type("&'static mut session_2::cell_3::Foo<i32>"), Some((CellId(3), "Foo")));
        assert_eq!(session_type("std::sync::Arc<session_7::cell_12::A>"), Some((CellId(12), "A")));
        assert_eq!(session_type("std::vec::Vec<session_7::cell_12::A>"), None);
    }

    #[test]
    fn an_item_has_a_head_and_documentation() {
        let text = "/// Adds.\n///\n/// Twice.\n#[inline]\npub fn add(a: i32,\n    b: i32) -> i32 { a + b }";
        assert_eq!(kind_and_head(text), ("function", "pub fn add(a: i32, b: i32) -> i32".into()));
        assert_eq!(documentation(text), "Adds.\n\nTwice.");
        assert!(definition(text).starts_with("pub fn add"));
        assert_eq!(kind_and_head("const N: usize = 3;"), ("constant", "const N: usize".into()));
    }
}
