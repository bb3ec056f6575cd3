//! What comes in: new calls, requests within a call, and everything else that has to be answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use rsipstack::dialog::dialog::{Dialog, DialogState, DialogStateReceiver};
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Method, Request, StatusCode, Transport};
use rsipstack::transaction::TransactionReceiver;
use rsipstack::transaction::transaction::{Transaction, TransactionEvent};
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::guard::Verdict;
use super::leg::{DialogLeg, Goes, SDP, gone};
use super::params::{split, unescaped};
use super::sdp::{self, Terms};
use super::{Inner, METHODS, auth, caller, register};
use crate::edge::{Invited, LEG_QUEUE, Leg, LegCommand, LegEvent, MediaPlan, MediaSockets};

/// A caller who comes during a shutdown may try again after this, in s.
pub(super) const RETRY_AFTER_SECS: u32 = 60;

/// Takes whatever comes until the edge is closed.
pub(super) async fn take(inner: Arc<Inner>, mut incoming: TransactionReceiver, calls: Sender<Invited>) {
    loop {
        let transaction = tokio::select! {
            transaction = incoming.recv() => transaction,
            () = inner.stop.cancelled() => return,
        };
        let Some(transaction) = transaction else { return };
        tokio::spawn(on_request(inner.clone(), transaction, calls.clone()));
    }
}

async fn on_request(inner: Arc<Inner>, mut transaction: Transaction, calls: Sender<Invited>) {
    let is_new_call = transaction.original.method == Method::Invite && to_tag(&transaction.original).is_none();
    let done = if is_new_call {
        return on_invite(inner, transaction, calls).await;
    } else if let Some(mut dialog) = inner.layer.match_dialog(&transaction) {
        dialog.handle(&mut transaction).await
    } else {
        match transaction.original.method {
            Method::Ack => Ok(()),
            Method::Register => register::on_register(&inner, &mut transaction).await,
            Method::Options => transaction.reply_with(StatusCode::OK, vec![allow(), Header::Accept(SDP.into())], None).await,
            Method::Invite | Method::Bye | Method::Cancel | Method::Info | Method::Update | Method::PRack | Method::Refer | Method::Notify => {
                transaction.reply(StatusCode::CallTransactionDoesNotExist).await
            }
            _ => transaction.reply_with(StatusCode::MethodNotAllowed, vec![allow()], None).await,
        }
    };
    if let Err(error) = done {
        tracing::debug!(%error, "a request could not be answered");
    }
}

fn to_tag(request: &Request) -> Option<String> {
    request.to_header().ok()?.tag().ok()?.map(|tag| tag.value().to_owned())
}

fn allow() -> Header {
    Header::Allow(METHODS.map(|method| method.to_string()).join(", ").into())
}

/// Why a new call is not taken.
struct Refusal(StatusCode, Vec<Header>);

async fn on_invite(inner: Arc<Inner>, mut transaction: Transaction, calls: Sender<Invited>) {
    let from = source(&transaction);
    let transport = transaction.connection.as_ref().map(|connection| connection.transport());
    let taken = match check(&inner, &transaction.original, from) {
        Ok(()) => prepare(&inner, &transaction.original, transport == Some(Transport::Tls)),
        Err(refusal) => Err(refusal),
    };
    let prepared = match taken {
        Ok(prepared) => prepared,
        Err(Refusal(status, headers)) => {
            if let Err(error) = transaction.reply_with(status, headers, None).await {
                tracing::debug!(%error, "a refusal could not be sent");
            }
            return;
        }
    };
    let (states_in, mut states) = inner.layer.new_dialog_state_channel();
    let contact = inner.contact(transport);
    let trunk = from.and_then(|from| inner.trunks.from(from.ip()));
    let account = trunk.filter(|trunk| trunk.has_account).map(|trunk| auth::account(trunk.n));
    let dialog = match inner.layer.get_or_create_server_invite(&transaction, states_in, account, Some(contact)) {
        Ok(dialog) => dialog,
        Err(error) => {
            tracing::debug!(%error, "an INVITE made no dialog");
            let _ = transaction.reply(StatusCode::BadRequest).await;
            return;
        }
    };
    let request = transaction.original.clone();
    let answering = Answering { dialog: dialog.clone(), respond: transaction.tu_sender.clone(), inner: inner.clone() };
    let handler = dialog.clone();
    tokio::spawn(async move {
        if let Err(error) = Dialog::Invite(handler).handle(&mut transaction).await {
            tracing::debug!(%error, "an INVITE's transaction broke");
        }
    });
    let (commands, asked) = channel(LEG_QUEUE);
    let (tell, events) = channel(LEG_QUEUE);
    let is_trusted = trunk.is_some() || from.is_some_and(|from| inner.trusted.iter().any(|network| network.contains(from.ip())));
    let caller = caller::read(&request, is_trusted, &inner.table.caller_headers);
    let invited = Invited {
        called: called(&request),
        caller: caller.number,
        data: caller.data,
        trunk: trunk.map(|trunk| trunk.table.name.clone()),
        from: from.unwrap_or(inner.local),
        reference: request.call_id_header().map(|id| id.value().to_owned()).unwrap_or_default(),
        leg: Leg { commands, events },
    };
    if calls.try_send(invited).is_err() {
        answering.refuse(503, Some(RETRY_AFTER_SECS), None);
    } else {
        answering.run(prepared, asked, &mut states, tell).await;
    }
    // The transaction ends by itself; the dialog is forgotten.
    inner.layer.remove_dialog(&dialog.id());
}

