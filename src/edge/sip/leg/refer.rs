//! REFER (RFC 3515), both ways: we send the party elsewhere, or the party wants the call to go elsewhere. Either way NOTIFYs
//! tell how it goes.

use std::collections::VecDeque;
use std::time::Duration;

use rsipstack::dialog::dialog::TransactionHandle;
use rsipstack::sip::{Header, Method, Request, Response, StatusCode, StatusCodeKind};
use tokio::sync::mpsc::{Sender, channel};

use super::{Answered, DialogLeg, Due, Goes, News, reply};
use crate::edge::sip::Dialling;
use crate::edge::sip::params::NameAddr;
use crate::edge::sip::peer::{named, replaces, replaces_in};
use crate::edge::sip::sdp::Encryption;
use crate::edge::sip::uui::USER_TO_USER;
use crate::edge::{LEG_QUEUE, Leg, LegEvent};

/// A transfer whose end nobody tells of has failed after this: phones ring for 30 s, and some more.
const REFER_LIMIT: Duration = Duration::from_secs(45);
/// The party is told how its transfer went at the latest after this: ours may take [`REFER_LIMIT`].
const REFERRAL_LIMIT: Duration = Duration::from_secs(60);
/// A leg that ends waits so long for its party to take the last NOTIFY.
pub(super) const LAST_NOTIFY: Duration = Duration::from_secs(2);
/// Statuses that NOTIFYs tell.
const TRYING: u16 = 100;
const RINGING: u16 = 180;
pub(super) const DONE: u16 = 200;
/// Nobody told what became of it in time.
pub(super) const UNDECIDED: u16 = 408;
/// The leg ends before it is known.
pub(super) const TERMINATED: u16 = 487;

/// A transfer that we asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Referring {
    Not,
    Asked,
    /// Its last NOTIFY came, and is being answered.
    Told(bool),
    Decided,
}

/// A transfer that the party asked for.
pub(super) struct Referral {
    /// Of the subscription that came with it.
    event: String,
    /// Statuses that are to be told yet.
    owes: VecDeque<u16>,
    /// The latest status, told or to be told.
    latest: u16,
    /// The 202 has been sent, so NOTIFYs may follow.
    is_accepted: bool,
    is_telling: bool,
    /// We ring the target ourselves, and it takes the party's place.
    brings: bool,
}

impl Referral {
    /// Somebody is being rung who is to take the party's place.
    pub fn is_bringing(&self) -> bool {
        self.brings && self.latest < DONE
    }

    /// How it went is told, if not acknowledged: the party may ask for the next one.
    fn is_told(&self) -> bool {
        self.latest >= DONE && self.owes.is_empty()
    }
}

impl DialogLeg {
    /// Asks the party to call somebody else. Everything that is not a clear yes is a no.
    pub(super) async fn refer(&mut self, target: &str, user_to_user: Option<&str>) -> Goes {
        if !self.peer.may_take(Method::Refer) {
            tracing::debug!("the party can't be sent on: it does not allow REFER");
            return self.tell(LegEvent::Unmovable).await;
        }
        self.referring = Referring::Asked;
        let headers = vec![Header::ReferredBy(format!("<{}>", self.inner.contact(None)).into())];
        let (dialog, refer_to) = (self.dialog.clone(), refer_to(target, user_to_user));
        self.asked.spawn(async move { Answered::Refer(dialog.refer(refer_to, Some(headers), None).await) });
        Goes::On
    }

    pub(super) async fn on_refer_answered(&mut self, answer: rsipstack::Result<Option<Response>>) -> Goes {
        if self.referring != Referring::Asked {
            return Goes::On;
        }
        match answer {
            Ok(Some(response)) if response.status_code.kind() == StatusCodeKind::Successful => {
                self.set(Due::Referring, REFER_LIMIT);
                Goes::On
            }
            Ok(Some(_)) => {
                self.referring = Referring::Decided;
                self.tell(LegEvent::Unmovable).await
            }
            Ok(None) | Err(_) => self.on_moved(false).await,
        }
    }

    pub(super) async fn on_moved(&mut self, well: bool) -> Goes {
        self.referring = Referring::Decided;
        self.timers.clear(Due::Referring);
        self.tell(LegEvent::Moved(well)).await
    }

