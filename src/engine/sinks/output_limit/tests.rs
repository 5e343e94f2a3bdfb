//! Tests of the limit: what the front end is given, and what is in the file.

use super::*;
use crate::events::{Failure, LaneId};
use std::time::Duration;

/// A session's output behind a limit, and everything that the front end was given.
struct Bench {
    shared: Shared,
    given: Arc<Mutex<Vec<Event>>>,
}

struct Front(Arc<Mutex<Vec<Event>>>);

impl Sink for Front {
    fn event(&mut self, event: Event) {
        self.0.lock().expect("no panic").push(event);
    }
}

fn origin(cell: u32, lane: u32) -> Origin {
    Origin { cell: CellId(cell), running: None, lane: LaneId(lane), pid: 1, tid: 1, at: Duration::ZERO }
}

impl Bench {
    fn new(limit: u64) -> Bench {
        let given = Arc::default();
        Bench { shared: Shared::new(Some(limit), Box::new(Front(Arc::clone(&given)))), given }
    }

    fn print(&mut self, lane: u32, text: &str) {
        self.shared.event(Event::Text { origin: origin(1, lane), stream: Stream::Stdout, text: text.into() });
    }

    fn display(&mut self, text: &str) {
        let data = serde_json::json!({"text/plain": text}).as_object().expect("a map").clone();
        let metadata = Default::default();
        self.shared.event(Event::Display { origin: origin(1, 1), data, metadata, id: None, update: false });
    }

    /// The output that the front end was given since the last call. Notices stand in angle brackets, with `PATH` in
    /// place of the path that they name.
    fn given(&self) -> String {
        let given = std::mem::take(&mut *self.given.lock().expect("no panic"));
        let one = |event: &Event| match event {
            Event::Text { text, .. } => text.clone(),
            Event::Display { .. } => "[display]".into(),
            Event::Clear { .. } => "[clear]".into(),
            Event::Failed { .. } => "[failed]".into(),
            Event::Warning { rendered, .. } => format!("<{rendered}>"),
            other => panic!("{other:?}"),
        };
        given.iter().map(one).collect()
    }

    /// The text of the file that this output names. Removes the file.
    fn file(given: &str) -> String {
        let path = given.split('`').nth(1).expect("a path");
        let text = std::fs::read_to_string(path).expect("is read");
        std::fs::remove_file(path).expect("is removed");
        text
    }
}

#[test]
fn what_fits_passes_as_it_is() {
    let mut bench = Bench::new(10);
    bench.print(1, "12345");
    bench.print(1, "67890");
    bench.shared.end(CellId(1));
    assert_eq!(bench.given(), "1234567890");
}

#[test]
fn the_beginning_and_the_end_are_shown_and_the_file_has_all() {
    let mut bench = Bench::new(8);
    let mut all = String::new();
    for n in 0..100_000 {
        let text = format!("{n}\n");
        bench.print(1 + n % 2, &text);
        all += &text;
    }
    let live = bench.given();
    let head = "0\n1\n2\n3\n<threadbook: this cell has shown 8 bytes; its full text is in `";
    assert!(live.starts_with(head), "{live}");
    bench.shared.end(CellId(1));
    let left_out = all.len() - "0\n1\n2\n3\n".len() - "99999\n".len();
    assert_eq!(bench.given(), format!("<threadbook: {left_out} bytes are left out here\n>99999\n"));
    assert!(Bench::file(&live) == all);
}

#[test]
fn the_end_is_bounded_and_cut_between_characters() {
    let mut bench = Bench::new(1 << 20);
    bench.print(1, &"\u{20ac}".repeat(1 << 20));
    bench.print(2, "end");
    bench.shared.event(Event::Failed {
        cell: CellId(1),
        failure: Failure { ename: String::new(), evalue: String::new(), traceback: Vec::new() },
    });
    let given = bench.given();
    let (head, rest) = given.split_once('<').expect("a notice");
    let tail =
        rest.rsplit_once('>').expect("a notice").1.strip_suffix("end[failed]").expect("its end, then the error");
    assert!(head.chars().chain(tail.chars()).all(|c| c == '\u{20ac}'));
    assert!(((1 << 20) - 2..=1 << 20).contains(&head.len()), "{}", head.len());
    assert!((TAIL - 5..=TAIL - 3).contains(&tail.len()), "{}", tail.len());
    Bench::file(&given);
}

#[test]
fn what_is_only_a_little_too_much_is_shown_whole() {
    let mut bench = Bench::new(4);
    bench.print(1, "abcdefgh");
    bench.shared.end(CellId(1));
    let given = bench.given();
    assert!(given.starts_with("abcd<") && given.ends_with(">efgh") && !given.contains("left out"), "{given}");
    assert_eq!(Bench::file(&given), "abcdefgh");
}

#[test]
fn displays_count_and_those_that_are_left_out_are_said() {
    let mut bench = Bench::new(100);
    bench.display(&"x".repeat(100));
    bench.display("y");
    bench.display("z");
    bench.shared.end(CellId(1));
    let given = bench.given();
    assert!(given.starts_with("[display]<threadbook: this cell has shown 100 bytes"), "{given}");
    assert!(given.ends_with("<threadbook: 0 bytes and 2 displays are left out here\n>"), "{given}");
    Bench::file(&given);
}

#[test]
fn what_is_cleared_counts_no_longer() {
    let mut bench = Bench::new(4);
    for wait in [false, true, true] {
        bench.print(1, "abcdefgh");
        let given = bench.given();
        let path = given.split('`').nth(1).expect("a path");
        bench.shared.event(Event::Clear { origin: origin(1, 1), wait });
        assert_eq!(std::path::Path::new(path).exists(), wait, "with `wait` it is still to be seen");
        bench.print(1, "new");
        assert!(!std::path::Path::new(path).exists(), "nothing names it any more");
        assert_eq!(bench.given(), "[clear]new");
        bench.shared.event(Event::Clear { origin: origin(1, 1), wait: false });
        bench.given();
    }
}

#[test]
fn what_threads_print_after_the_cell_is_in_a_file_too() {
    let mut bench = Bench::new(6);
    bench.print(1, "ab\n");
    bench.shared.end(CellId(1));
    bench.print(2, "cd\nef\n");
    bench.print(2, "gh\n");
    let given = bench.given();
    assert!(
        given.starts_with("ab\ncd\n<threadbook: this cell has shown 6 bytes; what comes now is in `"),
        "{given}"
    );
    assert!(given.ends_with(")\n>"), "{given}");
    assert_eq!(Bench::file(&given), "ef\ngh\n");
}

#[test]
fn cells_that_have_ended_keep_no_file_open() {
    let mut bench = Bench::new(4);
    bench.print(1, "abcdefgh\n");
    bench.shared.end(CellId(1));
    let given = bench.given();
    let path = given.split('`').nth(1).expect("a path").to_owned();
    let open = std::fs::read_dir("/proc/self/fd").expect("read").flatten();
    assert!(open.filter_map(|fd| std::fs::read_link(fd.path()).ok()).all(|file| file.as_os_str() != path.as_str()));
    bench.print(2, "late\n");
    bench.shared.end(CellId(1));
    assert_eq!(bench.given(), "", "what comes after the end of such a cell is in its file only");
    assert_eq!(Bench::file(&given), "abcdefgh\nlate\n");
}
