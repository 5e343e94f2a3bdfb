//! The command line: arguments to one function per subcommand, and errors to exit codes.
//!
//! Does nothing itself.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anstyle::AnsiColor;
use clap::{Args, Parser, Subcommand};
use threadbook::engine;
use threadbook::error::{self, Error};
use threadbook::kernelspec::{self, InstallOptions, Place};
use threadbook::notebook::{self, Limits, OrOff, RunOptions, seconds};

/// Run Rust notebooks and see which thread printed each line.
#[derive(Debug, Parser)]
#[command(name = "threadbook", version, arg_required_else_help = true, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Command,

    /// No colours; so does the environment variable NO_COLOR, and so does a pipe
    #[arg(long, global = true)]
    no_color: bool,
}

const AFTER_HELP: &str = "\
Exit codes:
  0   all is well
  1   a cell failed, or an output did not match
  2   the arguments make no sense
  3   the input cannot be used: not a notebook, another language, unreadable
  4   the machine lacks something: rustc, disk space, a writable directory
  70  a fault in threadbook
  130 Ctrl-C

Variables:
  THREADBOOK_LOG  warn, info or debug: a log on standard error of which step takes how long; debug has each
                  command and each message of the protocol too";

#[derive(Debug, Subcommand)]
enum Command {
    Run(RunArgs),
    Verify(VerifyArgs),
    Install(InstallArgs),
    Uninstall(UninstallArgs),
    /// Check what a kernel needs: rustc, the cache, Jupyter, the kernelspec
    Doctor,
    Kernel(KernelArgs),
    Cache(CacheArgs),
}

/// Show what the cache of compiled cells and crates holds, or remove from it.
///
/// It is in $THREADBOOK_CACHE, or `threadbook` in the user's cache directory. Each session removes what was not used for
/// longest until the rest fits the limit. What a running session uses is never removed.
#[derive(Args, Debug)]
#[command(after_help = CACHE_HELP)]
#[command(args_conflicts_with_subcommands = true)]
struct CacheArgs {
    #[command(subcommand)]
    command: Option<CacheCommand>,

    /// Show it in JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum CacheCommand {
    /// Remove what was not used for longest, until the rest fits the limit
    Prune(PruneArgs),
    /// Remove everything
    Clear,
}

#[derive(Args, Debug)]
struct PruneArgs {
    /// Until the rest takes no more than SIZE: 500M, 4GiB [default: the limit, if no DAYS are given]
    #[arg(long, value_name = "SIZE", value_parser = Limits::read_size)]
    to: Option<OrOff<u64>>,

    /// What was not used for DAYS days
    #[arg(long, value_name = "DAYS")]
    older_than: Option<u32>,
}

const CACHE_HELP: &str = "\
The limit is $THREADBOOK_CACHE_SIZE, such as 500M, 4GiB or `off`, or else 2 GiB.";

/// Add the Rust kernel to Jupyter's list.
///
/// Installing again replaces the entry: do it after threadbook has moved.
#[derive(Args, Debug)]
#[command(after_help = INSTALL_EXAMPLES)]
struct InstallArgs {
    #[command(flatten)]
    place: PlaceArgs,

    /// What `jupyter console --kernel` calls it
    #[arg(long, default_value = "threadbook")]
    name: String,

    /// What JupyterLab calls it [default: Rust (Threadbook)]
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,

    /// An environment variable of the kernel; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = variable)]
    env: Vec<(String, String)>,
}

const INSTALL_EXAMPLES: &str = "\
Examples:
  threadbook install                           for this user
  threadbook install --sys-prefix              into the active Python environment
  threadbook install --env RUST_BACKTRACE=1    with a variable that cells see";

/// Remove the Rust kernel from Jupyter's list.
#[derive(Args, Debug)]
struct UninstallArgs {
    #[command(flatten)]
    place: PlaceArgs,

    /// The name that it was installed by
    #[arg(long, default_value = "threadbook")]
    name: String,
}

#[derive(Args, Debug)]
#[group(multiple = false)]
struct PlaceArgs {
    /// In the user's own directory; this is the default
    #[arg(long)]
    user: bool,

    /// In the Python environment that is active
    #[arg(long)]
    sys_prefix: bool,

    /// In PATH/share/jupyter/kernels
    #[arg(long, value_name = "PATH")]
    prefix: Option<PathBuf>,
}

/// Serve a Jupyter front end, which starts this command itself.
#[derive(Args, Debug)]
struct KernelArgs {
    /// The connection file that Jupyter has written
    #[arg(value_name = "CONNECTION_FILE")]
    connection_file: PathBuf,
    /// What `jupyter run FILE` hands on of its own arguments, which are not for the kernel.
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    _rest: Vec<std::ffi::OsString>,
}

