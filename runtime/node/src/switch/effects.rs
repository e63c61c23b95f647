//! What the cores want done.

use skep_packet::{AgentName, Frame, Lane, Token};
use skep_swarm::{
    asks::{AskInput, Lost},
    delivery::{self, DeadReason, FailReason, OutboxRow},
    membership,
};

use super::{Switch, commits::outbox_key, outbound::asked};
use crate::{
    metrics::Reason,
    store::{Op, Table},
};

impl Switch {
    /// Carries out everything the cores want, until none wants anything.
    pub(super) fn carry_out(&mut self) {
        loop {
            if let Some(output) = self.delivery.poll_output() {
                self.delivery_output(output);
            } else if let Some(output) = self.asks.poll_output() {
                self.ask_output(output);
            } else if let Some(output) = self.membership.poll_output() {
                self.membership_output(output);
            } else if let Some(output) = self.ways.poll_output() {
                self.way_output(output);
            } else {
                break;
            }
        }
        self.seal();
        self.commits.flush();
        self.show();
    }

    /// Shows what waits, to those who look from outside.
    fn show(&mut self) {
        let gauges = self.delivery.gauges();
        if self.outbox_shown || gauges.outbox_rows > 0 {
            self.view.set_outbox(self.delivery.waiting());
            self.outbox_shown = gauges.outbox_rows > 0;
        }
        self.metrics
            .outbox_packets
            .set(i64::try_from(gauges.outbox_rows).unwrap_or(i64::MAX));
        self.metrics
            .asks_open
            .set(i64::try_from(self.asks.len()).unwrap_or(i64::MAX));
    }

    fn delivery_output(&mut self, output: delivery::Output) {
        use delivery::Output;
        match output {
            Output::Transmit { to, wire } => self.transmit(&to, &wire),
            Output::Frame { to, frame } => self.send_frame(&to, Lane::Control, frame),
            Output::Connect(node) => self.dial(&node),
            Output::Deliver {
                ticket,
                packet,
                durable,
            } => self.deliver(ticket, packet, durable),
            Output::Accepted { .. } => {}
            Output::Failed {
                id,
                agent,
                token,
                target,
                reason,
            } => {
                self.failed(id, agent, token, target, reason);
            }
            Output::Retargeted {
                agent,
                token,
                from,
                to,
                ..
            } => {
                let Some(token) = token else { return };
                let retargeted = AskInput::Retargeted {
                    asker: agent,
                    token,
                    from,
                    to: asked(&to),
                };
                self.asks.handle(self.now(), retargeted);
            }
            Output::Persist { rows, next_seq } => self.persist(&rows, next_seq),
            Output::Delete { rows } => {
                let delete = |row| Op::Delete(Table::Outbox, outbox_key(row));
                self.commits.later(rows.into_iter().map(delete));
            }
            Output::DeadLetter { row, reason } => self.dead_letter(&row, reason),
        }
    }

    fn failed(
        &mut self,
        packet: skep_packet::PacketId,
        asker: AgentName,
        token: Option<Token>,
        endpoint: skep_packet::Address,
        reason: FailReason,
    ) {
        tracing::debug!(agent = %asker, target = %endpoint, ?reason, "packet given up");
        let Some(token) = token else { return };
        let lost = match reason {
            FailReason::Refused(refusal) => Lost::Refused(refusal),
            FailReason::NodeDead => Lost::NodeDead,
            FailReason::Expired | FailReason::Overloaded => Lost::Unreachable,
        };
        let input = AskInput::NotDelivered {
            packet,
            asker,
            token,
            endpoint,
            lost,
        };
        self.asks.handle(self.now(), input);
    }

    fn dead_letter(&mut self, row: &OutboxRow, reason: DeadReason) {
        let (id, wanted) = (row.draft.id, row.route.wanted());
        tracing::error!(%id, from = %row.draft.from, to = wanted, reason = reason.name(),
            "durable packet given up: it stands among the dead letters");
        self.metrics
            .dead_letters
            .get_or_create(&Reason {
                reason: reason.name(),
            })
            .inc();
        self.view.dead_letter(wanted, reason.name());
        let letter = skep_packet::encode(&(reason.name(), row));
        let ops = vec![
            Op::Put(Table::DeadLetters, outbox_key(row.row), letter),
            Op::Delete(Table::Outbox, outbox_key(row.row)),
        ];
        self.bury(row.row, ops);
    }

    fn membership_output(&mut self, output: membership::Output) {
        use membership::Output;
        match output {
            Output::Send { to, frame } => self.send_frame(&to, Lane::Control, frame),
            Output::Dial(node) => self.dial(&node),
            Output::OwnVersionSeen(version) => {
                self.members.own.version = self.members.own.version.max(version);
                self.own_changed();
            }
            Output::MemberChanged { node, state } => self.member_changed(&node, state),
            Output::Fetch { from, nodes } => {
                self.send_frame(&from, Lane::Control, Frame::Want(nodes));
            }
        }
    }
}
