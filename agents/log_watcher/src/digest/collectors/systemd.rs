//! Units that failed, and processes the kernel ended.
use super::Rules;
use super::Seen;
use crate::digest::settings::Settings;
use crate::digest::tally::Shape;
use crate::digest::tally::Tally;

pub(super) fn start(_settings: &Settings) -> Box<dyn Rules> {
    Box::new(Systemd)
}
struct Systemd;
impl Rules for Systemd {
    fn shape(&self) -> Shape {
        Shape::new(&["units_failed", "oom_kills", "segfaults"], &[], &[])
    }
    fn eat(&mut self, _seen: &Seen<'_>, _tally: &mut Tally) {}
    fn headline(&self, _tally: &Tally) -> String {
        String::new()
    }
}
