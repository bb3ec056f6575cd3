//! SRTP and SRTCP of one leg, with keys from SDES (RFC 3711, RFC 4568).

use rtc_srtp::context::Context;
use rtc_srtp::protection_profile::ProtectionProfile;

use crate::edge::SrtpKeys;

/// Octets of the master key; the rest of a key is its salt.
const MASTER: usize = 16;
/// Packets back to which replays are told (RFC 3711, 3.3.2: at least 64).
const REPLAY_WINDOW: usize = 64;

/// Why a datagram was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It came before.
    Replayed,
    /// It is not the peer's, or was changed.
    Forged,
}

/// Sources of one peer that are known at most; it has one, and another each time it begins anew. Of more all but the newest are
/// forgotten.
const MAX_SOURCES: usize = 16;
/// Datagrams of unknown sources after which what is remembered of them is forgotten.
const TRIALS: u32 = 64;

/// Both directions.
///
/// The library remembers every source whose datagrams it was given, forged ones too, and does not forget. So a source is tried
/// in a context that is begun anew now and then, and comes into the lasting one with its first authentic datagram.
pub(super) struct Srtp {
    ours: Context,
    /// Of sound and of reports.
    theirs: [Context; 2],
    key: [u8; 30],
    trial: Context,
    trials: u32,
    /// Sources that have proved to be the peer's, of sound and of reports.
    sources: [Vec<u32>; 2],
}

/// What a datagram is.
#[derive(Clone, Copy)]
enum Flow {
    Sound,
    Reports,
}

impl Srtp {
    pub fn new(keys: &SrtpKeys) -> Result<Srtp, String> {
        let (theirs, trial) = ([context(&keys.theirs)?, context(&keys.theirs)?], context(&keys.theirs)?);
        Ok(Srtp { ours: context(&keys.ours)?, theirs, key: keys.theirs, trial, trials: 0, sources: Default::default() })
    }

    /// Opens a datagram of this source.
    pub fn open(&mut self, ssrc: u32, datagram: &[u8]) -> Result<impl AsRef<[u8]> + std::ops::Deref<Target = [u8]> + use<>, Refused> {
        self.prove(Flow::Sound, ssrc, |trial| trial.decrypt_rtp(datagram).is_ok())?;
        // The library's error type is not ours to name, but what it says is.
        let theirs = &mut self.theirs[Flow::Sound as usize];
        theirs.decrypt_rtp(datagram).map_err(|error| if error.to_string().contains("duplicated") { Refused::Replayed } else { Refused::Forged })
    }

    pub fn protect(&mut self, datagram: &[u8]) -> Result<impl std::ops::Deref<Target = [u8]> + use<>, String> {
        self.ours.encrypt_rtp(datagram).map_err(|error| error.to_string())
    }

    pub fn open_rtcp(&mut self, datagram: &[u8]) -> Result<Vec<u8>, Refused> {
        // The sender of the first report (RFC 3711, 3.4).
        let ssrc = datagram.get(4..8).and_then(|octets| octets.try_into().ok()).map(u32::from_be_bytes).ok_or(Refused::Forged)?;
        self.prove(Flow::Reports, ssrc, |trial| trial.decrypt_rtcp(datagram).is_ok())?;
        self.theirs[Flow::Reports as usize].decrypt_rtcp(datagram).map(|plain| plain.to_vec()).map_err(|_| Refused::Forged)
    }

    pub fn protect_rtcp(&mut self, datagram: &[u8]) -> Result<Vec<u8>, String> {
        self.ours.encrypt_rtcp(datagram).map(|protected| protected.to_vec()).map_err(|error| error.to_string())
    }

    /// A source that is not known must be authentic to become so.
    fn prove(&mut self, flow: Flow, ssrc: u32, is_authentic: impl FnOnce(&mut Context) -> bool) -> Result<(), Refused> {
        let sources = &mut self.sources[flow as usize];
        if sources.contains(&ssrc) {
            return Ok(());
        }
        if self.trials == TRIALS {
            (self.trial, self.trials) = (context(&self.key).map_err(|_| Refused::Forged)?, 0);
        }
        self.trials += 1;
        if !is_authentic(&mut self.trial) {
            return Err(Refused::Forged);
        }
        if sources.len() == MAX_SOURCES {
            self.theirs[flow as usize] = context(&self.key).map_err(|_| Refused::Forged)?;
            sources.clear();
        }
        sources.push(ssrc);
        Ok(())
    }
}

fn context(key: &[u8; 30]) -> Result<Context, String> {
    let provider = rtc_crypto::default_provider().map_err(|error| error.to_string())?;
    let (master, salt) = key.split_at(MASTER);
    let replay = Some(rtc_srtp::option::srtp_replay_protection(REPLAY_WINDOW));
    let replay_rtcp = Some(rtc_srtp::option::srtcp_replay_protection(REPLAY_WINDOW));
    Context::new(master, salt, ProtectionProfile::Aes128CmHmacSha1_80, replay, replay_rtcp, provider.crypto()).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet of sound (RFC 3550, 5.1).
    fn sound(ssrc: u32, sequence: u16) -> Vec<u8> {
        [&[0x80, 0][..], &sequence.to_be_bytes(), &[0; 4], &ssrc.to_be_bytes(), &[0xd5; 160]].concat()
    }

    /// An empty receiver report (RFC 3550, 6.4.2).
    fn report(ssrc: u32) -> Vec<u8> {
        [&[0x80, 201, 0, 1][..], &ssrc.to_be_bytes()].concat()
    }

    #[test]
    fn a_peer_that_begins_anew_again_and_again_is_heard_and_nobody_else() {
        let (a, b) = ([1; 30], [2; 30]);
        let (mut near, mut far) = (Srtp::new(&SrtpKeys { ours: a, theirs: b }).unwrap(), Srtp::new(&SrtpKeys { ours: b, theirs: a }).unwrap());
        let mut stranger = Srtp::new(&SrtpKeys { ours: [3; 30], theirs: a }).unwrap();
        for ssrc in 1..=3 * MAX_SOURCES as u32 {
            for sequence in 0..3 {
                let datagram = far.protect(&sound(ssrc, sequence)).unwrap().to_vec();
                assert_eq!(near.open(ssrc, &datagram).as_deref(), Ok(&sound(ssrc, sequence)[..]), "source {ssrc}");
                assert_eq!(near.open(ssrc, &datagram).err(), Some(Refused::Replayed), "source {ssrc}");
            }
            let forged = stranger.protect(&sound(1_000 + ssrc, 0)).unwrap().to_vec();
            assert_eq!(near.open(1_000 + ssrc, &forged).err(), Some(Refused::Forged));
            let datagram = far.protect_rtcp(&report(ssrc)).unwrap();
            assert_eq!(near.open_rtcp(&datagram), Ok(report(ssrc)), "reports of source {ssrc}");
            assert!(near.sources.iter().all(|sources| sources.len() <= MAX_SOURCES));
        }
    }
}
