//! evcxr's text convention (<https://github.com/evcxr/evcxr/blob/main/evcxr_jupyter/README.md#custom-output>): what crates
//! print to stdout between a line `EVCXR_BEGIN_CONTENT mime/type` and a line `EVCXR_END_CONTENT` is shown as that type. The
//! crate `evcxr_input` prints a line `EVCXR_INPUT_REQUEST:prompt`, or `EVCXR_INPUT_REQUEST_PASSWORD:prompt`, and then reads
//! stdin: the front end asks with this prompt.
//!
//! Owns, for each lane, text that may still become such content: a lane's text comes in pieces, between pieces of other
//! lanes. Holds back no plain text, and loses none: content that was begun and not ended comes out as text.

use std::collections::BTreeMap;

use crate::events::{CellId, Event, LaneId, MimeBundle, Origin, Stream};

use crate::worker::parent::display::value_of;

const BEGIN: &str = "EVCXR_BEGIN_CONTENT ";
const END: &str = "EVCXR_END_CONTENT";
const ASK: &str = "EVCXR_INPUT_REQUEST";
/// Follows `ASK` where what is typed is not to be seen.
const HIDDEN: &str = "_PASSWORD";
const MARKERS: [&str; 2] = [BEGIN, ASK];
/// What all markers begin with.
const STEM: &str = "EVCXR_";

/// Bytes of content that are held while its end has not come. Beyond that all of it comes out as text.
const LARGEST: usize = 256 << 20;
/// Bytes from which on a piece may have been cut by the capture, in the middle of the marker too. A smaller piece ends
/// where a program ended it: its end is held back only if it is as much of a marker as `STEM`.
const CUT: usize = 4096;

/// Bytes of the longest MIME type (RFC 6838, section 4.2, allows 255). A line that goes on beyond that is text.
const LONGEST_MIME: usize = 256;
/// Bytes of the longest prompt. A line that goes on beyond that is text.
const LONGEST_PROMPT: usize = 4096;

#[derive(Default)]
pub(crate) struct Contents {
    held: BTreeMap<LaneId, Held>,
    /// The prompts that lanes have printed and not yet asked with.
    prompts: BTreeMap<LaneId, Prompt>,
    /// The tail expression that is being shown.
    tail: Option<Tail>,
}

/// What a front end shows where it takes a line of input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Prompt {
    pub text: String,
    pub password: bool,
}

/// The content that a cell's tail expression has printed so far.
struct Tail {
    cell: CellId,
    /// The lane that shows it. Content of others is no part of the result.
    lane: LaneId,
    /// The first content's origin.
    origin: Option<Origin>,
    data: MimeBundle,
}

struct Held {
    origin: Origin,
    /// The text from the marker on, or from what may be the marker's beginning.
    text: String,
    /// The offset up to which the body holds no end marker.
    searched: usize,
}

/// What a held text begins with.
enum Start {
    /// The marker line. The type's range, and the offset of the body.
    Content {
        mime: std::ops::Range<usize>,
        body: usize,
    },
    /// The line of a prompt, with its length.
    Asks {
        prompt: Prompt,
        length: usize,
    },
    /// What may still become a marker line.
    Open,
    Plain,
}

impl Contents {
    /// Sends what a lane's text on stdout stands for: mostly the text itself.
    pub(crate) fn text(&mut self, origin: Origin, text: String, send: &mut impl FnMut(Event)) {
        if let Some(mut held) = self.held.remove(&origin.lane) {
            held.text.push_str(&text);
            return self.go_on(held, text.len(), send);
        }
        match marker(&text, text.len()) {
            None => send(plain(origin, text)),
            Some(at) => {
                let length = text.len();
                let rest = text[at..].to_owned();
                show_plain(origin, text, at, send);
                self.go_on(Held { origin, text: rest, searched: 0 }, length, send);
            }
        }
    }

    /// Sends the held text of a lane as it is: the lane has ended, or something else of it comes first.
    pub(crate) fn release(&mut self, lane: LaneId, send: &mut impl FnMut(Event)) {
        if let Some(held) = self.held.remove(&lane) {
            self.last(held, send);
        }
    }

