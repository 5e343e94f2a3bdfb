//! The rules of matching, one by one, and each way in which a recorded text can be wrong.

use super::{Mismatch, Refusal, match_streams, match_within};
use crate::lanes::scripted::run;

fn result(script: &str, recorded: &str) -> Result<(), Box<Mismatch>> {
    match_streams(&run(script), [Some(recorded), None]).map(drop)
}

#[track_caller]
fn matches(script: &str, recorded: &str) {
    if let Err(mismatch) = result(script, recorded) {
        panic!("{mismatch:#?}");
    }
}

/// `place`: line and column of the first atom that no lane supplies.
#[track_caller]
fn differs(script: &str, recorded: &str, place: (usize, usize)) -> Box<Mismatch> {
    let mismatch = result(script, recorded).expect_err("should differ");
    assert_eq!((mismatch.line, mismatch.column), place, "{mismatch:#?}");
    assert!(!mismatch.undecided);
    mismatch
}

const TWO: &str = "
    main| Main 0
    spawn main a Thread-1
    spawn main b Thread-2
    a| Thread-1 {0..3}
    b| Thread-2 {0..3}
    join main a
    main| Main 1
";

#[test]
fn any_interleaving_under_one_renaming() {
    matches(TWO, "Main 0\nThread-8 0\nThread-9 0\nThread-9 1\nThread-8 1\nThread-8 2\nThread-9 2\nMain 1\n");
    matches(TWO, "Main 0\nThread-9 0\nThread-9 1\nThread-9 2\nMain 1\nThread-8 0\nThread-8 1\nThread-8 2\n");
}

#[test]
fn a_newline_may_come_later_than_its_text() {
    matches(TWO, "Main 0\nThread-8 0Thread-9 0\nThread-9 1\n\nThread-8 1\nThread-8 2\nMain 1Thread-9 2\n\n");
}

#[test]
fn two_names_do_not_become_one_nor_one_two() {
    differs(TWO, "Main 0\nThread-8 0\nThread-8 0\n", (3, 1));
    differs(TWO, "Main 0\nThread-8 0\nThread-9 0\nThread-7 1\n", (4, 1));
}

#[test]
fn a_swapped_line() {
    let wrong = differs(TWO, "Main 0\nThread-8 0\nThread-8 2\nThread-8 1\n", (3, 1));
    assert_eq!(wrong.recorded.as_deref(), Some("Thread-8 2"));
    let offers: Vec<_> = wrong.lanes.iter().map(|o| (o.lane.as_str(), o.next.as_deref())).collect();
    let expected = [("lane 1", Some("Main 1")), ("Thread-1", Some("Thread-8 1")), ("Thread-2", Some("Thread-2 0"))];
    assert_eq!(offers[1..], expected[1..]);
    let early = Refusal::Early { of: "Thread-1".into(), placed: 2, needed: 6 };
    assert_eq!((offers[0].1, &wrong.lanes[0].refusal), (expected[0].1, &early));
    assert_eq!(wrong.lanes[1].refusal, Refusal::Other);
}

#[test]
fn a_missing_line() {
    differs(TWO, "Main 0\nThread-8 0\nThread-8 1\nMain 1\n", (4, 1));
    let ended = differs("main| a\nmain| b", "a\n", (2, 1));
    assert_eq!((ended.recorded, ended.lanes[0].next.as_deref()), (None, Some("b")));
}

#[test]
fn a_line_too_many() {
    let more = differs("main| a", "a\na\n", (2, 1));
    assert_eq!((more.recorded.as_deref(), &more.lanes[0].refusal), (Some("a"), &Refusal::Ended));
}

#[test]
fn a_wrong_number() {
    differs(TWO, "Main 0\nThread-8 0\nThread-8 1\nThread-8 3\n", (4, 1));
    differs("main| sum 45", "sum 46\n", (1, 1));
}

