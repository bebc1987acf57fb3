//! The program nginx: where it is, which version, and what it says of a configuration.

use crate::failure::Failure;
use std::{
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

/// Major, minor, patch.
pub type Version = (u32, u32, u32);

/// An nginx that can be run.
pub struct Nginx {
    program: PathBuf,
    /// What it says it is.
    pub version: Version,
}

/// The oldest that is tested.
const OLDEST: Version = (1, 22, 0);

impl Nginx {
    /// Asks the program for its version.
    pub fn find(program: &Path) -> Result<Self, Failure> {
        let tried = format!("asking {} for its version", program.display());
        let next = "install nginx 1.22 or newer, or set SQUALL_EDGE_NGINX to where it is";
        let output = Self::at(program)
            .arg("-v")
            .output()
            .map_err(|error| Failure::new(&tried, format!("it cannot be run: {error}"), next))?;
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        let version = parse_version(&said).ok_or_else(|| {
            Failure::new(&tried, format!("it answered {said:?}, and not as nginx does"), next)
        })?;
        if version < OLDEST {
            return Err(Failure::new(&tried, format!("it is too old: {said}"), next));
        }
        Ok(Self { program: program.to_owned(), version })
    }

    /// Lets nginx read the configuration in a folder.
    pub fn test(&self, folder: &Path) -> Result<(), Failure> {
        let tried = format!("letting nginx check the configuration in {}", folder.display());
        let next =
            "mend the file or setting that is named; `squall-edge print` shows the whole configuration";
        let output = self
            .command(folder)
            .args(["-t", "-q"])
            .output()
            .map_err(|error| Failure::new(&tried, format!("it cannot be run: {error}"), next))?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(Failure::several(tried, said.trim().lines().map(without_time).collect(), next))
    }

    /// Becomes nginx; comes back only when that fails.
    pub fn become_it(&self, folder: &Path) -> Failure {
        let error = self.command(folder).exec();
        Failure::new("starting nginx", error.to_string(), "check that SQUALL_EDGE_NGINX may be executed")
    }

    /// Debian puts nginx where the path of an ordinary user does not lead.
    fn at(program: &Path) -> Command {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(program);
        command.env("PATH", format!("{path}:/usr/local/sbin:/usr/sbin"));
        command
    }

    /// Without `-e`, nginx would open the log it was compiled for before it reads a line of configuration.
    fn command(&self, folder: &Path) -> Command {
        let mut command = Self::at(&self.program);
        command.args(["-e", "stderr", "-p"]).arg(folder).arg("-c").arg(folder.join("nginx.conf"));
        command
    }
}

/// `nginx version: nginx/1.22.1` and what distributions add to it.
fn parse_version(said: &str) -> Option<Version> {
    let number = said.split("nginx/").nth(1)?.split(|c: char| c != '.' && !c.is_ascii_digit()).next()?;
    let mut parts = number.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??, parts.next()??))
}

/// `2026/01/01 00:00:00 [emerg] 7#7: what is wrong` begins with what is wrong.
fn without_time(line: &str) -> String {
    let stamped = line
        .split_once("] ")
        .and_then(|(_, rest)| rest.split_once("#"))
        .and_then(|(_, rest)| rest.split_once(": "));
    stamped.map_or(line, |(_, said)| said).trim_start_matches("nginx: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nginx_says_loses_its_time_and_number() {
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
    fn versions_are_read_from_what_nginx_says() {
        for (said, expected) in [
            ("nginx version: nginx/1.22.1", Some((1, 22, 1))),
            ("nginx version: nginx/1.28.0 (Ubuntu)", Some((1, 28, 0))),
            ("bash: nginx: no such file", None),
            ("nginx version: nginx/one", None),
        ] {
            assert_eq!(parse_version(said), expected, "{said}");
        }
    }
}
