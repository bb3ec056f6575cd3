//! The sound of a call inside its report: Opus in Ogg (RFC 7845), which browsers play without help, about 2 MB for each ten minutes.
//!
//! Push both sides as they are written to `call.wav`, then [`ReportSound::finish`]. From [`MAX_SECS`] on it gives up: the report links `call.wav`.

use opus::{Application, Bitrate, Channels, Encoder};

/// Longest call whose sound is put into the page (DESIGN §7: 30 minutes).
pub const MAX_SECS: u64 = 1_800;
/// Enough for two telephone voices without audible loss, by ear.
const BITS_PER_SEC: i32 = 32_000;
/// Largest packet of 20 ms (RFC 6716 section 3.4 allows 1275 bytes for each frame).
const MAX_PACKET: usize = 1_275;
/// Granule positions count at 48 kHz, whatever the rate (RFC 7845 section 4).
const GRANULE_HZ: u64 = 48_000;
/// 20 ms at [`GRANULE_HZ`].
const PACKET_GRANULES: u64 = GRANULE_HZ / 50;
/// Packets on one page: 0.8 s, so that seeking is fine-grained, and never more than the 255 segments of a page (6 for the largest packet).
const PACKETS_PER_PAGE: usize = 40;
/// Names the one stream of the file.
const SERIAL: u32 = 1;

/// Encodes a call's two sides.
pub struct ReportSound {
    encoder: Option<Encoder>,
    rate_hz: u32,
    max_samples: u64,
    pending: Vec<i16>,
    samples: u64,
    ogg: Ogg,
}

impl ReportSound {
    /// An encoder at this rate (8,000 or 16,000 samples a second); one that gives nothing if the rate is none of Opus.
    pub fn new(rate_hz: u32) -> Self {
        ReportSound::limited(rate_hz, MAX_SECS)
    }

    fn limited(rate_hz: u32, max_secs: u64) -> Self {
        let mut encoder = Encoder::new(rate_hz, Channels::Stereo, Application::Voip).ok();
        let delay = encoder.as_mut().and_then(|e| e.set_bitrate(Bitrate::Bits(BITS_PER_SEC)).and_then(|()| e.get_lookahead()).ok()).unwrap_or(0);
        let pre_skip = u64::try_from(delay).unwrap_or(0) * GRANULE_HZ / u64::from(rate_hz.max(1));
        let mut ogg = Ogg::default();
        ogg.head(u16::try_from(pre_skip).unwrap_or(0), rate_hz);
        ReportSound { encoder, rate_hz, max_samples: max_secs * u64::from(rate_hz), pending: Vec::new(), samples: 0, ogg }
    }

    /// More sound of both sides; the shorter one goes on as silence.
    pub fn push(&mut self, caller: &[i16], served: &[i16]) {
        let n = caller.len().max(served.len());
        self.samples += n as u64;
        if self.samples > self.max_samples {
            self.give_up();
            return;
        }
        let sample = |side: &[i16], n: usize| side.get(n).copied().unwrap_or(0);
        self.pending.extend((0..n).flat_map(|n| [sample(caller, n), sample(served, n)]));
        let packet = self.packet_samples();
        while self.pending.len() >= packet && self.encoder.is_some() {
            let rest = self.pending.split_off(packet);
            let samples = std::mem::replace(&mut self.pending, rest);
            self.encode(&samples);
        }
    }

    /// The whole file; `None` if the call was too long, or Opus failed.
    pub fn finish(mut self) -> Option<Vec<u8>> {
        if self.samples == 0 {
            return None;
        }
        // The decoder's delay has to be fed too, so that the call's end is heard.
        let packet = self.packet_samples();
        let tail = packet * 2 - self.pending.len() % packet;
        self.pending.extend(std::iter::repeat_n(0, tail));
        while self.pending.len() >= packet {
            let samples: Vec<i16> = self.pending.drain(..packet).collect();
            self.encode(&samples);
        }
        self.encoder.as_ref()?;
        let end = self.samples * GRANULE_HZ / u64::from(self.rate_hz);
        Some(self.ogg.finish(end))
    }

    /// Samples of both sides in 20 ms.
    fn packet_samples(&self) -> usize {
        (self.rate_hz / 50) as usize * 2
    }

    fn encode(&mut self, samples: &[i16]) {
        let Some(encoder) = &mut self.encoder else { return };
        let mut packet = vec![0; MAX_PACKET];
        match encoder.encode(samples, &mut packet) {
            Ok(len) => {
                packet.truncate(len);
                self.ogg.packet(packet);
            }
            Err(_) => self.give_up(),
        }
    }

    fn give_up(&mut self) {
        self.encoder = None;
        self.pending = Vec::new();
        self.ogg = Ogg::default();
    }
}

/// Pages of an Ogg file with one Opus stream (RFC 3533, RFC 7845).
#[derive(Default)]
struct Ogg {
    bytes: Vec<u8>,
    page: u32,
    packets: Vec<Vec<u8>>,
    granule: u64,
    pre_skip: u64,
}

