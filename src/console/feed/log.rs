//! The latest things that were told, numbered, and who may know which.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use axum::extract::ws::Utf8Bytes;
use jiff::Timestamp;

use crate::base::{AgentId, CallId};
use crate::console::projection::{Audience, Told};
use crate::console::views::{Event, LiveMessage, Topic};

/// No more text is kept than this, in octets: what is told of hundreds of agents at once is long.
const MAX_OCTETS: usize = 32 << 20;

/// One thing that was told, as it is sent.
#[derive(Debug)]
pub(in crate::console) struct Item {
    pub(super) seq: u64,
    pub(super) to: Audience,
    pub(super) text: Utf8Bytes,
}

/// The latest items.
pub(in crate::console) struct Log {
    items: VecDeque<Arc<Item>>,
    /// The number of the next item.
    next: u64,
    keep: usize,
    /// Of all texts together.
    octets: usize,
}

/// What was asked for is not kept any more, or never was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lost;

impl Log {
    /// Numbers begin after `first`.
    pub(super) fn new(first: u64, keep: usize) -> Log {
        Log { items: VecDeque::new(), next: first + 1, keep: keep.max(1), octets: 0 }
    }

    /// The number of the latest item.
    pub(super) fn newest(&self) -> u64 {
        self.next - 1
    }

    pub(super) fn push(&mut self, told: Told, now: Timestamp) -> Arc<Item> {
        let seq = self.next;
        self.next += 1;
        let item = Arc::new(Item { seq, to: told.to, text: text(seq, now, told.topic, told.call, told.event) });
        self.octets += item.text.len();
        self.items.push_back(item.clone());
        while self.items.len() > self.keep || (self.octets > MAX_OCTETS && self.items.len() > 1) {
            self.octets -= self.items.pop_front().map_or(0, |old| old.text.len());
        }
        item
    }

    /// Up to `most` items after number `seen` that the watcher may know, and the number up to which it has then seen everything.
    pub(super) fn after(&self, seen: u64, watcher: &Watcher, most: usize) -> Result<(Vec<Arc<Item>>, u64), Lost> {
        let oldest = self.next - self.items.len() as u64;
        if seen >= self.next || seen + 1 < oldest {
            return Err(Lost);
        }
        let skip = usize::try_from(seen + 1 - oldest).unwrap_or(usize::MAX);
        let mut found = Vec::new();
        for item in self.items.iter().skip(skip) {
            if found.len() >= most {
                return Ok((found, item.seq - 1));
            }
            if watcher.wants(item) {
                found.push(item.clone());
            }
        }
        Ok((found, self.newest()))
    }
}

/// A message as it is sent.
pub(super) fn text(seq: u64, at: Timestamp, topic: Topic, call: Option<CallId>, event: Event) -> Utf8Bytes {
    let message = LiveMessage { seq, at: at.to_string(), topic, call: call.map(|call| call.to_string()), event };
    serde_json::to_string(&message).expect("a message has only plain fields").into()
}

/// Who reads, and what of all this they may know.
#[derive(Clone, Debug, Default)]
pub(in crate::console) struct Watcher {
    /// What they signed in with.
    pub name: String,
    /// Their session, by its fingerprint; programs have none.
    pub session: Option<String>,
    /// The agent that they are.
    pub agent: Option<AgentId>,
    /// They see the wall, and any call that they watch.
    pub sees_all: bool,
    /// Calls that they watch.
    pub calls: BTreeSet<CallId>,
    /// A visitor: their own call is all that they know of, from this number on.
    pub visit: Option<(CallId, u64)>,
}

