//! Deepgram, or a server that speaks like it: `/v1/listen` over WebSocket as recognizer, `/v1/speak` over HTTP as synthesizer.
//!
//! A leg has one connection for all its utterances, kept alive between them. One that breaks between two utterances is made
//! anew; one that breaks within, stalls or talks nonsense is a [`Fault`], and whoever stands behind takes over
//! ([`super::standby`]). After a failure to connect, other legs don't try for a while. What is *not* here: deciding when an
//! utterance begins and ends (the listener does), keeping sentences (the voice does).

mod listen;
mod message;
mod socket;
mod speak;
mod table;

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Client, Url};

use crate::base::{Fault, Organ, Rate};
use crate::net::Rest;
use crate::net::http::{self, Limits, Trouble};
use crate::net::secret::Secret;
use crate::speech::{Answering, EarOpening, Recognizer, RecognizerStream, Synthesizer, VoiceStream};

use socket::Socket;

pub use table::{DeepgramEncoding, DeepgramTable};

/// Longest sentence in octets of 16-bit samples: two minutes at 16 kHz, as long as any sentence may be.
const MAX_SOUND_BYTES: usize = 120 * 16_000 * 2;
/// A synthesizer that pauses for so long within a sentence has stopped.
const SOUND_PAUSE: Duration = Duration::from_secs(2);
/// Longest that a whole sentence may take to come.
const WHOLE_SOUND: Duration = Duration::from_secs(10);
/// A service that refuses us for good (a wrong key) is asked again after this.
const REFUSED_REST: Duration = Duration::from_secs(60);

/// What all legs share.
struct Service {
    table: DeepgramTable,
    key: Option<Secret>,
    rest: Rest,
}

impl Service {
    fn load(table: &DeepgramTable, organ: Organ) -> Result<Service, Fault> {
        Ok(Service { table: table.clone(), key: table.find_key(organ)?, rest: Rest::default() })
    }

    fn connect_patience(&self) -> Duration {
        Duration::try_from_secs_f64(self.table.connect_secs).unwrap_or_default()
    }

    /// Fails at once while the service rests.
    fn is_up(&self, organ: Organ) -> Result<(), Fault> {
        match self.rest.left() {
            None => Ok(()),
            Some(left) => Err(Fault::Unavailable { organ, detail: format!("Deepgram failed; it is tried again in {} s", left.as_secs() + 1) }),
        }
    }

    /// Notes how a request went; its fault, if it failed.
    fn noted<T>(&self, answer: Result<T, Trouble>) -> Result<T, Fault> {
        let Trouble { fault, retry_after } = match answer {
            Ok(answer) => {
                self.rest.end();
                return Ok(answer);
            }
            Err(trouble) => trouble,
        };
        let usual = Duration::try_from_secs_f64(self.table.rest_secs).unwrap_or_default();
        let rest = if fault.is_retryable() { usual } else { REFUSED_REST };
        self.rest.begin(retry_after.unwrap_or(rest));
        Err(fault)
    }

    /// Opens a connection for a leg.
    async fn connect(&self, language: &str, rate: Rate) -> Result<Socket, Fault> {
        self.is_up(Organ::Ear)?;
        let url = listen_url(&self.table, language, rate)?;
        self.noted(Socket::connect(url, self.key.clone(), self.connect_patience()).await)
    }
}

fn unusable(organ: Organ, what: impl std::fmt::Display) -> Fault {
    Fault::Unavailable { organ, detail: format!("speech.deepgram.url: {what}") }
}

fn listen_url(table: &DeepgramTable, language: &str, rate: Rate) -> Result<Url, Fault> {
    let mut url = below(&table.url, "listen", Organ::Ear)?;
    let scheme = if url.scheme() == "http" { "ws" } else { "wss" };
    url.set_scheme(scheme).map_err(|()| unusable(Organ::Ear, "must begin with https:// or http://"))?;
    let encoding = match table.encoding {
        DeepgramEncoding::Linear16 => "linear16",
        DeepgramEncoding::Mulaw => "mulaw",
    };
    let rate = rate.hz().to_string();
    let mut query = url.query_pairs_mut();
    query.extend_pairs([
        ("model", table.model.as_str()),
        ("encoding", encoding),
        ("sample_rate", &rate),
        ("channels", "1"),
        ("interim_results", "true"),
    ]);
    if !language.is_empty() {
        query.append_pair("language", language);
    }
    query.extend_pairs(table.keyterms.iter().map(|term| ("keyterm", term)));
    drop(query);
    Ok(url)
}

fn below(base: &str, name: &str, organ: Organ) -> Result<Url, Fault> {
    let mut url = Url::parse(base).map_err(|error| unusable(organ, error))?;
    url.path_segments_mut().map_err(|()| unusable(organ, "is no address"))?.pop_if_empty().push(name);
    Ok(url)
}

