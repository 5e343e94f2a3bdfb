//! The scope: what later cells can use after a number of cells, namely items, imports, variables and crates. Each step
//! returns a new scope and leaves the old one as it was, so that a cell that fails leaves the scope that it started
//! from. Knows names and types only: never holds a variable's value, and never compiles or runs anything.

pub(super) mod dependency;
pub(super) mod lost_names;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use crate::events::CellId;
use crate::worker::TimeFormat;

use crate::engine::scope::dependency::{Crates, Wanted};
use crate::engine::text::cell::{Import, Item, Kind, Name, Space};

/// A compiled library, and the key that names its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Library {
    pub key: String,
    pub path: PathBuf,
}

/// How cells are optimised (`:opt`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Optimization {
    /// Level 2 for code that may loop for long, level 0 for other code.
    #[default]
    Auto,
    /// This [level](https://doc.rust-lang.org/rustc/codegen-options/index.html#opt-level) for all code.
    Level(u8),
}

#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    pub modules: Vec<Module>,
    pub variables: BTreeMap<String, Variable>,
    /// Variables that are gone, and why. A later cell that uses one is told.
    pub lost: BTreeMap<String, Lost>,
    pub imports: Vec<Import>,
    /// For each name, the cell whose item it means now.
    names: BTreeMap<Name, CellId>,
    /// The session crate, built from `modules`. `None` if it has to be built before items can be used.
    pub library: Option<Library>,
    /// The crates that `:dep` has asked for.
    pub wanted: Wanted,
    /// The set of crates that was built last for `wanted`. `None` if none was built.
    pub crates: Option<Arc<Crates>>,
    pub optimization: Optimization,
    /// Whether all items are optimised, because a cell has measured code that may call them.
    pub optimized_items: bool,
    /// The form in which times of cells and statements are printed (`%config time=`).
    pub time_format: TimeFormat,
    /// Whether every cell is timed (`:timing`).
    pub timing: bool,
    /// The cells so far, in the order in which they ran (`%history`).
    pub history: Vec<(CellId, Arc<str>)>,
}

/// The items of one cell, in a module of the session crate named after it.
#[derive(Clone, Debug)]
pub(super) struct Module {
    pub cell: CellId,
    pub source: Arc<str>,
    pub items: Arc<[Item]>,
    /// The indices of items that are left out: a later cell has replaced them, or an earlier one has the very same.
    pub hidden: BTreeSet<usize>,
    /// Methods of inherent impls that a later cell has replaced, as indices of the item and of the method in it.
    pub hidden_methods: BTreeSet<(usize, usize)>,
    /// For each name of other cells, the cell whose item it means in this module.
    pub names: BTreeMap<Name, CellId>,
    pub imports: Vec<Import>,
    /// The library in which this module's statics live. `None` if the next build has to define them.
    pub statics_home: Option<Library>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variable {
    /// The full path of its type, as rustc spells it.
    pub ty: String,
    pub mutable: bool,
    /// The cell that declared it.
    pub cell: CellId,
}

#[derive(Clone, Debug, PartialEq, Eq)]
/// A variable that was there once: the cell in which it was lost, and the reason.
pub(super) struct Lost {
    pub cell: CellId,
    pub why: Why,
}

/// The reason why a variable is not kept.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) enum Why {
    Moved,
    /// It borrows from a value that ends with its cell or may change later.
    Borrows,
    /// It has this type, which a later cell could not write.
    Unnameable(String),
    /// The worker that held its value ended.
    WorkerLost,
    /// The session went back to an earlier state.
    RolledBack,
    /// `:dep` changed this crate, which its type comes from or may contain.
    CrateChanged(String),
    /// `%reset`
    Reset,
}

impl Module {
    pub(super) fn name(&self) -> String {
        module_name(self.cell)
    }

    /// The items that are still in force, each with its index.
    pub(super) fn live(&self) -> impl Iterator<Item = (usize, &Item)> {
        self.items.iter().enumerate().filter(|(index, _)| !self.hidden.contains(index))
    }

