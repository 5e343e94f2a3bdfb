//! Decides whether code can need the crates of `:dep`. Code that cannot is compiled without them: rustc then reads no
//! metadata of theirs, and the linker no library. A function of names and text: never runs rustc.
//!
//! Names tell most. What they do not tell is whether a method comes from a trait of a crate that was imported before, and
//! what an import of a whole prelude (`use rayon::prelude::*`) binds. Code under such imports is taken not to need
//! crates only if all that it calls has the name of something in std. A wrong guess costs time only: what does not
//! compile without the crates has to be compiled with them.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::sync::LazyLock;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::engine::scope::dependency::Crates;
use crate::engine::text::cell::Import;
use crate::engine::text::tokens::is_punct;

/// The names by which code can reach crates.
#[derive(Debug)]
pub(crate) struct CrateNames<'a> {
    /// Names that cells give to crates, and names that imports bind to something in a crate.
    reachable: BTreeSet<&'a str>,
    /// The names of all crates, also of those that only other crates name. Types are spelt with these.
    in_types: BTreeSet<&'a str>,
    unseen: Unseen,
}

/// What imports from crates may bind or bring into method calls without naming it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Unseen {
    Nothing,
    /// Methods, since an import may be a trait; and the names of a prelude, which no crate gives to other things than std
    /// does.
    Some,
    /// Any name: everything in some module of a crate was imported.
    Anything,
}

impl<'a> CrateNames<'a> {
    pub(crate) fn new(crates: &'a Crates, imports: impl IntoIterator<Item = &'a Import>) -> CrateNames<'a> {
        let reachable = crates.externs.keys().map(String::as_str).collect();
        let in_types = crates.externs.keys().chain(crates.prints.keys()).map(String::as_str).collect();
        let mut names = CrateNames { reachable, in_types, unseen: Unseen::Nothing };
        let mut rest: Vec<&Import> = imports.into_iter().collect();
        // An import may start at a name that another one binds: `use polars::prelude as pl`, then `use pl::*`.
        loop {
            let (found, others): (Vec<&Import>, Vec<&Import>) = rest.into_iter().partition(|i| names.has(i));
            if found.is_empty() {
                return names;
            }
            for import in found {
                names.reachable.extend(import.name.as_deref());
                names.unseen = names.unseen.max(unseen(import));
            }
            rest = others;
        }
    }

    /// Whether an import is from a crate, directly or by way of another import.
    pub(crate) fn has(&self, import: &Import) -> bool {
        first_name(&import.path).is_some_and(|name| self.reachable.contains(name))
    }

    /// Whether code can need crates: `mentions` are its identifiers, `types` spells the types of the variables that it
    /// takes, and `known` tells names that the session gives to things that are not in crates.
    pub(crate) fn may_be_needed(
        &self,
        code: &TokenStream,
        mentions: &BTreeSet<String>,
        types: &str,
        known: impl Fn(&str) -> bool,
    ) -> bool {
        if mentions.iter().any(|name| self.reachable.contains(name.as_str())) {
            return true;
        }
        if words(types).any(|word| self.in_types.contains(word)) {
            return true;
        }
        match self.unseen {
            Unseen::Nothing => false,
            Unseen::Some => {
                let mut called = Called::default();
                called.walk(code.clone());
                called
                    .names
                    .iter()
                    .any(|name| !STD_WORDS.contains(name.as_str()) && !called.bound.contains(name) && !known(name))
            }
            Unseen::Anything => true,
        }
    }
}

fn unseen(import: &Import) -> Unseen {
    match &import.name {
        // `as _` is for traits.
        None if import.path.ends_with('*') && !import.path.ends_with("prelude::*") => Unseen::Anything,
        // Modules and functions have names in small letters, and no methods.
        Some(name) if !name.starts_with(char::is_uppercase) => Unseen::Nothing,
        _ => Unseen::Some,
    }
}

/// The first name of the path of an import. `None` if there is none.
fn first_name(path: &str) -> Option<&str> {
    words(path.trim_start_matches("::")).next()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// Words that mean something of std wherever they stand, as far as notebooks use it.
static STD_WORDS: LazyLock<BTreeSet<&str>> = LazyLock::new(|| {
    let lines = include_str!("crate_use/std_words.txt").lines().filter(|line| !line.starts_with('#'));
    lines.flat_map(str::split_whitespace).collect()
});

/// The names that code calls or that only an item or an import can explain.
#[derive(Default)]
struct Called {
    /// Methods, macros, functions, the beginnings of paths, and what has the form of a type's name.
    names: BTreeSet<String>,
    /// Names that the code itself binds.
    bound: BTreeSet<String>,
}

/// What stood before a token.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Before {
    Other,
    /// A dot, so that a name is a field or a method.
    Dot,
    /// Two colons, so that a name belongs to the path before it.
    Path,
    /// A keyword that binds the next name.
    Binder,
}

