//! The bridge of a call on its own: routes, playbacks, music, and the reports from which the call's clocks come.

use std::collections::BTreeMap;
use std::sync::Arc;

use segue::base::{Frame, LegId, Party, PlaybackId, Rate};
use segue::sound::bridge::{Bridge, BridgeInput, BridgeOutput, MAX_LEGS, MAX_QUEUED, Play};

const CALLER: LegId = LegId::CALLER;
const AGENT: LegId = LegId(1);
const SUPERVISOR: LegId = LegId(2);
const RATE: Rate = Rate::Hz8000;
const N: usize = RATE.frame_samples();
/// Samples of a fade at 8 kHz.
const FADE: usize = 40;

fn bridge() -> Bridge {
    let mut bridge = Bridge::new(RATE);
    for (leg, party) in [(CALLER, Party::Caller), (AGENT, Party::Agent), (SUPERVISOR, Party::Supervisor)] {
        bridge.handle(BridgeInput::Join(leg, party));
    }
    bridge
}

fn drain(bridge: &mut Bridge) -> Vec<BridgeOutput> {
    std::iter::from_fn(|| Some(bridge.poll()).filter(|o| *o != BridgeOutput::Idle)).collect()
}

fn tick(bridge: &mut Bridge) -> Vec<BridgeOutput> {
    bridge.handle(BridgeInput::Tick);
    drain(bridge)
}

fn frame(value: i16) -> Frame {
    Frame::from_samples(RATE, &[value; N])
}

fn send(bridge: &mut Bridge, leg: LegId, value: i16) {
    bridge.handle(BridgeInput::Media(leg, frame(value)));
}

fn route(bridge: &mut Bridge, from: LegId, to: LegId, on: bool) {
    bridge.handle(BridgeInput::Route { from, to, on });
}

fn sound(id: u32, leg: LegId, value: i16, len: usize) -> Play {
    Play { id: PlaybackId(id), leg, samples: vec![value; len].into(), more: false, looped: false }
}

fn play(bridge: &mut Bridge, id: u32, leg: LegId, value: i16, len: usize) {
    bridge.handle(BridgeInput::Play(sound(id, leg, value, len)));
}

fn stream(bridge: &mut Bridge, id: u32, value: i16, len: usize) {
    bridge.handle(BridgeInput::Play(Play { more: true, ..sound(id, CALLER, value, len) }));
}

fn supply(bridge: &mut Bridge, id: u32, len: usize, more: bool) {
    bridge.handle(BridgeInput::Supply { id: PlaybackId(id), samples: vec![900; len].into(), more });
}

/// A loop that counts its samples from 1, so that a skipped one shows.
fn music(bridge: &mut Bridge, id: u32, len: usize) {
    let samples: Arc<[i16]> = (1..=len as i16).collect();
    bridge.handle(BridgeInput::Play(Play { id: PlaybackId(id), leg: CALLER, samples, more: false, looped: true }));
}

fn stop(bridge: &mut Bridge, id: u32) {
    bridge.handle(BridgeInput::Stop(PlaybackId(id)));
}

/// What a leg heard.
fn heard(outputs: &[BridgeOutput], leg: LegId) -> Option<Frame> {
    let found = outputs.iter().find_map(|o| match o {
        BridgeOutput::Egress(to, frame) if *to == leg => Some(*frame),
        _ => None,
    });
    found.expect("every leg has an egress in every tick")
}

/// Everything but egress.
fn news(outputs: Vec<BridgeOutput>) -> Vec<BridgeOutput> {
    outputs.into_iter().filter(|o| !matches!(o, BridgeOutput::Egress(..))).collect()
}

fn started(id: u32, sample: u64) -> BridgeOutput {
    BridgeOutput::Started { id: PlaybackId(id), sample }
}

fn stopped(id: u32, sample: u64, sent: u64, completed: bool) -> BridgeOutput {
    BridgeOutput::Stopped { id: PlaybackId(id), sample, sent, completed }
}

