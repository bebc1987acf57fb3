//! A secret in a file, as Compose, Swarm, Kubernetes and systemd provide them.

use super::Secret;
use std::{
    fs::{self, File},
    io::{self, Read},
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::Path,
};

/// No secret is larger; a log file named by mistake is not read into memory.
const MAX_BYTES: u64 = 64 * 1024;

/// Container runtimes mount secrets here with mode 0444, where only the container's own processes
/// see them.
const MOUNTS: [&str; 2] = ["/run/secrets", "/var/run/secrets"];

/// Reads the file that `variable` names. Trailing line ends are dropped: editors add them.
pub(super) fn read(variable: &str, path: &Path) -> Result<Secret, String> {
    let shown = path.display();
    let problem = |what: String| Err(format!("{variable} is {shown}, {what}"));
    let mut content = Vec::new();
    let read = File::open(path).and_then(|file| {
        let metadata = file.metadata()?;
        file.take(MAX_BYTES + 1).read_to_end(&mut content)?;
        Ok(metadata)
    });
    let metadata = match read {
        Ok(metadata) => metadata,
        Err(error) => return problem(reason(&error)),
    };
    if content.len() as u64 > MAX_BYTES {
        return problem("which is larger than 64 KiB and cannot be a secret".into());
    }
    let mode = metadata.permissions().mode();
    if metadata.is_file() && mode & 0o002 != 0 {
        return problem(format!(
            "which every user of this machine can change (mode {:04o}). Run chmod 600 {shown}",
            mode & 0o7777
        ));
    }
    let Ok(text) = String::from_utf8(content) else { return problem("which is not UTF-8 text".into()) };
    let value = text.trim_end_matches(['\r', '\n']).to_owned();
    if value.is_empty() {
        return problem("which is empty. Write the secret into it".into());
    }
    if value.contains(['\n', '\r', '\0']) {
        return problem("which has more than one line. Write only the secret into it".into());
    }
    let is_open = metadata.is_file() && mode & 0o004 != 0 && !MOUNTS.iter().any(|it| path.starts_with(it));
    let warning = is_open.then(|| {
        format!(
            "{variable} is {shown}, which every user of this machine can read (mode {:04o}). Run chmod 600 {shown}",
            mode & 0o7777
        )
    });
    Ok(Secret { value, warnings: warning.into_iter().collect() })
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "a file that does not exist. Create it, or mount it into the container".into()
        }
        io::ErrorKind::PermissionDenied => {
            // The owner of /proc/self is the user this process runs as.
            let user = fs::metadata("/proc/self")
                .map_or_else(|_| "of this process".into(), |it| it.uid().to_string());
            format!(
                "a file that this process cannot read. Make user {user} its owner, or let its group read it"
            )
        }
        io::ErrorKind::IsADirectory => "a folder. Name the file in it".into(),
        _ => format!("a file that cannot be read: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_file(content: &[u8], mode: u32) -> Result<Secret, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("password");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        read("KEY_FILE", &path)
    }

    #[test]
    fn trailing_line_ends_are_not_part_of_the_secret() {
        for content in ["p@ss word", "p@ss word\n", "p@ss word\r\n"] {
            let secret = read_file(content.as_bytes(), 0o600).unwrap();
            assert_eq!((secret.value.as_str(), secret.warnings.len()), ("p@ss word", 0));
        }
    }

    #[test]
    fn a_file_that_cannot_be_a_secret_is_refused_without_repeating_it() {
        let large = vec![b'x'; 70_000];
        for (content, mode, expected) in [
            (&b""[..], 0o600, "which is empty"),
            (b"\n\n", 0o600, "which is empty"),
            (b"hunter2\nhunter3\n", 0o600, "more than one line"),
            (b"hunter2\xff", 0o600, "not UTF-8"),
            (&large, 0o600, "larger than 64 KiB"),
            (b"hunter2", 0o666, "can change (mode 0666)"),
        ] {
            let problem = read_file(content, mode).unwrap_err();
            assert!(problem.starts_with("KEY_FILE is /") && problem.contains(expected), "{problem}");
            assert!(!problem.contains("hunter"), "{problem}");
        }
        assert!(read("KEY_FILE", Path::new("/no/such")).unwrap_err().contains("does not exist"));
        assert!(read("KEY_FILE", Path::new("/tmp")).unwrap_err().contains("a folder"));
    }

    #[test]
    fn a_file_that_everyone_can_read_is_used_with_a_warning() {
        let secret = read_file(b"hunter2", 0o644).unwrap();
        assert_eq!(secret.value, "hunter2");
        let [warning] = &secret.warnings[..] else { panic!("{secret:?}") };
        assert!(warning.contains("can read (mode 0644)") && !warning.contains("hunter2"), "{warning}");
    }
}
