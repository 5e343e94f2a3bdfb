//! Changes the plan for a cell's variables by what rustc says, until rustc accepts it. A variable that the cell moves
//! away cannot be put back; a variable whose type has no name is kept in another form, if there is one; a variable that
//! borrows can be kept only if what it borrows from is frozen. Never runs rustc itself, and never hides an error about the
//! user's own text.
//!
//! At first a variable that borrows is given up. If rustc accepts the cell without it, nothing in the cell borrows for
//! longer than it runs. Only then is a plan tried in which the borrowers are kept and what they borrow from is frozen
//! (`freezing`): in it, rustc takes frozen variables for places that live for ever, and so finds each other variable from
//! which a borrower borrows. If rustc refuses this plan, the first one holds.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::build::borrow::{self, Borrow};
use crate::engine::build::storage_plan::{Errors, Form, How, Kept, Marker, Own, Plan, PutBack};
use crate::engine::build::unit::Unit;
use crate::engine::diagnostics::Diagnostic;
use crate::engine::rustc_text::codes::{self, Matter, matter};
use crate::engine::rustc_text::mir;
use crate::engine::rustc_text::wording::{self, Boxable};
use crate::engine::scope::{Scope, Why};
use crate::engine::text::cell::{Parts, Statement};
use crate::engine::text::source_map::SourceMap;

/// A plan that is being refined, and the scope without the imports that did not compile.
pub(super) struct Refinement {
    pub scope: Scope,
    pub plan: Plan,
    /// Variables that the plan has given up, and why.
    lost: Vec<(String, Why)>,
    /// Variables of which a part was moved away, each with the part.
    parted: BTreeMap<String, String>,
    /// Variables that may be streams, for all that is known, each with its type.
    guessed: BTreeMap<String, String>,
    /// What keeps variables from being stored.
    borrows: Vec<Borrow>,
    /// Variables that cannot be stored, since the cell changes or moves what they borrow from.
    outdated: Vec<String>,
    /// What this plan freezes. `None` if it is no plan that freezes.
    freezes: Option<Freezes>,
}

/// The variables that a plan freezes, and those that are kept because of it. Which of these borrow from which is not asked:
/// each may borrow from each.
#[derive(Clone, Default)]
struct Freezes {
    owners: Vec<String>,
    borrowers: Vec<String>,
}

/// What the plan that compiled means for the scope. Kept with the library in the cache.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct Resolution {
    /// Variables that the cell takes and puts back only at the end of its own code, so that a failure loses them.
    pub inside: Vec<String>,
    /// Variables that the cell takes and does not put back.
    pub moved: Vec<String>,
    /// The cell's own variables that are stored, each with the type under which it is stored.
    pub kept: Vec<(String, String)>,
    /// Variables that cannot be kept, and why.
    pub lost: Vec<(String, Why)>,
    /// Variables of earlier cells from which `borrowers` may borrow.
    pub frozen: Vec<String>,
    /// Variables of the cell's own from which `borrowers` may borrow.
    pub frozen_own: Vec<String>,
    /// Those of both that a borrower may change.
    pub exclusive: Vec<String>,
    /// The variables that are kept because others are frozen.
    pub borrowers: Vec<String>,
    /// Frozen variables that are so no longer, each with its borrowers, which are gone.
    pub thawed: Vec<(String, Vec<String>)>,
    /// See `GeneratedFile::shifts`.
    pub shifts: Vec<(u32, u32, i64)>,
}

/// Bounds that a boxed closure or iterator gets at first, so that later cells can send it to other threads. If rustc
/// refuses them, it is boxed without them.
const FOR_THREADS: &str = " + Send + Sync";

/// As `FOR_THREADS`, for a future, which one thread at a time polls.
const FOR_TASKS: &str = " + Send";

impl Refinement {
    pub(super) fn new(plan: Plan, scope: &Scope) -> Refinement {
        Refinement {
            scope: scope.clone(),
            plan,
            lost: Vec::new(),
            borrows: Vec::new(),
            outdated: Vec::new(),
            freezes: None,
            parted: BTreeMap::new(),
            guessed: BTreeMap::new(),
        }
    }

