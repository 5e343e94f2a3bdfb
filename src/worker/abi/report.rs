//! What the keeper tells the session of its children: one report for the first worker when it begins, then one for each
//! process that has ended.

use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use crate::worker::abi::exit::Exit;

/// Bytes of a report: a process id and a wait status as waitpid(2) has it, four each, in native order.
const REPORT: usize = 8;

pub(crate) fn send(mut to: impl Write, pid: u32, status: i32) -> io::Result<()> {
    let mut bytes = [0; REPORT];
    bytes[..4].copy_from_slice(&pid.to_ne_bytes());
    bytes[4..].copy_from_slice(&status.to_ne_bytes());
    to.write_all(&bytes)
}

/// The process of the next report, and how it ended; for the first report the latter says nothing. `UnexpectedEof` once
/// the keeper has ended.
pub(crate) fn receive(mut from: impl Read) -> io::Result<(u32, Exit)> {
    let mut bytes = [0; REPORT];
    from.read_exact(&mut bytes)?;
    let [a, b, c, d, status @ ..] = bytes;
    let (pid, status) = (u32::from_ne_bytes([a, b, c, d]), ExitStatus::from_raw(i32::from_ne_bytes(status)));
    Ok((pid, status.signal().map_or(Exit::Code(status.code().unwrap_or(-1)), Exit::Signal)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_arrives_as_it_was_sent() {
        let mut wire = Vec::new();
        send(&mut wire, 7, libc::SIGKILL).expect("sent");
        send(&mut wire, u32::MAX, 3 << 8).expect("sent");
        let mut wire = &wire[..];
        assert_eq!(receive(&mut wire).expect("received"), (7, Exit::Signal(libc::SIGKILL)));
        assert_eq!(receive(&mut wire).expect("received"), (u32::MAX, Exit::Code(3)));
        assert_eq!(receive(&mut wire).expect_err("the end").kind(), io::ErrorKind::UnexpectedEof);
    }
}
