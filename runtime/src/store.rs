//! The variables of a session, by name, between cells. Each thread has a store of its own, and only the one that runs
//! cells ever fills its: so no value comes to another thread, whether it is `Send` or not. A value is taken out whole
//! and put back whole: nothing refers into the store.
//!
//! A variable from which others borrow is frozen: its value lies in memory that is never freed, and the store has a handle
//! to it ([`Frozen`]), so that its address stays while cells come and go.

use std::any::{Any, type_name};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::mem::ManuallyDrop;

type Store = BTreeMap<String, Box<dyn Any>>;

thread_local! {
    /// Never dropped: when the session ends, its variables end with the process, without their destructors.
    static STORE: RefCell<ManuallyDrop<Store>> = const { RefCell::new(ManuallyDrop::new(BTreeMap::new())) };
}

// Whatever is generic below is compiled again in each cell, for each type of a variable. So these functions are not: with
// the map's own code in the cells, a cell that kept one variable took twice as long to compile.

/// Takes the variable's value out of the calling thread's store. `None` if it has none of this name.
#[inline(never)]
fn remove(name: &str) -> Option<Box<dyn Any>> {
    STORE.with_borrow_mut(|store| store.remove(name))
}

/// Puts a value into the calling thread's store.
#[inline(never)]
fn insert(name: &str, value: Box<dyn Any>) {
    let before = STORE.with_borrow_mut(|store| store.insert(name.to_string(), value));
    // The old value's destructor is the user's code, which may use the store.
    drop(before);
}

#[cold]
#[inline(never)]
fn no_value(name: &str) -> ! {
    panic!("`{name}` has no value any more; run the cell that defines it again")
}

#[cold]
#[inline(never)]
fn other_type(name: &str, expected: &str) -> ! {
    panic!("`{name}` is not a `{expected}`: please report this as a bug of threadbook")
}

/// Takes the variable out. The session knows its type from rustc, so a mismatch is a fault of ours.
///
/// # Panics
/// The calling thread has no variable of this name and type: none but the thread that runs cells has any.
pub fn take<T: 'static>(name: &str) -> T {
    let Some(value) = remove(name) else { no_value(name) };
    match value.downcast::<T>() {
        Ok(value) => *value,
        Err(_) => other_type(name, type_name::<T>()),
    }
}

/// Takes the variable out as a `T` that was compiled again since the value was made: from the same text, with the same
/// types in it.
///
/// # Panics
/// As `take`; the value's own type may be another than `T`, but must have its size and alignment.
pub fn take_rebuilt<T: 'static>(name: &str) -> T {
    let Some(value) = remove(name) else { no_value(name) };
    let value = match value.downcast::<T>() {
        Ok(value) => return *value,
        Err(value) => value,
    };
    let size_and_alignment = (size_of_val(&*value), align_of_val(&*value));
    if size_and_alignment != (size_of::<T>(), align_of::<T>()) {
        panic!("`{name}` does not fit a `{}`: please report this as a bug of threadbook", type_name::<T>());
    }
    // SAFETY: the session vouches that `T` has the same definition as the value's type, down to every type in it, and was
    // compiled by the same rustc. rustc lays out such types in the same way (their identity plays a part with
    // `-Zrandomize-layout` alone), so the value is a valid `T`, in an allocation of a `T`'s size and alignment.
    *unsafe { Box::from_raw(Box::into_raw(value).cast::<T>()) }
}

/// Puts a variable in. It arrives in an `Option` whose address is taken, so that its type stands in the MIR at
/// every opt-level; the session reads it there.
#[inline(never)]
pub fn put<T: 'static>(name: &str, value: &mut Option<T>) {
    let Some(value) = value.take() else { return };
    insert(name, Box::new(value));
}

/// A value in memory of its own, which stays where it is for as long as somebody may borrow from it.
pub struct Frozen<T>(*mut T);

impl<T> Clone for Frozen<T> {
    fn clone(&self) -> Frozen<T> {
        *self
    }
}

impl<T> Copy for Frozen<T> {}

