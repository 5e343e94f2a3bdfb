//! What magics and commands do: `%%time`, `%time`, `%config`, `:dep`, `:opt`, `:vars`, `:help`. Each answers a new scope, or
//! says what is wrong with it.

use super::dependency;
use super::magic::{Kind, Magic};
use super::scope::{Optimization, Scope};

/// What a cell's magics have done.
pub struct Effect {
    pub scope: Scope,
    /// What they print.
    pub said: String,
    /// `%%time`
    pub timed: bool,
    /// `%%time --wall`, or the session's setting.
    pub wall_only: bool,
    /// Whether it asks for crates, of which the scope has only the names yet.
    pub asks: bool,
}

const HELP: &str = "\
%%time [--wall]          times the cell: CPU times, wall time, and the compiler's over 0.1 s
%time STATEMENT          times one statement
:dep [CRATE]             brings in a crate, as in a manifest: :dep rand = { version = \"0.9\", features = [\"log\"] }
%config time=full|wall   what %%time and %time print
:opt [0|1|2|3|auto]      optimisation of the cells that follow; auto: 0, and 2 for code that loops for long
:vars                    the variables of the session, with their types
:help                    this list
";

/// Every magic and command as it is spelt, and its line of help.
pub fn known() -> impl Iterator<Item = (&'static str, &'static str)> {
    HELP.lines().filter_map(|line| Some((line.split([' ', '[']).next()?, line)))
}

/// Applies the magics in order.
pub fn apply(scope: &Scope, magics: &[Magic]) -> Result<Effect, String> {
    let mut effect =
        Effect { scope: scope.clone(), said: String::new(), timed: false, wall_only: false, asks: false };
    for magic in magics {
        let spelt = format!("{}{}", magic.kind.prefix(), magic.name);
        match (magic.kind, magic.name.as_str()) {
            (Kind::Cell, "time") => time(&mut effect, &magic.rest)?,
            (Kind::Line, "time") => {}
            (Kind::Line, "config") => config(&mut effect, &magic.rest)?,
            (Kind::Command, "opt") => optimize(&mut effect, &magic.rest)?,
            (Kind::Command, "dep") => depend(&mut effect, &magic.rest)?,
            (Kind::Command, "vars") => effect.said += &variables(&effect.scope),
            (Kind::Command, "help") => effect.said += HELP,
            (Kind::Cell, _) => return Err(unknown("magic", &spelt, "%%time")),
            (Kind::Line, _) => return Err(unknown("magic", &spelt, "%time, %config")),
            (Kind::Command, _) => return Err(unknown("command", &spelt, ":dep, :opt, :vars, :help")),
        }
    }
    effect.wall_only |= effect.scope.wall_only;
    Ok(effect)
}

fn unknown(what: &str, spelt: &str, known: &str) -> String {
    format!("unknown {what} `{spelt}`; there are {known}, and `:help` explains each")
}

fn time(effect: &mut Effect, rest: &str) -> Result<(), String> {
    match rest {
        "" => {}
        "--wall" => effect.wall_only = true,
        other => return Err(format!("`%%time` takes `--wall` or nothing, not `{other}`")),
    }
    effect.timed = true;
    Ok(())
}

fn config(effect: &mut Effect, rest: &str) -> Result<(), String> {
    effect.scope.wall_only = match rest.replace(' ', "").as_str() {
        "time=wall" => true,
        "time=full" => false,
        "" => {
            effect.said += if effect.scope.wall_only { "time=wall\n" } else { "time=full\n" };
            return Ok(());
        }
        other => return Err(format!("`%config` knows `time=full` and `time=wall`, not `{other}`")),
    };
    Ok(())
}

fn optimize(effect: &mut Effect, rest: &str) -> Result<(), String> {
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
        other => return Err(format!("`:opt` takes 0, 1, 2, 3 or auto, not `{other}`")),
    };
    Ok(())
}

fn depend(effect: &mut Effect, rest: &str) -> Result<(), String> {
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

fn variables(scope: &Scope) -> String {
    let line = |(name, v): (&String, &super::scope::Variable)| {
        format!("{}{name}: {}\n", if v.mutable { "mut " } else { "" }, v.ty)
    };
    scope.variables.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(source: &str) -> Result<Effect, String> {
        apply(&Scope::default(), &crate::engine::magic::split(source).0)
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
            ("%%timeit", "unknown magic `%%timeit`; there are %%time"),
            (":nope", "unknown command `:nope`; there are :dep"),
            (":opt 7", "`:opt` takes 0, 1, 2, 3 or auto, not `7`"),
            ("%%time x", "takes `--wall`"),
            ("%config x=1", "knows `time=full`"),
        ] {
            let error = applied(source).err().expect("unknown");
            assert!(error.contains(part), "{error}");
        }
    }
}
