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
                Optimization::Auto => "auto".to_string(),
                Optimization::Level(level) => level.to_string(),
            };
            let last = context.scope.last_level.map(|level| format!(" (the last cell ran at {level})"));
            let now = format!("opt: {now}{}\n", last.unwrap_or_default());
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
    use crate::engine::magics::{
        self,
        tests::{acts, effect},
    };
    use crate::engine::scope::Scope;

    #[test]
    fn the_level_is_set_and_shown() {
        assert_eq!(effect(":opt 2").expect("a level").scope.optimization, Optimization::Level(2));
        assert_eq!(acts(":opt 3\n:opt\n:opt auto"), Ok(vec![Act::Say("opt: 3\n".into())]));
        assert_eq!(acts(":opt 7"), Err("`:opt` takes 0, 1, 2, 3 or auto, not `7`".into()));
    }

    #[test]
    fn the_level_of_the_last_cell_is_shown() {
        let mut scope = Scope::default();
        scope.last_level = Some(2);
        let effect = magics::apply(scope, &magics::lines(":opt")).expect("known");
        let said: Vec<Act> = effect.acts.into_iter().map(|(_, act)| act).collect();
        assert_eq!(said, [Act::Say("opt: auto (the last cell ran at 2)\n".into())]);
    }
}
