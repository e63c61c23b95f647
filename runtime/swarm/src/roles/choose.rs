//! Which endpoints a packet goes to.

use std::{fmt, sync::Arc};

use skep_packet::{RoleName, RolePattern, Scope};

use super::{
    endpoint::{Endpoint, hash_sticky, weight},
    index::RoleIndex,
};

/// Which of a role's endpoints are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice<'a> {
    /// One: the lowest priority number present, then by rendezvous hash.
    One {
        /// The session or token that the conversation sticks to.
        sticky: &'a [u8],
    },
    /// Each of them.
    All,
}

/// Nobody serves the role now. Nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("nobody serves the role {role} now{}", Hint(self))]
pub struct NoEndpoint {
    /// The role or pattern asked for.
    pub role: RolePattern,
    /// Whether some agent lists it, though none takes packets now.
    pub known: bool,
    /// Roles with a similar name, the nearest first, at most [`NEAR_MAX`].
    pub near: Vec<RoleName>,
}

impl NoEndpoint {
    /// Empty, or what may help: that the role is only down, or a similar name.
    #[must_use]
    pub fn hint(&self) -> String {
        Hint(self).to_string()
    }
}

/// Most similar names that an error shows.
pub const NEAR_MAX: usize = 3;

struct Hint<'a>(&'a NoEndpoint);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.near.first() {
            _ if self.0.known => f.write_str("; agents that list it are down"),
            Some(near) => write!(f, "; did you mean {:?}?", near.as_str()),
            None => Ok(()),
        }
    }
}

impl RoleIndex {
    /// The endpoints that a packet for `pattern` goes to, in `scope`.
    ///
    /// `One` yields one; `All` yields each (address, handler) once, by (priority, node, agent).
    ///
    /// # Errors
    /// [`NoEndpoint`] where nobody serves it now.
    pub fn choose(
        &self,
        pattern: &RolePattern,
        scope: Scope,
        choice: Choice<'_>,
    ) -> Result<Vec<Arc<Endpoint>>, NoEndpoint> {
        let chosen = match choice {
            Choice::One { sticky } => self
                .choose_one(pattern, scope, sticky)
                .into_iter()
                .collect(),
            Choice::All => self.each(pattern, scope),
        };
        if chosen.is_empty() {
            Err(self.nobody(pattern))
        } else {
            Ok(chosen)
        }
    }

    /// The one endpoint of a conversation; a hash lookup for an exact role in the whole swarm.
    #[must_use]
    pub fn choose_one(
        &self,
        pattern: &RolePattern,
        scope: Scope,
        sticky: &[u8],
    ) -> Option<Arc<Endpoint>> {
        match (pattern.exact(), scope) {
            (Some(role), Scope::Swarm) => self.slice(role)?.stick(hash_sticky(sticky)).cloned(),
            _ => self.ranked(pattern, scope, sticky).into_iter().next(),
        }
    }

    /// Every endpoint that a conversation may go to, the chosen one first, then its substitutes.
    #[must_use]
    pub fn ranked(&self, pattern: &RolePattern, scope: Scope, sticky: &[u8]) -> Vec<Arc<Endpoint>> {
        let hash = hash_sticky(sticky);
        let mut found = self.each(pattern, scope);
        // A stable sort: equal weights keep the order by node and agent.
        found.sort_by_key(|endpoint| {
            (
                endpoint.priority,
                std::cmp::Reverse(weight(hash, endpoint.address_hash)),
            )
        });
        found
    }

    fn each(&self, pattern: &RolePattern, scope: Scope) -> Vec<Arc<Endpoint>> {
        let in_scope = |endpoint: &&Arc<Endpoint>| {
            scope == Scope::Swarm || endpoint.address.node == *self.own()
        };
        if let Some(role) = pattern.exact() {
            return self
                .serving(role)
                .iter()
                .filter(in_scope)
                .cloned()
                .collect();
        }
        let slices = self.slices(|role| pattern.matches(role));
        let mut found: Vec<Arc<Endpoint>> = slices
            .iter()
            .flat_map(|slice| slice.serving())
            .filter(in_scope)
            .cloned()
            .collect();
        // Stable: of several roles at one agent the first by name stays.
        found.sort_by(|a, b| (a.rank(), &a.handler).cmp(&(b.rank(), &b.handler)));
        let mut seen = std::collections::BTreeSet::new();
        found.retain(|endpoint| seen.insert((endpoint.address.clone(), endpoint.handler.clone())));
        found
    }

    /// Names what is missing, and what may have been meant.
    #[must_use]
    pub fn nobody(&self, pattern: &RolePattern) -> NoEndpoint {
        let known = self
            .slices(|role| pattern.matches(role))
            .iter()
            .any(|s| !s.all().is_empty());
        let near = if known {
            Vec::new()
        } else {
            self.near(pattern.as_str())
        };
        NoEndpoint {
            role: pattern.clone(),
            known,
            near,
        }
    }

    fn near(&self, typed: &str) -> Vec<RoleName> {
        let distance_max = (typed.chars().count() / 3).max(1);
        let mut near: Vec<(usize, RoleName)> = self
            .roles()
            .into_iter()
            .filter(|role| role.as_str().len().abs_diff(typed.len()) <= distance_max)
            .map(|role| {
                (
                    strsim::damerau_levenshtein(typed, role.as_str()),
                    role.clone(),
                )
            })
            .filter(|(distance, _)| *distance <= distance_max)
            .collect();
        near.sort();
        near.into_iter()
            .take(NEAR_MAX)
            .map(|(_, role)| role)
            .collect()
    }
}