impl<T: 'static> Frozen<T> {
    /// Moves the value to memory that is never freed.
    pub fn new(value: T) -> Frozen<T> {
        Frozen(Box::into_raw(Box::new(value)))
    }

    /// The value, for the one cell that freezes it. The generated code calls it once, before anything else refers to the
    /// value. Others can have it after that cell if nothing that can change it was stored, which rustc has found (`read`).
    pub fn open(&self) -> &'static mut T {
        // SAFETY: the pointer comes from a box that is never freed, and nothing else refers into it, as said above.
        unsafe { &mut *self.0 }
    }

    /// The value, for good.
    pub fn get(&self) -> &'static T {
        // SAFETY: the pointer comes from a box that is never freed. Only `thaw` takes the value out again, which the session
        // asks for only if no reference is left.
        unsafe { &*self.0 }
    }
}

/// What the store has of a frozen variable: where its value lies, and the size and alignment of its type. Its type's
/// identity plays no part, since the session may have compiled the type again (see `take_rebuilt`).
struct Held {
    at: *mut (),
    layout: (usize, usize),
}

impl Held {
    fn new<T>(value: Frozen<T>) -> Held {
        Held { at: value.0.cast(), layout: layout::<T>() }
    }

    /// # Panics
    /// The value does not fit a `T`, which would be a fault of ours.
    fn value<T>(&self, name: &str) -> Frozen<T> {
        if self.layout != layout::<T>() {
            other_type(name, type_name::<T>());
        }
        Frozen(self.at.cast())
    }
}

const fn layout<T>() -> (usize, usize) {
    (size_of::<T>(), align_of::<T>())
}

/// Does nothing; see `Frozen::open`.
pub fn read<T: ?Sized>(_: &T) {}

/// What a cell has on its stack as long as it runs: what is lent to the cell cannot outlive it.
pub struct Lender;

/// Puts a frozen variable in, in an `Option` for the reason that `put` gives.
#[inline(never)]
pub fn hold<T: 'static>(name: &str, value: &mut Option<Frozen<T>>) {
    let Some(value) = value.take() else { return };
    insert(name, Box::new(Held::new(value)));
}

/// Freezes a variable of the store: its value stays for ever where it is from then on. `rebuilt` says whether `T` was
/// compiled again since the value was made.
///
/// # Panics
/// As `take`.
pub fn freeze<T: 'static>(name: &str, rebuilt: bool) -> Frozen<T> {
    let value = Frozen::new(if rebuilt { take_rebuilt::<T>(name) } else { take::<T>(name) });
    hold(name, &mut Some(value));
    value
}

/// A variable that is frozen, for a cell that changes it, after `borrowers` were dropped as by `thaw`, and freezes it anew.
///
/// # Panics
/// As `held`.
pub fn reopen<T: 'static>(name: &str, borrowers: &[&str]) -> Frozen<T> {
    forget(borrowers);
    frozen(name)
}

/// A frozen variable, for good.
///
/// # Panics
/// The calling thread has no frozen variable of this name.
pub fn held<T: 'static>(name: &str) -> &'static T {
    frozen::<T>(name).get()
}

/// A frozen variable, for as long as the cell runs.
///
/// # Panics
/// As `held`.
pub fn lend<'a, T: 'static>(name: &str, _: &'a Lender) -> &'a T {
    frozen::<T>(name).get()
}

/// Takes a frozen variable out of its memory, after the variables `borrowers`, which borrow from it, were dropped. The
/// session asks for it only if no cell has had the variable or a borrower for good (`held`), so nothing else borrows.
///
/// # Panics
/// As `held`.
pub fn thaw<T: 'static>(name: &str, borrowers: &[&str]) -> T {
    forget(borrowers);
    let value = frozen::<T>(name);
    drop(remove(name));
    // SAFETY: the pointer is a box's, and this is its one owner from here on: no reference is left, as the session vouches.
    *unsafe { Box::from_raw(value.0) }
}

fn frozen<T: 'static>(name: &str) -> Frozen<T> {
    STORE.with_borrow(|store| match store.get(name) {
        None => no_value(name),
        Some(value) => match value.downcast_ref::<Held>() {
            Some(held) => held.value(name),
            None => other_type(name, type_name::<Frozen<T>>()),
        },
    })
}

