//! Changes a plan until rustc agrees with it. A variable that the cell moves away cannot be put back; one that borrows
//! cannot be kept; one whose type has no name is kept in another form, if there is one.

use serde::{Deserialize, Serialize};

use crate::engine::build::storage_plan::{Form, Marker, Plan, PutBack};
use crate::engine::build::unit::Unit;
use crate::engine::diagnostics::Diagnostic;
use crate::engine::rustc_text::codes::{Matter, matter};
use crate::engine::rustc_text::{mir, wording};
use crate::engine::scope::{Scope, Why};
use crate::engine::text::cell::Parts;

/// A plan on its way, and the scope without what stands in its way.
pub(super) struct Refinement {
    pub scope: Scope,
    pub plan: Plan,
    lost: Vec<(String, Why)>,
}

/// What the plan that compiled means for the scope; kept with the library in the cache.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(super) struct Resolution {
    /// Variables that the cell takes and gives back from inside its own code only, so that a failure loses them.
    pub inside: Vec<String>,
    /// Variables that the cell takes and does not give back.
    pub moved: Vec<String>,
    /// The cell's own variables, with the types under which they are stored.
    pub kept: Vec<(String, String)>,
    pub lost: Vec<(String, Why)>,
    /// See `GeneratedFile::shifts`.
    pub shifts: Vec<(u32, u32, i64)>,
}

/// A closure is boxed as one that may go to other threads, if it may.
const FOR_THREADS: &str = " + Send + Sync";

impl Refinement {
    pub(super) fn new(plan: Plan, scope: &Scope) -> Refinement {
        Refinement { scope: scope.clone(), plan, lost: Vec::new() }
    }

    /// Changes the plan so that errors about our own text go away. Errors about the user's text are handed back, and
    /// so is everything if no change would help.
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
        // Several errors may be about one variable: each gives up one thing at a time.
        let mut seen: Vec<&Marker> = Vec::new();
        for error in &ours {
            let moved = matter(error.code.as_deref()) == Matter::Moved;
            for marker in culprits(error, unit, root, moved) {
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
                self.scope.imports.retain(|import| &import.path != path);
                self.scope.imports.len() < before
            }
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
        if let Form::Boxed(ty) = &kept.form
            && let Some(shorter) = ty.strip_suffix(FOR_THREADS)
        {
            kept.form = Form::Boxed(shorter.to_string());
            return true;
        }
        self.plan.kept.retain(|kept| kept.name != name);
        self.lost.push((name.to_string(), if moved { Why::Moved } else { Why::Borrows }));
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

    /// Whether the plan still keeps this variable.
    pub(super) fn keeps(&self, name: &str) -> bool {
        self.plan.kept.iter().any(|kept| kept.name == name)
    }

    /// Variables that are stored as they are, under a type that no later cell could write.
    pub(super) fn without_name(&self, types: &[(String, String)]) -> Vec<(String, String)> {
        let as_is = |name: &str| self.plan.kept.iter().any(|kept| kept.name == name && kept.form == Form::AsIs);
        types.iter().filter(|(name, ty)| as_is(name) && !mir::is_nameable(ty)).cloned().collect()
    }

    /// Chooses the form of a variable of this type; `suggested` is what rustc calls it (`impl Fn(i32) -> i32`). A variable
    /// for which there is none is given up. Returns whether the plan has a form to try.
    pub(super) fn give_form(&mut self, name: &str, ty: &str, suggested: Option<&str>) -> bool {
        let form = match (mir::function_pointer(ty), suggested.and_then(wording::boxable_traits)) {
            (Some(pointer), _) => Form::Pointer(pointer.to_string()),
            (None, Some(boxed)) => Form::Boxed(format!("dyn {boxed}{FOR_THREADS}")),
            (None, None) => {
                self.plan.kept.retain(|kept| kept.name != name);
                self.lost.push((name.to_string(), Why::Unnameable(ty.to_string())));
                return false;
            }
        };
        if let Some(kept) = self.plan.kept.iter_mut().find(|kept| kept.name == name) {
            kept.form = form;
        }
        true
    }

    /// What the plan means now that it has compiled; `types` are those of the variables that it keeps.
    pub(super) fn resolve(self, types: Vec<(String, String)>, shifts: Vec<(u32, u32, i64)>) -> Resolution {
        let with = |put_back| {
            let taken = self.plan.taken.iter().filter(move |taken| taken.put_back == put_back);
            taken.map(|taken| taken.name.clone())
        };
        let names = self.plan.kept_names();
        let moved = with(PutBack::Never).filter(|name| !names.contains(name)).collect();
        Resolution { inside: with(PutBack::Inside).collect(), moved, kept: types, lost: self.lost, shifts }
    }
}

/// The markers that an error is really about. "cannot move out of `x`, borrow later used here" is about the borrower,
/// for it is the one that cannot be kept.
fn culprits<'a>(error: &Diagnostic, unit: &'a Unit, root: &str, moved: bool) -> Vec<&'a Marker> {
    let of = |touches: &dyn Fn(&std::ops::Range<usize>) -> bool| -> Vec<&'a Marker> {
        unit.markers.iter().filter(|(_, range)| touches(range)).map(|(marker, _)| marker).collect()
    };
    // That a variable was taken there is told along with many errors, and is the matter of none but those about it.
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
        let mut refinement = refinement("let f = async {};");
        assert!(!refinement.give_form("f", "{async block@x}", Some("impl Future<Output = ()>")));
        assert!(refinement.plan.kept.is_empty());
        assert_eq!(refinement.lost, [("f".to_string(), Why::Unnameable("{async block@x}".into()))]);
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
