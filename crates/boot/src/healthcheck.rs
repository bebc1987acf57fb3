//! The `healthcheck` command, for containers without curl.

use squall_base::{Failure, http};
use std::{io::Write, net::SocketAddr, time::Duration};

/// Shorter than the time limit that containers usually give a health check.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Options of the command.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct HealthcheckOptions {
    /// Check whether the process can work (`/readyz`), not only whether it runs (`/healthz`).
    #[arg(long)]
    pub ready: bool,
}

/// Asks the process that listens on `address` and prints the result.
///
/// # Errors
/// Nothing answers there, or what answers is not healthy.
pub fn run(address: SocketAddr, options: HealthcheckOptions) -> anyhow::Result<()> {
    let (path, state) = if options.ready { ("/readyz", "ready") } else { ("/healthz", "alive") };
    let address = http::connectable(address);
    http::check_health(address, path, TIMEOUT).map_err(|reason| {
        Failure::new(format!("requesting http://{address}{path}"), reason, "read the log of the process")
    })?;
    // The result counts even when nobody reads the sentence.
    let _ = writeln!(std::io::stdout(), "http://{address}{path}: the process is {state}.");
    Ok(())
}
