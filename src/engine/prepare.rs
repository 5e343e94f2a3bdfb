//! From text to something that can run: parse, assemble, compile. Needs only a scope, not the session, so the next
//! cell can be prepared while one runs.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::output::CellId;
use crate::worker::Places;

use super::cell::{Cell, Parts};
use super::command::{self, Effect};
use super::compile::{Built, Compiled, Compiler, Identity, Kept, source_map};
use super::diagnostic::{self, Diagnostic};
use super::scope::{Binding, Library, Lost, Scope, Variable, Why};
use super::source::{SourceMap, Text};
use super::unit::{self, Marker, Plan, PutBack, Taken, Unit};

/// A cell that compiled.
pub struct Prepared {
    /// The scope after it ran to its end, and after it failed.
    pub after: Scope,
    pub after_failure: Scope,
    /// Nothing to run: only items, imports or commands.
    pub program: Option<Program>,
    /// Files of this cell, for the places of panics.
    pub places: Vec<Places>,
    /// What its commands print.
    pub said: String,
    pub warnings: String,
    pub timed: bool,
    pub wall_only: bool,
    pub compile_seconds: f64,
}

pub struct Program {
    pub library: PathBuf,
    pub needs: Vec<PathBuf>,
}

/// Why a cell cannot run.
pub struct Rejection {
    pub ename: &'static str,
    pub evalue: String,
    pub rendered: String,
}

/// What a cached cell is besides its library.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Resolution {
    /// Variables that the cell takes and does not give back outside its own code, or not at all.
    inside: Vec<String>,
    moved: Vec<String>,
    /// The cell's own variables, with their types.
    kept: Vec<(String, String)>,
    lost: Vec<(String, Why)>,
    /// See `Text::shifts`.
    shifts: Vec<(u32, u32, i64)>,
}

/// Prepares a cell for the scope that it will find.
pub fn prepare(
    compiler: &Compiler,
    scope: &Scope,
    id: CellId,
    source: &str,
) -> Result<Result<Prepared, Rejection>, Error> {
    let started = Instant::now();
    let cell = Cell::parse(source);
    let Effect { scope, said, timed, wall_only } = match command::apply(scope, &cell.magics) {
        Ok(effect) => effect,
        Err(message) => return Ok(Err(Rejection::usage(message))),
    };
    let parts = match &cell.parts {
        Ok(parts) => parts,
        Err(syntax) => {
            let unit = unit::broken(id, &cell.source, &cell.rust(), syntax.unbalanced);
            let identity = compiler.identify(&unit, None, scope.optimization);
            let errors = compiler.check_broken(&unit, &identity)?;
            return Ok(Err(Rejection::errors(&errors, &source_map(&unit, &identity.root))));
        }
    };
    let step = Step { compiler, id, source: &cell.source, parts };
    let items = match step.items(scope)? {
        Ok(items) => items,
        Err(rejection) => return Ok(Err(rejection)),
    };
    let mut prepared = match step.statements(items.scope)? {
        Ok(prepared) => prepared,
        Err(rejection) => return Ok(Err(rejection)),
    };
    prepared.warnings.insert_str(0, &items.warnings);
    prepared.places.extend(items.places);
    Ok(Ok(Prepared { said, timed, wall_only, compile_seconds: started.elapsed().as_secs_f64(), ..prepared }))
}

/// What a cell's items have come to.
struct Items {
    scope: Scope,
    warnings: String,
    places: Vec<Places>,
}

struct Step<'a> {
    compiler: &'a Compiler,
    id: CellId,
    source: &'a Arc<str>,
    parts: &'a Parts,
}

