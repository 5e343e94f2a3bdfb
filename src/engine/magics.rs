//! What magics and commands do: each answers a new scope, says something, or becomes Rust that the worker runs in
//! the place of its line. Runs nothing itself.

mod again;
mod help;
mod instead;
mod list;
mod worker;

use crate::engine::rejection::UsageError;
use crate::engine::scope::dependency;
use crate::engine::scope::{Optimization, Scope, Why};
use crate::engine::text::cell::{Call, Flags};
use crate::engine::text::magic::{Kind, Magic};
use crate::events::CellId;

pub(super) use help::known;
pub(super) use instead::{Instead, instead};

/// What a cell's magics have done.
pub(super) struct Effect {
    pub scope: Scope,
    /// What they print.
    pub said: String,
    /// `%%time`
    pub timed: bool,
    /// `%%time --wall`, or the session's setting.
    pub wall_only: bool,
    /// Whether it asks for crates, of which the scope has only the names yet.
    pub asks: bool,
    /// What they do in the worker.
    pub calls: Vec<Call>,
    pub picture: Option<Picture>,
    pub capture: Option<Capture>,
    /// Expressions whose types are asked for (`:type`), and where in `said` the answers belong.
    pub types: Vec<(usize, String)>,
}

/// Whose lanes are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Picture {
    /// `%threads`: those of the cell before this one.
    Last,
    /// `%%threads`
    This,
}

/// What of the cell `%%capture` keeps from the front end, and in which variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Capture {
    pub name: Option<String>,
    pub stdout: bool,
    pub stderr: bool,
    pub display: bool,
}

/// Applies the magics in order.
pub(super) fn apply(scope: &Scope, magics: &[Magic]) -> Result<Effect, UsageError> {
    let (said, calls) = (String::new(), Vec::new());
    let (timed, picture) = (scope.timing, None);
    let mut effect = Effect {
        scope: scope.clone(),
        said,
        timed,
        wall_only: timed,
        asks: false,
        calls,
        picture,
        capture: None,
        types: Vec::new(),
    };
    for magic in magics {
        let rest = magic.rest.as_str();
        match (magic.kind, magic.name.as_str()) {
            (Kind::Cell, "time") => time(&mut effect, rest)?,
            (Kind::Line, "time") => {}
            (Kind::Cell | Kind::Line, "timeit") => drop(Flags::parse(rest)?),
            (Kind::Cell, "threads") => effect.picture = Some(Picture::This),
            (Kind::Line, "threads") => effect.picture = Some(Picture::Last),
            (Kind::Cell, "capture") => effect.capture = Some(capture(rest)?),
            (Kind::Line, "run") => return Err(instead::RUN_ALONE.into()),
            (Kind::Line, "load") => return Err(instead::LOAD_ALONE.into()),
            (Kind::Line, "rerun") => return Err(again::RERUN_ALONE.into()),
            (Kind::Line, "recall") => return Err(again::RECALL_ALONE.into()),
            (Kind::Line, "rollback" | "restart") => return Err(instead::ACTS_ALONE.into()),
            (Kind::Line, "config") => config(&mut effect, rest)?,
            (Kind::Line, "reset") => reset(&mut effect, magic)?,
            (Kind::Command, "clear") => clear(&mut effect, magic),
            (Kind::Command, "opt") => optimize(&mut effect, rest)?,
            (Kind::Command, "type") if rest.is_empty() => return Err("`:type` needs an expression".into()),
            (Kind::Command, "type") => effect.types.push((effect.said.len(), rest.to_string())),
            (Kind::Command, "dep") => depend(&mut effect, rest)?,
            (Kind::Command, "timing") => {
                effect.scope.timing = !effect.scope.timing;
                effect.said += if effect.scope.timing { "timing: on\n" } else { "timing: off\n" };
            }
            _ => match (worker::rust(magic)?, list::text(&effect.scope, magic)?) {
                (Some(rust), _) => effect.calls.push(Call { line: magic.line.clone(), rust }),
                (None, Some(text)) => effect.said += &text,
                (None, None) => return Err(unknown(magic)),
            },
        }
    }
    effect.wall_only |= effect.scope.wall_only;
    Ok(effect)
}

fn unknown(magic: &Magic) -> UsageError {
    let prefix = magic.kind.prefix();
    let of_kind = |name: &&str| name.strip_prefix(prefix).is_some_and(|rest| !rest.starts_with('%'));
    let known: Vec<&str> = known().map(|(name, _)| name).filter(of_kind).collect();
    let what = if magic.kind == Kind::Command { "command" } else { "magic" };
    let known = known.join(", ");
    UsageError(format!("unknown {what} `{prefix}{}`; there are {known}, and `:help` explains each", magic.name))
}

