//! Answers that need nothing but the request and the names in scope. Positions are in characters (code points) on the
//! wire, and in bytes inside.

use serde_json::{Value, json};

use super::connection::{Channel, Connection};
use super::desk::content_flag;
use super::message::PROTOCOL;
use crate::engine::{self, Candidate, Names, Whole};

const VERSION: &str = env!("CARGO_PKG_VERSION");

pub(super) fn kernel_info(rust: &str) -> Value {
    let link = |text: &str, url: &str| json!({"text": text, "url": url});
    json!({
        "status": "ok",
        "protocol_version": PROTOCOL,
        "implementation": "threadbook",
        "implementation_version": VERSION,
        "language_info": {
            "name": "rust",
            "version": rust,
            "mimetype": "text/rust",
            "file_extension": ".rs",
            "pygments_lexer": "rust",
            "codemirror_mode": "rust",
        },
        "banner": format!("Threadbook {VERSION}, a Jupyter kernel for Rust {rust}\n`:help` lists magics and commands, `name?` explains a name"),
        "debugger": false,
        "help_links": [
            link("The Rust Book", "https://doc.rust-lang.org/book/"),
            link("Rust by Example", "https://doc.rust-lang.org/rust-by-example/"),
            link("The standard library", "https://doc.rust-lang.org/std/"),
        ],
        "supported_features": ["kernel subshells"],
    })
}

pub(super) fn complete(names: &Names, content: &Value) -> Value {
    let (code, cursor) = code_and_cursor(content);
    let completions = engine::complete(names, code, cursor);
    let (start, end) = (characters(code, completions.range.start), characters(code, completions.range.end));
    let matches: Vec<&str> = completions.candidates.iter().map(|candidate| candidate.text.as_str()).collect();
    // JupyterLab shows `matches[n]` and inserts the `text` of the same place in this list: they must be the same.
    let typed = |candidate: &Candidate| {
        json!({"text": candidate.text, "type": candidate.kind, "signature": candidate.signature,
            "start": start, "end": end})
    };
    let types: Vec<Value> = completions.candidates.iter().map(typed).collect();
    json!({
        "status": "ok",
        "matches": matches,
        "cursor_start": start,
        "cursor_end": end,
        "metadata": {"_jupyter_types_experimental": types},
    })
}

pub(super) fn inspect(names: &Names, content: &Value) -> Value {
    let (code, cursor) = code_and_cursor(content);
    let full = content["detail_level"].as_u64() == Some(1);
    match engine::inspect(names, code, cursor, full) {
        Some(found) => json!({
            "status": "ok",
            "found": true,
            "data": {"text/plain": found.plain(), "text/markdown": found.markdown()},
            "metadata": {},
        }),
        None => json!({"status": "ok", "found": false, "data": {}, "metadata": {}}),
    }
}

pub(super) fn is_complete(content: &Value) -> Value {
    match engine::whole(content["code"].as_str().unwrap_or_default()) {
        Whole::Complete => json!({"status": "complete"}),
        Whole::Incomplete { indent } => json!({"status": "incomplete", "indent": " ".repeat(indent)}),
        Whole::Invalid => json!({"status": "invalid"}),
    }
}

pub(super) fn connect(connection: &Connection) -> Value {
    let mut reply = json!({"status": "ok"});
    for channel in Channel::ALL {
        reply[format!("{}_port", channel.name())] = connection.port(channel).into();
    }
    reply
}

fn code_and_cursor(content: &Value) -> (&str, usize) {
    let code = content["code"].as_str().unwrap_or_default();
    let cursor = content["cursor_pos"].as_u64().map_or(code.len(), |cursor| bytes(code, cursor as usize));
    (code, cursor)
}

/// The place after so many characters, or the end.
fn bytes(text: &str, characters: usize) -> usize {
    text.char_indices().nth(characters).map_or(text.len(), |(at, _)| at)
}

fn characters(text: &str, bytes: usize) -> usize {
    text[..bytes].chars().count()
}

/// `flag` for requests that have one, such as `output` of `history_request`.
pub(super) fn flag(content: &Value, key: &str) -> bool {
    content_flag(content, key, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_in_characters_beyond_the_bmp_too() {
        let content = json!({"code": "\u{1f980}\u{1f980} whil", "cursor_pos": 7});
        let reply = complete(&Names::default(), &content);
        assert_eq!((&reply["cursor_start"], &reply["cursor_end"]), (&json!(3), &json!(7)));
        assert_eq!(reply["matches"], json!(["while"]));
        assert_eq!(reply["metadata"]["_jupyter_types_experimental"][0]["text"], "while");
    }

    #[test]
    fn a_cursor_beyond_the_end_is_at_the_end() {
        let reply = complete(&Names::default(), &json!({"code": "whil", "cursor_pos": 99}));
        assert_eq!(reply["cursor_end"], 4);
        assert_eq!(inspect(&Names::default(), &json!({}))["found"], false);
    }
}
