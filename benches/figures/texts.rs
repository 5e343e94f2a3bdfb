//! Reads the sessions of `programs.md` and `cells.md`: a heading of the second level is a name, and each block below it
//! a cell.

pub(crate) struct Text {
    pub(crate) name: String,
    pub(crate) cells: Vec<String>,
}

pub(crate) fn programs() -> Vec<Text> {
    read(include_str!("programs.md"))
}

pub(crate) fn cells() -> Vec<Text> {
    read(include_str!("cells.md"))
}

fn read(file: &str) -> Vec<Text> {
    let section = |section: &str| {
        let (name, body) = section.split_once('\n').expect("a heading is a line");
        let cells = body.split("```rust\n").skip(1).map(|block| {
            let (cell, _) = block.split_once("```").expect("each block is closed");
            cell.trim_end().to_string()
        });
        Text { name: name.trim().to_string(), cells: cells.collect() }
    };
    file.split("\n## ").skip(1).map(section).collect()
}

/// The same statements, as a text that no cache has seen under this number. (Comments do not make a text new.)
pub(crate) fn new_to_cache(cell: &str, number: usize) -> String {
    format!("let _ = {number};\n{cell}")
}
