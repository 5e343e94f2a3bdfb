//! Turns a cell's text into something that can run: parses it, applies its magics, and has its crates, its items and
//! its statements compiled. Needs only a scope, never the session or its worker, so the next cell can be prepared while
//! one runs. Never runs any of the user's code.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use crate::error::Error;
use crate::events::CellId;
use crate::worker::{Places, Timing};

use crate::engine::build::attempt::{self, Attempt};
use crate::engine::build::beside;
use crate::engine::build::bring_in::bring_in;
use crate::engine::build::compile::{Built, Compiled, Compiler, Identity, Kept, source_map};
use crate::engine::build::explain;
use crate::engine::build::heat;
use crate::engine::build::level;
use crate::engine::build::machine_code;
use crate::engine::build::refine::{Refinement, Resolution};
use crate::engine::build::storage_plan::Plan;
use crate::engine::build::type_of::{TOO_DEEP, type_of};
use crate::engine::build::unit::{self, Unit};
use crate::engine::build::wishes::{Said, Wishes};
use crate::engine::diagnostics::{self, Diagnostic};
use crate::engine::magics::{self, Capture, Effect, Parsed, Picture};
use crate::engine::rejection::{PrepareError, Rejection, UsageError};
use crate::engine::rustc_text::codes::PLACEHOLDER_IN_SIGNATURE;
use crate::engine::rustc_text::mir;
use crate::engine::scope::brought;
use crate::engine::scope::{Binding, Library, Lost, Scope, Variable, Why, crate_name};
use crate::engine::text::cell::Parts;
use crate::engine::text::source_map::{GeneratedFile, SourceMap};

/// A cell that compiled and is ready to run.
pub(crate) struct Prepared {
    /// The scope to go on with if the cell runs to its end.
    pub after: Scope,
    /// The scope to go on with if the cell fails: without its new variables, and without those that its code may have
    /// moved away.
    pub after_failure: Scope,
    /// `None` if there is nothing to run: the cell has only items, imports or commands.
    pub program: Option<Program>,
    /// The generated files of this cell, by which the place of a panic is shown as a place in the cell.
    pub places: Vec<Places>,
    /// The text that its magics print before it runs.
    pub said: String,
    pub warnings: String,
    pub timing: Timing,
    pub picture: Option<Picture>,
    pub capture: Option<Capture>,
}

/// Why a cell cannot be run, and what of it goes into the session all the same.
pub(crate) struct Refused {
    pub error: PrepareError,
    /// `None` if the cell has no items, or if they do not compile.
    pub items: Option<Box<SoundItems>>,
}

/// The items of a cell whose statements do not compile.
pub(crate) struct SoundItems {
    pub scope: Scope,
    pub places: Vec<Places>,
}

impl Refused {
    /// The rejection; `Err` if it is none.
    pub(crate) fn into_rejection(self) -> Result<Rejection, Error> {
        self.error.into_rejection()
    }
}

impl<E: Into<PrepareError>> From<E> for Refused {
    fn from(error: E) -> Refused {
        Refused { error: error.into(), items: None }
    }
}

/// The libraries that the worker loads to run a cell.
pub(crate) struct Program {
    pub library: PathBuf,
    /// The library of all crates, if a later set of crates may use its code and statics (`Crates::may_be_shared`).
    pub shared: Option<PathBuf>,
    /// Libraries that `library` links to, in the order in which they must be loaded: crates that may not be shared, session
    /// crates.
    pub needs: Vec<PathBuf>,
}

impl Prepared {
    /// Whether all libraries of its program can still be read. The cache may have lost one since the cell was prepared.
    pub(crate) fn is_there(&self) -> bool {
        let is_there = |file: &PathBuf| std::fs::File::open(file).is_ok();
        self.program
            .iter()
            .all(|program| program.shared.iter().chain(&program.needs).chain([&program.library]).all(is_there))
    }
}

const NOTHING_TO_MEASURE: &str =
    "there is nothing to measure: `%timeit` needs code on its line, `%%timeit` on the lines below it";

