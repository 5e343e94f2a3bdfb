//! Keeps the cache below a size: the entry that was not used for longest is removed first, and an entry that a living
//! session uses never. Runs once at the start of a session, off its way, and for `threadbook cache`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::error::{Error, ExitCode};

use crate::engine::build::cache::{self, Cache, Kind};
use crate::engine::build::crate_store::{CrateStore, Share};
use crate::engine::limits::{Limits, OrOff};

/// Bytes that the cache may take if the variable sets nothing else. Beyond, entries are removed at the start of a session.
const DEFAULT_SIZE: u64 = 2 << 30;

const SIZE_VARIABLE: &str = "THREADBOOK_CACHE_SIZE";

/// What is to be removed from the cache: each entry that breaks one of these rules and that no living session uses.
#[derive(Clone, Copy, Debug, Default)]
pub struct Prune {
    /// Bytes that the rest may take. `None` for no bound.
    pub to: OrOff<u64>,
    /// Time for which an entry of the rest may have been unused. `None` for no bound.
    pub older_than: Option<Duration>,
}

/// Files that are removed together: a library with its note, a value, a set of crates with the files that no other set
/// needs, or what a killed session left half written.
pub(super) struct Entry {
    pub kind: Kind,
    /// `None` for files that no entry needs.
    pub key: Option<String>,
    pub bytes: u64,
    /// When it was last used.
    pub used: SystemTime,
    paths: Vec<PathBuf>,
}

/// The bound that the environment sets on the bytes of the cache.
pub fn cache_limit() -> Result<OrOff<u64>, Error> {
    let Some(text) = std::env::var_os(SIZE_VARIABLE) else { return Ok(Some(DEFAULT_SIZE)) };
    Limits::read_size(&text.to_string_lossy()).map_err(|advice| {
        let what = format!("{SIZE_VARIABLE} is `{}`", text.to_string_lossy());
        Error::new(ExitCode::Usage, what).advise(advice)
    })
}

/// Removes what is beyond the limit, in a thread of its own, so that nobody waits for it. What fails is tried again by
/// the next session.
pub(super) fn start(cache: &Cache, limit: OrOff<u64>) {
    let (Some(limit), cache) = (limit, cache.clone()) else { return };
    let work = move || drop(shrink(&cache, Prune { to: Some(limit), older_than: None }));
    // Without a thread the next session does it.
    let _ = std::thread::Builder::new().name("cache".into()).spawn(work);
}

/// Removes what these rules tell, and returns how many bytes that freed.
pub fn prune_cache(rules: Prune) -> Result<u64, Error> {
    let cache = Cache::open()?;
    shrink(&cache, rules).map_err(|error| unreadable(&cache, error))
}

/// Removes everything that no living session uses, and returns how many bytes that freed.
pub fn clear_cache() -> Result<u64, Error> {
    prune_cache(Prune { to: Some(0), older_than: None })
}

pub(super) fn unreadable(cache: &Cache, error: io::Error) -> Error {
    Error::new(ExitCode::Environment, format!("failed to go through the cache `{}`", cache.directory().display()))
        .because(error)
}

impl Prune {
    fn refuses(&self, entry: &Entry, total: u64, now: SystemTime) -> bool {
        let unused = now.duration_since(entry.used).unwrap_or_default();
        self.to.is_some_and(|bound| total > bound) || self.older_than.is_some_and(|bound| unused > bound)
    }
}

fn total(entries: &[Entry]) -> u64 {
    entries.iter().map(|entry| entry.bytes).sum()
}

