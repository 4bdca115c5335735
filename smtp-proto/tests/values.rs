//! What values tell of themselves, once they were read.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

use std::collections::HashSet;

use smtp_proto::address::{AddressLiteral, Domain, ForwardPathBuf, Host, HostBuf, ReversePathBuf};
use smtp_proto::command::{
    Argument, AttributeValue, Attributes, Body, Command, DateTime, Keyword, MailParametersBuf,
    Mechanism, Notify, OriginalAddress, OriginalRecipient, Printable, RcptParametersBuf, Verb,
    Xtext,
};
use smtp_proto::reply::{
    Capabilities, Class, EnhancedCode, Extension, Extensions, Positive, Progress, Refusal, Reply,
    ReplyFault, ReplyScanner,
};
use smtp_proto::session::Protocol;
use smtp_proto::{Fixed, Full, Sink};

/// RFC 3848 and RFC 6531 section 4.3: what a Received field says of how a message came.
#[test]
fn the_names_of_protocols() {
    let names = [
        (Protocol::smtp(), ["SMTP", "SMTP", "SMTP", "SMTP"]),
        (Protocol::esmtp(), ["ESMTP", "ESMTPS", "ESMTPA", "ESMTPSA"]),
        (Protocol::esmtp().with_utf8(), ["UTF8SMTP", "UTF8SMTPS", "UTF8SMTPA", "UTF8SMTPSA"]),
        (Protocol::lmtp(), ["LMTP", "LMTPS", "LMTPA", "LMTPSA"]),
        (Protocol::lmtp().with_utf8(), ["UTF8LMTP", "UTF8LMTPS", "UTF8LMTPA", "UTF8LMTPSA"]),
    ];
    for (plain, [alone, tls, auth, both]) in names {
        assert_eq!(plain.to_string(), alone);
        assert_eq!(plain.with_tls().to_string(), tls);
        assert_eq!(plain.with_auth().to_string(), auth);
        assert_eq!(plain.with_auth().with_tls().to_string(), both);
        assert!(!plain.is_secure() && !plain.is_authenticated());
        assert!(plain.with_tls().is_secure() && !plain.with_tls().is_authenticated());
        assert!(plain.with_auth().is_authenticated() && !plain.with_auth().is_secure());
    }
    assert!(!Protocol::smtp().is_extended() && Protocol::esmtp().is_extended());
    assert!(Protocol::esmtp().with_utf8().is_utf8() && !Protocol::lmtp().is_utf8());
}

/// One pass over an EHLO reply finds what two do, and the same faults.
#[test]
fn capabilities_are_read_in_one_pass() {
    let good: [&[u8]; 5] = [
        include_bytes!("corpus/reply_ehlo12.txt"),
        b"250 mx\r\n",
        b"250-mx\r\n250-SIZE 1000\r\n250-AUTH PLAIN\r\n250-AUTH=LOGIN\r\n250 8BITMIME\r\n",
        b"250-mx\r\n250-LIMITS RCPTMAX=5 MAILMAX=x\r\n250-x y z\r\n250-\r\n250 size\r\n",
        b"550 not here\r\n",
    ];
    for bytes in good {
        let (capabilities, offered) = Capabilities::parse(bytes).unwrap();
        let reply = Reply::parse(bytes).unwrap();
        assert_eq!(capabilities.reply().to_string(), reply.to_string());
        assert_eq!(offered, Capabilities::new(reply).extensions());
        assert_eq!(offered, capabilities.extensions());
    }
    let bad: [(&[u8], ReplyFault); 6] = [
        (b"25 mx\r\n", ReplyFault::Code),
        (b"250+mx\r\n", ReplyFault::Separator),
        (b"250-mx\r\n251 SIZE\r\n", ReplyFault::Mismatch),
        (b"250-mx\r\n250 SI\0ZE\r\n", ReplyFault::Control),
        (b"250-mx\r\n250-SIZE\r\n", ReplyFault::Incomplete),
        (b"250 mx\r\n250 SIZE\r\n", ReplyFault::Trailing),
    ];
    for (bytes, fault) in bad {
        assert_eq!(Capabilities::parse(bytes).unwrap_err(), fault, "{}", bytes.escape_ascii());
        assert_eq!(Reply::parse(bytes).unwrap_err(), fault, "{}", bytes.escape_ascii());
    }
}

