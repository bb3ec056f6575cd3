//! Keys as events (RFC 4733): received once each, sent so that loss does not lose them.

use crate::base::{Key, Time};

/// Octets of an event's payload.
pub const PAYLOAD: usize = 4;
/// Events of keys, in the order of their codes (RFC 4733, 3.2).
const LABELS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D'];
/// The volume that is sent: −10 dBm0.
const VOLUME: u8 = 10;
/// Frames of 20 ms that a sent key lasts.
const FRAMES: u16 = 6;
/// The last packet is sent so often (RFC 4733, 2.5.1.4).
const ENDS: u8 = 3;

/// Hears each key once, at its beginning.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventReceiver {
    /// Source, timestamp and code of the event that is on.
    last: Option<(u32, u32, u8)>,
}

impl EventReceiver {
    /// A packet of an event; gives its key if it is a new one. What is no key (flash, tones of fax) gives none.
    pub fn receive(&mut self, ssrc: u32, timestamp: u32, payload: &[u8]) -> Option<Key> {
        let &[code, ..] = payload.first_chunk::<PAYLOAD>()?;
        let this = (ssrc, timestamp, code);
        if self.last == Some(this) {
            return None;
        }
        // A packet of an earlier event that comes late is no new key.
        let is_late = self.last.is_some_and(|(source, last, _)| source == ssrc && timestamp.wrapping_sub(last) > u32::MAX / 2);
        if is_late {
            return None;
        }
        self.last = Some(this);
        LABELS.get(usize::from(code)).copied().and_then(Key::new)
    }
}

/// Sends one key after the other, a packet each 20 ms.
#[derive(Clone, Debug, Default)]
pub struct EventSender {
    waiting: std::collections::VecDeque<u8>,
    now: Option<Sending>,
}

#[derive(Clone, Copy, Debug)]
struct Sending {
    code: u8,
    timestamp: u32,
    frames: u16,
    ends: u8,
}

/// Keys that may wait to be sent.
const MAX_WAITING: usize = 32;

/// A packet of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventPacket {
    /// First of its event.
    pub marker: bool,
    /// The event's beginning.
    pub timestamp: u32,
    /// What is sent.
    pub payload: [u8; PAYLOAD],
}

impl EventSender {
    /// Sends this key after those that wait; beyond 32 it is left out.
    pub fn press(&mut self, key: Key) {
        let code = LABELS.iter().position(|label| *label == key.label());
        if let Some(code) = code.filter(|_| self.waiting.len() < MAX_WAITING) {
            self.waiting.push_back(code as u8);
        }
    }

    /// True while a key is being sent, or waits.
    pub fn is_busy(&self) -> bool {
        self.now.is_some() || !self.waiting.is_empty()
    }

    /// The packet of these 20 ms, if a key is being sent. `timestamp` is that of the leg, `step` what 20 ms are in it.
    pub fn next(&mut self, timestamp: u32, step: u32, _now: Time) -> Option<EventPacket> {
        if self.now.is_none() {
            let code = self.waiting.pop_front()?;
            self.now = Some(Sending { code, timestamp, frames: 0, ends: 0 });
        }
        let sending = self.now.as_mut()?;
        let marker = sending.frames == 0;
        sending.frames = (sending.frames + 1).min(FRAMES);
        let is_end = sending.frames == FRAMES;
        let duration = u16::try_from(u32::from(sending.frames) * step).unwrap_or(u16::MAX).to_be_bytes();
        let packet =
            EventPacket { marker, timestamp: sending.timestamp, payload: [sending.code, u8::from(is_end) << 7 | VOLUME, duration[0], duration[1]] };
        if is_end {
            sending.ends += 1;
            if sending.ends == ENDS {
                self.now = None;
            }
        }
        Some(packet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(keys: &str) -> Vec<EventPacket> {
        let mut sender = EventSender::default();
        keys.chars().filter_map(Key::new).for_each(|key| sender.press(key));
        (0..).map_while(|n| sender.next(n * 160, 160, Time::ZERO)).collect()
    }

    #[test]
    fn every_key_is_heard_once_whatever_single_packet_is_lost() {
        let packets = sent("1*D");
        assert_eq!(packets.len(), 3 * usize::from(FRAMES + 2));
        for lost in 0..=packets.len() {
            let mut receiver = EventReceiver::default();
            let kept = packets.iter().enumerate().filter(|(n, _)| *n != lost).map(|(_, packet)| packet);
            let heard: String = kept.filter_map(|packet| receiver.receive(1, packet.timestamp, &packet.payload)).map(Key::label).collect();
            assert_eq!(heard, "1*D", "without packet {lost}");
        }
    }

    #[test]
    fn lost_ends_and_late_packets_make_no_second_key() {
        let packets = sent("55");
        let mut receiver = EventReceiver::default();
        let order = [0, 1, 8, 2, 9, 7, 15];
        let heard = order.iter().filter_map(|n| receiver.receive(1, packets[*n].timestamp, &packets[*n].payload)).count();
        assert_eq!(heard, 2);
    }

    #[test]
    fn what_is_no_key_gives_none() {
        let mut receiver = EventReceiver::default();
        assert_eq!(receiver.receive(1, 0, &[]), None);
        assert_eq!(receiver.receive(1, 0, &[1, 2, 3]), None);
        assert_eq!(receiver.receive(1, 0, &[16, 0, 0, 0]), None);
        assert_eq!(receiver.receive(1, 0, &[255, 0, 0, 0]), None);
        assert_eq!(receiver.receive(1, 160, &[11, 0, 0, 160, 9]), Key::new('#'));
    }
}
