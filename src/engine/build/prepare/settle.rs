//! Settles the plan for a cell's variables: compiles the cell's statements by a plan, has `refine` change it by what rustc
//! says, and again until rustc accepts it.

use crate::error::Error;

use super::Step;
use crate::engine::build::compile::{Built, Compiled, Identity, source_map};
use crate::engine::build::refine::{Refinement, Resolution};
use crate::engine::build::storage_plan::Plan;
use crate::engine::build::unit::{self, Unit};
use crate::engine::rejection::{PrepareError, Rejection};
use crate::engine::rustc_text::codes::PLACEHOLDER_IN_SIGNATURE;
use crate::engine::rustc_text::mir;
use crate::engine::scope::Scope;

impl Step<'_> {
    /// Compiles again and again, with a changed plan each time, until rustc accepts it. For example, a variable that
    /// the cell moves away cannot be put back. Ends because every change goes a step towards giving a variable or an
    /// import up.
    pub(super) fn refine(
        &self,
        scope: &Scope,
        first: Plan,
        identity: &Identity,
    ) -> Result<(Built, Resolution, Unit), PrepareError> {
        let mut refinement = Refinement::new(first, scope);
        let may_fail = self.source.contains('?');
        // What is said if texts in the place of boxed errors do not help.
        let mut with_boxes: Option<Rejection> = None;
        // What rustc has accepted already, when a plan that freezes is tried.
        let mut accepted = None;
        loop {
            let Refinement { scope, plan, .. } = &refinement;
            let unit = unit::statements(scope, self.id, self.source, self.parts, plan);
            match self.compiler.statements(&unit, identity, scope.optimization, !plan.kept.is_empty())? {
                Compiled::Built(built) => {
                    let types = self.types(&built, &plan.kept_names())?;
                    if self.give_forms(&mut refinement, &types, identity)? {
                        continue;
                    }
                    if let Some(accepted) = accepted.take_if(|_| refinement.freezes_in_vain(&types)) {
                        return Ok(accepted);
                    }
                    let types = types.into_iter().filter(|(name, _)| refinement.keeps(name));
                    let nameable = |ty: String| match &refinement.scope.crates {
                        Some(crates) => crates.nameable(&ty),
                        None => ty,
                    };
                    let types = types.map(|(name, ty)| (name, nameable(ty))).collect();
                    let freezing = refinement.freezing(self.parts);
                    let resolution = refinement.resolve(types, unit.files[0].1.shifts());
                    match freezing {
                        None => return Ok((built, resolution, unit)),
                        Some(next) => refinement = next,
                    }
                    accepted = Some((self.compiler.set_aside(built)?, resolution, unit));
                }
                Compiled::Errors(errors)
                    if may_fail && refinement.goes_on_with_texts(&errors, &unit, &identity.root) =>
                {
                    let map = source_map(&unit, &identity.root);
                    with_boxes = Some(self.rejection(&refinement.scope, errors, &map));
                }
                Compiled::Errors(errors) => {
                    let map = source_map(&unit, &identity.root);
                    if !refinement.goes_async(&errors)
                        && let Err(errors) = refinement.adjust(errors, &unit, &identity.root, self.parts, &map)
                        && !refinement.goes_without_strips(&errors, &unit, &identity.root)
                        && !(accepted.is_none() && refinement.thaw(&errors))
                    {
                        if let Some(accepted) = accepted {
                            return Ok(accepted);
                        }
                        let rejection = || self.rejection(&refinement.scope, errors, &map);
                        return Err(with_boxes.unwrap_or_else(rejection).into());
                    }
                }
            }
        }
    }

    /// The types of the variables that a cell stores, read from the MIR. A type that cannot be read is an error, since
    /// the variable could not be kept.
    fn types(&self, built: &Built, names: &[String]) -> Result<Vec<(String, String)>, Error> {
        let types = mir::stored_types(&built.mir, names);
        let of_value = |(name, ty): (String, String)| {
            let ty = mir::frozen_type(&ty).map(str::to_string).unwrap_or(ty);
            (name, ty)
        };
        types.map(|types| types.into_iter().map(of_value).collect()).map_err(|name| {
            self.compiler
                .unreadable(&format!("its MIR has no type for the variable `{name}`, which cannot be kept"))
        })
    }

    /// Finds a form for each variable whose own type has no name. Returns whether it found one, so that the changed
    /// plan has to be compiled.
    fn give_forms(
        &self,
        refinement: &mut Refinement,
        types: &[(String, String)],
        identity: &Identity,
    ) -> Result<bool, Error> {
        let mut any = false;
        for (name, ty) in refinement.without_name(types) {
            let traits = match mir::function_pointer(&ty) {
                Some(_) => None,
                None => {
                    let Refinement { scope, plan, .. } = &*refinement;
                    let unit = unit::probe(scope, self.id, self.source, self.parts, plan, &name);
                    let errors = self.compiler.check(&unit, identity)?;
                    errors.iter().find_map(|error| error.replacement(PLACEHOLDER_IN_SIGNATURE).map(str::to_string))
                }
            };
            any |= refinement.give_form(&name, &ty, traits.as_deref());
        }
        Ok(any)
    }
}
