//! Connections: taken until the process is asked to stop, and then brought to an end that no sender notices.
//!
//! The end has three parts. At once nothing new is taken, so that whoever connects goes to another replica; what waited to
//! be taken still is. Connections that are open may still bring a request: for [`LINGER`] each is answered with
//! `Connection: close`, which tells the other side, an edge with a pool of connections say, to let go of it by itself. Then
//! idle connections are closed, and requests under way have the graceful timeout to be answered.

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

/// A request that was sent before its sender could know of the end has arrived by then.
const LINGER: Duration = Duration::from_secs(1);

/// When the process has no more files for connections, some of them will be free after this.
const FULL_PAUSE: Duration = Duration::from_millis(200);

/// How connections are kept and ended.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// How long a connection may be idle.
    pub keep_alive: Duration,
    /// How long requests under way have at the end.
    pub graceful: Duration,
}

/// Serves until `stop` is cancelled and every request is answered, or given up.
pub async fn serve(listener: TcpListener, router: Router, patience: Patience, stop: CancellationToken) {
    let connections = TaskTracker::new();
    let close_idle = CancellationToken::new();
    let take = |stream: TcpStream| {
        connections.spawn(connection(stream, router.clone(), patience.keep_alive, close_idle.clone()));
    };
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => take(stream),
                Err(error) => pause_when_full(&error).await,
            },
        }
    }
    match listener.into_std() {
        Ok(listener) => waiting(&listener).for_each(take),
        Err(error) => tracing::warn!(error = %error, "Connections that waited to be taken were refused."),
    }
    connections.close();
    let _ = timeout(LINGER, connections.wait()).await;
    close_idle.cancel();
    if timeout(patience.graceful, connections.wait()).await.is_err() {
        tracing::warn!(
            connections = connections.len(),
            "Requests under way took longer than SQUALL_GRACEFUL_TIMEOUT and were cut off."
        );
    }
}

/// Whoever is connected already, and waits to be taken, may have sent a request. The kernel is asked itself: what the
/// runtime knows of a socket may be older than the last who came.
fn waiting(listener: &std::net::TcpListener) -> impl Iterator<Item = TcpStream> {
    std::iter::from_fn(|| listener.accept().ok()).filter_map(|(stream, _)| {
        stream.set_nonblocking(true).ok()?;
        TcpStream::from_std(stream).ok()
    })
}

async fn connection(stream: TcpStream, router: Router, keep_alive: Duration, close_idle: CancellationToken) {
    // Small answers go out at once; without it a pipelining client waits for a timer of the kernel.
    let _ = stream.set_nodelay(true);
    let mut server = http1::Builder::new();
    // Counted from the last answer: it ends idle connections, and those that send a request by drops.
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
        // A client that goes away in the middle is no news.
        tracing::debug!(error = %error, "A connection ended early.");
    }
}

async fn pause_when_full(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    tracing::error!(error = %error, "A connection could not be taken.");
    sleep(FULL_PAUSE).await;
}
