//! Addresses: the grammar of RFC 5321 section 4.1.2 once more, in the plainest words, beside the
//! parsers.

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::Ipv6Addr;

use smtp_proto::Syntax;
use smtp_proto::address::{
    AddressError, AddressLiteral, Domain, ForwardPath, ForwardPathBuf, Host, HostBuf, LocalPart,
    Mailbox, MailboxBuf, ReversePath, ReversePathBuf,
};
use smtp_proto::command::Command;

/// Any text as each of the things that an address is made of, strict and lenient.
pub fn path(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    for syntax in [Syntax::Strict, Syntax::Lenient] {
        domain(text, syntax);
        local_part(text, syntax);
        mailbox(text, syntax);
        paths(text, syntax);
        paths(&format!("<{text}>"), syntax);
        in_commands(text, syntax);
    }
    literal(text);
    inclusion(text);
    // What may stand at one place may stand at the other.
    for host in ["example.org", "[192.0.2.1]", "[IPv6:::1]"] {
        let whole = format!("{text}@{host}");
        let short = whole.len() <= 254;
        assert_eq!(Mailbox::parse(&whole).is_ok(), is_local_part(text) && short, "{whole:?}");
    }
    let whole = format!("a@{text}");
    let short = whole.len() <= 254;
    assert_eq!(Mailbox::parse(&whole).is_ok(), Host::parse(text).is_ok() && short, "{whole:?}");
}

/// Lenient syntax takes what strict syntax takes, and sees the same in it.
fn inclusion(text: &str) {
    let lenient = Syntax::Lenient;
    if let Ok(strict) = Mailbox::parse(text) {
        assert_eq!(Mailbox::parse_with(text, lenient), Ok(strict));
    }
    if let Ok(strict) = ReversePath::parse(text) {
        assert_eq!(ReversePath::parse_with(text, lenient), Ok(strict));
    }
    if let Ok(strict) = ForwardPath::parse(text) {
        assert_eq!(ForwardPath::parse_with(text, lenient), Ok(strict));
    }
    if let Ok(strict) = Host::parse(text) {
        assert_eq!(Host::parse_with(text, lenient), Ok(strict));
    }
}

fn domain(text: &str, syntax: Syntax) {
    let parsed = Domain::parse_with(text, syntax);
    assert_eq!(parsed.is_ok(), is_domain(text, syntax), "{text:?} {syntax:?} {parsed:?}");
    if let Ok(domain) = parsed {
        assert_eq!(domain.to_string(), text);
        assert_eq!(domain.is_ascii(), text.is_ascii());
        let shouted = text.to_ascii_uppercase();
        let shouted = Domain::parse_with(&shouted, syntax).expect("case does not matter");
        same(&shouted, &domain);
    }
    let Ok(host) = Host::parse_with(text, syntax) else { return };
    let written = host.to_string();
    same(&Host::parse_with(&written, syntax).expect("a host"), &host);
    assert_eq!(HostBuf::from(host).as_host(), host);
    assert_eq!(HostBuf::from(host).to_string(), written);
}

fn local_part(text: &str, syntax: Syntax) {
    let parsed = LocalPart::parse_with(text, syntax);
    if syntax == Syntax::Strict {
        assert_eq!(parsed.is_ok(), is_local_part(text), "{text:?} {parsed:?}");
    }
    let Ok(local_part) = parsed else { return };
    assert_eq!(local_part.as_str(), text);
    assert!(!text.chars().any(char::is_control));
    let canonical = local_part.canonical().to_string();
    assert!(canonical.len() <= text.len() + 2, "{canonical}");
    // Even what only lenient syntax takes has a form that strict syntax takes, if it is short.
    let again = match canonical.len() {
        ..=64 => LocalPart::parse(&canonical),
        _ => LocalPart::parse_with(&canonical, Syntax::Lenient),
    };
    same(&again.expect("a canonical form"), &local_part);
    assert_eq!(again.expect("one").canonical().to_string(), canonical);
    let mut quoted = String::from("\"");
    for character in local_part.value() {
        if character.is_ascii() {
            quoted.push('\\');
        }
        quoted.push(character);
    }
    quoted.push('"');
    let quoted = LocalPart::parse_with(&quoted, Syntax::Lenient).expect("a quoted string");
    same(&quoted, &local_part);
}

fn mailbox(text: &str, syntax: Syntax) {
    let Ok(mailbox) = Mailbox::parse_with(text, syntax) else { return };
    assert!(text.len() <= 254);
    let written = mailbox.to_string();
    same(&Mailbox::parse_with(&written, syntax).expect("a mailbox"), &mailbox);
    assert_eq!(mailbox.is_ascii(), text.is_ascii());
    let owned = MailboxBuf::from(mailbox);
    assert_eq!(owned.as_mailbox(), mailbox);
    assert_eq!(owned.to_string(), written);
    assert_eq!(MailboxBuf::from(owned.as_mailbox()), owned);
    if syntax == Syntax::Strict {
        assert_eq!(written.parse(), Ok(owned));
        let canonical = mailbox.canonical().to_string();
        same(&Mailbox::parse(&canonical).expect("a canonical form"), &mailbox);
    }
}

