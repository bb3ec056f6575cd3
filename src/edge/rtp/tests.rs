use std::net::{IpAddr, UdpSocket};

use super::*;
use crate::edge::{MediaSockets, Ports, SrtpKeys};

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
        event_clock_hz: 8_000,
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
            assert_eq!((b.stats().bad.total(), b.stats().forged, b.stats().strangers), (0, 0, 0));
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
    let agreed = b.source.peer;
    let stranger = sockets().rtp.local_addr().expect("bound");
    for n in 0..50u16 {
        let packet = Packet { marker: false, payload_type: 0, sequence: n, timestamp: u32::from(n) * 160, ssrc: 99, payload: &[0; 160] };
        let mut datagram = [0; 172];
        packet.encode(&mut datagram).expect("room");
        b.on_datagram(&datagram, stranger, None, Time::ZERO);
    }
    assert_eq!((b.source.peer, b.stats().forged, b.stats().received), (agreed, 50, 0));
    assert!(talk(&mut a, &mut b).len() >= 45);
}

#[test]
fn a_flood_of_forged_sources_leaves_nothing_behind_and_a_peer_that_begins_anew_is_heard() {
    let (mut a, mut b) = pair(Codec::Pcmu, Some((SrtpKeys { ours: [1; 30], theirs: [2; 30] }, SrtpKeys { ours: [2; 30], theirs: [1; 30] })));
    let peer = b.source.peer;
    let flood = |b: &mut RtpLeg| {
        for ssrc in 0..1_000 {
            let packet = Packet { marker: false, payload_type: 0, sequence: 7, timestamp: 160, ssrc, payload: &[0; 160] };
            let mut datagram = [0; 172];
            packet.encode(&mut datagram).expect("room");
            b.on_datagram(&datagram, peer, None, Time::ZERO);
        }
    };
    flood(&mut b);
    assert!(talk(&mut a, &mut b).len() >= 45);
    flood(&mut b);
    assert_eq!(b.stats().forged, 2_000);
    let sockets = a.wire.sockets().expect("it has sockets");
    let sockets = MediaSockets { rtp: sockets.rtp.try_clone().expect("a handle"), rtcp: sockets.rtcp.try_clone().expect("a handle") };
    let mut anew = RtpLeg::open(sockets, &a.plan, Rate::Hz8000).expect("as before");
    let before = b.stats().received;
    talk(&mut anew, &mut b);
    assert!(b.stats().received - before >= 45, "{:?}", b.stats());
}

#[test]
fn a_flood_of_reports_is_taken_in_portions() {
    let (_a, mut b) = pair(Codec::Pcmu, None);
    let stranger = sockets();
    let to = b.wire().rtcp().and_then(UdpSocket::local_addr).expect("bound");
    for _ in 0..50 {
        stranger.rtcp.send_to(&[0; 8], to).expect("sent");
    }
    b.receive(Time::ZERO);
    assert_eq!(b.stats().bad.report, MAX_REPORTS_AT_ONCE as u64);
}

#[test]
fn reports_say_the_highest_number_with_its_cycles_whatever_comes_late() {
    let (_a, mut b) = pair(Codec::Pcmu, None);
    let peer = b.source.peer;
    let mut at = 0;
    let mut come = |sequence, ssrc| {
        let packet = Packet { marker: false, payload_type: 0, sequence, timestamp: 0, ssrc, payload: &[0; 160] };
        let mut datagram = [0; 172];
        packet.encode(&mut datagram).expect("room");
        at += 200;
        b.on_datagram(&datagram, peer, None, Time::from_millis(at));
        b.highest - (1 << 16)
    };
    assert_eq!([come(65_535, 1), come(1, 1), come(0, 1), come(7, 2)], [65_535, 65_537, 65_537, 7]);
}

