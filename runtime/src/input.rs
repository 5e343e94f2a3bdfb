//! Questions to whoever sits at the front end. `std::io::stdin` asks too, but has no prompt and cannot hide what is
//! typed. Never reads fd 0: what a front end has sent for a read of it, and nobody has read yet, stays there.

use std::io::{Error, ErrorKind, Result};

use crate::host::{INPUT_END, INPUT_INTERRUPTED};
use crate::link;

/// Shows `prompt`, waits for a line and returns it without its end.
///
/// # Errors
/// `UnexpectedEof` where nobody answers (`threadbook run`, or a program without a session) or the input has ended,
/// `Unsupported` if the front end takes no input, and `Interrupted`.
///
/// ```
/// match threadbook::input("name? ") {
///     Ok(name) => println!("hello {name}"),
///     Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::UnexpectedEof),
/// }
/// ```
pub fn input(prompt: impl AsRef<str>) -> Result<String> {
    ask(prompt.as_ref(), false)
}

/// As [`input`], but what is typed is not shown.
///
/// # Errors
/// As [`input`].
///
/// ```
/// if let Ok(word) = threadbook::getpass("password? ") {
///     println!("{} characters", word.chars().count());
/// }
/// ```
pub fn getpass(prompt: impl AsRef<str>) -> Result<String> {
    ask(prompt.as_ref(), true)
}

fn ask(prompt: &str, password: bool) -> Result<String> {
    match link::input(prompt, password) {
        // The worker passes the text of a JSON string.
        Ok(line) => Ok(String::from_utf8_lossy(&line).into_owned()),
        Err(INPUT_END) => Err(Error::new(ErrorKind::UnexpectedEof, "there is no more input, or nobody to ask")),
        Err(INPUT_INTERRUPTED) => Err(Error::new(ErrorKind::Interrupted, "interrupted while waiting for input")),
        Err(_) => {
            Err(Error::new(ErrorKind::Unsupported, "the front end takes no input (it sent `allow_stdin: false`)"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_worker_there_is_no_input() {
        assert_eq!(input("name? ").unwrap_err().kind(), ErrorKind::UnexpectedEof);
        assert_eq!(getpass(String::from("word? ")).unwrap_err().kind(), ErrorKind::UnexpectedEof);
    }
}
