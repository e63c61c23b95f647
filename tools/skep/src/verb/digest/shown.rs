//! What a person sees while answers come: text of one origin at a time, progress on stderr.

use std::collections::VecDeque;

use skep_packet::Address;
use skep_protocol::callback::{Callback, Format, Status};

use crate::{
    cli::{Globals, OutputFormat},
    output,
};

/// What a person sees meanwhile.
pub(crate) struct Shown<'a> {
    globals: &'a Globals,
    /// Whether text is printed as it comes.
    prints: bool,
    /// Whose text is being printed.
    current: Option<Address>,
    /// Text of others, which waits until the current one is done.
    waiting: VecDeque<Callback>,
}

impl<'a> Shown<'a> {
    pub(crate) fn new(globals: &'a Globals) -> Self {
        Self {
            globals,
            prints: globals.format != OutputFormat::Json,
            current: None,
            waiting: VecDeque::new(),
        }
    }

    /// For answers that are shown when all of them are there.
    pub(super) fn progress_only(globals: &'a Globals) -> Self {
        Self {
            prints: false,
            ..Self::new(globals)
        }
    }

    pub(super) fn is_json(&self) -> bool {
        self.globals.format == OutputFormat::Json
    }

    pub(super) fn take(&mut self, callback: &Callback) {
        match callback.status {
            Status::Accepted => {
                let names: Vec<String> = callback.origins.iter().map(ToString::to_string).collect();
                output::hint(self.globals, &format!("asked {}", names.join(", ")));
            }
            Status::Working => {
                let note = callback.note.as_deref().unwrap_or("still at it");
                output::hint(self.globals, &format!("{}: {note}", callback.origin));
            }
            Status::OriginLost => self.end(&callback.origin),
            Status::Part | Status::Last => self.text(callback.clone()),
        }
    }

    fn text(&mut self, callback: Callback) {
        if !self.prints {
            return;
        }
        match &self.current {
            Some(current) if *current != callback.origin => self.waiting.push_back(callback),
            _ => {
                print(&callback);
                self.current = Some(callback.origin.clone());
                if callback.last {
                    self.end(&callback.origin);
                }
            }
        }
    }

    /// The current origin is done: whoever waited longest is next.
    fn end(&mut self, origin: &Address) {
        if self.current.as_ref() != Some(origin) {
            return;
        }
        self.current = None;
        for callback in std::mem::take(&mut self.waiting) {
            self.text(callback);
        }
    }

    pub(super) fn finish(&mut self) {
        self.current = None;
        for callback in std::mem::take(&mut self.waiting) {
            self.text(callback);
        }
    }
}

fn print(callback: &Callback) {
    match callback.format {
        Format::Text => {
            for line in &callback.lines {
                output::line(line);
            }
        }
        // A handler that answers with a document, whatever was asked for.
        Format::Json => {
            output::say(&callback.lines.concat());
            if callback.last {
                output::line("");
            }
        }
    }
}
