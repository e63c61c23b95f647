//! Log records: from a line to an event.
