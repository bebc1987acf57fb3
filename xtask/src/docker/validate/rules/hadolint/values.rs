//! ENV, ARG and LABEL.

use super::{Broken, Step};
use std::collections::BTreeSet;

pub fn check(steps: &[Step<'_>], kept: &[Step<'_>], broken: &mut Broken) {
    let mut known: BTreeSet<String> = BTreeSet::new();
    for step in steps {
        match step.instruction.keyword.as_str() {
            "ENV" => {
                let pairs = step.instruction.pairs();
                if refers_to_itself(&pairs, &known) {
                    broken.insert((step.line(), "DL3044"));
                }
                known.extend(pairs.into_iter().map(|(name, _)| name));
            }
            "ARG" => known.extend(step.instruction.declared().into_iter().take(1).map(|(name, _)| name)),
            "LABEL" if step.instruction.pairs().iter().any(|(key, _)| !is_label(key)) => {
                broken.insert((step.line(), "DL3048"));
            }
            _ => {}
        }
    }
    for step in steps.iter().chain(kept) {
        let names: Vec<String> = match step.instruction.keyword.as_str() {
            "ENV" => step.instruction.pairs().into_iter().map(|(name, _)| name).collect(),
            "ARG" => step.instruction.declared().into_iter().take(1).map(|(name, _)| name).collect(),
            _ => continue,
        };
        if names.iter().any(|name| is_secret(name)) {
            broken.insert((step.line(), "DL3064"));
        }
    }
}

/// A value that uses a name of the same ENV sees what it was before, which may be nothing.
fn refers_to_itself(pairs: &[(String, String)], known: &BTreeSet<String>) -> bool {
    pairs.iter().enumerate().any(|(place, (name, _))| {
        let mut others =
            pairs.iter().enumerate().filter(|(other, _)| *other != place).map(|(_, (_, value))| value);
        !known.contains(name) && others.any(|value| uses(value, name))
    })
}

pub fn uses(value: &str, name: &str) -> bool {
    let ends = |after: &str| !after.starts_with(|next: char| next.is_ascii_alphanumeric() || next == '_');
    value.contains(&format!("${{{name}}}")) || value.split(&format!("${name}")).skip(1).any(ends)
}

fn is_label(key: &str) -> bool {
    const RESERVED: [&str; 3] = ["com.docker.", "io.docker.", "org.dockerproject."];
    key.starts_with(|first: char| first.is_ascii_lowercase())
        && key.ends_with(|last: char| last.is_ascii_lowercase() || last.is_ascii_digit())
        && key
            .chars()
            .all(|letter| letter.is_ascii_digit() || letter.is_ascii_lowercase() || ".-_/".contains(letter))
        && !RESERVED.iter().any(|space| key.starts_with(space))
        && !key.contains("..")
        && !key.contains("--")
}

/// Parts of names that say what is in them.
const TELLING: [&str; 7] = ["api_key", "client_key", "password", "private", "secret", "token", "username"];

/// Names that are secrets without one of those parts.
const KNOWN: [&str; 13] = [
    "APPLICATION_KEY",
    "AWS_ACCESS_KEY_ID",
    "CI_DEPLOY_USER",
    "DOCKER_EMAIL",
    "FACEBOOK_APP_ID",
    "HEROKU_API_USER",
    "OKTA_AUTHN_GROUPID",
    "OKTA_CLIENT_ORGURL",
    "OKTA_OAUTH2_CLIENTID",
    "STRIPE_DEVICE_NAME",
    "TRAVIS_OS_NAME",
    "TRAVIS_SECURE_ENV_VARS",
    "TRAVIS_SUDO",
];

pub fn is_secret(name: &str) -> bool {
    let lower = name.to_lowercase();
    TELLING.iter().any(|part| lower.contains(part)) || KNOWN.contains(&name.to_uppercase().as_str())
}
