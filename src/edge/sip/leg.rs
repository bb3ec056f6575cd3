//! A leg whose dialog stands: what either side wants from now on.
//!
//! One task drives it ([`DialogLeg::run`]). Our own requests go out beside it, one offer at a time, so that the peer is
//! answered meanwhile. What is *not* here: how a dialog begins (`client`, `server`).

mod offers;
mod refer;

use std::sync::Arc;
use std::time::Duration;

use rsipstack::dialog::dialog::{DialogState, DialogStateReceiver, TerminatedReason, TransactionHandle};
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::{Headers, Request, Response, StatusCode};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Inner;
use super::peer::Peer;
use super::sdp::{Encryption, Terms};
use super::session::Session;
use crate::base::{Key, Time, Timers};
use crate::call::Gone;
use crate::edge::{Leg, LegCommand, LegEvent, MediaPlan};
use offers::Offering;
use refer::{Referral, Referring};

/// MIME type of descriptions.
pub(super) const SDP: &str = "application/sdp";

/// Q.850: normal call clearing.
const NORMAL_CLEARING: u16 = 16;
/// What may wait of a leg that is to be replaced.
const NEWS: usize = 8;

/// One leg's dialog, and what is agreed on.
pub(super) struct DialogLeg {
    dialog: InviteDialog,
    inner: Arc<Inner>,
    peer: Peer,
    pub terms: Terms,
    tell: Sender<LegEvent>,
    /// Our own requests that are not answered yet.
    asked: JoinSet<Answered>,
    offering: Offering,
    /// The answer to our offer in a 200 comes with the ACK of this number.
    answer_in_ack: Option<u32>,
    session: Option<Session>,
    referring: Referring,
    referral: Option<Referral>,
    /// How often the party asked to be transferred.
    referrals: u32,
    /// The dialog is over, and whoever takes its place is being rung.
    ended: Option<Gone>,
    /// We hang up for this reason as soon as the party knows how its transfer went.
    leaving: Option<String>,
    timers: Timers<Due>,
    opened: Instant,
    news: (Sender<News>, Receiver<News>),
}

/// Why a leg wakes up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// Two offers met; ours is sent again.
    Offer,
    /// The session has to be refreshed, or was not.
    Session,
    /// Nobody told how our REFER went.
    Referring,
    /// Nobody decided on the peer's REFER.
    Referral,
    /// The peer does not take the last NOTIFY.
    Leaving,
}

/// What a request of ours came to.
enum Answered {
    Offer(rsipstack::Result<Option<Response>>),
    Refresh(rsipstack::Result<Option<Response>>),
    Refer(rsipstack::Result<Option<Response>>),
    Notify,
}

/// What others tell a leg that stands.
pub(super) enum News {
    /// This leg takes its place: the party itself at another phone.
    Replacement(Leg),
    /// This leg takes its place: whoever the party wanted to.
    Brought(Leg),
    /// Whoever is to take its place: a SIP status.
    Progress(u16),
}

/// Whether the leg goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goes {
    On,
    Over,
}

impl DialogLeg {
    /// The leg of a dialog whose other side said this of itself. From now on another may take its place.
    pub fn new(inner: &Arc<Inner>, dialog: InviteDialog, terms: Terms, said: &Headers, tell: Sender<LegEvent>) -> Self {
        let news = channel(NEWS);
        inner.stand(dialog.id().to_string(), news.0.clone());
        DialogLeg {
            dialog,
            inner: inner.clone(),
            peer: Peer::read(said),
            terms,
            tell,
            asked: JoinSet::new(),
            offering: Offering::None,
            answer_in_ack: None,
            session: None,
            referring: Referring::Not,
            referral: None,
            referrals: 0,
            ended: None,
            leaving: None,
            timers: Timers::default(),
            opened: Instant::now(),
            news,
        }
    }

    /// What happened before there was a leg.
    pub async fn catch_up(&mut self, states: Vec<DialogState>) -> Goes {
        for state in states {
            if self.on_state(state).await == Goes::Over {
                return Goes::Over;
            }
        }
        Goes::On
    }

    /// Until the leg is over.
    pub async fn run(mut self, commands: &mut Receiver<LegCommand>, states: &mut DialogStateReceiver) {
        while self.step(commands, states).await == Goes::On {
            if self.referral.is_none()
                && let Some(reason) = self.leaving.take()
            {
                self.hang_up(&reason).await;
                return;
            }
        }
    }

