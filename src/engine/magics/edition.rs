//! `:edition`: the edition of Rust that the cells that follow are written in.

use super::spec::{Act, Action, Body, Context, Kind, Line, Spec};
use crate::engine::rejection::UsageError;
use crate::engine::scope::Edition;

pub(super) const COMMAND: Spec = Spec {
    kind: Kind::Command,
    name: "edition",
    usage: "[YEAR]",
    help: "the edition of Rust of this cell and of those that follow: 2018, 2021 or 2024 (the start)",
    body: Body::Line,
    action: Action::InCell(edition),
};

fn edition(line: &Line, context: &mut Context) -> Result<Option<Act>, UsageError> {
    context.scope.edition = match line.rest.as_str() {
        "2018" => Edition::E2018,
        "2021" => Edition::E2021,
        "2024" => Edition::E2024,
        "" => return Ok(Some(Act::Say(format!("edition: {}\n", context.scope.edition.year())))),
        other => return Err(UsageError(format!("`:edition` takes 2018, 2021 or 2024, not `{other}`"))),
    };
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::magics::tests::{acts, effect};

    #[test]
    fn the_edition_is_set_and_shown() {
        assert_eq!(effect(":edition 2021").expect("an edition").scope.edition, Edition::E2021);
        assert_eq!(acts(":edition 2018\n:edition"), Ok(vec![Act::Say("edition: 2018\n".into())]));
        assert_eq!(acts(":edition"), Ok(vec![Act::Say("edition: 2024\n".into())]));
        assert_eq!(acts(":edition 2015"), Err("`:edition` takes 2018, 2021 or 2024, not `2015`".into()));
    }
}
