//! What lines mean, one at a time, without any node.

use jiff::tz::TimeZone;
use skep_sources::Entry;

use crate::digest;
use crate::digest::Explanation;
use crate::digest::Settings;
use crate::read::line_of;

/// Explains lines of files, and of `journalctl -o json`.
pub struct Explainer(digest::Explainer);

impl Explainer {
    /// An explainer that asks one collector, or whichever knows a line; none where there is no
    /// collector of that name. Stamps that name no zone are local; those without a year are not
    /// later than now.
    #[must_use]
    pub fn new(named: Option<&str>, now_unix_s: i64) -> Option<Self> {
        let settings = Settings::new(TimeZone::system(), now_unix_s);
        digest::Explainer::new(&settings, named).map(Self)
    }

    /// Explains a line; any bytes.
    pub fn line(&mut self, line: &[u8]) -> Explanation {
        // Access logs may be JSON too, but only the journal's entries have a cursor and a time.
        match line.first() {
            Some(b'{') => match Entry::parse(line) {
                Some(entry) => self.0.entry(line_of(&entry)),
                None => self.0.line(line),
            },
            _ => self.0.line(line),
        }
    }
}
