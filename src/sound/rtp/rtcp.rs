//! Reports (RFC 3550, 6): how our sound arrives there, and theirs here.

use crate::base::Time;

/// How often a report is sent, in s (RFC 3550, 6.2).
pub const INTERVAL_SECS: u64 = 5;
/// Seconds from 1900 to 1970.
const NTP_OFFSET_SECS: u64 = 2_208_988_800;
/// Octets of the longest compound packet that is built.
pub const MAX_REPORT: usize = 128;
/// Most blocks that are read of a report.
const MAX_BLOCKS: usize = 31;

/// What the peer says of our sound.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PeerReport {
    /// Share of our packets that it lost since its last report, 0..1.
    pub lost: f64,
    /// Its jitter, in units of the clock.
    pub jitter: u32,
    /// There and back, in ms; `None` until it has seen a report of ours.
    pub round_trip_ms: Option<f64>,
}

/// What we know of the peer's sound, for a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reception {
    /// The peer's source.
    pub ssrc: u32,
    /// Share lost since the last report, in 256ths.
    pub fraction_lost: u8,
    /// Lost in all.
    pub lost: u32,
    /// Highest sequence number with its cycles.
    pub highest: u32,
    /// In units of the clock (RFC 3550, A.8).
    pub jitter: u32,
    /// The middle 32 bits of the peer's last report's NTP time, and how long ago that was in 65536ths of a second.
    pub last_report: (u32, u32),
}

/// Our own sound, for a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sending {
    /// Our source.
    pub ssrc: u32,
    /// The timestamp of now.
    pub timestamp: u32,
    /// Packets sent.
    pub packets: u32,
    /// Octets of payload sent.
    pub octets: u32,
    /// Something was sent of late; otherwise it is a receiver's report (RFC 3550, 6.4).
    pub is_active: bool,
}

/// NTP time (seconds and fraction) of a moment, `unix_micros` µs after 1970.
pub fn ntp(unix_micros: u64) -> u64 {
    let secs = unix_micros / 1_000_000 + NTP_OFFSET_SECS;
    let fraction = ((unix_micros % 1_000_000) << 32) / 1_000_000;
    secs << 32 | fraction
}

/// Writes the report of a sender, or of who only receives, with one block, and our name; gives its length.
pub fn report(sending: &Sending, reception: Option<&Reception>, ntp: u64, cname: &str, is_bye: bool, out: &mut [u8; MAX_REPORT]) -> usize {
    let mut at = 0;
    let mut put = |bytes: &[u8]| {
        let end = (at + bytes.len()).min(MAX_REPORT);
        out[at..end].copy_from_slice(&bytes[..end - at]);
        at = end;
    };
    let blocks = u8::from(reception.is_some());
    let (kind, own_words) = if sending.is_active { (200, 6) } else { (201, 1) };
    put(&[0x80 | blocks, kind]);
    put(&(own_words + 6 * u16::from(blocks)).to_be_bytes());
    put(&sending.ssrc.to_be_bytes());
    if sending.is_active {
        put(&ntp.to_be_bytes());
        put(&sending.timestamp.to_be_bytes());
        put(&sending.packets.to_be_bytes());
        put(&sending.octets.to_be_bytes());
    }
    if let Some(reception) = reception {
        put(&reception.ssrc.to_be_bytes());
        put(&(u32::from(reception.fraction_lost) << 24 | reception.lost.min(0x7f_ffff)).to_be_bytes());
        put(&reception.highest.to_be_bytes());
        put(&reception.jitter.to_be_bytes());
        put(&reception.last_report.0.to_be_bytes());
        put(&reception.last_report.1.to_be_bytes());
    }
    // SDES with a CNAME, ended by a zero and filled to whole words (RFC 3550, 6.5).
    let name = &cname.as_bytes()[..cname.len().min(32)];
    let filled = (2 + name.len() + 1).div_ceil(4) * 4;
    put(&[0x81, 202]);
    put(&((1 + filled / 4) as u16).to_be_bytes());
    put(&sending.ssrc.to_be_bytes());
    put(&[1, name.len() as u8]);
    put(name);
    put(&[0; 4][..filled - 2 - name.len()]);
    if is_bye {
        put(&[0x81, 203, 0, 1]);
        put(&sending.ssrc.to_be_bytes());
    }
    at
}

/// What a compound packet of the peer says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Received {
    /// The middle 32 bits of its NTP time, of a sender report.
    pub sender_ntp: Option<u32>,
    /// What it says of our source.
    pub about_us: Option<PeerReport>,
    /// It leaves.
    pub is_bye: bool,
}

