//! Comms: messages between cells and code of the front end (widgets, dashboards), both ways, by Jupyter's protocol.
//!
//! ```
//! use threadbook::comm::{self, Comm};
//!
//! let comm = Comm::open("my-widget", r#"{"value": 1}"#); // the front end has registered `my-widget`
//! comm.on_message(|data| println!("it says {data}"));
//! comm.send(r#"{"value": 2}"#);
//!
//! comm::register_target("my-kernel-side", |comm, data| comm.send(data)); // the front end opens these
//! ```
//!
//! Data is JSON as text; other text is not sent, and standard error says so. Metadata and binary buffers are not
//! passed. Handlers run on the thread that runs cells, between cells, one message at a time in the order in which they
//! arrive; what a handler prints belongs to the message, and it gets no input. A handler that panics has the panic printed
//! and stays. Outside of a session nothing is sent, and nobody opens a comm. The
//! [protocol](https://jupyter-client.readthedocs.io/en/stable/messaging.html#custom-messages) says what both sides do.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, MutexGuard};

use crate::host::{self, COMM_CLOSE, COMM_MESSAGE, COMM_OPEN};
use crate::link;
use crate::show::{json_string, new_id};

/// One conversation with the front end. Clones speak of the same one; dropping it does not close it.
///
/// ```
/// # use threadbook::comm::Comm;
/// let comm = Comm::open("my-widget", r#"{"value": 1}"#);
/// comm.on_message(|data| println!("it says {data}"));
/// comm.send(r#"{"value": 2}"#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Comm {
    id: String,
}

type Handler = Box<dyn FnMut(&str) + Send>;
type Target = Box<dyn FnMut(Comm, &str) + Send>;

/// The targets and open comms of this process. A handler is taken out while it runs, so that it may use all of this module.
static REGISTRY: Mutex<Registry> = Mutex::new(Registry { targets: BTreeMap::new(), open: BTreeMap::new() });

struct Registry {
    targets: BTreeMap<String, Target>,
    open: BTreeMap<String, Handlers>,
}

#[derive(Default)]
struct Handlers {
    message: Option<Handler>,
    close: Option<Handler>,
}

fn registry() -> MutexGuard<'static, Registry> {
    REGISTRY.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

impl Comm {
    /// Opens a comm to a target that the front end has registered. It closes at once if there is none.
    ///
    /// ```
    /// # use threadbook::comm::Comm;
    /// let comm = Comm::open("my-widget", "{}");
    /// ```
    pub fn open(target: impl AsRef<str>, data: impl AsRef<str>) -> Comm {
        let comm = Comm { id: new_id() };
        registry().open.insert(comm.id.clone(), Handlers::default());
        comm.tell("open", &format!("\"target\":{},", json_string(target.as_ref())), data.as_ref());
        comm
    }

    /// The id that both sides have for it.
    ///
    /// ```
    /// # use threadbook::comm::Comm;
    /// assert_ne!(Comm::open("a", "{}").id(), Comm::open("a", "{}").id());
    /// ```
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Sends a message, which is JSON.
    ///
    /// ```
    /// # use threadbook::comm::Comm;
    /// Comm::open("my-widget", "{}").send(r#"{"value": 2}"#);
    /// ```
    pub fn send(&self, data: impl AsRef<str>) {
        self.tell("message", "", data.as_ref());
    }

    /// Closes it, and drops its handlers; the front end is told once.
    ///
    /// ```
    /// # use threadbook::comm::Comm;
    /// let comm = Comm::open("my-widget", "{}");
    /// comm.close("{}");
    /// ```
    pub fn close(&self, data: impl AsRef<str>) {
        let handlers = registry().open.remove(&self.id);
        if handlers.is_some() {
            self.tell("close", "", data.as_ref());
        }
    }

    /// Sets what is done with each message of the front end, in place of what was done before.
    ///
    /// ```
    /// # use threadbook::comm::Comm;
    /// let comm = Comm::open("my-widget", "{}");
    /// comm.on_message(|data| println!("it says {data}"));
    /// ```
    pub fn on_message(&self, handler: impl FnMut(&str) + Send + 'static) {
        self.handle(|handlers| handlers.message.replace(Box::new(handler)));
    }

    /// Sets what is done when the front end closes it.
    ///
    /// ```
    /// # use threadbook::comm::Comm;
    /// let comm = Comm::open("my-widget", "{}");
    /// comm.on_close(|_| println!("gone"));
    /// ```
    pub fn on_close(&self, handler: impl FnMut(&str) + Send + 'static) {
        self.handle(|handlers| handlers.close.replace(Box::new(handler)));
    }

    fn handle(&self, set: impl FnOnce(&mut Handlers) -> Option<Handler>) {
        let before = registry().open.get_mut(&self.id).and_then(set);
        // Its destructor is the user's code: it runs with the registry unlocked.
        drop(before);
    }

    fn tell(&self, act: &str, target: &str, data: &str) {
        let (id, data) = (json_string(&self.id), json_string(data));
        link::display(&format!("{{\"comm\":{{\"act\":\"{act}\",\"id\":{id},{target}\"data\":{data}}}}}"));
    }
}

