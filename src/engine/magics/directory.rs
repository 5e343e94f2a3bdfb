//! `%cd` and `%pwd`: the directory that cells have. It is the worker's.

use super::arguments::unquoted;
use super::spec::{Act, Action, Body, Kind, Spec};

pub(super) const CD: Spec = Spec {
    kind: Kind::Line,
    name: "cd",
    usage: "[DIRECTORY]",
    help: "changes the session's directory",
    body: Body::Line,
    action: Action::InCell(|line, _| Ok(Some(Act::call(format!("cd({:?})?", unquoted(&line.rest)))))),
};

pub(super) const PWD: Spec = Spec {
    kind: Kind::Line,
    name: "pwd",
    usage: "",
    help: "prints the session's directory",
    body: Body::Line,
    action: Action::InCell(|_, _| Ok(Some(Act::call("pwd()?".into())))),
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::magics::tests::acts;

    #[test]
    fn the_worker_changes_and_prints_its_directory() {
        let calls = ["cd(\"/a b\")?", "cd(\"\")?", "pwd()?"].map(|rust| Act::call(rust.into()));
        assert_eq!(acts("%cd \"/a b\"\n%cd\n%pwd"), Ok(calls.into()));
    }
}
