//! The callers who need a person.

use std::collections::BTreeSet;

use super::types::Seek;
use crate::base::{OfferId, Time};

/// One caller's place.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ticket {
    pub(super) seek: Seek,
    /// The queue where it is now.
    pub(super) queue: usize,
    /// When it came into this queue; its age counts from `seek.since`.
    pub(super) entered: Time,
    /// Queues where it has been.
    pub(super) visited: BTreeSet<usize>,
    /// Agents who are not asked.
    pub(super) except: BTreeSet<usize>,
    /// An offer failed: it is at the head again.
    pub(super) returned: bool,
    pub(super) place: Place,
}

/// How far it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Place {
    /// Nobody has it yet.
    Waiting {
        offers: Vec<OpenOffer>,
        /// Queue and position that were told last.
        told: Option<(usize, u32)>,
    },
    /// An agent has it.
    Assigned { agent: usize, offer: OfferId },
}

/// An agent is being asked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct OpenOffer {
    pub(super) id: OfferId,
    pub(super) agent: usize,
    pub(super) deadline: Time,
}

impl Ticket {
    pub(super) fn new(seek: Seek, queue: usize, except: BTreeSet<usize>, now: Time) -> Self {
        let place = Place::Waiting { offers: Vec::new(), told: None };
        Ticket { seek, queue, entered: now, visited: BTreeSet::from([queue]), except, returned: false, place }
    }

    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.place, Place::Waiting { .. })
    }

    /// The offers that are open; none once it is assigned.
    pub(super) fn offers(&self) -> &[OpenOffer] {
        match &self.place {
            Place::Waiting { offers, .. } => offers,
            Place::Assigned { .. } => &[],
        }
    }

    /// Who comes first: priority, then who was asked for in vain, then age, then the ticket itself.
    pub(super) fn rank(&self) -> impl Ord {
        (std::cmp::Reverse(self.seek.priority), !self.returned, self.seek.since, self.seek.ticket)
    }
}
