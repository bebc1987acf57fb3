//! Logs: one JSON object a line on standard output, or lines for people, with the same field names in every process.

use crate::config::Common;
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

/// Starts logging, with what is to be said about the configuration.
///
/// # Errors
/// When the filter cannot be read, or logging was started before.
pub fn init(service: &'static str, config: &Common) -> anyhow::Result<()> {
    let filter = EnvFilter::try_new(&config.log.filter)?;
    let lines = match config.log.is_text {
        true => tracing_subscriber::fmt::layer().with_ansi(false).boxed(),
        false => {
            let json = tracing_subscriber::fmt::layer().json().flatten_event(true);
            json.with_current_span(false).with_target(true).boxed()
        }
    };
    tracing_subscriber::registry().with(lines).with(filter).try_init()?;
    tracing::info!(service, version = env!("CARGO_PKG_VERSION"), "The process starts.");
    for warning in &config.warnings {
        tracing::warn!(warning, "The configuration can be used, but should be mended.");
    }
    std::panic::set_hook(Box::new(|panic| {
        // A panic is a bug of ours: it goes to the log like everything else, never bare to a terminal.
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, panic = panic.payload_as_str(), "The process met a bug.");
    }));
    Ok(())
}
