//! Unix sockets: descriptors sent over them, and who wrote what.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};

pub(crate) use crate::sys::linux::credentials::{receive_with_pid, stream_pair};

/// Sends one byte with a descriptor (unix(7), `SCM_RIGHTS`).
pub(crate) fn send_descriptor(over: &UnixStream, descriptor: impl AsFd) -> io::Result<()> {
    let descriptors = [descriptor.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&descriptors));
    match sendmsg(over, &[IoSlice::new(&[0])], &mut control, SendFlags::NOSIGNAL)? {
        1 => Ok(()),
        _ => Err(io::ErrorKind::WriteZero.into()),
    }
}

/// Reads one byte with the descriptor that `send_descriptor` sent; an error if the byte has none.
pub(crate) fn receive_descriptor(over: &UnixStream) -> io::Result<OwnedFd> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    recvmsg(over, &mut [IoSliceMut::new(&mut [0])], &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let received = control.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut descriptors) => descriptors.next(),
        _ => None,
    });
    received.ok_or_else(|| io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn a_descriptor_is_sent_over_a_socket() {
        let (here, there) = UnixStream::pair().expect("a pair");
        let (near, mut far) = UnixStream::pair().expect("a pair");
        send_descriptor(&here, near).expect("sent");
        let mut near = UnixStream::from(receive_descriptor(&there).expect("received"));
        near.write_all(b"x").expect("written");
        let mut byte = [0];
        far.read_exact(&mut byte).expect("read");
        assert_eq!(&byte, b"x");
    }

    #[test]
    fn a_byte_without_a_descriptor_is_an_error() {
        let (mut here, there) = UnixStream::pair().expect("a pair");
        here.write_all(&[0]).expect("written");
        assert_eq!(receive_descriptor(&there).expect_err("none").kind(), io::ErrorKind::InvalidData);
    }
}
