//! The digest core: lines in, a report out. Pure: no file, clock or socket.
//!
//! A [`Collector`] eats the lines of one service and keeps tallies whose size does not grow with
//! the input. Collectors of parts merge into the collector of the whole. What a service's lines
//! mean is a file under `collectors/` and a line in its registry.

mod collector;
mod collectors;
mod evidence;
mod explain;
mod fnv;
mod hours;
mod merge;
mod overview;
mod pairs;
mod render;
mod report;
mod settings;
mod span;
mod table;
mod tally;
mod traces;

pub use self::collector::Collector;
pub use self::collector::OpenState;
pub use self::collectors::NAMES;
pub use self::collectors::is_known;
pub use self::explain::Explainer;
pub use self::explain::Explanation;
pub use self::overview::Before;
pub use self::overview::decided_by;
pub use self::overview::overview;
pub use self::render::render;
pub use self::report::ReportOptions;
pub use self::report::TABLE_ROWS_MAX;
pub use self::settings::Settings;
pub use self::settings::SeverityRules;
pub use self::table::TABLE_KEYS_MAX;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod testkit;
#[cfg(test)]
mod tests;