#[test]
fn nobody_hears_anybody_before_a_route_is_opened() {
    let mut bridge = bridge();
    send(&mut bridge, CALLER, 500);
    send(&mut bridge, AGENT, 600);
    assert_eq!(tick(&mut bridge), [CALLER, AGENT, SUPERVISOR].map(|leg| BridgeOutput::Egress(leg, None)));
}

#[test]
fn a_route_carries_sound_bit_for_bit_and_reports_its_first_crossing_once() {
    let mut bridge = bridge();
    route(&mut bridge, CALLER, AGENT, true);
    send(&mut bridge, CALLER, 12_345);
    let out = tick(&mut bridge);
    assert_eq!(heard(&out, AGENT), Some(frame(12_345)));
    assert_eq!(heard(&out, CALLER), None, "routes have a direction");
    assert_eq!(news(out), [BridgeOutput::Crossed { from: CALLER, to: AGENT }]);
    send(&mut bridge, CALLER, 1);
    assert_eq!(news(tick(&mut bridge)), []);
}

#[test]
fn sound_from_before_the_opening_does_not_cross() {
    let mut bridge = bridge();
    send(&mut bridge, AGENT, 700);
    route(&mut bridge, AGENT, CALLER, true);
    let out = tick(&mut bridge);
    assert_eq!(heard(&out, CALLER), None, "said into a closed route");
    assert_eq!(news(out), []);
    send(&mut bridge, AGENT, 701);
    let out = tick(&mut bridge);
    assert_eq!(heard(&out, CALLER), Some(frame(701)));
    assert_eq!(news(out), [BridgeOutput::Crossed { from: AGENT, to: CALLER }]);
}

#[test]
fn a_route_opened_again_crosses_again() {
    let mut bridge = bridge();
    for round in 0..2 {
        route(&mut bridge, AGENT, CALLER, true);
        send(&mut bridge, AGENT, 5);
        assert_eq!(news(tick(&mut bridge)), [BridgeOutput::Crossed { from: AGENT, to: CALLER }], "round {round}");
        route(&mut bridge, AGENT, CALLER, false);
        send(&mut bridge, AGENT, 5);
        assert_eq!(heard(&tick(&mut bridge), CALLER), None);
    }
}

#[test]
fn opening_an_open_route_changes_nothing() {
    let mut bridge = bridge();
    route(&mut bridge, AGENT, CALLER, true);
    send(&mut bridge, AGENT, 5);
    tick(&mut bridge);
    route(&mut bridge, AGENT, CALLER, true);
    send(&mut bridge, AGENT, 5);
    let out = tick(&mut bridge);
    assert_eq!(heard(&out, CALLER), Some(frame(5)));
    assert_eq!(news(out), []);
}

#[test]
fn a_moment_without_media_is_silence_and_a_long_one_is_nothing() {
    let mut bridge = bridge();
    route(&mut bridge, AGENT, CALLER, true);
    send(&mut bridge, AGENT, 5);
    tick(&mut bridge);
    for _ in 0..10 {
        assert_eq!(heard(&tick(&mut bridge), CALLER), Some(Frame::silence(RATE)));
    }
    assert_eq!(heard(&tick(&mut bridge), CALLER), None);
    send(&mut bridge, AGENT, 6);
    let out = tick(&mut bridge);
    assert_eq!(heard(&out, CALLER), Some(frame(6)));
    assert_eq!(news(out), [], "the route was never closed");
}

#[test]
fn the_last_media_before_a_tick_wins() {
    let mut bridge = bridge();
    route(&mut bridge, CALLER, AGENT, true);
    send(&mut bridge, CALLER, 1);
    send(&mut bridge, CALLER, 2);
    assert_eq!(heard(&tick(&mut bridge), AGENT), Some(frame(2)));
}

