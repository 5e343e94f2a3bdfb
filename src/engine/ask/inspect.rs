//! Inspection: what a name means, which is its type or signature, its documentation, and where it was defined. A pure
//! function of the names and the text. Never runs code and never asks rustc.

use std::ops::Range;

use crate::engine::api::Inspection;
use crate::engine::ask::complete::complete;
use crate::engine::ask::names::{self, Names};
use crate::engine::magics;

/// The meaning of the name at byte `cursor`. `None` if it is not known. `full` asks for a function's whole text instead
/// of its signature.
pub(super) fn inspect(names: &Names, source: &str, cursor: usize, full: bool) -> Option<Inspection> {
    let word = word_at(source, cursor);
    let (text, end) = (&source[word.clone()], word.end);
    let lead = source[..word.start].trim_end();
    let is_member = lead.ends_with("::") || (lead.ends_with('.') && !lead.ends_with(".."));
    let found = match is_member {
        true => candidate(names, source, text, end),
        false => about(names, text, full).or_else(|| candidate(names, source, text, end)),
    };
    proc_macro2::extra::invalidate_current_thread_spans();
    found
}

/// The help page for a cell that consists of `name?` or `?name`; two question marks ask for the full text. `None` if
/// the cell is anything else, or if `name` is a variable to which Rust's `?` can be applied.
pub(super) fn help(names: &Names, source: &str) -> Option<String> {
    let source = source.trim();
    let word = source.trim_matches('?');
    let marks = source.len() - word.len();
    let is_word = word.trim_start_matches(['%', ':']).chars().all(|c| c.is_alphanumeric() || "_:!".contains(c));
    if !(1..=2).contains(&marks) || word.is_empty() || !is_word {
        return None;
    }
    let takes_mark = |ty: &str| ty.starts_with("std::result::Result<") || ty.starts_with("std::option::Option<");
    if source.ends_with('?') && names.0.variables.get(word).is_some_and(|variable| takes_mark(&variable.ty)) {
        return None;
    }
    let found = about(names, word.trim_end_matches('!'), marks == 2).map(|inspection| inspection.plain());
    proc_macro2::extra::invalidate_current_thread_spans();
    found
}

/// The range of the word that the cursor touches, with the prefix if it is a magic. If the cursor touches no word, the
/// word before it, such as the function's name just after an opening bracket.
fn word_at(source: &str, cursor: usize) -> Range<usize> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    let mut before = &source[..cursor];
    let after = &source[cursor..];
    if !before.ends_with(is_part) && !after.starts_with(is_part) {
        before = before.trim_end_matches(['(', '!', ' ', '.', '?']);
    }
    let start = before.trim_end_matches(is_part).len();
    let end = if before.len() == cursor { after.len() - after.trim_start_matches(is_part).len() } else { 0 };
    let lead = &before[..start];
    let line = &lead[lead.rfind('\n').map_or(0, |at| at + 1)..];
    let prefix = match line.trim_start() {
        prefix @ ("%" | "%%" | ":") => prefix,
        _ => "",
    };
    start - prefix.len()..before.len() + end
}

/// The meaning that completion knows for a word that ends at byte `end`: a member of a type that a cell defined, or a
/// word of Rust's own.
fn candidate(names: &Names, source: &str, word: &str, end: usize) -> Option<Inspection> {
    let is_word = |text: &str| !word.is_empty() && text.strip_suffix('!').unwrap_or(text) == word;
    let found = complete(names, source, end).candidates.into_iter().find(|candidate| is_word(&candidate.text))?;
    let page = matches!(found.kind, "keyword" | "macro") && found.signature.is_empty();
    let documentation = match page {
        true => format!("<https://doc.rust-lang.org/std/{}.{word}.html>", found.kind),
        false => String::new(),
    };
    let head = if found.signature.is_empty() { found.text } else { found.signature };
    Some(Inspection { head, is_rust: true, documentation, origin: found.kind.to_string() })
}

