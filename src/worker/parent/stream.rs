//! What fd 1 and 2 of a worker are: sockets that tell which process wrote what.

use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;

/// A socket pair whose near end is told which process wrote what.
pub(crate) fn stream_pair() -> io::Result<(UnixStream, UnixStream)> {
    let (near, far) = UnixStream::pair()?;
    let on: libc::c_int = 1;
    // SAFETY: passes the address and size of a local.
    let answer = unsafe {
        let size = std::mem::size_of_val(&on) as libc::socklen_t;
        libc::setsockopt(near.as_raw_fd(), libc::SOL_SOCKET, libc::SO_PASSCRED, (&raw const on).cast(), size)
    };
    if answer == 0 { Ok((near, far)) } else { Err(io::Error::last_os_error()) }
}

/// A piece of a stream and the process that wrote it: the system tells the writer of each piece, and never joins
/// pieces of two writers (`SO_PASSCRED`, unix(7)).
pub(crate) fn receive_with_pid(stream: &UnixStream, buffer: &mut [u8]) -> io::Result<(usize, u32)> {
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let mut control = [0u64; 8];
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
