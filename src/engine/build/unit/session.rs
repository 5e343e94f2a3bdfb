//! Writes the session crate of a cell's items: a module for each cell of which it has items, with what they import. Never
//! decides which items these are; that is the scope's `growth`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::{Unit, builds, link_crates, link_session, linked, lints, macros_text};
use crate::engine::build::beside;
use crate::engine::diagnostics::Diagnostic;
use crate::engine::scope::{Build, Home, Library, Live, Module, Scope, Uses, module_name};
use crate::engine::text::cell::{By, Edit, Expansion, Item, Kind, LocalKey, Locals, Name, Space};
use crate::engine::text::source_map::{GeneratedFile, SourceBuilder};

/// The session crate with this number, with a module for each cell of which it has items.
pub(crate) fn session(scope: &Scope, number: u32) -> Unit {
    let modules: Vec<&Module> = scope.modules_of(number).map(|module| &**module).collect();
    let uses: Uses = modules.iter().flat_map(|module| module.uses()).cloned().collect();
    let mut unit = linked(scope, &uses, "");
    unit.hot = true;
    let items = modules.iter().flat_map(|module| module.live());
    unit.beside = items.flat_map(|(_, item)| beside::named(&item.tokens)).collect();
    let numbers = scope.externs(&uses, "");
    let has_locals =
        modules.iter().any(|module| has_locals(module)) || builds(scope, &numbers).any(|build| build.locals);
    unit.calls_directly = unit.crates.is_none() && !has_locals;
    let statics = modules.iter().flat_map(|module| module.live.values()).filter_map(|live| live.statics);
    let statics: BTreeSet<u32> = statics.collect();
    unit.loads.extend(builds(scope, &statics).flat_map(|build| build.loads.iter().copied()));
    let homes = builds(scope, &statics).map(|build| build.library.clone());
    unit.homes.extend(homes.filter(|home| !unit.homes.contains(home)).collect::<Vec<_>>());
    let mut root = SourceBuilder::new();
    root.generated(&lints());
    root.generated("\n#[macro_use] extern crate threadbook;\n");
    root.generated(&link_crates(scope));
    root.generated(&link_session(&unit));
    for import in scope.imports.iter().filter(|import| import.by != By::Use) {
        let range = root.generated(&import.declaration());
        unit.imports.push(("lib.rs".into(), import.path.clone(), range));
    }
    root.generated("\n");
    let mut files = Vec::new();
    for module in &modules {
        let cell = module.home.cell;
        let macros = macros_text(scope, module.uses().filter(|(_, home)| *home != module.home));
        if let Some(text) = macros {
            root.generated(&format!("#[macro_use] #[path = \"macros_{0}.rs\"] mod macros_{0};\n", cell.0));
            files.push((format!("macros_{}.rs", cell.0), text));
        }
        root.generated(&format!("#[macro_use] #[path = \"{cell}\"] pub mod {};\n", module_name(cell)));
        let (text, imports) = module_text(scope, module);
        unit.imports.extend(imports.into_iter().map(|(path, range)| (cell.to_string(), path, range)));
        files.push((cell.to_string(), text));
    }
    for (ident, path) in root_names(&modules, &uses) {
        root.generated(&format!("pub(crate) use {path}::{ident};\n"));
    }
    files.insert(0, ("lib.rs".into(), root.finish()));
    unit.files = files;
    unit
}

/// Whether code in the module, or code of other crates that calls it, may reach into a thread local of the module.
fn has_locals(module: &Module) -> bool {
    module.live().any(|(_, item)| item.mentions.contains("thread_local"))
}

/// What later cells have to know of the session crate with this number, once it is compiled to `library`, with `code` bytes of
/// machine code.
pub(crate) fn built(scope: &Scope, number: u32, library: Library, code: u64) -> Build {
    let modules = || scope.modules_of(number);
    let mut externs = scope.externs(modules().flat_map(|module| module.uses()), "");
    let mut homes: BTreeSet<u32> = builds(scope, &externs).flat_map(|build| build.homes.iter().copied()).collect();
    homes.extend(modules().flat_map(|module| module.live.values()).filter_map(|live| live.statics));
    let mut loads: BTreeSet<u32> = builds(scope, &externs).flat_map(|build| build.loads.iter().copied()).collect();
    loads.extend(builds(scope, &homes).flat_map(|build| build.loads.iter().copied()));
    let locals = builds(scope, &externs).any(|build| build.locals) || modules().any(|module| has_locals(module));
    externs.insert(number);
    loads.insert(number);
    Build { library, code, externs, loads, homes, locals, crates: scope.crates.clone() }
}

/// The paths of the imports of earlier cells that errors are about: what they import is not there any more.
pub(crate) fn unresolved(unit: &Unit, errors: &[Diagnostic]) -> Vec<String> {
    let is_wrong = |file: &str, range| errors.iter().any(|error| error.primary_touches(file, range));
    let wrong = unit.imports.iter().filter(|(file, _, range)| is_wrong(file, range));
    wrong.map(|(_, path, _)| path.clone()).collect()
}

