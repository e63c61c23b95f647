//! The calls that a child works on.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;
use skep_agent::Request;
use skep_packet::{Address, Now, Token};
use skep_protocol::callback::{Answering, Thread, WORKING_INTERVAL_S};

/// Calls that may be open; the next one is refused.
pub(crate) const CALLS_MAX: usize = 256;

/// Who waits for the end of a call.
#[derive(Debug)]
pub(crate) enum Caller {
    /// An agent, or a person who wants one answer.
    Plain(Box<Request<()>>),
    /// A person's session, and the router that holds it.
    Session(Address, Box<Answering>),
    /// The row that holds a durable call.
    Kept(String),
}

/// An open call.
#[derive(Debug)]
pub(crate) struct Open {
    pub(crate) caller: Caller,
    /// None where only the child's own end ends it.
    deadline_ns: Option<u64>,
    /// When its session is told next that it is being worked on.
    working_ns: u64,
    /// What the child says that it does.
    pub(crate) note: String,
}

/// The calls that a child works on.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    open: BTreeMap<u64, Open>,
    n_calls: u64,
}

impl Calls {
    /// Opens a call and numbers it; `None` at the bound.
    pub(crate) fn open(
        &mut self,
        now: Now,
        caller: Caller,
        within: Option<Duration>,
    ) -> Option<u64> {
        if self.open.len() >= CALLS_MAX {
            return None;
        }
        self.n_calls += 1;
        let open = Open {
            caller,
            deadline_ns: within.map(|within| now.plus(within).mono_ns),
            working_ns: next_working(now),
            note: "working".to_owned(),
        };
        self.open.insert(self.n_calls, open);
        Some(self.n_calls)
    }

    pub(crate) fn get(&mut self, call: u64) -> Option<&mut Open> {
        self.open.get_mut(&call)
    }

    /// Ends a call.
    pub(crate) fn end(&mut self, call: u64) -> Option<Open> {
        self.open.remove(&call)
    }

    /// Ends the calls whose time is over.
    pub(crate) fn overdue(&mut self, now: Now) -> Vec<(u64, Open)> {
        let is_over = |_: &u64, open: &mut Open| {
            open.deadline_ns
                .is_some_and(|deadline_ns| deadline_ns <= now.mono_ns)
        };
        self.open.extract_if(.., is_over).collect()
    }

    /// Sessions that are to be told that their call is being worked on.
    pub(crate) fn working(&mut self, now: Now) -> Vec<u64> {
        let is_due = |(_, open): &(&u64, &mut Open)| {
            matches!(open.caller, Caller::Session(..)) && open.working_ns <= now.mono_ns
        };
        let due = self.open.iter_mut().filter(is_due);
        due.map(|(call, open)| {
            open.working_ns = next_working(now);
            *call
        })
        .collect()
    }

    pub(crate) fn n_open(&self) -> usize {
        self.open.len()
    }

    pub(crate) fn n_kept(&self) -> usize {
        let kept = self.open.values();
        kept.filter(|open| matches!(open.caller, Caller::Kept(_)))
            .count()
    }

    pub(crate) fn n_calls(&self) -> u64 {
        self.n_calls
    }
}

fn next_working(now: Now) -> u64 {
    now.plus(Duration::from_secs(WORKING_INTERVAL_S)).mono_ns
}

impl Caller {
    /// Who waits for a request's answer: a session where the request names one, as every
    /// conversation with people does.
    pub(crate) fn of(request: &Request<Value>, own: &Address) -> Self {
        let plain = || Self::Plain(Box::new(request.clone().with(())));
        let session_id = request.content.get("session_id").and_then(Value::as_str);
        let (Some(session_id), Some(reply_to)) = (session_id, request.reply_to.clone()) else {
            return plain();
        };
        let token: Option<Token> = request.token.clone();
        let thread = Thread {
            session_id: Some(session_id.to_owned()),
            token,
            return_handler: None,
            reply_to: Some(reply_to.clone()),
            session_key: request.session_key.clone(),
        };
        Self::Session(reply_to, Box::new(Answering::new(thread, own.clone())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Now {
        Now {
            mono_ns: seconds * 1_000_000_000,
            unix_ms: 0,
        }
    }

    fn kept() -> Caller {
        Caller::Kept(String::new())
    }

    fn session() -> Caller {
        let thread = Thread {
            session_id: None,
            token: None,
            return_handler: None,
            reply_to: None,
            session_key: None,
        };
        let answering = Answering::new(thread, "a@n1".parse().unwrap());
        Caller::Session("r@n1".parse().unwrap(), Box::new(answering))
    }

    #[test]
    fn a_call_ends_once_by_its_answer_or_its_deadline() {
        let mut calls = Calls::default();
        let second = Duration::from_secs(1);
        let first = calls.open(at(0), kept(), Some(second)).unwrap();
        let other = calls.open(at(0), kept(), Some(second * 9)).unwrap();
        let endless = calls.open(at(0), kept(), None).unwrap();
        let over: Vec<u64> = calls.overdue(at(1)).iter().map(|(call, _)| *call).collect();
        assert_eq!(over, [first]);
        assert!(calls.end(first).is_none() && calls.end(other).is_some());
        assert!(calls.overdue(at(9_999)).is_empty() && calls.get(endless).is_some());
    }

    #[test]
    fn no_more_than_so_many_are_open() {
        let mut calls = Calls::default();
        let open = |calls: &mut Calls| calls.open(at(0), kept(), None);
        let numbers: Vec<u64> = (0..CALLS_MAX).filter_map(|_| open(&mut calls)).collect();
        assert_eq!((numbers.len(), open(&mut calls)), (CALLS_MAX, None));
        assert!(calls.end(numbers[7]).is_some());
        assert!(open(&mut calls).is_some());
    }

    #[test]
    fn sessions_are_told_in_time_that_somebody_works() {
        let mut calls = Calls::default();
        calls.open(at(0), kept(), None);
        let call = calls.open(at(0), session(), None).unwrap();
        let check = |calls: &mut Calls, seconds, expected: &[u64]| {
            assert_eq!(calls.working(at(seconds)), expected, "after {seconds} s");
        };
        check(&mut calls, 9, &[]);
        check(&mut calls, 10, &[call]);
        check(&mut calls, 11, &[]);
        check(&mut calls, 20, &[call]);
    }
}
