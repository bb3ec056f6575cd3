//! Random sequences of messages against the desk's invariants; a seed that fails is printed with its sequence.

use std::collections::{BTreeMap, BTreeSet};

use super::agents::Busy;
use super::*;
use crate::base::{OfferId, OfferOutcome};

const SEQUENCES: u64 = 2_500;
const INPUTS: usize = 70;
const CALLS: u128 = 6;
/// More outputs than this for one input means that it never ends.
const MOST_NEWS: usize = 500;

/// SplitMix64 (Steele, Lea and Flood 2014): enough for test sequences, the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.roll(from.len())].clone()
    }
}

fn tables(dice: &mut Dice) -> DeskTables {
    let queue = |name: &str, dice: &mut Dice| QueueTable {
        name: name.into(),
        ring_secs: 10.0,
        offers_at_once: 1 + dice.roll(3) as u32,
        max_wait_secs: dice.pick(&[15.0, 60.0]),
        max_waiting: 1 + dice.roll(4) as u32,
        wrap_up_secs: dice.pick(&[0.0, 8.0]),
        overflow: None,
        ..QueueTable::default()
    };
    let main = QueueTable { overflow: dice.pick(&[None, Some("second".into())]), ..queue("main", dice) };
    let second = QueueTable { overflow: dice.pick(&[None, Some("main".into())]), ..queue("second", dice) };
    let agent = |name: &str, dice: &mut Dice| AgentTable {
        name: name.into(),
        queues: dice.pick(&[vec!["main".into()], vec!["second".into()], vec!["*".into()]]),
        skills: dice.pick(&[vec![], vec!["tax".into()]]),
        languages: dice.pick(&[vec!["en".into()], vec!["*".into()]]),
        capacity: 1 + dice.roll(2) as u32,
        ..AgentTable::default()
    };
    DeskTables { queues: vec![main, second], agents: ["ann", "bob", "cid"].map(|n| agent(n, dice)).to_vec(), ..DeskTables::default() }
}

fn agent(dice: &mut Dice) -> AgentId {
    AgentId::from(dice.pick(&["ann", "ann", "bob", "bob", "cid", "cid", "nobody"]))
}

fn ticket(dice: &mut Dice) -> TicketId {
    TicketId { call: CallId(uuid::Uuid::from_u128(dice.roll(CALLS as usize) as u128)), n: dice.pick(&[0, 0, 1, 2]) }
}

/// Other tables: some agents and queues are gone, or there again. Nobody may have less at once than before.
fn other_tables(dice: &mut Dice) -> DeskTables {
    let mut tables = tables(dice);
    tables.agents.iter_mut().for_each(|agent| agent.capacity = 2);
    tables.agents.retain(|_| dice.roll(4) > 0);
    if dice.roll(3) == 0 {
        tables.queues.swap_remove(dice.roll(2));
    }
    tables
}

fn input(dice: &mut Dice, seen: &[OfferId], now: Time) -> DeskInput {
    let offer = |dice: &mut Dice| match seen.len() {
        0 => OfferId { call: ticket(dice).call, n: 7 },
        n if dice.roll(4) > 0 => seen[n - 1 - dice.roll(n.min(3))],
        _ => dice.pick(seen),
    };
    match dice.roll(17) {
        0..=3 => DeskInput::Seek(Seek {
            ticket: ticket(dice),
            queue: QueueId::from(dice.pick(&["main", "main", "second", "nowhere"])),
            skills: dice.pick(&[vec![], vec![], vec!["tax".to_owned()]]),
            language: dice.pick(&["en-US", "en-US", "fr"]).into(),
            priority: dice.pick(&[0, 0, 3]),
            since: now.back(std::time::Duration::from_secs(dice.roll(20) as u64)),
            except: dice.pick(&[vec![], vec![AgentId::from("ann")]]),
            prefer: dice.pick(&[None, Some(AgentId::from("bob"))]),
            prefer_until: dice.pick(&[None, Some(now + std::time::Duration::from_secs(5))]),
            only: None,
        }),
        4 => DeskInput::Cancel { ticket: ticket(dice) },
        5 | 6 => DeskInput::Accept { offer: offer(dice) },
        7 => DeskInput::Refuse {
            offer: offer(dice),
            outcome: dice.pick(&[OfferOutcome::Declined, OfferOutcome::Unanswered, OfferOutcome::Vanished, OfferOutcome::Accepted]),
        },
        8 | 9 => DeskInput::Release { ticket: ticket(dice), agent: agent(dice) },
        10 => DeskInput::WrappedUp { agent: agent(dice), call: ticket(dice).call },
        11 | 12 => DeskInput::Presence {
            agent: agent(dice),
            presence: dice.pick(&[
                Presence::Available,
                Presence::Available,
                Presence::Available,
                Presence::Break("tea".into()),
                Presence::BreakAfterCall("tea".into()),
                Presence::Offline,
            ]),
        },
        13 => DeskInput::Line { agent: agent(dice), up: dice.roll(4) > 0 },
        14 => DeskInput::Callback { ticket: ticket(dice), queue: "main".into(), number: Pii("1".into()) },
        15 => DeskInput::Tables(other_tables(dice).into()),
        _ => DeskInput::Tick,
    }
}

