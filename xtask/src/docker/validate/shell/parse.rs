//! The grammar. A parser that fails says only that it fails: no rule has a use for the place.

use super::{
    Command,
    words::{Cursor, Word},
};

/// A script of a person has a handful of levels; more must not cost the stack.
const DEEPEST: usize = 60;

pub struct Refused;

pub type Read<T> = Result<T, Refused>;

pub fn parse(text: &str) -> Option<(Vec<Command>, bool)> {
    let mut parser = Parser {
        cursor: Cursor::new(text),
        found: Vec::new(),
        has_pipe: false,
        depth: 0,
        heredocs: Vec::new(),
    };
    parser.blank_lines().ok()?;
    if parser.can_begin() {
        parser.list().ok()?;
    }
    // Where no further command can begin, reading stops, and what was read counts.
    parser.heredocs.is_empty().then(|| (parser.found.into_iter().flatten().collect(), parser.has_pipe))
}

/// What a list says when it stands in the place of a word: the words of its plain commands.
type Spoken = String;

pub struct Parser<'a> {
    pub cursor: Cursor<'a>,
    /// A command takes its place before those inside of it.
    found: Vec<Option<Command>>,
    has_pipe: bool,
    depth: usize,
    /// Ends of heredocs whose text begins on the next line.
    heredocs: Vec<(String, bool)>,
}

/// Words that end a list where a command could begin.
const CLOSERS: [&str; 8] = ["then", "do", "done", "fi", "elif", "else", "esac", "}"];

