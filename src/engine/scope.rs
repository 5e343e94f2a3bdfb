//! The scope: what later cells can use after a number of cells, namely items, imports, variables and crates. Each step
//! returns a new scope and leaves the old one as it was, so that a cell that fails leaves the scope that it started
//! from. Knows names and types only: never holds a variable's value, and never compiles or runs anything.

mod addition;
pub(super) mod brought;
mod crate_change;
pub(super) mod crate_use;
pub(super) mod dependency;
mod growth;
mod index;
pub(super) mod lost_names;
mod meaning;
mod module;
mod moves;
mod reach;
pub(super) mod request;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use crate::events::CellId;
use crate::worker::TimeFormat;

use crate::engine::rejection::Reported;
use crate::engine::scope::dependency::{Crates, Patches, Wanted};
use crate::engine::text::cell::{Import, Item, Kind, Name, Space};

pub(super) use growth::Binding;
pub(super) use module::{Build, Home, Live, Module, Uses, crate_name, homes_in, module_name};

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

/// An [edition](https://doc.rust-lang.org/edition-guide/editions/) of Rust (`:edition`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Edition {
    E2018,
    E2021,
    #[default]
    E2024,
}

impl Edition {
    pub(super) fn year(self) -> &'static str {
        match self {
            Edition::E2018 => "2018",
            Edition::E2021 => "2021",
            Edition::E2024 => "2024",
        }
    }
}

/// A map that shares what it has in common with the values that it was cloned from: a step of the scope costs what it
/// changes, however long the session is.
pub(super) type Map<K, V> = rpds::RedBlackTreeMapSync<K, V>;
/// As `Map`, in the order in which values were added.
pub(super) type List<T> = rpds::VectorSync<T>;

#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    /// The items that are in force.
    pub modules: Map<Home, Arc<Module>>,
    /// The session crates by number, also those of which no item is in force any more: variables may have their types.
    pub builds: Map<u32, Arc<Build>>,
    pub stale: Stale,
    /// Whether long chains of crates stay as they are: some code may tell types of the same text apart, or rustc has refused
    /// the chain as one crate.
    pub chains_stay: bool,
    pub variables: Map<String, Variable>,
    /// Variables that are gone, and why. A later cell that uses one is told.
    pub lost: Map<String, Lost>,
    pub imports: List<Import>,
    /// The names of the functions and methods that cells define, each with the modules of the cell (`index`).
    functions: Map<(String, Home), ()>,
    /// For each name, the module whose item it means now.
    names: Map<Name, Home>,
    /// Those of `names` that mean a trait.
    traits: Map<Name, Home>,
    /// For the path of each type that was compiled again from the same text, its next path.
    moves: Map<String, String>,
    /// The crates that `:dep` has asked for.
    pub wanted: Wanted,
    /// What `%%cargo` has said of where crates come from.
    pub patches: Patches,
    /// The set of crates that was built last for `wanted`. `None` if none was built.
    pub crates: Option<Arc<Crates>>,
    pub optimization: Optimization,
    /// The level at which the statements of the last cell were compiled. `None` if there were none.
    pub last_level: Option<u8>,
    /// The form in which times of cells and statements are printed (`%config time=`).
    pub time_format: TimeFormat,
    pub edition: Edition,
    /// Whether values are shown by `{:#?}` (`:fmt`), behind their type (`:types`), and errors of `?` by `Debug` (`:efmt`).
    pub pretty: bool,
    pub typed: bool,
    pub debug_errors: bool,
    /// What rustc said of the last cell that it refused.
    pub last_errors: Arc<[Reported]>,
    /// Whether every cell is timed (`:timing`).
    pub timing: bool,
    /// The cells so far, in the order in which they ran (`%history`).
    pub history: List<(CellId, Arc<str>)>,
}