/// The names of a session crate's modules at its root, where `crate::NAME` finds them, each with its path. Only those
/// that the crate's items use or define, and none if no item says `crate`. If items disagree, the newest meaning counts.
fn root_names<'a>(modules: &[&'a Module], uses: &'a Uses) -> Vec<(&'a str, String)> {
    let says_crate = |module: &&&Module| module.live().any(|(_, item)| item.mentions.contains("crate"));
    if !modules.iter().any(|module| says_crate(&module)) {
        return Vec::new();
    }
    let number = modules[0].home.number;
    let own = |module: &&'a Module| {
        let home = module.home;
        module.live().flat_map(|(_, item)| &item.names).map(move |name| (name, home)).collect::<Vec<_>>()
    };
    let used = uses.iter().map(|(name, home)| (name, *home));
    let mut newest: BTreeMap<&Name, Home> = BTreeMap::new();
    for (name, home) in modules.iter().flat_map(own).chain(used).filter(|(name, _)| name.space != Space::Macro) {
        let known = newest.entry(name).or_insert(home);
        *known = (*known).max(home);
    }
    let path = |home: Home| if home.number == number { module_name(home.cell) } else { home.path() };
    let names: BTreeSet<(&str, String)> =
        newest.into_iter().map(|(name, home)| (name.ident.as_str(), path(home))).collect();
    names.into_iter().collect()
}

/// The text of a module, and the imports of earlier cells in it.
fn module_text(scope: &Scope, module: &Module) -> (GeneratedFile, Vec<(String, Range<usize>)>) {
    let mut text = SourceBuilder::new();
    let mut at = 0;
    let is_item = |ident: &str| scope.item_named(ident).is_some();
    let is_written = |item: &Item| match &item.kind {
        Kind::Use(imports) => imports.iter().all(|import| module.can_import(import, is_item)),
        _ => false,
    };
    let uses = module.items.iter().enumerate().filter(|(_, item)| is_written(item));
    let mut items: Vec<(usize, &Item)> = module.live().chain(uses).collect();
    items.sort_by_key(|(_, item)| item.range.start);
    for (index, item) in items {
        text.blank(&module.source[at..item.range.start]);
        let edits = item_edits(module, index, item);
        match &item.expansion {
            Some(made) => expanded(&mut text, module, item, made, edits),
            None => edited(&mut text, module, item.range.clone(), edits),
        }
        at = item.range.end;
    }
    text.blank(&module.source[at..]);
    text.generated("\n");
    for (ident, home) in module.foreign_names() {
        let path = match home.number == module.home.number {
            true => format!("crate::{}", module_name(home.cell)),
            false => home.path(),
        };
        text.generated(&format!("use {path}::{ident};\n"));
    }
    let mut imports = Vec::new();
    for import in
        module.foreign_imports().filter(|import| import.by == By::Use && module.can_import(import, is_item))
    {
        imports.push((import.path.clone(), text.generated(&(import.declaration() + "\n"))));
    }
    (text.finish(), imports)
}

fn item_edits(module: &Module, index: usize, item: &Item) -> Vec<Edit> {
    let mut edits = item.edits.clone();
    if let Kind::Impl { methods, .. } = &item.kind {
        let hidden = methods.iter().enumerate().filter(|(m, _)| module.hidden_methods.contains(&(index, *m)));
        for (_, method) in hidden {
            edits.retain(|edit| !(method.range.start <= edit.range.start && edit.range.end <= method.range.end));
            edits.push(Edit { range: method.range.clone(), text: String::new() });
        }
    }
    let home = module.live.get(&index).and_then(|Live { statics, .. }| *statics);
    for (number, place) in item.statics.iter().enumerate() {
        // The symbol says where the static lives and its position in its cell, which stays the same when other items are
        // left out.
        let (library, cell) = (home.unwrap_or(module.home.number), module.home.cell.0);
        let symbol = format!("threadbook_static_{library}_{cell}_{index}_{number}");
        if home.is_none() {
            let head = format!("#[unsafe(export_name = \"{symbol}\")] pub ");
            edits.push(Edit { range: place.range.start..place.keyword, text: head });
        } else {
            let safe = if place.mutable { "" } else { "safe " };
            let head = format!("unsafe extern \"C\" {{ #[link_name = \"{symbol}\"] pub {safe}");
            edits.push(Edit { range: place.range.start..place.keyword, text: head });
            edits.push(Edit { range: place.value.clone(), text: String::new() });
            // A reference may leave out `'static` only where the static has a value. This declaration has none.
            let lifetime = |at: &usize| Edit { range: *at..*at, text: "'static ".into() };
            edits.extend(place.references.iter().map(lifetime));
            edits.push(Edit { range: place.range.end..place.range.end, text: " }".into() });
        }
    }
    for (number, locals) in item.locals.iter().enumerate() {
        local_edits(module, index, item, (number, locals), home, &mut edits);
    }
    edits.sort_by_key(|edit| edit.range.start);
    edits
}

