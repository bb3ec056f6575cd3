//! Engines at work: one task for the bot of a call, one for the recognizer of a leg, one for each sentence to be spoken
//! and for each turn to be compared.
//!
//! Every request has a number and gets exactly one last [`Answer`], so that a driver on virtual time can wait for it; a
//! request to a bot that was cancelled, or overtaken by a newer one, gets none and is not waited for.
//! Queues are bounded; when one is full the request is answered with a fault.

use std::sync::Arc;

use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::base::{Fault, Frame, LegId, Organ, PlaybackId, Rate, Time, UtteranceId, Wording};
use crate::bot::{Bot, BotAct, BotOpening, BotStream};
use crate::call::BotRequest;
use crate::listen::signal::repeat::{Comparison, Verdict};
use crate::listen::types::{BotEvent, BotReport, Hypothesis};
use crate::speech::voice::Voice;
use crate::speech::{EarOpening, Recognizer, RecognizerStream};

/// Requests that may wait for one engine: more than ten seconds of frames.
pub const QUEUE: usize = 512;
/// Sentences of a bot that may wait to be taken.
const ACTS: usize = 32;

/// Numbers requests to engines within a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// An engine's answer.
#[derive(Debug)]
pub struct Answer {
    /// Which request.
    pub request: RequestId,
    /// True if no other answer to this request follows.
    pub last: bool,
    /// What it says.
    pub answered: Answered,
}

/// What an engine says.
#[derive(Debug)]
pub enum Answered {
    /// A recognizer took a frame, and may have a new partial result.
    Partial(LegId, UtteranceId, Result<Option<Hypothesis>, Fault>),
    /// A recognizer's final result.
    Final(LegId, UtteranceId, Result<Hypothesis, Fault>),
    /// How a caller's turn compares with those before it, in sound.
    Compared(LegId, Verdict),
    /// An engine got over this.
    Trouble(Fault),
    /// The bot says something.
    Says(BotRequest, Wording),
    /// The bot is done with a request.
    Reported(BotRequest, Result<BotReport, Fault>),
    /// Sound of a playback; a fault is told beside whatever sound there is.
    Sound {
        /// Which playback.
        id: PlaybackId,
        /// Samples at the bridge's rate.
        samples: Vec<i16>,
        /// True if more follows.
        more: bool,
        /// What went wrong.
        fault: Option<Fault>,
    },
}

impl Answered {
    /// Which part of the gateway answered.
    pub fn organ(&self) -> Organ {
        match self {
            Answered::Partial(..) | Answered::Final(..) | Answered::Compared(..) => Organ::Ear,
            Answered::Says(..) | Answered::Reported(..) => Organ::Bot,
            Answered::Sound { .. } => Organ::Voice,
            Answered::Trouble(fault) => fault.organ(),
        }
    }
}

/// What a recognizer task is asked.
#[derive(Debug)]
pub enum EarRequest {
    /// An utterance begins.
    Begin(RequestId, UtteranceId, Time),
    /// 20 ms of it.
    Push(RequestId, UtteranceId, Frame),
    /// It is over.
    End(RequestId, UtteranceId),
}

/// What a bot task is asked.
#[derive(Debug)]
pub enum BotTask {
    /// Work on this.
    Tell(RequestId, BotRequest, BotEvent),
    /// The answer to this is not wanted any more.
    Cancel(BotRequest),
    /// Of what it said the caller heard only a part.
    Cut(Cut),
}

/// What a caller heard of what a bot said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// What the bot said in one act.
    pub said: String,
    /// What was heard of it; empty if nothing was.
    pub heard: String,
}

/// Compares turns of a leg, which takes milliseconds: too long for a thread that moves sound.
pub async fn compare(comparison: Box<Comparison>, leg: LegId, request: RequestId, answers: Sender<Answer>) {
    let answered = Answered::Compared(leg, comparison.run());
    // The call may be over.
    let _ = answers.send(Answer { request, last: true, answered }).await;
}

/// Opens a recognizer for a leg and works on its requests until the queue is closed.
pub async fn hear(recognizer: Arc<dyn Recognizer>, opening: EarOpening, mut requests: Receiver<EarRequest>, answers: Sender<Answer>) {
    let leg = opening.leg;
    let mut stream = recognizer.open(opening).await;
    let mut broken: Option<(UtteranceId, Fault)> = None;
    while let Some(asked) = requests.recv().await {
        let (request, answered) = match (&mut stream, asked) {
            (Err(fault), EarRequest::Begin(request, utterance, _) | EarRequest::Push(request, utterance, _)) => {
                (request, Answered::Partial(leg, utterance, Err(fault.clone())))
            }
            (Err(fault), EarRequest::End(request, utterance)) => (request, Answered::Final(leg, utterance, Err(fault.clone()))),
            (Ok(stream), asked) => {
                let done = work(&mut **stream, leg, asked, &mut broken).await;
                while let Some(fault) = stream.trouble() {
                    if answers.send(Answer { request: done.0, last: false, answered: Answered::Trouble(fault) }).await.is_err() {
                        return;
                    }
                }
                done
            }
        };
        if answers.send(Answer { request, last: true, answered }).await.is_err() {
            return;
        }
    }
}

