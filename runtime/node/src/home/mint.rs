//! How a home gets its keys: by minting a swarm, or by joining one.

use std::{net::SocketAddr, path::PathBuf, thread};

use skep_identity::{
    Admission, Authority, Identity, Invite, InviteId, JoinAnswer, JoinRefusal, JoinRequest,
    NODE_KEY_BITS, NodeTerms, OperatorBundle, OperatorTerms, PeerHint, PrivateKey,
};
use skep_packet::{Level, NodeId, SwarmId, encode};
use uuid::Uuid;

use super::{
    Home, SwarmCard,
    files::{self, HomeError, io_error, write_json, write_secret},
};

/// The name of the first operator.
const FIRST_OPERATOR: &str = "admin";

/// What a join did to a home that had a swarm of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JoinOutcome {
    /// The home was fresh.
    Fresh,
    /// Its own swarm never had a second member; its files were moved here.
    Replaced(PathBuf),
    /// It is a node of that swarm already, and has new papers for its key.
    Again,
}

/// A join that was asked for: the key, and what to send.
#[derive(Debug)]
pub struct PreparedJoin {
    invite: Invite,
    key: PrivateKey,
    /// The request's bytes.
    pub request: bytes::Bytes,
}

/// A name for this host's node: its host name, with what a name may not hold replaced.
#[must_use]
pub fn node_name() -> NodeId {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let short = host.trim().split('.').next().unwrap_or_default();
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '-'
        }
    };
    let name: String = short.chars().map(plain).take(63).collect();
    let name = name.trim_matches('-');
    NodeId::new(name).unwrap_or_else(|_| NodeId::new("node").expect("a node id"))
}

impl Home {
    /// Decides which swarm a fresh home belongs to, before any key is made.
    ///
    /// # Errors
    /// The card cannot be read or written.
    pub fn found(&self, node: Option<NodeId>) -> Result<SwarmCard, HomeError> {
        if let Some(card) = self.card()? {
            return Ok(card);
        }
        let card = SwarmCard {
            swarm: SwarmId(Uuid::new_v4()),
            node: node.unwrap_or_else(node_name),
        };
        write_json(&self.path().join("swarm.json"), &card)?;
        Ok(card)
    }

    /// Makes the keys of a founded swarm: authority, node and first operator, in parallel. Takes
    /// seconds. Yields the identity that is there already if there is one, and uses an authority
    /// that was brought from a backup.
    ///
    /// # Errors
    /// The keys cannot be made or written.
    pub fn mint(&self, now_ms: u64) -> Result<Identity, HomeError> {
        if let Some(identity) = self.identity()? {
            // Where a rotation was interrupted; a node's own papers are renewed while it runs.
            self.renew_operator(now_ms)?;
            return Ok(identity);
        }
        let card = self.found(None)?;
        let known = self.authority()?;
        let [fresh, node, operator] = generate_three()?;
        let authority = match known {
            Some(authority) => authority,
            None => Authority::mint(card.swarm, fresh, now_ms)?,
        };
        let terms = NodeTerms::any(card.node.clone());
        let identity = Identity::mint(&authority, node, &terms, now_ms)?;
        let first = OperatorTerms::any(FIRST_OPERATOR, Level::Admin);
        let bundle = bundle(&authority, operator, &first, "", now_ms)?;
        self.register(
            &authority,
            [&identity.credentials.passport, &bundle.passport],
        )?;
        write_secret(&self.path().join("authority"), &authority.to_bytes()?)?;
        write_secret(&self.path().join("operator"), &bundle.to_bytes()?)?;
        // Last: a home with an identity is complete.
        write_secret(&self.path().join("identity"), &identity.to_bytes()?)?;
        Ok(identity)
    }

