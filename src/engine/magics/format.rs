//! `:fmt`, `:efmt` and `:types`: how values and errors are written.

use super::spec::{Act, Action, Body, Context, Kind, Line, Spec};
use crate::engine::rejection::UsageError;

pub(super) const VALUES: Spec = Spec {
    kind: Kind::Command,
    name: "fmt",
    usage: "[{:?}|{:#?}]",
    help: "how the values of the cells that follow are written: in one line, or in many",
    body: Body::Line,
    action: Action::InCell(values),
};

pub(super) const ERRORS: Spec = Spec {
    kind: Kind::Command,
    name: "efmt",
    usage: "[{}|{:?}]",
    help: "how errors that `?` returns from a cell are written: with their causes, or by `Debug`",
    body: Body::Line,
    action: Action::InCell(errors),
};

pub(super) const TYPES: Spec = Spec {
    kind: Kind::Command,
    name: "types",
    usage: "",
    help: "writes the type before each value, or no longer",
    body: Body::Line,
    action: Action::InCell(types),
};

fn values(line: &Line, context: &mut Context) -> Result<Option<Act>, UsageError> {
    context.scope.pretty = match line.rest.trim_matches('"') {
        "{:?}" => false,
        "{:#?}" => true,
        "" => return Ok(Some(now("fmt", if context.scope.pretty { "{:#?}" } else { "{:?}" }))),
        other => return Err(UsageError(format!("`:fmt` takes {{:?}} or {{:#?}}, not `{other}`"))),
    };
    Ok(None)
}

fn errors(line: &Line, context: &mut Context) -> Result<Option<Act>, UsageError> {
    context.scope.debug_errors = match line.rest.trim_matches('"') {
        "{}" => false,
        "{:?}" => true,
        "" => return Ok(Some(now("efmt", if context.scope.debug_errors { "{:?}" } else { "{}" }))),
        other => return Err(UsageError(format!("`:efmt` takes {{}} or {{:?}}, not `{other}`"))),
    };
    Ok(None)
}

fn types(line: &Line, context: &mut Context) -> Result<Option<Act>, UsageError> {
    context.scope.typed = match line.rest.as_str() {
        "" => !context.scope.typed,
        "0" => false,
        "1" => true,
        other => return Err(UsageError(format!("`:types` takes 0, 1 or nothing, not `{other}`"))),
    };
    Ok(Some(now("types", if context.scope.typed { "on" } else { "off" })))
}

fn now(name: &str, value: &str) -> Act {
    Act::Say(format!("{name}: {value}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::magics::tests::{acts, effect};

    #[test]
    fn formats_are_set_and_shown() {
        let scope = effect(":fmt {:#?}\n:efmt {:?}\n:types").expect("formats").scope;
        assert!(scope.pretty && scope.debug_errors && scope.typed);
        let said = |text: &str| Act::Say(text.into());
        assert_eq!(acts(":fmt {:#?}\n:fmt\n:efmt"), Ok(vec![said("fmt: {:#?}\n"), said("efmt: {}\n")]));
        assert_eq!(acts(":types\n:types"), Ok(vec![said("types: on\n"), said("types: off\n")]));
        assert!(acts(":fmt {:x}").is_err_and(|error| error.0 == "`:fmt` takes {:?} or {:#?}, not `{:x}`"));
        assert!(acts(":efmt x").is_err() && acts(":types x").is_err());
    }
}
