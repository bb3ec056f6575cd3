//! A line that calls: a visitor at a page is a caller like any other.

use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::watch;

use super::line::{Line, LineState, NotFree};
use crate::base::{Key, Pii};
use crate::call::Gone;
use crate::edge::{Invited, LEG_QUEUE, Leg, LegCommand, LegEvent, Wire};

/// Keys that a page may have pressed and nobody taken.
const KEYS: usize = 32;

/// Who calls from a page, and whom.
#[derive(Clone, Debug, Default)]
pub struct Visit {
    /// The number that the page stands for.
    pub called: String,
    /// Who the visitor says they are, if they were asked.
    pub caller: Option<Pii<String>>,
    /// What else the page knows, by name.
    pub data: Vec<(String, Pii<String>)>,
}

impl Line {
    /// The line rings as a call, and belongs to it until it is over; then it is closed. Keys that are pressed on the page
    /// go into the sender.
    ///
    /// # Errors
    /// Another leg has the line, or it is gone.
    pub fn call(&self, visit: Visit) -> Result<(Invited, Sender<Key>), NotFree> {
        let (plan, wire) = self.attach()?;
        let ((commands, asked), (tell, events), (press, pressed)) = (channel(LEG_QUEUE), channel(LEG_QUEUE), channel(KEYS));
        let rate = plan.codec.band();
        let from = plan.remote;
        let media = LegEvent::Media { plan, wire: Some(Wire::Line(wire)) };
        let line = self.clone();
        self.handle().spawn(async move {
            visit_on(&line, media, (asked, tell, pressed)).await;
            line.close();
        });
        let Visit { called, caller, data } = visit;
        let reference = format!("line {}", self.id());
        Ok((Invited { called, caller, data, trunk: None, rate, from, reference, leg: Leg { commands, events } }, press))
    }
}

async fn until(state: &mut watch::Receiver<LineState>, wanted: LineState) {
    // It fails if nobody has the line any more; then it is gone, which the other one tells.
    drop(state.wait_for(|state| *state == wanted).await);
}

/// Until either side hangs up.
async fn visit_on(line: &Line, media: LegEvent, (mut asked, tell, mut pressed): (Receiver<LegCommand>, Sender<LegEvent>, Receiver<Key>)) {
    let (mut state, mut media) = (line.state(), Some(media));
    let (mut has_keys, mut is_taken) = (true, false);
    let mut up = line.state();
    loop {
        let event = tokio::select! {
            command = asked.recv() => match command {
                Some(LegCommand::Answer) => {
                    is_taken = true;
                    continue;
                }
                Some(LegCommand::Refer { .. }) => LegEvent::Unmovable,
                Some(LegCommand::Ring | LegCommand::Hold(_) | LegCommand::Referral { .. }) => continue,
                None | Some(LegCommand::HangUp { .. } | LegCommand::Refuse { .. }) => return,
            },
            // Who is still being connected would miss the first words.
            () = until(&mut up, LineState::Up), if is_taken && media.is_some() => match media.take() {
                Some(media) => {
                    // If it fails the call is over.
                    let _ = tell.send(media).await;
                    LegEvent::Answered
                }
                None => continue,
            },
            key = pressed.recv(), if has_keys => match key {
                Some(key) => LegEvent::Key(key),
                None => {
                    has_keys = false;
                    continue;
                }
            },
            // An interrupted line may be back; whether the caller has been silent for too long is the call's to say.
            () = until(&mut state, LineState::Gone) => LegEvent::Gone(Gone::HungUp),
        };
        let is_over = matches!(event, LegEvent::Gone(_));
        // If it fails the call is over.
        let _ = tell.send(event).await;
        if is_over {
            return;
        }
    }
}
