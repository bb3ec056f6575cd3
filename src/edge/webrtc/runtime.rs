//! The thread on which all lines live, and what the library is told of it.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio_util::sync::{CancellationToken, DropGuard};
use webrtc::runtime::{AsyncInterval, AsyncTcpListener, AsyncTcpStream, AsyncUdpSocket, JoinHandle, Runtime};

use super::port::Share;
use crate::edge::go_first;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A thread with a runtime of its own, until this is dropped.
pub(super) struct Thread {
    handle: Handle,
    _ends: DropGuard,
}

impl Thread {
    /// Starts it.
    pub fn start(name: &str) -> io::Result<Thread> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (handle, ends) = (runtime.handle().clone(), CancellationToken::new());
        let ended = ends.clone();
        std::thread::Builder::new().name(name.to_owned()).spawn(move || {
            go_first();
            runtime.block_on(ended.cancelled());
        })?;
        Ok(Thread { handle, _ends: ends.drop_guard() })
    }

    /// To run something on it.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}

/// The library's runtime for one line: everything on the lines' thread, and one share of the port as its only socket.
pub(super) struct LineRuntime {
    pub handle: Handle,
    pub share: Arc<Share>,
}

impl std::fmt::Debug for LineRuntime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LineRuntime")
    }
}

struct Spawned(tokio::task::JoinHandle<()>);

impl JoinHandle for Spawned {
    fn detach(&self) {}

    fn abort(&self) {
        self.0.abort();
    }

    fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

struct Ticks(tokio::time::Interval);

impl AsyncInterval for Ticks {
    fn tick(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            self.0.tick().await;
        })
    }
}

/// Lines use UDP only.
fn no_tcp<T>() -> io::Result<T> {
    Err(io::ErrorKind::Unsupported.into())
}

impl Runtime for LineRuntime {
    fn spawn(&self, future: Task) -> Box<dyn JoinHandle> {
        Box::new(Spawned(self.handle.spawn(future)))
    }

    /// The library binds a socket of its own; only its address is used, as a name.
    fn wrap_udp_socket(&self, socket: std::net::UdpSocket) -> io::Result<Arc<dyn AsyncUdpSocket>> {
        Ok(self.share.socket(socket.local_addr()?))
    }

    fn wrap_tcp_listener(&self, _: std::net::TcpListener) -> io::Result<Arc<dyn AsyncTcpListener>> {
        no_tcp()
    }

    fn connect_tcp<'a>(&'a self, _: SocketAddr) -> Pin<Box<dyn Future<Output = io::Result<Arc<dyn AsyncTcpStream>>> + Send + 'a>> {
        Box::pin(std::future::ready(no_tcp()))
    }

    fn resolve_host<'a>(&'a self, host: &'a str) -> Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'a>> {
        Box::pin(async move { tokio::net::lookup_host(host).await.map(Iterator::collect) })
    }

    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + 'static>> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn interval(&self, period: Duration) -> Box<dyn AsyncInterval> {
        Box::new(Ticks(tokio::time::interval(period)))
    }

    fn block_on(&self, future: Pin<Box<dyn Future<Output = ()> + '_>>) {
        self.handle.block_on(future);
    }

    fn name(&self) -> &'static str {
        "lines"
    }
}
