//! What gives a secret away: the name of a variable, the look of a text, the name of a file.

use crate::docker::context::glob;
use regex_lite::Regex;

/// Whether a variable of this name holds a secret.
pub fn is_secret(name: &str) -> bool {
    const PARTS: &str = "api_key client_key password private secret token";
    let name = name.to_lowercase();
    PARTS.split(' ').any(|part| name.contains(part)) || name == "aws_access_key_id"
}

/// Whether a text holds a token or a password.
pub fn is_in(text: &str) -> bool {
    holds_token(text) || holds_password(text)
}

/// Whether a text holds a token, known by its beginning.
pub fn holds_token(text: &str) -> bool {
    const TOKEN: &str = r"(^|[^A-Za-z0-9_])(-----BEGIN|(AKIA|ASIA|gh[pos]_|github_pat_|glpat-|xox[bp]-|sk_live_|npm_|sq_|AGE-SECRET-KEY-)[\w-]{16})";
    holds(text, TOKEN)
}

/// Whether a text holds `scheme://user:password@host` with a password that is not a variable.
pub fn holds_password(text: &str) -> bool {
    holds(text, r#"://[^/?\s"'@:]*:[^$/?\s"'@][^/?\s"'@]*@"#)
}

fn holds(text: &str, pattern: &str) -> bool {
    Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(text))
}

/// Whether files of this name hold secrets wherever they are.
pub fn is_secret_file(name: &str) -> bool {
    const FILES: &str = ".env .env.* *.key *.p12 *.pfx *.jks id_rsa id_ed25519 id_ecdsa .npmrc .pypirc .netrc .pgpass \
                         .git-credentials .htpasswd credentials.json *-key.pem key.pem privkey.pem";
    FILES.split(' ').filter_map(glob).any(|pattern| pattern.is_match(name))
}
