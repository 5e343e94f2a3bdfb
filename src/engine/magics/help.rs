//! `:help`, `%lsmagic` and `:version`: what there is. All of it is read from the table.

use super::spec::{Act, Action, Body, Kind, Spec, Table};

pub(super) const HELP: Spec = Spec {
    kind: Kind::Command,
    name: "help",
    usage: "",
    help: "this list",
    body: Body::Line,
    action: Action::InCell(|_, context| {
        let lines = context.table.iter().map(|spec| line(spec, context.table) + "\n");
        Ok(Some(Act::Say(lines.collect())))
    }),
};

pub(super) const LSMAGIC: Spec = Spec {
    kind: Kind::Line,
    name: "lsmagic",
    usage: "",
    help: "the names of all magics",
    body: Body::Line,
    action: Action::InCell(|_, context| Ok(Some(Act::Say(names(context.table))))),
};

pub(super) const VERSION: Spec = Spec {
    kind: Kind::Command,
    name: "version",
    usage: "",
    help: "the version of threadbook",
    body: Body::Line,
    action: Action::InCell(|_, _| Ok(Some(Act::Say(format!("threadbook {}\n", env!("CARGO_PKG_VERSION")))))),
};

/// Columns of `:help` that the usage of a magic takes, if it is no longer.
const USAGE: usize = 25;

/// The magic's line of `:help`: its usage, and what it does in the same column as that of others of its name.
pub(super) fn line(spec: &Spec, table: Table) -> String {
    let of_same_name = table.iter().filter(|other| other.name == spec.name);
    let longest = of_same_name.map(|other| usage(other).chars().count()).max().unwrap_or_default();
    let width = USAGE.max(longest + 2);
    format!("{:width$}{}", usage(spec), spec.help)
}

fn usage(spec: &Spec) -> String {
    match spec.kind {
        Kind::Shell => spec.spelling() + spec.usage,
        _ => format!("{} {}", spec.spelling(), spec.usage).trim_end().to_string(),
    }
}

fn names(table: Table) -> String {
    let of = |kinds: &[Kind]| {
        let all = kinds.iter().flat_map(|kind| table.iter().filter(|spec| spec.kind == *kind));
        all.map(|spec| spec.spelling()).collect::<Vec<_>>().join("  ")
    };
    format!(
        "Available line magics:\n{}\n\nAvailable cell magics:\n{}\n\nCommands:\n{}\n",
        of(&[Kind::Line, Kind::Shell]),
        of(&[Kind::Cell]),
        of(&[Kind::Command])
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::magics::{TABLE, tests::acts};

    fn said(source: &str) -> String {
        match acts(source).as_deref() {
            Ok([Act::Say(text)]) => text.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn each_magic_has_a_line_in_columns() {
        let help = said(":help");
        assert_eq!(help.lines().count(), TABLE.len());
        for line in [
            "%%time [--wall]          times the cell: CPU times, wall time, and the compiler's over 0.1 s\n",
            "%%timeit [-n N] [-r R] [-p P] [-q] [-o] [SETUP]  measures the cell",
            "%timeit [-n N] [-r R] [-p P] [-q] [-o] CODE      measures one line\n",
            "!COMMAND                 runs a shell command",
            ":help                    this list\n",
        ] {
            assert!(help.contains(line), "{help}");
        }
    }

    #[test]
    fn names_are_listed_by_kind() {
        let names = said("%lsmagic");
        assert!(names.starts_with("Available line magics:\n%time  %timeit  %threads  %run  "), "{names}");
        assert!(names.contains("%config  !\n\nAvailable cell magics:\n%%time  %%timeit  "), "{names}");
        assert!(
            names.contains("\n\nCommands:\n:dep  :show_deps  :opt  ") && names.ends_with("  :version  :help\n")
        );
    }
}
