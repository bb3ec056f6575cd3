//! The embedded synthesizer: Debian's flite, opened at run time.
//!
//! A text is spoken when the stream is first asked, as one piece: give it sentence by sentence (about 10 ms of work for a
//! second of speech). Levels are evened out to −20 dBFS of active speech. The same text gives the same samples. What is
//! *not* here: cutting into sentences, caching and pauses, which the voice of a call adds.

mod ffi;
mod table;

use std::future::ready;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::base::{Fault, Organ, Rate};
use crate::sound::resample::{StreamResampler, to_f32, to_i16};
use crate::speech::{Answering, INSTALL, Synthesizer, VoiceStream};

use ffi::Speaker;

pub use table::{FliteTable, FliteVoice};

/// Level of active speech that sentences are brought to: −20 dBFS, where a telephone line is used best without clipping.
const ACTIVE_RMS: f32 = 3_277.0;
/// No sample is made louder than this: −0.5 dBFS.
const PEAK: f32 = 30_900.0;
/// A 20 ms piece counts as speech within 30 dB of the loudest.
const ACTIVE_RANGE: f32 = 0.0316;
/// flite's tables are global to the process: one thread speaks at a time, whatever engine it belongs to.
static TURN: Mutex<()> = Mutex::new(());

/// The engine.
pub struct Flite {
    speaker: Arc<Mutex<Speaker>>,
    voice: FliteVoice,
}

impl Flite {
    /// Opens flite with the voice of the table, or with the first other one that is installed.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] names the missing package and how to get it.
    pub fn load(table: &FliteTable) -> Result<Flite, Fault> {
        let _turn = TURN.lock();
        let mut said = String::new();
        for voice in [table.voice, FliteVoice::Rms, FliteVoice::Slt, FliteVoice::Kal16] {
            match Speaker::open(file_name(voice)) {
                Ok(speaker) => return Ok(Flite { speaker: Arc::new(Mutex::new(speaker)), voice }),
                Err(error) if said.is_empty() => said = error,
                Err(_) => {}
            }
        }
        Err(Fault::Unavailable { organ: Organ::Voice, detail: format!("flite ({said}) is missing; {INSTALL}") })
    }

    /// The voice that speaks: the table's, or the one found in its place.
    pub fn voice(&self) -> FliteVoice {
        self.voice
    }
}

fn file_name(voice: FliteVoice) -> &'static str {
    match voice {
        FliteVoice::Rms => "rms",
        FliteVoice::Slt => "slt",
        FliteVoice::Kal16 => "kal16",
    }
}

impl Synthesizer for Flite {
    fn name(&self) -> &str {
        file_name(self.voice)
    }

    fn speak<'a>(&'a self, text: &'a str, language: &'a str, rate: Rate) -> Answering<'a, Box<dyn VoiceStream>> {
        if !language.is_empty() && !language.to_ascii_lowercase().starts_with("en") {
            let detail = format!("flite speaks English only, not {language:?}");
            return Box::pin(ready(Err(Fault::Unavailable { organ: Organ::Voice, detail })));
        }
        let stream = Once { speaker: Arc::clone(&self.speaker), text: Some(text.to_owned()), rate };
        Box::pin(ready(Ok(Box::new(stream) as Box<dyn VoiceStream>)))
    }
}

/// A text still to be spoken.
struct Once {
    speaker: Arc<Mutex<Speaker>>,
    text: Option<String>,
    rate: Rate,
}

impl VoiceStream for Once {
    fn next(&mut self) -> Answering<'_, Option<Vec<i16>>> {
        let Some(text) = self.text.take() else { return Box::pin(ready(Ok(None))) };
        let spoken = {
            let _turn = TURN.lock();
            self.speaker.lock().speak(&text)
        };
        let sound = spoken.map(|(samples, rate)| {
            let mut sound = at_rate(&samples, rate, self.rate);
            even_out(&mut sound, self.rate);
            Some(sound)
        });
        Box::pin(ready(sound.map_err(|detail| Fault::Failed { organ: Organ::Voice, detail })))
    }
}

fn at_rate(samples: &[i16], from_hz: u32, to: Rate) -> Vec<i16> {
    let mut resampler = StreamResampler::new(from_hz, to, 1);
    let samples: Vec<f32> = samples.iter().map(|&s| to_f32(s)).collect();
    let mut converted = Vec::new();
    resampler.push(&samples, &mut converted);
    resampler.finish(&mut converted);
    converted.into_iter().map(to_i16).collect()
}

/// Brings active speech to [`ACTIVE_RMS`], as far as [`PEAK`] allows.
fn even_out(sound: &mut [i16], rate: Rate) {
    let power = |piece: &[i16]| piece.iter().map(|&s| f32::from(s).powi(2)).sum::<f32>() / piece.len() as f32;
    let powers: Vec<f32> = sound.chunks(rate.frame_samples()).map(power).collect();
    let loudest = powers.iter().copied().fold(0.0, f32::max);
    if loudest == 0.0 {
        return;
    }
    let active: Vec<f32> = powers.into_iter().filter(|p| p.sqrt() >= ACTIVE_RANGE * loudest.sqrt()).collect();
    let rms = (active.iter().sum::<f32>() / active.len() as f32).sqrt();
    let peak = sound.iter().map(|s| f32::from(s.unsigned_abs())).fold(0.0, f32::max);
    let gain = (ACTIVE_RMS / rms).min(PEAK / peak);
    sound.iter_mut().for_each(|s| *s = (f32::from(*s) * gain).round() as i16);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quiet_and_loud_sentences_come_out_equally_loud() {
        for gain in [100.0, 20_000.0] {
            let tone = |n: usize| (gain * (n as f32 * 0.3).sin()) as i16;
            let mut sound: Vec<i16> = (0..8_000).map(|n| if n < 4_000 { tone(n) } else { 0 }).collect();
            even_out(&mut sound, Rate::Hz8000);
            let rms = (sound[..4_000].iter().map(|&s| f32::from(s).powi(2)).sum::<f32>() / 4_000.0).sqrt();
            assert!((rms - ACTIVE_RMS).abs() < ACTIVE_RMS * 0.02, "{gain}: {rms}");
        }
        let mut silence = vec![0; 300];
        even_out(&mut silence, Rate::Hz8000);
        assert_eq!(silence, vec![0; 300]);
    }
}