fn shrink(cache: &Cache, rules: Prune) -> io::Result<u64> {
    let now = SystemTime::now();
    // Looking first costs no session a wait, and there is seldom anything to remove.
    let there = entries(cache, &BTreeSet::new())?;
    if !there.iter().any(|entry| rules.refuses(entry, total(&there), now)) {
        return Ok(0);
    }
    // From here on no session begins to use an entry, and no Cargo begins to build.
    let _lock = cache.lock()?;
    let crates_lock = CrateStore::new(cache.place(Kind::Crates)).lock_to_remove()?;
    let in_use = cache.in_use()?;
    let mut entries = entries(cache, &in_use)?;
    entries.sort_by_key(|entry| entry.used);
    let mut total = total(&entries);
    let mut freed = 0;
    for entry in &entries {
        let used = entry.key.as_ref().is_some_and(|key| in_use.contains(&cache::name_in_use(entry.kind, key)));
        let built_now = entry.kind == Kind::Crates && crates_lock.is_none();
        if used || built_now || !rules.refuses(entry, total, now) {
            continue;
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

/// All entries. A file that several sets of crates need is part of the one that is removed last, given the entries that
/// living sessions use.
pub(super) fn entries(cache: &Cache, in_use: &BTreeSet<String>) -> io::Result<Vec<Entry>> {
    let mut entries = crates(&CrateStore::new(cache.place(Kind::Crates)), in_use)?;
    for kind in [Kind::Cell, Kind::Runtime, Kind::Value] {
        let mut found: BTreeMap<String, Entry> = BTreeMap::new();
        for file in fs::read_dir(cache.place(kind))? {
            let path = file?.path();
            // Another session may have removed it.
            let Ok(data) = path.symlink_metadata() else { continue };
            let key = cache::key_of(path.file_name().and_then(OsStr::to_str).unwrap_or_default());
            let entry = found.entry(key.to_string()).or_insert_with(|| Entry::new(kind, Some(key.to_string())));
            entry.bytes += data.len();
            entry.used = entry.used.max(data.modified().unwrap_or(SystemTime::UNIX_EPOCH));
            entry.paths.push(path);
        }
        entries.extend(found.into_values());
    }
    Ok(entries)
}

/// The sets of crates, the one that is removed first at the start.
fn crates(store: &CrateStore, in_use: &BTreeSet<String>) -> io::Result<Vec<Entry>> {
    let mut sets = store.sets()?;
    let is_used = |key: &str| in_use.contains(&cache::name_in_use(Kind::Crates, key));
    sets.sort_by_key(|(key, used)| Reverse((is_used(key), *used)));
    let keys: Vec<String> = sets.iter().map(|(key, _)| key.clone()).collect();
    let (mut shares, unneeded) = store.shares(&keys)?;
    let mut entries = vec![Entry::new(Kind::Crates, None).with(unneeded)];
    for (key, used) in sets.into_iter().rev() {
        let share = shares.remove(&key).unwrap_or_default();
        entries.push(Entry { used, ..Entry::new(Kind::Crates, Some(key)).with(share) });
    }
    Ok(entries)
}

impl Entry {
    fn new(kind: Kind, key: Option<String>) -> Entry {
        Entry { kind, key, bytes: 0, used: SystemTime::UNIX_EPOCH, paths: Vec::new() }
    }

    fn with(self, Share { paths, bytes }: Share) -> Entry {
        Entry { paths, bytes, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A cache with three libraries of 100 bytes each, of which `a` was used last before this session and `b` first.
    fn three() -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("cache");
        let cache = Cache::open_at(path.clone()).expect("a cache");
        for (age, key) in [(1, "a"), (3, "b"), (2, "c")] {
            let built = directory.path().join("built");
            fs::write(&built, [0; 100]).expect("written");
            cache.put(Kind::Cell, key, &built, &()).expect("put");
            for file in [cache.library(Kind::Cell, key), cache.note(Kind::Cell, key)] {
                set_age(&file, 1000 * age);
            }
        }
        (directory, path)
    }

    fn set_age(file: &std::path::Path, seconds: u64) {
        let used = SystemTime::now() - Duration::from_secs(seconds);
        fs::File::open(file).expect("there").set_modified(used).expect("ours");
    }

    fn keys(cache: &Cache) -> Vec<String> {
        entries(cache, &BTreeSet::new()).expect("read").into_iter().filter_map(|entry| entry.key).collect()
    }

    fn shrink_to(cache: &Cache, bytes: u64) -> u64 {
        shrink(cache, Prune { to: Some(bytes), older_than: None }).expect("shrunk")
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() {
        let (_directory, path) = three();
        let cache = Cache::open_at(path).expect("a cache");
        let all = total(&entries(&cache, &BTreeSet::new()).expect("read"));
        assert_eq!(shrink_to(&cache, all), 0);
        assert!(shrink_to(&cache, all - 1) > 100);
        assert_eq!(keys(&cache), ["a", "c"]);
        // A use makes the entry that was next the last.
        let user = Cache::open_at(cache.directory().to_path_buf()).expect("a cache");
        assert!(user.get::<()>(Kind::Cell, "c").is_some());
        drop(user);
        assert!(shrink_to(&cache, 200) > 100);
        assert_eq!(keys(&cache), ["c"]);
    }

    #[test]
    fn what_was_unused_for_long_goes_whatever_its_size() {
        let (_directory, path) = three();
        let cache = Cache::open_at(path).expect("a cache");
        let older_than = |seconds| Prune { to: None, older_than: Some(Duration::from_secs(seconds)) };
        assert_eq!(shrink(&cache, older_than(3500)).expect("shrunk"), 0);
        assert!(shrink(&cache, older_than(1500)).expect("shrunk") > 200);
        assert_eq!(keys(&cache), ["a"]);
        assert_eq!(shrink(&cache, Prune::default()).expect("shrunk"), 0, "no rule refuses anything");
    }

    #[test]
    fn what_a_living_session_uses_stays() {
        let (_directory, path) = three();
        let living = Cache::open_at(path.clone()).expect("a cache");
        assert!(living.get::<()>(Kind::Cell, "b").is_some());
        living.remember("value", &7).expect("kept");
        assert_eq!(living.recall("value"), Some(7));
        let other = Cache::open_at(path).expect("a cache");
        assert!(shrink_to(&other, 0) > 200);
        assert_eq!(keys(&other), ["b", "value"]);
        drop(living);
        assert!(shrink_to(&other, 0) > 100);
        assert!(keys(&other).is_empty());
    }

    /// `old` and `new` share a crate. What only one of them needs goes with it, the shared one with the last.
    #[test]
    fn a_set_of_crates_goes_without_what_others_need() {
        const SHARED: &str = "host/release/deps/libshared-0123456789abcdef.rlib";
        let (_directory, path) = three();
        let cache = Cache::open_at(path.clone()).expect("a cache");
        shrink_to(&cache, 0);
        let session = Cache::open_at(path).expect("a cache");
        let store = session.use_crates("old").expect("a store");
        for (set, own, age) in [("old", "libold-00000000000000aa", 200), ("new", "libnew-00000000000000bb", 100)] {
            let files = [SHARED, &format!("host/release/deps/{own}.rlib")].map(|file| store.target().join(file));
            fs::create_dir_all(files[0].parent().expect("below")).expect("made");
            files.iter().for_each(|file| fs::write(file, [0; 100]).expect("written"));
            fs::create_dir(store.package(set)).expect("made");
            store.add_built(set, files).expect("noted");
            let note = store.package(set).join(crate::engine::build::crate_store::NOTE);
            fs::write(&note, "{}").expect("written");
            set_age(&note, age);
        }
        let there = |file: &str| store.target().join("host/release/deps").join(file).exists();
        // `old` is in use, so the shared crate is its own, and `new` goes without it.
        shrink_to(&cache, 0);
        assert_eq!(keys(&cache), ["old"]);
        assert!(there("libshared-0123456789abcdef.rlib") && !there("libnew-00000000000000bb.rlib"));
        drop(session);
        let building = store.lock_to_build().expect("locked");
        assert_eq!(shrink_to(&cache, 0), 0, "nothing is taken away from a Cargo that builds");
        drop(building);
        shrink_to(&cache, 0);
        assert!(keys(&cache).is_empty() && !there("libshared-0123456789abcdef.rlib"));
    }
}
