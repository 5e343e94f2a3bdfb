//! Owns the sockets, all but the heartbeat's; lives on one thread. Frames in, messages out, and the other way round.
//!
//! A message that is not signed by the connection's key never leaves this file. Sending never blocks. Replies are never
//! dropped; a subscriber misses messages only once `SUBSCRIBER_BACKLOG` of them wait for it. ZeroMQ's heartbeats find a
//! subscriber that has gone without a word, but not one that has stopped reading, since their pings wait behind what it
//! does not read: only the number bounds what is kept for it.

use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::json;
use zmq::{Context, DONTWAIT, POLLIN, PollItem, Socket, SocketType};

use super::log::log;
use super::protocol::codec::{Codec, Message, Outgoing};
use super::protocol::connection::{Channel, Connection};
use super::protocol::iopub::IopubWelcome;
use crate::error::{Error, ExitCode};
use crate::sys::descriptor::with_umask;

/// Milliseconds between ZeroMQ's pings to a subscriber, and milliseconds without an answer after which its connection is
/// closed.
const PING_INTERVAL_MS: i32 = 30_000;
const PING_TIMEOUT_MS: i32 = 60_000;

/// Messages that wait for one subscriber: sixteen cells of the most that a cell shows, each of messages of 64 KiB.
/// Beyond it new messages pass this subscriber by, and nobody else.
const SUBSCRIBER_BACKLOG: i32 = 1 << 14;

/// Milliseconds that messages have to leave after the kernel's end. Those that have not left then are lost.
const LINGER_MS: i32 = 1_000;

/// Bytes of a frame. The connection of a client that sends a larger one is closed, since its memory would be taken
/// before its signature could be checked. Uploads to widgets come in one frame.
const LARGEST_FRAME: i64 = 1 << 29;

/// Messages that are taken from one channel before the others have their turn. The rest is taken in the next turn.
const TURN: usize = 32;

pub(super) struct Wire {
    codec: Codec,
    control: Socket,
    shell: Socket,
    stdin: Socket,
    iopub: Socket,
    wake: UnixStream,
    is_subscribed: bool,
}

impl Wire {
    /// Binds the sockets. `wake` is readable when the thread that waits here has something else to do.
    pub(super) fn bind(connection: &Connection, session: String, wake: UnixStream) -> Result<Wire, Error> {
        let context = Context::new();
        let bind = |channel, kind| bind(&context, connection, channel, kind);
        wake.set_nonblocking(true).map_err(|error| socket_error("the wake-up socket", &error.to_string()))?;
        Ok(Wire {
            codec: Codec::new(&connection.key, session),
            control: bind(Channel::Control, SocketType::ROUTER)?,
            shell: bind(Channel::Shell, SocketType::ROUTER)?,
            stdin: bind(Channel::Stdin, SocketType::ROUTER)?,
            iopub: bind(Channel::Iopub, SocketType::XPUB)?,
            wake,
            is_subscribed: false,
        })
    }

    /// Waits for messages, a wake-up, or the time to pass; returns the messages, control's first.
    pub(super) fn wait(&mut self, patience: Option<Duration>) -> Result<Vec<Message>, Error> {
        // Rounded up: a wait of half a millisecond must not become a busy loop.
        let milliseconds = patience.map_or(-1, |patience| patience.as_micros().div_ceil(1000) as i64);
        let mut items = [
            PollItem::from_fd(self.wake.as_raw_fd(), POLLIN),
            self.control.as_poll_item(POLLIN),
            self.shell.as_poll_item(POLLIN),
            self.stdin.as_poll_item(POLLIN),
            self.iopub.as_poll_item(POLLIN),
        ];
        match zmq::poll(&mut items, milliseconds) {
            Ok(_) | Err(zmq::Error::EINTR) => {}
            Err(error) => return Err(socket_error("the sockets", &error.to_string())),
        }
        let [wake, control, shell, stdin, iopub] = items.map(|item| item.is_readable());
        if wake {
            self.take_wake();
        }
        if iopub {
            self.welcome();
        }
        let mut arrived = Vec::new();
        for (channel, is_ready) in [(Channel::Control, control), (Channel::Shell, shell), (Channel::Stdin, stdin)] {
            if is_ready {
                self.receive(channel, &mut arrived);
            }
        }
        Ok(arrived)
    }

