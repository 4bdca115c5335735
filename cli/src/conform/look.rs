//! What must be true of a reply beyond its code.

use smtp_proto::address::Host;
use smtp_proto::reply::{Capabilities, EnhancedCode, Reply};

/// A closer look at a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// The text begins with a domain or an address literal.
    Domain,
    /// There is one line.
    Single,
    /// There is no enhanced status code.
    Bare,
    /// Each line has an enhanced status code of the reply's own class.
    Enhanced,
    /// No line is longer than 512 octets.
    Short,
    /// Every octet is ASCII.
    Ascii,
    /// No octet is a control character, but for tabs.
    Clean,
    /// There is text for people behind the code.
    Text,
    /// Each keyword is one by the grammar, and none stands twice.
    Keywords,
    /// STARTTLS is not among the keywords.
    NoStarttls,
    /// The text is base64.
    Base64,
    /// Where 354 comes although there is nobody to send to, the lone dot must be refused.
    Dot,
}

impl Look {
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "domain" => Look::Domain,
            "single" => Look::Single,
            "bare" => Look::Bare,
            "enhanced" => Look::Enhanced,
            "short" => Look::Short,
            "ascii" => Look::Ascii,
            "clean" => Look::Clean,
            "text" => Look::Text,
            "keywords" => Look::Keywords,
            "nostarttls" => Look::NoStarttls,
            "base64" => Look::Base64,
            "dot" => Look::Dot,
            _ => return None,
        })
    }

    /// What is wrong with the reply, whose octets are `raw`.
    pub(super) fn wrong(self, reply: Reply<'_>, raw: &[u8]) -> Option<&'static str> {
        let text = reply.texts().next().unwrap_or_default();
        let first = raw.get(4..).unwrap_or_default();
        let word = first.split(|b| b" \r\n".contains(b)).next().unwrap_or_default();
        let (right, wrong) = match self {
            Look::Domain => (
                std::str::from_utf8(word).is_ok_and(|word| Host::parse(word).is_ok()),
                "the reply does not begin with a domain",
            ),
            Look::Single => (reply.lines().count() == 1, "the reply has more than one line"),
            Look::Bare => (reply.enhanced().is_none(), "the reply has an enhanced status code"),
            Look::Enhanced => (
                enhanced(reply),
                "not every line begins with an enhanced status code of the reply's class",
            ),
            Look::Short => (
                raw.split_inclusive(|b| *b == b'\n').all(|line| line.len() <= 512),
                "a reply line is longer than 512 octets",
            ),
            Look::Ascii => (raw.is_ascii(), "the reply has octets that are not ASCII"),
            Look::Clean => (
                reply.lines().flatten().all(|octet| *octet == b'\t' || !octet.is_ascii_control()),
                "the reply has control characters",
            ),
            Look::Text => (!text.is_empty(), "the reply has no text"),
            Look::Keywords => return keywords(reply),
            Look::NoStarttls => (
                Capabilities::new(reply).get("STARTTLS").is_none(),
                "STARTTLS is offered again inside TLS",
            ),
            Look::Base64 => (
                data_encoding::BASE64.decode(first.trim_ascii_end()).is_ok(),
                "the text of the 334 is not base64",
            ),
            Look::Dot => (true, ""),
        };
        (!right).then_some(wrong)
    }
}

fn enhanced(reply: Reply<'_>) -> bool {
    let class = reply.code().get() / 100;
    reply.lines().all(|line| {
        let word = line.split(|b| *b == b' ').next().unwrap_or_default();
        EnhancedCode::parse(word).is_some_and(|code| u16::from(code.class()) == class)
    })
}

fn keywords(reply: Reply<'_>) -> Option<&'static str> {
    let mut seen: Vec<Vec<u8>> = Vec::new();
    for line in reply.lines().skip(1) {
        let keyword = line.split(|b| *b == b' ').next().unwrap_or_default();
        let legal = |b: &u8| b.is_ascii_alphanumeric() || *b == b'-';
        if keyword.is_empty() || keyword.starts_with(b"-") || !keyword.iter().all(legal) {
            return Some("a keyword has characters that no keyword may have");
        }
        let keyword = keyword.to_ascii_uppercase();
        if seen.contains(&keyword) {
            return Some("a keyword stands there twice");
        }
        seen.push(keyword);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(look: Look, raw: &str) -> bool {
        look.wrong(Reply::parse(raw.as_bytes()).unwrap(), raw.as_bytes()).is_some()
    }

    #[test]
    fn each_look_sees_what_it_is_for() {
        let long = format!("250 {}\r\n", "x".repeat(507));
        for (look, good, bad) in [
            (Look::Domain, "250 mx.example.org hello\r\n", "250 -\r\n"),
            (Look::Domain, "220 [127.0.0.1]\r\n", "220\r\n"),
            (Look::Single, "250 a\r\n", "250-a\r\n250 b\r\n"),
            (Look::Bare, "250 2nd\r\n", "250 2.0.0 ok\r\n"),
            (Look::Enhanced, "550-5.1.1 a\r\n550 5.1.1 b\r\n", "550-5.1.1 a\r\n550 b\r\n"),
            (Look::Enhanced, "250 2.1.0\r\n", "250 5.1.0 ok\r\n"),
            (Look::Short, "250 a\r\n", &long),
            (Look::Ascii, "250 a\r\n", "250 \u{e9}\r\n"),
            (Look::Clean, "250 \ta\r\n", "250 \x1b[2J\r\n"),
            (Look::Text, "250 a\r\n", "250 \r\n"),
            (Look::Keywords, "250-a\r\n250-SIZE 1\r\n250 X-Y\r\n", "250-a\r\n250 AUTH=LOGIN\r\n"),
            (Look::Keywords, "250 a\r\n", "250-a\r\n250-DSN\r\n250 dsn\r\n"),
            (Look::NoStarttls, "250-a\r\n250 DSN\r\n", "250-a\r\n250 starttls\r\n"),
            (Look::Base64, "334 \r\n", "334 Username:\r\n"),
        ] {
            assert!(!wrong(look, good), "{good}");
            assert!(wrong(look, bad), "{bad}");
        }
    }
}
