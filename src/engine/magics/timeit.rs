//! `%%timeit` and `%timeit`: measures code, optimised, in many loops. The flags are
//! [IPython's](https://ipython.readthedocs.io/en/stable/interactive/magics.html#magic-timeit).

use super::spec::{Act, Action, Body, Context, Kind, Line, Spec};
use crate::engine::rejection::UsageError;
use crate::engine::text::cell::{Flags, Mark, Measured};

pub(super) const CELL: Spec = Spec {
    kind: Kind::Cell,
    name: "timeit",
    usage: "[-n N] [-r R] [-p P] [-q] [-o] [SETUP]",
    help: "measures the cell, optimised, in many loops; its first line is setup",
    body: Body::Rust { own: length_of_flags, mark },
    action: Action::InCell(measure),
};

pub(super) const LINE: Spec = Spec {
    kind: Kind::Line,
    name: "timeit",
    usage: "[-n N] [-r R] [-p P] [-q] [-o] CODE",
    help: "measures one line",
    body: Body::Rust { own: length_of_flags, mark },
    action: Action::InCell(measure),
};

fn measure(line: &Line, _: &mut Context) -> Result<Option<Act>, UsageError> {
    flags(&line.rest)?;
    Ok(Some(Act::Measure))
}

/// A cell is measured from its second line on: the first is setup.
fn mark(line: &Line, cell_end: usize) -> Mark {
    let end = if line.kind == Kind::Cell { cell_end } else { line.line.end };
    let body = if line.kind == Kind::Cell { line.line.end..end } else { line.own.end..end };
    // Wrong flags reject the cell when the magic acts.
    let flags = flags(&line.rest).unwrap_or_default();
    Mark::Measured(Measured { body, within: line.own.end..end, flags })
}

/// The letters of IPython's flags, those that are refused among them. Any other letter after `-` is Rust (`-x`).
const LETTERS: [char; 8] = ['n', 'r', 'p', 'q', 'o', 't', 'c', 'v'];

/// How many bytes of the text are flags: all of `-n 10 -r3 -q`.
fn length_of_flags(text: &str) -> usize {
    let mut at = 0;
    loop {
        let rest = text[at..].trim_start();
        let Some(flag) = rest.strip_prefix('-').filter(|flag| flag.starts_with(LETTERS)) else {
            return at;
        };
        let value = flag[1..].trim_start();
        let digits = value.len() - value.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let end = match digits {
            0 => &flag[1..],
            _ => &value[digits..],
        };
        // `-n.len()` is an expression.
        if !end.is_empty() && !end.starts_with(char::is_whitespace) {
            return at;
        }
        at = text.len() - end.len();
    }
}

fn flags(text: &str) -> Result<Flags, UsageError> {
    let mut flags = Flags::default();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let name = rest.strip_prefix('-').and_then(|r| r.chars().next()).unwrap_or(' ');
        let value = rest.get(2..).unwrap_or_default().trim_start();
        let length = value.len() - value.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number = value[..length].parse::<u64>().ok();
        match (name, number) {
            ('n', Some(number)) => flags.loops = number,
            ('r', Some(number)) if number > 0 => flags.runs = number,
            ('p', Some(number)) if (1..=17).contains(&number) => flags.precision = number,
            ('q', None) => flags.quiet = true,
            ('o', None) => flags.output = true,
            _ => {
                return Err(UsageError(format!(
                    "`%timeit` takes `-n LOOPS`, `-r RUNS`, `-p DIGITS`, `-q` and `-o`, not `{rest}`"
                )));
            }
        }
        rest = value[length..].trim_start();
    }
    Ok(flags)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::magics::{parse, tests::acts};

    #[test]
    fn flags_are_ipythons() {
        let all = Flags { loops: 10, runs: 3, precision: 5, quiet: true, output: true };
        assert_eq!(flags("-n 10 -r3 -q -p 5 -o"), Ok(all));
        for wrong in ["-x", "-n", "-r 0", "-q 1", "5"] {
            assert!(flags(wrong).is_err(), "{wrong}");
        }
        assert_eq!(acts("%timeit -q x"), Ok(vec![Act::Measure]));
        assert!(acts("%%timeit -t\n1").is_err_and(|error| error.0.contains("takes `-n LOOPS`")));
    }

    #[test]
    fn all_but_the_flags_is_rust() {
        let parsed = parse("%timeit -n 10 -r3 -x + 1\n%timeit f(x)");
        assert_eq!(parsed.lines[0].rest, "-n 10 -r3");
        assert_eq!(parsed.rust, format!("{}-x + 1;        f(x)", " ".repeat(18)));
        assert_eq!(parsed.lines.len(), 2);
    }

    #[test]
    fn the_first_line_of_a_measured_cell_is_setup() {
        let parts = parse("%%timeit -n 2 let v = vec![1];\nlet x = v.len();\nx;").cell.parts.expect("Rust");
        assert_eq!(parts.measured.len(), 1);
        assert_eq!(parts.measured[0].body, 30..50);
        assert_eq!(parts.measured[0].flags.loops, 2);
        assert!(parts.bindings().is_empty());
        assert!(!parts.free_names().contains("v"));
        assert_eq!(parts.statements[2].range, 48..49);
    }

    #[test]
    fn a_measured_line_binds_nothing() {
        let cell = parse("let a = 1;\n%timeit let b = a;\n%timeit a\n%timeit a + 1").cell;
        let parts = cell.parts.expect("Rust");
        assert_eq!(parts.measured.len(), 3);
        assert_eq!(parts.bindings().len(), 1);
        assert_eq!(parts.tail, None);
    }
}
