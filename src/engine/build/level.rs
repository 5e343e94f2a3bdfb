//! The levels at which code is compiled, and what else of rustc's arguments belongs to a level.

use crate::engine::build::unit::Unit;
use crate::engine::scope::Optimization;

/// The `-Copt-level` of a unit.
pub(super) fn of(unit: &Unit, optimization: Optimization) -> u8 {
    match optimization {
        Optimization::Auto => {
            if unit.hot {
                2
            } else {
                0
            }
        }
        // The user's level is a lower bound where code is measured: the time of code that is not optimised tells nothing.
        Optimization::Level(level) => {
            if unit.measured {
                level.max(2)
            } else {
                level
            }
        }
    }
}

/// rustc's arguments for this level. Only `:opt 3` is [Cargo's release
/// profile](https://doc.rust-lang.org/cargo/reference/profiles.html#release); a lower level is its dev profile at another
/// `opt-level`, so that it changes nothing of what a cell does.
pub(super) fn arguments(unit: &Unit, optimization: Optimization) -> Vec<String> {
    let level = of(unit, optimization);
    let checks = if optimization == Optimization::Level(3) { "off" } else { "on" };
    vec![
        format!("-Copt-level={level}"),
        format!("-Coverflow-checks={checks}"),
        format!("-Cdebug-assertions={checks}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_measured_is_optimised_whatever_the_setting() {
        let level = |measured, setting| {
            let unit = Unit { hot: measured, measured, ..Unit::default() };
            arguments(&unit, setting).join(" ")
        };
        let arguments =
            |level, checks| format!("-Copt-level={level} -Coverflow-checks={checks} -Cdebug-assertions={checks}");
        assert_eq!(level(false, Optimization::Level(0)), arguments(0, "on"));
        assert_eq!(level(true, Optimization::Level(0)), arguments(2, "on"));
        assert_eq!(level(false, Optimization::Level(2)), arguments(2, "on"));
        assert_eq!(level(true, Optimization::Level(3)), arguments(3, "off"));
        assert_eq!(level(true, Optimization::Auto), arguments(2, "on"));
    }
}
