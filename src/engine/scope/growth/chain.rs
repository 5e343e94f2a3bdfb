//! Finds long chains: crates of which each depends on the one before. rustc reads the metadata of every crate behind the one
//! that it compiles, so a long chain of small crates is compiled again, in the crate of the cell that would make it longer:
//! the price is small and is paid once for each crate, and every later cell is spared all of them. Nothing but the time may
//! tell a program that it happened, so what has state, or could tell two types of the same text apart, stays where it is.

use std::collections::{BTreeMap, BTreeSet};

use super::Growth;
use crate::engine::scope::Variable;
use crate::engine::scope::module::{Home, Place};
use crate::engine::text::cell::{Kind, Name, Space, tells_types_apart};
use crate::events::CellId;

/// Small crates behind a new one, at most. With more, they are compiled again as one. Fewer would be compiled again more
/// often; each costs a cell about 0.15 ms.
const LONGEST: usize = 24;
/// Bytes of machine code of a small crate, at most. A larger one costs more to compile again than it costs later cells.
const SMALL: u64 = 2 << 10;
/// Bytes of machine code that are compiled again for a chain, at most; a chain with more stays. This bounds what the cell
/// waits for: 0.1 to 0.2 s as a rule.
const MOST: u64 = LONGEST as u64 * SMALL;

impl Growth<'_> {
    /// Adds the items of the chain behind the new items to those that are compiled again. `false` if there is no long
    /// chain, if it has to stay, or if anything else has to be compiled again.
    pub(in crate::engine::scope) fn gather_chain(&mut self) -> bool {
        self.gather();
        let scope = self.scope;
        if !self.moved.is_empty() || scope.chains_stay || scope.crates.is_some() {
            return false;
        }
        let behind = scope.externs(self.module.uses(), "");
        let small: Vec<u32> = behind.into_iter().filter(|number| self.is_small(*number)).collect();
        let tells = |variable: &Variable| tells_types_apart(words(&variable.ty));
        if small.len() <= LONGEST || scope.variables.values().any(tells) {
            return false;
        }
        let (mut moving, mut staying, mut moved) = (BTreeSet::new(), BTreeSet::new(), 0);
        // The newest first, so that what is known of the users of a crate is not found again.
        for number in small.into_iter().rev() {
            match self.movable(number, &moving, &staying) {
                Some(movable) => {
                    moving.extend(movable);
                    moved += 1;
                }
                None => staying.extend(self.places(number)),
            }
        }
        let crates: BTreeSet<u32> = moving.iter().map(|place| place.home.number).collect();
        let code: u64 = crates.iter().filter_map(|number| scope.builds.get(number)).map(|build| build.code).sum();
        if moved <= LONGEST || code > MOST || !self.agree(&moving) {
            return false;
        }
        self.take_in(moving.into_iter().collect());
        true
    }

    fn is_small(&self, number: u32) -> bool {
        let is_small = self.scope.builds.get(&number).is_some_and(|b| b.code <= SMALL && b.crates.is_none());
        is_small && !self.places(number).is_empty()
    }

    /// The items of this crate and all that use them, without those that move anyhow. `None` if one of them has to stay.
    fn movable(
        &mut self,
        number: u32,
        moving: &BTreeSet<Place>,
        staying: &BTreeSet<Place>,
    ) -> Option<BTreeSet<Place>> {
        let mut movable = BTreeSet::new();
        let mut found = self.places(number);
        while let Some(place) = found.pop() {
            if moving.contains(&place) || movable.contains(&place) {
                continue;
            }
            if staying.contains(&place) || !self.is_small(place.home.number) || !self.may_move(place) {
                return None;
            }
            movable.insert(place);
            for name in self.item(place).into_iter().flat_map(|item| &item.names) {
                found.extend(self.users_of(name, place.home));
            }
        }
        Some(movable)
    }

    /// Whether this item means the same in another crate. A macro's text may have anything in it.
    fn may_move(&self, place: Place) -> bool {
        let live = self.live(place);
        let uses_macro = live.uses.iter().any(|(name, _)| name.space == Space::Macro);
        self.item(place).is_some_and(|item| item.movable && item.kind != Kind::Macro)
            && live.statics.is_none()
            && !uses_macro
    }

    /// Whether all items of each cell mean the same by each name, so that they can be in one module.
    fn agree(&self, places: &BTreeSet<Place>) -> bool {
        let mut meaning: BTreeMap<(CellId, &Name), Home> = BTreeMap::new();
        places.iter().all(|place| {
            let uses = &self.live(*place).uses;
            uses.iter().all(|(name, home)| *meaning.entry((place.home.cell, name)).or_insert(*home) == *home)
        })
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
}
