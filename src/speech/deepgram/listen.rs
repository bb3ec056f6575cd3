//! The recognizer of one leg: utterances become stretches of one connection's sound.
//!
//! Only utterances are sent, so time on the connection is not the call's time: an [`Utterance`] knows where on it it
//! begins. Its end is told by `Finalize`; the final result is what was final by then, plus the answer.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use crate::base::{FRAME_MICROS, Fault, Frame, Organ, Rate, Time, UtteranceId};
use crate::listen::types::{Hypothesis, Word};
use crate::sound::g711;
use crate::speech::{Answering, RecognizerStream};

use super::Service;
use super::message::{Alternative, Results};
use super::socket::{Socket, ToServer};
use super::table::DeepgramEncoding;

/// Times of the server are this exact, in seconds.
const SLACK_SECS: f64 = 0.05;
/// More text than anybody says in one utterance.
const MAX_TEXT_BYTES: usize = 16_384;

/// The recognizer of one leg.
pub struct Leg {
    service: Arc<Service>,
    language: String,
    rate: Rate,
    socket: Option<Socket>,
    /// Sound sent on this connection, in frames.
    sent: u64,
    utterance: Option<Utterance>,
    trouble: Option<Fault>,
}

impl Leg {
    /// A leg that is connected.
    pub fn new(service: Arc<Service>, socket: Socket, language: String, rate: Rate) -> Self {
        Leg { service, language, rate, socket: Some(socket), sent: 0, utterance: None, trouble: None }
    }

    /// What came since the last time; the connection is given up if it broke.
    fn drain(&mut self) -> Result<bool, Fault> {
        let Some(socket) = &mut self.socket else { return Err(not_connected()) };
        let mut changed = false;
        loop {
            match socket.take() {
                Ok(Some(results)) => {
                    if let Some(utterance) = &mut self.utterance {
                        changed |= utterance.take(results)?;
                    }
                }
                Ok(None) => return Ok(changed),
                Err(fault) => {
                    self.socket = None;
                    return Err(fault);
                }
            }
        }
    }

    /// A connection that broke between two utterances is made anew, once.
    async fn reconnect(&mut self, fault: Fault) -> Result<(), Fault> {
        self.socket = Some(self.service.connect(&self.language, self.rate).await?);
        self.sent = 0;
        self.trouble = Some(fault);
        Ok(())
    }

    fn send(&mut self, what: ToServer) -> Result<(), Fault> {
        let sent = self.socket.as_mut().ok_or_else(not_connected)?.send(what);
        if sent.is_err() {
            self.socket = None;
        }
        sent
    }

    fn take_frame(&mut self, frame: &Frame) -> Result<Option<Hypothesis>, Fault> {
        self.send(ToServer::Sound(encoded(frame, self.service.table.encoding)))?;
        self.sent += 1;
        let changed = self.drain()?;
        Ok(self.utterance.as_ref().filter(|_| changed).map(Utterance::partial))
    }

    /// Waits for the final result.
    async fn finish(&mut self) -> Result<Hypothesis, Fault> {
        let Some(mut utterance) = self.utterance.take() else { return Err(not_begun()) };
        let end = self.sent as f64 * frame_secs();
        self.send(ToServer::Finalize)?;
        let patience = Duration::from_secs_f64(self.service.table.final_secs);
        let due = Instant::now() + patience;
        let socket = self.socket.as_mut().ok_or_else(not_connected)?;
        while !utterance.is_whole(end) {
            match timeout_at(due, socket.next()).await {
                Ok(Ok(results)) => {
                    utterance.take(results)?;
                }
                Ok(Err(fault)) => {
                    self.socket = None;
                    return Err(fault);
                }
                Err(_) => {
                    let fault = Fault::Stalled { organ: Organ::Ear, after_ms: patience.as_millis() as u64 };
                    if !utterance.has_any() {
                        // A server that said nothing of a whole utterance is not asked again.
                        self.socket = None;
                        return Err(fault);
                    }
                    self.trouble = Some(fault);
                    break;
                }
            }
        }
        Ok(utterance.whole())
    }
}