    /// Makes an operator and yields the bundle to hand over.
    ///
    /// # Errors
    /// This home does not hold the authority, or the key cannot be made.
    pub fn add_operator(
        &self,
        terms: &OperatorTerms,
        now_ms: u64,
    ) -> Result<OperatorBundle, HomeError> {
        skep_packet::AgentName::new(&terms.name).map_err(|source| HomeError::Name {
            name: terms.name.clone(),
            source,
        })?;
        let authority = self.need_authority()?;
        let people = self.listening()?.and_then(|listening| listening.people);
        let address = people
            .map(|address| address.to_string())
            .unwrap_or_default();
        let key = PrivateKey::generate(NODE_KEY_BITS)?;
        let bundle = bundle(&authority, key, terms, &address, now_ms)?;
        self.register(&authority, [&bundle.passport])?;
        Ok(bundle)
    }

    /// Makes a one-time invitation to where the running node listens.
    ///
    /// # Errors
    /// This home does not hold the authority, no node runs, or it listens on a default loopback
    /// address.
    pub fn invite(&self, life_ms: u64, now_ms: u64) -> Result<Invite, HomeError> {
        let authority = self.need_authority()?;
        let refuse = |reason| HomeError::NotListening { reason };
        let listening = self
            .listening()?
            .ok_or(refuse("no node runs in this home"))?;
        if listening.dials_only {
            return Err(refuse("the node only dials out"));
        }
        let (address, chosen) = listening.swarm.ok_or(refuse("the node has no keys yet"))?;
        if address.ip().is_loopback() && !chosen {
            return Err(refuse("the node listens on loopback only"));
        }
        let random = Uuid::new_v4().as_u128();
        let mut secret = [0; 32];
        secret[..16].copy_from_slice(Uuid::new_v4().as_bytes());
        secret[16..].copy_from_slice(Uuid::new_v4().as_bytes());
        let invite = Invite {
            id: InviteId((random >> 64) as u64),
            secret,
            authority: authority.key().id(),
            swarm: authority.swarm(),
            address: address.to_string(),
            expires_ms: now_ms.saturating_add(life_ms),
        };
        self.with_invites(|invites| invites.add(invite.clone(), now_ms))??;
        Ok(invite)
    }

    /// Answers a host that wants to join: the bytes of a [`JoinAnswer`].
    ///
    /// # Errors
    /// The home's files fail; a refusal is an answer, not an error.
    pub fn enrol(
        &self,
        request: &[u8],
        taken: impl Fn(&NodeId, &skep_identity::PublicKey) -> bool,
        peers: Vec<PeerHint>,
        now_ms: u64,
    ) -> Result<Vec<u8>, HomeError> {
        let answer = match self.redeem(request, taken, now_ms)? {
            Ok((authority, request)) => {
                let (answer, passport) = authority.enrol(&request, peers, now_ms)?;
                self.register(&authority, [&passport])?;
                answer
            }
            Err(refusal) => JoinAnswer::Refused(refusal),
        };
        if matches!(answer, JoinAnswer::Admitted { .. }) {
            write_secret(&self.path().join("enrolled"), b"")?;
        }
        Ok(encode(&answer).to_vec())
    }

    fn redeem(
        &self,
        request: &[u8],
        taken: impl Fn(&NodeId, &skep_identity::PublicKey) -> bool,
        now_ms: u64,
    ) -> Result<Result<(Authority, JoinRequest), JoinRefusal>, HomeError> {
        let Some(authority) = self.authority()? else {
            return Ok(Err(JoinRefusal::NotAuthority));
        };
        let request = match JoinRequest::from_bytes(request) {
            Ok(request) => request,
            Err(refusal) => return Ok(Err(refusal)),
        };
        if taken(&request.node, &request.public_key) {
            return Ok(Err(JoinRefusal::NameTaken));
        }
        let redeemed = self.with_invites(|invites| invites.redeem(&request, now_ms))?;
        Ok(redeemed.map(|()| (authority, request)))
    }

    /// Makes a key and a request for the swarm of `invite`. A node of that swarm, whose papers may
    /// have ended, asks for new ones under its own name, with the key it has.
    ///
    /// # Errors
    /// The home belongs to another swarm with other members, or the key cannot be made.
    pub fn prepare_join(
        &self,
        invite: Invite,
        node: NodeId,
        listen: Vec<SocketAddr>,
    ) -> Result<PreparedJoin, HomeError> {
        let known = self.identity()?;
        let known = known.filter(|identity| identity.swarm() == invite.swarm);
        let (key, node) = match known {
            Some(identity) => (identity.key, identity.node),
            None => {
                self.may_join()?;
                (PrivateKey::generate(NODE_KEY_BITS)?, node)
            }
        };
        let request = encode(&JoinRequest::new(&invite, &key, node, listen)?);
        Ok(PreparedJoin {
            invite,
            key,
            request,
        })
    }

