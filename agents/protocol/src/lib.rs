//! The conversations between agents, one file each.

#![warn(missing_docs)]

pub mod alert;
pub mod callback;
pub mod case;
pub mod digest;
pub mod external;
pub mod flag;
pub mod oracle;
pub mod rpc;
pub mod service;
pub mod severity;
pub mod status;
pub mod steward;
