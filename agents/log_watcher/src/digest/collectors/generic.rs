//! Any log: how many lines of each severity.
use super::Rules;
use super::Seen;
use crate::digest::settings::Settings;
use crate::digest::tally::Shape;
use crate::digest::tally::Tally;

pub(super) fn start(_settings: &Settings) -> Box<dyn Rules> {
    Box::new(Generic)
}
struct Generic;
impl Rules for Generic {
    fn shape(&self) -> Shape {
        Shape::new(&["info"], &[], &[])
    }
    fn eat(&mut self, _seen: &Seen<'_>, _tally: &mut Tally) {}
    fn headline(&self, _tally: &Tally) -> String {
        String::new()
    }
}
