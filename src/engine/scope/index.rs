//! The ways to the modules of a scope: by crate, and by the functions that they define. What these cost does not grow with
//! the session.

use std::sync::Arc;

use crate::events::CellId;

use crate::engine::scope::Scope;
use crate::engine::scope::module::{Home, Module};
use crate::engine::text::cell::Function;

impl Scope {
    /// Adds a module, in the place of the one of its home if there is one.
    pub(in crate::engine) fn put_module(&mut self, module: Arc<Module>) {
        let home = module.home;
        // All modules of a cell have all of its items, so the functions of the one before stay right.
        if !self.modules.contains_key(&home) {
            names(&module).for_each(|name| self.functions.insert_mut((name.clone(), home), ()));
        }
        self.modules.insert_mut(home, module);
    }

    pub(super) fn drop_module(&mut self, home: Home) {
        let Some(module) = self.modules.get(&home).cloned() else { return };
        for name in names(&module) {
            self.functions.remove_mut(&(name.clone(), home));
        }
        self.modules.remove_mut(&home);
    }

    /// The modules of the session crate with this number.
    pub(in crate::engine) fn modules_of(&self, number: u32) -> impl Iterator<Item = &Arc<Module>> {
        self.modules.range(first_home(number)..first_home(number + 1)).map(|(_, module)| module)
    }

    /// The modules whose cells define a function or method of this name.
    pub(super) fn modules_with(&self, function: &str) -> impl Iterator<Item = &Arc<Module>> {
        let bound = |number| (function.to_string(), first_home(number));
        self.functions.range(bound(0)..=bound(u32::MAX)).filter_map(|((_, home), ())| self.modules.get(home))
    }

    /// The functions and methods of this name in the session's cells.
    pub(in crate::engine) fn functions_named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Function> {
        let items = self.modules_with(name).flat_map(|module| module.items.iter());
        items.filter_map(move |item| item.functions.get(name))
    }
}

/// The first home that a module of this crate may have.
fn first_home(number: u32) -> Home {
    Home { number, cell: CellId(0) }
}

fn names(module: &Module) -> impl Iterator<Item = &String> {
    module.items.iter().flat_map(|item| item.functions.keys())
}