    /// Whether one of the errors is about a loop in strips. The plan then goes on without strips, so that rustc speaks of
    /// the loop as it is written, if it still refuses it.
    pub(super) fn goes_without_strips(&mut self, errors: &[Diagnostic], unit: &Unit, root: &str) -> bool {
        let concerned = errors.iter().any(|error| unit.strips.iter().any(|range| error.touches(root, range)));
        if concerned {
            self.plan.in_strips = false;
        }
        concerned
    }

    /// Whether errors may be about what `?` makes of an error: one that borrows cannot go into a box, and one without
    /// `Error` is none. The plan then goes on with texts in the place of boxes.
    pub(super) fn goes_on_with_texts(&mut self, errors: &[Diagnostic], unit: &Unit, root: &str) -> bool {
        let is_kept = |error: &Diagnostic| {
            let stores = unit.markers.iter().filter(|(marker, _)| matches!(marker, Marker::Store(_)));
            stores.into_iter().any(|(_, range)| error.touches(root, range))
        };
        let borrows = |error: &Diagnostic| codes::is_about_a_borrow(error.code.as_deref()) && !is_kept(error);
        if self.plan.errors != Errors::Boxed {
            return false;
        }
        if errors.iter().any(|error| wording::is_about_question_mark(&error.message)) {
            self.plan.errors = Errors::Debugged;
        } else if errors.iter().any(borrows) {
            self.plan.errors = Errors::Written;
        }
        self.plan.errors != Errors::Boxed
    }

    /// Whether a statement awaits in a way that its text does not tell, such as by a macro. The plan then goes on with the
    /// statements as the body of a future.
    pub(super) fn goes_async(&mut self, errors: &[Diagnostic]) -> bool {
        let outside = |error: &Diagnostic| error.code.as_deref() == Some(codes::AWAIT_OUTSIDE_OF_ASYNC);
        let concerned = !self.plan.awaits && errors.iter().any(outside);
        self.plan.awaits |= concerned;
        concerned
    }

    /// Changes the plan so that the errors about our own text go away. Returns as `Err` the errors about the user's
    /// text, if there are any, or else all errors if no change would help.
    pub(super) fn adjust(
        &mut self,
        errors: Vec<Diagnostic>,
        unit: &Unit,
        root: &str,
        parts: &Parts,
        map: &SourceMap,
    ) -> Result<(), Vec<Diagnostic>> {
        let is_ours = |error: &Diagnostic| unit.markers.iter().any(|(_, range)| error.touches(root, range));
        let (ours, theirs): (Vec<Diagnostic>, Vec<Diagnostic>) = errors.into_iter().partition(is_ours);
        if !theirs.is_empty() {
            return Err(theirs);
        }
        let borrows: Vec<Borrow> = ours.iter().flat_map(|error| borrow::borrows(error, unit, root, map)).collect();
        if self.freezes.is_some() {
            let consumed = borrow::consumed(&ours, unit, root);
            let is_new = consumed.iter().any(|name| !self.plan.consumed.contains(name));
            self.plan.consumed.extend(consumed);
            let frozen = borrows.iter().filter(|borrow| self.freeze(borrow, parts)).count();
            if is_new || frozen > 0 {
                return Ok(());
            }
            if !borrows.is_empty() {
                return Err(ours);
            }
        }
        self.borrows.extend(borrows);
        let outdated = ours.iter().flat_map(|error| borrow::outdated(error, unit, root));
        self.outdated.extend(outdated.map(str::to_string));
        let mut progress = false;
        // Several errors may be about one marker. It is given up once a round, because a first change may be enough.
        let mut seen: Vec<&Marker> = Vec::new();
        for error in &ours {
            let moved = matter(error.code.as_deref()) == Matter::Moved;
            for marker in culprits(error, unit, root, moved) {
                if let (Marker::Store(name) | Marker::Back(name), Some(part)) = (marker, error.moved_part()) {
                    self.parted.insert(name.clone(), part.to_string());
                }
                if !seen.contains(&marker) {
                    seen.push(marker);
                    progress |= self.give_up(marker, moved, parts);
                }
            }
        }
        if progress { Ok(()) } else { Err(ours) }
    }

