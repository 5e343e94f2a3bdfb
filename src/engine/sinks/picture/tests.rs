//! Tests of the picture, from a trace to its SVG and its text.

use std::time::Duration;

use super::*;
use crate::engine::sinks::trace::{Life, Mark, Wait};
use crate::events::{Awaited, CellId, LaneId, LaneKind, Stream};

fn ms(at: u64) -> Duration {
    Duration::from_millis(at)
}

fn life(kind: LaneKind, name: &str, born: u64, ended: Option<u64>) -> Life {
    let parent = Some(LaneId::MAIN);
    Life { kind, name: name.into(), parent, cell: CellId(1), born: ms(born), started: None, ended: ended.map(ms) }
}

/// The trace of a cell with a thread and a pool's worker with a task, and with a print in each.
fn trace() -> Trace {
    let mut trace = Trace::default();
    trace.begin(CellId(1), ms(100));
    trace.ended = Some(ms(200));
    let mut main = life(LaneKind::Thread, "MainThread", 0, None);
    main.parent = None;
    let mut task = life(LaneKind::Task, "work", 120, Some(180));
    task.started = Some((ms(130), LaneId(3)));
    trace.lanes = [
        (LaneId(1), main),
        (LaneId(2), life(LaneKind::Thread, "Thread-<1>", 110, Some(150))),
        (LaneId(3), life(LaneKind::Thread, "Pool-0_0", 120, None)),
        (LaneId(4), task),
    ]
    .into();
    trace.joins = vec![(LaneId(1), LaneId(2), ms(160))];
    for (lane, at, text) in [(2, 120, "a & b\u{7}"), (4, 150, "in the task")] {
        let (lane, stream, text) = (LaneId(lane), Stream::Stdout, text.to_string());
        trace.marks.push(Mark { lane, at: ms(at), stream, text });
    }
    trace.printed = 2;
    trace
}

fn drawn(trace: &Trace, mime: &str) -> String {
    draw(trace).expect("a cell")[mime].as_str().expect("text").to_string()
}

#[test]
fn a_task_is_a_block_on_its_thread() {
    let trace = trace();
    let picture = Picture::new(&trace).expect("a cell");
    assert_eq!(picture.title, "In[1]: 3 lanes, 1 task, 100 ms");
    assert_eq!(picture.rows.iter().map(|row| row.marks.len()).collect::<Vec<_>>(), [0, 1, 1]);
    assert_eq!(picture.rows[2].tasks, [("work", ms(130), ms(180))]);
    assert_eq!(picture.spawns, [(0, 1, ms(110)), (0, 2, ms(120))]);
    assert_eq!(picture.joins, [(0, 1, ms(160))]);
}

#[test]
fn the_drawing_is_the_same_each_time_and_whole() {
    let svg = drawn(&trace(), "image/svg+xml");
    assert_eq!(svg, drawn(&trace(), "image/svg+xml"));
    assert!(svg.contains("Thread-&lt;1&gt;") && svg.contains("20 ms: a &amp; b <"), "{svg}");
    assert!(svg.contains("prefers-color-scheme:dark") && !svg.contains(" id="));
}

#[test]
fn a_thread_of_a_moment_is_wide_enough_to_see_its_start_and_its_join() {
    let mut trace = trace();
    trace.lanes.get_mut(&LaneId(2)).expect("a thread").ended = Some(ms(110));
    trace.joins = vec![(LaneId(1), LaneId(2), ms(110))];
    let svg = drawn(&trace, "image/svg+xml");
    // 10 of 100 ms are 75 of the 750 units to the right of `LEFT`, which is 190.
    assert!(svg.contains("x=\"265.0\" y=\"105.0\" width=\"10.0\""), "{svg}");
    assert!(svg.contains("d=\"M267.0 ") && svg.contains("stroke-dasharray=\"2 3\" d=\"M273.0 "), "{svg}");
}

#[test]
fn no_name_and_no_print_becomes_markup() {
    let mut trace = trace();
    let hostile = "</title><script>\"'&\u{1b}]0;x\u{7}\u{0}\u{ffff}\n";
    trace.lanes.values_mut().for_each(|life| life.name = hostile.into());
    trace.marks.iter_mut().for_each(|mark| mark.text = hostile.into());
    let svg = drawn(&trace, "image/svg+xml");
    assert!(!svg.contains("<script") && svg.contains("&lt;/title&gt;&lt;script&gt;"));
    assert!(!svg.contains(|c: char| c.is_control() && c != '\n' || c == '\u{ffff}'), "{svg}");
    let text = drawn(&trace, "text/plain");
    assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    assert_eq!(text.lines().count(), 5, "a name is one line: {text}");
}

#[test]
fn the_text_form_has_a_line_for_each_lane() {
    let text = drawn(&trace(), "text/plain");
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 5, "{text}");
    assert!(lines[2].starts_with("Thread-<1> \u{2502}      \u{2500}") && lines[2].contains('\u{25cf}'), "{text}");
    assert!(lines[3].contains('\u{2501}'), "{text}");
}

#[test]
fn a_wait_is_hatched_and_says_for_what() {
    let mut trace = trace();
    let wait = |lane, what, from, to| Wait { lane: LaneId(lane), what, from: ms(from), to };
    trace.waits = vec![
        wait(2, Awaited::Lock, 115, Some(ms(145))),
        // A wait in the task that is not over when the cell has ended.
        wait(4, Awaited::Condition, 140, None),
        // A wait that belongs to another cell and began before this cell.
        wait(1, Awaited::Event, 50, Some(ms(110))),
        wait(77, Awaited::Event, 120, Some(ms(130))),
    ];
    trace.waited = 4;
    let picture = Picture::new(&trace).expect("a cell");
    assert_eq!(picture.rows[0].waits, [(Awaited::Event, ms(100), ms(110))]);
    assert_eq!(picture.rows[1].waits, [(Awaited::Lock, ms(115), ms(145))]);
    assert_eq!(picture.rows[2].waits, [(Awaited::Condition, ms(140), ms(200))]);
    let svg = drawn(&trace, "image/svg+xml");
    assert!(
        svg.contains("<title>waits for a Lock for 30 ms</title>") && !svg.contains(" waits are shown"),
        "{svg}"
    );
    let text = drawn(&trace, "text/plain");
    let row = text.lines().nth(2).expect("a row");
    assert!(row.contains("\u{2500}\u{2504}\u{2504}") && row.contains("\u{2504}\u{2500}"), "{text}");
    trace.waits =
        (0..1000).map(|n| wait(1, Awaited::Lock, 110, Some(ms(110) + Duration::from_micros(n)))).collect();
    trace.waited = 1200;
    let picture = Picture::new(&trace).expect("a cell");
    assert!(picture.title.ends_with("; the longest 500 of 1200 waits are shown"), "{}", picture.title);
    assert!(picture.rows[0].waits.iter().all(|(_, from, to)| *to - *from >= Duration::from_micros(500)));
}

#[test]
fn too_much_is_sampled_and_said() {
    let mut trace = trace();
    for at in 0..3000 {
        let at = ms(100) + Duration::from_micros(at * 30);
        trace.marks.push(Mark { lane: LaneId(1), at, stream: Stream::Stderr, text: String::new() });
    }
    trace.printed = 3002;
    let svg = drawn(&trace, "image/svg+xml");
    assert!(svg.contains("429 of 3002 prints are shown"), "{}", &svg[..600]);
}

#[test]
fn nothing_has_run_yet() {
    assert!(draw(&Trace::default()).is_none());
}
