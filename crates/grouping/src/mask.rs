//! From a message to tokens: words that stay, and wildcards for what varies.
//!
//! One pass, without regular expressions. A message is split at white space and at delimiters; a
//! piece that looks like a value (a number, an identifier with digits, an address, a path, a
//! quotation, what follows `=`) becomes a wildcard. Then what only differs in length is made
//! equal: runs of wildcards become one, and brackets that hold nothing else vanish.
//!
//! Only the first line is looked at, and of that the first [`MAX_BYTES`] and [`MAX_TOKENS`]: a
//! message of any size costs bounded time.

use std::borrow::Cow;

/// Bytes of a message that are looked at.
const MAX_BYTES: usize = 4096;

/// Tokens of a message that are looked at.
pub(crate) const MAX_TOKENS: usize = 160;

/// How a wildcard is written in a template.
pub(crate) const WILDCARD: &str = "<*>";

/// One token of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) text: &'a str,
    /// No white space precedes it.
    pub(crate) glued: bool,
}

impl Token<'_> {
    pub(crate) fn is_wildcard(&self) -> bool {
        self.text == WILDCARD
    }

    fn is_delimiter(&self) -> bool {
        self.text.len() == 1 && is_delimiter(self.text.as_bytes()[0])
    }
}

/// The tokens of a message, masked, into a buffer that is used again.
pub(crate) fn tokens<'a>(message: &'a str, into: &mut Vec<Token<'a>>) {
    into.clear();
    split(first_line(message), into, true);
    mask_context(into);
    collapse(into);
    drop_empty_brackets(into);
    collapse(into);
}

/// The tokens of a template, exactly as they were when it was written by [`join`].
pub(crate) fn tokens_of_template<'a>(template: &'a str, into: &mut Vec<Token<'a>>) {
    into.clear();
    split(template, into, false);
}

/// Tokens as text that [`tokens_of_template`] splits into the same tokens again.
pub(crate) fn join<'a>(tokens: impl IntoIterator<Item = Token<'a>>) -> String {
    let mut text = String::new();
    let mut last: Option<Token<'_>> = None;
    for token in tokens {
        // Two words need white space between them, whatever stood there.
        let apart = last.is_some_and(|last| !token.glued || !(last.is_delimiter() || token.is_delimiter()));
        // What masking brought side by side must not be read back as a wildcard.
        let by_chance = last.is_some_and(|last| last.text == "<") && token.text.starts_with('*');
        if apart || by_chance {
            text.push(' ');
        }
        text.push_str(token.text);
        last = Some(token);
    }
    text
}

/// The message without what makes it different from its like, for use where there is no tree.
pub(crate) fn masked(message: &str) -> String {
    let mut buffer = Vec::new();
    tokens(message, &mut buffer);
    join(buffer)
}

fn first_line(message: &str) -> &str {
    let message = message.trim_start();
    let line = message.split(['\n', '\r']).next().unwrap_or_default();
    &line[..line.floor_char_boundary(MAX_BYTES)]
}

fn is_delimiter(byte: u8) -> bool {
    matches!(
        byte,
        b'=' | b':'
            | b','
            | b';'
            | b'('
            | b')'
            | b'['
            | b']'
            | b'{'
            | b'}'
            | b'<'
            | b'>'
            | b'"'
            | b'\''
            | b'|'
            | b'`'
    )
}

fn split<'a>(text: &'a str, into: &mut Vec<Token<'a>>, mask: bool) {
    let bytes = text.as_bytes();
    let mut at = 0;
    let mut glued = false;
    while at < bytes.len() && into.len() < MAX_TOKENS {
        let byte = bytes[at];
        if byte.is_ascii_whitespace() || byte == 0 {
            at += 1;
            glued = false;
            continue;
        }
        if bytes[at..].starts_with(b"..") {
            // Leaders of dots, as in `enabled......1`, say nothing.
            at += bytes[at..].iter().take_while(|&&byte| byte == b'.').count();
            glued = false;
            continue;
        }
        if text[at..].starts_with(WILDCARD) {
            into.push(Token { text: WILDCARD, glued });
            at += WILDCARD.len();
        } else if let Some(length) =
            mask.then(|| value(&text[at..], glued, at > 0 && bytes[at - 1] == b'=')).flatten()
        {
            into.push(Token { text: WILDCARD, glued });
            at += length;
        } else if is_delimiter(byte) {
            into.push(Token { text: &text[at..=at], glued });
            at += 1;
        } else {
            let length = word(&bytes[at..]);
            let piece = &text[at..at + length];
            let token = if mask && is_value(piece) { WILDCARD } else { piece };
            into.push(Token { text: token, glued });
            at += length;
        }
        glued = true;
    }
}

