//! Rich output of a cell: HTML, images, formulas, and whatever else a front end can draw, by MIME type.
//!
//! ```
//! use threadbook::display::{self, Display};
//!
//! display::html("<b>bold</b>");
//! let bar = display::text("0 %"); // shown at once
//! bar.update(Display::new().text("50 %")); // from any thread, also while a later cell runs
//! # let bytes = [0x89, b'P', b'N', b'G'];
//! // As the last expression of a cell:
//! Display::new().png(bytes).text("a plot").metadata("image/png", r#"{"width": 300}"#)
//! # ;
//! ```
//!
//! Owns the form in which a value goes to the worker; which of its forms is drawn, and how, is the front end's choice. Never
//! checks what it is given: text that should be JSON and is not is shown as a string. Outside of a session nothing is
//! shown.

use crate::link;
use crate::show::{json_string, new_id};

/// One value in as many forms as it has, by MIME type. Shown by [`Display::show`], or as the tail of a cell.
///
/// ```
/// # use threadbook::display::Display;
/// Display::new().html("<b>bold</b>").text("bold").show();
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use = "a Display is shown by `.show()`, or as the last expression of a cell"]
pub struct Display {
    data: Vec<(String, String)>,
    metadata: Vec<(String, String)>,
    id: Option<String>,
}

/// Something that is shown and can be changed, from any thread.
///
/// ```
/// # use threadbook::display::{self, Display};
/// let bar = display::text("0 %");
/// bar.update(Display::new().text("50 %"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Handle {
    id: String,
}

impl Display {
    /// A value without any form yet.
    ///
    /// ```
    /// # use threadbook::display::Display;
    /// assert_eq!(Display::new(), Display::default());
    /// ```
    pub fn new() -> Display {
        Display::default()
    }

    /// The plain form, for terminals and for every front end that can draw nothing else.
    ///
    /// ```
    /// # use threadbook::display::Display;
    /// Display::new().text("plain").show();
    /// ```
    pub fn text(self, text: impl Into<String>) -> Display {
        self.mime("text/plain", text)
    }

    /// The form in HTML.
    ///
    /// ```
    /// # use threadbook::display::Display;
    /// Display::new().html("<b>bold</b>").show();
    /// ```
    pub fn html(self, text: impl Into<String>) -> Display {
        self.mime("text/html", text)
    }

    /// The form in Markdown.
    ///
    /// ```
    /// # use threadbook::display::Display;
    /// Display::new().markdown("*slanted*").show();
    /// ```
    pub fn markdown(self, text: impl Into<String>) -> Display {
        self.mime("text/markdown", text)
    }

    /// A formula with its delimiters: `$…$` or `$$…$$`.
    ///
    /// ```
    /// # use threadbook::display::Display;
    /// Display::new().latex("$e^{i\\pi}$").show();
    /// ```
    pub fn latex(self, text: impl Into<String>) -> Display {
        self.mime("text/latex", text)
    }

    /// The text of an SVG image.
    ///
    /// ```
    /// # use threadbook::display::Display;
    /// Display::new().svg("<svg xmlns='http://www.w3.org/2000/svg'/>").show();
    /// ```
    pub fn svg(self, text: impl Into<String>) -> Display {
        self.mime("image/svg+xml", text)
    }

    /// The bytes of a PNG file.
    ///
    /// ```
    /// # use threadbook::display::Display;
    /// let bytes = [0x89, b'P', b'N', b'G'];
    /// Display::new().png(bytes).show();
    /// ```
    pub fn png(self, bytes: impl AsRef<[u8]>) -> Display {
        self.mime("image/png", base64(bytes.as_ref()))
    }

    /// The bytes of a JPEG file.
    ///
    /// ```
    /// # use threadbook::display::Display;
    /// let bytes = [0xff, 0xd8];
    /// Display::new().jpeg(bytes).show();
    /// ```
    pub fn jpeg(self, bytes: impl AsRef<[u8]>) -> Display {
        self.mime("image/jpeg", base64(bytes.as_ref()))
    }

