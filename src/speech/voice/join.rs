//! How pieces of speech are trimmed and joined without clicks, and the tone that stands for what can't be spoken.

use crate::base::Rate;

use super::cache::Piece;

/// Longest piece in seconds; no sentence is longer, and no synthesizer may fill the memory.
pub const LONGEST_SECS: usize = 120;
/// Fade at both ends of a piece: long enough that a cut is no click, too short to be heard as a fade.
const FADE_MILLIS: usize = 5;
/// Silence that stays at each end of a spoken piece.
const MARGIN_MILLIS: usize = 20;
/// Below −50 dBFS is silence at an end.
const SILENCE: u16 = 104;
/// Pause after a sentence.
const SENTENCE_PAUSE_MILLIS: usize = 250;
/// Pause after a comma or colon.
const CLAUSE_PAUSE_MILLIS: usize = 120;
/// Pause where a text goes on in the next piece.
const WORD_PAUSE_MILLIS: usize = 20;
/// The signal: three short tones, falling, at −20 dBFS.
const TONES_HZ: [f32; 3] = [660.0, 550.0, 440.0];
const TONE_MILLIS: usize = 150;
const TONE_GAP_MILLIS: usize = 50;
const TONE_AMPLITUDE: f32 = 4_634.0;

fn samples(rate: Rate, millis: usize) -> usize {
    rate.hz() as usize * millis / 1_000
}

/// A synthesized piece: silence at both ends cut to [`MARGIN_MILLIS`], faded in and out.
pub fn tidy(sound: Vec<i16>, rate: Rate) -> Vec<i16> {
    let loud = |s: &i16| s.unsigned_abs() > SILENCE;
    let (Some(first), Some(last)) = (sound.iter().position(loud), sound.iter().rposition(loud)) else { return sound };
    let margin = samples(rate, MARGIN_MILLIS);
    let (from, to) = (first.saturating_sub(margin), (last + 1 + margin).min(sound.len()));
    tidy_recording(sound[from..to].to_vec(), rate)
}

/// A recorded piece: as it is, faded in and out.
pub fn tidy_recording(mut sound: Vec<i16>, rate: Rate) -> Vec<i16> {
    let fade = samples(rate, FADE_MILLIS).min(sound.len() / 2);
    let len = sound.len();
    for n in 0..fade {
        let gain = n as f32 / fade as f32;
        for at in [n, len - 1 - n] {
            sound[at] = (f32::from(sound[at]) * gain) as i16;
        }
    }
    sound
}

/// Appends a piece and the pause that belongs after it.
pub fn append(whole: &mut Vec<i16>, piece: &Piece, sound: &[i16]) {
    whole.extend_from_slice(sound);
    let pause = match piece.text.trim_end().chars().last() {
        Some('.' | '!' | '?' | '…') => SENTENCE_PAUSE_MILLIS,
        Some(',' | ';' | ':' | '–') => CLAUSE_PAUSE_MILLIS,
        _ => WORD_PAUSE_MILLIS,
    };
    whole.resize(whole.len() + samples(piece.rate, pause), 0);
}

/// Three short falling tones: something is missing here, and the line is alive.
pub fn signal_tone(rate: Rate) -> Vec<i16> {
    let mut sound = Vec::new();
    for hz in TONES_HZ {
        let step = std::f32::consts::TAU * hz / rate.hz() as f32;
        let tone = (0..samples(rate, TONE_MILLIS)).map(|n| (TONE_AMPLITUDE * (step * n as f32).sin()) as i16).collect();
        sound.extend(tidy_recording(tone, rate));
        sound.resize(sound.len() + samples(rate, TONE_GAP_MILLIS), 0);
    }
    sound
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_begins_and_ends_softly_and_soon() {
        for rate in [Rate::Hz8000, Rate::Hz16000] {
            let mut sound = vec![0; rate.hz() as usize];
            sound[3_000..6_000].fill(12_000);
            let tidied = tidy(sound, rate);
            assert_eq!(tidied.len(), 3_000 + 2 * samples(rate, MARGIN_MILLIS));
            let cut = tidy_recording(vec![20_000; 4_000], rate);
            assert_eq!((cut[0], cut[3_999]), (0, 0));
            assert!(cut.windows(2).all(|w| (i32::from(w[0]) - i32::from(w[1])).abs() < 600));
        }
    }

    #[test]
    fn odd_pieces_are_taken_as_they_are() {
        for sound in [vec![], vec![5], vec![0; 700], vec![i16::MIN, i16::MAX]] {
            assert!(tidy(sound.clone(), Rate::Hz8000).len() <= sound.len());
        }
    }

    #[test]
    fn the_pause_follows_the_punctuation() {
        let of = |text: &str| {
            let mut whole = Vec::new();
            append(&mut whole, &Piece { prompt: None, text: text.into(), language: "en".into(), rate: Rate::Hz8000 }, &[1, 2]);
            whole.len() - 2
        };
        assert_eq!((of("One."), of("one,"), of("number")), (2_000, 960, 160));
    }
}