/// One request to a recognizer. After a failure the rest of the utterance is answered with the same fault.
async fn work(stream: &mut dyn RecognizerStream, leg: LegId, asked: EarRequest, broken: &mut Option<(UtteranceId, Fault)>) -> (RequestId, Answered) {
    let is_broken = |utterance| broken.as_ref().filter(|(u, _)| *u == utterance).map(|(_, fault)| fault.clone());
    let (request, utterance, answered) = match asked {
        EarRequest::Begin(request, utterance, at) => {
            (request, utterance, Answered::Partial(leg, utterance, stream.begin(utterance, at).await.map(|()| None)))
        }
        EarRequest::Push(request, utterance, frame) => {
            let heard = match is_broken(utterance) {
                Some(fault) => Err(fault),
                None => stream.push(frame).await,
            };
            (request, utterance, Answered::Partial(leg, utterance, heard))
        }
        EarRequest::End(request, utterance) => {
            let heard = match is_broken(utterance) {
                Some(fault) => Err(fault),
                None => stream.end().await,
            };
            (request, utterance, Answered::Final(leg, utterance, heard))
        }
    };
    if let Answered::Partial(_, _, Err(fault)) | Answered::Final(_, _, Err(fault)) = &answered {
        *broken = Some((utterance, fault.clone()));
    }
    (request, answered)
}

/// Opens a bot for a call and works on its requests until the queue is closed. A new request, or a cancellation, drops
/// the one that is being worked on.
pub async fn serve(bot: Arc<dyn Bot>, opening: BotOpening, mut tasks: Receiver<BotTask>, answers: Sender<Answer>) {
    let mut stream = bot.open(opening).await;
    let mut next = None;
    loop {
        let task = match next.take() {
            Some(task) => task,
            None => match tasks.recv().await {
                Some(task) => task,
                None => return,
            },
        };
        let (request, told, event) = match (task, &mut stream) {
            (BotTask::Tell(request, told, event), _) => (request, told, event),
            (BotTask::Cut(cut), Ok(stream)) => {
                stream.cut(&cut.said, &cut.heard);
                continue;
            }
            (BotTask::Cut(_), Err(_)) | (BotTask::Cancel(_), _) => continue,
        };
        let taken = match &mut stream {
            Ok(stream) => {
                let mut cuts = Vec::new();
                let taken = tell(&mut **stream, (request, told, event), &mut tasks, &answers, &mut cuts).await;
                cuts.iter().for_each(|cut| stream.cut(&cut.said, &cut.heard));
                taken
            }
            Err(fault) => report(&answers, request, told, Err(fault.clone())).await.map(|()| None),
        };
        match taken {
            Some(task) => next = task,
            None => return,
        }
    }
}

/// Works on one request; gives back a newer one that came meanwhile, and `None` when nobody listens any more. What was not
/// heard of what was said, because it came too late or was talked over, is added to `cuts`.
async fn tell(
    stream: &mut dyn BotStream,
    (request, told, event): (RequestId, BotRequest, BotEvent),
    tasks: &mut Receiver<BotTask>,
    answers: &Sender<Answer>,
    cuts: &mut Vec<Cut>,
) -> Option<Option<BotTask>> {
    let (acts, mut said) = channel(ACTS);
    let mut telling = stream.tell(event, acts);
    let done = loop {
        tokio::select! {
            biased;
            task = tasks.recv() => match task {
                Some(BotTask::Cancel(other)) if other != told => {}
                Some(BotTask::Cancel(_)) => {
                    cuts.extend(unsaid(&mut said));
                    return Some(None);
                }
                Some(BotTask::Cut(cut)) => cuts.push(cut),
                Some(newer @ BotTask::Tell(..)) => {
                    cuts.extend(unsaid(&mut said));
                    return Some(Some(newer));
                }
                None => return None,
            },
            Some(act) = said.recv() => say(answers, request, told, act).await?,
            done = &mut telling => break done,
        }
    };
    while let Ok(act) = said.try_recv() {
        say(answers, request, told, act).await?;
    }
    report(answers, request, told, done).await?;
    Some(None)
}

/// What a bot said too late.
fn unsaid(said: &mut Receiver<BotAct>) -> impl Iterator<Item = Cut> + '_ {
    std::iter::from_fn(|| said.try_recv().ok()).filter_map(|act| match act {
        BotAct::Say(wording) => Some(Cut { said: wording.words(), heard: String::new() }),
        BotAct::Trouble(_) => None,
    })
}

async fn say(answers: &Sender<Answer>, request: RequestId, told: BotRequest, act: BotAct) -> Option<()> {
    let answered = match act {
        BotAct::Say(wording) => Answered::Says(told, wording),
        BotAct::Trouble(fault) => Answered::Trouble(fault),
    };
    answers.send(Answer { request, last: false, answered }).await.ok()
}

