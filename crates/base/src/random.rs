//! Random secrets, and bytes as text.

use std::fmt::Write as _;

/// Random bytes from the operating system.
///
/// # Panics
/// When the operating system has none: without them there are no secrets, so the process must end.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    assert!(getrandom::fill(&mut bytes).is_ok(), "the operating system returned no random bytes");
    bytes
}

/// 256 random bits as hexadecimal text.
#[must_use]
pub fn token() -> String {
    hex(&bytes::<32>())
}

/// Bytes as lowercase hexadecimal text.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes behind hexadecimal text; `None` when it is not hexadecimal.
#[must_use]
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) || !text.len().is_multiple_of(2) {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_from_their_text() {
        assert_eq!(hex(&[0, 15, 255]), "000fff");
        let (token, other) = (token(), token());
        assert_eq!((token.len(), from_hex(&token).map(|bytes| hex(&bytes))), (64, Some(token.clone())));
        assert_ne!(token, other);
        for text in ["0", "0g", "+1", "é0"] {
            assert_eq!(from_hex(text), None, "{text}");
        }
    }
}
