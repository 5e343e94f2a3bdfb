//! Python's `time` module: clocks and sleep. Owns the one spelling of a span of time, [`Seconds`].
//! Never formats in any way but C's `ctime`.

use crate::{sys, wait};
pub use std::time::{Duration, Instant};
use std::time::{SystemTime, UNIX_EPOCH};

/// A span of time as Python takes it, a number of seconds (`1`, `0.001`), or a `Duration`. A negative number, or
/// NaN, counts as 0; a number beyond all bounds as `Duration::MAX`.
///
/// ```
/// # use threadbook::time::{Duration, Seconds};
/// assert_eq!(0.5.duration(), Duration::from_millis(500));
/// assert_eq!((-1).duration(), Duration::ZERO);
/// ```
pub trait Seconds {
    /// The span as a `Duration`.
    fn duration(self) -> Duration;
}

impl Seconds for Duration {
    fn duration(self) -> Duration {
        self
    }
}

impl Seconds for f64 {
    fn duration(self) -> Duration {
        let beyond = if self > 0.0 { Duration::MAX } else { Duration::ZERO };
        Duration::try_from_secs_f64(self).unwrap_or(beyond)
    }
}

impl Seconds for i32 {
    fn duration(self) -> Duration {
        Duration::from_secs(self.max(0) as u64)
    }
}

impl Seconds for u64 {
    fn duration(self) -> Duration {
        Duration::from_secs(self)
    }
}

/// Suspends the calling thread.
///
/// ```
/// # use threadbook::time::{Duration, sleep};
/// sleep(0.001);
/// sleep(Duration::from_millis(1));
/// ```
pub fn sleep(time: impl Seconds) {
    wait::pause(time.duration());
}

/// The local time now, as C's `ctime` writes it: `Sat Apr 11 11:47:38 2020`.
///
/// ```
/// assert_eq!(threadbook::time::ctime().len(), 24);
/// ```
pub fn ctime() -> String {
    ctime_at(time() as i64)
}

/// `seconds` since the epoch in local time, as C's `ctime` writes it. Empty for a year of more than four digits,
/// which C cannot write.
///
/// ```
/// assert!(threadbook::time::ctime_at(1_586_606_400).ends_with("2020"));
/// ```
pub fn ctime_at(seconds: i64) -> String {
    sys::ctime(seconds).unwrap_or_default()
}

/// Seconds since the epoch (1970-01-01 00:00 UTC).
///
/// ```
/// assert!(threadbook::time::time() > 1.6e9);
/// ```
pub fn time() -> f64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(after) => after.as_secs_f64(),
        Err(before) => -before.duration().as_secs_f64(),
    }
}

/// Seconds of a clock that never goes back; only differences mean something.
///
/// ```
/// # use threadbook::time::monotonic;
/// let begun = monotonic();
/// assert!(monotonic() >= begun);
/// ```
pub fn monotonic() -> f64 {
    sys::monotonic().as_secs_f64()
}

/// Seconds of the clock with the highest resolution, for measuring short times; only differences mean something.
/// The same clock as [`monotonic`], as in CPython on Linux.
///
/// ```
/// # use threadbook::time::perf_counter;
/// let begun = perf_counter();
/// println!("{} s", perf_counter() - begun);
/// ```
pub fn perf_counter() -> f64 {
    monotonic()
}

/// Seconds of processor time that this process has used, in user and system mode, all threads together.
///
/// ```
/// assert!(threadbook::time::process_time() >= 0.0);
/// ```
pub fn process_time() -> f64 {
    sys::process_time().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_taken_as_python_takes_them() {
        assert_eq!(1.duration(), Duration::from_secs(1));
        assert_eq!(0.001.duration(), Duration::from_millis(1));
        assert_eq!((-1).duration(), Duration::ZERO);
        assert_eq!((-0.5).duration(), Duration::ZERO);
        assert_eq!(f64::NAN.duration(), Duration::ZERO);
        assert_eq!(f64::INFINITY.duration(), Duration::MAX);
    }

    #[test]
    fn ctime_has_the_form_of_c() {
        // Whatever the time zone, a day in April 2020 at noon UTC has this form.
        let text = ctime_at(1_586_606_400);
        assert_eq!(text.len(), 24, "{text:?}");
        assert!(text.contains(" Apr ") && text.ends_with(" 2020"), "{text:?}");
        assert_eq!(ctime_at(i64::MAX), "");
    }

    #[test]
    fn clocks_go_forward() {
        let (wall, steady, cpu) = (time(), perf_counter(), process_time());
        sleep(0.002);
        assert!(perf_counter() - steady >= 0.002);
        assert!(time() > wall && process_time() >= cpu);
    }
}
