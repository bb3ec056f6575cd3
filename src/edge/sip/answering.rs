//! A call that rings here, until its dialog stands: what it will be answered with, and what the caller may ask meanwhile.

use std::sync::Arc;
use std::time::Duration;

use rsipstack::dialog::dialog::{DialogState, DialogStateReceiver, TerminatedReason};
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::{Header, Method, Request, StatusCode};
use rsipstack::transaction::transaction::{Transaction, TransactionEvent, TransactionEventSender};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::Instant;

use super::leg::{DialogLeg, Goes, News, SDP, gone};
use super::peer::{EXTENSIONS, named, tokens};
use super::sdp::{self, Terms};
use super::server::{Refusal, allow, retry_after};
use super::session::{self, Session, TooShort};
use super::{Inner, random};
use crate::call::Gone;
use crate::edge::{Leg, LegCommand, LegEvent, MediaPlan, MediaSockets};

/// SIP statuses that we say ourselves.
const TEMPORARILY_UNAVAILABLE: u16 = 480;
const REQUEST_TERMINATED: u16 = 487;
const SERVER_TIMEOUT: u16 = 504;
/// RFC 3262, 3: a reliable 180 is sent again after T1 and then after twice the time each, for 64 times T1.
const T1: Duration = Duration::from_millis(500);
const RELIABLE_LIMIT: Duration = Duration::from_secs(32);
/// RFC 3261, 14.2: who asks too early is to wait a random time up to this, in s.
const EARLY_RETRY_SECS: u64 = 10;
/// Requests of a caller whom we have not answered that may wait.
pub(super) const EARLY_REQUESTS: usize = 4;
/// RFC 3262, 3: the first `RSeq` is below 2^31.
const MAX_RSEQ: u64 = 1 << 31;

/// What a call will be answered with.
pub(super) struct Prepared {
    terms: Terms,
    sockets: MediaSockets,
    body: Vec<u8>,
    /// `None` if the caller left the offer to us: the answer comes with the ACK.
    pub plan: Option<MediaPlan>,
    session: Option<Session>,
    /// The caller wants to acknowledge that it rings.
    is_reliable: bool,
}

/// Finds a port and an answer for this INVITE.
///
/// # Errors
/// There is no port, the offer can't be used, or its session is too short.
pub(super) fn prepare(inner: &Inner, request: &Request, is_tls: bool) -> Result<Prepared, Refusal> {
    let session = session::agree(&request.headers, inner.wishes())
        .map_err(|TooShort| Refusal(StatusCode::SessionIntervalTooSmall, vec![session::too_short(inner.wishes())]))?;
    let is_reliable = tokens(&request.headers, "require").iter().any(|tag| tag == "100rel");
    let bound = inner.ports.bind().map_err(|error| error.to_string()).and_then(|sockets| {
        let port = sockets.rtp.local_addr().map_err(|error| error.to_string())?.port();
        Ok((sockets, port))
    });
    let (sockets, port) = bound.map_err(|error| {
        tracing::error!(error, "a call was refused: there is no port for its sound");
        Refusal(StatusCode::ServiceUnavailable, vec![retry_after()])
    })?;
    let terms = inner.terms(port, inner.table.codecs.clone(), inner.table.srtp.answers(is_tls));
    if request.body.is_empty() {
        return Ok(Prepared { body: sdp::offer(&terms), terms, sockets, plan: None, session, is_reliable });
    }
    match sdp::answer(&terms, &request.body) {
        Ok((body, plan)) => Ok(Prepared { body, terms, sockets, plan: Some(plan), session, is_reliable }),
        Err(error) => {
            tracing::info!(%error, "a call was refused: its offer can't be used");
            Err(Refusal(StatusCode::NotAcceptableHere, vec![Header::Warning(format!("399 segue \"{error}\"").replace(['\r', '\n'], " ").into())]))
        }
    }
}

/// A 180 that the caller has to acknowledge (RFC 3262).
struct Reliable {
    rseq: u32,
    again: Instant,
    wait: Duration,
    until: Instant,
}

/// A call that rings.
pub(super) struct Answering {
    pub inner: Arc<Inner>,
    pub dialog: InviteDialog,
    pub respond: TransactionEventSender,
    /// Once the call stands it takes the place of this leg, and its new owner is that leg's.
    pub replaces: Option<(Sender<News>, Leg)>,
}

/// Who is heard while it rings, and who is told.
struct Line<'a> {
    commands: &'a mut Receiver<LegCommand>,
    states: &'a mut DialogStateReceiver,
    /// Requests of the caller whom we have not answered.
    asked: Receiver<Transaction>,
    tell: Sender<LegEvent>,
}

