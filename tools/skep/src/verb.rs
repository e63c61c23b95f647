//! The verbs, one file each.

pub(crate) mod agent;
pub(crate) mod audit;
pub(crate) mod authority;
pub(crate) mod call;
pub(crate) mod cases;
pub(crate) mod check;
pub(crate) mod completions;
pub(crate) mod digest;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod init;
pub(crate) mod invite;
pub(crate) mod join;
mod offline;
pub(crate) mod operator;
pub(crate) mod oracle;
mod papers;
pub(crate) mod renew;
pub(crate) mod revoke;
pub(crate) mod store;
pub(crate) mod tree;
mod unit;
pub(crate) mod up;

pub(crate) use papers::day;

use std::future::Future;

use crate::{
    cli::{Globals, Verb},
    failure::{Failure, Kind},
    logs,
};

/// Does what was typed.
pub(crate) fn run(verb: Verb, globals: &Globals) -> Result<(), Failure> {
    match &verb {
        Verb::Up(_) => {}
        _ => logs::begin(globals, "error"),
    }
    if globals.wants_page() && !matches!(verb, Verb::Digest(_)) {
        let failure = Failure::new(Kind::Input, "only digests come as HTML");
        return Err(failure.cure("leave --format out, or take json"));
    }
    match verb {
        Verb::Up(up) => up.run(globals),
        Verb::Init(init) => init.run(globals),
        Verb::Invite(invite) => invite.run(globals),
        Verb::Join(join) => block_on(join.run(globals)),
        Verb::Authority(authority) => block_on(authority.run(globals)),
        Verb::Revoke(revoke) => block_on(revoke.run(globals)),
        Verb::Renew(renew) => block_on(renew.run(globals)),
        Verb::Operator(operator) => block_on(operator.run(globals)),
        Verb::Check(check) => check.run(globals),
        Verb::Store(store) => store.run(globals),
        Verb::Tree(tree) => block_on(tree.run(globals)),
        Verb::Digest(digest) => digest.run(globals),
        Verb::Explain(explain) => explain.run(globals),
        Verb::Cases(cases) => block_on(cases.run(globals)),
        Verb::Oracle(oracle) => oracle.run(globals),
        Verb::Call(call) => block_on(call.run(globals)),
        Verb::Agent(agent) => block_on(agent.run(globals)),
        Verb::Audit(audit) => block_on(audit.run(globals)),
        Verb::Doctor(doctor) => block_on(doctor.run(globals)),
        Verb::Completions(completions) => {
            completions.run();
            Ok(())
        }
    }
}

/// Runs what waits on one thread; a client needs no more.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime = runtime.map_err(|error| Failure::of(Kind::Node, &error))?;
    runtime.block_on(work)
}
