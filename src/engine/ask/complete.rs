//! Completion: the candidates for a word, which are names in scope, fields and methods of types that cells defined,
//! keywords, and magics. A pure function of the names and the text. Never runs code and never asks rustc.

use crate::engine::api::{Candidate, Completions};
use crate::engine::ask::names::{self, Names};
use crate::engine::magics;
use crate::engine::text::cell::Kind;

const KEYWORDS: [&str; 38] = [
    "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern", "false", "fn",
    "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "self",
    "Self", "static", "struct", "super", "trait", "true", "type", "unsafe", "use", "where", "while",
];

/// The macros of the standard library that are offered.
const MACROS: [&str; 18] = [
    "assert!",
    "assert_eq!",
    "assert_ne!",
    "concat!",
    "dbg!",
    "debug_assert!",
    "env!",
    "eprint!",
    "eprintln!",
    "format!",
    "include_str!",
    "matches!",
    "panic!",
    "print!",
    "println!",
    "todo!",
    "vec!",
    "write!",
];

/// The primitive types and names of the standard library that are offered, each with its kind. See the
/// [standard prelude](https://doc.rust-lang.org/std/prelude/index.html).
const PRELUDE: [(&str, &str); 44] = [
    ("bool", "type"),
    ("char", "type"),
    ("f32", "type"),
    ("f64", "type"),
    ("i8", "type"),
    ("i16", "type"),
    ("i32", "type"),
    ("i64", "type"),
    ("i128", "type"),
    ("isize", "type"),
    ("str", "type"),
    ("u8", "type"),
    ("u16", "type"),
    ("u32", "type"),
    ("u64", "type"),
    ("u128", "type"),
    ("usize", "type"),
    ("Box", "struct"),
    ("Clone", "trait"),
    ("Copy", "trait"),
    ("Default", "trait"),
    ("Drop", "trait"),
    ("Eq", "trait"),
    ("Err", "enum"),
    ("Fn", "trait"),
    ("FnMut", "trait"),
    ("FnOnce", "trait"),
    ("From", "trait"),
    ("Into", "trait"),
    ("Iterator", "trait"),
    ("None", "enum"),
    ("Ok", "enum"),
    ("Option", "enum"),
    ("Ord", "trait"),
    ("PartialEq", "trait"),
    ("PartialOrd", "trait"),
    ("Result", "enum"),
    ("Send", "trait"),
    ("Some", "enum"),
    ("String", "struct"),
    ("Sync", "trait"),
    ("ToString", "trait"),
    ("Vec", "struct"),
    ("std", "module"),
];

/// The candidates for the word that ends at byte `cursor`.
pub(super) fn complete(names: &Names, source: &str, cursor: usize) -> Completions {
    let before = &source[..cursor];
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let start = before.trim_end_matches(is_part).len();
    let (word, lead) = (&before[start..], &before[..start]);
    let line = &lead[lead.rfind('\n').map_or(0, |at| at + 1)..];
    let (start, mut candidates) = match line.trim_start() {
        prefix @ ("%" | "%%" | ":") => (start - prefix.len(), magics(prefix)),
        _ if lead.ends_with('.') && !lead.ends_with("..") => (start, members(names, &lead[..start - 1])),
        _ if lead.ends_with("::") => (start, path(names, last_word(&lead[..start - 2]))),
        // Without a first letter, all names would be a long list, so only those of the session are offered.
        _ if word.is_empty() => (start, session(names, word)),
        _ => (start, everything(names, word)),
    };
    let word = &source[start..cursor];
    candidates.retain(|candidate| candidate.text.starts_with(word));
    candidates.sort_by(|a, b| a.text.cmp(&b.text));
    candidates.dedup_by(|a, b| a.text == b.text);
    proc_macro2::extra::invalidate_current_thread_spans();
    Completions { range: start..cursor, candidates }
}

fn last_word(text: &str) -> &str {
    &text[text.trim_end_matches(|c: char| c.is_alphanumeric() || c == '_').len()..]
}

fn candidate(text: &str, kind: &'static str, signature: impl Into<String>) -> Candidate {
    Candidate { text: text.to_string(), kind, signature: signature.into() }
}

fn magics(prefix: &str) -> Vec<Candidate> {
    let kind = if prefix == ":" { "command" } else { "magic" };
    let all = magics::known().filter(|(name, _)| name.starts_with(prefix));
    all.map(|(name, help)| candidate(&name, kind, help)).collect()
}

