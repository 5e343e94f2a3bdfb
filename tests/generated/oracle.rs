//! What a program prints if all of its cells are one `fn` that rustc compiles: many programs in one crate, since rustc takes
//! most of its time to begin.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;

use crate::item::Item;
use crate::program::{Cell, Program};

/// What begins the output of the next program.
const NEXT: &str = "\u{1}program\n";

/// What each of the programs prints: its text, `=VALUE` for the tail of a cell, `!` where a cell panics.
pub(crate) fn outputs(programs: &[&Program], directory: &Path) -> Result<Vec<String>, String> {
    let mut source = String::from("#![allow(warnings)]\nfn main() { std::panic::set_hook(Box::new(|_| {}));\n");
    for number in 0..programs.len() {
        _ = writeln!(source, "print!({NEXT:?}); p{number}();");
    }
    source += "}\n";
    for (number, program) in programs.iter().enumerate() {
        source += &function(number, program);
    }
    let file = directory.join("oracle.rs");
    std::fs::write(&file, source).map_err(|error| error.to_string())?;
    let mut rustc = Command::new("rustc");
    rustc.current_dir(directory).args(["--edition=2024", "-Cdebuginfo=0", "oracle.rs"]);
    let built = rustc.output().map_err(|error| error.to_string())?;
    if !built.status.success() {
        return Err(format!("{}: {}", file.display(), String::from_utf8_lossy(&built.stderr)));
    }
    let ran = Command::new(directory.join("oracle")).output().map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&ran.stdout).into_owned();
    Ok(text.split(NEXT).skip(1).map(str::to_string).collect())
}

fn function(number: usize, program: &Program) -> String {
    let mut text = format!("fn p{number}() {{\n");
    let mut items = program.items.clone();
    let mut known: Vec<usize> = Vec::new();
    let mut blocks = 1;
    for cell in &program.cells {
        for index in &cell.items {
            text += &items[*index].text();
            text.push('\n');
        }
        known.extend(&cell.items);
        if let Some((index, number)) = cell.redefines {
            // Items of an inner block hide those of an outer one, and what calls them is to call these, in this cell too.
            items[index].number = number;
            let functions = || known.iter().map(|index| &items[*index]).filter(|item| item.may_be_redefined());
            let functions: String = functions().map(|item: &Item| item.text() + "\n").collect();
            text += "{\n";
            text += &functions;
            blocks += 1;
        }
        text += &statements(cell);
    }
    text + &"}\n".repeat(blocks)
}

fn statements(cell: &Cell) -> String {
    let body = cell.statements.join("\n");
    let tail = cell.tail.as_ref().map(|tail| format!("println!(\"={{:?}}\", {tail});\n")).unwrap_or_default();
    match cell.panics {
        true => format!(
            "if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {{ {body} }})).is_err() {{ println!(\"!\"); }}\n"
        ),
        false => format!("{body}\n{tail}"),
    }
}
