//! Mouth-to-ear delay, measured by chirps that are found again by correlation.
//!
//! Everybody who probes says a chirp at agreed moments of wall time: callers at even seconds, upwards; agents at odd seconds,
//! downwards. So whoever hears the other's chirp knows when it was said, even in another process on the same machine
//! (or on two, as far as their clocks agree), and whoever hears their own again is echoed. Time is counted in samples
//! of wall time at 8 kHz and is an argument; a delay of [`PERIOD`] or more can't be told from a shorter one.

use std::f32::consts::TAU;

use crate::base::{Frame, Time};

use super::RATE;

/// Samples in a second.
const HZ: u64 = RATE.hz() as u64;
/// Samples from one chirp of a voice to the next: 2 s.
pub const PERIOD: u64 = 2 * HZ;
/// Samples of a chirp: 64 ms, long enough to be found in noise at 0 dB.
const CHIRP: usize = 512;
/// Between these frequencies every telephone line carries sound, in Hz (ITU-T G.712 §2: 300 to 3400).
const SWEEP_HZ: (f32, f32) = (400.0, 3_000.0);
/// Peak of a chirp, about −12 dBFS.
const PEAK: f32 = 8_000.0;
/// Normalised correlation from which on a chirp is believed; sound that holds none stays below 0.3.
const FOUND: f32 = 0.6;
/// Quieter stretches are not looked at: root mean square of about −56 dBFS.
const QUIET_RMS: f32 = 50.0;
/// Sums that are added up side by side, so that the compiler can use wide registers.
const LANES: usize = 8;
/// Delays that are kept of a call: an hour of chirps.
const MAX_DELAYS: usize = 1_800;
/// Samples of a frame.
const FRAME: usize = RATE.frame_samples();

/// Whose chirp it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Voice {
    /// Upwards, at even seconds.
    Caller,
    /// Downwards, at odd seconds.
    Agent,
}

impl Voice {
    const BOTH: [Voice; 2] = [Voice::Caller, Voice::Agent];

    /// When its chirps begin, in samples after an even second.
    const fn phase(self) -> u64 {
        match self {
            Voice::Caller => 0,
            Voice::Agent => HZ,
        }
    }

    /// Its chirp: a linear sweep under a Hann window, −1 to 1.
    fn chirp(self) -> [f32; CHIRP] {
        let (from, to) = match self {
            Voice::Caller => SWEEP_HZ,
            Voice::Agent => (SWEEP_HZ.1, SWEEP_HZ.0),
        };
        let length = CHIRP as f32 / HZ as f32;
        std::array::from_fn(|n| {
            let t = n as f32 / HZ as f32;
            let window = 0.5 - 0.5 * (TAU * n as f32 / CHIRP as f32).cos();
            window * (TAU * (from * t + (to - from) * t * t / (2.0 * length))).sin()
        })
    }
}

/// A moment of wall time, from µs after 1970 to samples.
pub fn samples_of(wall: Time) -> u64 {
    wall.as_micros() * HZ / 1_000_000
}

/// Samples from a voice's last beginning to this moment.
fn after(voice: Voice, moment: u64) -> u64 {
    (moment + PERIOD - voice.phase()) % PERIOD
}

/// What is looked for, and how it was found last.
struct Template {
    voice: Voice,
    /// Its energy is 1.
    chirp: [f32; CHIRP],
    /// The best place so far of a chirp that may not be over: correlation, first sample.
    best: Option<(f32, u64)>,
    /// In samples, in order of hearing.
    delays: Vec<u64>,
}

/// Says chirps, and finds them in what is heard.
pub struct Probe {
    voice: Voice,
    said: [f32; CHIRP],
    templates: [Template; 2],
    /// The latest that was heard, one frame longer than what comes before it in a chirp.
    heard: [f32; CHIRP + FRAME],
    sent: u32,
}

impl Probe {
    /// A probe that chirps with this voice.
    pub fn new(voice: Voice) -> Probe {
        let templates = Voice::BOTH.map(|voice| {
            let chirp = voice.chirp();
            let norm = chirp.iter().map(|x| x * x).sum::<f32>().sqrt();
            Template { voice, chirp: chirp.map(|x| x / norm), best: None, delays: Vec::new() }
        });
        Probe { voice, said: voice.chirp(), templates, heard: [0.0; CHIRP + FRAME], sent: 0 }
    }

    /// What is said in the 20 ms that begin at `mouth`, in samples of wall time.
    pub fn say(&mut self, mouth: u64) -> Frame {
        let mut frame = Frame::silence(RATE);
        for (at, sample) in (mouth..).zip(frame.samples_mut()) {
            let n = after(self.voice, at);
            self.sent += u32::from(n == 0);
            *sample = self.said.get(n as usize).map_or(0, |x| (PEAK * x) as i16);
        }
        frame
    }

    /// What is heard in the 20 ms that begin at `ear`, in samples of wall time; `None` is silence.
    pub fn hear(&mut self, frame: Option<&Frame>, ear: u64) {
        self.heard.copy_within(FRAME.., 0);
        match frame {
            Some(frame) => self.heard[CHIRP..].iter_mut().zip(frame.samples()).for_each(|(to, &from)| *to = f32::from(from)),
            None => self.heard[CHIRP..].fill(0.0),
        }
        // The window at `n` ends with the `n`th sample of the new frame.
        let first = ear.saturating_sub(CHIRP as u64);
        let mut energy: f32 = self.heard[..CHIRP].iter().map(|x| x * x).sum();
        for n in 1..=FRAME {
            energy += self.heard[n + CHIRP - 1].powi(2) - self.heard[n - 1].powi(2);
            if energy < CHIRP as f32 * QUIET_RMS * QUIET_RMS {
                continue;
            }
            let window = &self.heard[n..n + CHIRP];
            for template in &mut self.templates {
                // A line may turn a wave upside down, and a chirp is a chirp all the same.
                let found = dot(window, &template.chirp).abs() / energy.sqrt();
                if found >= FOUND && template.best.is_none_or(|(best, _)| found > best) {
                    template.best = Some((found, first + n as u64));
                }
            }
        }
        for template in &mut self.templates {
            template.settle(ear);
        }
    }

