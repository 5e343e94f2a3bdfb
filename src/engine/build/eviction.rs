//! Keeps the cache below a size: what was not used for longest is removed first, and never what a living session uses.
//! Crates of `:dep` count as one entry, for Cargo builds them in one directory.
//!
//! Runs once at the start of a session, off its way, and for `threadbook cache`.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::error::{Error, ExitCode};

use crate::engine::build::cache::{self, Cache};
use crate::engine::limits::{Limits, OrOff};

/// Bytes that the cache may take if the variable sets nothing else. Beyond, entries are removed at the start of a session.
const DEFAULT_SIZE: u64 = 2 << 30;

const SIZE_VARIABLE: &str = "THREADBOOK_CACHE_SIZE";

/// What the cache takes, and may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheUsage {
    /// Where it is.
    pub directory: PathBuf,
    /// How many libraries and sets of crates it has.
    pub entries: usize,
    /// The bytes of all its files.
    pub bytes: u64,
    /// The bytes that it may take; none if there is no limit.
    pub limit: OrOff<u64>,
}

/// A library with its note, a value without a library, the crates of `:dep`, or what a killed session left half written.
struct Entry {
    key: String,
    paths: Vec<PathBuf>,
    bytes: u64,
    /// When it was last used.
    used: SystemTime,
}

/// The size that the environment sets.
pub(super) fn limit() -> Result<OrOff<u64>, Error> {
    let Some(text) = std::env::var_os(SIZE_VARIABLE) else { return Ok(Some(DEFAULT_SIZE)) };
    Limits::read_size(&text.to_string_lossy()).map_err(|advice| {
        let what = format!("{SIZE_VARIABLE} is `{}`", text.to_string_lossy());
        Error::new(ExitCode::Usage, what).advise(advice)
    })
}

/// Removes what is beyond the limit, in a thread of its own: nobody waits for it. What fails is tried again by the next
/// session.
pub(super) fn start(cache: &Cache, limit: OrOff<u64>) {
    let (Some(limit), cache) = (limit, cache.clone()) else { return };
    let work = move || drop(shrink(&cache, limit));
    // Without a thread the next session does it.
    let _ = std::thread::Builder::new().name("cache".into()).spawn(work);
}

/// What the cache takes.
pub fn cache_usage() -> Result<CacheUsage, Error> {
    let cache = Cache::open()?;
    let limit = limit()?;
    let entries = entries(&cache).map_err(|error| unreadable(&cache, error))?;
    let bytes = entries.iter().map(|entry| entry.bytes).sum();
    Ok(CacheUsage { directory: cache.directory().to_path_buf(), entries: entries.len(), bytes, limit })
}

/// Removes everything that no living session uses, and returns how many bytes that freed.
pub fn clean_cache() -> Result<u64, Error> {
    let cache = Cache::open()?;
    shrink(&cache, 0).map_err(|error| unreadable(&cache, error))
}

fn unreadable(cache: &Cache, error: io::Error) -> Error {
    Error::new(ExitCode::Environment, format!("failed to go through the cache `{}`", cache.directory().display()))
        .because(error)
}

impl fmt::Display for CacheUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let CacheUsage { directory, entries, bytes, limit } = self;
        let limit = limit.map_or("without limit".to_string(), |limit| format!("limit {}", human_size(limit)));
        write!(f, "{}: {entries} entries, {}, {limit}", directory.display(), human_size(*bytes))
    }
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

/// Removes entries until the rest takes no more than `limit`. Returns how many bytes that freed.
fn shrink(cache: &Cache, limit: u64) -> io::Result<u64> {
    let mut entries = entries(cache)?;
    let mut total: u64 = entries.iter().map(|entry| entry.bytes).sum();
    if total <= limit {
        return Ok(0);
    }
    entries.sort_by_key(|entry| entry.used);
    // From here on no session begins to use an entry.
    let _lock = cache.lock()?;
    let in_use = cache.in_use()?;
    let mut freed = 0;
    for entry in entries.iter().filter(|entry| !in_use.contains(&entry.key)) {
        if total <= limit {
            break;
        }
        remove(entry)?;
        total -= entry.bytes;
        freed += entry.bytes;
    }
    Ok(freed)
}

