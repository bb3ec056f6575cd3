//! A call as it goes on, one line for each thing that a person would want to know.

use std::collections::BTreeMap;

use anstyle::{AnsiColor, Style};

use super::terminal::wrap;
use super::transcript::mark;
use super::verdict::{clock, sentence, who};
use crate::base::{CallOutcome, HandoffClock, Happening, OfferOutcome, Party, Purpose, Record};

const CALLER: Style = AnsiColor::Cyan.on_default();
const BOT: Style = AnsiColor::Blue.on_default();
const PERSON: Style = AnsiColor::Green.on_default();
const LOOK: Style = AnsiColor::Yellow.on_default().bold();
const DIM: Style = Style::new().dimmed();

/// Tells a call record by record.
#[derive(Clone, Debug, Default)]
pub struct Progress {
    /// The score when it was last told, in tenths.
    told_score: u32,
    /// Names of agents as people say them.
    names: BTreeMap<String, String>,
    t0_s: Option<f64>,
    /// Columns of the terminal; `None` for lines of any length.
    width: Option<usize>,
}

/// Columns before what is told: the time, and who or what it is.
const MARGIN: usize = 17;

impl Progress {
    /// Nothing was told yet; `names` are those of agents, by their names in the configuration. Lines are broken to fit into
    /// `width` columns.
    pub fn new(names: BTreeMap<String, String>, width: Option<usize>) -> Self {
        Progress { names, width, ..Progress::default() }
    }

    fn name<'a>(&'a self, agent: &'a str) -> &'a str {
        self.names.get(agent).map_or(agent, String::as_str)
    }

    /// The line (or lines, where it does not fit into one) for a record, if it is worth one.
    pub fn line(&mut self, record: &Record) -> Option<String> {
        let at_s = record.at.as_secs_f64();
        let (style, label, text) = self.told(&record.kind, at_s)?;
        let text = wrap(&text, self.width.map(|width| width.saturating_sub(MARGIN))).join(&format!("\n{:MARGIN$}", ""));
        Some(format!("{DIM}{:>5}{DIM:#}  {style}{label:<9}{style:#} {text}", clock(at_s)))
    }

    fn told(&mut self, kind: &Happening, at_s: f64) -> Option<(Style, &'static str, String)> {
        let since_t0 = self.t0_s.map_or(0.0, |t0| at_s - t0);
        let told = match kind {
            Happening::CallBegan { called, entry, .. } => (DIM, "call", format!("{called} is called: entry “{entry}”")),
            Happening::TurnEnded { who: Party::Caller, text, .. } => (CALLER, "caller", quoted(text.as_deref(), "something that was not understood")),
            Happening::TurnEnded { who: Party::Agent, text, .. } => (PERSON, "agent", quoted(text.as_deref(), "something")),
            Happening::PlaybackStarted { purpose, text, .. } => self.played(*purpose, text.as_deref(), since_t0)?,
            Happening::SignalHeard { signal, why, .. } => (LOOK, "heard", format!("{} {}: {why}", mark(*signal), signal.name().replace('_', " "))),
            Happening::ScoreChanged { score, .. } => {
                let tenths = (score * 10.0).round() as u32;
                if tenths <= self.told_score {
                    self.told_score = tenths;
                    return None;
                }
                self.told_score = tenths;
                (DIM, "score", format!("frustration {score:.2}"))
            }
            Happening::Triggered { trigger, reason, .. } => (LOOK, "trigger", format!("“{trigger}” fires: {}", sentence(reason))),
            Happening::ClockReached { clock, .. } => self.reached(*clock, at_s)?,
            Happening::Offered { agent, packet, .. } => {
                let headline = packet["headline"].as_str().unwrap_or_default();
                (PERSON, "packet", format!("for {}: {headline}", self.name(&agent.0)))
            }
            Happening::OfferSettled { agent, outcome, .. } => (PERSON, "agent", format!("{} {}", self.name(&agent.0), settled(*outcome)?)),
            Happening::KeyPressed { who: Party::Agent, key: Some(key) } => (PERSON, "agent", format!("presses {}", key.label())),
            Happening::BridgeGapMeasured { gap_ms, .. } => (DIM, "clock", format!("the caller heard {gap_ms:.0} ms of silence around it")),
            Happening::OneWayAudio { from, .. } => (LOOK, "trouble", format!("no sound comes from the {}", party(*from))),
            Happening::Faulted { fault } => (LOOK, "trouble", fault.to_string()),
            Happening::Held { on } => (PERSON, "agent", if *on { "puts the caller on hold".into() } else { "hold is over".into() }),
            Happening::Invited { to, consult, .. } => {
                (PERSON, "agent", if *consult { format!("talks to {} first", self.name(to)) } else { format!("asks {} to join", self.name(to)) })
            }
            Happening::Noted { text, .. } => (PERSON, "note", text.clone()),
            Happening::SlotCorrected { name, value, .. } => (PERSON, "note", format!("{} is {value}", name.replace('_', " "))),
            Happening::Suggested { text } => (BOT, "bot", format!("would say: {text}")),
            Happening::CallEnded { outcome, by } => (DIM, "end", format!("{}, ended by {}", ended(*outcome), who(*by))),
            Happening::StageEntered { .. }
            | Happening::LegJoined { .. }
            | Happening::LegLeft { .. }
            | Happening::TurnEnded { .. }
            | Happening::BargedIn
            | Happening::KeyPressed { .. }
            | Happening::BotReplied { .. }
            | Happening::Consented { .. }
            | Happening::PositionChanged { .. }
            | Happening::PacketUpdated { .. }
            | Happening::Muted { .. }
            | Happening::KeySent { .. }
            | Happening::InviteEnded { .. }
            | Happening::LegHeard { .. }
            | Happening::Denied { .. }
            | Happening::HandoffEnded { .. }
            | Happening::PlaybackStopped { .. }
            | Happening::CallbackFiled { .. }
            | Happening::MessageLeft { .. }
            | Happening::TicketFiled { .. }
            | Happening::SurveyAnswered { .. }
            | Happening::NetworkMeasured { .. } => return None,
        };
        Some(told)
    }