    /// The prompt that this lane has printed, if it has.
    pub(crate) fn take_prompt(&mut self, lane: LaneId) -> Option<Prompt> {
        self.prompts.remove(&lane)
    }

    /// Notes that this lane shows the cell's tail expression from here on.
    pub(crate) fn begin_tail(&mut self, cell: CellId, lane: LaneId) {
        self.tail = Some(Tail { cell, lane, origin: None, data: MimeBundle::new() });
    }

    /// Sends what the tail expression has shown, in all its forms, as the result of the cell.
    pub(crate) fn end_tail(&mut self, send: &mut impl FnMut(Event)) {
        if let Some(tail) = self.tail.take().filter(|tail| !tail.data.is_empty()) {
            send(Event::Result { cell: tail.cell, data: tail.data });
        }
    }

    /// Sends what the cell's own thread has left. A cell that failed has no result.
    pub(crate) fn end_cell(&mut self, send: &mut impl FnMut(Event)) {
        self.release(LaneId::MAIN, send);
        self.prompts.clear();
        if let Some(Tail { origin: Some(origin), data, .. }) = self.tail.take() {
            send(display(origin, data));
        }
    }

    /// Sends content, or keeps it for the result of the cell. A result has one value of each type, so of two the first is
    /// shown by itself.
    fn show(&mut self, origin: Origin, mime: &str, body: &str, send: &mut impl FnMut(Event)) {
        let value = value_of(mime, body.to_owned());
        let here = |tail: &&mut Tail| (tail.cell, tail.lane) == (origin.cell, origin.lane);
        match self.tail.as_mut().filter(here) {
            Some(tail) => {
                if tail.data.contains_key(mime) {
                    send(display(tail.origin.unwrap_or(origin), std::mem::take(&mut tail.data)));
                    tail.origin = None;
                }
                tail.origin.get_or_insert(origin);
                tail.data.insert(mime.to_owned(), value);
            }
            None => send(display(origin, MimeBundle::from_iter([(mime.to_owned(), value)]))),
        }
    }

    /// Sends the last text of a lane, whose last line may lack its newline.
    fn last(&mut self, mut held: Held, send: &mut impl FnMut(Event)) {
        held.text.push('\n');
        match start(&held.text) {
            Start::Content { mime, body } => {
                if let Ok((end, after)) = end(&held.text, body, body)
                    && after == held.text.len()
                {
                    return self.show(held.origin, &held.text[mime], &held.text[body..end], send);
                }
            }
            Start::Asks { .. } => return,
            Start::Open | Start::Plain => {}
        }
        held.text.pop();
        send(plain(held.origin, held.text));
    }

    /// Does as `release`, but keeps content that has begun.
    pub(crate) fn release_text(&mut self, lane: LaneId, send: &mut impl FnMut(Event)) {
        if self.held.get(&lane).is_some_and(|held| !matches!(start(&held.text), Start::Content { .. })) {
            self.release(lane, send);
        }
    }

    pub(crate) fn release_all(&mut self, send: &mut impl FnMut(Event)) {
        for held in std::mem::take(&mut self.held).into_values() {
            self.last(held, send);
        }
    }

    /// Sends what of a held text is decided. `piece` is the size of the piece that came last.
    fn go_on(&mut self, mut held: Held, piece: usize, send: &mut impl FnMut(Event)) {
        loop {
            match start(&held.text) {
                Start::Content { mime, body } => match end(&held.text, body, held.searched) {
                    Ok((end, after)) => {
                        self.show(held.origin, &held.text[mime], &held.text[body..end], send);
                        held.text.drain(..after);
                    }
                    Err(searched) if held.text.len() < LARGEST => {
                        held.searched = searched;
                        self.held.insert(held.origin.lane, held);
                        return;
                    }
                    Err(_) => return send(plain(held.origin, held.text)),
                },
                Start::Asks { prompt, length } => {
                    self.prompts.insert(held.origin.lane, prompt);
                    held.text.drain(..length);
                }
                Start::Open => {
                    self.held.insert(held.origin.lane, held);
                    return;
                }
                Start::Plain => {
                    // The first character is text. A marker may begin right behind it.
                    let first = held.text.chars().next().map_or(0, char::len_utf8);
                    let next = marker(&held.text[first..], piece).map(|at| at + first);
                    let Some(at) = next else {
                        return show_plain(held.origin, held.text, usize::MAX, send);
                    };
                    let rest = held.text[at..].to_owned();
                    show_plain(held.origin, held.text, at, send);
                    held.text = rest;
                }
            }
            held.searched = 0;
            if held.text.is_empty() {
                return;
            }
        }
    }
}