/// Drops these variables (`%reset`).
pub fn forget(names: &[&str]) {
    for name in names {
        let gone = remove(name);
        // The value's destructor is the user's code, which may use the store.
        drop(gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn a_variable_comes_back_as_it_went_in() {
        put("store_test", &mut Some(vec![1, 2]));
        assert_eq!(take::<Vec<i32>>("store_test"), [1, 2]);
        assert!(std::panic::catch_unwind(|| take::<Vec<i32>>("store_test")).is_err());
    }

    #[test]
    fn no_value_comes_to_another_thread() {
        // Its count is not atomic: two threads must never both have one.
        let shared = Rc::new(7);
        put("store_thread", &mut Some(shared.clone()));
        assert!(std::thread::spawn(|| drop(take::<Rc<i32>>("store_thread"))).join().is_err());
        std::thread::spawn(|| {
            put("store_thread", &mut Some(8));
            forget(&["store_thread"]);
        })
        .join()
        .unwrap();
        assert_eq!(Rc::strong_count(&shared), 2);
        assert_eq!(take::<Rc<i32>>("store_thread"), shared);
    }

    #[test]
    fn a_destructor_may_use_the_store() {
        struct Last;
        impl Drop for Last {
            fn drop(&mut self) {
                put("store_last", &mut Some(9));
            }
        }
        put("store_destructor", &mut Some(Last));
        put("store_destructor", &mut Some(()));
        put("store_destructor", &mut Some(Last));
        forget(&["store_destructor"]);
        assert_eq!(take::<i32>("store_last"), 9);
    }

    #[test]
    fn a_value_comes_back_as_its_type_compiled_again() {
        mod once {
            #[derive(Debug)]
            pub struct A(pub u8, pub String);
        }
        mod again {
            #[derive(Debug, PartialEq)]
            pub struct A(pub u8, pub String);
        }
        let value = once::A(7, "seven".into());
        assert_eq!((value.0, value.1.as_str()), (7, "seven"));
        put("store_rebuilt", &mut Some(value));
        assert_eq!(take_rebuilt::<again::A>("store_rebuilt"), again::A(7, "seven".into()));
        put("store_rebuilt", &mut Some(again::A(8, "eight".into())));
        assert_eq!(take_rebuilt::<again::A>("store_rebuilt").0, 8);
        put("store_rebuilt", &mut Some(once::A(9, "nine".into())));
        assert!(std::panic::catch_unwind(|| take_rebuilt::<u8>("store_rebuilt")).is_err());
    }

    #[test]
    fn a_frozen_variable_stays_where_it_is_until_it_is_thawed() {
        put("store_frozen", &mut Some(String::from("a")));
        freeze::<String>("store_frozen", false);
        let handle = reopen::<String>("store_frozen", &["store_other"]);
        handle.open().push_str(" b");
        let words: Vec<&'static str> = handle.get().split(' ').collect();
        put("store_words", &mut Some(words));
        let lender = Lender;
        assert_eq!(lend::<String>("store_frozen", &lender), "a b");
        assert_eq!(held::<String>("store_frozen").as_ptr(), take::<Vec<&'static str>>("store_words")[0].as_ptr());
        assert!(std::panic::catch_unwind(|| held::<u8>("store_frozen")).is_err());
        assert!(std::panic::catch_unwind(|| take::<String>("store_frozen")).is_err());
    }

    #[test]
    fn borrowers_are_dropped_before_what_they_borrow_from() {
        let lock = Frozen::new(std::sync::Mutex::new(1));
        put("store_guard", &mut Some(lock.get().lock().unwrap()));
        hold("store_lock", &mut Some(lock));
        assert!(lock.get().try_lock().is_err());
        let lock = thaw::<std::sync::Mutex<i32>>("store_lock", &["store_guard"]);
        assert_eq!(lock.into_inner().unwrap(), 1);
        assert!(std::panic::catch_unwind(|| held::<std::sync::Mutex<i32>>("store_lock")).is_err());
    }

    #[test]
    fn a_value_of_another_type_is_refused() {
        put("store_type", &mut Some(1u8));
        assert!(std::panic::catch_unwind(|| take::<i8>("store_type")).is_err());
    }
}
