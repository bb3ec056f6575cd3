//! What `--out` writes for a recording: `events.jsonl`, `packet.json`, `transcript.txt`, `call.wav` and `report.html`.

use std::fs::File;
use std::io::{BufWriter, Error, Result, Write};
use std::path::{Path, PathBuf};

use crate::base::{Frame, Rate, Record};

use super::driver::Witness;
use super::report::{Peaks, ReportSound};

/// What the report shows of a call's sound.
pub struct Drawn {
    /// The waveform.
    pub peaks: Peaks,
    /// What its player plays.
    pub sound: ReportSound,
    /// The recognizer that listened, if one did.
    pub recognizer: Option<String>,
}

/// The sound of a call as it is written, and what the report draws of it.
pub struct Sound<'p> {
    wav: Option<hound::WavWriter<BufWriter<File>>>,
    drawn: Option<Drawn>,
    rate: Rate,
    told: u64,
    progress: &'p mut dyn FnMut(f64),
}

impl<'p> Sound<'p> {
    /// Writes `call.wav` into `dir`, if there is one: the caller left, what the caller hears right.
    ///
    /// # Errors
    /// The file can't be made.
    pub fn new(dir: Option<&Path>, rate: Rate, recognizer: Option<String>, progress: &'p mut dyn FnMut(f64)) -> Result<Self> {
        let spec = hound::WavSpec { channels: 2, sample_rate: rate.hz(), bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
        let wav = dir.map(|dir| hound::WavWriter::create(dir.join("call.wav"), spec).map_err(Error::other)).transpose()?;
        let drawn = dir.map(|_| Drawn { peaks: Peaks::new(rate.hz()), sound: ReportSound::new(rate.hz()), recognizer });
        Ok(Sound { wav, drawn, rate, told: 0, progress })
    }

    /// Closes `call.wav`; gives what the report draws.
    ///
    /// # Errors
    /// The file can't be finished.
    pub fn finish(self) -> Result<Option<Drawn>> {
        if let Some(wav) = self.wav {
            wav.finalize().map_err(Error::other)?;
        }
        Ok(self.drawn)
    }
}

/// Progress is told once for so many ticks (one second).
const TELL_EVERY: u64 = 50;

impl Witness for Sound<'_> {
    fn tick(&mut self, caller: &Frame, heard: Option<&Frame>) -> Result<()> {
        let silence = Frame::silence(self.rate);
        let heard = heard.unwrap_or(&silence);
        if let Some(drawn) = &mut self.drawn {
            drawn.peaks.push(caller.samples(), heard.samples());
            drawn.sound.push(caller.samples(), heard.samples());
        }
        if let Some(wav) = &mut self.wav {
            for (&left, &right) in caller.samples().iter().zip(heard.samples()) {
                wav.write_sample(left).and_then(|()| wav.write_sample(right)).map_err(Error::other)?;
            }
        }
        Ok(())
    }

    fn progress(&mut self, recording_s: f64) {
        self.told += 1;
        if self.told.is_multiple_of(TELL_EVERY) {
            (self.progress)(recording_s);
        }
    }
}

/// Writes the records, one a line.
///
/// # Errors
/// The file can't be written.
pub fn events(dir: &Path, records: &[Record]) -> Result<()> {
    let mut file = BufWriter::new(File::create(dir.join("events.jsonl"))?);
    for record in records {
        serde_json::to_writer(&mut file, record)?;
        file.write_all(b"\n")?;
    }
    file.flush()
}

/// Writes one file.
///
/// # Errors
/// The file can't be written; its name is in the error.
pub fn text(dir: &Path, name: &str, text: &str) -> Result<()> {
    let path: PathBuf = dir.join(name);
    std::fs::write(&path, text).map_err(|error| Error::new(error.kind(), format!("{}: {error}", path.display())))
}
