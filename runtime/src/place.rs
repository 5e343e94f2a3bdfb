//! From places in generated files, as panics and `dbg!` name them, to places in cells.

use std::collections::HashMap;
use std::sync::Mutex;

struct File {
    label: String,
    /// Line, column, shift: from this column on, the line stands so many columns further right than in the cell.
    shifts: Vec<(u32, u32, i64)>,
}

/// The files of all cells of the session; a cell that runs again has a new label.
static FILES: Mutex<Option<HashMap<String, File>>> = Mutex::new(None);

/// Adds the files of `Frame::places`.
pub(crate) fn learn(places: &[u8]) {
    let text = String::from_utf8_lossy(places);
    let mut files = FILES.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let files = files.get_or_insert_default();
    for line in text.lines() {
        let mut parts = line.split('\t');
        let (Some(file), Some(label)) = (parts.next(), parts.next()) else { continue };
        let shifts = parts.filter_map(|part| {
            let mut numbers = part.split(' ').map(str::parse::<i64>);
            let mut next = || numbers.next()?.ok();
            Some((next()? as u32, next()? as u32, next()?))
        });
        files.insert(file.to_string(), File { label: label.to_string(), shifts: shifts.collect() });
    }
}

/// The place as the user sees it: `In[3]:2:5` if the file is a cell's, and unchanged otherwise. Lines and columns count from 1.
#[doc(hidden)]
pub fn in_cell(file: &str, line: u32, column: u32) -> String {
    let files = FILES.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let Some(known) = files.as_ref().and_then(|files| files.get(file)) else {
        return format!("{file}:{line}:{column}");
    };
    let shift = known.shifts.iter().rev().find(|(l, from, _)| *l == line && *from <= column);
    let column = i64::from(column) - shift.map_or(0, |(.., back)| *back);
    format!("{}:{line}:{column}", known.label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_those_of_the_cell() {
        learn(b"f.rs\tIn[3]\t1 101 100\t4 11 10\ng.rs\tIn[4]\n");
        assert_eq!(in_cell("f.rs", 1, 105), "In[3]:1:5");
        assert_eq!(in_cell("f.rs", 4, 3), "In[3]:4:3");
        assert_eq!(in_cell("f.rs", 4, 12), "In[3]:4:2");
        assert_eq!(in_cell("g.rs", 1, 1), "In[4]:1:1");
        assert_eq!(in_cell("library/x.rs", 1, 1), "library/x.rs:1:1");
    }
}