/// Execute a notebook from top to bottom and save the result.
///
/// Code cells run in order in one session. Their output is shown as it comes, each line with the name of the thread,
/// task or process that wrote it: `│` marks standard output, `!` standard error. The executed notebook is saved as
/// the run goes on, whole each time, so that an error or a kill loses nothing that was saved.
///
/// Cells tagged `skip-execution` are left as they are; an error in a cell tagged `raises-exception` is expected.
#[derive(Args, Debug)]
#[command(after_help = RUN_EXAMPLES)]
struct RunArgs {
    /// The notebook (.ipynb) to run; it stays as it is unless OUT names it too
    #[arg(value_name = "NB")]
    notebook: PathBuf,

    /// Where the executed notebook goes; `-` is standard output, and the live view then goes to standard error
    /// [default: NB with the ending .executed.ipynb]
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,

    /// Go on after a cell that fails; the exit code is then 0
    #[arg(long)]
    allow_errors: bool,

    /// Show nothing but errors and warnings
    #[arg(short, long)]
    quiet: bool,

    /// How long to wait for threads that outlive the last cell
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    patience: Duration,

    #[command(flatten)]
    limits: LimitArgs,
}

/// Each overrides the variable of the same limit.
#[derive(Args, Debug)]
#[command(next_help_heading = "Limits")]
struct LimitArgs {
    /// Interrupt a cell that runs longer, as failed [default: off, or $THREADBOOK_TIMEOUT]
    #[arg(long, value_name = "SECONDS", value_parser = Limits::read_time)]
    timeout: Option<OrOff<Duration>>,

    /// End a cell whose process asks for more memory: 512M, 4GiB [default: off, or $THREADBOOK_MEMORY]
    #[arg(long, value_name = "SIZE", value_parser = Limits::read_memory)]
    memory: Option<OrOff<u64>>,

    /// How long a copy may take that keeps the variables when a cell crashes [default: 0.2, or $THREADBOOK_SNAPSHOT]
    #[arg(long, value_name = "SECONDS", value_parser = Limits::read_snapshot)]
    snapshot: Option<Duration>,

    /// How much a cell may show and save; of what is more, its end, and the full text in a file that is named
    /// [default: 64M, or $THREADBOOK_OUTPUT_LIMIT]
    #[arg(long, value_name = "SIZE", value_parser = Limits::read_size)]
    output_limit: Option<OrOff<u64>>,
}

const RUN_EXAMPLES: &str = "\
Examples:
  threadbook run threads.ipynb                 show the run, save threads.executed.ipynb
  threadbook run threads.ipynb -o threads.ipynb
                                               execute in place
  threadbook run threads.ipynb -q -o -         the executed notebook on standard output
  threadbook run threads.ipynb --allow-errors  run every cell, whatever happens";

/// Run a notebook and check its outputs against the recorded ones.
///
/// Threads may interleave differently in each run, so a cell whose output another schedule would explain is run again;
/// every second try has small random delays, which make rare schedules likely. An output matches if the recorded text can be split into the
/// outputs of the threads of the run, each in its own order, without anything coming before what caused it.
#[derive(Args, Debug)]
#[command(after_help = VERIFY_EXAMPLES)]
struct VerifyArgs {
    /// The notebook (.ipynb) whose outputs were recorded; it is not changed
    #[arg(value_name = "NB")]
    notebook: PathBuf,

    /// Run the whole notebook N times; every run has to match
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,

    /// Compare with a live run of each cell's Python twin, by this Python
    #[arg(long, value_name = "PYTHON")]
    twin: Option<PathBuf>,

    /// Report in JSON, on standard output
    #[arg(long)]
    json: bool,

    /// How often to run a cell whose outcome is up to the scheduler before its recorded outcome counts as missed
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..))]
    tries: u32,

    /// Repeat the small delays of an earlier run, or of one try, by the seed that its report gives; every try then has
    /// delays
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,

    #[command(flatten)]
    limits: LimitArgs,
}

const VERIFY_EXAMPLES: &str = "\
Examples:
  threadbook verify threads.ipynb                  one run
  threadbook verify threads.ipynb --runs 20        twenty runs, each must match
  threadbook verify threads.ipynb --twin python3   compare with CPython, live
  threadbook verify threads.ipynb --json > report.json";

