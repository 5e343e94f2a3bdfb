//! Which file of a crate names which other one, read from the code as the compiler sees it: module trees are followed
//! from the crate's root, and imports and paths are parsed by syn, those inside macros' tokens included.
//!
//! What is for tests only (`#[cfg(test)]`) does not count. A `pub use` hands a name on and is no dependence of the file
//! that it stands in; whoever imports such a name depends on the file where it leads.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};
use syn::visit::Visit;
use syn::{Attribute, Item, Meta, UseTree, Visibility};

/// How many `pub use` a name may be handed on by, one after the other.
const HOPS: usize = 8;

/// A module's path from the crate's root: `["engine", "session"]`. The root is empty.
pub(crate) type ModulePath = Vec<String>;

/// One crate: its modules that are files of their own, and who names whom.
pub(crate) struct Modules {
    pub(crate) files: BTreeMap<ModulePath, PathBuf>,
    /// Whom a file depends on: where the names that it mentions are defined. Never itself.
    pub(crate) uses: BTreeMap<ModulePath, BTreeSet<ModulePath>>,
    /// Whom a file names: as `uses`, but a name that a wing's face hands on counts as the face's.
    pub(crate) names: BTreeMap<ModulePath, BTreeSet<ModulePath>>,
}

/// A path as it is written, and the module that it is written in.
struct Mention {
    file: ModulePath,
    module: ModulePath,
    segments: Vec<String>,
}

#[derive(Default)]
struct Reader {
    files: BTreeMap<ModulePath, PathBuf>,
    /// All modules, inline ones included, with the file's module that each lies in.
    modules: BTreeMap<ModulePath, ModulePath>,
    /// What `use` makes of a name in a module. Only those that others may follow: `pub use`.
    handed_on: BTreeMap<(ModulePath, String), Vec<String>>,
    mentions: Vec<Mention>,
}

impl Modules {
    /// Reads a crate from its root file, `src/lib.rs` for example.
    ///
    /// # Panics
    /// If a file is missing or is not Rust.
    pub(crate) fn read(root: &Path) -> Modules {
        let mut reader = Reader::default();
        let directory = root.parent().expect("a root has a directory");
        reader.file(root, directory, Vec::new());
        reader.finish()
    }

    /// Every circle: a set of files each of which reaches each other one.
    pub(crate) fn circles(&self) -> Vec<Vec<ModulePath>> {
        let reach: BTreeMap<_, _> = self.files.keys().map(|from| (from.clone(), self.reached(from))).collect();
        let mut circles = BTreeSet::new();
        for (from, reached) in &reach {
            let circle: Vec<_> = reached.iter().filter(|to| reach[*to].contains(from)).cloned().collect();
            if !circle.is_empty() {
                circles.insert(circle);
            }
        }
        circles.into_iter().collect()
    }

    fn reached(&self, from: &ModulePath) -> BTreeSet<ModulePath> {
        let mut reached = BTreeSet::new();
        let mut open = vec![from.clone()];
        while let Some(module) = open.pop() {
            for next in self.uses.get(&module).into_iter().flatten() {
                if reached.insert(next.clone()) {
                    open.push(next.clone());
                }
            }
        }
        reached
    }
}

impl Reader {
    /// `children` is the directory in which the files of this module's own modules lie.
    fn file(&mut self, path: &Path, children: &Path, module: ModulePath) {
        let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let parsed = syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        self.files.insert(module.clone(), path.to_owned());
        self.items(&parsed.items, path, children, &module, &module);
    }

    fn items(&mut self, items: &[Item], path: &Path, children: &Path, file: &ModulePath, module: &ModulePath) {
        self.modules.insert(module.clone(), file.clone());
        for item in items.iter().filter(|item| !is_for_tests(attributes(item))) {
            match item {
                Item::Mod(inner) => {
                    let name = inner.ident.to_string();
                    let path_of_inner: ModulePath = module.iter().cloned().chain([name.clone()]).collect();
                    let own = children.join(&name);
                    match &inner.content {
                        Some((_, items)) => self.items(items, path, &own, file, &path_of_inner),
                        None => {
                            let (found, below) = file_of(&inner.attrs, path, children, &name);
                            self.file(&found, &below, path_of_inner);
                        }
                    }
                }
                Item::Use(import) => {
                    let is_handed_on = !matches!(import.vis, Visibility::Inherited);
                    self.import(&import.tree, Vec::new(), is_handed_on, file, module);
                }
                other => {
                    let mut paths = Paths::default();
                    paths.visit_item(other);
                    let mention = |segments| Mention { file: file.clone(), module: module.clone(), segments };
                    self.mentions.extend(paths.0.into_iter().map(mention));
                }
            }
        }
    }

    fn import(
        &mut self,
        tree: &UseTree,
        before: Vec<String>,
        is_handed_on: bool,
        file: &ModulePath,
        module: &ModulePath,
    ) {
        let (segments, name) = match tree {
            UseTree::Path(path) => {
                let before = before.into_iter().chain([path.ident.to_string()]).collect();
                return self.import(&path.tree, before, is_handed_on, file, module);
            }
            UseTree::Group(group) => {
                for tree in &group.items {
                    self.import(tree, before.clone(), is_handed_on, file, module);
                }
                return;
            }
            UseTree::Glob(_) => (before, "*".to_owned()),
            UseTree::Name(name) if name.ident == "self" => {
                let last = before.last().cloned().unwrap_or_default();
                (before, last)
            }
            UseTree::Name(name) => (with(before, &name.ident), name.ident.to_string()),
            UseTree::Rename(rename) => (with(before, &rename.ident), rename.rename.to_string()),
        };
        if is_handed_on {
            self.handed_on.insert((module.clone(), name), segments);
        } else {
            self.mentions.push(Mention { file: file.clone(), module: module.clone(), segments });
        }
    }

