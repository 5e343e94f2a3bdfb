//! `%%writefile`: writes the cell to a file.

use super::arguments::unquoted;
use super::spec::{Act, Action, Body, Context, Kind, Line, Spec};
use crate::engine::rejection::UsageError;

pub(super) const CELL: Spec = Spec {
    kind: Kind::Cell,
    name: "writefile",
    usage: "[-a] FILE",
    help: "writes the cell to a file; -a appends",
    body: Body::Text,
    action: Action::InCell(write),
};

fn write(line: &Line, _: &mut Context) -> Result<Option<Act>, UsageError> {
    let (append, file) = match line.rest.strip_prefix("-a ") {
        Some(file) => (true, file.trim()),
        None => (false, line.rest.as_str()),
    };
    if file.is_empty() || file == "-a" {
        return Err("`%%writefile` needs a file: `%%writefile [-a] FILE`".into());
    }
    Ok(Some(Act::call(format!("writefile({:?}, {:?}, {append})?", unquoted(file), line.text_below()?))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::magics::tests::acts;

    #[test]
    fn the_cell_is_written_or_appended() {
        let call = |rust: &str| Ok(vec![Act::call(rust.into())]);
        assert_eq!(acts("%%writefile 'a b'\nx\n"), call(r#"writefile("a b", "x\n", false)?"#));
        assert_eq!(acts("%%writefile -a  f\nx"), call(r#"writefile("f", "x", true)?"#));
        for source in ["%%writefile\nx", "%%writefile -a\nx"] {
            assert!(acts(source).is_err_and(|error| error.0.contains("needs a file")), "{source}");
        }
    }
}
