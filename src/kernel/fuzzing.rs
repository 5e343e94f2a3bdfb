//! The entrance for the fuzz targets in `fuzz/`: frames from whoever can reach a socket. Compiled only for them.

use super::protocol::codec::Codec;
use super::protocol::comm::CommMsg;
use super::protocol::connection::Channel;

/// Takes frames, separated by 0xff, which is in no text. A message that is taken can be replied to, and the reply arrives;
/// one without the key's signature is never taken.
pub fn frames(bytes: &[u8]) {
    let frames: Vec<Vec<u8>> = bytes.split(|byte| *byte == 0xff).map(<[u8]>::to_vec).collect();
    let mut closed = Codec::new("a key that is secret", "s".into());
    assert!(closed.decode(Channel::Shell, frames.clone()).is_err());
    let mut open = Codec::new("", "s".into());
    let Ok(message) = open.decode(Channel::Shell, frames) else { return };
    let content = serde_json::Value::Object(message.content.clone());
    let reply = message.reply(&CommMsg { comm_id: "echo".into(), data: content.clone() });
    let mut signed = Codec::new("k", "s".into());
    let frames = signed.encode(reply);
    // The reply has the request's content one level deeper, and the parser counts levels.
    let Ok(reply) = signed.decode(Channel::Shell, frames) else { return };
    assert_eq!((reply.parent, &reply.content["data"]), (message.header, &content));
}
