//! An agent's line while it is a leg.

use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::sync::oneshot;

use crate::base::{AgentId, CallId, LegId};
use crate::call::Gone;
use crate::edge::{LEG_QUEUE, Leg, LegCommand, LegEvent, LineWire, MediaPlan};

use super::Lines;

/// A leg by a line: its sound, and signalling that knows how to end.
pub(in crate::gateway::live) struct Seat {
    pub leg: Leg,
    pub plan: MediaPlan,
    pub wire: LineWire,
}

impl Seat {
    pub(super) fn new(
        lines: Lines,
        agent: AgentId,
        seat: (CallId, LegId),
        (plan, wire): (MediaPlan, LineWire),
        broken: oneshot::Receiver<()>,
    ) -> Seat {
        let ((commands, asked), (tell, events)) = (channel(LEG_QUEUE), channel(LEG_QUEUE));
        tokio::spawn(async move {
            sit(asked, tell, broken).await;
            lines.stand_up(&agent, seat);
        });
        Seat { leg: Leg { commands, events }, plan, wire }
    }
}

/// Until the call hangs up, or the line breaks. The line itself stays with its agent.
async fn sit(mut asked: Receiver<LegCommand>, tell: Sender<LegEvent>, mut broken: oneshot::Receiver<()>) {
    loop {
        let event = tokio::select! {
            command = asked.recv() => match command {
                None | Some(LegCommand::HangUp { .. }) => return,
                // Nobody is sent anywhere by a line.
                Some(LegCommand::Refer { .. }) => LegEvent::Unmovable,
                Some(LegCommand::Ring | LegCommand::Answer | LegCommand::Refuse { .. } | LegCommand::Hold(_) | LegCommand::Referral { .. }) => continue,
            },
            _ = &mut broken => LegEvent::Gone(Gone::Lost),
        };
        let is_over = matches!(event, LegEvent::Gone(_));
        // If it fails the call is over.
        let _ = tell.send(event).await;
        if is_over {
            return;
        }
    }
}
