//! What a session may use, and how a user says so: by variables of the environment, and by flags of the same spelling.
//!
//! Enforces nothing itself.

use std::ffi::OsString;
use std::time::Duration;

use crate::error::{Error, ExitCode};

/// A limit, or `None` for `off`.
pub type OrOff<T> = Option<T>;

/// Bytes that a worker needs before it runs anything. A smaller limit is refused.
const LEAST_MEMORY: u64 = 16 << 20;

/// What each cell of a session may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Time that a cell may run. Beyond it the cell is interrupted. Compiling does not count.
    pub time: OrOff<Duration>,
    /// Bytes of memory of the process that runs cells (`RLIMIT_DATA`). A cell that asks for more is aborted.
    pub memory: OrOff<u64>,
    /// Time that a copy of the worker may take, which saves its variables from a crash of the next cell. A copy that
    /// would take longer is not made; zero makes none.
    pub snapshot: Duration,
    /// Bytes of output that a cell may show. Beyond it the middle is left out, and the end is shown.
    pub output: OrOff<u64>,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { time: None, memory: None, snapshot: Duration::from_millis(200), output: Some(64 << 20) }
    }
}

impl Limits {
    /// The defaults, overridden by variables of the environment.
    pub fn from_environment() -> Result<Limits, Error> {
        Limits::from_variables(|name| std::env::var_os(name))
    }

    fn from_variables(value: impl Fn(&str) -> Option<OsString>) -> Result<Limits, Error> {
        let mut limits = Limits::default();
        let mut read = |name: &str, set: &mut dyn FnMut(&mut Limits, &str) -> Result<(), String>| match value(name)
        {
            None => Ok(()),
            Some(value) => set(&mut limits, &value.to_string_lossy()).map_err(|message| {
                let message = format!("the variable {name} is {value:?}, which is no limit; {message}");
                Error::new(ExitCode::Usage, message)
            }),
        };
        read("THREADBOOK_TIMEOUT", &mut |limits, text| Limits::read_time(text).map(|time| limits.time = time))?;
        read("THREADBOOK_MEMORY", &mut |limits, text| Limits::read_memory(text).map(|size| limits.memory = size))?;
        read("THREADBOOK_SNAPSHOT", &mut |limits, text| {
            Limits::read_snapshot(text).map(|time| limits.snapshot = time)
        })?;
        read("THREADBOOK_OUTPUT_LIMIT", &mut |limits, text| {
            Limits::read_size(text).map(|size| limits.output = size)
        })?;
        Ok(limits)
    }

    /// `60`, `0.5`, `off`
    pub fn read_time(text: &str) -> Result<OrOff<Duration>, String> {
        let time = or_off(text, |text| seconds(text).ok().filter(|time| !time.is_zero()));
        time.ok_or_else(|| "give a number of seconds above 0, such as 60 or 0.5, or `off`".into())
    }

    /// Seconds or `off`, which is zero.
    pub fn read_snapshot(text: &str) -> Result<Duration, String> {
        let time = or_off(text, |text| seconds(text).ok());
        time.map(Option::unwrap_or_default).ok_or_else(|| "give a number of seconds, such as 0.2, or `off`".into())
    }

    /// A size as `read_size` reads it, large enough for the runtime itself.
    pub fn read_memory(text: &str) -> Result<OrOff<u64>, String> {
        match Limits::read_size(text)? {
            Some(..LEAST_MEMORY) => Err("a worker itself needs some memory; give 16M or more, or `off`".into()),
            size => Ok(size),
        }
    }

    /// `512M`, `4GiB`, `1.5 GB`, `1000`, `off`
    pub fn read_size(text: &str) -> Result<OrOff<u64>, String> {
        or_off(text, size).ok_or_else(|| "give a size above 0, such as 512M or 4GiB, or `off`".into())
    }
}

fn or_off<T>(text: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<OrOff<T>> {
    if text == "off" { Some(None) } else { read(text).map(Some) }
}

/// Reads a number of seconds, zero or more; the error says what is wrong with the text.
pub fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    seconds.ok_or_else(|| "give a number of seconds, such as 10 or 0.5".into())
}

/// Letters alone and those with an `i` count in 1024s, those with a `B` only in 1000s, as for GNU's tools.
fn size(text: &str) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = (text[..digits].parse::<f64>().ok()?, text[digits..].trim_start().to_ascii_lowercase());
    let (letter, base) = match unit.as_bytes() {
        [] | [b'b'] => (b' ', 1.0),
        [letter] | [letter, b'i', b'b'] | [letter, b'i'] => (*letter, 1024.0),
        [letter, b'b'] => (*letter, 1000.0),
        _ => return None,
    };
    let power = b" kmgt".iter().position(|known| *known == letter)?;
    let bytes = number * f64::powi(base, power as i32);
    (bytes >= 1.0 && bytes < u64::MAX as f64).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read() {
        for (text, bytes) in [
            ("1000", 1000),
            ("7B", 7),
            ("512M", 512 << 20),
            ("4GiB", 4 << 30),
            ("4gib", 4 << 30),
            ("1.5 GB", 1_500_000_000),
            ("64k", 64 << 10),
            ("2Ti", 2 << 40),
        ] {
            assert_eq!(Limits::read_size(text), Ok(Some(bytes)), "{text}");
        }
        assert_eq!(Limits::read_size("off"), Ok(None));
        assert_eq!((Limits::read_memory("16M"), Limits::read_memory("off")), (Ok(Some(16 << 20)), Ok(None)));
        assert!(Limits::read_memory("15M").is_err_and(|message| message.contains("16M or more")));
        for bad in ["", "M", "0", "0.5", "-1", "5X", "5MM", "5 5", "1e3", "99999999T", "1..2", "inf", "nan", "5é"]
        {
            assert!(Limits::read_size(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn times_are_read() {
        assert_eq!(Limits::read_time("0.5"), Ok(Some(Duration::from_millis(500))));
        assert_eq!(Limits::read_time("off"), Ok(None));
        assert_eq!(Limits::read_snapshot("0"), Limits::read_snapshot("off"));
        for bad in ["", "-1", "x", "nan", "inf", "1m"] {
            assert!(Limits::read_time(bad).is_err() && Limits::read_snapshot(bad).is_err(), "{bad}");
            assert!(seconds(bad).is_err(), "{bad}");
        }
        assert!(Limits::read_time("0").is_err());
    }

    #[test]
    fn the_environment_sets_limits_and_a_bad_value_is_named() {
        let of = |set: &[(&str, &str)]| {
            let set: std::collections::HashMap<String, OsString> =
                set.iter().map(|(name, value)| (name.to_string(), value.into())).collect();
            Limits::from_variables(|name| set.get(name).cloned()).map_err(|error| error.to_string())
        };
        assert_eq!(of(&[]), Ok(Limits::default()));
        let all = [
            ("THREADBOOK_TIMEOUT", "60"),
            ("THREADBOOK_MEMORY", "1G"),
            ("THREADBOOK_SNAPSHOT", "off"),
            ("THREADBOOK_OUTPUT_LIMIT", "off"),
        ];
        let limits = Limits {
            time: Some(Duration::from_secs(60)),
            memory: Some(1 << 30),
            snapshot: Duration::ZERO,
            output: None,
        };
        assert_eq!(of(&all), Ok(limits));
        for (name, _) in all {
            let message = of(&[(name, "soon")]).expect_err("no limit");
            assert!(message.starts_with(&format!("the variable {name} is \"soon\"")), "{message}");
        }
    }
}