    fn defines(&self, name: &Name) -> Option<usize> {
        self.live().find(|(_, item)| item.names.contains(name)).map(|(index, _)| index)
    }

    /// Makes these names mean the items of `cell`. Macros stay as they are: textual order decides what they mean.
    fn see_anew<'a>(&mut self, cell: CellId, names: impl Iterator<Item = &'a Name>) {
        for name in names.filter(|name| name.space != Space::Macro) {
            if let Some(index) = self.defines(name) {
                self.hidden.insert(index);
            }
            self.names.insert(name.clone(), cell);
        }
    }

    /// Hides what the new impl replaces: an impl of the same trait and type, or inherent methods of the same name.
    fn hide_impl(&mut self, new: &Item) {
        let Kind::Impl { key, inherent, methods } = &new.kind else { return };
        let replaced = |name: &str| methods.iter().any(|method| method.name == name);
        for (index, old) in self.items.iter().enumerate() {
            let Kind::Impl { key: old_key, methods: old_methods, .. } = &old.kind else { continue };
            if old_key != key || self.hidden.contains(&index) {
                continue;
            }
            let over: Vec<usize> = (0..old_methods.len()).filter(|i| replaced(&old_methods[*i].name)).collect();
            if !inherent || (!over.is_empty() && over.len() == old_methods.len()) {
                self.hidden.insert(index);
            } else {
                self.hidden_methods.extend(over.into_iter().map(|method| (index, method)));
            }
        }
    }

    fn bound_by_own_use(&self, ident: &str) -> bool {
        let binds = |item: &Item| match &item.kind {
            Kind::Use(imports) => imports.iter().any(|import| import.name.as_deref() == Some(ident)),
            _ => false,
        };
        self.items.iter().any(binds)
    }

    /// The names of other cells that this module imports, without those that it defines or imports itself.
    pub(super) fn foreign_names(&self) -> BTreeSet<(String, CellId)> {
        let foreign = |(name, cell): (&Name, &CellId)| {
            let own = self.defines(name).is_some() || self.bound_by_own_use(&name.ident);
            (*cell != self.cell && !own && name.space != Space::Macro).then(|| (name.ident.clone(), *cell))
        };
        self.names.iter().filter_map(foreign).collect()
    }

    /// The imports of earlier cells, without those whose name this module defines or imports itself.
    pub(super) fn foreign_imports(&self) -> impl Iterator<Item = &Import> {
        let own = |ident: &str| {
            self.bound_by_own_use(ident) || self.live().any(|(_, i)| i.names.iter().any(|n| n.ident == ident))
        };
        self.imports.iter().filter(move |import| !import.name.as_deref().is_some_and(own))
    }
}

pub(super) fn module_name(cell: CellId) -> String {
    format!("cell_{}", cell.0)
}

/// What a name that is defined again means for the items of earlier cells that use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binding {
    /// The new definition, as in Python.
    Late,
    /// The definition that they were compiled with.
    Early,
}

impl Scope {
    /// The scope with the imports of a cell. Names of an item that the cell repeats mean the existing item again.
    pub(super) fn with_imports(&self, items: &[Item]) -> Scope {
        let mut scope = self.clone();
        for item in items {
            if let Some(home) = self.home_of(item) {
                scope.names.extend(item.names.iter().map(|name| (name.clone(), home)));
            }
            let Kind::Use(imports) = &item.kind else { continue };
            for import in imports {
                if let Some(bound) = &import.name {
                    scope.names.retain(|name, _| &name.ident != bound);
                    scope.imports.retain(|other| other.name.as_ref() != Some(bound));
                } else {
                    scope.imports.retain(|other| other != import);
                }
                scope.imports.push(import.clone());
            }
        }
        scope
    }

    /// Whether a cell with these items needs a module, because not all of them are in the scope already.
    pub(super) fn needs_module(&self, items: &[Item]) -> bool {
        items.iter().any(|item| self.is_new(item))
    }

