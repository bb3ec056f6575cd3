//! Recordings of every format that is read, and every way in which one can be bad.
//!
//! The fixtures are made by `tests/fixtures/sound/make.sh`; PCM in WAV is written here.

use std::io::Cursor;
use std::path::PathBuf;
use std::time::Duration;

use segue::base::{Frame, Rate};
use segue::sound::recording::{ChannelChoice, Recording, RecordingError};

/// Peak of every tone: −12 dB of full scale.
const PEAK: f64 = 0.25 * 32_768.0;

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/sound")
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(fixtures().join(name)).expect("fixtures are in the repository")
}

fn open(bytes: Vec<u8>, choice: ChannelChoice) -> Result<Recording, RecordingError> {
    Recording::open(Box::new(Cursor::new(bytes)), None, choice)
}

/// Everything it gives on both channels, and the error at its end.
fn read(mut recording: Recording) -> (Vec<i16>, Vec<i16>, Option<RecordingError>) {
    let (mut first, mut second) = (Vec::new(), Vec::new());
    loop {
        match recording.next_frame() {
            Ok(Some(heard)) => {
                first.extend_from_slice(heard.first.samples());
                second.extend(heard.second.iter().flat_map(|f: &Frame| f.samples().to_vec()));
            }
            Ok(None) => return (first, second, None),
            Err(error) => {
                assert_eq!(recording.next_frame(), Ok(None), "an error is told once");
                return (first, second, Some(error));
            }
        }
    }
}

/// How loud `hz` is in the samples, as a peak (Goertzel 1958).
fn tone(samples: &[i16], hz: f64, rate: Rate) -> f64 {
    let step = std::f64::consts::TAU * hz / f64::from(rate.hz());
    let (re, im) = samples.iter().enumerate().fold((0.0, 0.0), |(re, im), (i, &s)| {
        let at = step * i as f64;
        (re + f64::from(s) * at.cos(), im + f64::from(s) * at.sin())
    });
    2.0 * f64::hypot(re, im) / samples.len() as f64
}

/// Checks that a span in the middle is the tone and little else.
fn is_tone(name: &str, samples: &[i16], hz: f64, rate: Rate, length_secs: f64, tolerance_db: f64) {
    // A span of whole periods of 440 and 1000 Hz at both rates: 0.1 s.
    let n = rate.hz() as usize / 10;
    let from = (samples.len() - n) / 2;
    let span = &samples[from..from + n];
    let level = 20.0 * (tone(span, hz, rate) / PEAK).log10();
    assert!(level.abs() < tolerance_db, "{name}: {hz} Hz is {level:.2} dB off");
    let power = span.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / n as f64;
    let rest = 10.0 * (power / (tone(span, hz, rate).powi(2) / 2.0)).log10();
    assert!(rest.abs() < tolerance_db, "{name}: what is not {hz} Hz weighs {rest:.2} dB");
    let length = samples.len() as f64 / f64::from(rate.hz());
    // A frame of 20 ms; what is coded in blocks and says nothing about their padding is up to two blocks longer.
    let blocks = if ["mp3", "adpcm", "aac"].iter().any(|coded| name.contains(coded)) { 0.13 } else { 0.0201 };
    assert!((length - length_secs).abs() < blocks, "{name}: {length} s");
}

