//! What names mean: finds the items of the session that a piece of Rust uses. Never changes a scope.

use std::collections::BTreeSet;

use crate::engine::scope::Scope;
use crate::engine::scope::module::{Home, Uses};
use crate::engine::text::cell::{Import, Item, Kind, Name, Space};

impl Scope {
    /// The items that a piece of Rust uses, by their present names: those that it reads, those that the macros among
    /// them read, the traits of methods that it may call, and those at which its imports start. `mentions` are all
    /// identifiers of the piece, `reads` those that may name an item.
    pub(in crate::engine) fn meaning(&self, reads: &BTreeSet<String>, mentions: &BTreeSet<String>) -> Uses {
        let (mut reads, mut mentions) = (reads.clone(), mentions.clone());
        let mut uses = self.macros_among(&mut reads, &mut mentions);
        let needed = self.imports.iter().filter(|import| self.needs_import(import, &reads, &mentions));
        let roots: Vec<String> = needed.filter_map(|import| import.root()).map(str::to_string).collect();
        reads.extend(roots);
        for ident in reads {
            for space in [Space::Type, Space::Value] {
                let name = Name { space, ident: ident.clone() };
                uses.extend(self.names.get(&name).copied().map(|home| (name, home)));
            }
        }
        let is_called = |declared: &BTreeSet<String>| !declared.is_disjoint(&mentions);
        for (name, home) in &self.traits {
            if self.declared_by(name, *home).is_some_and(is_called) {
                uses.insert((name.clone(), *home));
            }
        }
        uses
    }

    /// The macros of the session among `reads`. Adds to both sets what their texts have in them, since that text is put
    /// where the macro is called.
    fn macros_among(&self, reads: &mut BTreeSet<String>, mentions: &mut BTreeSet<String>) -> Uses {
        let mut uses = Uses::new();
        let mut unseen: Vec<String> = reads.iter().cloned().collect();
        while let Some(ident) = unseen.pop() {
            let name = Name { space: Space::Macro, ident };
            let Some(home) = self.names.get(&name).copied() else { continue };
            let Some(item) = self.item(&name, home) else { continue };
            unseen.extend(item.reads.difference(reads).cloned());
            reads.extend(item.reads.iter().cloned());
            mentions.extend(item.mentions.iter().cloned());
            uses.insert((name, home));
        }
        uses
    }

    /// Whether code with these identifiers may need an import that starts at an item of the session. One that binds a
    /// name is needed where the name is read; it may bring in a trait, and `*` brings in names that do not stand in it,
    /// so any identifier that is found in the item counts.
    fn needs_import(&self, import: &Import, reads: &BTreeSet<String>, mentions: &BTreeSet<String>) -> bool {
        let item = import.root().and_then(|root| self.item_named(root));
        item.is_some_and(|item| {
            let is_read = import.name.as_ref().is_some_and(|name| reads.contains(name));
            is_read || !item.mentions.is_disjoint(mentions)
        })
    }

    /// The item that this identifier means now as a type or a value. `None` if it means none of the session.
    pub(in crate::engine) fn item_named(&self, ident: &str) -> Option<&Item> {
        [Space::Type, Space::Value].into_iter().find_map(|space| {
            let name = Name { space, ident: ident.to_string() };
            self.item(&name, *self.names.get(&name)?)
        })
    }

    /// The text of the macro that this identifier means now. `None` if it means none of the session.
    pub(in crate::engine) fn macro_text(&self, ident: &str) -> Option<String> {
        let name = Name { space: Space::Macro, ident: ident.to_string() };
        let home = *self.names.get(&name)?;
        let (module, item) = (self.modules.get(&home)?, self.item(&name, home)?);
        let text = item.expansion.as_ref().map_or_else(|| &module.source[item.range.clone()], |made| &made.text);
        Some(text.to_string())
    }

    /// What the item that this name means now uses. `None` if it means none of the session.
    pub(super) fn uses_of(&self, name: &Name) -> Option<impl Iterator<Item = &(Name, Home)>> {
        let module = self.modules.get(self.names.get(name)?)?;
        let live = module.live.get(&module.defines(name)?)?;
        Some(live.uses.iter())
    }

    /// The module of the item that this name means now.
    pub(super) fn home_of(&self, name: &Name) -> Option<Home> {
        self.names.get(name).copied()
    }

    /// The item in force that this name means in this module.
    pub(in crate::engine) fn item(&self, name: &Name, home: Home) -> Option<&Item> {
        let module = self.modules.get(&home)?;
        module.defines(name).map(|index| &module.items[index])
    }

    fn declared_by(&self, name: &Name, home: Home) -> Option<&BTreeSet<String>> {
        match &self.item(name, home)?.kind {
            Kind::Trait(declared) => Some(declared),
            _ => None,
        }
    }
}
