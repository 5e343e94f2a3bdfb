//! One protocol message: its frames on the wire, its signature, its header
//! (<https://jupyter-client.readthedocs.io/en/stable/messaging.html#wire-protocol>). Knows no message type.
//!
//! The types are ours, not those of the `jupyter-protocol` crate: that one fixes version 5.3 in every header and
//! drops header fields that it does not know, which a reply must give back as its parent.

use std::collections::{HashSet, VecDeque};
use std::time::SystemTime;

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use super::connection::Channel;
use super::content::{Content, Refusal};
use crate::hex;

pub(crate) const PROTOCOL: &str = "5.5";

const DELIMITER: &[u8] = b"<IDS|MSG>";

/// Number of signatures that are kept to find messages that are sent again. Beyond it the oldest is forgotten.
const REMEMBERED: usize = 1 << 16;

/// A message from a client.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub channel: Channel,
    pub identities: Vec<Vec<u8>>,
    pub msg_type: String,
    /// The header as it came, unknown fields included: it goes back whole as the parent of every reply.
    pub header: Value,
    /// The header of the message that this one replies to, or `{}`.
    pub parent: Value,
    pub content: Map<String, Value>,
}

/// A message to clients.
#[derive(Clone, Debug)]
pub(crate) struct Outgoing {
    /// The frames before the delimiter: the client's for a reply, the topic on iopub.
    pub identities: Vec<Vec<u8>>,
    pub msg_type: &'static str,
    /// `{}` for a message that nobody asked for.
    pub parent: Value,
    pub metadata: Map<String, Value>,
    pub content: Value,
}

/// Turns messages into frames and back, and signs and checks them.
pub(crate) struct Codec {
    /// `None` if the connection file has an empty key: messages are then neither signed nor checked.
    key: Option<Hmac<Sha256>>,
    seen: Seen,
    session: String,
    count: u64,
}

/// The newest signatures.
#[derive(Default)]
struct Seen {
    signatures: HashSet<Vec<u8>>,
    order: VecDeque<Vec<u8>>,
}

impl Codec {
    pub(crate) fn new(key: &str, session: String) -> Codec {
        // A key that could not be used must end the kernel here: without one, it would take messages from anybody.
        let key = (!key.is_empty()).then(|| Hmac::new_from_slice(key.as_bytes()).expect("HMAC takes any key"));
        Codec { key, seen: Seen::default(), session, count: 0 }
    }

    pub(crate) fn session(&self) -> &str {
        &self.session
    }

    /// Reads a message that came by `channel`. The error says why it must not be acted on.
    pub(crate) fn decode(&mut self, channel: Channel, frames: Vec<Vec<u8>>) -> Result<Message, String> {
        let delimiter = frames.iter().position(|frame| frame == DELIMITER).ok_or("it has no delimiter")?;
        let (identities, rest) = frames.split_at(delimiter);
        let [_, signature, header, parent, metadata, content, ..] = rest else {
            return Err(format!("it has {} frames after its delimiter, not 5 or more", rest.len() - 1));
        };
        self.check(signature, [header, parent, metadata, content])?;
        let json = |name: &str, bytes: &[u8]| match serde_json::from_slice(bytes) {
            Ok(Value::Object(map)) => Ok(map),
            Ok(_) => Err(format!("its {name} is not an object")),
            Err(error) => Err(format!("its {name} is not JSON: {error}")),
        };
        let (header, content) = (Value::Object(json("header", header)?), json("content", content)?);
        let parent = Value::Object(json("parent header", parent)?);
        let text = |key: &str| header[key].as_str().ok_or(format!("its header has no {key}"));
        let msg_type = text("msg_type")?.to_owned();
        text("msg_id")?;
        let identities = identities.to_vec();
        Ok(Message { channel, identities, msg_type, header, parent, content })
    }

    fn check(&mut self, signature: &[u8], parts: [&Vec<u8>; 4]) -> Result<(), String> {
        let Some(key) = &self.key else { return Ok(()) };
        if signature.is_empty() {
            return Err("it is not signed".into());
        }
        let mut mac = key.clone();
        parts.iter().for_each(|part| mac.update(part));
        let bytes = hex::decode(signature).ok_or("its signature is not hexadecimal")?;
        // The comparison takes constant time, so that it tells nothing of the right signature.
        mac.verify_slice(&bytes).map_err(|_| "its signature is wrong")?;
        if self.seen.is_new(bytes) { Ok(()) } else { Err("it has come before".into()) }
    }

    /// The `msg_id` of the message that was encoded last.
    pub(crate) fn last_id(&self) -> String {
        format!("{}_{}_{}", self.session, std::process::id(), self.count)
    }

    pub(crate) fn encode(&mut self, message: Outgoing) -> Vec<Vec<u8>> {
        let Outgoing { identities, msg_type, parent, metadata, content } = message;
        self.count += 1;
        let header = json!({
            "msg_id": self.last_id(),
            "msg_type": msg_type,
            "username": "kernel",
            "session": self.session,
            "date": date(SystemTime::now()),
            "version": PROTOCOL,
        });
        let parts = [header, parent, Value::Object(metadata), content].map(|part| part.to_string().into_bytes());
        let signature = self.key.as_ref().map_or_else(String::new, |key| {
            let mut mac = key.clone();
            parts.iter().for_each(|part| mac.update(part));
            hex::encode(&mac.finalize().into_bytes())
        });
        let mut frames = identities;
        frames.push(DELIMITER.to_vec());
        frames.push(signature.into_bytes());
        frames.extend(parts);
        frames
    }
}

