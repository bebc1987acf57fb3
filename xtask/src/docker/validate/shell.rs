//! The shell text of RUN, as far as rules need it: which commands it runs with which words, and whether it pipes.
//!
//! [`parse`](parse::parse) knows the grammar of bash (lists, pipelines, compound commands, functions, redirections,
//! heredocs, quoting, expansions) and refuses what is none: of text that no shell would read nothing can be said, and
//! hadolint says nothing of it either. Expansions stay in the words as `${…}`.

mod parse;
mod words;

#[derive(Debug, Default)]
pub struct Script {
    pub text: String,
    /// In the order of the text, those inside `$(…)` after the command they feed.
    pub commands: Vec<Command>,
    pub has_pipe: bool,
}

/// One simple command. Two words that mean a third (`exec`, `command`) count as that third.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Command {
    pub name: String,
    /// What follows the first word.
    pub arguments: Vec<String>,
}

impl Script {
    pub fn parse(text: &str) -> Self {
        let (commands, has_pipe) = parse::parse(text).unwrap_or_default();
        Self { text: text.to_owned(), commands, has_pipe }
    }

    pub fn runs(&self, name: &str) -> bool {
        self.commands.iter().any(|command| command.name == name)
    }

    pub fn position(&self, wanted: impl Fn(&Command) -> bool) -> Option<usize> {
        self.commands.iter().position(wanted)
    }
}

impl Command {
    /// It has one of these names, and among its arguments one of those.
    pub fn has(&self, names: &[&str], arguments: &[&str]) -> bool {
        names.contains(&self.name.as_str())
            && self.arguments.iter().any(|given| arguments.contains(&given.as_str()))
    }

    pub fn has_argument(&self, argument: &str) -> bool {
        self.arguments.iter().any(|given| given == argument)
    }

    /// These words stand in its arguments, one behind the other.
    pub fn has_row(&self, words: &[&str]) -> bool {
        self.arguments
            .windows(words.len())
            .any(|row| row.iter().zip(words).all(|(given, word)| given == word))
    }

