//! Who, whence and when, read out of a line of evidence.

use skep_lines::Value;

use crate::digest::Explainer;
use crate::digest::Settings;

/// Longest name that is taken out of a line, in characters.
const NAME_CHARS_MAX: usize = 255;

/// The attributes that say what a line is about, the most telling first.
const OBJECTS: [&str; 4] = [
    "systemd.unit",
    "process.executable.name",
    "system.device",
    "package.name",
];

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

/// Reads the clues of one collector's lines.
pub(crate) struct Reader(Option<Explainer>);

impl Reader {
    /// A reader of the collector's lines; one without rules of its own has lines of any kind.
    pub(crate) fn new(settings: &Settings, collector: &str) -> Self {
        let named = Explainer::new(settings, Some(collector));
        Self(named.or_else(|| Explainer::new(settings, None)))
    }

    /// What a line says.
    pub(crate) fn read(&mut self, text: &str) -> Clue {
        let Some(explainer) = &mut self.0 else {
            return Clue::default();
        };
        let record = explainer.line(text.as_bytes()).record;
        let text = |name: &str| match record.attribute(name)? {
            Value::Text(text) => Some(text.chars().take(NAME_CHARS_MAX).collect()),
            Value::Number(number) => Some(number.to_string()),
        };
        let unix_ms = record.timestamp_ns.map(|ns| ns / 1_000_000);
        Clue {
            unix_ms: unix_ms.and_then(|ms| u64::try_from(ms).ok()),
            source: text("source.address"),
            user: text("user.name"),
            object: OBJECTS.into_iter().find_map(text),
        }
    }
}
