//! Replies that come later: requests whose answer another thread works on, each under a ticket. The dispatcher goes on
//! meanwhile, and the request stays busy.
//!
//! A request never waits for ever: when its time is over, when there are too many of them, and when whoever worked on
//! the answer has given up, it gets the reply that was given with it for that case.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use super::event::{EventSender, KernelEvent, Ticket};
use super::protocol::codec::{Message, Outgoing};
use super::protocol::content::Content;

/// Requests that may wait at once. Beyond it the oldest gets its fallback, which is what a client that asks with each
/// keystroke needs least.
const MOST: usize = 64;

pub(super) struct Tickets {
    events: EventSender,
    waiting: BTreeMap<Ticket, Waiting>,
    last: u64,
}

struct Waiting {
    request: Message,
    fallback: Outgoing,
    until: Instant,
}

/// A request that has its reply.
#[derive(Debug)]
pub(super) struct Replied {
    pub request: Message,
    pub reply: Outgoing,
}

/// The right to reply once to one request, from any thread. Dropped without a reply it says that there will be none.
pub(super) struct Replier<C: Content> {
    slot: Arc<Slot>,
    /// The request, without its content.
    request: Message,
    is_used: bool,
    content: PhantomData<fn(&C)>,
}

struct Slot {
    ticket: Ticket,
    events: EventSender,
    state: Mutex<State>,
}

enum State {
    /// The question is still being put: a reply is taken from here by whoever puts it.
    Asking,
    /// There is a reply, or the word that there will be none.
    Replied(Option<Outgoing>),
    /// The reply goes to the dispatcher as an event.
    Later,
}

impl Tickets {
    pub(super) fn new(events: EventSender) -> Tickets {
        Tickets { events, waiting: BTreeMap::new(), last: 0 }
    }

    /// Puts a question. If it is answered before `question` returns, so is this request; otherwise the request waits until
    /// then for `replied` or `expired`, and this returns `None`.
    pub(super) fn ask<C: Content>(
        &mut self,
        request: Message,
        until: Instant,
        fallback: &C,
        question: impl FnOnce(Replier<C>),
    ) -> Option<Replied> {
        self.last += 1;
        let ticket = Ticket(self.last);
        let slot = Arc::new(Slot { ticket, events: self.events.clone(), state: Mutex::new(State::Asking) });
        let address = Message { content: serde_json::Map::new(), ..request.clone() };
        question(Replier { slot: slot.clone(), request: address, is_used: false, content: PhantomData });
        let state = std::mem::replace(&mut *slot.state(), State::Later);
        let fallback = || request.reply(fallback);
        if let State::Replied(reply) = state {
            let reply = reply.unwrap_or_else(fallback);
            return Some(Replied { request, reply });
        }
        let fallback = fallback();
        if self.waiting.len() == MOST
            && let Some(mut oldest) = self.waiting.first_entry()
        {
            oldest.get_mut().until = Instant::now();
        }
        self.waiting.insert(ticket, Waiting { request, fallback, until });
        None
    }

    /// Takes the reply of a ticket. `None` if its request has been replied to already.
    pub(super) fn replied(&mut self, ticket: Ticket, reply: Option<Outgoing>) -> Option<Replied> {
        let Waiting { request, fallback, .. } = self.waiting.remove(&ticket)?;
        Some(Replied { request, reply: reply.unwrap_or(fallback) })
    }

    /// Takes the requests whose time is over, oldest first.
    pub(super) fn expired(&mut self, now: Instant) -> Vec<Replied> {
        let over: Vec<Ticket> =
            self.waiting.iter().filter(|(_, waiting)| waiting.until <= now).map(|(ticket, _)| *ticket).collect();
        over.into_iter().filter_map(|ticket| self.replied(ticket, None)).collect()
    }

    /// When the time of the first request is over.
    pub(super) fn due(&self) -> Option<Instant> {
        self.waiting.values().map(|waiting| waiting.until).min()
    }
}

impl<C: Content> Replier<C> {
    pub(super) fn send(mut self, content: &C) {
        self.is_used = true;
        self.slot.put(Some(self.request.reply(content)));
    }
}

impl<C: Content> Drop for Replier<C> {
    fn drop(&mut self) {
        if !self.is_used {
            self.slot.put(None);
        }
    }
}

