//! The expressions that our workflows use: `||`, `&&`, `!`, strings, contexts, a few functions. As on
//! GitHub, what a context does not have is empty. Lists are JSON.

use anyhow::{Result, bail, ensure};
use regex_lite::Regex;
use std::collections::BTreeMap;

/// Values by path: `needs.plan.result`. Functions without arguments are among them: `failure()`.
pub type Context = BTreeMap<String, String>;

/// A text with its `${{ … }}` replaced.
pub fn fill(text: &str, context: &Context) -> Result<String> {
    let mut filled = String::new();
    let mut parts = text.split("${{");
    filled += parts.next().unwrap_or("");
    for part in parts {
        let Some((expression, rest)) = part.split_once("}}") else {
            bail!("`{text}` does not close its braces")
        };
        filled += &evaluate(expression, context)?;
        filled += rest;
    }
    Ok(filled)
}

/// The condition of a job or step: without a function of the status, it also needs success.
pub fn holds(condition: &str, context: &Context) -> Result<bool> {
    let inner = condition.trim().trim_start_matches("${{").trim_end_matches("}}");
    let asks_for_status =
        ["always()", "failure()", "success()", "cancelled()"].iter().any(|it| inner.contains(it));
    let is_met = inner.trim().is_empty() || is_true(&evaluate(inner, context)?);
    Ok(is_met && (asks_for_status || is_true(&evaluate("success()", context)?)))
}

fn is_true(value: &str) -> bool {
    !["", "false"].contains(&value)
}

fn evaluate(expression: &str, context: &Context) -> Result<String> {
    let token = Regex::new(r"'[^']*'|[\w.*-]+(\(\))?|\|\||&&|[!(),]")?;
    let tokens: Vec<_> = token.find_iter(expression).map(|token| token.as_str()).collect();
    ensure!(token.replace_all(expression, "").trim().is_empty(), "`{expression}` is beyond this reader");
    let mut parser = Parser { tokens: &tokens, context };
    let value = parser.any()?;
    ensure!(parser.tokens.is_empty(), "`{expression}` ends unexpectedly");
    Ok(value)
}

struct Parser<'a> {
    tokens: &'a [&'a str],
    context: &'a Context,
}

impl Parser<'_> {
    fn take(&mut self, token: &str) -> bool {
        let is_next = self.tokens.first() == Some(&token);
        if is_next {
            self.tokens = &self.tokens[1..];
        }
        is_next
    }

    fn any(&mut self) -> Result<String> {
        let mut value = self.all()?;
        while self.take("||") {
            let other = self.all()?;
            value = if is_true(&value) { value } else { other };
        }
        Ok(value)
    }

    fn all(&mut self) -> Result<String> {
        let mut value = self.one()?;
        while self.take("&&") {
            let other = self.one()?;
            value = if is_true(&value) { other } else { value };
        }
        Ok(value)
    }

    fn one(&mut self) -> Result<String> {
        if self.take("!") {
            return Ok((!is_true(&self.one()?)).to_string());
        }
        let Some((word, rest)) = self.tokens.split_first() else { bail!("an expression ends early") };
        ensure!(!["||", "&&", ")", ","].contains(word), "an expression has {word} instead of a value");
        self.tokens = rest;
        if let Some(text) = word.strip_prefix('\'') {
            return Ok(text.trim_end_matches('\'').to_owned());
        }
        if self.take("(") {
            let mut arguments = vec![self.any()?];
            while self.take(",") {
                arguments.push(self.any()?);
            }
            ensure!(self.take(")"), "{word}( does not end");
            return call(word, &arguments);
        }
        if let Some((head, tail)) = word.split_once('*') {
            let is_asked = |path: &&String| path.starts_with(head) && path.ends_with(tail);
            let values: Vec<_> =
                self.context.keys().filter(is_asked).map(|path| &self.context[path]).collect();
            return Ok(serde_json::to_string(&values)?);
        }
        Ok(self.context.get(*word).cloned().unwrap_or_default())
    }
}

fn call(function: &str, arguments: &[String]) -> Result<String> {
    let list = |text: &String| serde_json::from_str::<Vec<String>>(text);
    match (function, arguments) {
        ("fromJSON", [text]) => Ok(text.clone()),
        ("contains", [all, one]) => Ok(list(all)?.contains(one).to_string()),
        ("join", [all, separator]) => Ok(list(all)?.join(separator)),
        _ => bail!("the function {function} with {} arguments is beyond this reader", arguments.len()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_have_the_values_that_github_gives_them() {
        let pairs = [
            ("needs.plan.outputs.jobs", r#"["rust","web"]"#),
            ("needs.plan.result", "success"),
            ("needs.web.result", "skipped"),
            ("secrets.CACHE", "s3://x"),
            ("event.fork", "true"),
            ("success()", "true"),
            ("cancelled()", "false"),
        ];
        let context: Context = pairs.iter().map(|(path, value)| ((*path).into(), (*value).into())).collect();
        let check = |expression: &str, expected: &str| {
            assert_eq!(evaluate(expression, &context).unwrap(), expected, "{expression}");
        };
        check("contains(fromJSON(needs.plan.outputs.jobs), 'rust')", "true");
        check("contains(fromJSON(needs.plan.outputs.jobs), 'static')", "false");
        check("join(needs.*.result, ' ')", "success skipped");
        check("!event.fork && secrets.CACHE || ''", "");
        check("!event.other && secrets.CACHE || ''", "s3://x");
        check("event.none || 'other'", "other");
        assert_eq!(fill("a ${{ event.fork }} b", &context).unwrap(), "a true b");
        assert!(holds("", &context).unwrap() && holds("${{ !cancelled() }}", &context).unwrap());
        assert!(!holds("failure()", &context).unwrap());
        for wrong in ["a == b", "toJSON(needs)", "contains(secrets.CACHE, 'x')", "a b", "&&"] {
            assert!(evaluate(wrong, &context).is_err(), "{wrong}");
        }
    }
}
