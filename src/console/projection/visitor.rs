//! What a visitor's page is told of its call: what both sides say, and what happens now. No score, no signal, nothing that
//! is meant for agents.

use crate::base::{CallOutcome, Happening, LegId, Party, Purpose, Record, StageName, Time};
use crate::console::views::{Event, VisitState};

use super::call::{LiveCall, name_of, word};

/// Longer waits are told as this, in minutes.
const LONG_WAIT_MIN: f64 = 30.0;

/// What the page is told of a record, if anything.
pub(super) fn event(call: &LiveCall, record: &Record) -> Option<Event> {
    match &record.kind {
        Happening::TurnEnded { who: Party::Caller, text: Some(text), .. } => Some(caption(Party::Caller, text)),
        // What agents say to each other, or to themselves, is not for the caller.
        Happening::TurnEnded { who: Party::Agent, text: Some(text), start, .. } if is_together(call, *start) => Some(caption(Party::Agent, text)),
        // Captions of the bot come as it begins to speak; how far it came nobody needs to read.
        Happening::PlaybackStarted { leg: LegId::CALLER, purpose, text: Some(text), .. } if is_said(*purpose) => Some(caption(Party::Bot, text)),
        Happening::StageEntered { stage: StageName::Ended } => None,
        Happening::StageEntered { stage } => Some(state(*stage, sentence(*stage).to_owned())),
        Happening::PositionChanged { position, expected_wait_s, .. } => Some(state(StageName::Waiting, place(*position, *expected_wait_s))),
        Happening::CallEnded { outcome, .. } => Some(state(StageName::Ended, farewell(*outcome).to_owned())),
        _ => None,
    }
}

/// How the call stands, for a page that has missed too much.
pub(super) fn now(call: &LiveCall) -> Event {
    let stage = call.story.stages.last().map_or(StageName::Ringing, |stage| stage.stage);
    state(stage, sentence(stage).to_owned())
}

fn caption(who: Party, text: &str) -> Event {
    Event::Caption { who: name_of(&who), text: text.to_owned(), is_final: true }
}

fn state(stage: StageName, sentence: String) -> Event {
    Event::Visit(VisitState { stage: word(stage), sentence })
}

/// True if the caller is with a person, and was when this was said; it is told only afterwards.
fn is_together(call: &LiveCall, said: Time) -> bool {
    // While the caller is sent on they hear music, not the agent.
    matches!(call.story.stages.last(), Some(last) if matches!(last.stage, StageName::Bridged | StageName::Conference))
        && call.story.holds.last().is_none_or(|&(at, on)| !on && at <= said)
}

fn is_said(purpose: Purpose) -> bool {
    match purpose {
        Purpose::Greeting | Purpose::Bot | Purpose::Notice | Purpose::Question | Purpose::Waiting | Purpose::Survey | Purpose::Goodbye => true,
        Purpose::Music | Purpose::Comfort | Purpose::Briefing | Purpose::Beep => false,
    }
}

fn sentence(stage: StageName) -> &'static str {
    match stage {
        StageName::Ringing => "Connecting you…",
        StageName::Greeting => "You are connected.",
        StageName::WithBot => "You are talking with our assistant.",
        StageName::Offered => "Would you like to talk to a person? Say yes or no.",
        StageName::Waiting => "We are getting a person for you.",
        StageName::RingingAgent => "We have found a person; they are being asked.",
        StageName::Briefing => "A person is about to join you.",
        StageName::Bridged => "You are talking with a person.",
        StageName::Conference => "You are talking with more than one person.",
        StageName::Transfer => "You are being put through.",
        StageName::Message => "Nobody is free just now. You may leave a message.",
        StageName::Survey => "How was it? Press a key from 1 to 5.",
        StageName::Ended => "The call is over. Thank you for calling.",
    }
}

fn place(position: u32, expected_wait_s: Option<f64>) -> String {
    let line = if position <= 1 { "You are next.".to_owned() } else { format!("You are number {position} in line.") };
    let minutes = expected_wait_s.map(|wait| (wait / 60.0).ceil().max(1.0));
    let wait = match minutes {
        None => String::new(),
        Some(minutes) if minutes > LONG_WAIT_MIN => format!(" It may take longer than {LONG_WAIT_MIN:.0} minutes."),
        Some(minutes) if minutes < 2.0 => " It takes about a minute.".to_owned(),
        Some(minutes) => format!(" It takes up to {minutes:.0} minutes."),
    };
    format!("We are getting a person for you. {line}{wait}")
}

fn farewell(outcome: CallOutcome) -> &'static str {
    match outcome {
        CallOutcome::Bridged | CallOutcome::Contained | CallOutcome::Abandoned => "The call is over. Thank you for calling.",
        CallOutcome::Callback => "The call is over. We call you back.",
        CallOutcome::Message => "The call is over. We have your message.",
        CallOutcome::Ticket => "The call is over. We have noted what it was about.",
    }
}
