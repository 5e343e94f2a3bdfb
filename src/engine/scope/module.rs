//! Where items are compiled, and what the names in them mean. Every cell's items are compiled in a crate of their own;
//! an item that has to change with a later cell's is compiled again, in that cell's crate. Only data: `growth` decides.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::events::CellId;

use crate::engine::scope::dependency::Crates;
use crate::engine::scope::{Library, List};
use crate::engine::text::cell::{Import, Item, Kind, Name, Space};

/// A module of a session crate: the crate's number, and the cell whose items are in the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::engine) struct Home {
    pub number: u32,
    pub cell: CellId,
}

impl Home {
    /// The path of the module in other crates.
    pub(in crate::engine) fn path(self) -> String {
        format!("{}::{}", crate_name(self.number), module_name(self.cell))
    }
}

/// The name of the session crate with this number.
pub(in crate::engine) fn crate_name(number: u32) -> String {
    format!("session_{number}")
}

/// The name of a cell's module in a session crate.
pub(in crate::engine) fn module_name(cell: CellId) -> String {
    format!("cell_{}", cell.0)
}

/// The homes in a type's path, each with the path behind it: `session_3::cell_2::A` in `Vec<session_3::cell_2::A>`.
pub(in crate::engine) fn homes_in(ty: &str) -> impl Iterator<Item = (Home, &str)> {
    ty.match_indices("session_").filter_map(|(at, prefix)| {
        let before = ty[..at].chars().next_back();
        let rest = &ty[at + prefix.len()..];
        let (number, rest) = rest.split_once("::cell_")?;
        let (cell, rest) = rest.split_once("::")?;
        let home = Home { number: number.parse().ok()?, cell: CellId(cell.parse().ok()?) };
        (!before.is_some_and(is_word)).then_some((home, rest))
    })
}

pub(super) fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// One item of one module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub home: Home,
    /// The item's position among the items of its cell.
    pub index: usize,
}

/// Each name that an item uses, with the module whose item the name means. Names that mean no item of the session are
/// not among them.
pub(in crate::engine) type Uses = BTreeSet<(Name, Home)>;

/// What belongs to an item that is in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::engine) struct Live {
    pub uses: Uses,
    /// The number of the crate in whose library the item's statics live. `None` if it is the item's own crate.
    pub statics: Option<u32>,
}

/// Items of one cell in one session crate.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Module {
    pub home: Home,
    pub source: Arc<str>,
    /// All items of the cell.
    pub items: Arc<[Item]>,
    /// The items that are in force here, by their position. `use` items are not listed: they belong to all of them.
    pub live: BTreeMap<usize, Live>,
    /// Methods of inherent impls that a later cell has replaced, as indices of the item and of the method in it.
    pub hidden_methods: BTreeSet<(usize, usize)>,
    /// The imports of the cells before.
    pub imports: List<Import>,
}

impl Module {
    /// The items that are in force here, each with its position.
    pub(in crate::engine) fn live(&self) -> impl Iterator<Item = (usize, &Item)> {
        self.live.keys().map(|index| (*index, &self.items[*index]))
    }

    /// The text in which the ranges of this item are.
    pub(in crate::engine) fn text_of<'a>(&'a self, item: &'a Item) -> &'a Arc<str> {
        item.expansion.as_ref().map_or(&self.source, |expansion| &expansion.text)
    }

    /// The position of the item in force that defines this name.
    pub(in crate::engine) fn defines(&self, name: &Name) -> Option<usize> {
        self.live().find(|(_, item)| item.names.contains(name)).map(|(index, _)| index)
    }

    /// The paths that the cell's own `use` items bring in, with the position of the item.
    fn own_imports(&self) -> impl Iterator<Item = &Import> {
        self.items.iter().flat_map(|item| match &item.kind {
            Kind::Use(imports) => imports.as_slice(),
            _ => &[],
        })
    }

    fn binds(&self, ident: &str) -> bool {
        self.own_imports().any(|import| import.name.as_deref() == Some(ident))
    }

    /// What the items in force use, all together.
    pub(in crate::engine) fn uses(&self) -> impl Iterator<Item = &(Name, Home)> {
        self.live.values().flat_map(|live| &live.uses)
    }

    /// The names of other modules that this one imports, without those that it defines or imports itself. If items
    /// disagree about a name, the newest meaning counts.
    pub(in crate::engine) fn foreign_names(&self) -> BTreeSet<(&str, Home)> {
        let mut meaning: BTreeMap<&Name, Home> = BTreeMap::new();
        for (name, home) in self.uses().filter(|(name, _)| name.space != Space::Macro) {
            let newest = meaning.entry(name).or_insert(*home);
            *newest = (*newest).max(*home);
        }
        let is_foreign = |(name, home): &(&Name, Home)| {
            *home != self.home && self.defines(name).is_none() && !self.binds(&name.ident)
        };
        meaning.into_iter().filter(is_foreign).map(|(name, home)| (name.ident.as_str(), home)).collect()
    }

    /// Whether an import can be written in this module: its path starts at an item of the session only if the module's
    /// items use that item.
    pub(in crate::engine) fn can_import(&self, import: &Import, is_item: impl Fn(&str) -> bool) -> bool {
        import.root().is_none_or(|root| {
            !is_item(root) || self.uses().any(|(name, _)| name.ident == root) || self.defines_ident(root)
        })
    }

    fn defines_ident(&self, ident: &str) -> bool {
        self.live().any(|(_, item)| item.names.iter().any(|name| name.ident == ident))
    }

    /// The imports of earlier cells, without those whose name this module defines or imports itself.
    pub(in crate::engine) fn foreign_imports(&self) -> impl Iterator<Item = &Import> {
        let own = |ident: &str| self.binds(ident) || self.defines_ident(ident);
        self.imports.iter().filter(move |import| !import.name.as_deref().is_some_and(own))
    }
}

/// A session crate that was compiled. It is never compiled again.
#[derive(Clone, Debug)]
pub(in crate::engine) struct Build {
    pub library: Library,
    /// Bytes of machine code in the library.
    pub code: u64,
    /// The numbers of the session crates that rustc has to know for a crate that links to this one: this one and all
    /// that it depends on, each behind those that it depends on.
    pub externs: BTreeSet<u32>,
    /// The numbers of the session crates that have to be loaded before this one's code can run, in the order of loading.
    pub loads: BTreeSet<u32>,
    /// The numbers of the crates whose libraries hold statics that one of `externs` only declares.
    pub homes: BTreeSet<u32>,
    /// Whether one of `externs` has a `thread_local!`, which code of other crates may reach into.
    pub locals: bool,
    /// The crates of `:dep` that one of `externs` links to.
    pub crates: Option<Arc<Crates>>,
}
