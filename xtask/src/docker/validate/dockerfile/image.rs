//! What FROM says.

use super::{Instruction, split_word};

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BaseImage {
    /// As it is written, without the stage's name.
    pub written: String,
    /// Without a registry that looks like a domain.
    pub name: String,
    pub tag: Option<String>,
    pub digest: Option<String>,
    pub alias: Option<String>,
    /// The word AS as it is written.
    pub written_as: Option<String>,
    pub platform: Option<String>,
}

impl Instruction {
    pub fn base_image(&self) -> Option<BaseImage> {
        if !self.is("FROM") {
            return None;
        }
        let (written, rest) = split_word(&self.body);
        let (word, alias) = split_word(rest);
        let named = word.eq_ignore_ascii_case("AS") && !alias.is_empty();
        let (name, tag, digest) = reference(written);
        Some(BaseImage {
            written: written.to_owned(),
            name,
            tag,
            digest,
            alias: named.then(|| split_word(alias).0.to_owned()),
            written_as: named.then(|| word.to_owned()),
            platform: self.flag("platform").map(str::to_owned),
        })
    }
}

/// Name, tag and digest. What stands in `${…}` belongs to no separator.
pub fn reference(written: &str) -> (String, Option<String>, Option<String>) {
    let (rest, digest) = match split_outside(written, '@') {
        Some((rest, digest)) => (rest, Some(digest.to_owned())),
        None => (written, None),
    };
    let rest = without_registry(rest);
    match split_outside(rest, ':') {
        Some((name, tag)) => (name.to_owned(), Some(tag.to_owned()), digest),
        None => (rest.to_owned(), None, digest),
    }
}

/// A registry is a domain with a dot, before the first slash after that dot.
fn without_registry(text: &str) -> &str {
    let Some((_, after_dot)) = split_outside(text, '.') else { return text };
    split_outside(after_dot, '/').map_or(text, |(_, rest)| rest)
}

fn split_outside(text: &str, separator: char) -> Option<(&str, &str)> {
    let mut depth = 0_usize;
    let mut before = ' ';
    for (at, letter) in text.char_indices() {
        match letter {
            '{' if before == '$' || depth > 0 => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            letter if letter == separator && depth == 0 => {
                return Some((&text[..at], &text[at + letter.len_utf8()..]));
            }
            _ => {}
        }
        before = letter;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_taken_apart() {
        let check = |written: &str, name: &str, tag: Option<&str>, digest: Option<&str>| {
            let expected = (name.to_owned(), tag.map(str::to_owned), digest.map(str::to_owned));
            assert_eq!(reference(written), expected, "{written}");
        };
        check("debian:bookworm-slim", "debian", Some("bookworm-slim"), None);
        check("mcr.microsoft.com/dotnet/sdk:8.0", "dotnet/sdk", Some("8.0"), None);
        check("registry.example:5000/a/b", "a/b", None, None);
        check("node@sha256:abc", "node", None, Some("sha256:abc"));
        check("rust:${V:-1.95}-slim", "rust", Some("${V:-1.95}-slim"), None);
        check("${BASE:-debian:12}", "${BASE:-debian:12}", None, None);
    }
}