#[test]
fn a_conference_hears_everybody_but_itself() {
    let mut bridge = bridge();
    let legs = [CALLER, AGENT, SUPERVISOR];
    for (from, to) in legs.into_iter().flat_map(|from| legs.map(|to| (from, to))).filter(|(from, to)| from != to) {
        route(&mut bridge, from, to, true);
    }
    for (leg, value) in legs.into_iter().zip([1_000, 200, 30]) {
        send(&mut bridge, leg, value);
    }
    let out = tick(&mut bridge);
    assert_eq!(legs.map(|leg| heard(&out, leg)), [Some(frame(230)), Some(frame(1_030)), Some(frame(1_200))]);
}

#[test]
fn a_monitoring_supervisor_is_not_heard() {
    // Trap 21: the supervisor's microphone is open at the edge, but no route leads from it.
    let mut bridge = bridge();
    for (from, to) in [(CALLER, AGENT), (AGENT, CALLER), (CALLER, SUPERVISOR), (AGENT, SUPERVISOR)] {
        route(&mut bridge, from, to, true);
    }
    for (leg, value) in [(CALLER, 10), (AGENT, 10), (SUPERVISOR, 9_000)] {
        send(&mut bridge, leg, value);
    }
    let out = tick(&mut bridge);
    assert_eq!([CALLER, AGENT, SUPERVISOR].map(|leg| heard(&out, leg)), [Some(frame(10)), Some(frame(10)), Some(frame(20))]);
}

#[test]
fn music_for_one_leg_is_heard_by_no_other() {
    // Trap 15: whoever hears the caller's line does not hear the caller's hold music.
    let mut bridge = bridge();
    music(&mut bridge, 1, 1_000);
    route(&mut bridge, CALLER, AGENT, true);
    for _ in 0..5 {
        send(&mut bridge, CALLER, 7);
        let out = tick(&mut bridge);
        assert_eq!(heard(&out, AGENT), Some(frame(7)));
        assert!(heard(&out, CALLER).is_some_and(|f| !f.is_silent()));
    }
}

#[test]
fn a_briefing_for_the_agent_is_not_heard_by_the_caller() {
    // Trap 15, the other half.
    let mut bridge = bridge();
    play(&mut bridge, 1, AGENT, 4_000, 3 * N);
    let out = tick(&mut bridge);
    assert!(heard(&out, AGENT).is_some());
    assert_eq!(heard(&out, CALLER), None);
}

#[test]
fn music_does_not_age_the_route_that_follows_it() {
    // Trap 11: after seconds of music the first sound across counts like any other, and comes at once.
    let mut bridge = bridge();
    music(&mut bridge, 1, 500);
    for _ in 0..500 {
        tick(&mut bridge);
    }
    stop(&mut bridge, 1);
    route(&mut bridge, AGENT, CALLER, true);
    send(&mut bridge, AGENT, 9);
    let out = tick(&mut bridge);
    assert_eq!(heard(&out, CALLER).map(|f| f.samples()[N - 1]), Some(9));
    let end = (500 * N + FADE) as u64;
    assert_eq!(news(out), [stopped(1, end, end, false), BridgeOutput::Crossed { from: AGENT, to: CALLER }]);
}

#[test]
fn a_playback_is_sent_whole_with_soft_edges_and_reported_to_the_sample() {
    let mut bridge = bridge();
    tick(&mut bridge);
    play(&mut bridge, 1, CALLER, 8_000, N + 50);
    assert_eq!(drain(&mut bridge), [], "it starts with its first sample, not with the wish");
    let first = tick(&mut bridge);
    let samples = heard(&first, CALLER).expect("it plays");
    assert_eq!(samples.samples()[FADE - 1..], [8_000; N - FADE + 1]);
    assert!(samples.samples()[..FADE].is_sorted() && samples.samples()[0] == 200, "it fades in");
    let second = tick(&mut bridge);
    let samples = heard(&second, CALLER).expect("the rest plays");
    assert!(samples.samples()[..50].iter().rev().is_sorted() && samples.samples()[49] == 200, "it fades out");
    assert_eq!(samples.samples()[50..], [0; N - 50]);
    assert_eq!((news(first), news(second)), (vec![started(1, 160)], vec![stopped(1, 160 + 210, 210, true)]));
    assert_eq!(heard(&tick(&mut bridge), CALLER), None);
}