impl Slot {
    fn put(&self, reply: Option<Outgoing>) {
        let mut state = self.state();
        match *state {
            State::Later => self.events.send(KernelEvent::Replied(self.ticket, reply)),
            State::Asking | State::Replied(_) => *state = State::Replied(reply),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::super::event::{EventReceiver, queue};
    use super::super::protocol::connection::Channel;
    use super::super::protocol::control::ShutdownReply;
    use super::*;
    use serde_json::json;
    use std::time::Duration;

    const LONG: Duration = Duration::from_secs(3600);

    fn tickets() -> (Tickets, EventReceiver) {
        let (events, receiver, _) = queue().expect("a queue");
        (Tickets::new(events), receiver)
    }

    fn request(id: usize) -> Message {
        Message {
            channel: Channel::Control,
            identities: vec![b"client".to_vec()],
            msg_type: "shutdown_request".into(),
            header: json!({"msg_id": id}),
            parent: json!({}),
            content: serde_json::Map::new(),
        }
    }

    /// Asks, with `true` as the answer of the fallback.
    fn ask(tickets: &mut Tickets, id: usize, until: Instant) -> (Option<Replied>, Replier<ShutdownReply>) {
        let mut kept = None;
        let fallback = ShutdownReply { restart: true };
        let now = tickets.ask(request(id), until, &fallback, |replier| kept = Some(replier));
        (now, kept.expect("the question was put"))
    }

    fn is_fallback(replied: &Replied) -> bool {
        replied.reply.content["restart"] == true
    }

    #[test]
    fn a_reply_that_is_there_at_once_is_returned_at_once() {
        let (mut tickets, receiver) = tickets();
        let until = Instant::now() + LONG;
        let fallback = ShutdownReply { restart: true };
        let replied = tickets.ask(request(1), until, &fallback, |replier| {
            replier.send(&ShutdownReply { restart: false });
        });
        let replied = replied.expect("now");
        assert!(!is_fallback(&replied));
        assert_eq!(
            (&replied.reply.parent, &replied.reply.identities),
            (&json!({"msg_id": 1}), &replied.request.identities)
        );
        assert!(tickets.due().is_none() && receiver.take(1).0.is_empty());
    }

    #[test]
    fn a_reply_of_another_thread_comes_as_an_event_to_its_own_request() {
        let (mut tickets, receiver) = tickets();
        let until = Instant::now() + LONG;
        let (first, of_first) = ask(&mut tickets, 1, until);
        let (second, of_second) = ask(&mut tickets, 2, until);
        assert!(first.is_none() && second.is_none());
        let answer = std::thread::spawn(move || of_second.send(&ShutdownReply { restart: false }));
        answer.join().expect("no panic");
        drop(of_first);
        let mut replied = Vec::new();
        for event in receiver.take(9).0 {
            let KernelEvent::Replied(ticket, reply) = event else { panic!("another event") };
            replied.push(tickets.replied(ticket, reply).expect("it waits"));
        }
        let seen: Vec<_> = replied.iter().map(|r| (r.reply.parent["msg_id"].clone(), is_fallback(r))).collect();
        assert_eq!(seen, [(json!(2), false), (json!(1), true)]);
    }

    #[test]
    fn when_the_time_is_over_the_fallback_goes_and_a_late_reply_is_nobodys() {
        let (mut tickets, receiver) = tickets();
        let until = Instant::now() + LONG;
        let (_, late) = ask(&mut tickets, 1, until);
        assert_eq!(tickets.due(), Some(until));
        assert!(tickets.expired(until - Duration::from_nanos(1)).is_empty());
        assert!(tickets.expired(until).iter().all(is_fallback));
        assert_eq!(tickets.due(), None);
        late.send(&ShutdownReply { restart: false });
        let KernelEvent::Replied(ticket, reply) = receiver.take(1).0.remove(0) else { panic!("another event") };
        assert!(tickets.replied(ticket, reply).is_none());
    }

    #[test]
    fn of_too_many_requests_the_oldest_waits_no_longer() {
        let (mut tickets, _receiver) = tickets();
        let until = Instant::now() + LONG;
        let mut kept = Vec::new();
        for id in 0..=MOST {
            kept.push(ask(&mut tickets, id, until).1);
        }
        let expired = tickets.expired(Instant::now());
        let ids: Vec<_> = expired.iter().map(|replied| replied.reply.parent["msg_id"].clone()).collect();
        assert_eq!(ids, [json!(0)]);
    }
}
