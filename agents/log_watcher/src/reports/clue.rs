//! Who, whence and when, read out of a line of evidence.

use skep_lines::Clock;
use skep_lines::Line;
use skep_lines::Splitter;
use skep_lines::neutral_cut;
use skep_lines::service::sshd;
use skep_lines::service::systemd;

use crate::digest::Settings;

/// Longest name that is taken out of a line, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// What a line says of who, whence, what and when.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Clue {
    pub(crate) unix_ms: Option<u64>,
    pub(crate) source: Option<String>,
    pub(crate) user: Option<String>,
    pub(crate) object: Option<String>,
}

impl Clue {
    /// The same of whenever.
    pub(crate) fn without_time(&self) -> Self {
        Self {
            unix_ms: None,
            ..self.clone()
        }
    }
}

/// Reads clues, one line after the other.
pub(crate) struct Reader {
    clock: Clock,
    splitter: Splitter,
}

impl Reader {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            clock: Clock::new(settings.zone.clone(), settings.now_unix_s),
            splitter: Splitter::default(),
        }
    }

    /// What a line of a collector says.
    pub(crate) fn read(&mut self, collector: &str, text: &str) -> Clue {
        let line = self.splitter.split(text.as_bytes());
        let unix_ns = self.clock.resolve(line.stamp);
        let mut clue = match collector {
            "sshd" => of_sshd(&line),
            "systemd" => of_systemd(&line),
            _ => Clue::default(),
        };
        clue.unix_ms = unix_ns.and_then(|ns| u64::try_from(ns / 1_000_000).ok());
        clue
    }
}

fn of_sshd(line: &Line<'_>) -> Clue {
    let Some(event) = sshd::event(line.body) else {
        return Clue::default();
    };
    Clue {
        source: named(event.source),
        user: event.user.and_then(|user| named(&user.bytes())),
        ..Clue::default()
    }
}

fn of_systemd(line: &Line<'_>) -> Clue {
    let event = systemd::event(line.app, line.body);
    Clue {
        object: event.and_then(|event| named(event.subject)),
        ..Clue::default()
    }
}

fn named(bytes: &[u8]) -> Option<String> {
    (!bytes.is_empty()).then(|| neutral_cut(bytes, NAME_BYTES_MAX))
}
