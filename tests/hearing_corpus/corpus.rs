//! The corpus: labelled recordings of real voices that lie beside the repository, not in it.
#![allow(dead_code, reason = "each test uses what it needs of it")]

use std::fs::File;
use std::path::{Path, PathBuf};

use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::formats::TrackType;
use symphonia::core::formats::probe::Hint;
use symphonia::core::io::MediaSourceStream;

/// One labelled recording.
#[derive(Clone, Debug)]
pub struct Recording {
    pub path: PathBuf,
    pub text: String,
    pub speaker: String,
    pub label: String,
}

/// All recordings; `None`, said aloud, where there is no corpus.
pub fn recordings() -> Option<Vec<Recording>> {
    let folder = std::env::var_os("SEGUE_CORPUS").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus"), PathBuf::from);
    let Ok(manifest) = std::fs::read_to_string(folder.join("manifest.tsv")) else {
        eprintln!("corpus missing: skipped (looked in {})", folder.display());
        return None;
    };
    let rows = manifest.lines().skip(1).filter_map(|line| {
        let mut columns = line.split('\t');
        let mut next = || columns.next().map(str::to_owned);
        Some(Recording { path: folder.join(next()?), text: next()?, speaker: next()?, label: next()? })
    });
    Some(rows.collect())
}

impl Recording {
    /// The emotion corpus, not the digits.
    pub fn is_sentence(&self) -> bool {
        self.speaker.starts_with("emodb")
    }

    /// Samples in ±1 of the first channel, and their rate.
    pub fn samples(&self) -> (Vec<f32>, u32) {
        let file = Box::new(File::open(&self.path).expect("the manifest names files that are there"));
        let stream = MediaSourceStream::new(file, Default::default());
        let mut reader = symphonia::default::get_probe().probe(&Hint::new(), stream, Default::default(), Default::default()).expect("a known format");
        let track = reader.default_track(TrackType::Audio).expect("a track");
        let parameters = track.codec_params.as_ref().and_then(|p| p.audio()).expect("sound").clone();
        let mut decoder = symphonia::default::get_codecs().make_audio_decoder(&parameters, &AudioDecoderOptions::default()).expect("a known codec");
        let (mut samples, mut packet_samples) = (Vec::new(), Vec::new());
        while let Ok(Some(packet)) = reader.next_packet() {
            let sound = decoder.decode(&packet).expect("a whole recording");
            sound.copy_to_vec_interleaved(&mut packet_samples);
            samples.extend_from_slice(&packet_samples);
        }
        (samples, parameters.sample_rate.expect("a rate"))
    }
}