    fn is_new(&self, item: &Item) -> bool {
        !matches!(item.kind, Kind::Use(_)) && self.home_of(item).is_none()
    }

    /// The newest cell with the very same item, in which every name means what it means now. `None` if it is new.
    fn home_of(&self, item: &Item) -> Option<CellId> {
        let same_meaning = |module: &Module| {
            let meant = |(name, cell): (&Name, &CellId)| {
                let own = module.defines(name).is_some();
                own || !item.mentions.contains(&name.ident) || self.names.get(name) == Some(cell)
            };
            module.names.iter().all(meant)
        };
        let same = |module: &&Module| module.live().any(|(_, other)| other.tokens == item.tokens);
        self.modules.iter().rev().filter(same).find(|module| same_meaning(module)).map(|module| module.cell)
    }

    /// The scope with a module for the new items of a cell. Its library is still the one without them.
    pub(super) fn with_module(&self, cell: CellId, source: &Arc<str>, items: &[Item], binding: Binding) -> Scope {
        let mut scope = self.with_imports(items);
        let hidden: BTreeSet<usize> = items
            .iter()
            .enumerate()
            .filter(|(_, item)| !matches!(item.kind, Kind::Use(_)) && !self.is_new(item))
            .map(|(index, _)| index)
            .collect();
        let module = Module {
            cell,
            source: source.clone(),
            items: items.into(),
            hidden,
            hidden_methods: BTreeSet::new(),
            names: scope.names.clone(),
            imports: self.imports.clone(),
            statics_home: None,
        };
        scope.replace_by(&module, binding);
        for (_, item) in module.live() {
            for name in &item.names {
                scope.names.insert(name.clone(), cell);
                scope.imports.retain(|import| import.name.as_ref() != Some(&name.ident));
            }
        }
        scope.modules.push(module);
        scope
    }

    /// Whether a new one of these items has a name that is defined already, so that `Binding` makes a difference.
    pub(super) fn redefines(&self, items: &[Item]) -> bool {
        let names = |item: &Item| item.names.iter().any(|name| self.names.contains_key(name));
        items.iter().any(|item| self.is_new(item) && names(item))
    }

    /// Hides in earlier modules what the new module replaces, and makes them use the new items if the binding is late.
    /// A module keeps its old type if a variable has that type, since the value could not be of the new one.
    fn replace_by(&mut self, new: &Module, binding: Binding) {
        let defined: BTreeSet<Name> = new.live().flat_map(|(_, item)| item.names.clone()).collect();
        let held: Vec<BTreeSet<Name>> = self
            .modules
            .iter()
            .map(|module| defined.iter().filter(|name| self.holds(module.cell, &name.ident)).cloned().collect())
            .collect();
        for (module, held) in self.modules.iter_mut().zip(held) {
            if binding == Binding::Late {
                module.see_anew(new.cell, defined.difference(&held));
            }
            // If the old type stays in this module beside the new type of its name, its impls stay as well.
            let stays = if binding == Binding::Late { &held } else { &defined };
            for (_, item) in new.live() {
                if let Kind::Impl { key, .. } = &item.kind
                    && !stays.iter().any(|name| has_word(key, &name.ident))
                {
                    module.hide_impl(item);
                }
            }
        }
    }

    /// Whether a variable has the type `ident` that this cell defined, or a type that contains it.
    fn holds(&self, cell: CellId, ident: &str) -> bool {
        let path = format!("session::{}::{ident}", module_name(cell));
        let follows = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        self.variables.values().any(|variable| variable.ty.split(&path).skip(1).any(follows))
    }

    /// The names among `mentions` that mean an item other than a macro, and all traits, whose methods need no mention.
    pub(super) fn visible(&self, mentions: &BTreeSet<String>) -> BTreeSet<(String, CellId)> {
        let is_trait = |name: &Name, cell: &CellId| {
            name.space == Space::Type
                && self.modules.iter().any(|m| {
                    m.cell == *cell && m.defines(name).is_some_and(|index| m.items[index].kind == Kind::Trait)
                })
        };
        self.names
            .iter()
            .filter(|(name, cell)| {
                name.space != Space::Macro && (mentions.contains(&name.ident) || is_trait(name, cell))
            })
            .map(|(name, cell)| (name.ident.clone(), *cell))
            .collect()
    }