fn remove(entry: &Entry) -> io::Result<()> {
    for path in &entry.paths {
        let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
        match removed {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

fn entries(cache: &Cache) -> io::Result<Vec<Entry>> {
    let mut entries: BTreeMap<String, Entry> = BTreeMap::new();
    for file in fs::read_dir(cache.directory())? {
        let path = file?.path();
        // Another session may have removed it.
        let Ok(data) = path.symlink_metadata() else { continue };
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let Some(key) = cache::key_of(name) else { continue };
        let bytes = if data.is_dir() { size_below(&path) } else { data.len() };
        let used = data.modified().unwrap_or(SystemTime::UNIX_EPOCH);
        let entry = entries.entry(key.to_string()).or_insert_with(|| Entry::new(key));
        entry.bytes += bytes;
        entry.used = entry.used.max(used);
        entry.paths.push(path);
    }
    Ok(entries.into_values().collect())
}

impl Entry {
    fn new(key: &str) -> Entry {
        Entry { key: key.to_string(), paths: Vec::new(), bytes: 0, used: SystemTime::UNIX_EPOCH }
    }
}

fn size_below(directory: &Path) -> u64 {
    let files = fs::read_dir(directory).into_iter().flatten().flatten();
    let size = |path: PathBuf| match path.symlink_metadata() {
        Ok(data) if data.is_dir() => size_below(&path),
        Ok(data) => data.len(),
        Err(_) => 0,
    };
    files.map(|file| size(file.path())).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    /// A cache with three libraries of 100 bytes each, of which `a` was used last before this session and `b` first.
    fn three() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("cache");
        let cache = Cache::open_at(path.clone()).expect("a cache");
        for (age, key) in [(1, "a"), (3, "b"), (2, "c")] {
            let built = directory.path().join("built");
            fs::write(&built, [0; 100]).expect("written");
            cache.put(key, &built, &()).expect("put");
            let used = SystemTime::now() - Duration::from_secs(1000 * age);
            for file in [cache.library(key), path.join(format!("{key}.json"))] {
                fs::File::open(file).expect("there").set_modified(used).expect("ours");
            }
        }
        (directory, path)
    }

    fn keys(cache: &Cache) -> Vec<String> {
        entries(cache).expect("read").into_iter().map(|entry| entry.key).collect()
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let (_directory, path) = three();
        let cache = Cache::open_at(path).expect("a cache");
        let total: u64 = entries(&cache).expect("read").iter().map(|entry| entry.bytes).sum();
        assert_eq!(shrink(&cache, total).expect("shrunk"), 0);
        assert!(shrink(&cache, total - 1).expect("shrunk") > 100);
        assert_eq!(keys(&cache), ["a", "c"]);
        // A use makes the entry that was next the last.
        assert!(Cache::open_at(cache.directory().to_path_buf()).expect("a cache").get::<()>("c").is_some());
        assert!(shrink(&cache, 200).expect("shrunk") > 100);
        assert_eq!(keys(&cache), ["c"]);
    }

    #[test]
    fn what_a_living_session_uses_stays() {
        let (_directory, path) = three();
        let living = Cache::open_at(path.clone()).expect("a cache");
        assert!(living.get::<()>("b").is_some());
        let crates = living.crates().expect("a directory");
        fs::write(crates.join("library"), [0; 1000]).expect("written");
        let other = Cache::open_at(path).expect("a cache");
        assert_eq!(keys(&other), ["a", "b", "c", "crates"]);
        assert!(shrink(&other, 0).expect("shrunk") > 200);
        assert_eq!(keys(&other), ["b", "crates"]);
        drop(living);
        assert!(shrink(&other, 0).expect("shrunk") > 1100);
        assert!(keys(&other).is_empty());
    }

    #[test]
    fn sizes_are_for_people() {
        let check = |bytes, text: &str| assert_eq!(human_size(bytes), text);
        check(1023, "1023 bytes");
        check(1536, "1.5 KiB");
        check(2 << 30, "2.0 GiB");
    }
}
