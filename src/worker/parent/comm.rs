//! What cells say on comms: it comes out of the ring as the runtime's JSON and becomes events.

use serde_json::Value;

use crate::events::{CommAct, Event, Origin, Stream};

/// What a cell says on a comm, from the runtime's JSON; its data is JSON in a string.
pub(crate) fn event(told: &Value, origin: Origin) -> Option<Event> {
    let id = told["id"].as_str()?.to_owned();
    let act = match told["act"].as_str()? {
        "open" => CommAct::Open { target: told["target"].as_str()?.to_owned() },
        "message" => CommAct::Message,
        _ => CommAct::Close,
    };
    match serde_json::from_str(told["data"].as_str()?) {
        Ok(data) => Some(Event::Comm { origin, id, act, data }),
        Err(error) => {
            let text = format!("threadbook: a comm message is not sent, since its data is not JSON: {error}\n");
            Some(Event::Text { origin, stream: Stream::Stderr, text })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{CellId, LaneId};
    use serde_json::json;
    use std::time::Duration;

    const ORIGIN: Origin =
        Origin { cell: CellId(3), running: None, lane: LaneId(1), pid: 8, tid: 9, at: Duration::ZERO };

    #[test]
    fn what_a_cell_says_is_read_with_its_data() {
        let told = json!({"act": "open", "id": "c", "target": "t", "data": "{\"a\": [1]}"});
        let act = CommAct::Open { target: "t".into() };
        let expected = Event::Comm { origin: ORIGIN, id: "c".into(), act, data: json!({"a": [1]}) };
        assert_eq!(event(&told, ORIGIN), Some(expected));
        assert_eq!(event(&json!({"act": "message", "data": "1"}), ORIGIN), None);
    }

    #[test]
    fn what_is_no_json_is_said_to_be_none() {
        let told = json!({"act": "message", "id": "c", "data": "{a: 1}"});
        let Some(Event::Text { stream: Stream::Stderr, text, .. }) = event(&told, ORIGIN) else { panic!("text") };
        assert!(text.contains("not sent") && text.contains("not JSON"), "{text}");
    }
}
