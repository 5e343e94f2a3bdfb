//! The plan for what a cell's crate does with variables: which it takes from the store, which of them it puts back and
//! where, which of its own it stores and in what form. This file makes the first plan only and never asks rustc;
//! `refine` changes the plan until rustc accepts it.

use crate::engine::rustc_text::wording::AsyncFn;
use crate::engine::scope::{Scope, Variable};
use crate::engine::text::cell::Parts;

/// The purpose of a piece of generated text, by which an error about the text is turned into a change of the plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Marker {
    /// Takes this variable from the store, with its type.
    Take(String),
    /// Puts this variable of the cell's own into the store.
    Store(String),
    /// Puts this variable, which the cell took, back into the store.
    Back(String),
    /// Brings in the item of this name.
    Item(String),
    /// Repeats the `use` of this path from an earlier cell.
    Import(String),
}

/// Where a variable that the cell takes is put back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PutBack {
    /// After the cell's code and outside of it, so that a panic does not lose the variable.
    Outside,
    /// At the end of the cell's code, because the code moves the variable away and assigns it anew. A panic loses it.
    Inside,
    /// Nowhere, because the code moves the variable away.
    Never,
}

/// A variable of an earlier cell that the cell takes from the store.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub name: String,
    pub variable: Variable,
    pub put_back: PutBack,
    /// Whether the cell binds the name anew. If so, this older value is put back only if the cell fails.
    pub rebound: bool,
}

/// What `?` makes of the errors of a cell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Errors {
    /// A box, as most programs have it.
    #[default]
    Boxed,
    /// The text of the error and of its causes, for errors that borrow.
    Written,
    /// The text of the error by `Debug`, for errors that have nothing else.
    Debugged,
}

/// What the crate of a cell's statements does with variables and errors.
#[derive(Clone, Debug, Default)]
pub(super) struct Plan {
    pub taken: Vec<Taken>,
    /// Variables of the cell's own that are put into the store.
    pub kept: Vec<Kept>,
    /// Whether loops may run in strips.
    pub in_strips: bool,
    pub errors: Errors,
    /// Whether the statements are the body of a future, so that they can await.
    pub awaits: bool,
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
    /// The variable's own type.
    AsIs,
    /// This function pointer, for a function item: its own type has
    /// [no name](https://doc.rust-lang.org/reference/types/function-item.html).
    Pointer(String),
    /// A box of this trait object, for a closure or an iterator, whose own types have no names.
    Boxed(String),
    /// A pinned box of this trait object, for a future: it has to stay where it is once it was polled.
    Pinned(String),
    /// A box of a closure that returns a pinned box of a future, for a closure that returns a future without a named type.
    /// `sendable`: both boxes can go to other threads.
    AsyncFn { call: AsyncFn, sendable: bool },
}

impl Form {
    /// The type of a box of the trait object under which the variable is stored; `None` if it is stored without a box.
    pub(super) fn stored_type(&self) -> Option<String> {
        match self {
            Form::AsIs => None,
            Form::Pointer(ty) => Some(ty.clone()),
            Form::Boxed(ty) => Some(format!("::std::boxed::Box<{ty}>")),
            Form::Pinned(ty) => Some(format!("::core::pin::Pin<::std::boxed::Box<{ty}>>")),
            Form::AsyncFn { call, sendable } => Some(async_fn_type(call, *sendable)),
        }
    }

    /// The variable `name` as an expression of the stored type.
    pub(super) fn stored_value(&self, name: &str) -> String {
        match self {
            Form::AsIs | Form::Pointer(_) => name.to_string(),
            Form::Boxed(_) => format!("::std::boxed::Box::new({name})"),
            Form::Pinned(_) => format!("::std::boxed::Box::pin({name})"),
            Form::AsyncFn { call, .. } => {
                let names: Vec<String> = (0..call.arguments.len()).map(|n| format!("threadbook_{n}")).collect();
                let names = names.join(", ");
                // The future of a call may borrow from the closure, which therefore lives as long as each of its futures.
                let shared = if call.once { name.into() } else { format!("::std::sync::Arc::new({name})") };
                let (again, function) = match call.once {
                    true => ("", "threadbook_fn"),
                    false => ("let threadbook_fn = threadbook_fn.clone(); ", "(*threadbook_fn)"),
                };
                let future = format!("::std::boxed::Box::pin(async move {{ {function}({names}).await }})");
                format!(
                    "{{ let threadbook_fn = {shared}; ::std::boxed::Box::new(move |{names}| {{ {again}{future} }}) }}"
                )
            }
        }
    }
}

fn async_fn_type(call: &AsyncFn, sendable: bool) -> String {
    let AsyncFn { once, arguments, output } = call;
    let (send, sync) = match (sendable, once) {
        (false, _) => ("", ""),
        (true, true) => (" + Send", ""),
        (true, false) => (" + Send", " + Sync"),
    };
    let kind = if *once { "FnOnce" } else { "Fn" };
    let future =
        format!("::core::pin::Pin<::std::boxed::Box<dyn ::core::future::Future<Output = {output}>{send}>>");
    format!("::std::boxed::Box<dyn {kind}({}) -> {future}{send}{sync}>", arguments.join(", "))
}

impl Plan {
    /// The first plan: every variable that the cell mentions is taken and put back, every one that it binds is kept.
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
            in_strips: true,
            errors: if scope.debug_errors { Errors::Debugged } else { Errors::Boxed },
            awaits: parts.statements.iter().any(|statement| statement.awaits),
        }
    }

    /// The types that the cell's crate has to write.
    pub(super) fn types(&self) -> String {
        let form = |kept: &Kept| kept.form.stored_type().unwrap_or_default();
        let taken = self.taken.iter().map(|taken| taken.variable.ty.clone());
        taken.chain(self.kept.iter().map(form)).collect::<Vec<_>>().join(" ")
    }

    /// The names of the cell's own variables that are stored.
    pub(super) fn kept_names(&self) -> Vec<String> {
        self.kept.iter().map(|kept| kept.name.clone()).collect()
    }
}
