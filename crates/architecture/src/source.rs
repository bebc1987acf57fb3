//! Rust sources as far as the rules need them: modules, what they import, and their string
//! literals. Code under `#[cfg(test)]` is left out: tests may import what they like.

use anyhow::{Context, Result, anyhow};
use litrs::StringLit;
use proc_macro2::{Delimiter, Literal, TokenStream, TokenTree};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A file of the repository.
#[derive(Debug, Clone)]
pub struct File {
    /// Its path from the root.
    pub path: String,
    pub text: String,
}

/// The files under a folder of the repository whose names end with one of these.
pub fn files(folder: &str, endings: &[&str]) -> Result<Vec<File>> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(root())?.to_str().context("a path is not UTF-8")?.to_owned();
            if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(File { path: name, text: fs::read_to_string(&path)? });
            }
        }
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(found)
}

/// A module in a file of its own.
#[derive(Debug, Clone, Default)]
pub struct Module {
    /// Its path in the crate; empty for the root.
    pub path: Vec<String>,
    pub file: String,
    pub imports: Vec<Import>,
    /// The values of string literals.
    pub literals: Vec<String>,
}

/// A path that begins with `crate` or `super`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// From the root of the crate.
    pub path: Vec<String>,
    pub line: usize,
}

/// The modules of a crate, from the files in its `src`.
pub fn modules(source_folder: &str, files: &[File]) -> Result<Vec<Module>> {
    let (mut modules, mut only_tests) = (Vec::new(), BTreeSet::new());
    for file in files {
        let path = module_path(source_folder, &file.path)?;
        let tokens: TokenStream = file.text.parse().map_err(|error| anyhow!("{}: {error}", file.path))?;
        let mut module = Module { path: path.clone(), file: file.path.clone(), ..Module::default() };
        let mut reader = Reader { module: &mut module, only_tests: &mut only_tests };
        reader.read(tokens, &path);
        modules.push(module);
    }
    modules.retain(|module| !only_tests.iter().any(|tests| module.path.starts_with(tests)));
    Ok(modules)
}

/// `api/src/routes/issues.rs` is `routes::issues`.
fn module_path(source_folder: &str, file: &str) -> Result<Vec<String>> {
    let inside = file.strip_prefix(source_folder).and_then(|path| path.strip_suffix(".rs"));
    let inside = inside.with_context(|| format!("{file} is not a Rust source in {source_folder}"))?;
    let mut path: Vec<_> = inside.trim_matches('/').split('/').map(str::to_owned).collect();
    path.pop_if(|last| ["mod", "lib", "main"].contains(&last.as_str()));
    Ok(path)
}

struct Reader<'a> {
    module: &'a mut Module,
    /// Modules in files of their own that are compiled only for tests.
    only_tests: &'a mut BTreeSet<Vec<String>>,
}