#[test]
fn packets_without_payload_keep_a_way_open_and_are_silence() {
    let (_a, mut b) = pair(Codec::Opus, None);
    let peer = b.source.peer;
    for n in 0..20u16 {
        let packet = Packet { marker: false, payload_type: 111, sequence: n, timestamp: u32::from(n) * 960, ssrc: 1, payload: &[] };
        let mut datagram = [0; 12];
        packet.encode(&mut datagram).expect("room");
        b.on_datagram(&datagram, peer, None, Time::from_millis(u64::from(n) * 20));
        b.play_out(Time::from_millis(u64::from(n) * 20));
        assert!(b.inlet.waiting() < 160, "{}", b.inlet.waiting());
    }
    assert_eq!((b.stats().bad.total(), b.stats().jitter_buffer.lost), (0, 0));
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
        stranger.rtp.send_to(&datagram, b.wire().rtp().and_then(UdpSocket::local_addr).expect("bound")).expect("sent");
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
    assert_eq!(b.stats().strangers, u64::from(source::LATCH_AFTER) - 1);
    let mut late = RtpLeg::open(nowhere, &back, Rate::Hz8000).expect("open");
    let strangers = b.stats().strangers;
    assert!(b.stats().received > 0);
    talk(&mut late, &mut b);
    assert_eq!(b.stats().strangers, strangers + u64::from(source::LATCH_AFTER) - 1, "who was agreed on is believed after all");
    talk(&mut a, &mut b);
    assert_eq!(b.stats().strangers, strangers + u64::from(source::LATCH_AFTER) - 1 + 50, "and from then on nobody else");
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
    let peer = b.source.peer;
    for n in 0..100_000u64 {
        let mut datagram = vec![0u8; (random() % 300) as usize];
        datagram.iter_mut().for_each(|byte| *byte = random() as u8);
        if random().is_multiple_of(2) && datagram.len() > 12 {
            datagram[0] = 0x80;
            datagram[1] = [111, 101, 13, 200, 201][(random() % 5) as usize];
        }
        let now = Time::from_micros(n * 400);
        b.on_datagram(&datagram, peer, None, now);
        if n % 50 == 0 {
            b.play_out(now);
            b.key();
        }
    }
    let stats = b.stats();
    let bad = stats.bad;
    assert!(bad.total() > 10_000 && bad.version > 10_000 && bad.cut > 100 && bad.other_source > 1_000, "{stats:?}");
    assert!(talk(&mut a, &mut b).len() > 20, "it goes on afterwards");
}

/// Three parties: `a` and `b` talk through a gateway that has a leg for each.
struct Through {
    a: RtpLeg,
    b: RtpLeg,
    for_a: RtpLeg,
    for_b: RtpLeg,
}

impl Through {
    fn new(codec: Codec, keys: bool, rework: impl Fn(&mut MediaPlan)) -> Through {
        let key = |ours: u8, theirs: u8| keys.then_some(SrtpKeys { ours: [ours; 30], theirs: [theirs; 30] });
        let (a, b, for_a, for_b) = (sockets(), sockets(), sockets(), sockets());
        let open = |own: MediaSockets, plan: &mut MediaPlan| {
            rework(plan);
            RtpLeg::open(own, plan, Rate::Hz8000).expect("open")
        };
        let mut plans = [plan(&for_a, codec, key(1, 2)), plan(&for_b, codec, key(3, 4)), plan(&a, codec, key(2, 1)), plan(&b, codec, key(4, 3))];
        let [plan_a, plan_b, plan_for_a, plan_for_b] = &mut plans;
        Through { a: open(a, plan_a), b: open(b, plan_b), for_a: open(for_a, plan_for_a), for_b: open(for_b, plan_for_b) }
    }

    /// 20 ms in which the gateway forwards, or mixes; gives what `b` hears.
    fn tick(&mut self, n: u64, forwards: bool) -> Option<Frame> {
        let now = Time::from_millis(n * 20);
        self.a.send(Some(&tone(n)), now);
        self.b.send(Some(&tone(n)), now);
        if forwards {
            self.for_a.forward(&mut self.for_b, now);
            self.for_b.forward(&mut self.for_a, now);
            self.for_a.play_out(now);
            self.for_b.play_out(now);
            self.for_a.rest(1, now);
            self.for_b.rest(1, now);
        } else {
            self.for_a.receive(now);
            self.for_b.receive(now);
            let (from_a, from_b) = (self.for_a.play_out(now), self.for_b.play_out(now));
            self.for_a.send(from_b.as_ref(), now);
            self.for_b.send(from_a.as_ref(), now);
        }
        self.a.receive(now);
        self.a.play_out(now);
        self.b.receive(now);
        self.b.play_out(now)
    }
}

