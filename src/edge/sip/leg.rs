//! A leg whose dialog stands: what either side wants from now on.

use std::time::Duration;

use rsipstack::dialog::dialog::{DialogState, DialogStateReceiver, ReferStatus, TerminatedReason, TransactionHandle};
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::{Header, Request, StatusCode, StatusCodeKind};
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::time::Instant;

use super::sdp::{self, SdpError, Terms};
use super::uui::USER_TO_USER;
use crate::base::Key;
use crate::call::Gone;
use crate::edge::{LegCommand, LegEvent, MediaPlan};

/// MIME type of descriptions.
pub(super) const SDP: &str = "application/sdp";

/// A transfer whose end nobody tells of has failed after this: phones ring for 30 s, and some more.
const REFER_LIMIT: Duration = Duration::from_secs(45);
/// Q.850: normal call clearing.
const NORMAL_CLEARING: u16 = 16;

/// One leg's dialog, and what is agreed on.
pub(super) struct DialogLeg {
    pub dialog: InviteDialog,
    pub terms: Terms,
    pub tell: Sender<LegEvent>,
    /// The party asked to be transferred and waits to hear how it went.
    pub was_referred: bool,
    /// A transfer that we asked for is not decided; it counts as failed from then on.
    pub referring_until: Option<Instant>,
}

/// Whether the leg goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Goes {
    On,
    Over,
}

impl DialogLeg {
    /// Until the leg is over.
    pub async fn run(mut self, commands: &mut Receiver<LegCommand>, states: &mut DialogStateReceiver) {
        loop {
            let referring_until = self.referring_until;
            let goes = tokio::select! {
                command = commands.recv() => self.on_command(command).await,
                state = states.recv() => match state {
                    Some(state) => self.on_state(state).await,
                    None => Goes::Over,
                },
                () = tokio::time::sleep_until(referring_until.unwrap_or_else(Instant::now)), if referring_until.is_some() => {
                    self.referring_until = None;
                    self.tell(LegEvent::Moved(false)).await
                }
            };
            if goes == Goes::Over {
                return;
            }
        }
    }

    async fn on_command(&mut self, command: Option<LegCommand>) -> Goes {
        match command {
            None => self.hang_up(&reason(NORMAL_CLEARING, "Normal call clearing")).await,
            Some(LegCommand::HangUp { cause, text }) => self.hang_up(&reason(cause, &text)).await,
            Some(LegCommand::Hold(holds)) => self.hold(holds).await,
            Some(LegCommand::Refer { target, user_to_user }) => self.refer(&target, user_to_user.as_deref()).await,
            Some(LegCommand::Ring | LegCommand::Answer | LegCommand::Refuse { .. }) => Goes::On,
        }
    }

    async fn hang_up(&mut self, reason: &str) -> Goes {
        if self.was_referred {
            // RFC 3515, 2.4.4: the last word on the transfer that the party asked for.
            let _ = self.dialog.notify_refer(StatusCode::OK, "terminated;reason=noresource").await;
        }
        if let Err(error) = self.dialog.bye_with_reason(reason.to_owned()).await {
            tracing::debug!(%error, "a BYE found nobody");
        }
        Goes::Over
    }

    /// Holds the party, or takes them back, by a new offer.
    async fn hold(&mut self, holds: bool) -> Goes {
        self.terms.holds = holds;
        self.terms.version += 1;
        let offer = sdp::offer(&self.terms);
        let headers = vec![Header::ContentType(SDP.into())];
        match self.dialog.reinvite_with_glare_retry(Some(headers), Some(offer), 3).await {
            Ok(Some(response)) if response.status_code.kind() == StatusCodeKind::Successful => match sdp::accept(&self.terms, &response.body) {
                Ok(plan) => self.changed(plan).await,
                Err(error) => tracing::warn!(%error, "the answer to a hold could not be used"),
            },
            Ok(_) => tracing::debug!("a hold was refused"),
            Err(error) => tracing::debug!(%error, "a hold was not answered"),
        }
        Goes::On
    }