#[test]
fn queued_playbacks_follow_without_a_gap() {
    let mut bridge = bridge();
    for id in 1..=3 {
        play(&mut bridge, id, CALLER, 100, 50);
    }
    let expected = [started(1, 0), stopped(1, 50, 50, true), started(2, 50), stopped(2, 100, 50, true), started(3, 100), stopped(3, 150, 50, true)];
    assert_eq!(news(tick(&mut bridge)), expected);
}

#[test]
fn stopping_what_plays_fades_and_lets_the_next_begin() {
    let mut bridge = bridge();
    play(&mut bridge, 1, CALLER, 8_000, 10 * N);
    play(&mut bridge, 2, CALLER, -8_000, 10 * N);
    tick(&mut bridge);
    stop(&mut bridge, 1);
    let out = tick(&mut bridge);
    let samples = heard(&out, CALLER).expect("a fade and the next");
    assert!(samples.samples()[..FADE].iter().rev().is_sorted() && samples.samples()[FADE - 1] == 0);
    assert!(samples.samples()[FADE] < 0);
    assert_eq!(news(out), [stopped(1, 200, 200, false), started(2, 200)]);
}

#[test]
fn a_queued_playback_that_is_stopped_was_never_sent() {
    let mut bridge = bridge();
    play(&mut bridge, 1, CALLER, 1, N);
    play(&mut bridge, 2, CALLER, 2, N);
    stop(&mut bridge, 2);
    assert_eq!(drain(&mut bridge), [stopped(2, 0, 0, false)]);
    assert_eq!(news(tick(&mut bridge)), [started(1, 0), stopped(1, 160, 160, true)]);
}

#[test]
fn stale_and_odd_inputs_are_counted_and_change_nothing() {
    let mut bridge = bridge();
    play(&mut bridge, 1, CALLER, 1, 10);
    tick(&mut bridge);
    stop(&mut bridge, 1);
    stop(&mut bridge, 77);
    supply(&mut bridge, 1, 10, false);
    play(&mut bridge, 2, CALLER, 1, 10_000);
    play(&mut bridge, 2, AGENT, 1, 10_000);
    supply(&mut bridge, 2, 10, false);
    assert_eq!(bridge.counts().stale_playbacks, 5);
    for odd in [BridgeInput::Leave(LegId(9)), BridgeInput::Media(LegId(9), frame(1)), BridgeInput::Join(CALLER, Party::Caller)] {
        bridge.handle(odd);
    }
    route(&mut bridge, CALLER, LegId(9), true);
    route(&mut bridge, CALLER, CALLER, true);
    assert_eq!(bridge.counts().odd_legs, 5);
    bridge.handle(BridgeInput::Media(CALLER, Frame::silence(Rate::Hz16000)));
    assert_eq!(bridge.counts().wrong_rate, 1);
    assert_eq!(drain(&mut bridge), []);
}

#[test]
fn a_refused_playback_is_reported_so_that_nothing_waits_for_it() {
    let mut bridge = bridge();
    for id in 0..MAX_QUEUED as u32 {
        play(&mut bridge, id, CALLER, 1, N);
    }
    assert_eq!(drain(&mut bridge), []);
    play(&mut bridge, 100, CALLER, 1, N);
    assert_eq!(drain(&mut bridge), [started(100, 0), stopped(100, 0, 0, false)]);
    play(&mut bridge, 101, LegId(50), 1, N);
    assert_eq!(drain(&mut bridge), [started(101, 0), stopped(101, 0, 0, false)]);
    music(&mut bridge, 102, 0);
    assert_eq!(drain(&mut bridge), [started(102, 0), stopped(102, 0, 0, false)]);
    assert_eq!(bridge.counts().refused_plays, 3);
}

