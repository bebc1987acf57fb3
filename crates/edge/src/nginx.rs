//! The nginx program: where it is, its version, and its opinion of a configuration.

use squall_base::Failure;
use std::{
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

/// Major, minor, patch.
pub type Version = (u32, u32, u32);

/// An nginx that was found.
pub struct Nginx {
    program: PathBuf,
    pub version: Version,
}

/// The oldest version that is tested.
const OLDEST: Version = (1, 22, 0);

impl Nginx {
    pub fn find(program: &Path) -> Result<Self, Failure> {
        let tried = format!("running {} -v", program.display());
        let next = "install nginx 1.22 or newer, or set SQUALL_EDGE_NGINX to its path";
        let output = Self::at(program)
            .arg("-v")
            .output()
            .map_err(|error| Failure::new(&tried, format!("it cannot be run: {error}"), next))?;
        let answer = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let version = parse_version(&answer).ok_or_else(|| {
            Failure::new(&tried, format!("the answer {answer:?} is not that of nginx"), next)
        })?;
        if version < OLDEST {
            return Err(Failure::new(&tried, format!("this version is too old: {answer}"), next));
        }
        Ok(Self { program: program.to_owned(), version })
    }

    /// Lets nginx check the configuration in a folder.
    pub fn test(&self, folder: &Path) -> Result<(), Failure> {
        let tried = format!("letting nginx check the configuration in {}", folder.display());
        let next = "fix the file or setting named above; `squall-edge print` shows the whole configuration";
        let output = self
            .command(folder)
            .args(["-t", "-q"])
            .output()
            .map_err(|error| Failure::new(&tried, format!("it cannot be run: {error}"), next))?;
        if output.status.success() {
            return Ok(());
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        let errors: Vec<_> = errors.trim().lines().map(without_time).collect();
        Err(Failure::new(tried, errors.join("\n"), next))
    }

    /// Becomes nginx; returns only when that fails.
    pub fn exec(&self, folder: &Path) -> Failure {
        let error = self.command(folder).exec();
        Failure::new("starting nginx", error, "check that this user may execute SQUALL_EDGE_NGINX")
    }

    /// Debian installs nginx in a folder that is not on the `PATH` of an ordinary user.
    fn at(program: &Path) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(program);
        command.env("PATH", format!("{path}:/usr/local/sbin:/usr/sbin"));
        command
    }

    /// Without `-e`, nginx would open its built-in log file before it reads the configuration.
    fn command(&self, folder: &Path) -> Command {
        let mut command = Self::at(&self.program);
        command.args(["-e", "stderr", "-p"]).arg(folder).arg("-c").arg(folder.join("nginx.conf"));
        command
    }
}

/// `nginx version: nginx/1.22.1`, with or without what distributions append.
fn parse_version(text: &str) -> Option<Version> {
    let number = text.split("nginx/").nth(1)?.split(|c: char| c != '.' && !c.is_ascii_digit()).next()?;
    let mut parts = number.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??, parts.next()??))
}

/// Cuts the time and process id: `2026/01/01 00:00:00 [emerg] 7#7: message`.
fn without_time(line: &str) -> String {
    let stamped = line
        .split_once("] ")
        .and_then(|(_, rest)| rest.split_once("#"))
        .and_then(|(_, rest)| rest.split_once(": "));
    stamped.map_or(line, |(_, message)| message).trim_start_matches("nginx: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_nginx_is_shown_without_its_time_and_process_id() {
        for (line, expected) in [
            (
                "2026/11/21 09:28:13 [emerg] 271#271: invalid parameter \"edge\" in /a:12",
                "invalid parameter \"edge\" in /a:12",
            ),
            ("nginx: configuration file /a test failed", "configuration file /a test failed"),
        ] {
            assert_eq!(without_time(line), expected);
        }
    }

    #[test]
    fn the_version_is_read_from_the_answer_of_nginx() {
        for (text, expected) in [
            ("nginx version: nginx/1.22.1", Some((1, 22, 1))),
            ("nginx version: nginx/1.28.0 (Ubuntu)", Some((1, 28, 0))),
            ("bash: nginx: no such file", None),
            ("nginx version: nginx/one", None),
        ] {
            assert_eq!(parse_version(text), expected, "{text}");
        }
    }
}
