//! One page's WebSocket: it says what it saw last and what it watches, and is sent what has happened since.
//!
//! Nothing is sent before its first message, so that what it missed comes before what is new; who says nothing is sent what is
//! new. A page that does not take what it is sent is cut off, and goes on where it was.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, close_code};
use jiff::Timestamp;
use serde::Deserialize;
use tokio::sync::Notify;
use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::log::{Lost, Watcher, text};
use super::{Feed, Seat};
use crate::base::{AgentId, CallId};
use crate::console::api::line_word;
use crate::console::views::{Event, Topic};
use crate::gateway::live::lines::{Lines, ScreenEvent};

/// Longest message of a page, in bytes.
pub(in crate::console) const MAX_MESSAGE: usize = 4_096;
/// A page says so soon where it goes on, if it does.
const FIRST_WORDS: Duration = Duration::from_secs(2);
/// A page takes what it is sent within this, or is cut off.
const PATIENCE: Duration = Duration::from_secs(10);
/// Messages that are read from the feed at once.
const BATCH: usize = 64;
/// Calls that one page watches at most.
const MAX_WATCHED: usize = 20;
/// Messages of a page within [`SPAN`]; who sends more is no page of ours.
const MAX_MESSAGES: u32 = 100;
/// The span for which messages of a page are counted.
const SPAN: Duration = Duration::from_secs(10);
/// Events that may wait for an agent's page.
const SCREEN: usize = 256;
/// How often a page is asked whether it is still there (RFC 6455, 5.5.2), so that proxies keep its connection.
const PING: Duration = Duration::from_secs(20);

/// What a page says.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Said {
    resume: Option<u64>,
    watch: Option<WhichCall>,
    unwatch: Option<WhichCall>,
    ping: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct WhichCall {
    call: CallId,
}

/// Another page has the desk (RFC 6455, 7.4.2: 4000 to 4999 are ours).
const REPLACED: u16 = 4_001;

