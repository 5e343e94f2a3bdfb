//! The way in for the fuzz targets in `fuzz/`: the text of a cell, of whatever kind. Compiled only for them.

use crate::engine::ask::names::Names;
use crate::engine::magics::{self, Parsed};
use crate::engine::{Completions, Provider, Reply, whole};

/// Parsing changes no length and no line, all that it names is text of the cell, and no question about it panics.
pub fn cell(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Parsed { lines, rust, cell } = magics::parse(text);
    assert_eq!((rust.len(), rust.matches('\n').count()), (text.len(), text.matches('\n').count()));
    for line in &lines {
        assert!(text.get(line.line.clone()).is_some() && text.get(line.own.clone()).is_some());
    }
    if let Ok(parts) = &cell.parts {
        let items = parts.items.iter().map(|item| &item.range);
        let statements = parts.statements.iter().map(|statement| &statement.range);
        for range in items.chain(statements).chain(&parts.attributes).chain(&parts.tail) {
            assert!(text.get(range.clone()).is_some(), "{range:?}");
        }
        let _ = (parts.free_names(), parts.bindings(), parts.is_idle());
    }
    let (names, length) = (Names::default(), text.len());
    let cursor = (0..=bytes.len() / 2).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    let _ = whole(text);
    names.complete(
        text,
        cursor,
        Reply::new(move |completions: Completions| assert!(completions.range.end <= length)),
    );
    names.inspect(text, cursor, true, Reply::new(drop));
}