/// Length of the run without white space and delimiters.
fn word(bytes: &[u8]) -> usize {
    let ends = |at: usize, byte: u8| {
        byte.is_ascii_whitespace() || byte == 0 || is_delimiter(byte) || bytes[at..].starts_with(b"..")
    };
    bytes.iter().enumerate().position(|(at, &byte)| ends(at, byte)).unwrap_or(bytes.len())
}

/// Length of a value that spans delimiters: a quotation, an address with a scheme, a signed number.
fn value(text: &str, glued: bool, keyed: bool) -> Option<usize> {
    let bytes = text.as_bytes();
    let run = || bytes.iter().position(|byte| byte.is_ascii_whitespace()).unwrap_or(bytes.len());
    match bytes[0] {
        quote @ (b'"' | b'\'' | b'`') if !glued || quote == b'"' || keyed => {
            // A quotation ends before a word begins, else the mark is an apostrophe.
            let end = 1 + bytes[1..].iter().position(|&byte| byte == quote)?;
            let closes = bytes.get(end + 1).is_none_or(|next| !next.is_ascii_alphanumeric());
            // Several words are a sentence or a request, whose words say something, unless they are
            // given as a value.
            let one = keyed || !bytes[1..end].contains(&b' ');
            (end > 1 && closes && one).then_some(end + 1)
        }
        b'<' | b'>' | b'~' | b'+' if bytes.get(1).is_some_and(u8::is_ascii_digit) => {
            Some(1 + word(&bytes[1..]))
        }
        b'a'..=b'z' | b'A'..=b'Z' => {
            let scheme = bytes.iter().take(12).position(|&byte| byte == b':')?;
            let is_address =
                bytes[scheme..].starts_with(b"://") && bytes[..scheme].iter().all(u8::is_ascii_alphanumeric);
            let is_drive = scheme == 1 && bytes.get(2) == Some(&b'\\');
            if !is_address && !is_drive {
                return None;
            }
            let run = run();
            let end = bytes[..run].iter().rposition(|byte| !b".,;:)]}'\"".contains(byte))?;
            Some(end + 1)
        }
        _ => None,
    }
}

/// Whether a piece without delimiters is a value rather than a word.
fn is_value(piece: &str) -> bool {
    let bytes = piece.as_bytes();
    let (mut slashes, mut dots, mut upper, mut odd) = (0, 0, false, false);
    for &byte in bytes {
        match byte {
            b'0'..=b'9' | b'@' => return true,
            b'/' | b'\\' => slashes += 1,
            b'.' => dots += 1,
            b'A'..=b'Z' => upper = true,
            b'a'..=b'z' | b'-' | b'_' => {}
            _ => odd = true,
        }
    }
    let path = (bytes[0] == b'/' && bytes.len() > 1) || slashes > 1;
    let inner = piece.trim_matches('.');
    let dots = dots - (piece.len() - inner.len());
    let name = dots > 0 && !odd && (slashes == 0 || dots > 1) && (dots > 1 || !upper);
    let literal = matches!(piece, "true" | "false" | "True" | "False" | "TRUE" | "FALSE" | "null" | "nil");
    path || name || literal
}

