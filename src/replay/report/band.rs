//! The stage band of a call as a person reads it: bot, notice, waiting, briefing, bridged.

use serde::Serialize;

use crate::base::{Mode, StageName, Time};
use crate::store::story::Story;

/// A piece of the band.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Piece {
    /// What is written on it.
    pub label: String,
    /// Its look: `bot`, `person`, `notice`, `waiting`, `briefing` or `plain`.
    pub tone: &'static str,
    /// s of the call.
    pub start_s: f64,
    /// s of the call.
    pub end_s: f64,
}

/// The pieces in order, without overlap; notices are cut out of the stages in which they were spoken.
pub fn band(story: &Story, call_s: f64) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for stage in &story.stages {
        if stage.stage == StageName::Ended {
            continue;
        }
        let (start_s, end_s) = (stage.start.as_secs_f64(), stage.end.map_or(call_s, Time::as_secs_f64));
        let (label, tone) = look(story, stage.stage, stage.start);
        match pieces.last_mut() {
            Some(last) if last.label == label && last.end_s == start_s => last.end_s = end_s,
            Some(_) | None => pieces.push(Piece { label, tone, start_s, end_s }),
        }
    }
    for handoff in story.handoffs.iter().filter(|h| h.mode == Mode::Act) {
        if let Some(notice) = &handoff.notice {
            let end = notice.end.map_or(call_s, Time::as_secs_f64);
            pieces = cut_out(pieces, notice.start.as_secs_f64(), end);
        }
    }
    pieces.retain(|p| p.end_s > p.start_s);
    pieces
}

fn look(story: &Story, stage: StageName, at: Time) -> (String, &'static str) {
    let (label, tone) = match stage {
        StageName::Ringing => ("ringing", "plain"),
        StageName::Greeting | StageName::WithBot => ("bot", "bot"),
        StageName::Offered => ("person offered", "bot"),
        StageName::Waiting | StageName::RingingAgent => ("waiting", "waiting"),
        StageName::Briefing => ("briefing", "briefing"),
        StageName::Bridged => {
            let agent = story.handoffs.iter().rev().find(|h| h.at <= at && h.mode == Mode::Act).and_then(|h| h.accepted_by());
            return (agent.map_or("with a person".into(), |agent| format!("with {agent}")), "person");
        }
        StageName::Conference => ("conference", "person"),
        StageName::Transfer => ("transferred onward", "plain"),
        StageName::Message => ("message", "plain"),
        StageName::Survey => ("survey", "plain"),
        StageName::Ended => ("ended", "plain"),
    };
    (label.into(), tone)
}

fn cut_out(pieces: Vec<Piece>, start_s: f64, end_s: f64) -> Vec<Piece> {
    let mut out = Vec::new();
    let mut notice = Some(Piece { label: "notice".into(), tone: "notice", start_s, end_s });
    for piece in pieces {
        if piece.start_s < start_s {
            out.push(Piece { end_s: piece.end_s.min(start_s), ..piece.clone() });
        }
        if piece.end_s > start_s {
            out.extend(notice.take());
        }
        if piece.end_s > end_s {
            out.push(Piece { start_s: piece.start_s.max(end_s), ..piece });
        }
    }
    out.extend(notice);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::story::fixture;

    #[test]
    fn the_notice_stands_where_it_was_spoken() {
        let story = Story::tell(&fixture::bridged());
        let told: Vec<_> = band(&story, 44.0).into_iter().map(|p| (p.label, p.tone, p.start_s, p.end_s)).collect();
        let piece = |label: &str, tone, start, end| (label.to_owned(), tone, start, end);
        assert_eq!(
            told,
            [
                piece("ringing", "plain", 0.0, 0.5),
                piece("bot", "bot", 0.5, 25.4),
                piece("waiting", "waiting", 25.4, 25.6),
                piece("notice", "notice", 25.6, 28.1),
                piece("waiting", "waiting", 28.1, 31.44),
                piece("with agent-2", "person", 31.44, 44.0),
            ]
        );
    }

    #[test]
    fn pieces_never_overlap() {
        for records in [fixture::bridged(), fixture::contained(), fixture::declined(), fixture::abandoned()] {
            let story = Story::tell(&records);
            let pieces = band(&story, story.last.as_secs_f64());
            assert!(pieces.windows(2).all(|w| w[0].end_s <= w[1].start_s), "{pieces:?}");
        }
    }
}
