//! One story each.

use super::*;
use crate::base::{OfferId, OfferOutcome};

/// A desk that is driven by hand; what it told since the last look is kept.
struct Story {
    desk: Desk,
    now: Time,
}

fn call(n: u128) -> CallId {
    CallId(uuid::Uuid::from_u128(n))
}

fn ticket(n: u128) -> TicketId {
    TicketId { call: call(n), n: 0 }
}

fn offer(call_n: u128, n: u32) -> OfferId {
    OfferId { call: call(call_n), n }
}

fn queue(name: &str) -> QueueTable {
    QueueTable { name: name.into(), wrap_up_secs: 30.0, ..QueueTable::default() }
}

fn agent(name: &str) -> AgentTable {
    AgentTable { name: name.into(), ..AgentTable::default() }
}

fn tables(queues: Vec<QueueTable>, agents: Vec<AgentTable>) -> DeskTables {
    let tables = DeskTables { queues, agents, ..DeskTables::default() };
    let mut problems = crate::base::Problems::default();
    tables.check("", &mut problems);
    assert_eq!(problems.0, [], "the tables of a story are right");
    tables
}

impl Story {
    /// A desk at 0:10 where all these agents are on duty, the first one for the longest.
    fn with(tables: DeskTables) -> Story {
        let mut story = Story { desk: Desk::new(&tables), now: Time::ZERO };
        for agent in &tables.agents {
            story.after(0.1);
            story.on_duty(&agent.name);
        }
        story.now = Time::from_millis(10_000);
        story.news();
        story
    }

    fn simple(agents: &[&str]) -> Story {
        Story::with(tables(vec![queue("main")], agents.iter().map(|a| agent(a)).collect()))
    }

    fn tell(&mut self, input: DeskInput) -> Vec<DeskOutput> {
        self.desk.handle(input, self.now);
        self.news()
    }

    fn news(&mut self) -> Vec<DeskOutput> {
        let mut news = Vec::new();
        loop {
            match self.desk.poll() {
                DeskOutput::Idle(_) => return news,
                DeskOutput::AgentState { .. } => {}
                other => news.push(other),
            }
        }
    }

    fn after(&mut self, secs: f64) -> &mut Self {
        self.now = Time::from_secs_f64(self.now.as_secs_f64() + secs);
        self
    }

    fn tick(&mut self) -> Vec<DeskOutput> {
        self.tell(DeskInput::Tick)
    }

    fn on_duty(&mut self, agent: &str) -> Vec<DeskOutput> {
        let mut news = self.tell(DeskInput::Line { agent: agent.into(), up: true });
        news.extend(self.presence(agent, Presence::Available));
        news
    }

    fn presence(&mut self, agent: &str, presence: Presence) -> Vec<DeskOutput> {
        self.tell(DeskInput::Presence { agent: agent.into(), presence })
    }

    fn seek(&mut self, n: u128) -> Vec<DeskOutput> {
        let seek = self.seeking(n);
        self.tell(DeskInput::Seek(seek))
    }

    fn seeking(&self, n: u128) -> Seek {
        Seek {
            ticket: ticket(n),
            queue: "main".into(),
            skills: Vec::new(),
            language: "en-US".into(),
            priority: 0,
            since: self.now,
            except: Vec::new(),
            prefer: None,
            prefer_until: None,
            only: None,
        }
    }

    fn accept(&mut self, offer: OfferId) -> Vec<DeskOutput> {
        self.tell(DeskInput::Accept { offer })
    }

    fn refuse(&mut self, offer: OfferId, outcome: OfferOutcome) -> Vec<DeskOutput> {
        self.tell(DeskInput::Refuse { offer, outcome })
    }

    fn release(&mut self, n: u128, agent: &str) -> Vec<DeskOutput> {
        self.tell(DeskInput::Release { ticket: ticket(n), agent: agent.into() })
    }

    fn state(&self, agent: &str) -> AgentState {
        let id = AgentId::from(agent);
        self.desk.agents().find(|(a, _)| **a == id).expect("an agent of the story").1
    }

    fn served(&mut self, n: u128, agent: &str, secs: f64) {
        let offers = self.seek(n);
        assert_eq!(asked(&offers), [agent], "call {n}");
        self.accept(offer(n, 0));
        self.after(secs).release(n, agent);
        self.tell(DeskInput::WrappedUp { agent: agent.into(), call: call(n) });
    }
}

/// Who was asked, in order.
fn asked(news: &[DeskOutput]) -> Vec<String> {
    news.iter()
        .filter_map(|n| match n {
            DeskOutput::Offer { agent, .. } => Some(agent.to_string()),
            _ => None,
        })
        .collect()
}

