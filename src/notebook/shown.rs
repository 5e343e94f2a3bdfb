//! What the terminal shows of rich output: its plain form, or what it is and how large. Of a display that changes
//! often, such as a progress bar, one state a second and the last.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;

use crate::events::{MimeBundle, Origin};

/// Time between two states of one display that are shown. A state that comes earlier waits, and a later one replaces
/// it.
const PACE: Duration = Duration::from_secs(1);

/// The displays that have been changed.
#[derive(Default)]
pub(super) struct Changing {
    displays: HashMap<String, State>,
}

struct State {
    shown: Duration,
    /// The last change, while it is not shown.
    waits: Option<(Origin, String)>,
}

impl Changing {
    /// Notes that a display has changed to this text. Returns the text if it is to be shown now.
    pub(super) fn change(&mut self, id: &str, origin: Origin, text: String) -> Option<String> {
        let begin = State { shown: Duration::ZERO, waits: None };
        let state = self.displays.entry(id.to_owned()).or_insert(begin);
        if state.shown != Duration::ZERO && origin.at < state.shown + PACE {
            state.waits = Some((origin, text));
            return None;
        }
        *state = State { shown: origin.at, waits: None };
        Some(text)
    }

    /// The last states that have not been shown, by lane.
    pub(super) fn rest(&mut self) -> Vec<(Origin, String)> {
        let waiting = self.displays.values_mut().filter_map(|state| state.waits.take());
        let mut rest: Vec<(Origin, String)> = waiting.collect();
        rest.sort_by_key(|(origin, _)| (origin.lane, origin.at));
        self.displays.clear();
        rest
    }
}

/// The plain form of a value. If it has none, the name and size of its best form: `[image/png, 12 kB]`.
pub(super) fn plain(data: &MimeBundle) -> String {
    match data.get("text/plain") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(lines)) => lines.iter().filter_map(Value::as_str).collect(),
        _ => {
            data.iter().next().map_or_else(String::new, |(mime, value)| format!("[{mime}, {}]", size(mime, value)))
        }
    }
}

/// The size of an image's file, or of the text of anything else.
fn size(mime: &str, value: &Value) -> String {
    let bytes = match value.as_str() {
        Some(base64) if mime.starts_with("image/") && !mime.ends_with("+xml") => {
            base64.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=').count() * 3 / 4
        }
        Some(text) => text.len(),
        None => value.to_string().len(),
    };
    match bytes {
        ..1_000 => format!("{bytes} bytes"),
        1_000..1_000_000 => format!("{} kB", bytes.div_ceil(1_000)),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::fixture::origin;
    use serde_json::json;

    #[test]
    fn what_has_no_plain_form_is_named() {
        for (data, expected) in [
            (json!({"text/html": "<b>", "text/plain": "b"}), "b"),
            (json!({"text/html": "<b>", "text/plain": ["a\n", "b"]}), "a\nb"),
            (json!({"image/png": "AAAA\n".repeat(4000)}), "[image/png, 12 kB]"),
            (json!({"image/png": "QQ=="}), "[image/png, 1 bytes]"),
            (json!({"image/svg+xml": "x".repeat(1_500_000)}), "[image/svg+xml, 1.5 MB]"),
            (json!({"application/json": [1, 2]}), "[application/json, 5 bytes]"),
            (json!({}), ""),
        ] {
            assert_eq!(plain(data.as_object().expect("an object")), expected);
        }
    }

    #[test]
    fn a_display_that_changes_is_shown_once_a_second_and_at_the_end() {
        let mut changing = Changing::default();
        let mut at = |ms: u64| {
            let origin = Origin { at: Duration::from_millis(ms), ..origin(1, 1) };
            changing.change("bar", origin, format!("{ms}"))
        };
        let shown: Vec<_> = [10, 500, 1005, 1010, 1020].into_iter().filter_map(&mut at).collect();
        assert_eq!(shown, ["10", "1010"]);
        let rest = changing.rest();
        assert_eq!((rest.len(), rest[0].1.as_str()), (1, "1020"));
        assert!(changing.rest().is_empty());
    }
}
