//! Turns a cell's text into something that can run: parses it, applies its magics, and has its crates, its items and
//! its statements compiled. Needs only a scope, never the session or its worker, so the next cell can be prepared while
//! one runs. Never runs any of the user's code.

mod settle;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use crate::events::CellId;
use crate::worker::{Places, Timing};

use crate::engine::build::attempt::{self, Attempt};
use crate::engine::build::beside;
use crate::engine::build::bring_in::bring_in;
use crate::engine::build::compile::{Compiled, Compiler, Identity, Kept, source_map};
use crate::engine::build::heat;
use crate::engine::build::imports;
use crate::engine::build::level;
use crate::engine::build::machine_code;
use crate::engine::build::prepared::{Prepared, Program, Refused, SoundItems};
use crate::engine::build::refine::Resolution;
use crate::engine::build::refusal;
use crate::engine::build::storage_plan::Plan;
use crate::engine::build::type_of::{TOO_DEEP, type_of};
use crate::engine::build::unit;
use crate::engine::build::wishes::{Said, Wishes};
use crate::engine::diagnostics::{self, Diagnostic};
use crate::engine::magics::{self, Effect, Parsed};
use crate::engine::rejection::{PrepareError, Rejection, UsageError};
use crate::engine::scope::brought;
use crate::engine::scope::{Binding, Library, Lost, Scope, Variable, Why, crate_name};
use crate::engine::text::cell::Parts;
use crate::engine::text::source_map::{GeneratedFile, SourceMap};

const NOTHING_TO_MEASURE: &str =
    "there is nothing to measure: `%timeit` needs code on its line, `%%timeit` on the lines below it";

/// Whether a cell can be prepared before its turn: none of its magics has to wait for it, no crate comes along with it, and it
/// names no file, which the cell before it may write. A cell that will be rejected can be.
pub(crate) fn may_be_ahead(scope: &Scope, source: &str) -> bool {
    if brought::may_come(scope, source) || beside::may_be_named(source) {
        return false;
    }
    let lines = magics::lines(source);
    let waits = |effect: Effect| effect.acts.iter().any(|(_, act)| act.waits_for_its_turn());
    if !lines.is_empty() && magics::apply(scope.clone(), &lines).is_ok_and(waits) {
        return false;
    }
    let wants = || {
        magics::parse(source).cell.parts.is_ok_and(|parts| imports::want_extern_crates(&mut scope.clone(), &parts))
    };
    !(source.contains("extern crate") && wants())
}

/// Prepares a cell to run in `scope`. Progress that the user should see meanwhile, such as Cargo's, goes to `say`.
pub(crate) fn prepare(
    compiler: &Compiler,
    scope: &Scope,
    id: CellId,
    source: &str,
    say: &dyn Fn(&str),
) -> Result<Prepared, Refused> {
    let _span = tracing::info_span!("compile", cell = %id).entered();
    let started = Instant::now();
    let Parsed { lines, rust, mut cell } = magics::parse(source);
    let mut scope = scope.clone();
    scope.remember(id, source);
    // `:timing` changes only the cells after its own, so this is read before the magics are applied.
    let timed = scope.timing;
    let Effect { mut scope, acts } = magics::apply(scope, &lines)?;
    let mut wishes = Wishes::new(acts, timed, scope.time_format);
    if let Ok(parts) = &mut cell.parts {
        parts.calls = std::mem::take(&mut wishes.calls);
        parts.heat.hot |= wishes.times;
        if parts.measured.len() < wishes.measured {
            return Err(UsageError::from(NOTHING_TO_MEASURE).into());
        }
    }
    wishes.builds_crates |= cell.parts.as_ref().is_ok_and(|parts| imports::want_extern_crates(&mut scope, parts));
    if cell.parts.as_ref().is_ok_and(|parts| brought::bring(&mut scope, &rust, parts)) {
        say(&format!("tokio comes along, as by `:dep {}`\n", brought::TOKIO));
        wishes.builds_crates = true;
    }
    let (mut scope, lost) =
        if wishes.builds_crates { bring_in(compiler, scope, id, say)? } else { (scope, String::new()) };
    compiler.complete(&mut cell, &scope);
    let parts = match &cell.parts {
        Ok(parts) => parts,
        Err(syntax) if syntax.too_deep => return Err(UsageError::from(TOO_DEEP).into()),
        Err(syntax) => {
            let unit = unit::broken(scope.edition, id, &cell.source, &rust, syntax.unbalanced);
            let identity = compiler.identify(&unit, scope.optimization);
            let mut errors = compiler.check(&unit, &identity)?;
            // rustc goes on behind a mistake of syntax with what it guesses. Such a mistake has no code; what has one is
            // about the guess.
            if errors.iter().any(|error| error.code.is_none()) {
                errors.retain(|error| error.code.is_none());
            }
            return Err(refusal::of(&errors, &source_map(&unit, &identity.root)).into());
        }
    };
    scope.chains_stay |= parts.tells_types_apart();
    let step = Step { compiler, id, source: &cell.source, parts };
    let items = step.items(scope)?;
    let mut prepared = step.statements(items.scope.clone()).map_err(|error| items.in_spite_of(error))?;
    let mut said = if wishes.times { level::about(prepared.after.last_level) } else { String::new() };
    for part in std::mem::take(&mut wishes.said) {
        said += &match part {
            Said::Text(text) => text,
            Said::TypeOf(expression) => type_of(compiler, &prepared.after, id, &expression)? + "\n",
        };
    }
    prepared.warnings.insert_str(0, &(lost + &items.warnings));
    prepared.places.extend(items.places);
    let timing = Timing { compile_seconds: started.elapsed().as_secs_f64(), ..wishes.timing };
    let Wishes { picture, capture, .. } = wishes;
    Ok(Prepared { said, timing, picture, capture, ..prepared })
}