/// What an onlooker knows from the messages alone.
#[derive(Default)]
struct Onlooker {
    seen: Vec<OfferId>,
    open: BTreeMap<OfferId, (TicketId, AgentId)>,
    declined: BTreeSet<(TicketId, AgentId)>,
    except: BTreeSet<(TicketId, AgentId)>,
    assigned: BTreeMap<TicketId, AgentId>,
    closed: BTreeSet<TicketId>,
}

impl Onlooker {
    fn hear(&mut self, news: &DeskOutput) {
        match news {
            DeskOutput::Offer { offer, ticket, agent, .. } => {
                assert!(!self.seen.contains(offer), "{offer} is used twice");
                let excluded = self.declined.contains(&(*ticket, agent.clone())) || self.except.contains(&(*ticket, agent.clone()));
                assert!(!excluded, "{agent} is asked again for {ticket}");
                assert!(!self.assigned.contains_key(ticket) && !self.closed.contains(ticket), "{ticket} needs nobody");
                self.seen.push(*offer);
                self.open.insert(*offer, (*ticket, agent.clone()));
            }
            DeskOutput::OfferSettled { offer, ticket, agent, outcome } => {
                assert_eq!(self.open.remove(offer), Some((*ticket, agent.clone())), "{offer} is settled once");
                if *outcome == OfferOutcome::Declined {
                    self.declined.insert((*ticket, agent.clone()));
                }
            }
            DeskOutput::Assigned { ticket, offer, agent } => {
                assert_eq!(self.open.remove(offer), Some((*ticket, agent.clone())), "{offer} is settled once");
                assert_eq!(self.assigned.insert(*ticket, agent.clone()), None, "{ticket} has one agent");
            }
            DeskOutput::NobodyOnDuty { ticket } | DeskOutput::GaveUp { ticket } => {
                assert!(self.closed.insert(*ticket), "{ticket} is closed once");
                assert!(self.open.values().all(|(t, _)| t != ticket), "{ticket} is closed with an open offer");
            }
            DeskOutput::Position { ticket, .. } => {
                assert!(!self.closed.contains(ticket) && !self.assigned.contains_key(ticket), "{ticket} does not wait");
            }
            DeskOutput::TooLate { .. }
            | DeskOutput::CallbackFiled { .. }
            | DeskOutput::CallbackRefused { .. }
            | DeskOutput::AgentState { .. }
            | DeskOutput::Idle(_) => {}
        }
    }
}

fn drain(desk: &mut Desk) -> Vec<DeskOutput> {
    let mut news = Vec::new();
    loop {
        match desk.poll() {
            DeskOutput::Idle(deadline) => {
                assert!(deadline.is_none_or(|d| d > desk.now), "a deadline that has passed would be waited for without end");
                return news;
            }
            other => news.push(other),
        }
        assert!(news.len() < MOST_NEWS, "poll comes to an end");
    }
}

