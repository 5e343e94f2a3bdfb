//! Turns displays that come out of the ring into events: joins the records of a large one, and reads the runtime's JSON.

use std::collections::HashMap;

use serde_json::{Map, Value};

use crate::events::{CellId, Event, MimeBundle, Origin};

use crate::worker::abi::record::{Head, Kind};
use crate::worker::parent::comm;

/// The pieces so far of displays that are larger than a record, by process id and thread id: a thread writes one display at
/// a time.
#[derive(Default)]
pub(crate) struct Displays {
    pieces: HashMap<(u32, u32), Vec<u8>>,
}

impl Displays {
    /// Takes a record; returns the event if it was the last record of its display.
    pub(crate) fn record(&mut self, head: &Head, payload: &[u8], origin: Origin) -> Option<Event> {
        let writer = (head.pid, head.tid);
        if head.detail == Head::MORE {
            self.pieces.entry(writer).or_default().extend_from_slice(payload);
            return None;
        }
        match self.pieces.remove(&writer) {
            Some(mut whole) => {
                whole.extend_from_slice(payload);
                event(head, &whole, origin)
            }
            None => event(head, payload, origin),
        }
    }

    /// Drops the pieces of a process that has ended, perhaps in the middle of a display.
    pub(crate) fn forget(&mut self, pid: u32) {
        self.pieces.retain(|(of, _), _| *of != pid);
    }
}

fn event(head: &Head, json: &[u8], origin: Origin) -> Option<Event> {
    let Ok(Value::Object(mut json)) = serde_json::from_slice(json) else { return None };
    if let Some(clear) = json.get("clear_output") {
        return Some(Event::Clear { origin, wait: clear["wait"] == true });
    }
    if let Some(told) = json.get("comm") {
        return comm::event(told, origin);
    }
    let data = values(&mut json, "data", value_of);
    if head.kind == Kind::Result {
        return Some(Event::Result { cell: CellId(head.cell), data });
    }
    let metadata =
        values(&mut json, "metadata", |_, text| serde_json::from_str(&text).unwrap_or(Value::String(text)));
    let id = json.get("transient").and_then(|transient| transient["display_id"].as_str()).map(str::to_owned);
    let update = json.get("update") == Some(&Value::Bool(true));
    Some(Event::Display { origin, data, metadata, id, update })
}

fn values(json: &mut Map<String, Value>, key: &str, value: impl Fn(&str, String) -> Value) -> MimeBundle {
    let Some(Value::Object(values)) = json.remove(key) else { return MimeBundle::new() };
    let typed = |(key, given): (String, Value)| match given {
        Value::String(text) => {
            let value = value(&key, text);
            (key, value)
        }
        other => (key, other),
    };
    values.into_iter().map(typed).collect()
}

/// The value of one representation as the protocol has it: JSON for a MIME type of JSON, a string for any other.
pub(crate) fn value_of(mime: &str, text: String) -> Value {
    let is_json = mime == "application/json" || mime.ends_with("+json");
    let parsed = if is_json { serde_json::from_str(&text).ok() } else { None };
    parsed.unwrap_or(Value::String(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::LaneId;
    use serde_json::json;
    use std::time::Duration;

    const ORIGIN: Origin =
        Origin { cell: CellId(3), running: None, lane: LaneId(1), pid: 8, tid: 9, at: Duration::ZERO };

    fn head(kind: Kind, detail: u8, tid: u32) -> Head {
        Head { kind, detail, length: 0, lane: 1, other: 0, cell: 3, running: 3, pid: 8, tid, nanos: 0 }
    }

    #[test]
    fn a_display_is_read_with_its_id_and_typed_values() {
        let told = br#"{"data":{"text/plain":"[1]","application/json":"[1]","application/x+json":"no"},
            "metadata":{"isolated":"true","title":"a b"},"transient":{"display_id":"d"},"update":true}"#;
        let data = json!({"text/plain": "[1]", "application/json": [1], "application/x+json": "no"});
        let expected = Event::Display {
            origin: ORIGIN,
            data: data.as_object().expect("an object").clone(),
            metadata: json!({"isolated": true, "title": "a b"}).as_object().expect("an object").clone(),
            id: Some("d".into()),
            update: true,
        };
        assert_eq!(Displays::default().record(&head(Kind::Display, 0, 9), told, ORIGIN), Some(expected));
        let clear = br#"{"clear_output":{"wait":true}}"#;
        let cleared = Displays::default().record(&head(Kind::Display, 0, 9), clear, ORIGIN);
        assert_eq!(cleared, Some(Event::Clear { origin: ORIGIN, wait: true }));
    }

    #[test]
    fn pieces_of_two_threads_are_put_together_each_by_itself() {
        let mut displays = Displays::default();
        let mut take =
            |kind, detail, tid, text: &str| displays.record(&head(kind, detail, tid), text.as_bytes(), ORIGIN);
        assert_eq!(take(Kind::Result, Head::MORE, 9, r#"{"data":{"text/"#), None);
        assert_eq!(take(Kind::Display, Head::MORE, 7, r#"{"clear_"#), None);
        let result = take(Kind::Result, 0, 9, r#"plain":"x"}}"#);
        let data = MimeBundle::from_iter([("text/plain".to_owned(), "x".into())]);
        assert_eq!(result, Some(Event::Result { cell: CellId(3), data }));
        let cleared = take(Kind::Display, 0, 7, r#"output":{"wait":false}}"#);
        assert_eq!(cleared, Some(Event::Clear { origin: ORIGIN, wait: false }));
    }
}
