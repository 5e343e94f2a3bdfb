//! Draws the picture of a cell's lanes over time (`%threads`). `layout` decides what is drawn and where; `svg` and
//! `text` draw it. The picture depends on the trace alone, and nothing here changes the trace.

mod layout;
mod svg;
mod text;

use layout::Picture;

use crate::engine::sinks::trace::Trace;
use crate::events::MimeBundle;

/// The picture of the last cell, as SVG and as text. `None` before the first cell.
pub(crate) fn draw(trace: &Trace) -> Option<MimeBundle> {
    let picture = Picture::new(trace)?;
    let mut data = MimeBundle::new();
    data.insert("image/svg+xml".into(), svg::draw(&picture).into());
    data.insert("text/plain".into(), text::draw(&picture).into());
    Some(data)
}

#[cfg(test)]
mod tests;
