//! `%config`: what the session's other magics print.

use super::spec::{Act, Action, Body, Context, Kind, Line, Spec};
use crate::engine::rejection::UsageError;
use crate::worker::TimeFormat;

pub(super) const LINE: Spec = Spec {
    kind: Kind::Line,
    name: "config",
    usage: "time=full|wall",
    help: "what %%time and %time print",
    body: Body::Line,
    action: Action::InCell(config),
};

fn config(line: &Line, context: &mut Context) -> Result<Option<Act>, UsageError> {
    let format = &mut context.scope.time_format;
    match line.rest.replace(' ', "").as_str() {
        "time=wall" => *format = TimeFormat::Wall,
        "time=full" => *format = TimeFormat::Full,
        "" => {
            let now = if *format == TimeFormat::Wall { "time=wall\n" } else { "time=full\n" };
            return Ok(Some(Act::Say(now.into())));
        }
        other => return Err(UsageError(format!("`%config` knows `time=full` and `time=wall`, not `{other}`"))),
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::magics::tests::{acts, effect};

    #[test]
    fn the_format_of_times_is_set_and_shown() {
        let format = |source| effect(source).expect("a setting").scope.time_format;
        assert_eq!(format("%config time=wall"), TimeFormat::Wall);
        assert_eq!(format("%config time=wall\n%config time = full"), TimeFormat::Full);
        assert_eq!(acts("%config"), Ok(vec![Act::Say("time=full\n".into())]));
        assert_eq!(acts("%config x=1"), Err("`%config` knows `time=full` and `time=wall`, not `x=1`".into()));
    }
}