fn paths(text: &str, syntax: Syntax) {
    let reverse = ReversePath::parse_with(text, syntax);
    let forward = ForwardPath::parse_with(text, syntax);
    if let Ok(path) = reverse {
        let written = path.to_string();
        same(&ReversePath::parse_with(&written, syntax).expect("a path"), &path);
        let owned = ReversePathBuf::from(path);
        assert_eq!((owned.as_path(), owned.to_string()), (path, written.clone()));
        assert!(written.starts_with('<') && written.ends_with('>'));
        assert!(syntax == Syntax::Lenient || text.starts_with('<') && text.ends_with('>'));
        assert_eq!(path.mailbox().is_none(), text == "<>", "only <> is null");
    }
    if let Ok(path) = forward {
        let written = path.to_string();
        same(&ForwardPath::parse_with(&written, syntax).expect("a path"), &path);
        let owned = ForwardPathBuf::from(path);
        assert_eq!((owned.as_path(), owned.to_string()), (path, written));
        let postmaster = text.trim_matches(['<', '>']).eq_ignore_ascii_case("postmaster");
        assert_eq!(path == ForwardPath::Postmaster, postmaster);
    }
    // They differ in two spellings and no more.
    match (reverse, forward) {
        (Ok(ReversePath::Mailbox(one)), Ok(ForwardPath::Mailbox(other))) => same(&one, &other),
        (Ok(ReversePath::Null), Err(AddressError::Null)) => {}
        (Err(_), Ok(ForwardPath::Postmaster)) | (Err(_), Err(_)) => {}
        both => panic!("{text:?} {both:?}"),
    }
}

/// A command takes a path as the path's own parser does.
fn in_commands(text: &str, syntax: Syntax) {
    let text = format!("<{text}>");
    let line = format!("MAIL FROM:{text}");
    if let Ok(path) = ReversePath::parse_with(&text, syntax) {
        match Command::parse_with(line.as_bytes(), syntax) {
            Ok(Command::Mail { reverse_path, parameters }) => {
                assert!(parameters.is_empty());
                same(&reverse_path, &path);
            }
            other => panic!("{line:?} {other:?}"),
        }
    } else if let Ok(Command::Mail { parameters, .. }) =
        Command::parse_with(line.as_bytes(), syntax)
    {
        // The text closed the path itself.
        assert!(!parameters.is_empty() || text.ends_with(['\t', ' ']), "{line:?}");
    }
    let line = format!("RCPT TO:{text}");
    if let Ok(path) = ForwardPath::parse_with(&text, syntax) {
        match Command::parse_with(line.as_bytes(), syntax) {
            Ok(Command::Rcpt { forward_path, .. }) => same(&forward_path, &path),
            other => panic!("{line:?} {other:?}"),
        }
    }
}

/// Snum is up to three digits and up to 255; what stands behind `IPv6:` is as the standard library
/// has it, which knows no leading zeros in an IPv4 part.
fn literal(text: &str) {
    let parsed = AddressLiteral::parse(text);
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let is_v4 = |inner: &str| {
        let parts: Vec<&str> = inner.split('.').collect();
        parts.len() == 4
            && parts.iter().all(|part| {
                (1..=3).contains(&part.len())
                    && part.bytes().all(|byte| byte.is_ascii_digit())
                    && part.parse::<u16>().is_ok_and(|number| number <= 255)
            })
    };
    let is_v6 = |inner: &str| {
        let Some((tag, address)) = inner.split_at_checked(5) else { return false };
        let address = match address.rsplit_once(':') {
            Some((groups, v4)) if is_v4(v4) => {
                let parts = v4.split('.').filter_map(|part| part.parse::<u8>().ok());
                let parts: Vec<_> = parts.map(|part| part.to_string()).collect();
                format!("{groups}:{}", parts.join("."))
            }
            _ => address.to_owned(),
        };
        tag.eq_ignore_ascii_case("IPv6:") && address.parse::<Ipv6Addr>().is_ok()
    };
    let expected = inner.is_some_and(|inner| is_v4(inner) || is_v6(inner));
    assert_eq!(parsed.is_ok(), expected, "{text:?} {parsed:?}");
    if let Ok(literal) = parsed {
        let written = literal.to_string();
        assert_eq!(AddressLiteral::parse(&written), Ok(literal));
        assert_eq!(AddressLiteral::from(literal.ip()), literal);
    }
}

/// Equal, and equal in hash.
fn same<T: Hash + Eq + std::fmt::Debug>(one: &T, other: &T) {
    assert_eq!(one, other);
    let hashes = RandomState::new();
    assert_eq!(hashes.hash_one(one), hashes.hash_one(other), "{one:?} {other:?}");
}

/// Domain = sub-domain *("." sub-domain)
/// sub-domain = Let-dig [Ldh-str] / U-label
fn is_domain(text: &str, syntax: Syntax) -> bool {
    let lenient = syntax == Syntax::Lenient;
    let names = text.strip_suffix('.').filter(|_| lenient).unwrap_or(text);
    text.len() <= 255
        && names.split('.').all(|label| {
            let inner = |c: char| {
                let named = c.is_ascii_alphanumeric() || c == '-' || lenient && c == '_';
                named || !c.is_ascii() && !c.is_control()
            };
            (1..=63).contains(&label.chars().count())
                && label.chars().all(inner)
                && (lenient || !label.starts_with('-') && !label.ends_with('-'))
        })
}

/// Local-part = Dot-string / Quoted-string
fn is_local_part(text: &str) -> bool {
    let beyond = |c: char| !c.is_ascii() && !c.is_control();
    let short = text.len() <= 64;
    let Some(inner) = text.strip_prefix('"') else {
        let atext =
            |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || beyond(c);
        return short && text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(atext));
    };
    let Some(inner) = inner.strip_suffix('"') else { return false };
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        let good = match character {
            '"' => false,
            '\\' => characters.next().is_some_and(|c| matches!(c, ' '..='~')),
            c => matches!(c, ' '..='~') || beyond(c),
        };
        if !good {
            return false;
        }
    }
    short
}