impl Watcher {
    pub(super) fn wants(&self, item: &Item) -> bool {
        if let Some((own, _)) = self.visit {
            return matches!(item.to, Audience::Visitor(call) if call == own);
        }
        match &item.to {
            Audience::Visitor(_) => false,
            Audience::All => true,
            Audience::Wall => self.sees_all,
            Audience::Agent(agent) => self.agent.as_ref() == Some(agent),
            Audience::Call(call, agents) => {
                (self.sees_all && self.calls.contains(call)) || self.agent.as_ref().is_some_and(|agent| agents.contains(agent))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(to: Audience) -> Told {
        Told { to, topic: Topic::System, call: None, event: Event::Notice { text: "news".into() } }
    }

    fn seqs(log: &Log, seen: u64, watcher: &Watcher, most: usize) -> Result<(Vec<u64>, u64), Lost> {
        log.after(seen, watcher, most).map(|(items, seen)| (items.iter().map(|item| item.seq).collect(), seen))
    }

    #[test]
    fn who_reads_on_from_what_they_saw_misses_nothing_and_gets_nothing_twice() {
        let now = Timestamp::UNIX_EPOCH;
        let mut log = Log::new(100, 4);
        let all = Watcher { sees_all: true, ..Watcher::default() };
        assert_eq!(seqs(&log, 100, &all, 9), Ok((vec![], 100)));
        for _ in 0..6 {
            log.push(notice(Audience::Wall), now);
        }
        assert_eq!(log.newest(), 106);
        assert_eq!(seqs(&log, 102, &all, 9), Ok((vec![103, 104, 105, 106], 106)));
        assert_eq!(seqs(&log, 102, &all, 3), Ok((vec![103, 104, 105], 105)), "in parts");
        assert_eq!(seqs(&log, 105, &all, 3), Ok((vec![106], 106)));
        assert_eq!(seqs(&log, 106, &all, 3), Ok((vec![], 106)));
        for lost in [0, 101, 107, u64::MAX] {
            assert_eq!(seqs(&log, lost, &all, 9), Err(Lost), "{lost}");
        }
        assert_eq!(seqs(&log, 102, &Watcher::default(), 9), Ok((vec![], 106)), "who may know nothing has still seen all");
    }

    #[test]
    fn long_texts_leave_room_for_fewer() {
        let mut log = Log::new(0, 1_000);
        let long = Told { to: Audience::All, topic: Topic::System, call: None, event: Event::Notice { text: "x".repeat(MAX_OCTETS / 10) } };
        for _ in 0..30 {
            log.push(long.clone(), Timestamp::UNIX_EPOCH);
        }
        assert_eq!(seqs(&log, 10, &Watcher::default(), 99), Err(Lost));
        assert_eq!(seqs(&log, 21, &Watcher::default(), 99), Ok(((22..=30).collect(), 30)));
    }

    #[test]
    fn everybody_knows_what_is_theirs() {
        let (anna, ben) = (AgentId::from("anna"), AgentId::from("ben"));
        let call = CallId(uuid::Uuid::from_u128(7));
        let mut log = Log::new(0, 100);
        for to in [
            Audience::All,
            Audience::Wall,
            Audience::Agent(anna.clone()),
            Audience::Call(call, vec![ben.clone()]),
            Audience::Call(call, vec![]),
            Audience::Visitor(call),
        ] {
            log.push(notice(to), Timestamp::UNIX_EPOCH);
        }
        let agent = |agent: &AgentId| Watcher { agent: Some(agent.clone()), calls: [call].into(), ..Watcher::default() };
        let supervisor = Watcher { sees_all: true, ..Watcher::default() };
        let watching = Watcher { calls: [call].into(), ..supervisor.clone() };
        let visitor = |call: CallId| Watcher { visit: Some((call, 0)), calls: [call].into(), ..Watcher::default() };
        for (watcher, expected) in [
            (agent(&anna), vec![1, 3]),
            (agent(&ben), vec![1, 4]),
            (supervisor, vec![1, 2]),
            (watching, vec![1, 2, 4, 5]),
            (visitor(call), vec![6]),
            (visitor(CallId(uuid::Uuid::from_u128(8))), vec![]),
        ] {
            assert_eq!(seqs(&log, 0, &watcher, 99), Ok((expected, 6)), "{watcher:?}");
        }
    }
}
