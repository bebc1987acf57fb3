//! What stands after an instruction's keyword and flags.

use super::Instruction;

/// The two ways to write a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Form {
    /// `["program", "argument"]`
    Exec(Vec<String>),
    /// Text for a shell.
    Shell(String),
}

impl Form {
    /// As a shell would read it: the words of an exec form stand in a row.
    pub fn text(&self) -> String {
        match self {
            Self::Exec(words) => words.join(" "),
            Self::Shell(text) => text.clone(),
        }
    }
}

impl Instruction {
    /// The command of RUN, CMD, ENTRYPOINT, SHELL; of HEALTHCHECK what follows its CMD.
    pub fn form(&self) -> Form {
        let body = match self.is("HEALTHCHECK") {
            true => self.health_command().unwrap_or_default(),
            false => &self.body,
        };
        if let Some(heredoc) = self.heredocs.first() {
            // What follows the marker on its line is a redirection of its text, hardly ever a command.
            let before = self.body[..heredoc.at].trim();
            return Form::Shell(if before.is_empty() {
                heredoc.text.trim().to_owned()
            } else {
                before.to_owned()
            });
        }
        exec_words(body, self.escape).map_or_else(|| Form::Shell(body.to_owned()), Form::Exec)
    }

    fn health_command(&self) -> Option<&str> {
        let (keyword, rest) = super::split_word(&self.body);
        keyword.eq_ignore_ascii_case("CMD").then_some(rest)
    }

    pub fn is_health_none(&self) -> bool {
        self.is("HEALTHCHECK") && self.body.trim().eq_ignore_ascii_case("NONE")
    }

    /// The pairs of ENV and LABEL, quotes removed.
    pub fn pairs(&self) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        let mut rest = self.body.as_str();
        while !rest.is_empty() {
            let (key, after) = value(rest, self.escape, |letter| letter == '=');
            match after.strip_prefix('=') {
                Some(written) => {
                    let (value, after) = value(written, self.escape, |_| false);
                    pairs.push((key, value));
                    rest = after.trim_start_matches([' ', '\t']);
                }
                // The old form: one key, and all the rest is its value.
                None => {
                    let written = after.trim_start_matches([' ', '\t']);
                    if after.is_empty() || written.len() < after.len() {
                        pairs.push((key, written.to_owned()));
                    }
                    break;
                }
            }
        }
        pairs
    }

    /// ENV and LABEL without `=`, as long ago.
    pub fn is_legacy_pair(&self) -> bool {
        let (_, after) = value(&self.body, self.escape, |letter| letter == '=');
        !after.starts_with('=')
    }

    /// What ARG declares, with defaults.
    pub fn declared(&self) -> Vec<(String, Option<String>)> {
        let mut declared = Vec::new();
        let mut rest = self.body.as_str();
        while !rest.is_empty() {
            let (name, after) = value(rest, self.escape, |letter| letter == '=');
            let (default, after) = match after.strip_prefix('=') {
                Some(written) => {
                    let (default, after) = value(written, self.escape, |_| false);
                    (Some(default), after)
                }
                None => (None, after),
            };
            let trimmed = after.trim_start_matches([' ', '\t']);
            if trimmed.len() == rest.len() {
                break;
            }
            declared.push((name, default));
            rest = trimmed;
        }
        declared
    }

    /// Sources and target of COPY and ADD. Without a target there is nothing to say.
    pub fn paths(&self) -> Option<(Vec<String>, String)> {
        let mut words = exec_words(&self.body, self.escape).unwrap_or_else(|| {
            self.body.split([' ', '\t']).filter(|word| !word.is_empty()).map(str::to_owned).collect()
        });
        let target = words.pop()?;
        (!words.is_empty()).then_some((words, target))
    }
}

/// A value up to a blank or a letter that `ends` it, quotes removed, and what follows.
fn value(text: &str, escape: char, ends: impl Fn(char) -> bool) -> (String, &str) {
    let (mut value, mut quote) = (String::new(), None);
    let mut letters = text.char_indices().peekable();
    while let Some((at, letter)) = letters.next() {
        match quote {
            Some(open) if letter == open => quote = None,
            None if letter == '"' || letter == '\'' => quote = Some(letter),
            None if letter == ' ' || letter == '\t' || ends(letter) => return (value, &text[at..]),
            _ if letter == escape => match letters.peek() {
                Some(&(_, next))
                    if quote == Some(next) || (quote.is_none() && (next == ' ' || next == '\t')) =>
                {
                    value.push(next);
                    letters.next();
                }
                _ => value.push(letter),
            },
            _ => value.push(letter),
        }
    }
    (value, "")
}

/// The words of `["a", "b"]`. More forgiving than JSON about backslashes, as paths of Windows need it.
pub fn exec_words(text: &str, escape: char) -> Option<Vec<String>> {
    let mut rest = text.trim().strip_prefix('[')?.strip_suffix(']')?.trim();
    let mut words = Vec::new();
    if rest.is_empty() {
        return Some(words);
    }
    loop {
        rest = rest.trim_start().strip_prefix('"')?;
        let (mut word, mut end, mut escaped) = (String::new(), None, false);
        for (at, letter) in rest.char_indices() {
            if escaped {
                if letter != '"' {
                    word.push(escape);
                }
                if letter != escape {
                    word.push(letter);
                }
                escaped = false;
            } else if letter == escape {
                escaped = true;
            } else if letter == '"' {
                end = Some(at);
                break;
            } else {
                word.push(letter);
            }
        }
        words.push(word);
        rest = rest[end? + 1..].trim_start();
        if rest.is_empty() {
            return Some(words);
        }
        rest = rest.strip_prefix(',')?;
    }
}

#[cfg(test)]
mod tests {
    use super::super::Dockerfile;
    use super::*;

    #[test]
    fn exec_form_is_told_from_a_shell_that_starts_with_a_bracket() {
        let check = |text: &str, words: Option<&[&str]>| {
            let expected = words.map(|words| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
            assert_eq!(exec_words(text, '\\'), expected, "{text}");
        };
        check(r#"["/bin/a", "b c"]"#, Some(&["/bin/a", "b c"]));
        check(r#"[ "a\"b" ]"#, Some(&["a\"b"]));
        check(r#"["C:\dir\a.exe"]"#, Some(&[r"C:\dir\a.exe"]));
        check("[ -f /a ]", None);
        check("['a']", None);
        check(r#"["a" "b"]"#, None);
        check("[]", Some(&[]));
    }

    #[test]
    fn pairs_are_read_with_quotes_and_in_their_old_form() {
        let check = |text: &str, expected: &[(&str, &str)]| {
            let file = Dockerfile::parse(text);
            let pairs = file.instructions[0].pairs();
            let shown: Vec<_> = pairs.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            assert_eq!(shown, expected, "{text}");
        };
        check("ENV a=1 b=\"x y\" c='\"'", &[("a", "1"), ("b", "x y"), ("c", "\"")]);
        check("ENV a=x\\ y b=${a:-c}", &[("a", "x y"), ("b", "${a:-c}")]);
        check("ENV PATH /bin:$PATH rest", &[("PATH", "/bin:$PATH rest")]);
        check("LABEL a=1 \\\n  b=2", &[("a", "1"), ("b", "2")]);
    }

    #[test]
    fn one_arg_can_declare_several() {
        let file = Dockerfile::parse("ARG A B=1 C=\"x y\"");
        let declared = file.instructions[0].declared();
        assert_eq!(
            declared,
            [("A".into(), None), ("B".into(), Some("1".into())), ("C".into(), Some("x y".into()))]
        );
    }
}
