//! Tests of a subscriber that has stopped reading: nobody waits for it, the kernel keeps a bounded number of messages
//! for it, and it may read on later.

use std::fs;

use crate::client::{Client, Message, receive};

/// Messages that the kernel keeps for one subscriber. Later ones are dropped.
const KEPT: usize = 1 << 14;

/// Bytes of text in each display. 16,384 such displays are below the 64 MiB that one cell may show, and half as many
/// are far more than an allocator keeps for itself.
const BYTES: usize = 2048;

fn burst(client: &mut Client, from: usize, to: usize) {
    let code = format!(
        "for n in {from}..{to} {{ let _ = threadbook::display::text(format!(\"{{n}} {{:01$}}\", 0, {BYTES})); }}"
    );
    let (reply, published) = client.run(&code);
    assert_eq!(reply.content["status"], "ok");
    let came: Vec<usize> = published.iter().filter_map(number).collect();
    assert!(came.into_iter().eq(from..to), "the reader that reads misses nothing, in order");
}

/// The number in a display of `burst`. `None` for other messages.
fn number(message: &Message) -> Option<usize> {
    let text = message.content["data"]["text/plain"].as_str()?;
    text.split(' ').next()?.parse().ok()
}

fn resident(pid: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the kernel lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a size");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") << 10
}

#[test]
fn a_stalled_subscriber_holds_nobody_up_and_costs_a_bounded_amount() {
    let mut client = Client::start();
    let stalled = client.context.socket(zmq::SUB).expect("a socket");
    stalled.set_rcvhwm(1).expect("set");
    stalled.connect(&client.kernel.address("iopub")).expect("connected");
    stalled.set_subscribe(b"").expect("subscribed");
    assert_eq!(receive(&stalled).msg_type, "iopub_welcome");
    assert_eq!(client.published().msg_type, "iopub_welcome");

    burst(&mut client, 0, KEPT);
    let full = resident(client.kernel.process.id());
    let more = KEPT / 2;
    burst(&mut client, KEPT, KEPT + more);
    let grown = resident(client.kernel.process.id()).saturating_sub(full);
    assert!(
        grown < more * BYTES / 2,
        "{more} messages of {BYTES} bytes, and the kernel has grown by {grown} bytes"
    );

    // The stalled subscriber reads on: first come all messages that were kept, in order, and then the new ones.
    let mut came: Vec<usize> = Vec::new();
    let mut is_new = false;
    while !is_new {
        client.run("println!(\"new\");");
        while stalled.poll(zmq::POLLIN, 0).expect("polled") > 0 {
            let message = receive(&stalled);
            came.extend(number(&message));
            is_new |= message.content["text"] == "new\n";
        }
    }
    // The other messages of the first cell are among the kept ones too.
    let kept = KEPT - 8;
    assert!(came.len() >= kept && came[..kept].iter().copied().eq(0..kept), "{}", came.len());
    assert!(came.len() < KEPT + more, "it has missed something, or this test shows nothing");
    assert!(came.is_sorted(), "what was missed leaves a gap, no disorder");
    client.finish();
}
