//! Every recorded output of the original notebook (cell ids as there), matched with lanes made by hand.
//!
//! The recorded texts are data of that notebook, as its author's machine put them out.

use super::match_streams;
use crate::lanes::scripted::run;

fn check(script: &str, recorded: &str) {
    if let Err(mismatch) = match_streams(&run(script), [Some(recorded), None]) {
        panic!("{mismatch:#?}");
    }
}

fn check_differs(script: &str, recorded: &str) {
    assert!(match_streams(&run(script), [Some(recorded), None]).is_err());
}

const CELL_01: &str = "\
MainThread 0
MainThread 1
MainThread 2
Thread-16 0
Thread-16 1
Thread-16 2
Thread-16 3
Thread-16 4
Thread-16 5
Thread-16 6
Thread-16 7
Thread-16 8
Thread-16 9
Thread-17 0MainThread 3
Thread-17 1
Thread-17 2
Thread-17 3
Thread-17 4
Thread-17 5
Thread-17 6
Thread-17 7
Thread-17 8
Thread-17 9

MainThread 4
MainThread 5
MainThread 6
MainThread 7
MainThread 8
MainThread 9
Task Complete!
Wall time: 3.99 ms
";

#[test]
fn cell_01() {
    check(
        "
            main| MainThread {0..3}
            spawn main a Thread-1
            spawn main b Thread-2
            a| Thread-1 {0..10}
            b| Thread-2 {0..10}
            main| MainThread {3..10}
            main| Task Complete!
            main| Wall time: 812 µs
        ",
        CELL_01,
    );
}

const CELL_03: &str = "\
MainThread 0
MainThread 1
MainThread 2
Thread-20 0
Thread-20 1
Thread-20 2
Thread-20 3
Thread-20 4
Thread-21 0
Thread-21 1
Thread-21 2
Thread-21 3
Thread-21 4
MainThread 3
MainThread 4
MainThread 5
MainThread 6
MainThread 7
MainThread 8
MainThread 9
Task Finished
Wall time: 3.99 ms
";

#[test]
fn cell_03() {
    check(
        "
            main| MainThread {0..3}
            spawn main a Thread-3
            spawn main b Thread-4
            main| MainThread {3..10}
            a| Thread-3 {0..5}
            b| Thread-4 {0..5}
            main| Task Finished
            main| Wall time: 1.2 ms
        ",
        CELL_03,
    );
}

const CELL_05: &str = "\
MainThread 0
MainThread 1
MainThread 2
MainThread 0
MainThread 1
MainThread 2
MainThread 3
MainThread 4
MainThread 0
MainThread 1
MainThread 2
MainThread 3
MainThread 4
MainThread 3
MainThread 4
MainThread 5
MainThread 6
MainThread 7
MainThread 8
MainThread 9
";

#[test]
fn cell_05() {
    check(
        "
            main| MainThread {0..3}
            main| MainThread {0..5}
            main| MainThread {0..5}
            main| MainThread {3..10}
        ",
        CELL_05,
    );
}

#[test]
fn cell_07() {
    check(
        "
            main| MainThread {0..20}
        ",
        &(0..20).map(|n| format!("MainThread {n}\n")).collect::<String>(),
    );
}

const CELL_09: &str = "\
New Thread 0
New Thread 1
New Thread 2
New Thread 3
New Thread 4
New Thread 5
New Thread 6
New Thread 7
New Thread 8
New Thread 9
MainThread 0
MainThread 1
Joined Thread 0
Joined Thread 1
Joined Thread 2
Joined Thread 3
Joined Thread 4
Joined Thread 5
Joined Thread 6
Joined Thread 7
Joined Thread 8
Joined Thread 9
MainThread 2
MainThread 3
MainThread 4
MainThread 5
MainThread 6
MainThread 7
MainThread 8
MainThread 9
";

#[test]
fn cell_09() {
    check(
        "
            spawn main n New Thread
            main| MainThread {0..2}
            spawn main j Joined Thread
            n| New Thread {0..10}
            j| Joined Thread {0..10}
            end j
            join main j
            main| MainThread {2..10}
        ",
        CELL_09,
    );
}

