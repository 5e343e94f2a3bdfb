//! What was run, in this session and in earlier ones: one line of JSON for each cell, in a file that kernels share.
//! Owns that file.
//!
//! A session's number is the place of its first line among those of all sessions, so that kernels that start at once
//! need no lock: appending is atomic. Nothing here stops a kernel: without a file, history is of this session only.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::flag;
use super::log;
use super::message::to_hex;
use crate::sys::{dirs, private_files};

/// A file of more is cut to its newer half.
const LARGEST: u64 = 16 << 20;

/// More of a result is not kept.
const OUTPUT: usize = 4 << 10;

pub(super) struct History {
    path: Option<PathBuf>,
    /// Nothing is read or written before the first cell or request.
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
    /// So many sessions began in what was cut off.
    Cut {
        cut: u64,
    },
}

impl History {
    /// In `$THREADBOOK_DATA`, or `threadbook` in the user's data directory.
    pub(super) fn open() -> History {
        let directory = dirs::variable("THREADBOOK_DATA").or_else(|| Some(dirs::data()?.join("threadbook")));
        History::at(directory.map(|directory| directory.join("history.jsonl")))
    }

    fn at(path: Option<PathBuf>) -> History {
        History { path, session: None, rows: Vec::new() }
    }

    pub(super) fn add(&mut self, line: u32, source: &str, output: Option<&str>) {
        let session = self.session();
        let output = output.map(|output| output.chars().take(OUTPUT).collect());
        let row = Row { session, line, source: source.to_string(), output };
        self.append(&Line::Row(row.clone()));
        self.rows.push(row);
    }

    /// The reply to a `history_request`.
    pub(super) fn answer(&mut self, content: &Value) -> Value {
        let session = self.session();
        let n = content["n"].as_u64().map(|n| n as usize);
        let found: Vec<&Row> = match content["hist_access_type"].as_str().unwrap_or("tail") {
            "range" => self.range(content, session),
            "search" => last(self.search(content), n),
            _ => last(self.rows.iter().collect(), n),
        };
        let with_output = flag(content, "output");
        let tell = |row: &&Row| match with_output {
            true => json!([row.session, row.line, [row.source, row.output]]),
            false => json!([row.session, row.line, row.source]),
        };
        json!({"status": "ok", "history": found.iter().map(tell).collect::<Vec<_>>()})
    }

    /// Session 0 is this one, -1 the one before.
    fn range(&self, content: &Value, own: u64) -> Vec<&Row> {
        let asked = content["session"].as_i64().unwrap_or(0);
        let session = if asked <= 0 { own.saturating_add_signed(asked) } else { asked as u64 };
        let start = content["start"].as_u64().unwrap_or(1);
        let stop = content["stop"].as_u64().unwrap_or(u64::MAX);
        let inside = |row: &&Row| row.session == session && (start..stop).contains(&u64::from(row.line));
        self.rows.iter().filter(inside).collect()
    }

    fn search(&self, content: &Value) -> Vec<&Row> {
        let pattern: Vec<char> = content["pattern"].as_str().unwrap_or("*").chars().collect();
        let matching = |row: &&Row| glob(&pattern, &row.source.chars().collect::<Vec<_>>());
        let mut found: Vec<&Row> = self.rows.iter().filter(matching).collect();
        if flag(content, "unique") {
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
        if fs::metadata(&path).is_ok_and(|about| about.len() > LARGEST) {
            cut(&path)?;
        }
        let mut id = [0; 16];
        io::Read::read_exact(&mut File::open("/dev/urandom")?, &mut id)?;
        let id = to_hex(&id);
        append(&path, &Line::Start { start: id.clone() })?;
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
        own.ok_or_else(|| io::Error::other("another kernel has cut the file"))
    }

    fn append(&mut self, line: &Line) {
        let Some(path) = &self.path else { return };
        if let Err(error) = append(path, line) {
            log(format_args!("history is not kept from here on: {error}"));
            self.path = None;
        }
    }
}

fn last(rows: Vec<&Row>, n: Option<usize>) -> Vec<&Row> {
    let skipped = n.map_or(0, |n| rows.len().saturating_sub(n));
    rows.into_iter().skip(skipped).collect()
}

/// Lines that cannot be read (torn by a full disk, of a later version) are passed over.
fn lines(bytes: &[u8]) -> impl Iterator<Item = Line> {
    bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok())
}

fn append(path: &Path, line: &Line) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    // One write: lines of several kernels do not mix. Cells may hold secrets, so the file is its user's only.
    private_files::append(path)?.write_all(&bytes)
}

/// Keeps the newer half.
fn cut(path: &Path) -> io::Result<()> {
    let bytes = private_files::read(path)?;
    let middle = bytes.len() / 2;
    let end = bytes[middle..].iter().position(|byte| *byte == b'\n').map_or(bytes.len(), |at| middle + at + 1);
    let began = |line: Line| match line {
        Line::Start { .. } => 1,
        Line::Cut { cut } => cut,
        Line::Row(_) => 0,
    };
    let gone: u64 = lines(&bytes[..end]).map(began).sum();
    let directory = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    serde_json::to_writer(&mut file, &Line::Cut { cut: gone })?;
    file.write_all(b"\n")?;
    file.write_all(&bytes[end..])?;
    file.persist(path)?;
    Ok(())
}

/// SQLite's GLOB, as IPython searches: `*`, `?`, `[a-z]`, `[^a]`.
fn glob(pattern: &[char], text: &[char]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where the last `*` stands, and how much text it takes.
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

/// How much of the pattern the character takes, if it fits.
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
