//! Log records: from a line of bytes to an event of a service.
//!
//! A [`Line`] is a line split into its prefix and body, all of it borrowed; a service under
//! [`service`] reads an event out of the body, borrowed too; a [`Record`] is the owned form that
//! follows OpenTelemetry's logs data model. Nothing here knows the time, a file or a socket: the
//! zone and the reference for stamps without a year are arguments of [`Clock`].

#![warn(missing_docs)]

mod buffer;
mod facts;
mod line;
mod prefix;
mod record;
mod scan;
pub mod service;
mod severity;
mod splitter;
mod stamp;
mod text;

pub use self::buffer::LINE_BYTES_MAX;
pub use self::buffer::LineBuffer;
pub use self::facts::Facts;
pub use self::facts::Outcome;
pub use self::line::Line;
pub use self::record::Record;
pub use self::record::Value;
pub use self::severity::Severity;
pub use self::splitter::Splitter;
pub use self::stamp::Clock;
pub use self::stamp::Stamp;
pub use self::stamp::format_utc;
pub use self::text::is_text;
pub use self::text::neutral;
pub use self::text::neutral_cut;
