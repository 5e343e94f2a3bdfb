//! How the value of a cell's tail expression is shown. A type with a method `evcxr_display(&self)`, of its own or by a
//! trait, is shown by it; every other value by `Debug`. The unit value is not shown.

use std::fmt::Debug;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::host::{TAIL_BEGINS, TAIL_ENDS};

/// The result of the running cell, as the host's JSON; held until the cell's times are printed, as in IPython.
static RESULT: Mutex<Option<String>> = Mutex::new(None);

/// No expression has this type: rustc says what it has instead (`:type`).
pub struct TypeOf;

/// Gives every value a method `evcxr_display`. Any other method of that name comes first: one of the type's own, and
/// one of a trait that is in scope, since this one is found one reference later in
/// [the order of method calls](https://doc.rust-lang.org/reference/expressions/method-call-expr.html).
pub trait Fallback {
    /// What is shown.
    type Value: ?Sized;

    fn evcxr_display(&self)
    where
        Self::Value: Debug;
}

impl<T: ?Sized> Fallback for &T {
    type Value = T;

    fn evcxr_display(&self)
    where
        T: Debug,
    {
        hold(std::any::type_name::<T>(), self);
    }
}

/// How the result of the cell that runs is written: `PRETTY`, `TYPED`.
static FORM: AtomicU8 = AtomicU8::new(0);

/// By `{:#?}` (`:fmt`).
pub const PRETTY: u8 = 1;
/// Behind its type (`:types`).
pub const TYPED: u8 = 2;

/// Has the result of this cell written in this form.
pub fn form(form: u8) {
    FORM.store(form, Ordering::Relaxed);
}

/// Holds a value of this type as the result of the cell. Not generic, since what is generic is compiled again in each cell.
#[inline(never)]
fn hold(type_name: &str, value: &dyn Debug) {
    let form = FORM.swap(0, Ordering::Relaxed);
    if type_name == "()" {
        return;
    }
    let mut text = if form & PRETTY != 0 { format!("{value:#?}") } else { format!("{value:?}") };
    if form & TYPED != 0 {
        text.insert_str(0, &format!(": {type_name} = "));
    }
    let json = format!("{{\"data\":{{\"text/plain\":{}}}}}", json_string(&text));
    *RESULT.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = Some(json);
}

/// Whether the cell that runs has begun to show its last expression.
static TAIL: AtomicBool = AtomicBool::new(false);

/// Called before the cell's last expression is shown: what evcxr's lines show from here on is its result.
pub fn tail() {
    TAIL.store(true, Ordering::Relaxed);
    crate::link::result(TAIL_BEGINS);
}

/// Sends the result that the cell has left, if it has.
pub(crate) fn send_result() {
    if TAIL.swap(false, Ordering::Relaxed) {
        crate::link::result(TAIL_ENDS);
    }
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