#[test]
fn what_nobody_offered() {
    let offered = Extensions::NONE;
    assert!(offered.is_empty() && Extensions::default().is_empty());
    let offered = offered.with(Extension::Dsn);
    assert!(!offered.is_empty() && offered.contains(Extension::Dsn));
    assert!(offered.without(Extension::Dsn).is_empty());
}

/// RFC 3463 section 2.
#[test]
fn enhanced_codes_are_read_whole() {
    let code = EnhancedCode::parse(b"5.7.1").unwrap();
    assert_eq!((code.class(), code.subject(), code.detail()), (5, 7, 1));
    assert_eq!((code.to_string(), format!("{code:?}")), ("5.7.1".into(), "5.7.1".into()));
    assert!(EnhancedCode::parse(b"2.999.999").is_some());
    let none: [&[u8]; 9] =
        [b"", b"5", b"5.7", b"5.7.", b"5.7.1 ", b"5.7.1000", b"3.7.1", b"5..1", b"\xff.0.0"];
    for text in none {
        assert_eq!(EnhancedCode::parse(text), None, "{}", text.escape_ascii());
    }
    let yes = Positive::new(250, Some(EnhancedCode::parse(b"2.1.5").unwrap()), "ok").unwrap();
    assert_eq!(yes.enhanced().map(|it| it.to_string()).as_deref(), Some("2.1.5"));
    assert_eq!(Positive::new(250, None, "ok").unwrap().enhanced(), None);
    assert_eq!(Refusal::POLICY.enhanced(), Some(code));
}

#[test]
fn replies_have_the_class_of_their_first_digit() {
    let class = |line: &[u8]| Reply::parse(line).unwrap().class();
    assert_eq!(class(b"250 ok\r\n"), Class::PositiveCompletion);
    assert_eq!(class(b"354 go\r\n"), Class::PositiveIntermediate);
    assert_eq!(class(b"450 later\r\n"), Class::TransientNegative);
    assert_eq!(class(b"571 no\r\n"), Class::PermanentNegative);
    let code = Reply::parse(b"250 ok\r\n").unwrap().code();
    assert_eq!((code.to_string(), format!("{code:?}")), ("250".into(), "250".into()));
    let mut scanner = ReplyScanner::default();
    assert_eq!(scanner.feed(b"250-a"), Ok(Progress::Continue));
    assert_eq!(scanner.feed(b"250 b"), Ok(Progress::Complete));
}

#[test]
fn hosts_are_made_of_what_they_are() {
    let domain = Domain::parse("mx.example.org").unwrap();
    assert_eq!(Host::from(domain), Host::Domain(domain));
    let literal = AddressLiteral::parse("[192.0.2.1]").unwrap();
    assert_eq!(Host::from(literal), Host::Literal(literal));
    for text in ["mx.example.org", "[192.0.2.1]"] {
        assert_eq!(text.parse::<HostBuf>().unwrap().as_host(), Host::parse(text).unwrap());
    }
    assert!("mx..example".parse::<HostBuf>().is_err());
    for text in ["<>", "<a@example.org>"] {
        assert_eq!(text.parse::<ReversePathBuf>().unwrap().as_path().to_string(), text);
    }
    for text in ["<Postmaster>", "<a@example.org>"] {
        assert_eq!(text.parse::<ForwardPathBuf>().unwrap().as_path().to_string(), text);
    }
}

