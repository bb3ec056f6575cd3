//! What the store knows beside what goes on: an agent's day, and a caller's earlier calls. The world is told of both, so that events
//! show what a page would read.

use std::sync::Arc;

use jiff::{Timestamp, Zoned};
use tokio::sync::broadcast::error::RecvError;

use super::Console;
use super::people::People;
use super::projection::name_of;
use super::views::{Desk, EarlierView, NumbersView};
use crate::base::{AgentId, CallId, Happening};
use crate::store::{ListedCall, Store, StoreError};

/// Earlier calls of a caller that are shown.
const EARLIER: usize = 5;

/// Tells the world what is kept of an agent and a caller whenever one is offered to the other.
pub(super) async fn follow(console: Arc<Console>) {
    let People::Stored(store) = &console.people else { return };
    let mut records = console.gateway.watch();
    loop {
        let record = tokio::select! {
            () = console.stop.cancelled() => return,
            record = records.recv() => record,
        };
        match record.map(|record| (record.subject, record.kind)) {
            Ok((call, Happening::Offered { agent, .. })) => recall(&console, store, call, &agent).await,
            // What came too fast is read when the desk is.
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

async fn recall(console: &Console, store: &Store, call: CallId, agent: &AgentId) {
    if store.counts().is_away {
        return;
    }
    let caller = console.feed.look(|world, _| world.caller(call)).0;
    let read = async { Ok::<_, StoreError>((day(store, agent).await?, earlier(store, call, caller.as_deref()).await?)) };
    match read.await {
        Ok((day, earlier)) => console.feed.change(|world, now| world.on_kept(agent, day, Some((call, earlier)), now)),
        Err(error) => tracing::warn!(%error, "what is kept of a caller can't be shown"),
    }
}

/// Adds to a desk what is kept of the agent's day, and of the caller's earlier calls. While the store is away it stays as it is.
pub(super) async fn add(console: &Console, store: &Store, agent: &AgentId, desk: &mut Desk) {
    if store.counts().is_away {
        return;
    }
    let read = async {
        let day = day(store, agent).await?;
        let mut known = Vec::new();
        for packet in desk.offer.iter_mut().chain(desk.call.as_mut().and_then(|call| call.packet.as_mut())) {
            let Ok(call) = packet.call.parse().map(CallId) else { continue };
            packet.history = earlier(store, call, packet.caller.as_deref()).await?;
            known.push((call, packet.history.clone()));
        }
        desk.numbers = day;
        Ok::<_, StoreError>((day, known))
    };
    match read.await {
        Ok((day, known)) => console.feed.change(|world, _| {
            world.recall(agent, day, known);
            Vec::new()
        }),
        Err(error) => tracing::warn!(%error, "what is kept of an agent and a caller can't be shown"),
    }
}

/// The agent's numbers since midnight where we are.
async fn day(store: &Store, agent: &AgentId) -> Result<NumbersView, StoreError> {
    let midnight = Zoned::now().start_of_day().map(|day| day.timestamp()).unwrap_or(Timestamp::UNIX_EPOCH);
    let day = store.agent_day(&agent.0, midnight).await?;
    Ok(NumbersView { calls_today: u32::try_from(day.calls).unwrap_or(u32::MAX), mean_handle_s: day.mean_handle_s })
}

/// The caller's calls before this one, the latest first.
async fn earlier(store: &Store, call: CallId, caller: Option<&str>) -> Result<Vec<EarlierView>, StoreError> {
    let Some(caller) = caller else { return Ok(Vec::new()) };
    let view = |earlier: ListedCall| EarlierView {
        began: earlier.began.to_string(),
        outcome: earlier.outcome.map(|outcome| name_of(&outcome)),
        headline: earlier.headline,
    };
    let calls = store.history(caller, EARLIER + 1).await?.into_iter().filter(|earlier| earlier.id != call);
    Ok(calls.take(EARLIER).map(view).collect())
}
