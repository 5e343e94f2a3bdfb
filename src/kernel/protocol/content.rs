//! What the contents of all messages have in common: how a client's is read, how ours is written, and the error that
//! any reply may be instead.
//!
//! Reading is tolerant: unknown fields are ignored, and a field that is `null` counts as absent. A field without a
//! documented default has to be there, with its type. Writing is exact: a content has the fields that the protocol
//! lists, and no others.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The content of a message that clients send.
pub(crate) trait Incoming: DeserializeOwned {
    const MSG_TYPE: &'static str;

    /// Reads the content. The error says which field is missing or has another type.
    fn read(mut content: Map<String, Value>) -> Result<Self, String> {
        content.retain(|_, value| !value.is_null());
        serde_path_to_error::deserialize(Value::Object(content)).map_err(|error| {
            let (path, why) = (error.path().to_string(), error.inner());
            // The path of the whole content is a dot; serde names a missing field itself.
            let field = if path == "." { String::new() } else { format!("`{path}`: ") };
            format!("the content of this {} cannot be read: {field}{why}", Self::MSG_TYPE)
        })
    }
}

/// A request: a message to which the kernel replies.
pub(crate) trait Request: Incoming {
    type Reply: Content;
}

/// The content of a message that the kernel sends.
pub(crate) trait Content: Serialize {
    const MSG_TYPE: &'static str;

    fn to_value(&self) -> Value {
        to_value(self)
    }
}

fn to_value(content: &(impl Serialize + ?Sized)) -> Value {
    serde_json::to_value(content).expect("the keys of a content are text")
}

/// Names a content by its `msg_type`.
macro_rules! message {
    (in $content:ty = $msg_type:literal) => {
        impl $crate::kernel::protocol::content::Incoming for $content {
            const MSG_TYPE: &'static str = $msg_type;
        }
    };
    (out $content:ty = $msg_type:literal) => {
        impl $crate::kernel::protocol::content::Content for $content {
            const MSG_TYPE: &'static str = $msg_type;
        }
    };
}

/// Names a request and its reply by their `msg_type`.
macro_rules! request {
    ($request:ty = $asked:literal => $reply:ty = $replied:literal) => {
        $crate::kernel::protocol::content::message!(in $request = $asked);
        $crate::kernel::protocol::content::message!(out $reply = $replied);
        impl $crate::kernel::protocol::content::Request for $request {
            type Reply = $reply;
        }
    };
}

pub(crate) use {message, request};

/// `ename`, `evalue` and `traceback`: of a cell, or of a request that was refused
/// (<https://jupyter-client.readthedocs.io/en/stable/messaging.html#request-reply>).
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct ErrorContent {
    pub ename: String,
    pub evalue: String,
    pub traceback: Vec<String>,
}

impl ErrorContent {
    /// An error of the kernel itself, which has no traceback.
    pub(crate) fn new(ename: &str, evalue: impl Into<String>) -> ErrorContent {
        ErrorContent { ename: ename.into(), evalue: evalue.into(), traceback: Vec::new() }
    }

    /// The request's content could not be read.
    pub(crate) fn malformed(why: String) -> ErrorContent {
        ErrorContent::new("MalformedRequest", why)
    }
}

impl From<crate::events::Failure> for ErrorContent {
    fn from(failure: crate::events::Failure) -> ErrorContent {
        ErrorContent { ename: failure.ename, evalue: failure.evalue, traceback: failure.traceback }
    }
}

/// `{"status": "error", …}`, the content of a reply that refuses its request.
#[derive(Serialize)]
#[serde(tag = "status", rename = "error")]
pub(crate) struct Refusal {
    #[serde(flatten)]
    pub error: ErrorContent,
}

impl Refusal {
    pub(crate) fn to_value(&self) -> Value {
        to_value(self)
    }
}

#[cfg(test)]
mod tests {
    use super::super::ask::{CompleteRequest, HistoryRequest};
    use super::super::execute::ExecuteRequest;
    use super::*;
    use serde_json::json;

    fn read<C: Incoming>(content: Value) -> Result<C, String> {
        C::read(content.as_object().expect("an object").clone())
    }

    #[test]
    fn what_is_missing_or_of_another_type_is_named() {
        let why = read::<ExecuteRequest>(json!({"silent": false})).expect_err("malformed");
        assert_eq!(why, "the content of this execute_request cannot be read: missing field `code`");
        let why = read::<ExecuteRequest>(json!({"code": null})).expect_err("malformed");
        assert!(why.ends_with("missing field `code`"), "{why}");
        let why = read::<CompleteRequest>(json!({"code": "x", "cursor_pos": "1"})).expect_err("malformed");
        assert!(why.contains("`cursor_pos`: invalid type: string \"1\""), "{why}");
        let why = read::<ExecuteRequest>(json!({"code": "", "user_expressions": {"a": 1}})).expect_err("bad");
        assert!(why.contains("`user_expressions.a`: invalid type: integer `1`, expected a string"), "{why}");
    }

    #[test]
    fn unknown_fields_are_ignored_and_null_is_absent() {
        let request = read::<HistoryRequest>(json!({"hist_access_type": "tail", "n": null, "later": [1]}));
        assert_eq!(request.expect("read").n, None);
        let request = read::<ExecuteRequest>(json!({"code": "1", "stop_on_error": null, "store_history": null}));
        assert!(request.is_ok_and(|request| request.stop_on_error && request.store_history));
    }

    #[test]
    fn a_refusal_has_the_status_and_the_error_only() {
        let refusal = Refusal { error: ErrorContent::new("Aborted", "why") };
        let expected = json!({"status": "error", "ename": "Aborted", "evalue": "why", "traceback": []});
        assert_eq!(refusal.to_value(), expected);
    }
}