    async fn step(&mut self, commands: &mut Receiver<LegCommand>, states: &mut DialogStateReceiver) -> Goes {
        let due = self.timers.next().map(|(at, _)| self.opened + at.since(Time::ZERO));
        tokio::select! {
            command = commands.recv(), if self.leaving.is_none() => self.on_command(command).await,
            state = states.recv(), if self.ended.is_none() => match state {
                Some(state) => self.on_state(state).await,
                None => Goes::Over,
            },
            Some(news) = self.news.1.recv() => self.on_news(news).await,
            Some(answered) = self.asked.join_next(), if !self.asked.is_empty() => match answered {
                Ok(answered) => self.on_answered(answered).await,
                Err(_) => Goes::On,
            },
            () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.on_due().await,
        }
    }

    async fn on_due(&mut self) -> Goes {
        match self.timers.pop(self.now()) {
            Some(Due::Offer) => self.offer(),
            Some(Due::Session) => return self.on_session_due().await,
            Some(Due::Referring) => return self.on_moved(matches!(self.referring, Referring::Told(true))).await,
            Some(Due::Referral) => self.notify(refer::UNDECIDED),
            Some(Due::Leaving) => self.referral = None,
            None => {}
        }
        Goes::On
    }

    async fn on_answered(&mut self, answered: Answered) -> Goes {
        match answered {
            Answered::Offer(answer) => self.on_offer_answered(answer).await,
            Answered::Refresh(answer) => self.on_refreshed(answer).await,
            Answered::Refer(answer) => self.on_refer_answered(answer).await,
            Answered::Notify => {
                self.on_notified();
                Goes::On
            }
        }
    }

    async fn on_command(&mut self, command: Option<LegCommand>) -> Goes {
        match command {
            None => return self.leave(reason(NORMAL_CLEARING, "Normal call clearing")).await,
            Some(LegCommand::HangUp { cause, text }) => return self.leave(reason(cause, &text)).await,
            Some(LegCommand::Hold(holds)) => self.hold(holds),
            Some(LegCommand::Refer { target, user_to_user }) => return self.refer(&target, user_to_user.as_deref()).await,
            Some(LegCommand::Referral { status }) => self.notify(status),
            Some(LegCommand::Ring | LegCommand::Answer | LegCommand::Refuse { .. }) => {}
        }
        Goes::On
    }

    /// Hangs up. Who asked for a transfer is told its end before (RFC 3515, 2.4.4).
    async fn leave(&mut self, reason: String) -> Goes {
        if self.referral.is_none() || self.ended.is_some() {
            return self.hang_up(&reason).await;
        }
        self.notify(refer::TERMINATED);
        self.leaving = Some(reason);
        self.set(Due::Leaving, refer::LAST_NOTIFY);
        Goes::On
    }

    async fn hang_up(&mut self, reason: &str) -> Goes {
        if self.ended.is_none()
            && let Err(error) = self.dialog.bye_with_reason(reason.to_owned()).await
        {
            tracing::debug!(%error, "a BYE found nobody");
        }
        Goes::Over
    }

    /// The leg is lost: whoever drives the call is told before the peer, who may not be there any more.
    async fn lose(&mut self, reason: &str) -> Goes {
        self.tell(LegEvent::Gone(Gone::Lost)).await;
        self.hang_up(reason).await
    }

    pub async fn on_state(&mut self, state: DialogState) -> Goes {
        match state {
            DialogState::Updated(_, request, handle) => self.on_update(&request, &handle).await,
            DialogState::Info(_, request, handle) => self.on_info(&request, &handle).await,
            DialogState::Notify(_, request, handle) => self.on_notify(&request, &handle).await,
            DialogState::Refer(_, request, handle) => self.on_refer(&request, &handle).await,
            DialogState::Options(_, _, handle) => reply(&handle, StatusCode::OK).await,
            DialogState::Publish(_, _, handle) | DialogState::Message(_, _, handle) => reply(&handle, StatusCode::MethodNotAllowed).await,
            DialogState::Terminated(_, reason) => self.on_over(gone(&reason)).await,
            DialogState::Confirmed(..) => self.on_confirmed().await,
            DialogState::Calling(_) | DialogState::Trying(_) | DialogState::Early(..) | DialogState::WaitAck(..) => Goes::On,
        }
    }

    /// A request of the peer was answered, or a 200 of ours acknowledged.
    async fn on_confirmed(&mut self) -> Goes {
        self.on_referral_accepted();
        self.on_notify_answered().await;
        self.on_acknowledged().await
    }

    async fn on_over(&mut self, gone: Gone) -> Goes {
        if self.referral.as_ref().is_some_and(refer::Referral::is_bringing) {
            // Trap 10: who transferred has left before the target answers. The place is kept for the target.
            self.ended = Some(gone);
            return Goes::On;
        }
        match self.referring {
            // Some phones hang up without a last NOTIFY: they took the transfer. Signalling that is lost tells nothing.
            Referring::Asked => drop(self.on_moved(gone == Gone::HungUp).await),
            Referring::Told(well) => drop(self.on_moved(well).await),
            Referring::Not | Referring::Decided => {}
        }
        self.tell(LegEvent::Gone(gone)).await
    }

