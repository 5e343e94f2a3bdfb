//! Cargo's words without what only we know of: our package, our directories, the output that a build script has for Cargo.
//! Adds no advice.

use std::path::Path;

/// The part of Cargo's `stderr` that says why it failed. `root` is the name of our package in `directory`.
pub(super) fn of_cargo(stderr: &str, root: &str, directory: &Path) -> String {
    let lines: Vec<&str> = stderr.lines().collect();
    if let Some(line) = lines.iter().find(|line| line.contains("missing a lib target")) {
        let name = between(line, "dependency `", "`").unwrap_or("it");
        return format!("`{name}` has no library that cells could use: it is a program");
    }
    if let Some(line) = lines.iter().find(|line| line.contains("multiple times with different names")) {
        let name = between(line, "depends on crate `", "`").unwrap_or("a crate");
        return format!("`{name}` is asked for by two names");
    }
    let start = lines.iter().position(|line| line.starts_with("error")).unwrap_or(0);
    let lines = &lines[start..];
    let mut told = String::new();
    if lines.iter().any(|line| line.starts_with("error: linking with")) {
        told += "the crates cannot be linked\n";
        for line in lines.iter().filter(|line| is_of_linker(line)) {
            told += line.trim().trim_start_matches("= note: ");
            told.push('\n');
        }
        return told.trim_end().to_string();
    }
    // What does not compile is named first: the first line is what is shown where there is room for one.
    if let Some(name) = lines.iter().find_map(|line| between(line, "error: could not compile `", "`")) {
        told += &format!("the crate `{name}` does not compile\n");
    }
    let manifest = format!("manifest at `{}`", directory.join("Cargo.toml").display());
    let own = format!("package `{root}");
    for line in shown(lines, root) {
        let mut line = line.replace(&manifest, "the `:dep` lines");
        if let Some((before, after)) = line.split_once(&own) {
            let after = after.split_once('`').map_or("", |(_, after)| after);
            line = format!("{before}the session{after}");
        }
        let line = line.replace(" as a dependency of the session", "");
        told += line.strip_prefix("error: ").unwrap_or(&line);
        told.push('\n');
    }
    told.trim_end().to_string()
}

/// Whether Cargo failed because it could not reach the network. Crates that were downloaded before may then be enough.
pub(crate) fn is_about_network(stderr: &str) -> bool {
    const SIGNS: [&str; 6] = [
        "failed to download",
        "download of ",
        "Could not resolve host",
        "Couldn't resolve host",
        "network error",
        "unable to update registry",
    ];
    SIGNS.iter().any(|sign| stderr.to_lowercase().contains(&sign.to_lowercase()))
}

/// The lines that a user can do something with.
fn shown<'a>(lines: &[&'a str], root: &str) -> Vec<&'a str> {
    let mut shown: Vec<&str> = Vec::new();
    let (mut of_script, mut backtrace) = (false, false);
    for line in lines {
        let text = line.trim();
        match text {
            // A build script's standard output is for Cargo.
            "--- stdout" => of_script = true,
            "stack backtrace:" => backtrace = true,
            _ => {}
        }
        if !(of_script || backtrace || is_noise(text, root)) {
            shown.push(line);
        }
        of_script &= text != "--- stderr";
        backtrace &= !text.starts_with("note: ");
    }
    let is_heading = |line: &str| line.trim() == "Caused by:";
    let leads_nowhere =
        |index: usize| is_heading(shown[index]) && shown.get(index + 1).is_none_or(|next| is_heading(next));
    (0..shown.len()).filter(|index| !leads_nowhere(*index)).map(|index| shown[index]).collect()
}

fn is_noise(text: &str, root: &str) -> bool {
    const STARTS: [&str; 12] = [
        "location searched:",
        "versions that meet the requirements",
        "note: To improve backtraces",
        "process didn't exit successfully:",
        "failed to clone into:",
        "failed to fetch into:",
        "failed to load source for dependency",
        "--- stderr",
        "thread 'main'",
        "could not compile",
        "warning: build failed",
        "Compiling ",
    ];
    let text = text.strip_prefix("error: ").unwrap_or(text);
    text.is_empty()
        || STARTS.iter().any(|start| text.starts_with(start))
        || text.contains(&format!("required by package `{root}"))
        || text.contains("which could resolve this conflict")
        || text.starts_with("failed to select a version for `")
}

fn is_of_linker(line: &str) -> bool {
    ["unable to find library", "cannot find -l", "undefined symbol", "undefined reference", "cannot open"]
        .iter()
        .any(|part| line.contains(part))
        && !line.contains("\"-Wl,")
}

/// The text between two others.
pub(super) fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(found, _)| found)
}