    /// RFC 3515: asks the party to call somebody else. Everything that is not a clear yes is a no.
    async fn refer(&mut self, target: &str, user_to_user: Option<&str>) -> Goes {
        let refer_to = refer_to(target, user_to_user);
        match self.dialog.refer(refer_to, None, None).await {
            Ok(Some(response)) if response.status_code.kind() == StatusCodeKind::Successful => {
                self.referring_until = Some(Instant::now() + REFER_LIMIT);
                Goes::On
            }
            Ok(_) | Err(_) => self.tell(LegEvent::Moved(false)).await,
        }
    }

    pub async fn on_state(&mut self, state: DialogState) -> Goes {
        match state {
            DialogState::Updated(_, request, handle) => self.on_update(&request, &handle).await,
            DialogState::Info(_, request, handle) => self.on_info(&request, &handle).await,
            DialogState::Notify(_, request, handle) => self.on_notify(&request, &handle).await,
            DialogState::Refer(_, request, handle) => self.on_refer(&request, &handle).await,
            DialogState::Options(_, _, handle) => reply(&handle, StatusCode::OK).await,
            DialogState::Publish(_, _, handle) | DialogState::Message(_, _, handle) => reply(&handle, StatusCode::MethodNotAllowed).await,
            DialogState::Terminated(_, reason) => {
                let gone = gone(&reason);
                if self.referring_until.take().is_some() {
                    // Some phones hang up without a last NOTIFY: they took the transfer. Signalling that is lost tells nothing.
                    self.tell(LegEvent::Moved(gone == Gone::HungUp)).await;
                }
                self.tell(LegEvent::Gone(gone)).await;
                Goes::Over
            }
            DialogState::Calling(_) | DialogState::Trying(_) | DialogState::Early(..) | DialogState::WaitAck(..) | DialogState::Confirmed(..) => {
                Goes::On
            }
        }
    }

    /// A re-INVITE or UPDATE: hold, resume, another address or codec, or only a sign of life.
    async fn on_update(&mut self, request: &Request, handle: &TransactionHandle) -> Goes {
        self.terms.version += 1;
        if request.body.is_empty() {
            let body = (request.method == rsipstack::sip::Method::Invite).then(|| sdp::offer(&self.terms));
            let headers = body.as_ref().map(|_| vec![Header::ContentType(SDP.into())]);
            // The transaction may be over; then there is nobody to answer.
            let _ = handle.respond(StatusCode::OK, headers, body).await;
            return Goes::On;
        }
        match self.answer(&request.body) {
            Ok((answer, plan)) => {
                let _ = handle.respond(StatusCode::OK, Some(vec![Header::ContentType(SDP.into())]), Some(answer)).await;
                self.changed(plan).await;
            }
            Err(error) => {
                tracing::debug!(%error, "a changed offer can't be used; what was agreed on stays");
                return reply(handle, StatusCode::NotAcceptableHere).await;
            }
        }
        Goes::On
    }

    fn answer(&self, offer: &[u8]) -> Result<(Vec<u8>, MediaPlan), SdpError> {
        sdp::answer(&self.terms, offer)
    }

    async fn changed(&mut self, plan: MediaPlan) {
        self.tell(LegEvent::Media { plan, sockets: None }).await;
    }

    /// Keys by INFO, in both spellings that phones have.
    async fn on_info(&mut self, request: &Request, handle: &TransactionHandle) -> Goes {
        let key = key_of(&request.body);
        reply(handle, StatusCode::OK).await;
        match key {
            Some(key) => self.tell(LegEvent::Key(key)).await,
            None => Goes::On,
        }
    }