/// How offers ended, in order.
fn settled(news: &[DeskOutput]) -> Vec<(String, OfferOutcome)> {
    news.iter()
        .filter_map(|n| match n {
            DeskOutput::OfferSettled { agent, outcome, .. } => Some((agent.to_string(), *outcome)),
            _ => None,
        })
        .collect()
}

fn assigned(news: &[DeskOutput]) -> Vec<String> {
    news.iter()
        .filter_map(|n| match n {
            DeskOutput::Assigned { agent, .. } => Some(agent.to_string()),
            _ => None,
        })
        .collect()
}

fn positions(news: &[DeskOutput]) -> Vec<(u128, u32, Option<f64>)> {
    news.iter()
        .filter_map(|n| match n {
            DeskOutput::Position { ticket, position, expected_wait_s } => Some((ticket.call.0.as_u128(), *position, *expected_wait_s)),
            _ => None,
        })
        .collect()
}

#[test]
fn the_one_who_is_free_for_the_longest_is_asked_first() {
    let mut story = Story::simple(&["ann", "bob"]);
    story.served(1, "ann", 60.0);
    story.served(2, "bob", 10.0);
    assert_eq!(asked(&story.after(5.0).seek(3)), ["ann"]);
}

#[test]
fn trap_6_of_two_who_accept_together_the_first_has_the_caller() {
    let both = QueueTable { offers_at_once: 2, ..queue("main") };
    let mut story = Story::with(tables(vec![both], vec![agent("ann"), agent("bob")]));
    assert_eq!(asked(&story.seek(1)), ["ann", "bob"]);
    let first = story.accept(offer(1, 1));
    assert_eq!((assigned(&first), settled(&first)), (vec!["bob".into()], vec![("ann".into(), OfferOutcome::Withdrawn)]));
    assert_eq!(story.accept(offer(1, 0)), [DeskOutput::TooLate { offer: offer(1, 0) }]);
    assert_eq!((story.state("ann"), story.state("bob")), (AgentState::Available, AgentState::OnCall));
    assert_eq!(story.desk.counters().late_accepts, 1);
}

#[test]
fn trap_7_declining_after_another_accepted_changes_nothing() {
    let both = QueueTable { offers_at_once: 2, ..queue("main") };
    let mut story = Story::with(tables(vec![both], vec![agent("ann"), agent("bob")]));
    story.seek(1);
    story.accept(offer(1, 1));
    assert_eq!(story.refuse(offer(1, 0), OfferOutcome::Declined), []);
    assert_eq!(story.refuse(offer(1, 1), OfferOutcome::Declined), []);
    assert_eq!((story.state("ann"), story.state("bob")), (AgentState::Available, AgentState::OnCall));
    assert_eq!(story.desk.counters().late_refusals, 2);
}

#[test]
fn trap_8_going_away_while_being_asked_passes_the_caller_on() {
    for (presence, outcome) in [(Presence::Break("lunch".into()), OfferOutcome::Declined), (Presence::Offline, OfferOutcome::Vanished)] {
        let mut story = Story::simple(&["ann", "bob"]);
        story.seek(1);
        let news = story.presence("ann", presence.clone());
        assert_eq!((settled(&news), asked(&news)), (vec![("ann".into(), outcome)], vec!["bob".into()]), "{presence:?}");
    }
    let mut story = Story::simple(&["ann", "bob"]);
    story.seek(1);
    let news = story.tell(DeskInput::Line { agent: "ann".into(), up: false });
    assert_eq!((settled(&news), asked(&news)), (vec![("ann".into(), OfferOutcome::Vanished)], vec!["bob".into()]));
    assert_eq!(story.accept(offer(1, 0)), [DeskOutput::TooLate { offer: offer(1, 0) }]);
}

#[test]
fn a_break_after_the_call_leaves_the_open_offer_alone() {
    let mut story = Story::simple(&["ann"]);
    story.seek(1);
    assert_eq!(story.presence("ann", Presence::BreakAfterCall("tea".into())), []);
    assert_eq!(assigned(&story.accept(offer(1, 0))), ["ann"]);
    story.after(60.0).release(1, "ann");
    assert_eq!(story.state("ann"), AgentState::WrapUp);
    story.after(31.0).tick();
    assert_eq!(story.state("ann"), AgentState::OnBreak);
}