const CELL_10: &str = "\
Current time : Sat Apr 11 11:47:38 2020
MainThread 0
Current time : Sat Apr 11 11:47:39 2020
MainThread 1
Current time : Sat Apr 11 11:47:40 2020
Thread-35 0
Thread-35 1
Thread-35 2
Thread-35 3
Thread-35 4
MainThread 2
Current time : Sat Apr 11 11:47:41 2020
MainThread 3
Current time : Sat Apr 11 11:47:42 2020
MainThread 4
";

#[test]
fn cell_10() {
    check(
        "
            main| Current time : Mon Nov 23 07:36:43 2026
            main| MainThread 0
            main| Current time : Mon Nov 23 07:36:44 2026
            main| MainThread 1
            main| Current time : Mon Nov 23 07:36:45 2026
            spawn main t Thread-9
            t| Thread-9 {0..5}
            main| MainThread 2
            main| Current time : Mon Nov 23 07:36:46 2026
            main| MainThread 3
            main| Current time : Mon Nov 23 07:36:47 2026
            main| MainThread 4
        ",
        CELL_10,
    );
}

const CELL_13: &str = "\
yxy withdraw successful ： 800
ywu withdraw successful ： 800

 Balance is : 200

 Balance is : -600
";

#[test]
fn cell_13() {
    check(
        "
            spawn main x yxy
            spawn main w ywu
            x| yxy withdraw successful ： 800
            w| ywu withdraw successful ： 800
            x| \\n Balance is : 200
            w| \\n Balance is : -600
        ",
        CELL_13,
    );
}

const CELL_16: &str = "\
yxy withdraw successful ： 800

 Balance is : 200
ywu withdraw failed! insufficient balance!
";

#[test]
fn cell_16() {
    check(
        "
            spawn main x yxy
            spawn main w ywu
            x| yxy withdraw successful ： 800
            x| \\n Balance is : 200
            w| ywu withdraw failed! insufficient balance!
        ",
        CELL_16,
    );
}

const CELL_18: &str = "\
ThreadPoolExecutor-2_0 0
ThreadPoolExecutor-2_0 1
ThreadPoolExecutor-2_0 2
ThreadPoolExecutor-2_0 3
ThreadPoolExecutor-2_0 4ThreadPoolExecutor-2_1 0False
ThreadPoolExecutor-2_1 1
ThreadPoolExecutor-2_1 2

ThreadPoolExecutor-2_1 3
ThreadPoolExecutor-2_1 4
ThreadPoolExecutor-2_1 5
ThreadPoolExecutor-2_1 6
ThreadPoolExecutor-2_1 7
ThreadPoolExecutor-2_1 8
ThreadPoolExecutor-2_1 9
ThreadPoolExecutor-2_1 10
ThreadPoolExecutor-2_1 11
ThreadPoolExecutor-2_1 12
ThreadPoolExecutor-2_1 13
ThreadPoolExecutor-2_1 14
ThreadPoolExecutor-2_1 15
ThreadPoolExecutor-2_1 16
ThreadPoolExecutor-2_1 17
ThreadPoolExecutor-2_1 18
ThreadPoolExecutor-2_1 19

ThreadPoolExecutor-2_0 5
ThreadPoolExecutor-2_0 6
ThreadPoolExecutor-2_0 7
ThreadPoolExecutor-2_0 8
ThreadPoolExecutor-2_0 9
True
45
190
Wall time: 1 s
";

#[test]
fn cell_18() {
    check(
        "
            submit main a action
            spawn main v ThreadPoolExecutor-0_0
            start a v
            submit main b action
            spawn main w ThreadPoolExecutor-0_1
            start b w
            main| False
            a| ThreadPoolExecutor-0_0 {0..10}
            b| ThreadPoolExecutor-0_1 {0..20}
            main| True
            end a
            end b
            join main a
            main| 45
            join main b
            main| 190
            main| Wall time: 1 s
        ",
        CELL_18,
    );
}

