//! The SIP edge and peers that others made: sipp, baresip, Kamailio.

#![allow(clippy::unwrap_used, reason = "a test may fail by unwrapping")]

#[path = "../harness/baresip.rs"]
mod baresip;
#[path = "../harness/carrier.rs"]
mod carrier;
#[path = "../harness/kamailio.rs"]
mod kamailio;
#[path = "../harness/kit.rs"]
mod kit;
#[path = "../harness/likeness.rs"]
mod likeness;
#[path = "../harness/peers.rs"]
mod peers;
#[path = "../harness/phones.rs"]
mod phones;
#[path = "../harness/raw.rs"]
mod raw;

mod edge;
mod registration;
mod sipp;
mod softphones;
mod trunks;
