//! Questions about code: what a word may become, what a name means, whether a text is a whole cell. Turns the
//! protocol's requests into the engine's questions and back. Positions are in characters (code points) on the wire,
//! and in bytes inside.

use std::time::Duration;

use serde_json::Map;

use super::protocol::ask::{
    CompleteMetadata, CompleteReply, CompleteRequest, CompleteType, InspectReply, InspectRequest, IsCompleteReply,
    IsCompleteRequest,
};
use super::tickets::Answerer;
use crate::engine::{self, Candidate, Completions, Inspection, Provider, Reply, Whole};

/// Time that a provider may take for an answer. Beyond it the reply says that nothing was found.
pub(super) const PATIENCE: Duration = Duration::from_secs(3);

/// <https://jupyter-client.readthedocs.io/en/stable/messaging.html#completion>
pub(super) fn complete(names: &dyn Provider, request: &CompleteRequest, answerer: Answerer<CompleteReply>) {
    let code = request.code.clone();
    let reply = Reply::new(move |completions| answerer.send(&completed(&code, completions)));
    names.complete(&request.code, cursor(&request.code, request.cursor_pos), reply);
}

/// Nothing is found at this place.
pub(super) fn no_completions(request: &CompleteRequest) -> CompleteReply {
    let cursor = cursor(&request.code, request.cursor_pos);
    completed(&request.code, Completions { range: cursor..cursor, candidates: Vec::new() })
}

fn completed(code: &str, completions: Completions) -> CompleteReply {
    let (start, end) = (characters(code, completions.range.start), characters(code, completions.range.end));
    let matches = completions.candidates.iter().map(|candidate| candidate.text.clone()).collect();
    let typed = |candidate: Candidate| {
        let Candidate { text, kind, signature } = candidate;
        CompleteType { text, kind, signature, start, end }
    };
    let types = completions.candidates.into_iter().map(typed).collect();
    CompleteReply { matches, cursor_start: start, cursor_end: end, metadata: CompleteMetadata { types } }
}

/// <https://jupyter-client.readthedocs.io/en/stable/messaging.html#introspection>
pub(super) fn inspect(names: &dyn Provider, request: &InspectRequest, answerer: Answerer<InspectReply>) {
    let cursor = cursor(&request.code, request.cursor_pos);
    let reply = Reply::new(|inspection| answerer.send(&inspected(inspection)));
    names.inspect(&request.code, cursor, request.detail_level == 1, reply);
}

/// What is sent of an inspection. `None` is a name that nothing is known of.
pub(super) fn inspected(inspection: Option<Inspection>) -> InspectReply {
    let data = inspection.as_ref().map(|found| {
        let (plain, markdown) = (found.plain().into(), found.markdown().into());
        Map::from_iter([("text/plain".to_owned(), plain), ("text/markdown".to_owned(), markdown)])
    });
    InspectReply { found: inspection.is_some(), data: data.unwrap_or_default(), metadata: Map::new() }
}

/// <https://jupyter-client.readthedocs.io/en/stable/messaging.html#code-completeness>
pub(super) fn is_complete(request: &IsCompleteRequest) -> IsCompleteReply {
    match engine::whole(&request.code) {
        Whole::Complete => IsCompleteReply::Complete,
        Whole::Incomplete { indent } => IsCompleteReply::Incomplete { indent: " ".repeat(indent) },
        Whole::Invalid => IsCompleteReply::Invalid,
    }
}

/// The byte at which a request's cursor stands: the end of the code if it names none, or one beyond.
fn cursor(code: &str, characters: Option<usize>) -> usize {
    let at = characters.and_then(|characters| code.char_indices().nth(characters));
    at.map_or(code.len(), |(at, _)| at)
}

fn characters(text: &str, bytes: usize) -> usize {
    text[..bytes].chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(code: &str, cursor_pos: usize) -> CompleteReply {
        let at = cursor(code, Some(cursor_pos));
        let (sender, found) = std::sync::mpsc::channel();
        let reply = Reply::new(move |completions| sender.send(completions).expect("it is waited for"));
        engine::Names::default().complete(code, at, reply);
        completed(code, found.recv().expect("an answer"))
    }

    #[test]
    fn positions_are_in_characters_beyond_the_bmp_too() {
        let reply = reply("\u{1f980}\u{1f980} whil", 7);
        assert_eq!((reply.cursor_start, reply.cursor_end), (3, 7));
        assert_eq!(reply.matches, ["while"]);
        assert_eq!(reply.metadata.types[0].text, "while");
    }

    #[test]
    fn a_cursor_beyond_the_end_is_at_the_end() {
        assert_eq!(reply("whil", 99).cursor_end, 4);
        assert_eq!(cursor("whil", None), 4);
    }
}