    /// Returns the requests that have come already, control's first. Leaves the wake-up alone: what it announces is
    /// still to be looked for.
    pub(super) fn arrived(&mut self) -> Vec<Message> {
        let mut arrived = Vec::new();
        self.receive(Channel::Control, &mut arrived);
        self.receive(Channel::Shell, &mut arrived);
        arrived
    }

    /// The id that this kernel gives itself in headers.
    pub(super) fn session(&self) -> &str {
        self.codec.session()
    }

    /// Whether anybody listens to iopub, or has listened.
    pub(super) fn is_subscribed(&self) -> bool {
        self.is_subscribed
    }

    fn take_wake(&mut self) {
        let mut bytes = [0; 64];
        while matches!(self.wake.read(&mut bytes), Ok(length) if length == bytes.len()) {}
    }

    fn receive(&mut self, channel: Channel, arrived: &mut Vec<Message>) {
        for _ in 0..TURN {
            let Ok(frames) = self.socket(channel).recv_multipart(DONTWAIT) else { return };
            match self.codec.decode(channel, frames) {
                Ok(message) => {
                    tracing::debug!(channel = channel.name(), msg_type = message.msg_type, "received");
                    arrived.push(message);
                }
                Err(why) => log(format_args!("a message on {} is ignored: {why}", channel.name())),
            }
        }
    }

    /// Tells new subscribers that they are subscribed (`IopubWelcome`).
    fn welcome(&mut self) {
        while let Ok(frames) = self.iopub.recv_multipart(DONTWAIT) {
            // ZeroMQ writes a subscription as the byte 1 and its topic (zmq_socket(3), ZMQ_XPUB).
            let Some((1, topic)) = frames.first().and_then(|frame| frame.split_first()).map(|(b, t)| (*b, t))
            else {
                continue;
            };
            let subscription = String::from_utf8_lossy(topic).into_owned();
            let mut welcome = Outgoing::about(json!({}), &IopubWelcome { subscription });
            welcome.identities = vec![topic.to_vec()];
            self.send(Channel::Iopub, welcome);
            self.is_subscribed = true;
        }
    }

    pub(super) fn send(&mut self, channel: Channel, message: Outgoing) {
        let msg_type = message.msg_type;
        tracing::debug!(channel = channel.name(), msg_type, "send");
        let frames = self.codec.encode(message);
        if let Err(error) = self.socket(channel).send_multipart(frames, DONTWAIT) {
            log(format_args!("failed to send {msg_type} on {}: {error}", channel.name()));
        }
    }

    /// Sends a question on stdin and returns its `msg_id`. `None` if this client has not connected there.
    pub(super) fn ask(&mut self, message: Outgoing) -> Option<String> {
        let frames = self.codec.encode(message);
        self.stdin.send_multipart(frames, DONTWAIT).ok().map(|()| self.codec.last_id())
    }

    /// Publishes under a topic of its own for each type of message.
    pub(super) fn publish(&mut self, mut message: Outgoing) {
        message.identities = vec![format!("kernel.{}.{}", self.codec.session(), message.msg_type).into_bytes()];
        self.send(Channel::Iopub, message);
    }

    fn socket(&self, channel: Channel) -> &Socket {
        match channel {
            Channel::Control => &self.control,
            Channel::Stdin => &self.stdin,
            Channel::Iopub => &self.iopub,
            Channel::Shell | Channel::Heartbeat => &self.shell,
        }
    }
}

