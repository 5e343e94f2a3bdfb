//! What goes wrong, made to happen: each test breaks one thing in processes and directories of its own, and checks what
//! the user is told, what is kept, that later cells work, and that nothing is left behind. `docs/faults.md` lists them.
//!
//! Tests run one after the other, so that descriptors, processes and files can be counted before and after each.

mod ahead;
mod bench;
#[allow(dead_code)]
#[path = "../kernel/client.rs"]
mod client;
mod clock;
mod compiler;
mod crashes;
mod disk;
mod endurance;
mod interrupts;
mod kernel;
mod killed;
mod left;
mod meddling;
mod notebook;
mod processes;
mod snapshots;
mod unfit;

use libtest_mimic::{Arguments, Trial};

use left::Left;

fn main() {
    let cache = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("faults-cache");
    let scratch = tempfile::tempdir().expect("a directory");
    // SAFETY: no other thread runs yet.
    unsafe {
        std::env::set_var("THREADBOOK_CACHE", &cache);
        // It is also the mark by which the processes of these tests are known.
        std::env::set_var("TMPDIR", scratch.path());
    }
    // What the first session of all leaves in the cache is for the others, and its compilers are not theirs.
    bench::Bench::warm_up();
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let themes: [(&str, &[Test]); 13] = [
        ("crashes", crashes::TESTS),
        ("unfit", unfit::TESTS),
        ("killed", killed::TESTS),
        ("processes", processes::TESTS),
        ("snapshots", snapshots::TESTS),
        ("kernel", kernel::TESTS),
        ("meddling", meddling::TESTS),
        ("compiler", compiler::TESTS),
        ("ahead", ahead::TESTS),
        ("disk", disk::TESTS),
        ("clock", clock::TESTS),
        ("interrupts", interrupts::TESTS),
        ("endurance", endurance::TESTS),
    ];
    let trials = themes.iter().flat_map(|(theme, tests)| tests.iter().map(move |test| trial(theme, test)));
    // Where the system does not let us mount or choose ids, they are shown as ignored.
    let can_mount = disk::can_mount();
    let mounting = disk::TESTS_THAT_MOUNT.iter().map(|test| trial("disk", test).with_ignored_flag(!can_mount));
    let can_choose = processes::can_choose_ids();
    let choosing = processes::TESTS_THAT_CHOOSE_IDS.iter();
    let choosing = choosing.map(|test| trial("processes", test).with_ignored_flag(!can_choose));
    let conclusion = libtest_mimic::run(&arguments, trials.chain(mounting).chain(choosing).collect());
    drop(scratch);
    conclusion.exit();
}

/// A name and a function that panics if something is not as it should be.
type Test = (&'static str, fn());

fn trial(theme: &str, &(name, test): &Test) -> Trial {
    Trial::test(format!("{theme}::{name}"), move || {
        let before = Left::now();
        test();
        match Left::now().beyond(&before) {
            left if left.is_empty() => Ok(()),
            left => Err(format!("left behind: {left:#?}").into()),
        }
    })
}
