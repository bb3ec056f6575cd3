use std::net::IpAddr;

use super::*;
use crate::edge::{Ports, SrtpKeys};

const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

fn sockets() -> MediaSockets {
    Ports::new(LOOPBACK, 43_000, 45_999).bind().expect("a free pair")
}

fn plan(to: &MediaSockets, codec: Codec, srtp: Option<SrtpKeys>) -> MediaPlan {
    let remote = to.rtp.local_addr().expect("bound");
    MediaPlan {
        remote,
        remote_rtcp: to.rtcp.local_addr().expect("bound"),
        codec,
        payload: codec.static_payload().unwrap_or(111),
        payload_in: codec.static_payload().unwrap_or(111),
        event_payload: Some(101),
        event_payload_in: Some(101),
        comfort_noise: false,
        sends: true,
        receives: true,
        ptime_ms: 20,
        srtp,
    }
}

fn pair(codec: Codec, keys: Option<(SrtpKeys, SrtpKeys)>) -> (RtpLeg, RtpLeg) {
    let (a, b) = (sockets(), sockets());
    let (plan_a, plan_b) = (plan(&b, codec, keys.as_ref().map(|k| k.0.clone())), plan(&a, codec, keys.map(|k| k.1)));
    (RtpLeg::open(a, &plan_a, Rate::Hz8000).expect("open"), RtpLeg::open(b, &plan_b, Rate::Hz8000).expect("open"))
}

fn tone(n: u64) -> Frame {
    let mut frame = Frame::silence(Rate::Hz8000);
    for (i, sample) in frame.samples_mut().iter_mut().enumerate() {
        *sample = (8_000.0 * (std::f64::consts::TAU * 400.0 * (n * 160 + i as u64) as f64 / 8_000.0).sin()) as i16;
    }
    frame
}

/// Sends 50 frames from `a` to `b`; gives the peaks of what `b` heard.
fn talk(a: &mut RtpLeg, b: &mut RtpLeg) -> Vec<u16> {
    let mut peaks = Vec::new();
    for n in 0..50 {
        let now = Time::from_millis(n * 20);
        a.send(Some(&tone(n)), now);
        b.receive(now);
        if let Some(frame) = b.play_out(now) {
            peaks.push(frame.samples().iter().map(|s| s.unsigned_abs()).max().unwrap_or(0));
        }
    }
    peaks
}

#[test]
fn sound_and_keys_cross_in_every_codec_in_the_clear_and_encrypted() {
    let keys = || {
        let (a, b) = ([3; 30], [4; 30]);
        (SrtpKeys { ours: a, theirs: b }, SrtpKeys { ours: b, theirs: a })
    };
    for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus] {
        for keys in [None, Some(keys())] {
            let is_encrypted = keys.is_some();
            let (mut a, mut b) = pair(codec, keys);
            let peaks = talk(&mut a, &mut b);
            assert!(peaks.len() >= 45, "{codec:?} {is_encrypted}: {}", peaks.len());
            let steady = &peaks[20..];
            assert!(steady.iter().all(|peak| (6_000..10_500).contains(peak)), "{codec:?} {is_encrypted}: {steady:?}");
            a.send_key(Key::new('7').expect("a key"));
            let mut heard = Vec::new();
            for n in 50..60 {
                let now = Time::from_millis(n * 20);
                a.send(Some(&tone(n)), now);
                b.receive(now);
                b.play_out(now);
                heard.extend(b.key().map(Key::label));
            }
            assert_eq!(heard, ['7'], "{codec:?}");
            assert_eq!((b.stats().bad, b.stats().forged, b.stats().strangers), (0, 0, 0));
        }
    }
}

#[test]
fn who_has_other_keys_is_not_heard() {
    let (mut a, mut b) = pair(Codec::Pcmu, Some((SrtpKeys { ours: [1; 30], theirs: [2; 30] }, SrtpKeys { ours: [2; 30], theirs: [9; 30] })));
    assert!(talk(&mut a, &mut b).is_empty());
    assert_eq!((b.stats().received, b.stats().forged), (0, 50));
}

#[test]
fn who_lacks_the_keys_does_not_win_a_leg_whose_peer_has_not_sent_yet() {
    let (mut a, mut b) = pair(Codec::Pcmu, Some((SrtpKeys { ours: [1; 30], theirs: [2; 30] }, SrtpKeys { ours: [2; 30], theirs: [1; 30] })));
    let agreed = b.peer;
    let stranger = sockets().rtp.local_addr().expect("bound");
    for n in 0..50u16 {
        let packet = Packet { marker: false, payload_type: 0, sequence: n, timestamp: u32::from(n) * 160, ssrc: 99, payload: &[0; 160] };
        let mut datagram = [0; 172];
        packet.encode(&mut datagram).expect("room");
        b.on_datagram(&datagram, stranger, Time::ZERO);
    }
    assert_eq!((b.peer, b.stats().forged, b.stats().received), (agreed, 50, 0));
    assert!(talk(&mut a, &mut b).len() >= 45);
}

