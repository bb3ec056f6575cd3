//! SRTP and SRTCP of one leg, with keys from SDES (RFC 3711, RFC 4568).

use rtc_srtp::context::Context;
use rtc_srtp::protection_profile::ProtectionProfile;

use crate::edge::SrtpKeys;

/// Octets of the master key; the rest of a key is its salt.
const MASTER: usize = 16;

/// Why a datagram was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// It came before.
    Replayed,
    /// It is not the peer's, or was changed.
    Forged,
}

/// Both directions.
pub(super) struct Srtp {
    ours: Context,
    theirs: Context,
}

impl Srtp {
    pub fn new(keys: &SrtpKeys) -> Result<Srtp, String> {
        let provider = rtc_crypto::default_provider().map_err(|error| error.to_string())?;
        let context = |key: &[u8; 30]| {
            let (master, salt) = key.split_at(MASTER);
            let replay = || Some(rtc_srtp::option::srtp_replay_protection(64));
            let replay_rtcp = || Some(rtc_srtp::option::srtcp_replay_protection(64));
            Context::new(master, salt, ProtectionProfile::Aes128CmHmacSha1_80, replay(), replay_rtcp(), provider.crypto())
                .map_err(|error| error.to_string())
        };
        Ok(Srtp { ours: context(&keys.ours)?, theirs: context(&keys.theirs)? })
    }

    pub fn open(&mut self, datagram: &[u8]) -> Result<impl AsRef<[u8]> + std::ops::Deref<Target = [u8]> + use<>, Refused> {
        // The library's error type is not ours to name, but what it says is.
        self.theirs.decrypt_rtp(datagram).map_err(|error| if error.to_string().contains("duplicated") { Refused::Replayed } else { Refused::Forged })
    }

    pub fn protect(&mut self, datagram: &[u8]) -> Result<impl std::ops::Deref<Target = [u8]> + use<>, String> {
        self.ours.encrypt_rtp(datagram).map_err(|error| error.to_string())
    }

    pub fn open_rtcp(&mut self, datagram: &[u8]) -> Result<Vec<u8>, String> {
        self.theirs.decrypt_rtcp(datagram).map(|plain| plain.to_vec()).map_err(|error| error.to_string())
    }

    pub fn protect_rtcp(&mut self, datagram: &[u8]) -> Result<Vec<u8>, String> {
        self.ours.encrypt_rtcp(datagram).map(|protected| protected.to_vec()).map_err(|error| error.to_string())
    }
}
