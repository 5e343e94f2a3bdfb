//! Decides which earlier items are compiled again in the crate of a cell's new items, and what every name means from then
//! on. An item is compiled again if
//!
//! - it uses an item that the cell replaces (late binding, as in Python), or
//! - it uses an item that is compiled again, or
//! - it is a type or a trait that an impl of the new crate has to stand beside, by the
//!   [orphan rules](https://doc.rust-lang.org/reference/items/implementations.html#orphan-rules), or
//! - its crate cannot be linked to any more (`Stale`), or
//! - it belongs to a long chain of small crates (`chain`).
//!
//! Pure: never compiles anything, and never reads a file. Crates that are there stay as they are.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use crate::events::CellId;

use crate::engine::scope::Scope;
use crate::engine::scope::module::{Home, Live, Module, Place, Uses, is_word};
use crate::engine::text::cell::{Item, Kind, Name, Space};

mod chain;

/// What a name that is defined again means for the items of earlier cells that use it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::engine) enum Binding {
    /// The new definition, as in Python.
    Late,
    /// The definition that they were compiled with.
    Early,
}

/// A scope on the way to one with a further crate.
pub(super) struct Growth<'a> {
    /// The scope before, in which the names of the new items mean these already.
    scope: &'a Scope,
    /// The new items.
    module: Module,
    /// What the names of the new items meant before.
    replaced: Uses,
    binding: Binding,
    /// The items of earlier cells that are compiled again.
    moved: BTreeSet<Place>,
    /// The items that use a name of a module. Filled when it is first asked for.
    users: Option<BTreeMap<(&'a Name, Home), Vec<Place>>>,
}

impl<'a> Growth<'a> {
    pub(super) fn new(scope: &'a Scope, module: Module, replaced: Uses, binding: Binding) -> Growth<'a> {
        Growth { scope, module, replaced, binding, moved: BTreeSet::new(), users: None }
    }

    /// Finds the items of earlier cells that have to be compiled again.
    pub(super) fn gather(&mut self) {
        let stale = self.scope.stale.builds.iter();
        let mut found: Vec<Place> = stale.flat_map(|number| self.places(*number)).collect();
        if self.binding == Binding::Late {
            for (name, home) in self.replaced.clone() {
                found.extend(self.users_of(&name, home));
            }
        }
        loop {
            self.take_in(found);
            found = self.missing_anchors();
            if found.is_empty() {
                break;
            }
        }
    }

    /// Adds these items to those that are compiled again, with all that use them.
    fn take_in(&mut self, mut found: Vec<Place>) {
        while let Some(place) = found.pop() {
            let Some(item) = self.item(place) else { continue };
            if item.kind == Kind::Macro || self.is_replaced(place) || !self.moved.insert(place) {
                continue;
            }
            for name in &item.names {
                found.extend(self.users_of(name, place.home));
            }
        }
    }

    /// The items in force in this crate.
    fn places(&self, number: u32) -> Vec<Place> {
        let places = |module: &'_ Arc<Module>| {
            let home = module.home;
            module.live.keys().map(|index| Place { home, index: *index }).collect::<Vec<_>>()
        };
        self.scope.modules_of(number).flat_map(places).collect()
    }

