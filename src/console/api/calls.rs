//! Calls that are kept: the list, one with everything, its sound and its report.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::header::{ACCEPT_RANGES, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_SECURITY_POLICY, CONTENT_TYPE, RANGE};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use parking_lot::{Mutex, MutexGuard};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::call_id;
use crate::base::{CallId, Party};
use crate::console::Console;
use crate::console::access::Person;
use crate::console::people::People;
use crate::console::refusal::Refusal;
use crate::replay::report::{self, Goals, Peaks, ReportInput, ReportSound};
use crate::replay::result::{ReplayFacts, ReplayObject};
use crate::replay::terminal::Judgement;
use crate::replay::time_map::TimeMap;
use crate::store::{KeptCall, ListedCall, Store};

/// Calls in one answer, unless fewer are asked for.
const LISTED: usize = 50;
/// Calls in one answer at most.
const MAX_LISTED: usize = 200;
/// Requests of one person for the sound of one call are one listening, for so long.
const ONE_LISTENING: Duration = Duration::from_secs(600);
/// Listenings that are remembered.
const LISTENERS: usize = 10_000;
/// Octets of sound that are read at once.
const CHUNK: usize = 65_536;
/// The file of a call's sound in its directory.
const SOUND: &str = "call.wav";
/// The report is one page with its own script, by a nonce that it says itself; it may do nothing else, and stands in no other site.
const REPORT_POLICY: &str = "sandbox allow-scripts; base-uri 'none'; form-action 'none'; frame-ancestors 'self'";

pub(super) fn router() -> OpenApiRouter<Arc<Console>> {
    OpenApiRouter::new().routes(routes!(list_calls)).routes(routes!(find_call)).routes(routes!(find_audio)).routes(routes!(find_report))
}

/// Who has listened to which call lately.
#[derive(Debug, Default)]
pub(in crate::console) struct Heard(Mutex<BTreeMap<(String, CallId), Instant>>);

impl Heard {
    fn heard(&self) -> MutexGuard<'_, BTreeMap<(String, CallId), Instant>> {
        self.0.lock()
    }

    fn is_recent(&self, who: &(String, CallId)) -> bool {
        self.heard().get(who).is_some_and(|at| at.elapsed() < ONE_LISTENING)
    }

    fn note(&self, who: (String, CallId)) {
        let mut heard = self.heard();
        heard.retain(|_, at| at.elapsed() < ONE_LISTENING);
        // Where so many listen, each of them is noted once more.
        if heard.len() < LISTENERS {
            heard.insert(who, Instant::now());
        }
    }
}

/// Which calls.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Which {
    /// Only those that began before this call.
    before: Option<String>,
    /// So many at most.
    limit: Option<usize>,
}

/// One line in the list of calls.
#[derive(Debug, Serialize, ToSchema)]
struct CallRow {
    /// Its id.
    id: String,
    /// When it began to ring.
    began: String,
    /// When it ended; null while it goes on.
    ended: Option<String>,
    /// The called number.
    called: String,
    /// The caller's number, if known.
    caller: Option<String>,
    /// The entry's name.
    entry: String,
    /// How it ended; null while it goes on, or if the gateway lost it.
    outcome: Option<String>,
    /// Who ended it; `gateway_lost` if the gateway went away in the middle of it.
    ended_by: Option<String>,
    /// The last agent who took it.
    agent: Option<String>,
    /// What it was about, in one line.
    headline: Option<String>,
    /// The highest frustration, 0..1.
    frustration_peak: Option<f64>,
    /// Handoffs that were more than shadow.
    handoffs: u64,
}

impl CallRow {
    fn of(call: ListedCall) -> CallRow {
        CallRow {
            id: call.id.to_string(),
            began: call.began.to_string(),
            ended: call.ended.map(|at| at.to_string()),
            called: call.called,
            caller: call.caller,
            entry: call.entry,
            outcome: call.outcome.map(|outcome| crate::console::projection::name_of(&outcome)),
            ended_by: call.ended_by,
            agent: call.agent,
            headline: call.headline,
            frustration_peak: call.frustration_peak,
            handoffs: call.handoffs,
        }
    }
}

fn store(console: &Console) -> Result<&Store, Refusal> {
    match &console.people {
        People::Stored(store) => Ok(store),
        People::Remembered(_) => Err(Refusal::Without("Calls are not kept here. Name a database in the configuration ([store] url).")),
    }
}

