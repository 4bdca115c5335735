//! Whatever a caller can build is written as one line, and reads back as what it was: parameters
//! from their values, and commands from theirs.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use proptest::prelude::*;
use smtp_proto::address::{Domain, ForwardPathBuf, Host, MailboxBuf, ReversePathBuf};
use smtp_proto::command::{
    Argument, Attributes, AuthParameter, Base64, Body, Command, DateTime, DeliverBy, DeliverByMode,
    MailParameters, MailParametersBuf, Mechanism, Notify, Octets, OriginalAddress, Printable,
    Queue, RcptParameters, RcptParametersBuf, Ret, ValidSince, ValidSinceAction,
};
use smtp_proto::reply::EnhancedCode;

/// What a command is on the wire: one CRLF, at its end, and nothing else that ends a line.
fn line(command: &Command<'_>) -> Vec<u8> {
    let mut line = Vec::new();
    command.encode(&mut line);
    assert_eq!(line.split_off(line.len() - 2), b"\r\n");
    let ends = line.iter().any(|octet| matches!(octet, b'\r' | b'\n' | 0));
    assert!(!ends, "{}", line.escape_ascii());
    line
}

/// Reads back as itself.
fn comes_back(command: &Command<'_>) {
    let line = line(command);
    assert_eq!(Command::parse(&line).as_ref(), Ok(command), "{}", line.escape_ascii());
}

fn mailbox() -> impl Strategy<Value = MailboxBuf> {
    let local = prop_oneof![
        "[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,9}(\\.[a-zé]{1,5}){0,2}",
        "\"[a-z @<>.;,=]{0,9}\""
    ];
    let domain = prop_oneof![
        "[a-z0-9]{1,9}(\\.[a-z]{1,9}){0,3}",
        Just("[192.0.2.1]".to_owned()),
        Just("[IPv6:2001:db8::1]".to_owned())
    ];
    (local, domain).prop_map(|(local, domain)| format!("{local}@{domain}").parse().unwrap())
}

fn time() -> impl Strategy<Value = DateTime> {
    (-62_167_219_200_i64..=253_402_300_799).prop_map(|s| DateTime::from_unix_seconds(s).unwrap())
}

