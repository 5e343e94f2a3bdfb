//! The subshells that clients have asked for: their ids, and the error for one that is not there
//! (<https://jupyter.org/enhancement-proposals/91-kernel-subshells/kernel-subshells.html>).
//!
//! A subshell is a name for a queue of requests, never a thread: a session runs one cell at a time. JupyterLab wants
//! subshells for comms and questions that do not wait for the running cell; the main shell answers those at once already.

use serde_json::Value;

use super::protocol::content::ErrorContent;

#[derive(Default)]
pub(super) struct Subshells {
    ids: Vec<String>,
    /// Counts all that were ever made, so that no id is given twice.
    made: u64,
}

impl Subshells {
    /// Makes a subshell and returns its id. `kernel` stands in each id, since clients have been seen to send the ids of
    /// one kernel to another.
    pub(super) fn create(&mut self, kernel: &str) -> String {
        self.made += 1;
        let id = format!("{kernel}-{}", self.made);
        self.ids.push(id.clone());
        id
    }

    /// Removes a subshell. Returns whether there was one.
    pub(super) fn delete(&mut self, id: &str) -> bool {
        let at = self.ids.iter().position(|other| other == id);
        at.map(|at| self.ids.remove(at)).is_some()
    }

    /// All ids, in the order in which they were made.
    pub(super) fn ids(&self) -> &[String] {
        &self.ids
    }

    /// The subshell that this header names and that is not there. `None` if it is, as the main shell always is.
    pub(super) fn missing<'a>(&self, header: &'a Value) -> Option<&'a str> {
        id_of(header).filter(|id| !self.ids.iter().any(|other| other == id))
    }
}

/// The subshell that a request is for. `None` is the main shell.
pub(super) fn id_of(header: &Value) -> Option<&str> {
    header["subshell_id"].as_str()
}

/// The error of a request for a subshell that this kernel does not have.
pub(super) fn unknown(id: &str) -> ErrorContent {
    let evalue = format!("this kernel has no subshell `{id}`; ask for one with create_subshell_request");
    ErrorContent::new("UnknownSubshell", evalue)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
