use super::*;

const STEP_MICROS: u64 = 20_000;

fn packet(sequence: u64, payload: &[u8]) -> Packet<'_> {
    Packet { marker: false, payload_type: 0, sequence: sequence as u16, timestamp: (sequence * 160) as u32, ssrc: 1, payload }
}

/// A network in virtual time: gives for each packet the moments at which it arrives.
struct Network(u64);

impl Network {
    fn random(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Sends so many packets and plays them; gives how often each kind of pull came, the buffer, and its deepest point in ms.
fn play(packets: u64, drift: f64, mut arrivals: impl FnMut(u64, &mut Network) -> Vec<f64>) -> (u64, u64, JitterBuffer, f64) {
    let mut network = Network(0x9e37_79b9_7f4a_7c15);
    let mut due: Vec<(u64, u64)> = Vec::new();
    for n in 0..packets {
        let sent_ms = n as f64 * 20.0 / (1.0 + drift);
        due.extend(arrivals(n, &mut network).into_iter().map(|delay_ms| (((sent_ms + delay_ms) * 1_000.0) as u64, n)));
    }
    due.sort_unstable();
    let mut buffer = JitterBuffer::new(8_000);
    let (mut played, mut lost, mut deepest, mut at) = (0, 0, 0.0f64, 0);
    for tick in 0..packets {
        let now = tick * STEP_MICROS;
        while let Some((arrival, n)) = due.get(at).filter(|(arrival, _)| *arrival <= now) {
            buffer.push(&packet(*n, &[0; 160]), Kind::Audio, Time::from_micros(*arrival));
            at += 1;
        }
        match buffer.pull(tick % 10 == 0) {
            Pull::Payload(_) => played += 1,
            Pull::Lost(_) => lost += 1,
            Pull::NoSound | Pull::Comfort(_) | Pull::Waiting => {}
        }
        if tick > 500 {
            deepest = deepest.max(buffer.depth_ms());
        }
    }
    (played, lost, buffer, deepest)
}

#[test]
fn a_clean_network_loses_nothing_and_is_held_back_little() {
    let (played, lost, buffer, deepest) = play(3_000, 0.0, |_, _| vec![5.0]);
    assert!(played >= 2_995 && lost == 0, "{played} {lost}");
    assert!(buffer.held_ms() <= 20.0 && deepest <= 40.0, "{} {deepest}", buffer.held_ms());
}

/// Who takes five at once hears what who takes them one by one hears, and the buffer gets no deeper.
#[test]
fn what_is_taken_together_later_is_what_was_due() {
    for jitter_ms in [0.0, 15.0, 50.0] {
        let mut network = Network(7);
        let mut due: Vec<(u64, u64)> = (0..4_000).map(|n| (((n * 20) as f64 * 1e3 + 5e3 + jitter_ms * 1e3 * network.random()) as u64, n)).collect();
        due.sort_unstable();
        let (mut one, mut five) = (JitterBuffer::new(8_000), JitterBuffer::new(8_000));
        let (mut played, mut lost) = ([0, 0], [0, 0]);
        let mut note = |which: usize, pulled: Pull<'_>| match pulled {
            Pull::Payload(_) => played[which] += 1,
            Pull::Lost(_) => lost[which] += 1,
            Pull::NoSound | Pull::Comfort(_) | Pull::Waiting => {}
        };
        let mut arrived = due.into_iter().peekable();
        for tick in 0..4_000 {
            while let Some((at, n)) = arrived.next_if(|(at, _)| *at <= tick * STEP_MICROS) {
                for buffer in [&mut one, &mut five] {
                    buffer.push(&packet(n, &[0; 160]), Kind::Audio, Time::from_micros(at));
                }
            }
            note(0, one.pull(tick % 10 == 0));
            if tick % 5 == 4 {
                for ago in (0..5_u64).rev() {
                    five.lag(ago as f64 * 20.0);
                    note(1, five.pull((tick - ago) % 10 == 0));
                }
            }
        }
        assert!(played[1] >= played[0] - 5 && played[1] >= 3_800 && lost[1] <= lost[0] + 5, "{jitter_ms}: {played:?} {lost:?}");
        assert!(five.depth_ms() <= one.depth_ms() + 20.0, "{jitter_ms}: {} {}", five.depth_ms(), one.depth_ms());
    }
}

#[test]
fn loss_is_told_packet_by_packet() {
    for share in [0.01, 0.05, 0.10] {
        let (played, lost, ..) = play(5_000, 0.0, |_, network| if network.random() < share { vec![] } else { vec![5.0] });
        let lost = lost as f64 / 5_000.0;
        assert!((lost - share).abs() < 0.012 && played as f64 > 5_000.0 * (1.0 - share) * 0.98, "{share}: {lost} {played}");
    }
}

#[test]
fn jitter_of_60_ms_is_held_back_and_nothing_is_lost_in_the_long_run() {
    let (played, lost, buffer, deepest) = play(5_000, 0.0, |_, network| vec![60.0 * network.random()]);
    assert!(lost <= 250 && played >= 4_650, "{played} {lost}");
    assert!((40.0..=80.0).contains(&buffer.held_ms()) && deepest <= 200.0, "{} {deepest}", buffer.held_ms());
}

/// The machine stops for a third of a second: what has piled up meanwhile is gone again soon, and nothing more is lost for it.
#[test]
fn after_a_hiccup_the_buffer_is_soon_as_shallow_as_before() {
    for hiccup_ms in [30.0, 60.0, 150.0, 330.0] {
        let mut network = Network(11);
        let mut due: Vec<(u64, u64)> = (0..2_000)
            .map(|n| {
                let at_ms = (n * 20) as f64 + 5.0 + 3.0 * network.random();
                // Whatever comes while it stops is seen when it goes on.
                ((if (10_000.0..10_000.0 + hiccup_ms).contains(&at_ms) { 10_000.0 + hiccup_ms } else { at_ms } * 1e3) as u64, n)
            })
            .collect();
        due.sort_unstable();
        let mut arrived = due.into_iter().peekable();
        let (mut buffer, mut lost, mut before_ms, mut calm_ms) = (JitterBuffer::new(8_000), 0, 0.0f64, 0.0f64);
        for tick in 0..2_000 {
            while let Some((at, n)) = arrived.next_if(|(at, _)| *at <= tick * STEP_MICROS) {
                buffer.push(&packet(n, &[0; 160]), Kind::Audio, Time::from_micros(at));
            }
            if tick > 600 {
                lost += u32::from(matches!(buffer.pull(tick % 10 == 0), Pull::Lost(_)));
            } else {
                buffer.pull(tick % 10 == 0);
            }
            match tick {
                100..500 => before_ms = before_ms.max(buffer.depth_ms()),
                1_100.. => calm_ms = calm_ms.max(buffer.depth_ms()),
                _ => {}
            }
        }
        assert!(calm_ms <= before_ms && lost == 0, "{hiccup_ms} ms: {before_ms} ms deep before, {calm_ms} twelve seconds later, {lost} lost");
    }
}

#[test]
fn reordered_and_doubled_packets_are_played_once_and_in_order() {
    let (played, lost, buffer, _) = play(3_000, 0.0, |n, network| if n % 7 == 0 { vec![25.0, 30.0] } else { vec![3.0 * network.random()] });
    assert!(buffer.counts().duplicates > 300, "{:?}", buffer.counts());
    assert!(played >= 2_900 && lost < 60, "{played} {lost}");
}

#[test]
fn a_clock_that_runs_fast_or_slow_for_an_hour_does_not_fill_or_starve_the_buffer() {
    for drift in [0.0002, -0.0002] {
        let packets = 180_000;
        let (played, lost, buffer, deepest) = play(packets, drift, |_, _| vec![5.0]);
        assert!(deepest <= 120.0, "{drift}: {deepest}");
        assert!(played as f64 > packets as f64 * 0.999 && lost < 100, "{drift}: {played} {lost} {:?}", buffer.counts());
    }
}

#[test]
fn a_new_source_begins_anew() {
    let mut buffer = JitterBuffer::new(8_000);
    let now = Time::ZERO;
    for n in 0..5 {
        buffer.push(&packet(n, &[1]), Kind::Audio, now);
    }
    assert_eq!(buffer.pull(false), Pull::Payload(&[1]));
    buffer.push(&Packet { ssrc: 2, ..packet(40_000, &[2]) }, Kind::Audio, now);
    assert_eq!(buffer.pull(false), Pull::Payload(&[2]));
    assert_eq!(buffer.counts().resets, 1);
    buffer.push(&Packet { ssrc: 2, ..packet(10_000, &[3]) }, Kind::Audio, now);
    assert_eq!(buffer.pull(false), Pull::Payload(&[3]));
    assert_eq!(buffer.counts().resets, 2);
}

#[test]
fn a_key_that_is_held_down_is_no_jitter() {
    let mut buffer = JitterBuffer::new(8_000);
    for n in 0..300 {
        let is_key = (100..200).contains(&n);
        let stamped = if is_key { 100 } else { n };
        let packet = Packet { timestamp: stamped * 160, ..packet(u64::from(n), &[0; 160]) };
        buffer.push(&packet, if is_key { Kind::NoSound } else { Kind::Audio }, Time::from_millis(u64::from(n) * 20));
        buffer.pull(false);
    }
    assert!(buffer.held_ms() <= 20.0, "{}", buffer.held_ms());
}

#[test]
fn a_timestamp_that_wraps_is_no_jitter() {
    let mut buffer = JitterBuffer::new(8_000);
    for n in 0..100u32 {
        let packet = Packet { timestamp: (n * 160).wrapping_sub(8_000), ..packet(u64::from(n), &[0; 160]) };
        buffer.push(&packet, Kind::Audio, Time::from_millis(u64::from(n) * 20));
        buffer.pull(false);
    }
    assert!(buffer.held_ms() <= 20.0, "{}", buffer.held_ms());
}

#[test]
fn what_is_no_sound_is_neither_played_nor_lost() {
    let mut buffer = JitterBuffer::new(8_000);
    for n in 0..3 {
        buffer.push(&packet(n, &[9]), if n == 1 { Kind::NoSound } else { Kind::Audio }, Time::ZERO);
    }
    assert_eq!(
        [buffer.pull(false) == Pull::Payload(&[9]), buffer.pull(false) == Pull::NoSound, buffer.pull(false) == Pull::Payload(&[9])],
        [true; 3]
    );
    assert_eq!(buffer.counts().lost, 0);
}

#[test]
fn a_pause_that_was_announced_is_no_loss_and_lasts_until_sound_comes() {
    let mut buffer = JitterBuffer::new(8_000);
    let mut now = Time::ZERO;
    let mut push = |buffer: &mut JitterBuffer, n: u64, timestamp: u64, kind, at_ms: u64| {
        now = Time::from_millis(at_ms);
        buffer.push(&Packet { timestamp: timestamp as u32, ..packet(n, &[42]) }, kind, now);
    };
    for n in 0..10 {
        push(&mut buffer, n, n * 160, Kind::Audio, n * 20);
        buffer.pull(false);
    }
    push(&mut buffer, 10, 1_600, Kind::Comfort, 200);
    let mut pulled = vec![buffer.pull(false) == Pull::Comfort(&[42])];
    pulled.extend((0..100).map(|_| buffer.pull(false) == Pull::Waiting));
    // Two seconds later it goes on, with the next number and a clock that went on.
    for n in 11..20 {
        push(&mut buffer, n, (n + 100) * 160, Kind::Audio, (n + 100) * 20);
        pulled.push(matches!(buffer.pull(false), Pull::Payload(_)));
    }
    assert!(pulled.iter().all(|as_expected| *as_expected), "{pulled:?}");
    assert_eq!((buffer.counts().lost, buffer.counts().late), (0, 0));
    assert!(buffer.held_ms() <= 20.0 && buffer.packet_ms() == 20.0);
}

#[test]
fn packets_of_60_ms_are_told_and_a_pause_is_no_length() {
    let mut buffer = JitterBuffer::new(8_000);
    for n in 0..10u64 {
        let timestamp = if n < 6 { n * 480 } else { n * 480 + 320 };
        buffer.push(&Packet { marker: n == 6, timestamp: timestamp as u32, ..packet(n, &[1]) }, Kind::Audio, Time::from_millis(n * 60));
        assert_eq!(buffer.packet_ms(), if n == 0 { 20.0 } else { 60.0 });
    }
}

#[test]
fn another_clock_keeps_the_counts() {
    let mut buffer = JitterBuffer::new(8_000);
    buffer.push(&packet(0, &[1]), Kind::Audio, Time::ZERO);
    buffer.change_clock(48_000);
    assert_eq!((buffer.counts().taken, buffer.pull(false)), (1, Pull::Waiting));
}