#[test]
fn every_format_gives_its_tone_at_its_level_and_length() {
    use Rate::{Hz8000, Hz16000};
    // Tolerance in dB: lossless 0.05, G.711 and ADPCM 0.3, transform codecs 1.
    for (name, codec, source_hz, rate, length, tolerance) in [
        ("alaw-8k.wav", "pcm_alaw", 8_000, Hz8000, 1.0, 0.3),
        ("mulaw-8k.wav", "pcm_mulaw", 8_000, Hz8000, 1.0, 0.3),
        ("adpcm-ms-8k.wav", "adpcm_ms", 8_000, Hz8000, 1.0, 0.3),
        ("adpcm-ima-8k.wav", "adpcm_ima_wav", 8_000, Hz8000, 1.0, 0.3),
        ("flac-8k.flac", "flac", 8_000, Hz8000, 1.0, 0.05),
        ("flac-44k-250.flac", "flac", 44_100, Hz16000, 0.25, 0.05),
        ("mp3-8k.mp3", "mp3", 8_000, Hz8000, 1.0, 1.0),
        ("mp3-44k.mp3", "mp3", 44_100, Hz16000, 1.0, 1.0),
        ("vorbis-16k.ogg", "vorbis", 16_000, Hz16000, 1.0, 1.0),
        ("aac-16k.aac", "aac", 16_000, Hz16000, 1.0, 1.0),
        ("aac-44k.m4a", "aac", 44_100, Hz16000, 1.0, 1.0),
        ("opus-8k.opus", "opus", 8_000, Hz8000, 1.0, 1.0),
        ("opus-48k.opus", "opus", 48_000, Hz16000, 1.0, 1.0),
    ] {
        let recording = open(bytes(name), ChannelChoice::Left).unwrap_or_else(|e| panic!("{name}: {e}"));
        let info = recording.info().clone();
        assert_eq!((info.codec.as_str(), info.source_hz, info.channels, info.rate), (codec, source_hz, 1, rate), "{name}");
        let told = info.duration.map_or(length, |d| d.as_secs_f64());
        assert!((told - length).abs() < 0.1, "{name} says {told} s");
        let (samples, _, error) = read(recording);
        assert_eq!(error, None, "{name}");
        is_tone(name, &samples, 440.0, rate, length, tolerance);
    }
}

#[test]
fn two_channels_are_told_apart_in_every_format_that_has_them() {
    for (name, length, tolerance) in [
        ("flac-stereo-16k-250.flac", 0.25, 0.05),
        ("alac-stereo-16k-300.m4a", 0.3, 0.05),
        ("vorbis-stereo-44k.ogg", 1.0, 1.0),
        ("opus-stereo-48k.ogg", 1.0, 1.0),
    ] {
        let stereo = open(bytes(name), ChannelChoice::Both).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(stereo.info().channels, 2, "{name}");
        let (left, right, error) = read(stereo);
        assert_eq!((error, left.len()), (None, right.len()), "{name}: both channels are in step");
        is_tone(name, &left, 440.0, Rate::Hz16000, length, tolerance);
        is_tone(name, &right, 1_000.0, Rate::Hz16000, length, tolerance);
        let alone = |choice| read(open(bytes(name), choice).expect("opened before")).0;
        assert_eq!(alone(ChannelChoice::Left), left, "{name}");
        assert_eq!(alone(ChannelChoice::Right), right, "{name}");
        let mix = alone(ChannelChoice::Mix);
        let middle = &mix[mix.len() / 2 - 800..][..1_600];
        for hz in [440.0, 1_000.0] {
            let level = 20.0 * (tone(middle, hz, Rate::Hz16000) / PEAK).log10();
            assert!((level + 6.02).abs() < tolerance, "{name}: {hz} Hz is {level:.2} dB in the mix");
        }
    }
}

/// A WAV file: format tag, channels, rate, bits, data. `data_len` is what the header says.
fn wav(tag: u16, channels: u16, hz: u32, bits: u16, data: &[u8], data_len: u32) -> Vec<u8> {
    let block = channels.saturating_mul(bits / 8);
    let mut file = Vec::new();
    file.extend(b"RIFF");
    file.extend((36_u32.saturating_add(data_len)).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16_u32.to_le_bytes());
    for half in [tag, channels] {
        file.extend(half.to_le_bytes());
    }
    file.extend(hz.to_le_bytes());
    file.extend(hz.saturating_mul(u32::from(block)).to_le_bytes());
    for half in [block, bits] {
        file.extend(half.to_le_bytes());
    }
    file.extend(b"data");
    file.extend(data_len.to_le_bytes());
    file.extend(data);
    file
}

fn whole(tag: u16, channels: u16, hz: u32, bits: u16, data: &[u8]) -> Vec<u8> {
    wav(tag, channels, hz, bits, data, data.len() as u32)
}

fn sine(hz: u32, n: usize) -> Vec<f64> {
    (0..n).map(|i| 0.25 * (std::f64::consts::TAU * 440.0 * i as f64 / f64::from(hz)).sin()).collect()
}