    fn give_up(&mut self, marker: &Marker, moved: bool, parts: &Parts) -> bool {
        match marker {
            Marker::Import(path) => {
                let before = self.scope.imports.len();
                self.scope.imports = self.scope.imports.iter().filter(|i| &i.path != path).cloned().collect();
                self.scope.imports.len() < before
            }
            // An item that was configured out. What is said of the name then is said where the cell has it.
            Marker::Item(name) => self.scope.forget_item(name),
            Marker::Take(name) => {
                let before = self.plan.taken.len();
                self.plan.taken.retain(|taken| &taken.name != name);
                self.lost.push((name.clone(), Why::Unnameable("a type that is private to a library".into())));
                self.plan.taken.len() < before
            }
            Marker::Store(name) => self.give_up_keeping(name, moved),
            Marker::Read(_) => false,
            Marker::Back(name) => self.give_up_putting_back(name, parts),
        }
    }

    fn give_up_keeping(&mut self, name: &str, moved: bool) -> bool {
        let Some(kept) = self.plan.kept.iter_mut().find(|kept| kept.name == name) else { return false };
        let less = match &kept.form {
            Form::Boxed(ty) => ty.strip_suffix(FOR_THREADS).map(|ty| Form::Boxed(ty.to_string())),
            Form::Pinned(ty) => ty.strip_suffix(FOR_TASKS).map(|ty| Form::Pinned(ty.to_string())),
            Form::AsyncFn { call, sendable: true } => Some(Form::AsyncFn { call: call.clone(), sendable: false }),
            Form::AsIs | Form::Frozen | Form::Pointer(_) | Form::AsyncFn { sendable: false, .. } => None,
        };
        if let Some(form) = less {
            kept.form = form;
            return true;
        }
        self.plan.kept.retain(|kept| kept.name != name);
        let why = match self.parted.get(name) {
            _ if self.guessed.contains_key(name) => Why::Unnameable(self.guessed[name].clone()),
            Some(part) if moved => Why::PartlyMoved(part.clone()),
            _ if moved => Why::Moved,
            _ => Why::Borrows,
        };
        self.lost.push((name.to_string(), why));
        true
    }

    fn give_up_putting_back(&mut self, name: &str, parts: &Parts) -> bool {
        let Some(taken) = self.plan.taken.iter_mut().find(|taken| taken.name == name) else { return false };
        taken.put_back = match taken.put_back {
            PutBack::Outside if parts.assigns(name) => PutBack::Inside,
            PutBack::Outside | PutBack::Inside => PutBack::Never,
            PutBack::Never => return false,
        };
        true
    }

    /// The plan that keeps the variables which this one has given up because they borrow, and freezes what they borrow from.
    /// `None` if there are none, or if they cannot be kept by that.
    pub(super) fn freezing(&self, parts: &Parts) -> Option<Refinement> {
        let is_lost = |name: &str| self.lost.contains(&(name.to_string(), Why::Borrows));
        let is_kept = |borrow: &&Borrow| is_lost(&borrow.borrower) && !self.outdated.contains(&borrow.borrower);
        let borrows: Vec<&Borrow> = self.borrows.iter().filter(is_kept).collect();
        if self.freezes.is_some() || borrows.is_empty() {
            return None;
        }
        let mut next = Refinement {
            scope: self.scope.clone(),
            plan: self.plan.clone(),
            lost: self.lost.clone(),
            borrows: Vec::new(),
            outdated: Vec::new(),
            freezes: Some(Freezes::default()),
            parted: self.parted.clone(),
            guessed: self.guessed.clone(),
        };
        for borrow in borrows {
            let name = &borrow.borrower;
            if !next.keeps(name) {
                next.plan.kept.push(Kept { name: name.clone(), form: Form::AsIs });
                next.lost.retain(|(lost, _)| lost != name);
            }
            next.freeze(borrow, parts);
        }
        Some(next)
    }

