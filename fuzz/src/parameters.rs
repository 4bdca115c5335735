//! Parameters of MAIL and RCPT: read as text, and built value by value.

use arbitrary::{Arbitrary, Unstructured};
use smtp_proto::Syntax;
use smtp_proto::address::Mailbox;
use smtp_proto::command::{
    AuthParameter, Base64, Body, Command, DateTime, DeliverBy, DeliverByMode, MailParameters,
    MailParametersBuf, Notify, OriginalAddress, ParameterError, RcptParameters, RcptParametersBuf,
    Ret, ValidSince, ValidSinceAction,
};

use crate::message::{mail_parameters, rcpt_parameters};

/// Text is what begins with anything but NUL; behind a NUL stand values to build lists from.
pub fn parameters(input: &[u8]) {
    match input.split_first() {
        Some((0, values)) => {
            let mut values = Unstructured::new(values);
            let _ = build_mail(&mut values);
            let _ = build_rcpt(&mut values);
        }
        _ => {
            if let Ok(text) = str::from_utf8(input) {
                read(text, Syntax::Strict);
                read(text, Syntax::Lenient);
            }
        }
    }
}

fn read(text: &str, syntax: Syntax) {
    let mail = MailParameters::parse_with(text, syntax);
    let rcpt = RcptParameters::parse_with(text, syntax);
    if syntax == Syntax::Strict {
        let lenient = Syntax::Lenient;
        if mail.is_ok() {
            assert_eq!(MailParameters::parse_with(text, lenient), mail);
        }
        if rcpt.is_ok() {
            assert_eq!(RcptParameters::parse_with(text, lenient), rcpt);
        }
    }
    let names = names(text, syntax);
    match (&mail, &names) {
        (Ok(parameters), Some(names)) => {
            let found: Vec<&str> = parameters.iter().map(|it| it.keyword()).collect();
            assert_eq!(&found, names);
            assert_eq!(parameters.is_empty(), names.is_empty());
            mail_parameters(*parameters, syntax);
            mail_command(text, *parameters, syntax);
        }
        (Ok(_), None) => panic!("taken: {text:?}"),
        // MTRK is the one that may hold an equals sign, and its value is judged first.
        (Err(ParameterError::Syntax), Some(_)) => panic!("a matter of syntax: {text:?}"),
        _ => {}
    }
    if let Ok(parameters) = &rcpt {
        assert!(names.is_some(), "taken: {text:?}");
        rcpt_parameters(*parameters, syntax);
    }
    // What belongs to the other command is of no known kind, so it is judged by its syntax alone.
    if let (Ok(mail), Ok(rcpt)) = (&mail, &rcpt) {
        let both = mail.iter().zip(rcpt.iter());
        assert!(both.into_iter().all(|(one, other)| {
            one == other && (one.kind().is_none() || other.kind().is_none())
        }));
    }
}

/// The line of a command with these parameters means them.
fn mail_command(text: &str, parameters: MailParameters<'_>, syntax: Syntax) {
    let line = format!("MAIL FROM:<> {text}");
    if text.is_empty() {
        return;
    }
    match Command::parse_with(line.as_bytes(), syntax) {
        Ok(Command::Mail { parameters: found, .. }) => assert_eq!(found, parameters),
        other => panic!("{line:?} {other:?}"),
    }
}

/// The keywords of a list, if it is one: `esmtp-param *(SP esmtp-param)`, none of them twice.
fn names(text: &str, syntax: Syntax) -> Option<Vec<&str>> {
    if text.is_empty() {
        return Some(Vec::new());
    }
    let lenient = syntax == Syntax::Lenient;
    let words: Vec<&str> = if lenient {
        if text.starts_with([' ', '\t']) || text.ends_with([' ', '\t']) {
            return None;
        }
        text.split([' ', '\t']).filter(|word| !word.is_empty()).collect()
    } else {
        text.split(' ').collect()
    };
    let mut names: Vec<&str> = Vec::new();
    for word in words {
        let (name, value) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value)),
            None => (word, None),
        };
        let good = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if name.is_empty() || name.starts_with('-') || !name.chars().all(good) {
            return None;
        }
        if let Some(value) = value {
            let mtrk = name.eq_ignore_ascii_case("MTRK");
            let good = |c: char| {
                c.is_ascii_graphic() && (c != '=' || lenient || mtrk)
                    || !c.is_ascii() && !c.is_control()
            };
            if value.is_empty() || !value.chars().all(good) {
                return None;
            }
        }
        names.push(name);
    }
    Some(names)
}

