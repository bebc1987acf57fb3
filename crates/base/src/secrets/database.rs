//! The address of the database, and its password in a file of its own.

use super::{Secret, read};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// The variable with the address.
pub const DATABASE_URL: &str = "DATABASE_URL";

/// The variable with the password, for an address that holds none.
pub const DATABASE_PASSWORD: &str = "SQUALL_DATABASE_PASSWORD";

/// The form of an address, for messages.
pub const DATABASE_URL_FORM: &str = "postgres://user:password@host:port/database";

/// The address of the database, with its password from either variable.
///
/// # Errors
/// One sentence for each variable that is missing or cannot be used.
pub fn database_url(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Secret, Vec<String>> {
    let unset = || {
        format!(
            "{DATABASE_URL} is not set. Set it to {DATABASE_URL_FORM}, or set {DATABASE_URL}_FILE to a file that holds it"
        )
    };
    let url = read(lookup, DATABASE_URL).and_then(|url| url.ok_or_else(unset));
    let password = read(lookup, DATABASE_PASSWORD);
    let (mut url, password) = match (url, password) {
        (Ok(url), Ok(password)) => (url, password),
        (url, password) => return Err([url.err(), password.err()].into_iter().flatten().collect()),
    };
    match password {
        None => {}
        Some(_) if password_of(&url.value).is_some() => url.warnings.push(format!(
            "{DATABASE_URL} holds a password, so {DATABASE_PASSWORD} or {DATABASE_PASSWORD}_FILE is ignored. Remove one of them"
        )),
        Some(password) => {
            url.value = with_password(&url.value, &password.value);
            url.warnings.extend(password.warnings);
        }
    }
    Ok(url)
}

/// The password in a database address. PostgreSQL's own programs get it through the environment,
/// never on their command line.
pub fn password_of(url: &str) -> Option<String> {
    let authority = url.split_once("://")?.1.split(['/', '?']).next()?;
    let in_authority = authority.rsplit_once('@').and_then(|(user, _)| user.split_once(':'));
    let password = in_authority.map(|(_, password)| decoded(password)).filter(|it| !it.is_empty());
    password.or_else(|| parameter_of(url, "password")).filter(|password| !password.is_empty())
}

/// Appended as a parameter: that works without a user in the address, and needs only one kind of
/// escaping.
fn with_password(url: &str, password: &str) -> String {
    let separator = if url.contains('?') { '&' } else { '?' };
    format!("{url}{separator}password={}", utf8_percent_encode(password, NON_ALPHANUMERIC))
}

fn parameter_of(url: &str, name: &str) -> Option<String> {
    let pairs = url.split_once('?')?.1.split('&');
    // The last one counts, as it does for the driver.
    pairs.filter_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).next_back().map(decoded)
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_found_in_both_parts_of_an_address() {
        for (url, password) in [
            ("postgres://me:p%40ss@host:5433/db", Some("p@ss")),
            ("postgres://me@host/db", None),
            ("postgres://me:@host/db", None),
            ("postgres:///db?host=/run/postgresql&user=me&password=s%20t", Some("s t")),
            ("nonsense", None),
        ] {
            assert_eq!(password_of(url).as_deref(), password, "{url}");
        }
    }

    #[test]
    fn the_password_variable_completes_an_address_without_one() {
        for (url, expected, warnings) in [
            ("postgres://me@host/db", "p@ss/#?&w+rd", 0),
            ("postgres://me:@host/db?sslmode=require", "p@ss/#?&w+rd", 0),
            ("postgres://me:own@host/db", "own", 1),
        ] {
            let lookup = move |name: &str| match name {
                "DATABASE_URL" => Some(url.to_owned()),
                "SQUALL_DATABASE_PASSWORD" => Some("p@ss/#?&w+rd".to_owned()),
                _ => None,
            };
            let secret = database_url(&lookup).unwrap();
            assert_eq!(password_of(&secret.value).as_deref(), Some(expected), "{secret:?}");
            assert_eq!(secret.warnings.len(), warnings, "{secret:?}");
        }
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let lookup = |name: &str| (name == "SQUALL_DATABASE_PASSWORD_FILE").then(|| "/no/such".to_owned());
        let problems = database_url(&lookup).unwrap_err().join("\n");
        assert!(
            problems.contains("DATABASE_URL is not set") && problems.contains("does not exist"),
            "{problems}"
        );
    }
}
