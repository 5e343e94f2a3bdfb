//! A strict client of the [Jupyter protocol](https://jupyter-client.readthedocs.io/en/stable/messaging.html): it
//! starts a real kernel and checks every message that arrives. A message that a test has not taken when it ends fails
//! the test.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use tempfile::TempDir;

pub(crate) const THREADBOOK: &str = env!("CARGO_BIN_EXE_threadbook");
const KEY: &str = "a0b1-secret";
const DELIMITER: &[u8] = b"<IDS|MSG>";
/// Milliseconds that a test waits for one message. Every message that a test asks for is on its way, so a longer wait
/// means that the kernel has failed.
const PATIENCE_MS: i64 = 60_000;

pub(crate) struct Kernel {
    pub process: Child,
    pub directory: TempDir,
    pub connection: Value,
}

pub(crate) struct Client {
    pub kernel: Kernel,
    pub context: zmq::Context,
    pub shell: zmq::Socket,
    pub control: zmq::Socket,
    pub iopub: zmq::Socket,
    pub stdin: zmq::Socket,
    /// The subshell that requests are sent to. Null is the main shell.
    pub subshell: Value,
    session: String,
    sent: u64,
}

/// Holds a cell until the test lets it go on.
pub(crate) struct Gate(TcpListener);

impl Gate {
    pub(crate) fn new() -> Gate {
        Gate(TcpListener::bind("127.0.0.1:0").expect("a port"))
    }

    /// A Rust statement that waits at the gate.
    pub(crate) fn code(&self) -> String {
        let address = self.0.local_addr().expect("an address");
        format!(
            "std::io::Read::read(&mut std::net::TcpStream::connect(\"{address}\").unwrap(), &mut [0]).unwrap();"
        )
    }

