//! The way in for the fuzz targets in `fuzz/`: frames from whoever can reach a socket. Compiled only for them.

use serde_json::json;

use super::message::Codec;

/// Frames are told apart by 0xff, which is in no text. A message that is taken is answered, and the answer arrives;
/// one without the key's signature is never taken.
pub fn frames(bytes: &[u8]) {
    let frames: Vec<Vec<u8>> = bytes.split(|byte| *byte == 0xff).map(<[u8]>::to_vec).collect();
    assert!(Codec::new("a key that is secret", "s".into()).decode(frames.clone()).is_err());
    let mut open = Codec::new("", "s".into());
    let Ok(message) = open.decode(frames) else { return };
    let reply = message.reply("x_reply", json!({"echo": message.content}));
    let mut signed = Codec::new("k", "s".into());
    let frames = signed.encode(reply);
    // A reply carries the request's content one level deeper here, and the parser counts levels.
    let Ok(answer) = signed.decode(frames) else { return };
    assert_eq!((answer.parent, &answer.content["echo"]), (message.header, &message.content));
}