/// Where a request came from: what the transport saw, not what is written.
pub(super) fn source(transaction: &Transaction) -> Option<SocketAddr> {
    transaction.connection.as_ref()?.get_remote_addr()?.get_socketaddr().ok()
}

fn check(inner: &Inner, request: &Request, from: Option<SocketAddr>) -> Result<(), Refusal> {
    if let Some(from) = from {
        if !inner.allowed.iter().any(|network| network.contains(from.ip())) && inner.trunks.from(from.ip()).is_none() {
            if let Verdict::Refuse { tell: true } = inner.door.guard.failed(from.ip(), Instant::now()) {
                tracing::info!(%from, "a call was refused: its address is neither in sip.allow nor in that of a trunk");
            }
            return Err(Refusal(StatusCode::Forbidden, Vec::new()));
        }
        if let Verdict::Refuse { tell } = inner.guard.call(from.ip(), Instant::now()) {
            if tell {
                tracing::warn!(%from, "more than {} calls a second; the rest is refused", inner.table.calls_per_second);
            }
            return Err(Refusal(StatusCode::ServiceUnavailable, vec![Header::RetryAfter(RETRY_AFTER_SECS.to_string().into())]));
        }
    }
    check_way(inner, request)?;
    if inner.is_draining.load(Ordering::Relaxed) {
        return Err(match &inner.table.overload_target {
            Some(target) => Refusal(StatusCode::MovedTemporarily, vec![Header::Contact(format!("<{target}>").into())]),
            None => Refusal(StatusCode::ServiceUnavailable, vec![Header::RetryAfter(RETRY_AFTER_SECS.to_string().into())]),
        });
    }
    let required: Vec<String> = request
        .headers
        .iter()
        .filter_map(|header| match header {
            Header::Require(value) => Some(value.value().to_owned()),
            _ => None,
        })
        .collect();
    if !required.is_empty() {
        return Err(Refusal(StatusCode::BadExtension, vec![Header::Unsupported(required.join(", ").into())]));
    }
    let content = request.headers.iter().find_map(|header| match header {
        Header::ContentType(value) => Some(value.value().to_lowercase()),
        _ => None,
    });
    if !request.body.is_empty() && content.is_some_and(|content| !content.starts_with(SDP)) {
        return Err(Refusal(StatusCode::UnsupportedMediaType, vec![Header::Accept(SDP.into())]));
    }
    Ok(())
}

/// A call may not go round in circles: neither longer than its sender meant (RFC 3261, 8.1.1.6), nor through us twice.
fn check_way(inner: &Inner, request: &Request) -> Result<(), Refusal> {
    if values(request, "max-forwards").next().is_some_and(|left| left == "0") {
        return Err(Refusal(StatusCode::TooManyHops, Vec::new()));
    }
    let ours = inner.contact(None).host_with_port.to_string();
    let vias = values(request, "via").collect::<Vec<_>>();
    let is_ours = |via: &str| via.split(';').next().and_then(|sent| sent.split_whitespace().last()).is_some_and(|by| by == ours);
    if vias.iter().flat_map(|via| split(via, ',')).any(is_ours) {
        tracing::info!("a call of ours came back to us, and is refused: who is dialled leads here");
        return Err(Refusal(StatusCode::LoopDetected, Vec::new()));
    }
    Ok(())
}

/// What a call will be answered with.
struct Prepared {
    terms: Terms,
    sockets: MediaSockets,
    body: Vec<u8>,
    /// `None` if the caller left the offer to us: the answer comes with the ACK.
    plan: Option<MediaPlan>,
}

fn prepare(inner: &Inner, request: &Request, is_tls: bool) -> Result<Prepared, Refusal> {
    let bound = inner.ports.bind().map_err(|error| error.to_string()).and_then(|sockets| {
        let port = sockets.rtp.local_addr().map_err(|error| error.to_string())?.port();
        Ok((sockets, port))
    });
    let (sockets, port) = bound.map_err(|error| {
        tracing::error!(error, "a call was refused: there is no port for its sound");
        Refusal(StatusCode::ServiceUnavailable, vec![Header::RetryAfter(RETRY_AFTER_SECS.to_string().into())])
    })?;
    let terms = inner.terms(port, inner.table.codecs.clone(), inner.table.srtp.answers(is_tls));
    if request.body.is_empty() {
        return Ok(Prepared { body: sdp::offer(&terms), terms, sockets, plan: None });
    }
    match sdp::answer(&terms, &request.body) {
        Ok((body, plan)) => Ok(Prepared { body, terms, sockets, plan: Some(plan) }),
        Err(error) => {
            tracing::info!(%error, "a call was refused: its offer can't be used");
            Err(Refusal(StatusCode::NotAcceptableHere, vec![Header::Warning(format!("399 segue \"{error}\"").replace(['\r', '\n'], " ").into())]))
        }
    }
}

