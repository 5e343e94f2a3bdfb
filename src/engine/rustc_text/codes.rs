//! The error codes that the engine acts on. Their meanings are in the error index:
//! <https://doc.rust-lang.org/error_codes/error-index.html>.

/// An item's signature has `_` where a type belongs. rustc suggests the type, or its traits if it has no name.
pub(crate) const PLACEHOLDER_IN_SIGNATURE: &str = "E0121";

/// An expression has another type than the one that is asked of it.
pub(super) const MISMATCHED_TYPES: &str = "E0308";

/// An `.await` stands in code that is not async.
pub(crate) const AWAIT_OUTSIDE_OF_ASYNC: &str = "E0728";

/// What an error is about, as far as the engine adds something to it or changes its plan for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Matter {
    /// A value is used after it was moved, or moved from where it may not be.
    Moved,
    /// A name means no value.
    UnknownValue,
    /// A variable is changed that was declared without `mut`.
    Immutable,
    /// A path begins with a name that means no crate and no module.
    UnknownPath,
    Other,
}

/// What an error with this code is about; `Other` if it has none.
pub(crate) fn matter(code: Option<&str>) -> Matter {
    match code.unwrap_or_default() {
        "E0381" | "E0382" | "E0507" => Matter::Moved,
        "E0423" | "E0425" => Matter::UnknownValue,
        "E0384" | "E0594" | "E0596" => Matter::Immutable,
        "E0432" | "E0433" => Matter::UnknownPath,
        _ => Matter::Other,
    }
}

/// Whether an error with this code may come from a borrow that would have to last longer than it does.
pub(crate) fn is_about_a_borrow(code: Option<&str>) -> bool {
    ["E0505", "E0506", "E0515", "E0521", "E0597", "E0716"].contains(&code.unwrap_or_default())
}

/// Whether this is the code of an error, not the name of a lint.
pub(crate) fn is_error_code(code: &str) -> bool {
    code.strip_prefix('E').is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// The codes of the errors that rustc reports for this text.
    fn codes_of(source: &str) -> Vec<String> {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("a.rs"), source).expect("written");
        let mut rustc = Command::new("rustc");
        rustc.args(["--edition=2024", "--crate-type=lib", "--emit=metadata", "--error-format=json", "a.rs"]);
        let output = rustc.current_dir(directory.path()).output().expect("rustc runs");
        let text = String::from_utf8(output.stderr).expect("UTF-8");
        let records = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        records.filter_map(|record| record["code"]["code"].as_str().map(str::to_string)).collect()
    }

    /// rustc may give a mistake another code in a later release: each is made here, and has to mean the same.
    #[test]
    fn mistakes_have_the_codes_that_are_read() {
        for (source, expected) in [
            ("pub fn f(s: String) { drop(s); drop(s); }", Matter::Moved),
            ("pub fn f() { let s: String; drop(s); }", Matter::Moved),
            ("pub fn f(s: &String) { drop(*s); }", Matter::Moved),
            ("pub fn f() { gone; }", Matter::UnknownValue),
            ("pub struct S { x: u8 } pub fn f() { S; }", Matter::UnknownValue),
            ("pub fn f() { let n = 1; n = 2; }", Matter::Immutable),
            ("pub fn f() { let t = (1, 2); t.0 = 2; }", Matter::Immutable),
            ("pub fn f() { let v: Vec<u8> = Vec::new(); v.push(1); }", Matter::Immutable),
            ("use gone::name;", Matter::UnknownPath),
            ("pub fn f() { gone::name(); }", Matter::UnknownPath),
            ("pub fn f() { let n: u8 = \"\"; }", Matter::Other),
        ] {
            let codes = codes_of(source);
            assert!(codes.iter().any(|code| matter(Some(code)) == expected), "{source}: {codes:?}");
        }
        let borrows = "pub fn f() -> Result<(), Box<dyn std::error::Error>> { \
             let m = std::sync::Mutex::new(1); let n = *m.lock()?; drop(n); Ok(()) }";
        assert!(codes_of(borrows).iter().any(|code| is_about_a_borrow(Some(code))));
        assert!(codes_of("pub fn f() -> _ { 1 }").contains(&PLACEHOLDER_IN_SIGNATURE.to_string()));
        let awaits = codes_of("pub async fn f() {} pub fn g() { f().await; }");
        assert!(awaits.contains(&AWAIT_OUTSIDE_OF_ASYNC.to_string()));
        assert!(codes_of("pub fn f() -> u8 { \"\" }").contains(&MISMATCHED_TYPES.to_string()));
    }

    #[test]
    fn a_lint_is_no_error_code() {
        assert!(is_error_code("E0308") && !is_error_code("E") && !is_error_code("unused_variables"));
        assert_eq!(matter(None), Matter::Other);
    }
}