    /// JSON text, which a front end may show as a tree.
    ///
    /// ```
    /// # use threadbook::display::Display;
    /// Display::new().json(r#"{"value": 1}"#).show();
    /// ```
    pub fn json(self, text: impl Into<String>) -> Display {
        self.mime("application/json", text)
    }

    /// Any other form; that of an image or of other bytes is base64. What is JSON by its type (`…+json`) is given
    /// as JSON text.
    ///
    /// ```
    /// # use threadbook::display::Display;
    /// Display::new().mime("application/vnd.vega.v5+json", "{}").show();
    /// ```
    pub fn mime(mut self, mime: impl Into<String>, text: impl Into<String>) -> Display {
        set(&mut self.data, mime.into(), text.into());
        self
    }

    /// What the front end is to know beside the value, as JSON text (other text is a string). What it knows of one
    /// form has the type of that form as its key.
    ///
    /// ```
    /// # use threadbook::display::Display;
    /// let bytes = [0x89, b'P', b'N', b'G'];
    /// Display::new().png(bytes).metadata("image/png", r#"{"width": 300}"#).show();
    /// ```
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Display {
        set(&mut self.metadata, key.into(), value.into());
        self
    }

    /// A display id of its own, by which everything that was shown with it is changed; see [`handle`].
    ///
    /// ```
    /// # use threadbook::display::Display;
    /// let shown = Display::new().text("0 %").id("progress").show();
    /// assert_eq!(shown.id(), "progress");
    /// ```
    pub fn id(mut self, id: impl Into<String>) -> Display {
        self.id = Some(id.into());
        self
    }

    /// Shows it, here and now.
    ///
    /// ```
    /// # use threadbook::display::Display;
    /// Display::new().text("here and now").show();
    /// ```
    pub fn show(self) -> Handle {
        let id = self.id.clone().unwrap_or_else(new_id);
        link::display(&self.to_json(&id, false));
        Handle { id }
    }

    #[doc(hidden)]
    pub fn evcxr_display(&self) {
        self.clone().show();
    }

    fn to_json(&self, id: &str, update: bool) -> String {
        let (data, metadata, id) = (object(&self.data), object(&self.metadata), json_string(id));
        let update = if update { ",\"update\":true" } else { "" };
        format!("{{\"data\":{data},\"metadata\":{metadata},\"transient\":{{\"display_id\":{id}}}{update}}}")
    }
}

impl Handle {
    /// Shows this value in place of what was there; an id that the value has itself is ignored.
    ///
    /// ```
    /// # use threadbook::display::{self, Display};
    /// let bar = display::text("0 %");
    /// bar.update(Display::new().text("100 %"));
    /// ```
    pub fn update(&self, value: Display) {
        link::display(&value.to_json(&self.id, true));
    }

    /// The [display id](https://jupyter-client.readthedocs.io/en/stable/messaging.html#display-data) of the Jupyter protocol.
    ///
    /// ```
    /// # use threadbook::display;
    /// assert_eq!(display::handle("progress").id(), "progress");
    /// ```
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it stands for is shown already: as a tail expression it adds nothing.
    #[doc(hidden)]
    pub fn evcxr_display(&self) {}
}

/// The handle of everything that was, or will be, shown with this display id.
///
/// ```
/// # use threadbook::display::{self, Display};
/// Display::new().text("0 %").id("progress").show();
/// display::handle("progress").update(Display::new().text("50 %"));
/// ```
pub fn handle(id: impl Into<String>) -> Handle {
    Handle { id: id.into() }
}

/// Shows text of its own, apart from what is printed, so that it can be changed.
///
/// ```
/// threadbook::display::text("0 %");
/// ```
pub fn text(text: impl Into<String>) -> Handle {
    Display::new().text(text).show()
}

/// Shows HTML.
///
/// ```
/// threadbook::display::html("<b>bold</b>");
/// ```
pub fn html(text: impl Into<String>) -> Handle {
    Display::new().html(text).show()
}

/// Shows Markdown.
///
/// ```
/// threadbook::display::markdown("*slanted*");
/// ```
pub fn markdown(text: impl Into<String>) -> Handle {
    Display::new().markdown(text).show()
}

/// Shows a formula with its delimiters: `$…$` or `$$…$$`.
///
/// ```
/// threadbook::display::latex("$x^2$");
/// ```
pub fn latex(text: impl Into<String>) -> Handle {
    Display::new().latex(text).show()
}