/// RFC 4422 section 3.1: whoever keeps them in a set finds them in any case.
#[test]
fn mechanisms_are_the_same_in_any_case() {
    let of = |name| Mechanism::parse(name).unwrap();
    let known = HashSet::from([of("PLAIN"), of("SCRAM-SHA-256")]);
    assert!(known.contains(&of("plain")) && known.contains(&of("Scram-Sha-256")));
    assert!(!known.contains(&of("LOGIN")) && !known.contains(&of("SCRAM-SHA-25")));
    assert_eq!(HashSet::from([of("PLAIN"), of("plain"), of("PLAIN-X")]).len(), 2);
}

/// RFC 3339 section 5.6.
#[test]
fn times_are_shown_as_they_were_written() {
    for text in [
        "2026-08-01T12:00:00Z",
        "2026-08-01T12:00:00.5+02:00",
        "2026-08-01T12:00:00.000000001-11:30",
        "0000-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z",
    ] {
        assert_eq!(DateTime::parse(text).unwrap().to_string(), text);
    }
    let of = DateTime::from_unix_seconds;
    assert_eq!(of(253_402_300_799).unwrap().to_string(), "9999-12-31T23:59:59Z");
    assert_eq!(of(-62_167_219_200).unwrap().to_string(), "0000-01-01T00:00:00Z");
    assert_eq!((of(253_402_300_800), of(-62_167_219_201)), (None, None));
}

/// RFC 3461 sections 4.1 and 4.2, RFC 6533 section 3, RFC 2852 section 4.
#[test]
fn parameters_tell_what_they_ask_for() {
    let rcpt = |text: &str| text.parse::<RcptParametersBuf>().unwrap();
    for (text, on) in [
        ("NOTIFY=NEVER", [false, false, false, true]),
        ("NOTIFY=SUCCESS", [true, false, false, false]),
        ("NOTIFY=FAILURE", [false, true, false, false]),
        ("NOTIFY=delay", [false, false, true, false]),
        ("NOTIFY=SUCCESS,DELAY", [true, false, true, false]),
    ] {
        let parameters = rcpt(text);
        let notify = parameters.as_parameters().notify().unwrap();
        let told = [notify.success(), notify.failure(), notify.delay(), notify.is_never()];
        assert_eq!(told, on, "{text}");
    }
    assert_eq!(Notify::SUCCESS | Notify::SUCCESS, Notify::SUCCESS);
    assert_eq!(Notify::SUCCESS | Notify::DELAY, Notify::DELAY | Notify::SUCCESS);
    let mail = |text: &str| text.parse::<MailParametersBuf>().unwrap();
    for (text, trace) in [("BY=120;R", false), ("BY=120;RT", true), ("BY=-5;nt", true)] {
        let parameters = mail(text);
        assert_eq!(parameters.as_parameters().by().unwrap().trace(), trace, "{text}");
    }
    // A set of parameters is the same in any order of cases, and not empty by its name.
    assert_eq!(mail("SIZE=10 BODY=8BITMIME"), mail("size=10 body=8BITMIME"));
    assert_ne!(mail("SIZE=10"), mail("SIZE=11"));
    assert!(
        MailParametersBuf::new().is_empty() && MailParametersBuf::new().as_parameters().is_empty()
    );
    let one = MailParametersBuf::new().body(Body::EightBitMime);
    assert!(!one.is_empty() && !one.as_parameters().is_empty());
    let first = one.as_parameters().iter().next().unwrap();
    assert_eq!((first.keyword(), first.value()), ("BODY", Some("8BITMIME")));
    assert_eq!(first.kind(), Some(Keyword::Body));
    assert_eq!(Keyword::Body.to_string(), "BODY");
    assert_eq!(Extension::EightBitMime.to_string(), "8BITMIME");
}

