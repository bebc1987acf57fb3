//! Spelling with typos, and the words that .config/words.toml bans from everything people read.

use crate::{
    failure::Failure,
    tools,
    world::{World, read_toml},
};
use anyhow::Result;
use serde::Deserialize;
use std::{collections::BTreeMap, fs};
use xshell::cmd;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    /// Beginnings of paths that quote other people's words.
    skip: Vec<String>,
    /// A word or phrase, and what to write instead.
    banned: BTreeMap<String, String>,
}

pub fn run(world: &World) -> Result<()> {
    let (shell, typos) = (world.shell()?, tools::program(world, "typos")?);
    let spelling = world.run(
        cmd!(shell, "{typos} --config .config/typos.toml --format brief"),
        "correct the words named above, or add them to .config/typos.toml",
    );
    let rules: Rules = read_toml(&world.root.join(".config/words.toml"))?;
    let listed =
        world.capture(cmd!(shell, "git ls-files --cached --others --exclude-standard"), "fix git")?;
    let mut hits = 0;
    for path in listed.lines().filter(|path| !rules.skip.iter().any(|skip| path.starts_with(skip))) {
        // A deleted file is still listed; a picture is not text.
        let Ok(text) = fs::read_to_string(world.root.join(path)) else { continue };
        for (line, word, better) in find(&text, &rules.banned) {
            println!("{path}:{line}: {word} — write {better}");
            hits += 1;
        }
    }
    if hits == 0 {
        return spelling;
    }
    let next = "use the wording beside each; .config/words.toml lists the files that may quote them";
    let wrong = format!("{hits} banned words; each is named above");
    Err(Failure::new("looking for banned words", wrong, next).into())
}

/// Each banned word or phrase with its line. A phrase may continue on the next line, behind a
/// comment mark, but not behind punctuation.
fn find<'a>(text: &str, banned: &'a BTreeMap<String, String>) -> Vec<(usize, &'a str, &'a str)> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '\'' | '’');
    let mut words = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.to_lowercase();
        let line = line.trim_start_matches(|c: char| c.is_whitespace() || "/!#*->|".contains(c));
        for clause in line.split_inclusive(|c: char| !is_part(c) && !c.is_whitespace()) {
            let ends = clause.ends_with(|c: char| !is_part(c) && !c.is_whitespace());
            let parts = clause.split(|c| !is_part(c)).filter(|word| !word.is_empty());
            words.extend(parts.chain(ends.then_some("")).map(|word| (index + 1, word.to_owned())));
        }
    }
    let mut hits = Vec::new();
    for (index, (line, first)) in words.iter().enumerate().filter(|(_, (_, word))| !word.is_empty()) {
        let rest = || words[index..].iter().map(|(_, word)| word.as_str());
        let phrases = banned.range(first.clone()..).take_while(|(phrase, _)| phrase.starts_with(first));
        let matching =
            phrases.filter(|(phrase, _)| rest().take(phrase.split(' ').count()).eq(phrase.split(' ')));
        hits.extend(matching.map(|(phrase, better)| (*line, phrase.as_str(), better.as_str())));
    }
    hits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::tests::root;

    #[test]
    fn a_banned_word_is_found_whole_and_a_phrase_across_lines() {
        let banned = [("again and again", "repeatedly"), ("hence", "so")];
        let banned = banned.map(|(word, better)| (word.to_owned(), better.to_owned())).into();
        let lines = |text| find(text, &banned).into_iter().map(|(line, ..)| line).collect::<Vec<_>>();
        assert_eq!(lines("Hence, it is.\nhenceforth; is_hence"), [1]);
        assert_eq!(lines("//! Tried again\n//! and again."), [1]);
        assert_eq!(lines("Tried again. And again"), Vec::<usize>::new());
        assert_eq!(lines("let hence = again.and(again);"), [1]);
    }

    #[test]
    fn the_committed_rules_are_valid() {
        let rules: Rules = read_toml(&root().join(".config/words.toml")).unwrap();
        assert!(rules.banned.keys().all(|word| *word == word.to_lowercase()));
    }
}
