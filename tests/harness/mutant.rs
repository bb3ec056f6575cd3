//! Broken call machines: the machine with one thing wrong, to show that the invariants' watchdog would notice.

use segue::base::*;
use segue::call::*;
use segue::handoff::desk::*;

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// 1: no comfort tone.
    NoComfort,
    /// 2: an agent who came too late stays in the call.
    LoserStays,
    /// 2: the stage is told twice.
    StageTwice,
    /// 2: what is another agent's to decide is done for anybody.
    ObeysAnybody,
    /// 3: nobody found means hanging up.
    HangsUp,
    /// 3: who declined may be asked again.
    AsksAgain,
    /// 3: a caller who returns to the queue is the youngest.
    LosesAge,
    /// 4: the desk is not told that the caller has left.
    ForgetsTicket,
    /// 4: agents go on being alerted.
    ForgetsAlert,
    /// 4: playbacks are not stopped.
    ForgetsPlayback,
    /// 4: agents' legs are not released.
    ForgetsLeg,
    /// 4: the bot is not closed.
    ForgetsBot,
    /// 5: the packet lacks the sentence.
    NoSentence,
    /// 5: the transcript ends at the bridge.
    NoTranscript,
    /// 6: the agent can be heard while being briefed.
    OpenBriefing,
    /// 6: the caller hears the briefing.
    LoudBriefing,
    /// 6: a supervisor can be heard from the start.
    LoudSupervisor,
    /// 6: the caller on hold goes on hearing the agent.
    OpenHold,
    /// 1: there is no music.
    NoMusic,
    /// 7: who asks for a person is asked whether they want one.
    Argues,
}

impl Mutant {
    /// Each mutant with the invariant that it breaks.
    pub const ALL: [(Mutant, u8); 20] = [
        (Mutant::NoComfort, 1),
        (Mutant::LoserStays, 2),
        (Mutant::StageTwice, 2),
        (Mutant::ObeysAnybody, 2),
        (Mutant::HangsUp, 3),
        (Mutant::AsksAgain, 3),
        (Mutant::LosesAge, 3),
        (Mutant::ForgetsTicket, 4),
        (Mutant::ForgetsAlert, 4),
        (Mutant::ForgetsPlayback, 4),
        (Mutant::ForgetsLeg, 4),
        (Mutant::ForgetsBot, 4),
        (Mutant::NoSentence, 5),
        (Mutant::NoTranscript, 5),
        (Mutant::OpenBriefing, 6),
        (Mutant::LoudBriefing, 6),
        (Mutant::LoudSupervisor, 6),
        (Mutant::OpenHold, 6),
        (Mutant::NoMusic, 1),
        (Mutant::Argues, 7),
    ];

    /// What the broken machine understands, where this agent decides.
    pub fn input(self, input: CallInput, decider: Option<&AgentId>) -> CallInput {
        match (self, input, decider) {
            (Mutant::ObeysAnybody, CallInput::Command(Command::HandBack { note, .. }), Some(agent)) => {
                CallInput::Command(Command::HandBack { agent: agent.clone(), note })
            }
            (Mutant::ObeysAnybody, CallInput::Command(Command::Hold { on: false, .. }), Some(agent)) => {
                CallInput::Command(Command::Hold { agent: agent.clone(), on: false })
            }
            (_, input, _) => input,
        }
    }

    /// What the broken machine gives out.
    pub fn effect(self, effect: Effect) -> Vec<Effect> {
        match (self, effect) {
            (Mutant::NoComfort, Effect::Tone { purpose: Purpose::Comfort, .. })
            | (Mutant::ForgetsTicket, Effect::ToDesk(DeskInput::Cancel { .. }))
            | (Mutant::ForgetsAlert, Effect::StopAlert(_))
            | (Mutant::ForgetsPlayback, Effect::Stop(_))
            | (Mutant::ForgetsBot, Effect::CloseBot)
            | (Mutant::NoTranscript, Effect::Record(Happening::TurnEnded { who: Party::Agent, .. })) => Vec::new(),
            (Mutant::OpenHold, Effect::Route { to: LegId::CALLER, on: false, .. }) | (Mutant::NoMusic, Effect::Music { .. }) => Vec::new(),
            (Mutant::LoserStays | Mutant::ForgetsLeg, Effect::Release(leg, _)) if leg != LegId::CALLER => Vec::new(),
            (Mutant::LoserStays, Effect::Record(Happening::LegLeft { leg, .. })) if leg != LegId::CALLER => Vec::new(),
            (Mutant::HangsUp, effect @ Effect::Record(Happening::HandoffEnded { by: EndedBy::Gateway, .. })) => {
                vec![effect, Effect::Release(LegId::CALLER, EndedBy::Gateway)]
            }
            (Mutant::StageTwice, effect @ Effect::Record(Happening::StageEntered { .. })) => vec![effect.clone(), effect],
            (Mutant::AsksAgain, Effect::ToDesk(DeskInput::Seek(seek))) => {
                vec![Effect::ToDesk(DeskInput::Seek(Seek { except: Vec::new(), ..seek }))]
            }
            (Mutant::LosesAge, Effect::ToDesk(DeskInput::Seek(seek))) if seek.ticket.n > 0 => {
                vec![Effect::ToDesk(DeskInput::Seek(Seek { since: seek.since + std::time::Duration::from_secs(1), ..seek }))]
            }
            (Mutant::NoSentence, Effect::Alert { offer, agent, mut packet }) => {
                packet.trigger.sentence.clear();
                vec![Effect::Alert { offer, agent, packet }]
            }
            (Mutant::OpenBriefing, Effect::Say { id, leg, purpose: Purpose::Briefing, wording }) => vec![
                Effect::Record(Happening::StageEntered { stage: StageName::Briefing }),
                Effect::Route { from: leg, to: LegId::CALLER, on: true },
                Effect::Say { id, leg, purpose: Purpose::Briefing, wording },
            ],
            (Mutant::LoudBriefing, Effect::Say { id, purpose: Purpose::Briefing, wording, .. }) => {
                vec![Effect::Say { id, leg: LegId::CALLER, purpose: Purpose::Briefing, wording }]
            }
            (Mutant::LoudSupervisor, Effect::Join { leg, agent, offer: None }) => {
                vec![Effect::Join { leg, agent, offer: None }, Effect::Route { from: leg, to: LegId::CALLER, on: true }]
            }
            (Mutant::Argues, Effect::ToDesk(DeskInput::Seek(seek))) => {
                let question = Effect::Say {
                    id: PlaybackId(u32::MAX - seek.ticket.n),
                    leg: LegId::CALLER,
                    purpose: Purpose::Question,
                    wording: Wording::text("Are you sure?"),
                };
                vec![question, Effect::ToDesk(DeskInput::Seek(seek))]
            }
            (_, effect) => vec![effect],
        }
    }
}
