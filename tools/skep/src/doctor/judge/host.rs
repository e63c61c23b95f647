//! What the host gives: disk and files. And the store that lies on it.

use super::super::{
    Finding,
    facts::{Facts, Store},
};

const MB: u64 = 1_000_000;

/// Below this a commit may fail any moment, and a failed commit ends a node.
const FREE_BYTES_MIN: u64 = 64 * MB;

/// Below this it is time to make room.
const FREE_BYTES_WARN: u64 = 1_000 * MB;

/// A node with both doors in use, logs open and a few peers needs about this many.
const FILES_MIN: u64 = 256;

/// What each listener's 256 connections and all collectors come to.
const FILES_WARN: u64 = 1024;

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(store(&facts.store));
    found.extend(facts.free_bytes.map(disk));
    found.extend(facts.files_max.map(files));
    found
}

fn store(store: &Store) -> Option<Finding> {
    let size = |bytes: u64| format!("{:.1} MB", bytes as f64 / MB as f64);
    Some(match store {
        Store::None => return None,
        Store::Held { bytes } => Finding::ok(
            "store",
            format!("{}, held by the running node", size(*bytes)),
        ),
        Store::Good { bytes } => Finding::ok("store", format!("{}, it opens", size(*bytes))),
        Store::Bad { why, cure } => Finding::failure("store", why.clone(), cure.clone()),
    })
}

fn disk(free: u64) -> Finding {
    let what = format!("{} MB are free where the home lies", free / MB);
    let cure = "make room: a node whose store can not be written stops";
    match free {
        free if free < FREE_BYTES_MIN => Finding::failure("disk", what, cure),
        free if free < FREE_BYTES_WARN => Finding::warning("disk", what, cure),
        _ => Finding::ok("disk", what),
    }
}

fn files(max: u64) -> Finding {
    let what = format!("{max} may be open");
    let cure = "`ulimit -n 4096`, or `LimitNOFILE=4096` in the unit";
    match max {
        max if max < FILES_MIN => Finding::failure("files", what, cure),
        max if max < FILES_WARN => Finding::warning("files", what, cure),
        _ => Finding::ok("files", what),
    }
}
