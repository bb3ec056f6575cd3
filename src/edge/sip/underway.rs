//! What is under way: calls that we dial, and legs that are not over.

use std::sync::Arc;
use std::time::Duration;

use rsipstack::dialog::DialogId;

use super::Inner;

/// Before the edge is closed, those who are hung up on are waited for; who has not answered our BYE after this has left.
const GOODBYES: Duration = Duration::from_secs(5);

/// A call that is dialled, and is neither answered nor refused.
pub(super) struct Dialled {
    inner: Arc<Inner>,
    key: (String, String),
}

impl Drop for Dialled {
    fn drop(&mut self) {
        self.inner.dialled.lock().remove(&self.key);
    }
}

/// A leg that is not over.
pub(super) struct Underway {
    inner: Arc<Inner>,
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.inner.underway.send_modify(|legs| *legs -= 1);
    }
}

impl Inner {
    /// A call is being dialled until what is returned is dropped.
    pub(super) fn dials(self: &Arc<Self>, dialog: &DialogId) -> Dialled {
        let key = (dialog.call_id.clone(), dialog.local_tag.clone());
        self.dialled.lock().insert(key.clone());
        Dialled { inner: self.clone(), key }
    }

    pub(super) fn is_dialled(&self, dialog: &DialogId) -> bool {
        let key = (dialog.call_id.clone(), dialog.local_tag.clone());
        self.dialled.lock().contains(&key)
    }

    /// A leg goes on until what is returned is dropped.
    pub(super) fn goes_on(self: &Arc<Self>) -> Underway {
        self.underway.send_modify(|legs| *legs += 1);
        Underway { inner: self.clone() }
    }

    /// Until no leg goes on any more, or [`GOODBYES`] are over.
    pub(super) async fn until_all_are_gone(&self) {
        let mut underway = self.underway.subscribe();
        let gone = async { drop(underway.wait_for(|legs| *legs == 0).await) };
        // What goes on all the same ends with the process.
        let _ = tokio::time::timeout(GOODBYES, gone).await;
    }
}