/// Text with what hostile callers put into it.
fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,20}", "[a+= \\r\\n\\x00é\u{10a}\u{10d}\u{2028}\\x7f\t>-]{0,8}", ".{0,20}"]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn parameters_of_mail_read_back(
        size in prop::option::of(any::<u64>()),
        body in prop::option::of(prop::sample::select(vec![Body::SevenBit, Body::EightBitMime, Body::BinaryMime])),
        ret in prop::option::of(prop::sample::select(vec![Ret::Full, Ret::Hdrs])),
        envid in prop::option::of(text()),
        auth in prop::option::of(prop::option::of(mailbox())),
        hold_for in prop::option::of(any::<u32>()),
        hold_until in prop::option::of(time()),
        by in prop::option::of((any::<i32>(), any::<bool>(), any::<bool>())),
        priority in prop::option::of(any::<i8>()),
        (utf8, tls) in any::<(bool, bool)>(),
        tracking in prop::option::of(("([A-Za-z0-9+/]{4}){0,3}", prop::option::of(any::<u32>()))),
        other in prop::option::of((text(), prop::option::of(text()))),
        from in mailbox(),
    ) {
        let mut built = MailParametersBuf::new();
        // One that is refused leaves the others as they are.
        macro_rules! attempt {
            ($call:ident $(, $value:expr)*) => {
                built.clone().$call($($value),*).map(|better| built = better).is_ok()
            };
        }
        if let Some(size) = size { built = built.size(size); }
        if let Some(body) = body { built = built.body(body); }
        if utf8 { built = built.smtp_utf8(); }
        if let Some(ret) = ret { built = built.ret(ret); }
        let envid = envid.filter(|id| attempt!(envid, id));
        if let Some(auth) = &auth { built = built.auth(auth.as_ref().map(MailboxBuf::as_mailbox)); }
        let hold_for = hold_for.filter(|seconds| attempt!(hold_for, *seconds));
        if let Some(time) = hold_until { built = built.hold_until(time); }
        let by = by.and_then(|(seconds, notify, trace)| {
            let mode = if notify { DeliverByMode::Notify } else { DeliverByMode::Return };
            DeliverBy::new(seconds % 2_000_000_000, mode, trace)
        });
        if let Some(by) = by { built = built.by(by); }
        let priority = priority.filter(|priority| attempt!(mt_priority, *priority));
        if tls { built = built.require_tls(); }
        let tracked = tracking.as_ref().is_some_and(|(certifier, timeout)| {
            Base64::parse(certifier).is_some_and(|certifier| attempt!(mtrk, certifier, *timeout))
        });
        let other = other.filter(|(keyword, value)| attempt!(other, keyword, value.as_deref()));

        let wire = built.to_string();
        let read = MailParameters::parse(&wire).unwrap();
        prop_assert_eq!(read, built.as_parameters());
        prop_assert_eq!((read.size(), read.body(), read.ret()), (size, body, ret));
        prop_assert_eq!((read.smtp_utf8(), read.require_tls()), (utf8, tls));
        let decoded = read.envid().map(|id| String::from_utf8(id.decode().collect()).unwrap());
        prop_assert_eq!(decoded, envid);
        match (read.auth(), &auth) {
            (Some(AuthParameter::Null), Some(None)) | (None, None) => {}
            (Some(AuthParameter::Mailbox(text)), Some(Some(mailbox))) => {
                let decoded = String::from_utf8(text.decode().collect()).unwrap();
                prop_assert_eq!(decoded, mailbox.to_string());
            }
            other => prop_assert!(false, "{:?}", other),
        }
        // The two ways to hold a message exclude each other.
        match read.hold_until() {
            Some(time) => prop_assert!(hold_until == Some(time) && read.hold_for().is_none()),
            None => prop_assert_eq!(read.hold_for(), hold_for),
        }
        prop_assert_eq!((read.by(), read.mt_priority()), (by, priority));
        prop_assert_eq!(read.mtrk().is_some(), tracked);
        if let Some((keyword, value)) = &other {
            let read = read.get(keyword).unwrap();
            prop_assert_eq!(read.value(), value.as_deref());
        }
        let path: ReversePathBuf = format!("<{from}>").parse().unwrap();
        comes_back(&Command::Mail { reverse_path: path.as_path(), parameters: built.as_parameters() });
    }

    #[test]
    fn parameters_of_rcpt_read_back(
        notify in prop::option::of(0..8_u8),
        (kind, address) in (prop_oneof!["rfc822", "utf-8", "UTF-8", "x400", "[!-~]{0,6}"], text()),
        since in prop::option::of((time(), 0..3_u8)),
        to in mailbox(),
    ) {
        let mut built = RcptParametersBuf::new();
        let notify = notify.map(|bits| {
            let all = [Notify::SUCCESS, Notify::FAILURE, Notify::DELAY];
            let chosen = all.into_iter().enumerate().filter(|(at, _)| bits & (1 << at) > 0);
            chosen.fold(Notify::NEVER, |set, (_, one)| set | one)
        });
        if let Some(notify) = notify { built = built.notify(notify); }
        let since = since.map(|(since, action)| ValidSince {
            since,
            action: [None, Some(ValidSinceAction::Continue), Some(ValidSinceAction::Reject)][usize::from(action)],
        });
        if let Some(since) = since { built = built.rrvs(since); }
        let taken = built.clone().orcpt(&kind, &address).map(|better| built = better).is_ok();

        let wire = built.to_string();
        let read = RcptParameters::parse(&wire).unwrap();
        prop_assert_eq!(read, built.as_parameters());
        prop_assert_eq!((read.notify(), read.rrvs()), (notify, since));
        prop_assert_eq!(read.orcpt().is_some(), taken);
        if let Some(original) = read.orcpt() {
            prop_assert_eq!(original.address_type(), &kind);
            let decoded = match original.address() {
                OriginalAddress::Xtext(text) => String::from_utf8(text.decode().collect()).unwrap(),
                OriginalAddress::Utf8(text) => text.decode().collect(),
            };
            prop_assert_eq!(decoded, address);
        }
        let path: ForwardPathBuf = format!("<{to}>").parse().unwrap();
        comes_back(&Command::Rcpt { forward_path: path.as_path(), parameters: built.as_parameters() });
    }

    #[test]
    fn commands_read_back(text in text(), octets in prop::collection::vec(any::<u8>(), 0..12), size: u64, last: bool) {
        for command in [Command::Data, Command::Rset, Command::Quit, Command::StartTls, Command::Bdat { size, last }] {
            comes_back(&command);
        }
        if let Ok(host) = Host::parse(&text) {
            [Command::Helo(host), Command::Ehlo(host), Command::Lhlo(host)].iter().for_each(comes_back);
        }
        if let Some(argument) = Argument::parse(&text) {
            for argument in [argument, argument.with_smtp_utf8()] {
                [Command::Vrfy(argument), Command::Expn(argument)].iter().for_each(comes_back);
            }
        }
        if let Some(mechanism) = Mechanism::parse(&text) {
            comes_back(&Command::Auth { mechanism, initial_response: None });
            comes_back(&Command::Auth { mechanism, initial_response: Some(Base64::EMPTY) });
        }
        if let Some(attributes) = Attributes::parse(&text) {
            [Command::Xclient(attributes), Command::Xforward(attributes)].iter().for_each(comes_back);
        }
        if let Ok(domain) = Domain::parse(&text) {
            comes_back(&Command::Etrn(Queue::Host(domain)));
            comes_back(&Command::Etrn(Queue::Subdomains(domain)));
        }
        // White space at the end of a line means nothing (RFC 5321 section 4.1.1), so these are
        // only sure to be one line; and so is a verb that is known after all.
        let spaced = text.ends_with([' ', '\t']);
        if let Some(printable) = Printable::new(&text) {
            for command in [Command::Help(Some(printable)), Command::Etrn(Queue::Named(printable))] {
                line(&command);
                if !spaced && !text.is_empty() && !text.starts_with(' ') {
                    comes_back(&command);
                }
            }
        }
        if let Some(octets) = Octets::new(&octets) {
            line(&Command::Noop(octets));
            line(&Command::Unknown { verb: octets, argument: octets });
        }
        comes_back(&Command::Noop(Octets::new(b"").unwrap()));
    }

    #[test]
    fn enhanced_codes_read_back(class in 0..10_u8, subject: u16, detail: u16) {
        if let Some(code) = EnhancedCode::new(class, subject, detail) {
            prop_assert_eq!(EnhancedCode::parse(code.to_string().as_bytes()), Some(code));
        }
    }
}
