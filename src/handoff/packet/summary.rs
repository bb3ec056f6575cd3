//! Two to four sentences, and the briefing by ear.

use super::*;

/// What the agent is told by ear before the bridge: at most 15 words, about 6 s.
pub fn briefing(packet: &ContextPacket) -> Wording {
    Wording::text(packet.headline.clone())
}

impl ContextPacket {
    /// The packet as things stand.
    pub fn build(dossier: &Dossier, facts: &HandoffFacts, now: Time) -> ContextPacket {
        let caller = dossier.caller();
        ContextPacket {
            headline: String::new(),
            wants: String::new(),
            tried: String::new(),
            mood: Mood { word: "calm".into(), score: dossier.score().score },
            verified: String::new(),
            caller: caller.caller.as_ref().map(|c| c.0.clone()),
            called: caller.called.clone(),
            entry: caller.entry.clone(),
            data: caller.data.clone(),
            reason: facts.reason.clone(),
            trigger: PacketTrigger {
                name: facts.trigger.clone(),
                cause: facts.cause.clone(),
                sentence: String::new(),
                in_words: false,
                said_at_s: None,
            },
            summary: String::new(),
            intent: None,
            slots: BTreeMap::new(),
            transcript: Vec::new(),
            signals: Vec::new(),
            score_over_time: Vec::new(),
            language: caller.language.clone(),
            waited_s: now.since(facts.since).as_secs_f64(),
            next_step: String::new(),
            queue: facts.queue.clone(),
            handoff: facts.handoff,
        }
    }
}
