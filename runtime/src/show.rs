//! How the value of a cell's tail expression is shown. A type with a method `evcxr_display(&self)` of its own is
//! shown by it; every other value by `Debug`. The unit value is not shown.

use std::fmt::{self, Debug};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

/// The result of the running cell, as the host's JSON; held until the cell's times are printed, as in IPython.
static RESULT: Mutex<Option<String>> = Mutex::new(None);

/// No expression has this type: rustc says what it has instead (`:type`).
pub struct TypeOf;

/// Gives every value a method `evcxr_display`. If its type has one of its own, that comes first, as inherent methods do.
pub trait Fallback {
    fn evcxr_display(&self)
    where
        Self: Debug;
}

impl<T: ?Sized> Fallback for T {
    fn evcxr_display(&self)
    where
        T: Debug,
    {
        hold(std::any::type_name::<T>(), format_args!("{self:?}"));
    }
}

/// Holds a value of this type as the result of the cell. Not generic, since what is generic is compiled again in each cell.
#[inline(never)]
fn hold(type_name: &str, value: fmt::Arguments<'_>) {
    if type_name == "()" {
        return;
    }
    let json = format!("{{\"data\":{{\"text/plain\":{}}}}}", json_string(&fmt::format(value)));
    *RESULT.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(json);
}

/// Sends the result that the cell has left, if it has.
pub(crate) fn send_result() {
    let json = RESULT.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take();
    if let Some(json) = json {
        crate::link::result(&json);
    }
}

/// The text as a JSON string, quotes included (RFC 8259 §7).
pub(crate) fn json_string(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 2);
    json.push('"');
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            '\n' => json.push_str("\\n"),
            c if c < ' ' => json.push_str(&format!("\\u{:04x}", c as u32)),
            c => json.push(c),
        }
    }
    json.push('"');
    json
}

/// A new id, which differs from all others of this session, also from those of lost workers and of forked children.
pub(crate) fn new_id() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(1);
    static BEGUN: OnceLock<u128> = OnceLock::new();
    let begun =
        BEGUN.get_or_init(|| SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos()));
    format!("threadbook-{begun:x}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_as_json_wants_it() {
        assert_eq!(json_string("a\"b\\c\n\u{1}\u{e9}"), "\"a\\\"b\\\\c\\n\\u0001\u{e9}\"");
    }
}
