//! A bot that stands behind another one, as an embedded one does behind a hosted one.
//!
//! When the first one fails, the other is told what it failed at, and everything after it, to the end of the call: nothing
//! that the caller said is lost, and nobody waits for what is broken again. What went wrong is told as [`BotAct::Trouble`].

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::Sender;

use crate::base::Fault;
use crate::speech::Answering;

use super::{Bot, BotAct, BotEvent, BotOpening, BotReport, BotStream};

/// A bot and the one that takes over.
pub struct WithStandby {
    first: Arc<dyn Bot>,
    standby: Arc<dyn Bot>,
}

impl WithStandby {
    /// `standby` takes over where `first` fails.
    pub fn new(first: Arc<dyn Bot>, standby: Arc<dyn Bot>) -> Self {
        WithStandby { first, standby }
    }
}

impl Bot for WithStandby {
    fn name(&self) -> &str {
        self.first.name()
    }

    fn vocabulary(&self) -> Vec<String> {
        [self.first.vocabulary(), self.standby.vocabulary()].concat()
    }

    fn phrases(&self) -> Vec<String> {
        [self.first.phrases(), self.standby.phrases()].concat()
    }

    fn replay_delay(&self) -> Duration {
        self.first.replay_delay()
    }

    fn open(&self, opening: BotOpening) -> Answering<'_, Box<dyn BotStream>> {
        Box::pin(async move {
            let serving = match self.first.open(opening.clone()).await {
                Ok(stream) => Serving::First(stream),
                Err(fault) => Serving::Failed(fault),
            };
            Ok(Box::new(CallBots { opening, standby: self.standby.clone(), serving }) as Box<dyn BotStream>)
        })
    }
}

/// Who serves.
enum Serving {
    First(Box<dyn BotStream>),
    /// The first one failed, and the other is not there yet.
    Failed(Fault),
    Standby(Box<dyn BotStream>),
}

/// The bots of one call.
struct CallBots {
    opening: BotOpening,
    standby: Arc<dyn Bot>,
    serving: Serving,
}

impl BotStream for CallBots {
    fn tell(&mut self, event: BotEvent, acts: Sender<BotAct>) -> Answering<'_, BotReport> {
        Box::pin(async move {
            if let Serving::First(stream) = &mut self.serving {
                match stream.tell(event.clone(), acts.clone()).await {
                    Ok(report) => return Ok(report),
                    Err(fault) => self.serving = Serving::Failed(fault),
                }
            }
            if let Serving::Failed(fault) = &self.serving {
                tracing::warn!(%fault, call = %self.opening.call, "the bot failed; the one behind it serves from now on");
                // Nobody to take it means that the call is over.
                let _ = acts.send(BotAct::Trouble(fault.clone())).await;
                self.serving = Serving::Standby(self.standby.open(self.opening.clone()).await?);
            }
            match &mut self.serving {
                Serving::First(stream) | Serving::Standby(stream) => stream.tell(event, acts).await,
                Serving::Failed(fault) => Err(fault.clone()),
            }
        })
    }

    fn cut(&mut self, said: &str, heard: &str) {
        match &mut self.serving {
            Serving::First(stream) | Serving::Standby(stream) => stream.cut(said, heard),
            Serving::Failed(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{CallId, Organ, Wording};
    use std::future::ready;

    /// Says its name; fails from the event with this number on.
    struct Named(&'static str, usize);

    struct Saying(&'static str, usize, usize);

    impl Bot for Named {
        fn name(&self) -> &str {
            self.0
        }
        fn vocabulary(&self) -> Vec<String> {
            vec![self.0.into()]
        }
        fn phrases(&self) -> Vec<String> {
            Vec::new()
        }
        fn open(&self, _: BotOpening) -> Answering<'_, Box<dyn BotStream>> {
            Box::pin(ready(Ok(Box::new(Saying(self.0, self.1, 0)) as Box<dyn BotStream>)))
        }
    }

    impl BotStream for Saying {
        fn tell(&mut self, event: BotEvent, acts: Sender<BotAct>) -> Answering<'_, BotReport> {
            self.2 += 1;
            Box::pin(async move {
                let key = if let BotEvent::Key(key) = event { key.label() } else { ' ' };
                acts.send(BotAct::Say(Wording::text(format!("{}{key}", self.0)))).await.expect("somebody listens");
                if self.2 > self.1 { Err(Fault::Failed { organ: Organ::Bot, detail: "broken".into() }) } else { Ok(BotReport::default()) }
            })
        }
    }

    fn opening() -> BotOpening {
        let wall = "2026-03-03T10:00:00+00:00[UTC]".parse().expect("a time");
        BotOpening { call: CallId(uuid::Uuid::nil()), called: "1".into(), caller: None, language: "en".into(), wall, hears_words: true }
    }

    async fn told(bot: &dyn Bot, keys: &str) -> (String, bool) {
        let (acts, mut said) = tokio::sync::mpsc::channel(32);
        let mut stream = bot.open(opening()).await.expect("it opens");
        let mut is_well = true;
        for key in keys.chars() {
            let event = BotEvent::Key(key.try_into().expect("a key"));
            is_well = stream.tell(event, acts.clone()).await.is_ok();
        }
        drop(acts);
        let mut words = Vec::new();
        while let Some(act) = said.recv().await {
            words.push(match act {
                BotAct::Say(wording) => wording.words(),
                BotAct::Trouble(_) => "!".into(),
            });
        }
        (words.join(" "), is_well)
    }

    #[tokio::test]
    async fn whoever_takes_over_is_told_what_the_first_one_failed_at_and_serves_to_the_end() {
        for (fails_after, standby_fails_after, said, is_well) in [
            (9, 9, "first1 first2 first3", true),
            (1, 9, "first1 first2 ! second2 second3", true),
            (0, 9, "first1 ! second1 second2 second3", true),
            (1, 0, "first1 first2 ! second2 second3", false),
        ] {
            let both = WithStandby::new(Arc::new(Named("first", fails_after)), Arc::new(Named("second", standby_fails_after)));
            assert_eq!(told(&both, "123").await, (said.to_owned(), is_well));
            assert_eq!(both.vocabulary(), ["first", "second"]);
        }
    }
}
