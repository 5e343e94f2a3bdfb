//! `threadbook install`, which also prepares the toolchain, and `threadbook doctor`, which tells whether it is.

use std::path::Path;
use std::process::{Command, Output};

use crate::{THREADBOOK, assert_code, out};

fn threadbook(directory: &Path, arguments: &[&str], rustc: Option<&str>) -> Output {
    let mut command = Command::new(THREADBOOK);
    command.args(arguments).current_dir(directory).env("THREADBOOK_CACHE", directory.join("cache"));
    command.envs(rustc.map(|rustc| ("RUSTC", rustc))).output().expect("the binary starts")
}

#[test]
fn an_installed_kernel_begins_with_the_optimised_runtime() {
    let directory = tempfile::tempdir().expect("a directory");
    let doctor = || out(&threadbook(directory.path(), &["doctor"], None));
    let before = doctor();
    assert!(before.contains("the runtime is not optimised yet"), "{before}");
    let output = threadbook(directory.path(), &["install", "--prefix", "prefix"], None);
    assert_code(&output, 0);
    let said = out(&output);
    let lines: Vec<&str> = said.lines().collect();
    let is_right = lines.len() == 2 && lines[0].starts_with("installed the kernel in ");
    assert!(is_right && lines[1].starts_with("preparing for rustc 1."), "{said}");
    let after = doctor();
    assert!(after.contains("a cell compiles and runs\n"), "{after}");
}

#[test]
fn a_kernel_is_installed_before_rust_is() {
    let directory = tempfile::tempdir().expect("a directory");
    let output = threadbook(directory.path(), &["install", "--prefix", "prefix"], Some("/nowhere/rustc"));
    assert_code(&output, 0);
    let said = out(&output);
    assert!(said.lines().nth(1).is_some_and(|line| line.starts_with("cells cannot run yet: ")), "{said}");
    assert!(directory.path().join("prefix/share/jupyter/kernels/threadbook/kernel.json").is_file());
}
