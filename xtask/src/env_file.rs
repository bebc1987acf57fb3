//! Files of `NAME=value` lines, read and written as Docker Compose reads them.

use crate::files;
use anyhow::Result;
use std::{collections::BTreeMap, path::Path};

/// The variables of a file; a file that does not exist has none.
pub fn read(path: &Path) -> Result<BTreeMap<String, String>> {
    Ok(parse(&files::read_if_there(path)?.unwrap_or_default()))
}

/// Replace a file that only its owner may read.
pub fn write(path: &Path, variables: &BTreeMap<String, String>) -> Result<()> {
    files::replace(path, &print(variables))
}

/// References to other variables (`${NAME}`) stay as they are written.
fn parse(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.trim_start_matches("export ").split_once(['=', ':']));
    pairs.map(|(name, value)| (name.trim().to_owned(), unquoted(value.trim()))).collect()
}

/// A comment begins after a blank or after the closing quote.
fn unquoted(text: &str) -> String {
    if let Some((quoted, _)) = text.strip_prefix('\'').and_then(|rest| rest.split_once('\'')) {
        return quoted.to_owned();
    }
    if let Some(quoted) = text.strip_prefix('"').and_then(double_quoted) {
        return quoted;
    }
    text.split(" #").next().unwrap_or_default().trim_end().to_owned()
}

const ESCAPES: [(char, char); 6] =
    [('n', '\n'), ('r', '\r'), ('t', '\t'), ('"', '"'), ('\\', '\\'), ('$', '$')];

/// The text before the closing quote, if there is one.
fn double_quoted(text: &str) -> Option<String> {
    let (mut value, mut letters) = (String::new(), text.chars());
    loop {
        match letters.next()? {
            '"' => return Some(value),
            '\\' => {
                let letter = letters.next()?;
                match ESCAPES.iter().find(|(escape, _)| *escape == letter) {
                    Some((_, meant)) => value.push(*meant),
                    None => value.extend(['\\', letter]),
                }
            }
            letter => value.push(letter),
        }
    }
}

fn print(variables: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for (name, value) in variables {
        text += &format!("{name}=\"");
        for letter in value.chars() {
            match ESCAPES.iter().find(|(_, meant)| *meant == letter) {
                Some((escape, _)) => text.extend(['\\', *escape]),
                None => text.push(letter),
            }
        }
        text += "\"\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs, process::Command};

    /// A line, and what Compose 2.40.3 reads from it.
    const LINES: [(&str, &str, &str); 16] = [
        ("A=plain # comment", "A", "plain"),
        ("B=no#comment", "B", "no#comment"),
        ("C=\"quoted # not\" # comment", "C", "quoted # not"),
        ("D='single # not' # comment", "D", "single # not"),
        ("E=", "E", ""),
        ("F= # only comment", "F", "# only comment"),
        ("G=\" in ner \"", "G", " in ner "),
        (r#"H="a\"b\nc""#, "H", "a\"b\nc"),
        (r"I='a\nb'", "I", r"a\nb"),
        ("J=it's", "J", "it's"),
        ("export K=exported", "K", "exported"),
        ("  L = spaced", "L", "spaced"),
        ("M=tab\t# c", "M", "tab\t# c"),
        ("N=a=b", "N", "a=b"),
        ("O: colon", "O", "colon"),
        (r"P=a\nb", "P", r"a\nb"),
    ];

    /// Values that need quotes.
    const VALUES: [&str; 5] = ["plain", " it's \"quoted\" # not ", "a\\nb\nc\td", "${HOME} $$x $", ""];

    /// The text of a file, and what is in it.
    fn file() -> (String, BTreeMap<String, String>) {
        let quoted =
            VALUES.iter().enumerate().map(|(index, value)| (format!("W{index}"), (*value).to_owned()));
        let mut expected: BTreeMap<_, _> = quoted.collect();
        let lines: Vec<_> = LINES.iter().map(|(line, ..)| *line).collect();
        let text = format!("# comment\n\n{}\nnonsense\n{}", lines.join("\n"), print(&expected));
        expected.extend(LINES.map(|(_, name, value)| (name.to_owned(), value.to_owned())));
        (text, expected)
    }

    #[test]
    fn a_file_is_read_as_compose_reads_it_and_written_so_that_nothing_is_lost() {
        let (text, expected) = file();
        assert_eq!(parse(&text), expected);
    }

    #[test]
    fn compose_itself_reads_the_file_the_same_way() {
        let (text, expected) = file();
        let folder = std::env::temp_dir().join(format!("squall-env-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let asked: String = expected.keys().map(|name| format!("      {name}: ${{{name}-}}\n")).collect();
        let compose = format!("services:\n  a:\n    image: a\n    environment:\n{asked}");
        fs::write(folder.join("compose.yaml"), compose).unwrap();
        fs::write(folder.join(".env"), text).unwrap();
        let mut command = Command::new("docker");
        command.args(["compose", "config", "--format", "json"]).current_dir(&folder);
        for name in expected.keys() {
            command.env_remove(name);
        }
        let output = command.output();
        fs::remove_dir_all(&folder).unwrap();
        let Some(output) = output.ok().filter(|output| output.status.success()) else {
            eprintln!("skipped: `docker compose config` does not run on this machine");
            return;
        };
        let config: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        for (name, value) in expected {
            // A dollar sign is printed twice, so that the output is a Compose file again.
            let value = value.replace('$', "$$");
            assert_eq!(config["services"]["a"]["environment"][&name], value.as_str(), "{name}");
        }
    }
}
