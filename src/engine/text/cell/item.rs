//! Items of a cell: what they define, and the edits that let other crates of the session use them. Never applies the
//! edits.
//!
//! An edit never adds or removes a line, so each item keeps the line numbers that it has in its cell.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use quote::ToTokens;
use syn::spanned::Spanned;

use super::attributes::after_attributes;
use super::brief::{Candidate, Function};
use super::import::{self, Import};
use super::mention::{self, name_of};
use super::statics::{self, Locals, Static};
use super::{association, movable, unended};

/// One item; a `use` is one too.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    pub range: Range<usize>,
    /// What the item is written as, if a macro of the session made it. All ranges below are then of that text.
    pub expansion: Option<Expansion>,
    /// The macro call that the item is. `None` if it is none.
    pub call: Option<MacroCall>,
    pub names: Vec<Name>,
    pub kind: Kind,
    /// Insertions (an empty range) and replacements that make the item visible to the session's other crates.
    pub edits: Vec<Edit>,
    /// Every `static` in the item, also those inside functions.
    pub statics: Vec<Static>,
    /// Every `thread_local!` in it.
    pub locals: Vec<Locals>,
    pub mentions: BTreeSet<String>,
    /// Those identifiers that may name an item by themselves; see `mention::reads_of_tokens`.
    pub reads: BTreeSet<String>,
    /// The item's tokens as text. Two items with the same tokens count as the same item.
    pub tokens: String,
    /// Its functions and methods, filled in once the whole cell is parsed.
    pub functions: BTreeMap<String, Function>,
    /// Whether the layout of a type may depend on what this item is: true of all but functions that are not `const`
    /// and statics.
    pub shapes_types: bool,
    /// Whether it means the same in another crate: it has no state and does not name its crate.
    pub movable: bool,
}

/// A macro call in the place of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MacroCall {
    /// The macro's name. A path with more than one segment names no macro of the session.
    pub name: String,
    pub tokens: String,
}

impl MacroCall {
    pub(super) fn new(mac: &syn::Macro) -> Option<MacroCall> {
        Some(MacroCall { name: mac.path.get_ident()?.to_string(), tokens: mac.tokens.to_string() })
    }
}

