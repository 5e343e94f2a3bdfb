//! `%timeit` and `%%timeit`: how long code takes, by IPython's way and in its words (`timeit` in IPython 9's
//! `core/magics/execution.py`). Knows nothing of where the code comes from.

use std::fmt;
use std::hint::black_box;
use std::time::Instant;

use crate::host::STDOUT;
use crate::timing;

/// The flags of `%timeit`, as IPython has them.
#[derive(Clone, Copy)]
pub struct Options {
    /// Calls in a run; 0 asks for the first power of ten that takes 0.2 s.
    pub loops: u64,
    pub runs: u64,
    /// Digits of the times that are printed.
    pub precision: usize,
    pub quiet: bool,
}

/// The result of a measurement, displayed as IPython's `TimeitResult`.
pub struct Timed {
    /// Seconds for each call, a value for each run.
    seconds: Vec<f64>,
    loops: u64,
    precision: usize,
}

/// Calls `body` as often as the options say, and prints how long a call took. Inlined into the cell's crate, so that
/// nothing but the body is in the loop.
#[inline]
pub fn measure(options: Options, mut body: impl FnMut()) -> Timed {
    let mut run = |loops: u64| {
        let started = Instant::now();
        for _ in 0..loops {
            // Keeps the optimiser from taking the body for the same at each call.
            (black_box(&mut body))();
        }
        started.elapsed().as_secs_f64()
    };
    let loops = if options.loops == 0 { enough(&mut run) } else { options.loops };
    let seconds = (0..options.runs).map(|_| run(loops) / loops as f64).collect();
    let timed = Timed { seconds, loops, precision: options.precision };
    if !options.quiet {
        crate::link::text(STDOUT, &timed.report(timing::compile_seconds()));
    }
    timed
}

/// The first power of ten of calls that takes 0.2 s.
fn enough(run: &mut dyn FnMut(u64) -> f64) -> u64 {
    let powers = (0..10).map(|power| 10_u64.pow(power));
    let mut last = 1;
    for loops in powers {
        last = loops;
        if run(loops) >= 0.2 {
            break;
        }
    }
    last
}

impl Timed {
    fn report(&self, compile_seconds: f64) -> String {
        let best = self.seconds.iter().copied().fold(f64::INFINITY, f64::min);
        let worst = self.seconds.iter().copied().fold(0.0, f64::max);
        let mut text = String::new();
        if worst > 4.0 * best && best > 0.0 && worst > 1e-6 {
            text = format!(
                "The slowest run took {:.2} times longer than the fastest. This could mean that an intermediate result is being cached.\n",
                worst / best
            );
        }
        text += &format!("{self}\n");
        if compile_seconds > 0.1 {
            text += &format!("Compiler time: {compile_seconds:.2} s\n");
        }
        text
    }

    fn mean(&self) -> f64 {
        self.seconds.iter().sum::<f64>() / self.seconds.len() as f64
    }

    /// The standard deviation of the runs, which count as the whole population.
    fn deviation(&self) -> f64 {
        let mean = self.mean();
        let squares = self.seconds.iter().map(|seconds| (seconds - mean).powi(2));
        (squares.sum::<f64>() / self.seconds.len() as f64).sqrt()
    }
}

impl fmt::Display for Timed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (runs, loops) = (self.seconds.len(), self.loops);
        write!(
            f,
            "{} \u{b1} {} per loop (mean \u{b1} std. dev. of {runs} run{}, {} loop{} each)",
            timing::format_digits(self.mean(), self.precision),
            timing::format_digits(self.deviation(), self.precision),
            if runs == 1 { "" } else { "s" },
            thousands(loops),
            if loops == 1 { "" } else { "s" },
        )
    }
}

impl fmt::Debug for Timed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<TimeitResult : {self}>")
    }
}

/// The number with commas: `10,000`.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timed(seconds: &[f64], loops: u64) -> Timed {
        Timed { seconds: seconds.to_vec(), loops, precision: 3 }
    }

    #[test]
    fn a_measurement_reads_as_ipythons() {
        assert_eq!(
            timed(&[1e-3, 3e-3], 10_000).to_string(),
            "2 ms \u{b1} 1 ms per loop (mean \u{b1} std. dev. of 2 runs, 10,000 loops each)"
        );
        assert_eq!(
            format!("{:?}", timed(&[2.5], 1)),
            "<TimeitResult : 2.5 s \u{b1} 0 ns per loop (mean \u{b1} std. dev. of 1 run, 1 loop each)>"
        );
    }

    #[test]
    fn a_slow_run_and_a_slow_compiler_are_told() {
        let report = timed(&[1e-3, 5e-3], 1).report(0.25);
        let lines: Vec<&str> = report.lines().collect();
        assert!(lines[0].starts_with("The slowest run took 5.00 times longer than the fastest. This could"));
        assert_eq!(lines[2], "Compiler time: 0.25 s");
        assert_eq!(timed(&[1e-3, 2e-3], 1).report(0.1).lines().count(), 1);
        assert_eq!(timed(&[1e-9, 9e-9], 1).report(0.0).lines().count(), 1);
    }

    #[test]
    fn a_run_is_as_long_as_it_takes() {
        assert_eq!(enough(&mut |loops| loops as f64 * 0.05), 10);
        assert_eq!(enough(&mut |_| 0.0), 1_000_000_000);
    }

    #[test]
    fn the_body_is_called_as_often_as_asked() {
        let mut calls = 0;
        let options = Options { loops: 5, runs: 3, precision: 3, quiet: true };
        measure(options, || calls += 1);
        assert_eq!(calls, 15);
    }
}
