//! What becomes of an alert: its record, its cooldown, its message. Each step is one transaction.

mod records;

use std::time::Duration;

use skep_agent::{StoreError, Tx};
use skep_protocol::{
    alert::{Alert, DeliveryState, Record},
    severity::Severity,
};
use uuid::Uuid;

pub(crate) use self::records::settle;
use self::records::{again, bounded, first, is_news, note};
use crate::{
    WindowEnded,
    config::CHANNELS_MAX,
    message::{Held, Message},
    rows::{
        self, Attempt, COUNTERS, Counters, HELD_IDS_MAX, OUT, Stored, WAITING_MAX, WINDOWS_MAX,
        Waiting, Window,
    },
};

/// The rules, as the directive sets them.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// For how long a second alert of one (origin, cause) is held back.
    pub(crate) cooldown: Duration,
    /// The names of the channels.
    pub(crate) channels: Vec<String>,
}

impl Ledger {
    /// Takes an alert: keeps its record and tells people, or counts it. Yields the window that was
    /// opened.
    pub(crate) fn take(
        &self,
        tx: &mut Tx,
        id: Uuid,
        alert: Alert,
    ) -> Result<Option<WindowEnded>, StoreError> {
        let now_ms = tx.now().unix_ms;
        let mut alert = bounded(alert);
        let html = alert.html.take();
        let known: Option<Record> = tx.get(&rows::record(id))?;
        let news = !alert.quiet
            && known
                .as_ref()
                .is_none_or(|known| is_news(&known.alert, &alert));
        let mut record = match known {
            Some(known) => again(known, alert, now_ms),
            None => first(tx, id, alert, now_ms)?,
        };
        let opened = if news {
            self.tell(tx, &mut record, html, now_ms)?
        } else {
            None
        };
        tx.put(&rows::record(id), &record);
        Ok(opened)
    }

    /// Tells people of a record now, or has the open window count it. What is graver than all that
    /// its window told waits for nothing.
    fn tell(
        &self,
        tx: &mut Tx,
        record: &mut Record,
        html: Option<String>,
        now_ms: u64,
    ) -> Result<Option<WindowEnded>, StoreError> {
        let mut counters: Counters = tx.get(COUNTERS)?.unwrap_or_default();
        let mut key = fingerprint(&record.alert);
        let mut open: Option<Window> = tx.get(&rows::window(key))?;
        if open.is_none() && counters.n_windows >= WINDOWS_MAX {
            key = fingerprint_of("", "too many causes");
            open = tx.get(&rows::window(key))?;
        }
        let is_open = open.is_some();
        if let Some(mut window) = open {
            if record.alert.level <= window.level {
                window.hold(record.id);
                tx.put(&rows::window(key), &window);
                return Ok(None);
            }
            window.level = record.alert.level;
            tx.put(&rows::window(key), &window);
        }
        let mut message = Message::new(record.id, &record.alert, now_ms, None);
        message.html = html;
        record.notified = true;
        self.queue(tx, message, vec![record.id], std::slice::from_mut(record))?;
        if is_open || self.cooldown.is_zero() {
            return Ok(None);
        }
        counters = tx.get(COUNTERS)?.unwrap_or(counters);
        counters.n_windows += 1;
        tx.put(COUNTERS, &counters);
        Ok(Some(self.open_window(tx, key, record.alert.level, now_ms)))
    }

    /// Ends a window; what it held back is told in one message, and that opens the next one.
    pub(crate) fn end_window(
        &self,
        tx: &mut Tx,
        key: Uuid,
        since_ms: u64,
    ) -> Result<Option<WindowEnded>, StoreError> {
        let now_ms = tx.now().unix_ms;
        let Some(window) = tx.get::<Window>(&rows::window(key))? else {
            return Ok(None);
        };
        if window.since_ms != since_ms {
            return Ok(None);
        }
        let mut told = Vec::new();
        for id in &window.ids {
            told.extend(tx.get::<Record>(&rows::record(*id))?);
        }
        let newest = window
            .newest
            .map(|id| tx.get::<Record>(&rows::record(id)))
            .transpose()?;
        let Some(newest) = newest.flatten() else {
            tx.delete(&rows::window(key));
            let mut counters: Counters = tx.get(COUNTERS)?.unwrap_or_default();
            counters.n_windows = counters.n_windows.saturating_sub(1);
            tx.put(COUNTERS, &counters);
            return Ok(None);
        };
        if told.iter().all(|record| record.id != newest.id) {
            told.push(newest.clone());
        }
        let held = Held {
            count: window.held,
            since_ms: window.since_ms,
        };
        let message = Message::new(newest.id, &newest.alert, now_ms, Some(held));
        for record in &mut told {
            record.notified = true;
        }
        let about = told.iter().map(|record| record.id).collect();
        self.queue(tx, message, about, &mut told)?;
        for record in &told {
            tx.put(&rows::record(record.id), record);
        }
        Ok(Some(self.open_window(tx, key, newest.alert.level, now_ms)))
    }

