//! What those share who talk to other machines: secrets, random numbers, TLS, HTTP with bounds, and a runtime for their sockets.
//!
//! [`http::fetch`] is one request, whose answer comes in chunks and can't be late, endless or silent without it being a
//! [`Fault`](crate::base::Fault). [`sockets`] is where sockets to hosted services live, whatever runtime asks: a replay
//! has one for each recording, and a connection must not end with any of them. [`Rest`] spares callers the wait for a service
//! that has just failed. What is *not* here: what is said to whom, which engines and connectors know.

pub mod http;
pub mod secret;
mod rest;
mod tls;

use std::sync::OnceLock;

use ring::rand::{SecureRandom as _, SystemRandom};
use tokio::runtime::{Builder, Handle, Runtime};

pub use rest::Rest;
pub use tls::{certificates, server, tls};

/// Threads that move bytes of hosted services; text and telephone sound of hundreds of calls are little work.
const THREADS: usize = 2;

/// Octets that nobody can guess.
pub fn random<const N: usize>() -> [u8; N] {
    let mut octets = [0; N];
    SystemRandom::new().fill(&mut octets).expect("the system gives random numbers");
    octets
}

/// The runtime of sockets to hosted services, started when it is first asked for.
///
/// # Errors
/// The system has no thread or no socket left.
pub fn sockets() -> Result<&'static Handle, String> {
    static RUNTIME: OnceLock<Result<Runtime, String>> = OnceLock::new();
    let start = || Builder::new_multi_thread().worker_threads(THREADS).thread_name("net").enable_all().build().map_err(|error| error.to_string());
    RUNTIME.get_or_init(start).as_ref().map(Runtime::handle).map_err(Clone::clone)
}
