//! The library in a program that is not Threadbook: it replaces nothing of the C library, and it never starts the
//! program that links it as a worker. The executable does replace functions, for every library that it loads.

use std::ffi::{CStr, c_void};
use std::process::{Command, ExitCode};
use std::sync::{Arc, Mutex};

use libtest_mimic::{Arguments, Trial};
use object::{Object, ObjectSymbol};
use threadbook::engine::{Engine, Options, Session};
use threadbook::events::{CellId, Event, Sink};

const THREADBOOK: &str = env!("CARGO_BIN_EXE_threadbook");

type Address = fn() -> *const c_void;

/// What the executable replaces, by name and as this program finds it.
const REPLACED: [(&str, Address); 11] = [
    ("read", || libc::read as *const c_void),
    ("readv", || libc::readv as *const c_void),
    ("write", || libc::write as *const c_void),
    ("writev", || libc::writev as *const c_void),
    ("pthread_create", || libc::pthread_create as *const c_void),
    ("pthread_join", || libc::pthread_join as *const c_void),
    ("pthread_setname_np", || libc::pthread_setname_np as *const c_void),
    ("clock_nanosleep", || libc::clock_nanosleep as *const c_void),
    ("fork", || libc::fork as *const c_void),
    ("posix_spawn", || libc::posix_spawn as *const c_void),
    ("posix_spawnp", || libc::posix_spawnp as *const c_void),
];

fn main() -> ExitCode {
    // This program knows no workers. When it is started as one, it does what it always does: it starts a session.
    if std::env::var_os(WORKER).is_some() || std::env::args().nth(1).is_some_and(|argument| argument == "host") {
        return host();
    }
    let cache = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("library-cache");
    // SAFETY: no other thread runs yet.
    unsafe { std::env::set_var("THREADBOOK_CACHE", cache) };
    let tests: [(&str, fn()); 5] = [
        ("the_c_library_is_as_it_was", c_library),
        ("the_executable_exports_what_it_replaces", exports),
        ("a_session_needs_an_executable", no_executable),
        ("a_program_that_knows_no_workers_is_not_started_again", careless_host),
        ("a_session_runs_with_the_executable", session),
    ];
    let trial = |(name, test): (&str, fn())| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    };
    libtest_mimic::run(&Arguments::from_args(), tests.map(trial).into()).exit_code()
}

#[derive(Clone, Default)]
struct Text(Arc<Mutex<String>>);

impl Sink for Text {
    fn event(&mut self, event: Event) {
        if let Event::Text { text, .. } = event {
            self.0.lock().expect("no panic").push_str(&text);
        }
    }
}

fn c_library() {
    for (name, address) in REPLACED {
        let mut info = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
        // SAFETY: fills the local; the name is a C string of a library that stays loaded.
        let file = unsafe {
            assert_ne!(libc::dladdr(address(), info.as_mut_ptr()), 0, "{name}");
            CStr::from_ptr(info.assume_init().dli_fname).to_string_lossy().into_owned()
        };
        assert!(file.rsplit('/').next().is_some_and(|file| file.starts_with("libc.so")), "{name} is {file}'s");
    }
}

fn exports() {
    let bytes = std::fs::read(THREADBOOK).expect("the executable is there");
    let file = object::File::parse(&*bytes).expect("an ELF file");
    let exported: Vec<&str> = file
        .dynamic_symbols()
        .filter(|symbol| !symbol.is_undefined())
        .filter_map(|symbol| symbol.name().ok())
        .collect();
    for (name, _) in REPLACED {
        assert!(exported.contains(&name), "{name} is not among {exported:?}");
    }
}

fn no_executable() {
    let error = Session::start(Options::default(), Box::new(Text::default())).err().expect("refused").to_string();
    assert!(error.contains("set Options::executable to its path"), "{error}");
}

/// The variable by which a session starts a worker.
const WORKER: &str = "THREADBOOK_WORKER";

/// Where the program that was started as a worker says what came of it.
const SAYS: &str = "LIBRARY_TEST_SAYS";

fn careless_host() {
    let directory = tempfile::tempdir().expect("a directory");
    let says = directory.path().join("says");
    // In a program of its own, whose environment is ours to set.
    let mut command = Command::new(std::env::current_exe().expect("known"));
    let status = command.arg("host").env(SAYS, &says).status().expect("it starts");
    assert!(!status.success(), "its own worker was no worker");
    let said = std::fs::read_to_string(says).expect("it was started once more, and said why it stops");
    assert!(said.contains("must not start a session itself"), "{said}");
}

/// A program whose sessions start the program itself.
fn host() -> ExitCode {
    let executable = Some(std::env::current_exe().expect("known"));
    let Err(error) = Session::start(Options { executable, ..Options::default() }, Box::new(Text::default())) else {
        return ExitCode::SUCCESS;
    };
    if std::env::var_os(WORKER).is_some() {
        std::fs::write(std::env::var_os(SAYS).expect("set"), error.to_string()).expect("written");
    }
    ExitCode::FAILURE
}

fn session() {
    let text = Text::default();
    let options = Options { executable: Some(THREADBOOK.into()), ..Options::default() };
    let mut session = Session::start(options, Box::new(text.clone())).expect("it starts");
    session
        .execute(CellId(1), "std::thread::spawn(|| println!(\"from a thread\")).join().unwrap();", &[])
        .expect("run");
    drop(session);
    assert_eq!(*text.0.lock().expect("no panic"), "from a thread\n");
}