#[test]
fn a_print_after_its_join() {
    let text = "Main 0\nThread-8 0\nThread-8 1\nMain 1\nThread-8 2\nThread-9 0\nThread-9 1\nThread-9 2\n";
    let wrong = differs(TWO, text, (4, 1));
    assert_eq!(wrong.lanes[0].refusal, Refusal::Early { of: "Thread-1".into(), placed: 4, needed: 6 });
}

#[test]
fn a_print_before_its_spawn() {
    let wrong = differs(TWO, "Thread-8 0\nMain 0\n", (1, 1));
    assert!(matches!(&wrong.lanes[1].refusal, Refusal::Early { placed: 0, needed: 2, .. }), "{wrong:#?}");
}

#[test]
fn causes_reach_through_silent_lanes() {
    let script = "
        main| before
        spawn main quiet Thread-1
        spawn quiet loud Thread-2
        loud| loud
        join quiet loud
        join main quiet
        main| after
    ";
    matches(script, "before\nloud\nafter\n");
    differs(script, "loud\nbefore\nafter\n", (1, 1));
    differs(script, "before\nafter\nloud\n", (2, 1));
}

const POOL: &str = "
    submit main a action
    spawn main v ThreadPoolExecutor-0_0
    start a v
    submit main b action
    spawn main w ThreadPoolExecutor-0_1
    start b w
    a| ThreadPoolExecutor-0_0 {0..2}
    b| ThreadPoolExecutor-0_1 {5..7}
";

fn pool(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("ThreadPoolExecutor-{line}\n")).collect()
}

#[test]
fn two_tasks_share_a_worker_if_they_do_not_overlap() {
    matches(POOL, &pool(&["2_0 0", "2_1 5", "2_0 1", "2_1 6"]));
    matches(POOL, &pool(&["2_0 5", "2_0 6", "2_0 0", "2_0 1"]));
    let torn = differs(POOL, &pool(&["2_0 0", "2_0 5", "2_0 1", "2_0 6"]), (2, 1));
    assert!(torn.lanes.iter().any(|offer| offer.refusal == Refusal::Busy), "{torn:#?}");
}

#[test]
fn a_task_torn_over_two_overlapping_workers() {
    differs(POOL, &pool(&["2_0 0", "2_1 1", "2_0 5", "2_1 6"]), (2, 1));
}

#[test]
fn a_worker_is_busy_until_the_newline() {
    let torn = "ThreadPoolExecutor-2_0 0\nThreadPoolExecutor-2_0 1ThreadPoolExecutor-2_0 5\n\n";
    differs(POOL, torn, (2, 25));
}

#[test]
fn one_pool_has_one_number() {
    differs(POOL, &pool(&["2_0 0", "3_1 5", "2_0 1", "3_1 6"]), (2, 1));
}

#[test]
fn a_task_that_names_its_worker_late_has_been_there_all_the_time() {
    let script = "
        submit main a action
        spawn main v ThreadPoolExecutor-0_0
        start a v
        submit main b action
        start b v
        a| a begins
        a| ThreadPoolExecutor-0_0 a
        b| b begins
        b| ThreadPoolExecutor-0_0 b
    ";
    let text = |lines: [&str; 4]| lines.map(|line| format!("{line}\n")).concat();
    let (a, b) = ("ThreadPoolExecutor-1_0 a", "ThreadPoolExecutor-1_0 b");
    matches(script, &text(["a begins", a, "b begins", b]));
    matches(script, &text(["a begins", "b begins", a, "ThreadPoolExecutor-1_1 b"]));
    differs(script, &text(["a begins", "b begins", a, b]), (4, 1));
    differs(script, &text(["b begins", "a begins", a, b]), (4, 1));
}

#[test]
fn a_pool_with_a_name_of_the_users() {
    let script = "
        submit main a action
        spawn main v fetch_0
        start a v
        a| fetch_0 {0..2}
    ";
    matches(script, "fetch_3 0\nfetch_3 1\n");
    differs(script, "fetch_3 0\nfetch_2 1\n", (2, 1));
}

