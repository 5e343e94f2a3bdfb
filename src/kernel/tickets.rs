//! Answers that come later: questions that another thread works on, each under a ticket. The dispatcher goes on
//! meanwhile, and the request stays busy.
//!
//! A request never waits for ever: when its time is over, when there are too many of them, and when whoever worked on
//! the answer has given up, it gets the answer that was given with the question for that case.

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

/// A request whose question is answered.
#[derive(Debug)]
pub(super) struct Answered {
    pub request: Message,
    pub reply: Outgoing,
}

/// The right to answer one question once, from any thread. Dropped without an answer it says that there will be none.
pub(super) struct Answerer<C: Content> {
    slot: Arc<Slot>,
    /// The request, without its content.
    request: Message,
    is_used: bool,
    content: PhantomData<fn(C)>,
}

struct Slot {
    ticket: Ticket,
    events: EventSender,
    state: Mutex<State>,
}

enum State {
    /// The question is still being put: its answer is taken from here by whoever puts it.
    Asking,
    /// The reply, or `None` if there will be no answer.
    Answered(Option<Box<Outgoing>>),
    /// The answer goes to the dispatcher as an event.
    Later,
}

impl Tickets {
    pub(super) fn new(events: EventSender) -> Tickets {
        Tickets { events, waiting: BTreeMap::new(), last: 0 }
    }

    /// Puts a question. If it is answered before `question` returns, this returns the answer; otherwise it returns `None`,
    /// and the request waits for `answered` or `expired`.
    pub(super) fn ask<C: Content>(
        &mut self,
        request: Message,
        until: Instant,
        fallback: &C,
        question: impl FnOnce(Answerer<C>),
    ) -> Option<Answered> {
        self.last += 1;
        let ticket = Ticket(self.last);
        let slot = Arc::new(Slot { ticket, events: self.events.clone(), state: Mutex::new(State::Asking) });
        question(Answerer { slot: slot.clone(), request: request.clone(), is_used: false, content: PhantomData });
        match std::mem::replace(&mut *slot.state(), State::Later) {
            State::Answered(reply) => {
                let reply = reply.map_or_else(|| request.reply(fallback), |reply| *reply);
                return Some(Answered { request, reply });
            }
            State::Asking | State::Later => {}
        }
        if self.waiting.len() == MOST
            && let Some(mut oldest) = self.waiting.first_entry()
        {
            oldest.get_mut().until = Instant::now();
        }
        let fallback = request.reply(fallback);
        self.waiting.insert(ticket, Waiting { request, fallback, until });
        None
    }

    /// Takes the answer of a ticket. `None` if its request has been answered already.
    pub(super) fn answered(&mut self, ticket: Ticket, reply: Option<Outgoing>) -> Option<Answered> {
        let Waiting { request, fallback, .. } = self.waiting.remove(&ticket)?;
        Some(Answered { request, reply: reply.unwrap_or(fallback) })
    }

    /// Takes the requests whose time is over, oldest first.
    pub(super) fn expired(&mut self, now: Instant) -> Vec<Answered> {
        let over: Vec<Ticket> =
            self.waiting.iter().filter(|(_, waiting)| waiting.until <= now).map(|(ticket, _)| *ticket).collect();
        over.into_iter().filter_map(|ticket| self.answered(ticket, None)).collect()
    }

    /// When the time of the first request is over.
    pub(super) fn due(&self) -> Option<Instant> {
        self.waiting.values().map(|waiting| waiting.until).min()
    }
}

impl<C: Content> Answerer<C> {
    pub(super) fn send(mut self, content: &C) {
        self.is_used = true;
        self.slot.put(Some(self.request.reply(content)));
    }
}

impl<C: Content> Drop for Answerer<C> {
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
            State::Later => self.events.send(KernelEvent::Answered(self.ticket, reply)),
            State::Asking | State::Answered(_) => *state = State::Answered(reply.map(Box::new)),
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
    use super::super::protocol::stdin::InputRequest;
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
            msg_type: "x_request".into(),
            header: json!({"msg_id": id}),
            parent: json!({}),
            content: serde_json::Map::new(),
        }
    }

    fn content(text: &str) -> InputRequest {
        InputRequest { prompt: text.into(), password: false }
    }

    /// What was found, and for which request.
    fn text(answered: &Answered) -> String {
        let Outgoing { content, parent, identities, .. } = &answered.reply;
        assert_eq!((parent, identities), (&answered.request.header, &answered.request.identities));
        format!("{} for {}", content["prompt"].as_str().expect("text"), parent["msg_id"])
    }

    /// Asks and keeps the answerer.
    fn ask(tickets: &mut Tickets, id: usize, until: Instant) -> Answerer<InputRequest> {
        let mut kept = None;
        let now = tickets.ask(request(id), until, &content("fallback"), |answerer| kept = Some(answerer));
        assert!(now.is_none());
        kept.expect("the question was put")
    }

    /// The answers that have come as events, as they are sent.
    fn come(tickets: &mut Tickets, receiver: &EventReceiver) -> Vec<Option<String>> {
        let answered = |event| match event {
            KernelEvent::Answered(ticket, answer) => tickets.answered(ticket, answer),
            _ => panic!("another event"),
        };
        receiver.take(9).0.into_iter().map(answered).map(|answered| answered.as_ref().map(text)).collect()
    }

    #[test]
    fn an_answer_that_is_there_at_once_is_returned_at_once() {
        let (mut tickets, receiver) = tickets();
        let until = Instant::now() + LONG;
        let answered =
            tickets.ask(request(1), until, &content("fallback"), |answerer| answerer.send(&content("found")));
        assert_eq!(answered.as_ref().map(text), Some("found for 1".to_owned()));
        let given_up = tickets.ask(request(2), until, &content("fallback"), drop);
        assert_eq!(given_up.as_ref().map(text), Some("fallback for 2".to_owned()));
        assert!(tickets.due().is_none() && receiver.take(1).0.is_empty());
    }

    #[test]
    fn an_answer_of_another_thread_comes_as_an_event_to_its_own_request() {
        let (mut tickets, receiver) = tickets();
        let until = Instant::now() + LONG;
        let (first, second) = (ask(&mut tickets, 1, until), ask(&mut tickets, 2, until));
        std::thread::spawn(move || second.send(&content("found"))).join().expect("no panic");
        drop(first);
        let expected = ["found for 2", "fallback for 1"].map(|text| Some(text.to_owned()));
        assert_eq!(come(&mut tickets, &receiver), expected);
    }

    #[test]
    fn when_the_time_is_over_the_fallback_goes_and_a_late_answer_is_nobodys() {
        let (mut tickets, receiver) = tickets();
        let until = Instant::now() + LONG;
        let late = ask(&mut tickets, 1, until);
        assert_eq!(tickets.due(), Some(until));
        assert!(tickets.expired(until - Duration::from_nanos(1)).is_empty());
        assert_eq!(tickets.expired(until).iter().map(text).collect::<Vec<_>>(), ["fallback for 1"]);
        assert_eq!(tickets.due(), None);
        late.send(&content("found"));
        assert_eq!(come(&mut tickets, &receiver), [None]);
    }

    #[test]
    fn of_too_many_requests_the_oldest_waits_no_longer() {
        let (mut tickets, _receiver) = tickets();
        let until = Instant::now() + LONG;
        let kept: Vec<_> = (0..=MOST).map(|id| ask(&mut tickets, id, until)).collect();
        let expired = tickets.expired(Instant::now());
        assert_eq!(expired.iter().map(text).collect::<Vec<_>>(), ["fallback for 0"]);
        drop(kept);
    }
}