    /// Each flag with the place of its argument; `-xvf` is three.
    fn flags(&self) -> impl Iterator<Item = (String, usize)> + '_ {
        self.arguments.iter().enumerate().flat_map(|(place, argument)| {
            let flags = if argument == "-" || argument == "--" {
                Vec::new()
            } else if let Some(long) = argument.strip_prefix("--") {
                vec![long.split('=').next().unwrap_or_default().to_owned()]
            } else if let Some(short) = argument.strip_prefix('-') {
                short.chars().map(String::from).collect()
            } else {
                Vec::new()
            };
            flags.into_iter().map(move |flag| (flag, place))
        })
    }

    pub fn has_flag(&self, wanted: &[&str]) -> bool {
        self.flags().any(|(flag, _)| wanted.contains(&flag.as_str()))
    }

    pub fn count_flag(&self, wanted: &str) -> usize {
        self.flags().filter(|(flag, _)| flag == wanted).count()
    }

    /// What stands behind each use of a flag.
    pub fn flag_values(&self, wanted: &str) -> Vec<&str> {
        let places = self.flags().filter(|(flag, _)| flag == wanted).map(|(_, place)| place + 1);
        places.filter_map(|place| self.arguments.get(place)).map(String::as_str).collect()
    }

    /// Arguments that are no flags, and not the values of `with_value` flags.
    pub fn words(&self, with_value: &[&str]) -> Vec<&str> {
        let mut dropped: Vec<usize> = Vec::new();
        for (flag, place) in self.flags() {
            dropped.push(place);
            if with_value.contains(&flag.as_str()) && !self.arguments[place].contains('=') {
                dropped.push(place + 1);
            }
        }
        let kept = self.arguments.iter().enumerate().filter(|(place, _)| !dropped.contains(place));
        kept.map(|(_, argument)| argument.as_str()).collect()
    }

    /// `pip install`, and `python -m pip install`.
    pub fn is_pip_install(&self) -> bool {
        let pip =
            self.name.starts_with("pip") && !self.name.starts_with("pipenv") && self.has_argument("install");
        pip || (self.name.starts_with("python") && self.has_row(&["-m", "pip", "install"]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        let script = Script::parse(text);
        let commands: Vec<_> = script
            .commands
            .iter()
            .map(|command| {
                [std::slice::from_ref(&command.name), command.arguments.as_slice()].concat().join(" ")
            })
            .collect();
        commands.join(" | ")
    }

    #[test]
    fn commands_are_found_wherever_a_shell_would_run_them() {
        let check = |text: &str, expected: &str| assert_eq!(shown(text), expected, "{text}");
        check("a b && c; d || e | f &", "a b | c | d | e | f");
        check("(a; b) && { c; }", "a | b | c");
        check("if a; then b; elif c; then d; else e; fi", "a | b | c | d | e");
        check("for x in 1 $(a); do b $x; done; while c; do d; done", "a | b ${x} | c | d");
        check("case $x in a|b) c ;; *) d; esac", "c | d");
        check("f() { a; }; f", "a | f");
        check("X=1 Y=$(a) b c >/dev/null 2>&1", "b c | a");
        check("a \"$(b 'c d')\" `e`", "a ${bc d} ${VAR} | b c d | e");
        check("exec gosu a", "gosu gosu a");
        check("command -v a", "command -v a");
        check("[ -f /a ] && [[ $x =~ ^(a|b)$ ]] && b", "b");
        check("a 'b'\"c\"\\d {x,y} *.z # end && f", "a bcd  *.z");
        check("cat <<E\nx && y\nE\nz", "cat | z");
        check("a $((1 + 2)) ${b:-c} $d", "a ${VAR} ${b:-c} ${d}");
        check("! a && time b c", "a | time bc | b c");
    }

    #[test]
    fn of_text_that_is_no_shell_nothing_is_said() {
        for text in ["a &&", "&& a", "(a", "a 'b", "if a; then b", "{ a", "fi", "a (b)", "a $(b"] {
            assert_eq!(shown(text), "", "{text}");
        }
    }

    /// As ShellCheck does it, which hadolint asks.
    #[test]
    fn what_stands_before_a_place_where_no_command_can_begin_counts() {
        let check = |text: &str, expected: &str| assert_eq!(shown(text), expected, "{text}");
        check("a b )", "a b");
        check("a ;; b", "a");
        check("a; ; b", "a");
        check("a; fi", "a");
        check("a; $b = (c d).e; f", "a");
    }

    #[test]
    fn pipes_are_seen_inside_and_outside_but_not_in_quotes() {
        let check = |text: &str, expected| assert_eq!(Script::parse(text).has_pipe, expected, "{text}");
        check("a | b", true);
        check("x=$(a | b)", true);
        check("a '|' \"|\" || b", false);
        check("case x in a|b) c;; esac", false);
    }

    #[test]
    fn flags_and_their_values_are_told_from_words() {
        let script = Script::parse("apt-get -qqy -t stable install --no-install-recommends a b=1 -o X=1");
        let command = &script.commands[0];
        assert_eq!(command.words(&["t"]), ["install", "a", "b=1", "X=1"]);
        assert_eq!(command.count_flag("q"), 2);
        assert_eq!(command.flag_values("t"), ["stable"]);
    }

    #[test]
    fn the_parser_never_panics_and_always_ends() {
        const PIECES: [&str; 30] = [
            "a", " ", ";", "&&", "|", "(", ")", "$(", "${", "}", "{", "`", "\"", "'", "\\", "\n", "<<E", "E",
            "if ", "then ", "fi", "case ", "in", "esac", "for ", "do ", "done", "[[ ", "$((", "é",
        ];
        let mut state = 7_u64;
        let mut next = |bound: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) as usize % bound
        };
        for _ in 0..30_000 {
            let text: String = (0..next(16)).map(|_| PIECES[next(PIECES.len())]).collect();
            let _ = Script::parse(&text);
        }
        let _ = Script::parse(&"$(".repeat(100_000));
        let _ = Script::parse(&"(".repeat(100_000));
        let _ = Script::parse(&"\"$(".repeat(100_000));
    }
}