impl Answering {
    pub async fn run(mut self, prepared: Prepared, mut commands: Receiver<LegCommand>, states: &mut DialogStateReceiver, tell: Sender<LegEvent>) {
        let (early, asked) = channel(EARLY_REQUESTS);
        let id = self.dialog.id().to_string();
        self.inner.rings(id.clone(), early);
        let mut line = Line { commands: &mut commands, states, asked, tell };
        let mut reliable = None;
        if self.ring_out(&prepared, &mut reliable, &mut line).await {
            self.answer(prepared, reliable.map(|reliable| reliable.rseq), line).await;
        }
        self.inner.answered(&id);
    }

    /// True once it is to be answered.
    async fn ring_out(&self, prepared: &Prepared, reliable: &mut Option<Reliable>, line: &mut Line<'_>) -> bool {
        loop {
            let again = reliable.as_ref().map(|reliable| reliable.again);
            tokio::select! {
                command = line.commands.recv() => match command {
                    Some(LegCommand::Ring) if prepared.is_reliable && reliable.is_none() => {
                        let rseq = (random() % (MAX_RSEQ - 1) + 1) as u32;
                        let now = Instant::now();
                        *reliable = Some(Reliable { rseq, again: now + T1, wait: T1, until: now + RELIABLE_LIMIT });
                        self.ring(Some(rseq));
                    }
                    Some(LegCommand::Ring) if prepared.is_reliable => {}
                    Some(LegCommand::Ring) => self.ring(None),
                    Some(LegCommand::Answer) => return true,
                    Some(LegCommand::Refuse { status, retry_after_s, contact }) => {
                        self.refuse(status, retry_after_s, contact);
                        return false;
                    }
                    Some(LegCommand::HangUp { .. }) | None => {
                        self.refuse(TEMPORARILY_UNAVAILABLE, None, None);
                        return false;
                    }
                    Some(LegCommand::Hold(_) | LegCommand::Refer { .. } | LegCommand::Referral { .. }) => {}
                },
                state = line.states.recv() => match state {
                    Some(DialogState::Terminated(_, reason)) => {
                        if matches!(reason, TerminatedReason::UacBye) {
                            // Who leaves by BYE instead of CANCEL still wants an answer to their INVITE (RFC 3261, 15.1.2).
                            self.refuse(REQUEST_TERMINATED, None, None);
                        }
                        // Nobody listening means that the call is over already.
                        let _ = line.tell.send(LegEvent::Gone(gone(&reason))).await;
                        return false;
                    }
                    Some(_) => {}
                    None => return false,
                },
                Some(mut transaction) = line.asked.recv() => {
                    if on_early(&mut transaction, reliable.as_ref().map(|reliable| reliable.rseq), StatusCode::ServerInternalError).await == Pracked::Yes
                        && let Some(reliable) = reliable.as_mut()
                    {
                        reliable.again = reliable.until + RELIABLE_LIMIT;
                        reliable.until = reliable.again;
                    }
                }
                () = tokio::time::sleep_until(again.unwrap_or_else(Instant::now)), if again.is_some() => {
                    let Some(reliable) = reliable.as_mut() else { continue };
                    if reliable.again >= reliable.until {
                        self.refuse(SERVER_TIMEOUT, None, None);
                        let _ = line.tell.send(LegEvent::Gone(Gone::Lost)).await;
                        return false;
                    }
                    reliable.wait *= 2;
                    reliable.again = (reliable.again + reliable.wait).min(reliable.until);
                    self.ring(Some(reliable.rseq));
                }
            }
        }
    }

