//! What the lines of services mean: from a body to an event, with nothing copied.
pub mod sshd;
