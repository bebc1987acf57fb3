//! Logs, always, and traces, on request.
//!
//! Logs are one JSON object per line on standard output, or plain text, with the same field names
//! in every process. Traces go to an OpenTelemetry collector when one is set ([`settings`]). Code
//! describes its work with [`trace`]; ended spans go through a bounded queue to a task that sends
//! them in batches ([`export`]), so that nothing waits for a collector. Without a collector there
//! is no task, no queue and no span.

mod lines;
mod settings;
pub mod trace;
mod export;
mod collector;

pub use export::Export;
pub use settings::Traces;

use lines::WithTrace;
use squall_base::Environment;
use tracing_subscriber::{EnvFilter, Layer, layer::SubscriberExt, util::SubscriberInitExt};

/// How to log.
#[derive(Debug, Clone)]
pub struct Logging {
    /// A level, or a list in the form of `tracing`'s `EnvFilter`.
    pub filter: String,
    /// Plain text instead of JSON.
    pub is_text: bool,
}

impl Logging {
    /// Reads `SQUALL_LOG` and `SQUALL_LOG_FORMAT`.
    pub fn read(env: &mut Environment) -> Self {
        Self {
            filter: env
                .get(
                    "SQUALL_LOG",
                    "info",
                    "What to log: a level, or a list such as `info,sqlx=warn`.",
                    "a log filter such as info,sqlx=warn",
                    |text| EnvFilter::try_new(text).ok().map(|_| text.to_owned()),
                )
                .unwrap_or_default(),
            is_text: env.choice(
                "SQUALL_LOG_FORMAT",
                "json",
                &["json", "text"],
                "One JSON object per line, or plain text.",
            ) == "text",
        }
    }
}

/// Starts logging and, when `traces` are set, tracing; then logs `warnings` about the
/// configuration. The returned [`Export`] has to wrap the work of the process.
///
/// # Errors
/// When the filter cannot be read, or logging was started before.
pub fn init(
    service: &'static str,
    logging: &Logging,
    traces: Option<&Traces>,
    warnings: &[String],
) -> anyhow::Result<Export> {
    let filter = EnvFilter::try_new(&logging.filter)?;
    let lines = match logging.is_text {
        true => tracing_subscriber::fmt::layer().with_ansi(false).map_event_format(WithTrace::text).boxed(),
        false => {
            let json = tracing_subscriber::fmt::layer().json().flatten_event(true);
            json.with_current_span(false).with_target(true).map_event_format(WithTrace::json).boxed()
        }
    };
    tracing_subscriber::registry().with(lines).with(filter).try_init()?;
    tracing::info!(service, version = env!("CARGO_PKG_VERSION"), "Starting.");
    for warning in warnings {
        tracing::warn!(warning, "The configuration has a problem that should be fixed.");
    }
    std::panic::set_hook(Box::new(|panic| {
        // A panic goes to the log like everything else, never unstructured to a terminal.
        let location = panic.location().map(ToString::to_string);
        tracing::error!(location, panic = panic.payload_as_str(), "Panicked.");
    }));
    Ok(traces.map_or_else(Export::none, |traces| trace::begin(service, traces)))
}
