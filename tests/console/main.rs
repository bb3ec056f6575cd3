//! The console: its API and feed as clients meet them, and its pages in a browser.

#![allow(clippy::unwrap_used, reason = "a test may fail by unwrapping")]

#[path = "../harness/browser.rs"]
mod browser;
#[path = "../harness/certificates.rs"]
mod certificates;
#[path = "../harness/console.rs"]
mod console;
#[path = "../harness/kit.rs"]
mod kit;
#[path = "../harness/likeness.rs"]
mod likeness;
#[path = "../harness/peers.rs"]
mod peers;

mod access;
mod browser_pages;
mod browser_story;
mod calls;
mod feed;
mod projection;
mod site;
mod visits;