pub(crate) fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way too, with code 0. That they cannot be shown changes no code.
            let _ = error.print();
            return ExitCode::from(error.exit_code() as u8);
        }
    };
    if cli.no_color {
        anstream::ColorChoice::Never.write_global();
    }
    let result = threadbook::log::start().and_then(|()| match cli.command {
        Command::Run(args) => run(args),
        Command::Verify(args) => verify(args),
        Command::Install(args) => install(args),
        Command::Uninstall(args) => uninstall(args),
        Command::Doctor => kernelspec::doctor(&mut std::io::stdout()),
        Command::Kernel(args) => kernel(&args),
        Command::Cache(args) => cache(args),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let red = AnsiColor::Red.on_default().bold();
            // Nobody is left to tell if this fails.
            let _ = writeln!(anstream::stderr(), "{red}error:{red:#} {error}");
            ExitCode::from(error.code() as u8)
        }
    }
}

fn run(args: RunArgs) -> Result<(), Error> {
    let RunArgs { notebook, output, allow_errors, quiet, patience, limits } = args;
    notebook::run(&RunOptions { notebook, output, allow_errors, quiet, patience, limits: limits.read()? })
}

fn verify(args: VerifyArgs) -> Result<(), Error> {
    let VerifyArgs { notebook, runs, twin, json, tries, seed, limits } = args;
    let request = notebook::Request { notebook, runs, tries, seed, twin, json, limits: limits.read()? };
    if notebook::verify(&request, &mut anstream::stdout())? {
        return Ok(());
    }
    Err(Error::new(error::ExitCode::Failed, "outputs differ from the recorded ones; the report says where"))
}

#[cfg(feature = "kernel")]
fn kernel(args: &KernelArgs) -> Result<(), Error> {
    threadbook::kernel::run(&args.connection_file)
}

#[cfg(not(feature = "kernel"))]
fn kernel(args: &KernelArgs) -> Result<(), Error> {
    Err(kernelspec::no_kernel(&format!("cannot serve `{}`", args.connection_file.display())))
}

fn install(args: InstallArgs) -> Result<(), Error> {
    let InstallArgs { place, name, display_name, env } = args;
    let directory = kernelspec::install(&InstallOptions { place: place.into(), name, display_name, env })?;
    say(&format!("installed the kernel in {}", directory.display()))?;
    kernelspec::prepare(&mut std::io::stdout())
}

fn uninstall(args: UninstallArgs) -> Result<(), Error> {
    let directory = kernelspec::uninstall(&args.place.into(), &args.name)?;
    say(&format!("removed the kernel from {}", directory.display()))
}

fn cache(args: CacheArgs) -> Result<(), Error> {
    let freed = match args {
        CacheArgs { command: None, json: false } => return say(&engine::cache_usage()?.to_string()),
        CacheArgs { command: None, json: true } => return say(&engine::cache_usage()?.to_json()),
        CacheArgs { command: Some(CacheCommand::Clear), .. } => engine::clear_cache()?,
        CacheArgs { command: Some(CacheCommand::Prune(PruneArgs { to, older_than })), .. } => {
            let to = match (to, older_than) {
                (None, None) => engine::cache_limit()?,
                (to, _) => to.flatten(),
            };
            let older_than = older_than.map(|days| Duration::from_secs(u64::from(days) * 24 * 60 * 60));
            engine::prune_cache(engine::Prune { to, older_than })?
        }
    };
    say(&format!("removed {}\n{}", engine::human_size(freed), engine::cache_usage()?))
}

fn say(text: &str) -> Result<(), Error> {
    writeln!(std::io::stdout(), "{text}").map_err(|error| {
        let what = "cannot write to standard output";
        Error::new(error::ExitCode::Environment, what).because(error).advise("send it elsewhere")
    })
}

impl From<PlaceArgs> for Place {
    fn from(args: PlaceArgs) -> Self {
        match args {
            PlaceArgs { prefix: Some(prefix), .. } => Place::Prefix(prefix),
            PlaceArgs { sys_prefix: true, .. } => Place::SysPrefix,
            PlaceArgs { .. } => Place::User,
        }
    }
}

impl LimitArgs {
    fn read(self) -> Result<Limits, Error> {
        let set = Limits::from_environment()?;
        Ok(Limits {
            time: self.timeout.unwrap_or(set.time),
            memory: self.memory.unwrap_or(set.memory),
            snapshot: self.snapshot.unwrap_or(set.snapshot),
            output: self.output_limit.unwrap_or(set.output),
        })
    }
}

fn variable(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(key, _)| !key.is_empty());
    pair.map(|(key, value)| (key.to_string(), value.to_string())).ok_or_else(|| "give KEY=VALUE".into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_variable_has_a_name_and_a_value() {
        assert_eq!(variable("A=b=c"), Ok(("A".into(), "b=c".into())));
        assert_eq!(variable("A="), Ok(("A".into(), String::new())));
        assert!(variable("A").is_err() && variable("=b").is_err());
    }
}
