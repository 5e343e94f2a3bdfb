//! `%%html`, `%%javascript`, `%%markdown`, `%%latex` and `%%svg`: show the cell in another form than text, as IPython does.

use super::spec::{Act, Action, Body, Context, Kind, Line, Spec};
use crate::engine::rejection::UsageError;

pub(super) const HTML: Spec = of("html", "shows the cell as HTML");
pub(super) const JAVASCRIPT: Spec = of("javascript", "runs the cell as JavaScript in the front end");
pub(super) const JS: Spec = of("js", "the same as %%javascript");
pub(super) const MARKDOWN: Spec = of("markdown", "shows the cell as Markdown");
pub(super) const LATEX: Spec = of("latex", "shows the cell as LaTeX");
pub(super) const SVG: Spec = of("svg", "shows the cell as an SVG image");

const fn of(name: &'static str, help: &'static str) -> Spec {
    Spec { kind: Kind::Cell, name, usage: "", help, body: Body::Text, action: Action::InCell(show) }
}

fn show(line: &Line, _: &mut Context) -> Result<Option<Act>, UsageError> {
    // IPython has one option here, which puts HTML in a frame of its own.
    if !matches!(line.rest.as_str(), "" | "--isolated") {
        return Err(UsageError(format!("`%%{}` takes nothing on its line, not `{}`", line.name, line.rest)));
    }
    let mime = match line.name.as_str() {
        "html" => "text/html",
        "markdown" => "text/markdown",
        "latex" => "text/latex",
        "svg" => "image/svg+xml",
        _ => "application/javascript",
    };
    Ok(Some(Act::call(format!("show({mime:?}, {:?})", line.text_below()?))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::magics::tests::acts;

    #[test]
    fn the_cell_is_shown_by_its_type() {
        let call = |rust: &str| Ok(vec![Act::call(rust.into())]);
        assert_eq!(acts("%%html\n<b>a</b>\n"), call(r#"show("text/html", "<b>a</b>\n")"#));
        assert_eq!(acts("%%js\n1"), call(r#"show("application/javascript", "1")"#));
        assert_eq!(acts("%%html --isolated\n1"), call(r#"show("text/html", "1")"#));
        for source in ["%%html", "%%svg a\nb"] {
            assert!(acts(source).is_err(), "{source}");
        }
    }
}