    fn played(&self, purpose: Purpose, text: Option<&str>, since_t0: f64) -> Option<(Style, &'static str, String)> {
        let told = match purpose {
            Purpose::Greeting | Purpose::Bot | Purpose::Question => (BOT, "bot", quoted(text, "speaks")),
            Purpose::Notice | Purpose::Waiting => (BOT, "notice", format!("{} ({since_t0:.1} s after the trigger)", quoted(text, "a tone"))),
            Purpose::Briefing => (PERSON, "whisper", format!("{} (only the agent hears it)", quoted(text, "a tone"))),
            Purpose::Music => (DIM, "music", "the caller hears music, the bot does not".into()),
            Purpose::Comfort | Purpose::Beep | Purpose::Survey | Purpose::Goodbye => return None,
        };
        Some(told)
    }

    fn reached(&mut self, reached: HandoffClock, at_s: f64) -> Option<(Style, &'static str, String)> {
        let since = |t0: Option<f64>| t0.map_or(0.0, |t0| at_s - t0);
        match reached {
            HandoffClock::T0 => {
                self.t0_s = Some(at_s);
                None
            }
            HandoffClock::T3 => Some((PERSON, "clock", format!("the agent's phone rings ({:.1} s)", since(self.t0_s)))),
            HandoffClock::T4 => Some((PERSON, "clock", format!("the agent takes the call ({:.1} s)", since(self.t0_s)))),
            HandoffClock::T5 => Some((PERSON, "clock", format!("caller and agent hear each other ({:.1} s)", since(self.t0_s)))),
            HandoffClock::T1 | HandoffClock::T2 | HandoffClock::T6 => None,
        }
    }
}

fn quoted(text: Option<&str>, otherwise: &str) -> String {
    text.map_or_else(|| otherwise.to_owned(), |text| format!("“{text}”"))
}

fn party(party: Party) -> &'static str {
    match party {
        Party::Caller => "caller",
        Party::Bot => "bot",
        Party::Agent => "agent",
        Party::Supervisor => "supervisor",
    }
}

fn settled(outcome: OfferOutcome) -> Option<&'static str> {
    match outcome {
        OfferOutcome::Accepted => None,
        OfferOutcome::Declined => Some("declines"),
        OfferOutcome::Unanswered => Some("does not answer"),
        OfferOutcome::Vanished => Some("can't be reached"),
        OfferOutcome::Withdrawn => Some("is not needed any more"),
    }
}

fn ended(outcome: CallOutcome) -> &'static str {
    match outcome {
        CallOutcome::Bridged => "caller and agent have talked",
        CallOutcome::Contained => "the bot served the caller to the end",
        CallOutcome::Callback => "a callback was filed",
        CallOutcome::Message => "a message was left",
        CallOutcome::Ticket => "a ticket was filed",
        CallOutcome::Abandoned => "the caller gave up",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::story::fixture;

    #[test]
    fn a_bridged_call_is_told_from_the_first_word_to_the_last() {
        let mut progress = Progress::new(BTreeMap::from([("agent-2".to_owned(), "Ana".to_owned())]), None);
        let lines: Vec<String> = fixture::bridged().iter().filter_map(|record| progress.line(record)).collect();
        let text = anstream::adapter::strip_str(&lines.join("\n")).to_string();
        for said in ["caller", "fires:", "caller and agent hear each other", "agent-1 declines", "ended by"] {
            assert!(text.contains(said), "{said} is not in\n{text}");
        }
        assert!(lines.len() < 60, "{}", lines.len());
    }

    #[test]
    fn what_does_not_fit_goes_on_below_itself() {
        let mut progress = Progress::new(BTreeMap::new(), Some(50));
        let told: Vec<String> = fixture::bridged().iter().filter_map(|record| progress.line(record)).collect();
        let text = anstream::adapter::strip_str(&told.join("\n")).to_string();
        assert!(text.lines().all(|line| line.chars().count() <= 50), "{text}");
        assert!(text.lines().any(|line| line.starts_with(&format!("{:MARGIN$}", "")) && line.len() > MARGIN), "{text}");
    }
}