    pub(super) async fn on_notify(&mut self, request: &Request, handle: &TransactionHandle) -> Goes {
        let event = named(&request.headers, "event").next().unwrap_or("refer");
        if !event.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("refer") {
            return reply(handle, StatusCode::BadEvent).await;
        }
        if self.referring == Referring::Not {
            return reply(handle, StatusCode::CallTransactionDoesNotExist).await;
        }
        reply(handle, StatusCode::OK).await;
        let is_last = named(&request.headers, "subscription-state").any(|state| state.to_ascii_lowercase().starts_with("terminated"));
        let decided = match sipfrag(&request.body) {
            Some(status) if status >= 200 => Some(status < 300),
            Some(_) | None => is_last.then_some(false),
        };
        match decided {
            Some(well) if self.referring == Referring::Asked => self.referring = Referring::Told(well),
            Some(_) | None => {}
        }
        Goes::On
    }

    /// The NOTIFY has been answered: a BYE that overtook the answer would confuse the party.
    pub(super) async fn on_notify_answered(&mut self) {
        if let Referring::Told(well) = self.referring {
            self.on_moved(well).await;
        }
    }

    /// The party wants to be transferred. It is told that we try, and how it went.
    pub(super) async fn on_refer(&mut self, request: &Request, handle: &TransactionHandle) -> Goes {
        let targets: Vec<String> = named(&request.headers, "refer-to").filter_map(refer_target).collect();
        let [target] = targets.as_slice() else {
            return reply(handle, StatusCode::BadRequest).await;
        };
        if self.referral.as_ref().is_some_and(|referral| !referral.is_told()) {
            return reply(handle, StatusCode::RequestPending).await;
        }
        let (uri, value) = replaces_in(target);
        let replaced = value.map(|value| replaces(&value));
        if replaced == Some(None) {
            return reply(handle, StatusCode::BadRequest).await;
        }
        reply(handle, StatusCode::Accepted).await;
        self.referrals += 1;
        let id = named(&request.headers, "cseq").next().and_then(|cseq| cseq.split_whitespace().next()).unwrap_or_default();
        // RFC 3515, 2.4.6: the id may be left out of the first subscription only, and some phones know none.
        let event = if self.referrals == 1 { "refer".to_owned() } else { format!("refer;id={id}") };
        let brings = replaced.is_some();
        // The last NOTIFY of the transfer before may have no answer yet.
        let is_telling = self.referral.as_ref().is_some_and(|referral| referral.is_telling);
        self.referral = Some(Referral { event, owes: VecDeque::from([TRYING]), latest: TRYING, is_accepted: false, is_telling, brings });
        self.set(Due::Referral, REFERRAL_LIMIT);
        match replaced.flatten() {
            Some(replaced) => {
                let dialog = replaced.dialog;
                self.bring(uri, format!("{};to-tag={};from-tag={}", dialog.call_id, dialog.local_tag, dialog.remote_tag));
                Goes::On
            }
            None => self.tell(LegEvent::Referred { target: target.clone() }).await,
        }
    }

    /// Attended transfer: the party has talked to somebody, who is to take its place here. Whom it sends us to would not
    /// know the caller's network, so we ring them ourselves.
    fn bring(&mut self, target: String, replaces: String) {
        let leg = self.inner.dial(Dialling {
            headers: vec![("Replaces".into(), replaces), ("Require".into(), "replaces".into())],
            srtp: self.terms.srtp == Encryption::Required,
            ..Dialling::new(target, self.inner.contact(None).to_string(), self.terms.codecs.clone(), REFER_LIMIT)
        });
        tokio::spawn(bring(leg, self.news.0.clone()));
    }

    /// Tells the party how its transfer goes, once the earlier NOTIFYs are answered.
    pub(super) fn notify(&mut self, status: u16) {
        let Some(referral) = &mut self.referral else { return };
        if referral.latest >= 200 || referral.latest == status {
            return;
        }
        referral.latest = status;
        referral.owes.push_back(status);
        self.notify_next();
    }

