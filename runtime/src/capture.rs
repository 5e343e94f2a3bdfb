//! What a cell of `%%capture NAME` has put out, as the value of that variable. Never captures: the session does, since
//! only it sees what children and C code write too.

use std::fmt;
use std::fs;
use std::io;

use crate::display::Display;
use crate::host::{STDERR, STDOUT};
use crate::link;

/// What a cell of `%%capture NAME` has put out instead of showing it.
///
/// ```
/// # use threadbook::Captured;
/// let captured = Captured { stdout: "text\n".into(), ..Captured::default() };
/// assert_eq!(captured.to_string(), "text\n");
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Captured {
    /// The text of stdout in the order in which it arrived, of all threads and children.
    pub stdout: String,
    /// The text of stderr, likewise.
    pub stderr: String,
    /// Displays, and the value of the tail expression.
    pub outputs: Vec<Display>,
}

impl Captured {
    /// Puts it out here: stdout, then stderr, then what was displayed, as IPython does.
    ///
    /// ```
    /// # use threadbook::Captured;
    /// Captured { stdout: "text\n".into(), ..Captured::default() }.show();
    /// ```
    pub fn show(&self) {
        link::text(STDOUT, &self.stdout);
        link::text(STDERR, &self.stderr);
        for output in &self.outputs {
            output.clone().show();
        }
    }

    /// Reads what the session has left in this file, and removes the file.
    #[doc(hidden)]
    pub fn read(file: &str) -> io::Result<Captured> {
        let bytes = fs::read(file)?;
        fs::remove_file(file)?;
        Fields(&bytes).captured().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "torn"))
    }
}

/// The text of stdout, as Python's `str(captured)`.
impl fmt::Display for Captured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.stdout)
    }
}

/// The rest of the file: texts, each after its length in eight bytes, little-endian. A list begins with its number of
/// entries, which is such a text, too.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn captured(&mut self) -> Option<Captured> {
        let (stdout, stderr) = (self.text()?, self.text()?);
        let outputs = (0..self.number()?).map(|_| self.output()).collect::<Option<_>>()?;
        Some(Captured { stdout, stderr, outputs })
    }

    fn output(&mut self) -> Option<Display> {
        let mut output = Display::new();
        let id = self.text()?;
        if !id.is_empty() {
            output = output.id(id);
        }
        for _ in 0..self.number()? {
            output = output.mime(self.text()?, self.text()?);
        }
        for _ in 0..self.number()? {
            output = output.metadata(self.text()?, self.text()?);
        }
        Some(output)
    }

    fn number(&mut self) -> Option<usize> {
        self.text()?.parse().ok()
    }

    fn text(&mut self) -> Option<String> {
        let (length, rest) = self.0.split_first_chunk::<8>()?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
        let (text, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        String::from_utf8(text.to_vec()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(texts: &[&str]) -> Vec<u8> {
        let field = |text: &&str| [&(text.len() as u64).to_le_bytes()[..], text.as_bytes()].concat();
        texts.iter().flat_map(field).collect()
    }

    #[test]
    fn what_the_session_wrote_is_read_and_torn_files_are_refused() {
        let bytes = fields(&["out\n", "", "1", "id", "1", "text/html", "<p>", "1", "isolated", "true"]);
        let captured = Fields(&bytes).captured().expect("whole");
        assert_eq!((captured.stdout.as_str(), captured.to_string().as_str()), ("out\n", "out\n"));
        assert_eq!(captured.outputs, [Display::new().id("id").html("<p>").metadata("isolated", "true")]);
        for length in 0..bytes.len() {
            assert!(Fields(&bytes[..length]).captured().is_none(), "{length}");
        }
    }
}
