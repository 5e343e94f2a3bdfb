//! Sentences of rustc's that the engine recognises: labels with a type in them, totals, and notes that help nobody in a
//! notebook.

use quote::ToTokens;

use super::codes;

/// The type of ours that `:type` compares an expression with: rustc then says in the mismatch which type it has.
const TYPE_OF: &str = "`TypeOf`";

/// The type of the expression in an error with this code and these labels. None if it is another error than the mismatch
/// with `threadbook::show::TypeOf`.
pub(crate) fn type_of_expression<'a>(
    code: Option<&str>,
    mut labels: impl Iterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    let is_asked = code == Some(codes::MISMATCHED_TYPES) && labels.clone().any(|label| label.contains(TYPE_OF));
    let ty = |label: &'a str| label.strip_prefix("this expression has type `")?.strip_suffix('`');
    if is_asked { labels.find_map(ty) } else { None }
}

/// Whether a message speaks of the type that `:type` compares with, which its user has not written.
pub(crate) fn is_about_type_of(message: &str) -> bool {
    message.contains("TypeOf")
}

/// The bounds of the trait object that a value without a named type can be boxed as.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Boxable<'a> {
    /// A closure or an iterator.
    Plain(&'a str),
    /// A future, whose box has to be pinned.
    Future(&'a str),
    /// A closure that returns a future. There are no trait objects of `AsyncFn`, so it is to be wrapped in another closure.
    AsyncFn(AsyncFn),
}

/// The call of a closure that returns a future.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AsyncFn {
    /// Whether it can be called once only.
    pub once: bool,
    /// The type of each argument.
    pub arguments: Vec<String>,
    /// What its future results in.
    pub output: String,
}

/// The trait object for the type that rustc suggests for a value without a named one (`impl Fn(i32) -> i32`). None if no
/// trait object can do what the value does.
pub(crate) fn boxable_traits(suggested: &str) -> Option<Boxable<'_>> {
    let traits = suggested.strip_prefix("impl ")?;
    if traits.starts_with("Future<") {
        return Some(Boxable::Future(traits));
    }
    if traits.starts_with("AsyncFn") {
        return async_fn(traits).map(Boxable::AsyncFn);
    }
    ["Fn", "Iterator<"].iter().any(|start| traits.starts_with(start)).then_some(Boxable::Plain(traits))
}

/// The call in `AsyncFn(i32) -> usize`. None for a closure whose future borrows: for `AsyncFnMut` from what the closure has
/// captured, so that no other closure can return it; otherwise from an argument, which the type in the MIR does not show.
fn async_fn(bounds: &str) -> Option<AsyncFn> {
    let bound: syn::TraitBound = syn::parse_str(bounds.split(" + ").next()?).ok()?;
    let segment = bound.path.segments.last()?;
    let syn::PathArguments::Parenthesized(call) = &segment.arguments else { return None };
    let output = match &call.output {
        syn::ReturnType::Default => "()".to_string(),
        syn::ReturnType::Type(_, ty) => ty.to_token_stream().to_string(),
    };
    let arguments = call.inputs.iter().map(|ty| ty.to_token_stream().to_string()).collect();
    let once = segment.ident == "AsyncFnOnce";
    let borrows = call.inputs.iter().any(|ty| ty.to_token_stream().to_string().contains(['&', '\'']));
    ((once || segment.ident == "AsyncFn") && !borrows).then_some(AsyncFn { once, arguments, output })
}

/// The first name that a message quotes: "cannot find value `x` in this scope".
pub(crate) fn quoted_name(message: &str) -> Option<&str> {
    message.split('`').nth(1)
}

/// The name in a note about two types of one name: "`E` and `E` have similar names, but are actually distinct types".
pub(crate) fn name_of_two_types(note: &str) -> Option<&str> {
    note.ends_with("have similar names, but are actually distinct types").then(|| quoted_name(note))?
}

/// The place in a note about a move of a part: "partial move occurs because `pair.0` has type `String`, …". rustc calls the
/// place `value` if a pattern moved it.
pub(crate) fn moved_part(note: &str) -> Option<&str> {
    note.starts_with("partial move occurs because").then(|| quoted_name(note).unwrap_or("value"))
}

/// Whether an error of `Matter::UnknownPath` may be about a crate that is not there.
pub(crate) fn may_be_about_a_crate(message: &str) -> bool {
    message.contains("crate `") || message.starts_with("unresolved import")
}

/// Whether an error is that `?` cannot make the error of a cell of what it has.
pub(crate) fn is_about_question_mark(message: &str) -> bool {
    message.starts_with("`?` couldn't convert the error")
}

/// Whether an error is one of those that
/// [edition 2024](https://doc.rust-lang.org/edition-guide/rust-2024/index.html) has brought.
pub(crate) fn is_of_edition_2024<'a>(message: &str, mut notes: impl Iterator<Item = &'a str>) -> bool {
    const WORDS: [&str; 5] = [
        "reserved keyword `gen`",
        "extern blocks must be unsafe",
        "unsafe attribute used without unsafe",
        "unsafe function `set_var`",
        "unsafe function `remove_var`",
    ];
    WORDS.iter().any(|words| message.contains(words)) || notes.any(|note| note.contains("Rust 2024"))
}

/// Whether the message is one of the totals that rustc ends with, which count what the user may never get to see.
pub(crate) fn is_total(message: &str) -> bool {
    message.starts_with("aborting due to ")
        || message.ends_with(" warning emitted")
        || message.ends_with(" warnings emitted")
}

/// Whether a note is about a bound of the runtime's own functions: the message itself says what is asked of the value.
pub(crate) fn is_about_the_runtime(note: &str) -> bool {
    note.starts_with("required by a bound in `threadbook::")
}