    /// Whether the plan freezes something of no use: no variable is kept by that, or what is frozen has a type that no later
    /// cell can write.
    pub(super) fn freezes_in_vain(&self, types: &[(String, String)]) -> bool {
        let Some(freezes) = &self.freezes else { return false };
        let is_frozen = |name: &str| self.plan.kept.iter().any(|k| k.name == name && k.form == Form::Frozen);
        !freezes.borrowers.iter().any(|name| self.keeps(name))
            || types.iter().any(|(name, ty)| is_frozen(name) && !mir::is_nameable(ty))
    }

    /// Freezes the variable that is borrowed. Returns whether this changes the plan.
    fn freeze(&mut self, borrow: &Borrow, parts: &Parts) -> bool {
        let Borrow { owner, borrower, at } = borrow;
        let binding = |statement: &&Statement| statement.binds.iter().any(|bind| bind.name == *owner);
        let bindings: Vec<&Statement> = parts.statements.iter().filter(binding).collect();
        let changes = if let Some(bound) = bindings.iter().rfind(|statement| statement.range.end <= *at) {
            let is_new = self.plan.frozen.iter().all(|own| own.name != *owner);
            if is_new {
                self.plan.frozen.push(Own { name: owner.clone(), bound: bound.range.clone() });
                // It may have been given up for a borrower that has a destructor.
                let is_there = self.keeps(owner) || self.lost.contains(&(owner.clone(), Why::Borrows));
                // Its name may mean another variable at the end of the cell.
                if is_there && bindings.last().is_some_and(|last| last.range == bound.range) {
                    self.plan.kept.retain(|kept| kept.name != *owner);
                    self.lost.retain(|(lost, _)| lost != owner);
                    self.plan.kept.push(Kept { name: owner.clone(), form: Form::Frozen });
                }
            }
            is_new
        } else if let Some(taken) = self.plan.taken.iter_mut().find(|taken| taken.name == *owner) {
            match &mut taken.how {
                How::Owned => taken.how = How::Freeze { ended: None },
                How::Thaw(borrowers) => {
                    taken.how = How::Freeze { ended: Some(std::mem::take(borrowers)) };
                }
                How::Lent(_) => taken.how = How::Held,
                How::Freeze { .. } | How::Held => return false,
            }
            true
        } else {
            false
        };
        if let Some(freezes) = self.freezes.as_mut() {
            freezes.owners.push(owner.clone());
            freezes.borrowers.push(borrower.clone());
        }
        changes
    }

    /// Takes back frozen variables that errors about the user's text speak of, if nothing borrows from them but variables
    /// that the cell does not mention; these are given up. Returns whether there are any.
    pub(super) fn thaw(&mut self, errors: &[Diagnostic]) -> bool {
        let mut any = false;
        for taken in &mut self.plan.taken {
            let How::Lent(borrowers) = &taken.how else { continue };
            let speaks_of = |error: &Diagnostic| {
                error.message.split('`').skip(1).step_by(2).any(|place| wording::root_of_place(place) == taken.name)
            };
            if errors.iter().any(speaks_of) {
                let borrowers = borrowers.clone();
                let why = Why::OwnerChanged(taken.name.clone());
                self.lost.extend(borrowers.iter().map(|name| (name.clone(), why.clone())));
                taken.how = How::Thaw(borrowers);
                any = true;
            }
        }
        any
    }

    /// Whether the plan still stores this variable of the cell's own.
    pub(super) fn keeps(&self, name: &str) -> bool {
        self.plan.kept.iter().any(|kept| kept.name == name)
    }