impl Ogg {
    /// Identification and comment header, each on a page of its own (RFC 7845 section 5).
    fn head(&mut self, pre_skip: u16, rate_hz: u32) {
        self.pre_skip = u64::from(pre_skip);
        let mut id = b"OpusHead\x01\x02".to_vec();
        id.extend(pre_skip.to_le_bytes());
        id.extend(rate_hz.to_le_bytes());
        id.extend([0, 0, 0]);
        let mut comment = b"OpusTags".to_vec();
        let vendor = b"segue";
        comment.extend((vendor.len() as u32).to_le_bytes());
        comment.extend(vendor);
        comment.extend(0u32.to_le_bytes());
        self.write(&[id], 0, FIRST_PAGE);
        self.write(&[comment], 0, 0);
    }

    fn packet(&mut self, packet: Vec<u8>) {
        // A full page waits for the next packet, so that the last page is never empty.
        if self.packets.len() == PACKETS_PER_PAGE {
            let packets = std::mem::take(&mut self.packets);
            self.write(&packets, self.granule, 0);
        }
        self.packets.push(packet);
        self.granule += PACKET_GRANULES;
    }

    /// The file; its last granule says where the call ends, so that padding is cut off (RFC 7845 section 4.4).
    fn finish(mut self, end: u64) -> Vec<u8> {
        let packets = std::mem::take(&mut self.packets);
        let end = (end + self.pre_skip).min(self.granule);
        self.write(&packets, end, LAST_PAGE);
        self.bytes
    }

    /// One page (RFC 3533 section 6).
    fn write(&mut self, packets: &[Vec<u8>], granule: u64, flags: u8) {
        let mut lacing = Vec::new();
        for packet in packets {
            lacing.extend(std::iter::repeat_n(255u8, packet.len() / 255));
            lacing.push((packet.len() % 255) as u8);
        }
        let begin = self.bytes.len();
        self.bytes.extend(b"OggS\0");
        self.bytes.push(flags);
        self.bytes.extend(granule.to_le_bytes());
        self.bytes.extend(SERIAL.to_le_bytes());
        self.bytes.extend(self.page.to_le_bytes());
        let checksum_at = self.bytes.len();
        self.bytes.extend([0; 4]);
        self.bytes.push(lacing.len() as u8);
        self.bytes.extend(&lacing);
        packets.iter().for_each(|p| self.bytes.extend(p));
        let checksum = crc(&self.bytes[begin..]);
        self.bytes[checksum_at..checksum_at + 4].copy_from_slice(&checksum.to_le_bytes());
        self.page += 1;
    }
}

/// Page flag: the first of its stream.
const FIRST_PAGE: u8 = 2;
/// Page flag: the last of its stream.
const LAST_PAGE: u8 = 4;
/// Generator polynomial of Ogg's checksum (RFC 3533 section 6).
const CRC_POLYNOMIAL: u32 = 0x04c1_1db7;

const CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut n = 0;
    while n < 256 {
        let mut crc = (n as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000_0000 == 0 { crc << 1 } else { (crc << 1) ^ CRC_POLYNOMIAL };
            bit += 1;
        }
        table[n] = crc;
        n += 1;
    }
    table
};

fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |crc, byte| (crc << 8) ^ CRC_TABLE[((crc >> 24) as u8 ^ byte) as usize])
}

/// Base64 with padding (RFC 4648 section 4).
pub(crate) fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().chain(&[0, 0]).take(3).fold(0u32, |word, byte| word << 8 | u32::from(*byte));
        for n in 0..4 {
            let letter = ALPHABET[(word >> (18 - 6 * n)) as usize & 63];
            out.push(if n <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sine of 400 Hz on the caller's side.
    fn tone(rate_hz: u32, secs: u32) -> Vec<i16> {
        let step = 400.0 * std::f64::consts::TAU / f64::from(rate_hz);
        (0..rate_hz * secs).map(|n| ((f64::from(n) * step).sin() * 8_000.0) as i16).collect()
    }

    #[test]
    fn base64_is_that_of_rfc_4648() {
        for (plain, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(plain.as_bytes()), coded);
        }
    }

    #[test]
    fn the_file_is_an_ogg_of_opus_with_the_calls_length() {
        let mut sound = ReportSound::new(8_000);
        for chunk in tone(8_000, 3).chunks(160) {
            sound.push(chunk, &[]);
        }
        let file = sound.finish().expect("three seconds are not too long");
        assert!(file.starts_with(b"OggS") && file.len() < 20_000, "{} bytes", file.len());
        let pages: Vec<usize> = file.windows(4).enumerate().filter(|(_, w)| w == b"OggS").map(|(n, _)| n).collect();
        for (n, begin) in pages.iter().enumerate() {
            let mut page = file[*begin..pages.get(n + 1).copied().unwrap_or(file.len())].to_vec();
            let told = u32::from_le_bytes(page[22..26].try_into().expect("four bytes"));
            page[22..26].fill(0);
            assert_eq!(crc(&page), told, "page {n}");
        }
        let last = pages.last().expect("it has pages") + 6;
        let granule = u64::from_le_bytes(file[last..last + 8].try_into().expect("eight bytes"));
        let pre_skip = u64::from(u16::from_le_bytes([file[38], file[39]]));
        assert_eq!(granule - pre_skip, 3 * GRANULE_HZ);
    }

    #[test]
    fn a_call_above_the_limit_is_not_put_into_the_page() {
        let mut sound = ReportSound::limited(8_000, 2);
        sound.push(&[0; 16_000], &[0; 16_000]);
        sound.push(&[0], &[0]);
        assert!(sound.finish().is_none());
        assert!(ReportSound::new(8_000).finish().is_none());
        assert!(ReportSound::new(7_777).finish().is_none());
    }
}