/// Shows the text of an SVG image.
///
/// ```
/// threadbook::display::svg("<svg xmlns='http://www.w3.org/2000/svg'/>");
/// ```
pub fn svg(text: impl Into<String>) -> Handle {
    Display::new().svg(text).show()
}

/// Shows the bytes of a PNG file.
///
/// ```
/// threadbook::display::png([0x89, b'P', b'N', b'G']);
/// ```
pub fn png(bytes: impl AsRef<[u8]>) -> Handle {
    Display::new().png(bytes).show()
}

/// Shows the bytes of a JPEG file.
///
/// ```
/// threadbook::display::jpeg([0xff, 0xd8]);
/// ```
pub fn jpeg(bytes: impl AsRef<[u8]>) -> Handle {
    Display::new().jpeg(bytes).show()
}

/// Shows JSON text, which a front end may draw as a tree.
///
/// ```
/// threadbook::display::json(r#"{"value": 1}"#);
/// ```
pub fn json(text: impl Into<String>) -> Handle {
    Display::new().json(text).show()
}

/// Takes away what the cell has put out so far; with `wait` only once something new is there, so that nothing
/// flickers.
///
/// ```
/// threadbook::display::clear_output(true);
/// ```
pub fn clear_output(wait: bool) {
    link::display(&format!("{{\"clear_output\":{{\"wait\":{wait}}}}}"));
}

/// The last value of a key counts.
fn set(pairs: &mut Vec<(String, String)>, key: String, value: String) {
    pairs.retain(|(other, _)| *other != key);
    pairs.push((key, value));
}

fn object(pairs: &[(String, String)]) -> String {
    let pairs: Vec<String> =
        pairs.iter().map(|(key, value)| format!("{}:{}", json_string(key), json_string(value))).collect();
    format!("{{{}}}", pairs.join(","))
}

/// RFC 4648 §4, with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |index: usize| u32::from(chunk.get(index).copied().unwrap_or(0));
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for digit in 0..4 {
            let shown = digit <= chunk.len();
            text.push(if shown { DIGITS[(word >> (18 - 6 * digit)) as usize & 63] as char } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::record::{self, Told};

    /// What `show` tells the worker.
    fn told(show: impl FnOnce() + Send + 'static) -> Vec<String> {
        record::attach();
        let told = std::thread::spawn(move || {
            show();
            record::told()
        });
        let json = |told| match told {
            // The recording worker writes down names and JSON alike.
            Told::Rename(json) => json,
            other => panic!("{other:?}"),
        };
        told.join().unwrap().into_iter().map(json).collect()
    }

    #[test]
    fn bytes_are_written_in_base64() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("\0\u{3f}\u{7f}", "AD9/"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text, "{bytes:?}");
        }
        assert_eq!(base64(&[0xfb, 0xff, 0xfe]), "+//+");
    }

    #[test]
    fn a_value_is_told_in_all_its_forms_and_changed_by_its_handle() {
        let told = told(|| {
            let value = Display::new().html("<p>\"a\"</p>").text("old").text("a").metadata("isolated", "true");
            value.id("mine").show().update(Display::new().png([1, 2, 3]));
            clear_output(true);
        });
        assert_eq!(
            told,
            [
                r#"{"data":{"text/html":"<p>\"a\"</p>","text/plain":"a"},"metadata":{"isolated":"true"},"transient":{"display_id":"mine"}}"#,
                r#"{"data":{"image/png":"AQID"},"metadata":{},"transient":{"display_id":"mine"},"update":true}"#,
                r#"{"clear_output":{"wait":true}}"#,
            ]
        );
    }

    #[test]
    fn what_is_shown_has_an_id_of_its_own_and_adds_nothing_as_a_tail_expression() {
        let told = told(|| {
            let (first, second) = (text("a"), markdown("*b*"));
            assert_ne!(first.id(), second.id());
            first.evcxr_display();
        });
        assert_eq!(told.len(), 2);
        assert!(told[1].starts_with(r#"{"data":{"text/markdown":"*b*"}"#), "{told:?}");
    }
}
