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

/// What is said of the level of a cell that is timed: only if the user has asked for less than what is worth timing.
pub(super) fn about(level: Option<u8>) -> String {
    match level {
        Some(level @ 0..=1) => format!("%%time: compiled at level {level}, as `:opt {level}` says\n"),
        _ => String::new(),
    }
}

/// rustc's arguments for this level. Only `:opt 3` is [Cargo's release
/// profile](https://doc.rust-lang.org/cargo/reference/profiles.html#release); a lower level is its dev profile at another
/// `opt-level`, so that it changes nothing of what a cell does.
pub(super) fn arguments(unit: &Unit, optimization: Optimization) -> Vec<String> {
    let level = of(unit, optimization);
    let checks = if optimization == Optimization::Level(3) { "off" } else { "on" };
    let mut arguments = vec![format!("-Copt-level={level}"), format!("-Coverflow-checks={checks}")];
    if level > 0 && checks == "on" {
        // `debug_assert!` without what else `-Cdebug-assertions` means: checks of unsafe code within std's generic
        // functions, which make a sort of numbers half as fast.
        let own = ["-Cdebug-assertions=off", "--cfg=debug_assertions", "-Aexplicit_builtin_cfgs_in_flags"];
        arguments.extend(own.map(String::from));
    } else {
        arguments.push(format!("-Cdebug-assertions={checks}"));
    }
    if calls_directly(unit, optimization) {
        // Only for units without a `thread_local!`: there is little room where this model places thread locals of a library.
        arguments.push("-Crelocation-model=pie".into());
    }
    arguments
}

/// Whether functions of a unit call each other directly. What a library exports could be replaced by another's definition, so
/// calls of it are indirect, also within the library, unless it is compiled as for an executable and linked with
/// `-Bsymbolic`.
pub(super) fn calls_directly(unit: &Unit, optimization: Optimization) -> bool {
    of(unit, optimization) > 0 && unit.calls_directly
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
        for (measured, setting, expected) in [
            (false, Optimization::Level(0), "-Copt-level=0 -Coverflow-checks=on -Cdebug-assertions=on"),
            (true, Optimization::Level(0), "-Copt-level=2 -Coverflow-checks=on -Cdebug-assertions=off --cfg"),
            (false, Optimization::Level(2), "-Copt-level=2 -Coverflow-checks=on -Cdebug-assertions=off --cfg"),
            (true, Optimization::Level(3), "-Copt-level=3 -Coverflow-checks=off -Cdebug-assertions=off"),
            (true, Optimization::Auto, "-Copt-level=2 -Coverflow-checks=on -Cdebug-assertions=off --cfg"),
        ] {
            assert!(level(measured, setting).starts_with(expected), "{}", level(measured, setting));
        }
    }

    #[test]
    fn optimised_functions_call_each_other_directly_unless_something_forbids_it() {
        for (hot, calls_directly, direct) in [(true, true, true), (false, true, false), (true, false, false)] {
            let unit = Unit { hot, calls_directly, ..Unit::default() };
            let arguments = arguments(&unit, Optimization::Auto);
            assert_eq!(
                arguments.iter().any(|argument| argument == "-Crelocation-model=pie"),
                direct,
                "{arguments:?}"
            );
        }
    }
}
