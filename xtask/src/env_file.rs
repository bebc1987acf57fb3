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

    #[test]
    fn a_file_is_read_as_compose_2_40_3_reads_it() {
        for (line, name, expected) in [
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
        ] {
            let expected = BTreeMap::from([(name.to_owned(), expected.to_owned())]);
            assert_eq!(parse(&format!("# comment\n\n{line}\nnonsense\n")), expected, "{line}");
        }
    }

    #[test]
    fn what_is_written_is_quoted_so_that_nothing_is_lost() {
        let values = ["plain", " it's \"quoted\" # not ", "a\\nb\nc\td", "${HOME} $$x $", ""];
        let variables =
            values.iter().enumerate().map(|(name, value)| (name.to_string(), (*value).to_owned()));
        let variables = variables.collect();
        assert_eq!(parse(&print(&variables)), variables);
    }
}
