//! Offers after the first one (RFC 3261, 14; RFC 3311), both ways, and the signs of life that come with them (RFC 4028).

use std::time::Duration;

use rsipstack::dialog::dialog::TransactionHandle;
use rsipstack::sip::prelude::HeadersExt as _;
use rsipstack::sip::{Header, Method, Request, Response, StatusCode, StatusCodeKind};
use rsipstack::transaction::key::TransactionRole;

use super::{Answered, DialogLeg, Due, Goes, SDP, reply};
use crate::edge::sip::peer::EXTENSIONS;
use crate::edge::sip::random;
use crate::edge::sip::sdp;
use crate::edge::sip::session::{self, Session, TooShort};

/// SIP statuses after which a dialog is over (RFC 3261, 12.2.1.2).
const GONE: [StatusCode; 2] = [StatusCode::RequestTimeout, StatusCode::CallTransactionDoesNotExist];
/// A refresh that found the peer busy with another request is sent again after this.
const REFRESH_AGAIN: Duration = Duration::from_secs(2);
/// When an offer is sent again that met another, in ms: of who made the call, and of who took it (RFC 3261, 14.1).
const GLARE_CALLER_MS: (u64, u64) = (2_100, 4_000);
const GLARE_CALLEE_MS: (u64, u64) = (0, 2_000);
/// Said of a session that was not refreshed.
const EXPIRED: &str = "SIP;cause=408;text=\"Session expired\"";

/// An offer of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offering {
    None,
    /// On its way; another is wanted if `again`.
    Out {
        again: bool,
    },
    /// It met one of the peer's, and waits.
    Postponed,
}

impl DialogLeg {
    /// Holds the party, or takes them back, by a new offer.
    pub(super) fn hold(&mut self, holds: bool) {
        self.terms.holds = holds;
        self.offer();
    }

    /// Offers what is wanted now by a re-INVITE.
    pub(super) fn offer(&mut self) {
        if let Offering::Out { again } = &mut self.offering {
            *again = true;
            return;
        }
        self.timers.clear(Due::Offer);
        self.offering = Offering::Out { again: false };
        self.terms.version += 1;
        let offer = sdp::offer(&self.terms);
        let mut headers = self.refreshing();
        headers.push(Header::ContentType(SDP.into()));
        let dialog = self.dialog.clone();
        self.asked.spawn(async move { Answered::Offer(dialog.reinvite(Some(headers), Some(offer)).await) });
    }

    pub(super) async fn on_offer_answered(&mut self, answer: rsipstack::Result<Option<Response>>) -> Goes {
        let is_wanted_again = std::mem::replace(&mut self.offering, Offering::None) == Offering::Out { again: true };
        match answer {
            Ok(Some(response)) if response.status_code.kind() == StatusCodeKind::Successful => {
                self.on_alive(session::agreed(&response.headers, self.inner.wishes()));
                match sdp::accept(&self.terms, &response.body) {
                    Ok(plan) => self.changed(plan).await,
                    Err(error) => tracing::warn!(%error, "the answer to an offer could not be used"),
                }
            }
            Ok(Some(response)) if response.status_code == StatusCode::RequestPending => {
                self.offering = Offering::Postponed;
                self.set(Due::Offer, self.glare());
                return Goes::On;
            }
            Ok(Some(response)) if GONE.contains(&response.status_code) => return self.lose(EXPIRED).await,
            Ok(Some(response)) if self.is_to_last_longer(&response) => return self.offer_again(),
            Ok(Some(response)) => {
                tracing::debug!(status = %response.status_code, "an offer was refused");
                self.on_alive(self.session);
            }
            Ok(None) => return self.lose(EXPIRED).await,
            Err(error) => tracing::debug!(%error, "an offer was not answered"),
        }
        if is_wanted_again {
            self.offer();
        }
        Goes::On
    }

    fn offer_again(&mut self) -> Goes {
        self.offer();
        Goes::On
    }

    /// The peer wants longer sessions (422), and gets them.
    fn is_to_last_longer(&mut self, response: &Response) -> bool {
        let secs = session::min_secs(&response.headers).filter(|_| response.status_code == StatusCode::SessionIntervalTooSmall);
        let (Some(secs), Some(session)) = (secs, &mut self.session) else { return false };
        let least = Duration::from_secs(u64::from(secs));
        let is_longer = least > session.interval;
        session.interval = session.interval.max(least);
        is_longer
    }

    fn glare(&self) -> Duration {
        let (least, most) = if self.dialog.role() == TransactionRole::Client { GLARE_CALLER_MS } else { GLARE_CALLEE_MS };
        Duration::from_millis(least + random() % (most - least))
    }