    /// The macros among `mentions` or mentioned by such a macro, oldest first; and all names that any of these mention.
    pub(super) fn macros(&self, mentions: &BTreeSet<String>) -> (Vec<(&Module, &Item)>, BTreeSet<String>) {
        let mut all = mentions.clone();
        let mut found: BTreeSet<(usize, usize)> = BTreeSet::new();
        loop {
            let before = found.len();
            for (m, module) in self.modules.iter().enumerate() {
                for (i, item) in module.live().filter(|(_, item)| item.kind == Kind::Macro) {
                    if item.names.iter().any(|name| all.contains(&name.ident)) {
                        found.insert((m, i));
                        all.extend(item.mentions.iter().cloned());
                    }
                }
            }
            if found.len() == before {
                break;
            }
        }
        (found.into_iter().map(|(m, i)| (&self.modules[m], &self.modules[m].items[i])).collect(), all)
    }

    /// Every name that means an item now, with the cell of the item.
    pub(super) fn item_names(&self) -> impl Iterator<Item = (&Name, CellId)> {
        self.names.iter().map(|(name, cell)| (name, *cell))
    }

    /// The scope without these variables, which `cell` lost for the reason `why`.
    pub(super) fn without(&self, names: impl IntoIterator<Item = String>, cell: CellId, why: Why) -> Scope {
        let mut scope = self.clone();
        for name in names {
            if scope.variables.remove(&name).is_some() {
                scope.lost.insert(name, Lost { cell, why: why.clone() });
            }
        }
        scope
    }

    /// The scope with another set of crates; its session crate has yet to be built for them. Variables and statics are
    /// lost if their layout may depend on a crate that has changed. Any type that a cell defined counts as such, since
    /// it may contain a type of the crate.
    pub(super) fn with_crates(&self, crates: Arc<Crates>, cell: CellId) -> Scope {
        let changed = self.crates.as_ref().map(|before| before.changed_in(&crates)).unwrap_or_default();
        let rests_on =
            |ty: &str| changed.iter().find(|name| has_word(ty, name) || has_word(ty, "session")).cloned();
        let lost = self.variables.iter().filter_map(|(name, v)| Some((name.clone(), rests_on(&v.ty)?)));
        let mut scope = self.clone();
        for (name, crate_name) in lost {
            scope = scope.without([name], cell, Why::CrateChanged(crate_name));
        }
        for module in scope.modules.iter_mut().filter(|_| !changed.is_empty()) {
            module.statics_home = None;
        }
        scope.library = None;
        scope.crates = Some(crates);
        scope
    }

    /// Adds a cell to the history (`%history`).
    pub(super) fn remember(&mut self, cell: CellId, source: &str) {
        self.history.push((cell, source.into()));
    }

    /// The scope after a reset: only settings and the history are left.
    pub(super) fn cleared(&self) -> Scope {
        let Scope { optimization, time_format, timing, history, .. } = self.clone();
        Scope { optimization, time_format, timing, history, ..Scope::default() }
    }

    /// The scope with the variables of an earlier state. Variables that are not among them are lost.
    pub(super) fn with_variables(&self, variables: BTreeMap<String, Variable>, cell: CellId) -> Scope {
        let gone: Vec<String> =
            self.variables.keys().filter(|name| !variables.contains_key(*name)).cloned().collect();
        let mut scope = self.without(gone, cell, Why::RolledBack);
        variables.keys().for_each(|name| drop(scope.lost.remove(name)));
        Scope { variables, ..scope }
    }

    /// The scope for a new worker: it has the items but none of the variables, and its statics start anew.
    pub(super) fn items_only(&self, cell: CellId) -> Scope {
        let all: Vec<String> = self.variables.keys().cloned().collect();
        let mut scope = self.without(all, cell, Why::WorkerLost);
        for module in &mut scope.modules {
            module.statics_home = None;
        }
        scope
    }
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|other| other == word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::text::cell::Cell;

