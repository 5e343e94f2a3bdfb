//! How the session starts the child: the descriptors that the child inherits, as arguments of its program, and what is
//! set in its environment.

use std::ffi::OsString;
use std::os::fd::RawFd;

/// The subcommand of this executable that is the child.
const SUBCOMMAND: &str = "__worker";

/// Asks glibc for huge pages where a heap is large (glibc manual, "Memory Allocation Tunables"): a snapshot of the worker
/// then costs a fraction. glibc reads the variable only when a program starts. The worker removes it, so that programs
/// which cells run do not inherit it.
pub(crate) const TUNABLES: (&str, &str) = ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1");

/// The numbers that the inherited descriptors have in the child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inherited {
    /// The control socket of the first worker.
    pub control: RawFd,
    /// The memory of the ring.
    pub ring: RawFd,
    /// The event that wakes the ring's reader.
    pub wake: RawFd,
    /// The keeper's reports.
    pub reports: RawFd,
}

impl Inherited {
    pub(crate) fn to_arguments(self) -> [String; 5] {
        let Inherited { control, ring, wake, reports } = self;
        [SUBCOMMAND.into(), control.to_string(), ring.to_string(), wake.to_string(), reports.to_string()]
    }

    /// Reads the arguments behind the subcommand. None if they are not what `to_arguments` writes.
    pub(crate) fn from_arguments(arguments: impl Iterator<Item = OsString>) -> Option<Inherited> {
        let numbers: Option<Vec<RawFd>> = arguments.map(|argument| argument.to_str()?.parse().ok()).collect();
        match numbers?[..] {
            [control, ring, wake, reports] => Some(Inherited { control, ring, wake, reports }),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_as_they_were_written() {
        let inherited = Inherited { control: 3, ring: 4, wake: 5, reports: 6 };
        let arguments = inherited.to_arguments().into_iter().skip(1).map(OsString::from);
        assert_eq!(Inherited::from_arguments(arguments), Some(inherited));
        for wrong in [&["3", "4", "5"][..], &["3", "4", "5", "x"], &["3", "4", "5", "6", "7"]] {
            assert_eq!(Inherited::from_arguments(wrong.iter().map(OsString::from)), None, "{wrong:?}");
        }
    }
}