/// The edits for a `thread_local!`: keys that live here are exported as statics beside it; others are declared in its place.
fn local_edits(
    module: &Module,
    index: usize,
    item: &Item,
    (number, locals): (usize, &Locals),
    home: Option<u32>,
    edits: &mut Vec<Edit>,
) {
    let Range { start, end } = locals.range;
    let (library, cell) = (home.unwrap_or(module.home.number), module.home.cell.0);
    let mut text = String::new();
    for (key, LocalKey { name, ty, references }) in locals.keys.iter().enumerate() {
        let symbol = format!("threadbook_local_{library}_{cell}_{index}_{number}_{key}");
        let mut spelt = module.text_of(item)[ty.clone()].replace('\n', " ");
        for at in references.iter().rev() {
            spelt.insert_str(at - ty.start, "'static ");
        }
        let ty = format!("::std::thread::LocalKey<{spelt}>");
        text += &match home {
            None => format!(
                " #[allow(non_upper_case_globals)] #[unsafe(export_name = \"{symbol}\")] pub static {symbol}: {ty} = {name};"
            ),
            Some(_) => {
                format!("unsafe extern \"C\" {{ #[link_name = \"{symbol}\"] pub safe static {name}: {ty}; }} ")
            }
        };
    }
    let range = if home.is_some() { start..end } else { end..end };
    if home.is_some() {
        edits.retain(|edit| !(start <= edit.range.start && edit.range.end <= end));
    }
    edits.push(Edit { range, text });
}

/// Copies a range of a cell with the edits applied. Text that an edit removes is blanked out, so that lines stay where
/// they are.
fn edited(text: &mut SourceBuilder, module: &Module, range: Range<usize>, edits: Vec<Edit>) {
    let mut at = range.start;
    for edit in edits {
        text.original(module.home.cell, &module.source, at..edit.range.start);
        if edit.text.is_empty() {
            text.blank(&module.source[edit.range.clone()]);
        } else {
            text.prefix(&edit.text);
            let lines = module.source[edit.range.clone()].matches('\n').count();
            text.generated(&"\n".repeat(lines));
        }
        at = edit.range.end;
    }
    text.original(module.home.cell, &module.source, at..range.end);
}

/// Writes what a macro call became, on one line of the call, so that later lines stay where they are.
fn expanded(text: &mut SourceBuilder, module: &Module, item: &Item, made: &Expansion, edits: Vec<Edit>) {
    let mut written = String::new();
    let mut at = 0;
    for edit in edits {
        written += &made.text[at..edit.range.start];
        written += &edit.text;
        at = edit.range.end;
    }
    written += &made.text[at..];
    written.push(' ');
    text.alias(&written, module.home.cell, &module.source, made.call.clone());
    text.blank(&module.source[item.range.clone()]);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::engine::scope::Binding;
    use crate::engine::text::cell::Cell;
    use crate::events::CellId;

    const CELL: CellId = CellId(1);

    fn scope_of(source: &str) -> (Scope, Arc<str>) {
        let cell = Cell::parse(source);
        let items = cell.parts.expect("Rust").items;
        (Scope::default().addition(CELL, &cell.source, &items).grown(Binding::Late).0, cell.source)
    }

    #[test]
    fn an_items_file_is_the_cell_with_the_rest_blanked_out() {
        let (scope, _) = scope_of("let a = 1;\nstruct A { x: u8 }\na");
        let unit = session(&scope, 1);
        assert_eq!(unit.files[1].0, "In[1]");
        assert_eq!(unit.files[1].1.generated(), "          \npub struct A { pub x: u8 }\n \n");
    }

    #[test]
    fn a_static_is_defined_once_and_declared_later() {
        let (mut scope, source) = scope_of("static N: u8 = 1 +\n 2;");
        let first = session(&scope, 1).files[1].1.generated().to_string();
        assert!(
            first.contains("#[unsafe(export_name = \"threadbook_static_1_1_0_0\")] pub static N: u8 = 1 +\n 2;"),
            "{first}"
        );
        let library = Library { key: "k".into(), path: "p".into() };
        scope.builds.insert_mut(1, Arc::new(built(&scope, 1, library, 0)));
        scope.retire_builds();
        let (scope, number) = scope.addition(CellId(2), &source, &[]).grown(Binding::Late);
        let unit = session(&scope, number);
        let later = unit.files[1].1.generated();
        assert!(
            later.contains(
                "unsafe extern \"C\" { #[link_name = \"threadbook_static_1_1_0_0\"] pub safe static N: u8"
            ),
            "{later}"
        );
        assert!(later.contains("\n  ; }"), "lines stay: {later:?}");
        assert_eq!(unit.homes.len(), 1);
    }
}
