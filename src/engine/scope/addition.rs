//! The items that a cell adds to a scope: which of them are new, and the scopes to which they lead. Found once for a cell,
//! however often its crate is tried.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::events::CellId;

use crate::engine::scope::Scope;
use crate::engine::scope::growth::{Binding, Growth};
use crate::engine::scope::module::{Home, Live, Module, Uses};
use crate::engine::text::cell::{Item, Kind, Name, Space};

/// What a cell's items add to a scope.
pub(in crate::engine) struct Addition {
    /// The scope before, with the cell's imports, in which the names of the new items mean these already.
    scope: Scope,
    /// The new items, in the module of their crate.
    module: Module,
    /// What the names of the new items meant before.
    replaced: Uses,
    /// Whether a new item has a name that was defined already.
    redefines: bool,
    /// Whether items of earlier cells cannot be linked to any more.
    has_stale: bool,
}

impl Scope {
    /// What a cell with these items adds to the scope.
    pub(in crate::engine) fn addition(&self, cell: CellId, source: &Arc<str>, items: &[Item]) -> Addition {
        let home = Home { number: self.next_number(), cell };
        let mut scope = self.with_imports(items);
        let new = self.new_items(&scope, home, items);
        let is_defined = |index: &usize| items[*index].names.iter().any(|name| self.names.contains_key(name));
        let redefines = new.iter().any(is_defined);
        let replaced = scope.define(home, &new, items);
        let uses_of = |index: &usize| {
            let item = &items[*index];
            let uses =
                if item.kind == Kind::Macro { Uses::new() } else { scope.meaning(&item.reads, &item.mentions) };
            (*index, Live { uses, statics: None })
        };
        let module = Module {
            home,
            source: source.clone(),
            items: items.into(),
            live: new.iter().map(uses_of).collect(),
            hidden_methods: BTreeSet::new(),
            imports: self.imports.clone(),
        };
        let is_stale = |home: &Home| self.stale.builds.contains(&home.number);
        let has_stale = !self.stale.builds.is_empty() && self.modules.keys().any(is_stale);
        Addition { scope, module, replaced, redefines, has_stale }
    }

    /// The positions of the items that are not in the scope already, `use` items left out. An item is there already if
    /// its name means one with the very same text, in which every name means the same. `here` is the scope with the
    /// imports of the items.
    fn new_items(&self, here: &Scope, home: Home, items: &[Item]) -> BTreeSet<usize> {
        let is_use = |item: &Item| matches!(item.kind, Kind::Use(_));
        let all = || items.iter().enumerate().filter(|(_, item)| !is_use(item));
        let known: BTreeMap<usize, &Live> =
            all().filter_map(|(index, item)| Some((index, self.same_text(item)?))).collect();
        let mut new: BTreeSet<usize> =
            all().map(|(index, _)| index).filter(|index| !known.contains_key(index)).collect();
        loop {
            let mut now = here.clone();
            let names = new.iter().flat_map(|index| &items[*index].names);
            names.for_each(|name| now.names.insert_mut(name.clone(), home));
            let differs = |(index, live): (&usize, &&Live)| {
                let item = &items[*index];
                let differs = item.kind != Kind::Macro && now.meaning(&item.reads, &item.mentions) != live.uses;
                (differs && !new.contains(index)).then_some(*index)
            };
            let more: Vec<usize> = known.iter().filter_map(differs).collect();
            if more.is_empty() {
                return new;
            }
            new.extend(more);
        }
    }

    /// The item in force with the very same text. One with names counts only if all of them mean it now.
    fn same_text<'a>(&'a self, item: &Item) -> Option<&'a Live> {
        let in_module = |module: &'_ Arc<Module>| {
            let same = |(index, other): (usize, &Item)| (other.tokens == item.tokens).then_some(index);
            module.live().find_map(same)
        };
        let Some(first) = item.names.first() else {
            let found = |module: &'a Arc<Module>| Some(&module.live[&in_module(module)?]);
            // An impl of the same text has the same methods.
            return match item.functions.keys().next() {
                Some(method) => self.modules_with(method).find_map(found),
                None => self.modules.values().find_map(found),
            };
        };
        let home = self.names.get(first)?;
        let module = self.modules.get(home)?;
        let meant = item.names.iter().all(|name| self.names.get(name) == Some(home));
        meant.then(|| in_module(module)).flatten().map(|index| &module.live[&index])
    }

    /// Makes the names of the new items mean these. Returns what the names meant before.
    fn define(&mut self, home: Home, new: &BTreeSet<usize>, items: &[Item]) -> Uses {
        let mut replaced = Uses::new();
        for item in new.iter().map(|index| &items[*index]) {
            for name in &item.names {
                // A type may have had a constructor of its name, which goes with it.
                for space in [Space::Type, Space::Value].into_iter().filter(|_| name.space != Space::Macro) {
                    let other = Name { space, ident: name.ident.clone() };
                    let Some(old) = self.names.get(&other).copied().filter(|old| *old != home) else { continue };
                    let goes =
                        other == *name || self.item(name, old).is_some_and(|item| item.names.contains(&other));
                    if goes {
                        self.names.remove_mut(&other);
                        self.traits.remove_mut(&other);
                        replaced.insert((other, old));
                    }
                }
                self.names.insert_mut(name.clone(), home);
                if matches!(item.kind, Kind::Trait(_)) {
                    self.traits.insert_mut(name.clone(), home);
                }
                self.imports =
                    self.imports.iter().filter(|i| i.name.as_ref() != Some(&name.ident)).cloned().collect();
            }
        }
        replaced
    }
}

impl Addition {
    /// Whether the cell needs a crate: not all of its items are in the scope already, or some items of earlier cells have
    /// to be compiled again.
    pub(in crate::engine) fn needs_crate(&self) -> bool {
        self.has_stale || !self.module.live.is_empty()
    }

    /// Whether a new item has a name that is defined already, so that `Binding` makes a difference.
    pub(in crate::engine) fn redefines(&self) -> bool {
        self.redefines
    }

    /// The scope with the items, and the number of the crate that has yet to be compiled for them.
    pub(in crate::engine) fn grown(&self, binding: Binding) -> (Scope, u32) {
        let mut growth = Growth::new(&self.scope, self.module.clone(), self.replaced.clone(), binding);
        growth.gather();
        (growth.grow(), self.module.home.number)
    }

    /// As `grown`, with the long chain of small crates that the items would make longer compiled again in their crate.
    /// `None` if there is no such chain, or if a program could tell the difference.
    pub(in crate::engine) fn grown_over_chain(&self) -> Option<(Scope, u32)> {
        if self.has_stale || self.redefines {
            return None;
        }
        let mut growth = Growth::new(&self.scope, self.module.clone(), self.replaced.clone(), Binding::Late);
        growth.gather_chain().then(|| (growth.grow(), self.module.home.number))
    }
}
