//! Magics that only say something about the session.

use std::fmt::Write;

use super::help;
use crate::engine::rejection::UsageError;
use crate::engine::scope::{Scope, Variable};
use crate::engine::text::magic::{Kind, Magic};

/// What the magic prints; none if it is not one of these.
pub(super) fn text(scope: &Scope, magic: &Magic) -> Result<Option<String>, UsageError> {
    let text = match (magic.kind, magic.name.as_str()) {
        (Kind::Command, "vars") => variables(scope),
        (Kind::Command, "help") => help::HELP.to_string(),
        (Kind::Command, "version") => format!("threadbook {}\n", env!("CARGO_PKG_VERSION")),
        (Kind::Line, "who") => who(scope),
        (Kind::Line, "whos") => table(scope),
        (Kind::Line, "history") => history(scope, &magic.rest)?,
        (Kind::Line, "lsmagic") => magics(),
        _ => return Ok(None),
    };
    Ok(Some(text))
}

fn variables(scope: &Scope) -> String {
    let line =
        |(name, v): (&String, &Variable)| format!("{}{name}: {}\n", if v.mutable { "mut " } else { "" }, v.ty);
    scope.variables.iter().map(line).collect()
}

fn who(scope: &Scope) -> String {
    let names: Vec<&str> = scope.variables.keys().map(String::as_str).collect();
    match names.len() {
        0 => "Interactive namespace is empty.\n".into(),
        _ => format!("{}\n", names.join("\t")),
    }
}

fn table(scope: &Scope) -> String {
    let longest = |lengths: &mut dyn Iterator<Item = usize>, least: usize| lengths.max().unwrap_or(0).max(least);
    let names = longest(&mut scope.variables.keys().map(|name| name.chars().count()), "Variable".len());
    let types = longest(&mut scope.variables.values().map(|v| v.ty.chars().count()), "Type".len());
    if scope.variables.is_empty() {
        return who(scope);
    }
    let mut text = format!("{:names$}   {:types$}   Cell\n", "Variable", "Type");
    text += &format!("{}\n", "-".repeat(names + types + 10));
    for (name, variable) in &scope.variables {
        let _ = writeln!(text, "{name:names$}   {:types$}   {}", variable.ty, variable.cell);
    }
    text
}

/// As IPython: the text as it was run, or with numbers.
fn history(scope: &Scope, rest: &str) -> Result<String, UsageError> {
    let numbers = match rest {
        "" => false,
        "-n" => true,
        other => return Err(UsageError(format!("`%history` takes `-n` or nothing, not `{other}`"))),
    };
    let mut text = String::new();
    for (cell, source) in &scope.history {
        if numbers {
            let separator = if source.trim_end().contains('\n') { '\n' } else { ' ' };
            let _ = write!(text, "{:>4}:{separator}", cell.0);
        }
        text += source.trim_end();
        text.push('\n');
    }
    Ok(text)
}

fn magics() -> String {
    let of = |prefix: &str| {
        let is = |name: &str| name.strip_prefix(prefix).is_some_and(|rest| !rest.starts_with('%'));
        help::known().map(|(name, _)| name).filter(|name| is(name)).collect::<Vec<_>>().join("  ")
    };
    format!(
        "Available line magics:\n{}  !\n\nAvailable cell magics:\n{}\n\nCommands:\n{}\n",
        of("%"),
        of("%%"),
        of(":")
    )
}
