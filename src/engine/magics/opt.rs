//! `:opt`: how the cells that follow are optimised.

use super::spec::{Act, Action, Body, Context, Kind, Line, Spec};
use crate::engine::rejection::UsageError;
use crate::engine::scope::Optimization;

pub(super) const COMMAND: Spec = Spec {
    kind: Kind::Command,
    name: "opt",
    usage: "[0|1|2|3|auto]",
    help: "optimisation of the cells that follow: 0 to 2 as Cargo's dev profile at that level, with overflow checks; 3 as `cargo run --release`; auto (the start): 2 for items and for code that may run for long, else 0, always with overflow checks",
    body: Body::Line,
    action: Action::InCell(optimize),
};

fn optimize(line: &Line, context: &mut Context) -> Result<Option<Act>, UsageError> {
    let optimization = match line.rest.as_str() {
        "auto" => Optimization::Auto,
        level @ ("0" | "1" | "2" | "3") => Optimization::Level(level.as_bytes()[0] - b'0'),
        "" => {
            let now = match context.scope.optimization {
                Optimization::Auto => "opt: auto\n".to_string(),
                Optimization::Level(level) => format!("opt: {level}\n"),
            };
            return Ok(Some(Act::Say(now)));
        }
        other => return Err(UsageError(format!("`:opt` takes 0, 1, 2, 3 or auto, not `{other}`"))),
    };
    if optimization != context.scope.optimization {
        context.scope.optimization = optimization;
        context.scope.retire_builds();
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::magics::tests::{acts, effect};

    #[test]
    fn the_level_is_set_and_shown() {
        assert_eq!(effect(":opt 2").expect("a level").scope.optimization, Optimization::Level(2));
        assert_eq!(acts(":opt 3\n:opt\n:opt auto"), Ok(vec![Act::Say("opt: 3\n".into())]));
        assert_eq!(acts(":opt 7"), Err("`:opt` takes 0, 1, 2, 3 or auto, not `7`".into()));
    }
}
