//! What is written in other letters: xtext, base64, dates, and what is kept as it is.

use data_encoding::BASE64;
use smtp_proto::command::{
    Attributes, Base64, DateTime, Mechanism, Octets, OriginalAddress, OriginalRecipient, Printable,
    Xtext, write_xtext,
};

/// Any text as each of them, and any octets written in them.
pub fn text(input: &[u8]) {
    octets(input);
    let Ok(text) = str::from_utf8(input) else { return };
    xtext(text);
    base64(text);
    date(text);
    original_recipient(text);
    attributes(text);
    if let Some(mechanism) = Mechanism::parse(text) {
        assert_eq!(mechanism.to_string(), text);
        assert!((1..=20).contains(&text.len()));
        let good = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        assert!(text.bytes().all(good), "{text:?}");
        assert_eq!(Mechanism::parse(&text.to_ascii_lowercase()), Some(mechanism));
    }
    if let Some(printable) = Printable::new(text) {
        assert_eq!(printable.as_str(), text);
        assert!(!text.chars().any(char::is_control) && text.trim_matches(' ') == text);
    }
}

/// Whatever is written comes back.
fn octets(input: &[u8]) {
    let mut written = Vec::new();
    write_xtext(&mut written, input);
    let written = String::from_utf8(written).expect("ASCII");
    let found = Xtext::parse(&written).expect("xtext");
    assert!(found.decode().eq(input.iter().copied()));
    assert_eq!(found.has_control(), input.iter().any(u8::is_ascii_control));
    let written = BASE64.encode(input);
    let found = Base64::parse(&written).expect("base64");
    assert_eq!(found.decoded_len(), input.len());
    assert_eq!(found.is_empty(), input.is_empty());
    let breaks = input.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0));
    let trails = input.ends_with(b" ") || input.ends_with(b"\t");
    assert_eq!(Octets::new(input).is_some(), !breaks && !trails);
}

/// RFC 3461 section 4, octet by octet.
fn xtext(text: &str) {
    let mut expected = Some(Vec::new());
    let mut rest = text.as_bytes();
    while let (Some(octets), [first, behind @ ..]) = (&mut expected, rest) {
        let upper =
            |byte: &u8| char::from(*byte).to_digit(16).filter(|_| !byte.is_ascii_lowercase());
        rest = behind;
        match (first, behind) {
            (b'+', [high, low, behind @ ..]) => match (upper(high), upper(low)) {
                (Some(high), Some(low)) => {
                    octets.push(u8::try_from(high * 16 + low).expect("two digits"));
                    rest = behind;
                }
                _ => expected = None,
            },
            (b'!'..=b'~', _) if !matches!(first, b'+' | b'=') => octets.push(*first),
            _ => expected = None,
        }
    }
    let found = Xtext::parse(text);
    assert_eq!(found.map(|found| found.decode().collect()), expected, "{text:?}");
    if let (Some(found), Some(octets)) = (found, expected) {
        assert_eq!(found.to_string(), text);
        let mut shortest = Vec::new();
        write_xtext(&mut shortest, &octets);
        assert!(shortest.len() <= text.len());
        assert_eq!(Xtext::parse(str::from_utf8(&shortest).expect("ASCII")), Some(found));
    }
}

/// As a library that does nothing else has it.
fn base64(text: &str) {
    // That library takes one text behind the other, padding and all; here padding ends it.
    let one = !text.trim_end_matches('=').contains('=');
    let expected = BASE64.decode(text.as_bytes()).ok().filter(|_| one);
    let found = Base64::parse(text);
    assert_eq!(found.map(|found| found.decoded_len()), expected.map(|octets| octets.len()));
    assert!(found.is_none_or(|found| found.as_str() == text));
}

fn date(text: &str) {
    let Some(date) = DateTime::parse(text) else { return };
    let written = date.to_string();
    assert_eq!(DateTime::parse(&written), Some(date), "{written}");
    assert!(date.nanosecond() < 1_000_000_000);
    let seconds = date.unix_seconds();
    if let Some(again) = DateTime::from_unix_seconds(seconds) {
        assert_eq!(again.unix_seconds(), seconds, "{text:?}");
        assert_eq!(DateTime::parse(&again.to_string()), Some(again));
    }
    // The days between, counted one by one from the epoch's year.
    let number = |range| text.get(range).and_then(|digits: &str| digits.parse::<i64>().ok());
    let (Some(year), Some(month), Some(day)) = (number(0..4), number(5..7), number(8..10)) else {
        panic!("a date without a date: {text:?}")
    };
    let leap = |year: i64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let lengths = [31, if leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let at = usize::try_from(month).expect("a month");
    assert!((1..=12).contains(&at));
    assert!(day >= 1 && lengths.get(at - 1).is_some_and(|length| day <= *length), "{text:?}");
    let years = |range: std::ops::Range<i64>| range.map(|y| 365 + i64::from(leap(y))).sum::<i64>();
    let before = if year >= 1970 { years(1970..year) } else { -years(year..1970) };
    let days = before + lengths.iter().take(at - 1).sum::<i64>() + day - 1;
    let (Some(hour), Some(minute), Some(second)) = (number(11..13), number(14..16), number(17..19))
    else {
        panic!("a time without a time: {text:?}")
    };
    let east = match text.len().checked_sub(6).and_then(|at| text.get(at..)) {
        Some(offset) if offset.starts_with(['+', '-']) => {
            let hours: i64 = offset.get(1..3).and_then(|it| it.parse().ok()).expect("hours");
            let minutes: i64 = offset.get(4..6).and_then(|it| it.parse().ok()).expect("minutes");
            let east = hours * 60 + minutes;
            if offset.starts_with('-') { -east } else { east }
        }
        _ => 0,
    };
    let expected = days * 86_400 + hour * 3600 + minute * 60 + second - east * 60;
    assert_eq!(seconds, expected, "{text:?}");
}

fn original_recipient(text: &str) {
    let Some(recipient) = OriginalRecipient::parse(text) else { return };
    assert_eq!(recipient.to_string(), text);
    let address = recipient.address().to_string();
    assert!(!address.is_empty() || text.ends_with(';'));
    assert!(!address.chars().any(|c| c.is_ascii_control()), "{address:?}");
    if let OriginalAddress::Utf8(utf8) = recipient.address() {
        assert_eq!(utf8.decode().collect::<String>(), address);
        assert!(utf8.as_str().chars().count() >= address.chars().count());
    }
}

fn attributes(text: &str) {
    let Some(attributes) = Attributes::parse(text) else { return };
    assert_eq!(attributes.as_str(), text);
    let mut names: Vec<String> = Vec::new();
    for attribute in attributes.iter() {
        let name = attribute.name().to_ascii_uppercase();
        assert!(!names.contains(&name), "twice: {text:?}");
        assert_eq!(attributes.get(&name.to_ascii_lowercase()), Some(attribute.value()));
        names.push(name);
    }
    assert!(!names.is_empty() && !text.chars().any(|c| c.is_control()));
}