    /// Waits until a cell arrives at the gate. The cell goes on when the returned stream is dropped.
    pub(crate) fn visitor(&self) -> TcpStream {
        self.0.accept().expect("a cell comes").0
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Message {
    pub msg_type: String,
    pub header: Value,
    pub parent: Value,
    pub metadata: Value,
    pub content: Value,
}

/// For each message type: the keys that `content` must have, and the keys that it may have. No other key is allowed.
const SCHEMA: &[(&str, &[&str], &[&str])] = &[
    ("status", &["execution_state"], &[]),
    ("execute_input", &["code", "execution_count"], &[]),
    ("stream", &["name", "text"], &[]),
    ("display_data", &["data", "metadata", "transient"], &[]),
    ("update_display_data", &["data", "metadata", "transient"], &[]),
    ("clear_output", &["wait"], &[]),
    ("execute_result", &["data", "metadata", "execution_count"], &[]),
    ("error", &["ename", "evalue", "traceback"], &[]),
    ("iopub_welcome", &["subscription"], &[]),
    ("comm_open", &["comm_id", "target_name", "data"], &[]),
    ("comm_msg", &["comm_id", "data"], &[]),
    ("comm_close", &["comm_id", "data"], &[]),
    ("input_request", &["prompt", "password"], &[]),
    (
        "execute_reply",
        &["status", "execution_count", "payload", "user_expressions"],
        &["ename", "evalue", "traceback"],
    ),
    ("complete_reply", &["status", "matches", "cursor_start", "cursor_end", "metadata"], &[]),
    ("inspect_reply", &["status", "found", "data", "metadata"], &[]),
    ("is_complete_reply", &["status"], &["indent"]),
    ("history_reply", &["status", "history"], &[]),
    ("comm_info_reply", &["status", "comms"], &[]),
    ("shutdown_reply", &["status", "restart"], &[]),
    ("interrupt_reply", &["status"], &[]),
    ("create_subshell_reply", &["status", "subshell_id"], &[]),
    ("delete_subshell_reply", &["status"], &[]),
    ("list_subshell_reply", &["status", "subshell_id"], &[]),
    ("debug_reply", &[], &[]),
    ("connect_reply", &["status", "shell_port", "control_port", "stdin_port", "iopub_port", "hb_port"], &[]),
    (
        "usage_reply",
        &[
            "hostname",
            "pid",
            "kernel_cpu",
            "kernel_memory",
            "cpu_count",
            "host_cpu_percent",
            "host_virtual_memory",
            "interval",
        ],
        &[],
    ),
    (
        "kernel_info_reply",
        &[
            "status",
            "protocol_version",
            "implementation",
            "implementation_version",
            "language_info",
            "banner",
            "debugger",
            "help_links",
            "supported_features",
        ],
        &[],
    ),
];

/// Messages that the `jupyter-protocol` crate does not define. It reads them as unknown messages.
const UNKNOWN_TO_THE_CRATE: &[&str] = &[
    // Subshells are of protocol version 5.5; the crate implements 5.3.
    "create_subshell_reply",
    "delete_subshell_reply",
    "list_subshell_reply",
    // Only ipykernel defines this message.
    "usage_reply",
    // The protocol has deprecated this message since version 5.1.
    "connect_reply",
];

pub(crate) fn ipc_connection(directory: &TempDir) -> Value {
    connection("ipc", directory.path().join("k").to_str().expect("text"), [1, 2, 3, 4, 5])
}

pub(crate) fn tcp_connection() -> Value {
    let listeners = [(); 5].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
    connection("tcp", "127.0.0.1", listeners.map(|listener| listener.local_addr().expect("an address").port()))
}

fn connection(transport: &str, ip: &str, ports: [u16; 5]) -> Value {
    let [shell, control, stdin, iopub, hb] = ports;
    json!({"transport": transport, "ip": ip, "shell_port": shell, "control_port": control, "stdin_port": stdin,
        "iopub_port": iopub, "hb_port": hb, "signature_scheme": "hmac-sha256", "key": KEY})
}

impl Kernel {
    pub(crate) fn command(directory: &TempDir, connection: &Value) -> Command {
        let file = directory.path().join("connection.json");
        fs::write(&file, connection.to_string()).expect("the connection file is written");
        let mut command = Command::new(THREADBOOK);
        command.arg("kernel").arg(file).env("THREADBOOK_DATA", directory.path().join("data"));
        command.env_remove("JPY_PARENT_PID");
        command
    }

    pub(crate) fn start(directory: TempDir, connection: Value) -> Kernel {
        let process = Kernel::command(&directory, &connection).spawn().expect("the kernel starts");
        Kernel { process, directory, connection }
    }

    pub(crate) fn address(&self, channel: &str) -> String {
        let (ip, port) = (self.connection["ip"].as_str().expect("ip"), &self.connection[format!("{channel}_port")]);
        match self.connection["transport"].as_str() {
            Some("ipc") => format!("ipc://{ip}-{port}"),
            _ => format!("tcp://{ip}:{port}"),
        }
    }
}

impl Drop for Kernel {
    fn drop(&mut self) {
        // If the test has failed, its kernel still runs.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Client {
    /// Starts a kernel and returns its client. They talk over ipc, which needs no free ports.
    pub(crate) fn start() -> Client {
        let directory = tempfile::tempdir().expect("a directory");
        let connection = ipc_connection(&directory);
        Client::of(Kernel::start(directory, connection))
    }

    /// Connects to the kernel, and waits until the kernel knows of the subscription to iopub.
    pub(crate) fn of(kernel: Kernel) -> Client {
        let client = Client::without_stdin(kernel);
        client.connect_stdin();
        client
    }

    pub(crate) fn connect_stdin(&self) {
        self.stdin.connect(&self.kernel.address("stdin")).expect("connected");
    }

    pub(crate) fn without_stdin(kernel: Kernel) -> Client {
        let context = zmq::Context::new();
        let open = |kind| {
            let socket = context.socket(kind).expect("a socket");
            socket.set_linger(0).expect("set");
            // The kernel sends an input request to the stdin socket with the same identity as the shell socket.
            socket.set_identity(b"tester").expect("set");
            socket.set_rcvhwm(0).expect("set");
            socket
        };
        let connect = |kind, channel: &str| {
            let socket = open(kind);
            socket.connect(&kernel.address(channel)).expect("connected");
            socket
        };
        let (shell, control) = (connect(zmq::DEALER, "shell"), connect(zmq::DEALER, "control"));
        let (iopub, stdin) = (connect(zmq::SUB, "iopub"), open(zmq::DEALER));
        iopub.set_subscribe(b"").expect("subscribed");
        let subshell = Value::Null;
        let session = "client".into();
        let client = Client { kernel, context, shell, control, iopub, stdin, subshell, session, sent: 0 };
        let welcome = client.published();
        assert_eq!((welcome.msg_type.as_str(), &welcome.parent), ("iopub_welcome", &json!({})));
        client.expect_status("starting", &json!({}));
        client
    }

    /// The signed frames of a request, and its header.
    pub(crate) fn frames(&mut self, msg_type: &str, content: Value) -> (Vec<Vec<u8>>, Value) {
        self.sent += 1;
        let header = json!({"msg_id": format!("{}-{}", self.session, self.sent), "msg_type": msg_type,
            "username": "tester", "session": self.session, "date": "2026-01-01T00:00:00.000000Z", "version": "5.5",
            "subshell_id": self.subshell});
        let parts = [header.clone(), json!({}), json!({}), content].map(|part| part.to_string().into_bytes());
        let mut frames = vec![DELIMITER.to_vec(), sign(&parts).into_bytes()];
        frames.extend(parts);
        (frames, header)
    }

    /// The same message, as a reply to the message with the header `parent`.
    pub(crate) fn with_parent(&self, frames: Vec<Vec<u8>>, parent: &Value) -> Vec<Vec<u8>> {
        let parts = [2, 3, 4, 5].map(|n| if n == 3 { parent.to_string().into_bytes() } else { frames[n].clone() });
        let mut signed = vec![DELIMITER.to_vec(), sign(&parts).into_bytes()];
        signed.extend(parts);
        signed
    }

    /// Sends a request on the shell and returns its header.
    pub(crate) fn send(&mut self, msg_type: &str, content: Value) -> Value {
        let (frames, header) = self.frames(msg_type, content);
        self.shell.send_multipart(frames, 0).expect("sent");
        header
    }

    pub(crate) fn send_control(&mut self, msg_type: &str, content: Value) -> Value {
        let (frames, header) = self.frames(msg_type, content);
        self.control.send_multipart(frames, 0).expect("sent");
        header
    }

    pub(crate) fn execute(&mut self, code: &str) -> Value {
        self.send(
            "execute_request",
            json!({"code": code, "silent": false, "store_history": true,
            "user_expressions": {}, "allow_stdin": false, "stop_on_error": true}),
        )
    }

    /// Sends a request on the shell and takes everything that belongs to it: the reply, and the iopub messages from
    /// `busy` to `idle`.
    pub(crate) fn ask(&mut self, msg_type: &str, content: Value) -> (Message, Vec<Message>) {
        let header = self.send(msg_type, content);
        (self.reply_to(&header), self.published_for(&header))
    }

    pub(crate) fn run(&mut self, code: &str) -> (Message, Vec<Message>) {
        let header = self.execute(code);
        (self.reply_to(&header), self.published_for(&header))
    }

    pub(crate) fn reply_to(&self, header: &Value) -> Message {
        reply(&self.shell, header)
    }

    pub(crate) fn control_reply_to(&self, header: &Value) -> Message {
        reply(&self.control, header)
    }

    pub(crate) fn published(&self) -> Message {
        receive(&self.iopub)
    }

    /// Takes the next iopub message, which must be of this type and belong to this request.
    pub(crate) fn expect(&self, msg_type: &str, header: &Value) -> Message {
        let message = self.published();
        assert_eq!((message.msg_type.as_str(), &message.parent), (msg_type, header), "{message:?}");
        message
    }

    pub(crate) fn expect_status(&self, state: &str, header: &Value) {
        assert_eq!(self.expect("status", header).content["execution_state"], state);
    }

    /// Takes the iopub messages of this request between `busy` and `idle`. No other message may come.
    pub(crate) fn published_for(&self, header: &Value) -> Vec<Message> {
        self.expect_status("busy", header);
        let mut published = Vec::new();
        loop {
            let message = self.published();
            assert_eq!(&message.parent, header, "{message:?}");
            if message.msg_type == "status" {
                assert_eq!(message.content["execution_state"], "idle");
                return published;
            }
            published.push(message);
        }
    }

    /// Takes `stream` messages of this request until their text ends with `end`. Returns the text.
    pub(crate) fn text_until(&self, header: &Value, end: &str) -> String {
        let mut text = String::new();
        while !text.ends_with(end) {
            let message = self.expect("stream", header);
            text += message.content["text"].as_str().expect("text");
        }
        text
    }

    /// Shuts the kernel down. Fails if the kernel sent a message that the test has not taken.
    pub(crate) fn finish(mut self) -> TempDir {
        let header = self.send_control("shutdown_request", json!({"restart": false}));
        assert_eq!(self.control_reply_to(&header).content, json!({"status": "ok", "restart": false}));
        let published = self.published_for(&header);
        assert_eq!(published.iter().map(|m| m.msg_type.as_str()).collect::<Vec<_>>(), ["shutdown_reply"]);
        assert!(self.kernel.process.wait().expect("it ends").success());
        for socket in [&self.shell, &self.control, &self.iopub, &self.stdin] {
            assert!(socket.recv_multipart(zmq::DONTWAIT).is_err(), "a message was left over");
        }
        std::mem::replace(&mut self.kernel.directory, tempfile::tempdir().expect("a directory"))
    }
}

fn reply(socket: &zmq::Socket, header: &Value) -> Message {
    let message = receive(socket);
    assert_eq!(&message.parent, header, "{message:?}");
    message
}

/// Takes the next message of a socket and checks it.
pub(crate) fn receive(socket: &zmq::Socket) -> Message {
    assert!(socket.poll(zmq::POLLIN, PATIENCE_MS).expect("polled") > 0, "no message comes");
    check(socket.recv_multipart(0).expect("received"))
}

fn check(frames: Vec<Vec<u8>>) -> Message {
    let at = frames.iter().position(|frame| frame == DELIMITER).expect("a delimiter");
    let parts: [Vec<u8>; 4] = frames[at + 2..].to_vec().try_into().expect("four parts");
    assert_eq!(frames[at + 1], sign(&parts).into_bytes(), "the signature is wrong");
    let [header, parent, metadata, content] =
        parts.map(|part| serde_json::from_slice::<Value>(&part).expect("JSON"));
    let msg_type = header["msg_type"].as_str().expect("a type").to_string();
    assert_eq!(keys(&header), ["date", "msg_id", "msg_type", "session", "username", "version"]);
    assert_eq!(header["version"], "5.5");
    let date = header["date"].as_str().expect("a date");
    assert!(date.len() == 27 && date.ends_with('Z') && date.as_bytes()[10] == b'T', "{date}");
    assert!(parent.is_object() && metadata.is_object(), "{msg_type}");
    let (_, required, optional) = SCHEMA.iter().find(|(name, ..)| *name == msg_type).expect("a known type");
    let there = keys(&content);
    let refused: (&[&str], &[&str]) = (&["status", "ename", "evalue", "traceback"], &[]);
    let is_refused = content["status"] == "error" && msg_type != "execute_reply";
    let (required, optional) = if is_refused { refused } else { (*required, *optional) };
    assert!(required.iter().all(|key| there.contains(key)), "{msg_type}: {content}");
    assert!(there.iter().all(|key| required.contains(key) || optional.contains(key)), "{msg_type}: {content}");
    if content["status"] == "error" {
        assert!(["ename", "evalue", "traceback"].iter().all(|key| there.contains(key)), "{content}");
    }
    if msg_type == "execute_reply" {
        assert!(metadata["started"].is_string(), "{metadata}");
    }
    ask_the_crate(
        &msg_type,
        json!({"header": header, "parent_header": parent, "metadata": metadata, "content": content}),
    );
    Message { msg_type, header, parent, metadata, content }
}

/// Checks that the types of the `jupyter-protocol` crate accept the message and give the same content back. Two
/// fields are newer (5.5) than the crate, which drops them: `supported_features` of `kernel_info_reply`, and
/// `subshell_id` in the parent's header.
fn ask_the_crate(msg_type: &str, mut message: Value) {
    let content = &mut message["content"];
    if content["status"] == "error" && msg_type != "execute_reply" {
        // An error reply has these fields only; the crate's types require all fields of a successful reply.
        serde_json::from_value::<jupyter_protocol::ReplyError>(content.clone()).expect("an error");
        return;
    }
    if msg_type.starts_with("comm_") && !content["data"].is_object() {
        // The crate accepts only objects as a comm's data; cells may send any JSON.
        content["data"] = json!({});
    }
    message["buffers"] = json!([]);
    let read =
        jupyter_protocol::JupyterMessage::from_value(message.clone()).unwrap_or_else(|e| panic!("{e}: {message}"));
    let is_known = !matches!(read.content, jupyter_protocol::JupyterMessageContent::UnknownMessage(_));
    assert_eq!((read.message_type(), is_known), (msg_type, !UNKNOWN_TO_THE_CRATE.contains(&msg_type)));
}

fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort();
    keys
}

fn sign(parts: &[Vec<u8>]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(KEY.as_bytes()).expect("a key");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn kinds(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| message.msg_type.as_str()).collect()
}

/// The text of one stream in these messages.
pub(crate) fn text(messages: &[Message], name: &str) -> String {
    let of_stream = |m: &&Message| m.msg_type == "stream" && m.content["name"] == name;
    messages.iter().filter(of_stream).map(|m| m.content["text"].as_str().expect("text")).collect()
}

/// Whether a process with this id exists and is not a zombie.
pub(crate) fn is_alive(pid: u32) -> bool {
    let stat = fs::read_to_string(PathBuf::from(format!("/proc/{pid}/stat"))).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}
