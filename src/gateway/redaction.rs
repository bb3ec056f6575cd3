//! Words lose card numbers before they become a record.

use serde_json::Value;

use crate::base::Happening;
use crate::base::pii::redact;

/// The same happening with every word of a person redacted.
pub fn redacted(mut happening: Happening) -> Happening {
    match &mut happening {
        Happening::TurnEnded { text, .. } | Happening::PlaybackStarted { text, .. } => {
            if let Some(text) = text {
                *text = redact(text);
            }
        }
        Happening::OfferSettled { reason: Some(text), .. }
        | Happening::Noted { text, .. }
        | Happening::Suggested { text }
        | Happening::SlotCorrected { value: text, .. } => {
            *text = redact(text);
        }
        Happening::SignalHeard { why: text, .. } | Happening::Triggered { reason: text, .. } => *text = redact(text),
        Happening::BotReplied { slots, .. } => slots.values_mut().for_each(|text| *text = redact(text)),
        Happening::Offered { packet, .. } | Happening::PacketUpdated { packet, .. } => redact_value(packet),
        Happening::CallBegan { .. }
        | Happening::StageEntered { .. }
        | Happening::LegJoined { .. }
        | Happening::LegLeft { .. }
        | Happening::BargedIn
        | Happening::KeyPressed { .. }
        | Happening::ScoreChanged { .. }
        | Happening::Consented { .. }
        | Happening::ClockReached { .. }
        | Happening::PositionChanged { .. }
        | Happening::OfferSettled { .. }
        | Happening::BridgeGapMeasured { .. }
        | Happening::OneWayAudio { .. }
        | Happening::Held { .. }
        | Happening::Muted { .. }
        | Happening::KeySent { .. }
        | Happening::Invited { .. }
        | Happening::InviteEnded { .. }
        | Happening::LegHeard { .. }
        | Happening::Denied { .. }
        | Happening::HandoffEnded { .. }
        | Happening::PlaybackStopped { .. }
        | Happening::CallbackFiled { .. }
        | Happening::MessageLeft { .. }
        | Happening::TicketFiled { .. }
        | Happening::SurveyAnswered { .. }
        | Happening::Faulted { .. }
        | Happening::NetworkMeasured { .. }
        | Happening::CallEnded { .. } => {}
    }
    happening
}

fn redact_value(value: &mut Value) {
    match value {
        Value::String(text) => *text = redact(text),
        Value::Array(values) => values.iter_mut().for_each(redact_value),
        Value::Object(fields) => fields.values_mut().for_each(redact_value),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Party, Time};

    #[test]
    fn a_spoken_card_number_is_in_no_record() {
        let said = "my card is 4111 1111 1111 1111";
        let text = Some(said.into());
        let turn = Happening::TurnEnded { who: Party::Caller, start: Time::ZERO, end: Time::ZERO, text, confidence: None, cut: false };
        let packet = serde_json::json!({ "transcript": [{ "text": said }] });
        for happening in [turn, Happening::PacketUpdated { handoff: 0, packet }] {
            let record = serde_json::to_string(&redacted(happening)).expect("records serialize");
            assert!(!record.contains("4111"), "{record}");
            assert!(record.contains("‹card›"), "{record}");
        }
    }
}
