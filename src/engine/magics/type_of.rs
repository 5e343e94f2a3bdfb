//! `:type` and `:t`: the type of an expression. rustc says it, and nothing is run.

use super::spec::{Act, Action, Body, Context, Kind, Line, Spec};
use crate::engine::rejection::UsageError;

pub(super) const COMMAND: Spec = Spec {
    kind: Kind::Command,
    name: "type",
    usage: "EXPRESSION",
    help: "the type of an expression, which is not run",
    body: Body::Line,
    action: Action::InCell(type_of),
};

pub(super) const SHORT: Spec = Spec { name: "t", help: "the same", ..COMMAND };

fn type_of(line: &Line, _: &mut Context) -> Result<Option<Act>, UsageError> {
    match line.rest.as_str() {
        "" => Err("`:type` needs an expression".into()),
        expression => Ok(Some(Act::SayType(expression.into()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::magics::tests::acts;

    #[test]
    fn an_expression_is_asked_for() {
        assert_eq!(acts(":type a + 1"), Ok(vec![Act::SayType("a + 1".into())]));
        assert_eq!(acts(":type"), Err("`:type` needs an expression".into()));
    }
}