fn bind(context: &Context, connection: &Connection, channel: Channel, kind: SocketType) -> Result<Socket, Error> {
    let address = connection.address(channel);
    let what = format!("the {} socket at `{address}`", channel.name());
    let open = || -> Result<Socket, zmq::Error> {
        let socket = context.socket(kind)?;
        socket.set_linger(LINGER_MS)?;
        socket.set_sndhwm(0)?;
        socket.set_rcvhwm(0)?;
        socket.set_maxmsgsize(LARGEST_FRAME)?;
        socket.set_ipv6(connection.is_ipv6())?;
        if kind == SocketType::ROUTER {
            // A client that connects again keeps its identity.
            socket.set_router_handover(true)?;
            // A question must not be lost where nobody is, since a cell waits for its answer.
            socket.set_router_mandatory(channel == Channel::Stdin)?;
        }
        if kind == SocketType::XPUB {
            socket.set_sndhwm(SUBSCRIBER_BACKLOG)?;
            socket.set_xpub_verbose(true)?;
            socket.set_heartbeat_ivl(PING_INTERVAL_MS)?;
            socket.set_heartbeat_timeout(PING_TIMEOUT_MS)?;
        }
        // Whoever may write to a socket in the file system may connect to it: this user only.
        with_umask(0o177, || socket.bind(&address))?;
        Ok(socket)
    };
    open().map_err(|error| socket_error(&what, &error.to_string()))
}

/// Starts the thread that echoes what comes to the heartbeat socket
/// (<https://jupyter-client.readthedocs.io/en/stable/messaging.html#heartbeat-for-kernels>). It has a context of its own,
/// and ends with the process.
pub(super) fn start_heartbeat(connection: &Connection) -> Result<(), Error> {
    let socket = bind(&Context::new(), connection, Channel::Heartbeat, SocketType::REP)?;
    let echo = move || {
        loop {
            match socket.recv_multipart(0).and_then(|frames| socket.send_multipart(frames, 0)) {
                // A signal that the system gives to this thread interrupts its wait, and concerns others.
                Ok(()) | Err(zmq::Error::EINTR) => {}
                Err(error) => return log(format_args!("the heartbeat ends: {error}")),
            }
        }
    };
    let thread = std::thread::Builder::new().name("heartbeat".into()).spawn(echo);
    thread.map(drop).map_err(|error| socket_error("the heartbeat thread", &error.to_string()))
}

fn socket_error(what: &str, why: &str) -> Error {
    Error::new(ExitCode::Environment, format!("failed to open {what}: {why}; start the kernel again from Jupyter"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// A wire on sockets in `directory`, and the end that wakes it.
    fn wire(directory: &std::path::Path) -> (Wire, UnixStream) {
        let connection = json!({"transport": "ipc", "ip": directory.join("k"), "shell_port": 1, "control_port": 2,
            "stdin_port": 3, "iopub_port": 4, "hb_port": 5});
        let file = directory.join("connection.json");
        std::fs::write(&file, connection.to_string()).expect("written");
        let connection = Connection::read(&file).expect("good");
        let (line, woken) = UnixStream::pair().expect("a pair");
        (Wire::bind(&connection, "s".into(), woken).expect("bound"), line)
    }

    /// The fault that this holds off: the dispatcher looks for requests while it handles an event, the byte that
    /// announces the next events is lost, and nobody wakes the dispatcher for them.
    #[test]
    fn looking_for_requests_takes_them_and_leaves_the_wake_up() {
        let directory = tempfile::tempdir().expect("a directory");
        let (mut wire, mut line) = wire(directory.path());
        let client = Context::new().socket(SocketType::DEALER).expect("a socket");
        client.connect(&format!("ipc://{}-1", directory.path().join("k").display())).expect("connected");
        let header = json!({"msg_id": "1", "msg_type": "comm_info_request"}).to_string();
        client.send_multipart(["<IDS|MSG>", "", &header, "{}", "{}", "{}"], 0).expect("sent");
        line.write_all(b"!").expect("written");
        let mut arrived = Vec::new();
        while arrived.is_empty() {
            arrived = wire.arrived();
        }
        assert_eq!(arrived[0].msg_type, "comm_info_request");
        let mut bytes = [0; 2];
        assert_eq!(wire.wake.read(&mut bytes).expect("still there"), 1);
    }
}
