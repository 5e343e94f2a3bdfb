//! `%%time` and `%time`: what they measure and how they print it, as IPython does on Linux (`_format_time` and the
//! magic `time` in IPython 9's `core/magics/execution.py`).

use std::sync::Mutex;
use std::time::Instant;

use crate::host::STDOUT;

/// How the running cell's times are printed, from its frame.
#[derive(Clone, Copy)]
pub(crate) struct Style {
    pub wall_only: bool,
    pub compile_seconds: f64,
}

static STYLE: Mutex<Style> = Mutex::new(Style { wall_only: false, compile_seconds: 0.0 });

pub(crate) fn set_style(style: Style) {
    *STYLE.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = style;
}

/// A running measurement; dropping it prints, also when the timed code fails.
pub struct Timer {
    wall: Instant,
    cpu: (f64, f64),
}

impl Timer {
    pub fn start() -> Timer {
        Timer { cpu: cpu_seconds(), wall: Instant::now() }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let wall = self.wall.elapsed().as_secs_f64();
        let (user, system) = cpu_seconds();
        let style = *STYLE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        crate::link::text(STDOUT, &report(wall, user - self.cpu.0, system - self.cpu.1, style));
    }
}

fn report(wall: f64, user: f64, system: f64, style: Style) -> String {
    let mut text = String::new();
    if !style.wall_only {
        let [user_text, system_text, total] = [user, system, user + system].map(format_time);
        text = format!("CPU times: user {user_text}, sys: {system_text}, total: {total}\n");
    }
    text += &format!("Wall time: {}\n", format_time(wall));
    if !style.wall_only && style.compile_seconds > 0.1 {
        text += &format!("Compiler : {}\n", format_time(style.compile_seconds));
    }
    text
}

/// The seconds that compiling the running cell took.
pub(crate) fn compile_seconds() -> f64 {
    STYLE.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).compile_seconds
}

/// Seconds as IPython writes them: `1min 1s`, `3.99 ms`, `0 ns`.
pub fn format_time(seconds: f64) -> String {
    format_digits(seconds, 3)
}

/// As [`format_time`], with so many digits for times below a minute.
pub(crate) fn format_digits(seconds: f64, precision: usize) -> String {
    if seconds >= 60.0 {
        let mut rest = seconds as u64;
        let mut parts = Vec::new();
        for (unit, length) in [("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)] {
            if rest / length > 0 {
                parts.push(format!("{}{unit}", rest / length));
            }
            rest %= length;
        }
        return parts.join(" ");
    }
    let scales = [("s", 1.0), ("ms", 1e3), ("\u{3bc}s", 1e6), ("ns", 1e9)];
    let order = if seconds > 0.0 { ((-seconds.log10().floor() as i64 + 2) / 3).clamp(0, 3) as usize } else { 3 };
    let (unit, scale) = scales[order];
    format!("{} {unit}", digits(seconds * scale, precision))
}

/// The number as C's `printf` writes it for `%.Ng`.
fn digits(value: f64, precision: usize) -> String {
    let precision = precision.max(1);
    if value == 0.0 {
        return "0".into();
    }
    let scientific = format!("{value:.*e}", precision - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..precision as i32).contains(&exponent) {
        return trim_zeros(&format!("{value:.*}", (precision as i32 - 1 - exponent) as usize));
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", trim_zeros(mantissa), exponent.abs())
}

fn trim_zeros(digits: &str) -> String {
    if !digits.contains('.') {
        return digits.into();
    }
    digits.trim_end_matches('0').trim_end_matches('.').into()
}

/// Seconds of processor time, user and system, of all threads of this process and none of its children.
fn cpu_seconds() -> (f64, f64) {
    #[repr(C)]
    struct Usage {
        user: [i64; 2],
        system: [i64; 2],
        rest: [i64; 14],
    }
    unsafe extern "C" {
        fn getrusage(who: i32, usage: *mut Usage) -> i32;
    }
    let mut usage = Usage { user: [0; 2], system: [0; 2], rest: [0; 14] };
    // SAFETY: fills a local that has the layout of `struct rusage` on 64-bit Linux; 0 is RUSAGE_SELF.
    unsafe { getrusage(0, &mut usage) };
    let seconds = |[seconds, micros]: [i64; 2]| seconds as f64 + micros as f64 / 1e6;
    let _ = usage.rest;
    (seconds(usage.user), seconds(usage.system))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_ipython_writes_them() {
        for (seconds, text) in [
            (0.0, "0 ns"),
            (1e-12, "0.001 ns"),
            (3.99e-3, "3.99 ms"),
            (0.9996, "1e+03 ms"),
            (59.999, "60 s"),
            (61.2, "1min 1s"),
            (3600.0, "1h"),
            (90_061.0, "1d 1h 1min 1s"),
            (1.0, "1 s"),
            (1.5, "1.5 s"),
            (12.345e-6, "12.3 \u{3bc}s"),
            (123.4e-9, "123 ns"),
        ] {
            assert_eq!(format_time(seconds), text, "{seconds}");
        }
    }

    #[test]
    fn the_compiler_has_a_line_of_its_own_above_a_tenth_of_a_second() {
        let style = |compile_seconds| Style { wall_only: false, compile_seconds };
        assert_eq!(
            report(2.0, 0.5, 0.25, style(0.15)),
            "CPU times: user 500 ms, sys: 250 ms, total: 750 ms\nWall time: 2 s\nCompiler : 150 ms\n"
        );
        assert!(!report(2.0, 0.5, 0.25, style(0.1)).contains("Compiler"));
        assert_eq!(report(1.0, 0.0, 0.0, Style { wall_only: true, compile_seconds: 1.0 }), "Wall time: 1 s\n");
    }
}
