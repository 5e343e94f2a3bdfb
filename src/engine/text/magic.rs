//! Magics and commands: lines of a cell that are not Rust. What each does is the session's business.

use std::ops::Range;

/// One line `%name rest`, `%%name rest`, `:name rest` or `!rest`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Magic {
    pub kind: Kind,
    pub name: String,
    /// What follows the name, trimmed, without what is Rust of the cell (`%time STATEMENT`).
    pub rest: String,
    pub line: Range<usize>,
    /// The part of the line that is not Rust.
    pub blanked: Range<usize>,
    /// The lines below a magic whose cell is not Rust at all (`%%bash`).
    pub body: Option<String>,
}

/// Cell magics whose cell is text for something else.
const NOT_RUST: &[&str] = &["bash", "sh", "script", "python", "python3", "writefile"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `%%name`: speaks of the whole cell; the first line that is not blank.
    Cell,
    /// `%name`
    Line,
    /// `:name`, as evcxr spells it.
    Command,
    /// `!rest`
    Shell,
}

impl Kind {
    pub(crate) fn prefix(self) -> &'static str {
        match self {
            Kind::Cell => "%%",
            Kind::Line => "%",
            Kind::Command => ":",
            Kind::Shell => "!",
        }
    }
}

impl Magic {
    /// Whether statements of its line, or of its cell, are measured.
    pub(crate) fn is_timeit(&self) -> bool {
        matches!(self.kind, Kind::Line | Kind::Cell) && self.name == "timeit"
    }

    /// Whether this is a `%time` and the statement that starts at `start` is the one on its line.
    pub(crate) fn times_statement_at(&self, start: usize) -> bool {
        self.kind == Kind::Line && self.name == "time" && (self.blanked.end..self.line.end).contains(&start)
    }
}

/// The magics of a cell, and its text with them blanked out. A magic stands at the start of a line, outside of any
/// bracket, string or comment; `%%name` only before the first Rust.
pub(crate) fn split(source: &str) -> (Vec<Magic>, String) {
    let mut magics: Vec<Magic> = Vec::new();
    let mut rust = source.to_string();
    let mut seen_rust = false;
    let mut start = 0;
    for line in source.split_inclusive('\n') {
        let range = start..start + line.trim_end().len();
        start += line.len();
        match parse_line(line.trim_end(), range) {
            Some(mut magic) if may_stand_here(&magic, seen_rust, &rust) => {
                if magic.kind == Kind::Cell && NOT_RUST.contains(&magic.name.as_str()) {
                    magic.body = Some(source[start..].to_string());
                    blank(&mut rust, magic.line.start..source.len());
                    magics.push(magic);
                    break;
                }
                blank(&mut rust, magic.blanked.clone());
                if magic.is_timeit() {
                    end_line(&mut rust, magic.blanked.end..start);
                }
                seen_rust |= magic.blanked.end < magic.line.end;
                magics.push(magic);
            }
            _ => seen_rust |= !line.trim().is_empty() && !line.trim_start().starts_with("//"),
        }
    }
    (magics, rust)
}

/// A line that `%timeit` measures is a statement also without its semicolon: that stands in for the line's end.
fn end_line(rust: &mut String, line: Range<usize>) {
    let text = &rust[line.clone()];
    let whole = text.trim_end();
    let is_whole = !whole.is_empty() && !whole.ends_with(';') && !whole.contains("//");
    if is_whole && text.ends_with('\n') && whole.parse::<proc_macro2::TokenStream>().is_ok() {
        rust.replace_range(line.end - 1..line.end, ";");
    }
}

/// Overwrites a range with spaces; line breaks stay, and so does the length in bytes.
pub(crate) fn blank(text: &mut String, range: Range<usize>) {
    let blanked: String = text[range.clone()]
        .chars()
        .flat_map(|c| std::iter::repeat_n(if c == '\n' || c == '\r' { c } else { ' ' }, c.len_utf8()))
        .collect();
    text.replace_range(range, &blanked);
}

/// In the middle of a cell a line that starts with `%` or `:` may go on an expression (`a\n% b`). It is a magic
/// there only if what stands before it is whole.
fn may_stand_here(magic: &Magic, seen_rust: bool, rust: &str) -> bool {
    if !seen_rust {
        return true;
    }
    let before = rust[..magic.line.start].trim_end();
    matches!(magic.kind, Kind::Line | Kind::Command)
        && (before.ends_with([';', '}']))
        && before.parse::<proc_macro2::TokenStream>().is_ok()
}

