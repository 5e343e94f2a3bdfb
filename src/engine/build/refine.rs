//! Changes the plan for a cell's variables by what rustc says, until rustc accepts it. A variable that the cell moves
//! away cannot be put back; a variable that borrows cannot be kept; a variable whose type has no name is kept in
//! another form, if there is one. Never runs rustc itself, and never hides an error about the user's own text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::engine::build::storage_plan::{Errors, Form, Marker, Plan, PutBack};
use crate::engine::build::unit::Unit;
use crate::engine::diagnostics::Diagnostic;
use crate::engine::rustc_text::codes::{self, Matter, matter};
use crate::engine::rustc_text::mir;
use crate::engine::rustc_text::wording::{self, Boxable};
use crate::engine::scope::{Scope, Why};
use crate::engine::text::cell::Parts;

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
    ) -> Result<(), Vec<Diagnostic>> {
        let is_ours = |error: &Diagnostic| unit.markers.iter().any(|(_, range)| error.touches(root, range));
        let (ours, theirs): (Vec<Diagnostic>, Vec<Diagnostic>) = errors.into_iter().partition(is_ours);
        if !theirs.is_empty() {
            return Err(theirs);
        }
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
            Marker::Back(name) => self.give_up_putting_back(name, parts),
        }
    }

    fn give_up_keeping(&mut self, name: &str, moved: bool) -> bool {
        let Some(kept) = self.plan.kept.iter_mut().find(|kept| kept.name == name) else { return false };
        let less = match &kept.form {
            Form::Boxed(ty) => ty.strip_suffix(FOR_THREADS).map(|ty| Form::Boxed(ty.to_string())),
            Form::Pinned(ty) => ty.strip_suffix(FOR_TASKS).map(|ty| Form::Pinned(ty.to_string())),
            Form::AsyncFn { call, sendable: true } => Some(Form::AsyncFn { call: call.clone(), sendable: false }),
            Form::AsIs | Form::Pointer(_) | Form::AsyncFn { sendable: false, .. } => None,
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
        let moved: Vec<String> = with(PutBack::Never).filter(|name| !names.contains(name)).collect();
        let inside = with(PutBack::Inside).collect();
        let part = |name: &String| Some((name.clone(), Why::PartlyMoved(self.parted.get(name)?.clone())));
        self.lost.extend(moved.iter().filter_map(part));
        Resolution { inside, moved, kept: types, lost: self.lost, shifts }
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