    fn notify_next(&mut self) {
        let Some(referral) = self.referral.as_mut().filter(|referral| referral.is_accepted && !referral.is_telling) else { return };
        let Some(status) = referral.owes.pop_front() else {
            if referral.latest >= 200 {
                self.referral = None;
                self.timers.clear(Due::Referral);
            }
            return;
        };
        referral.is_telling = true;
        let state = if status < 200 { format!("active;expires={}", REFERRAL_LIMIT.as_secs()) } else { "terminated;reason=noresource".into() };
        let headers = vec![
            Header::Event(referral.event.clone().into()),
            Header::SubscriptionState(state.into()),
            Header::ContentType("message/sipfrag;version=2.0".into()),
        ];
        let body = format!("SIP/2.0 {status} {}\r\n", StatusCode::from(status).text());
        let dialog = self.dialog.clone();
        self.asked.spawn(async move {
            // Who does not take it has hung up, or does so soon.
            let _ = dialog.notify(Some(headers), Some(body.into_bytes())).await;
            Answered::Notify
        });
    }

    pub(super) fn on_notified(&mut self) {
        if let Some(referral) = &mut self.referral {
            referral.is_telling = false;
        }
        self.notify_next();
    }

    /// The 202 is out: a NOTIFY that overtook it would be refused.
    pub(super) fn on_referral_accepted(&mut self) {
        if let Some(referral) = &mut self.referral {
            referral.is_accepted = true;
        }
        self.notify_next();
    }
}

/// Waits until who was rung picks up, and hands them over with all that was agreed on meanwhile.
async fn bring(mut leg: Leg, news: Sender<News>) {
    let (tell, events) = channel(LEG_QUEUE);
    loop {
        let event = tokio::select! {
            event = leg.events.recv() => event,
            () = news.closed() => return,
        };
        match event {
            Some(LegEvent::Ringing) => {
                // If it is gone the next turn of the loop sees it.
                let _ = news.send(News::Progress(RINGING)).await;
            }
            Some(LegEvent::Answered) => break,
            Some(LegEvent::Refused { status, .. }) => {
                let _ = news.send(News::Progress(status.max(300))).await;
                return;
            }
            Some(other) => {
                // There is room: few things happen before somebody picks up, and what does not fit is lost with the leg.
                let _ = tell.try_send(other);
            }
            None => {
                let _ = news.send(News::Progress(UNDECIDED)).await;
                return;
            }
        }
    }
    let Leg { commands, events: mut later } = leg;
    if news.send(News::Brought(Leg { commands, events })).await.is_ok() {
        while let Some(event) = later.recv().await {
            if tell.send(event).await.is_err() {
                return;
            }
        }
    }
}

/// The status that a NOTIFY tells (RFC 3420, RFC 3515): the first status line in it.
fn sipfrag(body: &[u8]) -> Option<u16> {
    let text = String::from_utf8_lossy(body);
    let line = text.lines().map(str::trim).find(|line| line.starts_with("SIP/2.0"))?;
    line.split_whitespace().nth(1)?.parse().ok().filter(|status| (100..700).contains(status))
}

/// The URI of a `Refer-To`, as it is written.
fn refer_target(value: &str) -> Option<String> {
    NameAddr::parse(value).map(|address| address.uri.to_owned())
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
    fn targets_are_kept_as_they_are_written() {
        let target = refer_target;
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

    #[test]
    fn the_progress_of_a_transfer_is_read_from_what_phones_send() {
        for (body, expected) in [
            ("SIP/2.0 100 Trying", Some(100)),
            ("SIP/2.0 180 Ringing\r\n", Some(180)),
            ("\r\n  SIP/2.0 200 OK\r\nContact: <sip:a@b>\r\n", Some(200)),
            ("SIP/2.0 486", Some(486)),
            ("SIP/2.0 603 Decline\nX: SIP/2.0 200", Some(603)),
            ("", None),
            ("SIP/2.0", None),
            ("SIP/2.0 OK", None),
            ("SIP/2.0 99999 x", None),
            ("SIP/2.0 20 x", None),
            ("HTTP/1.1 200 OK", None),
            ("\u{fffd}", None),
        ] {
            assert_eq!(sipfrag(body.as_bytes()), expected, "{body}");
        }
        assert_eq!(sipfrag(&[0xff, 0xfe]), None);
    }
}