const CELL_20: &str = "\
ThreadPoolExecutor-3_0 0
ThreadPoolExecutor-3_0 1
ThreadPoolExecutor-3_0 2
ThreadPoolExecutor-3_0 3
ThreadPoolExecutor-3_0 4
ThreadPoolExecutor-3_0 5
ThreadPoolExecutor-3_0 6
ThreadPoolExecutor-3_0 7
ThreadPoolExecutor-3_0 8
ThreadPoolExecutor-3_0 9
ThreadPoolExecutor-3_0 0
ThreadPoolExecutor-3_0 1
ThreadPoolExecutor-3_0 2
ThreadPoolExecutor-3_0 3
ThreadPoolExecutor-3_0 4
ThreadPoolExecutor-3_0 5
ThreadPoolExecutor-3_0 6
ThreadPoolExecutor-3_0 7
ThreadPoolExecutor-3_0 8
ThreadPoolExecutor-3_0 9
ThreadPoolExecutor-3_0 10
ThreadPoolExecutor-3_0 11
ThreadPoolExecutor-3_0 12
ThreadPoolExecutor-3_0 13
ThreadPoolExecutor-3_0 14
ThreadPoolExecutor-3_0 15
ThreadPoolExecutor-3_0 16
ThreadPoolExecutor-3_0 17
ThreadPoolExecutor-3_0 18
ThreadPoolExecutor-3_0 19
45
190
-----------
Wall time: 3.97 ms
";

#[test]
fn cell_20() {
    check(
        "
            submit main a action
            spawn main v ThreadPoolExecutor-1_0
            start a v
            submit main b action
            spawn main w ThreadPoolExecutor-1_1
            start b w
            a| ThreadPoolExecutor-1_0 {0..10}
            b| ThreadPoolExecutor-1_1 {0..20}
            main| 45
            main| 190
            main| -----------
            join main a
            join main b
            main| Wall time: 433 µs
        ",
        CELL_20,
    );
}

const CELL_22: &str = "\
ThreadPoolExecutor-4_0 0
ThreadPoolExecutor-4_0 1ThreadPoolExecutor-4_1 0
ThreadPoolExecutor-4_1 1
ThreadPoolExecutor-4_1 2
ThreadPoolExecutor-4_1 3
ThreadPoolExecutor-4_1 4
ThreadPoolExecutor-4_0 2
ThreadPoolExecutor-4_0 3
ThreadPoolExecutor-4_0 4

ThreadPoolExecutor-4_1 5
ThreadPoolExecutor-4_1 6
ThreadPoolExecutor-4_1 7
ThreadPoolExecutor-4_1 8
ThreadPoolExecutor-4_1 9
ThreadPoolExecutor-4_1 0
ThreadPoolExecutor-4_1 1
ThreadPoolExecutor-4_1 2
ThreadPoolExecutor-4_1 3
ThreadPoolExecutor-4_1 4
ThreadPoolExecutor-4_1 5
ThreadPoolExecutor-4_1 6
ThreadPoolExecutor-4_1 7
ThreadPoolExecutor-4_1 8
ThreadPoolExecutor-4_1 9
ThreadPoolExecutor-4_1 10
ThreadPoolExecutor-4_1 11
ThreadPoolExecutor-4_1 12
ThreadPoolExecutor-4_1 13
ThreadPoolExecutor-4_1 14
---------------
10
45
105
Wall time: 3.99 ms
";

#[test]
fn cell_22() {
    check(
        "
            submit main a action
            spawn main u ThreadPoolExecutor-2_0
            start a u
            submit main b action
            spawn main v ThreadPoolExecutor-2_1
            start b v
            submit main c action
            spawn main w ThreadPoolExecutor-2_2
            start c w
            main| ---------------
            a| ThreadPoolExecutor-2_0 {0..5}
            b| ThreadPoolExecutor-2_1 {0..10}
            c| ThreadPoolExecutor-2_2 {0..15}
            join main a
            join main b
            join main c
            main| 10
            main| 45
            main| 105
            main| Wall time: 560 µs
        ",
        CELL_22,
    );
}

/// The futures' callbacks in the worker's own task would have to print before the next task begins there.
#[test]
fn cell_20_is_not_what_callbacks_in_the_workers_print() {
    check_differs(
        "
            submit main a action
            spawn main v ThreadPoolExecutor-1_0
            start a v
            submit main b action
            spawn main w ThreadPoolExecutor-1_1
            start b w
            a| ThreadPoolExecutor-1_0 {0..10}
            a| 45
            b| ThreadPoolExecutor-1_1 {0..20}
            b| 190
            main| -----------
            join main a
            join main b
            main| Wall time: 433 µs
        ",
        CELL_20,
    );
}
