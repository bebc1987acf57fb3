//! What gives a secret away: the name of a variable, the look of a text, the name of a file.

use crate::docker::context::glob;

/// Whether a variable of this name holds a secret.
pub fn is_secret(name: &str) -> bool {
    const PARTS: [&str; 6] = ["api_key", "client_key", "password", "private", "secret", "token"];
    let name = name.to_lowercase();
    PARTS.iter().any(|part| name.contains(part)) || name == "aws_access_key_id"
}

/// Whether a text holds a token, known by its beginning.
pub fn holds_token(text: &str) -> bool {
    const BEGINNINGS: &str = "AKIA ASIA ghp_ gho_ ghs_ github_pat_ glpat- xoxb- xoxp- sk_live_ npm_ \
        -----BEGIN AGE-SECRET-KEY- sq_";
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_' || letter == '-';
    BEGINNINGS.split(' ').any(|beginning| {
        text.match_indices(beginning).any(|(at, _)| {
            let before = text[..at].chars().next_back();
            let length = text[at + beginning.len()..].chars().take_while(|letter| is_word(*letter)).count();
            before.is_none_or(|before| !before.is_ascii_alphanumeric() && before != '_')
                && (length >= 16 || beginning.starts_with("-----"))
        })
    })
}

/// Whether a text holds `scheme://user:password@host` with a password that is not a variable.
pub fn holds_password(text: &str) -> bool {
    text.split("://").skip(1).any(|rest| {
        let authority = rest.split(['/', '?', ' ', '"', '\'']).next().unwrap_or_default();
        let user = authority.rsplit_once('@').map(|(user, _)| user);
        let password = user.and_then(|user| user.split_once(':')).map(|(_, password)| password);
        password.is_some_and(|password| !password.is_empty() && !password.starts_with('$'))
    })
}

/// Whether files of this name hold secrets wherever they are.
pub fn is_secret_file(name: &str) -> bool {
    const FILES: &str = ".env .env.* *.key *.p12 *.pfx *.jks id_rsa id_ed25519 id_ecdsa .npmrc \
        .pypirc .netrc .pgpass .git-credentials .htpasswd credentials.json *-key.pem \
        key.pem privkey.pem";
    FILES.split(' ').any(|pattern| glob(pattern, name))
}
