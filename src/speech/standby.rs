//! An embedded recognizer that stands behind a hosted one.
//!
//! When the hosted one fails, the embedded one is given the whole utterance under way and everything after it, to the end of
//! the call: nothing that was said is lost, and no later utterance waits for what is broken. What went wrong is told as
//! [`RecognizerStream::trouble`].

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::base::{Fault, Frame, Time, UtteranceId};
use crate::listen::types::Hypothesis;

use super::{Answering, EarOpening, Recognizer, RecognizerStream};

/// Frames of an utterance that are kept for the one behind: one minute, more than any utterance is long.
const KEPT_FRAMES: usize = 3_000;

/// A recognizer and the one that takes over.
pub struct WithStandby {
    first: Arc<dyn Recognizer>,
    standby: Arc<dyn Recognizer>,
}

impl WithStandby {
    /// `standby` takes over where `first` fails.
    pub fn new(first: Arc<dyn Recognizer>, standby: Arc<dyn Recognizer>) -> Self {
        WithStandby { first, standby }
    }
}

impl Recognizer for WithStandby {
    fn name(&self) -> &str {
        self.first.name()
    }

    fn replay_delay(&self) -> Duration {
        self.first.replay_delay()
    }

    fn open(&self, opening: EarOpening) -> Answering<'_, Box<dyn RecognizerStream>> {
        Box::pin(async move {
            let mut leg = LegEars { opening, standby: self.standby.clone(), ear: Ear::None, utterance: None, told: VecDeque::new() };
            match self.first.open(leg.opening.clone()).await {
                Ok(stream) => leg.ear = Ear::First(stream),
                Err(fault) => drop(leg.take_over(fault).await?),
            }
            Ok(Box::new(leg) as Box<dyn RecognizerStream>)
        })
    }
}

/// Who listens.
enum Ear {
    First(Box<dyn RecognizerStream>),
    Standby(Box<dyn RecognizerStream>),
    None,
}

/// The utterance under way.
struct Utterance {
    id: UtteranceId,
    at: Time,
    frames: Vec<Frame>,
}

/// The recognizers of one leg.
struct LegEars {
    opening: EarOpening,
    standby: Arc<dyn Recognizer>,
    ear: Ear,
    utterance: Option<Utterance>,
    told: VecDeque<Fault>,
}

impl LegEars {
    /// The first one failed: the other is given what was said so far. Gives its latest partial result.
    async fn take_over(&mut self, fault: Fault) -> Result<Option<Hypothesis>, Fault> {
        tracing::warn!(%fault, call = %self.opening.call, "the hosted recognizer failed; the embedded one listens from now on");
        self.told.push_back(fault);
        self.ear = Ear::None;
        self.ear = Ear::Standby(self.standby.open(self.opening.clone()).await?);
        let (Ear::Standby(stream), Some(utterance)) = (&mut self.ear, self.utterance.take()) else { return Ok(None) };
        let mut heard = None;
        stream.begin(utterance.id, utterance.at).await?;
        for frame in &utterance.frames {
            heard = stream.push(*frame).await?.or(heard);
        }
        Ok(heard)
    }

    fn gone() -> Fault {
        Fault::Unavailable { organ: crate::base::Organ::Ear, detail: "neither the hosted recognizer nor the embedded one can listen".into() }
    }
}

