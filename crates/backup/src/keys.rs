//! The keys of an encrypted backup: public ones to make it, secret ones to read it.

use crate::failure::Failure;
use age::{secrecy::ExposeSecret, x25519};
use anyhow::{Context, Result};
use std::{
    fmt, fs,
    io::{self, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::Arc,
};

/// Who shall be able to read a backup. Empty: it is not encrypted.
#[derive(Clone, Default)]
pub struct Recipients(Arc<[x25519::Recipient]>);

/// Who reads a backup. Empty: only backups that are not encrypted can be read.
#[derive(Clone, Default)]
pub struct Identities(Arc<[x25519::Identity]>);

impl fmt::Debug for Recipients {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Recipients({:?})", self.names())
    }
}

impl fmt::Debug for Identities {
    /// Secret keys are never shown.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Identities({} keys)", self.0.len())
    }
}

impl Recipients {
    /// Public keys (`age1…`) and a file with one a line; `#` begins a comment.
    ///
    /// # Errors
    /// When the file cannot be read, or something is no public key.
    pub fn parse(keys: &[String], file: Option<&Path>) -> Result<Self> {
        let listed = match file {
            Some(file) => fs::read_to_string(file)
                .with_context(|| format!("reading the file of recipients {}", file.display()))?,
            None => String::new(),
        };
        if file.is_some() && significant(&listed).next().is_none() {
            return Err(Failure::new(
                "reading the file of recipients",
                "it names none, so the backup would not be encrypted",
                "write a public key (age1…) into it, or leave --recipients-file out",
            ));
        }
        let keys = keys.iter().map(String::as_str).chain(significant(&listed));
        Ok(Self(keys.map(recipient).collect::<Result<_>>()?))
    }

    /// The public keys as the manifest names them.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }

    /// Whether nobody is named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Starts an encrypted stream.
    pub(crate) fn encryptor(&self) -> io::Result<age::Encryptor> {
        let recipients = self.0.iter().map(|recipient| recipient as &dyn age::Recipient);
        age::Encryptor::with_recipients(recipients).map_err(io::Error::other)
    }
}

/// Makes a pair of keys: the secret one in `file`, the public one beside it as `file.pub`. Answers the public one.
///
/// # Errors
/// When one of the files is there already, since a key that is overwritten loses its backups.
pub fn generate(file: &Path) -> Result<String> {
    let identity = x25519::Identity::generate();
    let public = identity.to_public().to_string();
    let mut beside = file.as_os_str().to_owned();
    beside.push(".pub");
    let secret = format!(
        "# The secret key of Squall's backups. Keep it apart from them.\n{}\n",
        identity.to_string().expose_secret()
    );
    for (path, content, mode) in [(file, &secret, 0o600), (Path::new(&beside), &format!("{public}\n"), 0o644)]
    {
        let mut options = fs::OpenOptions::new();
        let opened = options.write(true).create_new(true).mode(mode).open(path);
        let written = opened.and_then(|mut target| target.write_all(content.as_bytes()));
        written.with_context(|| {
            format!("writing the key {}; an old key is never overwritten", path.display())
        })?;
    }
    Ok(public)
}

impl Identities {
    /// Reads the secret keys (`AGE-SECRET-KEY-1…`) of a file, if one is given.
    ///
    /// # Errors
    /// When it cannot be read or holds none.
    pub fn read(file: Option<&Path>) -> Result<Self> {
        let Some(file) = file else { return Ok(Self::default()) };
        let tried = || format!("reading the identity file {}", file.display());
        let content = fs::read_to_string(file).with_context(tried)?;
        Self::parse(&content).map_err(|wrong| {
            Failure::new(tried(), wrong, "name the file that `age-keygen -o` made, with AGE-SECRET-KEY-1…")
        })
    }

    /// The secret keys of a text, one a line.
    ///
    /// # Errors
    /// When a line is none. The line is not repeated: it may be a secret.
    pub fn parse(content: &str) -> Result<Self, String> {
        let identities: Vec<x25519::Identity> = significant(content)
            .map(|line| line.parse().map_err(|_| "a line of it is no secret key of age".to_owned()))
            .collect::<Result<_, String>>()?;
        if identities.is_empty() { Err("it holds no key".to_owned()) } else { Ok(Self(identities.into())) }
    }

    /// Whether no key is given.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Opens an encrypted stream.
    pub(crate) fn decrypt<R: io::BufRead>(&self, source: R) -> Result<impl io::Read + use<R>> {
        let decryptor = age::Decryptor::new_buffered(source).context("reading the age header")?;
        let identities = self.0.iter().map(|identity| identity as &dyn age::Identity);
        decryptor.decrypt(identities).map_err(|error| match error {
            age::DecryptError::NoMatchingKeys => Failure::new(
                "decrypting",
                "wrong key: none of the keys of the identity file opens this backup",
                "give --identity the secret key of one of the recipients that `squall-backup list --json` names",
            ),
            other => anyhow::Error::new(other).context("decrypting"),
        })
    }
}

fn recipient(key: &str) -> Result<x25519::Recipient> {
    key.parse().map_err(|wrong: &str| {
        let shown = if key.starts_with("AGE-SECRET") { "a secret key" } else { key };
        Failure::new(
            format!("reading the recipient {shown}"),
            wrong,
            "give a public key, which begins with age1",
        )
    })
}

fn significant(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
}
