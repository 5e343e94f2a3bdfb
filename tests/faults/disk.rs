//! A disk that is full, and a cache whose files are not what was written.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::Test;
use crate::bench::{Bench, KEEP, THREADBOOK, with_variable};
use crate::notebook::Notebook;

pub(crate) const TESTS: &[Test] = &[("damaged_cache", damaged_cache)];

/// These need a file system of their own, which a user namespace allows to mount.
pub(crate) const TESTS_THAT_MOUNT: &[Test] = &[
    ("full_while_the_cache_is_written", full_while_the_cache_is_written),
    ("full_while_the_notebook_is_saved", full_while_the_notebook_is_saved),
];

pub(crate) fn can_mount() -> bool {
    let tried = in_namespace("mount -t tmpfs none \"$1\"", &std::env::temp_dir());
    tried.is_ok_and(|output| output.status.success())
}

/// Runs a script that may mount; what it has mounted goes with it.
fn in_namespace(script: &str, directory: &Path) -> std::io::Result<Output> {
    Command::new("unshare").args(["-Urm", "sh", "-c", script, THREADBOOK]).arg(directory).output()
}

/// Says each command and its exit code before what it said.
const SMALL: &str = "set -u; cd \"$1\"; mkdir small; mount -t tmpfs -o size=24m,mode=0700 none small\n";

/// The part of the output that follows `== NAME`.
fn part<'a>(text: &'a str, name: &str) -> &'a str {
    let rest = text.split_once(&format!("== {name}\n")).unwrap_or_else(|| panic!("no {name} in {text}")).1;
    rest.split("== ").next().expect("the first")
}

/// The cell that cannot be kept says so, what ran is saved, and once there is room all goes on.
fn full_while_the_cache_is_written() {
    let notebook = Notebook::new(&["println!(\"first\");"]);
    let more = Notebook::new(&[
        "println!(\"first\");",
        "let second: Vec<i32> = (0..2).collect(); println!(\"{second:?}\");",
    ]);
    fs::copy(more.path("nb.ipynb"), notebook.path("more.ipynb")).expect("copied");
    let script = format!(
        "{SMALL}
        export THREADBOOK_CACHE=$PWD/small; exec 2>&1
        echo '== empty'; \"$0\" run --quiet nb.ipynb; echo \"code $?\"
        head -c 100m /dev/zero > small/filler 2>/dev/null
        echo '== full'; \"$0\" run more.ipynb; echo \"code $?\"; find small -mindepth 1 -type f ! -name '*.so' ! -name '*.json'
        rm small/filler
        echo '== room'; \"$0\" run --quiet more.ipynb -o room.ipynb; echo \"code $?\""
    );
    let output = in_namespace(&script, notebook.directory.path()).expect("a shell");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(part(&said, "empty"), "code 0\n");
    let full = part(&said, "full");
    assert!(full.contains("No space left on device") && full.contains("free some disk space"), "{full}");
    assert!(full.contains("code 4\n"), "{full}");
    let mut left: Vec<&str> = full.lines().skip_while(|line| *line != "code 4").skip(1).collect();
    left.sort_unstable();
    assert_eq!(left, ["small/filler", "small/lock", "small/optimising"]);
    assert_eq!(part(&said, "room"), "code 0\n");
    let saved = fs::read_to_string(notebook.path("more.executed.ipynb")).expect("what ran is saved");
    assert!(saved.contains("first\\n"), "{saved}");
    assert!(fs::read_to_string(notebook.path("room.ipynb")).expect("saved").contains("[0, 1]\\n"));
}

/// The notebook of the run before stays whole, and nothing half-written beside it.
fn full_while_the_notebook_is_saved() {
    let notebook = Notebook::new(&["println!(\"{}\", \"x\".repeat(1 << 16));"]);
    let script = format!(
        "{SMALL}
        exec 2>&1; cp nb.ipynb small
        echo '== empty'; \"$0\" run --quiet small/nb.ipynb; echo \"code $?\"
        cp small/nb.executed.ipynb before
        head -c 100m /dev/zero > small/filler 2>/dev/null
        echo '== full'; \"$0\" run --quiet small/nb.ipynb; echo \"code $?\"
        cmp before small/nb.executed.ipynb; ls -A small"
    );
    let output = in_namespace(&script, notebook.directory.path()).expect("a shell");
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(part(&said, "empty"), "code 0\n");
    let full = part(&said, "full");
    assert!(full.contains("no storage space; make room"), "{full}");
    assert!(full.ends_with("code 4\nfiller\nnb.executed.ipynb\nnb.ipynb\n"), "{full}");
}

/// An entry that is not what was written is built again, and never loaded.
fn damaged_cache() {
    let cache = tempfile::tempdir().expect("a directory");
    let run = || {
        let mut bench = with_variable("THREADBOOK_CACHE", cache.path(), Bench::start);
        bench.prints(KEEP);
        bench.prints("fn item() -> i32 { 6 }");
        assert_eq!(bench.prints("println!(\"{}\", item() * 7);"), "42\n");
        bench.has_kept();
    };
    run();
    type Damage = fn(&Path, &[u8]);
    let damages: [(&str, Damage); 5] = [
        (".so", |path, _| write(path, b"")),
        (".so", |path, bytes| write(path, &bytes[..bytes.len() / 2])),
        (".so", |path, bytes| {
            let mut bytes = bytes.to_vec();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            write(path, &bytes);
        }),
        (".json", |path, bytes| write(path, &bytes[..bytes.len() / 2])),
        (".json", |path, _| fs::remove_file(path).expect("removed")),
    ];
    for (index, (kind, damage)) in damages.into_iter().enumerate() {
        let mut sound = entries(cache.path(), kind);
        // Building the runtime takes seconds: once is enough.
        sound.retain(|(path, _)| index == 0 || !note(path)["about"].is_null());
        // The cell that tries a toolchain runs once; these sessions do not use it.
        sound.retain(|(path, _)| !note(path).to_string().contains("\"pairs\""));
        assert!(sound.len() >= 3, "{sound:?}");
        sound.iter().for_each(|(path, bytes)| damage(path, bytes));
        run();
        for (path, _) in sound {
            let library = path.with_file_name(name_of(&path, ".so"));
            let digest = digest(&fs::read(library).expect("a library"));
            assert_eq!(note(&path)["digest"], digest, "{kind} {path:?}");
        }
    }
}

/// What stands beside a library of the cache.
fn note(of: &Path) -> serde_json::Value {
    let note = of.with_file_name(name_of(of, ".json"));
    serde_json::from_slice(&fs::read(note).expect("a note")).expect("JSON")
}

/// The file of this kind that belongs to the same entry.
fn name_of(path: &Path, kind: &str) -> String {
    let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
    let key = name.strip_prefix("lib").unwrap_or(&name);
    if kind == ".so" { format!("lib{key}.so") } else { format!("{key}.json") }
}

fn digest(bytes: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// As a file system does that has lost what was written: in the same file.
fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).expect("written");
}

/// The files with this ending of the entries that have a library.
fn entries(cache: &Path, kind: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let directories = ["cells", "runtimes"].map(|name| fs::read_dir(cache.join(name)).expect("listed"));
    let paths = directories.into_iter().flatten().map(|entry| entry.expect("an entry").path());
    let paths = paths.filter(|path| path.to_string_lossy().ends_with(kind));
    paths.map(|path| (path.clone(), fs::read(&path).expect("read"))).collect()
}
