//! New papers before the old ones end: asked for, made for others, taken in.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use skep_identity::{Credentials, Passport, Renewal};
use skep_packet::{Frame, KeyId, NodeId};
use tokio::sync::oneshot;

use super::links::Links;
use crate::{
    door::Keys,
    switch::{Input, Say, SeatInput},
};

impl Links {
    /// Whether this home holds the authority.
    pub(super) fn issues(&self) -> bool {
        matches!(self.base.config.home.authority(), Ok(Some(_)))
    }

    /// A node wants papers, or sent those that this one asked for; directly or through a hub.
    pub(super) async fn about_papers(&self, from: NodeId, frame: Frame, renewal: &mut Renewal) {
        match frame {
            Frame::Renew => self.make_papers(from).await,
            Frame::Renewed {
                passport,
                certificate,
            } => {
                let credentials = Credentials {
                    passport,
                    certificate,
                };
                if let Some(next) = self.take_papers(credentials).await {
                    *renewal = next;
                }
            }
            _ => {}
        }
    }

    /// Asks for papers: of this home's own authority, else of a node that has it. Where none can be
    /// reached it is tried again.
    pub(super) async fn ask_for_papers(&self, renewal: &mut Renewal) {
        if !self.issues() {
            if !self.ask_issuers().await {
                renewal.nobody(self.base.clock.now());
            }
            return;
        }
        let Some(keys) = self.base.keys.load_full() else {
            return;
        };
        let identity = &keys.identity;
        let (passport, signer) = (&identity.passport, identity.credentials.passport.signer);
        let papers = self.issue(passport.clone(), signer, Vec::new());
        if let Some(papers) = papers.await
            && let Some(next) = self.take_papers(papers).await
        {
            *renewal = next;
        }
    }

    async fn ask_issuers(&self) -> bool {
        for node in self.base.view.issuers() {
            if self.say(node.clone(), Frame::Renew).await {
                tracing::info!(%node, "asked for new papers");
                return true;
            }
        }
        tracing::debug!("new papers are due, and no node that makes them is there");
        false
    }

    /// Whether there was a way to the node; else one is looked for.
    async fn say(&self, to: NodeId, frame: Frame) -> bool {
        let (said, done) = oneshot::channel();
        let say = Input::Seat(SeatInput::Say(Say { to, frame, said }));
        self.base.switch.tell(say).await && done.await.unwrap_or(false)
    }

    /// Has the authority sign, on a thread of its own.
    async fn issue(
        &self,
        passport: Passport,
        signer: KeyId,
        addresses: Vec<IpAddr>,
    ) -> Option<Credentials> {
        let (home, now_ms) = (self.base.config.home.clone(), self.base.clock.now().unix_ms);
        let node = passport.node()?.clone();
        let made = self
            .base
            .tasks
            .spawn_blocking(move || home.renew(&passport, signer, addresses, now_ms));
        match made.await.ok()? {
            Ok(credentials) => {
                let made = credentials.is_some();
                tracing::info!(%node, made, "new papers");
                credentials
            }
            Err(error) => {
                let error = skep_agent::one_line(&error);
                tracing::error!(%node, error, "papers cannot be renewed");
                None
            }
        }
    }

    /// Makes papers for a node. It holds up the mesh's events for the two signatures of it, so a
    /// node gets none before the old ones are [`RENEWAL_AGE_MIN_MS`](crate::home::RENEWAL_AGE_MIN_MS) old.
    async fn make_papers(&self, peer: NodeId) {
        let now_ms = self.base.clock.now().unix_ms;
        let known = self.base.keys.load_full();
        let known = known.and_then(|keys| {
            let keyring = keys.keyring.load();
            let known = keyring.node(&peer)?;
            let standing = keyring.lineage().standing(known.signed.signer, now_ms);
            standing.is_ok().then(|| known.clone())
        });
        let Some(known) = known else { return };
        let addresses = self.addresses(&peer).iter().map(SocketAddr::ip).collect();
        let (passport, signer) = (known.passport.clone(), known.signed.signer);
        let Some(papers) = self.issue(passport, signer, addresses).await else {
            return;
        };
        let frame = Frame::Renewed {
            passport: papers.passport,
            certificate: papers.certificate,
        };
        if !self.say(peer.clone(), frame).await {
            tracing::debug!(node = %peer, "renewed papers not sent");
        }
    }

    fn addresses(&self, peer: &NodeId) -> Vec<SocketAddr> {
        let nodes = self.base.view.tree().nodes;
        let found = nodes.into_iter().find(|node| node.node == *peer);
        found.map(|node| node.addresses).unwrap_or_default()
    }

    /// Takes in papers that somebody sent: only the authority's or its successor's, for this node's
    /// key, and newer.
    async fn take_papers(&self, credentials: Credentials) -> Option<Renewal> {
        let home = self.base.config.home.clone();
        let taken = self
            .base
            .tasks
            .spawn_blocking(move || home.take_renewed(credentials));
        let identity = match taken.await.ok()? {
            Ok(identity) => identity,
            Err(error) => {
                let error = skep_agent::one_line(&error);
                tracing::warn!(error, "renewed papers refused");
                return None;
            }
        };
        tracing::info!("this node has new papers");
        let renewal = Renewal::new(&identity.passport);
        let keyring = self.base.keys.load_full()?.keyring.clone();
        let keys = Keys {
            identity: identity.clone(),
            keyring,
        };
        self.base.keys.store(Some(Arc::new(keys)));
        let input = SeatInput::Renewed(Box::new(identity));
        self.base.switch.tell(Input::Seat(input)).await;
        Some(renewal)
    }
}