fn peak(frame: Option<Frame>) -> u16 {
    frame.map_or(0, |frame| frame.samples().iter().map(|s| s.unsigned_abs()).max().unwrap_or(0))
}

#[test]
fn mixing_and_forwarding_take_turns_and_the_peer_hears_one_stream() {
    for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus] {
        for keys in [false, true] {
            let mut through = Through::new(codec, keys, |_| {});
            let mut quiet = 0;
            for n in 0..300 {
                let forwards = (n / 50) % 2 == 1;
                let is_heard = peak(through.tick(n, forwards)) > 5_000;
                quiet += u32::from(n > 20 && !is_heard);
                assert!(n < 20 || through.for_a.can_forward(&through.for_b), "{codec:?}");
            }
            let (heard, sent) = (through.b.stats(), through.for_b.stats());
            assert!(sent.forwarded == 150 && heard.bad.total() == 0 && heard.forged == 0, "{codec:?} {keys}: {heard:?} {sent:?}");
            assert_eq!((heard.jitter_buffer.lost, heard.jitter_buffer.resets, heard.jitter_buffer.duplicates), (0, 0, 0), "{codec:?} {heard:?}");
            assert!(quiet <= 15, "{codec:?} {keys}: {quiet} frames of 280 were silent");
            assert!(through.for_a.stats().jitter_buffer.taken >= 290, "a copy of everything is kept for who listens");
        }
    }
}

#[test]
fn forwarding_keeps_payload_types_apart_and_keys_to_itself() {
    let mut through = Through::new(Codec::Opus, false, |_| {});
    let mut changed = through.for_b.plan.clone();
    changed.payload = 96;
    through.for_b.change(&changed);
    let mut theirs = through.b.plan.clone();
    theirs.payload_in = 96;
    through.b.change(&theirs);
    for n in 0..50 {
        through.tick(n, true);
    }
    through.a.send_key(Key::new('5').expect("a key"));
    for n in 50..100 {
        through.tick(n, true);
    }
    assert_eq!((through.for_a.key().map(Key::label), through.b.key()), (Some('5'), None));
    let heard = through.b.stats();
    assert_eq!((heard.bad.payload_type, heard.jitter_buffer.lost), (0, 0), "{heard:?}");
    assert!(heard.received >= 90, "{heard:?}");
}

#[test]
fn what_the_other_peer_does_not_want_is_not_forwarded() {
    let fits = |rework: fn(&mut MediaPlan)| {
        let mut through = Through::new(Codec::Pcmu, false, |_| {});
        assert!((0..10).any(|n| through.tick(n, false).is_some()));
        let mut changed = through.for_b.plan.clone();
        rework(&mut changed);
        through.for_b.change(&changed);
        through.for_a.can_forward(&through.for_b)
    };
    assert!(fits(|_| {}));
    assert!(!fits(|plan| plan.codec = Codec::Pcma));
    assert!(!fits(|plan| plan.ptime_ms = 40));
    assert!(!fits(|plan| plan.sends = false));
    let mut through = Through::new(Codec::Pcmu, false, |_| {});
    through.for_b.send_key(Key::new('1').expect("a key"));
    assert!(!through.for_a.can_forward(&through.for_b));
}