impl Called {
    fn walk(&mut self, code: TokenStream) {
        const BINDERS: [&str; 10] =
            ["let", "mut", "fn", "struct", "enum", "union", "type", "trait", "const", "static"];
        let mut tokens = code.into_iter().peekable();
        let mut before = Before::Other;
        while let Some(token) = tokens.next() {
            before = match token {
                TokenTree::Ident(ident) => {
                    let name = ident.to_string();
                    match before {
                        Before::Binder if !BINDERS.contains(&name.as_str()) => {
                            self.bound.insert(name.clone());
                        }
                        Before::Path => {}
                        Before::Dot if !is_called(&mut tokens) => {}
                        _ if is_called(&mut tokens) || name.starts_with(char::is_uppercase) => {
                            self.names.insert(name.clone());
                        }
                        _ => {}
                    }
                    if BINDERS.contains(&name.as_str()) { Before::Binder } else { Before::Other }
                }
                TokenTree::Punct(punct) => match (punct.as_char(), before) {
                    ('.', _) => Before::Dot,
                    (':', _) if is_punct(tokens.peek(), ':') => {
                        tokens.next();
                        Before::Path
                    }
                    // A lifetime's name.
                    ('\'', _) => Before::Path,
                    _ => Before::Other,
                },
                TokenTree::Group(group) => {
                    self.walk(group.stream());
                    Before::Other
                }
                TokenTree::Literal(_) => Before::Other,
            };
        }
    }
}

/// Whether the name before these tokens is called, as a function, a method or a macro, or begins a path.
fn is_called(tokens: &mut Peekable<impl Iterator<Item = TokenTree>>) -> bool {
    match tokens.peek() {
        Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Parenthesis,
        Some(TokenTree::Punct(punct)) => {
            let joint = punct.spacing() == proc_macro2::Spacing::Joint;
            (punct.as_char() == '!' && !joint) || (punct.as_char() == ':' && joint)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::text::cell::By;

    /// Whether `code` may need crates in a session with the crates `rayon`, `regex` and `polars` and these imports.
    fn needs(imports: &[&str], code: &str, types: &str) -> bool {
        let own = ["rayon", "regex", "polars"].map(|name| (name.to_string(), "lib.rlib".into()));
        let all = ["polars_core", "regex"].map(|name| (name.to_string(), BTreeSet::new()));
        let crates = Crates { externs: own.into(), prints: all.into(), ..Crates::default() };
        let imports: Vec<Import> = imports.iter().map(|path| import(path)).collect();
        let tokens: TokenStream = code.parse().expect("tokens");
        let mentions = words(code).map(str::to_string).collect();
        let names = CrateNames::new(&crates, &imports);
        names.may_be_needed(&tokens, &mentions, types, |name| name == "of_the_session")
    }

    fn import(path: &str) -> Import {
        let (from, bound) = path.split_once(" as ").unwrap_or((path, path.rsplit("::").next().expect("a name")));
        let name = (!["*", "_"].contains(&bound)).then(|| bound.to_string());
        assert!(!from.is_empty());
        Import { name, path: path.to_string(), by: By::Use }
    }

    #[test]
    fn names_of_crates_and_imports_from_them_need_crates() {
        assert!(!needs(&[], "let x = unknown(1).anything(); other!(x)", "Vec<i32>"), "no import can explain these");
        assert!(needs(&[], "regex::Regex::new(\"a\")", ""));
        assert!(needs(&["regex::Regex"], "let r: Option<Regex> = None;", ""));
        assert!(
            needs(&["polars::prelude as pl", "pl::col as column"], "column(\"a\")", ""),
            "by way of another import"
        );
        assert!(needs(&["::regex::escape"], "escape(\"a\")", ""));
        assert!(
            needs(&[], "x.len()", "std::vec::Vec<polars_core::Series>"),
            "a type of a crate that no cell names"
        );
        assert!(!needs(&["std::fmt::Write", "regex::escape"], "write!(s, \"{}\", x.anything())", ""));
    }

    #[test]
    fn methods_and_names_that_std_does_not_have_may_come_from_a_prelude() {
        let prelude = ["rayon::prelude::*"];
        for (code, may) in [
            (
                "let n: Vec<u64> = (0..9).map(|i| i * 2).filter(|i| i % 3 == 0).collect(); println!(\"{n:?}\");",
                false,
            ),
            ("let total = n.par_iter().sum::<u64>();", true),
            ("n.iter().par_bridge::<u8>();", true),
            ("for i in 0..n { total += i; } total", false),
            ("struct Point { x: f64 } let p = Point { x: 1.0 }; p.x.sqrt()", false),
            ("let twice = |n| n * 2; twice(4)", false),
            ("of_the_session(4)", false),
            ("col(4)", true),
            ("df![1]", true),
            ("let d: DataFrame = todo!();", true),
            ("x != y && !(a || b)", false),
            ("std::mem::swap(&mut a, &mut b)", false),
            ("fn longest<'a>(a: &'a str) -> &'a str { a }", false),
        ] {
            assert_eq!(needs(&prelude, code, ""), may, "{code}");
        }
        // A named import may be a trait, and so may one without a name.
        assert!(needs(&["rayon::ParallelIterator"], "n.par_iter()", ""));
        assert!(needs(&["rayon::ParallelIterator as _"], "n.par_iter()", ""));
        assert!(!needs(&["rayon::ParallelIterator"], "n.iter().count()", ""));
    }

    #[test]
    fn a_module_that_is_no_prelude_may_give_any_name_another_meaning() {
        assert!(needs(&["regex::*"], "println!(\"{}\", 1)", ""));
        assert!(!needs(&["std::fmt::*"], "println!(\"{}\", 1)", ""));
    }
}
