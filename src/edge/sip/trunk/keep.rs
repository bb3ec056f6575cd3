//! Whether trunks are there (OPTIONS), and that they know where we are (REGISTER; RFC 3261, 10.2).

use std::sync::Arc;
use std::time::Duration;

use rsipstack::dialog::authenticate::{AuthRetry, handle_client_authenticate};
use rsipstack::sip::{Auth, Header, Method, Request, Response, SipMessage, StatusCodeKind, Uri, typed};
use rsipstack::transaction::key::{TransactionKey, TransactionRole};
use rsipstack::transaction::transaction::Transaction;
use rsipstack::transaction::{make_call_id, make_tag};
use tokio::time::timeout;

use super::super::params::{NameAddr, split};
use super::super::{Inner, auth};
use super::Trunk;

/// An OPTIONS that is not answered within this is lost: UDP has sent it three times by then (RFC 3261, 17.1.2.1).
const OPTIONS_LIMIT: Duration = Duration::from_secs(3);
/// A REGISTER that is not answered within this has failed: 64 times T1 (RFC 3261, 17.1.2.2).
const REGISTER_LIMIT: Duration = Duration::from_secs(32);
/// A farewell keeps nobody waiting longer than this.
const FAREWELL_LIMIT: Duration = Duration::from_secs(2);
/// After a failure we register again after this, after the next one after twice as long, and so on.
const FIRST_BACK_OFF: Duration = Duration::from_secs(5);
/// The longest such wait; also that after a wrong password, which does not become right by itself.
const LAST_BACK_OFF: Duration = Duration::from_secs(600);
/// Of the time that a registration holds, so much goes by before the next one.
const REFRESH_AT: f64 = 0.8;
/// A registrar that grants less than this is asked no more often, in s.
const LEAST_REFRESH_SECS: f64 = 1.0;
/// Longest time that a registrar is believed to hold us, or to want us to ask for, in s: a day.
const MAX_GRANT_SECS: u32 = 86_400;
/// SIP statuses (RFC 3261, 21): the interval is too brief; and those of a peer that can't serve.
const INTERVAL_TOO_BRIEF: u16 = 423;
const NOT_THERE: [u16; 2] = [408, 503];
/// Those of a peer that does not take our name or password.
const NOT_KNOWN: [u16; 3] = [401, 403, 407];

/// Begins to look after all trunks, until the edge is closed.
pub(in super::super) fn begin(inner: &Arc<Inner>) {
    for trunk in inner.trunks.all() {
        if trunk.table.options_secs > 0 {
            tokio::spawn(looking(inner.clone(), trunk.n));
        }
        if trunk.table.register_secs > 0 {
            tokio::spawn(registering(inner.clone(), trunk.n));
        }
    }
}

async fn looking(inner: Arc<Inner>, n: usize) {
    let Some(trunk) = inner.trunks.numbered(n) else { return };
    let mut is_second = false;
    loop {
        let answer = tokio::select! {
            answer = look(&inner, trunk) => answer,
            () = inner.stop.cancelled() => return,
        };
        match answer {
            Ok(status) if !NOT_THERE.contains(&status) => trunk.found(true, ""),
            Ok(status) => trunk.found(false, &format!("it answered OPTIONS with {status}")),
            Err(_) if trunk.is_up() && !is_second => {
                // One may be lost; two are a sign.
                is_second = true;
                continue;
            }
            Err(why) => trunk.found(false, &why),
        }
        is_second = false;
        let every = Duration::from_secs(u64::from(trunk.table.options_secs));
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = trunk.suspected.notified() => {}
            () = inner.stop.cancelled() => return,
        }
    }
}

/// The status of the answer to an OPTIONS, or why there is none.
async fn look(inner: &Inner, trunk: &Trunk) -> Result<u16, String> {
    let mut asking = Asking { trunk, call_id: inner.call_id(), sequence: 0 };
    let accept = Header::Accept(super::super::leg::SDP.into());
    match timeout(OPTIONS_LIMIT, asking.ask(inner, Method::Options, trunk.us(), vec![accept])).await {
        Ok(answer) => answer.map(|response| response.status_code.code()),
        Err(_) => Err("it does not answer OPTIONS".into()),
    }
}

