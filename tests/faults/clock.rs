//! A wall clock that jumps: every reading is half a year away from the one before. Nothing waits by it or is ordered by
//! it; a run's stamps follow the monotonic clock.

use std::fs;
use std::process::Command;

use crate::Test;
use crate::notebook::Notebook;

pub(crate) const TESTS: &[Test] = &[("jumps", jumps)];

/// Takes the place of the C library's function in every process of the run.
const LIBRARY: &str = r#"
use std::sync::atomic::{AtomicI64, Ordering};
unsafe extern "C" { fn syscall(number: i64, ...) -> i64; }
#[cfg(target_arch = "x86_64")]
const NUMBER: i64 = 228;
#[cfg(not(target_arch = "x86_64"))]
const NUMBER: i64 = 113;
static READINGS: AtomicI64 = AtomicI64::new(0);
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: i32, time: *mut [i64; 2]) -> i32 {
    unsafe {
        let answer = syscall(NUMBER, clock as i64, time) as i32;
        if clock == 0 && READINGS.fetch_add(1, Ordering::Relaxed) % 2 == 1 {
            (*time)[0] -= 180 * 24 * 3600;
        }
        answer
    }
}
"#;

fn jumps() {
    let cells = [
        "let now = std::time::SystemTime::now; println!(\"{}\", now() > now() || now() > now());",
        "%%time\nlet thread = std::thread::spawn(|| { std::thread::sleep(std::time::Duration::from_millis(20)); println!(\"slept\") }); thread.join().unwrap();",
        "kept_by_crash(); fn kept_by_crash() { println!(\"before\"); std::process::abort() }",
        "println!(\"after\");",
    ];
    let notebook = Notebook::new(&cells);
    fs::write(notebook.path("clock.rs"), LIBRARY).expect("written");
    let built = Command::new("rustc")
        .current_dir(notebook.directory.path())
        .args(["--edition=2024", "--crate-type=cdylib", "-Cpanic=abort", "clock.rs", "-o", "libclock.so"])
        .output()
        .expect("rustc runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let mut run = notebook.run();
    run.arg("--allow-errors").env("LD_PRELOAD", notebook.path("libclock.so"));
    let output = run.output().expect("it runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(notebook.printed(0), "true\n", "the clock jumps: {said}");
    let timed = notebook.printed(1);
    assert!(timed.starts_with("slept\n"), "{timed}");
    // As long as it slept or, on a busy machine, some seconds; a jump is months, or negative.
    let wall = timed.lines().find_map(|line| line.strip_prefix("Wall time: ")).expect("the cell is timed");
    let (number, unit) = wall.split_once(' ').expect("a number and its unit");
    let number: f64 = number.parse().unwrap_or_else(|_| panic!("{wall}"));
    assert!(unit == "ms" && number >= 20.0 || unit == "s" && number > 0.0, "{wall}");
    assert_eq!((notebook.printed(2).as_str(), notebook.printed(3).as_str()), ("before\n", "after\n"));
    let executed = notebook.executed();
    let stamps: Vec<&str> = executed["cells"].as_array().expect("cells").iter().flat_map(stamps).collect();
    assert!(stamps.len() >= 8 && stamps.is_sorted(), "{stamps:?}");
}

/// From the first to the last that a cell has.
fn stamps(cell: &serde_json::Value) -> Vec<&str> {
    let execution = &cell["metadata"]["execution"];
    let names = ["iopub.execute_input", "shell.execute_reply"];
    names.iter().map(|name| execution[name].as_str().expect("a stamp")).collect()
}