#[test]
fn pids_are_renamed_one_to_one() {
    let script = "
        fork main p Process-1 4242
        main| Father(7000)
        p| Child(4242), Father(7000); {0..3}
    ";
    matches(script, "Father(31)\nChild(32), Father(31); 0\nChild(32), Father(31); 1\nChild(32), Father(31); 2\n");
    differs(script, "Father(31)\nChild(32), Father(33); 0\n", (2, 1));
    differs(script, "Father(31)\nChild(31), Father(31); 0\n", (2, 1));
}

#[test]
fn tasks_may_share_a_process_of_their_pool() {
    let script = "
        fork main a square 4242
        fork main b square 4343
        a| 4242: {0..2}
        b| 4343: {0..2}
        main| parent 7000
    ";
    let text = |lines: [&str; 5]| lines.map(|line| format!("{line}\n")).concat();
    let parent = "parent 30";
    matches(script, &text(["31: 0", "32: 0", "31: 1", "32: 1", parent]));
    matches(script, &text([parent, "31: 0", "31: 1", "31: 0", "31: 1"]));
    differs(script, &text(["31: 0", "31: 0", "31: 1", "31: 1", parent]), (2, 1));
    differs(script, &text(["31: 0", "32: 1", "31: 1", parent, "x"]), (2, 1));
    differs(script, &text(["30: 0", "30: 1", parent, "x", "x"]), (3, 1));
}

#[test]
fn a_parent_knows_its_child_by_its_pid() {
    let script = "main| child 4242\nfork main p fork 4242\np| I am 4242";
    matches(script, "child 9\nI am 9\n");
    differs(script, "child 9\nI am 8\n", (2, 1));
}

#[test]
fn a_number_that_only_looks_like_a_pid() {
    matches("fork main p Process-1 42\nmain| 42\np| 42", "42\n42\n");
}

#[test]
fn times_and_durations_have_any_value() {
    matches("main| at Mon Nov 23 07:36:43 2026", "at Sat Apr 11 11:47:38 2020\n");
    differs("main| at Mon Nov 23 07:36:43 2026", "at Sat Apr 11 11:47:38\n", (1, 1));
    matches("main| Wall time: 812 µs", "Wall time: 3.99 ms\n");
    matches(
        "main| CPU times: user 1 ms, sys: 0 ns, total: 1 ms\\nWall time: 1 s",
        "CPU times: user 2.1 ms, sys: 44 µs, total: 2.14 ms\nWall time: 1min 2s\n",
    );
    differs("main| Wall time: 812 µs", "Wall time: soon\n", (1, 1));
    matches("main| Wall time: 812 µs\nmain| Compiler : 120 ms", "Wall time: 3.99 ms\n");
}

#[test]
fn functions_in_thread_names() {
    let script = "spawn main a Thread-1\na| Thread-1 {0..2}";
    matches(script, "Thread-4 (action) 0\nThread-4 (action) 1\n");
    differs(script, "Thread-4 (action) 0\nThread-5 (action) 1\n", (2, 1));
    let both = "spawn main a Thread-1 (action)\na| Thread-1 (action) 0";
    matches(both, "Thread-4 (action) 0\n");
    matches(both, "Thread-4 0\n");
    differs(both, "Thread-4 (other) 0\n", (1, 1));
}

#[test]
fn a_name_may_be_cut_short_by_the_next_lanes_digits() {
    let script = "spawn main a Thread-1\na| Thread-1\nmain| 7";
    matches(script, "Thread-17\n\n");
    matches(script, "Thread-177\n\n");
}

#[test]
fn lanes_that_print_the_same() {
    let script = "
        spawn main a x
        spawn main b y
        a| same
        a| left
        b| same
        b| right
    ";
    matches(script, "same\nsame\nright\nleft\n");
    matches(script, "same\nright\nsame\nleft\n");
    differs(script, "same\nright\nleft\nsame\n", (3, 1));
}