/// What became of a REGISTER.
enum Outcome {
    /// It holds for so long, in s.
    Held(u32),
    /// Not for less than this, in s.
    TooBrief(u32),
    Failed {
        why: String,
        /// Another try would not do better.
        is_hopeless: bool,
        /// Before this nobody should ask again, in s.
        retry_after: Option<u32>,
    },
}

async fn registering(inner: Arc<Inner>, n: usize) {
    let Some(trunk) = inner.trunks.numbered(n) else { return };
    let name = &trunk.table.name;
    let mut asking = Asking { trunk, call_id: inner.call_id(), sequence: 0 };
    let mut wanted = trunk.table.register_secs;
    let mut back_off = FIRST_BACK_OFF;
    // The first failure is told, and then only what is new.
    let mut is_told = false;
    loop {
        let outcome = tokio::select! {
            outcome = register(&inner, &mut asking, wanted, REGISTER_LIMIT) => outcome,
            () = inner.leaving.cancelled() => break,
        };
        let wait = match outcome {
            Outcome::Held(secs) => {
                if trunk.registered(true) {
                    tracing::info!("registered at trunk `{name}`, for {secs} s at a time");
                }
                (back_off, is_told) = (FIRST_BACK_OFF, false);
                Duration::from_secs_f64((f64::from(secs) * REFRESH_AT).max(LEAST_REFRESH_SECS))
            }
            Outcome::TooBrief(secs) if secs > wanted && secs <= MAX_GRANT_SECS => {
                wanted = secs;
                continue;
            }
            Outcome::TooBrief(secs) => failed(trunk, &format!("it wants {secs} s, and not {wanted} s"), &mut is_told, LAST_BACK_OFF),
            Outcome::Failed { why, is_hopeless: true, .. } => failed(trunk, &why, &mut is_told, LAST_BACK_OFF),
            Outcome::Failed { why, retry_after, .. } => {
                let asked = Duration::from_secs(u64::from(retry_after.unwrap_or(0)));
                let wait = failed(trunk, &why, &mut is_told, back_off.max(asked).min(LAST_BACK_OFF));
                back_off = (back_off * 2).min(LAST_BACK_OFF);
                wait
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = inner.leaving.cancelled() => break,
        }
    }
    if trunk.registered(false) && !inner.stop.is_cancelled() {
        register(&inner, &mut asking, 0, FAREWELL_LIMIT).await;
    }
}

fn failed(trunk: &Trunk, why: &str, is_told: &mut bool, wait: Duration) -> Duration {
    if trunk.registered(false) || !*is_told {
        tracing::warn!("can't register at trunk `{}`: {why}; next try in {} s", trunk.table.name, wait.as_secs());
    }
    *is_told = true;
    wait
}

async fn register(inner: &Inner, asking: &mut Asking<'_>, secs: u32, limit: Duration) -> Outcome {
    let trunk = asking.trunk;
    let mut contact = inner.contact(trunk.address().r#type);
    contact.auth = trunk.us().auth.map(|auth| Auth { password: None, ..auth });
    let headers = vec![Header::Contact(format!("<{contact}>").into()), Header::Expires(secs.to_string().into())];
    let us = trunk.us();
    let response = match timeout(limit, asking.ask(inner, Method::Register, us, headers)).await {
        Ok(Ok(response)) => response,
        Ok(Err(why)) => return Outcome::Failed { why, is_hopeless: false, retry_after: None },
        Err(_) => return Outcome::Failed { why: "it does not answer".into(), is_hopeless: false, retry_after: None },
    };
    let status = response.status_code.code();
    if response.status_code.kind() == StatusCodeKind::Successful {
        return Outcome::Held(granted(&response, &contact).unwrap_or(secs).clamp(1, MAX_GRANT_SECS));
    }
    let number = |value: Option<String>| value.and_then(|value| value.split([' ', ';', '(']).next().and_then(|n| n.parse().ok()));
    if status == INTERVAL_TOO_BRIEF {
        return Outcome::TooBrief(number(value(&response, "min-expires")).unwrap_or(0));
    }
    let is_hopeless = NOT_KNOWN.contains(&status);
    let why = if is_hopeless { format!("it does not take our username or password ({status})") } else { format!("it answered with {status}") };
    Outcome::Failed { why, is_hopeless, retry_after: number(value(&response, "retry-after")) }
}

/// How long the registrar holds us: what it says of our contact, else of all (RFC 3261, 10.2.4).
fn granted(response: &Response, contact: &Uri) -> Option<u32> {
    let ours = contact.host_with_port.to_string();
    let contacts: Vec<String> =
        response.headers.iter().filter_map(|h| if let Header::Contact(c) = h { Some(c.value().to_owned()) } else { None }).collect();
    let of_contact = contacts.iter().flat_map(|contacts| split(contacts, ',')).filter_map(NameAddr::parse).find_map(|found| {
        let is_ours = found.uri.contains(&ours);
        is_ours.then(|| found.param("expires")?.parse().ok()).flatten()
    });
    of_contact.or_else(|| value(response, "expires")?.parse().ok())
}

fn value(response: &Response, name: &str) -> Option<String> {
    response.headers.iter().find_map(|header| {
        let written = header.to_string();
        let (found, value) = written.split_once(':')?;
        found.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}

/// Requests to a trunk outside of calls.
struct Asking<'a> {
    trunk: &'a Trunk,
    call_id: rsipstack::sip::headers::CallId,
    sequence: u32,
}

impl Asking<'_> {
    /// The final answer; a challenge is answered once, and again where only the nonce was too old.
    async fn ask(&mut self, inner: &Inner, method: Method, us: Uri, headers: Vec<Header>) -> Result<Response, String> {
        let endpoint = &inner.layer.endpoint;
        let to = self.trunk.address();
        inner.connect(&to).await.map_err(|why| format!("it can't be reached: {why}"))?;
        let (connection, _) = endpoint.transport_layer.lookup(&to, None).await.map_err(|error| format!("it can't be reached: {error}"))?;
        let via = endpoint.get_via(Some(connection.get_addr().clone()), None).map_err(|error| error.to_string())?;
        self.sequence += 1;
        let from = typed::From { display_name: None, uri: us.clone(), params: Vec::new() }.with_tag(make_tag());
        let callee = if method == Method::Register { us } else { self.trunk.server.clone() };
        let to_header = typed::To { display_name: None, uri: callee, params: Vec::new() };
        let mut request: Request =
            endpoint.make_request(method, self.trunk.server.clone(), via, from, to_header, self.sequence, Some(self.call_id.clone()));
        request.headers.extend(headers);
        let key = TransactionKey::from_request(&request, TransactionRole::Client).map_err(|error| error.to_string())?;
        let mut transaction = Transaction::new_client(key, request, endpoint.clone(), None);
        transaction.destination = Some(to);
        transaction.send().await.map_err(|error| error.to_string())?;
        let mut retry = AuthRetry::new();
        loop {
            let response = match transaction.receive().await {
                Some(SipMessage::Response(response)) => response,
                Some(SipMessage::Request(_)) => continue,
                None => return Err("it does not answer".into()),
            };
            if response.status_code.kind() == StatusCodeKind::Provisional {
                continue;
            }
            let is_challenge = matches!(response.status_code.code(), 401 | 407);
            if !is_challenge || !self.trunk.has_account || !retry.should_answer(&response) {
                return Ok(response);
            }
            self.sequence += 1;
            let account = auth::account(self.trunk.n);
            let answered = handle_client_authenticate(self.sequence, &transaction, response, &account).await;
            transaction = answered.map_err(|_| "it asks for a proof that is not known here".to_owned())?;
            transaction.send().await.map_err(|error| error.to_string())?;
        }
    }
}

impl Inner {
    /// A Call-ID of ours.
    fn call_id(&self) -> rsipstack::sip::headers::CallId {
        let option = &self.layer.endpoint.option;
        make_call_id(option.callid_suffix.as_deref(), option.callid_format)
    }
}