impl<'a> Parser<'a> {
    /// Commands up to something that can follow none.
    pub fn list(&mut self) -> Read<Spoken> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Refused);
        }
        let mut spoken = String::new();
        loop {
            spoken += &self.and_or()?;
            self.blanks();
            let separated = match self.cursor.peek() {
                Some('\n') => true,
                Some(';') if !self.cursor.starts_with(";;") && !self.cursor.starts_with(";&") => {
                    self.cursor.skip(1);
                    true
                }
                Some('&') => {
                    self.cursor.skip(1);
                    self.blanks();
                    let _ = !self.cursor.starts_with(";;") && self.cursor.take(";");
                    true
                }
                _ => false,
            };
            if !separated {
                break;
            }
            self.blank_lines()?;
            if !self.can_begin() {
                break;
            }
        }
        self.depth -= 1;
        Ok(spoken)
    }

    /// A command can begin here.
    fn can_begin(&self) -> bool {
        !matches!(self.cursor.peek(), None | Some(')' | ';' | '&' | '|'))
            && !CLOSERS.iter().any(|word| self.cursor.at_keyword(word))
    }

    fn and_or(&mut self) -> Read<Spoken> {
        let mut spoken = self.pipeline()?;
        loop {
            self.blanks();
            if !self.cursor.take("&&") && !self.cursor.take("||") {
                return Ok(spoken);
            }
            spoken.clear();
            self.blank_lines()?;
            self.pipeline()?;
        }
    }

    fn pipeline(&mut self) -> Read<Spoken> {
        self.blanks();
        let mut negated = false;
        while self.cursor.at_keyword("!") {
            self.cursor.skip(1);
            self.blanks();
            negated = true;
        }
        let mut spoken = self.command()?;
        loop {
            self.blanks();
            if self.cursor.starts_with("||") || !self.cursor.take("|") {
                break;
            }
            let _ = self.cursor.take("&");
            self.has_pipe = true;
            spoken.clear();
            self.blank_lines()?;
            self.command()?;
        }
        Ok(if negated { String::new() } else { spoken })
    }

    fn command(&mut self) -> Read<Spoken> {
        let compound = self.compound()?;
        if compound {
            while self.redirection()? {}
            return Ok(String::new());
        }
        if CLOSERS.iter().any(|word| self.cursor.at_keyword(word)) {
            return Err(Refused);
        }
        if self.cursor.take_keyword("time") {
            return self.timed();
        }
        self.simple()
    }

    fn compound(&mut self) -> Read<bool> {
        let cursor = &mut self.cursor;
        if cursor.starts_with("((") && self.arithmetic_command() {
            return Ok(true);
        }
        let cursor = &mut self.cursor;
        if cursor.take("(") {
            self.body(&[")"])?;
        } else if cursor.take("{") {
            self.body(&["}"])?;
        } else if cursor.take_keyword("[[") {
            self.condition("]]")?;
        } else if cursor.take_keyword("[") {
            self.condition("]")?;
        } else if cursor.take_keyword("if") {
            self.body(&["then"])?;
            let _closed = loop {
                match self.body(&["elif", "else", "fi"])? {
                    "elif" => self.body(&["then"])?,
                    "else" => break self.body(&["fi"])?,
                    closed => break closed,
                };
            };
        } else if cursor.take_keyword("while") || cursor.take_keyword("until") {
            self.body(&["do"])?;
            self.body(&["done"])?;
        } else if cursor.take_keyword("for") || cursor.take_keyword("select") {
            self.each()?;
        } else if cursor.take_keyword("case") {
            self.case()?;
        } else if cursor.take_keyword("function") {
            self.blanks();
            self.word()?.ok_or(Refused)?;
            self.blanks();
            if self.cursor.take("(") {
                self.blanks();
                self.expect(")")?;
            }
            self.blank_lines()?;
            if !self.compound()? {
                return Err(Refused);
            }
        } else if let Some(length) = cursor.function_head() {
            cursor.skip(length);
            self.blank_lines()?;
            if !self.compound()? {
                return Err(Refused);
            }
        } else {
            return Ok(false);
        }
        Ok(true)
    }

    /// A list and the word that closes it.
    fn body(&mut self, closers: &[&'static str]) -> Read<&'static str> {
        self.blank_lines()?;
        self.list()?;
        self.blank_lines()?;
        for closer in closers {
            let closed =
                if *closer == ")" { self.cursor.take(closer) } else { self.cursor.take_keyword(closer) };
            if closed {
                return Ok(closer);
            }
        }
        Err(Refused)
    }

    fn each(&mut self) -> Read<()> {
        self.blanks();
        if self.cursor.starts_with("((") {
            if !self.arithmetic_command() {
                return Err(Refused);
            }
        } else {
            self.word()?.ok_or(Refused)?;
            self.blank_lines()?;
            if self.cursor.take_keyword("in") {
                loop {
                    self.blanks();
                    if self.word()?.is_none() {
                        break;
                    }
                }
            }
        }
        self.blanks();
        let _ = self.cursor.take(";");
        self.blank_lines()?;
        if self.cursor.take_keyword("{") {
            self.body(&["}"])?;
        } else if self.cursor.take_keyword("do") {
            self.body(&["done"])?;
        } else {
            return Err(Refused);
        }
        Ok(())
    }

    fn case(&mut self) -> Read<()> {
        self.blanks();
        self.word()?.ok_or(Refused)?;
        self.blank_lines()?;
        if !self.cursor.take_keyword("in") {
            return Err(Refused);
        }
        loop {
            self.blank_lines()?;
            if self.cursor.take_keyword("esac") {
                return Ok(());
            }
            let _ = self.cursor.take("(");
            loop {
                self.blanks();
                self.word()?.ok_or(Refused)?;
                self.blanks();
                if !self.cursor.take("|") {
                    break;
                }
            }
            self.expect(")")?;
            self.blank_lines()?;
            if self.can_begin() {
                self.list()?;
            }
            self.blank_lines()?;
            let separated = self.cursor.take(";;&") || self.cursor.take(";;") || self.cursor.take(";&");
            if !separated {
                self.blank_lines()?;
                if !self.cursor.take_keyword("esac") {
                    return Err(Refused);
                }
                return Ok(());
            }
        }
    }

    /// What stands in `[[ … ]]`: words and signs. Commands can hide in the words only.
    fn condition(&mut self, closer: &str) -> Read<()> {
        loop {
            self.blank_lines()?;
            if self.cursor.take_keyword(closer) {
                return Ok(());
            }
            let Some(next) = self.cursor.peek() else { return Err(Refused) };
            if self.cursor.take("&&") || self.cursor.take("||") {
                continue;
            }
            if closer == "]" && matches!(next, ';' | '|' | '&' | ')') {
                return Err(Refused);
            }
            if self.word()?.is_none() {
                self.cursor.skip(next.len_utf8());
            }
        }
    }

    /// `(( … ))`, or two subshells: then it takes nothing.
    fn arithmetic_command(&mut self) -> bool {
        let Some(length) = self.cursor.balanced("((", "))") else { return false };
        self.cursor.skip(length);
        true
    }

    fn simple(&mut self) -> Read<Spoken> {
        let place = self.found.len();
        self.found.push(None);
        let mut words: Vec<Word> = Vec::new();
        let mut anything = false;
        loop {
            self.blanks();
            if words.is_empty() && self.assignment()? {
                anything = true;
                continue;
            }
            if self.redirection()? {
                anything = true;
                continue;
            }
            match self.word()? {
                Some(word) => words.push(word),
                None => break,
            }
            // An array is the one place where a parenthesis follows a word: `declare a=(b c)`.
            let declares = words
                .first()
                .and_then(|word| word.literal.as_deref())
                .is_some_and(|name| matches!(name, "declare" | "export" | "local" | "readonly" | "typeset"));
            if declares && self.cursor.peek() == Some('(') {
                self.array()?;
            }
        }
        // A name and a parenthesis begin a function, and this one goes wrong.
        let is_name = |word: &Word| word.literal.as_deref().is_some_and(|name| !name.is_empty());
        if self.cursor.peek() == Some('(') && words.len() == 1 && words.first().is_some_and(is_name) {
            return Err(Refused);
        }
        let Some((first, arguments)) = words.split_first() else {
            return if anything { Ok(String::new()) } else { Err(Refused) };
        };
        let spoken = words.iter().map(|word| word.text.as_str()).collect();
        let name = first.literal.clone().and_then(|name| effective(name, arguments));
        self.found[place] = name.map(|name| Command {
            name,
            arguments: arguments.iter().map(|word| word.text.clone()).collect(),
        });
        Ok(spoken)
    }

    /// `time` and the pipeline that it times, each a command.
    fn timed(&mut self) -> Read<Spoken> {
        let place = self.found.len();
        self.found.push(None);
        self.blanks();
        let timed = if self.can_begin() && self.cursor.peek() != Some('\n') {
            self.deeper(Self::pipeline)?
        } else {
            String::new()
        };
        let arguments = if timed.is_empty() { Vec::new() } else { vec![timed.clone()] };
        self.found[place] = Some(Command { name: "time".to_owned(), arguments });
        Ok(format!("time{timed}"))
    }

    fn assignment(&mut self) -> Read<bool> {
        let Some(length) = self.cursor.assignment_head() else { return Ok(false) };
        self.cursor.skip(length);
        if self.cursor.peek() == Some('(') {
            self.array()?;
        } else {
            self.word()?;
        }
        Ok(true)
    }

    fn array(&mut self) -> Read<()> {
        self.expect("(")?;
        loop {
            self.blank_lines()?;
            if self.cursor.take(")") {
                return Ok(());
            }
            self.word()?.ok_or(Refused)?;
        }
    }

    fn redirection(&mut self) -> Read<bool> {
        self.blanks();
        let Some((length, sign)) = self.cursor.redirection_head() else { return Ok(false) };
        self.cursor.skip(length);
        self.blanks();
        let target = self.word()?.ok_or(Refused)?;
        if sign == "<<" || sign == "<<-" {
            self.heredocs.push((target.text, sign == "<<-"));
        }
        Ok(true)
    }

    pub fn word(&mut self) -> Read<Option<Word>> {
        super::words::read(self)
    }

    pub fn expect(&mut self, sign: &str) -> Read<()> {
        if self.cursor.take(sign) { Ok(()) } else { Err(Refused) }
    }

    /// Blanks, continued lines and a comment.
    fn blanks(&mut self) {
        self.cursor.blanks();
    }

    /// Also line ends, and the text of heredocs that begins after one.
    pub fn blank_lines(&mut self) -> Read<()> {
        loop {
            self.blanks();
            if !self.cursor.take("\n") {
                return Ok(());
            }
            for (end, strips_tabs) in std::mem::take(&mut self.heredocs) {
                if !self.cursor.skip_heredoc(&end, strips_tabs) {
                    return Err(Refused);
                }
            }
        }
    }

    /// A list inside a word, read up to its closing parenthesis.
    pub fn substitution(&mut self) -> Read<Spoken> {
        self.blank_lines()?;
        if self.cursor.take(")") {
            return Ok(String::new());
        }
        let spoken = self.list()?;
        self.blank_lines()?;
        self.expect(")")?;
        Ok(spoken)
    }

    /// The text between backticks is a script of its own.
    pub fn nested(&mut self, text: &str) -> Read<()> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Refused);
        }
        // What is wrong in there does not make the text around it wrong.
        let (commands, has_pipe) = parse(text).unwrap_or_default();
        self.depth -= 1;
        self.found.extend(commands.into_iter().map(Some));
        self.has_pipe |= has_pipe;
        Ok(())
    }

    pub fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err(Refused);
        }
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }
}

/// The command that `exec`, `command` and their like run.
fn effective(name: String, arguments: &[Word]) -> Option<String> {
    let is_flag = |word: &Word| word.text.starts_with('-');
    let run = match name.as_str() {
        "busybox" | "builtin" | "command" | "run" => arguments.first().filter(|word| !is_flag(word)),
        "exec" => arguments.iter().find(|word| !is_flag(word)),
        _ => None,
    };
    match run {
        Some(word) => word.literal.clone(),
        None => Some(name),
    }
}
