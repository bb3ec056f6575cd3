//! Visitors who call from a page: who they are to us is a token, which is theirs for one call.
//!
//! A token is known from the answer to `POST /visit` until a moment after the call's end. A visitor whose sound and page are
//! both away for [`LEFT_AFTER`] has left; who comes back before goes on. What is *not* here: the call (`gateway`), and what
//! its page is told (`projection`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::mpsc::Sender;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use super::access::{fingerprint, random_text};
use super::refusal::Refusal;
use crate::base::{CallId, Key};
use crate::edge::webrtc::{Line, LineState};

/// Whose sound does not come and whose page is not connected for so long has left.
const LEFT_AFTER: Duration = Duration::from_secs(15);
/// After the end of a call its page may still read how it ended, for so long.
const READ_ON: Duration = Duration::from_secs(30);

/// All visitors.
pub(super) struct Visits {
    /// By what is kept of their token.
    all: Mutex<BTreeMap<String, Arc<Visit>>>,
    places: Arc<Semaphore>,
}

/// A visitor's call.
pub(super) struct Visit {
    /// Which.
    pub call: CallId,
    /// The number of the feed after which it begins.
    pub first: u64,
    /// Their sound.
    pub line: Line,
    /// Keys that they press.
    pub keys: Sender<Key>,
    /// Told when nothing of it is left.
    pub over: CancellationToken,
    /// Pages that are connected.
    pages: watch::Sender<usize>,
}

/// A page, as long as it is connected.
pub(super) struct OnPage(Arc<Visit>);

impl Drop for OnPage {
    fn drop(&mut self) {
        self.0.pages.send_modify(|pages| *pages = pages.saturating_sub(1));
    }
}

impl Visit {
    /// Nobody is told of it yet.
    pub(super) fn new((call, first): (CallId, u64), line: Line, keys: Sender<Key>) -> Visit {
        Visit { call, first, line, keys, over: CancellationToken::new(), pages: watch::Sender::new(0) }
    }

    /// A page is connected.
    pub(super) fn on_page(self: Arc<Visit>) -> OnPage {
        self.pages.send_modify(|pages| *pages += 1);
        OnPage(self)
    }

    /// Until the call is over, or the visitor has left.
    async fn until_over(&self) {
        let (mut line, mut pages) = (self.line.state(), self.pages.subscribe());
        loop {
            let state = *line.borrow_and_update();
            let has_left = state == LineState::Interrupted && *pages.borrow_and_update() == 0;
            if state == LineState::Gone {
                return;
            }
            tokio::select! {
                // Its sender is the line, which we hold.
                _ = line.changed() => {}
                _ = pages.changed() => {}
                // Whoever closes the line hangs up.
                () = tokio::time::sleep(LEFT_AFTER), if has_left => self.line.close(),
            }
        }
    }
}

impl Visits {
    /// At most so many at the same time.
    pub(super) fn new(most: u32) -> Visits {
        Visits { all: Mutex::default(), places: Arc::new(Semaphore::new(most as usize)) }
    }

    /// A place for one more.
    ///
    /// # Errors
    /// There is none.
    pub(super) fn place(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        self.places.clone().try_acquire_owned().map_err(|_| busy())
    }

    /// The visit is known by the token that this gives, until it is over or `stop` is told; then its place is free again.
    pub(super) fn begin(self: &Arc<Visits>, visit: Visit, place: OwnedSemaphorePermit, stop: CancellationToken) -> String {
        let (token, visit) = (random_text(), Arc::new(visit));
        let key = fingerprint(&token);
        self.all().insert(key.clone(), visit.clone());
        let visits = self.clone();
        tokio::spawn(async move {
            let over = async {
                visit.until_over().await;
                drop(place);
                tokio::time::sleep(READ_ON).await;
            };
            tokio::select! {
                () = over => {}
                () = stop.cancelled() => {}
            }
            visits.all().remove(&key);
            visit.over.cancel();
        });
        token
    }

    /// Whose token this is.
    ///
    /// # Errors
    /// It is nobody's, or not any more.
    pub(super) fn find(&self, token: &str) -> Result<Arc<Visit>, Refusal> {
        self.all().get(&fingerprint(token)).cloned().ok_or_else(gone)
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Visit>>> {
        self.all.lock()
    }
}

/// No more visitors are taken.
pub(super) fn busy() -> Refusal {
    Refusal::Conflict { code: "busy", message: "All our lines are taken just now. Try again in a moment.".into() }
}

/// The call is over.
pub(super) fn gone() -> Refusal {
    Refusal::Conflict { code: "no_call", message: "This call is over. Call again if you need us.".into() }
}
