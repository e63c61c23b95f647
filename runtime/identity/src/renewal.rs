//! When a node asks for new papers.

use skep_packet::Now;

use crate::Passport;

/// How long an answer may take before it is asked for again, in milliseconds: one minute.
const ANSWER_MS: u64 = 60_000;

/// Time before the next attempt where nobody could be asked, in milliseconds: two seconds.
const NOBODY_MS: u64 = 2_000;

/// Longest wait before the clock is looked at again, in milliseconds: one hour. A step of the wall
/// clock is noticed so late at most.
const LOOK_MS: u64 = 3_600_000;

const NS_PER_MS: u64 = 1_000_000;

/// When a node asks for new papers: two thirds into the life of those it has, and then until it has
/// them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewal {
    due_ms: u64,
    /// No attempt before this, once there was one.
    next_ns: Option<u64>,
}

impl Renewal {
    /// For papers that were just taken in.
    #[must_use]
    pub fn new(passport: &Passport) -> Self {
        Self {
            due_ms: passport.renewal_due_ms(),
            next_ns: None,
        }
    }

    /// A person wants new papers: they are due now.
    pub fn ask_now(&mut self) {
        self.due_ms = 0;
        self.next_ns = None;
    }

    /// Whether to ask now; if so, the next attempt is a minute later.
    pub fn poll(&mut self, now: Now) -> bool {
        let waited = self.next_ns.is_none_or(|next_ns| now.mono_ns >= next_ns);
        let ask = waited && now.unix_ms >= self.due_ms;
        if ask {
            self.next_ns = Some(after(now, ANSWER_MS));
        }
        ask
    }

    /// Nobody could be asked: the next attempt comes sooner.
    pub fn nobody(&mut self, now: Now) {
        self.next_ns = Some(after(now, NOBODY_MS));
    }

    /// When to poll again, in monotonic nanoseconds.
    #[must_use]
    pub fn next_wake(&self, now: Now) -> u64 {
        self.next_ns.unwrap_or_else(|| {
            let wait_ms = self.due_ms.saturating_sub(now.unix_ms).min(LOOK_MS);
            after(now, wait_ms)
        })
    }
}

fn after(now: Now, wait_ms: u64) -> u64 {
    now.mono_ns.saturating_add(wait_ms * NS_PER_MS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::world;

    fn at(unix_ms: u64) -> Now {
        let mono_ns = unix_ms * NS_PER_MS;
        Now { mono_ns, unix_ms }
    }

    #[test]
    fn it_asks_at_two_thirds_and_then_until_it_has_them() {
        let passport = &world().a.passport;
        let due_ms = passport.renewal_due_ms();
        let mut renewal = Renewal::new(passport);
        assert!(!renewal.poll(at(due_ms - 1)));
        assert_eq!(renewal.next_wake(at(due_ms - 5)), due_ms * NS_PER_MS);
        assert!(renewal.poll(at(due_ms)));
        let again = due_ms + ANSWER_MS;
        assert!(!renewal.poll(at(again - 1)));
        assert!(renewal.poll(at(again)));
        renewal.nobody(at(again));
        assert_eq!(
            renewal.next_wake(at(again)),
            (again + NOBODY_MS) * NS_PER_MS
        );
        assert!(renewal.poll(at(again + NOBODY_MS)));
    }

    #[test]
    fn a_person_need_not_wait() {
        let passport = &world().a.passport;
        let mut renewal = Renewal::new(passport);
        let now = at(passport.not_before_ms);
        assert!(!renewal.poll(now));
        renewal.ask_now();
        assert_eq!(renewal.next_wake(now), now.mono_ns);
        assert!(renewal.poll(now));
    }

    #[test]
    fn a_step_of_the_clock_is_noticed_within_the_hour() {
        let passport = &world().a.passport;
        let renewal = Renewal::new(passport);
        let now = at(passport.not_before_ms);
        assert_eq!(renewal.next_wake(now), now.mono_ns + LOOK_MS * NS_PER_MS);
    }
}