/// The offset of a marker, or of what may be its beginning at the end of the text.
fn marker(text: &str, piece: usize) -> Option<usize> {
    let mut from = 0;
    while let Some(found) = text[from..].find(STEM) {
        let rest = &text[from + found..];
        if MARKERS.iter().any(|marker| rest.starts_with(marker) || marker.starts_with(rest)) {
            return Some(from + found);
        }
        from += found + STEM.len();
    }
    let least = if piece >= CUT { 1 } else { STEM.len() };
    let longest = text.len().min(STEM.len() - 1);
    let at = (least..=longest).rev().find(|length| text.as_bytes().ends_with(&STEM.as_bytes()[..*length]))?;
    Some(text.len() - at)
}

fn start(text: &str) -> Start {
    if let Some(rest) = text.strip_prefix(ASK) {
        return asks(rest);
    }
    let Some(rest) = text.strip_prefix(BEGIN) else {
        let may_be = !text.is_empty() && MARKERS.iter().any(|marker| marker.starts_with(text));
        return if may_be { Start::Open } else { Start::Plain };
    };
    let Some(line) = rest.split_once('\n').map(|(line, _)| line) else {
        return if rest.len() <= LONGEST_MIME { Start::Open } else { Start::Plain };
    };
    let mime = line.trim();
    let is_mime = mime.len() <= LONGEST_MIME && mime.contains('/') && !mime.contains(char::is_whitespace);
    match is_mime {
        true => {
            let from = BEGIN.len() + line.len() - line.trim_start().len();
            Start::Content { mime: from..from + mime.len(), body: BEGIN.len() + line.len() + 1 }
        }
        false => Start::Plain,
    }
}

/// What begins with `ASK` and this text.
fn asks(rest: &str) -> Start {
    let (line, whole) = rest.split_once('\n').map_or((rest, false), |(line, _)| (line, true));
    let (password, prompt) = match line.strip_prefix(HIDDEN) {
        Some(prompt) => (true, prompt),
        None => (false, line),
    };
    match prompt.strip_prefix(':') {
        Some(prompt) if whole && prompt.len() <= LONGEST_PROMPT => {
            let length = ASK.len() + line.len() + 1;
            Start::Asks { prompt: Prompt { text: prompt.trim_end_matches('\r').to_owned(), password }, length }
        }
        Some(prompt) if !whole && prompt.len() <= LONGEST_PROMPT => Start::Open,
        None if !whole && (prompt.is_empty() || HIDDEN.starts_with(prompt)) => Start::Open,
        _ => Start::Plain,
    }
}

/// The offsets of the body's end and of the text behind the end marker. If there is no end marker yet, an error with the
/// offset up to which there is none.
fn end(text: &str, body: usize, searched: usize) -> Result<(usize, usize), usize> {
    let mut from = searched.max(body);
    while let Some(found) = text[from..].find(END) {
        let at = from + found;
        let after = at + END.len();
        let Some(newline) = text[after..].find('\n') else { return Err(at) };
        let alone =
            (at == body || text.as_bytes()[at - 1] == b'\n') && text[after..after + newline].trim().is_empty();
        if alone {
            return Ok((at.saturating_sub(1).max(body), after + newline + 1));
        }
        from = after;
    }
    // A part of the end marker may have come.
    let mut searched = text.len().saturating_sub(END.len()).max(from);
    while !text.is_char_boundary(searched) {
        searched -= 1;
    }
    Err(searched)
}

