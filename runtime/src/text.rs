//! Python's spelling of values where it differs from Rust's: `True`, `None`, `1e-05`. Never quotes and never looks
//! into a collection: it is what `print` makes of one value.

use std::fmt::{self, Display, Formatter};

/// A value that is displayed as Python's `print` spells it.
///
/// ```
/// # use threadbook::py;
/// assert_eq!(format!("{} {} {}", py(true), py(None::<i32>), py(1e-5)), "True None 1e-05");
/// ```
pub fn py<T: PyText>(value: T) -> Py<T> {
    Py(value)
}

/// Displays its value as Python does: what [`py`] returns.
///
/// ```
/// # use threadbook::{Py, py};
/// let done: Py<bool> = py(false);
/// assert_eq!(done.to_string(), "False");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Py<T>(T);

impl<T: PyText> Display for Py<T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.py_fmt(f)
    }
}

/// A type whose values Python can spell.
///
/// ```
/// # use threadbook::{PyText, py};
/// struct Percent(u32);
/// impl PyText for Percent {
///     fn py_fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
///         write!(f, "{} %", self.0)
///     }
/// }
/// assert_eq!(py(Percent(50)).to_string(), "50 %");
/// ```
pub trait PyText {
    /// Writes the value as Python spells it.
    ///
    /// # Errors
    /// The formatter's own.
    fn py_fmt(&self, f: &mut Formatter<'_>) -> fmt::Result;
}

impl PyText for bool {
    fn py_fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.pad(if *self { "True" } else { "False" })
    }
}

impl PyText for () {
    fn py_fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.pad("None")
    }
}

impl<T: PyText> PyText for Option<T> {
    fn py_fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Some(value) => value.py_fmt(f),
            None => f.pad("None"),
        }
    }
}

impl<T: PyText + ?Sized> PyText for &T {
    fn py_fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        (**self).py_fmt(f)
    }
}

macro_rules! as_rust_displays {
    ($($type:ty)*) => { $(
        impl PyText for $type {
            fn py_fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
                Display::fmt(self, f)
            }
        }
    )* };
}
as_rust_displays!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize char str String);

impl PyText for f64 {
    fn py_fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.pad(&float(*self))
    }
}

impl PyText for f32 {
    fn py_fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f64::from(*self).py_fmt(f)
    }
}

/// Python's `repr` of a float. Rust's `Debug` gives the same digits and changes to an exponent at the same
/// magnitudes; Python writes the exponent with a sign and at least two digits.
fn float(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    let text = format!("{value:?}");
    match text.split_once('e') {
        None => text,
        Some((digits, exponent)) => {
            // `1.0e16` keeps no bare fraction in Python.
            let digits = digits.strip_suffix(".0").unwrap_or(digits);
            let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |rest| ('-', rest));
            format!("{digits}e{sign}{exponent:0>2}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_spelt_as_in_python() {
        assert_eq!(format!("{} {} {}", py(true), py(false), py(())), "True False None");
        assert_eq!(format!("{} {}", py(Some(3)), py(None::<i32>)), "3 None");
        assert_eq!(format!("{} {}", py("a"), py(&String::from("b"))), "a b");
        assert_eq!(format!("[{:>6}]", py(true)), "[  True]");
    }

    #[test]
    fn floats_are_spelt_as_in_python() {
        for (value, text) in [
            (1.0, "1.0"),
            (0.1, "0.1"),
            (0.0001, "0.0001"),
            (0.00001, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.25e300, "1.25e+300"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(py(value).to_string(), text);
        }
    }
}