/// The session crates that later cells cannot link to. Their items are compiled again with the next cell.
#[derive(Clone, Debug, Default)]
pub(super) struct Stale {
    pub builds: BTreeSet<u32>,
    /// Whether statics begin anew, since the layout of their types may have changed.
    pub statics: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Variable {
    /// The full path of its type, as rustc spells it.
    pub ty: String,
    pub mutable: bool,
    /// The cell that declared it.
    pub cell: CellId,
    /// Whether a type in `ty` was compiled again since the value was made. The value has the type's earlier identity.
    pub rebuilt: bool,
    /// Whether the cells so far tell that it is small, so that to go over it costs little at any level; see `text::cell`'s
    /// heat.
    pub small: bool,
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
    /// This part of it was moved away, or `value` if a pattern took it.
    PartlyMoved(String),
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

impl Scope {
    /// The scope with the imports of a cell.
    pub(super) fn with_imports(&self, items: &[Item]) -> Scope {
        let mut scope = self.clone();
        for item in items {
            let Kind::Use(imports) = &item.kind else { continue };
            for import in imports {
                scope.import(import);
            }
        }
        scope
    }

    fn import(&mut self, import: &Import) {
        if let Some(ident) = &import.name {
            for space in [Space::Type, Space::Value, Space::Macro] {
                let name = Name { space, ident: ident.clone() };
                self.names.remove_mut(&name);
                self.traits.remove_mut(&name);
            }
        }
        let is_other = |other: &&Import| match &import.name {
            Some(_) => other.name != import.name,
            None => *other != import,
        };
        self.imports = self.imports.iter().filter(is_other).cloned().collect();
        self.imports.push_back_mut(import.clone());
    }

    /// The scope without imports that do not resolve any more, also in the modules of the session crate with this number.
    pub(super) fn without_imports(&self, paths: &[String], number: u32) -> Scope {
        let kept = |imports: &List<Import>| imports.iter().filter(|i| !paths.contains(&i.path)).cloned().collect();
        let mut scope = self.clone();
        scope.imports = kept(&self.imports);
        let modules: Vec<Arc<Module>> = self.modules_of(number).cloned().collect();
        for module in modules {
            scope.put_module(Arc::new(Module { imports: kept(&module.imports), ..Module::clone(&module) }));
        }
        scope
    }

    /// The number of the next session crate.
    fn next_number(&self) -> u32 {
        self.builds.last().map_or(1, |(number, _)| number + 1)
    }

    /// The session crates that code links to if it uses these items and types, with all that they depend on, in the order
    /// in which they depend on each other.
    pub(super) fn externs<'a>(
        &self,
        uses: impl IntoIterator<Item = &'a (Name, Home)>,
        types: &str,
    ) -> BTreeSet<u32> {
        let used = uses.into_iter().filter(|(name, _)| name.space != Space::Macro).map(|(_, home)| home.number);
        let named = homes_in(types).map(|(home, _)| home.number);
        let builds = used.chain(named).filter_map(|number| self.builds.get(&number));
        builds.flat_map(|build| build.externs.iter().copied()).collect()
    }

    /// Makes all session crates stale: they are compiled again with the next cell, as `:opt` says then.
    pub(super) fn retire_builds(&mut self) {
        self.stale.builds = self.builds.keys().copied().collect();
    }

    /// Every name that means an item now, with the cell of the item.
    pub(super) fn item_names(&self) -> impl Iterator<Item = (&Name, Home)> {
        self.names.iter().map(|(name, home)| (name, *home))
    }

    /// Makes this name mean no item. Returns whether it meant one.
    pub(super) fn forget_item(&mut self, ident: &str) -> bool {
        let of = |space| Name { space, ident: ident.to_string() };
        let [ty, value] = [Space::Type, Space::Value].map(|space| self.names.remove_mut(&of(space)));
        ty || value
    }

    /// The scope without these variables, which `cell` lost for the reason `why`.
    pub(super) fn without(&self, names: impl IntoIterator<Item = String>, cell: CellId, why: Why) -> Scope {
        let mut scope = self.clone();
        for name in names {
            if scope.variables.remove_mut(&name) {
                scope.lost.insert_mut(name, Lost { cell, why: why.clone() });
            }
        }
        scope
    }

    /// Adds a cell to the history (`%history`).
    pub(super) fn remember(&mut self, cell: CellId, source: &str) {
        self.history.push_back_mut((cell, source.into()));
    }

    /// The scope after a reset: only settings and the history are left.
    pub(super) fn cleared(&self) -> Scope {
        let now = self.clone();
        Scope {
            optimization: now.optimization,
            edition: now.edition,
            time_format: now.time_format,
            pretty: now.pretty,
            typed: now.typed,
            debug_errors: now.debug_errors,
            timing: now.timing,
            last_errors: now.last_errors,
            history: now.history,
            ..Scope::default()
        }
    }

    /// The scope with the variables of an earlier state. Variables that are not among them are lost.
    pub(super) fn with_variables(&self, variables: Map<String, Variable>, cell: CellId) -> Scope {
        let gone: Vec<String> =
            self.variables.keys().filter(|name| !variables.contains_key(*name)).cloned().collect();
        let mut scope = self.without(gone, cell, Why::RolledBack);
        for name in variables.keys() {
            scope.lost.remove_mut(name);
        }
        scope.variables = variables;
        // Types may have been compiled again since.
        scope.follow_moves();
        scope
    }

    /// The scope for a new worker: it has the items but none of the variables.
    pub(super) fn items_only(&self, cell: CellId) -> Scope {
        let all: Vec<String> = self.variables.keys().cloned().collect();
        self.without(all, cell, Why::WorkerLost)
    }
}
