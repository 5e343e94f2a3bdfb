//! The subshells that clients have asked for (JEP 91): their ids, and what is said of one that is not there.
//!
//! A subshell is a name for a queue of requests, never a thread: a session runs one cell at a time. What JupyterLab
//! wants them for, comms and questions that do not wait for the cell that runs, is so on the main shell already.

use serde_json::{Value, json};

use super::connection::Channel;
use super::desk::Desk;
use super::message::Message;

#[derive(Default)]
pub(super) struct Subshells {
    ids: Vec<String>,
    /// No id is given twice.
    made: u64,
}

impl Subshells {
    /// `kernel` tells the ids of one kernel from those of another, to which clients have been seen to send them.
    fn create(&mut self, kernel: &str) -> String {
        self.made += 1;
        let id = format!("{kernel}-{}", self.made);
        self.ids.push(id.clone());
        id
    }

    /// Whether there was one.
    fn delete(&mut self, id: &str) -> bool {
        let at = self.ids.iter().position(|other| other == id);
        at.map(|at| self.ids.remove(at)).is_some()
    }

    /// The subshell that this header names, if it is not there. The main shell always is.
    pub(super) fn missing<'a>(&self, header: &'a Value) -> Option<&'a str> {
        id_of(header).filter(|id| !self.ids.iter().any(|other| other == id))
    }
}

/// The subshell that a request is for; none is the main shell.
pub(super) fn id_of(header: &Value) -> Option<&str> {
    header["subshell_id"].as_str()
}

pub(super) fn not_there(id: &str) -> Value {
    let evalue = format!("this kernel has no subshell `{id}`; ask for one with create_subshell_request");
    json!({"status": "error", "ename": "UnknownSubshell", "evalue": evalue, "traceback": []})
}

impl Desk {
    pub(super) fn create_subshell(&mut self, channel: Channel, message: &Message) {
        let id = self.subshells.create(self.wire.session());
        self.reply(channel, message, "create_subshell_reply", json!({"status": "ok", "subshell_id": id}));
    }

    /// What still waits there is not run.
    pub(super) fn delete_subshell(&mut self, channel: Channel, message: &Message) {
        let id = message.content["subshell_id"].as_str().unwrap_or_default();
        if !self.subshells.delete(id) {
            return self.reply(channel, message, "delete_subshell_reply", not_there(id));
        }
        self.abort_waiting(Some(id), "not run: its subshell was deleted");
        self.reply(channel, message, "delete_subshell_reply", json!({"status": "ok"}));
    }

    pub(super) fn list_subshell(&mut self, channel: Channel, message: &Message) {
        let content = json!({"status": "ok", "subshell_id": self.subshells.ids});
        self.reply(channel, message, "list_subshell_reply", content);
    }

    /// Refuses a request of the shell channel for a subshell that is not there. Only requests have a reply; of a comm
    /// message the client hears that it was looked at.
    pub(super) fn refuse_subshell(&mut self, message: &Message, id: &str) {
        let content = not_there(id);
        match message.msg_type.as_str() {
            "execute_request" => self.refuse_execution(message, content),
            "kernel_info_request" => self.reply(Channel::Shell, message, "kernel_info_reply", content),
            "complete_request" => self.reply(Channel::Shell, message, "complete_reply", content),
            "inspect_request" => self.reply(Channel::Shell, message, "inspect_reply", content),
            "is_complete_request" => self.reply(Channel::Shell, message, "is_complete_reply", content),
            "history_request" => self.reply(Channel::Shell, message, "history_reply", content),
            "comm_info_request" => self.reply(Channel::Shell, message, "comm_info_reply", content),
            other => super::log(format_args!("{other} is for a subshell `{id}` that is not there")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_live_from_create_to_delete_and_never_come_again() {
        let mut subshells = Subshells::default();
        let ids = [subshells.create("k"), subshells.create("k")];
        assert!(ids[0] != ids[1]);
        let header = |id: &str| json!({"subshell_id": id});
        assert_eq!(subshells.missing(&header(&ids[0])), None);
        assert!(subshells.delete(&ids[0]) && !subshells.delete(&ids[0]));
        assert_eq!(subshells.missing(&header(&ids[0])), Some(ids[0].as_str()));
        assert_eq!(subshells.ids, [ids[1].clone()]);
        assert!(!ids.contains(&subshells.create("k")));
    }

    #[test]
    fn the_main_shell_is_always_there() {
        assert_eq!(Subshells::default().missing(&json!({"subshell_id": null})), None);
        assert_eq!(Subshells::default().missing(&json!({})), None);
    }
}
