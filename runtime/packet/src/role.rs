//! Roles as senders and directives write them.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{HandlerName, IdError, RoleName, limits::NAME_BYTES_MAX};

/// A role and the handler that serves it, written `role@handler` in a directive.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct RoleBinding {
    /// What is offered.
    pub role: RoleName,
    /// The function that does it.
    pub handler: HandlerName,
}

impl fmt::Display for RoleBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.role, self.handler)
    }
}

impl FromStr for RoleBinding {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (role, handler) = text
            .split_once('@')
            .ok_or_else(|| IdError::form(text, "role@handler"))?;
        Ok(Self {
            role: RoleName::new(role.trim())?,
            handler: HandlerName::new(handler.trim())?,
        })
    }
}

impl From<RoleBinding> for String {
    fn from(binding: RoleBinding) -> Self {
        binding.to_string()
    }
}

impl TryFrom<String> for RoleBinding {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

/// Which roles a sender means: names with `*`, several separated by commas.
///
/// `*` stands for any run of characters, dots too: `comm.*` covers `comm.mail.out`. Case counts.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct RolePattern {
    text: String,
    exact: Option<RoleName>,
}

/// Longest pattern list, in bytes.
const PATTERN_BYTES_MAX: usize = 8 * NAME_BYTES_MAX;

impl RolePattern {
    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The one role meant, where the pattern holds neither `*` nor a comma.
    #[must_use]
    pub fn exact(&self) -> Option<&RoleName> {
        self.exact.as_ref()
    }

    /// Whether `role` is meant.
    #[must_use]
    pub fn matches(&self, role: &RoleName) -> bool {
        match &self.exact {
            Some(exact) => exact == role,
            None => self
                .text
                .split(',')
                .any(|part| glob(part.trim().as_bytes(), role.as_str().as_bytes())),
        }
    }
}

impl From<RoleName> for RolePattern {
    fn from(role: RoleName) -> Self {
        Self {
            text: role.as_str().to_owned(),
            exact: Some(role),
        }
    }
}

impl fmt::Display for RolePattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl FromStr for RolePattern {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        if text.len() > PATTERN_BYTES_MAX {
            let got = text.len();
            return Err(IdError::TooLong {
                what: "a role pattern",
                got,
                max: PATTERN_BYTES_MAX,
            });
        }
        for part in text.split(',') {
            RoleName::new(&part.trim().replace('*', "_"))?;
        }
        let exact = RoleName::new(text.trim()).ok();
        Ok(Self {
            text: text.trim().to_owned(),
            exact,
        })
    }
}

impl From<RolePattern> for String {
    fn from(pattern: RolePattern) -> Self {
        pattern.text
    }
}

impl TryFrom<String> for RolePattern {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

/// Matches without recursion, in time linear in `text` times the number of stars.
pub(crate) fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while t < text.len() {
        if p < pattern.len() && pattern[p] == b'*' {
            retry = Some((p + 1, t));
            p += 1;
        } else if p < pattern.len() && pattern[p] == text[t] {
            p += 1;
            t += 1;
        } else if let Some((after_star, start)) = retry {
            retry = Some((after_star, start + 1));
            p = after_star;
            t = start + 1;
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, role: &str, expected: bool) {
        let pattern: RolePattern = pattern.parse().unwrap();
        assert_eq!(
            pattern.matches(&RoleName::new(role).unwrap()),
            expected,
            "{pattern} {role}"
        );
    }

    #[test]
    fn patterns_match_as_senders_expect() {
        check("hive.alert", "hive.alert", true);
        check("hive.alert", "hive.alerts", false);
        check("comm.*", "comm.mail.out", true);
        check("comm.*", "comma", false);
        check("*", "anything.at.all", true);
        check("hive.*, comm.mail", "comm.mail", true);
        check("hive.*, comm.mail", "comm.mail.out", false);
        check("*.alert", "hive.swarm.alert", true);
        check("h*e.a*t", "hive.alert", true);
    }

    #[test]
    fn a_pattern_with_a_hole_is_refused() {
        assert!("hive.alert,,x".parse::<RolePattern>().is_err());
        assert!("".parse::<RolePattern>().is_err());
        assert!("hive alert".parse::<RolePattern>().is_err());
    }

    #[test]
    fn a_binding_needs_its_handler() {
        let binding: RoleBinding = "hive.alert@cmd_send_alert_msg".parse().unwrap();
        assert_eq!(binding.role.as_str(), "hive.alert");
        assert_eq!(binding.handler.as_str(), "cmd_send_alert_msg");
        assert!("hive.alert".parse::<RoleBinding>().is_err());
    }
}