    async fn answer(&mut self, prepared: Prepared, rseq: Option<u32>, line: Line<'_>) {
        let Line { commands, states, mut asked, tell } = line;
        let Prepared { terms, sockets, body, plan, session, .. } = prepared;
        let said = self.dialog.initial_request().headers;
        let mut leg = DialogLeg::new(&self.inner, self.dialog.clone(), terms, &said, tell);
        let mut headers = vec![Header::ContentType(SDP.into()), allow(), Header::Supported(EXTENSIONS.join(", ").into())];
        let knows_timer = tokens(&said, "supported").iter().any(|tag| tag == "timer");
        headers.extend(session.iter().flat_map(|session| session::in_answer(session, knows_timer)));
        if let Err(error) = self.dialog.accept(Some(headers), Some(body)) {
            tracing::debug!(%error, "an answer came too late");
            leg.tell(LegEvent::Gone(Gone::HungUp)).await;
            return;
        }
        let mut sockets = Some(sockets);
        if let Some(plan) = plan {
            leg.tell(LegEvent::Media { plan, wire: sockets.take().map(Into::into) }).await;
        }
        loop {
            tokio::select! {
                state = states.recv() => match state {
                    Some(DialogState::Confirmed(..)) => break,
                    Some(other) => {
                        if leg.on_state(other).await == Goes::Over {
                            return;
                        }
                    }
                    None => return,
                },
                Some(mut transaction) = asked.recv() => {
                    on_early(&mut transaction, rseq, StatusCode::RequestPending).await;
                }
            }
        }
        self.inner.answered(&self.dialog.id().to_string());
        if sockets.is_some() {
            let body = self.dialog.last_remote_ack().map(|ack| ack.body).unwrap_or_default();
            match sdp::accept(&leg.terms, &body) {
                Ok(plan) => leg.tell(LegEvent::Media { plan, wire: sockets.map(Into::into) }).await,
                Err(error) => {
                    tracing::info!(%error, "a call ends: the caller's answer can't be used");
                    leg.tell(LegEvent::Gone(Gone::Lost)).await;
                    let _ = self.dialog.bye_with_reason("SIP;cause=488;text=\"Not Acceptable Here\"".into()).await;
                    return;
                }
            };
        }
        leg.tell(LegEvent::Answered).await;
        if let Some((old, owned)) = self.replaces.take() {
            // If the other has ended meanwhile nobody wants this leg: it is dropped, which hangs up.
            let _ = old.send(News::Replacement(owned)).await;
        }
        leg.on_alive(session);
        leg.run(commands, states).await;
    }

    fn ring(&self, rseq: Option<u32>) {
        let headers = rseq.map(|rseq| vec![Header::Require("100rel".into()), Header::RSeq(rseq.to_string().into())]);
        if let Err(error) = self.dialog.ringing(headers, None) {
            tracing::debug!(%error, "a 180 came too late");
        }
    }

    /// The library's own refusal has no place for these headers.
    pub fn refuse(&self, status: u16, retry_after_s: Option<u32>, contact: Option<String>) {
        let request = self.dialog.initial_request();
        let mut response = self.inner.layer.endpoint.make_response(&request, StatusCode::from(status), None);
        let tag = self.dialog.id().local_tag;
        for header in response.headers.iter_mut() {
            if let Header::To(to) = header
                && to.tag().ok().flatten().is_none()
            {
                *to = to.clone().with_tag(tag.clone().into());
            }
        }
        if let Some(after) = retry_after_s {
            response.headers.push(Header::RetryAfter(after.to_string().into()));
        }
        if let Some(contact) = contact {
            response.headers.push(Header::Contact(format!("<{contact}>").into()));
        }
        // A transaction that is over was cancelled.
        let _ = self.respond.send(TransactionEvent::Respond(response));
    }
}

/// Whether a caller acknowledged that it rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pracked {
    Yes,
    No,
}

/// A request within a dialog that does not stand yet. Offers have to wait: the first one is not answered.
pub(super) async fn on_early(transaction: &mut Transaction, rseq: Option<u32>, otherwise: StatusCode) -> Pracked {
    let request = &transaction.original;
    let is_known = rseq.is_some() && rack(request) == rseq;
    let (status, headers) = match request.method {
        Method::PRack if is_known => (StatusCode::OK, Vec::new()),
        Method::PRack => (StatusCode::CallTransactionDoesNotExist, Vec::new()),
        Method::Options => (StatusCode::OK, vec![allow()]),
        Method::Update if request.body.is_empty() => (StatusCode::OK, vec![allow()]),
        _ => (otherwise, vec![Header::RetryAfter((random() % EARLY_RETRY_SECS + 1).to_string().into())]),
    };
    if let Err(error) = transaction.reply_with(status, headers, None).await {
        tracing::debug!(%error, "a request could not be answered");
    }
    if is_known { Pracked::Yes } else { Pracked::No }
}

/// Which 180 a PRACK acknowledges: `RAck` is its `RSeq`, then number and method of the INVITE.
fn rack(request: &Request) -> Option<u32> {
    let value = named(&request.headers, "rack").next()?;
    let mut parts = value.split_whitespace();
    let rseq = parts.next()?.parse().ok()?;
    parts.next()?.parse::<u32>().ok()?;
    parts.next().filter(|method| *method == "INVITE").map(|_| rseq)
}