async fn kept(console: &Console, id: &str) -> Result<KeptCall, Refusal> {
    let store = store(console)?;
    store.find_call(call_id(id)?).await?.ok_or(Refusal::Unknown("call"))
}

/// Calls, the latest first.
#[utoipa::path(get, path = "/calls", tag = "calls", params(Which), responses((status = 200, description = "The latest first.", body = [CallRow])))]
async fn list_calls(State(console): State<Arc<Console>>, asked: Result<Query<Which>, QueryRejection>) -> Result<Json<Vec<CallRow>>, Refusal> {
    let Query(asked) = asked?;
    let before = asked.before.as_deref().map(call_id).transpose()?;
    let most = asked.limit.unwrap_or(LISTED).clamp(1, MAX_LISTED);
    let calls = store(&console)?.list_calls(before, most).await?;
    Ok(Json(calls.into_iter().map(CallRow::of).collect()))
}

/// Everything that is kept of a call: the object of `segue replay --json`, with `began`, `audio` (whether there is sound) and `wrap_ups`.
#[utoipa::path(get, path = "/calls/{id}", tag = "calls", params(("id" = String, Path)), responses((status = 200, description = "The call.")))]
async fn find_call(State(console): State<Arc<Console>>, Path(id): Path<String>) -> Result<Json<serde_json::Value>, Refusal> {
    let call = kept(&console, &id).await?;
    let mut object = serde_json::to_value(object(&call)).map_err(|error| Refusal::failed("writing a call", &error))?;
    let said = |wrap_up: &crate::store::WrapUp| {
        serde_json::json!({ "agent": wrap_up.agent, "saved": wrap_up.saved.to_string(), "summary": wrap_up.summary,
            "disposition": wrap_up.disposition, "resolved": wrap_up.resolved })
    };
    object["began"] = call.listed.began.to_string().into();
    object["audio"] = sound(&call).is_some().into();
    object["wrap_ups"] = call.wrap_ups.iter().map(said).collect();
    Ok(Json(object))
}

fn object(call: &KeptCall) -> ReplayObject {
    let story = call.story();
    let call_s = story.last.as_secs_f64();
    let facts = ReplayFacts { recording: call.listed.id.to_string(), duration_s: call_s, call_s, truncated: false, processing_s: 0.0 };
    ReplayObject::of(&story, facts, &TimeMap::new())
}

/// The file of a call's sound, if there is one.
fn sound(call: &KeptCall) -> Option<PathBuf> {
    call.listed.recordings.as_ref().map(|dir| dir.join(SOUND)).filter(|file| file.is_file())
}

/// Its sound: the caller left, what they heard right. Who listens is noted.
#[utoipa::path(get, path = "/calls/{id}/audio", tag = "calls", params(("id" = String, Path)),
    responses((status = 200, description = "A WAV file."), (status = 206, description = "The range of it that was asked for.")))]