#[test]
fn pcm_of_every_width_and_rate_gives_its_tone() {
    for hz in [8_000, 11_025, 16_000, 44_100, 48_000, 192_000] {
        let tone = sine(hz, hz as usize);
        let formats: [(&str, u16, u16, Vec<u8>); 6] = [
            ("8 bit", 1, 8, tone.iter().map(|s| (s * 127.0 + 128.0).round() as u8).collect()),
            ("16 bit", 1, 16, tone.iter().flat_map(|s| ((s * 32_767.0).round() as i16).to_le_bytes()).collect()),
            ("24 bit", 1, 24, tone.iter().flat_map(|s| ((s * 8_388_607.0).round() as i32).to_le_bytes()[..3].to_vec()).collect()),
            ("32 bit", 1, 32, tone.iter().flat_map(|s| ((s * 2_147_483_647.0).round() as i32).to_le_bytes()).collect()),
            ("float", 3, 32, tone.iter().flat_map(|&s| (s as f32).to_le_bytes()).collect()),
            ("double", 3, 64, tone.iter().flat_map(|s| s.to_le_bytes()).collect()),
        ];
        for (name, tag, bits, data) in formats {
            let recording = open(whole(tag, 1, hz, bits, &data), ChannelChoice::Mix).unwrap_or_else(|e| panic!("{name} {hz}: {e}"));
            let rate = recording.info().rate;
            assert_eq!(rate, if hz < 12_000 { Rate::Hz8000 } else { Rate::Hz16000 });
            assert_eq!(recording.info().duration, Some(Duration::from_secs(1)));
            let (samples, _, error) = read(recording);
            assert_eq!(error, None, "{name} {hz}");
            is_tone(name, &samples, 440.0, rate, 1.0, if bits == 8 { 0.5 } else { 0.05 });
        }
    }
}

#[test]
fn sixteen_bits_at_a_call_rate_come_bit_for_bit() {
    let samples: Vec<i16> = (0..8_000_i32).map(|i| (i * 7_919 % 65_536 - 32_768) as i16).collect();
    let data: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
    assert_eq!(read(open(whole(1, 1, 8_000, 16, &data), ChannelChoice::Left).expect("good")).0, samples);
}

#[test]
fn a_prompt_is_read_whole_at_the_rate_of_the_call() {
    let prompt = |rate| Recording::open_at(Box::new(Cursor::new(bytes("flac-44k-250.flac"))), Some("flac"), ChannelChoice::Mix, rate).expect("good");
    assert_eq!(prompt(Rate::Hz8000).read_all(Duration::from_secs(1)).map(|s| s.len()), Ok(2_000));
    assert_eq!(prompt(Rate::Hz16000).read_all(Duration::from_secs(1)).map(|s| s.len()), Ok(4_000));
    assert_eq!(prompt(Rate::Hz8000).read_all(Duration::from_millis(200)), Err(RecordingError::TooLong { limit_secs: 0.2 }));
    let cut = wav(1, 1, 8_000, 16, &[0; 8_000], 16_000);
    let cut = open(cut, ChannelChoice::Left).expect("the header is good");
    assert_eq!(cut.read_all(Duration::from_secs(5)), Err(RecordingError::Cut { at_secs: 0.5 }), "half a prompt is none");
}

#[test]
fn a_forced_rate_holds_for_opus_too() {
    for rate in [Rate::Hz8000, Rate::Hz16000] {
        let recording = Recording::open_at(Box::new(Cursor::new(bytes("opus-48k.opus"))), None, ChannelChoice::Left, rate).expect("good");
        let (samples, _, error) = read(recording);
        assert_eq!(error, None);
        is_tone("opus-48k.opus", &samples, 440.0, rate, 1.0, 1.0);
    }
}