fn parse_line(line: &str, range: Range<usize>) -> Option<Magic> {
    let (kind, after) = if let Some(after) = line.strip_prefix("%%") {
        (Kind::Cell, after)
    } else if let Some(after) = line.strip_prefix('%') {
        (Kind::Line, after)
    } else if let Some(after) = line.strip_prefix('!') {
        (Kind::Shell, after)
    } else if let Some(after) = line.strip_prefix(':').filter(|after| !after.starts_with(':')) {
        (Kind::Command, after)
    } else {
        return None;
    };
    let length = match kind {
        Kind::Shell => 0,
        _ => after.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(after.len()),
    };
    let (name, rest) = after.split_at(length);
    let starts_well = match kind {
        // `(!x)` and `!(x)` are Rust.
        Kind::Shell => rest.trim_start().starts_with(|c: char| c.is_alphanumeric() || "./~_\"'$".contains(c)),
        _ => name.starts_with(|c: char| c.is_alphabetic()),
    };
    if !starts_well {
        return None;
    }
    let own = match (kind, name) {
        (Kind::Line, "time") => 0,
        (Kind::Line | Kind::Cell, "timeit") => flags(rest),
        _ => rest.len(),
    };
    let end = range.start + kind.prefix().len() + length + own;
    let (name, rest) = (name.to_string(), rest[..own].trim().to_string());
    Some(Magic { kind, name, rest, blanked: range.start..end, line: range, body: None })
}

/// IPython's letters, those that are refused among them; `-x` is Rust.
const FLAGS: [char; 8] = ['n', 'r', 'p', 'q', 'o', 't', 'c', 'v'];

/// How much of the text is flags of `%timeit`: `-n 10 -r3 -q`.
fn flags(text: &str) -> usize {
    let mut at = 0;
    loop {
        let rest = text[at..].trim_start();
        let Some(flag) = rest.strip_prefix('-').filter(|flag| flag.starts_with(FLAGS)) else {
            return at;
        };
        let value = flag[1..].trim_start();
        let digits = value.len() - value.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let end = match digits {
            0 => &flag[1..],
            _ => &value[digits..],
        };
        // `-x.len()` is an expression.
        if !end.is_empty() && !end.starts_with(char::is_whitespace) {
            return at;
        }
        at = text.len() - end.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(source: &str) -> Vec<String> {
        split(source).0.into_iter().map(|m| format!("{}{} {}", m.kind.prefix(), m.name, m.rest)).collect()
    }

    #[test]
    fn magics_stand_at_the_start_of_lines() {
        assert_eq!(names("%%time --wall\nlet x = 1;"), ["%%time --wall"]);
        assert_eq!(names("\n:opt 2\n%config time=wall"), [":opt 2", "%config time=wall"]);
        assert_eq!(names("let x = 1;\n:vars"), [":vars "]);
    }

    #[test]
    fn an_expression_that_goes_on_is_no_magic() {
        assert!(names("let x = a\n%b;").is_empty());
        assert!(names("::std::mem::drop(1);").is_empty());
        assert!(names("let s = \"\n%time\n\";").is_empty());
        assert!(names("f(1);\n%%time").is_empty());
    }

    #[test]
    fn time_leaves_its_statement_to_rust() {
        let (magics, rust) = split("%time let x = f();");
        assert_eq!(rust, "      let x = f();");
        assert!(magics[0].times_statement_at(6));
    }

    #[test]
    fn timeit_leaves_all_but_its_flags_to_rust() {
        let (magics, rust) = split("%timeit -n 10 -r3 -x + 1\n%timeit f(x)");
        assert_eq!(magics[0].rest, "-n 10 -r3");
        assert_eq!(rust, format!("{}-x + 1;        f(x)", " ".repeat(18)));
        assert_eq!(magics.len(), 2);
    }

    #[test]
    fn the_cell_below_a_script_magic_is_not_rust() {
        let (magics, rust) = split("%%time\n%%bash -e\necho '{'\n%%x\n");
        assert_eq!(magics.len(), 2);
        assert_eq!(magics[1].body, Some("echo '{'\n%%x\n".into()));
        assert!(rust.trim().is_empty());
    }

    #[test]
    fn commands_of_the_shell_stand_before_the_rust() {
        assert_eq!(names("!ls -l | head\n! pwd\nlet x = 1;"), ["! ls -l | head", "! pwd"]);
        assert!(names("!(a)").is_empty() && names("(!a)").is_empty() && names("f(1);\n!a").is_empty());
    }

    #[test]
    fn blanking_keeps_length_and_lines() {
        let mut text = "a\u{e9}\nb".to_string();
        blank(&mut text, 0..4);
        assert_eq!(text, "   \nb");
    }
}
