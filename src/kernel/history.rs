//! Which cells were run, in this session and in earlier ones: one line of JSON for each cell, in a file that kernels
//! share. Owns that file and the lock beside it, which every kernel holds while it changes the file.
//!
//! A session's number is the place of its first line among the first lines of all sessions. Nothing here stops a kernel:
//! without a file, history is of this session only.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::log::log;
use super::protocol::ask::{HistoryAccess, HistoryEntry, HistoryReply, HistoryRequest};
use crate::hex;
use crate::sys::{dirs, private_files};

/// Bytes of the file. A session that finds more at its beginning removes the older half.
const LARGEST: u64 = 16 << 20;

/// Characters of a result. The rest is not kept.
const OUTPUT: usize = 4 << 10;

pub(super) struct History {
    /// `None` if history is of this session only.
    path: Option<PathBuf>,
    /// This session's number. `None` before the first cell or request: the file has not been read yet.
    session: Option<u64>,
    rows: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Row {
    session: u64,
    line: u32,
    source: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    output: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Line {
    Row(Row),
    /// A session begins.
    Start {
        start: String,
    },
    /// The number of sessions that began in the part that was cut off.
    Cut {
        cut: u64,
    },
}

impl History {
    /// The history in `$THREADBOOK_DATA`, or in `threadbook` in the user's data directory.
    pub(super) fn open() -> History {
        let directory = dirs::variable("THREADBOOK_DATA").or_else(|| Some(dirs::data()?.join("threadbook")));
        History::at(directory.map(|directory| directory.join("history.jsonl")))
    }

    pub(super) fn at(path: Option<PathBuf>) -> History {
        History { path, session: None, rows: Vec::new() }
    }

    pub(super) fn add(&mut self, line: u32, source: &str, output: Option<&str>) {
        let session = self.session();
        let output = output.map(|output| output.chars().take(OUTPUT).collect());
        let row = Row { session, line, source: source.to_string(), output };
        self.append(&Line::Row(row.clone()));
        self.rows.push(row);
    }

    /// <https://jupyter-client.readthedocs.io/en/stable/messaging.html#history>
    pub(super) fn reply(&mut self, request: &HistoryRequest) -> HistoryReply {
        let own = self.session();
        let found: Vec<&Row> = match request.hist_access_type {
            HistoryAccess::Range => self.range(request, own),
            HistoryAccess::Search => last(self.search(request), request.n),
            HistoryAccess::Tail => last(self.rows.iter().collect(), request.n),
        };
        let entry = |row: &Row| match request.output {
            true => HistoryEntry::WithOutput(row.source.clone(), row.output.clone()),
            false => HistoryEntry::Source(row.source.clone()),
        };
        HistoryReply { history: found.into_iter().map(|row| (row.session, row.line, entry(row))).collect() }
    }

    fn range(&self, request: &HistoryRequest, own: u64) -> Vec<&Row> {
        let HistoryRequest { session, start, stop, .. } = *request;
        let session = if session <= 0 { own.saturating_add_signed(session) } else { session.unsigned_abs() };
        let is_asked = |line: i64| line >= start && stop.is_none_or(|stop| line < stop);
        self.rows.iter().filter(|row| row.session == session && is_asked(row.line.into())).collect()
    }

    fn search(&self, request: &HistoryRequest) -> Vec<&Row> {
        let pattern: Vec<char> = request.pattern.chars().collect();
        let is_matching = |row: &&Row| glob(&pattern, &row.source.chars().collect::<Vec<_>>());
        let mut found: Vec<&Row> = self.rows.iter().filter(is_matching).collect();
        if request.unique {
            let mut seen = std::collections::HashSet::new();
            found.reverse();
            found.retain(|row| seen.insert(&row.source));
            found.reverse();
        }
        found
    }

    /// The number of this session; reads the file at the first call.
    fn session(&mut self) -> u64 {
        if let Some(session) = self.session {
            return session;
        }
        let session = self.begin().unwrap_or_else(|error| {
            log(format_args!(
                "history is not kept: {error}; set THREADBOOK_DATA to a directory that only you can write to"
            ));
            self.path = None;
            1
        });
        self.session = Some(session);
        session
    }

    fn begin(&mut self) -> io::Result<u64> {
        let Some(path) = self.path.clone() else { return Ok(1) };
        if let Some(directory) = path.parent() {
            private_files::directory(directory)?;
        }
        let mut id = [0; 16];
        io::Read::read_exact(&mut File::open("/dev/urandom")?, &mut id)?;
        let id = hex::encode(&id);
        let locked = Locked::wait(&path)?;
        locked.cut_beyond(LARGEST)?;
        locked.append(&Line::Start { start: id.clone() })?;
        let (mut session, mut own) = (0, None);
        for line in lines(&private_files::read(&path)?) {
            match line {
                Line::Row(row) => self.rows.push(row),
                Line::Cut { cut } => session += cut,
                Line::Start { start } => {
                    session += 1;
                    own = own.or((start == id).then_some(session));
                }
            }
        }
        own.ok_or_else(|| io::Error::other("the line that was written is not in the file"))
    }

    fn append(&mut self, line: &Line) {
        let Some(path) = &self.path else { return };
        if let Err(error) = Locked::wait(path).and_then(|locked| locked.append(line)) {
            log(format_args!("history is not kept from here on: {error}"));
            self.path = None;
        }
    }
}

/// The history's file, while no other kernel changes it. The lock is on a file of its own, since the history's file is
/// replaced when it is cut.
struct Locked<'a> {
    path: &'a Path,
    /// Unlocked when it is closed (<https://man7.org/linux/man-pages/man2/flock.2.html>).
    _lock: File,
}

impl Locked<'_> {
    fn wait(path: &Path) -> io::Result<Locked<'_>> {
        let lock = private_files::append(&path.with_extension("lock"))?;
        lock.lock()?;
        Ok(Locked { path, _lock: lock })
    }

    fn append(&self, line: &Line) -> io::Result<()> {
        let mut bytes = serde_json::to_vec(line)?;
        bytes.push(b'\n');
        // Cells may hold secrets, so the file is its user's only.
        private_files::append(self.path)?.write_all(&bytes)
    }

    /// Removes the older half of a file of more bytes than `largest`.
    fn cut_beyond(&self, largest: u64) -> io::Result<()> {
        match fs::metadata(self.path) {
            Ok(about) if about.len() > largest => self.cut(),
            _ => Ok(()),
        }
    }

    fn cut(&self) -> io::Result<()> {
        let bytes = private_files::read(self.path)?;
        let middle = bytes.len() / 2;
        let end = bytes[middle..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| middle + at + 1);
        let began = |line: Line| match line {
            Line::Start { .. } => 1,
            Line::Cut { cut } => cut,
            Line::Row(_) => 0,
        };
        let gone: u64 = lines(&bytes[..end]).map(began).sum();
        let directory = self.path.parent().unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        serde_json::to_writer(&mut file, &Line::Cut { cut: gone })?;
        file.write_all(b"\n")?;
        file.write_all(&bytes[end..])?;
        file.persist(self.path)?;
        Ok(())
    }
}

