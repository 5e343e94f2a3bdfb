//! What the cache holds, for people and as JSON. Removes nothing.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};

use crate::error::Error;

use crate::engine::build::cache::{Cache, Kind};
use crate::engine::build::eviction::{self, Entry};
use crate::engine::limits::OrOff;

/// What the cache holds, and how much it may take.
#[derive(Clone, Debug, Serialize)]
pub struct CacheUsage {
    /// Where the cache is.
    #[serde(serialize_with = "as_text")]
    pub directory: PathBuf,
    /// The bytes of all files.
    pub bytes: u64,
    /// The bytes that it may take. `None` if there is no limit.
    pub limit: OrOff<u64>,
    /// Each kind of entry.
    pub kinds: Vec<KindUsage>,
}

/// What the cache holds of one kind of entry.
#[derive(Clone, Debug, Serialize)]
pub struct KindUsage {
    /// `cells`, `crates` (each entry is a set of crates that cells asked for), `runtimes`, or `values` (results of checks,
    /// without a library).
    pub kind: &'static str,
    /// How many there are.
    pub entries: usize,
    /// The bytes of their files.
    pub bytes: u64,
    /// When one of them was last used. `None` if there are none.
    #[serde(serialize_with = "in_utc")]
    pub last_used: Option<SystemTime>,
}

/// A path that is no UTF-8 is no error, as in messages.
fn as_text<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    path.to_string_lossy().serialize(serializer)
}

fn in_utc<S: Serializer>(time: &Option<SystemTime>, serializer: S) -> Result<S::Ok, S::Error> {
    time.map(|time| humantime::format_rfc3339_seconds(time).to_string()).serialize(serializer)
}

/// What the cache holds.
pub fn cache_usage() -> Result<CacheUsage, Error> {
    let cache = Cache::open()?;
    let limit = eviction::cache_limit()?;
    let entries =
        eviction::entries(&cache, &BTreeSet::new()).map_err(|error| eviction::unreadable(&cache, error))?;
    let bytes = entries.iter().map(|entry| entry.bytes).sum();
    let kinds = Kind::ALL.map(|kind| usage_of(kind, &entries)).into();
    Ok(CacheUsage { directory: cache.directory().to_path_buf(), bytes, limit, kinds })
}

fn usage_of(kind: Kind, entries: &[Entry]) -> KindUsage {
    let of_kind = || entries.iter().filter(move |entry| entry.kind == kind);
    let named = || of_kind().filter(|entry| entry.key.is_some());
    KindUsage {
        kind: kind.plural(),
        entries: named().count(),
        bytes: of_kind().map(|entry| entry.bytes).sum(),
        last_used: named().map(|entry| entry.used).max(),
    }
}

impl CacheUsage {
    /// The same as an object on several lines. Its keys are the names of the fields.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("numbers and text")
    }
}

impl fmt::Display for CacheUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = self.limit.map_or("without limit".to_string(), |limit| format!("limit {}", human_size(limit)));
        writeln!(f, "{}: {}, {limit}", self.directory.display(), human_size(self.bytes))?;
        write!(f, "{:<10}{:>8}{:>14}  last used", "", "entries", "size")?;
        let now = SystemTime::now();
        for KindUsage { kind, entries, bytes, last_used } in &self.kinds {
            let used = last_used.map_or("never".into(), |used| ago(now.duration_since(used).unwrap_or_default()));
            write!(f, "\n{kind:<10}{entries:>8}{:>14}  {used}", human_size(*bytes))?;
        }
        Ok(())
    }
}

/// `3 hours ago`
fn ago(time: Duration) -> String {
    const UNITS: [(&str, u64); 3] = [("day", 24 * 60 * 60), ("hour", 60 * 60), ("minute", 60)];
    let largest = UNITS.iter().find(|(_, seconds)| time.as_secs() >= *seconds);
    let Some((unit, seconds)) = largest else { return "just now".into() };
    let number = time.as_secs() / seconds;
    format!("{number} {unit}{} ago", if number == 1 { "" } else { "s" })
}

/// `1.5 GiB`
pub fn human_size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut size = bytes as f64 / 1024.0;
    let mut unit = 0;
    if bytes < 1024 {
        return format!("{bytes} bytes");
    }
    while size >= 1024.0 && unit + 1 < UNITS.len() {
        size /= 1024.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_for_people() {
        let check = |bytes, text: &str| assert_eq!(human_size(bytes), text);
        check(1023, "1023 bytes");
        check(1536, "1.5 KiB");
        check(2 << 30, "2.0 GiB");
    }

    #[test]
    fn times_are_for_people() {
        let check = |seconds, text: &str| assert_eq!(ago(Duration::from_secs(seconds)), text);
        check(59, "just now");
        check(60, "1 minute ago");
        check(7_300, "2 hours ago");
        check(3 * 24 * 60 * 60, "3 days ago");
    }
}
