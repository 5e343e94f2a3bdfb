//! `%%capture`: keeps what a cell puts out from the front end.

use super::spec::{Act, Action, Body, Capture, Context, Kind, Line, Spec};
use crate::engine::rejection::UsageError;

pub(super) const CELL: Spec = Spec {
    kind: Kind::Cell,
    name: "capture",
    usage: "[--no-stdout] [--no-stderr] [--no-display] [NAME]",
    help: "keeps what the cell puts out, in a variable or nowhere",
    body: Body::Line,
    action: Action::InCell(capture),
};

fn capture(line: &Line, _: &mut Context) -> Result<Option<Act>, UsageError> {
    let mut capture = Capture { name: None, stdout: true, stderr: true, display: true };
    for word in line.rest.split_whitespace() {
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
    Ok(Some(Act::Capture(capture)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::magics::tests::acts;

    #[test]
    fn streams_are_left_out_and_a_variable_is_named() {
        let capture = Capture { name: Some("out".into()), stdout: true, stderr: false, display: false };
        assert_eq!(acts("%%capture --no-stderr out --no-display\n1"), Ok(vec![Act::Capture(capture)]));
        for (source, part) in [("%%capture 1", "the name of one variable, not `1`"), ("%%capture a fn", "not `fn`")]
        {
            assert!(acts(source).is_err_and(|error| error.0.contains(part)), "{source}");
        }
    }
}
