//! Reads the YAML that our templates use, and no more: blocks of mappings and lists, `|` texts,
//! quoted and plain words, `[a, b]`. Every word becomes a string.

use anyhow::{Context, Result, bail};
use serde_json::{Map, Value};

pub fn read(text: &str) -> Result<Value> {
    let mut reader = Reader { lines: text.lines().map(str::to_owned).collect(), at: 0 };
    let value = reader.block(0)?;
    match reader.peek() {
        None => Ok(value),
        Some(_) => bail!("line {} is indented unlike those before it", reader.at + 1),
    }
}

struct Reader {
    lines: Vec<String>,
    at: usize,
}

impl Reader {
    /// The indentation and the text of the next line that is not a comment.
    fn peek(&mut self) -> Option<(usize, String)> {
        loop {
            let line = self.lines.get(self.at)?;
            let text = line.trim();
            if !text.is_empty() && !text.starts_with('#') {
                return Some((line.len() - line.trim_start().len(), text.to_owned()));
            }
            self.at += 1;
        }
    }

    fn block(&mut self, indent: usize) -> Result<Value> {
        if self.peek().is_some_and(|(_, text)| text.starts_with("- ")) {
            return self.list(indent);
        }
        let mut map = Map::new();
        while let Some((_, text)) = self.peek().filter(|(found, _)| *found == indent) {
            let line = self.at + 1;
            let (key, rest) = text.split_once(':').with_context(|| format!("line {line} has no key"))?;
            self.at += 1;
            let value = match rest.trim() {
                "" => match self.peek() {
                    Some((deeper, _)) if deeper > indent => self.block(deeper)?,
                    _ => Value::Null,
                },
                "|" => self.text(indent).into(),
                word => scalar(word),
            };
            map.insert(key.to_owned(), value);
        }
        Ok(Value::Object(map))
    }

    fn list(&mut self, indent: usize) -> Result<Value> {
        let mut list = Vec::new();
        while let Some((_, text)) =
            self.peek().filter(|(found, text)| *found == indent && text.starts_with("- "))
        {
            // The first line of an item is indented as its others are, once the dash is gone.
            self.lines[self.at] = format!("{}{}", " ".repeat(indent + 2), &text[2..]);
            list.push(self.block(indent + 2)?);
        }
        Ok(Value::Array(list))
    }

    fn text(&mut self, indent: usize) -> String {
        let mut text = String::new();
        let (mut line, depth) = (self.lines.get(self.at), indent + 2);
        while let Some(inner) =
            line.filter(|line| line.trim().is_empty() || line.starts_with(&" ".repeat(depth)))
        {
            text += &format!("{}\n", inner.get(depth..).unwrap_or(""));
            self.at += 1;
            line = self.lines.get(self.at);
        }
        text
    }
}

fn scalar(word: &str) -> Value {
    if let Some(quoted) = word.strip_prefix('\'').and_then(|word| word.split('\'').next()) {
        return quoted.into();
    }
    let word = word.split(" #").next().unwrap_or(word).trim();
    match word.strip_prefix('[').and_then(|list| list.strip_suffix(']')) {
        Some(list) => list.split(", ").map(scalar).collect(),
        None => word.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_yaml_of_workflows_is_read() {
        let text = "# no\nname: CI\non:\n  push:\n    branches: [main, next]\n  pull_request:\nsteps:\n  - uses: a@1 # v1\n    \
                    with:\n      key: '4 *'\n\n  # no\n  - run: |\n      a: b\n      # c\n\n        d\n    if: x == 'y'\n";
        let expected = json!({
            "name": "CI",
            "on": { "push": { "branches": ["main", "next"] }, "pull_request": null },
            "steps": [
                { "uses": "a@1", "with": { "key": "4 *" } },
                { "run": "a: b\n# c\n\n  d\n", "if": "x == 'y'" },
            ],
        });
        assert_eq!(read(text).unwrap(), expected);
        assert!(read("a: b\n   c: d\n").is_err());
        assert!(read("a\n").is_err());
    }
}