/// Whether a note is about rustc's own command line, or about a crate that the user does not see.
pub(crate) fn is_noise(note: &str) -> bool {
    const STARTS: [&str; 7] = [
        "this error originates in the ",
        "this warning originates in the ",
        "the full name for the type has been written to",
        "the full type name has been written to",
        "consider using `--verbose` to print the full type name",
        "consider adding a `main` function",
        "here is a function named `main`",
    ];
    STARTS.iter().any(|start| note.starts_with(start))
        || note.contains("-Z macro-backtrace")
        || note.contains("run with -Z")
}

/// Whether a note says nothing without the code that it points at.
pub(crate) fn needs_its_span(note: &str) -> bool {
    note == "the lint level is defined here" || note.ends_with("here") || note.ends_with(':')
}

/// What rustc writes beside the call of the macro that an error is in. `name` is the macro's in the JSON.
pub(crate) fn invocation_label(name: &str) -> String {
    match name.strip_prefix("desugaring of ") {
        Some(what) => format!("in this {what} desugaring"),
        None if name.starts_with("#[derive") => "in this derive macro expansion".to_owned(),
        None if name.starts_with("#[") => "in this attribute macro expansion".to_owned(),
        None => "in this macro invocation".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_of_an_expression_is_in_a_label() {
        let labels = ["expected `Vec<u8>`, found `TypeOf`", "this expression has type `Vec<u8>`"];
        let read = |code| type_of_expression(code, labels.iter().copied());
        assert_eq!(read(Some("E0308")), Some("Vec<u8>"));
        assert_eq!(read(Some("E0277")), None);
        let others = ["expected `u8`, found `&str`", "this expression has type `u8`"];
        assert_eq!(type_of_expression(Some("E0308"), others.iter().copied()), None);
        assert!(is_about_type_of("the trait bound `TypeOf: Clone` is not satisfied"));
    }

    #[test]
    fn closures_and_iterators_have_traits_to_box() {
        assert_eq!(boxable_traits("impl Fn(i32) -> i32"), Some(Boxable::Plain("Fn(i32) -> i32")));
        assert_eq!(boxable_traits("impl FnOnce() + use<>"), Some(Boxable::Plain("FnOnce() + use<>")));
        assert_eq!(boxable_traits("impl Iterator<Item = u8>"), Some(Boxable::Plain("Iterator<Item = u8>")));
        assert_eq!(boxable_traits("impl Future<Output = ()>"), Some(Boxable::Future("Future<Output = ()>")));
        let call = |once, arguments: &[&str], output: &str| {
            let arguments = arguments.iter().map(|ty| ty.to_string()).collect();
            Some(Boxable::AsyncFn(AsyncFn { once, arguments, output: output.into() }))
        };
        assert_eq!(boxable_traits("impl AsyncFn(i32, Vec<u8>) -> u8"), call(false, &["i32", "Vec < u8 >"], "u8"));
        assert_eq!(boxable_traits("impl AsyncFnOnce()"), call(true, &[], "()"));
        assert_eq!(boxable_traits("impl AsyncFnMut() -> u8"), None);
        assert_eq!(boxable_traits("impl AsyncFn(&str) -> u8"), None);
        assert_eq!(boxable_traits("u8"), None);
    }

    #[test]
    fn totals_and_notes_are_told_from_what_helps() {
        for total in
            ["aborting due to 2 previous errors; 1 warning emitted", "1 warning emitted", "2 warnings emitted"]
        {
            assert!(is_total(total), "{total}");
        }
        assert!(!is_total("unused variable: `x`"));
        assert!(is_noise(
            "this error originates in the macro `println` (in Nightly builds, run with -Z macro-backtrace)"
        ));
        assert!(is_noise("this error originates in the derive macro `Debug`"));
        assert!(!is_noise("`String` does not implement the `Copy` trait"));
        assert!(needs_its_span("function defined here") && needs_its_span("the following trait defines an item:"));
        assert!(!needs_its_span("required by a bound in `spawn`"));
        assert!(is_about_the_runtime("required by a bound in `threadbook::store::put`"));
    }

    #[test]
    fn names_and_crates_are_read_from_messages() {
        assert_eq!(quoted_name("cannot find value `x` in this scope"), Some("x"));
        assert_eq!(quoted_name("mismatched types"), None);
        let note = "`m::E` and `E` have similar names, but are actually distinct types";
        assert_eq!((name_of_two_types(note), name_of_two_types("mismatched types")), (Some("m::E"), None));
        let note =
            "partial move occurs because `pair.0` has type `String`, which does not implement the `Copy` trait";
        assert_eq!(moved_part(note), Some("pair.0"));
        assert_eq!(moved_part("partial move occurs because value has type"), Some("value"));
        assert_eq!(moved_part("move occurs because `pair` has type"), None);
        assert!(may_be_about_a_crate("unresolved import `serde`"));
        assert!(may_be_about_a_crate("use of unresolved module or unlinked crate `serde`"));
        assert!(!may_be_about_a_crate("cannot find type `Serde` in this scope"));
    }

    #[test]
    fn errors_of_edition_2024_are_known() {
        let is = |message, note| is_of_edition_2024(message, [note].into_iter());
        assert!(is("expected identifier, found reserved keyword `gen`", ""));
        assert!(is("`x` does not live long enough", "this call may capture more, because Rust 2024 has adjusted"));
        assert!(!is("call to unsafe function `f` is unsafe and requires unsafe block", ""));
    }

    #[test]
    fn a_macros_call_has_a_label() {
        assert_eq!(invocation_label("sum!"), "in this macro invocation");
        assert_eq!(invocation_label("#[derive(Debug)]"), "in this derive macro expansion");
        assert_eq!(invocation_label("desugaring of `?` operator"), "in this `?` operator desugaring");
    }
}