fn last(rows: Vec<&Row>, n: Option<usize>) -> Vec<&Row> {
    let skipped = n.map_or(0, |n| rows.len().saturating_sub(n));
    rows.into_iter().skip(skipped).collect()
}

/// The lines of a file. Those that cannot be read (torn by a full disk, of a later version) are passed over.
fn lines(bytes: &[u8]) -> impl Iterator<Item = Line> {
    bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok())
}

/// Whether the text matches a pattern of SQLite's GLOB, as IPython searches: `*`, `?`, `[a-z]`, `[^a]`
/// (<https://www.sqlite.org/lang_expr.html#glob>).
fn glob(pattern: &[char], text: &[char]) -> bool {
    let (mut p, mut t) = (0, 0);
    // The place of the last `*`, and the end of the text that it takes.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&'*') {
            star = Some((p, t));
            p += 1;
        } else if let Some(length) = one(&pattern[p..], text[t]) {
            (p, t) = (p + length, t + 1);
        } else if let Some((at, taken)) = star {
            star = Some((at, taken + 1));
            (p, t) = (at + 1, taken + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// The length of the pattern's first element. `None` if the character does not match it.
fn one(pattern: &[char], c: char) -> Option<usize> {
    match pattern.first()? {
        '?' => Some(1),
        '[' => {
            let end = 2 + pattern.iter().skip(2).position(|c| *c == ']')?;
            let negated = pattern[1] == '^';
            let class = &pattern[if negated { 2 } else { 1 }..end];
            let inside = class.contains(&c) || class.windows(3).any(|w| w[1] == '-' && (w[0]..=w[2]).contains(&c));
            (inside != negated).then_some(end + 1)
        }
        other => (*other == c).then_some(1),
    }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