/// Takes the comms that the front end opens under this name, from here on.
///
/// ```
/// # use threadbook::comm;
/// comm::register_target("my-kernel-side", |comm, data| comm.send(data));
/// ```
pub fn register_target(name: impl Into<String>, opened: impl FnMut(Comm, &str) + Send + 'static) {
    let before = registry().targets.insert(name.into(), Box::new(opened));
    drop(before);
}

/// Called by the worker with what the front end has sent, on the thread that runs cells.
///
/// # Safety
/// `message` and the text that it points to live during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn threadbook_comm(message: *const host::Comm) {
    // SAFETY: the caller vouches for the pointers; the text is UTF-8, being JSON that was parsed.
    let (kind, id, target, data) = unsafe {
        let message = &*message;
        let text = |bytes, len| String::from_utf8_lossy(std::slice::from_raw_parts(bytes, len)).into_owned();
        let (id, target) = (text(message.id, message.id_len), text(message.target, message.target_len));
        (message.kind, id, target, text(message.data, message.data_len))
    };
    let comm = Comm { id };
    match kind {
        COMM_OPEN => opened(comm, &target, &data),
        COMM_MESSAGE => received(&comm, &data),
        COMM_CLOSE => closed(&comm, &data),
        _ => {}
    }
}

fn opened(comm: Comm, target: &str, data: &str) {
    let Some(mut found) = registry().targets.remove(target) else { return comm.tell("close", "", "{}") };
    registry().open.insert(comm.id.clone(), Handlers::default());
    guarded(|| found(comm, data));
    // A target that it registered itself is the newer one.
    registry().targets.entry(target.to_owned()).or_insert(found);
}

fn received(comm: &Comm, data: &str) {
    let taken = registry().open.get_mut(&comm.id).and_then(|handlers| handlers.message.take());
    let Some(mut handler) = taken else { return };
    guarded(|| handler(data));
    if let Some(handlers) = registry().open.get_mut(&comm.id) {
        handlers.message.get_or_insert(handler);
    }
}

fn closed(comm: &Comm, data: &str) {
    let handlers = registry().open.remove(&comm.id);
    if let Some(mut handler) = handlers.and_then(|handlers| handlers.close) {
        guarded(|| handler(data));
    }
}

/// Runs a handler. A panic ends here; the hook has printed it.
fn guarded(handler: impl FnOnce()) {
    let _ = catch_unwind(AssertUnwindSafe(handler));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::record::{self, Told};
    use std::sync::Arc;
    use std::sync::mpsc::channel;

    /// What these calls tell the worker.
    fn told(calls: impl FnOnce() + Send + 'static) -> Vec<String> {
        record::attach();
        let told = std::thread::spawn(move || {
            calls();
            record::told()
        });
        let json = |told| match told {
            // The recording worker writes down names and JSON alike.
            Told::Rename(json) => json,
            other => panic!("{other:?}"),
        };
        told.join().unwrap().into_iter().map(json).collect()
    }

    fn say(kind: u32, id: &str, target: &str, data: &str) {
        let message = host::Comm {
            kind,
            id: id.as_ptr(),
            id_len: id.len(),
            target: target.as_ptr(),
            target_len: target.len(),
            data: data.as_ptr(),
            data_len: data.len(),
        };
        // SAFETY: the message and its text live here.
        unsafe { threadbook_comm(&message) };
    }

    #[test]
    fn what_a_cell_says_is_told_and_nothing_after_the_close() {
        let told = told(|| {
            let comm = Comm { id: "c\"1".into() };
            registry().open.insert(comm.id.clone(), Handlers::default());
            comm.send("{\"a\": 1}");
            comm.close("2");
            comm.close("3");
        });
        let message = r#"{"comm":{"act":"message","id":"c\"1","data":"{\"a\": 1}"}}"#;
        assert_eq!(told, [message, r#"{"comm":{"act":"close","id":"c\"1","data":"2"}}"#]);
    }

    #[test]
    fn an_unknown_target_is_closed_and_an_unknown_comm_passed_over() {
        let told = told(|| {
            say(COMM_OPEN, "test-u", "no such target", "{}");
            say(COMM_MESSAGE, "test-u", "", "{}");
            say(COMM_CLOSE, "test-u", "", "{}");
        });
        assert_eq!(told, [r#"{"comm":{"act":"close","id":"test-u","data":"{}"}}"#]);
    }

    #[test]
    fn a_handler_may_replace_itself_and_is_dropped_with_its_comm() {
        let (heard, hears) = channel();
        let kept = Arc::new(());
        let held = kept.clone();
        register_target("test-replace", move |comm, data| {
            let (own, heard, held) = (comm.clone(), heard.clone(), held.clone());
            heard.send(format!("open {data}")).unwrap();
            comm.on_message(move |data| {
                heard.send(format!("first {data}")).unwrap();
                let (heard, held) = (heard.clone(), held.clone());
                own.on_message(move |data| heard.send(format!("{data} {}", Arc::strong_count(&held))).unwrap());
            });
        });
        say(COMM_OPEN, "test-r", "test-replace", "0");
        say(COMM_MESSAGE, "test-r", "", "1");
        say(COMM_MESSAGE, "test-r", "", "2");
        say(COMM_CLOSE, "test-r", "", "3");
        // Held here, by the target, and by the handler that is there.
        assert_eq!(hears.try_iter().collect::<Vec<_>>(), ["open 0", "first 1", "2 3"]);
        assert_eq!(Arc::strong_count(&kept), 2);
    }
}
