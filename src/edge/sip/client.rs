//! Ringing somebody.

use std::sync::Arc;

use rsipstack::dialog::dialog::{DialogState, DialogStateReceiver};
use rsipstack::dialog::invitation::InviteOption;
use rsipstack::dialog::invite_dialog::InviteDialog;
use rsipstack::sip::{Header, Param, Response, StatusCodeKind, Uri};
use tokio::sync::mpsc::{Receiver, Sender};
use tokio::time::Instant;

use super::leg::{DialogLeg, SDP};
use super::sdp::{self, Encryption, Terms};
use super::{Dialling, Inner};
use crate::edge::{LegCommand, LegEvent, MediaSockets};

/// SIP statuses that we say ourselves.
const REQUEST_TIMEOUT: u16 = 408;
const NOT_FOUND: u16 = 404;
const SERVICE_UNAVAILABLE: u16 = 503;
const NOT_ACCEPTABLE: u16 = 488;

/// Rings, and stays with the leg until it is over.
pub(super) async fn ring(inner: Arc<Inner>, dialling: Dialling, mut commands: Receiver<LegCommand>, tell: Sender<LegEvent>) {
    if let Err((status, reason)) = attempt(&inner, &dialling, &mut commands, &tell).await {
        // Nobody listening means that the call is over already.
        let _ = tell.send(LegEvent::Refused { status, reason }).await;
    }
}

/// What is needed while it rings.
struct Ringing<'a> {
    dialog: InviteDialog,
    terms: Terms,
    sockets: Option<MediaSockets>,
    /// Early media was agreed on; a 200 need not repeat it (RFC 3261, 13.2.1).
    has_media: bool,
    tell: &'a Sender<LegEvent>,
    is_cancelled: bool,
}

async fn attempt(inner: &Arc<Inner>, dialling: &Dialling, commands: &mut Receiver<LegCommand>, tell: &Sender<LegEvent>) -> Result<(), (u16, String)> {
    let callee = read_uri(&dialling.target)?;
    let caller = read_uri(&dialling.from)?;
    let sockets = inner.ports.bind().map_err(|error| (SERVICE_UNAVAILABLE, error.to_string()))?;
    let port = sockets.rtp.local_addr().map_err(|error| (SERVICE_UNAVAILABLE, error.to_string()))?.port();
    let encryption = if dialling.srtp { Encryption::Required } else { Encryption::Off };
    let terms = inner.terms(port, dialling.codecs.clone(), encryption);
    let transport = callee.params.iter().find_map(|param| match param {
        Param::Transport(transport) => Some(*transport),
        _ => None,
    });
    let options = InviteOption {
        caller_display_name: dialling.from_name.clone(),
        caller,
        callee,
        content_type: Some(SDP.into()),
        offer: Some(sdp::offer(&terms)),
        contact: inner.contact(transport),
        headers: Some(dialling.headers.iter().map(|(name, value)| Header::Other(name.clone(), value.clone())).collect()),
        ..InviteOption::default()
    };
    let (states_in, mut states) = inner.layer.new_dialog_state_channel();
    let (dialog, inviting) = inner.layer.do_invite_async(options, states_in).map_err(|error| (SERVICE_UNAVAILABLE, error.to_string()))?;
    let mut ringing = Ringing { dialog, terms, sockets: Some(sockets), has_media: false, tell, is_cancelled: false };
    let answered = ringing.wait(inviting, dialling, commands, &mut states).await;
    if let Ok(true) = answered {
        let Ringing { dialog, terms, tell, .. } = ringing;
        let leg = DialogLeg { dialog: dialog.clone(), terms, tell: tell.clone(), was_referred: false, referring_until: None };
        leg.run(commands, &mut states).await;
        inner.layer.remove_dialog(&dialog.id());
        return Ok(());
    }
    inner.layer.remove_dialog(&ringing.dialog.id());
    answered.map(|_| ())
}

impl Ringing<'_> {
    /// True once it was picked up; false if we gave up.
    async fn wait(
        &mut self,
        inviting: impl Future<Output = Result<rsipstack::dialog::invitation::InviteAsyncResult, tokio::task::JoinError>>,
        dialling: &Dialling,
        commands: &mut Receiver<LegCommand>,
        states: &mut DialogStateReceiver,
    ) -> Result<bool, (u16, String)> {
        let limit = Instant::now() + dialling.ring_limit;
        tokio::pin!(inviting);
        loop {
            tokio::select! {
                biased;
                done = &mut inviting => {
                    let response = match done {
                        Ok(Ok((_, response))) => response,
                        Ok(Err(error)) => return Err((SERVICE_UNAVAILABLE, error.to_string())),
                        Err(error) => return Err((SERVICE_UNAVAILABLE, error.to_string())),
                    };
                    return self.decided(response).await;
                }
                Some(state) = states.recv() => if let DialogState::Early(_, response) = state {
                    self.on_early(&response).await;
                },
                command = commands.recv(), if !self.is_cancelled => match command {
                    None | Some(LegCommand::HangUp { .. }) => self.cancel().await,
                    Some(LegCommand::Ring | LegCommand::Answer | LegCommand::Refuse { .. } | LegCommand::Hold(_) | LegCommand::Refer { .. }) => {}
                },
                () = tokio::time::sleep_until(limit), if !self.is_cancelled => self.cancel().await,
            }
        }
    }

    async fn on_early(&mut self, response: &Response) {
        if !response.body.is_empty()
            && let Some(sockets) = self.sockets.take()
        {
            match sdp::accept(&self.terms, &response.body) {
                Ok(plan) => {
                    self.has_media = true;
                    self.say(LegEvent::Media { plan, sockets: Some(sockets) }).await;
                }
                Err(error) => {
                    tracing::debug!(%error, "early media that can't be used");
                    self.sockets = Some(sockets);
                }
            }
        }
        self.say(LegEvent::Ringing).await;
    }

    async fn decided(&mut self, response: Option<Response>) -> Result<bool, (u16, String)> {
        let Some(response) = response else { return Err((REQUEST_TIMEOUT, "nobody answered the INVITE".into())) };
        if response.status_code.kind() != StatusCodeKind::Successful {
            return Err((response.status_code.code(), response.status_code.text().to_string()));
        }
        if self.is_cancelled {
            // The library has ended what was picked up in the same moment (RFC 3261, 9.1).
            return Err((REQUEST_TIMEOUT, "given up".into()));
        }
        if response.body.is_empty() && self.has_media {
            self.say(LegEvent::Answered).await;
            return Ok(true);
        }
        match sdp::accept(&self.terms, &response.body) {
            Ok(plan) => {
                let sockets = self.sockets.take();
                self.say(LegEvent::Media { plan, sockets }).await;
                self.say(LegEvent::Answered).await;
                Ok(true)
            }
            Err(error) => {
                let _ = self.dialog.bye_with_reason("SIP;cause=488;text=\"Not Acceptable Here\"".into()).await;
                Err((NOT_ACCEPTABLE, error.to_string()))
            }
        }
    }

    async fn cancel(&mut self) {
        self.is_cancelled = true;
        if let Err(error) = self.dialog.cancel().await {
            tracing::debug!(%error, "a CANCEL could not be sent");
        }
    }

    async fn say(&self, event: LegEvent) {
        // Nobody listening means that the call is over already.
        let _ = self.tell.send(event).await;
    }
}

fn read_uri(written: &str) -> Result<Uri, (u16, String)> {
    rsipstack::sip::parse_uri(written).map_err(|error| (NOT_FOUND, format!("`{written}` can't be dialled: {error}")))
}
