//! Finds where an item begins behind its attributes.

use std::ops::Range;

use quote::ToTokens;
use syn::spanned::Spanned;

/// Bytes of an item's first token after its attributes and doc comments.
pub(super) fn after_attributes(attrs: &[syn::Attribute], node: &impl ToTokens) -> Range<usize> {
    let whole = node.to_token_stream();
    let end = attrs.iter().map(|a| a.span().byte_range().end).max().unwrap_or(0);
    let start = whole.into_iter().map(|tree| tree.span().byte_range()).find(|range| range.start >= end);
    start.unwrap_or(end..end)
}
