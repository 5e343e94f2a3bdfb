//! Which items are still in force: those that a name, a variable's type or another item in force can reach.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::engine::scope::Scope;
use crate::engine::scope::module::{Home, Module, Place, homes_in, is_word};
use crate::engine::text::cell::{Kind, Name, Space};

impl Scope {
    /// Drops the items that nothing can reach any more: no name means them, no variable has their type, no item in force
    /// uses them.
    pub(super) fn drop_unused(&mut self) {
        let mut used: BTreeSet<Place> = BTreeSet::new();
        let place = |name: &Name, home: Home| {
            let index = self.modules.get(&home)?.defines(name)?;
            Some(Place { home, index })
        };
        let named = self.names.iter().filter_map(|(name, home)| place(name, *home));
        let types =
            self.variables.values().flat_map(|variable| homes_in(&variable.ty)).filter_map(|(home, rest)| {
                let ident = rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())].to_string();
                [Space::Type, Space::Value]
                    .into_iter()
                    .find_map(|space| place(&Name { space, ident: ident.clone() }, home))
            });
        let mut found: Vec<Place> = named.chain(types).collect();
        loop {
            while let Some(reached) = found.pop() {
                if used.insert(reached) {
                    let uses = &self.modules[&reached.home].live[&reached.index].uses;
                    found.extend(uses.iter().filter_map(|(name, home)| place(name, *home)));
                }
            }
            // An impl is in force as long as its type and its trait are.
            for module in self.modules.values() {
                for (index, live) in module.live.iter().filter(|(index, _)| module.items[**index].names.is_empty())
                {
                    let here = Place { home: module.home, index: *index };
                    let is_about = |name: &Name| match &module.items[*index].kind {
                        Kind::Impl { anchors, .. } => anchors.contains(&name.ident),
                        _ => name.space == Space::Type,
                    };
                    let about = live.uses.iter().filter(|(name, _)| is_about(name));
                    let mut about = about.filter_map(|(name, home)| place(name, *home));
                    if !used.contains(&here) && about.all(|place| used.contains(&place)) {
                        found.push(here);
                    }
                }
            }
            if found.is_empty() {
                break;
            }
        }
        let homes: Vec<Home> = self.modules.keys().copied().collect();
        for home in homes {
            let mut module = Module::clone(&self.modules[&home]);
            let before = module.live.len();
            module.live.retain(|index, _| used.contains(&Place { home, index: *index }));
            if module.live.is_empty() {
                self.drop_module(home);
            } else if module.live.len() < before {
                self.put_module(Arc::new(module));
            }
        }
    }
}
