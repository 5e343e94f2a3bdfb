//! `kernel_info_reply` (<https://jupyter-client.readthedocs.io/en/stable/messaging.html#kernel-info>), which names the
//! compiler's version. Another thread asks rustc for it when the kernel starts; requests wait for that thread.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use super::protocol::ask::{HelpLink, KernelInfoReply, LanguageInfo};
use super::protocol::codec::PROTOCOL;
use super::tickets::Answerer;
use crate::engine;
use crate::error::{Error, ExitCode};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Time after the kernel's start in which requests wait for the version. Beyond it they get an empty one: rustup may be
/// about to install the compiler that a directory asks for.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) struct KernelInfo {
    version: Arc<Mutex<Version>>,
    pub until: Instant,
}

enum Version {
    Asked(Vec<Answerer<KernelInfoReply>>),
    /// Empty where there is no compiler.
    Known(String),
}

impl KernelInfo {
    /// Starts to ask for the version.
    pub(super) fn start() -> Result<KernelInfo, Error> {
        let version = Arc::new(Mutex::new(Version::Asked(Vec::new())));
        let shared = version.clone();
        let ask = move || know(&shared, engine::rust_version().unwrap_or_default());
        let thread = std::thread::Builder::new().name("rust version".into()).spawn(ask);
        thread.map_err(|error| {
            Error::new(ExitCode::Environment, format!("failed to start a thread: {error}; raise `ulimit -u`"))
        })?;
        Ok(KernelInfo { version, until: Instant::now() + PATIENCE })
    }

    /// Answers now if the version is known, and otherwise once it is.
    pub(super) fn answer(&self, answerer: Answerer<KernelInfoReply>) {
        let mut version = lock(&self.version);
        match &mut *version {
            Version::Asked(waiting) => waiting.push(answerer),
            Version::Known(version) => answerer.send(&content(version)),
        }
    }
}

fn know(version: &Mutex<Version>, known: String) {
    let waiting = std::mem::replace(&mut *lock(version), Version::Known(known.clone()));
    if let Version::Asked(waiting) = waiting {
        waiting.into_iter().for_each(|answerer| answerer.send(&content(&known)));
    }
}

fn lock(version: &Mutex<Version>) -> MutexGuard<'_, Version> {
    version.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The reply with this version of rustc.
pub(super) fn content(rust: &str) -> KernelInfoReply {
    let link = |text, url| HelpLink { text, url };
    KernelInfoReply {
        protocol_version: PROTOCOL,
        implementation: "threadbook",
        implementation_version: VERSION,
        language_info: LanguageInfo {
            name: "rust",
            version: rust.to_owned(),
            mimetype: "text/rust",
            file_extension: ".rs",
            pygments_lexer: "rust",
            codemirror_mode: "rust",
        },
        banner: format!(
            "Threadbook {VERSION}, a Jupyter kernel for Rust {rust}\n`:help` lists magics and commands, `name?` explains a name"
        ),
        debugger: false,
        help_links: vec![
            link("The Rust Book", "https://doc.rust-lang.org/book/"),
            link("Rust by Example", "https://doc.rust-lang.org/rust-by-example/"),
            link("The standard library", "https://doc.rust-lang.org/std/"),
        ],
        supported_features: &["kernel subshells"],
    }
}
