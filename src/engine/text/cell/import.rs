//! Imports: the names that a `use` or an `extern crate` brings into scope, and how a later crate of the session declares
//! them again.

/// One name that a `use` brings into scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Import {
    /// The name that is bound. `None` for `*` and for `as _`.
    pub name: Option<String>,
    /// The text after `use`: `std::collections::HashMap as Map`.
    pub path: String,
    pub by: By,
}

/// What an import is declared by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Use,
    /// `macros`: whether it brings in the crate's macros too (`#[macro_use]`).
    ExternCrate {
        macros: bool,
    },
}

impl Import {
    /// The first name of the path. `None` if it certainly names a crate.
    pub(crate) fn root(&self) -> Option<&str> {
        let root = self.path.split("::").next().filter(|root| !root.is_empty())?;
        Some(root.split(' ').next().unwrap_or(root))
    }

    /// The crate that an `extern crate` brings in. `None` if it is a `use`.
    pub(crate) fn extern_crate(&self) -> Option<&str> {
        let path = self.path.trim_start_matches("::").split(' ').next();
        path.filter(|_| self.by != By::Use)
    }

    /// The import as a later crate declares it. An `extern crate` has to stand at the root of the crate.
    pub(crate) fn declaration(&self) -> String {
        match self.by {
            By::Use => format!("use {};", self.path),
            By::ExternCrate { macros } => {
                let attribute = if macros { "#[macro_use] " } else { "" };
                format!("{attribute}extern crate {};", self.path.trim_start_matches("::"))
            }
        }
    }
}

/// The imports of a `use`, one for each name.
pub(super) fn of_use(item: &syn::ItemUse) -> Vec<Import> {
    fn walk(tree: &syn::UseTree, prefix: &str, imports: &mut Vec<Import>) {
        let mut push = |name: Option<String>, path: String| imports.push(Import { name, path, by: By::Use });
        match tree {
            syn::UseTree::Path(path) => walk(&path.tree, &format!("{prefix}{}::", path.ident), imports),
            syn::UseTree::Name(name) if name.ident == "self" => {
                let path = prefix.trim_end_matches("::");
                push(path.rsplit("::").next().map(str::to_string), path.to_string())
            }
            syn::UseTree::Name(name) => push(Some(name.ident.to_string()), format!("{prefix}{}", name.ident)),
            syn::UseTree::Rename(rename) => {
                let bound = rename.rename.to_string();
                let from = format!("{prefix}{}", rename.ident);
                let from = from.strip_suffix("::self").unwrap_or(&from);
                push((bound != "_").then(|| bound.clone()), format!("{from} as {bound}"))
            }
            syn::UseTree::Glob(_) => push(None, format!("{prefix}*")),
            syn::UseTree::Group(group) => group.items.iter().for_each(|tree| walk(tree, prefix, imports)),
        }
    }
    let mut found = Vec::new();
    walk(&item.tree, if item.leading_colon.is_some() { "::" } else { "" }, &mut found);
    found
}

/// `extern crate a as b` as the import that it is. `self` names no crate.
pub(super) fn of_extern_crate(item: &syn::ItemExternCrate) -> Vec<Import> {
    if item.ident == "self" {
        return Vec::new();
    }
    let bound = item.rename.as_ref().map_or(&item.ident, |(_, rename)| rename).to_string();
    let path = match &item.rename {
        Some(_) => format!("::{} as {bound}", item.ident),
        None => format!("::{}", item.ident),
    };
    let macros = item.attrs.iter().any(|attribute| attribute.path().is_ident("macro_use"));
    vec![Import { name: (bound != "_").then_some(bound), path, by: By::ExternCrate { macros } }]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_use_is_taken_apart() {
        let item = syn::parse_str("use std::{fmt::{self, Debug as D}, io::*, mem::swap as _};").expect("a use");
        let imports = of_use(&item);
        let imports: Vec<_> = imports.into_iter().map(|i| (i.name, i.path)).collect();
        let name = |n: &str| Some(n.to_string());
        assert_eq!(
            imports,
            [
                (name("fmt"), "std::fmt".to_string()),
                (name("D"), "std::fmt::Debug as D".to_string()),
                (None, "std::io::*".to_string()),
                (None, "std::mem::swap as _".to_string()),
            ]
        );
    }

    #[test]
    fn an_extern_crate_is_an_import() {
        for (source, path, declaration) in [
            ("extern crate a;", "::a", "extern crate a;"),
            ("extern crate a as b;", "::a as b", "extern crate a as b;"),
            ("#[macro_use] extern crate a;", "::a", "#[macro_use] extern crate a;"),
        ] {
            let imports = of_extern_crate(&syn::parse_str(source).expect("an item"));
            assert_eq!((imports[0].path.as_str(), imports[0].extern_crate()), (path, Some("a")));
            assert_eq!(imports[0].declaration(), declaration);
        }
    }
}
