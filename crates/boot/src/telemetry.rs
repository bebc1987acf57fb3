//! Logs: one JSON object a line on standard output, with the same field names in every process.

use tracing_subscriber::{EnvFilter, layer::SubscriberExt, util::SubscriberInitExt};

/// Starts logging, and with what is to be said about the configuration. `filter` is a level (`info`) or a list as of `tracing`'s `EnvFilter` (`info,sqlx=warn`).
///
/// # Errors
/// When the filter cannot be read, or logging was started before.
pub fn init(service: &'static str, filter: &str, warnings: &[String]) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(filter).map_err(|error| {
        anyhow::anyhow!("SQUALL_LOG is {filter:?}, which is not a log filter such as info,sqlx=warn: {error}")
    })?;
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_target(true);
    tracing_subscriber::registry().with(filter).with(lines).try_init()?;
    tracing::info!(service, version = env!("CARGO_PKG_VERSION"), "The process starts.");
    for warning in warnings {
        tracing::warn!(warning, "The configuration can be used, but should be mended.");
    }
    std::panic::set_hook(Box::new(|panic| {
        // A panic is a bug of ours: it goes to the log like everything else, never bare to a terminal.
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, panic = panic.payload_as_str(), "The process met a bug.");
    }));
    Ok(())
}
