//! From the text of a file to a JSON tree that is known to be a Rust notebook of nbformat 4, or one clear error.
//!
//! Reads tolerantly and changes nothing: what Jupyter opens, this opens.

use std::path::Path;

use serde_json::{Map, Value};

use crate::error::{Error, ExitCode};

/// The newest minor version of nbformat 4 that is known here.
pub(super) const MINOR: u64 = 5;

/// What is needed, beside the tree, to write the file again as it was.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Style {
    /// The indent of one level. `None` for a file on one line.
    pub indent: Option<String>,
    pub ends_with_newline: bool,
}

#[derive(Debug)]
pub(super) struct Parsed {
    pub tree: Map<String, Value>,
    pub style: Style,
    pub warning: Option<String>,
}

pub(super) fn read(path: &Path) -> Result<Parsed, Error> {
    let name = path.display();
    let bytes = std::fs::read(path)
        .map_err(|error| input(format!("cannot read {name}: {error}; check its name and its permissions")))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| input(format!("{name} is not UTF-8 text, so it is no notebook; give an .ipynb file")))?;
    parse(&text, path)
}

/// Parses the text of a notebook file. `path` is for messages only.
pub(super) fn parse(text: &str, path: &Path) -> Result<Parsed, Error> {
    let name = path.display();
    // Windows editors leave a byte order mark; JSON has none.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let value: Value = serde_json::from_str(text).map_err(|error| {
        input(format!("{name} is not JSON: {error}; restore the file or save it again from Jupyter"))
    })?;
    let Value::Object(tree) = value else {
        return Err(not_a_notebook(path, "it is not an object"));
    };
    let warning = check_version(&tree, path)?;
    check_cells(&tree).map_err(|why| not_a_notebook(path, &why))?;
    check_language(&tree, path)?;
    Ok(Parsed { tree, style: style(text), warning })
}

/// Returns a warning for a minor version newer than ours. Nbformat's own policy is to accept it, since a minor version
/// only adds (<https://nbformat.readthedocs.io/en/latest/format_description.html#backward-compatibility>).
fn check_version(tree: &Map<String, Value>, path: &Path) -> Result<Option<String>, Error> {
    let name = path.display();
    let number = |key: &str| tree.get(key).and_then(Value::as_u64);
    let Some(major) = number("nbformat") else {
        return Err(not_a_notebook(path, "it has no nbformat number"));
    };
    let minor = number("nbformat_minor").unwrap_or(0);
    match major {
        0..4 => Err(input(format!(
            "{name} is in nbformat {major}, which is too old; convert it with `jupyter nbconvert --to notebook`"
        ))),
        4 if minor > MINOR => Ok(Some(format!(
            "{name} is in nbformat 4.{minor}, newer than 4.{MINOR}; what that version added is kept as it is"
        ))),
        4 => Ok(None),
        _ => Err(input(format!(
            "{name} is in nbformat {major}, which is too new; save it as nbformat 4 or update threadbook"
        ))),
    }
}

fn check_cells(tree: &Map<String, Value>) -> Result<(), String> {
    let cells = tree.get("cells").and_then(Value::as_array).ok_or("it has no list of cells")?;
    for (index, cell) in cells.iter().enumerate() {
        let number = index + 1;
        let cell = cell.as_object().ok_or_else(|| format!("cell {number} is not an object"))?;
        if !cell.get("cell_type").is_some_and(Value::is_string) {
            return Err(format!("cell {number} has no cell_type"));
        }
        if !is_text(cell.get("source")) {
            return Err(format!("the source of cell {number} is not text"));
        }
        for (key, fits) in [("metadata", Value::is_object as fn(&Value) -> bool), ("outputs", Value::is_array)] {
            if cell.get(key).is_some_and(|value| !fits(value)) {
                return Err(format!("the {key} of cell {number} have the wrong form"));
            }
        }
    }
    if tree.get("metadata").is_some_and(|metadata| !metadata.is_object()) {
        return Err("its metadata have the wrong form".into());
    }
    Ok(())
}

/// Text as nbformat has it: a string, or a list of strings; absent counts as empty.
fn is_text(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::String(_)) => true,
        Some(Value::Array(lines)) => lines.iter().all(Value::is_string),
        Some(_) => false,
    }
}

/// The chosen kernel decides; `language_info` is only what the last kernel left behind.
fn check_language(tree: &Map<String, Value>, path: &Path) -> Result<(), Error> {
    let name = path.display();
    let metadata = tree.get("metadata");
    let found = [["kernelspec", "language"], ["language_info", "name"]]
        .iter()
        .find_map(|[outer, inner]| metadata?.get(outer)?.get(inner)?.as_str().filter(|name| !name.is_empty()));
    match found {
        Some(language) if !language.eq_ignore_ascii_case("rust") => Err(input(format!(
            "{name} is a notebook in {language}, not in Rust; choose a Rust kernel for it in Jupyter, or give another"
        ))),
        _ => Ok(()),
    }
}

fn style(text: &str) -> Style {
    let indent = text.trim_end().split_once('\n').map(|(_, rest)| {
        let width = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        rest[..width].to_owned()
    });
    Style { indent, ends_with_newline: text.ends_with('\n') }
}

