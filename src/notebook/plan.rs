//! Which cells of a notebook a run takes, in which order, and what each is called.
//!
//! Runs nothing and changes nothing.

use crate::notebook::model::{Cell, CellKind, Notebook};
use crate::notebook::view::Title;

/// Characters of a title. A longer one is cut, with `…` at its end.
const TITLE: usize = 72;

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    /// The cell's place in the notebook.
    pub index: usize,
    pub source: String,
    pub title: Title,
    /// Tagged `skip-execution`: neither run nor touched.
    pub skipped: bool,
    /// Tagged `raises-exception`: an error in it stops nothing.
    pub may_fail: bool,
}

/// The code cells with something in them. An empty one gets no number, as in Jupyter.
pub(super) fn steps(notebook: &Notebook) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut above = None;
    for cell in notebook.cells() {
        match cell.kind {
            CellKind::Markdown => above = heading(&cell.source).or(above),
            CellKind::Code if !cell.source.trim().is_empty() => steps.push(step(cell, above.take())),
            CellKind::Code | CellKind::Raw => {}
        }
    }
    steps
}

fn step(cell: Cell<'_>, above: Option<String>) -> Step {
    let tagged = |tag: &str| cell.tags.iter().any(|other| other == tag);
    Step {
        index: cell.index,
        title: above.map_or_else(|| Title::FirstLine(first_line(&cell.source)), Title::Heading),
        skipped: tagged("skip-execution"),
        may_fail: tagged("raises-exception"),
        source: cell.source,
    }
}

/// The last heading of a Markdown text, without its number signs.
fn heading(source: &str) -> Option<String> {
    let mut fenced = false;
    let mut found = None;
    for line in source.lines().map(str::trim) {
        if line.starts_with("```") || line.starts_with("~~~") {
            fenced = !fenced;
        }
        let text = line.trim_start_matches('#');
        let level = line.len() - text.len();
        if !fenced && (1..=6).contains(&level) && text.starts_with([' ', '\t']) && !text.trim().is_empty() {
            found = Some(cut(text.trim()));
        }
    }
    found
}

fn first_line(source: &str) -> String {
    cut(source.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default())
}

fn cut(line: &str) -> String {
    let mut shown: String = line.chars().filter(|c| !c.is_control()).take(TITLE + 1).collect();
    if shown.chars().count() > TITLE {
        shown = shown.chars().take(TITLE - 1).chain(['…']).collect();
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::notebook::read;
    use serde_json::json;
    use std::path::Path;

    #[test]
    fn steps_are_the_code_cells_with_something_in_them() {
        let text = json!({"nbformat": 4, "cells": [
            {"cell_type": "markdown", "source": "# Threads\ntext"},
            {"cell_type": "raw", "source": "raw"},
            {"cell_type": "code", "source": "\n  a();\nb();"},
            {"cell_type": "code", "source": " \n"},
            {"cell_type": "code", "source": "b();", "metadata": {"tags": ["skip-execution"]}},
            {"cell_type": "markdown", "source": "## Locks"},
            {"cell_type": "markdown", "source": "no heading"},
            {"cell_type": "code", "source": "c();", "metadata": {"tags": ["raises-exception"]}},
        ]});
        let notebook = Notebook::from(read::parse(&text.to_string(), Path::new("nb")).expect("is a notebook"));
        let step = |index, source: &str, title, skipped, may_fail| Step {
            index,
            source: source.to_owned(),
            title,
            skipped,
            may_fail,
        };
        let expected = [
            step(2, "\n  a();\nb();", Title::Heading("Threads".into()), false, false),
            step(4, "b();", Title::FirstLine("b();".into()), true, false),
            step(7, "c();", Title::Heading("Locks".into()), false, true),
        ];
        assert_eq!(steps(&notebook), expected);
    }

    #[test]
    fn headings() {
        for (source, expected) in [
            ("# A\n## B", Some("B")),
            ("text", None),
            ("#tag", None),
            ("####### seven", None),
            ("# \n", None),
            ("# A\n```sh\n# a comment\n```", Some("A")),
        ] {
            assert_eq!(heading(source).as_deref(), expected, "{source:?}");
        }
        assert_eq!(first_line(&"x".repeat(100)), "x".repeat(TITLE - 1) + "…");
    }
}
