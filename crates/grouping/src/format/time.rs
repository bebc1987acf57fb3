//! Times as programs write them at the head of a line.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// A date without a year lies in the past, but clocks differ by up to this.
const DAY_SECONDS: i64 = 86_400;

/// Whether a word is part of a date or a time: digits and what separates them.
pub(super) fn is_time_word(word: &str) -> bool {
    let (mut digits, mut separators) = (0, 0);
    for byte in word.bytes() {
        match byte {
            b'0'..=b'9' => digits += 1,
            b'-' | b'/' | b':' | b'.' | b',' | b'+' | b'_' => separators += 1,
            b'T' | b'Z' => {}
            _ => return false,
        }
    }
    let separated = separators >= 2 && digits >= 4;
    // `11-20` and `10.30` before a time of day.
    let short = separators == 1 && (3..=4).contains(&digits) && word.len() == digits + 1;
    let packed = separators == 0 && (digits == 8 && word.starts_with("20") || epoch(word).is_some());
    (separated && !is_address(word)) || short || packed
}

/// Whether a word is a month or a weekday.
pub(super) fn is_calendar_word(word: &str) -> bool {
    month(word).is_some() || matches!(word, "Mon" | "Tue" | "Wed" | "Thu" | "Fri" | "Sat" | "Sun")
}

fn is_address(word: &str) -> bool {
    let host = word.split(':').next().unwrap_or(word);
    host.split('.').count() == 4 && host.split('.').all(|part| part.parse::<u8>().is_ok())
}

/// Whether text holds a time of day, which a date alone or a number does not.
pub(super) fn has_clock(text: &str) -> bool {
    let digit = u8::is_ascii_digit;
    text.as_bytes()
        .windows(5)
        .any(|w| digit(&w[0]) && digit(&w[1]) && w[2] == b':' && digit(&w[3]) && digit(&w[4]))
}

/// Seconds or milliseconds since 1970, for times from 2001 to 2033.
pub(super) fn epoch(word: &str) -> Option<Timestamp> {
    if !word.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i64 = word.parse().ok()?;
    match (word.len(), number) {
        (10, 1_000_000_000..2_000_000_000) => Timestamp::from_second(number).ok(),
        (13, 1_000_000_000_000..2_000_000_000_000) => Timestamp::from_millisecond(number).ok(),
        _ => None,
    }
}

/// Reads the time that a header's words say together.
pub(super) fn interpret(text: &str, reference: Timestamp) -> Option<Timestamp> {
    let text = text.trim();
    if let Ok(time) = text.replacen(',', ".", 1).parse::<Timestamp>() {
        return Some(time);
    }
    if let Some(time) = epoch(text) {
        return Some(time);
    }
    let numbers = numbers(text);
    let lengths: Vec<usize> = numbers.iter().map(|(digits, _)| digits.len()).collect();
    let value = |index: usize| numbers.get(index).and_then(|(digits, _)| digits.parse::<i64>().ok());
    let month_name = text.split(|c: char| !c.is_ascii_alphabetic()).find_map(month);
    let (year, month, day, clock) = match (month_name, lengths.as_slice()) {
        // 20/Nov/2026:10:00:01
        (Some(month), [1 | 2, 4, ..]) => (value(1), Some(month), value(0), 2),
        // Nov 20 10:00:01 2026, and without a year
        (Some(month), [1 | 2, 2, 2, 2, 4]) => (value(4), Some(month), value(0), 1),
        (Some(month), [1 | 2, 2, 2, 2, _, 4]) => (value(5), Some(month), value(0), 1),
        (Some(month), [1 | 2, 2, 2, 2, ..]) => (None, Some(month), value(0), 1),
        (None, [4, 1 | 2, 1 | 2, ..]) => (value(0), value(1), value(2), 3),
        // 20261120-10:00:01:606
        (None, [8, 2, 2, 2, ..]) => {
            let packed = value(0)?;
            (Some(packed / 10_000), Some(packed / 100 % 100), Some(packed % 100), 1)
        }
        // 26/11/20 10:00:01
        (None, [2, 2, 2, 2, 2, 2, ..]) => (value(0).map(|year| year + 2000), value(1), value(2), 3),
        // 11-20 10:00:01.123
        (None, [2, 2, 2, 2, 2, ..]) => (None, value(0), value(1), 2),
        // 261120 100001
        (None, [6, 6]) => {
            let (date, time) = (value(0)?, value(1)?);
            let clock = [time / 10_000, time / 100 % 100, time % 100];
            return at(2000 + date / 10_000, date / 100 % 100, date % 100, clock, 0);
        }
        _ => return None,
    };
    let nanos = fraction(&numbers, clock + 3);
    let time = [value(clock)?, value(clock + 1)?, value(clock + 2)?];
    let (month, day) = (month?, day?);
    if let Some(year) = year {
        return at(year, month, day, time, nanos);
    }
    let this_year = i64::from(reference.to_zoned(TimeZone::UTC).year());
    let guess = at(this_year, month, day, time, nanos)?;
    let future = guess.as_second() > reference.as_second() + DAY_SECONDS;
    if future { at(this_year - 1, month, day, time, nanos) } else { Some(guess) }
}

/// Runs of digits, each with the byte before it.
fn numbers(text: &str) -> Vec<(&str, u8)> {
    let mut numbers = Vec::new();
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() && numbers.len() < 10 {
        let length = bytes[at..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if length > 0 {
            numbers.push((&text[at..at + length], at.checked_sub(1).map_or(b' ', |before| bytes[before])));
        }
        at += length.max(1);
    }
    numbers
}

fn fraction(numbers: &[(&str, u8)], index: usize) -> i32 {
    let Some((digits, before)) = numbers.get(index) else { return 0 };
    if !matches!(before, b'.' | b',' | b':') || digits.len() > 9 {
        return 0;
    }
    let scale = 10_i32.pow(u32::try_from(9 - digits.len()).unwrap_or(0));
    digits.parse::<i32>().map_or(0, |fraction| fraction * scale)
}

fn at(year: i64, month: i64, day: i64, [hour, minute, second]: [i64; 3], nanos: i32) -> Option<Timestamp> {
    let small = |number: i64| i8::try_from(number).ok();
    let civil = DateTime::new(
        i16::try_from(year).ok()?,
        small(month)?,
        small(day)?,
        small(hour)?,
        small(minute)?,
        small(second)?,
        nanos,
    );
    civil.ok()?.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

fn month(word: &str) -> Option<i64> {
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    months.iter().position(|month| *month == word).and_then(|index| i64::try_from(index + 1).ok())
}