    /// A re-INVITE or UPDATE: hold, resume, another address or codec, or only a sign of life.
    pub(super) async fn on_update(&mut self, request: &Request, handle: &TransactionHandle) -> Goes {
        let is_offer = request.method == Method::Invite || !request.body.is_empty();
        if is_offer && (matches!(self.offering, Offering::Out { .. }) || self.answer_in_ack.is_some()) {
            return reply(handle, StatusCode::RequestPending).await;
        }
        let session = match session::agree(&request.headers, self.inner.wishes()) {
            Ok(session) => session,
            Err(TooShort) => {
                let min = session::too_short(self.inner.wishes());
                // The transaction may be over; then there is nobody to answer.
                let _ = handle.respond(StatusCode::SessionIntervalTooSmall, Some(vec![min]), None).await;
                return Goes::On;
            }
        };
        let mut headers = vec![Header::Supported(EXTENSIONS.join(", ").into())];
        headers.extend(session.iter().flat_map(|session| session::in_answer(session, self.peer.knows("timer"))));
        let (body, plan) = match (request.body.is_empty(), request.method) {
            (true, Method::Invite) => {
                self.answer_in_ack = request.cseq_header().ok().and_then(|cseq| cseq.seq().ok());
                self.terms.version += 1;
                (Some(sdp::offer(&self.terms)), None)
            }
            (true, _) => (None, None),
            (false, _) => {
                self.terms.version += 1;
                match sdp::answer(&self.terms, &request.body) {
                    Ok((answer, plan)) => (Some(answer), Some(plan)),
                    Err(error) => {
                        tracing::debug!(%error, "a changed offer can't be used; what was agreed on stays");
                        return reply(handle, StatusCode::NotAcceptableHere).await;
                    }
                }
            }
        };
        headers.extend(body.iter().map(|_| Header::ContentType(SDP.into())));
        let _ = handle.respond(StatusCode::OK, Some(headers), body).await;
        self.on_alive(session.or(self.session));
        if let Some(plan) = plan {
            self.changed(plan).await;
        }
        Goes::On
    }

    /// Where the peer left the offer to us, its answer is in the ACK.
    pub(super) async fn on_acknowledged(&mut self) -> Goes {
        let Some(expected) = self.answer_in_ack else { return Goes::On };
        let Some(ack) = self.dialog.last_remote_ack() else { return Goes::On };
        if ack.cseq_header().ok().and_then(|cseq| cseq.seq().ok()) != Some(expected) {
            return Goes::On;
        }
        self.answer_in_ack = None;
        match sdp::accept(&self.terms, &ack.body) {
            Ok(plan) => self.changed(plan).await,
            Err(error) => tracing::debug!(%error, "an answer in an ACK can't be used; what was agreed on stays"),
        }
        Goes::On
    }

    /// The session stands from now on for as long as is agreed on.
    pub(in crate::edge::sip) fn on_alive(&mut self, session: Option<Session>) {
        self.session = session;
        match session {
            Some(session) => self.set(Due::Session, session.acts_after()),
            None => self.timers.clear(Due::Session),
        }
    }

    /// What a request of ours that refreshes the session says.
    fn refreshing(&self) -> Vec<Header> {
        let mut headers = vec![Header::Supported(EXTENSIONS.join(", ").into())];
        if let Some(session) = self.session {
            headers.extend(session::in_request(session.interval.as_secs(), Some(session.we_refresh), self.inner.wishes()));
        }
        headers
    }

    pub(super) async fn on_session_due(&mut self) -> Goes {
        match self.session {
            Some(session) if session.we_refresh => self.refresh(),
            Some(_) => {
                tracing::info!("a leg is lost: its session was not refreshed");
                return self.lose(EXPIRED).await;
            }
            None => {}
        }
        Goes::On
    }

    fn refresh(&mut self) {
        if !self.peer.takes(Method::Update) {
            return self.offer();
        }
        let (dialog, headers) = (self.dialog.clone(), self.refreshing());
        self.asked.spawn(async move { Answered::Refresh(dialog.update(Some(headers), None).await) });
    }

    pub(super) async fn on_refreshed(&mut self, answer: rsipstack::Result<Option<Response>>) -> Goes {
        let Ok(Some(response)) = answer else { return self.lose(EXPIRED).await };
        match response.status_code {
            status if status.kind() == StatusCodeKind::Successful => {
                self.on_alive(session::agreed(&response.headers, self.inner.wishes()).or(self.session));
            }
            StatusCode::SessionIntervalTooSmall if self.is_to_last_longer(&response) => self.refresh(),
            StatusCode::RequestPending | StatusCode::ServerInternalError => self.set(Due::Session, REFRESH_AGAIN),
            StatusCode::MethodNotAllowed | StatusCode::NotImplemented => self.offer(),
            status if GONE.contains(&status) => return self.lose(EXPIRED).await,
            // It answers, so it lives.
            _ => self.on_alive(self.session),
        }
        Goes::On
    }
}