fn frame_secs() -> f64 {
    FRAME_MICROS as f64 / 1e6
}

fn not_connected() -> Fault {
    Fault::Failed { organ: Organ::Ear, detail: "Deepgram is not connected".into() }
}

fn not_begun() -> Fault {
    Fault::Failed { organ: Organ::Ear, detail: "sound or an end came before the utterance's begin".into() }
}

fn encoded(frame: &Frame, encoding: DeepgramEncoding) -> Vec<u8> {
    match encoding {
        DeepgramEncoding::Linear16 => frame.samples().iter().flat_map(|sample| sample.to_le_bytes()).collect(),
        DeepgramEncoding::Mulaw => frame.samples().iter().map(|&sample| g711::ulaw_encode(sample)).collect(),
    }
}

impl RecognizerStream for Leg {
    fn begin(&mut self, _: UtteranceId, at: Time) -> Answering<'_, ()> {
        Box::pin(async move {
            self.utterance = None;
            if let Err(fault) = self.drain() {
                self.reconnect(fault).await?;
            }
            self.utterance = Some(Utterance::new(at, self.sent as f64 * frame_secs()));
            Ok(())
        })
    }

    fn push(&mut self, frame: Frame) -> Answering<'_, Option<Hypothesis>> {
        let heard = if self.utterance.is_some() { self.take_frame(&frame) } else { Err(not_begun()) };
        Box::pin(std::future::ready(heard))
    }

    fn end(&mut self) -> Answering<'_, Hypothesis> {
        Box::pin(self.finish())
    }

    fn trouble(&mut self) -> Option<Fault> {
        self.trouble.take()
    }
}

/// What is known of an utterance.
#[derive(Debug)]
struct Utterance {
    at: Time,
    /// Where it begins in the connection's sound, in s.
    base: f64,
    settled: Vec<Alternative>,
    open: Option<Alternative>,
    /// Up to where the words won't change, in s of the connection's sound.
    settled_until: f64,
    is_answered: bool,
}

impl Utterance {
    fn new(at: Time, base: f64) -> Self {
        Utterance { at, base, settled: Vec::new(), open: None, settled_until: base, is_answered: false }
    }

    /// True if the text may have changed. What belongs to an earlier utterance is passed over.
    fn take(&mut self, results: Results) -> Result<bool, Fault> {
        if results.end() <= self.base + SLACK_SECS {
            return Ok(false);
        }
        let (is_final, from_finalize, end) = (results.is_final, results.from_finalize, results.end());
        let best = results.best();
        if is_final {
            self.settled_until = self.settled_until.max(end);
            self.is_answered |= from_finalize;
            self.open = None;
            self.settled.push(best);
        } else {
            self.open = Some(best);
        }
        if self.readings().map(|reading| reading.transcript.len()).sum::<usize>() > MAX_TEXT_BYTES {
            return Err(Fault::Malformed { organ: Organ::Ear, detail: format!("more than {MAX_TEXT_BYTES} octets of text for one utterance") });
        }
        Ok(true)
    }

    /// True if nothing more is to come for an utterance that ends here.
    fn is_whole(&self, end: f64) -> bool {
        self.is_answered || self.settled_until + SLACK_SECS >= end
    }

    fn has_any(&self) -> bool {
        self.readings().next().is_some()
    }

    fn readings(&self) -> impl Iterator<Item = &Alternative> {
        self.settled.iter().chain(&self.open)
    }

    fn text(&self) -> String {
        let words = self.readings().flat_map(|reading| reading.transcript.split_whitespace());
        words.map(str::to_lowercase).collect::<Vec<_>>().join(" ")
    }

    fn partial(&self) -> Hypothesis {
        Hypothesis { text: self.text(), confidence: None, words: Vec::new(), accepted: true }
    }

