//! The way in for the fuzz targets in `fuzz/`: a notebook's file that somebody else has written. Compiled only for them.

use std::path::Path;

use crate::notebook::model::Notebook;
use crate::notebook::read;

/// What is read is written, and read again as the same.
pub fn notebook(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(parsed) = read::parse(text, Path::new("nb.ipynb")) else { return };
    let mut notebook = Notebook::from(parsed);
    let once = written(&mut notebook);
    let parsed = read::parse(&once, Path::new("nb.ipynb")).expect("what was written is read");
    let mut again = Notebook::from(parsed);
    assert_eq!(written(&mut again), once);
    for (index, (before, after)) in notebook.cells().zip(again.cells()).enumerate() {
        assert_eq!((before.index, &before.source, before.kind), (index, &after.source, after.kind));
    }
    let count = again.cells().count();
    (0..count).for_each(|index| again.clear(index));
    read::parse(&written(&mut again), Path::new("nb.ipynb")).expect("what was cleared is read");
}

fn written(notebook: &mut Notebook) -> String {
    let mut bytes = Vec::new();
    notebook.upgrade();
    notebook.write(&mut bytes).expect("memory takes it");
    String::from_utf8(bytes).expect("JSON is text")
}
