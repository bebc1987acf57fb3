//! Stopping: a signal cancels a token that every loop watches.

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that SIGTERM or SIGINT cancels. A second signal ends the process immediately.
///
/// # Errors
/// When the operating system refuses to register the signals.
pub fn token() -> Result<CancellationToken> {
    let token = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let cancelled = token.clone();
    tokio::spawn(async move {
        for first in [true, false] {
            let name = tokio::select! {
                _ = terminate.recv() => "SIGTERM",
                _ = interrupt.recv() => "SIGINT",
            };
            if first {
                tracing::info!(signal = name, "Stopping after the work in progress.");
                cancelled.cancel();
            } else {
                tracing::warn!(signal = name, "Stopping at once after a second signal.");
                std::process::exit(130);
            }
        }
    });
    Ok(token)
}