/// What must hold after every message.
fn check(desk: &Desk, onlooker: &Onlooker) {
    let offered: BTreeSet<OfferId> = desk.tickets.values().flat_map(|t| t.offers()).map(|o| o.id).collect();
    assert_eq!(offered, onlooker.open.keys().copied().collect(), "open offers are those that were told");
    for (n, agent) in desk.agents.iter().enumerate() {
        assert!(agent.busy.len() <= agent.capacity(), "{} has too much to do", agent.id);
        for busy in &agent.busy {
            match busy {
                Busy::Offer(id, ticket) => assert!(desk.tickets[ticket].offers().iter().any(|o| o.id == *id && o.agent == n)),
                Busy::Call { ticket, .. } => assert!(matches!(desk.tickets[ticket].place, Place::Assigned { agent, .. } if agent == n)),
                Busy::WrapUp { until, .. } => assert!(*until > desk.now),
            }
        }
    }
    for (id, ticket) in &desk.tickets {
        if let Place::Assigned { agent, .. } = ticket.place {
            let has = desk.agents[agent].busy.iter().filter(|b| matches!(b, Busy::Call { ticket, .. } if ticket == id)).count();
            assert_eq!(has, 1, "{id} is with its agent");
        }
    }
    assert_eq!(desk.clone().settled_at(), *desk, "nobody waits while somebody fits and is free");
}

impl Desk {
    /// The desk after routing once more: the same if nothing was left to do.
    fn settled_at(mut self) -> Desk {
        self.route();
        self
    }

    /// Without what only counts.
    fn without_counters(&self) -> Desk {
        Desk { counters: DeskCounters::default(), ..self.clone() }
    }
}

fn run(seed: u64, log: &mut Vec<(Time, DeskInput)>) {
    let mut dice = Dice(seed);
    let mut desk = Desk::new(&tables(&mut dice));
    let mut onlooker = Onlooker::default();
    let mut now = Time::ZERO;
    let on_duty = ["ann", "bob", "cid"]
        .into_iter()
        .flat_map(|a| [DeskInput::Line { agent: a.into(), up: true }, DeskInput::Presence { agent: a.into(), presence: Presence::Available }]);
    let mut script: Vec<DeskInput> = on_duty.collect();
    script.reverse();
    for _ in 0..INPUTS {
        let input = script.pop().unwrap_or_else(|| input(&mut dice, &onlooker.seen, now));
        now += std::time::Duration::from_millis(dice.pick(&[0, 0, 20, 900, 4_000, 12_000]));
        log.push((now, input.clone()));
        on_input(&mut onlooker, &desk, &input);
        desk.handle(input.clone(), now);
        drain(&mut desk).iter().for_each(|n| onlooker.hear(n));
        check(&desk, &onlooker);

        let before = desk.without_counters();
        desk.handle(input, now);
        let harmless =
            |n: &DeskOutput| matches!(n, DeskOutput::TooLate { .. } | DeskOutput::CallbackFiled { .. } | DeskOutput::CallbackRefused { .. });
        assert!(drain(&mut desk).iter().all(harmless), "the same message again has news");
        assert_eq!(desk.without_counters(), before, "the same message again has an effect");
    }
    let_time_pass(&mut desk, &mut onlooker);
}

fn on_input(onlooker: &mut Onlooker, desk: &Desk, input: &DeskInput) {
    match input {
        DeskInput::Seek(seek) if !desk.tickets.contains_key(&seek.ticket) => {
            onlooker.except.extend(seek.except.iter().map(|a| (seek.ticket, a.clone())));
        }
        DeskInput::Cancel { ticket } => {
            onlooker.assigned.remove(ticket);
        }
        _ => {}
    }
}

/// Whoever waits is told how it ends, if nobody does anything any more.
fn let_time_pass(desk: &mut Desk, onlooker: &mut Onlooker) {
    for _ in 0..200 {
        let DeskOutput::Idle(Some(deadline)) = desk.poll() else { break };
        desk.handle(DeskInput::Tick, deadline);
        drain(desk).iter().for_each(|n| onlooker.hear(n));
    }
    assert!(desk.tickets.values().all(|t| !t.is_waiting()), "somebody waits for ever");
    assert_eq!(onlooker.open.len(), 0, "an offer is open for ever");
}

#[test]
fn random_messages_never_break_the_desks_invariants() {
    for seed in 0..SEQUENCES {
        let mut log = Vec::new();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(seed, &mut log)));
        if let Err(panic) = result {
            log.iter().for_each(|(at, input)| eprintln!("{at} {input:?}"));
            eprintln!("seed {seed}");
            std::panic::resume_unwind(panic);
        }
    }
}
