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
    wav: Option<Wav>,
    drawn: Option<Drawn>,
    rate: Rate,
    told: u64,
    progress: &'p mut dyn FnMut(f64),
}

/// `call.wav` under another name until it is whole: a replay that fails leaves nothing behind, and an earlier result as it was.
struct Wav {
    writer: Option<hound::WavWriter<BufWriter<File>>>,
    part: PathBuf,
    whole: PathBuf,
}

impl Wav {
    fn create(dir: &Path, spec: hound::WavSpec) -> Result<Self> {
        let (part, whole) = (dir.join("call.wav.part"), dir.join("call.wav"));
        let writer = hound::WavWriter::create(&part, spec).map_err(Error::other)?;
        Ok(Wav { writer: Some(writer), part, whole })
    }

    fn write(&mut self, left: i16, right: i16) -> Result<()> {
        let Some(writer) = &mut self.writer else { return Ok(()) };
        writer.write_sample(left).and_then(|()| writer.write_sample(right)).map_err(Error::other)
    }

    fn finish(mut self) -> Result<()> {
        if let Some(writer) = self.writer.take() {
            writer.finalize().map_err(Error::other)?;
            std::fs::rename(&self.part, &self.whole)?;
        }
        Ok(())
    }
}

impl Drop for Wav {
    fn drop(&mut self) {
        if self.writer.take().is_some() {
            // It can't be told to anybody any more; what is left is named as a part.
            let _ = std::fs::remove_file(&self.part);
        }
    }
}

impl<'p> Sound<'p> {
    /// Writes `call.wav` into `dir`, if there is one: the caller left, what the caller hears right.
    ///
    /// # Errors
    /// The file can't be made.
    pub fn new(dir: Option<&Path>, rate: Rate, recognizer: Option<String>, progress: &'p mut dyn FnMut(f64)) -> Result<Self> {
        let spec = hound::WavSpec { channels: 2, sample_rate: rate.hz(), bits_per_sample: 16, sample_format: hound::SampleFormat::Int };
        let wav = dir.map(|dir| Wav::create(dir, spec)).transpose()?;
        let drawn = dir.map(|_| Drawn { peaks: Peaks::new(rate.hz()), sound: ReportSound::new(rate.hz()), recognizer });
        Ok(Sound { wav, drawn, rate, told: 0, progress })
    }

    /// Closes `call.wav`; gives what the report draws.
    ///
    /// # Errors
    /// The file can't be finished.
    pub fn finish(self) -> Result<Option<Drawn>> {
        if let Some(wav) = self.wav {
            wav.finish()?;
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
                wav.write(left, right)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replay_that_fails_leaves_no_sound_and_an_earlier_one_as_it_was() {
        let dir = std::env::temp_dir().join(format!("segue-output-{}", std::process::id()));
        std::fs::create_dir_all(&dir).expect("a temporary directory");
        std::fs::write(dir.join("call.wav"), b"earlier").expect("a temporary file");
        let rate = Rate::Hz8000;
        let frame = Frame::silence(rate);
        let names = || std::fs::read_dir(&dir).expect("it is there").flatten().map(|e| e.file_name()).collect::<Vec<_>>();
        let mut progress = |_: f64| {};
        let mut failing = Sound::new(Some(&dir), rate, None, &mut progress).expect("it can be written");
        failing.tick(&frame, None).expect("it can be written");
        drop(failing);
        assert_eq!(names(), ["call.wav"]);
        assert_eq!(std::fs::read(dir.join("call.wav")).expect("it is there"), b"earlier");
        let mut sound = Sound::new(Some(&dir), rate, None, &mut progress).expect("it can be written");
        sound.tick(&frame, None).expect("it can be written");
        sound.finish().expect("it can be finished");
        assert_eq!(names(), ["call.wav"]);
        assert!(std::fs::read(dir.join("call.wav")).expect("it is there").starts_with(b"RIFF"));
        std::fs::remove_dir_all(&dir).expect("it can be removed");
    }
}
