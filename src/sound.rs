//! Sound: codecs, resampling, levels, mixing, tones, keys in band, recordings, playback and the bridge of a call.
//!
//! Pure: samples in, samples out. Nothing here allocates per frame. What is *not* here: sockets, files, and any
//! judgement about what the sound means.

pub mod bridge;
pub mod mix;
pub mod recording;
pub mod resample;
pub mod dtmf;
pub mod codec;
pub mod g711;
pub mod level;
pub mod recorder;
pub mod rtp;
pub mod tone;