    fn finish(self) -> Modules {
        let edges = |hops: usize| {
            let mut edges: BTreeMap<ModulePath, BTreeSet<ModulePath>> = BTreeMap::new();
            for Mention { file, module, segments } in &self.mentions {
                if let Some(target) = self.resolve(module, segments, hops)
                    && target != *file
                {
                    edges.entry(file.clone()).or_default().insert(target);
                }
            }
            edges
        };
        let (uses, names) = (edges(HOPS), edges(0));
        Modules { files: self.files, uses, names }
    }

    /// The file that a path leads to, through at most `hops` names that are handed on; `None` if it leaves the crate or
    /// names something local.
    fn resolve(&self, from: &ModulePath, segments: &[String], hops: usize) -> Option<ModulePath> {
        let mut at = from.clone();
        let mut rest = segments;
        match segments.first()?.as_str() {
            "crate" => {
                at.clear();
                rest = &rest[1..];
            }
            "self" => rest = &rest[1..],
            "super" => {
                while rest.first().is_some_and(|segment| segment == "super") {
                    at.pop()?;
                    rest = &rest[1..];
                }
            }
            child if self.modules.contains_key(&with(at.clone(), child)) => {}
            _ => return None,
        }
        while let Some(next) = rest.first() {
            let child = with(at.clone(), next);
            if self.modules.contains_key(&child) {
                at = child;
                rest = &rest[1..];
            } else if let Some(onward) = self.handed_on.get(&(at.clone(), next.clone()))
                && hops > 0
            {
                let onward: Vec<String> = onward.iter().chain(&rest[1..]).cloned().collect();
                return self.resolve(&at, &onward, hops - 1).or_else(|| self.modules.get(&at).cloned());
            } else {
                break;
            }
        }
        self.modules.get(&at).cloned()
    }
}

/// The paths of an item that begin with a keyword or may begin with a module's name.
#[derive(Default)]
struct Paths(Vec<Vec<String>>);

impl Paths {
    fn tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) if colons == 2 || path.is_empty() => {
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Ident(ident) => {
                    self.end(&mut path);
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' && !path.is_empty() => colons += 1,
                other => {
                    self.end(&mut path);
                    colons = 0;
                    if let TokenTree::Group(group) = other {
                        self.tokens(group.stream());
                    }
                }
            }
        }
        self.end(&mut path);
    }

    fn end(&mut self, path: &mut Vec<String>) {
        let path = std::mem::take(path);
        if path.len() > 1 {
            self.0.push(path);
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if segments.len() > 1 && path.leading_colon.is_none() {
            self.0.push(segments);
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        self.tokens(call.tokens.clone());
    }

    fn visit_item_use(&mut self, import: &'ast syn::ItemUse) {
        // One inside a function: its paths are this file's like any other.
        fn collect(tree: &UseTree, before: Vec<String>, paths: &mut Vec<Vec<String>>) {
            match tree {
                UseTree::Path(path) => collect(&path.tree, with(before, &path.ident), paths),
                UseTree::Group(group) => {
                    group.items.iter().for_each(|tree| collect(tree, before.clone(), paths));
                }
                UseTree::Name(name) => paths.push(with(before, &name.ident)),
                UseTree::Rename(rename) => paths.push(with(before, &rename.ident)),
                UseTree::Glob(_) => paths.push(before),
            }
        }
        collect(&import.tree, Vec::new(), &mut self.0);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        if !is_for_tests(&item.attrs) {
            syn::visit::visit_impl_item_fn(self, item);
        }
    }
}

fn with(mut path: Vec<String>, segment: impl ToString) -> Vec<String> {
    path.push(segment.to_string());
    path
}

/// The file of a module without a body, and the directory of its own modules.
fn file_of(attributes: &[Attribute], declared_in: &Path, children: &Path, name: &str) -> (PathBuf, PathBuf) {
    let own = children.join(name);
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("path")) {
        if let Meta::NameValue(pair) = &attribute.meta
            && let syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(path), .. }) = &pair.value
        {
            let directory = declared_in.parent().expect("a file has a directory");
            return (directory.join(path.value()), own);
        }
    }
    let beside = children.join(format!("{name}.rs"));
    match beside.exists() {
        true => (beside, own),
        false => (own.join("mod.rs"), own),
    }
}

/// Whether an item is compiled for tests, models or fuzzing only.
fn is_for_tests(attributes: &[Attribute]) -> bool {
    let conditions = attributes.iter().filter(|attribute| attribute.path().is_ident("cfg"));
    conditions.filter_map(|attribute| attribute.meta.require_list().ok()).any(|list| {
        let condition = list.tokens.to_string();
        ["test", "fuzzing", "doctest"].contains(&condition.as_str()) || condition.starts_with("all (test")
    })
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
