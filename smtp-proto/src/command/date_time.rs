//! Dates and times of parameters (RFC 3339).

use core::fmt;

use nom::bytes::complete::take_while_m_n;
use nom::character::complete::{char, one_of};
use nom::combinator::{all_consuming, map_opt, opt};
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

use crate::syntax::Class;

/// A point in time with the offset that it was written with.
///
/// ```text
/// date-time      = full-date "T" full-time               ; RFC 3339 section 5.6
/// full-date      = 4DIGIT "-" 2DIGIT "-" 2DIGIT
/// full-time      = 2DIGIT ":" 2DIGIT ":" 2DIGIT [time-secfrac] time-offset
/// time-secfrac   = "." 1*DIGIT
/// time-offset    = "Z" / ( ("+" / "-") 2DIGIT ":" 2DIGIT )
/// ```
///
/// A day must exist in its month. Second 60 is taken, as leap seconds are not foreseeable. Of a
/// fraction the first nine digits are kept. Comparing is by what is written; use
/// [`unix_seconds`](Self::unix_seconds) to compare instants.
///
/// ```
/// use smtp_proto::command::DateTime;
///
/// let time = DateTime::parse("2026-08-01T14:00:00+02:00").unwrap();
/// assert_eq!(time.unix_seconds(), 1_785_585_600);
/// assert_eq!(DateTime::from_unix_seconds(1_785_585_600).unwrap().to_string(), "2026-08-01T12:00:00Z");
/// assert_eq!(DateTime::parse("2026-02-29T00:00:00Z"), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DateTime {
    year: u16,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
    nanosecond: u32,
    /// Minutes east of UTC; `None` is "Z".
    offset: Option<Offset>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Offset {
    west: bool,
    hours: u8,
    minutes: u8,
}

const DAY: i64 = 86_400;
/// 9999-12-31T23:59:59Z
const LAST: i64 = 253_402_300_799;

impl DateTime {
    /// Reads a whole date-time, nothing before or behind it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        all_consuming(date_time).parse(text).ok().map(|(_, time)| time)
    }

    /// The point in time of that many seconds after 1970-01-01T00:00:00Z, leap seconds not
    /// counted; `None` outside the years 0 to 9999.
    #[must_use]
    pub fn from_unix_seconds(seconds: i64) -> Option<Self> {
        if !(-62_167_219_200..=LAST).contains(&seconds) {
            return None;
        }
        let (year, month, day) = civil(seconds.div_euclid(DAY));
        let second = seconds.rem_euclid(DAY);
        Some(DateTime {
            year: u16::try_from(year).ok()?,
            month: u8::try_from(month).ok()?,
            day: u8::try_from(day).ok()?,
            hour: u8::try_from(second / 3600).ok()?,
            minute: u8::try_from(second / 60 % 60).ok()?,
            second: u8::try_from(second % 60).ok()?,
            nanosecond: 0,
            offset: None,
        })
    }

    /// Seconds after 1970-01-01T00:00:00Z, leap seconds not counted, any fraction dropped.
    #[must_use]
    pub fn unix_seconds(&self) -> i64 {
        let minutes = i64::from(self.hour) * 60 + i64::from(self.minute);
        let local = days(self.year, self.month, self.day) * DAY + minutes * 60;
        let east = self.offset.map_or(0, |offset| {
            let seconds = (i64::from(offset.hours) * 60 + i64::from(offset.minutes)) * 60;
            if offset.west { -seconds } else { seconds }
        });
        local + i64::from(self.second) - east
    }

    /// The fraction of the second, in nanoseconds.
    #[must_use]
    pub const fn nanosecond(&self) -> u32 {
        self.nanosecond
    }
}

/// The days from 1970-01-01 to a date, in the calendar whose years begin in March.
fn days(year: u16, month: u8, day: u8) -> i64 {
    let (year, month) = (i64::from(year), i64::from(month));
    let year = if month <= 2 { year - 1 } else { year };
    let month = (month + 9) % 12;
    let day_of_year = (153 * month + 2) / 5 + i64::from(day) - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + day_of_year - 719_468
}

/// The date of a day counted from 1970-01-01: the inverse of [`days`].
fn civil(day: i64) -> (i64, i64, i64) {
    let day = day + 719_468;
    let (era, day) = (day.div_euclid(146_097), day.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i64::from(month <= 2), month, day)
}