/// Whether a cell can be prepared before its turn: none of its magics has to wait for it, and no crate comes along with it. A cell that will be rejected
/// can be.
pub(crate) fn may_be_ahead(scope: &Scope, source: &str) -> bool {
    if brought::may_come(scope, source) {
        return false;
    }
    if beside::may_be_named(source) {
        // The cell before it may write the file.
        return false;
    }
    let lines = magics::lines(source);
    let waits = |effect: Effect| effect.acts.iter().any(|(_, act)| act.waits_for_its_turn());
    lines.is_empty() || !magics::apply(scope.clone(), &lines).is_ok_and(waits)
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
            let unit = unit::broken(id, &cell.source, &rust, syntax.unbalanced);
            let identity = compiler.identify(&unit, scope.optimization);
            let errors = compiler.check(&unit, &identity)?;
            return Err(explain::plain_rejection(&errors, &source_map(&unit, &identity.root)).into());
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
        let cached = |attempt: &Attempt| self.compiler.cached::<()>(&attempt.identity.key);
        let ((library, stderr), attempt) =
            match attempts.iter().find_map(|attempt| Some((cached(attempt)?, attempt))) {
                Some(((library, kept), attempt)) => ((library, kept.stderr), attempt),
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
        Ok(Items { scope, warnings: self.warnings(&stderr, &map), places, has_crate: true })
    }

    /// Compiles a session crate and keeps it in the cache. Returns its library, and rustc's warnings.
    fn compile_session(&self, attempt: &Attempt, number: u32) -> Result<(Library, String), PrepareError> {
        let Attempt { scope, unit, identity } = attempt;
        let _turn = self.compiler.turn(&identity.key);
        // Whoever had the turn before may have built it.
        if let Some((library, kept)) = self.compiler.cached::<()>(&identity.key) {
            return Ok((library, kept.stderr));
        }
        let compiled = self.compiler.session(unit, &crate_name(number), identity, scope.optimization);
        let kept = match compiled? {
            Compiled::Built(built) => {
                let kept = Kept { about: (), stderr: built.stderr.clone() };
                Ok((self.compiler.keep(&identity.key, &built.library, &kept)?, built.stderr))
            }
            Compiled::Errors(errors) => {
                Err(explain::rejection(scope, self.parts, errors, &source_map(unit, "lib.rs")))
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

    /// Compiles again and again, with a changed plan each time, until rustc accepts it. For example, a variable that
    /// the cell moves away cannot be put back. Ends because every change goes a step towards giving a variable or an
    /// import up.
    fn refine(
        &self,
        scope: &Scope,
        first: Plan,
        identity: &Identity,
    ) -> Result<(Built, Resolution, Unit), PrepareError> {
        let mut refinement = Refinement::new(first, scope);
        loop {
            let Refinement { scope, plan, .. } = &refinement;
            let unit = unit::statements(scope, self.id, self.source, self.parts, plan);
            match self.compiler.statements(&unit, identity, scope.optimization, !plan.kept.is_empty())? {
                Compiled::Built(built) => {
                    let types = self.types(&built, &plan.kept_names())?;
                    if !self.give_forms(&mut refinement, &types, identity)? {
                        let types = types.into_iter().filter(|(name, _)| refinement.keeps(name));
                        let nameable = |ty: String| match &refinement.scope.crates {
                            Some(crates) => crates.nameable(&ty),
                            None => ty,
                        };
                        let types = types.map(|(name, ty)| (name, nameable(ty))).collect();
                        let resolution = refinement.resolve(types, unit.files[0].1.shifts());
                        return Ok((built, resolution, unit));
                    }
                }
                Compiled::Errors(errors) => {
                    if !refinement.goes_async(&errors)
                        && let Err(errors) = refinement.adjust(errors, &unit, &identity.root, self.parts)
                        && !refinement.goes_without_strips(&errors, &unit, &identity.root)
                    {
                        let map = source_map(&unit, &identity.root);
                        return Err(explain::rejection(&refinement.scope, self.parts, errors, &map).into());
                    }
                }
            }
        }
    }

    /// The types of the variables that a cell stores, read from the MIR. A type that cannot be read is an error, since
    /// the variable could not be kept.
    fn types(&self, built: &Built, names: &[String]) -> Result<Vec<(String, String)>, Error> {
        mir::stored_types(&built.mir, names).map_err(|name| {
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

    fn prepared(
        &self,
        scope: Scope,
        library: Library,
        attempt: &Attempt,
        resolution: Resolution,
        warnings: String,
    ) -> Prepared {
        let failed_without = resolution.moved.iter().chain(&resolution.inside).cloned();
        let after_failure = scope.without(failed_without, self.id, Why::Moved);
        let mut after = scope.without(resolution.moved.iter().cloned(), self.id, Why::Moved);
        let bindings = self.parts.bindings();
        let mutable = |name: &str| bindings.iter().any(|b| b.name == name && b.mutable);
        for (name, ty) in resolution.kept {
            after.lost.remove_mut(&name);
            let variable = Variable { ty, mutable: mutable(&name), cell: self.id, rebuilt: false, small: false };
            after.variables.insert_mut(name, variable);
        }
        heat::note_sizes(&mut after, &scope, &self.parts.heat);
        for (name, why) in resolution.lost {
            after.variables.remove_mut(&name);
            after.lost.insert_mut(name, Lost { cell: self.id, why });
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
}

impl Prepared {
    fn without_program(after: Scope) -> Prepared {
        Prepared {
            after_failure: after.clone(),
            after,
            program: None,
            places: Vec::new(),
            said: String::new(),
            warnings: String::new(),
            timing: Timing::default(),
            picture: None,
            capture: None,
        }
    }
}
