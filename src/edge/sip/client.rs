//! Ringing somebody.

use std::sync::Arc;
use std::time::Duration;

use rsipstack::dialog::dialog::{DialogState, DialogStateReceiver};
use rsipstack::dialog::invitation::InviteOption;
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::{Header, Headers, Param, Response, StatusCode, StatusCodeKind, Transport};
use rsipstack::transport::SipAddr;
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::time::Instant;

use super::hop::{Hop, Hops, none_is_up};
use super::leg::{DialogLeg, Goes, SDP};
use super::peer::EXTENSIONS;
use super::sdp::{self, Encryption, Terms};
use super::server::allow;
use super::{Dialling, Inner, auth, session};
use crate::edge::{LegCommand, LegEvent, MediaSockets};

/// A connection that takes longer to stand, with its TLS, is given up.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// SIP statuses that we say ourselves.
const REQUEST_TIMEOUT: u16 = 408;
const SERVICE_UNAVAILABLE: u16 = 503;
const NOT_ACCEPTABLE: u16 = 488;

/// SIP statuses by which a trunk says that it does not know us (RFC 3261, 21.4.2 and 21.4.8).
const NOT_KNOWN: [u16; 2] = [401, 407];

/// Rings, and stays with the leg until it is over.
pub(super) async fn ring(inner: Arc<Inner>, dialling: Dialling, mut commands: Receiver<LegCommand>, tell: Sender<LegEvent>) {
    if let Err((status, reason)) = try_all(&inner, &dialling, &mut commands, &tell).await {
        // Nobody listening means that the call is over already.
        let _ = tell.send(LegEvent::Refused { status, reason }).await;
    }
}

/// What one dialled leg keeps from place to place.
struct Party<'a> {
    commands: &'a mut Receiver<LegCommand>,
    tell: &'a Sender<LegEvent>,
    /// Gone once sound was agreed on; a later place is told the same port.
    sockets: Option<MediaSockets>,
    port: u16,
    limit: Instant,
}

/// Why a place did not take the call.
struct Refusal {
    status: u16,
    reason: String,
    /// Where to try instead (3xx).
    contacts: Vec<String>,
    /// Nothing came back at all.
    was_silent: bool,
    /// We gave it up ourselves.
    is_given_up: bool,
    /// It wants a session that lasts so long at least, in s (422).
    min_secs: Option<u32>,
}

impl From<(u16, String)> for Refusal {
    fn from((status, reason): (u16, String)) -> Self {
        Refusal { status, reason, contacts: Vec::new(), was_silent: false, is_given_up: false, min_secs: None }
    }
}

/// Tries one place after the other until one takes the call, and stays with it.
async fn try_all(inner: &Arc<Inner>, dialling: &Dialling, commands: &mut Receiver<LegCommand>, tell: &Sender<LegEvent>) -> Result<(), (u16, String)> {
    let mut hops = Hops::new(&inner.trunks, dialling)?;
    let sockets = inner.ports.bind().map_err(|error| (SERVICE_UNAVAILABLE, error.to_string()))?;
    let port = sockets.rtp.local_addr().map_err(|error| (SERVICE_UNAVAILABLE, error.to_string()))?.port();
    let mut party = Party { commands, tell, sockets: Some(sockets), port, limit: Instant::now() + dialling.ring_limit };
    let mut last = none_is_up();
    while let Some(hop) = hops.next() {
        let trunk = hop.trunk.and_then(|n| inner.trunks.numbered(n));
        let silent = trunk.filter(|_| hops.has_more()).map(|trunk| Duration::from_secs_f64(trunk.table.silent_secs));
        let place = Place { hop: &hop, silent, session_secs: inner.table.session_secs };
        let Err(mut refusal) = attempt(inner, dialling, &place, &mut party).await else { return Ok(()) };
        if let Some(session_secs) = refusal.min_secs.filter(|secs| *secs > place.session_secs && !refusal.is_given_up) {
            let Err(second) = attempt(inner, dialling, &Place { session_secs, ..place }, &mut party).await else { return Ok(()) };
            refusal = second;
        }
        if refusal.is_given_up {
            return Err((refusal.status, refusal.reason));
        }
        if let Some(trunk) = trunk
            && NOT_KNOWN.contains(&refusal.status)
        {
            tracing::warn!("trunk `{}` refused a call with {}: it does not take our username or password", trunk.table.name, refusal.status);
        }
        let is_over = !hops.go_on(&hop, refusal.status, &refusal.contacts);
        if let Some(trunk) = trunk
            && hop.failed_by(refusal.status)
        {
            trunk.fail(refusal.was_silent);
            tracing::info!("trunk `{}` failed a call: {} {}", trunk.table.name, refusal.status, refusal.reason);
        }
        last = (refusal.status, refusal.reason);
        if is_over {
            break;
        }
    }
    Err(last)
}

