//! What clients ask of the kernel as a process: to stop, to name its ports, to tell what it uses, to keep subshells. Most
//! of it comes on the control channel.

use serde::{Deserialize, Serialize};

use super::content::request;

/// <https://jupyter-client.readthedocs.io/en/stable/messaging.html#kernel-shutdown>
#[derive(Debug, Deserialize)]
pub(crate) struct ShutdownRequest {
    /// The client is going to start the kernel again.
    #[serde(default)]
    pub restart: bool,
}

#[derive(Debug, Serialize)]
#[serde(tag = "status", rename = "ok")]
pub(crate) struct ShutdownReply {
    pub restart: bool,
}

/// <https://jupyter-client.readthedocs.io/en/stable/messaging.html#kernel-interrupt>
#[derive(Debug, Deserialize)]
pub(crate) struct InterruptRequest {}

#[derive(Debug, Serialize)]
#[serde(tag = "status", rename = "ok")]
pub(crate) struct InterruptReply {}

/// <https://jupyter-client.readthedocs.io/en/stable/messaging.html#connect>
#[derive(Debug, Deserialize)]
pub(crate) struct ConnectRequest {}

#[derive(Debug, Serialize)]
#[serde(tag = "status", rename = "ok")]
pub(crate) struct ConnectReply {
    pub shell_port: u32,
    pub control_port: u32,
    pub stdin_port: u32,
    pub iopub_port: u32,
    pub hb_port: u32,
}

/// Not in the protocol's text: `jupyter-resource-usage` and JupyterLab ask it of ipykernel
/// (<https://github.com/ipython/ipykernel/blob/main/ipykernel/kernelbase.py>, `usage_request`).
#[derive(Debug, Deserialize)]
pub(crate) struct UsageRequest {}

/// Percentages count as `top` does: one core used up is 100. Memory is in bytes.
#[derive(Debug, Serialize)]
pub(crate) struct UsageReply {
    pub hostname: String,
    pub pid: u32,
    pub kernel_cpu: f64,
    pub kernel_memory: u64,
    pub cpu_count: usize,
    pub host_cpu_percent: f64,
    pub host_virtual_memory: HostMemory,
    /// Seconds since the request before, over which the processor's shares are taken.
    pub interval: f64,
}

/// As psutil names it, which is what front ends expect. In bytes.
#[derive(Debug, Serialize)]
pub(crate) struct HostMemory {
    pub total: u64,
    pub available: u64,
    pub percent: f64,
    pub used: u64,
    pub free: u64,
    pub active: u64,
    pub inactive: u64,
    pub buffers: u64,
    pub cached: u64,
    pub shared: u64,
    pub slab: u64,
}

/// <https://jupyter.org/enhancement-proposals/91-kernel-subshells/kernel-subshells.html>
#[derive(Debug, Deserialize)]
pub(crate) struct CreateSubshellRequest {}

#[derive(Debug, Serialize)]
#[serde(tag = "status", rename = "ok")]
pub(crate) struct CreateSubshellReply {
    pub subshell_id: String,
}

#[derive(Debug, Deserialize)]
pub(crate) struct DeleteSubshellRequest {
    pub subshell_id: String,
}

#[derive(Debug, Serialize)]
#[serde(tag = "status", rename = "ok")]
pub(crate) struct DeleteSubshellReply {}

#[derive(Debug, Deserialize)]
pub(crate) struct ListSubshellRequest {}

#[derive(Debug, Serialize)]
#[serde(tag = "status", rename = "ok")]
pub(crate) struct ListSubshellReply {
    /// All of them, in the order in which they were made.
    pub subshell_id: Vec<String>,
}

/// <https://jupyter-client.readthedocs.io/en/stable/messaging.html#debug-request>
#[derive(Debug, Deserialize)]
pub(crate) struct DebugRequest {}

/// There is no debugger: a `debug_reply` is always an error.
#[derive(Debug, Serialize)]
pub(crate) enum DebugReply {}

request!(ShutdownRequest = "shutdown_request" => ShutdownReply = "shutdown_reply");
request!(InterruptRequest = "interrupt_request" => InterruptReply = "interrupt_reply");
request!(ConnectRequest = "connect_request" => ConnectReply = "connect_reply");
request!(UsageRequest = "usage_request" => UsageReply = "usage_reply");
request!(CreateSubshellRequest = "create_subshell_request" => CreateSubshellReply = "create_subshell_reply");
request!(DeleteSubshellRequest = "delete_subshell_request" => DeleteSubshellReply = "delete_subshell_reply");
request!(ListSubshellRequest = "list_subshell_request" => ListSubshellReply = "list_subshell_reply");
request!(DebugRequest = "debug_request" => DebugReply = "debug_reply");
