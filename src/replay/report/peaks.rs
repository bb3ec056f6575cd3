//! The waveform of a call of any length, as at most [`MAX_BUCKETS`] pairs of lowest and highest sample for each side.
//!
//! Push the two sides as they are written to `call.wav`. When the buckets are full, neighbours are merged and each from then on covers twice
//! as much, so that an hours-long call costs as much memory as a short one.

/// Most buckets; an even number, so that merging pairs leaves none over.
pub const MAX_BUCKETS: usize = 4_000;
/// Buckets a second as long as the call is short.
const BUCKETS_PER_SEC: u32 = 100;

/// The lowest and highest sample of a bucket.
type Span = (i16, i16);

/// Lowest and highest samples of both sides.
#[derive(Clone, Debug, PartialEq)]
pub struct Peaks {
    rate_hz: u32,
    per_bucket: u64,
    filled: u64,
    samples: u64,
    open: [Span; 2],
    buckets: Vec<[Span; 2]>,
}

/// Nothing seen yet: any sample is lower and higher.
const NOTHING: Span = (i16::MAX, i16::MIN);

impl Peaks {
    /// No sound yet, at this rate (8,000 or 16,000 samples a second).
    pub fn new(rate_hz: u32) -> Self {
        let per_bucket = u64::from(rate_hz / BUCKETS_PER_SEC).max(1);
        Peaks { rate_hz, per_bucket, filled: 0, samples: 0, open: [NOTHING; 2], buckets: Vec::with_capacity(MAX_BUCKETS) }
    }

    /// More sound of both sides; the shorter one goes on as silence.
    pub fn push(&mut self, caller: &[i16], served: &[i16]) {
        for n in 0..caller.len().max(served.len()) {
            for (side, samples) in [caller, served].into_iter().enumerate() {
                let sample = samples.get(n).copied().unwrap_or(0);
                let span = &mut self.open[side];
                *span = (span.0.min(sample), span.1.max(sample));
            }
            self.samples += 1;
            self.filled += 1;
            if self.filled == self.per_bucket {
                self.close();
            }
        }
    }

    /// Seconds that each bucket covers.
    pub fn bucket_secs(&self) -> f64 {
        self.per_bucket as f64 / f64::from(self.rate_hz.max(1))
    }

    /// Length of the sound in s.
    pub fn secs(&self) -> f64 {
        self.samples as f64 / f64::from(self.rate_hz.max(1))
    }

    /// The buckets of one side (0 caller, 1 who serves) as bytes: lowest, highest, … each -127..=127, scaled so that the loudest sample of
    /// the call, of either side, is full. An unfinished bucket counts.
    pub fn bytes(&self, side: usize) -> Vec<u8> {
        let open = (self.filled > 0).then_some(self.open);
        let loudest = self.buckets.iter().chain(&open).flatten().map(|s| s.0.unsigned_abs().max(s.1.unsigned_abs())).max();
        let scale = 127.0 / f64::from(loudest.unwrap_or(1).max(1));
        let byte = |sample: i16| (f64::from(sample) * scale).round() as i8 as u8;
        self.buckets.iter().chain(&open).flat_map(|b| [byte(b[side].0), byte(b[side].1)]).collect()
    }

    fn close(&mut self) {
        self.buckets.push(self.open);
        self.open = [NOTHING; 2];
        self.filled = 0;
        if self.buckets.len() == MAX_BUCKETS {
            for n in 0..MAX_BUCKETS / 2 {
                let (a, b) = (self.buckets[2 * n], self.buckets[2 * n + 1]);
                self.buckets[n] = [0, 1].map(|side| (a[side].0.min(b[side].0), a[side].1.max(b[side].1)));
            }
            self.buckets.truncate(MAX_BUCKETS / 2);
            self.per_bucket *= 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_call_has_few_buckets_and_keeps_its_peaks() {
        let mut peaks = Peaks::new(800);
        let quiet = vec![0i16; 800];
        for second in 0..7_200 {
            let mut caller = quiet.clone();
            if second == 5_000 {
                caller[17] = -20_000;
            }
            peaks.push(&caller, &quiet);
        }
        assert_eq!(peaks.secs(), 7_200.0);
        let bytes = peaks.bytes(0);
        assert!(bytes.len() / 2 <= MAX_BUCKETS && bytes.len() / 2 > MAX_BUCKETS / 2);
        let low = bytes.iter().position(|b| *b as i8 == -127).expect("the loudest sample is full");
        let at = (low / 2) as f64 * peaks.bucket_secs();
        assert!((4_995.0..=5_000.0).contains(&at), "{at}");
        assert!(peaks.bytes(1).iter().all(|b| *b == 0));
    }

    #[test]
    fn a_side_that_is_missing_is_silence() {
        let mut peaks = Peaks::new(8_000);
        peaks.push(&[100; 200], &[]);
        assert_eq!(peaks.bytes(0).len(), 6);
        assert_eq!(peaks.bytes(1), [0; 6]);
        assert_eq!(Peaks::new(8_000).bytes(0), [] as [u8; 0]);
    }
}
