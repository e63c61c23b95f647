//! Another authority takes the place of the one that this node believes: heard of, kept, passed on,
//! and the end of the time in which both count.

use skep_identity::{Lineage, SUCCESSIONS_MAX};
use skep_mesh::Mesh;
use skep_packet::{NodeId, Now, Refusal, Signed};

use super::links::Links;
use crate::switch::{Input, SeatInput};

/// Longest wait before the clock is looked at again, in milliseconds: one hour. A step of the wall
/// clock is noticed so late at most.
const LOOK_MS: u64 = 3_600_000;

const NS_PER_MS: u64 = 1_000_000;

/// What a person is told whose node was left behind.
const LEFT_BEHIND: &str = "this node's papers are from an authority that another one has replaced, \
    and no longer count: run `skep invite` where the authority is, and the `skep join` line here";

impl Links {
    /// Takes in what was told of authorities that follow each other. It is on disk before anything
    /// is believed of it. Whether it was news.
    pub(super) async fn follow(
        &self,
        mesh: &Mesh,
        lineage: &mut Lineage,
        from: Option<&NodeId>,
        told: &[Signed],
    ) -> bool {
        let now_ms = self.base.clock.now().unix_ms;
        let (mut next, mut news) = (lineage.clone(), Vec::new());
        for signed in told.iter().take(SUCCESSIONS_MAX) {
            match next.follow(signed, now_ms) {
                Ok(true) => news.push(signed.clone()),
                Ok(false) => {}
                Err(reason) => self.refuse(from, reason),
            }
        }
        if news.is_empty() {
            return false;
        }
        let (home, kept) = (self.base.config.home.clone(), next.clone());
        let keep = move || home.keep_lineage(&kept);
        match self.base.tasks.spawn_blocking(keep).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let error = skep_agent::one_line(&error);
                tracing::error!(error, "a new authority cannot be kept: it is not believed");
                return false;
            }
            Err(_) => return false,
        }
        *lineage = next;
        tracing::warn!(authority = %lineage.current().id(), "the swarm has a new authority");
        self.show_trust(mesh, lineage);
        let input = SeatInput::Followed {
            from: from.cloned(),
            told: news,
        };
        self.base.switch.tell(Input::Seat(input)).await;
        true
    }

    fn refuse(&self, from: Option<&NodeId>, reason: Refusal) {
        self.base.metrics.refused(reason);
        let from = from.map(ToString::to_string).unwrap_or_default();
        match reason {
            Refusal::SecondSuccessor => {
                tracing::error!(
                    from,
                    "a second successor of one authority was named: somebody else has its key"
                );
            }
            _ => tracing::warn!(from, reason = reason.name(), "succession refused"),
        }
    }

    /// Takes in what `skep authority rotate` wrote into this home.
    pub(super) async fn follow_home(&self, mesh: &Mesh, lineage: &mut Lineage) {
        let home = self.base.config.home.clone();
        let read = self.base.tasks.spawn_blocking(move || home.successions());
        match read.await {
            Ok(Ok(told)) => drop(self.follow(mesh, lineage, None, &told).await),
            Ok(Err(error)) => {
                let error = skep_agent::one_line(&error);
                tracing::error!(error, "the home's successions cannot be read");
            }
            Err(_) => {}
        }
    }

    /// New connections trust, and show, what counts now.
    fn show_trust(&self, mesh: &Mesh, lineage: &Lineage) {
        let Some(keys) = self.base.keys.load_full() else {
            return;
        };
        let now_ms = self.base.clock.now().unix_ms;
        if let Err(error) = mesh.set_trust(&lineage.trust(&keys.identity.ca, now_ms)) {
            tracing::error!(%error, "the authorities' certificates are not usable");
        }
    }

    /// The time of an older authority is over: what has only its papers is cut.
    pub(super) async fn overlap_ended(&self, mesh: &Mesh, lineage: &Lineage) {
        tracing::info!("the authority before this one no longer counts");
        self.show_trust(mesh, lineage);
        self.check_own(lineage);
        let input = SeatInput::OverlapEnded;
        self.base.switch.tell(Input::Seat(input)).await;
    }

    /// Says so where this node's own papers are of an authority that no longer counts.
    pub(super) fn check_own(&self, lineage: &Lineage) {
        let Some(keys) = self.base.keys.load_full() else {
            return;
        };
        let signer = keys.identity.credentials.passport.signer;
        let standing = lineage.standing(signer, self.base.clock.now().unix_ms);
        if standing.is_err() && !self.issues() {
            tracing::error!("{LEFT_BEHIND}");
            self.base.view.set_left_behind(Some(LEFT_BEHIND.to_owned()));
        }
    }

    /// Whether this node's papers are of an authority that another one has followed.
    pub(super) fn is_outdated(&self, lineage: &Lineage) -> bool {
        let keys = self.base.keys.load_full();
        keys.is_some_and(|keys| keys.identity.credentials.passport.signer != lineage.current().id())
    }
}

/// When to look whether `end_ms` has come, in monotonic nanoseconds.
pub(super) fn wake(now: Now, end_ms: u64) -> u64 {
    let wait_ms = end_ms.saturating_sub(now.unix_ms).saturating_add(1);
    now.mono_ns.saturating_add(wait_ms.min(LOOK_MS) * NS_PER_MS)
}