/// The names that cells have defined or imported.
fn session(names: &Names, word: &str) -> Vec<Candidate> {
    let mut all: Vec<Candidate> = names
        .0
        .variables
        .iter()
        .map(|(name, variable)| candidate(name, "variable", variable.ty.as_str()))
        .collect();
    // Parsing takes time, so only items that can be meant are parsed.
    for entry in names.items().filter(|entry| entry.ident.starts_with(word)) {
        let (kind, head) = names::kind_and_head(entry.text);
        let text =
            if entry.item.kind == Kind::Macro { format!("{}!", entry.ident) } else { entry.ident.to_string() };
        all.push(Candidate { text, kind, signature: head });
    }
    let imports = names.0.imports.iter().filter_map(|import| Some((import.name.as_ref()?, &import.path)));
    all.extend(imports.map(|(name, path)| candidate(name, "import", format!("use {path}"))));
    all
}

fn everything(names: &Names, word: &str) -> Vec<Candidate> {
    // Of two candidates with the same text the first stays, so a `Vec` that a cell defined hides the prelude's.
    let mut all = session(names, word);
    all.extend(KEYWORDS.iter().map(|word| candidate(word, "keyword", "")));
    all.extend(MACROS.iter().map(|word| candidate(word, "macro", "")));
    all.extend(PRELUDE.iter().map(|(word, kind)| candidate(word, kind, "")));
    all.push(candidate("threadbook", "module", "threads, pools, processes"));
    let crates = names.0.crates.iter().flat_map(|crates| crates.externs.keys());
    all.extend(crates.map(|name| candidate(name, "module", "a crate of `:dep`")));
    all
}

/// The fields and methods of the variable at the end of `before`, if a cell defined its type.
fn members(names: &Names, before: &str) -> Vec<Candidate> {
    let Some(variable) = names.0.variables.get(last_word(before)) else { return Vec::new() };
    let Some((cell, ident)) = names::session_type(&variable.ty) else { return Vec::new() };
    let mut all = names.item_of(cell, ident).map(fields).unwrap_or_default();
    all.extend(functions(names, ident).filter(|(takes_self, _)| *takes_self).map(|(_, candidate)| candidate));
    all
}

/// The candidates after `Type::`: functions, constants and variants.
fn path(names: &Names, ident: &str) -> Vec<Candidate> {
    let mut all: Vec<Candidate> = functions(names, ident).map(|(_, candidate)| candidate).collect();
    if let Some(entry) = names.item(ident) {
        all.extend(variants(entry.text));
    }
    all
}

fn fields(text: &str) -> Vec<Candidate> {
    let Ok(syn::Item::Struct(item)) = syn::parse_str::<syn::Item>(text) else { return Vec::new() };
    let field = |(index, field): (usize, &syn::Field)| {
        let name = field.ident.as_ref().map_or_else(|| index.to_string(), |ident| ident.to_string());
        candidate(&name, "field", spelt(&field.ty, text))
    };
    item.fields.iter().enumerate().map(field).collect()
}

fn variants(text: &str) -> Vec<Candidate> {
    let Ok(syn::Item::Enum(item)) = syn::parse_str::<syn::Item>(text) else { return Vec::new() };
    item.variants
        .iter()
        .map(|variant| candidate(&variant.ident.to_string(), "variant", spelt(variant, text)))
        .collect()
}

/// The functions and constants in the impls of a type, each with whether it takes `self`.
fn functions<'a>(names: &'a Names, ident: &'a str) -> impl Iterator<Item = (bool, Candidate)> + 'a {
    let of_type = move |text: &str| {
        let Ok(syn::Item::Impl(item)) = syn::parse_str::<syn::Item>(text) else { return Vec::new() };
        let syn::Type::Path(path) = &*item.self_ty else { return Vec::new() };
        if path.path.segments.last().is_none_or(|segment| segment.ident != ident) {
            return Vec::new();
        }
        let function = |item: &syn::ImplItem| match item {
            syn::ImplItem::Fn(function) => {
                let name = function.sig.ident.to_string();
                Some((function.sig.receiver().is_some(), candidate(&name, "method", spelt(&function.sig, text))))
            }
            syn::ImplItem::Const(constant) => {
                Some((false, candidate(&constant.ident.to_string(), "constant", spelt(&constant.ty, text))))
            }
            _ => None,
        };
        item.items.iter().filter_map(function).collect()
    };
    names.impls().flat_map(of_type)
}

/// The text of a part of `text`, on one line.
fn spelt(part: &impl syn::spanned::Spanned, text: &str) -> String {
    let text = text.get(part.span().byte_range()).unwrap_or_default();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[path = "complete_tests.rs"]
mod tests;
