//! Reports of one leg (RFC 3550, 6): what we say of both directions every five seconds, and what the peer says.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::base::Time;
use crate::sound::rtp::jitter::JitterCounts;
use crate::sound::rtp::rtcp::{self, PeerReport};

/// Random octets of a name (RFC 7022, 4.2: at least 96 bits).
const NAME_OCTETS: usize = 12;

/// Reports of one leg.
pub(super) struct Reports {
    /// The leg's own name: whoever joins two legs by their names is not told which belong to one caller.
    name: String,
    sent_at: Time,
    told: (u64, u64),
    /// Packets that we had sent by the last two reports, the later one first.
    sent: [u32; 2],
    /// The peer's last report: the middle of its time, and when it came.
    last: Option<(u32, Time)>,
    pub peer: Option<PeerReport>,
}

/// What a report says of the peer's sound.
#[derive(Clone, Copy, Debug)]
pub(super) struct Heard {
    pub ssrc: u32,
    /// With its cycles as [`crate::sound::rtp::Extended`] counts them.
    pub highest: u64,
    /// In units of the clock.
    pub jitter: f64,
    pub counts: JitterCounts,
}

impl Reports {
    pub fn new(random: [u8; NAME_OCTETS]) -> Self {
        let name = random.iter().map(|octet| format!("{octet:02x}")).collect();
        Reports { name, sent_at: Time::ZERO, told: (0, 0), sent: [0; 2], last: None, peer: None }
    }

    /// True if it is time for a report.
    pub fn is_due(&self, now: Time) -> bool {
        now.since(self.sent_at).as_secs() >= rtcp::INTERVAL_SECS
    }

    /// When the last one was sent.
    pub fn sent_at(&self) -> Time {
        self.sent_at
    }

    /// Writes a report; gives its length.
    pub fn write(&mut self, sending: &rtcp::Sending, heard: Option<Heard>, now: Time, is_bye: bool, out: &mut [u8; rtcp::MAX_REPORT]) -> usize {
        self.sent_at = now;
        // RFC 3550, 6.4: who has sent nothing since the report before the last one is no sender.
        let sending = rtcp::Sending { is_active: sending.packets != self.sent[1], ..*sending };
        self.sent = [sending.packets, self.sent[0]];
        let reception = heard.map(|heard| {
            let counts = heard.counts;
            let (lost, taken) = (counts.lost - self.told.0.min(counts.lost), counts.taken - self.told.1.min(counts.taken));
            self.told = (counts.lost, counts.taken);
            let since = |at: Time| (now.since(at).as_micros() * 65_536 / 1_000_000) as u32;
            rtcp::Reception {
                ssrc: heard.ssrc,
                fraction_lost: (lost * 256 / (lost + taken).max(1)).min(255) as u8,
                lost: counts.lost.min(u64::from(u32::MAX)) as u32,
                // Cycles of a report begin at 0 (RFC 3550, A.1), ours at 1.
                highest: heard.highest.saturating_sub(1 << 16) as u32,
                jitter: heard.jitter as u32,
                last_report: self.last.map_or((0, 0), |(ntp, at)| (ntp, since(at))),
            }
        });
        rtcp::report(&sending, reception.as_ref(), wall_ntp(), &self.name, is_bye, out)
    }

    /// Reads a report of the peer; false if it is none.
    pub fn read(&mut self, datagram: &[u8], our_ssrc: u32, now: Time) -> bool {
        let Some(received) = rtcp::receive(datagram, our_ssrc, wall_ntp()) else { return false };
        if let Some(ntp) = received.sender_ntp {
            self.last = Some((ntp, now));
        }
        self.peer = received.about_us.or(self.peer);
        true
    }
}

fn wall_ntp() -> u64 {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    rtcp::ntp(u64::try_from(micros).unwrap_or(0))
}