impl Message {
    /// A reply to this message, for the client that sent it.
    pub(crate) fn reply<C: Content>(&self, content: &C) -> Outgoing {
        self.answer(C::MSG_TYPE, content.to_value())
    }

    /// A reply of type `C` that refuses the request.
    pub(crate) fn refusal<C: Content>(&self, refusal: &Refusal) -> Outgoing {
        self.answer(C::MSG_TYPE, refusal.to_value())
    }

    fn answer(&self, msg_type: &'static str, content: Value) -> Outgoing {
        let (identities, parent) = (self.identities.clone(), self.header.clone());
        Outgoing { identities, msg_type, parent, metadata: Map::new(), content }
    }
}

impl Outgoing {
    /// A message of iopub, about the request with the header `parent`.
    pub(crate) fn about<C: Content>(parent: Value, content: &C) -> Outgoing {
        let (msg_type, content) = (C::MSG_TYPE, content.to_value());
        Outgoing { identities: Vec::new(), msg_type, parent, metadata: Map::new(), content }
    }
}

impl Seen {
    fn is_new(&mut self, signature: Vec<u8>) -> bool {
        if !self.signatures.insert(signature.clone()) {
            return false;
        }
        self.order.push_back(signature);
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.signatures.remove(&oldest);
        }
        true
    }
}

/// A time as headers have it: ISO 8601, UTC, microseconds.
pub(crate) fn date(time: SystemTime) -> String {
    humantime::format_rfc3339_micros(time).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codec() -> Codec {
        Codec::new("secret", "s".into())
    }

    fn outgoing() -> Outgoing {
        Outgoing {
            identities: vec![b"id".to_vec()],
            msg_type: "x_request",
            parent: json!({}),
            metadata: Map::new(),
            content: json!({"code": "\u{1f980}"}),
        }
    }

    #[test]
    fn a_message_arrives_as_it_was_sent() {
        let message = codec().decode(Channel::Shell, codec().encode(outgoing())).expect("good");
        assert_eq!((message.identities, message.msg_type.as_str()), (vec![b"id".to_vec()], "x_request"));
        assert_eq!(message.content["code"], "\u{1f980}");
    }

    #[test]
    fn what_is_not_signed_by_the_key_is_refused() {
        let sent = codec().encode(outgoing());
        let with = |index: usize, bytes: &[u8]| {
            let mut frames = sent.clone();
            frames[index] = bytes.to_vec();
            codec().decode(Channel::Shell, frames).expect_err("refused")
        };
        assert_eq!(with(2, b""), "it is not signed");
        assert_eq!(with(2, b"xyz"), "its signature is not hexadecimal");
        assert_eq!(with(2, b"00ff"), "its signature is wrong");
        assert_eq!(with(6, b"{}"), "its signature is wrong");
        let mut other = Codec::new("other", "s".into());
        assert!(other.decode(Channel::Shell, sent.clone()).is_err());
    }

    #[test]
    fn a_message_counts_once() {
        let (sent, mut codec) = (codec().encode(outgoing()), codec());
        assert!(codec.decode(Channel::Shell, sent.clone()).is_ok());
        assert_eq!(codec.decode(Channel::Shell, sent).expect_err("again"), "it has come before");
    }

    #[test]
    fn without_a_key_nothing_is_signed() {
        let mut open = Codec::new("", "s".into());
        let sent = open.encode(outgoing());
        assert!(sent[2].is_empty());
        assert!(open.decode(Channel::Shell, sent.clone()).is_ok() && open.decode(Channel::Shell, sent).is_ok());
    }

    #[test]
    fn what_nests_too_deeply_is_refused() {
        let mut open = Codec::new("", "s".into());
        let mut frames = open.encode(outgoing());
        for (open_bracket, close) in [("[", "]"), ("{\"a\":", "}")] {
            let deep = format!("{}1{}", open_bracket.repeat(100_000), close.repeat(100_000));
            frames[6] = format!("{{\"code\": {deep}}}").into_bytes();
            assert!(open.decode(Channel::Shell, frames.clone()).expect_err("refused").contains("recursion limit"));
        }
    }

    #[test]
    fn torn_messages_are_refused() {
        let mut open = Codec::new("", "s".into());
        let sent = open.encode(outgoing());
        for length in 0..sent.len() {
            assert!(open.decode(Channel::Shell, sent[..length].to_vec()).is_err(), "{length}");
        }
        for (index, bytes) in [(3, "[]"), (3, "{}"), (3, "{\"msg_type\": 1}"), (6, "{")] {
            let mut frames = sent.clone();
            frames[index] = bytes.into();
            assert!(open.decode(Channel::Shell, frames).is_err(), "{bytes}");
        }
    }
}
