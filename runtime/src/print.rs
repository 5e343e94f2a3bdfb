//! The `print!` family of cells. One call is one record of the calling thread's lane: its text, newline included,
//! goes to the worker in one piece, so no line is ever torn. Never takes a lock and never writes to a descriptor.

use crate::host::{STDERR, STDOUT};
use crate::{interrupt, link, task_lanes};
use std::cell::Cell;
use std::fmt::{Arguments, Write};

/// The largest buffer, in bytes, that a thread keeps for its next print; one that a large print has made larger is freed.
const KEPT_BYTES: usize = 64 * 1024;

/// What prints of a thread share, in one place: a library finds each thread-local by a call.
struct Printer {
    /// Taken out while in use, so that a print within the `Display` of a value that is being printed gets a new one.
    buffer: Cell<String>,
    /// Whether the lane of this thread has its full name.
    is_named: Cell<bool>,
}

thread_local! {
    static PRINTER: Printer = const { Printer { buffer: Cell::new(String::new()), is_named: Cell::new(false) } };
}

#[doc(hidden)]
pub fn out(args: Arguments<'_>, end: &str) {
    emit(STDOUT, args, end);
}

#[doc(hidden)]
pub fn err(args: Arguments<'_>, end: &str) {
    emit(STDERR, args, end);
}

fn emit(stream: u32, args: Arguments<'_>, end: &str) {
    interrupt::check();
    let print = |printer: &Printer| {
        if !printer.is_named.replace(true) {
            name_lane();
        }
        if let (Some(text), true) = (args.as_str(), end.is_empty()) {
            return task_lanes::speaking(|| link::text(stream, text));
        }
        let mut buffer = printer.buffer.take();
        write(stream, args, end, &mut buffer);
        if buffer.capacity() <= KEPT_BYTES {
            printer.buffer.set(buffer);
        }
    };
    if PRINTER.try_with(print).is_err() {
        // The thread's locals are being destroyed, and the lane has had its name since the thread's first print.
        write(stream, args, end, &mut String::new());
    }
}

/// Writes one record by way of this buffer.
#[inline]
fn write(stream: u32, args: Arguments<'_>, end: &str, buffer: &mut String) {
    buffer.clear();
    if buffer.write_fmt(args).is_err() {
        panic!("a formatting trait implementation returned an error");
    }
    buffer.push_str(end);
    task_lanes::speaking(|| link::text(stream, buffer));
}

/// The calling thread's lane has its full name already, or needs none.
pub(crate) fn lane_is_named() {
    // A thread whose locals are being destroyed gives its lane no name any more.
    let _ = PRINTER.try_with(|printer| printer.is_named.set(true));
}

/// Gives the lane of a thread of std's its full name: `pthread_setname_np`, by which the worker knows it, cuts names at 15
/// bytes.
#[cold]
fn name_lane() {
    if let Some(name) = std::thread::current().name() {
        link::rename(name);
    }
}

/// As std's `print!`; one record.
///
/// ```
/// threadbook::print!("{} %", 50);
/// ```
#[macro_export]
macro_rules! print {
    ($($arg:tt)*) => { $crate::print::out(::std::format_args!($($arg)*), "") };
}

/// As std's `println!`; one record, newline included.
///
/// ```
/// threadbook::println!("{} %", 50);
/// ```
#[macro_export]
macro_rules! println {
    () => { $crate::print::out(::std::format_args!(""), "\n") };
    ($($arg:tt)*) => { $crate::print::out(::std::format_args!($($arg)*), "\n") };
}

/// As std's `eprint!`; one record.
///
/// ```
/// threadbook::eprint!("{} %", 50);
/// ```
#[macro_export]
macro_rules! eprint {
    ($($arg:tt)*) => { $crate::print::err(::std::format_args!($($arg)*), "") };
}

/// As std's `eprintln!`; one record, newline included.
///
/// ```
/// threadbook::eprintln!("{} %", 50);
/// ```
#[macro_export]
macro_rules! eprintln {
    () => { $crate::print::err(::std::format_args!(""), "\n") };
    ($($arg:tt)*) => { $crate::print::err(::std::format_args!($($arg)*), "\n") };
}