#[test]
fn a_playback_without_samples_is_over_when_its_turn_comes() {
    let mut bridge = bridge();
    play(&mut bridge, 1, CALLER, 1, 60);
    play(&mut bridge, 2, CALLER, 1, 0);
    assert_eq!(news(tick(&mut bridge)), [started(1, 0), stopped(1, 60, 60, true), started(2, 60), stopped(2, 60, 0, true)]);
}

#[test]
fn a_stream_that_runs_dry_pauses_and_goes_on() {
    let mut bridge = bridge();
    stream(&mut bridge, 1, 0, 0);
    play(&mut bridge, 2, CALLER, 2, 2 * N);
    assert_eq!(tick(&mut bridge)[0], BridgeOutput::Egress(CALLER, None), "nothing to say yet");
    supply(&mut bridge, 1, 100, true);
    let out = tick(&mut bridge);
    assert!(heard(&out, CALLER).is_some());
    assert_eq!(news(out), [started(1, 160)]);
    let out = tick(&mut bridge);
    assert_eq!(heard(&out, CALLER), Some(Frame::silence(RATE)), "a pause of the speaker");
    assert_eq!(news(out), []);
    supply(&mut bridge, 1, 10, false);
    assert_eq!(news(tick(&mut bridge)), [stopped(1, 490, 110, true), started(2, 490)]);
}

#[test]
fn a_stream_that_ends_while_dry_is_complete() {
    let mut bridge = bridge();
    stream(&mut bridge, 1, 5, N);
    tick(&mut bridge);
    supply(&mut bridge, 1, 0, false);
    assert_eq!(news(tick(&mut bridge)), [stopped(1, 160, 160, true)]);
}

#[test]
fn a_dry_stream_that_is_stopped_is_over_at_once() {
    let mut bridge = bridge();
    stream(&mut bridge, 1, 5, 10);
    tick(&mut bridge);
    stop(&mut bridge, 1);
    assert_eq!(drain(&mut bridge), [stopped(1, 160, 10, false)]);
}

#[test]
fn a_stalled_stream_leaves_the_ear_to_the_music_after_half_a_second() {
    let mut bridge = bridge();
    music(&mut bridge, 1, 1_000);
    stream(&mut bridge, 2, 5, N);
    tick(&mut bridge);
    for _ in 0..25 {
        assert_eq!(heard(&tick(&mut bridge), CALLER), Some(Frame::silence(RATE)));
    }
    assert_eq!(heard(&tick(&mut bridge), CALLER).map(|f| f.is_silent()), Some(false));
}

#[test]
fn a_stream_too_far_ahead_is_cut_and_says_so() {
    let mut bridge = bridge();
    stream(&mut bridge, 1, 5, 10);
    supply(&mut bridge, 1, 8_000 * 600, false);
    assert_eq!(bridge.counts().oversupplied, 1);
    assert_eq!(news(tick(&mut bridge)), [started(1, 0), stopped(1, 10, 10, false)]);
}

#[test]
fn music_waits_while_something_is_said_and_goes_on_where_it_was() {
    let mut bridge = bridge();
    music(&mut bridge, 1, 10_000);
    tick(&mut bridge);
    play(&mut bridge, 2, CALLER, 0, 3 * N);
    let fading = heard(&tick(&mut bridge), CALLER).expect("music fades out");
    assert_eq!(fading.samples()[FADE..], [0; N - FADE]);
    assert!(fading.samples()[0] > 150);
    for _ in 0..2 {
        assert_eq!(heard(&tick(&mut bridge), CALLER), Some(Frame::silence(RATE)));
    }
    let back = heard(&tick(&mut bridge), CALLER).expect("music is back");
    assert_eq!(back.samples()[N - 1], (2 * N + FADE) as i16, "not a sample was skipped");
}