#[test]
fn bad_recordings_are_named_in_one_sentence() {
    let text = b"Dear customer, this is a letter and no sound at all.\n".repeat(50);
    let one_second = vec![0; 16_000];
    let nan: Vec<u8> = [0.0, 0.1, f32::NAN, 0.1].iter().flat_map(|s: &f32| s.to_le_bytes()).collect();
    let table: Vec<(&str, Vec<u8>, &str)> = vec![
        ("empty file", vec![], "the file is empty"),
        ("one byte", vec![b'R'], "this is no recording that can be read (WAV, FLAC, MP3, Ogg, AAC or M4A)"),
        ("text", text, "this is no recording that can be read (WAV, FLAC, MP3, Ogg, AAC or M4A)"),
        ("zeros", vec![0; 5_000], "this is no recording that can be read (WAV, FLAC, MP3, Ogg, AAC or M4A)"),
        ("another container", bytes("other.caf"), "this is no recording that can be read (WAV, FLAC, MP3, Ogg, AAC or M4A)"),
        ("header only", whole(1, 1, 8_000, 16, &[]), "there is no sound in it"),
        ("header that promises sound", wav(1, 1, 8_000, 16, &[], 16_000), "there is no sound in it"),
        ("1 Hz", whole(1, 1, 1, 16, &one_second), "its sample rate is 1 Hz; 8000 to 192000 Hz can be read"),
        ("0 Hz", whole(1, 1, 0, 16, &one_second), "its sample rate is 0 Hz; 8000 to 192000 Hz can be read"),
        ("384 kHz", whole(1, 1, 384_000, 16, &one_second), "its sample rate is 384000 Hz; 8000 to 192000 Hz can be read"),
        ("no channel", whole(1, 0, 8_000, 16, &one_second), "the file is damaged (riff: invalid channel count)"),
        ("3 channels", whole(1, 3, 8_000, 16, &one_second), "it has 3 channels; one or two can be read"),
        ("12 channels", whole(1, 12, 8_000, 16, &one_second), "it has 12 channels; one or two can be read"),
        ("unknown codec tag", whole(0x1234, 1, 8_000, 16, &one_second), "its sound is in a format that can't be read (wav: unsupported wave format)"),
        ("G.722 in WAV", bytes("g722.wav"), "its sound is in a format that can't be read (wav: unsupported wave format)"),
        ("17 bits", whole(1, 1, 8_000, 17, &one_second), "the file is damaged (wav: bits per sample for fmt_pcm must be 8, 16, 24 or 32 bits)"),
        ("not a number", whole(3, 1, 8_000, 32, &nan), "the sample at 0.000 s is not a number"),
        ("cut in its header", bytes("flac-8k.flac")[..30].to_vec(), "this is no recording that can be read (WAV, FLAC, MP3, Ogg, AAC or M4A)"),
        ("cut in its index", bytes("aac-44k.m4a")[..200].to_vec(), "the file is damaged (isomp4: missing moov atom)"),
    ];
    for (name, bytes, expected) in table {
        let error = match open(bytes, ChannelChoice::Left) {
            Err(error) => error,
            Ok(recording) => read(recording).2.unwrap_or_else(|| panic!("{name} was read to its end")),
        };
        assert_eq!(error.to_string(), expected, "{name}");
        assert!(!error.is_cut(), "{name}");
    }
}

#[test]
fn a_mono_recording_has_no_right_channel() {
    assert_eq!(open(bytes("flac-8k.flac"), ChannelChoice::Right).err(), Some(RecordingError::NoRightChannel));
    let (left, right, error) = read(open(bytes("flac-8k.flac"), ChannelChoice::Both).expect("both of one is that one"));
    assert_eq!((left.len(), right.len(), error), (8_000, 0, None));
}

#[test]
fn a_cut_recording_gives_what_came_and_then_says_so() {
    let tone: Vec<u8> = sine(8_000, 8_000).iter().flat_map(|s| ((s * 32_767.0).round() as i16).to_le_bytes()).collect();
    let mut recording = open(wav(1, 1, 8_000, 16, &tone[..9_001], 16_000), ChannelChoice::Left).expect("the header is good");
    assert!(!recording.truncated());
    let mut given = 0;
    let error = loop {
        match recording.next_frame() {
            Ok(heard) => given += heard.map_or(0, |h| h.first.samples().len()),
            Err(error) => break error,
        }
    };
    assert_eq!(error, RecordingError::Cut { at_secs: 0.5625 });
    assert_eq!(error.to_string(), "the file is cut off after 0.562 s");
    assert!(recording.truncated() && error.is_cut());
    assert_eq!(given, 4_640, "all that came, in whole frames");
}

#[test]
fn cuts_are_noticed_where_the_header_tells_the_length() {
    for name in ["alaw-8k.wav", "mulaw-8k.wav", "adpcm-ms-8k.wav", "adpcm-ima-8k.wav", "flac-8k.flac", "mp3-8k.mp3"] {
        let whole = bytes(name);
        let (samples, _, error) = read(open(whole[..whole.len() * 6 / 10].to_vec(), ChannelChoice::Left).unwrap_or_else(|e| panic!("{name}: {e}")));
        assert!(error.as_ref().is_some_and(RecordingError::is_cut), "{name}: {error:?}");
        let secs = samples.len() as f64 / 8_000.0;
        assert!((0.3..0.65).contains(&secs), "{name} gave {secs} s");
    }
}