    fn item(&self, place: Place) -> Option<&'a Item> {
        self.scope.modules.get(&place.home).map(|module| &module.items[place.index])
    }

    fn live(&self, place: Place) -> &'a Live {
        &self.scope.modules[&place.home].live[&place.index]
    }

    fn is_replaced(&self, place: Place) -> bool {
        let replaced = |name: &Name| self.replaced.contains(&(name.clone(), place.home));
        self.item(place).is_some_and(|item| item.names.iter().any(replaced))
    }

    fn users_of(&mut self, name: &Name, home: Home) -> Vec<Place> {
        let scope = self.scope;
        let users = self.users.get_or_insert_with(|| {
            let mut users: BTreeMap<(&Name, Home), Vec<Place>> = BTreeMap::new();
            for module in scope.modules.values() {
                for (index, live) in &module.live {
                    let place = Place { home: module.home, index: *index };
                    live.uses.iter().for_each(|(name, home)| users.entry((name, *home)).or_default().push(place));
                }
            }
            users
        });
        users.get(&(name, home)).cloned().unwrap_or_default()
    }

    /// The place of the item that a name means in a module. `None` if it is not in force there.
    fn place(&self, name: &Name, home: Home) -> Option<Place> {
        let index = self.scope.modules.get(&home)?.defines(name)?;
        Some(Place { home, index })
    }

    /// Whether the item that a name means is compiled in the new crate.
    fn is_here(&self, name: &Name, home: Home) -> bool {
        self.to_new(name, home).number == self.module.home.number
    }

    /// The module of the item that a name will mean, if it means one of `home` now.
    fn to_new(&self, name: &Name, home: Home) -> Home {
        if self.binding == Binding::Late && self.replaced.contains(&(name.clone(), home)) {
            return self.module.home;
        }
        match self.place(name, home) {
            Some(place) if self.moved.contains(&place) => self.moved_to(place),
            _ => home,
        }
    }

    fn moved_to(&self, place: Place) -> Home {
        Home { number: self.module.home.number, cell: place.home.cell }
    }

    /// For each impl of the new crate that has none of its anchors there, the first of them.
    fn missing_anchors(&self) -> Vec<Place> {
        let moved = self.moved.iter().filter_map(|place| Some((self.item(*place)?, self.live(*place))));
        let new = self.module.live.iter().map(|(index, live)| (&self.module.items[*index], live));
        moved.chain(new).filter_map(|(item, live)| self.missing_anchor(item, &live.uses)).collect()
    }

    fn missing_anchor(&self, item: &Item, uses: &Uses) -> Option<Place> {
        let types = || uses.iter().filter(|(name, _)| name.space == Space::Type);
        let place = |(name, home): &(Name, Home)| self.place(name, *home).filter(|_| !self.is_here(name, *home));
        match &item.kind {
            Kind::Impl { anchors, .. } => {
                let found =
                    || anchors.iter().flat_map(|anchor| types().filter(move |(name, _)| name.ident == *anchor));
                let is_grounded = found().any(|(name, home)| self.is_here(name, *home));
                (!is_grounded).then(|| found().find_map(place)).flatten()
            }
            // A macro that implements something, such as the runtime's `transfer!`. Which type it is for, only the
            // macro knows.
            Kind::Definition if item.names.is_empty() => types().find_map(place),
            _ => None,
        }
    }

    /// The scope with the new crate's modules.
    pub(super) fn grow(self) -> Scope {
        let changed = self.changed();
        let mut modules = self.moved_modules(&changed);
        self.hide_impls(&mut modules);
        let mut scope = self.scope.clone();
        scope.stale = Default::default();
        for place in &self.moved {
            let Some(old) = scope.modules.get(&place.home) else { continue };
            let mut old = Module::clone(old);
            old.live.remove(&place.index);
            scope.put_module(Arc::new(old));
            let Some(item) = self.item(*place) else { continue };
            let home = self.moved_to(*place);
            for name in &item.names {
                if scope.names.get(name) == Some(&place.home) {
                    scope.names.insert_mut(name.clone(), home);
                    if scope.traits.contains_key(name) {
                        scope.traits.insert_mut(name.clone(), home);
                    }
                }
                if !changed.contains(place) {
                    let path = |home: Home| format!("{}::{}", home.path(), name.ident);
                    scope.moves.insert_mut(path(place.home), path(home));
                }
            }
        }
        let module = self.new_module();
        for module in modules.into_values().chain([module]).filter(|module| !module.live.is_empty()) {
            scope.put_module(Arc::new(module));
        }
        if !self.moved.is_empty() || !self.replaced.is_empty() {
            scope.follow_moves();
            scope.drop_unused();
        }
        scope
    }

    /// The items whose meaning for the layout of types changes: a type in them is another one from now on.
    fn changed(&self) -> BTreeSet<Place> {
        let mut changed = BTreeSet::new();
        loop {
            let before = changed.len();
            let hit = |place: &&Place| self.is_changed(&self.live(**place).uses, &changed);
            let more: Vec<Place> = self.moved.iter().filter(hit).copied().collect();
            changed.extend(more);
            if changed.len() == before {
                return changed;
            }
        }
    }

    fn is_changed<'u>(&self, uses: impl IntoIterator<Item = &'u (Name, Home)>, changed: &BTreeSet<Place>) -> bool {
        uses.into_iter().any(|(name, home)| {
            let new = || self.module.defines(name).map(|index| &self.module.items[index]);
            if self.binding == Binding::Late && self.replaced.contains(&(name.clone(), *home)) {
                return new().is_none_or(|item| item.shapes_types);
            }
            let place = self.place(name, *home).filter(|place| changed.contains(place));
            place.and_then(|place| self.item(place)).is_some_and(|item| item.shapes_types)
        })
    }

    fn moved_modules(&self, changed: &BTreeSet<Place>) -> BTreeMap<CellId, Module> {
        let mut modules: BTreeMap<CellId, Module> = BTreeMap::new();
        for place in &self.moved {
            let old = &self.scope.modules[&place.home];
            let live = self.moved_live(*place, old, changed);
            let module = modules.entry(place.home.cell).or_insert_with(|| Module {
                home: self.moved_to(*place),
                live: BTreeMap::new(),
                hidden_methods: BTreeSet::new(),
                ..Module::clone(old)
            });
            module.live.insert(place.index, live);
            let of_item = old.hidden_methods.iter().filter(|(index, _)| *index == place.index);
            module.hidden_methods.extend(of_item);
        }
        modules
    }

    fn moved_live(&self, place: Place, old: &Module, changed: &BTreeSet<Place>) -> Live {
        let Live { uses, statics } = &old.live[&place.index];
        let item = &old.items[place.index];
        let is_changed = |ty: Range<usize>| {
            let ty = &old.text_of(item)[ty];
            let words: BTreeSet<&str> = ty.split(|c| !is_word(c)).collect();
            self.is_changed(uses.iter().filter(|(name, _)| words.contains(name.ident.as_str())), changed)
        };
        let of_statics = item.statics.iter().map(|of| of.keyword..of.value.start);
        let of_locals = item.locals.iter().flat_map(|locals| locals.keys.iter().map(|key| key.ty.clone()));
        let mut types = of_statics.chain(of_locals).peekable();
        let stay = types.peek().is_some() && !types.any(is_changed) && !self.scope.stale.statics;
        Live { uses: self.mapped(uses), statics: stay.then(|| statics.unwrap_or(place.home.number)) }
    }

    fn mapped(&self, uses: &Uses) -> Uses {
        uses.iter().map(|(name, home)| (name.clone(), self.to_new(name, *home))).collect()
    }

    fn new_module(&self) -> Module {
        let mut module = self.module.clone();
        module.live.values_mut().for_each(|live| live.uses = self.mapped(&live.uses));
        module
    }

    /// Leaves out what a new impl replaces: an impl of the same trait and type, or inherent methods of the same name.
    fn hide_impls(&self, modules: &mut BTreeMap<CellId, Module>) {
        let anchor = |item: &Item, uses: &Uses| match &item.kind {
            Kind::Impl { anchors, .. } => {
                let first = uses.iter().find(|(name, _)| anchors.first() == Some(&name.ident));
                first.map(|(name, home)| self.to_new(name, *home))
            }
            _ => None,
        };
        for (new_index, live) in &self.module.live {
            let new = &self.module.items[*new_index];
            let Kind::Impl { key, inherent, methods, .. } = &new.kind else { continue };
            let replaced = |name: &str| methods.iter().any(|method| method.name == name);
            for module in modules.values_mut() {
                let indices: Vec<usize> = module.live.keys().copied().collect();
                for index in indices {
                    let old = &module.items[index];
                    let Kind::Impl { key: old_key, methods: old_methods, .. } = &old.kind else { continue };
                    if old_key != key || anchor(old, &module.live[&index].uses) != anchor(new, &live.uses) {
                        continue;
                    }
                    let over: Vec<usize> =
                        (0..old_methods.len()).filter(|i| replaced(&old_methods[*i].name)).collect();
                    if !inherent || (!over.is_empty() && over.len() == old_methods.len()) {
                        module.live.remove(&index);
                    } else {
                        module.hidden_methods.extend(over.into_iter().map(|method| (index, method)));
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