const fn days_in(year: u16, month: u8) -> u8 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        }
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// `date-time`, as [`DateTime`] shows it.
pub(super) fn date_time(input: &str) -> IResult<&str, DateTime, ()> {
    let (input, year) = four_digits(input)?;
    let (input, month) = preceded(char('-'), two_digits(1, 12)).parse(input)?;
    let (input, day) = preceded(char('-'), two_digits(1, days_in(year, month))).parse(input)?;
    let (input, hour) = preceded(one_of("Tt"), two_digits(0, 23)).parse(input)?;
    let (input, minute) = preceded(char(':'), two_digits(0, 59)).parse(input)?;
    let (input, second) = preceded(char(':'), two_digits(0, 60)).parse(input)?;
    let (input, fraction) = opt(preceded(char('.'), fraction)).parse(input)?;
    let (input, sign) = one_of("Zz+-").parse(input)?;
    let (input, offset) = if matches!(sign, 'Z' | 'z') {
        (input, None)
    } else {
        let (input, hours) = terminated(two_digits(0, 23), char(':')).parse(input)?;
        let (input, minutes) = two_digits(0, 59)(input)?;
        (input, Some(Offset { west: sign == '-', hours, minutes }))
    };
    let nanosecond = fraction.unwrap_or(0);
    Ok((input, DateTime { year, month, day, hour, minute, second, nanosecond, offset }))
}

fn digits<'a>(len: usize) -> impl Parser<&'a str, Output = &'a str, Error = ()> {
    take_while_m_n(len, len, |c: char| c.is_ascii_digit())
}

fn four_digits(input: &str) -> IResult<&str, u16, ()> {
    map_opt(digits(4), |text: &str| text.parse().ok()).parse(input)
}

fn two_digits<'a>(least: u8, most: u8) -> impl FnMut(&'a str) -> IResult<&'a str, u8, ()> {
    move |input| {
        map_opt(digits(2), |text: &str| {
            text.parse().ok().filter(|number| (least..=most).contains(number))
        })
        .parse(input)
    }
}

fn fraction(input: &str) -> IResult<&str, u32, ()> {
    let (digits, rest) = Class::DIGIT.split(input);
    if digits.is_empty() {
        return Err(nom::Err::Error(()));
    }
    let nine = digits.bytes().chain(core::iter::repeat(b'0')).take(9);
    Ok((rest, nine.fold(0, |sum, digit| sum * 10 + u32::from(digit - b'0'))))
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DateTime { year, month, day, hour, minute, second, nanosecond, offset } = *self;
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if nanosecond != 0 {
            let (mut fraction, mut width) = (nanosecond, 9);
            while fraction % 10 == 0 {
                (fraction, width) = (fraction / 10, width - 1);
            }
            write!(f, ".{fraction:0width$}")?;
        }
        match offset {
            None => f.write_str("Z"),
            Some(Offset { west, hours, minutes }) => {
                let sign = if west { '-' } else { '+' };
                write!(f, "{sign}{hours:02}:{minutes:02}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_no_date_time_is_refused() {
        for text in [
            "",
            "2026-08-01",
            "2026-08-01T12:00:00",
            "2026-08-01 12:00:00Z",
            "2026-8-01T12:00:00Z",
            "2026-13-01T12:00:00Z",
            "2026-00-01T12:00:00Z",
            "2026-04-31T12:00:00Z",
            "1900-02-29T12:00:00Z",
            "2026-08-00T12:00:00Z",
            "2026-08-01T24:00:00Z",
            "2026-08-01T12:60:00Z",
            "2026-08-01T12:00:61Z",
            "2026-08-01T12:00:00.Z",
            "2026-08-01T12:00:00+2:00",
            "2026-08-01T12:00:00+24:00",
            "2026-08-01T12:00:00+0200",
            "2026-08-01T12:00:00ZZ",
            "+026-08-01T12:00:00Z",
        ] {
            assert_eq!(DateTime::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn known_instants() {
        for (text, seconds) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59Z", -1),
            ("2000-02-29T00:00:00Z", 951_782_400),
            ("1985-04-12T23:20:50.52Z", 482_196_050),
            ("1996-12-19T16:39:57-08:00", 851_042_397),
            ("1990-12-31T23:59:60Z", 662_688_000),
            ("9999-12-31t23:59:59z", LAST),
            ("0000-01-01T00:00:00Z", -62_167_219_200),
        ] {
            assert_eq!(DateTime::parse(text).unwrap().unix_seconds(), seconds, "{text}");
        }
    }

    #[test]
    fn fractions_keep_nine_digits() {
        let time = DateTime::parse("2026-08-01T12:00:00.0500000009Z").unwrap();
        assert_eq!(time.nanosecond(), 50_000_000);
        assert_eq!(time.to_string(), "2026-08-01T12:00:00.05Z");
    }

    proptest! {
        #[test]
        fn every_second_is_written_and_read(seconds in -62_167_219_200..=LAST) {
            let time = DateTime::from_unix_seconds(seconds).unwrap();
            prop_assert_eq!(time.unix_seconds(), seconds);
            prop_assert_eq!(DateTime::parse(&time.to_string()), Some(time));
        }
    }
}
