//! Reads how much machine code a library has: what compiling it again would cost the optimiser. See
//! [elf(5)](https://man7.org/linux/man-pages/man5/elf.5.html).

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Bytes of the header of a 64-bit ELF file, and of an entry of its table of segments.
const HEADER: usize = 64;
const SEGMENT: usize = 56;
/// A segment that is loaded, and the flag of one that is executed.
const PT_LOAD: u32 = 1;
const PF_X: u32 = 1;

/// Bytes of the segments of a library that are executed. `u64::MAX` if it cannot be read as a 64-bit ELF file of this
/// machine's byte order: it then counts as large.
pub(super) fn bytes(library: &Path) -> u64 {
    File::open(library).and_then(|file| of_file(&file)).unwrap_or(u64::MAX)
}

fn of_file(file: &File) -> io::Result<u64> {
    let mut header = [0; HEADER];
    file.read_exact_at(&mut header, 0)?;
    if !header.starts_with(b"\x7fELF\x02") || usize::from(u16::from_ne_bytes([header[54], header[55]])) != SEGMENT {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let table = u64_at(&header, 32);
    let segments = u64::from(u16::from_ne_bytes([header[56], header[57]]));
    let mut executed = 0;
    for number in 0..segments {
        let mut segment = [0; SEGMENT];
        file.read_exact_at(&mut segment, table + number * SEGMENT as u64)?;
        if u32_at(&segment, 0) == PT_LOAD && u32_at(&segment, 4) & PF_X != 0 {
            executed += u64_at(&segment, 32);
        }
    }
    Ok(executed)
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(std::array::from_fn(|index| bytes[at + index]))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_ne_bytes(std::array::from_fn(|index| bytes[at + index]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_has_some_code_and_a_text_counts_as_large() {
        let this = std::env::current_exe().expect("a path");
        let code = bytes(&this);
        assert!((10_000..this.metadata().expect("there").len()).contains(&code), "{code}");
        assert_eq!(bytes(Path::new("Cargo.toml")), u64::MAX);
        assert_eq!(bytes(Path::new("/nonexistent")), u64::MAX);
    }
}
