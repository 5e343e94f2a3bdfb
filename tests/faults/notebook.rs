//! A notebook on disk, for faults of `threadbook run`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use crate::bench::THREADBOOK;

pub(crate) struct Notebook {
    pub directory: tempfile::TempDir,
}

impl Notebook {
    pub(crate) fn new(cells: &[&str]) -> Notebook {
        let directory = tempfile::tempdir().expect("a directory");
        let cell = |source: &&str| json!({"cell_type": "code", "execution_count": null, "metadata": {}, "source": source, "outputs": []});
        let cells: Vec<Value> = cells.iter().map(cell).collect();
        let kernelspec = json!({"display_name": "Rust", "language": "rust", "name": "threadbook"});
        let text =
            json!({"cells": cells, "metadata": {"kernelspec": kernelspec}, "nbformat": 4, "nbformat_minor": 4});
        fs::write(directory.path().join("nb.ipynb"), text.to_string()).expect("written");
        Notebook { directory }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn run(&self) -> Command {
        let mut command = Command::new(THREADBOOK);
        command.current_dir(self.directory.path()).args(["run", "nb.ipynb"]).env_remove("CLICOLOR_FORCE");
        command
    }

    pub(crate) fn executed(&self) -> Value {
        let text = fs::read_to_string(self.path("nb.executed.ipynb")).expect("the executed notebook is there");
        serde_json::from_str(&text).expect("JSON")
    }

    /// What a cell of the executed notebook has printed.
    pub(crate) fn printed(&self, cell: usize) -> String {
        let executed = self.executed();
        let outputs = executed["cells"][cell]["outputs"].as_array().expect("outputs").clone();
        let lines = outputs.iter().filter_map(|output| output["text"].as_array()).flatten();
        lines.map(|line| line.as_str().expect("text")).collect()
    }
}