    /// The variables that are stored as they are although no later cell could write their type.
    pub(super) fn without_name(&self, types: &[(String, String)]) -> Vec<(String, String)> {
        let as_is = |name: &str| self.plan.kept.iter().any(|kept| kept.name == name && kept.form == Form::AsIs);
        types.iter().filter(|(name, ty)| as_is(name) && !mir::is_nameable(ty)).cloned().collect()
    }

    /// Chooses the form in which a variable of type `ty` is stored. `suggested` is the type that rustc proposes for it,
    /// such as `impl Fn(i32) -> i32`. Gives the variable up and returns `false` if there is no form.
    pub(super) fn give_form(&mut self, name: &str, ty: &str, suggested: Option<&str>) -> bool {
        let form = match (mir::function_pointer(ty), suggested.and_then(wording::boxable_traits)) {
            (Some(pointer), _) => Form::Pointer(pointer.to_string()),
            (None, Some(Boxable::Plain(traits))) => Form::Boxed(format!("dyn {traits}{FOR_THREADS}")),
            (None, Some(Boxable::AsyncFn(call))) => Form::AsyncFn { call, sendable: true },
            (None, Some(Boxable::Future(traits))) => Form::Pinned(format!("dyn {traits}{FOR_TASKS}")),
            (None, None) => match self.stream() {
                Some(stream) => {
                    self.guessed.insert(name.to_string(), ty.to_string());
                    Form::Pinned(format!("dyn {stream}<Item = _>{FOR_TASKS}"))
                }
                None => {
                    self.plan.kept.retain(|kept| kept.name != name);
                    self.lost.push((name.to_string(), Why::Unnameable(ty.to_string())));
                    return false;
                }
            },
        };
        if let Some(kept) = self.plan.kept.iter_mut().find(|kept| kept.name == name) {
            kept.form = form;
        }
        true
    }

    /// The path of the trait of streams, which is not std's and which rustc therefore never suggests. `None` if no crate of
    /// `:dep` has it under a name that is known.
    fn stream(&self) -> Option<&'static str> {
        const PATHS: [(&str, &str); 5] = [
            ("futures", "::futures::stream::Stream"),
            ("futures_util", "::futures_util::stream::Stream"),
            ("futures_core", "::futures_core::Stream"),
            ("futures_lite", "::futures_lite::Stream"),
            ("tokio_stream", "::tokio_stream::Stream"),
        ];
        let crates = self.scope.crates.as_ref()?;
        PATHS.iter().find(|(name, _)| crates.externs.contains_key(*name)).map(|(_, path)| *path)
    }

    /// What the plan means for the scope now that it has compiled. `types` are the types of the variables that it
    /// stores.
    pub(super) fn resolve(mut self, types: Vec<(String, String)>, shifts: Vec<(u32, u32, i64)>) -> Resolution {
        let with = |put_back| {
            let taken = self.plan.taken.iter().filter(move |taken| taken.put_back == put_back);
            taken.map(|taken| taken.name.clone())
        };
        let names = self.plan.kept_names();
        let thawed = self.plan.taken.iter().filter_map(|taken| match &taken.how {
            How::Thaw(borrowers) | How::Freeze { ended: Some(borrowers) } => {
                Some((taken.name.clone(), borrowers.clone()))
            }
            _ => None,
        });
        let thawed = thawed.collect();
        let Freezes { owners, borrowers } = self.freezes.clone().unwrap_or_default();
        let is_own =
            |name: &String| self.plan.kept.iter().any(|kept| kept.name == *name && kept.form == Form::Frozen);
        let is_taken = |name: &String| self.plan.taken.iter().any(|taken| taken.name == *name);
        let frozen = owners.iter().filter(|name| is_taken(name)).cloned().collect();
        let frozen_own = owners.iter().filter(|name| is_own(name)).cloned().collect();
        let moved: Vec<String> = with(PutBack::Never).filter(|name| !names.contains(name)).collect();
        let inside = with(PutBack::Inside).collect();
        let part = |name: &String| Some((name.clone(), Why::PartlyMoved(self.parted.get(name)?.clone())));
        self.lost.extend(moved.iter().filter_map(part));
        Resolution {
            inside,
            moved,
            kept: types,
            lost: self.lost,
            frozen,
            frozen_own,
            exclusive: self.plan.consumed,
            borrowers,
            thawed,
            shifts,
        }
    }
}