    fn whole(&self) -> Hypothesis {
        let text = self.text();
        let known = |confidence: f32| if confidence.is_finite() { confidence.clamp(0.0, 1.0) } else { 0.0 };
        let moment = |secs: f64| self.at + Duration::try_from_secs_f64((secs - self.base).max(0.0)).unwrap_or_default();
        let words: Vec<Word> = self
            .readings()
            .flat_map(|reading| &reading.words)
            .map(|word| Word {
                text: word.word.to_lowercase(),
                start: moment(word.start),
                end: moment(word.end.max(word.start)),
                confidence: word.confidence.map(known),
            })
            .collect();
        // Each stretch counts by its words.
        let (sum, count) = self.readings().fold((0.0, 0), |(sum, count), reading| match reading.confidence {
            Some(confidence) => {
                let n = reading.transcript.split_whitespace().count();
                (sum + known(confidence) * n as f32, count + n)
            }
            None => (sum, count),
        });
        Hypothesis { confidence: (count > 0).then(|| sum / count as f32), accepted: !text.is_empty(), text, words }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::speech::deepgram::message::{Message, read};

    fn results(start: f64, duration: f64, is_final: bool, from_finalize: bool, text: &str) -> Results {
        let words: Vec<serde_json::Value> = text
            .split_whitespace()
            .enumerate()
            .map(|(n, word)| serde_json::json!({"word": word, "start": start + n as f64 * 0.2, "end": start + n as f64 * 0.2 + 0.1, "confidence": 0.9}))
            .collect();
        let message = serde_json::json!({"type": "Results", "start": start, "duration": duration, "is_final": is_final, "from_finalize": from_finalize,
            "channel": {"alternatives": [{"transcript": text, "confidence": 0.8, "words": words}]}});
        match read(&message.to_string()) {
            Ok(Message::Results(results)) => results,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn final_stretches_are_joined_and_times_are_the_call_s() {
        let at = Time::from_secs_f64(5.0);
        let mut utterance = Utterance::new(at, 10.0);
        assert_eq!(utterance.take(results(8.0, 2.0, true, true, "before")), Ok(false), "it belongs to the utterance before");
        assert_eq!(utterance.take(results(10.0, 1.0, false, false, "Where")), Ok(true));
        assert_eq!(utterance.partial().text, "where");
        utterance.take(results(10.0, 1.5, true, false, "Where is")).expect("sound");
        utterance.take(results(11.5, 0.5, false, false, "may")).expect("sound");
        assert_eq!(utterance.partial().text, "where is may");
        assert!(!utterance.is_whole(12.0));
        utterance.take(results(11.5, 0.5, true, true, "my order")).expect("sound");
        assert!(utterance.is_whole(12.0));
        let heard = utterance.whole();
        assert_eq!((heard.text.as_str(), heard.accepted), ("where is my order", true));
        assert!(heard.confidence.is_some_and(|c| (c - 0.8).abs() < 1e-6));
        assert_eq!(heard.words[2].start, at + Duration::from_millis(1_500));
        assert_eq!(heard.words.len(), 4);
    }

    #[test]
    fn silence_is_heard_as_nothing() {
        let mut utterance = Utterance::new(Time::default(), 0.0);
        assert!(!utterance.has_any());
        utterance.take(results(0.0, 1.0, true, true, "")).expect("sound");
        assert!(utterance.has_any() && utterance.is_whole(1.0));
        assert!(!utterance.whole().accepted);
        assert_eq!(utterance.whole().confidence, None);
    }

    #[test]
    fn endless_text_is_refused() {
        let mut utterance = Utterance::new(Time::default(), 0.0);
        let long = "word ".repeat(1_000);
        let fault = (0..10).find_map(|n| utterance.take(results(f64::from(n), 1.0, true, false, &long)).err());
        assert!(matches!(fault, Some(Fault::Malformed { .. })), "{fault:?}");
    }
}