#[test]
fn music_starts_behind_what_is_being_said() {
    let mut bridge = bridge();
    play(&mut bridge, 1, CALLER, 0, N + 10);
    music(&mut bridge, 2, 10_000);
    assert_eq!(news(tick(&mut bridge)), [started(1, 0)]);
    assert_eq!(news(tick(&mut bridge)), [stopped(1, 170, 170, true), started(2, 170)]);
}

#[test]
fn music_repeats_for_ever() {
    let mut bridge = bridge();
    music(&mut bridge, 1, 50);
    for _ in 0..100 {
        assert!(heard(&tick(&mut bridge), CALLER).is_some_and(|f| !f.is_silent()));
    }
}

#[test]
fn new_music_takes_the_place_of_the_old() {
    let mut bridge = bridge();
    music(&mut bridge, 1, 1_000);
    tick(&mut bridge);
    music(&mut bridge, 2, 1_000);
    assert_eq!(news(tick(&mut bridge)), [stopped(1, 200, 200, false), started(2, 160)]);
    tick(&mut bridge);
    for id in 3..20 {
        music(&mut bridge, id, 1_000);
    }
    let mut ended = news(tick(&mut bridge));
    ended.retain(|o| matches!(o, BridgeOutput::Stopped { .. }));
    assert_eq!(ended.len(), 17, "2 to 18 are over: {ended:?}");
}

#[test]
fn a_leg_that_leaves_ends_its_playbacks_and_routes() {
    let mut bridge = bridge();
    play(&mut bridge, 1, CALLER, 1, 2 * N);
    play(&mut bridge, 2, CALLER, 1, N);
    music(&mut bridge, 3, N);
    play(&mut bridge, 4, AGENT, 1, 2 * N);
    route(&mut bridge, CALLER, AGENT, true);
    tick(&mut bridge);
    bridge.handle(BridgeInput::Leave(CALLER));
    assert_eq!(drain(&mut bridge), [stopped(1, 160, 160, false), stopped(2, 160, 0, false), stopped(3, 160, 0, false)]);
    let out = tick(&mut bridge);
    assert!(!out.iter().any(|o| matches!(o, BridgeOutput::Egress(CALLER, _))));
    assert_eq!(news(out), [stopped(4, 320, 320, true)], "other legs go on");
    bridge.handle(BridgeInput::Join(CALLER, Party::Caller));
    send(&mut bridge, CALLER, 1);
    assert_eq!(heard(&tick(&mut bridge), AGENT), None, "a new visit opens no old route");
}

#[test]
fn too_many_legs_are_not_let_in() {
    let mut bridge = Bridge::new(RATE);
    for leg in 0..20 {
        bridge.handle(BridgeInput::Join(LegId(leg), Party::Agent));
    }
    assert_eq!(tick(&mut bridge).len(), MAX_LEGS);
    assert_eq!(bridge.counts().refused_legs, 20 - MAX_LEGS as u64);
}

#[test]
fn sound_that_nobody_polled_is_replaced_and_counted() {
    let mut bridge = bridge();
    play(&mut bridge, 1, CALLER, 1, 10);
    bridge.handle(BridgeInput::Tick);
    bridge.handle(BridgeInput::Tick);
    let out = drain(&mut bridge);
    assert_eq!(out.len(), 2 + 3, "the reports are kept, the old sound is not: {out:?}");
    assert_eq!(bridge.counts().unpolled, 3);
}

/// The smallest generator that is good enough to shuffle inputs (Marsaglia 2003, xorshift64).
struct Xorshift(u64);

