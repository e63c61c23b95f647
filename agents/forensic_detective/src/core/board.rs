//! Where a report belongs, and what follows from it.

use std::collections::BTreeSet;

use skep_protocol::{
    case::{Analysis, Case, CaseState, Entry},
    severity::Severity,
};
use uuid::Uuid;

use super::{
    fold::{Stored, Told, conclude, merge, of_one},
    keys::{Live, Reach},
};

/// Cases that a report may still belong to, and what waits to explain one; at the bound the one
/// that was quiet longest goes: first what is no case, then what is closed, then what is open,
/// which is closed by that.
pub(crate) const LIVE_MAX: usize = 256;

/// How late a report may come: patrols lie hours apart, and hosts patrol at different times.
const LATE_MAX_MS: u64 = 12 * 3_600_000;

/// The name space of cases' ids; random, fixed for good.
const SPACE: Uuid = Uuid::from_u128(0x7c31_90ae_52d4_4b0f_a6e9_01d7_c2f8_3b65);

/// The rules, as the directive sets them.
#[derive(Debug, Clone)]
pub(crate) struct Terms {
    /// Reports about the same, at most so far apart, are one case.
    pub(crate) window_ms: u64,
    /// A case to which nothing came for so long is closed.
    pub(crate) quiet_ms: u64,
    /// From this on something is a case.
    pub(crate) open_at: Severity,
    /// Between two updates to people lies so much, unless it became graver.
    pub(crate) cooldown_ms: u64,
    /// A case covers at most so much; what comes then is a new one.
    pub(crate) span_max_ms: u64,
    /// Whether the oracle is asked about what people are told.
    pub(crate) asks: bool,
}

/// Where cases are kept.
pub(crate) trait Shelf {
    type Error;

    /// Those that a report may belong to.
    fn live(&mut self) -> Result<Vec<Live>, Self::Error>;
    /// One of them.
    fn case(&mut self, id: Uuid) -> Result<Option<Stored>, Self::Error>;
    /// Writes a case; with its keys while a report may belong to it.
    fn put(&mut self, stored: &Stored, live: Option<&Live>) -> Result<(), Self::Error>;
    /// Forgets a case.
    fn remove(&mut self, id: Uuid) -> Result<(), Self::Error>;
}

/// What people are to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Due {
    /// Something new.
    News,
    /// Only what is kept with the alert.
    Record,
}

/// What became of a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) stored: Stored,
    pub(crate) due: Option<Due>,
    /// Whether the oracle is to be asked.
    pub(crate) ask: bool,
    /// Whether it is a case only now.
    pub(crate) opened: bool,
    /// Cases that people know and that turned out to be this one.
    pub(crate) absorbed: Vec<Stored>,
}

/// Takes a report: finds the cases that it belongs to, makes them one, and says what follows.
pub(crate) fn take<S: Shelf>(
    shelf: &mut S,
    terms: &Terms,
    packet: Uuid,
    entry: Entry,
    now_ms: u64,
) -> Result<Step, S::Error> {
    let mut live = shelf.live()?;
    let mut reach = Reach::of(&entry);
    let mut met: Vec<Live> = Vec::new();
    while let Some(at) = live
        .iter()
        .position(|live| reach.meets(live, terms.window_ms, terms.span_max_ms))
    {
        let found = live.swap_remove(at);
        reach.extend(&found);
        met.push(found);
    }
    let mut known = Vec::new();
    for live in &met {
        known.extend(shelf.case(live.id)?);
    }
    // The one that people know longest gives its name.
    known.sort_by_key(|stored| {
        (
            stored.case.opened_ms == 0,
            stored.case.opened_ms,
            stored.case.id,
        )
    });
    if met.is_empty() {
        make_room(shelf, live, now_ms)?;
    }
    let id = Uuid::new_v5(&SPACE, packet.as_bytes());
    let fresh = of_one(id, entry, now_ms);
    let mut known = known.into_iter();
    let mut stored = match known.next() {
        Some(mut oldest) => {
            merge(&mut oldest.case, fresh);
            oldest
        }
        None => Stored {
            case: fresh,
            told: None,
            unanswered: None,
        },
    };
    let mut absorbed = Vec::new();
    for other in known {
        shelf.remove(other.case.id)?;
        merge(&mut stored.case, other.case.clone());
        if other.told.is_some() {
            absorbed.push(other);
        }
    }
    let step = settle(stored, absorbed, terms, now_ms);
    let live = live_of(&step.stored, reach.keys, terms);
    shelf.put(&step.stored, Some(&live))?;
    Ok(step)
}

