//! A shared store that exists already: any HTTP server that takes PUT and GET (nginx with WebDAV, or
//! bazel-remote), or a bucket that speaks S3. curl speaks to it.

use anyhow::{Context, Result, bail};
use std::{
    collections::BTreeMap,
    path::Path,
    process::{Command, Stdio},
};

/// How long one transfer may take, in seconds.
const LIMIT_SECONDS: &str = "60";

/// Where results are shared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remote {
    /// The address, with a slash at its end.
    url: String,
    /// `region`, if requests are signed for S3, and `user:password`.
    signature: Option<(String, String)>,
    /// Whether results are sent there, too.
    pub is_writable: bool,
}

impl Remote {
    /// Reads SQUALL_CI_CACHE: `https://host/path`, or `s3://bucket/prefix` with the AWS_ variables.
    ///
    /// # Errors
    /// The address has another form, or a variable is missing.
    pub fn parse(address: &str, variables: &BTreeMap<String, String>, is_writable: bool) -> Result<Self> {
        let slash = |url: &str| format!("{}/", url.trim_end_matches('/'));
        if address.starts_with("https://") || address.starts_with("http://") {
            return Ok(Self { url: slash(address), signature: None, is_writable });
        }
        let Some(bucket) = address.strip_prefix("s3://").filter(|bucket| !bucket.is_empty()) else {
            bail!("SQUALL_CI_CACHE is neither https://HOST/PATH nor s3://BUCKET/PREFIX");
        };
        let variable = |name: &str| variables.get(name).filter(|value| !value.is_empty());
        let secret = |name| {
            variable(name).with_context(|| format!("SQUALL_CI_CACHE names a bucket, and {name} is not set"))
        };
        let region = variable("AWS_REGION").map_or("us-east-1", String::as_str);
        let endpoint = variable("AWS_ENDPOINT_URL").cloned();
        let endpoint = endpoint.unwrap_or_else(|| format!("https://s3.{region}.amazonaws.com"));
        let user = format!("{}:{}", secret("AWS_ACCESS_KEY_ID")?, secret("AWS_SECRET_ACCESS_KEY")?);
        let url = slash(&format!("{}/{bucket}", endpoint.trim_end_matches('/')));
        Ok(Self { url, signature: Some((region.to_owned(), user)), is_writable })
    }

    /// A file of the store; none if it has none of this name.
    ///
    /// # Errors
    /// The store did not answer, or refused.
    pub fn get(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let (status, content) = self.transfer(name, &["--max-filesize", "67108864"])?;
        match status {
            200 => Ok(Some(content)),
            404 => Ok(None),
            _ => bail!("{} answered {status} to GET {name}", self.url),
        }
    }

    /// Sends a file.
    ///
    /// # Errors
    /// The store did not answer, or refused.
    pub fn put(&self, name: &str, file: &Path) -> Result<()> {
        let file = file.to_str().context("a path is UTF-8")?;
        match self.transfer(name, &["--upload-file", file])?.0 {
            200..300 => Ok(()),
            status => bail!("{} answered {status} to PUT {name}", self.url),
        }
    }

    /// The status, and the body. The secret goes through a pipe: every user can read the arguments.
    fn transfer(&self, name: &str, arguments: &[&str]) -> Result<(u16, Vec<u8>)> {
        let url = format!("{}{name}", self.url);
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--location", "--max-time", LIMIT_SECONDS]);
        curl.args(["--write-out", "\n%{http_code}", "--config", "-"]).args(arguments).arg(&url);
        let mut config = String::new();
        if let Some((region, user)) = &self.signature {
            curl.args(["--aws-sigv4", &format!("aws:amz:{region}:s3")]);
            config = format!("user = \"{}\"\n", user.replace('\\', "\\\\").replace('"', "\\\""));
        }
        curl.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = curl.spawn().context("the shared store needs curl (Debian: apt-get install curl)")?;
        std::io::Write::write_all(&mut child.stdin.take().context("curl has an input")?, config.as_bytes())?;
        let output = child.wait_with_output()?;
        let end = output.stdout.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
        let status = String::from_utf8_lossy(&output.stdout[end..]).trim().parse().unwrap_or(0);
        if !output.status.success() || status == 0 {
            bail!(
                "the shared store {} did not answer: {}",
                self.url,
                String::from_utf8_lossy(&output.stderr).trim()
            );
        }
        Ok((status, output.stdout[..end].to_vec()))
    }
}