async fn report(answers: &Sender<Answer>, request: RequestId, told: BotRequest, report: Result<BotReport, Fault>) -> Option<()> {
    answers.send(Answer { request, last: true, answered: Answered::Reported(told, report) }).await.ok()
}

/// What is to be spoken, for whom and how.
#[derive(Debug)]
pub struct Saying {
    /// The playback.
    pub id: PlaybackId,
    /// The words.
    pub wording: Wording,
    /// BCP 47 language.
    pub language: Arc<str>,
    /// Rate of the samples.
    pub rate: Rate,
}

/// Speaks a wording that is not in the cache, chunk by chunk.
pub async fn speak(voice: Arc<Voice>, saying: Saying, request: RequestId, answers: Sender<Answer>) {
    let id = saying.id;
    let failed = |fault| Answered::Sound { id, samples: Vec::new(), more: false, fault: Some(fault) };
    let mut stream = match voice.speak(&saying.wording, &saying.language, saying.rate).await {
        Ok(stream) => stream,
        Err(fault) => {
            // Nobody is left to tell when the call is over.
            let _ = answers.send(Answer { request, last: true, answered: failed(fault) }).await;
            return;
        }
    };
    loop {
        let answered = match stream.next().await {
            Ok(Some(samples)) => Answered::Sound { id, samples, more: true, fault: None },
            Ok(None) => Answered::Sound { id, samples: Vec::new(), more: false, fault: None },
            Err(fault) => failed(fault),
        };
        let last = matches!(answered, Answered::Sound { more: false, .. });
        if answers.send(Answer { request, last, answered }).await.is_err() || last {
            return;
        }
    }
}

/// The fault of a queue that is full.
pub fn full(organ: Organ) -> Fault {
    Fault::Overloaded { organ, detail: format!("more than {QUEUE} requests are waiting") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{CallId, Key};
    use crate::speech::Answering;

    use parking_lot::Mutex;

    /// Says the key that it is told and goes on for ever at `*`; notes what it is told of what was heard.
    #[derive(Clone, Default)]
    struct Parrot(Arc<Mutex<Vec<String>>>);

    impl Parrot {
        fn note(&self, what: String) {
            self.0.lock().push(what);
        }
    }

    impl Bot for Parrot {
        fn name(&self) -> &str {
            "parrot"
        }
        fn vocabulary(&self) -> Vec<String> {
            Vec::new()
        }
        fn phrases(&self) -> Vec<String> {
            Vec::new()
        }
        fn open(&self, _: BotOpening) -> Answering<'_, Box<dyn BotStream>> {
            Box::pin(std::future::ready(Ok(Box::new(self.clone()) as Box<dyn BotStream>)))
        }
    }

    impl BotStream for Parrot {
        fn tell(&mut self, event: BotEvent, acts: Sender<BotAct>) -> Answering<'_, BotReport> {
            Box::pin(async move {
                let BotEvent::Key(key) = event else { return Ok(BotReport::default()) };
                self.note(format!("told {}", key.label()));
                acts.send(BotAct::Say(Wording::text(key.label().to_string()))).await.expect("somebody listens");
                if key.label() == '*' {
                    std::future::pending::<()>().await;
                }
                Ok(BotReport::default())
            })
        }
        fn cut(&mut self, said: &str, heard: &str) {
            self.note(format!("cut {said} to {heard}"));
        }
    }

    fn tell(n: u32, key: char) -> BotTask {
        BotTask::Tell(RequestId(u64::from(n)), BotRequest(n), BotEvent::Key(Key::new(key).expect("a key")))
    }

    fn cut(said: &str) -> BotTask {
        BotTask::Cut(Cut { said: said.into(), heard: "x".into() })
    }

    #[tokio::test]
    async fn a_bot_is_told_what_was_not_heard_before_it_is_told_more() {
        let parrot = Parrot::default();
        let opening = BotOpening {
            call: CallId(uuid::Uuid::nil()),
            called: "1".into(),
            caller: None,
            language: "en".into(),
            wall: "2026-03-03T10:00:00+00:00[UTC]".parse().expect("a time"),
            hears_words: true,
        };
        let ((tasks, queue), (answers, mut answered)) = (channel(QUEUE), channel(QUEUE));
        let serving = tokio::spawn(serve(Arc::new(parrot.clone()), opening, queue, answers));
        tasks.send(tell(0, '1')).await.expect("it serves");
        while !answered.recv().await.expect("it answers").last {}
        tasks.send(cut("1")).await.expect("it serves");
        // It is talked over while it works, and overtaken.
        tasks.send(tell(1, '*')).await.expect("it serves");
        answered.recv().await.expect("it says what it was told");
        tasks.send(cut("*")).await.expect("it serves");
        tasks.send(tell(2, '2')).await.expect("it serves");
        while !answered.recv().await.expect("it answers").last {}
        drop(tasks);
        serving.await.expect("it ends");
        let noted = parrot.0.lock().clone();
        assert_eq!(noted, ["told 1", "cut 1 to x", "told *", "cut * to x", "told 2"]);
    }
}
