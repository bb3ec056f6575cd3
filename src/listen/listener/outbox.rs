//! What waits to be polled.

use std::collections::VecDeque;

use crate::listen::types::ListenOutput;

/// Room for what is not sound; a driver that polls after each input never needs half of it.
const ROOM: usize = 96;

/// A queue with a limit. Beyond it sound is dropped first, so that what ends something is never lost.
pub(super) struct Outbox {
    queue: VecDeque<ListenOutput>,
    room: usize,
    room_for_sound: usize,
    pub(super) dropped: u64,
}

impl Outbox {
    /// Room for so many frames at once, and for what else there is.
    pub(super) fn new(frames: usize) -> Self {
        Outbox { queue: VecDeque::with_capacity(frames + ROOM), room: frames + ROOM, room_for_sound: frames + ROOM / 2, dropped: 0 }
    }

    pub(super) fn push(&mut self, output: ListenOutput) {
        let sound = matches!(output, ListenOutput::Recognize(..) | ListenOutput::Partial(_));
        let full = self.queue.len() >= if sound { self.room_for_sound } else { self.room };
        if full {
            self.dropped += 1;
        } else {
            self.queue.push_back(output);
        }
    }

    pub(super) fn pop(&mut self) -> Option<ListenOutput> {
        self.queue.pop_front()
    }
}
