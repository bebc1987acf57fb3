//! The end of a process: a signal cancels a token, and everything that loops looks at the token.

use anyhow::{Context, Result};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// A token that SIGTERM or SIGINT cancels. A second signal ends the process at once.
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
                tracing::info!(signal = name, "The process was asked to stop and finishes what it began.");
                cancelled.cancel();
            } else {
                tracing::warn!(
                    signal = name,
                    "The process was asked to stop a second time and stops at once."
                );
                std::process::exit(130);
            }
        }
    });
    Ok(token)
}