impl Step<'_> {
    /// The scope with the cell's items, its session crate built, and the warnings about them.
    fn items(&self, scope: Scope) -> Result<Result<Items, Rejection>, Error> {
        let items = &self.parts.items;
        if !scope.needs_module(items) {
            let scope = scope.with_imports(items);
            if scope.library.is_none() && !scope.modules.is_empty() {
                // The worker was lost, and the statics with it: they live in a new build.
                return self.build_session(scope);
            }
            return Ok(Ok(Items { scope, warnings: String::new(), places: Vec::new() }));
        }
        let late = scope.with_module(self.id, self.source, items, Binding::Late);
        match self.build_session(late)? {
            Ok(done) => Ok(Ok(done)),
            Err(rejection) if scope.redefines(items) => {
                let early = scope.with_module(self.id, self.source, items, Binding::Early);
                Ok(self.build_session(early)?.map_err(|_| rejection))
            }
            Err(rejection) => Ok(Err(rejection)),
        }
    }

    fn build_session(&self, mut scope: Scope) -> Result<Result<Items, Rejection>, Error> {
        let unit = unit::session(&scope);
        let identity = self.compiler.identify(&unit, None, scope.optimization);
        let map = source_map(&unit, "lib.rs");
        let (library, stderr) = match self.compiler.cached::<()>(&identity.key) {
            Some((library, kept)) => (library, kept.stderr),
            None => match self.compiler.session(&unit, &identity, scope.optimization)? {
                Compiled::Built(built) => {
                    let kept = Kept { about: (), stderr: built.stderr.clone() };
                    (self.compiler.keep(&identity.key, &built.library, &kept)?, built.stderr)
                }
                Compiled::Errors(errors) => return Ok(Err(self.rejection(&scope, errors, &map))),
            },
        };
        // A new worker knows none of the files, any other all but this cell's.
        let all = scope.library.is_none();
        let places = unit.files[1..].iter().filter(|(name, _)| all || *name == self.id.to_string());
        let place = |(name, text): &(String, Text)| Places {
            file: name.clone(),
            label: name.clone(),
            shifts: text.shifts(),
        };
        let places = places.map(place).collect();
        for module in scope.modules.iter_mut().filter(|module| module.statics_home.is_none()) {
            module.statics_home = Some(library.clone());
        }
        scope.library = Some(library);
        Ok(Ok(Items { scope, warnings: self.warnings(&stderr, &map), places }))
    }

    /// Warnings about this cell; those about earlier cells have been shown.
    fn warnings(&self, stderr: &str, map: &SourceMap) -> String {
        let (diagnostics, _) = diagnostic::parse(stderr);
        let about_this = |d: &Diagnostic| d.primary(map).first().is_some_and(|place| place.cell == self.id);
        let warnings: Vec<Diagnostic> = diagnostics.into_iter().filter(about_this).collect();
        diagnostic::render(&warnings, map, true)
    }

    fn statements(&self, scope: Scope) -> Result<Result<Prepared, Rejection>, Error> {
        if self.parts.statements.is_empty() && !self.parts.runs_main {
            return Ok(Ok(Prepared::without_program(scope)));
        }
        let first = self.first_plan(&scope);
        let unit = unit::statements(&scope, self.id, self.source, self.parts, &first);
        let session = scope.library.clone().filter(|_| unit.links_session);
        let identity = self.compiler.identify(&unit, session.as_ref(), scope.optimization);
        if let Some((library, kept)) = self.compiler.cached::<Resolution>(&identity.key) {
            let warnings = self.warnings(&kept.stderr, &source_map(&unit, &identity.root));
            return Ok(Ok(self.prepared(scope, library, identity, session, kept.about, warnings)));
        }
        let (built, resolution, unit) = match self.refine(&scope, first, &identity, session.as_ref())? {
            Ok(done) => done,
            Err(rejection) => return Ok(Err(rejection)),
        };
        let warnings = self.warnings(&built.stderr, &source_map(&unit, &identity.root));
        let kept = Kept { about: resolution.clone(), stderr: built.stderr };
        let library = self.compiler.keep(&identity.key, &built.library, &kept)?;
        Ok(Ok(self.prepared(scope, library, identity, session, resolution, warnings)))
    }

    fn first_plan(&self, scope: &Scope) -> Plan {
        let free = self.parts.free_names();
        let kept: Vec<String> = self.parts.bindings().into_iter().map(|binding| binding.name).collect();
        let taken = scope.variables.iter().filter(|(name, _)| free.contains(*name)).map(|(name, variable)| Taken {
            name: name.clone(),
            variable: variable.clone(),
            put_back: PutBack::Outside,
            rebound: kept.contains(name),
        });
        Plan { taken: taken.collect(), kept }
    }

    /// Compiles until rustc agrees with what is put back: a variable that the cell moves away cannot be.
    fn refine(
        &self,
        scope: &Scope,
        mut plan: Plan,
        identity: &Identity,
        session: Option<&Library>,
    ) -> Result<Result<(Built, Resolution, Unit), Rejection>, Error> {
        let mut lost: Vec<(String, Why)> = Vec::new();
        let mut imports = scope.clone();
        loop {
            let unit = unit::statements(&imports, self.id, self.source, self.parts, &plan);
            let errors = match self.compiler.statements(&unit, identity, session, scope.optimization)? {
                Compiled::Built(built) => {
                    let resolution = resolve(&plan, lost, &built.mir, unit.files[0].1.shifts());
                    return Ok(Ok((built, resolution, unit)));
                }
                Compiled::Errors(errors) => errors,
            };
            let (about_ours, about_theirs): (Vec<Diagnostic>, Vec<Diagnostic>) = errors
                .into_iter()
                .partition(|error| unit.markers.iter().any(|(_, r)| error.touches(&identity.root, r)));
            let mut progress = false;
            if about_theirs.is_empty() {
                for error in &about_ours {
                    progress |= self.adjust(error, &unit, &identity.root, &mut plan, &mut imports, &mut lost);
                }
            }
            if !progress {
                let shown = if about_theirs.is_empty() { about_ours } else { about_theirs };
                return Ok(Err(self.rejection(scope, shown, &source_map(&unit, &identity.root))));
            }
        }
    }

    /// Changes the plan so that an error about our own text goes away; false if it cannot.
    fn adjust(
        &self,
        error: &Diagnostic,
        unit: &Unit,
        root: &str,
        plan: &mut Plan,
        scope: &mut Scope,
        lost: &mut Vec<(String, Why)>,
    ) -> bool {
        let touched: Vec<&Marker> =
            unit.markers.iter().filter(|(_, range)| error.touches(root, range)).map(|(marker, _)| marker).collect();
        let primary: Vec<&Marker> = unit
            .markers
            .iter()
            .filter(|(_, range)| error.primary_touches(root, range))
            .map(|(marker, _)| marker)
            .collect();
        let moved = matches!(error.code.as_deref(), Some("E0382" | "E0381" | "E0507"));
        // "cannot move out of `x`, borrow later used here": the borrower is the one that cannot be kept.
        let later: Vec<&Marker> = touched.iter().filter(|marker| !primary.contains(*marker)).copied().collect();
        let culprits = match (moved, later.is_empty()) {
            (true, _) => primary,
            (false, false) => later,
            (false, true) => touched,
        };
        let mut changed = false;
        for marker in culprits {
            changed |= match marker {
                Marker::Import(path) => {
                    let before = scope.imports.len();
                    scope.imports.retain(|import| &import.path != path);
                    scope.imports.len() < before
                }
                Marker::Take(name) => {
                    let before = plan.taken.len();
                    plan.taken.retain(|taken| &taken.name != name);
                    lost.push((name.clone(), Why::Unnameable("a type that is private to a library".into())));
                    plan.taken.len() < before
                }
                Marker::Store(name) => self.give_up(name, moved, plan, lost),
            };
        }
        changed
    }

    fn give_up(&self, name: &str, moved: bool, plan: &mut Plan, lost: &mut Vec<(String, Why)>) -> bool {
        if plan.kept.iter().any(|kept| kept == name) {
            plan.kept.retain(|kept| kept != name);
            lost.push((name.to_string(), if moved { Why::Moved } else { Why::Borrows }));
            return true;
        }
        let Some(taken) = plan.taken.iter_mut().find(|taken| taken.name == name) else { return false };
        taken.put_back = match taken.put_back {
            PutBack::Outside if self.parts.assigns(name) => PutBack::Inside,
            PutBack::Outside | PutBack::Inside => PutBack::Never,
            PutBack::Never => return false,
        };
        true
    }

    fn prepared(
        &self,
        scope: Scope,
        library: Library,
        identity: Identity,
        session: Option<Library>,
        resolution: Resolution,
        warnings: String,
    ) -> Prepared {
        let failed_without = resolution.moved.iter().chain(&resolution.inside).cloned();
        let after_failure = scope.without(failed_without, self.id, Why::Moved);
        let mut after = scope.without(resolution.moved.iter().cloned(), self.id, Why::Moved);
        let bindings = self.parts.bindings();
        let mutable = |name: &str| bindings.iter().any(|b| b.name == name && b.mutable);
        for (name, ty) in resolution.kept {
            after.lost.remove(&name);
            let variable = Variable { ty, mutable: mutable(&name), cell: self.id };
            after.variables.insert(name, variable);
        }
        for (name, why) in resolution.lost {
            after.variables.remove(&name);
            after.lost.insert(name, Lost { cell: self.id, why });
        }
        let mut needs: Vec<PathBuf> = Vec::new();
        if let Some(session) = session {
            let homes = scope.modules.iter().filter_map(|module| module.statics_home.as_ref());
            needs.extend(homes.map(|home| home.path.clone()));
            needs.push(session.path);
            let mut seen = BTreeSet::new();
            needs.retain(|path| seen.insert(path.clone()));
        }
        let program = Some(Program { library: library.path, needs });
        let places = vec![Places { file: identity.root, label: self.id.to_string(), shifts: resolution.shifts }];
        Prepared { after, after_failure, program, places, warnings, ..Prepared::without_program(Scope::default()) }
    }

    /// The errors as the user sees them, with what we know about the names in them.
    fn rejection(&self, scope: &Scope, mut errors: Vec<Diagnostic>, map: &SourceMap) -> Rejection {
        for error in &mut errors {
            for help in super::advice::about(scope, &error.message, error.code.as_deref()) {
                error.add_help(help);
            }
        }
        Rejection::errors(&errors, map)
    }
}