    /// Takes the answer in: from now on this home is a node of that swarm.
    ///
    /// # Errors
    /// The swarm refused, the answer is not believable, or the files cannot be written.
    pub fn finish_join(
        &self,
        prepared: PreparedJoin,
        answer: &[u8],
        now_ms: u64,
    ) -> Result<(Identity, Vec<PeerHint>, JoinOutcome), HomeError> {
        let PreparedJoin { invite, key, .. } = prepared;
        let (authority, admission) = Admission::open(answer, &invite, key.public(), now_ms)?;
        let identity = Identity::joined(key, authority, &admission)?;
        let known = self.identity()?;
        let outcome = match known.is_some_and(|known| known.key.id() == identity.key.id()) {
            true => JoinOutcome::Again,
            false => self.set_aside(now_ms)?,
        };
        let card = SwarmCard {
            swarm: identity.swarm(),
            node: identity.node.clone(),
        };
        write_json(&self.path().join("swarm.json"), &card)?;
        write_json(&self.path().join("peers.json"), &admission.peers)?;
        write_secret(&self.path().join("enrolled"), b"")?;
        write_secret(&self.path().join("identity"), &identity.to_bytes()?)?;
        Ok((identity, admission.peers, outcome))
    }

    /// Members that were told when this home joined; whom to dial first.
    ///
    /// # Errors
    /// The file is unreadable or damaged.
    pub fn first_peers(&self) -> Result<Vec<PeerHint>, HomeError> {
        Ok(files::read_json(&self.path().join("peers.json"))?.unwrap_or_default())
    }

    fn may_join(&self) -> Result<(), HomeError> {
        match self.card()? {
            Some(card) if self.path().join("enrolled").exists() => Err(HomeError::HasMembers {
                path: self.path().to_owned(),
                swarm: card.swarm,
            }),
            _ => Ok(()),
        }
    }

    /// Moves what a lonely swarm left in the home into a folder beside it.
    fn set_aside(&self, now_ms: u64) -> Result<JoinOutcome, HomeError> {
        self.may_join()?;
        if self.card()?.is_none() {
            return Ok(JoinOutcome::Fresh);
        }
        let aside = self.path().join(format!("replaced-{now_ms}"));
        files::make_private(&aside)?;
        for name in [
            "swarm.json",
            "identity",
            "authority",
            "operator",
            "register",
            "revoked",
            "successions",
            "invites",
            "store.redb",
        ] {
            let from = self.path().join(name);
            if from.exists() {
                std::fs::rename(&from, aside.join(name)).map_err(io_error("move", &from))?;
            }
        }
        Ok(JoinOutcome::Replaced(aside))
    }

    pub(super) fn need_authority(&self) -> Result<Authority, HomeError> {
        let path = self.path().to_owned();
        self.authority()?.ok_or(HomeError::NoAuthority { path })
    }
}

fn generate_three() -> Result<[PrivateKey; 3], HomeError> {
    let generate = || PrivateKey::generate(NODE_KEY_BITS);
    let [a, b, c] = thread::scope(|scope| {
        [
            scope.spawn(generate),
            scope.spawn(generate),
            scope.spawn(generate),
        ]
        .map(|thread| thread.join().expect("making a key does not panic"))
    });
    Ok([a?, b?, c?])
}

fn bundle(
    authority: &Authority,
    key: PrivateKey,
    terms: &OperatorTerms,
    address: &str,
    now_ms: u64,
) -> Result<OperatorBundle, HomeError> {
    let passport = authority.admit_operator(terms, key.public(), now_ms)?;
    Ok(OperatorBundle {
        key,
        passport,
        authority: authority.key().public().clone(),
        ca: authority.certificate().clone(),
        swarm: authority.swarm(),
        name: terms.name.clone(),
        address: address.to_owned(),
    })
}