#[test]
fn trap_20_only_who_has_the_caller_is_charged_for_the_call() {
    let mut story = Story::simple(&["ann", "bob"]);
    story.seek(1);
    story.accept(offer(1, 0));
    story.seek(2);
    story.accept(offer(2, 0));
    story.after(40.0).release(1, "bob");
    assert_eq!((story.state("ann"), story.state("bob")), (AgentState::OnCall, AgentState::OnCall));
    assert_eq!(story.desk.counters().wrong_releases, 1);
    story.release(1, "ann");
    assert_eq!((story.state("ann"), story.state("bob")), (AgentState::WrapUp, AgentState::OnCall));
}

#[test]
fn trap_25_an_agent_who_gets_free_is_offered_the_waiting_caller_in_the_same_moment() {
    let mut story = Story::simple(&["ann"]);
    story.seek(1);
    story.accept(offer(1, 0));
    assert_eq!(asked(&story.after(1.0).seek(2)), Vec::<String>::new());
    story.after(60.0).release(1, "ann");
    assert_eq!(asked(&story.after(5.0).tell(DeskInput::WrappedUp { agent: "ann".into(), call: call(1) })), ["ann"]);

    let mut story = Story::simple(&["ann", "bob"]);
    story.presence("ann", Presence::Break("tea".into()));
    story.seek(1);
    story.accept(offer(1, 0));
    story.seek(2);
    assert_eq!(asked(&story.presence("ann", Presence::Available)), ["ann"]);
}

#[test]
fn an_unanswered_offer_goes_to_the_next_agent_and_the_silent_one_rests() {
    let mut story = Story::simple(&["ann", "bob"]);
    story.seek(1);
    let DeskOutput::Idle(Some(deadline)) = story.desk.poll() else { panic!("an open offer has a deadline") };
    assert_eq!(deadline.since(story.now).as_secs_f64(), 20.0);
    story.now = deadline;
    let news = story.tick();
    assert_eq!((settled(&news), asked(&news)), (vec![("ann".into(), OfferOutcome::Unanswered)], vec!["bob".into()]));
    assert_eq!(story.state("ann"), AgentState::OnBreak);
    story.refuse(offer(1, 1), OfferOutcome::Declined);
    assert_eq!(asked(&story.presence("ann", Presence::Available)), Vec::<String>::new(), "the caller is gone by then: nobody was on duty");
}

#[test]
fn an_acceptance_at_the_very_deadline_counts() {
    let mut story = Story::simple(&["ann"]);
    story.seek(1);
    assert_eq!(assigned(&story.after(20.0).accept(offer(1, 0))), ["ann"]);
    let mut story = Story::simple(&["ann"]);
    story.seek(1);
    assert_eq!(story.after(20.001).accept(offer(1, 0)).last(), Some(&DeskOutput::NobodyOnDuty { ticket: ticket(1) }));
}

#[test]
fn a_caller_for_whom_somebody_was_asked_in_vain_is_at_the_head_and_keeps_their_age() {
    let mut story = Story::simple(&["ann", "bob"]);
    story.seek(1);
    story.accept(offer(1, 0));
    let older = Seek { since: Time::ZERO, ..story.seeking(3) };
    story.seek(2);
    story.tell(DeskInput::Seek(older));
    let news = story.refuse(offer(2, 0), OfferOutcome::Unanswered);
    assert_eq!(positions(&news), [(2, 1, None), (3, 2, None)], "before the older one");
    assert_eq!(asked(&story.presence("bob", Presence::Available)), ["bob"]);
    assert!(story.desk.tickets[&ticket(2)].offers().len() == 1);
}

#[test]
fn whoever_declined_is_not_asked_again_but_others_are() {
    let mut story = Story::simple(&["ann", "bob"]);
    story.presence("bob", Presence::Break("tea".into()));
    story.seek(1);
    let news = story.refuse(offer(1, 0), OfferOutcome::Declined);
    assert_eq!(news.last(), Some(&DeskOutput::NobodyOnDuty { ticket: ticket(1) }));
    let again = Seek { ticket: TicketId { call: call(1), n: 1 }, except: vec!["ann".into()], ..story.seeking(1) };
    story.presence("bob", Presence::Available);
    assert_eq!(asked(&story.tell(DeskInput::Seek(again))), ["bob"]);
}

#[test]
fn a_lost_line_may_come_back_before_waiting_is_pointless() {
    let mut story = Story::simple(&["ann"]);
    story.seek(1);
    let line = |up| DeskInput::Line { agent: "ann".into(), up };
    assert_eq!(settled(&story.tell(line(false))), [("ann".into(), OfferOutcome::Vanished)]);
    assert_eq!(asked(&story.after(3.0).tell(line(true))), ["ann"]);
    story.tell(line(false));
    let DeskOutput::Idle(Some(deadline)) = story.desk.poll() else { panic!("a lost line has a deadline") };
    story.now = deadline;
    assert_eq!(story.tick(), [DeskOutput::NobodyOnDuty { ticket: ticket(1) }]);
}

