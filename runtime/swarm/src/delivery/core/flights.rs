//! Accepted and best-effort packets on their way.

use std::time::Duration;

use skep_packet::{Address, BootId, Class, Lane, NodeId, Now, OutboxMark, Packet, Refusal};

use super::{
    super::{
        config::{CONTENT_BYTES_MAX, LANE_QUEUE_MAX, REFUSED_PAUSE, RETRY_AFTER, RETRY_AFTER_MAX},
        draft::{Draft, Outgoing, Spread, Target},
        io::{FailReason, Output, SendRefused},
        lane::Job,
        outbox::Route,
    },
    Delivery, Timer,
};

/// Where a packet is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// In the queue of its target's lane.
    Queued,
    /// On its way.
    Sent,
    /// Waiting for its next try.
    Paused,
    /// On its way into a mailbox of this node.
    Local,
}

/// A packet that is not answered yet.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) draft: Draft,
    pub(super) target: Target,
    pub(super) route: Route,
    /// Whether another endpoint of the role will do.
    pub(super) movable: bool,
    pub(super) tried: Vec<Address>,
    deadline_ns: u64,
    place: Place,
    tries: u32,
    /// Copies under way or unaccounted for at this target.
    pub(super) copies: u32,
    /// The boot and number of the first copy that may still be remembered by the receiver.
    first: Option<(BootId, u64)>,
    timer_ns: Option<u64>,
}

impl Delivery {
    /// Sends an accepted or best-effort packet: to one endpoint, or to each.
    ///
    /// Yields the endpoints it goes to. What becomes of an accepted one is told by
    /// [`Output::Accepted`], [`Output::Retargeted`] and [`Output::Failed`].
    ///
    /// # Errors
    /// [`SendRefused`]; nothing was kept.
    ///
    /// # Panics
    /// On a durable packet: those go through [`admit`](Self::admit).
    pub fn send(&mut self, now: Now, outgoing: Outgoing) -> Result<Vec<Target>, SendRefused> {
        assert!(
            outgoing.draft.class != Class::Durable,
            "durable packets go through the outbox"
        );
        check_size(&outgoing.draft)?;
        let targets = self.resolve(&outgoing)?;
        let deadline_ns = now.mono_after(outgoing.ttl);
        let (sticky, movable) = match &outgoing.spread {
            Spread::One { sticky } => (sticky.clone(), true),
            Spread::All => (bytes::Bytes::new(), false),
        };
        let route = Route::new(&outgoing.to, outgoing.scope, &sticky);
        for target in &targets {
            self.next_flight += 1;
            let flight = Flight {
                draft: outgoing.draft.clone(),
                target: target.clone(),
                route: route.clone(),
                movable,
                tried: Vec::new(),
                deadline_ns,
                place: Place::Queued,
                tries: 0,
                copies: 0,
                first: None,
                timer_ns: None,
            };
            self.flights.insert(self.next_flight, flight);
            self.launch(now, self.next_flight);
        }
        self.flush();
        Ok(targets)
    }

    pub(super) fn launch(&mut self, now: Now, id: u64) {
        let Some(flight) = self.flights.get_mut(&id) else {
            return;
        };
        let node = flight.target.address.node.clone();
        let lane = flight.draft.lane;
        if node == self.config.node {
            flight.place = Place::Local;
            let ttl_ms = millis_left(flight.deadline_ns, now);
            let packet =
                flight
                    .draft
                    .packet(self.config.swarm, &flight.target, now.unix_ms, ttl_ms);
            return self.deliver_flight(id, packet);
        }
        flight.place = Place::Queued;
        let deadline_ns = flight.deadline_ns;
        if self.is_dead(&node) {
            if !self.move_on(now, id) {
                self.fail(id, FailReason::NodeDead);
            }
            return;
        }
        let peer = self.peer(&node);
        if peer.lanes[lane.index()].queue.len() >= LANE_QUEUE_MAX {
            return self.fail(id, FailReason::Overloaded);
        }
        peer.lanes[lane.index()].queue.push_back(Job::Flight(id));
        if !peer.connected {
            self.set_flight_timer(id, deadline_ns);
        }
        self.pump(now, &node, lane);
    }

    // === what the lane asks ===

