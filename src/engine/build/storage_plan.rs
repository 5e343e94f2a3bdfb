//! What a cell's crate does with variables: which it takes, which it gives back and from where, which of its own it
//! keeps and in what form. rustc has the last word: `refine` changes the plan until it agrees.

use crate::engine::scope::{Scope, Variable};
use crate::engine::text::cell::Parts;

/// What a piece of generated text is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Marker {
    /// A variable is taken from the store, with its type.
    Take(String),
    /// A variable of the cell's own is put into the store.
    Store(String),
    /// A variable that the cell took is put back.
    Back(String),
    /// A `use` of an earlier cell.
    Import(String),
}

/// Where a variable that the cell takes is put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PutBack {
    /// Outside of the cell's code, so that a panic does not lose it.
    Outside,
    /// At the end of the cell's code: the code moves it away and assigns it anew.
    Inside,
    /// Not at all: the code moves it away.
    Never,
}

/// A variable that the cell takes.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub name: String,
    pub variable: Variable,
    pub put_back: PutBack,
    /// The cell binds the name anew, so this value is put back only if the cell fails.
    pub rebound: bool,
}

/// What the statement crate does with variables; refined until rustc agrees.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    pub taken: Vec<Taken>,
    /// Variables of the cell's own that are kept.
    pub kept: Vec<Kept>,
}

/// A variable of the cell's own that is put into the store.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub name: String,
    pub form: Form,
}

/// The type under which a variable is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Its own.
    AsIs,
    /// This function pointer, for a function itself.
    Pointer(String),
    /// A box of this trait object, for a closure or an iterator: their own types have no names.
    Boxed(String),
}

impl Plan {
    /// The first plan: everything that the cell mentions is taken and given back, everything that it binds is kept.
    pub(super) fn new(scope: &Scope, parts: &Parts) -> Plan {
        let free = parts.free_names();
        let bound: Vec<String> = parts.bindings().into_iter().map(|binding| binding.name).collect();
        let taken = scope.variables.iter().filter(|(name, _)| free.contains(*name)).map(|(name, variable)| Taken {
            name: name.clone(),
            variable: variable.clone(),
            put_back: PutBack::Outside,
            rebound: bound.contains(name),
        });
        Plan {
            taken: taken.collect(),
            kept: bound.into_iter().map(|name| Kept { name, form: Form::AsIs }).collect(),
        }
    }

    /// Names of the cell's own variables that are stored.
    pub(super) fn kept_names(&self) -> Vec<String> {
        self.kept.iter().map(|kept| kept.name.clone()).collect()
    }
}