#[test]
fn a_flood_of_reports_is_taken_in_portions() {
    let (_a, mut b) = pair(Codec::Pcmu, None);
    let stranger = sockets();
    let to = b.sockets.rtcp.local_addr().expect("bound");
    for _ in 0..50 {
        stranger.rtcp.send_to(&[0; 8], to).expect("sent");
    }
    b.receive(Time::ZERO);
    assert_eq!(b.stats().bad, MAX_REPORTS_AT_ONCE as u64);
}

#[test]
fn reports_say_the_highest_number_with_its_cycles_whatever_comes_late() {
    let (_a, mut b) = pair(Codec::Pcmu, None);
    let peer = b.peer;
    let mut come = |sequence, ssrc| {
        let packet = Packet { marker: false, payload_type: 0, sequence, timestamp: 0, ssrc, payload: &[0; 160] };
        let mut datagram = [0; 172];
        packet.encode(&mut datagram).expect("room");
        b.on_datagram(&datagram, peer, Time::ZERO);
        b.highest - (1 << 16)
    };
    assert_eq!([come(65_535, 1), come(1, 1), come(0, 1), come(7, 2)], [65_535, 65_537, 65_537, 7]);
}

#[test]
fn packets_without_payload_keep_a_way_open_and_are_silence() {
    let (_a, mut b) = pair(Codec::Opus, None);
    let peer = b.peer;
    for n in 0..20u16 {
        let packet = Packet { marker: false, payload_type: 111, sequence: n, timestamp: u32::from(n) * 960, ssrc: 1, payload: &[] };
        let mut datagram = [0; 12];
        packet.encode(&mut datagram).expect("room");
        b.on_datagram(&datagram, peer, Time::from_millis(u64::from(n) * 20));
        b.play_out(Time::from_millis(u64::from(n) * 20));
        assert!(b.fifo.len() < 160, "{}", b.fifo.len());
    }
    assert_eq!((b.stats().bad, b.stats().jitter_buffer.lost), (0, 0));
}

#[test]
fn strangers_are_never_heard_once_the_peer_is_known() {
    let (mut a, mut b) = pair(Codec::Pcmu, None);
    talk(&mut a, &mut b);
    let stranger = sockets();
    for n in 0..50u16 {
        let packet = Packet { marker: false, payload_type: 0, sequence: n, timestamp: u32::from(n) * 160, ssrc: 99, payload: &[0; 160] };
        let mut datagram = [0; 172];
        packet.encode(&mut datagram).expect("room");
        stranger.rtp.send_to(&datagram, b.socket().local_addr().expect("bound")).expect("sent");
    }
    let before = b.stats().received;
    b.receive(Time::from_millis(1_000));
    assert_eq!((b.stats().received, b.stats().strangers), (before, 50));
}

#[test]
fn a_peer_behind_nat_is_followed_once() {
    let (a, b) = (sockets(), sockets());
    let nowhere = sockets();
    let (agreed, back) = (plan(&nowhere, Codec::Pcmu, None), plan(&b, Codec::Pcmu, None));
    let mut b = RtpLeg::open(b, &agreed, Rate::Hz8000).expect("open");
    let mut a = RtpLeg::open(a, &back, Rate::Hz8000).expect("open");
    assert!(talk(&mut a, &mut b).len() >= 38);
    assert_eq!(b.stats().strangers, u64::from(LATCH_AFTER) - 1);
    let mut late = RtpLeg::open(nowhere, &back, Rate::Hz8000).expect("open");
    let strangers = b.stats().strangers;
    assert!(b.stats().received > 0);
    talk(&mut late, &mut b);
    assert_eq!(b.stats().strangers, strangers + 50, "the second address is a stranger, even the one that was agreed");
}

#[test]
fn random_and_mutated_datagrams_harm_nothing() {
    let (mut a, mut b) = pair(Codec::Opus, None);
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let peer = b.peer;
    for n in 0..100_000u64 {
        let mut datagram = vec![0u8; (random() % 300) as usize];
        datagram.iter_mut().for_each(|byte| *byte = random() as u8);
        if random().is_multiple_of(2) && datagram.len() > 12 {
            datagram[0] = 0x80;
            datagram[1] = [111, 101, 13, 200, 201][(random() % 5) as usize];
        }
        let now = Time::from_micros(n * 400);
        b.on_datagram(&datagram, peer, now);
        if n % 50 == 0 {
            b.play_out(now);
            b.key();
        }
    }
    let bad = b.stats().bad;
    assert!(bad > 10_000, "{bad}");
    assert!(talk(&mut a, &mut b).len() > 20, "it goes on afterwards");
}
