//! The rules no compiler checks: `cargo xtask tidy`. Each is a function from the tree to what breaks
//! it, with a test that shows it can fail.

mod arrows;
mod manifests;
mod text;
mod tree;

use std::path::Path;

use anyhow::{Result, bail};

use self::tree::Tree;
pub(crate) use self::tree::files as files_of;

/// A rule: every breach as `PLACE: what is wrong`.
type Rule = fn(&Tree) -> Vec<String>;

const RULES: &[(&str, Rule)] = &[
    ("imports point down only", arrows::down),
    ("pure rooms know no runtime, socket or store", arrows::pure),
    ("every agent stands in the registry", arrows::registry),
    ("the workspace's lints hold everywhere", manifests::lints),
    (
        "versions stand at the workspace's root only",
        manifests::versions,
    ),
    ("files stay short", text::sizes),
    ("no mod.rs", text::mod_files),
    (
        "pure rooms take time and chance as arguments",
        text::pure_words,
    ),
    ("nothing unfinished", text::unfinished),
    ("no test is ignored or sleeps", text::honest_tests),
    ("no private key", text::keys),
    ("our own words", text::words),
];

/// Prints every breach in the checkout at `top`; whether there is none.
pub(crate) fn run(top: &Path) -> Result<bool> {
    let tree = Tree::read(top)?;
    let mut broken = 0;
    for (name, rule) in RULES {
        for breach in rule(&tree) {
            println!("{breach} ({name})");
            broken += 1;
        }
    }
    println!(
        "tidy: {} rules, {} files, {broken} breaches",
        RULES.len(),
        tree.files.len()
    );
    Ok(broken == 0)
}

/// As [`run`], for a step of a longer run.
pub(crate) fn check(top: &Path) -> Result<()> {
    if !run(top)? {
        bail!("the breaches are listed above");
    }
    Ok(())
}
