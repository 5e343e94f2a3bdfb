//! Owns the sockets, all but the heartbeat's; lives on one thread. Frames in, messages out, and the other way round.
//!
//! What is not signed by the connection's key never leaves this file. Sending never blocks. Replies are never dropped;
//! a subscriber misses something only once `BEHIND` messages wait for it. One that has stopped without a word is found
//! by ZeroMQ's heartbeats; but these wait behind what it does not read, so only the number bounds what waits for it.

use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::{Map, json};
use zmq::{Context, DONTWAIT, POLLIN, PollItem, Socket, SocketType};

use super::connection::{Channel, Connection};
use super::log;
use super::message::{Codec, Message, Outgoing};
use crate::error::{Error, ExitCode};
use crate::sys::descriptor::with_umask;

/// A peer that does not answer is asked every 30 s, and given up after a minute.
const HEARTBEAT_MS: i32 = 30_000;
const PATIENCE_MS: i32 = 60_000;

/// A subscriber may be so many messages behind: sixteen cells of the most that a cell shows, each of messages of 64 KiB.
/// What comes then passes it by, and nobody else.
const BEHIND: i32 = 1 << 14;

/// What was sent before the end is given this long to leave.
const LINGER_MS: i32 = 1_000;

/// Who sends a larger frame is hung up on: its memory would be taken before its signature could be looked at. Uploads
/// to widgets come in one frame.
const LARGEST: i64 = 1 << 29;

/// So many messages of one channel are taken before others have their turn.
const TURN: usize = 32;

pub(super) struct Wire {
    codec: Codec,
    control: Socket,
    shell: Socket,
    stdin: Socket,
    iopub: Socket,
    wake: UnixStream,
    subscribed: bool,
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
            subscribed: false,
        })
    }

    /// Waits for messages, a wake-up, or the time to pass; answers the messages, control's first.
    pub(super) fn wait(&mut self, patience: Option<Duration>) -> Result<Vec<(Channel, Message)>, Error> {
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
            self.swallow_wake();
        }
        if iopub {
            self.welcome();
        }
        let mut arrived = Vec::new();
        for (channel, ready) in [(Channel::Control, control), (Channel::Shell, shell), (Channel::Stdin, stdin)] {
            if ready {
                self.receive(channel, &mut arrived);
            }
        }
        Ok(arrived)
    }

    /// The id that this kernel gives itself in headers.
    pub(super) fn session(&self) -> &str {
        self.codec.session()
    }

    /// Whether anybody listens to iopub, or has listened.
    pub(super) fn is_subscribed(&self) -> bool {
        self.subscribed
    }

    fn swallow_wake(&mut self) {
        let mut bytes = [0; 64];
        while matches!(self.wake.read(&mut bytes), Ok(length) if length == bytes.len()) {}
    }

    fn receive(&mut self, channel: Channel, arrived: &mut Vec<(Channel, Message)>) {
        for _ in 0..TURN {
            let Ok(frames) = self.socket(channel).recv_multipart(DONTWAIT) else { return };
            match self.codec.decode(frames) {
                Ok(message) => arrived.push((channel, message)),
                Err(why) => log(format_args!("a message on {} is ignored: {why}", channel.name())),
            }
        }
    }

    /// New subscribers learn that they are subscribed (JEP 65).
    fn welcome(&mut self) {
        while let Ok(frames) = self.iopub.recv_multipart(DONTWAIT) {
            let Some((1, topic)) = frames.first().and_then(|frame| frame.split_first()).map(|(b, t)| (*b, t))
            else {
                continue;
            };
            let subscription = String::from_utf8_lossy(topic);
            let welcome = Outgoing {
                identities: vec![topic.to_vec()],
                msg_type: "iopub_welcome",
                parent: json!({}),
                metadata: Map::new(),
                content: json!({"subscription": subscription}),
            };
            self.send(Channel::Iopub, welcome);
            self.subscribed = true;
        }
    }

    pub(super) fn send(&mut self, channel: Channel, message: Outgoing) {
        let msg_type = message.msg_type;
        let frames = self.codec.encode(message);
        if let Err(error) = self.socket(channel).send_multipart(frames, DONTWAIT) {
            log(format_args!("failed to send {msg_type} on {}: {error}", channel.name()));
        }
    }

    /// Sends a question on stdin; answers its `msg_id`, or none if this client has not connected there.
    pub(super) fn ask(&mut self, message: Outgoing) -> Option<String> {
        let frames = self.codec.encode(message);
        self.stdin.send_multipart(frames, DONTWAIT).ok().map(|()| self.codec.last_id())
    }

    /// Publishes under a topic of its own.
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
        socket.set_maxmsgsize(LARGEST)?;
        socket.set_ipv6(connection.is_ipv6())?;
        if kind == SocketType::ROUTER {
            // A client that connects again keeps its identity.
            socket.set_router_handover(true)?;
            // Only a question waits for an answer, so it must not be lost where nobody is.
            socket.set_router_mandatory(channel == Channel::Stdin)?;
        }
        if kind == SocketType::XPUB {
            socket.set_sndhwm(BEHIND)?;
            socket.set_xpub_verbose(true)?;
            socket.set_heartbeat_ivl(HEARTBEAT_MS)?;
            socket.set_heartbeat_timeout(PATIENCE_MS)?;
        }
        // A socket in the file system is for whoever may write to it: this user only.
        with_umask(0o177, || socket.bind(&address))?;
        Ok(socket)
    };
    open().map_err(|error| socket_error(&what, &error.to_string()))
}

/// The thread that echoes what comes to the heartbeat socket. It has a context of its own, and ends with the process.
pub(super) fn start_heartbeat(connection: &Connection) -> Result<(), Error> {
    let socket = bind(&Context::new(), connection, Channel::Heartbeat, SocketType::REP)?;
    let echo = move || {
        while let Ok(frames) = socket.recv_multipart(0) {
            if socket.send_multipart(frames, 0).is_err() {
                return;
            }
        }
    };
    let thread = std::thread::Builder::new().name("heartbeat".into()).spawn(echo);
    thread.map(drop).map_err(|error| socket_error("the heartbeat thread", &error.to_string()))
}

fn socket_error(what: &str, why: &str) -> Error {
    Error::new(ExitCode::Environment, format!("failed to open {what}: {why}; start the kernel again from Jupyter"))
}
