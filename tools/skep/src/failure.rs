//! What went wrong, its causes and the cure; and the exit codes.

use std::{fmt, process::ExitCode};

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme};
use serde_json::json;

use crate::{cli::OutputFormat, output};

/// The command line makes no sense.
pub(crate) const EXIT_USAGE: u8 = 2;
/// What the node keeps is damaged (`EX_DATAERR`): starting again does not help.
const EXIT_DAMAGED: u8 = 65;
/// The disk refused (`EX_IOERR`): starting again helps when it no longer does.
const EXIT_DISK: u8 = 74;
/// The directive is not usable (`EX_CONFIG` of sysexits.h).
pub(crate) const EXIT_CONFIG: u8 = 78;
/// Ctrl-C, as shells tell it.
const EXIT_INTERRUPTED: u8 = 130;

macro_rules! kinds {
    ($($name:ident $code:literal $meaning:literal;)*) => {
        /// What kind of failure it is; a code never changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Kind { $(#[doc = $meaning] $name),* }

        impl Kind {
            #[cfg(test)]
            const ALL: &[(&str, &str)] = &[$(($code, $meaning)),*];

            fn code(self) -> &'static str {
                match self { $(Self::$name => $code),* }
            }
        }
    };
}

kinds! {
    Home "SK-0201" "The home is not usable.";
    NoNode "SK-0202" "No node answers.";
    Login "SK-0203" "The login was refused, or there is no key to log in with.";
    Role "SK-0204" "Nobody serves the role, or the request was refused.";
    Origin "SK-0205" "Somebody who was asked could not answer.";
    Directive "SK-0206" "The directive is not usable (exit code 78).";
    File "SK-0207" "A file could not be read or written.";
    Node "SK-0208" "The node could not start, or had to end.";
    Join "SK-0209" "The swarm did not let this host in.";
    Input "SK-0210" "An argument makes no sense (exit code 2).";
    Protocol "SK-0211" "The other side does not keep to the protocol.";
    Audit "SK-0212" "The audit log is not what was written.";
    Grave "SK-0213" "A digest is as grave as `--fail-on` says, or graver.";
    Damaged "SK-0214" "The store is damaged or of a newer version; it was left as it is (exit code 65).";
    Disk "SK-0215" "The store could not be read or written (exit code 74).";
    Ailing "SK-0216" "`skep doctor` found a failure.";
    Sealed "SK-0217" "An answer is not sealed for this session, or was changed on its way.";
}

/// A failure, as a person is told of it.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    message: String,
    causes: Vec<String>,
    cure: Option<String>,
    exit: u8,
    /// Everything was said already: only the exit code is left.
    is_said: bool,
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl Into<String>) -> Self {
        let exit = match kind {
            Kind::Directive => EXIT_CONFIG,
            Kind::Input => EXIT_USAGE,
            Kind::Damaged => EXIT_DAMAGED,
            Kind::Disk => EXIT_DISK,
            _ => 1,
        };
        Self {
            kind,
            message: message.into(),
            causes: Vec::new(),
            cure: None,
            exit,
            is_said: false,
        }
    }

    /// The failure of an error, with its causes.
    pub(crate) fn of(kind: Kind, error: &dyn std::error::Error) -> Self {
        let mut failure = Self::new(kind, error.to_string());
        failure.causes = chain(error.source());
        failure
    }

    /// A failure of which all was said already.
    pub(crate) fn said(kind: Kind) -> Self {
        Self {
            is_said: true,
            ..Self::new(kind, String::new())
        }
    }

    /// A person pressed Ctrl-C.
    pub(crate) fn interrupted() -> Self {
        Self {
            exit: EXIT_INTERRUPTED,
            ..Self::said(Kind::Origin)
        }
    }

    pub(crate) fn because(mut self, error: &dyn std::error::Error) -> Self {
        self.causes = chain(Some(error));
        self
    }

    pub(crate) fn cure(mut self, cure: impl Into<String>) -> Self {
        let cure = cure.into();
        self.cure = (!cure.is_empty()).then_some(cure);
        self
    }

    /// Prints it and yields the exit code.
    pub(crate) fn show(self, format: OutputFormat) -> ExitCode {
        if !self.is_said {
            let text = match format {
                OutputFormat::Json => format!("{}\n", self.json()),
                OutputFormat::Text => self.rendered(output::errors_are_colored()),
            };
            output::complain(&text);
        }
        ExitCode::from(self.exit)
    }

    fn json(&self) -> serde_json::Value {
        json!({ "error": {
            "code": self.kind.code(),
            "message": self.message,
            "causes": self.causes,
            "cure": self.cure,
        }})
    }

    fn rendered(&self, colored: bool) -> String {
        let theme = if colored {
            GraphicalTheme::unicode()
        } else {
            GraphicalTheme::none()
        };
        let handler = GraphicalReportHandler::new_themed(theme)
            .with_width(100)
            .with_links(false);
        let mut text = String::new();
        match handler.render_report(&mut text, self) {
            Ok(()) => text,
            Err(fmt::Error) => format!("{self}\n"),
        }
    }
}

fn chain(mut cause: Option<&dyn std::error::Error>) -> Vec<String> {
    let mut causes = Vec::new();
    while let Some(error) = cause {
        causes.push(error.to_string());
        cause = error.source();
    }
    causes
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        self.causes
            .iter()
            .try_for_each(|cause| write!(f, ": {cause}"))
    }
}

impl std::error::Error for Failure {}

impl Diagnostic for Failure {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.kind.code()))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.cure
            .as_ref()
            .map(|cure| Box::new(cure) as Box<dyn fmt::Display>)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_sorted_and_of_this_rooms_range() {
        let codes: Vec<&str> = Kind::ALL.iter().map(|(code, _)| *code).collect();
        let mut sorted = codes.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(codes, sorted);
        assert!(codes.iter().all(|code| code.starts_with("SK-02")));
        let page = include_str!("../../../docs/ERRORS.md");
        for (code, meaning) in Kind::ALL {
            assert!(
                page.contains(&format!("| {code} | {meaning} |")),
                "docs/ERRORS.md: {code}"
            );
        }
    }

    #[test]
    fn a_failure_says_what_why_and_what_to_do() {
        let why = std::io::Error::from(std::io::ErrorKind::NotFound);
        let failure = Failure::new(Kind::NoNode, "no node answers at /home/skep/control.sock")
            .because(&why)
            .cure("start one with `skep up`");
        insta::assert_snapshot!(failure.rendered(false));
        insta::assert_snapshot!(failure.json());
    }
}