    fn open_window(&self, tx: &mut Tx, key: Uuid, level: Severity, now_ms: u64) -> WindowEnded {
        let cooldown_ms = u64::try_from(self.cooldown.as_millis()).unwrap_or(u64::MAX);
        let window = Window {
            since_ms: now_ms,
            until_ms: now_ms.saturating_add(cooldown_ms),
            level,
            held: 0,
            ids: Vec::new(),
            newest: None,
        };
        tx.put(&rows::window(key), &window);
        WindowEnded {
            key,
            since_ms: now_ms,
        }
    }

    /// Queues a message for each channel, and notes it in the records it is about.
    fn queue(
        &self,
        tx: &mut Tx,
        message: Message,
        about: Vec<Uuid>,
        records: &mut [Record],
    ) -> Result<(), StoreError> {
        let mut counters: Counters = tx.get(COUNTERS)?.unwrap_or_default();
        let n = counters.next_message;
        counters.next_message += 1;
        tx.put(COUNTERS, &counters);
        let now_ms = message.made_ms;
        let mut left = 0;
        for channel in &self.channels {
            let fits = rows::waiting(tx, channel)?.len() < WAITING_MAX;
            let attempt = if fits {
                let waiting = Waiting {
                    n,
                    channel: channel.clone(),
                    attempts: 0,
                    since_ms: now_ms,
                };
                tx.put(&rows::out(channel, n), &waiting);
                left += 1;
                Attempt {
                    state: DeliveryState::Waiting,
                    error: None,
                }
            } else {
                tracing::error!(
                    channel,
                    "a message was given up: too many wait for the channel"
                );
                let error = Some(format!(
                    "{WAITING_MAX} messages wait for the channel already"
                ));
                Attempt {
                    state: DeliveryState::Failed,
                    error,
                }
            };
            for record in &mut *records {
                note(record, message.id, channel, 0, &attempt, now_ms);
            }
        }
        if left > 0 {
            tx.put(
                &rows::message(n),
                &Stored {
                    message,
                    about,
                    left,
                },
            );
        }
        Ok(())
    }

    /// Gives up what waits for channels that the directive no longer names.
    pub(crate) fn settle_gone_channels(&self, tx: &mut Tx) -> Result<(), StoreError> {
        // As many as the channels of the directive before can have had.
        let max = WAITING_MAX * CHANNELS_MAX;
        let rows: Vec<(String, Waiting)> = tx.scan(OUT, None, max)?;
        let gone = rows
            .iter()
            .filter(|(_, waiting)| !self.channels.contains(&waiting.channel));
        for (_, waiting) in gone {
            let error = Some("the directive no longer names the channel".to_owned());
            settle(
                tx,
                waiting,
                &Attempt {
                    state: DeliveryState::Failed,
                    error,
                },
            )?;
        }
        Ok(())
    }
}

impl Window {
    fn hold(&mut self, id: Uuid) {
        // One alert that comes again while it is held back is still one.
        if self.newest == Some(id) || self.ids.contains(&id) {
            self.newest = Some(id);
            return;
        }
        self.held += 1;
        self.newest = Some(id);
        if self.ids.len() < HELD_IDS_MAX {
            self.ids.push(id);
        }
    }
}

/// Names the cooldown that alerts of one origin and group, or of one origin and cause, share.
fn fingerprint(alert: &Alert) -> Uuid {
    let origin = alert.origin.to_string();
    match &alert.group {
        Some(group) => fingerprint_of(&format!("{origin}\0group"), group),
        None => fingerprint_of(&origin, &alert.cause),
    }
}

fn fingerprint_of(origin: &str, cause: &str) -> Uuid {
    Uuid::new_v5(
        &Uuid::NAMESPACE_OID,
        format!("{origin}\0{}", cause.trim()).as_bytes(),
    )
}
