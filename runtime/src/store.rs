//! The variables of a session, by name, between cells. Only the thread that runs cells comes here. A value is taken
//! out whole and put back whole: nothing refers into the store.

use std::any::{Any, type_name};
use std::collections::BTreeMap;
use std::sync::Mutex;

struct Slot(Box<dyn Any>);

// SAFETY: slots are made, taken and dropped by the one thread that runs cells.
unsafe impl Send for Slot {}

static STORE: Mutex<BTreeMap<String, Slot>> = Mutex::new(BTreeMap::new());

fn store() -> std::sync::MutexGuard<'static, BTreeMap<String, Slot>> {
    STORE.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Takes the variable out. The session knows its type from rustc, so a mismatch is a fault of ours.
pub fn take<T: 'static>(name: &str) -> T {
    let slot = store().remove(name);
    match slot.map(|slot| slot.0.downcast::<T>()) {
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
    let before = store().insert(name.to_string(), Slot(Box::new(value)));
    // The old value's destructor is the user's code: it runs with the store unlocked.
    drop(before);
}

/// Drops these variables (`%reset`).
pub fn forget(names: &[&str]) {
    for name in names {
        let gone = store().remove(*name);
        // As above: unlocked.
        drop(gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_comes_back_as_it_went_in() {
        put("store_test", &mut Some(vec![1, 2]));
        assert_eq!(take::<Vec<i32>>("store_test"), [1, 2]);
        assert!(std::panic::catch_unwind(|| take::<Vec<i32>>("store_test")).is_err());
    }

    #[test]
    fn a_value_of_another_type_is_refused() {
        put("store_type", &mut Some(1u8));
        assert!(std::panic::catch_unwind(|| take::<i8>("store_type")).is_err());
    }
}
