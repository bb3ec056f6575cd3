//! No packet of an unencrypted leg allocates, on its way in, out, or through. (Encryption does: its library gives buffers of its own.)

use std::net::{IpAddr, SocketAddr};

use crate::no_alloc::allocations;
use segue::base::{Frame, Rate, Time};
use segue::edge::rtp::RtpLeg;
use segue::edge::{MediaPlan, MediaSockets, Ports};
use segue::sound::codec::Codec;

fn sockets() -> MediaSockets {
    Ports::new(IpAddr::from([127, 0, 0, 1]), 29_000, 29_499).bind().expect("a free pair")
}

fn plan(remote: SocketAddr, remote_rtcp: SocketAddr, codec: Codec) -> MediaPlan {
    MediaPlan {
        remote,
        remote_rtcp,
        codec,
        payload: codec.static_payload().unwrap_or(111),
        payload_in: codec.static_payload().unwrap_or(111),
        event_payload: Some(101),
        event_payload_in: Some(101),
        event_clock_hz: 8_000,
        comfort_noise: true,
        sends: true,
        receives: true,
        ptime_ms: 20,
        srtp: None,
    }
}

/// Two legs that send to each other.
fn pair(codec: Codec) -> [RtpLeg; 2] {
    let sockets = [sockets(), sockets()];
    let at = |n: usize| (sockets[n].rtp.local_addr().expect("bound"), sockets[n].rtcp.local_addr().expect("bound"));
    let plans = [1, 0].map(|n| plan(at(n).0, at(n).1, codec));
    let [own, other] = sockets;
    let open = |own, plan| RtpLeg::open(own, plan, Rate::Hz8000).expect("open");
    [open(own, &plans[0]), open(other, &plans[1])]
}

fn frame(n: u64) -> Frame {
    let samples: Vec<i16> = (0..160).map(|i| ((i * 7_919 + n * 104_729) % 20_000) as i16 - 10_000).collect();
    Frame::from_samples(Rate::Hz8000, &samples)
}

#[test]
fn receiving_playing_sending_and_forwarding_allocate_nothing() {
    for codec in [Codec::Pcmu, Codec::Pcma, Codec::G722, Codec::Opus] {
        let ([mut here, mut to_here], [mut there, mut to_there]) = (pair(codec), pair(codec));
        let frames: Vec<Frame> = (0..20).map(frame).collect();
        let mut heard = 0;
        let mut tick = |n: u64| {
            let now = Time::from_millis(n * 20);
            // Pauses and reports too, and every second half forwards.
            let frame = Some(&frames[n as usize % 20]).filter(|_| n % 100 < 80);
            here.send(frame, now);
            there.send(frame, now);
            if n % 100 < 50 {
                to_here.receive(now);
                to_there.receive(now);
                let sounds = (to_here.play_out(now), to_there.play_out(now));
                to_here.send(sounds.1.as_ref(), now);
                to_there.send(sounds.0.as_ref(), now);
            } else {
                to_here.forward(&mut to_there, now);
                to_there.forward(&mut to_here, now);
                to_here.play_out(now);
                to_there.play_out(now);
                to_here.rest(1, now);
                to_there.rest(1, now);
            }
            here.receive(now);
            there.receive(now);
            heard += u32::from(here.play_out(now).is_some()) + u32::from(there.play_out(now).is_some());
        };
        (0..100).for_each(&mut tick);
        assert_eq!(allocations(|| (100..700).for_each(&mut tick)), 0, "{codec:?}");
        assert!(heard > 1_100, "{codec:?}: too little was tried, {heard}");
    }
}