#[test]
fn a_stream_whose_header_was_never_finished_is_read_to_its_end() {
    // ffmpeg and sox write this length when they write to a pipe.
    let (samples, _, error) = read(open(wav(1, 1, 8_000, 16, &[1; 4_800], u32::MAX), ChannelChoice::Left).expect("good"));
    assert_eq!((samples.len(), error), (2_400, None));
}

#[test]
fn what_came_before_a_sample_that_is_no_number_is_given() {
    let mut samples = vec![0.25_f32; 16_000];
    samples[9_000] = f32::INFINITY;
    let data: Vec<u8> = samples.iter().flat_map(|s| s.to_le_bytes()).collect();
    // Stereo: the sample stands in the left channel's 4500th place.
    let (left, right, error) = read(open(whole(3, 2, 8_000, 32, &data), ChannelChoice::Both).expect("the header is good"));
    assert_eq!(error, Some(RecordingError::NotANumber { at_secs: 0.5625 }));
    assert_eq!((left.len(), right.len()), (4_640, 4_640));
    assert_eq!(left[..4_500], [8_192; 4_500]);
}

#[test]
fn too_loud_floats_are_limited() {
    let data: Vec<u8> = [3.0_f32, -3.0].repeat(400).iter().flat_map(|s| s.to_le_bytes()).collect();
    let (samples, _, error) = read(open(whole(3, 1, 8_000, 32, &data), ChannelChoice::Left).expect("good"));
    assert_eq!(error, None);
    assert_eq!(samples[..800], [i16::MAX, i16::MIN].repeat(400));
}

/// The smallest generator that is good enough to spoil files (Marsaglia 2003, xorshift64).
struct Xorshift(u64);

impl Xorshift {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n.max(1) as u64) as usize
    }
}

fn spoil(bytes: &mut Vec<u8>, random: &mut Xorshift) {
    for _ in 0..=random.below(4) {
        // Headers are hit as often as the rest.
        let reach = if random.below(2) == 0 { bytes.len().min(128) } else { bytes.len() };
        let at = random.below(reach);
        match random.below(5) {
            0 => bytes.truncate(at),
            1 => drop(bytes.drain(at..(at + random.below(16)).min(bytes.len()))),
            2 => {
                let piece: Vec<u8> = bytes[at..].iter().take(random.below(64)).copied().collect();
                let to = random.below(bytes.len() + 1);
                bytes.splice(to..to, piece);
            }
            3 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            _ if at < bytes.len() => bytes[at] = [0, 0xFF, 0x7F, 0x80][random.below(4)],
            _ => {}
        }
    }
}

#[test]
fn spoiled_recordings_never_panic_and_never_go_on_for_ever() {
    // 20 files of at most 23 kB, spoiled 300 times each: 6000 mutations.
    let mut names: Vec<_> = std::fs::read_dir(fixtures()).expect("fixtures are in the repository").map(|e| e.expect("readable").path()).collect();
    names.sort();
    let mut panicked = Vec::new();
    for (n, path) in names.iter().enumerate() {
        let whole = std::fs::read(path).expect("readable");
        for round in 0..300_u64 {
            let seed = 0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(n as u64 * 1_000 + round + 1);
            let mut spoiled = whole.clone();
            spoil(&mut spoiled, &mut Xorshift(seed));
            let choice = [ChannelChoice::Left, ChannelChoice::Right, ChannelChoice::Mix, ChannelChoice::Both][(round % 4) as usize];
            let outcome = std::panic::catch_unwind(|| {
                let Ok(mut recording) = open(spoiled, choice) else { return };
                // No fixture is longer than a second; what claims to be longer than ten minutes is invented.
                for _ in 0..30_000 {
                    if !matches!(recording.next_frame(), Ok(Some(_))) {
                        return;
                    }
                }
                panic!("endless");
            });
            if outcome.is_err() {
                panicked.push(format!("{} round {round}", path.display()));
            }
        }
    }
    assert_eq!(panicked, Vec::<String>::new());
}
