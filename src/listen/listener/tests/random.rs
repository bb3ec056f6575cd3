//! Any input at any time.

use super::*;

/// Sequences, and inputs in each.
const SEQUENCES: u64 = 2_000;
const INPUTS: u64 = 24;
/// Far more outputs than any input can cause.
const MANY: usize = 400;

/// Marsaglia's xorshift64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

fn any_input(dice: &mut Dice) -> ListenInput {
    let texts = ["", "yes", "agent", "where is my order and", "this is ridiculous", "'s --- ’", "I don't want an agent"];
    let id = UtteranceId(dice.roll(4) as u32);
    let hypothesis = Hypothesis { accepted: dice.roll(4) > 0, confidence: Some(f32::NAN), ..heard(texts[dice.roll(7) as usize]) };
    match dice.roll(16) {
        0 => ListenInput::Partial(id, hypothesis),
        1 | 2 => ListenInput::Final(id, hypothesis),
        3 => ListenInput::Unheard(id, failed()),
        4 => ListenInput::Ear(dice.roll(4) > 0),
        5 | 6 => ListenInput::Playing { on: dice.roll(2) > 0, interruptible: dice.roll(3) > 0 },
        7 => ListenInput::BotFailed(failed()),
        8 => key(['0', '1', '#'][dice.roll(3) as usize]),
        9 => verdict(dice.roll(3) as u32, dice.roll(3) as u32),
        10 => ListenInput::Scene([Scene::WithBot, Scene::Waiting, Scene::WithPerson, Scene::Gone][(dice.roll(13) / 4) as usize]),
        11 => ListenInput::Tick,
        12 => ListenInput::Audio(Frame::silence(Rate::Hz16000)),
        _ => {
            let understood = [Understood::Nothing, Understood::NoMatch, Understood::NoInput, Understood::Unsure][dice.roll(4) as usize];
            let expects = Some(Question { id: "open".into(), patience: Duration::from_millis(dice.roll(3_000)) }).filter(|_| dice.roll(2) > 0);
            let turn = Some(dice.roll(3) as u32).filter(|_| dice.roll(3) > 0);
            ListenInput::Bot(BotReport { turn, understood, expects, intent: Some("x".into()), ..BotReport::default() })
        }
    }
}

/// Polls until idle; how the count of open turns and utterances has changed.
fn drain(listener: &mut Listener) -> (i32, i32) {
    let (mut turns, mut utterances) = (0, 0);
    for _ in 0..MANY {
        match listener.poll() {
            ListenOutput::Idle(_) => return (turns, utterances),
            ListenOutput::SpeechBegan { .. } => turns += 1,
            ListenOutput::TurnEnded(_) => turns -= 1,
            ListenOutput::OpenUtterance(..) => utterances += 1,
            ListenOutput::CloseUtterance(_) => utterances -= 1,
            _ => {}
        }
    }
    panic!("a listener must come to rest");
}

#[test]
fn whatever_comes_the_listener_comes_to_rest_and_ends_what_it_began() {
    for seed in 1..=SEQUENCES {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let seat = ListenerSeat { party: Party::Caller, rate: Rate::Hz8000 };
        let mut listener = Listener::by_level(seat, &ListenTable::default(), &SignalsTable::default(), LEVEL);
        let mut now = Time::ZERO;
        let (mut turns, mut utterances) = (0, 0);
        let mut step = |listener: &mut Listener, input: ListenInput, now: Time| {
            listener.handle(input, now);
            let (began, opened) = drain(listener);
            turns += began;
            utterances += opened;
            assert!((0..=1).contains(&turns), "seed {seed}");
        };
        step(&mut listener, ListenInput::Ear(true), now);
        for _ in 0..INPUTS {
            let (loud, run) = (dice.roll(2) > 0, [0, 1, 12, 30][dice.roll(4) as usize]);
            for _ in 0..run {
                now += FRAME;
                step(&mut listener, ListenInput::Audio(frame(loud)), now);
            }
            now += Duration::from_micros(dice.roll(300_000));
            step(&mut listener, any_input(&mut dice), now);
        }
        step(&mut listener, ListenInput::Scene(Scene::Gone), now);
        // A recognizer that still found words is waited for more than once.
        (1..=5).for_each(|n| step(&mut listener, ListenInput::Tick, now + Duration::from_secs(10) * n));
        assert_eq!(turns, 0, "seed {seed}");
        assert!(utterances >= 0, "seed {seed}");
        assert_eq!(listener.counts().dropped_outputs, 0, "seed {seed}");
    }
}
