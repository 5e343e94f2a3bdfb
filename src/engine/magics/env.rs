//! `%env` and `:env`: the environment variables that cells see. They are the worker's.

use super::spec::{Act, Action, Body, Context, Kind, Line, Spec};
use crate::engine::rejection::UsageError;

pub(super) const LINE: Spec = Spec {
    kind: Kind::Line,
    name: "env",
    usage: "[NAME[=VALUE]]",
    help: "prints or sets environment variables",
    body: Body::Line,
    action: Action::InCell(env),
};

pub(super) const COMMAND: Spec = Spec {
    kind: Kind::Command,
    name: "env",
    usage: "NAME=VALUE",
    help: "sets an environment variable",
    body: Body::Line,
    action: Action::InCell(env),
};

fn env(line: &Line, _: &mut Context) -> Result<Option<Act>, UsageError> {
    let (name, value) = match line.rest.split_once(['=', ' ']) {
        Some((name, value)) => (name.trim(), Some(value.trim())),
        None => (line.rest.as_str(), None),
    };
    Ok(Some(Act::call(match value {
        Some(_) if name.is_empty() => return Err("`%env` needs a name: `%env NAME=VALUE`".into()),
        Some(value) => format!("set_env({name:?}, {value:?})"),
        None if name.is_empty() => "env()".into(),
        None => format!("show_env({name:?})?"),
    })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::magics::tests::acts;

    #[test]
    fn variables_are_set_and_shown() {
        let calls = ["set_env(\"A\", \"b c\")", "set_env(\"A\", \"1\")", "show_env(\"A\")?", "env()"];
        let calls = calls.map(|rust| Act::call(rust.into()));
        assert_eq!(acts("%env A=b c\n:env A 1\n%env A\n%env"), Ok(calls.into()));
        assert!(acts("%env =1").is_err_and(|error| error.0.contains("needs a name")));
    }
}