/// The recognizer.
pub struct DeepgramEar {
    service: Arc<Service>,
}

impl DeepgramEar {
    /// Finds the key; connects when somebody is to be heard.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] if the key can't be had.
    pub fn load(table: &DeepgramTable) -> Result<DeepgramEar, Fault> {
        Ok(DeepgramEar { service: Arc::new(Service::load(table, Organ::Ear)?) })
    }
}

impl Recognizer for DeepgramEar {
    fn name(&self) -> &str {
        "deepgram"
    }

    fn replay_delay(&self) -> Duration {
        self.service.table.replay_delay()
    }

    fn open(&self, opening: EarOpening) -> Answering<'_, Box<dyn RecognizerStream>> {
        Box::pin(async move {
            let socket = self.service.connect(&opening.language, opening.rate).await?;
            let leg = listen::Leg::new(self.service.clone(), socket, opening.language, opening.rate);
            Ok(Box::new(leg) as Box<dyn RecognizerStream>)
        })
    }
}

/// The synthesizer.
pub struct DeepgramVoice {
    service: Arc<Service>,
    client: Client,
}

impl DeepgramVoice {
    /// Finds the key; connects when something is to be said.
    ///
    /// # Errors
    /// [`Fault::Unavailable`] if the key can't be had, or TLS can't be set up.
    pub fn load(table: &DeepgramTable) -> Result<DeepgramVoice, Fault> {
        let service = Arc::new(Service::load(table, Organ::Voice)?);
        let client = http::client(service.connect_patience()).map_err(|detail| Fault::Unavailable { organ: Organ::Voice, detail })?;
        Ok(DeepgramVoice { service, client })
    }

    async fn request(&self, text: &str, rate: Rate) -> Result<speak::Sentence, Trouble> {
        let table = &self.service.table;
        let rate = rate.hz().to_string();
        let query = [("model", table.voice.as_str()), ("encoding", "linear16"), ("sample_rate", &rate), ("container", "none")];
        let mut request = self.client.post(below(&table.url, "speak", Organ::Voice)?).query(&query).json(&serde_json::json!({ "text": text }));
        if let Some(key) = &self.service.key {
            let value = HeaderValue::from_str(&format!("Token {}", key.reveal()));
            let mut value =
                value.map_err(|_| Fault::Unavailable { organ: Organ::Voice, detail: "the API key has characters that no key has".into() })?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let first = Duration::try_from_secs_f64(table.first_sound_secs).unwrap_or_default();
        let limits = Limits { first, idle: SOUND_PAUSE, total: WHOLE_SOUND, bytes: MAX_SOUND_BYTES };
        Ok(speak::Sentence::new(self.service.clone(), http::fetch(Organ::Voice, request, limits).await?)?)
    }
}

impl Synthesizer for DeepgramVoice {
    fn name(&self) -> &str {
        &self.service.table.voice
    }

    fn speak<'a>(&'a self, text: &'a str, _: &'a str, rate: Rate) -> Answering<'a, Box<dyn VoiceStream>> {
        Box::pin(async move {
            self.service.is_up(Organ::Voice)?;
            let sentence = self.service.noted(self.request(text, rate).await)?;
            Ok(Box::new(sentence) as Box<dyn VoiceStream>)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_says_what_is_sent() {
        let table = DeepgramTable { url: "http://127.0.0.1:8080/v1/".into(), keyterms: vec!["Mercury Lamps".into()], ..DeepgramTable::default() };
        let url = listen_url(&table, "en-US", Rate::Hz8000).expect("an address");
        let said = "ws://127.0.0.1:8080/v1/listen?model=nova-3&encoding=linear16&sample_rate=8000&channels=1&interim_results=true&language=en-US\
                    &keyterm=Mercury+Lamps";
        assert_eq!(url.as_str(), said);
        let url =
            listen_url(&DeepgramTable { encoding: DeepgramEncoding::Mulaw, ..DeepgramTable::default() }, "", Rate::Hz16000).expect("an address");
        assert_eq!(url.as_str(), "wss://api.deepgram.com/v1/listen?model=nova-3&encoding=mulaw&sample_rate=16000&channels=1&interim_results=true");
    }

    #[test]
    fn a_key_that_can_t_be_had_is_told() {
        let table = DeepgramTable { api_key_env: Some("SEGUE_NO_SUCH_KEY".into()), ..DeepgramTable::default() };
        for fault in [DeepgramEar::load(&table).err(), DeepgramVoice::load(&table).err()] {
            assert!(fault.is_some_and(|fault| fault.to_string().contains("SEGUE_NO_SUCH_KEY")));
        }
    }
}