fn show_plain(origin: Origin, mut text: String, length: usize, send: &mut impl FnMut(Event)) {
    text.truncate(length);
    if !text.is_empty() {
        send(plain(origin, text));
    }
}

fn plain(origin: Origin, text: String) -> Event {
    Event::Text { origin, stream: Stream::Stdout, text }
}

fn display(origin: Origin, data: MimeBundle) -> Event {
    Event::Display { origin, data, metadata: MimeBundle::new(), id: None, update: false }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn origin(lane: u32) -> Origin {
        Origin { cell: CellId(1), running: None, lane: LaneId(lane), pid: 1, tid: 1, at: Duration::ZERO }
    }

    /// Text as it is, content as `<mime|body>`.
    fn told(events: Vec<Event>) -> String {
        let one = |event| match event {
            Event::Text { text, .. } => text,
            Event::Display { data, .. } => {
                let (mime, value) = data.iter().next().expect("one form");
                format!("<{mime}|{}>", value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            }
            other => panic!("{other:?}"),
        };
        events.into_iter().map(one).collect()
    }

    fn fed<'a>(pieces: impl IntoIterator<Item = &'a str>) -> String {
        let (mut contents, mut events) = (Contents::default(), Vec::new());
        for piece in pieces {
            contents.text(origin(1), piece.into(), &mut |event| events.push(event));
        }
        contents.release_all(&mut |event| events.push(event));
        told(events)
    }

    const CASES: &[(&str, &str)] = &[
        ("plain\ntext", "plain\ntext"),
        ("EVCXR_BEGIN_CONTENT text/html\n<p>\nEVCXR_END_CONTENT\nafter", "<text/html|<p>>after"),
        ("a\nEVCXR_BEGIN_CONTENT text/html\n\nEVCXR_END_CONTENT", "a\n<text/html|>"),
        ("EVCXR_BEGIN_CONTENT text/html\nEVCXR_END_CONTENT\n", "<text/html|>"),
        ("plot: EVCXR_BEGIN_CONTENT image/png\r\naGk=\r\nEVCXR_END_CONTENT\r\n", "plot: <image/png|aGk=\r>"),
        (
            "EVCXR_BEGIN_CONTENT a/b\n1\nEVCXR_END_CONTENT\nEVCXR_BEGIN_CONTENT a/c\n2\nEVCXR_END_CONTENT\n",
            "<a/b|1><a/c|2>",
        ),
        ("EVCXR_BEGIN_CONTENT application/json\n[1]\nEVCXR_END_CONTENT\n", "<application/json|[1]>"),
        ("EVCXR_BEGIN_CONTENT a/b\nx EVCXR_END_CONTENT\ny\nEVCXR_END_CONTENT\n", "<a/b|x EVCXR_END_CONTENT\ny>"),
        ("the EVCXR_BEGIN_CONTENT convention\n", "the EVCXR_BEGIN_CONTENT convention\n"),
        ("EVCXR_BEGIN_CONTENT a/b\nnever ended\n", "EVCXR_BEGIN_CONTENT a/b\nnever ended\n"),
        ("EVCXR_BEGIN_EVCXR_BEGIN_CONTENT \u{e9}/b\n1\nEVCXR_END_CONTENT\n", "EVCXR_BEGIN_<\u{e9}/b|1>"),
        ("EVCXR_BEGIN_CONTENT", "EVCXR_BEGIN_CONTENT"),
        ("EVCXR_", "EVCXR_"),
        ("a\nEVCXR_INPUT_REQUEST:Name?\nb\n", "a\nb\n"),
        ("EVCXR_INPUT_REQUEST_PASSWORD:Word?\n", ""),
        ("EVCXR_INPUT_REQUESTS\nEVCXR_INPUT_REQUEST\n", "EVCXR_INPUT_REQUESTS\nEVCXR_INPUT_REQUEST\n"),
    ];

    #[test]
    fn content_is_found_among_text() {
        for (text, expected) in CASES {
            assert_eq!(fed([*text]), *expected, "{text:?}");
        }
    }

    #[test]
    fn content_is_found_wherever_it_is_cut() {
        // The beginning of the text is large, as a piece that was cut is.
        let large = "x".repeat(CUT);
        for (text, expected) in CASES {
            let text = large.clone() + text;
            for at in (large.len()..text.len()).filter(|at| text.is_char_boundary(*at)) {
                let (before, after) = text.split_at(at);
                assert_eq!(fed([before, after])[large.len()..], **expected, "{:?}", &before[large.len()..]);
            }
        }
    }

    #[test]
    fn a_prompt_is_kept_for_the_question_of_its_lane() {
        let mut contents = Contents::default();
        let nothing = &mut |event| panic!("{event:?}");
        contents.text(origin(1), "EVCXR_INPUT_REQUEST:Name?\n".into(), nothing);
        contents.text(origin(2), "EVCXR_INPUT_REQUEST_PASSWORD:\n".into(), nothing);
        let prompt = |text: &str, password| Some(Prompt { text: text.into(), password });
        assert_eq!(contents.take_prompt(LaneId(2)), prompt("", true));
        assert_eq!(contents.take_prompt(LaneId(1)), prompt("Name?", false));
        assert_eq!(contents.take_prompt(LaneId(1)), None);
    }

    #[test]
    fn what_the_tail_shows_is_the_result() {
        let shown = |ends: bool| {
            let (mut contents, mut events) = (Contents::default(), Vec::new());
            contents.begin_tail(CellId(1), LaneId(1));
            for (lane, mime) in [(1, "a/b"), (2, "c/d"), (1, "a/b"), (1, "e/f")] {
                let text = format!("EVCXR_BEGIN_CONTENT {mime}\n{lane}\nEVCXR_END_CONTENT\n");
                contents.text(origin(lane), text, &mut |event| events.push(event));
            }
            if ends {
                contents.end_tail(&mut |event| events.push(event));
            }
            contents.end_cell(&mut |event| events.push(event));
            let forms = |event| match event {
                Event::Display { data, .. } => (false, data.keys().cloned().collect::<Vec<_>>().join(" ")),
                Event::Result { data, .. } => (true, data.keys().cloned().collect::<Vec<_>>().join(" ")),
                other => panic!("{other:?}"),
            };
            events.into_iter().map(forms).collect::<Vec<_>>()
        };
        let of = |is_result| [(false, "c/d".into()), (false, "a/b".into()), (is_result, "a/b e/f".to_string())];
        assert_eq!(shown(true), of(true));
        assert_eq!(shown(false), of(false));
    }

    #[test]
    fn lanes_that_print_in_between_do_not_matter() {
        let (mut contents, mut events) = (Contents::default(), Vec::new());
        for (lane, text) in [
            (1, "EVCXR_BEGIN_CONTENT text/html\n"),
            (2, "from 2\n"),
            (1, "one\nEVCXR_END_"),
            (2, "EVCXR_BEGIN_CONTENT text/html\ntwo\nEVCXR_END_CONTENT\n"),
            (1, "CONTENT\n"),
        ] {
            contents.text(origin(lane), text.into(), &mut |event| events.push(event));
        }
        assert_eq!(told(events), "from 2\n<text/html|two><text/html|one>");
    }

    #[test]
    fn what_no_marker_can_begin_with_is_not_held_back() {
        for text in ["progress 10 %", "NAME", "E"] {
            let (mut contents, mut events) = (Contents::default(), Vec::new());
            contents.text(origin(1), text.into(), &mut |event| events.push(event));
            assert_eq!(told(events), text);
        }
    }

    #[test]
    fn something_else_of_the_lane_lets_text_go_and_keeps_content() {
        let (mut contents, mut events) = (Contents::default(), Vec::new());
        contents.text(origin(1), "EVCXR_BEG".into(), &mut |event| events.push(event));
        contents.release_text(LaneId(1), &mut |event| events.push(event));
        assert_eq!(events.len(), 1);
        contents.text(origin(1), "EVCXR_BEGIN_CONTENT a/b\n".into(), &mut |event| events.push(event));
        contents.release_text(LaneId(1), &mut |event| events.push(event));
        assert_eq!(events.len(), 1);
    }
}