    /// The packet to transmit; `None` where it is no longer for this node.
    pub(super) fn flight_packet(
        &mut self,
        now: Now,
        node: &NodeId,
        id: u64,
    ) -> Option<(Packet, Option<OutboxMark>, usize)> {
        let flight = self.flights.get(&id)?;
        if flight.place != Place::Queued || flight.target.address.node != *node {
            return None;
        }
        if flight.deadline_ns <= now.mono_ns {
            self.fail(id, FailReason::Expired);
            return None;
        }
        let ttl_ms = millis_left(flight.deadline_ns, now);
        let packet = flight
            .draft
            .packet(self.config.swarm, &flight.target, now.unix_ms, ttl_ms);
        Some((packet, None, flight.draft.n_bytes()))
    }

    pub(super) fn flight_sent(&mut self, id: u64, boot: BootId, seq: u64) {
        let Some(flight) = self.flights.get_mut(&id) else {
            return;
        };
        flight.place = Place::Sent;
        flight.copies += 1;
        if flight
            .first
            .is_none_or(|(first_boot, _)| first_boot != boot)
        {
            flight.first = Some((boot, seq));
        }
        self.clear_flight_timer(id);
    }

    /// A copy was not answered; yields whether the packet is to be sent again.
    pub(super) fn flight_unanswered(&mut self, node: &NodeId, lane: Lane, id: u64) -> bool {
        let Some(flight) = self.flights.get_mut(&id) else {
            return false;
        };
        if flight.place != Place::Sent || flight.target.address.node != *node {
            return false;
        }
        if flight.draft.class == Class::BestEffort {
            self.finish(id);
            return false;
        }
        flight.place = Place::Queued;
        let first = flight.first;
        let peer = self.peer(node);
        if let Some((boot, seq)) = first
            && peer.boot == Some(boot)
        {
            peer.lanes[lane.index()].hold_first(seq);
        }
        true
    }

    /// Whether the packet waits for this node, or for its answer.
    pub(super) fn is_flight_at(&self, node: &NodeId, id: u64) -> bool {
        self.flights.get(&id).is_some_and(|flight| {
            matches!(flight.place, Place::Queued | Place::Sent)
                && flight.target.address.node == *node
        })
    }

    pub(super) fn flight_accepted(&mut self, id: u64) {
        let Some(flight) = self.finish(id) else {
            return;
        };
        if flight.draft.class == Class::Accepted {
            let (id, target) = (flight.draft.id, flight.target.address);
            self.outputs.push_back(Output::Accepted { id, target });
        }
    }

    pub(super) fn flight_refused(&mut self, now: Now, id: u64, reason: Refusal) {
        let Some(flight) = self.flights.get_mut(&id) else {
            return;
        };
        if flight.draft.class == Class::BestEffort {
            self.finish(id);
            return;
        }
        if said_by_mailbox(reason) {
            flight.copies = flight.copies.saturating_sub(1);
            if flight.copies == 0 {
                self.release_first(id);
            }
        }
        match Cure::of(reason) {
            Cure::SealAgain => self.pause_flight(now, id),
            Cure::None => self.fail(id, FailReason::Refused(reason)),
            Cure::Elsewhere if self.hand_on(now, id) || self.move_on(now, id) => {}
            Cure::Elsewhere if reason == Refusal::NotServed => {
                self.fail(id, FailReason::Refused(reason));
            }
            Cure::Elsewhere => {
                // Round again: an endpoint that was full may have room by then.
                if let Some(flight) = self.flights.get_mut(&id) {
                    flight.tried.clear();
                }
                self.pause_flight(now, id);
            }
        }
    }

    /// Sends it again after a pause that grows with each try.
    pub(super) fn pause_flight(&mut self, now: Now, id: u64) {
        let Some(flight) = self.flights.get_mut(&id) else {
            return;
        };
        flight.place = Place::Paused;
        flight.tries = flight.tries.saturating_add(1);
        let pause = backoff(REFUSED_PAUSE, flight.tries, RETRY_AFTER_MAX - RETRY_AFTER);
        let at_ns = now.mono_after(pause).min(flight.deadline_ns);
        self.set_flight_timer(id, at_ns);
    }