/// Masks what only its neighbours give away.
fn mask_context(tokens: &mut [Token<'_>]) {
    for at in 0..tokens.len() {
        if tokens[at].is_wildcard() || tokens[at].is_delimiter() {
            continue;
        }
        let before = at.checked_sub(1).map(|before| tokens[before]);
        let after = tokens.get(at + 1).copied();
        let behind_equals = tokens[at].glued && before.is_some_and(|before| before.text == "=");
        let wildcard_beside =
            before.is_some_and(|it| it.is_wildcard()) || after.is_some_and(|it| it.is_wildcard());
        let date_beside =
            |other: Option<Token<'_>>| other.is_some_and(|it| it.is_wildcard() || is_date_word(it.text));
        let of_date = is_date_word(tokens[at].text) && (date_beside(before) || date_beside(after));
        let unit = before.is_some_and(|it| it.is_wildcard()) && is_unit(tokens[at].text);
        let hex = is_hex(tokens[at].text)
            && (before.is_some_and(|it| it.text == ":") || after.is_some_and(|it| it.text == ":"))
            && (wildcard_beside || near_wildcard(tokens, at));
        let named = before.is_some_and(|it| it.text == "user" || it.text == "User") && !tokens[at].glued;
        if behind_equals || of_date || unit || hex || named {
            tokens[at].text = WILDCARD;
        }
    }
}

/// A wildcard is on the other side of a colon.
fn near_wildcard(tokens: &[Token<'_>], at: usize) -> bool {
    let left = at >= 2 && tokens[at - 2].is_wildcard();
    left || tokens.get(at + 2).is_some_and(Token::is_wildcard)
}

fn is_date_word(text: &str) -> bool {
    matches!(
        text,
        "Mon"
            | "Tue"
            | "Wed"
            | "Thu"
            | "Fri"
            | "Sat"
            | "Sun"
            | "Jan"
            | "Feb"
            | "Mar"
            | "Apr"
            | "May"
            | "Jun"
            | "Jul"
            | "Aug"
            | "Sep"
            | "Oct"
            | "Nov"
            | "Dec"
            | "UTC"
            | "GMT"
            | "AM"
            | "PM"
    )
}

fn is_unit(text: &str) -> bool {
    matches!(
        text,
        "B" | "KB"
            | "kB"
            | "MB"
            | "GB"
            | "TB"
            | "KiB"
            | "MiB"
            | "GiB"
            | "ns"
            | "us"
            | "ms"
            | "s"
            | "sec"
            | "secs"
            | "min"
            | "%"
    )
}

fn is_hex(text: &str) -> bool {
    text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// Makes one wildcard of wildcards that stand side by side or are joined by a delimiter of lists.
fn collapse(tokens: &mut Vec<Token<'_>>) {
    let mut kept = 0;
    for at in 0..tokens.len() {
        let token = tokens[at];
        if token.is_wildcard() && kept > 0 {
            let joined = kept > 1
                && matches!(tokens[kept - 1].text, ":" | "," | "|")
                && tokens[kept - 2].is_wildcard();
            if joined {
                kept -= 1;
                continue;
            }
            // `fe80::1`
            let colons = kept > 2
                && tokens[kept - 1].text == ":"
                && tokens[kept - 2].text == ":"
                && tokens[kept - 3].is_wildcard();
            if colons {
                kept -= 2;
                continue;
            }
            if tokens[kept - 1].is_wildcard() {
                continue;
            }
        }
        tokens[kept] = token;
        kept += 1;
    }
    tokens.truncate(kept);
}

/// Drops `()`, `(<*>)` and `[<*>]`: whether something is there is a value, too.
fn drop_empty_brackets(tokens: &mut Vec<Token<'_>>) {
    let mut kept = 0;
    for at in 0..tokens.len() {
        tokens[kept] = tokens[at];
        kept += 1;
        let opening = match tokens[kept - 1].text {
            ")" => "(",
            "]" => "[",
            "}" => "{",
            _ => continue,
        };
        if kept >= 2 && tokens[kept - 2].text == opening {
            kept -= 2;
        } else if kept >= 3 && tokens[kept - 2].is_wildcard() && tokens[kept - 3].text == opening {
            kept -= 3;
        }
    }
    tokens.truncate(kept);
}

/// A token that owns its text.
pub(crate) type Owned = (Cow<'static, str>, bool);

/// Tokens that outlive their message.
pub(crate) fn owned(tokens: &[Token<'_>]) -> Box<[Owned]> {
    let owned = tokens.iter().map(|token| {
        let text =
            if token.is_wildcard() { Cow::Borrowed(WILDCARD) } else { Cow::Owned(token.text.to_owned()) };
        (text, token.glued)
    });
    owned.collect()
}
