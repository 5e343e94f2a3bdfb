//! How rustc itself lays a suggestion out. Its JSON has the edits but not the style, so the style is read off the
//! rendering, which the JSON carries too.

/// One of rustc's styles of a suggestion.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// The edited code, under a title.
    Patch { title: String },
    /// A label beside the code that the message is about.
    Label { text: String },
    /// `= help: …`
    Sentence,
    /// Nothing: it is meant for tools.
    Hidden,
}

/// The style in which the suggestion with this message is shown in `rendered`; a patch if there is no rendering.
pub(crate) fn suggestion_style(message: &str, rendered: Option<&str>) -> Style {
    let first = message.lines().next().unwrap_or_default();
    let Some(rendered) = rendered else { return Style::Patch { title: message.to_owned() } };
    let rendered = anstream::adapter::strip_str(rendered).to_string();
    let header = format!("help: {first}");
    if let Some(line) = rendered.lines().find(|line| line.starts_with(&header)) {
        // rustc may say more in the header, such as `(notice the capitalization)`.
        let title = if message.contains('\n') { message } else { &line["help: ".len()..] };
        return Style::Patch { title: title.to_owned() };
    }
    let Some((line, at)) = rendered.lines().find_map(|line| Some((line, line.find(&header)?))) else {
        return Style::Hidden;
    };
    if line[..at].trim() == "=" { Style::Sentence } else { Style::Label { text: line[at..].trim_end().to_owned() } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_style_is_recognised() {
        let rendered = "error: expected `;`\n --> a.rs:1:10\n  |\n1 | let x = 1\n  |          ^ help: add `;` here\n  |\n  \
            = help: use another\nhelp: a variant with a similar name exists (notice the capitalization)\n  |\n";
        let style = |message| suggestion_style(message, Some(rendered));
        assert_eq!(style("add `;` here"), Style::Label { text: "help: add `;` here".into() });
        assert_eq!(style("use another"), Style::Sentence);
        let title = "a variant with a similar name exists (notice the capitalization)".to_string();
        assert_eq!(style("a variant with a similar name exists"), Style::Patch { title });
        assert_eq!(style("remove this"), Style::Hidden);
        assert_eq!(suggestion_style("any", None), Style::Patch { title: "any".into() });
    }

    #[test]
    fn colours_do_not_hide_a_style() {
        let rendered = "\x1b[1m\x1b[96mhelp\x1b[0m\x1b[0m\x1b[1m: try this\x1b[0m\n";
        assert_eq!(suggestion_style("try this", Some(rendered)), Style::Patch { title: "try this".into() });
    }
}