impl RecognizerStream for LegEars {
    fn begin(&mut self, id: UtteranceId, at: Time) -> Answering<'_, ()> {
        Box::pin(async move {
            let keeps = matches!(self.ear, Ear::First(_));
            self.utterance = keeps.then(|| Utterance { id, at, frames: Vec::new() });
            match &mut self.ear {
                Ear::First(stream) => match stream.begin(id, at).await {
                    Ok(()) => Ok(()),
                    Err(fault) => self.take_over(fault).await.map(|_| ()),
                },
                Ear::Standby(stream) => stream.begin(id, at).await,
                Ear::None => Err(Self::gone()),
            }
        })
    }

    fn push(&mut self, frame: Frame) -> Answering<'_, Option<Hypothesis>> {
        Box::pin(async move {
            match &mut self.ear {
                Ear::First(stream) => {
                    if let Some(utterance) = &mut self.utterance
                        && utterance.frames.len() < KEPT_FRAMES
                    {
                        utterance.frames.push(frame);
                    }
                    match stream.push(frame).await {
                        Ok(heard) => Ok(heard),
                        Err(fault) => self.take_over(fault).await,
                    }
                }
                Ear::Standby(stream) => stream.push(frame).await,
                Ear::None => Err(Self::gone()),
            }
        })
    }

    fn end(&mut self) -> Answering<'_, Hypothesis> {
        Box::pin(async move {
            if let Ear::First(stream) = &mut self.ear {
                match stream.end().await {
                    Ok(heard) => {
                        self.utterance = None;
                        return Ok(heard);
                    }
                    Err(fault) => self.take_over(fault).await?,
                };
            }
            self.utterance = None;
            match &mut self.ear {
                Ear::First(stream) | Ear::Standby(stream) => stream.end().await,
                Ear::None => Err(Self::gone()),
            }
        })
    }

    fn trouble(&mut self) -> Option<Fault> {
        if let Some(fault) = self.told.pop_front() {
            return Some(fault);
        }
        match &mut self.ear {
            Ear::First(stream) | Ear::Standby(stream) => stream.trouble(),
            Ear::None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{CallId, LegId, Organ, Rate};
    use std::future::ready;
    use std::task::{Context, Poll, Waker};

    /// Counts frames; fails at this one, and at its end if `fails_at_end`.
    #[derive(Clone, Default)]
    struct Counter {
        name: &'static str,
        fails_at: Option<usize>,
        fails_at_end: bool,
        fails_to_open: bool,
    }

    struct Counting(Counter, usize);

    fn broken() -> Fault {
        Fault::Failed { organ: Organ::Ear, detail: "broken".into() }
    }

    impl Recognizer for Counter {
        fn name(&self) -> &str {
            self.name
        }
        fn replay_delay(&self) -> Duration {
            Duration::ZERO
        }
        fn open(&self, _: EarOpening) -> Answering<'_, Box<dyn RecognizerStream>> {
            let stream = Box::new(Counting(self.clone(), 0)) as Box<dyn RecognizerStream>;
            Box::pin(ready(if self.fails_to_open { Err(broken()) } else { Ok(stream) }))
        }
    }

    impl RecognizerStream for Counting {
        fn begin(&mut self, _: UtteranceId, _: Time) -> Answering<'_, ()> {
            self.1 = 0;
            Box::pin(ready(Ok(())))
        }
        fn push(&mut self, _: Frame) -> Answering<'_, Option<Hypothesis>> {
            self.1 += 1;
            Box::pin(ready(if self.0.fails_at == Some(self.1) { Err(broken()) } else { Ok(None) }))
        }
        fn end(&mut self) -> Answering<'_, Hypothesis> {
            let heard = Hypothesis { text: format!("{} {}", self.0.name, self.1), accepted: true, ..Hypothesis::default() };
            Box::pin(ready(if self.0.fails_at_end { Err(broken()) } else { Ok(heard) }))
        }
    }

    fn now<T>(future: impl Future<Output = T>) -> T {
        match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(answer) => answer,
            Poll::Pending => panic!("nothing to wait for"),
        }
    }

    fn utterance(stream: &mut dyn RecognizerStream, n: u32) -> Result<String, Fault> {
        now(stream.begin(UtteranceId(n), Time::default()))?;
        for _ in 0..10 {
            now(stream.push(Frame::silence(Rate::Hz8000)))?;
        }
        now(stream.end()).map(|heard| heard.text)
    }

    fn opening() -> EarOpening {
        EarOpening { call: CallId(uuid::Uuid::nil()), leg: LegId::CALLER, rate: Rate::Hz8000, language: "en".into() }
    }

    #[test]
    fn whoever_takes_over_is_given_the_whole_utterance_and_listens_to_the_end() {
        let hosted = Counter { name: "hosted", ..Counter::default() };
        for (first, heard, troubles) in [
            (hosted.clone(), ["hosted 10", "hosted 10"], 0),
            (Counter { fails_at: Some(7), ..hosted.clone() }, ["embedded 10", "embedded 10"], 1),
            (Counter { fails_at_end: true, ..hosted.clone() }, ["embedded 10", "embedded 10"], 1),
            (Counter { fails_to_open: true, ..hosted }, ["embedded 10", "embedded 10"], 1),
        ] {
            let both = WithStandby::new(Arc::new(first), Arc::new(Counter { name: "embedded", ..Counter::default() }));
            let mut stream = now(both.open(opening())).expect("the embedded one is there");
            let texts: Vec<String> = (0..2).map(|n| utterance(&mut *stream, n).expect("it is heard")).collect();
            assert_eq!(texts, heard);
            assert_eq!(std::iter::from_fn(|| stream.trouble()).count(), troubles);
        }
    }

    #[test]
    fn where_both_fail_each_utterance_says_so() {
        let broken = |name| Counter { name, fails_at: Some(3), ..Counter::default() };
        let both = WithStandby::new(Arc::new(broken("hosted")), Arc::new(broken("embedded")));
        let mut stream = now(both.open(opening())).expect("it opens");
        for n in 0..3 {
            assert!(utterance(&mut *stream, n).is_err());
        }
    }
}