fn about(names: &Names, word: &str, full: bool) -> Option<Inspection> {
    if let Some((_, help)) = magics::known().find(|(name, _)| name == word) {
        return Some(Inspection {
            head: help,
            is_rust: false,
            documentation: String::new(),
            origin: String::new(),
        });
    }
    if let Some(variable) = names.0.variables.get(word) {
        let mutable = if variable.mutable { "mut " } else { "" };
        let of_type = names::session_type(&variable.ty).and_then(|(cell, ident)| names.item_of(cell, ident));
        return Some(Inspection {
            head: format!("let {mutable}{word}: {}", variable.ty),
            is_rust: true,
            documentation: of_type.map(names::documentation).unwrap_or_default(),
            origin: format!("variable of {}", variable.cell),
        });
    }
    if let Some(entry) = names.item(word) {
        let (kind, head) = names::kind_and_head(entry.text);
        let short = kind == "function" && !full;
        return Some(Inspection {
            head: if short { head } else { names::definition(entry.text).to_string() },
            is_rust: true,
            documentation: names::documentation(entry.text),
            origin: format!("{kind} of {}", entry.cell),
        });
    }
    let import = names.0.imports.iter().find(|import| import.name.as_deref() == Some(word))?;
    Some(Inspection {
        head: format!("use {};", import.path),
        is_rust: true,
        documentation: String::new(),
        origin: "import".into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::scope::{Binding, Scope, Variable};
    use crate::engine::text::cell::Cell;
    use crate::events::CellId;

    fn names() -> Names {
        let cell = Cell::parse("/// Doubles.\nfn double(x: i32) -> i32 { x * 2 }\nuse std::fmt;");
        let items = cell.parts.expect("Rust").items;
        let (mut scope, _) = Scope::default().addition(CellId(3), &cell.source, &items).grown(Binding::Late);
        for (name, ty) in [("n", "i32"), ("r", "std::result::Result<i32, i32>")] {
            let variable = Variable {
                ty: ty.into(),
                mutable: true,
                cell: CellId(4),
                rebuilt: false,
                small: false,
                frozen: None,
            };
            scope.variables.insert_mut(name.into(), variable);
        }
        Names(scope)
    }

    #[test]
    fn a_name_is_found_wherever_the_cursor_touches_it() {
        let source = "double(n)";
        for (cursor, origin) in
            [(0, "function"), (3, "function"), (6, "function"), (7, "variable"), (8, "variable")]
        {
            let found = inspect(&names(), source, cursor, false).expect("found");
            assert!(found.origin.starts_with(origin), "{cursor}: {found:?}");
        }
        assert!(inspect(&names(), "double(", 7, false).is_some());
        assert_eq!(inspect(&names(), "n.double", 8, false), None, "no member of that name");
        let keyword = inspect(&names(), "while n", 2, false).expect("found");
        assert!(keyword.documentation.ends_with("keyword.while.html>"), "{keyword:?}");
        assert_eq!(inspect(&names(), "nothing", 2, false), None);
    }

    #[test]
    fn an_inspection_says_what_and_where_from() {
        let found = inspect(&names(), "double", 1, false).expect("found");
        assert_eq!(found.plain(), "fn double(x: i32) -> i32\n\nDoubles.\n\nfunction of In[3]");
        let found = inspect(&names(), "double", 1, true).expect("found");
        assert!(found.head.contains("x * 2"));
        assert_eq!(inspect(&names(), "n", 1, false).expect("found").head, "let mut n: i32");
        assert_eq!(inspect(&names(), "fmt", 1, false).expect("found").head, "use std::fmt;");
        assert!(inspect(&names(), "%%time", 4, false).expect("found").head.contains("CPU"));
    }

    #[test]
    fn a_question_mark_asks_for_help_unless_it_is_rust() {
        assert!(help(&names(), "double?").is_some_and(|page| page.contains("Doubles.")));
        assert!(help(&names(), "?double").is_some() && help(&names(), "double??").is_some());
        assert!(help(&names(), "%%time?").is_some());
        for source in ["r?", "double(1)?", "?", "unknown?", "n", "n???"] {
            assert_eq!(help(&names(), source), None, "{source}");
        }
    }
}
