//! What a web server was asked for, by whom, and what went wrong.
use super::Rules;
use super::Seen;
use crate::digest::settings::Settings;
use crate::digest::tally::Shape;
use crate::digest::tally::Tally;
use skep_lines::Line;
use skep_lines::Stamp;

pub(super) fn start(_settings: &Settings) -> Box<dyn Rules> {
    Box::new(Httpd)
}
struct Httpd;
impl Rules for Httpd {
    fn shape(&self) -> Shape {
        Shape::new(&["requests"], &[], &[])
    }
    fn stamp<'a>(&self, line: &Line<'a>) -> Stamp<'a> {
        line.stamp
    }
    fn eat(&mut self, _seen: &Seen<'_>, _tally: &mut Tally) {}
    fn headline(&self, _tally: &Tally) -> String {
        String::new()
    }
}