/// Reads a compound packet; `None` if it is none. `ntp` is now, to tell the way there and back.
pub fn receive(datagram: &[u8], our_ssrc: u32, ntp: u64) -> Option<Received> {
    let mut received = Received::default();
    let mut rest = datagram;
    while !rest.is_empty() {
        let header = rest.first_chunk::<4>()?;
        let length = 4 + 4 * usize::from(u16::from_be_bytes([header[2], header[3]]));
        if header[0] >> 6 != 2 || !(192..=223).contains(&header[1]) {
            return None;
        }
        let (packet, after) = rest.split_at_checked(length)?;
        rest = after;
        let blocks = match header[1] {
            200 => {
                let time = packet.get(8..16)?;
                received.sender_ntp = Some(u32::from_be_bytes([time[2], time[3], time[4], time[5]]));
                packet.get(28..)?
            }
            201 => packet.get(8..)?,
            203 => {
                received.is_bye = true;
                continue;
            }
            _ => continue,
        };
        let count = usize::from(header[0] & 0x1f).min(MAX_BLOCKS);
        let about_us = blocks.chunks_exact(24).take(count).find(|block| block[..4] == our_ssrc.to_be_bytes());
        if let Some(block) = about_us {
            received.about_us = Some(read_block(block, ntp));
        }
    }
    (!datagram.is_empty()).then_some(received)
}

fn read_block(block: &[u8], ntp: u64) -> PeerReport {
    let word = |n: usize| u32::from_be_bytes([block[4 * n], block[4 * n + 1], block[4 * n + 2], block[4 * n + 3]]);
    let (last, delay) = (word(4), word(5));
    let now = (ntp >> 16) as u32;
    let round_trip = now.wrapping_sub(last).wrapping_sub(delay);
    // A clock that jumped gives nonsense of hours.
    let is_sane = last != 0 && round_trip < 60 << 16;
    PeerReport { lost: f64::from(block[4]) / 256.0, jitter: word(3), round_trip_ms: is_sane.then(|| f64::from(round_trip) * 1_000.0 / 65_536.0) }
}

/// Inter-arrival jitter (RFC 3550, 6.4.1), in units of the clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Jitter {
    last: Option<(f64, u32)>,
    jitter: f64,
}

impl Jitter {
    /// A packet came.
    pub fn note(&mut self, timestamp: u32, now: Time, clock_hz: u32) {
        let arrival = now.as_micros() as f64 * f64::from(clock_hz) / 1e6;
        if let Some((earlier, stamp)) = self.last {
            let distance = (arrival - earlier) - f64::from(timestamp.wrapping_sub(stamp) as i32);
            self.jitter += (distance.abs() - self.jitter) / 16.0;
        }
        self.last = Some((arrival, timestamp));
    }

    /// Now.
    pub fn value(&self) -> f64 {
        self.jitter
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_sides_learn_loss_jitter_and_the_way_there_and_back() {
        let (ours, theirs) =
            (Sending { ssrc: 1, timestamp: 160, packets: 10, octets: 1_600, is_active: true }, Sending { ssrc: 2, ..Sending::default() });
        let mut out = [0; MAX_REPORT];
        let sent = ntp(1_000_000_000);
        let length = report(&ours, None, sent, "segue", false, &mut out);
        assert_eq!(length % 4, 0);
        let heard = receive(&out[..length], 2, sent).expect("a report");
        let last = heard.sender_ntp.expect("a sender report");
        let reception = Reception { ssrc: 1, fraction_lost: 64, lost: 3, highest: 70_000, jitter: 80, last_report: (last, 65_536 / 2) };
        let length = report(&theirs, Some(&reception), ntp(1_000_600_000), "peer", true, &mut out);
        let heard = receive(&out[..length], 1, ntp(1_000_600_000)).expect("a report");
        let about = heard.about_us.expect("about us");
        assert!(heard.is_bye && about.lost == 0.25 && about.jitter == 80, "{about:?}");
        assert!(about.round_trip_ms.is_some_and(|ms| (99.0..101.0).contains(&ms)), "{about:?}");
        assert_eq!(receive(&out[..length], 9, 0).map(|r| r.about_us), Some(None));
    }

    #[test]
    fn who_sends_nothing_reports_what_they_hear() {
        let mut out = [0; MAX_REPORT];
        let reception = Reception { ssrc: 1, fraction_lost: 128, ..Reception::default() };
        let length = report(&Sending { ssrc: 2, ..Sending::default() }, Some(&reception), ntp(1), "peer", false, &mut out);
        assert_eq!((out[1], length % 4), (201, 0));
        let heard = receive(&out[..length], 1, ntp(1)).expect("a report");
        assert_eq!((heard.sender_ntp, heard.about_us.map(|about| about.lost)), (None, Some(0.5)));
    }

    #[test]
    fn what_is_no_report_is_none() {
        for bad in [&[][..], &[0x80], &[0x80, 200, 0, 6], &[0x00, 200, 0, 0], &[0x80, 5, 0, 0], &[0x81, 200, 0, 0], &[0x81, 201, 0xff, 0xff]] {
            assert_eq!(receive(bad, 1, 0), None, "{bad:?}");
        }
        assert_eq!(receive(&[0x81, 201, 0, 1, 0, 0, 0, 2], 1, 0), Some(Received::default()));
    }

    #[test]
    fn even_arrivals_have_no_jitter() {
        let mut jitter = Jitter::default();
        for n in 0..100u32 {
            jitter.note(n * 160, Time::from_millis(u64::from(n) * 20), 8_000);
        }
        assert!(jitter.value() < 0.01);
        for n in 100..200u32 {
            jitter.note(n * 160, Time::from_millis(u64::from(n) * 20 + u64::from(n % 2) * 10), 8_000);
        }
        assert!((60.0..90.0).contains(&jitter.value()), "{}", jitter.value());
    }
}
