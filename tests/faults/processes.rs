//! Processes that end without a word: what they were is forgotten, and what they had begun ends with them.

use std::process::Command;
use std::time::Duration;
use threadbook::engine::Engine;

use crate::Test;
use crate::bench::{Bench, THREADBOOK};
use crate::notebook::Notebook;

pub(crate) const TESTS: &[Test] = &[("child_with_a_thread_that_goes_on", child_with_a_thread_that_goes_on)];

/// These need process ids of their own, which a user namespace allows to choose.
pub(crate) const TESTS_THAT_CHOOSE_IDS: &[Test] = &[("id_that_is_used_again", id_that_is_used_again)];

pub(crate) fn can_choose_ids() -> bool {
    let tried = in_namespace("echo 300 > /proc/sys/kernel/ns_last_pid").output();
    tried.is_ok_and(|output| output.status.success())
}

/// Runs a script in a namespace in which no other process is given ids.
fn in_namespace(script: &str) -> Command {
    let mut command = Command::new("unshare");
    command.args(["-Ur", "--pid", "--fork", "--mount-proc", "--kill-child", "sh", "-c", script, THREADBOOK]);
    command
}

/// The thread ends with its process, so nothing is left to wait for.
fn child_with_a_thread_that_goes_on() {
    let mut bench = Bench::start();
    bench.prints(
        "use threadbook::multiprocessing::Process;
        let mut child = Process::new(|| { std::thread::spawn(|| loop { std::thread::park() }); });
        child.start()?; child.join()?;",
    );
    assert_eq!(bench.session.settle(Duration::from_secs(30)).expect("a worker"), []);
}

/// Programs of a shell, each of another cell, run one after the other under one id.
fn id_that_is_used_again() {
    // Threads of the compiler take ids too, so the shell asks until this one is given.
    let cell = |said: &str| {
        format!(
            "!until echo 4000 > /proc/sys/kernel/ns_last_pid; sh -c '[ $$ = 4001 ] && echo {said} $$'; do :; done"
        )
    };
    let notebook = Notebook::new(&[&cell("first"), "let between = 0;", &cell("second")]);
    let mut run = in_namespace("\"$0\" run nb.ipynb");
    let output = run.current_dir(notebook.directory.path()).output().expect("a shell");
    assert!(output.status.success(), "{output:?}");
    assert_eq!([0, 1, 2].map(|cell| notebook.printed(cell)), ["first 4001\n", "", "second 4001\n"]);
}
