//! From an environment to a running nginx.

use crate::{
    nginx::Nginx,
    render::{self, ConfigurationFile},
    settings::Settings,
};
use squall_base::{Environment, Failure, http::connectable};
use std::{fs, io, net::TcpStream, path::Path, time::Duration};

/// A listener on this machine accepts a connection immediately.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(200);

/// Becomes nginx; returns only when that fails.
pub fn run() -> Result<(), Failure> {
    let settings = Settings::read(Environment::from_process())?;
    let nginx = Nginx::find(&settings.nginx)?;
    let files = render::files(&settings, nginx.version)?;
    write(&settings.folder, &files)?;
    nginx.test(&settings.folder)?;
    check_ports(&settings)?;
    Err(nginx.exec(&settings.folder))
}

fn write(folder: &Path, files: &[ConfigurationFile]) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        Failure::new(
            format!("writing the nginx configuration to {}", folder.display()),
            error,
            "make the folder writable for this user, for example with a tmpfs, or set SQUALL_EDGE_FOLDER to another one",
        )
    };
    fs::create_dir_all(folder).map_err(failed)?;
    for file in files {
        fs::write(folder.join(file.name), &file.text).map_err(failed)?;
    }
    Ok(())
}

/// nginx would retry a port that is in use for seconds, and then report only a number. Binding the
/// port here would be a stricter test, but would reset clients that connect too early.
fn check_ports(settings: &Settings) -> Result<(), Failure> {
    let tls = settings.tls.as_ref().map(|tls| ("SQUALL_EDGE_TLS_LISTEN", tls.listen));
    for (variable, address) in [("SQUALL_EDGE_LISTEN", settings.listen)].into_iter().chain(tls) {
        if TcpStream::connect_timeout(&connectable(address), CONNECT_TIMEOUT).is_ok() {
            return Err(Failure::new(
                format!("listening on {address}"),
                "another process already listens there",
                format!("stop that process, or set {variable} to another port"),
            ));
        }
    }
    Ok(())
}