    pub(super) fn flight_due(&mut self, now: Now, id: u64, at_ns: u64) {
        let Some(flight) = self.flights.get_mut(&id) else {
            return;
        };
        if flight.timer_ns != Some(at_ns) {
            return;
        }
        flight.timer_ns = None;
        if flight.deadline_ns <= now.mono_ns && flight.place != Place::Sent {
            return self.fail(id, FailReason::Expired);
        }
        // Meanwhile another endpoint may have taken over.
        if flight.place == Place::Paused && !self.hand_on(now, id) {
            self.launch(now, id);
        }
    }

    // === ends ===

    pub(super) fn fail(&mut self, id: u64, reason: FailReason) {
        let Some(flight) = self.finish(id) else {
            return;
        };
        if flight.draft.class == Class::Accepted {
            self.outputs.push_back(Output::Failed {
                id: flight.draft.id,
                agent: flight.draft.from.agent,
                token: flight.draft.token,
                target: flight.target.address,
                reason,
            });
        }
    }

    pub(super) fn finish(&mut self, id: u64) -> Option<Flight> {
        self.release_first(id);
        self.clear_flight_timer(id);
        self.flights.remove(&id)
    }

    pub(super) fn release_first(&mut self, id: u64) {
        let Some(flight) = self.flights.get_mut(&id) else {
            return;
        };
        let Some((_, seq)) = flight.first.take() else {
            return;
        };
        let lane = flight.draft.lane;
        if let Some(peer) = self.peers.get_mut(&flight.target.address.node) {
            peer.lanes[lane.index()].release_first(seq);
        }
    }

    fn set_flight_timer(&mut self, id: u64, at_ns: u64) {
        self.clear_flight_timer(id);
        if let Some(flight) = self.flights.get_mut(&id) {
            flight.timer_ns = Some(at_ns);
            self.timers.insert((at_ns, Timer::Flight(id)));
        }
    }

    fn clear_flight_timer(&mut self, id: u64) {
        let timer_ns = self
            .flights
            .get_mut(&id)
            .and_then(|flight| flight.timer_ns.take());
        if let Some(at_ns) = timer_ns {
            self.timers.remove(&(at_ns, Timer::Flight(id)));
        }
    }
}

/// What helps against a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cure {
    /// A new seal, perhaps a little later.
    SealAgain,
    /// Another endpoint, or a little patience.
    Elsewhere,
    /// Nothing.
    None,
}

impl Cure {
    pub(super) const fn of(reason: Refusal) -> Self {
        match reason {
            Refusal::StaleBoot
            | Refusal::Reseal
            | Refusal::Expired
            | Refusal::Future
            | Refusal::UnknownSigner
            | Refusal::ExpiredSigner
            | Refusal::BadSignature
            | Refusal::BadProof
            | Refusal::Truncated => Self::SealAgain,
            Refusal::NotServed | Refusal::StandsBy | Refusal::MailboxFull | Refusal::AgentDown => {
                Self::Elsewhere
            }
            _ => Self::None,
        }
    }
}

/// Whether a refusal proves that the packet was neither run before nor is in a mailbox. One by the
/// opener proves nothing: it may have met a second copy of what was taken long ago.
pub(super) const fn said_by_mailbox(reason: Refusal) -> bool {
    matches!(
        reason,
        Refusal::NotServed
            | Refusal::StandsBy
            | Refusal::NoHandler
            | Refusal::Denied
            | Refusal::MailboxFull
            | Refusal::AgentDown
            | Refusal::HandlerFailed
    )
}

pub(super) fn check_size(draft: &Draft) -> Result<(), SendRefused> {
    let got = draft.content.len() + draft.proof.as_ref().map_or(0, bytes::Bytes::len);
    if got > CONTENT_BYTES_MAX {
        return Err(SendRefused::TooLarge {
            got,
            max: CONTENT_BYTES_MAX,
        });
    }
    Ok(())
}

/// `first`, doubled with each try after the first one, at most `max`.
pub(super) fn backoff(first: Duration, tries: u32, max: Duration) -> Duration {
    first
        .saturating_mul(1 << tries.saturating_sub(1).min(16))
        .min(max)
}

fn millis_left(deadline_ns: u64, now: Now) -> u64 {
    (deadline_ns.saturating_sub(now.mono_ns) / 1_000_000).max(1)
}
