//! Turns Cargo's output into messages for the user: progress while it builds, and why a set cannot be built. The
//! messages never mention our own package that links the set. Never runs Cargo.

use std::path::Path;

/// Cargo's line of progress as the user sees it. `None` if it is no progress worth showing, or is about our package,
/// which is called `root`.
pub(super) fn progress(line: &str, root: &str) -> Option<String> {
    const SHOWN: [&str; 4] = ["Compiling ", "Downloaded ", "Updating ", "Blocking "];
    let line = line.trim();
    // Cargo calls the target directory the build directory, or in some versions the artifact directory.
    if line.starts_with("Blocking waiting for file lock on ") && line.ends_with(" directory") {
        return Some("Waiting for another session that builds crates\n".into());
    }
    (SHOWN.iter().any(|head| line.starts_with(head)) && !line.contains(root)).then(|| format!("{line}\n"))
}

/// Whether Cargo failed because it could not reach the network. Crates that were downloaded before may then be enough.
pub(super) fn is_about_network(stderr: &str) -> bool {
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

/// The part of `stderr` that is Cargo's error, without lines about our package.
pub(super) fn failure(stderr: &str, root: &str, directory: &Path) -> String {
    let lines: Vec<&str> = stderr.lines().collect();
    if let Some(line) = lines.iter().find(|line| line.contains("missing a lib target")) {
        let name = line.split("dependency `").nth(1).and_then(|rest| rest.split('`').next()).unwrap_or("it");
        return format!("a crate of `:dep` has no library that cells could use ({name}): {}", line.trim());
    }
    let start = lines.iter().position(|line| line.starts_with("error")).unwrap_or(0);
    let hidden = |line: &str| {
        line.starts_with("location searched:")
            || line.contains(&format!("required by package `{root}"))
            || line.contains("build failed, waiting for other jobs")
            || explain_progress(line)
    };
    let manifest = format!("manifest at `{}`", directory.join("Cargo.toml").display());
    let mut told = String::new();
    for line in lines[start..].iter().filter(|line| !hidden(line) && !line.trim().is_empty()) {
        let line = line.replace(&manifest, "the `:dep` lines").replace(&format!("package `{root}`"), "the session");
        told += line.strip_prefix("error: ").unwrap_or(&line);
        told.push('\n');
    }
    let told = told.trim_end().to_string();
    if told.is_empty() { "Cargo failed and said no reason; try again".to_string() } else { told }
}

fn explain_progress(line: &str) -> bool {
    // Cargo right-aligns the verb of a progress line at column 12, so it begins with spaces.
    line.starts_with("   ") && progress(line, "\0").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_leaves_out_our_own_package() {
        assert_eq!(progress("   Compiling itoa v1.0.0\n", "root"), Some("Compiling itoa v1.0.0\n".into()));
        assert_eq!(progress("   Compiling root v0.0.0 (x)\n", "root"), None);
        assert_eq!(progress("    Finished `release`\n", "root"), None);
        let waiting = progress("    Blocking waiting for file lock on build directory\n", "root");
        assert_eq!(waiting, Some("Waiting for another session that builds crates\n".into()));
    }

    #[test]
    fn an_error_is_cargos_own_without_our_package() {
        let said = "    Updating index\nerror: no matching package named `serdee` found\nlocation searched: x index\n\
                    required by package `root v0.0.0 (/d)`\n";
        assert_eq!(failure(said, "root", Path::new("/d")), "no matching package named `serdee` found");
        let said = "error: failed to parse manifest at `/d/Cargo.toml`\n\nCaused by:\n  bad\n";
        assert_eq!(failure(said, "root", Path::new("/d")), "failed to parse the `:dep` lines\nCaused by:\n  bad");
    }
}