    /// The scope after cells with these items, with every redefinition bound late.
    fn after(cells: &[&str]) -> Scope {
        let add = |scope: Scope, (index, source): (usize, &&str)| {
            let cell = Cell::parse(source);
            let items = cell.parts.expect("Rust").items;
            if scope.needs_module(&items) {
                scope.with_module(CellId(index as u32 + 1), &cell.source, &items, Binding::Late)
            } else {
                scope.with_imports(&items)
            }
        };
        cells.iter().enumerate().fold(Scope::default(), add)
    }

    fn mentioned(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| name.to_string()).collect()
    }

    #[test]
    fn a_name_means_its_latest_item() {
        let scope = after(&["fn f() {}", "fn f() { g() }\nfn g() {}"]);
        assert_eq!(scope.visible(&mentioned(&["f"])), [("f".to_string(), CellId(2))].into());
        assert!(scope.modules[0].hidden.contains(&0));
    }

    #[test]
    fn earlier_callers_see_the_new_function() {
        let scope = after(&["fn f() {}\nfn g() { f() }", "fn f() {}\nfn other() {}", "fn f() { 1; }"]);
        assert_eq!(scope.modules.len(), 3, "an item that is the same is not new, but `other` is");
        assert!(scope.modules[0].foreign_names().contains(&("f".to_string(), CellId(3))));
    }

    #[test]
    fn the_same_items_again_change_nothing() {
        assert_eq!(after(&["struct A;", "struct A;"]).modules.len(), 1);
    }

    #[test]
    fn a_type_that_a_variable_has_stays() {
        let mut scope = after(&["struct A { x: i32 }\nimpl A { fn f(&self) {} }"]);
        let variable = Variable { ty: "std::vec::Vec<session::cell_1::A>".into(), mutable: false, cell: CellId(2) };
        scope.variables.insert("v".into(), variable);
        let cell = Cell::parse("struct A { y: i32 }\nimpl A { fn f(&self) {} }");
        let items = cell.parts.expect("Rust").items;
        let scope = scope.with_module(CellId(3), &cell.source, &items, Binding::Late);
        assert!(scope.modules[0].hidden.is_empty());
        assert_eq!(scope.visible(&mentioned(&["A"])), [("A".to_string(), CellId(3))].into());
    }

    #[test]
    fn an_impl_again_replaces_the_methods_it_has() {
        let scope = after(&["struct A;", "impl A { fn f() {} fn g() {} }", "impl A { fn g() { 1; } }"]);
        assert!(scope.modules[1].hidden.is_empty());
        assert_eq!(scope.modules[1].hidden_methods, [(0, 1)].into());
        let scope = after(&["struct A;", "impl Clone for A { }", "impl Clone for A { fn clone() {} }"]);
        assert!(scope.modules[1].hidden.contains(&0));
    }

    #[test]
    fn the_last_of_an_import_and_an_item_of_one_name_counts() {
        let scope = after(&["struct Map;", "use std::collections::HashMap as Map;"]);
        assert!(scope.visible(&mentioned(&["Map"])).is_empty());
        let scope = after(&["use std::collections::HashMap as Map;", "struct Map;"]);
        assert!(scope.imports.is_empty());
        assert_eq!(scope.visible(&mentioned(&["Map"])).len(), 1);
    }

    #[test]
    fn traits_are_visible_without_a_mention() {
        assert_eq!(after(&["trait T { fn t(&self); }"]).visible(&BTreeSet::new()).len(), 1);
    }

    #[test]
    fn macros_bring_the_macros_that_they_use() {
        let scope = after(&["macro_rules! a { () => { b!() } }", "macro_rules! b { () => { helper() } }"]);
        let (macros, mentions) = scope.macros(&mentioned(&["a"]));
        assert_eq!(macros.len(), 2);
        assert!(mentions.contains("helper"));
    }
}
