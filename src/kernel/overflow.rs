//! Output beyond what a front end can show: of a cell that prints without end, the first part is shown live and the
//! rest goes to a file. So neither a subscriber that has stalled nor a runaway loop takes all memory or disk.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

/// What a cell may show live, in MiB, unless the environment says otherwise.
const LIVE_MIB: u64 = 64;
const SETTING: &str = "THREADBOOK_LIVE_MIB";

/// A file takes so much.
const LARGEST: u64 = 1 << 30;

/// How many bytes of each cell are shown.
#[derive(Clone, Copy, Debug)]
pub struct Limit(pub u64);

impl Limit {
    pub fn from_environment() -> Limit {
        let set = std::env::var(SETTING).ok().and_then(|value| value.parse::<u64>().ok());
        Limit(set.unwrap_or(LIVE_MIB).saturating_mul(1 << 20))
    }
}

/// The rest of one cell's text.
pub struct Rest {
    file: Option<(BufWriter<File>, PathBuf)>,
    written: u64,
    lost: u64,
}

impl Rest {
    /// Answers also what is to be said about it.
    pub fn open(limit: Limit) -> (Rest, String) {
        let file = tempfile::Builder::new().prefix("threadbook-output-").suffix(".txt").tempfile();
        let file = file.and_then(|file| file.keep().map_err(io::Error::from));
        let shown = limit.0 >> 20;
        let said = match &file {
            Ok((_, path)) => format!("the rest goes to `{}`", path.display()),
            Err(error) => format!("the rest is dropped, for there is no file for it: {error}"),
        };
        let said =
            format!("\nthreadbook: this cell has shown {shown} MiB; {said} ({SETTING} sets how much is shown)\n");
        (Rest { file: file.ok().map(|(file, path)| (BufWriter::new(file), path)), written: 0, lost: 0 }, said)
    }

    pub fn write(&mut self, text: &str) {
        let length = text.len() as u64;
        let fits = self.written + length <= LARGEST;
        let written =
            self.file.as_mut().filter(|_| fits).is_some_and(|(file, _)| file.write_all(text.as_bytes()).is_ok());
        if written {
            self.written += length;
        } else {
            self.lost += length;
        }
    }

    /// What is to be said when the cell has ended.
    pub fn summary(&mut self) -> String {
        let Some((file, path)) = &mut self.file else {
            return format!("threadbook: {} more bytes were dropped\n", self.lost);
        };
        // What could not be written is missing at the end of the file; its length tells.
        let _ = file.flush();
        let lost = match self.lost {
            0 => String::new(),
            lost => format!(", and {lost} more were dropped"),
        };
        format!("threadbook: {} more bytes are in `{}`{lost}\n", self.written, path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_is_in_the_file_that_is_named() {
        let (mut rest, said) = Rest::open(Limit(2 << 20));
        rest.write("abc");
        rest.write("\u{e9}");
        let summary = rest.summary();
        let (_, path) = rest.file.take().expect("a file");
        let text = std::fs::read_to_string(&path).expect("read");
        std::fs::remove_file(&path).expect("removed");
        assert_eq!(text, "abc\u{e9}");
        assert!(said.contains("has shown 2 MiB") && said.contains(path.to_str().expect("text")), "{said}");
        assert_eq!(summary, format!("threadbook: 5 more bytes are in `{}`\n", path.display()));
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let (mut rest, _) = Rest::open(Limit(0));
        rest.written = LARGEST - 1;
        rest.write("abc");
        assert!(rest.summary().ends_with(", and 3 more were dropped\n"));
        let (_, path) = rest.file.take().expect("a file");
        std::fs::remove_file(&path).expect("removed");
    }
}