    /// Chirps that were said.
    pub fn sent(&self) -> u32 {
        self.sent
    }

    /// From the other's mouth to this ear, for each chirp of theirs that was heard, in ms.
    pub fn mouth_to_ear_ms(&self) -> Vec<f64> {
        self.delays(|voice| voice != self.voice)
    }

    /// From this mouth back to this ear, for each chirp of our own that came back, in ms.
    pub fn echo_ms(&self) -> Vec<f64> {
        self.delays(|voice| voice == self.voice)
    }

    fn delays(&self, of: impl Fn(Voice) -> bool) -> Vec<f64> {
        let delays = self.templates.iter().filter(|template| of(template.voice)).flat_map(|template| &template.delays);
        delays.map(|&samples| samples as f64 * 1_000.0 / HZ as f64).collect()
    }
}

impl Template {
    /// Believes in the best place once no better one can belong to the same chirp.
    fn settle(&mut self, ear: u64) {
        let Some((_, start)) = self.best.filter(|(_, start)| ear >= start + 2 * CHIRP as u64) else { return };
        self.best = None;
        if self.delays.len() < MAX_DELAYS {
            self.delays.push(after(self.voice, start));
        }
    }
}

fn dot(a: &[f32], b: &[f32; CHIRP]) -> f32 {
    let mut sums = [0.0; LANES];
    for (a, b) in a.chunks_exact(LANES).zip(b.chunks_exact(LANES)) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sound::g711;

    /// Some moment, not at a whole second or frame.
    const START: u64 = 1_000_003 * HZ + 77;

    /// Lets `from` speak to `to` for so many seconds over a line that delays by so many samples and does this to each.
    fn carry(from: Voice, to: Voice, secs: u64, delay: usize, line: impl Fn(usize, i16) -> i16) -> Probe {
        let (mut mouth, mut ear) = (Probe::new(from), Probe::new(to));
        let mut air = std::collections::VecDeque::from(vec![0; delay]);
        for n in 0..secs * HZ / FRAME as u64 {
            let at = START + n * FRAME as u64;
            air.extend(mouth.say(at).samples());
            let heard: Vec<i16> = air.drain(..FRAME).enumerate().map(|(k, x)| line(n as usize * FRAME + k, x)).collect();
            ear.hear(Some(&Frame::from_samples(RATE, &heard)), at);
        }
        assert!(u64::from(mouth.sent()).abs_diff(secs * HZ / PERIOD) <= 1, "{}", mouth.sent());
        ear
    }

    /// White noise of about this level, the same each time.
    fn noise(n: usize, rms: f64) -> f64 {
        let hash = (n as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((hash >> 40) as f64 / f64::from(1 << 23) - 1.0) * rms * 3_f64.sqrt()
    }

    #[test]
    fn a_delay_is_found_to_the_sample_over_any_line() {
        for delay in [0, 1, 159, 160, 480, 1_234, 9_999] {
            let wanted = vec![delay as f64 / 8.0; 4];
            for (line, carried) in [
                ("clean", carry(Voice::Agent, Voice::Caller, 10, delay, |_, x| x)),
                ("G.711", carry(Voice::Agent, Voice::Caller, 10, delay, |_, x| g711::ulaw_decode(g711::ulaw_encode(x)))),
                ("inverted and 20 dB quieter", carry(Voice::Agent, Voice::Caller, 10, delay, |_, x| -x / 10)),
                ("noisy", carry(Voice::Agent, Voice::Caller, 10, delay, |n, x| x.saturating_add(noise(n, 1_500.0) as i16))),
            ] {
                let found = line_delays(&carried);
                assert!(found.len() >= 4, "{line}, {delay}: {found:?}");
                assert!(found.iter().zip(&wanted).all(|(found, wanted)| (found - wanted).abs() <= 0.126), "{line}, {delay}: {found:?}");
                assert!(carried.echo_ms().is_empty(), "{line}: the other's chirp is not our own");
            }
        }
    }

    fn line_delays(probe: &Probe) -> Vec<f64> {
        probe.mouth_to_ear_ms()
    }

    #[test]
    fn our_own_chirp_that_comes_back_is_an_echo() {
        let probe = carry(Voice::Caller, Voice::Caller, 10, 640, |_, x| x);
        assert!(probe.mouth_to_ear_ms().is_empty() && probe.echo_ms().len() >= 4, "{:?}", probe.echo_ms());
        assert!(probe.echo_ms().iter().all(|&ms| ms == 80.0), "{:?}", probe.echo_ms());
    }

    #[test]
    fn what_holds_no_chirp_gives_none() {
        let hum = |n: usize| (6_000.0 * (std::f64::consts::TAU * 440.0 * n as f64 / HZ as f64).sin()) as i16;
        for (name, sound) in [
            ("noise", carry(Voice::Agent, Voice::Caller, 20, 0, |n, _| noise(n, 4_000.0) as i16)),
            ("a tone", carry(Voice::Agent, Voice::Caller, 20, 0, |n, _| hum(n))),
        ] {
            assert!(sound.mouth_to_ear_ms().is_empty() && sound.echo_ms().is_empty(), "{name}");
        }
        let mut silent = Probe::new(Voice::Caller);
        (0..500).for_each(|n| silent.hear(None, START + n * FRAME as u64));
        assert!(silent.mouth_to_ear_ms().is_empty());
    }
}
