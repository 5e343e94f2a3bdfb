//! All text of one cell: in memory while it is short, then in a file, which stays once the cell's output names it.

use std::fs::OpenOptions;
use std::io::{self, Write};

use tempfile::{NamedTempFile, TempPath};

/// So much is kept in memory.
const SHORT: usize = 1 << 20;
/// A file takes so much.
const LARGEST: u64 = 1 << 30;

#[derive(Default)]
pub(super) struct Full {
    place: Place,
    written: u64,
    /// Bytes that the file did not take. What comes after them is not in it either: it would stand at a wrong place.
    lost: u64,
}

enum Place {
    Memory(String),
    File(NamedTempFile),
    Closed(TempPath),
    Nowhere(io::Error),
}

impl Default for Place {
    fn default() -> Place {
        Place::Memory(String::new())
    }
}

impl Full {
    pub(super) fn write(&mut self, text: &str) {
        match &mut self.place {
            Place::Memory(so_far) if so_far.len() + text.len() <= SHORT => so_far.push_str(text),
            _ => {
                self.leave_memory();
                self.put(text);
            }
        }
    }

    /// Makes the file stay, and says where it is or why there is none.
    pub(super) fn keep(&mut self) -> String {
        self.leave_memory();
        match &mut self.place {
            Place::File(file) => {
                file.disable_cleanup(true);
                format!("is in `{}`", file.path().display())
            }
            Place::Nowhere(error) => format!("is lost, for there is no file for it: {error}"),
            Place::Memory(_) | Place::Closed(_) => String::new(),
        }
    }

    /// Nobody will read it.
    pub(super) fn discard(&mut self) {
        match &mut self.place {
            Place::File(file) => file.disable_cleanup(false),
            Place::Closed(path) => path.disable_cleanup(false),
            Place::Memory(_) | Place::Nowhere(_) => {}
        }
        *self = Full::default();
    }

    /// Little more is expected: the file is closed, so that any number of cells may have one.
    pub(super) fn close(&mut self) {
        self.place = match std::mem::take(&mut self.place) {
            Place::File(file) => Place::Closed(file.into_temp_path()),
            place => place,
        };
    }

    pub(super) fn lost(&self) -> u64 {
        self.lost
    }

    fn leave_memory(&mut self) {
        let Place::Memory(so_far) = &mut self.place else { return };
        let so_far = std::mem::take(so_far);
        let file = tempfile::Builder::new().prefix("threadbook-output-").suffix(".txt").tempfile();
        self.place = file.map_or_else(Place::Nowhere, Place::File);
        self.put(&so_far);
    }

    fn put(&mut self, text: &str) {
        let length = text.len() as u64;
        let fits = self.lost == 0 && self.written + length <= LARGEST;
        let written = match &mut self.place {
            Place::File(file) => fits && file.write_all(text.as_bytes()).is_ok(),
            Place::Closed(path) => {
                let file = fits.then(|| OpenOptions::new().append(true).open(path));
                file.is_some_and(|file| file.and_then(|mut file| file.write_all(text.as_bytes())).is_ok())
            }
            Place::Memory(_) | Place::Nowhere(_) => false,
        };
        *(if written { &mut self.written } else { &mut self.lost }) += length;
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
        let mut full = Full::default();
        full.write("abc");
        assert!(matches!(full.place, Place::Memory(_)));
        let long = "\u{e9}".repeat(SHORT / 2);
        full.write(&long);
        let Place::File(file) = &full.place else { panic!("it is long") };
        let unnamed = file.path().to_owned();
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
        let mut full = Full::default();
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
}
