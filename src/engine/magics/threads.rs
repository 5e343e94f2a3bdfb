//! `%%threads` and `%threads`: draws the threads, tasks and processes of a cell over time.

use super::spec::{Act, Action, Body, Kind, Picture, Spec};

pub(super) const CELL: Spec = Spec {
    kind: Kind::Cell,
    name: "threads",
    usage: "",
    help: "draws the threads, tasks and processes of the cell over time",
    body: Body::Line,
    action: Action::InCell(|_, _| Ok(Some(Act::Draw(Picture::This)))),
};

pub(super) const LINE: Spec = Spec {
    kind: Kind::Line,
    name: "threads",
    usage: "",
    help: "draws those of the cell before",
    body: Body::Line,
    action: Action::InCell(|_, _| Ok(Some(Act::Draw(Picture::Last)))),
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::magics::tests::acts;

    #[test]
    fn the_cell_or_the_one_before_it_is_drawn() {
        assert_eq!(acts("%%threads\n1"), Ok(vec![Act::Draw(Picture::This)]));
        assert_eq!(acts("%threads"), Ok(vec![Act::Draw(Picture::Last)]));
    }
}
