//! Starts the kernel's threads, and joins the one that serves.

use std::io::Read;
use std::path::Path;

use super::dispatcher::Dispatcher;
use super::event;
use super::protocol::connection::Connection;
use super::watch;
use super::wire::{self, Wire};
use crate::error::{Error, ExitCode};
use crate::hex;

/// Bytes of the dispatcher thread's stack: questions are parsed there, and parsing recurses as deep as brackets nest.
/// Text that nests deeper is refused before it is parsed.
const STACK: usize = 64 << 20;

/// Serves the front end of this connection file to the end.
pub fn run(connection_file: &Path) -> Result<(), Error> {
    let connection = Connection::read(connection_file)?;
    let serve = move || serve(connection);
    let dispatcher = std::thread::Builder::new().name("dispatcher".into()).stack_size(STACK).spawn(serve);
    let dispatcher = dispatcher.map_err(|error| {
        Error::new(ExitCode::Environment, format!("failed to start a thread: {error}; raise `ulimit -u`"))
    })?;
    let failed = || Error::new(ExitCode::Internal, "the kernel has failed; please report it");
    dispatcher.join().unwrap_or_else(|_| Err(failed()))
}

fn serve(connection: Connection) -> Result<(), Error> {
    let (events, receiver, wake) = event::queue()?;
    wire::start_heartbeat(&connection)?;
    let wire = Wire::bind(&connection, session_id()?, wake)?;
    watch::start(&events)?;
    Dispatcher::start(connection, wire, events)?.serve(&receiver)
}

/// The id that this kernel gives itself in headers: 16 random bytes.
fn session_id() -> Result<String, Error> {
    let mut bytes = [0; 16];
    let read = std::fs::File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes));
    read.map_err(|error| {
        Error::new(ExitCode::Environment, format!("failed to read /dev/urandom: {error}; make it readable"))
    })?;
    Ok(hex::encode(&bytes))
}
