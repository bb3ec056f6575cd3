//! What comes in: new calls, requests within a call, and everything else that has to be answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rsipstack::dialog::DialogId;
use rsipstack::dialog::dialog::Dialog;
use rsipstack::sip::prelude::HeadersExt;
use rsipstack::sip::{Header, Method, Request, StatusCode, Transport};
use rsipstack::transaction::TransactionReceiver;
use rsipstack::transaction::transaction::Transaction;
use tokio::sync::mpsc::{Sender, channel};

use super::answering::{Answering, on_early, prepare};
use super::guard::Verdict;
use super::leg::{News, SDP};
use super::params::{NameAddr, parameter, sent_by, split, unescaped, user};
use super::peer::{EXTENSIONS, named, replaces, tokens};
use super::trunk::table::CalledIn;
use super::{Inner, METHODS, auth, caller, register};
use crate::base::Rate;
use crate::edge::{Invited, LEG_QUEUE, Leg, LegCommand};

/// A caller who comes during a shutdown may try again after this, in s.
const RETRY_AFTER_SECS: u32 = 60;

/// A peer may ask for something at once when it has picked up: how long its dialog is waited for, and how often that is looked for.
const CONFIRMED_LIMIT: Duration = Duration::from_millis(100);
const CONFIRMED_AFTER: Duration = Duration::from_millis(5);
/// Who hangs up has our ACK, so its dialog is about to be known; a BYE is sent again for this long (RFC 3261, 17.1.2.2).
const BYE_LIMIT: Duration = Duration::from_secs(32);

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
    let is_early = !matches!(transaction.original.method, Method::Ack | Method::Bye | Method::Cancel);
    let done = if is_new_call {
        return on_invite(inner, transaction, calls).await;
    } else if let Some(mut dialog) = find(&inner, &transaction).await {
        if let Some(ringing) = inner.ringing(&dialog.id().to_string()).filter(|_| is_early) {
            // If it is full or over the peer sends again.
            let _ = ringing.try_send(transaction);
            return;
        }
        dialog.handle(&mut transaction).await
    } else {
        let is_dialled = is_early && DialogId::try_from(&transaction).is_ok_and(|id| inner.is_dialled(&id));
        match transaction.original.method {
            Method::Ack => Ok(()),
            _ if is_dialled => {
                on_early(&mut transaction, None, StatusCode::ServerInternalError).await;
                Ok(())
            }
            Method::Options if !unknown(&transaction.original).is_empty() => {
                let unsupported = Header::Unsupported(unknown(&transaction.original).join(", ").into());
                transaction.reply_with(StatusCode::BadExtension, vec![unsupported], None).await
            }
            Method::Register => register::on_register(&inner, &mut transaction).await,
            // Who asks before they send a call sends none during a shutdown.
            Method::Options if inner.is_draining.load(Ordering::Relaxed) => {
                transaction.reply_with(StatusCode::ServiceUnavailable, vec![retry_after()], None).await
            }
            Method::Options => transaction.reply_with(StatusCode::OK, vec![allow(), supported(), Header::Accept(SDP.into())], None).await,
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

/// The dialog that a request belongs to. The library knows that of a call that we dialled a moment after its ACK is out.
async fn find(inner: &Inner, transaction: &Transaction) -> Option<Dialog> {
    let id = DialogId::try_from(transaction).ok()?;
    let limit = if transaction.original.method == Method::Bye { BYE_LIMIT } else { CONFIRMED_LIMIT };
    let began = Instant::now();
    loop {
        // In this order: the library knows a dialog before it is dialled no more.
        let is_dialled = inner.is_dialled(&id);
        match inner.layer.get_dialog(&id) {
            None if is_dialled && began.elapsed() < limit => tokio::time::sleep(CONFIRMED_AFTER).await,
            found => return found,
        }
    }
}

fn to_tag(request: &Request) -> Option<String> {
    request.to_header().ok()?.tag().ok()?.map(|tag| tag.value().to_owned())
}

pub(super) fn allow() -> Header {
    Header::Allow(METHODS.map(|method| method.to_string()).join(", ").into())
}

/// When a caller who is not taken may try again.
pub(super) fn retry_after() -> Header {
    Header::RetryAfter(RETRY_AFTER_SECS.to_string().into())
}

fn supported() -> Header {
    Header::Supported(EXTENSIONS.join(", ").into())
}

/// Why a new call is not taken.
pub(super) struct Refusal(pub StatusCode, pub Vec<Header>);

async fn on_invite(inner: Arc<Inner>, mut transaction: Transaction, calls: Sender<Invited>) {
    let _underway = inner.goes_on();
    open_parts(&mut transaction.original);
    let from = source(&transaction);
    let transport = transaction.connection.as_ref().map(|connection| connection.transport());
    let taken = check(&inner, &transaction.original, from)
        .and_then(|()| replaced(&inner, &transaction.original))
        .and_then(|replaced| Ok((replaced, prepare(&inner, &transaction.original, transport == Some(Transport::Tls))?)));
    let (replaced, prepared) = match taken {
        Ok(taken) => taken,
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
    let mut answering = Answering { dialog: dialog.clone(), respond: transaction.tu_sender.clone(), inner: inner.clone(), replaces: None };
    let handler = dialog.clone();
    tokio::spawn(async move {
        if let Err(error) = Dialog::Invite(handler).handle(&mut transaction).await {
            tracing::debug!(%error, "an INVITE's transaction broke");
        }
    });
    let (commands, asked) = channel(LEG_QUEUE);
    let (tell, events) = channel(LEG_QUEUE);
    let leg = Leg { commands, events };
    if let Some(replaced) = replaced {
        // Who takes another's place is not asked for: there is room for the command.
        let _ = leg.commands.try_send(LegCommand::Answer);
        answering.replaces = Some((replaced, leg));
        answering.run(prepared, asked, &mut states, tell).await;
        inner.layer.remove_dialog(&dialog.id());
        return;
    }
    let is_trusted = trunk.is_some() || from.is_some_and(|from| inner.trusted.iter().any(|network| network.contains(from.ip())));
    let caller = caller::read(&request, is_trusted, &inner.table.caller_headers);
    let invited = Invited {
        called: called(&request, trunk.map(|trunk| trunk.table.called_in).unwrap_or_default()),
        caller: caller.number,
        data: caller.data,
        trunk: trunk.map(|trunk| trunk.table.name.clone()),
        rate: prepared.plan.as_ref().map_or(Rate::Hz8000, |plan| plan.codec.band()),
        from: from.unwrap_or(inner.local),
        reference: request.call_id_header().map(|id| id.value().to_owned()).unwrap_or_default(),
        leg,
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
            return Err(Refusal(StatusCode::ServiceUnavailable, vec![retry_after()]));
        }
    }
    check_way(inner, request)?;
    if inner.is_draining.load(Ordering::Relaxed) {
        return Err(match &inner.table.overload_target {
            Some(target) => Refusal(StatusCode::MovedTemporarily, vec![Header::Contact(format!("<{target}>").into())]),
            None => Refusal(StatusCode::ServiceUnavailable, vec![retry_after()]),
        });
    }
    let unknown = unknown(request);
    if !unknown.is_empty() {
        return Err(Refusal(StatusCode::BadExtension, vec![Header::Unsupported(unknown.join(", ").into())]));
    }
    if !request.body.is_empty() && content_type(request).is_some_and(|content| !content.starts_with(SDP)) {
        return Err(Refusal(StatusCode::UnsupportedMediaType, vec![Header::Accept(SDP.into())]));
    }
    let accepted: Vec<String> = values(request, "accept").collect();
    let is_ours = |range: &str| ["application/sdp", "application/*", "*/*"].contains(&range.split(';').next().unwrap_or_default().trim());
    if !accepted.is_empty() && !accepted.iter().flat_map(|value| split(value, ',')).any(|range| is_ours(&range.to_lowercase())) {
        // RFC 3261, 13.3.1.3: it could not read our answer.
        return Err(Refusal(StatusCode::NotAcceptable, Vec::new()));
    }
    Ok(())
}

/// The type of a body, in lower case.
fn content_type(request: &Request) -> Option<String> {
    values(request, "content-type").next().map(|value| value.to_lowercase())
}

/// Of a body in parts (RFC 5621) only the description of the session is of use here: it takes the place of the whole.
fn open_parts(request: &mut Request) {
    let Some(kind) = values(request, "content-type").next().filter(|kind| kind.to_lowercase().starts_with("multipart/")) else { return };
    let boundary = split(&kind, ';').into_iter().filter_map(parameter).find(|(name, _)| name == "boundary").and_then(|(_, value)| value);
    let Some(boundary) = boundary.filter(|boundary| !boundary.is_empty()) else { return };
    let body = String::from_utf8_lossy(&request.body).into_owned();
    // What stands before the first boundary and behind the last is no part (RFC 2046, 5.1.1).
    let found = format!("\r\n{body}").split(&format!("\r\n--{boundary}")).skip(1).find_map(|part| {
        let (head, content) = part.split_once("\r\n\r\n")?;
        let is_sdp = head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .any(|(name, value)| name.trim().eq_ignore_ascii_case("content-type") && value.trim().to_lowercase().starts_with(SDP));
        // The line end in front of a boundary is the boundary's; a description ends with one of its own.
        is_sdp.then(|| format!("{}\r\n", content.trim_end_matches("\r\n")))
    });
    if let Some(sdp) = found {
        request.body = sdp.into_bytes();
        request.headers.retain(|header| !matches!(header, Header::ContentType(_)));
        request.headers.push(Header::ContentType(SDP.into()));
    }
}

/// Extensions that a request needs, and that we don't know.
fn unknown(request: &Request) -> Vec<String> {
    tokens(&request.headers, "require").into_iter().filter(|tag| !EXTENSIONS.contains(&tag.as_str())).collect()
}

/// A call may not go round in circles: neither longer than its sender meant (RFC 3261, 8.1.1.6), nor through us twice.
fn check_way(inner: &Inner, request: &Request) -> Result<(), Refusal> {
    if values(request, "max-forwards").next().is_some_and(|left| left == "0") {
        return Err(Refusal(StatusCode::TooManyHops, Vec::new()));
    }
    let ours = inner.contact(None).host_with_port.to_string();
    let vias = values(request, "via").collect::<Vec<_>>();
    let is_ours = |via: &str| sent_by(via).is_some_and(|by| by == ours);
    if vias.iter().flat_map(|via| split(via, ',')).any(is_ours) {
        tracing::info!("a call of ours came back to us, and is refused: who is dialled leads here");
        return Err(Refusal(StatusCode::LoopDetected, Vec::new()));
    }
    Ok(())
}

/// The leg whose place a new call wants (RFC 3891, 3), if it wants one.
fn replaced(inner: &Inner, request: &Request) -> Result<Option<Sender<News>>, Refusal> {
    let values: Vec<&str> = named(&request.headers, "replaces").collect();
    let value = match values.as_slice() {
        [] => return Ok(None),
        [value] => replaces(value),
        _ => None,
    };
    let value = value.ok_or(Refusal(StatusCode::BadRequest, Vec::new()))?;
    let leg = inner.standing(&value.dialog.to_string()).ok_or(Refusal(StatusCode::CallTransactionDoesNotExist, Vec::new()))?;
    if value.early_only {
        return Err(Refusal(StatusCode::BusyHere, Vec::new()));
    }
    Ok(Some(leg))
}

/// The user part of the URI of who is called; of a `tel:` URI the number.
fn called(request: &Request, said_in: CalledIn) -> String {
    let header = match said_in {
        CalledIn::RequestUri => None,
        CalledIn::To => Some("to"),
        CalledIn::PCalledPartyId => Some("p-called-party-id"),
    };
    let said = header.and_then(|name| values(request, name).next()).and_then(|value| user(NameAddr::parse(&value)?.uri));
    if let Some(said) = said {
        return said;
    }
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
    named(&request.headers, name).map(str::to_owned)
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
        let called = |request: &Request| called(request, CalledIn::RequestUri);
        assert_eq!(called(&invite("sip:1000@example.com;user=phone", "From: <sip:a@b>;tag=1")), "1000");
        assert_eq!(called(&invite("sip:%2B4930123@example.com", "From: <sip:a@b>;tag=1")), "+4930123");
        assert_eq!(called(&invite("tel:+1-201-555-0123;phone-context=example.com", "From: <sip:a@b>;tag=1")), "+1-201-555-0123");
    }

    #[test]
    fn a_trunk_may_name_the_dialled_number_elsewhere_than_in_the_request_uri() {
        let request = invite("sip:4930999@192.0.2.5", "P-Called-Party-ID: \"Sales\" <sip:%2B49301@example.com;user=phone>");
        for (said_in, number) in [(CalledIn::RequestUri, "4930999"), (CalledIn::To, "1000"), (CalledIn::PCalledPartyId, "+49301")] {
            assert_eq!(called(&request, said_in), number, "{said_in:?}");
        }
        assert_eq!(called(&invite("sip:4930999@192.0.2.5", "From: <sip:a@b>;tag=1"), CalledIn::PCalledPartyId), "4930999");
    }

    #[test]
    fn a_description_is_found_among_the_parts_of_a_body() {
        let parts = |boundary: &str| {
            let body = "to be passed over\r\n--a b\r\nContent-Type: application/isup\r\nContent-Disposition: signal;handling=optional\r\n\r\n\x01\x02\r\n\
                        --a b\r\nCONTENT-TYPE: application/sdp\r\n\r\nv=0\r\ns=-\r\n\r\n--a b--\r\n";
            let request = format!(
                "INVITE sip:1000@b SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\nContent-Type: multipart/mixed; boundary={boundary}\r\n\
                 Content-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let mut request = Request::try_from(request.as_bytes()).expect("well formed");
            open_parts(&mut request);
            (content_type(&request), String::from_utf8_lossy(&request.body).into_owned())
        };
        assert_eq!(parts("\"a b\""), (Some("application/sdp".into()), "v=0\r\ns=-\r\n".into()));
        for wrong in ["other", "", "\"a b"] {
            assert!(parts(wrong).0.is_some_and(|kind| kind.starts_with("multipart/")), "{wrong}: it stays as it is, and is refused");
        }
    }
}