/// Compiles a cell's items for the cache, so that they are there when the cell is prepared. Returns the scope in which the
/// items of the cell after it can be compiled, which knows no variables. `None` if the cell has to be waited for: its
/// magics wait for its turn, or it is rejected when it is prepared.
pub(crate) fn items_ahead(compiler: &Compiler, scope: &Scope, id: CellId, source: &str) -> Option<Scope> {
    if !may_be_ahead(scope, source) {
        return None;
    }
    let Parsed { lines, mut cell, .. } = magics::parse(source);
    let scope = magics::apply(scope.clone(), &lines).ok()?.scope;
    compiler.complete(&mut cell, &scope);
    let step = Step { compiler, id, source: &cell.source, parts: cell.parts.as_ref().ok()? };
    Some(step.items(scope).ok()?.scope)
}

/// The result of compiling a cell's items.
struct Items {
    scope: Scope,
    warnings: String,
    places: Vec<Places>,
    /// Whether they have a crate. Imports alone have none, and may be what is wrong with the statements.
    has_crate: bool,
}

impl Items {
    /// The refusal of a cell whose items compiled and whose statements did not.
    fn in_spite_of(&self, error: PrepareError) -> Refused {
        let sound = || Box::new(SoundItems { scope: self.scope.clone(), places: self.places.clone() });
        Refused { error, items: self.has_crate.then(sound) }
    }
}

/// One cell on its way through the compiler.
struct Step<'a> {
    compiler: &'a Compiler,
    id: CellId,
    source: &'a Arc<str>,
    parts: &'a Parts,
}