    async fn on_news(&mut self, news: News) -> Goes {
        match news {
            News::Replacement(leg) => {
                self.tell(LegEvent::Replaced(leg)).await;
                self.leave("SIP;cause=200;text=\"Replaced\"".into()).await
            }
            News::Brought(leg) => {
                self.tell(LegEvent::Brought(leg)).await;
                self.notify(refer::DONE);
                self.leave("SIP;cause=200;text=\"Replaced\"".into()).await
            }
            News::Progress(status) => {
                self.notify(status);
                match self.ended {
                    Some(gone) if status >= 300 => self.tell(LegEvent::Gone(gone)).await,
                    Some(_) | None => Goes::On,
                }
            }
        }
    }

    /// Keys by INFO, in both spellings that phones have.
    async fn on_info(&mut self, request: &Request, handle: &TransactionHandle) -> Goes {
        let key = key_of(&request.body);
        reply(handle, StatusCode::OK).await;
        if let Some(key) = key {
            self.tell(LegEvent::Key(key)).await;
        }
        Goes::On
    }

    async fn changed(&mut self, plan: MediaPlan) {
        if plan.srtp.is_some() {
            // What is encrypted stays so, whoever offers next.
            self.terms.srtp = Encryption::Required;
        }
        self.tell(LegEvent::Media { plan, wire: None }).await;
    }

    /// Tells whoever drives the call; over after the last word.
    pub async fn tell(&self, event: LegEvent) -> Goes {
        let goes = if matches!(event, LegEvent::Gone(_)) { Goes::Over } else { Goes::On };
        // Nobody listening means that the call is over: its commands end, which hangs up.
        let _ = self.tell.send(event).await;
        goes
    }

    fn now(&self) -> Time {
        Time::ZERO + self.opened.elapsed()
    }

    fn set(&mut self, due: Due, after: Duration) {
        let now = self.now();
        self.timers.set(due, after, now);
    }
}

impl Drop for DialogLeg {
    fn drop(&mut self) {
        self.inner.forget(&self.dialog.id().to_string());
    }
}

async fn reply(handle: &TransactionHandle, status: StatusCode) -> Goes {
    // The transaction may be over; then there is nobody to answer.
    let _ = handle.reply(status).await;
    Goes::On
}

/// A `Reason` (RFC 3326); what would end its quoted text or the line is left out.
fn reason(cause: u16, text: &str) -> String {
    let text: String = text.chars().filter(|c| !c.is_control() && !matches!(c, '"' | '\\')).collect();
    format!("Q.850;cause={cause};text=\"{text}\"")
}

/// Why a dialog is over, as the call sees it.
pub(super) fn gone(reason: &TerminatedReason) -> Gone {
    match reason {
        TerminatedReason::UacBye | TerminatedReason::UasBye | TerminatedReason::UacCancel => Gone::HungUp,
        TerminatedReason::Timeout
        | TerminatedReason::UacBusy
        | TerminatedReason::UasBusy
        | TerminatedReason::UasDecline
        | TerminatedReason::ProxyError(_)
        | TerminatedReason::ProxyAuthRequired
        | TerminatedReason::UacOther(_)
        | TerminatedReason::UasOther(_) => Gone::Lost,
    }
}

/// `Signal=5` (application/dtmf-relay) or `5` alone (application/dtmf).
fn key_of(body: &[u8]) -> Option<Key> {
    let text = std::str::from_utf8(body).ok()?.trim();
    let relay = text.lines().find_map(|line| line.trim().strip_prefix("Signal=").or_else(|| line.trim().strip_prefix("Signal =")));
    let written = relay.unwrap_or(text).trim();
    let mut chars = written.chars();
    let label = chars.next()?;
    let key = match (label, written) {
        (_, "10") => '*',
        (_, "11") => '#',
        (label, _) => label.to_ascii_uppercase(),
    };
    (chars.next().is_none() || matches!(written, "10" | "11")).then(|| Key::new(key)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_by_info_are_read_in_both_spellings() {
        let label = |body: &str| key_of(body.as_bytes()).map(Key::label);
        assert_eq!(label("Signal=5\r\nDuration=160\r\n"), Some('5'));
        assert_eq!(label("Signal= *\r\nDuration=160"), Some('*'));
        assert_eq!([label("7"), label("11"), label("10"), label("d")], [Some('7'), Some('#'), Some('*'), Some('D')]);
        assert_eq!([label(""), label("hello"), label("Signal="), label("12"), label("é")], [None; 5]);
        assert_eq!(key_of(&[0xff, 0xfe]), None);
    }

    #[test]
    fn a_reason_stays_one_header_whatever_its_text() {
        assert_eq!(reason(16, "a \"b\"\r\nX: \\c"), "Q.850;cause=16;text=\"a bX: c\"");
    }
}