/// A list of MAIL that is built holds what was put into it, whatever the order.
fn build_mail(values: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let mut built = MailParametersBuf::new();
    for _ in 0..values.int_in_range(1..=12)? {
        let before = built.clone();
        built = match values.int_in_range(0..=12)? {
            0 => {
                let octets = u64::arbitrary(values)?;
                let built = built.size(octets);
                assert_eq!(built.as_parameters().size(), Some(octets));
                built
            }
            1 => {
                let body =
                    *values.choose(&[Body::SevenBit, Body::EightBitMime, Body::BinaryMime])?;
                let built = built.body(body);
                assert_eq!(built.as_parameters().body(), Some(body));
                built
            }
            2 => built.smtp_utf8(),
            3 => {
                let ret = *values.choose(&[Ret::Full, Ret::Hdrs])?;
                let built = built.ret(ret);
                assert_eq!(built.as_parameters().ret(), Some(ret));
                built
            }
            4 => {
                let id = <&str>::arbitrary(values)?;
                let printable = !id.is_empty() && id.bytes().all(|b| matches!(b, b' '..=b'~'));
                let built = built.envid(id);
                assert_eq!(built.is_ok(), printable, "{id:?}");
                if let Ok(built) = &built {
                    let envid = built.as_parameters().envid().expect("an envid");
                    assert!(envid.decode().eq(id.bytes()));
                }
                built.unwrap_or(before)
            }
            5 => {
                let text = <&str>::arbitrary(values)?;
                let mailbox = Mailbox::parse_with(text, Syntax::Lenient).ok();
                let built = built.auth(mailbox);
                match (built.as_parameters().auth(), mailbox) {
                    (Some(AuthParameter::Null), None) => {}
                    (Some(AuthParameter::Mailbox(found)), Some(mailbox)) => {
                        assert!(found.decode().eq(mailbox.to_string().bytes()));
                    }
                    other => panic!("{other:?}"),
                }
                built
            }
            6 => {
                let seconds = u32::arbitrary(values)?;
                let built = built.hold_for(seconds);
                assert_eq!(built.is_ok(), (1..=999_999_999).contains(&seconds));
                built.unwrap_or(before)
            }
            7 => match DateTime::from_unix_seconds(i64::arbitrary(values)? >> 24) {
                Some(time) => {
                    let built = built.hold_until(time);
                    let found = built.as_parameters().hold_until().expect("a time");
                    assert_eq!(found.unix_seconds(), time.unix_seconds());
                    assert!(built.as_parameters().hold_for().is_none());
                    built
                }
                None => built,
            },
            8 => {
                let mode = *values.choose(&[DeliverByMode::Notify, DeliverByMode::Return])?;
                match DeliverBy::new(i32::arbitrary(values)?, mode, bool::arbitrary(values)?) {
                    Some(by) => {
                        let built = built.by(by);
                        assert_eq!(built.as_parameters().by(), Some(by));
                        built
                    }
                    None => built,
                }
            }
            9 => {
                let priority = i8::arbitrary(values)?;
                let built = built.mt_priority(priority);
                assert_eq!(built.is_ok(), (-9..=9).contains(&priority));
                built.unwrap_or(before)
            }
            10 => built.require_tls(),
            11 => {
                let certifier = <&str>::arbitrary(values)?;
                let timeout = Option::<u32>::arbitrary(values)?;
                match Base64::parse(certifier) {
                    Some(certifier) => built.mtrk(certifier, timeout).unwrap_or(before),
                    None => built,
                }
            }
            _ => {
                let (keyword, value) = <(&str, Option<&str>)>::arbitrary(values)?;
                let taken = built.other(keyword, value);
                if let Ok(taken) = &taken {
                    let found = taken.as_parameters().get(keyword).expect("what was put there");
                    assert_eq!((found.keyword(), found.value()), (keyword, value));
                }
                taken.unwrap_or(before)
            }
        };
        // Strict syntax takes what is built, and sees the same in it.
        mail_parameters(built.as_parameters(), Syntax::Strict);
        assert_eq!(built.to_string().parse(), Ok(built.clone()));
        one_line(&Command::Mail {
            reverse_path: smtp_proto::address::ReversePath::Null,
            parameters: built.as_parameters(),
        });
    }
    Ok(())
}

fn build_rcpt(values: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let mut built = RcptParametersBuf::new();
    for _ in 0..values.int_in_range(1..=6)? {
        let before = built.clone();
        built = match values.int_in_range(0..=3)? {
            0 => {
                let events = [Notify::NEVER, Notify::SUCCESS, Notify::FAILURE, Notify::DELAY];
                let notify = *values.choose(&events)? | *values.choose(&events)?;
                let built = built.notify(notify);
                assert_eq!(built.as_parameters().notify(), Some(notify));
                built
            }
            1 => {
                let utf8 = bool::arbitrary(values)?;
                let kind = if utf8 { "utf-8" } else { <&str>::arbitrary(values)? };
                let address = <&str>::arbitrary(values)?;
                let taken = built.orcpt(kind, address);
                let control = address.bytes().any(|byte| byte.is_ascii_control());
                assert!(!(control && taken.is_ok()), "{address:?}");
                if let Ok(taken) = &taken {
                    let found = taken.as_parameters().orcpt().expect("an address");
                    assert_eq!(found.address_type(), kind);
                    match found.address() {
                        OriginalAddress::Xtext(text) => {
                            assert!(text.decode().eq(address.bytes()));
                        }
                        OriginalAddress::Utf8(text) => assert!(text.decode().eq(address.chars())),
                    }
                }
                taken.unwrap_or(before)
            }
            2 => match DateTime::from_unix_seconds(i64::arbitrary(values)? >> 24) {
                Some(time) => {
                    let (reject, go_on) = (ValidSinceAction::Reject, ValidSinceAction::Continue);
                    let action = *values.choose(&[None, Some(reject), Some(go_on)])?;
                    let since = ValidSince { since: time, action };
                    let built = built.rrvs(since);
                    assert_eq!(built.as_parameters().rrvs(), Some(since));
                    built
                }
                None => built,
            },
            _ => {
                let (keyword, value) = <(&str, Option<&str>)>::arbitrary(values)?;
                built.other(keyword, value).unwrap_or(before)
            }
        };
        rcpt_parameters(built.as_parameters(), Syntax::Strict);
        assert_eq!(built.to_string().parse(), Ok(built.clone()));
        one_line(&Command::Rcpt {
            forward_path: smtp_proto::address::ForwardPath::Postmaster,
            parameters: built.as_parameters(),
        });
    }
    Ok(())
}

fn one_line(command: &Command<'_>) {
    let mut line = Vec::new();
    command.encode(&mut line);
    let inner = line.strip_suffix(b"\r\n").expect("a CRLF at the end");
    assert!(!inner.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
    assert_eq!(Command::parse(inner), Ok(*command));
}