fn not_a_notebook(path: &Path, why: &str) -> Error {
    let name = path.display();
    input(format!("{name} is JSON but not a notebook: {why}; give an .ipynb file saved by Jupyter"))
}

fn input(message: String) -> Error {
    Error::new(ExitCode::Input, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notebook(rest: &str) -> String {
        format!("{{\"nbformat\": 4, \"nbformat_minor\": 5, \"cells\": [], \"metadata\": {{}}{rest}}}")
    }

    /// Each text with the error it gives, after the file's name; `Ok` where it is accepted.
    #[test]
    fn every_bad_input_has_its_own_message() {
        let jupyter = "give an .ipynb file saved by Jupyter";
        let not = |why: &str| format!("nb.ipynb is JSON but not a notebook: {why}; {jupyter}");
        let json =
            |why: &str| format!("nb.ipynb is not JSON: {why}; restore the file or save it again from Jupyter");
        let cells = |cells: &str| format!("{{\"nbformat\": 4, \"cells\": {cells}}}");
        let language = |metadata: &str| format!("{{\"nbformat\": 4, \"cells\": [], \"metadata\": {metadata}}}");
        let foreign = |name: &str| {
            format!(
                "nb.ipynb is a notebook in {name}, not in Rust; choose a Rust kernel for it in Jupyter, or give another"
            )
        };
        let cases = [
            (String::new(), Err(json("EOF while parsing a value at line 1 column 0"))),
            ("{\n \"cells\": [,".into(), Err(json("expected value at line 2 column 12"))),
            ("[]".into(), Err(not("it is not an object"))),
            ("{}".into(), Err(not("it has no nbformat number"))),
            ("{\"nbformat\": 4}".into(), Err(not("it has no list of cells"))),
            (cells("[1]"), Err(not("cell 1 is not an object"))),
            (cells("[{}]"), Err(not("cell 1 has no cell_type"))),
            (cells("[{\"cell_type\": \"code\", \"source\": 1}]"), Err(not("the source of cell 1 is not text"))),
            (
                cells("[{\"cell_type\": \"code\", \"outputs\": {}}]"),
                Err(not("the outputs of cell 1 have the wrong form")),
            ),
            (
                "{\"nbformat\": 3, \"worksheets\": []}".into(),
                Err("nb.ipynb is in nbformat 3, which is too old; convert it with `jupyter nbconvert --to notebook`"
                    .into()),
            ),
            (
                "{\"nbformat\": 5}".into(),
                Err("nb.ipynb is in nbformat 5, which is too new; save it as nbformat 4 or update threadbook".into()),
            ),
            (language("{\"kernelspec\": {\"language\": \"python\"}}"), Err(foreign("python"))),
            (language("{\"language_info\": {\"name\": \"julia\"}}"), Err(foreign("julia"))),
            (
                language("{\"kernelspec\": {\"language\": \"rust\"}, \"language_info\": {\"name\": \"python\"}}"),
                Ok(()),
            ),
            (language("{\"language_info\": {\"name\": \"Rust\"}}"), Ok(())),
            (language("{\"kernelspec\": {\"name\": \"x\"}}"), Ok(())),
            (cells("[{\"cell_type\": \"code\"}]"), Ok(())),
            (format!("\u{feff}{}", notebook("")), Ok(())),
        ];
        for (text, expected) in cases {
            let got = parse(&text, Path::new("nb.ipynb")).map(|_| ()).map_err(|error| {
                assert_eq!(error.code(), ExitCode::Input);
                error.to_string()
            });
            assert_eq!(got, expected, "{text}");
            if let Err(message) = got {
                assert!(!message.contains('\n'), "one line: {message}");
            }
        }
    }

    #[test]
    fn a_newer_minor_version_is_read_with_a_warning() {
        let text = "{\"nbformat\": 4, \"nbformat_minor\": 9, \"cells\": []}";
        let parsed = parse(text, Path::new("nb.ipynb")).expect("is accepted");
        assert!(parsed.warning.expect("a warning").contains("nbformat 4.9, newer than 4.5"));
    }

    #[test]
    fn a_missing_file_and_one_that_is_no_text() {
        let dir = tempfile::tempdir().expect("a directory");
        let binary = dir.path().join("binary.ipynb");
        std::fs::write(&binary, [0xff, 0xfe]).expect("is written");
        for (path, part) in [(dir.path().join("none.ipynb"), "cannot read "), (binary, "is not UTF-8 text")] {
            let error = read(&path).expect_err("is refused");
            assert!(error.to_string().contains(part), "{error}");
            assert_eq!(error.code(), ExitCode::Input);
        }
    }

    #[test]
    fn the_style_of_a_file() {
        for (text, indent, ends_with_newline) in [
            ("{}", None, false),
            ("{\"a\": 1}\n", None, true),
            ("{\n \"a\": 1\n}\n", Some(" "), true),
            ("{\n    \"a\": 1\n}", Some("    "), false),
            ("{\n\t\"a\": 1\n}", Some("\t"), false),
        ] {
            let expected = Style { indent: indent.map(str::to_owned), ends_with_newline };
            assert_eq!(style(text), expected, "{text:?}");
        }
    }
}