/// A call that rings.
struct Answering {
    inner: Arc<Inner>,
    dialog: InviteDialog,
    respond: rsipstack::transaction::transaction::TransactionEventSender,
}

impl Answering {
    async fn run(self, prepared: Prepared, mut commands: Receiver<LegCommand>, states: &mut DialogStateReceiver, tell: Sender<LegEvent>) {
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(LegCommand::Ring) => self.ring(),
                    Some(LegCommand::Answer) => break,
                    Some(LegCommand::Refuse { status, retry_after_s, contact }) => return self.refuse(status, retry_after_s, contact),
                    Some(LegCommand::HangUp { .. }) | None => return self.refuse(480, None, None),
                    Some(LegCommand::Hold(_) | LegCommand::Refer { .. }) => {}
                },
                state = states.recv() => match state {
                    Some(DialogState::Terminated(_, reason)) => {
                        // Nobody listening means that the call is over already.
                        let _ = tell.send(LegEvent::Gone(gone(&reason))).await;
                        return;
                    }
                    Some(_) => {}
                    None => return,
                },
            }
        }
        let Prepared { terms, sockets, body, plan } = prepared;
        if let Err(error) = self.dialog.accept(Some(vec![Header::ContentType(SDP.into()), allow()]), Some(body)) {
            tracing::debug!(%error, "an answer came too late");
            let _ = tell.send(LegEvent::Gone(crate::call::Gone::HungUp)).await;
            return;
        }
        let mut sockets = Some(sockets);
        let mut leg = DialogLeg { dialog: self.dialog, terms, tell, was_referred: false, referring_until: None };
        if let Some(plan) = plan {
            leg.tell(LegEvent::Media { plan, sockets: sockets.take() }).await;
        }
        loop {
            let Some(state) = states.recv().await else { return };
            match state {
                DialogState::Confirmed(..) => break,
                other => {
                    if leg.on_state(other).await == Goes::Over {
                        return;
                    }
                }
            }
        }
        if sockets.is_some() {
            let body = leg.dialog.last_remote_ack().map(|ack| ack.body).unwrap_or_default();
            match sdp::accept(&leg.terms, &body) {
                Ok(plan) => leg.tell(LegEvent::Media { plan, sockets }).await,
                Err(error) => {
                    tracing::info!(%error, "a call ends: the caller's answer can't be used");
                    let _ = leg.dialog.bye_with_reason("SIP;cause=488;text=\"Not Acceptable Here\"".into()).await;
                    leg.tell(LegEvent::Gone(crate::call::Gone::Lost)).await;
                    return;
                }
            };
        }
        leg.tell(LegEvent::Answered).await;
        leg.run(&mut commands, states).await;
    }

    fn ring(&self) {
        if let Err(error) = self.dialog.ringing(None, None) {
            tracing::debug!(%error, "a 180 came too late");
        }
    }

    /// The library's own refusal has no place for these headers.
    fn refuse(&self, status: u16, retry_after_s: Option<u32>, contact: Option<String>) {
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

/// The user part of the request URI; of a `tel:` URI the number.
fn called(request: &Request) -> String {
    if let Some(user) = request.uri.user() {
        return unescaped(user);
    }
    let written = request.uri.to_string();
    let rest = written.split_once(':').map_or(written.as_str(), |(_, rest)| rest);
    let user = rest.split(['@', ';', '?']).next().unwrap_or_default();
    unescaped(user)
}

/// The values of all headers of this name.
pub(super) fn values<'a>(request: &'a Request, name: &'a str) -> impl Iterator<Item = String> + 'a {
    request.headers.iter().filter_map(move |header| {
        let written = header.to_string();
        let (found, value) = written.split_once(':')?;
        found.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invite(uri: &str, headers: &str) -> Request {
        let text = format!(
            "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\nTo: <sip:1000@example.com>\r\nCall-ID: a\r\nCSeq: 1 INVITE\r\n{headers}\r\n\r\n"
        );
        Request::try_from(text.as_bytes()).expect("well formed")
    }

    #[test]
    fn who_is_called_is_read_from_what_peers_write() {
        assert_eq!(called(&invite("sip:1000@example.com;user=phone", "From: <sip:a@b>;tag=1")), "1000");
        assert_eq!(called(&invite("sip:%2B4930123@example.com", "From: <sip:a@b>;tag=1")), "+4930123");
        assert_eq!(called(&invite("tel:+1-201-555-0123;phone-context=example.com", "From: <sip:a@b>;tag=1")), "+1-201-555-0123");
    }
}
