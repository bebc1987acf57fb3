//! What a process says of itself while it works: lines, always, and traces, on request.
//!
//! Logs are one JSON object a line on standard output, or lines for people, with the same field names in every process.
//! Traces go to an OpenTelemetry collector when one is set ([`settings`]). Code describes its work with [`trace`]; ended
//! spans go through a bounded queue to a task that sends them in batches ([`export`]), so that nobody waits for a
//! collector. Without one there is no task, no queue and no span.

mod lines;
mod settings;
pub mod trace;
mod export;
mod collector;

pub use export::Export;
pub use settings::Traces;

use crate::config::Common;
use lines::WithTrace;
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

/// Starts logging, with what is to be said about the configuration, and traces if they are asked for. What it returns
/// has to be put around the work of the process.
///
/// # Errors
/// When the filter cannot be read, or logging was started before.
pub fn init(service: &'static str, config: &Common) -> anyhow::Result<Export> {
    let filter = EnvFilter::try_new(&config.log.filter)?;
    let lines = match config.log.is_text {
        true => tracing_subscriber::fmt::layer().with_ansi(false).map_event_format(WithTrace::text).boxed(),
        false => {
            let json = tracing_subscriber::fmt::layer().json().flatten_event(true);
            json.with_current_span(false).with_target(true).map_event_format(WithTrace::json).boxed()
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
    Ok(config.traces.as_ref().map_or_else(Export::none, |traces| trace::begin(service, traces)))
}