async fn find_audio(
    State(console): State<Arc<Console>>,
    person: Person,
    Path(id): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let call = kept(&console, &id).await?;
    let file = sound(&call).ok_or(Refusal::Unknown("recording"))?;
    let failed = |error: std::io::Error| Refusal::failed("reading a recording", &error);
    let mut open = File::open(&file).map_err(failed)?;
    let length = open.metadata().map_err(failed)?.len();
    let asked = headers.get(RANGE).and_then(|value| value.to_str().ok());
    let range = asked.and_then(|range| parse_range(range, length));
    let (first, last) = range.unwrap_or((0, length.saturating_sub(1)));
    // Before anything is heard. A HEAD gives nothing to hear; a player asks for its ranges one by one.
    let heard = (person.name, call.listed.id);
    if method != Method::HEAD && !console.heard.is_recent(&heard) {
        console.people.note(&heard.0, "listened_to", Some(&heard.1.to_string()), None).await?;
        console.heard.note(heard);
    }
    open.seek(SeekFrom::Start(first)).map_err(failed)?;
    let count = if length == 0 { 0 } else { last - first + 1 };
    let mut response = Response::new(Body::from_stream(chunks(open, count)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, "audio/wav".parse().expect("a header"));
    headers.insert(ACCEPT_RANGES, "bytes".parse().expect("a header"));
    headers.insert(CONTENT_LENGTH, count.into());
    if range.is_some() {
        headers.insert(CONTENT_RANGE, format!("bytes {first}-{last}/{length}").parse().expect("digits make a header"));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

/// One range of octets, first and last (RFC 9110, 14.1.2); what is no such range is none, and everything is sent.
fn parse_range(text: &str, length: u64) -> Option<(u64, u64)> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let end = length.checked_sub(1)?;
    let (first, last) = match (first.trim(), last.trim()) {
        ("", tail) => (length.saturating_sub(tail.parse().ok().filter(|tail| *tail > 0)?), end),
        (first, "") => (first.parse().ok()?, end),
        (first, last) => (first.parse().ok()?, last.parse::<u64>().ok()?.min(end)),
    };
    (first <= last).then_some((first, last))
}

/// The next `left` octets of a file, piece by piece.
fn chunks(file: File, left: u64) -> impl futures_util::Stream<Item = std::io::Result<Bytes>> {
    futures_util::stream::try_unfold((file, left), |(mut file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let read = move || {
            let mut piece = vec![0; CHUNK.min(usize::try_from(left).unwrap_or(CHUNK))];
            let n = file.read(&mut piece)?;
            piece.truncate(n);
            Ok::<_, std::io::Error>((file, Bytes::from(piece)))
        };
        let (file, piece) = tokio::task::spawn_blocking(read).await.map_err(std::io::Error::other)??;
        if piece.is_empty() {
            return Ok(None);
        }
        let left = left - piece.len() as u64;
        Ok(Some((piece, (file, left))))
    })
}

/// Its report, as replay makes it: one page with its sound in it.
#[utoipa::path(get, path = "/calls/{id}/report", tag = "calls", params(("id" = String, Path)), responses((status = 200, description = "A page.")))]
async fn find_report(State(console): State<Arc<Console>>, person: Person, Path(id): Path<String>) -> Result<Response, Refusal> {
    let call = kept(&console, &id).await?;
    console.people.note(&person.name, "report_opened", Some(&call.listed.id.to_string()), None).await?;
    let drawn = tokio::task::spawn_blocking(move || drawn(&call)).await.map_err(|error| Refusal::failed("drawing a report", &error))?;
    let page = drawn.map_err(|error| Refusal::failed("drawing a report", &error))?;
    Ok(([(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, REPORT_POLICY)], page).into_response())
}

fn drawn(call: &KeptCall) -> Result<String, hound::Error> {
    let mut peaks = Peaks::new(crate::base::Rate::Hz8000.hz());
    let mut heard = None;
    if let Some(file) = sound(call) {
        let mut reader = hound::WavReader::open(file)?;
        let rate = reader.spec().sample_rate;
        let mut report_sound = ReportSound::new(rate);
        peaks = Peaks::new(rate);
        let samples = reader.samples::<i16>().collect::<Result<Vec<_>, _>>()?;
        for piece in samples.chunks(2 * CHUNK) {
            let side = |n: usize| piece.iter().skip(n).step_by(2).copied().collect::<Vec<_>>();
            let (caller, served) = (side(0), side(1));
            let whole = caller.len().min(served.len());
            peaks.push(&caller[..whole], &served[..whole]);
            report_sound.push(&caller[..whole], &served[..whole]);
        }
        heard = report_sound.finish();
    }
    let (story, object) = (call.story(), object(call));
    let (goals, judgement) = (Goals::default(), Judgement::default());
    // Which one it was is not kept; that there was one shows in the words.
    let has_words = story.turns.iter().any(|turn| turn.who == Party::Caller && turn.text.is_some());
    let input = ReportInput {
        object: &object,
        story: &story,
        peaks: &peaks,
        sound: heard.as_deref(),
        thresholds: &[],
        goals,
        recognizer: has_words.then_some("as the call went"),
        judgement: &judgement,
    };
    Ok(report::render(&input))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_read_as_browsers_write_it() {
        for (text, expected) in [
            ("bytes=0-", Some((0, 99))),
            ("bytes=10-19", Some((10, 19))),
            ("bytes=90-500", Some((90, 99))),
            ("bytes=-10", Some((90, 99))),
            ("bytes=-500", Some((0, 99))),
            ("bytes=100-", None),
            ("bytes=20-10", None),
            ("bytes=-0", None),
            ("bytes=a-b", None),
            ("bytes=0-1,5-6", None),
            ("lines=1-2", None),
            ("", None),
        ] {
            assert_eq!(parse_range(text, 100), expected, "{text}");
        }
        assert_eq!(parse_range("bytes=0-", 0), None);
    }
}