impl Step<'_> {
    /// Adds the cell's items to the scope and compiles their crate. Items of earlier cells first see the new definitions;
    /// if that does not compile, they keep the old ones. If neither compiles, the errors of the first attempt are
    /// reported.
    fn items(&self, scope: Scope) -> Result<Items, PrepareError> {
        let items = &self.parts.items;
        let addition = scope.addition(self.id, self.source, items);
        if !addition.needs_crate() {
            if let Some((errors, map)) = imports::errors(self.compiler, &scope, self.id, self.source, self.parts)? {
                return Err(self.rejection(&scope, errors, &map).into());
            }
            return Ok(Items {
                scope: scope.with_imports(items),
                warnings: String::new(),
                places: Vec::new(),
                has_crate: false,
            });
        }
        let over_chain = addition.grown_over_chain();
        let has_chain = over_chain.is_some();
        if let Some((grown, number)) = over_chain {
            match self.build_session(grown, number) {
                // The cell may be to blame, or the chain as one crate: without the chain it shows.
                Err(PrepareError::Rejected(_)) => {}
                built => return built,
            }
        }
        let attempt = |binding| {
            let (grown, number) = addition.grown(binding);
            self.build_session(grown, number)
        };
        let mut built = match attempt(Binding::Late) {
            Err(PrepareError::Rejected(rejection)) if addition.redefines() => {
                attempt(Binding::Early).map_err(|error| match error {
                    PrepareError::Rejected(_) => rejection.into(),
                    broken => broken,
                })
            }
            built => built,
        }?;
        built.scope.chains_stay |= has_chain;
        Ok(built)
    }

    fn build_session(&self, mut scope: Scope, number: u32) -> Result<Items, PrepareError> {
        let without_crates = attempt::items_without_crates(&scope, number);
        let write = |scope: &Scope| unit::session::session(scope, number);
        let attempts = attempt::all(self.compiler, &scope, without_crates, write);
        let cached = |attempt: &Attempt| self.compiler.cached::<Vec<String>>(&attempt.identity.key);
        let ((library, kept), attempt) = match attempts.iter().find_map(|attempt| Some((cached(attempt)?, attempt)))
        {
            Some(found) => found,
            None => attempt::first_that_compiles(&attempts, |attempt| self.compile_session(attempt, number))?,
        };
        let Attempt { unit, scope: seen, .. } = attempt;
        let map = source_map(unit, "lib.rs");
        let places = unit.files[1..].iter().filter(|(name, _)| *name == self.id.to_string());
        let place = |(name, text): &(String, GeneratedFile)| Places {
            file: name.clone(),
            label: name.clone(),
            shifts: text.shifts(),
        };
        let places = places.map(place).collect();
        let code = machine_code::bytes(&library.path);
        scope.builds.insert_mut(number, Arc::new(unit::session::built(seen, number, library, code)));
        if !kept.about.is_empty() {
            scope = scope.without_imports(&kept.about, number);
        }
        Ok(Items { scope, warnings: self.warnings(&kept.stderr, &map), places, has_crate: true })
    }

    /// Compiles a session crate and keeps it in the cache, with rustc's warnings and the paths of the imports of earlier
    /// cells that it does without, because they do not resolve any more.
    fn compile_session(
        &self,
        attempt: &Attempt,
        number: u32,
    ) -> Result<(Library, Kept<Vec<String>>), PrepareError> {
        let Attempt { scope, unit, identity } = attempt;
        let _turn = self.compiler.turn(&identity.key);
        // Whoever had the turn before may have built it.
        if let Some(built) = self.compiler.cached(&identity.key) {
            return Ok(built);
        }
        let (mut scope, mut unit, mut gone) = (scope.clone(), unit.clone(), Vec::new());
        let kept = loop {
            match self.compiler.session(&unit, &crate_name(number), identity, scope.optimization)? {
                Compiled::Built(built) => {
                    let kept = Kept { about: gone, stderr: built.stderr };
                    break Ok((self.compiler.keep(&identity.key, &built.library, &kept)?, kept));
                }
                Compiled::Errors(errors) => {
                    let wrong = unit::session::unresolved(&unit, &errors);
                    if wrong.is_empty() {
                        break Err(self.rejection(&scope, errors, &source_map(&unit, "lib.rs")));
                    }
                    scope = scope.without_imports(&wrong, number);
                    unit = unit::session::session(&scope, number);
                    gone.extend(wrong);
                }
            }
        };
        self.compiler.discard(identity);
        Ok(kept?)
    }

    /// The warnings about this cell. Those about earlier cells were shown when these were compiled.
    fn warnings(&self, stderr: &str, map: &SourceMap) -> String {
        let (diagnostics, _) = diagnostics::parse(stderr);
        let about_this = |d: &Diagnostic| d.primary(map).first().is_some_and(|place| place.cell == self.id);
        let warnings: Vec<Diagnostic> = diagnostics.into_iter().filter(about_this).collect();
        diagnostics::render(&warnings, map, true)
    }

    fn statements(&self, mut scope: Scope) -> Result<Prepared, PrepareError> {
        if self.parts.is_idle() {
            return Ok(Prepared::without_program(scope));
        }
        let first = Plan::new(&scope, self.parts);
        let without_crates = attempt::statements_without_crates(&scope, self.source, self.parts, &first);
        let write = |scope: &Scope| unit::statements(scope, self.id, self.source, self.parts, &first);
        let attempts = attempt::all(self.compiler, &scope, without_crates, write);
        scope.last_level = Some(level::of(&attempts[0].unit, scope.optimization));
        for attempt in &attempts {
            if let Some((library, kept)) = self.compiler.cached::<Resolution>(&attempt.identity.key) {
                let warnings = self.warnings(&kept.stderr, &source_map(&attempt.unit, &attempt.identity.root));
                return Ok(self.prepared(scope, library, attempt, kept.about, warnings));
            }
        }
        let (compiled, attempt) = attempt::first_that_compiles(&attempts, |attempt| {
            let compiled = self.compile(&attempt.scope, first.clone(), &attempt.identity);
            self.compiler.discard(&attempt.identity);
            compiled
        })?;
        let (library, resolution, warnings) = compiled;
        Ok(self.prepared(scope, library, attempt, resolution, warnings))
    }

    /// Finds the plan for the cell's variables that rustc accepts, compiles the statements by it, and keeps the library
    /// in the cache.
    fn compile(
        &self,
        scope: &Scope,
        first: Plan,
        identity: &Identity,
    ) -> Result<(Library, Resolution, String), PrepareError> {
        let (built, resolution, unit) = self.refine(scope, first, identity)?;
        let warnings = self.warnings(&built.stderr, &source_map(&unit, &identity.root));
        let kept = Kept { about: resolution.clone(), stderr: built.stderr };
        let library = self.compiler.keep(&identity.key, &built.library, &kept)?;
        Ok((library, resolution, warnings))
    }

    fn prepared(
        &self,
        scope: Scope,
        library: Library,
        attempt: &Attempt,
        resolution: Resolution,
        warnings: String,
    ) -> Prepared {
        let failed_without = resolution.moved.iter().chain(&resolution.inside).cloned();
        let mut after_failure = scope.without(failed_without, self.id, Why::Moved);
        let mut after = scope.without(resolution.moved.iter().cloned(), self.id, Why::Moved);
        let for_good = scope.had_for_good(&self.parts.mentions());
        for after in [&mut after, &mut after_failure] {
            after.keep_frozen(&for_good, self.id);
            after.thaw(&resolution.thawed, self.id);
            after.freeze(&resolution.frozen, &resolution.borrowers, &resolution.exclusive, self.id);
        }
        let bindings = self.parts.bindings();
        let mutable = |name: &str| bindings.iter().any(|b| b.name == name && b.mutable);
        for (name, ty) in resolution.kept {
            after.lost.remove_mut(&name);
            let variable =
                Variable { ty, mutable: mutable(&name), cell: self.id, rebuilt: false, small: false, frozen: None };
            after.variables.insert_mut(name, variable);
        }
        after.freeze(&resolution.frozen_own, &resolution.borrowers, &resolution.exclusive, self.id);
        heat::note_sizes(&mut after, &scope, &self.parts.heat);
        for (name, why) in resolution.lost {
            if !matches!(why, Why::OwnerChanged(_)) {
                after.variables.remove_mut(&name);
                after.lost.insert_mut(name, Lost { cell: self.id, why });
            }
        }
        let of_crates = |shared| {
            let crates = scope.crates.as_ref().filter(|crates| crates.may_be_shared() == shared);
            crates.map(|crates| crates.library.clone())
        };
        let mut needs: Vec<PathBuf> = of_crates(false).into_iter().collect();
        let session = attempt.unit.loads.iter().filter_map(|number| scope.builds.get(number));
        needs.extend(session.map(|build| build.library.path.clone()));
        let program = Some(Program { library: library.path, shared: of_crates(true), needs });
        let places = vec![Places {
            file: attempt.identity.root.clone(),
            label: self.id.to_string(),
            shifts: resolution.shifts,
        }];
        Prepared { after, after_failure, program, places, warnings, ..Prepared::without_program(Scope::default()) }
    }

    /// The errors as the user sees them, with help about names that we know and rustc does not.
    fn rejection(&self, scope: &Scope, errors: Vec<Diagnostic>, map: &SourceMap) -> Rejection {
        refusal::explained(scope, self.parts, errors, map)
    }
}
