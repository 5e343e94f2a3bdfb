//! The connection file: where the front end wants the sockets, and the key that signs messages
//! (<https://jupyter-client.readthedocs.io/en/stable/kernels.html#connection-files>). Reads it, and says clearly what is
//! wrong with it; never writes it.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;

use super::control::ConnectReply;
use crate::error::{Error, ExitCode};
use crate::sys::descriptor::open_regular;

/// Bytes of a connection file; real ones have 300. A larger file is refused.
const LARGEST: u64 = 64 << 10;

/// A connection file, as the protocol spells it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Connection {
    #[serde(default = "tcp")]
    transport: String,
    ip: String,
    shell_port: u32,
    control_port: u32,
    stdin_port: u32,
    iopub_port: u32,
    hb_port: u32,
    #[serde(default = "hmac_sha256")]
    signature_scheme: String,
    /// Signs messages; if it is empty they are not signed.
    #[serde(default)]
    pub key: String,
    /// `Some` if the front end wants the sockets encrypted, which this kernel cannot do.
    #[serde(default)]
    curve_publickey: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Channel {
    Shell,
    Control,
    Stdin,
    Iopub,
    Heartbeat,
}

impl Channel {
    pub(crate) const ALL: [Channel; 5] =
        [Channel::Shell, Channel::Control, Channel::Stdin, Channel::Iopub, Channel::Heartbeat];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Channel::Shell => "shell",
            Channel::Control => "control",
            Channel::Stdin => "stdin",
            Channel::Iopub => "iopub",
            Channel::Heartbeat => "hb",
        }
    }
}

impl Connection {
    pub(crate) fn read(path: &Path) -> Result<Connection, Error> {
        let bad = |why: String| {
            let message = format!(
                "cannot use the connection file `{}`: {why}; Jupyter writes one when it starts a kernel (`jupyter console --kernel threadbook`)",
                path.display()
            );
            Error::new(ExitCode::Input, message)
        };
        let file = open_regular(File::options().read(true), path).map_err(|error| bad(error.to_string()))?;
        let mut text = String::new();
        file.take(LARGEST + 1).read_to_string(&mut text).map_err(|error| bad(error.to_string()))?;
        if text.len() as u64 > LARGEST {
            return Err(bad("it is far too large".into()));
        }
        Connection::parse(&text).map_err(bad)
    }

    fn parse(text: &str) -> Result<Connection, String> {
        let connection: Connection = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let Connection { transport, ip, signature_scheme, .. } = &connection;
        if !matches!(transport.as_str(), "tcp" | "ipc") {
            return Err(format!("its transport is `{transport}`, and only `tcp` and `ipc` are known"));
        }
        if signature_scheme != "hmac-sha256" && !connection.key.is_empty() {
            return Err(format!("its signature_scheme is `{signature_scheme}`, and only `hmac-sha256` is known"));
        }
        if connection.curve_publickey.is_some() {
            return Err("it asks for encrypted sockets, which this kernel does not have; set transport_encryption to `disabled`".into());
        }
        if ip.is_empty() {
            return Err("its ip is empty".into());
        }
        let mut seen = Vec::new();
        for channel in Channel::ALL {
            let port = connection.port(channel);
            let name = channel.name();
            if port == 0 || (transport == "tcp" && port > u32::from(u16::MAX)) {
                return Err(format!("its {name}_port is {port}, which is no port"));
            }
            if seen.contains(&port) {
                return Err(format!("its {name}_port is {port}, which another channel has"));
            }
            seen.push(port);
        }
        Ok(connection)
    }

    pub(crate) fn port(&self, channel: Channel) -> u32 {
        match channel {
            Channel::Shell => self.shell_port,
            Channel::Control => self.control_port,
            Channel::Stdin => self.stdin_port,
            Channel::Iopub => self.iopub_port,
            Channel::Heartbeat => self.hb_port,
        }
    }

    /// The content of `connect_reply`.
    pub(crate) fn ports(&self) -> ConnectReply {
        ConnectReply {
            shell_port: self.shell_port,
            control_port: self.control_port,
            stdin_port: self.stdin_port,
            iopub_port: self.iopub_port,
            hb_port: self.hb_port,
        }
    }

    /// The channel's address as ZeroMQ spells it.
    pub(crate) fn address(&self, channel: Channel) -> String {
        let (ip, port) = (&self.ip, self.port(channel));
        match self.transport.as_str() {
            "ipc" => format!("ipc://{ip}-{port}"),
            _ if ip.contains(':') && !ip.starts_with('[') => format!("tcp://[{ip}]:{port}"),
            _ => format!("tcp://{ip}:{port}"),
        }
    }

    pub(crate) fn is_ipv6(&self) -> bool {
        self.transport == "tcp" && self.ip.contains(':')
    }
}

fn tcp() -> String {
    "tcp".into()
}

fn hmac_sha256() -> String {
    "hmac-sha256".into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn file() -> Value {
        json!({"transport": "tcp", "ip": "127.0.0.1", "shell_port": 1, "iopub_port": 2, "stdin_port": 3,
            "control_port": 4, "hb_port": 5, "signature_scheme": "hmac-sha256", "key": "k", "kernel_name": "x"})
    }

    #[test]
    fn addresses_are_spelt_by_transport() {
        let mut file = file();
        let address = |file: &Value| Connection::parse(&file.to_string()).expect("good").address(Channel::Shell);
        assert_eq!(address(&file), "tcp://127.0.0.1:1");
        file["ip"] = json!("::1");
        assert_eq!(address(&file), "tcp://[::1]:1");
        (file["transport"], file["ip"]) = (json!("ipc"), json!("/run/k"));
        assert_eq!(address(&file), "ipc:///run/k-1");
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (key, value, part) in [
            ("transport", json!("udp"), "transport is `udp`"),
            ("signature_scheme", json!("hmac-md5"), "signature_scheme is `hmac-md5`"),
            ("shell_port", json!(0), "shell_port is 0"),
            ("hb_port", json!(70000), "hb_port is 70000"),
            ("hb_port", json!(1), "another channel"),
            ("ip", json!(""), "ip is empty"),
            ("curve_publickey", json!("k"), "transport_encryption"),
            ("ip", Value::Null, "invalid type"),
        ] {
            let mut file = file();
            file[key] = value;
            let error = Connection::parse(&file.to_string()).expect_err("bad");
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn only_a_file_of_reasonable_size_is_read() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("large"), " ".repeat(1 << 20)).expect("written");
        // Nobody writes to it: to wait for that would be to wait for ever.
        let made = std::process::Command::new("mkfifo").arg(path("pipe")).status();
        assert!(made.expect("mkfifo runs").success());
        std::os::unix::fs::symlink("/dev/zero", path("link")).expect("made");
        for (name, part) in
            [("large", "far too large"), ("pipe", "not a regular file"), ("link", "not a regular file")]
        {
            let error = Connection::read(&path(name)).expect_err("refused").to_string();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_file_that_is_not_there_says_so() {
        let error = Connection::read(Path::new("/nonexistent/kernel.json")).expect_err("missing");
        assert!(error.to_string().contains("cannot use the connection file `/nonexistent/kernel.json`"));
    }
}