#[test]
fn streams_are_compared_apart_but_under_one_renaming() {
    let script = "
        spawn main a Thread-1
        spawn main b Thread-2
        a| Thread-1 out
        b| Thread-2 out
        a! Thread-1 left
        b! Thread-2 right
    ";
    let both = |out, err| match_streams(&run(script), [Some(out), Some(err)]).map(drop);
    assert_eq!(both("Thread-6 out\nThread-7 out\n", "Thread-7 right\nThread-6 left\n"), Ok(()));
    assert_eq!(both("Thread-7 out\nThread-6 out\n", "Thread-7 right\nThread-6 left\n"), Ok(()));
    let wrong = both("Thread-6 out\nThread-7 out\n", "Thread-8 right\nThread-6 left\n").expect_err("no Thread-8");
    assert_eq!((wrong.stream.name(), wrong.line), ("stderr", 1));
}

#[test]
fn empty_against_something() {
    matches("", "");
    differs("main| a", "", (1, 1));
    differs("", "a\n", (1, 1));
    differs("main|", "", (1, 1));
}

#[test]
fn carriage_returns_and_other_scripts() {
    matches("main~ \\r50 %\nmain~ \\r100 %\nmain|", "\r50 %\r100 %\n");
    differs("main| größe ： 8", "größe ： 9\n", (1, 1));
    differs("main~ ö ： \nmain| 8", "ö ： 9\n", (1, 5));
}

/// Late payloads and a wrong last line: every order of what came before has to be excluded.
#[test]
fn thousands_of_lines_are_decided_quickly() {
    let mut script = String::from("main| go\n");
    let mut text = String::from("go\n");
    for lane in 0..6 {
        script += &format!("spawn main t{lane} Thread-{lane}\nt{lane}| Thread-{lane} {{0..1000}}\n");
    }
    for line in 0..1000 {
        for lane in 0..6 {
            text += &format!("Thread-{} {line}\n", 20 + (lane + line) % 6);
        }
    }
    let begun = std::time::Instant::now();
    differs(&script, &text.replace("Thread-20 999\n", "Thread-20 998\n"), (5999, 1));
    // Same names in another order of first appearance than ours.
    matches(&script, &text);
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

#[test]
fn many_threads_that_are_alike() {
    let mut script = String::new();
    for lane in 1..=12 {
        script += &format!("spawn main t{lane} Thread-{lane}\nt{lane}| Thread-{lane} {{0..2}}\n");
    }
    let mut text: String = (1..=12).map(|lane| format!("Thread-{} 0\n", 40 - lane)).collect();
    text.extend((1..=12).map(|lane| format!("Thread-{} 1\n", lane + 27)));
    matches(&script, &text);
    differs(&script, &text.replace("Thread-28 1", "Thread-28 2"), (13, 1));
}

/// Which lane a line came from shows only much later, and trying all ways to share the lines out would take for ever.
#[test]
fn lines_that_say_nothing_go_to_the_lane_that_needs_them_first() {
    let mut script = String::new();
    let mut text = String::new();
    for lane in 0..10 {
        script +=
            &format!("spawn main t{lane} W{lane}\n{}t{lane}| end {lane}\n", format!("t{lane}| tick\n").repeat(30));
        text = "tick\n".repeat(30) + &format!("end {lane}\n") + &text;
    }
    matches(&script, &text);
    let (before, last) = text.rsplit_once(&"tick\n".repeat(20)).expect("the last lane's");
    matches(&script, &format!("{}{before}{last}", "tick\n".repeat(20)));
    let early = text.replacen("end 0\n", "", 1).replacen("end 7\n", "end 0\n", 1) + "end 7\n";
    matches(&script, &early);
}

#[test]
fn what_cannot_be_decided_within_the_budget_is_said_to_be_undecided() {
    let mismatch =
        match_within(&run(TWO), [Some("Main 0\nThread-8 0\nThread-9 0\n"), None], 4).expect_err("cut short");
    assert!(mismatch.undecided);
}