/// What the plan that compiled means for the scope.
fn resolve(plan: &Plan, mut lost: Vec<(String, Why)>, mir: &str, shifts: Vec<(u32, u32, i64)>) -> Resolution {
    let with = |put_back| plan.taken.iter().filter(move |t| t.put_back == put_back).map(|t| t.name.clone());
    let mut kept = Vec::new();
    for (name, ty) in unit::types_from_mir(mir, &plan.kept) {
        if unit::is_nameable(&ty) {
            kept.push((name, ty));
        } else {
            lost.push((name, Why::Unnameable(ty)));
        }
    }
    let moved = with(PutBack::Never).filter(|name| !plan.kept.contains(name)).collect();
    Resolution { inside: with(PutBack::Inside).collect(), moved, kept, lost, shifts }
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
            timed: false,
            wall_only: false,
            compile_seconds: 0.0,
        }
    }
}

impl Rejection {
    fn errors(errors: &[Diagnostic], map: &SourceMap) -> Rejection {
        let rendered = diagnostic::render(errors, map, true);
        let evalue = errors.first().map_or_else(|| "this is not Rust".to_string(), |error| error.message.clone());
        Rejection { ename: "CompileError", evalue, rendered }
    }

    fn usage(message: String) -> Rejection {
        Rejection { ename: "UsageError", rendered: format!("error: {message}"), evalue: message }
    }
}
