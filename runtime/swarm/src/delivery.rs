//! The three delivery classes, at the sender and at the receiver.