#[test]
fn packets_are_as_long_as_the_peer_wants_them() {
    for codec in [Codec::Pcmu, Codec::G722, Codec::Opus] {
        for ptime_ms in [20, 40, 60] {
            let mut through = Through::new(codec, false, |plan| plan.ptime_ms = ptime_ms);
            let peaks: Vec<u16> = (0..120).map(|n| peak(through.tick(n, false))).collect();
            let (sent, heard) = (through.a.stats().sent, through.b.stats());
            assert_eq!(sent, u64::from(120 * 20 / ptime_ms), "{codec:?} {ptime_ms}");
            assert_eq!((heard.jitter_buffer.lost, through.for_a.inlet.buffer.packet_ms()), (0, f64::from(ptime_ms)), "{codec:?} {heard:?}");
            assert!(peaks[40..].iter().all(|peak| *peak > 5_000), "{codec:?} {ptime_ms}: {peaks:?}");
        }
    }
}

#[test]
fn a_pause_is_filled_with_comfort_noise_where_that_was_agreed() {
    for comfort_noise in [true, false] {
        let (a, b) = (sockets(), sockets());
        let (mut plan_a, plan_b) = (plan(&b, Codec::Pcma, None), plan(&a, Codec::Pcma, None));
        plan_a.comfort_noise = comfort_noise;
        let (mut a, mut b) = (RtpLeg::open(a, &plan_a, Rate::Hz8000).expect("open"), RtpLeg::open(b, &plan_b, Rate::Hz8000).expect("open"));
        let mut heard = Vec::new();
        for n in 0..400 {
            let now = Time::from_millis(n * 20);
            a.send(Some(&tone(n)).filter(|_| !(100..300).contains(&n)), now);
            b.receive(now);
            heard.push(b.play_out(now));
        }
        let pause = heard[110..295].iter().filter(|frame| frame.is_some_and(|frame| (1..60).contains(&peak(Some(frame))))).count();
        assert_eq!(pause, if comfort_noise { 185 } else { 0 });
        assert!(heard[305..].iter().all(|frame| peak(*frame) > 5_000));
        assert_eq!((b.stats().jitter_buffer.lost, b.stats().bad.total(), a.stats().sent), (0, 0, if comfort_noise { 204 } else { 200 }));
    }
}

#[test]
fn a_way_through_nat_is_kept_open_while_nothing_is_sent() {
    let (mut a, mut b) = pair(Codec::Pcmu, None);
    let (mut datagrams, mut datagram) = (0, [0; 64]);
    for n in 0..1_600 {
        a.send(None, Time::from_millis(n * 20));
        while let Ok((length, _)) = b.wire().rtp().and_then(|socket| socket.recv_from(&mut datagram)) {
            assert_eq!(length, 0);
            datagrams += 1;
        }
    }
    assert_eq!(datagrams, 2, "one in 15 s");
    a.keep_alive();
    b.receive(Time::ZERO);
    assert_eq!((b.stats().bad.total(), b.stats().received), (0, 0));
}

#[test]
fn replayed_packets_are_told_from_forged_ones() {
    let (mut a, mut b) = pair(Codec::Pcmu, Some((SrtpKeys { ours: [1; 30], theirs: [2; 30] }, SrtpKeys { ours: [2; 30], theirs: [1; 30] })));
    a.send(Some(&tone(0)), Time::ZERO);
    let mut datagram = [0; 300];
    let (length, from) = b.wire().rtp().and_then(|socket| socket.recv_from(&mut datagram)).expect("sent");
    b.on_datagram(&datagram[..length], from, None, Time::ZERO);
    b.on_datagram(&datagram[..length], from, None, Time::ZERO);
    datagram[20] ^= 1;
    datagram[3] ^= 1;
    b.on_datagram(&datagram[..length], from, None, Time::ZERO);
    assert_eq!((b.stats().received, b.stats().bad.replayed, b.stats().forged), (1, 1, 1));
}

#[test]
fn each_leg_has_a_name_of_its_own() {
    let name = |leg: &mut RtpLeg| {
        let mut out = [0; rtcp::MAX_REPORT];
        let length = leg.reports.write(&rtcp::Sending::default(), None, Time::ZERO, false, &mut out);
        out[28 + 8..length].to_vec()
    };
    let (mut a, mut b) = pair(Codec::Pcmu, None);
    assert_eq!(name(&mut a), name(&mut a));
    assert_ne!(name(&mut a), name(&mut b));
}
