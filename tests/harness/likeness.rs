//! Whether what was heard is what was said, however it was delayed, coded and made up on the way.
//!
//! What was heard is cut into pieces; each loud one is looked for everywhere in what was said, by normalised correlation. A piece
//! counts as found where it is alike and where it belongs: at the same delay as the others, give or take what a jitter buffer
//! does. So neither music nor a whisper before the bridge counts, and nothing that was said twice or in a wrong order does.

// Each test binary uses its own part of this.
#![allow(dead_code)]

use std::io::Cursor;
use std::path::Path;
use std::time::Duration;

use realfft::RealFftPlanner;
use segue::replay::caller::RATE;
use segue::sound::recording::{ChannelChoice, Recording};

/// Everything is compared at half the rate, 4 kHz: speech has most of its energy below 2 kHz, and tests are not optimised.
const HALF: usize = 2;
/// Samples of a piece: 300 ms, about a word.
const PIECE: usize = 1_200;
/// Samples in a second.
const HZ: f64 = 4_000.0;
/// Root mean square from which on a piece is worth looking for: about −44 dBFS.
const LOUD_RMS: f64 = 200.0;
/// Root mean square below which there is nothing: what codecs make of silence has less.
const NOTHING_RMS: f64 = 30.0;
/// Normalised correlation of pieces that are alike. Different sentences of the same voice stay below 0.6.
const ALIKE: f64 = 0.75;
/// By how much the delay may vary over a call, in samples: 400 ms, as jitter buffers and busy machines do.
const WANDERS: i64 = 1_600;
/// Pauses in what parties say are cut to this many samples at 8 kHz.
const BREATH: usize = 800;
/// Nothing that is read lasts longer.
const LONGEST: Duration = Duration::from_secs(600);

/// The sample calls named, one after the other and nearly without pauses, at 8 kHz.
pub fn speech(names: &[&str]) -> Vec<i16> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("audio/calls");
    let mut speech = Vec::new();
    for name in names {
        let mut pause = 0;
        for piece in read(&dir.join(format!("{name}.flac")), ChannelChoice::Left).chunks(80) {
            pause = if rms(piece) < 60.0 { pause + piece.len() } else { 0 };
            if pause <= BREATH {
                speech.extend_from_slice(piece);
            }
        }
    }
    speech
}

/// A recording at 8 kHz.
pub fn read(path: &Path, channel: ChannelChoice) -> Vec<i16> {
    let file = Cursor::new(std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
    let extension = path.extension().and_then(|extension| extension.to_str());
    let recording = Recording::open_at(Box::new(file), extension, channel, RATE).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    recording.read_all(LONGEST).unwrap_or_else(|error| panic!("{}: {error}", path.display())).to_vec()
}

/// How much of what was heard is what was said.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Likeness {
    /// Speech that was found where it belongs, in s.
    pub found_s: f64,
    /// Its share of all that was heard from the first to the last piece that was found.
    pub share: f64,
}

impl Likeness {
    /// Compares both, at 8 kHz.
    pub fn of(said: &[i16], heard: &[i16]) -> Likeness {
        let (said, heard) = (halved(said), halved(heard));
        let mut search = Search::new(&said);
        let loud = heard.chunks_exact(PIECE).enumerate().filter(|(_, piece)| rms(piece) >= LOUD_RMS);
        // Each loud piece with the delay at which it is like something that was said.
        let pieces: Vec<(usize, Option<i64>)> = loud.map(|(n, piece)| (n, search.find(piece).map(|at| at as i64 - (n * PIECE) as i64))).collect();
        let mut delays: Vec<i64> = pieces.iter().filter_map(|(_, delay)| *delay).collect();
        delays.sort_unstable();
        let Some(&usual) = delays.get(delays.len() / 2) else { return Likeness { found_s: 0.0, share: 0.0 } };
        let belongs = |delay: &Option<i64>| delay.is_some_and(|delay| (delay - usual).abs() <= WANDERS);
        let first = pieces.iter().position(|(_, delay)| belongs(delay)).unwrap_or_default();
        let last = pieces.iter().rposition(|(_, delay)| belongs(delay)).unwrap_or_default();
        let found = pieces.iter().filter(|(_, delay)| belongs(delay)).count();
        Likeness { found_s: (found * PIECE) as f64 / HZ, share: found as f64 / (last - first + 1) as f64 }
    }

    /// Fails unless most of some seconds came over.
    pub fn must_be_good(self, who: &str) {
        assert!(self.found_s >= 2.5 && self.share >= 0.6, "{who}: {self:?}");
    }
}

/// Something to be heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// Nothing at all.
    Nothing,
    /// What was said or played by this one, counted from 0.
    From(usize),
}

/// What was heard from whom, piece by piece, whenever it was said.
pub struct Course(Vec<Option<Heard>>);

