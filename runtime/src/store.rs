//! The variables of a session, by name, between cells. Each thread has a store of its own, and only the one that runs
//! cells ever fills its: so no value comes to another thread, whether it is `Send` or not. A value is taken out whole
//! and put back whole: nothing refers into the store.

use std::any::{Any, type_name};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::mem::ManuallyDrop;

type Store = BTreeMap<String, Box<dyn Any>>;

thread_local! {
    /// Never dropped: when the session ends, its variables end with the process, without their destructors.
    static STORE: RefCell<ManuallyDrop<Store>> = const { RefCell::new(ManuallyDrop::new(BTreeMap::new())) };
}

/// Uses the calling thread's store. No code of the user's may run in `work`: it might come here again.
fn with_store<R>(work: impl FnOnce(&mut Store) -> R) -> R {
    STORE.with_borrow_mut(|store| work(store))
}

/// Takes the variable out. The session knows its type from rustc, so a mismatch is a fault of ours.
///
/// # Panics
/// The calling thread has no variable of this name and type: none but the thread that runs cells has any.
pub fn take<T: 'static>(name: &str) -> T {
    match with_store(|store| store.remove(name)).map(|value| value.downcast::<T>()) {
        Some(Ok(value)) => *value,
        Some(Err(_)) => {
            panic!("`{name}` is not a `{}`: please report this as a bug of threadbook", type_name::<T>())
        }
        None => panic!("`{name}` has no value any more; run the cell that defines it again"),
    }
}

/// Puts a variable in. It arrives in an `Option` whose address is taken, so that its type stands in the MIR at
/// every opt-level; the session reads it there.
#[inline(never)]
pub fn put<T: 'static>(name: &str, value: &mut Option<T>) {
    let Some(value) = value.take() else { return };
    let before = with_store(|store| store.insert(name.to_string(), Box::new(value)));
    // The old value's destructor is the user's code.
    drop(before);
}

/// Drops these variables (`%reset`).
pub fn forget(names: &[&str]) {
    for name in names {
        let gone = with_store(|store| store.remove(*name));
        // As above.
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
    fn a_value_of_another_type_is_refused() {
        put("store_type", &mut Some(1u8));
        assert!(std::panic::catch_unwind(|| take::<i8>("store_type")).is_err());
    }
}
