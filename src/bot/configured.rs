//! The configured bot: intents, slots and answers from a TOML file; no model, no network.
//!
//! [`ConfiguredBot::new`] takes a [`BotTable`] or names every mistake in it. The conversation itself is `Dialogue`, a
//! pure function of the file, the opening and the events, so that the same call always goes the same way; futures here
//! are ready at once. What it can't do: free conversation, or any language but English.

mod check;
mod dialogue;
mod hours;
mod matcher;
mod number;
mod plan;
mod table;
mod template;
mod values;
mod vocabulary;
mod when;
mod words;

use std::sync::Arc;

use tokio::sync::mpsc::Sender;

use crate::base::Problems;
use crate::listen::types::BotReport;
use crate::speech::Answering;

use super::{Bot, BotAct, BotEvent, BotOpening, BotStream};

pub use dialogue::{Dialogue, Reply};
pub use table::{
    AskTable, BotTable, HoursTable, IntentTable, LookupTable, MAX_FILE_BYTES, PersonTable, SaysTable, SlotKind, SlotTable, UnderstandingTable,
};
pub use vocabulary::{MAX_PHRASES, MAX_SENTENCES};

/// A bot that was configured in a file.
#[derive(Clone, Debug)]
pub struct ConfiguredBot {
    plan: Arc<plan::Plan>,
}

impl ConfiguredBot {
    /// Makes a bot of its file.
    ///
    /// # Errors
    /// Every mistake, by its key.
    pub fn new(table: BotTable) -> Result<ConfiguredBot, Problems> {
        let mut problems = Problems::default();
        table.check("", &mut problems);
        let table = problems.or(table)?;
        Ok(ConfiguredBot { plan: Arc::new(plan::Plan::new(table)) })
    }

    /// A conversation without the trait around it.
    pub fn dialogue(&self, opening: &BotOpening) -> Dialogue {
        Dialogue::new(self.plan.clone(), opening.wall.datetime(), opening.hears_words)
    }
}

impl Bot for ConfiguredBot {
    fn name(&self) -> &str {
        &self.plan.table.name
    }

    fn vocabulary(&self) -> Vec<String> {
        vocabulary::sentences(&self.plan)
    }

    fn phrases(&self) -> Vec<String> {
        vocabulary::phrases(&self.plan)
    }

    fn open(&self, opening: BotOpening) -> Answering<'_, Box<dyn BotStream>> {
        let stream: Box<dyn BotStream> = Box::new(Conversation { dialogue: self.dialogue(&opening) });
        Box::pin(std::future::ready(Ok(stream)))
    }
}

/// One call's conversation.
struct Conversation {
    dialogue: Dialogue,
}

impl BotStream for Conversation {
    fn tell(&mut self, event: BotEvent, acts: Sender<BotAct>) -> Answering<'_, BotReport> {
        let Reply { wording, report } = self.dialogue.handle(event);
        Box::pin(async move {
            if !wording.is_empty() {
                // Nobody to take it means that the call is over; the report is then dropped as well.
                let _ = acts.send(BotAct::Say(wording)).await;
            }
            Ok(report)
        })
    }
}

#[cfg(test)]
mod tests;
