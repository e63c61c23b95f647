//! The register: whom the authority vouched for, so that it can be taken back by name.

use std::fmt;

use serde::{Deserialize, Serialize};
use skep_packet::{HandlerPattern, KeyId, Level, NodeId, decode, encode};

use crate::{Holder, IdentityError, Passport};

/// Most papers kept; at the bound those that end first go.
pub const PAPERS_MAX: usize = 16_384;

/// Largest stored register, in bytes.
const STORED_BYTES_MAX: usize = 4 * 1024 * 1024;

/// One passport that was given out, without what is in it for others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paper {
    /// The node; none for a person.
    pub node: Option<NodeId>,
    /// The person's name and level; none for a node.
    pub operator: Option<(String, Level)>,
    /// The key that was vouched for.
    pub key: KeyId,
    /// When, in milliseconds since the Unix epoch.
    pub issued_ms: u64,
    /// Until when, in milliseconds since the Unix epoch.
    pub not_after_ms: u64,
    /// When it was taken back, in milliseconds since the Unix epoch.
    pub revoked_ms: Option<u64>,
    /// The only handlers that the person may call.
    #[serde(default)]
    pub only: Option<HandlerPattern>,
    /// The authority that vouched for it; none in a register of before there could be several.
    #[serde(default)]
    pub by: Option<KeyId>,
}

/// Whose papers are meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Who {
    /// A node, by its name.
    Node(NodeId),
    /// A person, by name.
    Operator(String),
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(node) => write!(f, "node {node}"),
            Self::Operator(name) => write!(f, "operator {name}"),
        }
    }
}

impl Paper {
    fn of(passport: &Passport, by: KeyId) -> Self {
        let (node, operator, only) = match &passport.holder {
            Holder::Node { node, .. } => (Some(node.clone()), None, None),
            Holder::Operator { name, level, only } => {
                (None, Some((name.clone(), *level)), only.clone())
            }
        };
        Self {
            node,
            operator,
            key: passport.key_id(),
            issued_ms: passport.serial,
            not_after_ms: passport.not_after_ms,
            revoked_ms: None,
            only,
            by: Some(by),
        }
    }

    fn is_of(&self, who: &Who) -> bool {
        match who {
            Who::Node(node) => self.node.as_ref() == Some(node),
            Who::Operator(name) => self
                .operator
                .as_ref()
                .is_some_and(|(theirs, _)| theirs == name),
        }
    }

    /// Whether it still counts at `now_ms`.
    #[must_use]
    pub fn stands(&self, now_ms: u64) -> bool {
        self.revoked_ms.is_none() && now_ms <= self.not_after_ms
    }
}

/// Whom the authority vouched for; lies beside it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Register {
    papers: Vec<Paper>,
}

impl Register {
    /// Writes down a passport, and which authority signed it; one for the same key takes the place
    /// of the one before.
    pub fn issued(&mut self, passport: &Passport, by: KeyId) {
        let paper = Paper::of(passport, by);
        self.papers.retain(|known| known.key != paper.key);
        if self.papers.len() >= PAPERS_MAX {
            let soonest = (0..self.papers.len()).min_by_key(|idx| self.papers[*idx].not_after_ms);
            soonest.map(|idx| self.papers.remove(idx));
        }
        self.papers.push(paper);
    }

    /// The keys of someone that still count.
    #[must_use]
    pub fn keys(&self, who: &Who, now_ms: u64) -> Vec<KeyId> {
        let standing = self
            .papers
            .iter()
            .filter(|paper| paper.is_of(who) && paper.stands(now_ms));
        standing.map(|paper| paper.key).collect()
    }

    /// Whether this key was vouched for, and not taken back; its papers may have ended.
    #[must_use]
    pub fn knows(&self, key: KeyId) -> bool {
        let known = |paper: &Paper| paper.key == key && paper.revoked_ms.is_none();
        self.papers.iter().any(known)
    }

    /// Writes down that a key was taken back.
    pub fn revoked(&mut self, key: KeyId, now_ms: u64) {
        for paper in self.papers.iter_mut().filter(|paper| paper.key == key) {
            paper.revoked_ms.get_or_insert(now_ms);
        }
    }

    /// Every paper, in the order they were given out.
    #[must_use]
    pub fn papers(&self) -> &[Paper] {
        &self.papers
    }

    /// What is kept in a file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        encode(self).to_vec()
    }

    /// Reads what [`Register::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`IdentityError::Decode`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IdentityError> {
        let what = "register";
        decode(bytes, STORED_BYTES_MAX).map_err(|source| IdentityError::Decode { what, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{NOW_MS, world};

    fn who(name: &str) -> Who {
        Who::Node(NodeId::new(name).unwrap())
    }

    #[test]
    fn a_renewed_paper_takes_the_place_of_the_one_before() {
        let mut register = Register::default();
        let mut passport = world().a.passport.clone();
        register.issued(&passport, KeyId([1; 32]));
        passport.serial += 1;
        register.issued(&passport, KeyId([1; 32]));
        assert_eq!(register.papers().len(), 1);
        assert_eq!(register.papers()[0].issued_ms, passport.serial);
        let read = Register::from_bytes(&register.to_bytes()).unwrap();
        assert_eq!(read, register);
    }

    #[test]
    fn only_keys_that_count_are_taken_back() {
        let mut register = Register::default();
        for identity in [&world().a, &world().b] {
            register.issued(&identity.passport, KeyId([1; 32]));
        }
        let key = world().a.key.id();
        assert_eq!(register.keys(&who("a"), NOW_MS), [key]);
        let ended = world().a.passport.not_after_ms + 1;
        assert!(register.keys(&who("a"), ended).is_empty());
        register.revoked(key, NOW_MS);
        assert!(register.keys(&who("a"), NOW_MS).is_empty());
        assert_eq!(register.keys(&who("b"), NOW_MS), [world().b.key.id()]);
        assert!(
            register
                .keys(&Who::Operator("a".to_owned()), NOW_MS)
                .is_empty()
        );
    }

    #[test]
    fn at_the_bound_what_ends_first_goes() {
        let mut register = Register::default();
        let passport = world().a.passport.clone();
        for n in 0..PAPERS_MAX {
            let mut paper = Paper::of(&passport, KeyId([1; 32]));
            paper.key = KeyId([0; 32]);
            paper.key.0[..8].copy_from_slice(&(n as u64).to_be_bytes());
            paper.not_after_ms = 1_000 + n as u64;
            register.papers.push(paper);
        }
        register.issued(&passport, KeyId([1; 32]));
        assert_eq!(register.papers().len(), PAPERS_MAX);
        assert_eq!(register.papers()[0].not_after_ms, 1_001);
        assert!(register.to_bytes().len() < STORED_BYTES_MAX);
    }
}
