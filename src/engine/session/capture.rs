//! `%%capture`: keeps what a cell puts out from the front end, and gives it to the worker as a variable. Never keeps
//! what was put out before or after the cell, and never loses what it cannot give away.

use std::sync::{Arc, Mutex, MutexGuard};

use serde_json::Value;

use super::Session;
use crate::engine::api::Outcome;
use crate::engine::build::prepare::prepare;
use crate::engine::magics::Capture;
use crate::error::Error;
use crate::events::{CellId, Event, Failure, MimeBundle, Sink, Stream};
use crate::worker::End;

/// What is captured now, if anything is; the session and its sink share it.
#[derive(Clone, Default)]
pub(super) struct Shared(Arc<Mutex<Option<Kept>>>);

struct Kept {
    cell: CellId,
    wish: Capture,
    events: Vec<Event>,
}

/// Passes on what is not captured.
pub(super) struct Tap {
    pub captured: Shared,
    pub sink: Box<dyn Sink>,
}

impl Sink for Tap {
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

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Option<Kept>> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Kept {
    /// Keeps the event, or answers it.
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

    /// The display of this id among what is kept.
    fn shown(&mut self, of: &Option<String>) -> Option<(&mut MimeBundle, &mut MimeBundle)> {
        self.events.iter_mut().find_map(|event| match event {
            Event::Display { id, data, metadata, .. } if id.is_some() && id == of => Some((data, metadata)),
            _ => None,
        })
    }

    /// As `threadbook::Captured` reads it.
    fn file(&self) -> Vec<u8> {
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

impl Session {
    /// From here on what the cell puts out is captured, if it wishes so.
    pub(super) fn begin_capture(&self, cell: CellId, wish: Option<Capture>) {
        *self.captured.lock() = wish.map(|wish| Kept { cell, wish, events: Vec::new() });
    }

    /// The cell has ended so; what was captured of it becomes its variable.
    pub(super) fn end_capture(&mut self, cell: CellId, ended: Result<Outcome, Error>) -> Result<Outcome, Error> {
        let Some(kept) = self.captured.lock().take() else { return ended };
        match (ended, kept.wish.name.clone()) {
            (Ok(outcome @ (Outcome::Ok | Outcome::Failed | Outcome::Panicked)), None) => Ok(outcome),
            (Ok(outcome @ (Outcome::Ok | Outcome::Failed | Outcome::Panicked)), Some(name)) => {
                match self.keep_captured(cell, &name, &kept)? {
                    true => Ok(outcome),
                    false => Ok(Outcome::Failed),
                }
            }
            (ended, _) => {
                kept.events.into_iter().for_each(|event| self.send(event));
                ended
            }
        }
    }

    /// Binds the variable, by a little program of ours; whether that went well.
    fn keep_captured(&mut self, cell: CellId, name: &str, kept: &Kept) -> Result<bool, Error> {
        let file = self.compiler.write_scratch("captured", &kept.file())?;
        let source = format!("let {name} = ::threadbook::Captured::read({:?})?;", file.display());
        let why = match prepare(&self.compiler, &self.scope, cell, &source, &|_| {}) {
            Err(error) => error.into_rejection()?.evalue,
            Ok(mut prepared) => {
                prepared.after.history.clone_from(&self.scope.history);
                prepared.timing.cell = false;
                // It is still the same cell's effect.
                self.take_copy();
                self.snapshots.forget_present();
                let ran = self.request(cell, &prepared).map(|run| self.worker.run(run, None));
                self.told = self.places.len();
                match ran.map(|ran| ran.end) {
                    Some(Ok(End::Returned)) => {
                        self.scope = prepared.after;
                        self.ask_for_copy();
                        return Ok(true);
                    }
                    Some(Err(exit)) => exit.to_string(),
                    _ => "its file could not be read".into(),
                }
            }
        };
        kept.events.iter().for_each(|event| self.send(event.clone()));
        let evalue = format!("failed to keep what the cell put out in `{name}`: {why}");
        let traceback = vec![super::red("CaptureError", &evalue)];
        self.fail(cell, Failure { ename: "CaptureError".into(), evalue, traceback });
        Ok(false)
    }
}
