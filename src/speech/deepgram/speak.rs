//! The synthesizer: a sentence goes there as JSON, 16-bit samples come back as they are made.

use std::sync::Arc;

use crate::base::{Fault, Organ};
use crate::net::http::{Incoming, Trouble};
use crate::speech::{Answering, VoiceStream};

use super::Service;

/// A sentence on its way.
pub struct Sentence {
    service: Arc<Service>,
    incoming: Incoming,
    /// Half of a sample, whose other half comes with the next chunk.
    half: Option<u8>,
}

impl Sentence {
    /// The sentence of an answer.
    ///
    /// # Errors
    /// [`Fault::Malformed`] if it is no sound.
    pub fn new(service: Arc<Service>, incoming: Incoming) -> Result<Sentence, Fault> {
        let kind = incoming.content_type.as_str();
        let is_sound = kind.is_empty() || kind.starts_with("audio/") || kind == "application/octet-stream";
        if !is_sound {
            return Err(Fault::Malformed { organ: Organ::Voice, detail: format!("Deepgram sent {kind} in place of sound") });
        }
        Ok(Sentence { service, incoming, half: None })
    }
}

impl VoiceStream for Sentence {
    fn next(&mut self) -> Answering<'_, Option<Vec<i16>>> {
        Box::pin(async move {
            let next = self.incoming.next().await.map_err(Trouble::from);
            let Some(chunk) = self.service.noted(next)? else {
                return match self.half.take() {
                    None => Ok(None),
                    Some(_) => Err(Fault::Malformed { organ: Organ::Voice, detail: "the sound ends within a sample".into() }),
                };
            };
            Ok(Some(samples(&mut self.half, &chunk)))
        })
    }
}

/// Little-endian samples; half of one is kept for the next chunk.
fn samples(half: &mut Option<u8>, chunk: &[u8]) -> Vec<i16> {
    let mut bytes = half.take().into_iter().chain(chunk.iter().copied());
    let mut samples = Vec::with_capacity(chunk.len() / 2 + 1);
    while let Some(low) = bytes.next() {
        match bytes.next() {
            Some(high) => samples.push(i16::from_le_bytes([low, high])),
            None => *half = Some(low),
        }
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_survive_every_way_of_cutting() {
        let sound: Vec<i16> = (0..50).map(|n| n * 321 - 8_000).collect();
        let bytes: Vec<u8> = sound.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        for size in 1..=bytes.len() {
            let mut half = None;
            let joined: Vec<i16> = bytes.chunks(size).flat_map(|chunk| samples(&mut half, chunk)).collect();
            assert_eq!((joined, half), (sound.clone(), None), "in chunks of {size}");
        }
    }
}
