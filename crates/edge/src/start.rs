//! From an environment to a running nginx.

use crate::{
    environment::Environment,
    failure::Failure,
    health,
    nginx::Nginx,
    render::{self, ConfigurationFile},
    settings::Settings,
};
use std::{fs, io, net::TcpStream, path::Path, time::Duration};

/// What listens on this machine takes a connection at once.
const A_MOMENT: Duration = Duration::from_millis(200);

/// Becomes nginx; comes back only with a reason why not.
pub fn run() -> Result<(), Failure> {
    let settings = Settings::read(Environment::from_process())?;
    let nginx = Nginx::find(&settings.nginx)?;
    let files = render::files(&settings, nginx.version)?;
    write(&settings.folder, &files)?;
    nginx.test(&settings.folder)?;
    look_at_ports(&settings)?;
    Err(nginx.become_it(&settings.folder))
}

fn write(folder: &Path, files: &[ConfigurationFile]) -> Result<(), Failure> {
    let failed = |error: io::Error| {
        Failure::new(
            format!("writing nginx's configuration to {}", folder.display()),
            error.to_string(),
            "make the folder writable for this user, for example with a tmpfs, or set SQUALL_EDGE_FOLDER to another one",
        )
    };
    fs::create_dir_all(folder).map_err(failed)?;
    for file in files {
        fs::write(folder.join(file.name), &file.text).map_err(failed)?;
    }
    Ok(())
}

/// nginx would try a taken port for seconds, and then name only a number. A listener of our own would be the surer test, and
/// would reset whoever came too early.
fn look_at_ports(settings: &Settings) -> Result<(), Failure> {
    let tls = settings.tls.as_ref().map(|tls| ("SQUALL_EDGE_TLS_LISTEN", tls.listen));
    for (variable, address) in [("SQUALL_EDGE_LISTEN", settings.listen)].into_iter().chain(tls) {
        if TcpStream::connect_timeout(&health::from_inside(address), A_MOMENT).is_ok() {
            return Err(Failure::new(
                format!("listening on {address}"),
                "another process listens there already",
                format!("stop that process, or set {variable} to another port"),
            ));
        }
    }
    Ok(())
}