/// Forgets variables, here and in the worker.
fn reset(effect: &mut Effect, magic: &Magic) -> Result<(), UsageError> {
    let scope = &effect.scope;
    let mut names: Vec<String> =
        magic.rest.split_whitespace().filter(|word| *word != "-f").map(str::to_string).collect();
    if let Some(name) = names.iter().find(|name| !scope.variables.contains_key(*name)) {
        return Err(UsageError(format!("`%reset` found no variable `{name}`; `%who` lists them")));
    }
    if names.is_empty() {
        names = scope.variables.keys().cloned().collect();
    }
    let cell = scope.history.last().map_or(CellId(0), |(cell, _)| *cell);
    effect.scope = scope.without(names.iter().cloned(), cell, Why::Reset);
    effect.calls.push(Call { line: magic.line.clone(), rust: worker::forget(&names) });
    Ok(())
}

fn clear(effect: &mut Effect, magic: &Magic) {
    let names: Vec<String> = effect.scope.variables.keys().cloned().collect();
    effect.scope = effect.scope.cleared();
    effect.calls.push(Call { line: magic.line.clone(), rust: worker::forget(&names) });
}

fn time(effect: &mut Effect, rest: &str) -> Result<(), UsageError> {
    match rest {
        "" => {}
        "--wall" => effect.wall_only = true,
        other => return Err(UsageError(format!("`%%time` takes `--wall` or nothing, not `{other}`"))),
    }
    effect.timed = true;
    Ok(())
}

fn capture(rest: &str) -> Result<Capture, UsageError> {
    let mut capture = Capture { name: None, stdout: true, stderr: true, display: true };
    for word in rest.split_whitespace() {
        match word {
            "--no-stdout" => capture.stdout = false,
            "--no-stderr" => capture.stderr = false,
            "--no-display" => capture.display = false,
            name if capture.name.is_none() && syn::parse_str::<syn::Ident>(name).is_ok() => {
                capture.name = Some(name.to_string());
            }
            other => {
                return Err(UsageError(format!(
                    "`%%capture` takes `--no-stdout`, `--no-stderr`, `--no-display` and the name of one variable, not `{other}`"
                )));
            }
        }
    }
    Ok(capture)
}

fn config(effect: &mut Effect, rest: &str) -> Result<(), UsageError> {
    effect.scope.wall_only = match rest.replace(' ', "").as_str() {
        "time=wall" => true,
        "time=full" => false,
        "" => {
            effect.said += if effect.scope.wall_only { "time=wall\n" } else { "time=full\n" };
            return Ok(());
        }
        other => return Err(UsageError(format!("`%config` knows `time=full` and `time=wall`, not `{other}`"))),
    };
    Ok(())
}

fn optimize(effect: &mut Effect, rest: &str) -> Result<(), UsageError> {
    effect.scope.optimization = match rest {
        "auto" => Optimization::Auto,
        "0" | "1" | "2" | "3" => Optimization::Level(rest.as_bytes()[0] - b'0'),
        "" => {
            effect.said += &match effect.scope.optimization {
                Optimization::Auto => "opt: auto\n".to_string(),
                Optimization::Level(level) => format!("opt: {level}\n"),
            };
            return Ok(());
        }
        other => return Err(UsageError(format!("`:opt` takes 0, 1, 2, 3 or auto, not `{other}`"))),
    };
    Ok(())
}

fn depend(effect: &mut Effect, rest: &str) -> Result<(), UsageError> {
    if rest.is_empty() {
        let versions = effect.scope.crates.as_ref().map(|crates| crates.versions.clone()).unwrap_or_default();
        for (name, table) in &effect.scope.wanted {
            let version = versions.get(name).map(|version| format!("  # {version}")).unwrap_or_default();
            effect.said += &format!("{}{version}\n", dependency::spelt(name, table));
        }
        return Ok(());
    }
    let (name, table) = dependency::parse(rest)?;
    effect.scope.wanted.insert(name, table);
    effect.asks = true;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(source: &str) -> Result<Effect, UsageError> {
        apply(&Scope::default(), &crate::engine::text::magic::split(source).0)
    }

    #[test]
    fn settings_change_the_scope() {
        let effect = applied(":opt 2\n%config time=wall").unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(effect.scope.optimization, Optimization::Level(2));
        assert!(effect.scope.wall_only);
    }

    #[test]
    fn what_is_unknown_is_named_with_what_there_is() {
        for (source, part) in [
            ("%%tim", "unknown magic `%%tim`; there are %%time"),
            (":nope", "unknown command `:nope`; there are :dep"),
            ("%%timeit -t", "takes `-n LOOPS`"),
            ("%%bash", "is empty"),
            ("%rollback\n1 + 1", "a cell of their own"),
            ("%reset x", "no variable `x`"),
            (":opt 7", "`:opt` takes 0, 1, 2, 3 or auto, not `7`"),
            ("%%capture 1", "the name of one variable, not `1`"),
            ("%%capture a fn", "not `fn`"),
            ("%%time x", "takes `--wall`"),
            ("%config x=1", "knows `time=full`"),
        ] {
            let UsageError(error) = applied(source).err().expect("unknown");
            assert!(error.contains(part), "{error}");
        }
    }
}