#[test]
fn original_recipients_are_shown_in_clear() {
    let parsed = |text| OriginalRecipient::parse(text).unwrap();
    let plain = parsed("rfc822;Bob+2Bx@example.org");
    assert_eq!((plain.as_str(), plain.address_type()), (&*plain.to_string(), "rfc822"));
    assert_eq!(plain.to_string(), "rfc822;Bob+2Bx@example.org");
    assert_eq!(plain.address().to_string(), "Bob+x@example.org");
    // Octets outside ASCII have no charset that is known.
    assert_eq!(parsed("x400;caf+E9").address().to_string(), "caf\u{fffd}");
    let OriginalAddress::Utf8(address) = parsed(r"utf-8;caf\x{E9}@example.org").address() else {
        unreachable!("it is of type utf-8");
    };
    assert_eq!(address.as_str(), r"caf\x{E9}@example.org");
    assert_eq!(OriginalAddress::Utf8(address).to_string(), "caf\u{e9}@example.org");
    // As many digits as the character needs, and no more.
    let far = parsed(r"utf-8;\x{1F600}\x{20AC}@example.org");
    assert_eq!(far.address().to_string(), "\u{1f600}\u{20ac}@example.org");
    for text in [
        r"utf-8;\x{0E9}@x",
        r"utf-8;\x{020AC}@x",
        r"utf-8;\x{1F6000}@x",
        r"utf-8;\x{9}@x",
        r"utf-8;\x{+E9}@x",
    ] {
        assert!(OriginalRecipient::parse(text).is_none(), "{text}");
    }
    assert_eq!(Xtext::parse("a+2Bb").unwrap().to_string(), "a+2Bb");
}

/// What Postfix says of XCLIENT: a name may be unknown for good, or for now.
#[test]
fn attributes_may_be_unavailable() {
    let text = "NAME=[TEMPUNAVAIL] ADDR=192.0.2.1 LOGIN=[unavailable]";
    let attributes = Attributes::parse(text).unwrap();
    assert_eq!(attributes.as_str(), text);
    let names: Vec<_> = attributes.iter().map(|attribute| attribute.name()).collect();
    assert_eq!(names, ["NAME", "ADDR", "LOGIN"]);
    assert_eq!(attributes.get("name"), Some(AttributeValue::TemporarilyUnavailable));
    assert_eq!(attributes.get("LOGIN"), Some(AttributeValue::Unavailable));
    let address = AttributeValue::Is(Xtext::parse("192.0.2.1").unwrap());
    assert_eq!((attributes.get("ADDR"), attributes.get("PORT")), (Some(address), None));
}

#[test]
fn arguments_are_kept_as_they_came() {
    let Ok(Command::Noop(octets)) = Command::parse(b"NOOP \x01\xff\"") else {
        unreachable!("NOOP takes any octets");
    };
    assert_eq!(format!("{octets:?}"), r#""\x01\xff\"""#);
    assert_eq!(octets.as_bytes(), b"\x01\xff\"");
    let argument = |text| Argument::parse(text).unwrap();
    assert_eq!(argument("b@example.org").mailbox().unwrap().to_string(), "b@example.org");
    assert_eq!(argument("alice").mailbox(), None);
    assert_eq!(Printable::new("MAIL FROM").unwrap().as_str(), "MAIL FROM");
    assert_eq!(Printable::new("MAIL FROM").unwrap().to_string(), "MAIL FROM");
    assert_eq!(
        (Verb::Mail.to_string(), Verb::StartTls.to_string()),
        ("MAIL".into(), "STARTTLS".into())
    );
}

/// An encoder writes to what it is lent, and that may be lent on.
#[test]
fn sinks_may_be_lent() {
    fn lend(mut out: impl Sink) {
        out.put(b"QUIT");
        Command::Rset.encode(&mut out);
    }
    let mut whole = Vec::new();
    lend(&mut whole);
    assert_eq!(whole, b"QUITRSET\r\n");
    let mut room = [0; 7];
    let mut out = Fixed::new(&mut room);
    lend(&mut out);
    assert_eq!(out.finish(), Err(Full));
}