impl Xorshift {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

fn random_input(random: &mut Xorshift, asked: &mut Vec<u32>) -> BridgeInput {
    let leg = LegId(random.below(4) as u32);
    let any = PlaybackId(random.below(asked.len() as u64 + 2) as u32);
    match random.below(9) {
        0 => BridgeInput::Join(leg, Party::Agent),
        1 => BridgeInput::Leave(leg),
        2 => BridgeInput::Media(leg, frame(100)),
        3 => BridgeInput::Route { from: leg, to: LegId(random.below(4) as u32), on: random.below(3) > 0 },
        4 | 5 => {
            let id = asked.len() as u32 + 1;
            asked.push(id);
            let len = random.below(700) as usize;
            BridgeInput::Play(Play { more: random.below(3) == 0, looped: random.below(4) == 0, ..sound(id, leg, 300, len) })
        }
        6 => BridgeInput::Supply { id: any, samples: vec![1; random.below(400) as usize].into(), more: random.below(2) == 0 },
        7 => BridgeInput::Stop(any),
        _ => BridgeInput::Tick,
    }
}

#[test]
fn whatever_comes_in_every_playback_ends_exactly_once() {
    for seed in 1..=2_000 {
        let mut random = Xorshift(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(seed));
        let mut bridge = bridge();
        let (mut asked, mut begun, mut ended) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        let mut note = |outputs: Vec<BridgeOutput>| {
            for output in outputs {
                match output {
                    BridgeOutput::Started { id, sample } => assert_eq!(begun.insert(id.0, sample), None, "seed {seed}: {id} began twice"),
                    BridgeOutput::Stopped { id, sample, sent, completed } => {
                        assert_eq!(ended.insert(id.0, sample), None, "seed {seed}: {id} ended twice");
                        let start = begun.get(&id.0);
                        assert!(start.is_some() || (sent == 0 && !completed), "seed {seed}: {id} ended before it began");
                        assert!(start.is_none_or(|s| sample >= s + sent), "seed {seed}: {id} sent more than there was time for");
                    }
                    _ => {}
                }
            }
        };
        for _ in 0..60 {
            bridge.handle(random_input(&mut random, &mut asked));
            note(drain(&mut bridge));
        }
        for leg in 0..4 {
            bridge.handle(BridgeInput::Leave(LegId(leg)));
            note(drain(&mut bridge));
        }
        assert_eq!(asked, ended.into_keys().collect::<Vec<_>>(), "seed {seed}: nothing outlives the call");
    }
}

#[test]
fn two_legs_are_a_plain_pair_only_while_they_hear_each_other_and_nothing_else() {
    let mut bridge = bridge();
    let pair = Some((CALLER, AGENT));
    let cross = |bridge: &mut Bridge| {
        [CALLER, AGENT, SUPERVISOR].into_iter().for_each(|leg| send(bridge, leg, 100));
        tick(bridge);
        bridge.plain_pair()
    };
    assert_eq!(cross(&mut bridge), None);
    route(&mut bridge, CALLER, AGENT, true);
    assert_eq!(cross(&mut bridge), None, "one way only");
    route(&mut bridge, AGENT, CALLER, true);
    assert_eq!(bridge.plain_pair(), None, "nothing has crossed yet");
    assert_eq!(cross(&mut bridge), pair);
    for (from, to) in [(CALLER, SUPERVISOR), (SUPERVISOR, AGENT)] {
        route(&mut bridge, from, to, true);
        assert_eq!(bridge.plain_pair(), None, "{from:?} to {to:?}");
        route(&mut bridge, from, to, false);
        assert_eq!(bridge.plain_pair(), pair);
    }
    for leg in [CALLER, AGENT, SUPERVISOR] {
        let id = 10 + leg.0;
        play(&mut bridge, id, leg, 500, 3 * N);
        assert_eq!(bridge.plain_pair(), None, "a prompt for {leg:?}");
        let after: Vec<_> = (0..5).map(|_| cross(&mut bridge)).collect();
        assert_eq!((after[0], after[4]), (None, pair));
    }
    music(&mut bridge, 20, 1_000);
    assert_eq!(cross(&mut bridge), None);
    stop(&mut bridge, 20);
    let after: Vec<_> = (0..3).map(|_| cross(&mut bridge)).collect();
    assert_eq!(after[2], pair);
    bridge.handle(BridgeInput::Leave(AGENT));
    assert_eq!(bridge.plain_pair(), None);
}
