//! Sockets that tell which process wrote each piece that is read from them (`SO_PASSCRED`, unix(7)).

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

/// Two connected sockets. What is read from the first says who wrote it: see `receive_with_pid`.
pub(crate) fn stream_pair() -> io::Result<(UnixStream, UnixStream)> {
    let (near, far) = UnixStream::pair()?;
    rustix::net::sockopt::set_socket_passcred(&near, true)?;
    Ok((near, far))
}

/// Reads what one process wrote, without waiting: the number of bytes, and the writer's process id. The system never
/// joins pieces of two writers. The id is 0 at the end of the stream, and for a writer that this process cannot see.
pub(crate) fn receive_with_pid(stream: &UnixStream, buffer: &mut [u8]) -> io::Result<(usize, u32)> {
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let mut control = [0u64; 8];
    // By `libc`: rustix 1.1 has no value for the id 0, which the system may well pass.
    // SAFETY: `message` points to locals that outlive the call; the control buffer is aligned for a `cmsghdr`, and
    // is read only as far as the system says that it filled it.
    unsafe {
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &mut part;
        message.msg_iovlen = 1;
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = std::mem::size_of_val(&control) as _;
        let length = libc::recvmsg(stream.as_raw_fd(), &mut message, libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC);
        if length < 0 {
            return Err(io::Error::last_os_error());
        }
        let head = libc::CMSG_FIRSTHDR(&message);
        let is_writer =
            !head.is_null() && (*head).cmsg_level == libc::SOL_SOCKET && (*head).cmsg_type == libc::SCM_CREDENTIALS;
        let pid = if is_writer { libc::CMSG_DATA(head).cast::<libc::ucred>().read_unaligned().pid } else { 0 };
        Ok((length as usize, pid as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::OwnedFd;
    use std::process::Command;

    #[test]
    fn pieces_of_two_writers_are_told_apart() {
        let (near, mut far) = stream_pair().expect("a pair");
        far.write_all(b"ours").expect("written");
        let theirs = OwnedFd::from(far.try_clone().expect("duplicated"));
        let mut child = Command::new("echo").arg("theirs").stdout(theirs).spawn().expect("it starts");
        child.wait().expect("it ends");
        drop(far);
        let mut buffer = [0; 64];
        let mut next = || {
            let (length, pid) = receive_with_pid(&near, &mut buffer).expect("there");
            (buffer[..length].to_vec(), pid)
        };
        assert_eq!(next(), (b"ours".to_vec(), std::process::id()));
        assert_eq!(next(), (b"theirs\n".to_vec(), child.id()));
        assert_eq!(next(), (Vec::new(), 0));
    }
}
