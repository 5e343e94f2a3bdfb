//! The types of variables whose types were compiled again in another crate. Such a type has the same text and the same
//! types in it as before, so rustc lays it out in the same way; what differs is its path and its `TypeId`.

use crate::engine::scope::module::{homes_in, is_word};
use crate::engine::scope::{Scope, Variable};

impl Scope {
    /// Gives variables the present paths of their types. Such a type was compiled again from the same text, with the same
    /// types in it: rustc lays it out in the same way.
    pub(super) fn follow_moves(&mut self) {
        let moved = |(name, variable): (&String, &Variable)| {
            let ty = self.present_type(&variable.ty);
            (ty != variable.ty).then(|| (name.clone(), Variable { ty, rebuilt: true, ..variable.clone() }))
        };
        let moved: Vec<_> = self.variables.iter().filter_map(moved).collect();
        moved.into_iter().for_each(|(name, variable)| self.variables.insert_mut(name, variable));
    }

    fn present_type(&self, ty: &str) -> String {
        let mut present = ty.to_string();
        for (home, rest) in homes_in(ty) {
            let ident = &rest[..rest.find(|c| !is_word(c)).unwrap_or(rest.len())];
            let old = format!("{}::{ident}", home.path());
            let mut new = &old;
            while let Some(next) = self.moves.get(new) {
                new = next;
            }
            if *new != old {
                present = replace_path(&present, &old, new);
            }
        }
        present
    }
}

/// Replaces a path where it stands as a whole or at the beginning of a longer one.
fn replace_path(text: &str, old: &str, new: &str) -> String {
    let mut replaced = String::new();
    let mut at = 0;
    for (found, _) in text.match_indices(old) {
        let is_whole = !text[..found].ends_with(is_word) && !text[found + old.len()..].starts_with(is_word);
        replaced += &text[at..found];
        replaced += if is_whole { new } else { old };
        at = found + old.len();
    }
    replaced + &text[at..]
}