impl Reader<'_> {
    /// Reads the tokens of a module; an inline module within it has a longer path.
    fn read(&mut self, tokens: TokenStream, path: &[String]) {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while let Some(token) = tokens.get(at) {
            let next = tokens.get(at + 1);
            match (token, next) {
                (TokenTree::Punct(hash), Some(TokenTree::Group(attribute)))
                    if hash.as_char() == '#' && is_for_tests(attribute) =>
                {
                    at = self.skip_item(&tokens, at + 2, path);
                    continue;
                }
                (TokenTree::Ident(word), Some(TokenTree::Ident(name)))
                    if word == "mod"
                        && let Some(TokenTree::Group(body)) = tokens.get(at + 2) =>
                {
                    self.read(body.stream(), &[path, &[name.to_string()]].concat());
                    at += 3;
                    continue;
                }
                (TokenTree::Ident(word), _) if word == "crate" => {
                    at = self.read_path(&tokens, at + 1, Vec::new());
                    continue;
                }
                (TokenTree::Ident(word), _) if word == "super" => {
                    let above = path.split_last().map_or(&[][..], |(_, above)| above);
                    at = self.read_path(&tokens, at + 1, above.to_vec());
                    continue;
                }
                (TokenTree::Group(group), _) => self.read(group.stream(), path),
                (TokenTree::Literal(literal), _) => self.module.literals.extend(text(literal)),
                _ => {}
            }
            at += 1;
        }
    }

    /// Reads the path after `crate` or `super`, in a `use` or anywhere else. Returns the position
    /// after it.
    fn read_path(&mut self, tokens: &[TokenTree], mut at: usize, mut path: Vec<String>) -> usize {
        let line = tokens[at - 1].span().start().line;
        loop {
            let is_colon =
                |at: usize| matches!(tokens.get(at), Some(TokenTree::Punct(p)) if p.as_char() == ':');
            if !(is_colon(at) && is_colon(at + 1)) {
                break;
            }
            match tokens.get(at + 2) {
                Some(TokenTree::Ident(word)) if word == "super" => drop(path.pop()),
                Some(TokenTree::Ident(word)) => path.push(word.to_string()),
                Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                    let inside: Vec<TokenTree> = group.stream().into_iter().collect();
                    for entry in
                        inside.split(|token| matches!(token, TokenTree::Punct(p) if p.as_char() == ','))
                    {
                        if let Some(TokenTree::Ident(first)) = entry.first() {
                            let mut path = path.clone();
                            match first.to_string().as_str() {
                                "self" => {}
                                "super" => drop(path.pop()),
                                name => path.push(name.to_owned()),
                            }
                            self.read_path(entry, 1, path);
                        }
                    }
                    return at + 3;
                }
                _ => break,
            }
            at += 3;
        }
        self.module.imports.push(Import { path, line });
        at
    }

    /// The position after an item that is compiled for tests only.
    fn skip_item(&mut self, tokens: &[TokenTree], mut at: usize, path: &[String]) -> usize {
        let start = at;
        loop {
            let ends = match tokens.get(at) {
                None => true,
                Some(TokenTree::Group(group)) => group.delimiter() == Delimiter::Brace,
                Some(TokenTree::Punct(punct)) => punct.as_char() == ';',
                Some(_) => false,
            };
            at += 1;
            if ends {
                break;
            }
        }
        let words: Vec<_> = tokens[start..at.min(tokens.len())].iter().map(ToString::to_string).collect();
        if let [.., word, name, end] = &words[..]
            && (word.as_str(), end.as_str()) == ("mod", ";")
        {
            self.only_tests.insert([path, std::slice::from_ref(name)].concat());
        }
        at
    }
}

/// Whether an attribute is `#[cfg(test)]`, perhaps with more in it.
fn is_for_tests(attribute: &proc_macro2::Group) -> bool {
    let text = attribute.stream().to_string().replace(' ', "");
    text.starts_with("cfg(test") || text.starts_with("cfg(all(test") || text.starts_with("cfg(any(test")
}

/// The value of a string literal; none of another literal.
pub fn text(literal: &Literal) -> Option<String> {
    StringLit::parse(literal.to_string()).ok().map(StringLit::into_value)
}

#[test]
fn imports_and_literals_are_read_and_code_for_tests_is_not() -> Result<()> {
    let text = r##"
        use crate::{a::{self, B}, c::D as E};
        use super::super::f;
        use super::{super::{k::K}, l};
        mod inline { use super::g; }
        fn work() -> crate::h::Out { let sql = r#"delete from "x""#; query!("update\ny", super::i()) }
        #[cfg(test)]
        #[allow(x)]
        mod tests { use crate::not; const NOT: &str = "insert into z"; }
        #[cfg(test)]
        mod elsewhere;
        pub(crate) fn more() {}
    "##;
    let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
    let files = [file("api/src/one/two.rs", text), file("api/src/one/two/elsewhere.rs", "use crate::not;")];
    let [module] = &modules("api/src", &files)?[..] else { panic!("a module of tests is left") };
    assert_eq!(module.path, ["one", "two"]);
    let imports: Vec<_> = module.imports.iter().map(|it| (it.path.join("::"), it.line)).collect();
    let imports: Vec<_> = imports.iter().map(|(path, line)| (path.as_str(), *line)).collect();
    assert_eq!(
        imports,
        [
            ("a", 2),
            ("a::B", 2),
            ("c::D", 2),
            ("f", 3),
            ("k::K", 4),
            ("one::l", 4),
            ("one::two::g", 5),
            ("h::Out", 6),
            ("one::i", 6),
            ("", 12),
        ]
    );
    assert_eq!(module.literals, ["delete from \"x\"", "update\ny"]);
    Ok(())
}
