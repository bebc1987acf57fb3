//! The time at the beginning of a text, in the forms that loggers write.
//!
//! A time without an offset is taken as UTC. What a form leaves out (the year of syslog, the day of
//! a bare time) comes from the reference, the time of receipt: the last such moment that is not in
//! its future.

use jiff::{
    Timestamp, ToSpan,
    civil::{Date, Time},
    tz::{Offset, TimeZone},
};

/// Reads a time; returns how many bytes it takes, too.
pub(super) fn read(text: &str, reference: Timestamp) -> Option<(usize, Timestamp)> {
    let first = *text.as_bytes().first()?;
    if !first.is_ascii_digit() && !first.is_ascii_uppercase() {
        return None;
    }
    let forms: [fn(&mut Cursor<'_>, Timestamp) -> Option<Timestamp>; 7] = if first.is_ascii_digit() {
        [year_first, compact, short_date, day_first, epoch, bare_time, none]
    } else {
        [month_name, none, none, none, none, none, none]
    };
    forms.into_iter().find_map(|form| {
        let mut cursor = Cursor { bytes: text.as_bytes(), at: 0 };
        let time = form(&mut cursor, reference)?;
        // A time ends where a word ends.
        let ends = cursor.peek().is_none_or(|byte| !byte.is_ascii_alphanumeric() && byte < 0x80);
        ends.then_some((cursor.at, time))
    })
}

fn none(_: &mut Cursor<'_>, _: Timestamp) -> Option<Timestamp> {
    None
}

/// `2026-11-21T04:15:59.123Z`, `2026/11/21 04:15:59,123 +0100`, `2005-06-03-15.42.50.675872`,
/// `2005.11.09`.
fn year_first(it: &mut Cursor<'_>, _: Timestamp) -> Option<Timestamp> {
    let year = it.number(4, 4)?;
    let separator = it.one_of(b"-/.")?;
    let month = it.number(1, 2)?;
    it.one_of(&[separator])?;
    let day = it.number(1, 2)?;
    let date = date(year, month, day)?;
    let before = it.at;
    if it.one_of(b"T -_,:t").is_some() {
        it.one_of(b" ");
        if let Some(time) = clock(it) {
            return moment(date, time, offset(it));
        }
    }
    it.at = before;
    moment(date, Time::midnight(), None)
}

/// `20171223-22:15:29:606`, `20260102T150405Z`, `081109 203615`.
fn compact(it: &mut Cursor<'_>, _: Timestamp) -> Option<Timestamp> {
    let digits = it.digits();
    let year = match digits {
        8 => it.number(4, 4)?,
        6 => 2000 + it.number(2, 2)?,
        _ => return None,
    };
    let date = date(year, it.number(2, 2)?, it.number(2, 2)?)?;
    it.one_of(b"T -_")?;
    let time = if it.digits() == 6 { packed_clock(it)? } else { clock(it)? };
    moment(date, time, offset(it))
}

/// `17/06/09 20:10:40`, `03-17 16:13:38.811`, `10.30 16:49:06`, `11/21/2026 04:15:59`.
fn short_date(it: &mut Cursor<'_>, reference: Timestamp) -> Option<Timestamp> {
    let first = it.number(2, 2)?;
    let separator = it.one_of(b"-/.")?;
    let second = it.number(2, 2)?;
    let third = match it.one_of(&[separator]) {
        Some(_) => Some(it.number(2, 4)?),
        None => None,
    };
    it.one_of(b" ,T:")?;
    it.one_of(b" ");
    let time = clock(it)?;
    match third {
        None => without_year(first, second, time, reference),
        Some(year) if year >= 1000 => {
            let of = |month, day| date(year, month, day);
            moment(of(first, second).or_else(|| of(second, first))?, time, offset(it))
        }
        Some(day) => moment(date(2000 + first, second, day)?, time, offset(it)),
    }
}

/// `21/Nov/2026:04:15:59 +0000`, `21 Nov 2026 04:15:59.123`, `21-Nov-2026 04:15:59`.
fn day_first(it: &mut Cursor<'_>, _: Timestamp) -> Option<Timestamp> {
    let day = it.number(1, 2)?;
    let separator = it.one_of(b"/ -")?;
    let month = it.month()?;
    it.one_of(&[separator])?;
    let date = date(it.number(4, 4)?, month, day)?;
    it.one_of(b": ,")?;
    it.one_of(b" ");
    let time = clock(it)?;
    moment(date, time, offset(it))
}

/// Seconds, or milliseconds, since 1970, for the years 2001 to 2033.
fn epoch(it: &mut Cursor<'_>, _: Timestamp) -> Option<Timestamp> {
    let digits = it.digits();
    let value: i64 = match digits {
        10 | 13 if matches!(it.peek(), Some(b'1')) => {
            std::str::from_utf8(it.bytes.get(..digits)?).ok()?.parse().ok()?
        }
        _ => return None,
    };
    it.at = digits;
    if digits == 13 {
        return Timestamp::from_millisecond(value).ok();
    }
    let nanos = it.fraction();
    Timestamp::new(value, nanos).ok()
}

/// `04:15:59.123`, of the last day on which it is not in the future.
fn bare_time(it: &mut Cursor<'_>, reference: Timestamp) -> Option<Timestamp> {
    // An address such as 10.11.10.1 is not a time.
    if !matches!(it.bytes.get(1..3)?, [b':', _] | [_, b':']) {
        return None;
    }
    let time = clock(it)?;
    let today = TimeZone::UTC.to_datetime(reference).date();
    let moment = moment(today, time, None)?;
    if moment > reference.checked_add(1.hour()).ok()? {
        moment.checked_sub(24.hours()).ok()
    } else {
        Some(moment)
    }
}

/// `Nov 21 04:15:59`, `Sun Nov 21 04:15:59.12 2026`, `Nov 21, 2026 4:15:59 AM`.
fn month_name(it: &mut Cursor<'_>, reference: Timestamp) -> Option<Timestamp> {
    const WEEKDAYS: [&[u8]; 7] = [b"Mon", b"Tue", b"Wed", b"Thu", b"Fri", b"Sat", b"Sun"];
    if WEEKDAYS.iter().any(|day| it.bytes.starts_with(day)) {
        it.at = 3;
        it.one_of(b",");
        it.one_of(b" ")?;
        if it.digits() > 0 {
            return day_first(it, reference);
        }
    }
    let month = it.month()?;
    it.one_of(b" ")?;
    it.one_of(b" ");
    let day = it.number(1, 2)?;
    if it.one_of(b",").is_some() || it.bytes.get(it.at + 5) == Some(&b' ') {
        it.one_of(b" ")?;
        let date = date(it.number(4, 4)?, month, day)?;
        it.one_of(b" ")?;
        let time = clock(it)?;
        return moment(date, time, offset(it));
    }
    it.one_of(b" ")?;
    let time = clock(it)?;
    let before = it.at;
    if it.one_of(b" ").is_some() && it.digits() == 4 {
        let year = it.number(4, 4)?;
        if (1970..2100).contains(&year) {
            return moment(date(year, month, day)?, time, None);
        }
    }
    it.at = before;
    without_year(month, day, time, reference)
}

fn without_year(month: i16, day: i16, time: Time, reference: Timestamp) -> Option<Timestamp> {
    let year = TimeZone::UTC.to_datetime(reference).year();
    // A day ahead at most: clocks and time zones differ.
    let latest = reference.checked_add(24.hours()).ok()?;
    let of = |year| date(year, month, day).and_then(|date| moment(date, time, None));
    // The 29th of February exists in some years only.
    of(year).filter(|moment| *moment <= latest).or_else(|| (1..=8).find_map(|ago| of(year - ago)))
}

fn date(year: i16, month: i16, day: i16) -> Option<Date> {
    Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

fn moment(date: Date, time: Time, offset: Option<Offset>) -> Option<Timestamp> {
    offset.unwrap_or(Offset::UTC).to_timestamp(date.to_datetime(time)).ok()
}

/// `04:15:59`, `04.15.59`, with a fraction and `AM` or `PM`.
fn clock(it: &mut Cursor<'_>) -> Option<Time> {
    let hour = it.number(1, 2)?;
    let separator = it.one_of(b":.")?;
    let minute = it.number(2, 2)?;
    it.one_of(&[separator])?;
    let second = it.number(2, 2)?;
    let nanos = it.fraction();
    let rest = it.bytes.get(it.at..)?;
    let afternoon =
        rest.starts_with(b" PM").then_some(true).or_else(|| rest.starts_with(b" AM").then_some(false));
    let hour = match afternoon {
        Some(afternoon) => {
            it.at += 3;
            hour % 12 + if afternoon { 12 } else { 0 }
        }
        None => hour,
    };
    // A leap second is the second before it.
    let part = |value: i16| i8::try_from(value).ok();
    Time::new(part(hour)?, part(minute)?, part(second.min(59))?, nanos).ok()
}

fn packed_clock(it: &mut Cursor<'_>) -> Option<Time> {
    let mut part = || i8::try_from(it.number(2, 2)?).ok();
    let (hour, minute, second) = (part()?, part()?, part()?);
    Time::new(hour, minute, second, it.fraction()).ok()
}

fn offset(it: &mut Cursor<'_>) -> Option<Offset> {
    let rest = it.bytes.get(it.at..)?;
    for utc in [&b"Z"[..], b" UTC", b" GMT", b" Z"] {
        if rest.starts_with(utc) {
            it.at += utc.len();
            return Some(Offset::UTC);
        }
    }
    let before = it.at;
    it.one_of(b" ");
    let read = |it: &mut Cursor<'_>| {
        let sign = if it.one_of(b"+-")? == b'-' { -1 } else { 1 };
        let hours = i32::from(it.number(2, 2)?);
        it.one_of(b":");
        let minutes = i32::from(it.number(2, 2).unwrap_or(0));
        Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
    };
    let spaced = it.at > before;
    // ` -07` may be a word of the message; ` -0700` is an offset.
    let offset = read(it).filter(|_| !spaced || it.at - before >= 6);
    if offset.is_none() {
        it.at = before;
    }
    offset
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn one_of(&mut self, set: &[u8]) -> Option<u8> {
        let byte = self.peek().filter(|byte| set.contains(byte))?;
        self.at += 1;
        Some(byte)
    }

    /// Digits ahead, at most 20.
    fn digits(&self) -> usize {
        self.bytes.iter().skip(self.at).take(20).take_while(|byte| byte.is_ascii_digit()).count()
    }

    /// A number of so many digits, at most four.
    fn number(&mut self, least: usize, most: usize) -> Option<i16> {
        let digits = self.digits().min(most);
        if digits < least {
            return None;
        }
        let digits = self.bytes.get(self.at..self.at + digits)?;
        self.at += digits.len();
        Some(digits.iter().fold(0, |value, digit| value * 10 + i16::from(digit - b'0')))
    }

    /// `.123456`, as nanoseconds.
    fn fraction(&mut self) -> i32 {
        let marked = matches!(self.peek(), Some(b'.' | b',' | b':'));
        if !marked || !self.bytes.get(self.at + 1).is_some_and(u8::is_ascii_digit) {
            return 0;
        }
        self.at += 1;
        let digits = self.digits();
        let mut nanos = 0;
        for place in 0..9 {
            let digit = if place < digits {
                self.bytes.get(self.at + place).map_or(0, |digit| i32::from(digit - b'0'))
            } else {
                0
            };
            nanos = nanos * 10 + digit;
        }
        self.at += digits;
        nanos
    }

    fn month(&mut self) -> Option<i16> {
        const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
        let name = self.bytes.get(self.at..self.at + 3)?;
        let index = MONTHS.chunks(3).position(|month| month == name)?;
        self.at += 3;
        i16::try_from(index + 1).ok()
    }
}