/// As std's `dbg!`; one record for each value.
///
/// ```
/// assert_eq!(threadbook::dbg!(1 + 1), 2);
/// ```
#[macro_export]
macro_rules! dbg {
    () => { $crate::eprintln!("[{}]", $crate::place::in_cell(::std::file!(), ::std::line!(), ::std::column!())) };
    ($val:expr $(,)?) => {
        // A `match` keeps temporaries of the expression alive to its end, as std's does.
        match $val {
            value => {
                $crate::eprintln!(
                    "[{}] {} = {:#?}",
                    $crate::place::in_cell(::std::file!(), ::std::line!(), ::std::column!()),
                    ::std::stringify!($val), &value);
                value
            }
        }
    };
    ($($val:expr),+ $(,)?) => { ($($crate::dbg!($val)),+,) };
}

#[cfg(test)]
mod tests {
    use crate::host::{STDERR, STDOUT};
    use crate::link::record::{self, Told};
    use std::fmt;
    use std::thread;

    /// What `print` tells the worker, apart from the name of the thread.
    fn records(print: impl FnOnce() + Send + 'static) -> Vec<(u32, String)> {
        record::attach();
        let recorded = thread::spawn(move || {
            print();
            record::told()
        });
        let text = |told| match told {
            Told::Text(stream, text) => (stream, text),
            other => panic!("{other:?}"),
        };
        recorded.join().unwrap().into_iter().map(text).collect()
    }

    fn out(text: &str) -> (u32, String) {
        (STDOUT, text.to_owned())
    }

    #[test]
    fn one_print_is_one_record() {
        let recorded = records(|| {
            let x = 3;
            crate::println!();
            crate::println!("{x} {}", "a",);
            crate::print!("{x:>3}|{y}", y = 1);
            crate::print!("plain");
            crate::println!("{{}}");
            crate::eprintln!("{}\n{}", 1, 2);
            crate::eprintln!();
            crate::eprint!("e");
        });
        let err = |text: &str| (STDERR, text.to_owned());
        let expected = [out("\n"), out("3 a\n"), out("  3|1"), out("plain"), out("{}\n")];
        assert_eq!(recorded[..5], expected);
        assert_eq!(recorded[5..], [err("1\n2\n"), err("\n"), err("e")]);
    }

    #[test]
    fn dbg_gives_its_value_back() {
        let recorded = records(|| {
            let (a, b) = crate::dbg!(1 + 1, "x".to_owned());
            assert_eq!((a, b.as_str()), (2, "x"));
            crate::dbg!();
        });
        assert!(recorded[0].0 == STDERR && recorded[0].1.ends_with("] 1 + 1 = 2\n"), "{recorded:?}");
        assert!(recorded[1].1.ends_with("] \"x\".to_owned() = \"x\"\n"), "{recorded:?}");
        assert!(recorded[2].1.starts_with("[") && recorded[2].1.ends_with("]\n"), "{recorded:?}");
    }

    #[test]
    fn a_print_within_a_print_comes_first_and_whole() {
        struct Chatty;
        impl fmt::Display for Chatty {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                crate::println!("inner");
                f.write_str("outer")
            }
        }
        assert_eq!(records(|| crate::println!("<{Chatty}>")), [out("inner\n"), out("<outer>\n")]);
    }

    #[test]
    fn a_print_while_the_locals_of_a_thread_are_destroyed_works() {
        struct Last;
        impl Drop for Last {
            fn drop(&mut self) {
                crate::println!("last {}", 1);
            }
        }
        thread_local!(static LAST: Last = const { Last });
        record::attach();
        let thread = thread::spawn(|| {
            LAST.with(|_| {});
            crate::println!("first");
        });
        let id = thread.thread().id();
        thread.join().unwrap();
        let expected = ["first\n", "last 1\n"].map(|text| Told::Text(STDOUT, text.to_owned()));
        assert_eq!(record::told_by(id), expected);
    }

    #[test]
    fn a_named_thread_of_std_gives_its_lane_the_full_name_once() {
        record::attach();
        let name = "a name of more than fifteen bytes";
        let thread = thread::Builder::new().name(name.to_owned()).spawn(|| {
            crate::println!("1");
            crate::println!("2");
            record::told()
        });
        let text = |text: &str| Told::Text(STDOUT, text.to_owned());
        assert_eq!(thread.unwrap().join().unwrap(), [Told::Rename(name.to_owned()), text("1\n"), text("2\n")]);
    }
}