/// Why a page is cut off.
struct CutOff(u16, &'static str);

/// A page while it is connected; its seat is given back when it goes.
struct Page {
    feed: Feed,
    seat: u64,
    wake: Arc<Notify>,
    gone: CancellationToken,
    /// Told that another page has the agent's desk now.
    replaced: CancellationToken,
    /// Everything up to this number was sent, or is not for this page; `None` until its first words.
    seen: Option<u64>,
    counted: (Instant, u32),
}

impl Drop for Page {
    fn drop(&mut self) {
        self.feed.inner().seats.remove(&self.seat);
    }
}

/// Why a page is told to go.
pub(in crate::console) type Ends = Pin<Box<dyn Future<Output = &'static str> + Send>>;

/// Serves a page until it goes, it is over with it (`ends`), or we stop.
pub(in crate::console) async fn serve(
    mut socket: WebSocket,
    (feed, screen): (Feed, Option<(Lines, AgentId)>),
    watcher: Watcher,
    ends: Ends,
    stop: CancellationToken,
) {
    let mut page = Page::sit_down(feed.clone(), watcher);
    let on_duty = screen.map(|(lines, agent)| {
        let (sender, told) = channel(SCREEN);
        let on_duty = lines.go_on_duty(&agent, sender);
        feed.change(|world, now| world.on_line(&agent, line_word(lines.desktop(&agent).line), now));
        tokio::spawn(tell_lines(feed.clone(), agent, told, page.replaced.clone()));
        on_duty
    });
    let gone = page.gone.clone();
    let why = tokio::select! {
        why = page.run(&mut socket) => why,
        () = stop.cancelled() => CutOff(close_code::AWAY, "Segue stops"),
        () = gone.cancelled() => CutOff(close_code::POLICY, "signed out"),
        why = ends => CutOff(close_code::POLICY, why),
    };
    drop((page, on_duty));
    let close = Message::Close(Some(CloseFrame { code: why.0, reason: Utf8Bytes::from_static(why.1) }));
    // It may be gone.
    let _ = tokio::time::timeout(PATIENCE, socket.send(close)).await;
}

/// Tells the feed how an agent's line is, as long as this is their page, and the page if it is not any more. Offers are told from
/// records, as to everybody.
async fn tell_lines(feed: Feed, agent: AgentId, mut told: Receiver<ScreenEvent>, replaced: CancellationToken) {
    while let Some(event) = told.recv().await {
        match event {
            ScreenEvent::Line(state) => feed.change(|world, now| world.on_line(&agent, line_word(Some(state)), now)),
            ScreenEvent::Replaced => replaced.cancel(),
            ScreenEvent::Offer(_) | ScreenEvent::OfferOver(_) => {}
        }
    }
}

impl Page {
    fn sit_down(feed: Feed, watcher: Watcher) -> Page {
        let (wake, gone) = (Arc::new(Notify::new()), CancellationToken::new());
        let mut inner = feed.inner();
        let seat = inner.next_seat;
        inner.next_seat += 1;
        inner.seats.insert(seat, Seat { watcher, wake: wake.clone(), gone: gone.clone() });
        drop(inner);
        Page { feed, seat, wake, gone, replaced: CancellationToken::new(), seen: None, counted: (Instant::now(), 0) }
    }

    async fn run(&mut self, socket: &mut WebSocket) -> CutOff {
        let mut ping = tokio::time::interval(PING);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ping.reset();
        let silence = Instant::now() + FIRST_WORDS;
        let (wake, replaced) = (self.wake.clone(), self.replaced.clone());
        let mut is_theirs = true;
        loop {
            let done = tokio::select! {
                message = socket.recv() => match message {
                    Some(Ok(Message::Text(words))) => self.hear(socket, &words).await,
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
                    Some(Ok(Message::Binary(_))) => Err(CutOff(close_code::UNSUPPORTED, "only JSON in text is understood")),
                    Some(Ok(Message::Close(_)) | Err(_)) | None => Err(CutOff(close_code::NORMAL, "")),
                },
                () = wake.notified(), if self.seen.is_some() => Ok(()),
                () = replaced.cancelled(), if is_theirs && self.seen.is_some() => {
                    is_theirs = false;
                    self.give_up(socket).await
                }
                () = tokio::time::sleep_until(silence), if self.seen.is_none() => self.begin(socket, None).await,
                _ = ping.tick() => send(socket, Message::Ping(axum::body::Bytes::new())).await,
            };
            let done = match done {
                Ok(()) => self.tell(socket).await,
                cut => cut,
            };
            if let Err(why) = done {
                return why;
            }
        }
    }

    /// The page said something.
    async fn hear(&mut self, socket: &mut WebSocket, words: &str) -> Result<(), CutOff> {
        if self.counted.0.elapsed() > SPAN {
            self.counted = (Instant::now(), 0);
        }
        self.counted.1 += 1;
        if self.counted.1 > MAX_MESSAGES {
            return Err(CutOff(close_code::POLICY, "too many messages"));
        }
        let no_message = || CutOff(close_code::INVALID, "no message of this feed; see /api");
        // A list would be read as an object's fields in their order.
        let object = Some(words).filter(|words| words.trim_start().starts_with('{')).ok_or_else(no_message)?;
        let said: Said = serde_json::from_str(object).map_err(|_| no_message())?;
        self.watch(&said)?;
        // Who resumes once more in the same connection has been sent everything meanwhile.
        if self.seen.is_none() {
            self.begin(socket, said.resume).await?;
        }
        if let Some(n) = said.ping {
            self.say(socket, Event::Pong { n }).await?;
        }
        Ok(())
    }

    fn watch(&self, said: &Said) -> Result<(), CutOff> {
        let mut inner = self.feed.inner();
        let Some(seat) = inner.seats.get_mut(&self.seat) else { return Ok(()) };
        let calls: &mut BTreeSet<CallId> = &mut seat.watcher.calls;
        if let Some(which) = &said.unwatch {
            calls.remove(&which.call);
        }
        if let Some(which) = &said.watch {
            calls.insert(which.call);
        }
        if calls.len() > MAX_WATCHED { Err(CutOff(close_code::POLICY, "too many calls are watched")) } else { Ok(()) }
    }

    /// The page goes on from where it was, or begins anew: a visitor's with the call, if that is still known.
    async fn begin(&mut self, socket: &mut WebSocket, resume: Option<u64>) -> Result<(), CutOff> {
        let (start, is_resumed, lost) = {
            let inner = self.feed.inner();
            let is_known = |seen: &u64| inner.log.after(*seen, &Watcher::default(), 0).is_ok();
            let visit = inner.seats.get(&self.seat).and_then(|seat| seat.watcher.visit);
            let resumed = resume.filter(is_known);
            let first = resumed.or(visit.map(|(_, first)| first).filter(is_known));
            let lost = if first.is_none() { visit.and_then(|(call, _)| inner.world.visit(call)) } else { None };
            (first.unwrap_or(inner.log.newest()), resumed.is_some(), lost)
        };
        self.seen = Some(start);
        if is_resumed {
            return Ok(());
        }
        let Some(state) = lost else { return self.say(socket, Event::Reset).await };
        // A page takes nothing twice: the state, which has no number, comes under the one after the reset's.
        self.seen = Some(start.saturating_sub(1));
        self.say(socket, Event::Reset).await?;
        self.seen = Some(start);
        send(socket, Message::Text(text(start, Timestamp::now(), Topic::Call, None, state))).await
    }

    /// Another page of the agent has the desk: from now on this one is told nothing of it.
    async fn give_up(&mut self, socket: &mut WebSocket) -> Result<(), CutOff> {
        self.tell(socket).await?;
        if let Some(seat) = self.feed.inner().seats.get_mut(&self.seat) {
            seat.watcher.agent = None;
        }
        self.say(socket, Event::Replaced).await?;
        Err(CutOff(REPLACED, "another page of yours has the desk"))
    }

    /// Sends what has happened.
    async fn tell(&mut self, socket: &mut WebSocket) -> Result<(), CutOff> {
        while let Some(seen) = self.seen {
            let read = {
                let inner = self.feed.inner();
                let watcher = inner.seats.get(&self.seat).map(|seat| &seat.watcher);
                watcher.map_or(Err(Lost), |watcher| inner.log.after(seen, watcher, BATCH))
            };
            let Ok((items, upto)) = read else { return Err(CutOff(close_code::AGAIN, "too slow; connect again")) };
            for item in &items {
                send(socket, Message::Text(item.text.clone())).await?;
            }
            self.seen = Some(upto);
            if items.len() < BATCH {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Says something to this page only; it has no number of its own.
    async fn say(&self, socket: &mut WebSocket, event: Event) -> Result<(), CutOff> {
        let seq = self.seen.unwrap_or_default();
        send(socket, Message::Text(text(seq, Timestamp::now(), Topic::System, None, event))).await
    }
}

async fn send(socket: &mut WebSocket, message: Message) -> Result<(), CutOff> {
    match tokio::time::timeout(PATIENCE, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(_)) => Err(CutOff(close_code::NORMAL, "")),
        Err(_) => Err(CutOff(close_code::AGAIN, "too slow; connect again")),
    }
}
