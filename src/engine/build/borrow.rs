//! What rustc's errors say of variables that cannot be stored because they borrow: from which variable, and in which
//! statement. Never changes a plan.

use crate::engine::build::storage_plan::Marker;
use crate::engine::build::unit::{LENDER, Unit};
use crate::engine::diagnostics::Diagnostic;
use crate::engine::rustc_text::codes::{Matter, matter};
use crate::engine::rustc_text::wording;
use crate::engine::text::source_map::SourceMap;

/// A borrow that keeps a variable from being stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Borrow {
    /// The variable that is borrowed.
    pub owner: String,
    /// The variable that cannot be stored.
    pub borrower: String,
    /// The byte of the cell where it borrows.
    pub at: usize,
}

/// The borrows that the error is about. None if it is about something else.
pub(super) fn borrows(error: &Diagnostic, unit: &Unit, root: &str, map: &SourceMap) -> Vec<Borrow> {
    if matter(error.code.as_deref()) != Matter::Borrowed {
        return Vec::new();
    }
    let Some(name) = wording::quoted_name(&error.message).map(wording::root_of_place) else { return Vec::new() };
    let is_lent = name == LENDER;
    let lent = unit.markers.iter().find_map(|(marker, range)| match marker {
        Marker::Take(name) if error.primary_touches(root, range) => Some(name.as_str()),
        _ => None,
    });
    let Some(owner) = (if is_lent { lent } else { Some(name) }) else { return Vec::new() };
    let at = error.primary(map).first().map_or(0, |place| place.range.start);
    let stored = unit.markers.iter().filter_map(|(marker, range)| match marker {
        Marker::Store(name) if error.touches(root, range) => Some(name.clone()),
        _ => None,
    });
    stored.map(|borrower| Borrow { owner: owner.to_string(), borrower, at }).collect()
}

/// The frozen variables that cannot be read once the borrowers are stored, because one of these may change them.
pub(super) fn consumed(errors: &[Diagnostic], unit: &Unit, root: &str) -> Vec<String> {
    let consumed = unit.markers.iter().filter_map(|(marker, range)| match marker {
        Marker::Read(name) if errors.iter().any(|error| error.primary_touches(root, range)) => Some(name.clone()),
        _ => None,
    });
    consumed.collect()
}

/// The variables that cannot be stored because the cell changes or moves what they borrow from.
pub(super) fn outdated<'a>(error: &'a Diagnostic, unit: &'a Unit, root: &'a str) -> impl Iterator<Item = &'a str> {
    let is_ours = unit.markers.iter().any(|(_, range)| error.primary_touches(root, range));
    let is_other = matter(error.code.as_deref()) != Matter::Borrowed;
    let stored = unit.markers.iter().filter_map(move |(marker, range)| match marker {
        Marker::Store(name) if error.touches(root, range) => Some(name.as_str()),
        _ => None,
    });
    stored.filter(move |_| is_other && !is_ours)
}
