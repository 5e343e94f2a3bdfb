//! `%%bash`, `%%sh`, `%%python`, `%%python3`, `%%script` and `!COMMAND`: run a program in the worker, which has the
//! directory and the environment that cells have. A cell magic's program reads the cell as its input.

use super::arguments::words;
use super::spec::{Act, Action, Body, Context, Kind, Line, Spec};
use crate::engine::rejection::UsageError;

pub(super) const BASH: Spec = script("bash", "[ARGS]", "runs the cell as a bash script", shell);
pub(super) const SH: Spec = script("sh", "[ARGS]", "runs the cell as a shell script", shell);
pub(super) const PYTHON: Spec = script("python", "[ARGS]", "runs the cell with python3", python);
pub(super) const PYTHON3: Spec = script("python3", "[ARGS]", "the same", python);
pub(super) const SCRIPT: Spec =
    script("script", "PROGRAM [ARGS]", "runs a program with the cell as its input", program);

pub(super) const COMMAND: Spec = Spec {
    kind: Kind::Shell,
    name: "",
    usage: "COMMAND",
    help: "runs a shell command; at the start of a cell",
    body: Body::Line,
    action: Action::InCell(|line, _| Ok(Some(run("sh", &["-c".into(), line.rest.clone()], "")))),
};

const fn script(
    name: &'static str,
    usage: &'static str,
    help: &'static str,
    act: fn(&Line, &mut Context) -> Result<Option<Act>, UsageError>,
) -> Spec {
    Spec { kind: Kind::Cell, name, usage, help, body: Body::Text, action: Action::InCell(act) }
}

fn shell(line: &Line, _: &mut Context) -> Result<Option<Act>, UsageError> {
    Ok(Some(run(&line.name, &words(&line.rest)?, line.text_below()?)))
}

fn python(line: &Line, _: &mut Context) -> Result<Option<Act>, UsageError> {
    let mut arguments = words(&line.rest)?;
    // `-` has Python read its script from standard input; what follows are the script's own arguments.
    arguments.insert(0, "-".into());
    Ok(Some(run("python3", &arguments, line.text_below()?)))
}

fn program(line: &Line, _: &mut Context) -> Result<Option<Act>, UsageError> {
    match words(&line.rest)?.split_first() {
        Some((program, arguments)) => Ok(Some(run(program, arguments, line.text_below()?))),
        None => Err("`%%script` needs a program: `%%script PROGRAM ARGUMENTS`".into()),
    }
}

fn run(program: &str, arguments: &[String], input: &str) -> Act {
    Act::call(format!("run({program:?}, &{arguments:?}, {input:?})?"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::magics::tests::acts;

    #[test]
    fn a_program_reads_the_cell() {
        let call = |rust: &str| Ok(vec![Act::call(rust.into())]);
        assert_eq!(acts("%%bash -e\nls\n"), call(r#"run("bash", &["-e"], "ls\n")?"#));
        assert_eq!(acts("%%python3 a\n1"), call(r#"run("python3", &["-", "a"], "1")?"#));
        assert_eq!(acts("%%script cat 'a b'\n{"), call(r#"run("cat", &["a b"], "{")?"#));
        assert_eq!(acts("!ls | wc"), call(r#"run("sh", &["-c", "ls | wc"], "")?"#));
    }

    #[test]
    fn a_program_needs_a_name_and_a_text() {
        for (source, part) in [("%%bash", "the cell below `%%bash` is empty"), ("%%script\nx", "needs a program")] {
            assert!(acts(source).is_err_and(|error| error.0.contains(part)), "{source}");
        }
    }
}
