//! The session's Tokio runtime. Where tokio is among the crates of `:dep`, the library of all crates has two more functions:
//! one that makes the runtime and enters it, one that says which task a thread runs. They are compiled with the crates, once,
//! so no cell pays for them. Never runs Cargo.

use toml::{Table, Value};

use crate::engine::scope::dependency::Wanted;

/// What tokio needs for a runtime of several threads: <https://docs.rs/tokio/latest/tokio/#feature-flags>.
const FEATURE: &str = "rt-multi-thread";

/// The functions, where tokio is called `TOKIO`.
///
/// The runtime is never dropped, and its context is never left: tasks go on between cells, and code of cells finds the
/// context with an `await` and without one. Where a later set of crates has a tokio of its own, that one gets a runtime too.
///
/// Ids of tasks count up, so the id of a task that is made when a cell begins, and never runs, divides the cell's own tasks
/// from earlier ones. tokio has ids since 1.46: before, the two names mean the items beside them, and no task has an id. A hash
/// is the one way to the number of an id.
const CODE: &str = r#"
#[doc(hidden)]
pub fn enter_tokio() -> u64 {
    use ::TOKIO::runtime::{Builder, Handle};
    if Handle::try_current().is_err() {
        let runtime = Builder::new_multi_thread().enable_all().build().expect("tokio's runtime cannot be made");
        std::mem::forget(Box::leak(Box::new(runtime)).enter());
    }
    #[allow(unused_imports)]
    use without_ids::Id as _;
    number(::TOKIO::task::LocalSet::new().spawn_local(async {}).id())
}

#[doc(hidden)]
pub fn tokio_task() -> u64 {
    #[allow(unused_imports)]
    use ::TOKIO::task::*;
    number(try_id())
}

#[allow(dead_code)]
fn try_id() {}

mod without_ids {
    pub trait Id {
        fn id(&self) {}
    }
    impl<T> Id for ::TOKIO::task::JoinHandle<T> {}
}

fn number(id: impl std::hash::Hash) -> u64 {
    struct Number(u64);
    impl std::hash::Hasher for Number {
        fn write(&mut self, _: &[u8]) {}
        fn write_isize(&mut self, _: isize) {}
        fn write_u64(&mut self, number: u64) {
            self.0 = number;
        }
        fn finish(&self) -> u64 {
            self.0
        }
    }
    let mut number = Number(0);
    id.hash(&mut number);
    number.0
}
"#;

/// The name by which cells know tokio, if the session has a runtime of it.
pub(super) fn name(wanted: &Wanted) -> Option<String> {
    let (name, _) = wanted.iter().find(|(name, table)| has_runtime(name, table))?;
    Some(name.replace('-', "_"))
}

/// The functions to add to the library of all crates, for a crate that is called `in_package` there. Also has Cargo build it
/// with what they need. `None` if the crate is not tokio, or an older one than they are written for.
pub(super) fn add(name: &str, table: &mut Table, in_package: &str) -> Option<String> {
    if !has_runtime(name, table) {
        return None;
    }
    let features = table.entry("features").or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(features) = features {
        features.push(Value::String(FEATURE.to_string()));
    }
    Some(CODE.replace("TOKIO", in_package))
}

/// Whether the crate is tokio 1. One that is not of a registry may be any version.
fn has_runtime(name: &str, table: &Table) -> bool {
    let text = |key: &str| table.get(key).and_then(Value::as_str);
    let major = |version: &str| {
        let digits = version.trim_start_matches(|c: char| !c.is_ascii_digit());
        digits.split(|c: char| !c.is_ascii_digit()).next().is_some_and(|digits| digits == "1")
    };
    let is_tokio = text("package").unwrap_or(name) == "tokio";
    let is_released = !table.contains_key("path") && !table.contains_key("git");
    is_tokio && is_released && text("version").is_none_or(|version| version == "*" || major(version))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::scope::request;

    /// The name under which cells find the tokio that this line asks for, if the session has a runtime of it.
    fn known_as(line: &str) -> Option<String> {
        let asked = request::parse(line).expect("a crate");
        super::name(&Wanted::from([(asked.name, asked.table)]))
    }

    #[test]
    fn tokio_1_has_a_runtime_under_any_name() {
        for line in
            ["tokio", "tokio = \"1\"", "tokio@1.38", "tokio = { version = \"^1.2\", features = [\"full\"] }"]
        {
            assert_eq!(known_as(line).as_deref(), Some("tokio"), "{line}");
        }
        assert_eq!(known_as("my-rt = { package = \"tokio\", version = \"=1.40.0\" }").as_deref(), Some("my_rt"));
        for line in ["tokio = \"0.2\"", "tokio = { path = \"../tokio\" }", "tokio-util = \"0.7\"", "smol = \"2\""] {
            assert_eq!(known_as(line), None, "{line}");
        }
    }

    #[test]
    fn the_feature_is_added_to_those_that_were_asked_for() {
        let mut asked = request::parse("tokio = { version = \"1\", features = [\"net\"] }").expect("a crate");
        let code = add(&asked.name, &mut asked.table, "dep3").expect("tokio");
        let table = asked.table;
        assert!(code.contains("use ::dep3::runtime") && !code.contains("TOKIO"));
        assert_eq!(table["features"].to_string(), "[\"net\", \"rt-multi-thread\"]");
    }
}