#[test]
fn with_nobody_on_duty_the_caller_hears_so_at_once() {
    let mut story = Story::simple(&["ann"]);
    story.presence("ann", Presence::Offline);
    assert_eq!(story.seek(1), [DeskOutput::NobodyOnDuty { ticket: ticket(1) }]);
    assert_eq!(story.seek(1), [], "the same message again");
    let nowhere = Seek { queue: "nowhere".into(), ..story.seeking(2) };
    assert_eq!(story.tell(DeskInput::Seek(nowhere)), [DeskOutput::NobodyOnDuty { ticket: ticket(2) }]);
}

#[test]
fn who_waited_long_enough_goes_to_the_overflow_queue_and_then_gives_up() {
    let main = QueueTable { overflow: Some("second".into()), max_wait_secs: 60.0, ..queue("main") };
    let second = QueueTable { max_wait_secs: 30.0, overflow: Some("main".into()), ..queue("second") };
    let ann = AgentTable { queues: vec!["main".into()], ..agent("ann") };
    let bob = AgentTable { queues: vec!["second".into()], ..agent("bob") };
    let mut story = Story::with(tables(vec![main, second], vec![ann, bob]));
    story.seek(1);
    story.accept(offer(1, 0));
    let other = Seek { queue: "second".into(), ..story.seeking(2) };
    story.tell(DeskInput::Seek(other));
    story.accept(offer(2, 0));
    story.seek(3);
    assert_eq!(positions(&story.after(60.0).tick()), [(3, 1, None)], "told anew, for it is another queue");
    assert_eq!(story.after(30.0).tick(), [DeskOutput::GaveUp { ticket: ticket(3) }]);
}

#[test]
fn a_full_queue_takes_nobody() {
    let main = QueueTable { max_waiting: 1, ..queue("main") };
    let mut story = Story::with(tables(vec![main], vec![agent("ann")]));
    story.seek(1);
    assert_eq!(story.seek(2), [DeskOutput::GaveUp { ticket: ticket(2) }]);
}

#[test]
fn skills_and_language_must_fit() {
    let billing = AgentTable { skills: vec!["billing".into()], languages: vec!["de".into(), "en-GB".into()], ..agent("ann") };
    let mut story = Story::with(tables(vec![queue("main")], vec![billing]));
    for (n, (skill, language, fits)) in
        [("billing", "en-US", true), ("billing", "DE-at", true), ("billing", "fr", false), ("tax", "de", false)].into_iter().enumerate()
    {
        let n = n as u128 + 1;
        let seek = Seek { skills: vec![skill.into()], language: language.into(), ..story.seeking(n) };
        assert_eq!(asked(&story.tell(DeskInput::Seek(seek))).len(), usize::from(fits), "{skill} {language}");
        story.tell(DeskInput::Cancel { ticket: ticket(n) });
    }
}

#[test]
fn priority_goes_first_then_age() {
    let mut story = Story::simple(&["ann"]);
    story.seek(1);
    story.accept(offer(1, 0));
    story.after(1.0).seek(2);
    story.after(1.0).seek(3);
    let urgent = Seek { priority: 5, ..story.after(1.0).seeking(4) };
    assert_eq!(positions(&story.tell(DeskInput::Seek(urgent))), [(4, 1, None), (2, 2, None), (3, 3, None)]);
}

#[test]
fn the_preferred_agent_is_waited_for_and_then_not() {
    let mut story = Story::simple(&["ann", "bob"]);
    story.seek(1);
    story.accept(offer(1, 0));
    let back = Seek { prefer: Some("ann".into()), prefer_until: Some(Time::from_millis(25_000)), ..story.seeking(2) };
    assert_eq!(asked(&story.tell(DeskInput::Seek(back))), Vec::<String>::new());
    assert_eq!(story.desk.poll(), DeskOutput::Idle(Some(Time::from_millis(25_000))));
    story.now = Time::from_millis(25_000);
    assert_eq!(asked(&story.tick()), ["bob"]);
}

#[test]
fn cancelling_takes_offers_back_and_frees_who_was_never_connected() {
    let mut story = Story::simple(&["ann"]);
    story.seek(1);
    assert_eq!(settled(&story.tell(DeskInput::Cancel { ticket: ticket(1) })), [("ann".into(), OfferOutcome::Withdrawn)]);
    assert_eq!(story.tell(DeskInput::Cancel { ticket: ticket(1) }), []);
    assert_eq!(story.seek(1), [], "a message that comes late");
    story.seek(2);
    story.accept(offer(2, 0));
    story.tell(DeskInput::Cancel { ticket: ticket(2) });
    assert_eq!(story.state("ann"), AgentState::Available);
}

