//! Finds the statics and the keys of thread locals in an item, and the places in their text that change when a crate only
//! declares them.

use std::ops::Range;

use quote::ToTokens;
use syn::parse::{ParseStream, Parser};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::attributes::after_attributes;

/// A `static`, with the places in its text that are changed when its crate is built again while its value must stay
/// where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Static {
    /// Bytes from the visibility (after the attributes) to the semicolon.
    pub range: Range<usize>,
    /// First byte of the keyword `static`.
    pub keyword: usize,
    /// Bytes of `= expression`, without the semicolon.
    pub value: Range<usize>,
    /// Bytes directly after each `&` in its type that names no lifetime.
    pub references: Vec<usize>,
    pub mutable: bool,
}

/// A call of `thread_local!`. A crate that only declares its keys has them as statics of the type
/// [`LocalKey`](https://doc.rust-lang.org/std/thread/struct.LocalKey.html): a key is a pointer to a function of the library in
/// which it was made, and that library has the values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Locals {
    /// Bytes of the call, with its semicolon.
    pub range: Range<usize>,
    pub keys: Vec<LocalKey>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LocalKey {
    pub name: String,
    /// Bytes of the type of its value.
    pub ty: Range<usize>,
    /// As in `Static`.
    pub references: Vec<usize>,
}

/// Every `static` and every `thread_local!` in the item, also those inside functions.
pub(super) fn of_item(item: &syn::Item) -> (Vec<Static>, Vec<Locals>) {
    let mut found = Statics::default();
    found.visit_item(item);
    (found.statics, found.locals)
}

/// The keys that this call makes. `None` if it is not of `thread_local!`.
pub(super) fn of_call(mac: &syn::Macro, call: &impl ToTokens) -> Option<Locals> {
    let is_local = mac.path.segments.last().is_some_and(|last| last.ident == "thread_local");
    let keys = keys.parse2(mac.tokens.clone()).ok().filter(|_| is_local)?;
    Some(Locals { range: call.span().byte_range(), keys })
}

/// Reads [what `thread_local!` takes](https://doc.rust-lang.org/std/macro.thread_local.html).
fn keys(input: ParseStream<'_>) -> syn::Result<Vec<LocalKey>> {
    let mut keys = Vec::new();
    while !input.is_empty() {
        input.call(syn::Attribute::parse_outer)?;
        input.parse::<syn::Visibility>()?;
        input.parse::<syn::Token![static]>()?;
        let name = input.parse::<syn::Ident>()?.to_string();
        input.parse::<syn::Token![:]>()?;
        let ty: syn::Type = input.parse()?;
        input.parse::<syn::Token![=]>()?;
        input.parse::<syn::Expr>()?;
        input.parse::<Option<syn::Token![;]>>()?;
        keys.push(LocalKey { name, ty: ty.span().byte_range(), references: elided_references(&ty) });
    }
    Ok(keys)
}

#[derive(Default)]
struct Statics {
    statics: Vec<Static>,
    locals: Vec<Locals>,
}

impl<'ast> Visit<'ast> for Statics {
    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        let kept = |a: &syn::Attribute| ["no_mangle", "export_name"].iter().any(|name| a.path().is_ident(name));
        if !item.attrs.iter().any(kept) {
            let start = after_attributes(&item.attrs, item).start;
            self.statics.push(Static {
                range: start..item.semi_token.span().byte_range().end,
                keyword: item.static_token.span().byte_range().start,
                value: item.eq_token.span().byte_range().start..item.semi_token.span().byte_range().start,
                references: elided_references(&item.ty),
                mutable: !matches!(item.mutability, syn::StaticMutability::None),
            });
        }
        visit::visit_item_static(self, item);
    }

    fn visit_item_macro(&mut self, item: &'ast syn::ItemMacro) {
        self.locals.extend(of_call(&item.mac, item));
    }

    fn visit_stmt_macro(&mut self, stmt: &'ast syn::StmtMacro) {
        self.locals.extend(of_call(&stmt.mac, stmt));
    }
}

/// Bytes directly after each `&` of a type that names no lifetime. Function types are left out: there, a missing
/// lifetime has another meaning.
fn elided_references(ty: &syn::Type) -> Vec<usize> {
    struct References(Vec<usize>);
    impl<'ast> Visit<'ast> for References {
        fn visit_type_reference(&mut self, node: &'ast syn::TypeReference) {
            if node.lifetime.is_none() {
                self.0.push(node.and_token.span().byte_range().end);
            }
            visit::visit_type_reference(self, node);
        }
        fn visit_type_fn_ptr(&mut self, _: &'ast syn::TypeFnPtr) {}
        fn visit_parenthesized_generic_arguments(&mut self, _: &'ast syn::ParenthesizedGenericArguments) {}
    }
    let mut references = References(Vec::new());
    references.visit_type(ty);
    references.0
}
