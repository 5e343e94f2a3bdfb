//! Which variables borrow from which frozen ones, as far as later cells have to know it.

use std::collections::BTreeSet;

use crate::engine::scope::{Frozen, Scope, Variable, Why};
use crate::events::CellId;

impl Scope {
    /// The variables that borrow from this frozen one, directly or by way of others, and are still there.
    pub(in crate::engine) fn live_borrowers(&self, name: &str) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        let mut asked = vec![name.to_string()];
        while let Some(name) = asked.pop() {
            let frozen = self.variables.get(&name).and_then(|variable| variable.frozen.as_ref());
            for (borrower, cell) in frozen.iter().flat_map(|frozen| &frozen.borrowers) {
                let is_there = self.variables.get(borrower).is_some_and(|variable| variable.cell == *cell);
                if is_there && !found.contains(borrower) {
                    found.push(borrower.clone());
                    asked.push(borrower.clone());
                }
            }
        }
        found
    }

    /// The frozen variables that a cell with these mentions has for good: it mentions a variable that borrows from them.
    pub(in crate::engine) fn had_for_good(&self, mentions: &BTreeSet<&str>) -> BTreeSet<String> {
        let is_had = |(name, variable): &(&String, &Variable)| {
            variable.frozen.as_ref().is_some_and(|frozen| frozen.for_good)
                || variable.frozen.is_some()
                    && self.live_borrowers(name).iter().any(|borrower| mentions.contains(borrower.as_str()))
        };
        self.variables.iter().filter(is_had).map(|(name, _)| name.clone()).collect()
    }

    /// Notes that these frozen variables may be borrowed from for good since `cell`. Those that a borrower may change are gone.
    pub(in crate::engine) fn keep_frozen(&mut self, names: &BTreeSet<String>, cell: CellId) {
        for name in names {
            let Some(variable) = self.variables.get(name).cloned() else { continue };
            let Some(frozen) = variable.frozen.clone() else { continue };
            if frozen.exclusive {
                let why = Why::BorrowedMutably(self.quoted_borrowers(name));
                *self = self.without([name.clone()], cell, why);
                continue;
            }
            let frozen = Some(Frozen { for_good: true, ..frozen });
            self.variables.insert_mut(name.clone(), Variable { frozen, ..variable });
        }
    }

    /// The variables that borrow from this frozen one, as a message names them.
    pub(in crate::engine) fn quoted_borrowers(&self, name: &str) -> String {
        let quoted: Vec<String> = self.live_borrowers(name).iter().map(|name| format!("`{name}`")).collect();
        quoted.join(", ")
    }

    /// Notes that `cell` has frozen these variables, for the sake of its variables `borrowers`, which may change those of
    /// `exclusive`.
    pub(in crate::engine) fn freeze(
        &mut self,
        names: &[String],
        borrowers: &[String],
        exclusive: &[String],
        cell: CellId,
    ) {
        for name in names {
            let Some(variable) = self.variables.get(name).cloned() else { continue };
            let mut frozen = variable.frozen.clone().unwrap_or(Frozen {
                since: cell,
                borrowers: Vec::new(),
                for_good: false,
                exclusive: false,
            });
            frozen.exclusive |= exclusive.contains(name);
            let others = borrowers.iter().filter(|borrower| *borrower != name);
            frozen.borrowers.extend(others.map(|borrower| (borrower.clone(), cell)));
            self.variables.insert_mut(name.clone(), Variable { frozen: Some(frozen), ..variable });
        }
    }

    /// Notes that `cell` has taken these frozen variables back, each with the borrowers that are gone by that.
    pub(in crate::engine) fn thaw(&mut self, thawed: &[(String, Vec<String>)], cell: CellId) {
        for (name, borrowers) in thawed {
            *self = self.without(borrowers.iter().cloned(), cell, Why::OwnerChanged(name.clone()));
            if let Some(variable) = self.variables.get(name).cloned() {
                self.variables.insert_mut(name.clone(), Variable { frozen: None, ..variable });
            }
        }
    }
}
