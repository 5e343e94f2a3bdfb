//! Finds the statics in an item, and the places in their text that change when a crate only declares them.

use std::ops::Range;

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

/// Every `static` in the item, also those inside functions.
pub(super) fn of_item(item: &syn::Item) -> Vec<Static> {
    let mut statics = Statics(Vec::new());
    statics.visit_item(item);
    statics.0
}

struct Statics(Vec<Static>);

impl<'ast> Visit<'ast> for Statics {
    fn visit_item_static(&mut self, item: &'ast syn::ItemStatic) {
        let kept = |a: &syn::Attribute| ["no_mangle", "export_name"].iter().any(|name| a.path().is_ident(name));
        if !item.attrs.iter().any(kept) {
            let start = after_attributes(&item.attrs, item).start;
            self.0.push(Static {
                range: start..item.semi_token.span().byte_range().end,
                keyword: item.static_token.span().byte_range().start,
                value: item.eq_token.span().byte_range().start..item.semi_token.span().byte_range().start,
                references: elided_references(&item.ty),
                mutable: !matches!(item.mutability, syn::StaticMutability::None),
            });
        }
        visit::visit_item_static(self, item);
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
