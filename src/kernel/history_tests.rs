use super::super::protocol::content::{Content, Incoming};
use super::*;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};

fn bench() -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("data/history.jsonl");
    (directory, path)
}

fn open(path: &Path) -> History {
    History::at(Some(path.to_path_buf()))
}

fn asked(history: &mut History, content: Value) -> Value {
    let request = HistoryRequest::read(content.as_object().expect("an object").clone()).expect("a request");
    history.reply(&request).to_value()["history"].take()
}

#[test]
fn tail_range_and_search_find_their_rows() {
    let (_directory, path) = bench();
    let mut history = open(&path);
    for (line, source) in [(1, "let a = 1;"), (2, "a + 1"), (3, "a + 1")] {
        history.add(line, source, (line > 1).then_some("2"));
    }
    let tail = asked(&mut history, json!({"hist_access_type": "tail", "n": 2, "output": false}));
    assert_eq!(tail, json!([[1, 2, "a + 1"], [1, 3, "a + 1"]]));
    let tail = asked(&mut history, json!({"hist_access_type": "tail", "n": 1, "output": true}));
    assert_eq!(tail, json!([[1, 3, ["a + 1", "2"]]]));
    let range = asked(&mut history, json!({"hist_access_type": "range", "session": 0, "start": 1, "stop": 3}));
    assert_eq!(range, json!([[1, 1, "let a = 1;"], [1, 2, "a + 1"]]));
    let search = json!({"hist_access_type": "search", "pattern": "a*", "unique": true});
    assert_eq!(asked(&mut history, search), json!([[1, 3, "a + 1"]]));
    let search = json!({"hist_access_type": "search", "pattern": "*a*", "n": 1});
    assert_eq!(asked(&mut history, search), json!([[1, 3, "a + 1"]]));
}

#[test]
fn later_sessions_see_earlier_ones() {
    let (_directory, path) = bench();
    open(&path).add(1, "first", None);
    let mut second = open(&path);
    second.add(1, "second", None);
    let tail = asked(&mut second, json!({"hist_access_type": "tail"}));
    assert_eq!(tail, json!([[1, 1, "first"], [2, 1, "second"]]));
    let before = asked(&mut second, json!({"hist_access_type": "range", "session": -1}));
    assert_eq!(before, json!([[1, 1, "first"]]));
}

#[test]
fn history_is_for_its_user_only() {
    use std::os::unix::fs::{PermissionsExt, symlink};
    let (directory, path) = bench();
    let data = path.parent().expect("a directory");
    open(&path).add(1, "secret", None);
    let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!((mode(data), mode(&path)), (0o700, 0o600));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).expect("ours");
    open(&path).add(1, "another", None);
    assert_eq!(mode(&path), 0o600, "an old file as well");
    // Not written through a link, and not where others may write; the session has its own history all the same.
    let elsewhere = directory.path().join("elsewhere");
    fs::rename(&path, &elsewhere).expect("moved");
    symlink(&elsewhere, &path).expect("made");
    let before = fs::read(&elsewhere).expect("read");
    let mut linked = open(&path);
    linked.add(1, "third", None);
    assert_eq!(asked(&mut linked, json!({"hist_access_type": "tail"})), json!([[1, 1, "third"]]));
    assert_eq!(fs::read(&elsewhere).expect("read"), before);
    fs::remove_file(&path).expect("removed");
    fs::set_permissions(data, fs::Permissions::from_mode(0o777)).expect("ours");
    open(&path).add(1, "fourth", None);
    assert!(!path.exists());
}

#[test]
fn torn_lines_are_passed_over() {
    let (_directory, path) = bench();
    open(&path).add(1, "first", None);
    let mut bytes = fs::read(&path).expect("read");
    bytes.extend(b"{\"session\": 1, \"li\n");
    fs::write(&path, bytes).expect("written");
    assert_eq!(asked(&mut open(&path), json!({})), json!([[1, 1, "first"]]));
}

#[test]
fn a_file_that_is_cut_keeps_its_sessions_numbers() {
    let (_directory, path) = bench();
    for n in 1..=10 {
        open(&path).add(1, &format!("cell {n}"), None);
    }
    Locked::wait(&path).and_then(|locked| locked.cut()).expect("cut");
    let mut next = open(&path);
    next.add(1, "new", None);
    let rows = asked(&mut next, json!({}));
    let rows = rows.as_array().expect("rows");
    assert!(rows.len() < 9, "{rows:?}");
    assert_eq!(rows.last(), Some(&json!([11, 1, "new"])));
    assert_eq!(rows[rows.len() - 2], json!([10, 1, "cell 10"]));
}

/// What another kernel writes while one cuts the file must not be lost when the cut file takes its place.
#[test]
fn a_cut_loses_no_line_of_another_kernel() {
    const CUTS: u32 = 2;
    const LARGEST: u64 = 512 << 10;
    let (_directory, path) = bench();
    let mut writer = open(&path);
    writer.add(0, "the first", None);
    let cuts = AtomicU32::new(0);
    let mut last = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while cuts.load(Ordering::SeqCst) < CUTS {
                let before = fs::metadata(&path).expect("there").len();
                Locked::wait(&path).and_then(|locked| locked.cut_beyond(LARGEST)).expect("cut");
                cuts.fetch_add(u32::from(before > LARGEST), Ordering::SeqCst);
            }
        });
        while cuts.load(Ordering::SeqCst) < CUTS {
            last += 1;
            writer.add(last, &"x".repeat(500), None);
        }
    });
    let kept: Vec<u32> = lines(&private_files::read(&path).expect("read"))
        .filter_map(|line| if let Line::Row(row) = line { Some(row.line) } else { None })
        .collect();
    assert!(kept[0] > 1, "the file was cut");
    assert!(kept.iter().copied().eq(kept[0]..=last), "only the oldest rows are gone: {kept:?}");
}

#[test]
fn without_a_place_history_is_of_this_session() {
    let mut history = open(Path::new("/proc/threadbook/history.jsonl"));
    history.add(1, "x", None);
    assert_eq!(asked(&mut history, json!({})), json!([[1, 1, "x"]]));
}

#[test]
fn patterns_match_as_glob_does() {
    let fits =
        |pattern: &str, text: &str| glob(&pattern.chars().collect::<Vec<_>>(), &text.chars().collect::<Vec<_>>());
    for (pattern, text, expected) in [
        ("*", "", true),
        ("a*c", "abbc", true),
        ("a*c", "abbcd", false),
        ("*b*b*", "abab", true),
        ("a?c", "a\u{1f980}c", true),
        ("[a-c]x", "bx", true),
        ("[^a-c]x", "bx", false),
        ("", "a", false),
        ("a", "A", false),
    ] {
        assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
    }
}
