//! Directive text to a checked plan: every mistake at once, with its place and its cure.
//!
//! [`check`] reads a directive against a [`Catalogue`] of agents and yields a [`Plan`], or the
//! [`Diagnostic`]s that say what is wrong. This room is pure: it knows no agent, opens no file and
//! resolves no secret.

#![warn(missing_docs)]

mod catalogue;
mod check;
mod code;
mod compose;
mod diagnostic;
mod edit;
mod envelope;
mod outline;
mod parse;
mod plan;
mod schema;
mod span;
mod suggest;
mod tree;
mod value;

pub use catalogue::{AgentKind, Catalogue, RoleUse};
pub use check::{Checked, check, check_schema, value};
pub use code::Code;
pub use compose::json_schema;
pub use diagnostic::{DIAGNOSTICS_MAX, Diagnostic, Related, Severity};
pub use edit::{Edit, EditError, edit, value_of};
pub use parse::{DEPTH_MAX, TEXT_BYTES_MAX};
pub use plan::{
    AgentPlan, PRIORITY_DEFAULT, PacketSigning, Plan, RestartPlan, RestartPolicy, RolePlan,
};
pub use span::{Place, Span, place};
pub use tree::AGENTS_MAX;