/// The text that a call of a macro became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Expansion {
    pub text: Arc<str>,
    /// The call in the cell.
    pub call: Range<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Use(Vec<Import>),
    /// `macro_rules!`
    Macro,
    Definition,
    /// A trait, with the names of what it declares: a method is called without a mention of its trait.
    Trait(BTreeSet<String>),
    /// `key` is the trait and the self type as the user wrote them. `methods` is filled for inherent impls only.
    /// `anchors` are the names of which one must be of the impl's own crate
    /// ([orphan rules](https://doc.rust-lang.org/reference/items/implementations.html#orphan-rules)): of the self type
    /// and, if a trait is implemented, of the trait's arguments and the trait.
    Impl {
        key: String,
        inherent: bool,
        methods: Vec<Method>,
        anchors: Vec<String>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Name {
    pub space: Space,
    pub ident: String,
}

/// Rust's three [namespaces](https://doc.rust-lang.org/reference/names/namespaces.html).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Space {
    Type,
    Value,
    Macro,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Edit {
    pub range: Range<usize>,
    pub text: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Method {
    pub name: String,
    pub range: Range<usize>,
}

impl Item {
    /// Notes a function of this item, which becomes `#[inline]` if it is brief.
    pub(super) fn note_function(&mut self, found: Candidate) {
        if found.function.brief {
            match self.edits.iter_mut().find(|edit| edit.range.start == found.at) {
                Some(edit) => edit.text.insert_str(0, "#[inline] "),
                None => self.edits.push(insert(found.at, "#[inline] ")),
            }
        }
        self.functions.insert(found.name, found.function);
    }
}

pub(super) fn from_item(item: &syn::Item, source: &str) -> Item {
    let (names, kind) = names_and_kind(item);
    let mut publish = Publish { edits: Vec::new() };
    publish.item(item);
    let (statics, locals) = statics::of_item(item);
    let tokens = item.to_token_stream();
    let mut range = item.span().byte_range();
    match item {
        syn::Item::Use(_) => {
            let (without, has_no_end) = unended::without_end(source, range);
            publish.edits.extend(has_no_end.then(|| insert(without.end, ";")));
            range = without;
        }
        // `#[macro_use]` is not allowed where the item is written; `By::ExternCrate` has it.
        syn::Item::ExternCrate(item) => range.start = after_attributes(&item.attrs, item).start,
        _ => {}
    }
    Item {
        range,
        expansion: None,
        call: None,
        names,
        kind,
        edits: publish.edits,
        statics,
        locals,
        mentions: mention::of_tokens(tokens.clone()),
        reads: mention::reads_of_tokens(tokens.clone()),
        tokens: tokens.to_string(),
        functions: BTreeMap::new(),
        movable: movable::is_movable(tokens),
        shapes_types: match item {
            syn::Item::Fn(function) => function.sig.constness.is_some(),
            syn::Item::Static(_) => false,
            _ => true,
        },
    }
}

fn names_and_kind(item: &syn::Item) -> (Vec<Name>, Kind) {
    let named = |space, ident: &syn::Ident| vec![Name { space, ident: name_of(ident) }];
    let names = match item {
        syn::Item::Use(item) => return (Vec::new(), Kind::Use(import::of_use(item))),
        syn::Item::ExternCrate(item) => return (Vec::new(), Kind::Use(import::of_extern_crate(item))),
        syn::Item::Impl(item) => return (Vec::new(), implementation(item)),
        syn::Item::Trait(item) => {
            return (named(Space::Type, &item.ident), Kind::Trait(association::declared(item)));
        }
        syn::Item::Macro(item) => {
            return (item.ident.iter().flat_map(|ident| named(Space::Macro, ident)).collect(), Kind::Macro);
        }
        syn::Item::Struct(item) => {
            let mut names = named(Space::Type, &item.ident);
            if !matches!(item.fields, syn::Fields::Named(_)) {
                names.extend(named(Space::Value, &item.ident));
            }
            names
        }
        syn::Item::Enum(item) => named(Space::Type, &item.ident),
        syn::Item::Union(item) => named(Space::Type, &item.ident),
        syn::Item::Type(item) => named(Space::Type, &item.ident),
        syn::Item::TraitAlias(item) => named(Space::Type, &item.ident),
        syn::Item::Mod(item) => named(Space::Type, &item.ident),
        syn::Item::Fn(item) => named(Space::Value, &item.sig.ident),
        syn::Item::Static(item) => named(Space::Value, &item.ident),
        syn::Item::Const(item) if item.ident == "_" => Vec::new(),
        syn::Item::Const(item) => named(Space::Value, &item.ident),
        syn::Item::ForeignMod(item) => item.items.iter().filter_map(foreign_name).collect(),
        _ => Vec::new(),
    };
    (names, Kind::Definition)
}

fn foreign_name(item: &syn::ForeignItem) -> Option<Name> {
    let ident = match item {
        syn::ForeignItem::Fn(item) => &item.sig.ident,
        syn::ForeignItem::Static(item) => &item.ident,
        _ => return None,
    };
    Some(Name { space: Space::Value, ident: name_of(ident) })
}

fn implementation(item: &syn::ItemImpl) -> Kind {
    let of = item.trait_.as_ref().map(|(path, _)| path.to_token_stream().to_string());
    let key = format!("{} for {}", of.as_deref().unwrap_or(""), item.self_ty.to_token_stream());
    let method = |item: &syn::ImplItem| match item {
        syn::ImplItem::Fn(f) => Some(Method { name: f.sig.ident.to_string(), range: f.span().byte_range() }),
        syn::ImplItem::Const(c) => Some(Method { name: c.ident.to_string(), range: c.span().byte_range() }),
        _ => None,
    };
    let methods = item.items.iter().filter_map(method).collect();
    Kind::Impl { key, inherent: of.is_none(), methods, anchors: association::anchors(item) }
}

pub(super) fn insert(at: usize, text: &str) -> Edit {
    Edit { range: at..at, text: text.into() }
}

/// Makes an item and its parts `pub`: to the user, all crates of the session are one program.
struct Publish {
    edits: Vec<Edit>,
}

impl Publish {
    fn visibility(&mut self, vis: &syn::Visibility, at: Range<usize>) {
        match vis {
            syn::Visibility::Public(_) => {}
            syn::Visibility::Restricted(restricted) => {
                self.edits.push(Edit { range: restricted.span().byte_range(), text: "pub".into() });
            }
            syn::Visibility::Inherited => self.edits.push(insert(at.start, "pub ")),
        }
    }

    fn item(&mut self, item: &syn::Item) {
        match item {
            syn::Item::Const(i) => self.visibility(&i.vis, after_attributes(&i.attrs, i)),
            syn::Item::Enum(i) => self.visibility(&i.vis, after_attributes(&i.attrs, i)),
            syn::Item::Fn(i) => self.visibility(&i.vis, after_attributes(&i.attrs, i)),
            syn::Item::Mod(i) => self.visibility(&i.vis, after_attributes(&i.attrs, i)),
            syn::Item::Trait(i) => self.visibility(&i.vis, after_attributes(&i.attrs, i)),
            syn::Item::Type(i) => self.visibility(&i.vis, after_attributes(&i.attrs, i)),
            syn::Item::Struct(i) => {
                self.visibility(&i.vis, after_attributes(&i.attrs, i));
                i.fields.iter().for_each(|field| self.field(field));
            }
            syn::Item::Union(i) => {
                self.visibility(&i.vis, after_attributes(&i.attrs, i));
                i.fields.named.iter().for_each(|field| self.field(field));
            }
            syn::Item::Impl(i) if i.trait_.is_none() => i.items.iter().for_each(|item| self.associated(item)),
            syn::Item::ForeignMod(i) => i.items.iter().for_each(|item| self.foreign(item)),
            // Statics become `pub` where they are rewritten: see `Static`.
            _ => {}
        }
    }

    fn field(&mut self, field: &syn::Field) {
        self.visibility(&field.vis, after_attributes(&field.attrs, field));
    }

    fn associated(&mut self, item: &syn::ImplItem) {
        match item {
            syn::ImplItem::Fn(f) => self.visibility(&f.vis, after_attributes(&f.attrs, f)),
            syn::ImplItem::Const(c) => self.visibility(&c.vis, after_attributes(&c.attrs, c)),
            syn::ImplItem::Type(t) => self.visibility(&t.vis, after_attributes(&t.attrs, t)),
            _ => {}
        }
    }

    fn foreign(&mut self, item: &syn::ForeignItem) {
        match item {
            syn::ForeignItem::Fn(f) => self.visibility(&f.vis, after_attributes(&f.attrs, f)),
            syn::ForeignItem::Static(s) => self.visibility(&s.vis, after_attributes(&s.attrs, s)),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(source: &str) -> Item {
        from_item(&syn::parse_str(source).expect("an item"), source)
    }

    fn edited(source: &str) -> String {
        let mut edits = item(source).edits;
        edits.sort_by_key(|e| std::cmp::Reverse(e.range.start));
        let mut text = source.to_string();
        for edit in edits {
            text.replace_range(edit.range, &edit.text);
        }
        text
    }

    #[test]
    fn everything_in_an_item_becomes_public() {
        for (source, expected) in [
            ("struct A { x: i32, pub y: u8 }", "pub struct A { pub x: i32, pub y: u8 }"),
            ("/// doc\n#[derive(Debug)]\nstruct A(i32);", "/// doc\n#[derive(Debug)]\npub struct A(pub i32);"),
            ("pub(crate) fn f() {}", "pub fn f() {}"),
            (
                "impl A { fn new() -> A { A } const N: u8 = 1; }",
                "impl A { pub fn new() -> A { A } pub const N: u8 = 1; }",
            ),
            ("impl Clone for A { fn clone(&self) -> A { A } }", "impl Clone for A { fn clone(&self) -> A { A } }"),
            ("enum E { A { x: i32 } }", "pub enum E { A { x: i32 } }"),
            ("unsafe fn f() {}", "pub unsafe fn f() {}"),
            ("mod m { fn private() {} }", "pub mod m { fn private() {} }"),
        ] {
            assert_eq!(edited(source), expected);
        }
    }

    #[test]
    fn names_have_their_namespace() {
        let names = |source| item(source).names.into_iter().map(|n| (n.space, n.ident)).collect::<Vec<_>>();
        assert_eq!(names("fn f() {}"), [(Space::Value, "f".into())]);
        assert_eq!(names("struct A;"), [(Space::Type, "A".into()), (Space::Value, "A".into())]);
        assert_eq!(names("struct A {}"), [(Space::Type, "A".into())]);
        assert_eq!(names("macro_rules! m { () => {} }"), [(Space::Macro, "m".into())]);
    }

    #[test]
    fn statics_in_functions_are_found() {
        let source = "fn f() -> u8 { static X: u8 = 1 + 2; X }";
        let item = item(source);
        assert_eq!(&source[item.statics[0].value.clone()], "= 1 + 2");
    }
}
