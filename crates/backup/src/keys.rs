//! The keys of encrypted backups: public ones to encrypt, secret ones to decrypt.

use crate::failure::failure;
use age::{secrecy::ExposeSecret, x25519};
use anyhow::{Context, Result};
use std::{
    fmt, fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
};

/// Who can decrypt a new backup. Empty: it is not encrypted.
#[derive(Clone, Default)]
pub struct Recipients(Arc<[x25519::Recipient]>);

/// Secret keys to decrypt with. Empty: only backups that are not encrypted can be read.
#[derive(Clone, Default)]
pub struct Identities(Arc<[x25519::Identity]>);

impl fmt::Debug for Recipients {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Recipients({:?})", self.names())
    }
}

impl fmt::Debug for Identities {
    /// Never shows the keys.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Identities({} keys)", self.0.len())
    }
}

impl Recipients {
    /// Public keys (`age1…`), and a file with one per line; `#` starts a comment.
    ///
    /// # Errors
    /// When the file cannot be read, or something is not a public key.
    pub fn parse(keys: &[String], file: Option<&Path>) -> Result<Self> {
        let listed = match file {
            Some(file) => fs::read_to_string(file)
                .with_context(|| format!("reading the file of recipients {}", file.display()))?,
            None => String::new(),
        };
        if file.is_some() && significant(&listed).next().is_none() {
            return Err(failure(
                "reading the file of recipients",
                "it contains no key, so the backup would not be encrypted",
                "write a public key (age1…) into it, or omit --recipients-file",
            ));
        }
        let keys = keys.iter().map(String::as_str).chain(significant(&listed));
        Ok(Self(keys.map(recipient).collect::<Result<_>>()?))
    }

    /// The public keys, for the manifest.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }

    /// Whether the backup stays unencrypted.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Starts an encrypted stream.
    pub(crate) fn encryptor(&self) -> io::Result<age::Encryptor> {
        let recipients = self.0.iter().map(|recipient| recipient as &dyn age::Recipient);
        age::Encryptor::with_recipients(recipients).map_err(io::Error::other)
    }
}

/// Generates a key pair: the secret key in `file`, the public key in `file.pub`. Returns the public
/// key.
///
/// # Errors
/// When one of the files exists: overwriting a key would make its backups unreadable.
pub fn generate(file: &Path) -> Result<String> {
    let identity = x25519::Identity::generate();
    let public = identity.to_public().to_string();
    let mut public_file = file.as_os_str().to_owned();
    public_file.push(".pub");
    let secret = format!(
        "# The secret key of Squall's backups. Store it away from them.\n{}\n",
        identity.to_string().expose_secret()
    );
    for (path, content, mode) in
        [(file, &secret, 0o600), (Path::new(&public_file), &format!("{public}\n"), 0o644)]
    {
        let mut options = fs::OpenOptions::new();
        let opened = options.write(true).create_new(true).mode(mode).open(path);
        let written = opened.and_then(|mut target| target.write_all(content.as_bytes()));
        written.with_context(|| {
            format!("writing the key {}; an existing key is never overwritten", path.display())
        })?;
    }
    Ok(public)
}

impl Identities {
    /// Reads the secret keys (`AGE-SECRET-KEY-1…`) of a file, if one is given.
    ///
    /// # Errors
    /// When the file cannot be read or contains no key.
    pub fn read(file: Option<&Path>) -> Result<Self> {
        let Some(file) = file else { return Ok(Self::default()) };
        let tried = || format!("reading the identity file {}", file.display());
        let content = fs::read_to_string(file).with_context(tried)?;
        Self::parse(&content).map_err(|wrong| {
            failure(
                tried(),
                wrong,
                "name a file from `squall-backup key` or `age-keygen -o`, with AGE-SECRET-KEY-1…",
            )
        })
    }

    /// The secret keys in a text, one per line.
    ///
    /// # Errors
    /// When a line is not a key. The message does not repeat the line, which may be a secret.
    pub fn parse(content: &str) -> Result<Self, String> {
        let identities: Vec<x25519::Identity> = significant(content)
            .map(|line| line.parse().map_err(|_| "a line is not an age secret key".to_owned()))
            .collect::<Result<_, String>>()?;
        if identities.is_empty() { Err("it contains no key".to_owned()) } else { Ok(Self(identities.into())) }
    }

    /// Whether it holds no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Opens an encrypted stream.
    pub(crate) fn decrypt<R: io::BufRead>(&self, source: R) -> Result<impl io::Read + use<R>> {
        let decryptor = age::Decryptor::new_buffered(source).context("reading the age header")?;
        let identities = self.0.iter().map(|identity| identity as &dyn age::Identity);
        decryptor.decrypt(identities).map_err(|error| match error {
            age::DecryptError::NoMatchingKeys => failure(
                "decrypting",
                "wrong key: no key in the identity file decrypts this backup",
                "pass --identity with the secret key of a recipient in `squall-backup list --json`",
            ),
            other => anyhow::Error::new(other).context("decrypting"),
        })
    }
}

fn recipient(key: &str) -> Result<x25519::Recipient> {
    key.parse().map_err(|wrong: &str| {
        let shown = if key.starts_with("AGE-SECRET") { "a secret key" } else { key };
        failure(format!("reading the recipient {shown}"), wrong, "pass a public key, which starts with age1")
    })
}

fn significant(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}