/// What a case that a report came to is now.
fn settle(mut stored: Stored, absorbed: Vec<Stored>, terms: &Terms, now_ms: u64) -> Step {
    conclude(&mut stored.case);
    let case = &mut stored.case;
    let is_case = case.opened_ms > 0 || case.severity >= terms.open_at;
    let opened = is_case && case.opened_ms == 0;
    let reopened = case.state == CaseState::Closed;
    if is_case {
        case.state = CaseState::Open;
        case.closed_ms = None;
    }
    if opened {
        case.opened_ms = now_ms;
    }
    let news = is_case.then(|| due(&stored, terms, now_ms)).flatten();
    let due = news.or(reopened.then_some(Due::Record));
    let ask = terms.asks && due == Some(Due::News);
    if due == Some(Due::News) {
        note_told(&mut stored, terms, now_ms);
    }
    Step {
        stored,
        due,
        ask,
        opened,
        absorbed,
    }
}

/// Whether people should hear of a case now.
fn due(stored: &Stored, terms: &Terms, now_ms: u64) -> Option<Due> {
    let Some(told) = &stored.told else {
        return Some(Due::News);
    };
    if stored.case.severity > told.severity {
        return Some(Due::News);
    }
    let cooled = now_ms >= told.at_ms.saturating_add(terms.cooldown_ms);
    (has_changed(&stored.case, told) && cooled).then_some(Due::News)
}

/// Whether there is more to tell than people know: graver, explained otherwise, or elsewhere too.
fn has_changed(case: &Case, told: &Told) -> bool {
    case.severity > told.severity || case.cause.rule != told.rule || case.hosts.len() > told.n_hosts
}

fn note_told(stored: &mut Stored, terms: &Terms, now_ms: u64) {
    let case = &mut stored.case;
    let revision = stored.told.as_ref().map_or(0, |told| told.revision + 1);
    case.alerts = case.alerts.saturating_add(1);
    if terms.asks {
        // What comes of an earlier question is about less than people are told now.
        case.analysis = Analysis::Asked;
        stored.unanswered = None;
    }
    stored.told = Some(Told {
        at_ms: now_ms,
        severity: case.severity,
        rule: case.cause.rule.clone(),
        n_hosts: case.hosts.len(),
        revision,
    });
}

fn live_of(stored: &Stored, keys: BTreeSet<String>, terms: &Terms) -> Live {
    let case = &stored.case;
    let told = stored.told.as_ref();
    let waits = told.filter(|told| has_changed(case, told));
    Live {
        id: case.id,
        state: case.state,
        keys,
        first_ms: case.first_ms,
        last_ms: case.last_ms,
        updated_ms: case.updated_ms,
        due_ms: waits.map(|told| told.at_ms.saturating_add(terms.cooldown_ms)),
    }
}

/// Makes room for one more.
fn make_room<S: Shelf>(shelf: &mut S, live: Vec<Live>, now_ms: u64) -> Result<(), S::Error> {
    let rank = |live: &Live| match live.state {
        CaseState::Watching => 0,
        CaseState::Closed => 1,
        CaseState::Open => 2,
    };
    let n_too_many = (live.len() + 1).saturating_sub(LIVE_MAX);
    let mut live = live;
    live.sort_by_key(|live| (rank(live), live.updated_ms, live.id));
    for gone in live.iter().take(n_too_many) {
        retire(shelf, gone, now_ms)?;
    }
    Ok(())
}

/// No report belongs to it any more.
fn retire<S: Shelf>(shelf: &mut S, live: &Live, now_ms: u64) -> Result<(), S::Error> {
    match shelf.case(live.id)? {
        Some(mut stored) if live.state != CaseState::Watching => {
            stored.case.state = CaseState::Closed;
            stored.case.closed_ms.get_or_insert(now_ms);
            shelf.put(&stored, None)
        }
        _ => shelf.remove(live.id),
    }
}

/// What is due at `now_ms`: updates whose cooldown ended, cases that were quiet long enough, and
/// what no report can belong to any more.
pub(crate) fn sweep<S: Shelf>(
    shelf: &mut S,
    terms: &Terms,
    now_ms: u64,
) -> Result<Vec<Step>, S::Error> {
    let mut steps = Vec::new();
    for mut live in shelf.live()? {
        let is_due = live.due_ms.is_some_and(|due_ms| due_ms <= now_ms);
        let is_quiet = now_ms >= live.updated_ms.saturating_add(terms.quiet_ms);
        let is_open = live.state == CaseState::Open;
        let reachable_ms = live.last_ms.saturating_add(terms.window_ms + LATE_MAX_MS);
        if is_open && (is_due || is_quiet) {
            let Some(mut stored) = shelf.case(live.id)? else {
                shelf.remove(live.id)?;
                continue;
            };
            live.due_ms = None;
            if is_due {
                note_told(&mut stored, terms, now_ms);
            }
            if is_quiet {
                live.state = CaseState::Closed;
                stored.case.state = CaseState::Closed;
                stored.case.closed_ms = Some(now_ms);
            }
            shelf.put(&stored, Some(&live))?;
            steps.push(Step {
                stored,
                due: Some(if is_due { Due::News } else { Due::Record }),
                ask: terms.asks && is_due,
                opened: false,
                absorbed: Vec::new(),
            });
        } else if !is_open && now_ms > reachable_ms.max(live.updated_ms) {
            retire(shelf, &live, now_ms)?;
        }
    }
    Ok(steps)
}
