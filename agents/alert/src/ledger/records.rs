//! What a record says, and how it changes.

use skep_agent::{StoreError, Tx};
use skep_protocol::alert::{
    Alert, Delivery, DeliveryState, EVIDENCE_MAX, HTML_BYTES_MAX, MSG_CHARS_MAX, Record,
};
use uuid::Uuid;

use crate::rows::{
    self, Attempt, COUNTERS, Counters, DELIVERIES_MAX, RECORDS_MAX, Stored, Waiting,
};

/// Longest cause, group or line of evidence that is kept, in characters.
const TEXT_CHARS_MAX: usize = 2000;

/// Writes down how a try ended; a message that is done with leaves the channel's queue.
pub(crate) fn settle(tx: &mut Tx, waiting: &Waiting, attempt: &Attempt) -> Result<(), StoreError> {
    let now_ms = tx.now().unix_ms;
    let (n, channel) = (waiting.n, &waiting.channel);
    let attempts = waiting.attempts.saturating_add(1);
    let done = attempt.state != DeliveryState::Waiting;
    if done {
        tx.delete(&rows::out(channel, n));
    } else {
        tx.put(
            &rows::out(channel, n),
            &Waiting {
                attempts,
                ..waiting.clone()
            },
        );
    }
    let Some(mut stored) = tx.get::<Stored>(&rows::message(n))? else {
        return Ok(());
    };
    for id in &stored.about {
        let key = rows::record(*id);
        if let Some(mut record) = tx.get::<Record>(&key)? {
            note(
                &mut record,
                stored.message.id,
                channel,
                attempts,
                attempt,
                now_ms,
            );
            tx.put(&key, &record);
        }
    }
    if done {
        stored.left = stored.left.saturating_sub(1);
        match stored.left {
            0 => tx.delete(&rows::message(n)),
            _ => tx.put(&rows::message(n), &stored),
        }
    }
    Ok(())
}

/// Whether people who know `known` should hear of `alert`, which has the same id.
pub(super) fn is_news(known: &Alert, alert: &Alert) -> bool {
    alert.level > known.level || alert.cause != known.cause || alert.revision > known.revision
}

/// The record of an alert that came for the first time; the oldest record makes room for it.
pub(super) fn first(
    tx: &mut Tx,
    id: Uuid,
    alert: Alert,
    now_ms: u64,
) -> Result<Record, StoreError> {
    let mut counters: Counters = tx.get(COUNTERS)?.unwrap_or_default();
    tx.put(&rows::order(counters.next_record), &id);
    counters.next_record += 1;
    counters.n_records += 1;
    if counters.n_records > RECORDS_MAX {
        let oldest: Vec<(String, Uuid)> = tx.scan(rows::ORDER, None, 1)?;
        for (key, id) in oldest {
            tx.delete(&key);
            tx.delete(&rows::record(id));
            counters.n_records -= 1;
        }
    }
    tx.put(COUNTERS, &counters);
    Ok(Record {
        id,
        alert,
        first_ms: now_ms,
        last_ms: now_ms,
        times: 1,
        notified: false,
        deliveries: Vec::new(),
    })
}

/// The record of an alert that came again. It never becomes milder.
pub(super) fn again(known: Record, alert: Alert, now_ms: u64) -> Record {
    let level = alert.level.max(known.alert.level);
    let revision = alert.revision.max(known.alert.revision);
    Record {
        alert: Alert {
            level,
            revision,
            ..alert
        },
        last_ms: now_ms,
        times: known.times.saturating_add(1),
        ..known
    }
}

/// Notes in a record how far its message got on a channel.
pub(super) fn note(
    record: &mut Record,
    message: Uuid,
    channel: &str,
    attempts: u32,
    attempt: &Attempt,
    at_ms: u64,
) {
    let delivery = Delivery {
        message,
        channel: channel.to_owned(),
        state: attempt.state,
        attempts,
        at_ms,
        error: attempt.error.clone(),
    };
    let same = |known: &&mut Delivery| known.message == message && known.channel == channel;
    match record.deliveries.iter_mut().find(same) {
        Some(known) => *known = delivery,
        None => record.deliveries.push(delivery),
    }
    let n_old = record.deliveries.len().saturating_sub(DELIVERIES_MAX);
    record.deliveries.drain(..n_old);
}

/// The alert without what is beyond the bounds of a record.
pub(super) fn bounded(mut alert: Alert) -> Alert {
    let cut = |text: &mut String, chars_max: usize| {
        if let Some((end, _)) = text.char_indices().nth(chars_max) {
            text.truncate(end);
        }
    };
    cut(&mut alert.msg, MSG_CHARS_MAX);
    cut(&mut alert.cause, TEXT_CHARS_MAX);
    cut(&mut alert.host, TEXT_CHARS_MAX);
    let texts = [&mut alert.group, &mut alert.title];
    texts
        .into_iter()
        .flatten()
        .for_each(|text| cut(text, TEXT_CHARS_MAX));
    alert.html.take_if(|html| html.len() > HTML_BYTES_MAX);
    alert.evidence.truncate(EVIDENCE_MAX);
    for line in &mut alert.evidence {
        cut(&mut line.id, TEXT_CHARS_MAX);
        cut(&mut line.text, TEXT_CHARS_MAX);
    }
    alert
}