/// The markers of the variables that have to be given up because of an error. "cannot move out of `x`, borrow later
/// used here" points at both `x` and the borrower; the borrower is the one that cannot be kept.
fn culprits<'a>(error: &Diagnostic, unit: &'a Unit, root: &str, moved: bool) -> Vec<&'a Marker> {
    let of = |touches: &dyn Fn(&std::ops::Range<usize>) -> bool| -> Vec<&'a Marker> {
        unit.markers.iter().filter(|(_, range)| touches(range)).map(|(marker, _)| marker).collect()
    };
    // Many errors also mention where a variable was taken, although they are not about the taking.
    let is_take = |marker: &&Marker| matches!(marker, Marker::Take(_));
    let touched: Vec<&Marker> =
        of(&|range| error.touches(root, range)).into_iter().filter(|marker| !is_take(marker)).collect();
    let primary = of(&|range| error.primary_touches(root, range));
    if moved {
        return primary;
    }
    let later: Vec<&Marker> = touched.iter().filter(|marker| !primary.contains(marker)).copied().collect();
    if later.is_empty() { touched } else { later }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::text::cell::Cell;

    fn refinement(source: &str) -> Refinement {
        let parts = Cell::parse(source).parts.expect("Rust");
        Refinement::new(Plan::new(&Scope::default(), &parts), &Scope::default())
    }

    #[test]
    fn a_function_is_kept_as_a_pointer_and_a_closure_in_a_box() {
        let mut refinement = refinement("let f = add; let g = |x| x; let h = 5;");
        assert!(refinement.give_form("f", "fn(i32) -> i32 {add}", None));
        assert!(refinement.give_form("g", "{closure@x}", Some("impl Fn(i32) -> i32")));
        let forms: Vec<&Form> = refinement.plan.kept.iter().map(|kept| &kept.form).collect();
        let boxed = Form::Boxed("dyn Fn(i32) -> i32 + Send + Sync".into());
        assert_eq!(forms, [&Form::Pointer("fn(i32) -> i32".into()), &boxed, &Form::AsIs]);
    }

    #[test]
    fn what_has_no_form_is_given_up() {
        let mut refinement = refinement("let f = std::iter::once(|| 1).zip(0..);");
        assert!(!refinement.give_form("f", "Zip<Once<{closure@x}>>", None));
        assert!(refinement.plan.kept.is_empty());
        assert_eq!(refinement.lost, [("f".to_string(), Why::Unnameable("Zip<Once<{closure@x}>>".into()))]);
    }

    #[test]
    fn a_future_is_kept_in_a_pinned_box_for_tasks_if_it_can() {
        let mut refinement = refinement("let f = async {};");
        assert!(refinement.give_form("f", "{async block@x}", Some("impl Future<Output = ()>")));
        assert_eq!(refinement.plan.kept[0].form, Form::Pinned("dyn Future<Output = ()> + Send".into()));
        assert!(refinement.give_up(&Marker::Store("f".into()), false, &Parts::default()));
        assert_eq!(refinement.plan.kept[0].form, Form::Pinned("dyn Future<Output = ()>".into()));
    }

    #[test]
    fn a_box_that_cannot_go_to_threads_is_tried_without() {
        let mut refinement = refinement("let f = || 1;");
        refinement.give_form("f", "{closure@x}", Some("impl Fn() -> i32"));
        let parts = Parts::default();
        assert!(refinement.give_up(&Marker::Store("f".into()), false, &parts));
        assert_eq!(refinement.plan.kept[0].form, Form::Boxed("dyn Fn() -> i32".into()));
        assert!(refinement.give_up(&Marker::Store("f".into()), false, &parts));
        assert!(refinement.plan.kept.is_empty());
    }
}
