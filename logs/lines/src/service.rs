//! What the lines of services mean: from a body to an event that borrows from it.

pub mod httpd;
pub mod sshd;
pub mod systemd;
pub mod words;
