//! Connections: accepted until the process is asked to stop, and then closed without any client
//! noticing.
//!
//! A shutdown has three phases. First no new connection is accepted, so that clients connect to
//! another replica; those already waiting in the kernel still are. Open connections may bring
//! another request: for [`LINGER`] each response carries `Connection: close`, which makes a client
//! with a connection pool close its side. Finally idle connections are closed, and open requests
//! get the graceful timeout to finish.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{io, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Long enough for a request to arrive that was sent before its client learned of the shutdown.
const LINGER: Duration = Duration::from_secs(1);

/// When the process has run out of file descriptors, some will be free after this.
const FULL_PAUSE: Duration = Duration::from_millis(200);

/// How long connections are kept.
#[derive(Debug, Clone, Copy)]
pub struct Timeouts {
    /// An idle connection is closed after this.
    pub keep_alive: Duration,
    /// How long a shutdown waits for open requests.
    pub graceful: Duration,
}

/// Serve until `stop` is cancelled and every request is answered or timed out.
pub async fn serve(listener: TcpListener, router: Router, timeouts: Timeouts, stop: CancellationToken) {
    let connections = TaskTracker::new();
    let close_idle = CancellationToken::new();
    let accept = |stream: TcpStream| {
        connections.spawn(connection(stream, router.clone(), timeouts.keep_alive, close_idle.clone()));
    };
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => accept(stream),
                Err(error) => pause_when_full(&error).await,
            },
        }
    }
    match listener.into_std() {
        Ok(listener) => waiting(&listener).for_each(accept),
        Err(error) => tracing::warn!(error = %error, "Connections waiting to be accepted were refused."),
    }
    connections.close();
    let _ = timeout(LINGER, connections.wait()).await;
    close_idle.cancel();
    if timeout(timeouts.graceful, connections.wait()).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "Open requests took longer than SQUALL_GRACEFUL_TIMEOUT and were cancelled."
        );
    }
}

/// Connections that wait in the kernel may already carry a request. They are accepted without the
/// runtime, whose knowledge of the socket may be out of date.
fn waiting(listener: &std::net::TcpListener) -> impl Iterator<Item = TcpStream> {
    std::iter::from_fn(|| listener.accept().ok()).filter_map(|(stream, _)| {
        stream.set_nonblocking(true).ok()?;
        TcpStream::from_std(stream).ok()
    })
}

async fn connection(stream: TcpStream, router: Router, keep_alive: Duration, close_idle: CancellationToken) {
    // Send small responses at once: otherwise a pipelining client waits for a timer of the kernel.
    let _ = stream.set_nodelay(true);
    let mut server = http1::Builder::new();
    // Counted from the last response: it closes idle connections, and those that send a request
    // byte by byte.
    server.timer(TokioTimer::new()).header_read_timeout(keep_alive);
    let serving = server.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut serving = std::pin::pin!(serving);
    let ended = tokio::select! {
        ended = &mut serving => ended,
        () = close_idle.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        // Clients disconnect all the time.
        tracing::debug!(error = %error, "Connection ended early.");
    }
}

async fn pause_when_full(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    tracing::error!(error = %error, "Connection could not be accepted.");
    sleep(FULL_PAUSE).await;
}