    async fn on_notify(&mut self, request: &Request, handle: &TransactionHandle) -> Goes {
        reply(handle, StatusCode::OK).await;
        let decided = ReferStatus::parse(request).filter(|status| u16::from(status.status_code.clone()) >= 200);
        match decided {
            Some(status) if self.referring_until.is_some() => {
                self.referring_until = None;
                let moved = status.status_code.kind() == StatusCodeKind::Successful;
                self.tell(LegEvent::Moved(moved)).await
            }
            Some(_) | None => Goes::On,
        }
    }

    /// The party wants to be transferred: taken, and told how it went when we hang up on them.
    async fn on_refer(&mut self, request: &Request, handle: &TransactionHandle) -> Goes {
        let targets: Vec<String> = request.headers.iter().filter_map(refer_target).collect();
        let [target] = targets.as_slice() else {
            return reply(handle, StatusCode::BadRequest).await;
        };
        let target = target.clone();
        reply(handle, StatusCode::Accepted).await;
        self.was_referred = true;
        self.tell(LegEvent::Referred { target }).await
    }

    /// Over, if nobody listens any more.
    pub async fn tell(&self, event: LegEvent) -> Goes {
        match self.tell.send(event).await {
            Ok(()) => Goes::On,
            Err(_) => Goes::On,
        }
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

/// The URI of a `Refer-To`, as it is written.
fn refer_target(header: &Header) -> Option<String> {
    let value = match header {
        Header::ReferTo(value) => value.to_string(),
        Header::Other(name, value) if name.eq_ignore_ascii_case("refer-to") || name.eq_ignore_ascii_case("r") => value.clone(),
        _ => return None,
    };
    let value = value.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("refer-to")).map_or(value.clone(), |(_, rest)| rest.to_owned());
    let uri = match (value.find('<'), value.find('>')) {
        (Some(from), Some(to)) if from < to => &value[from + 1..to],
        _ => value.split(';').next().unwrap_or_default(),
    };
    let uri = uri.trim();
    (!uri.is_empty()).then(|| uri.to_owned())
}

/// `Refer-To` with the value of `User-to-User` for the call that follows (RFC 7433, 4.4). A `tel:` URI has no place for it.
fn refer_to(target: &str, user_to_user: Option<&str>) -> String {
    let has_place = target.get(..3).is_some_and(|scheme| scheme.eq_ignore_ascii_case("sip"));
    match user_to_user.filter(|_| has_place) {
        Some(value) => format!("<{target}{}{USER_TO_USER}={}>", if target.contains('?') { '&' } else { '?' }, escaped(value)),
        None => format!("<{target}>"),
    }
}

/// Escapes what may not stand in a header inside of a URI (RFC 3261, 19.1.1).
fn escaped(value: &str) -> String {
    value
        .bytes()
        .map(|b| if b.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
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

    #[test]
    fn targets_are_kept_as_they_are_written() {
        let target = |value: &str| refer_target(&Header::ReferTo(value.into()));
        assert_eq!(target("<tel:+1-201-555-0123;phone-context=example.com>").as_deref(), Some("tel:+1-201-555-0123;phone-context=example.com"));
        assert_eq!(
            target("\"Billing\" <sip:billing@example.com?User-to-User=41%3Bencoding%3Dhex>;method=INVITE").as_deref(),
            Some("sip:billing@example.com?User-to-User=41%3Bencoding%3Dhex")
        );
        assert_eq!(target("sip:a@b;x=y").as_deref(), Some("sip:a@b"));
        assert_eq!(target("<>"), None);
        assert_eq!(refer_to("sip:a@b", Some("04;encoding=hex")), "<sip:a@b?User-to-User=04%3Bencoding%3Dhex>");
        assert_eq!(refer_to("sips:a@b?X=1", Some("04")), "<sips:a@b?X=1&User-to-User=04>");
        assert_eq!(refer_to("tel:+1-201", Some("04")), "<tel:+1-201>");
        assert_eq!(escaped("41;encoding=hex @"), "41%3Bencoding%3Dhex%20%40");
    }
}