impl Course {
    /// Compares what was heard with what each of them said over and over, all at 8 kHz.
    pub fn of(heard: &[i16], said: &[&[i16]]) -> Course {
        let mut searches: Vec<Search> = said.iter().map(|said| Search::new(&halved(said))).collect();
        let heard = halved(heard);
        Course(heard.chunks_exact(PIECE).map(|piece| Course::whose(piece, &mut searches)).collect())
    }

    fn whose(piece: &[i16], searches: &mut [Search]) -> Option<Heard> {
        match rms(piece) {
            quiet if quiet < NOTHING_RMS => Some(Heard::Nothing),
            loud if loud >= LOUD_RMS => {
                // Voices may share a word: whose is most alike has said it.
                let found = searches.iter_mut().enumerate().filter_map(|(n, search)| search.best(piece).map(|(alike, _)| (alike, n)));
                found.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, n)| Heard::From(n))
            }
            _ => None,
        }
    }

    /// Fails unless these were heard one after the other, each for some seconds in which hardly anything else was; what is
    /// between them does not matter.
    pub fn must_be(&self, who: &str, wanted: &[(Heard, f64)]) {
        let mut rest = 0..self.0.len();
        for (n, (what, secs)) in wanted.iter().enumerate() {
            let pieces = (secs * HZ / PIECE as f64).ceil() as usize;
            let others = |window: &[Option<Heard>]| window.iter().flatten().filter(|heard| *heard != what).count();
            let is_it = |window: &[Option<Heard>]| {
                let found = window.iter().filter(|heard| **heard == Some(*what)).count();
                found * 3 >= pieces * 2 && others(window) <= pieces / 4
            };
            let found = self.0[rest.clone()].windows(pieces).position(is_it);
            let Some(at) = found else { panic!("{who}: number {n}, {what:?} for {secs} s, is not in {}", self.told()) };
            rest.start += at + pieces;
        }
    }

    /// A letter for each piece: `a` is the first one's, `_` nothing, `?` nobody's.
    fn told(&self) -> String {
        let letter = |heard: &Option<Heard>| match heard {
            Some(Heard::Nothing) => '_',
            Some(Heard::From(n)) => char::from(b'a' + u8::try_from(*n).unwrap_or(25)),
            None => '?',
        };
        self.0.iter().map(letter).collect()
    }
}

/// Looks for pieces in something long.
struct Search {
    spectrum: Vec<realfft::num_complex::Complex<f64>>,
    /// The energy of all samples before this one.
    energy_before: Vec<f64>,
    planner: RealFftPlanner<f64>,
    len: usize,
    said_len: usize,
}

impl Search {
    fn new(said: &[i16]) -> Search {
        let len = (said.len() + PIECE).next_power_of_two();
        let mut planner = RealFftPlanner::new();
        let spectrum = transformed(&mut planner, said, len);
        let mut sum = 0.0;
        let mut energy_before = vec![0.0];
        energy_before.extend(said.iter().map(|&x| {
            sum += f64::from(x).powi(2);
            sum
        }));
        Search { spectrum, energy_before, planner, len, said_len: said.len() }
    }

    /// Where it is, if it is there.
    fn find(&mut self, piece: &[i16]) -> Option<usize> {
        self.best(piece).map(|(_, at)| at)
    }

    /// How alike it is, from [`ALIKE`] to 1, and where.
    fn best(&mut self, piece: &[i16]) -> Option<(f64, usize)> {
        let mut product = transformed(&mut self.planner, piece, self.len);
        product.iter_mut().zip(&self.spectrum).for_each(|(x, said)| *x = said * x.conj());
        let mut correlation = vec![0.0; self.len];
        self.planner.plan_fft_inverse(self.len).process(&mut product, &mut correlation).ok()?;
        let norm = self.len as f64 * rms(piece) * (piece.len() as f64).sqrt();
        let places = 0..self.said_len.checked_sub(PIECE)?;
        let alike = places.filter_map(|at| {
            let energy = self.energy_before[at + PIECE] - self.energy_before[at];
            (energy >= PIECE as f64 * LOUD_RMS * LOUD_RMS / 4.0).then(|| (correlation[at].abs() / (norm * energy.sqrt()), at))
        });
        alike.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(alike, _)| *alike >= ALIKE)
    }
}

fn transformed(planner: &mut RealFftPlanner<f64>, samples: &[i16], len: usize) -> Vec<realfft::num_complex::Complex<f64>> {
    let fft = planner.plan_fft_forward(len);
    let mut input = vec![0.0; len];
    input.iter_mut().zip(samples).for_each(|(to, &from)| *to = f64::from(from));
    let mut spectrum = fft.make_output_vec();
    fft.process(&mut input, &mut spectrum).unwrap_or_else(|error| panic!("{error}"));
    spectrum
}

fn halved(samples: &[i16]) -> Vec<i16> {
    samples.chunks_exact(HALF).map(|pair| pair[0] / 2 + pair[1] / 2).collect()
}

fn rms(samples: &[i16]) -> f64 {
    (samples.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>() / samples.len().max(1) as f64).sqrt()
}
