//! Which handlers are meant: what an operator's passport may be limited to.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{HandlerName, IdError, RoleName, limits::NAME_BYTES_MAX, role::glob};

/// Longest list of handler patterns, in bytes.
const PATTERN_BYTES_MAX: usize = 16 * NAME_BYTES_MAX;

/// Which handlers of which roles: `ROLE@HANDLER`, both with `*`, several separated by commas.
///
/// Without `@HANDLER` all handlers of the role are meant. `*` stands for any run of characters, dots
/// too. Case counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct HandlerPattern(String);

impl HandlerPattern {
    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this handler of this role is meant.
    #[must_use]
    pub fn matches(&self, role: &RoleName, handler: &HandlerName) -> bool {
        self.0.split(',').any(|part| {
            let (roles, handlers) = parts(part);
            glob(roles.as_bytes(), role.as_str().as_bytes())
                && glob(handlers.as_bytes(), handler.as_str().as_bytes())
        })
    }
}

/// The pattern of roles and the one of handlers.
fn parts(text: &str) -> (&str, &str) {
    let (roles, handlers) = text.split_once('@').unwrap_or((text, "*"));
    (roles.trim(), handlers.trim())
}

impl fmt::Display for HandlerPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl FromStr for HandlerPattern {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.len() > PATTERN_BYTES_MAX {
            let got = text.len();
            return Err(IdError::TooLong {
                what: "a handler pattern",
                got,
                max: PATTERN_BYTES_MAX,
            });
        }
        for part in text.split(',') {
            let (roles, handlers) = parts(part);
            RoleName::new(&roles.replace('*', "_"))?;
            HandlerName::new(&handlers.replace('*', "_"))?;
        }
        Ok(Self(text.trim().to_owned()))
    }
}

impl From<HandlerPattern> for String {
    fn from(pattern: HandlerPattern) -> Self {
        pattern.0
    }
}

impl TryFrom<String> for HandlerPattern {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(pattern: &str, role: &str, handler: &str, expected: bool) {
        let meant: HandlerPattern = pattern.parse().unwrap();
        let (role, handler) = (
            RoleName::new(role).unwrap(),
            HandlerName::new(handler).unwrap(),
        );
        assert_eq!(
            meant.matches(&role, &handler),
            expected,
            "{pattern} {role}@{handler}"
        );
    }

    #[test]
    fn a_role_its_handlers_and_several_of_them() {
        check("hive.oracle", "hive.oracle", "cmd_msg_prompt", true);
        check("hive.oracle", "hive.oracle.preview", "cmd_preview", false);
        check("hive.oracle*", "hive.oracle.preview", "cmd_preview", true);
        check(
            "hive.oracle*@cmd_preview",
            "hive.oracle.preview",
            "cmd_preview",
            true,
        );
        check(
            "hive.oracle*@cmd_preview",
            "hive.oracle",
            "cmd_msg_prompt",
            false,
        );
        check(
            "*@cmd_list*, logwatch.*",
            "hive.alert.list",
            "cmd_list_alerts",
            true,
        );
        check(
            "*@cmd_list*, logwatch.*",
            "logwatch.generate.digest",
            "cmd_any",
            true,
        );
        check(
            "*@cmd_list*, logwatch.*",
            "steward.n1",
            "cmd_steward",
            false,
        );
        check("*", "steward.n1", "cmd_steward", true);
    }

    #[test]
    fn a_pattern_with_a_hole_is_refused() {
        for text in [
            "",
            ",",
            "hive.oracle,,x",
            "@cmd_x",
            "hive.oracle@",
            "hive oracle",
            "a@b@c",
        ] {
            assert!(text.parse::<HandlerPattern>().is_err(), "{text}");
        }
        assert!(
            "x".repeat(PATTERN_BYTES_MAX + 1)
                .parse::<HandlerPattern>()
                .is_err()
        );
    }
    proptest! {
        #[test]
        fn any_text_is_a_pattern_that_comes_back_or_none(text in "[a-z*@., ]{0,40}") {
            let role = RoleName::new("hive.oracle").unwrap();
            let handler = HandlerName::new("cmd_msg_prompt").unwrap();
            if let Ok(pattern) = text.parse::<HandlerPattern>() {
                let back: HandlerPattern = String::from(pattern.clone()).parse().unwrap();
                prop_assert_eq!(&back, &pattern);
                // Each of its parts means no more than all of them.
                for part in pattern.as_str().split(',') {
                    let part: HandlerPattern = part.parse().unwrap();
                    let means = !part.matches(&role, &handler) || pattern.matches(&role, &handler);
                    prop_assert!(means);
                }
            }
        }
    }
}