/// What is needed while it rings.
struct Ringing<'a, 'b> {
    dialog: InviteDialog,
    terms: Terms,
    /// Early media was agreed on; a 200 need not repeat it (RFC 3261, 13.2.1).
    has_media: bool,
    party: &'a mut Party<'b>,
    is_cancelled: bool,
    /// The headers of the 200.
    said: Headers,
    /// What the party asked for before we knew that it stands: an agent's phone may ask for a transfer right after our ACK.
    early_asks: Vec<DialogState>,
}

/// Where, and how, it is tried.
struct Place<'a> {
    hop: &'a Hop,
    /// Given up when nothing has come back after this.
    silent: Option<Duration>,
    /// What we ask of session timers, in s; 0 to ask for none.
    session_secs: u32,
}

async fn attempt(inner: &Arc<Inner>, dialling: &Dialling, place: &Place<'_>, party: &mut Party<'_>) -> Result<(), Refusal> {
    let hop = place.hop;
    let written = hop.callee.params.iter().find_map(|param| match param {
        Param::Transport(transport) => Some(*transport),
        _ => None,
    });
    let transport = hop.next.as_ref().map_or(written, |next| next.r#type);
    let is_tls = transport == Some(Transport::Tls);
    let encryption = if dialling.srtp { Encryption::Required } else { inner.table.srtp.offers(is_tls) };
    let terms = inner.terms(party.port, hop.codecs.clone(), encryption);
    reach(inner, hop, transport).await?;
    let options = InviteOption {
        caller_display_name: dialling.from_name.clone(),
        caller: hop.caller.clone(),
        callee: hop.callee.clone(),
        destination: hop.next.clone(),
        credential: hop.trunk.and_then(|n| inner.trunks.numbered(n)).filter(|trunk| trunk.has_account).map(|trunk| auth::account(trunk.n)),
        content_type: Some(SDP.into()),
        offer: Some(sdp::offer(&terms)),
        contact: inner.contact(transport),
        headers: Some(headers(inner, dialling, place.session_secs)),
        ..InviteOption::default()
    };
    let (states_in, mut states) = inner.layer.new_dialog_state_channel();
    let (dialog, inviting) = inner.layer.do_invite_async(options, states_in).map_err(|error| (SERVICE_UNAVAILABLE, error.to_string()))?;
    let dialled = inner.dials(&dialog.id());
    let mut ringing = Ringing { dialog, terms, has_media: false, party, is_cancelled: false, said: Headers::default(), early_asks: Vec::new() };
    let answered = ringing.wait(inviting, place.silent, &mut states).await;
    drop(dialled);
    if let Ok(true) = answered {
        let Ringing { dialog, terms, party, said, early_asks, .. } = ringing;
        let mut leg = DialogLeg::new(inner, dialog.clone(), terms, &said, party.tell.clone());
        leg.on_alive(session::agreed(&said, inner.wishes()));
        leg.tell(LegEvent::Answered).await;
        if leg.catch_up(early_asks).await == Goes::On {
            leg.run(party.commands, &mut states).await;
        }
        inner.layer.remove_dialog(&dialog.id());
        return Ok(());
    }
    inner.layer.remove_dialog(&ringing.dialog.id());
    answered.map(|_| ())
}

/// A stream has to stand before anything is sent over it: else the library would try in silence until the call is given up.
async fn reach(inner: &Inner, hop: &Hop, transport: Option<Transport>) -> Result<(), Refusal> {
    if !matches!(transport, Some(Transport::Tcp | Transport::Tls)) {
        return Ok(());
    }
    let to = hop.next.clone().unwrap_or_else(|| SipAddr { r#type: transport, addr: hop.callee.host_with_port.clone() });
    inner.connect(&to).await.map_err(|why| (SERVICE_UNAVAILABLE, format!("{to} can't be reached: {why}")).into())
}

impl Inner {
    /// Connects to a peer over TCP or TLS, unless that connection stands.
    pub(super) async fn connect(&self, to: &SipAddr) -> Result<(), String> {
        let connected = tokio::time::timeout(CONNECT_LIMIT, self.layer.endpoint.transport_layer.lookup(to, None)).await;
        match connected.map_err(|_| "it does not answer".to_owned())? {
            Ok(_) => Ok(()),
            Err(rsipstack::Error::IoError(error)) => Err(error.to_string()),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Ringing<'_, '_> {
    /// True once it was picked up. With `silent` a place from which nothing has come for so long is given up.
    async fn wait(
        &mut self,
        inviting: impl Future<Output = Result<rsipstack::dialog::invitation::InviteAsyncResult, tokio::task::JoinError>>,
        silent: Option<Duration>,
        states: &mut DialogStateReceiver,
    ) -> Result<bool, Refusal> {
        let mut silent_until = silent.map(|silent| Instant::now() + silent);
        tokio::pin!(inviting);
        loop {
            tokio::select! {
                biased;
                done = &mut inviting => {
                    let response = match done {
                        Ok(Ok((_, response))) => response,
                        Ok(Err(error)) => return Err((SERVICE_UNAVAILABLE, error.to_string()).into()),
                        Err(error) => return Err((SERVICE_UNAVAILABLE, error.to_string()).into()),
                    };
                    // What the phone said before it picked up may still wait: sound that was agreed on early holds.
                    while let Ok(state) = states.try_recv() {
                        self.on_state(state).await;
                    }
                    return self.decided(response).await;
                }
                Some(state) = states.recv() => {
                    if matches!(state, DialogState::Trying(_) | DialogState::Early(..) | DialogState::Confirmed(..)) {
                        silent_until = None;
                    }
                    self.on_state(state).await;
                }
                command = self.party.commands.recv(), if !self.is_cancelled => match command {
                    None | Some(LegCommand::HangUp { .. }) => self.cancel().await,
                    Some(
                        LegCommand::Ring | LegCommand::Answer | LegCommand::Refuse { .. } | LegCommand::Hold(_) | LegCommand::Refer { .. } | LegCommand::Referral { .. },
                    ) => {}
                },
                () = tokio::time::sleep_until(self.party.limit), if !self.is_cancelled => self.cancel().await,
                () = tokio::time::sleep_until(silent_until.unwrap_or(self.party.limit)), if silent_until.is_some() && !self.is_cancelled => {
                    // What it may still send is answered by the library: with a CANCEL, or with a BYE.
                    self.cancel().await;
                    return Err(Refusal { was_silent: true, ..(REQUEST_TIMEOUT, "it does not react".to_owned()).into() });
                }
            }
        }
    }

    async fn on_state(&mut self, state: DialogState) {
        match state {
            DialogState::Early(_, response) => self.on_early(&response).await,
            state if !self.early_asks.is_empty() || matches!(state, DialogState::Confirmed(..)) => self.early_asks.push(state),
            _ => {}
        }
    }

    async fn on_early(&mut self, response: &Response) {
        if !response.body.is_empty() && !self.has_media {
            match sdp::accept(&self.terms, &response.body) {
                Ok(plan) => {
                    self.has_media = true;
                    let wire = self.party.sockets.take().map(Into::into);
                    self.say(LegEvent::Media { plan, wire }).await;
                }
                Err(error) => tracing::debug!(%error, "early media that can't be used"),
            }
        }
        self.say(LegEvent::Ringing).await;
    }

    async fn decided(&mut self, response: Option<Response>) -> Result<bool, Refusal> {
        let is_given_up = self.is_cancelled;
        let Some(response) = response else {
            return Err(Refusal { was_silent: true, is_given_up, ..(REQUEST_TIMEOUT, "nobody answered the INVITE".to_owned()).into() });
        };
        if response.status_code.kind() != StatusCodeKind::Successful {
            let contacts = response.headers.iter().filter_map(|header| match header {
                Header::Contact(contact) => Some(contact.value().to_owned()),
                _ => None,
            });
            let contacts = if response.status_code.kind() == StatusCodeKind::Redirection { contacts.collect() } else { Vec::new() };
            let min_secs = session::min_secs(&response.headers).filter(|_| response.status_code == StatusCode::SessionIntervalTooSmall);
            return Err(Refusal { contacts, is_given_up, min_secs, ..(response.status_code.code(), response.status_code.text().to_string()).into() });
        }
        if self.is_cancelled {
            return Err(Refusal { is_given_up, ..(REQUEST_TIMEOUT, "given up".to_owned()).into() });
        }
        self.said = response.headers;
        if response.body.is_empty() && self.has_media {
            return Ok(true);
        }
        match sdp::accept(&self.terms, &response.body) {
            Ok(plan) => {
                let wire = self.party.sockets.take().map(Into::into);
                self.say(LegEvent::Media { plan, wire }).await;
                Ok(true)
            }
            Err(error) => {
                let _ = self.dialog.bye_with_reason("SIP;cause=488;text=\"Not Acceptable Here\"".into()).await;
                Err((NOT_ACCEPTABLE, error.to_string()).into())
            }
        }
    }

    async fn cancel(&mut self) {
        self.is_cancelled = true;
        let given_up = self.dialog.cancel().await;
        // The library ends what is picked up after this (RFC 3261, 9.1), and does nothing for what was picked up before.
        let given_up = match self.dialog.state() {
            DialogState::Confirmed(..) => self.dialog.bye().await,
            _ => given_up,
        };
        if let Err(error) = given_up {
            tracing::debug!(%error, "a CANCEL or BYE could not be sent");
        }
    }

    async fn say(&self, event: LegEvent) {
        // Nobody listening means that the call is over already.
        let _ = self.party.tell.send(event).await;
    }
}

/// What the INVITE says beside who rings whom.
fn headers(inner: &Inner, dialling: &Dialling, session_secs: u32) -> Vec<Header> {
    let mut headers = vec![allow(), Header::Supported(EXTENSIONS.join(", ").into())];
    if session_secs > 0 {
        headers.extend(session::in_request(u64::from(session_secs), None, inner.wishes()));
    }
    headers.extend(dialling.headers.iter().map(|(name, value)| Header::Other(name.clone(), value.clone())));
    headers
}
