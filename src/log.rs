//! The log for those who look into Threadbook: which step of a cell took how long, which command ran, which message of the
//! protocol came and went. `THREADBOOK_LOG` asks for it; it goes to standard error, a line at a time.
//!
//! Code logs by the macros of `tracing` and knows nothing of this file. Without the variable no subscriber is installed,
//! and each macro costs the load of one atomic. Never started in a worker, whose standard error is the cells'.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::{self, Debug, Display, Write as _};
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Instant;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

use crate::error::{Error, ExitCode};

/// The variable, and what it may be.
const VARIABLE: &str = "THREADBOOK_LOG";
const LEVELS: [(&str, LevelFilter); 5] = [
    ("", LevelFilter::OFF),
    ("off", LevelFilter::OFF),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
];

thread_local! {
    /// The spans that this thread is in, the innermost last.
    static ENTERED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// Starts the log of this process if `THREADBOOK_LOG` asks for it. Spans and events of before are not in it.
pub fn start() -> Result<(), Error> {
    let Some(value) = std::env::var_os(VARIABLE) else { return Ok(()) };
    let Some((_, level)) = LEVELS.iter().find(|(name, _)| value == *name) else {
        let what = format!("the variable {VARIABLE} is {value:?}, which is no level");
        return Err(Error::new(ExitCode::Usage, what).advise("use off, warn, info or debug"));
    };
    if *level != LevelFilter::OFF {
        // It fails if a program that links the library has a subscriber of its own, which then has it all.
        let _ = tracing::subscriber::set_global_default(Log::new(*level, Box::new(std::io::stderr())));
    }
    Ok(())
}

/// Writes events, and spans when they close with the time that they took.
struct Log {
    level: LevelFilter,
    began: Instant,
    last_id: AtomicU64,
    spans: Mutex<HashMap<u64, Span>>,
    out: Mutex<Box<dyn Write + Send>>,
}

struct Span {
    metadata: &'static Metadata<'static>,
    fields: Fields,
    began: Instant,
    handles: usize,
}

/// ` name=value` for each field; the message stands first, without a name.
#[derive(Default)]
struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, " {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

impl Log {
    fn new(level: LevelFilter, out: Box<dyn Write + Send>) -> Log {
        let (last_id, spans, out) = (AtomicU64::new(0), Mutex::default(), Mutex::new(out));
        Log { level, began: Instant::now(), last_id, spans, out }
    }

    fn spans(&self) -> MutexGuard<'_, HashMap<u64, Span>> {
        self.spans.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// ` span:` for the innermost span that the calling thread is in. Threads log beside each other, so each line says what it
    /// belongs to. Empty if there is none.
    fn innermost(&self) -> String {
        let innermost = ENTERED.with_borrow(|entered| entered.last().copied());
        innermost.and_then(|id| self.spans().get(&id).map(|span| format!(" {span}:"))).unwrap_or_default()
    }

    fn line(&self, metadata: &Metadata, text: &str) {
        let at = self.began.elapsed().as_secs_f64();
        let line = format!("threadbook {at:9.4} s {:<5}{text}\n", metadata.level());
        let mut out = self.out.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        // Nobody is left to tell if standard error is closed.
        let _ = out.write_all(line.as_bytes());
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= self.level && metadata.target().starts_with("threadbook")
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level)
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let span = Span { metadata: attributes.metadata(), fields, began: Instant::now(), handles: 1 };
        self.spans().insert(id, span);
        Id::from_u64(id)
    }

    fn record(&self, id: &Id, values: &Record<'_>) {
        if let Some(span) = self.spans().get_mut(&id.into_u64()) {
            values.record(&mut span.fields);
        }
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields(self.innermost());
        event.record(&mut fields);
        self.line(event.metadata(), &fields.0);
    }

    fn enter(&self, id: &Id) {
        ENTERED.with_borrow_mut(|entered| entered.push(id.into_u64()));
    }

    fn exit(&self, id: &Id) {
        ENTERED.with_borrow_mut(|entered| {
            if let Some(at) = entered.iter().rposition(|other| *other == id.into_u64()) {
                entered.remove(at);
            }
        });
    }

    fn clone_span(&self, id: &Id) -> Id {
        if let Some(span) = self.spans().get_mut(&id.into_u64()) {
            span.handles += 1;
        }
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let closed = {
            let mut spans = self.spans();
            let Some(span) = spans.get_mut(&id.into_u64()) else { return false };
            span.handles -= 1;
            if span.handles > 0 { None } else { spans.remove(&id.into_u64()) }
        };
        if let Some(span) = &closed {
            let milliseconds = span.began.elapsed().as_secs_f64() * 1e3;
            self.line(span.metadata, &format!("{} {span}: took {milliseconds:.2} ms", self.innermost()));
        }
        closed.is_some()
    }
}

impl Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.metadata.name(), self.fields.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().expect("no test panics while it holds this").write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn logged(level: LevelFilter, work: impl FnOnce()) -> Vec<String> {
        let written = Written::default();
        tracing::subscriber::with_default(Log::new(level, Box::new(written.clone())), work);
        let bytes = written.0.lock().expect("it has ended").clone();
        let text = String::from_utf8(bytes).expect("text");
        let after_time = |line: &str| line.split_once(" s ").expect("a time").1.to_string();
        text.lines().map(after_time).collect()
    }

    fn work() {
        let _cell = tracing::info_span!("cell", id = %"In[1]").entered();
        tracing::debug_span!("run").in_scope(|| tracing::warn!(status = 1, "it {} well", "ended"));
        tracing::debug!("hidden");
        tracing::info!(target: "other", "not ours");
    }

    #[test]
    fn events_stand_in_their_span_and_spans_end_with_their_time() {
        let lines = logged(LevelFilter::INFO, work);
        assert_eq!(lines.len(), 2, "{lines:?}");
        assert_eq!(lines[0], "WARN  cell id=In[1]: it ended well status=1");
        assert!(lines[1].starts_with("INFO  cell id=In[1]: took ") && lines[1].ends_with(" ms"), "{lines:?}");
    }

    #[test]
    fn a_lower_level_has_more() {
        let lines = logged(LevelFilter::DEBUG, work);
        assert_eq!(lines[0], "WARN  run: it ended well status=1");
        assert!(lines[1].starts_with("DEBUG cell id=In[1]: run: took "));
        assert_eq!(lines[2], "DEBUG cell id=In[1]: hidden");
        assert_eq!(logged(LevelFilter::WARN, work).len(), 1);
    }
}
