//! Commands of evcxr that need nothing here. Each is taken, so that a notebook that begins with one runs, and says in one
//! sentence, which is its line of `:help`, how its purpose is met.

use super::spec::{Act, Action, Body, Context, Kind, Line, Spec};
use crate::engine::rejection::UsageError;

pub(super) const SCCACHE: Spec =
    command("sccache", "[0|1]", "nothing to do: what is compiled, cells and crates, is kept in a cache anyway");
pub(super) const CACHE: Spec =
    command("cache", "[MIB]", "nothing to do: there always is a cache, and THREADBOOK_CACHE_SIZE bounds it");
pub(super) const CLEAR_CACHE: Spec =
    command("clear_cache", "", "not done from a cell: `threadbook cache clear` empties the cache");
pub(super) const PRESERVE_VARS_ON_PANIC: Spec = command(
    "preserve_vars_on_panic",
    "[0|1]",
    "nothing to do: a panic never costs a variable that it did not use up",
);
pub(super) const LINKER: Spec =
    command("linker", "[NAME]", "nothing to do: the linker of the toolchain is found and called directly");
pub(super) const CODEGEN_BACKEND: Spec =
    command("codegen_backend", "[NAME]", "not changed: cells are compiled by LLVM, and `:opt` says how well");
pub(super) const ALLOW_STATIC_LINKING: Spec =
    command("allow_static_linking", "[0|1]", "nothing to do: all cells share one copy of each crate");
pub(super) const OFFLINE: Spec =
    command("offline", "[0|1]", "not changed from a cell: set CARGO_NET_OFFLINE=true where the kernel starts");
pub(super) const TOOLCHAIN: Spec = command(
    "toolchain",
    "[NAME]",
    "not changed from a cell: set RUSTUP_TOOLCHAIN or RUSTC where the kernel starts",
);
pub(super) const BUILD_ENV: Spec =
    command("build_env", "NAME=VALUE", "not changed from a cell: set the variable where the kernel starts");
pub(super) const LOAD_CONFIG: Spec =
    command("load_config", "", "nothing to do: there are no init files; settings are commands in a cell");
pub(super) const QUIT: Spec =
    command("quit", "", "not done from a cell: the front end ends the kernel; `:restart` begins anew");
pub(super) const DOC: Spec = command(
    "doc",
    "NAME",
    "not done from a cell: the front end shows documentation (Shift+Tab, or `?` behind a name)",
);
pub(super) const TIME_PASSES: Spec =
    command("time_passes", "[0|1]", "nothing to show: `%%time` says how long the compiler took");
pub(super) const INTERNAL_DEBUG: Spec =
    command("internal_debug", "[0|1]", "nothing to show: start the kernel with THREADBOOK_LOG=debug for a log");
pub(super) const LAST_COMPILE_DIR: Spec =
    command("last_compile_dir", "", "nothing to show: the files of a cell are removed once it is compiled");

const fn command(name: &'static str, usage: &'static str, help: &'static str) -> Spec {
    Spec { kind: Kind::Command, name, usage, help, body: Body::Line, action: Action::InCell(say) }
}

fn say(line: &Line, _: &mut Context) -> Result<Option<Act>, UsageError> {
    let sentence = line.spec.map_or("", |spec| spec.help);
    Ok(Some(Act::Say(format!(":{}: {sentence}\n", line.name))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::magics::tests::acts;

    #[test]
    fn each_says_one_sentence_and_fails_nothing_beside_it() {
        let sentence = ":sccache: nothing to do: what is compiled, cells and crates, is kept in a cache anyway\n";
        assert_eq!(acts(":sccache 1\n:dep a"), Ok(vec![Act::Say(sentence.into()), Act::BuildCrates]));
    }

    #[test]
    fn every_command_of_evcxr_is_known() {
        for name in "allow_static_linking build_env cache clear clear_cache codegen_backend dep doc efmt env explain fmt \
                     help internal_debug last_compile_dir last_error_json linker load_config offline opt \
                     preserve_vars_on_panic quit restart sccache show_deps t time_passes timing toolchain type types \
                     vars version"
            .split_whitespace()
        {
            let error = acts(&format!(":{name}")).err();
            assert!(error.is_none_or(|error| !error.0.contains("unknown")), ":{name}");
        }
    }
}