#[test]
fn a_wait_is_told_only_once_there_is_something_behind_it() {
    let mut story = Story::simple(&["ann"]);
    for n in 1..=3 {
        story.seek(n);
        story.accept(offer(n, 0));
        assert_eq!(story.desk.view(&"main".into(), story.now).expected_wait_s, None);
        story.after(100.0).release(n, "ann");
        story.tell(DeskInput::WrappedUp { agent: "ann".into(), call: call(n) });
    }
    assert_eq!(story.desk.view(&"main".into(), story.now), QueueView { on_duty: 1, available: 1, waiting: 0, expected_wait_s: Some(60.0) });
    story.seek(4);
    story.accept(offer(4, 0));
    // 100 s are left and 20 s of ringing, by half more: 180 s.
    assert_eq!(positions(&story.seek(5)), [(5, 1, Some(180.0))]);
    // One call more of 100 s: 330 s.
    assert_eq!(positions(&story.seek(6)), [(6, 2, Some(600.0))]);
}

#[test]
fn a_callback_is_filed_once_and_not_again_after_it_was_made() {
    let mut story = Story::simple(&["ann"]);
    let file = || DeskInput::Callback { ticket: ticket(1), queue: "main".into(), number: Pii("+49301234567".into()) };
    for _ in 0..2 {
        assert_eq!(story.tell(file()), [DeskOutput::CallbackFiled { ticket: ticket(1) }]);
        assert_eq!(story.desk.callbacks().count(), 1);
    }
    story.tell(DeskInput::CallbackDone { ticket: ticket(1) });
    assert_eq!(story.tell(file()), [DeskOutput::CallbackFiled { ticket: ticket(1) }]);
    assert_eq!(story.desk.callbacks().count(), 0);
    let nowhere = DeskInput::Callback { ticket: ticket(2), queue: "nowhere".into(), number: Pii(String::new()) };
    assert_eq!(story.tell(nowhere), [DeskOutput::CallbackRefused { ticket: ticket(2) }]);
}

#[test]
fn mistakes_in_the_tables_are_named_by_key() {
    let bad = DeskTables {
        queues: vec![
            QueueTable { ring_secs: 0.0, overflow: Some("main".into()), hours: Some("never".into()), ..queue("main") },
            QueueTable { offers_at_once: 0, max_wait_secs: f64::NAN, skills: vec![" ".into()], ..queue("main") },
            QueueTable { otherwise: vec![Otherwise::Bot, Otherwise::Bot], max_waiting: 0, wrap_up_secs: -1.0, ..queue("") },
        ],
        agents: vec![
            AgentTable { queues: vec!["sales".into()], languages: Vec::new(), capacity: 0, ..agent("*") },
            AgentTable { queues: vec![], ..agent("x") },
        ],
        acds: vec![toml::from_str("name = 'x'\nqueues = ['sales']\ntarget = ''\ncalls = 0\nwait_secs = 0.0").unwrap()],
        hours: Vec::new(),
    };
    let mut problems = crate::base::Problems::default();
    bad.check("", &mut problems);
    let keys: Vec<&str> = problems.0.iter().map(|p| p.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "queue[0].ring_secs",
            "queue[0].overflow",
            "queue[0].hours",
            "queue[1].max_wait_secs",
            "queue[1].offers_at_once",
            "queue[1].skills[0]",
            "queue[1].name",
            "queue[2].name",
            "queue[2].wrap_up_secs",
            "queue[2].max_waiting",
            "queue[2].otherwise",
            "agent[0].name",
            "agent[0].capacity",
            "agent[0].languages",
            "agent[0].queues[0]",
            "agent[1].queues",
            "acd[0].target",
            "acd[0].calls",
            "acd[0].wait_secs",
            "acd[0].name",
            "acd[0].queues[0]",
        ]
    );
}

#[test]
fn messages_survive_the_wire() {
    let story = Story::simple(&[]);
    for input in [
        DeskInput::Seek(story.seeking(1)),
        DeskInput::Presence { agent: "ann".into(), presence: Presence::BreakAfterCall("tea".into()) },
        DeskInput::Refuse { offer: offer(1, 2), outcome: OfferOutcome::Vanished },
    ] {
        let wire = serde_json::to_string(&input).expect("a desk message is plain data");
        assert_eq!(serde_json::from_str::<DeskInput>(&wire).expect("what was written can be read"), input);
    }
}
