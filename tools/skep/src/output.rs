//! What is printed, where, and in which colors. A reader that hangs up is no failure.

use std::{
    env,
    io::{self, ErrorKind, IsTerminal, Write},
    process,
};

use serde_json::Value;

use crate::cli::Globals;

/// Prints a result.
pub(crate) fn say(text: &str) {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    give_up_on(written);
}

/// Prints a result and ends its line.
pub(crate) fn line(text: &str) {
    say(&format!("{text}\n"));
}

/// Prints one JSON document.
pub(crate) fn document(value: &Value) {
    line(&format!("{value:#}"));
}

/// Prints what went wrong.
pub(crate) fn complain(text: &str) {
    let mut out = io::stderr().lock();
    give_up_on(out.write_all(text.as_bytes()));
}

/// Prints a hint or a sign of progress, unless nobody wants to read it.
pub(crate) fn hint(globals: &Globals, text: &str) {
    if !globals.quiet && (is_watched() || globals.verbose > 0) {
        complain(&format!("{text}\n"));
    }
}

/// Whether a person reads stderr.
pub(crate) fn is_watched() -> bool {
    io::stderr().is_terminal()
}

pub(crate) fn errors_are_colored() -> bool {
    is_watched() && env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// A reader that has seen enough (`skep tree | head`) ends the program in peace. Where else could
/// it be said that nothing can be said?
fn give_up_on(written: io::Result<()>) {
    match written {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::BrokenPipe => process::exit(0),
        Err(_) => process::exit(1),
    }
}
