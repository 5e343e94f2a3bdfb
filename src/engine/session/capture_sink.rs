//! The sink of `%%capture`: keeps what a cell puts out from the front end. Never keeps what was put out before or
//! after the cell.

use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;

use crate::engine::magics::Capture;
use crate::events::{CellId, Event, MimeBundle, Sink, Stream};

/// What is captured now, if anything is. The session and its sink share it.
#[derive(Clone, Default)]
pub(super) struct SharedCapture(Arc<Mutex<Option<Captured>>>);

/// What `%%capture` keeps of one cell.
pub(super) struct Captured {
    cell: CellId,
    pub wish: Capture,
    pub events: Vec<Event>,
}

/// Passes on every event that is not captured.
pub(super) struct CaptureSink {
    pub captured: SharedCapture,
    pub sink: Box<dyn Sink>,
}

impl Sink for CaptureSink {
    fn event(&mut self, event: Event) {
        let rest = match &mut *self.captured.lock() {
            Some(kept) => kept.take(event),
            None => Some(event),
        };
        if let Some(event) = rest {
            self.sink.event(event);
        }
    }
}

impl SharedCapture {
    pub(super) fn lock(&self) -> MutexGuard<'_, Option<Captured>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Captured {
    pub(super) fn new(cell: CellId, wish: Capture) -> Captured {
        Captured { cell, wish, events: Vec::new() }
    }

    /// Keeps the event, or returns it if it is not to be captured.
    fn take(&mut self, event: Event) -> Option<Event> {
        match &event {
            Event::Text { origin, stream: Stream::Stdout, .. } if origin.cell == self.cell && self.wish.stdout => {}
            Event::Text { origin, stream: Stream::Stderr, .. } if origin.cell == self.cell && self.wish.stderr => {}
            Event::Display { origin, id, data, metadata, update: true } if origin.cell == self.cell => {
                return match self.shown(id) {
                    Some((shown, about)) => {
                        (*shown, *about) = (data.clone(), metadata.clone());
                        None
                    }
                    // It changes what an earlier cell shows.
                    None => Some(event),
                };
            }
            Event::Display { origin, .. } if origin.cell == self.cell && self.wish.display => {}
            Event::Result { cell, .. } if *cell == self.cell && self.wish.display => {}
            Event::Clear { origin, .. } if origin.cell == self.cell && self.wish.display => {
                self.events.retain(|event| matches!(event, Event::Text { .. }));
                return None;
            }
            _ => return Some(event),
        }
        self.events.push(event);
        None
    }

    /// The display of this id among what is kept. `None` if it was shown by an earlier cell.
    fn shown(&mut self, of: &Option<String>) -> Option<(&mut MimeBundle, &mut MimeBundle)> {
        self.events.iter_mut().find_map(|event| match event {
            Event::Display { id, data, metadata, .. } if id.is_some() && id == of => Some((data, metadata)),
            _ => None,
        })
    }

    /// The bytes that `threadbook::Captured::read` reads: each field behind its length (eight bytes, little endian).
    pub(super) fn file(&self) -> Vec<u8> {
        let (mut stdout, mut stderr, mut outputs) = (String::new(), String::new(), Vec::new());
        for event in &self.events {
            match event {
                Event::Text { stream: Stream::Stdout, text, .. } => stdout += text,
                Event::Text { text, .. } => stderr += text,
                Event::Display { id, data, metadata, .. } => outputs.push((id.as_deref(), data, Some(metadata))),
                Event::Result { data, .. } => outputs.push((None, data, None)),
                _ => {}
            }
        }
        let mut bytes = Vec::new();
        field(&mut bytes, &stdout);
        field(&mut bytes, &stderr);
        field(&mut bytes, &outputs.len().to_string());
        for (id, data, metadata) in outputs {
            field(&mut bytes, id.unwrap_or_default());
            map(&mut bytes, data, |value| value.as_str().map_or_else(|| value.to_string(), str::to_string));
            map(&mut bytes, metadata.unwrap_or(&MimeBundle::new()), Value::to_string);
        }
        bytes
    }
}

fn map(bytes: &mut Vec<u8>, map: &MimeBundle, text: impl Fn(&Value) -> String) {
    field(bytes, &map.len().to_string());
    for (key, value) in map {
        field(bytes, key);
        field(bytes, &text(value));
    }
}

fn field(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}
