//! Keeps all text of one cell: in memory while it is short, then in a file. The file is removed unless the cell's
//! output names it. Never shows anything.

use std::fs::OpenOptions;
use std::io::{self, BufWriter, Write};

use tempfile::{NamedTempFile, TempPath};

/// Bytes of a cell's text that are kept in memory (1 MiB). Longer text goes to a file.
const IN_MEMORY: usize = 1 << 20;
/// Bytes that are gathered before they are written to a file that the output has not named (256 KiB). Nobody reads
/// such a file, so a few large writes suffice.
const BUFFER: usize = 256 << 10;
/// Bytes that one file may hold (1 GiB). Text beyond this is not kept, only counted as lost.
const LARGEST: u64 = 1 << 30;

#[derive(Default)]
pub(super) struct FullText {
    storage: Storage,
    /// Whether the cell's output has named the file. From then on the file is complete at any time, since the user
    /// may read it.
    named: bool,
    written: u64,
    /// Bytes that could not be written. No later text is written after such a loss, since it would stand at a wrong
    /// place.
    lost: u64,
}

enum Storage {
    Memory(String),
    File(BufWriter<NamedTempFile>),
    /// The file of a cell that has ended. It is opened again for each text that the cell's threads still print.
    Closed(TempPath),
    Nowhere(io::Error),
}

impl Default for Storage {
    fn default() -> Storage {
        Storage::Memory(String::new())
    }
}

impl FullText {
    pub(super) fn write(&mut self, text: &str) {
        match &mut self.storage {
            Storage::Memory(so_far) if so_far.len() + text.len() <= IN_MEMORY => so_far.push_str(text),
            _ => {
                self.leave_memory();
                self.put(text);
            }
        }
    }

    /// Keeps the file for the user. Returns words that say where it is, or why there is none.
    pub(super) fn keep(&mut self) -> String {
        self.leave_memory();
        self.named = true;
        self.flush();
        match &mut self.storage {
            Storage::File(file) => {
                file.get_mut().disable_cleanup(true);
                format!("is in `{}`", file.get_ref().path().display())
            }
            Storage::Nowhere(error) => format!("is lost, for there is no file for it: {error}"),
            Storage::Memory(_) | Storage::Closed(_) => String::new(),
        }
    }

    /// Removes the file, if there is one, because the output that it holds was cleared.
    pub(super) fn discard(&mut self) {
        match &mut self.storage {
            Storage::File(file) => file.get_mut().disable_cleanup(false),
            Storage::Closed(path) => path.disable_cleanup(false),
            Storage::Memory(_) | Storage::Nowhere(_) => {}
        }
        *self = FullText::default();
    }

    /// Closes the file of a cell that has ended. Little more text is expected, and any number of cells may each have
    /// such a file.
    pub(super) fn close(&mut self) {
        self.flush();
        self.storage = match std::mem::take(&mut self.storage) {
            // Text that could not be flushed is already counted as lost.
            Storage::File(file) => Storage::Closed(file.into_parts().0.into_temp_path()),
            storage => storage,
        };
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    fn leave_memory(&mut self) {
        let Storage::Memory(so_far) = &mut self.storage else { return };
        let so_far = std::mem::take(so_far);
        let file = tempfile::Builder::new().prefix("threadbook-output-").suffix(".txt").tempfile();
        let buffered = |file| Storage::File(BufWriter::with_capacity(BUFFER, file));
        self.storage = file.map_or_else(Storage::Nowhere, buffered);
        self.put(&so_far);
    }

    fn put(&mut self, text: &str) {
        let length = text.len() as u64;
        let fits = self.lost == 0 && self.written + length <= LARGEST;
        let written = match &mut self.storage {
            Storage::File(file) => fits && file.write_all(text.as_bytes()).is_ok(),
            Storage::Closed(path) => {
                let file = fits.then(|| OpenOptions::new().append(true).open(path));
                file.is_some_and(|file| file.and_then(|mut file| file.write_all(text.as_bytes())).is_ok())
            }
            Storage::Memory(_) | Storage::Nowhere(_) => false,
        };
        *(if written { &mut self.written } else { &mut self.lost }) += length;
        if self.named {
            self.flush();
        }
    }

    /// Writes the buffered text. The part that cannot be written is counted as lost.
    fn flush(&mut self) {
        let Storage::File(file) = &mut self.storage else { return };
        if file.flush().is_err() {
            let lost = file.buffer().len() as u64;
            self.written -= lost.min(self.written);
            self.lost += lost;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(said: &str) -> &str {
        said.split('`').nth(1).expect("a path")
    }

    #[test]
    fn long_text_is_in_a_file_that_stays_if_it_is_named() {
        let mut full = FullText::default();
        full.write("abc");
        assert!(matches!(full.storage, Storage::Memory(_)));
        let long = "\u{e9}".repeat(IN_MEMORY / 2);
        full.write(&long);
        let Storage::File(file) = &full.storage else { panic!("it is long") };
        let unnamed = file.get_ref().path().to_owned();
        full.discard();
        assert!(!unnamed.exists(), "nobody knows it");
        full.write(&long);
        let said = full.keep();
        full.close();
        full.write("end");
        drop(full);
        let text = std::fs::read_to_string(path(&said)).expect("it has stayed");
        std::fs::remove_file(path(&said)).expect("removed");
        assert!(text == long + "end");
    }

    #[test]
    fn what_does_not_fit_is_counted_and_nothing_after_it_is_written() {
        let mut full = FullText::default();
        full.write("abc");
        let said = full.keep();
        full.written = LARGEST - 1;
        full.write("de");
        full.write("f");
        assert_eq!(full.lost(), 3);
        assert_eq!(std::fs::read_to_string(path(&said)).expect("a file"), "abc");
        full.discard();
        assert!(!std::path::Path::new(path(&said)).exists());
    }

    /// Text that fits the limit is never read again, so it has to go to the disk in few and large pieces.
    #[test]
    fn text_is_buffered_until_its_file_is_named() {
        let mut full = FullText::default();
        full.write(&"x".repeat(IN_MEMORY));
        let piece = "y".repeat(100);
        let mut lengths = std::collections::BTreeSet::new();
        for _ in 0..10_000 {
            full.write(&piece);
            let Storage::File(file) = &full.storage else { panic!("it is long") };
            lengths.insert(file.get_ref().as_file().metadata().expect("a file").len());
        }
        assert!(lengths.len() <= 8, "{} writes", lengths.len());
        let said = full.keep();
        full.write("z");
        let length = std::fs::metadata(path(&said)).expect("a file").len();
        assert_eq!(length, (IN_MEMORY + 100 * 10_000 + 1) as u64, "it is whole at any time");
        full.discard();
    }
}
