//! What a server must be able to take, and what it does with more.

use super::super::check::At::{Data, Greeted, Hello, Mail, Rcpt};
use super::super::check::{Check, Group, Row, Step, must, say, should, threat};

pub(super) static GROUP: Group =
    Group { name: "limits", title: "Sizes and limits (RFC 5321 section 4.5.3.1)" };

/// A line or a message that is mostly one thing again and again.
struct Long {
    row: Row,
    head: &'static [u8],
    unit: &'static [u8],
    /// Octets of `unit`, over and over.
    fill: usize,
    tail: &'static [u8],
    wants: &'static str,
}

const fn long(
    row: Row,
    head: &'static [u8],
    (unit, fill): (&'static [u8], usize),
    tail: &'static [u8],
    wants: &'static str,
) -> Long {
    Long { row, head, unit, fill, tail, wants }
}

/// A label of 62 octets and its dot.
const LABEL: &[u8] = b"dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd.";
/// 72 octets.
const LINE: &[u8] = b"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n";
const RECEIVED: &[u8] = b"Received: from a by b; Thu, 1 Jan 2026 00:00:00 +0000\r\n";
const HEADER: &[u8] = b"Subject: smtp conform\r\n\r\n";
const END: &[u8] = b"\r\n.\r\n";
const ONE: &str = "2 5 421 close";

#[rustfmt::skip]
const LONG: &[Long] = &[
    long(should("line-512", "5321 4.5.3.1.4", Hello, "A command line of 512 octets is read", &[]),
        b"NOOP ", (b"x", 505), b"\r\n", "250 501"),
    long(must("line-512-unknown", "5321 4.5.3.1.4", Hello, "A line of 512 octets that is no command gets one reply", &[]),
        b"FROB ", (b"x", 505), b"\r\n", "50"),
    long(must("short-unknown", "5321 4.5.3.1.5", Hello, "A reply line has at most 512 octets, whatever it repeats: a command", &[]),
        b"FROB", (b"x", 506), b"\r\n", "5:short"),
    long(must("short-mail", "5321 4.5.3.1.5", Hello, "A reply line has at most 512 octets, whatever it repeats: a path", &[]),
        b"MAIL FROM:<", (b"l", 480), b"@@>\r\n", "5:short 250:short"),
    long(must("local-part-64", "5321 4.5.3.1.1", Hello, "A local-part of 64 octets is accepted", &[]),
        b"MAIL FROM:<", (b"l", 64), b"@example.org>\r\n", "250"),
    long(must("domain-255", "5321 4.5.3.1.2", Greeted, "EHLO with a domain of 255 octets is accepted", &[]),
        b"{ehlo} ", (LABEL, 247), b".example\r\n", "250"),
    long(must("path-256", "5321 4.5.3.1.3", Hello, "A path of 256 octets is accepted", &[]),
        b"MAIL FROM:<s@", (LABEL, 244), b".example>\r\n", "250"),
    long(must("label-63", "5321 4.1.2", Hello, "A label of 63 octets is accepted", &[]),
        b"MAIL FROM:<s@", (b"d", 63), b".example>\r\n", "250"),
    long(must("text-line-1000", "5321 4.5.3.1.6", Data, "A text line of 1000 octets is accepted", &[]),
        HEADER, (b"x", 998), END, "2"),
    long(must("text-line-1000-dot", "5321 4.5.3.1.6", Data, "The dot that is stuffed is not counted in a line of 1000", &[]),
        b"Subject: smtp conform\r\n\r\n.", (b".", 998), END, "2"),
    long(must("content-64k", "5321 4.5.3.1.7", Data, "Content of 64 KiB is accepted", &[]),
        HEADER, (LINE, 65_520), b".\r\n", "2"),
    long(should("content-1m", "5321 4.5.3.1", Data, "Content of 1 MiB is accepted, or refused behind its end", &[]),
        HEADER, (LINE, 1_048_608), b".\r\n", "2 55 45"),
    long(must("empty-lines", "5321 4.5.3.1.7", Data, "A thousand empty lines are content", &[]),
        HEADER, (b"\r\n", 2000), b".\r\n", "2 5 4"),
    long(must("dots", "5321 4.5.2", Data, "A thousand lines of two dots are content", &[]),
        HEADER, (b"..\r\n", 4000), b".\r\n", "2"),
    long(must("line-513", "5321 4.5.3.1.9", Hello, "A line of 513 octets gets one reply, and no part of it is another command", &[]),
        b"NOOP ", (b"x", 506), b"\r\n", ONE),
    long(must("line-1000", "5321 4.5.3.1.9", Hello, "A line of 1000 octets gets one reply, and no part of it is another command", &[]),
        b"NOOP ", (b"x", 993), b"\r\n", ONE),
    long(must("line-2048", "5321 4.5.3.1.9", Hello, "A line of 2048 octets gets one reply, and no part of it is another command", &[]),
        b"NOOP ", (b"x", 2041), b"\r\n", ONE),
    long(must("line-4096", "5321 4.5.3.1.9", Hello, "A line of 4096 octets gets one reply, and no part of it is another command", &[]),
        b"NOOP ", (b"x", 4089), b"\r\n", ONE),
    long(must("line-65536", "5321 4.5.3.1.9", Hello, "A line of 64 KiB gets one reply, and no part of it is another command", &[]),
        b"NOOP ", (b"x", 65_529), b"\r\n", ONE),
    long(threat("local-part-65", "5321 4.5.3.1.9", Hello, "A local-part of 65 octets is accepted or refused", &[]),
        b"MAIL FROM:<", (b"l", 65), b"@example.org>\r\n", "2 5"),
    long(threat("local-part-1000", "5321 4.5.3.1.9", Hello, "A local-part of 1000 octets gets one reply", &[]),
        b"MAIL FROM:<", (b"l", 1000), b"@example.org>\r\n", ONE),
    long(should("label-64", "5321 4.1.2", Hello, "A label of 64 octets is accepted or refused", &[]),
        b"MAIL FROM:<s@", (b"d", 64), b".example>\r\n", "2 5"),
    long(threat("domain-2000", "5321 4.5.3.1.9", Greeted, "EHLO with a domain of 2000 octets gets one reply", &[]),
        b"{ehlo} ", (LABEL, 1992), b".example\r\n", ONE),
    long(threat("route", "5321 4.5.3.1.9", Hello, "A source route of a hundred hosts gets one reply", &[]),
        b"MAIL FROM:<", (b"@h.example,", 1100), b"@h.example:s@example.org>\r\n", ONE),
    long(threat("parameters", "5321 4.5.3.1.9", Hello, "A thousand parameters get one reply", &[]),
        b"MAIL FROM:{from}", (b" A=1", 4000), b"\r\n", "5 421 close"),
    long(threat("parameter", "5321 4.5.3.1.9", Hello, "A parameter of 10000 octets gets one reply", &[]),
        b"MAIL FROM:{from} XYZZY=", (b"1", 10_000), b"\r\n", "5 421 close"),
    long(threat("verb", "5321 4.5.3.1.9", Hello, "A verb of 10000 letters gets one reply", &[]),
        b"", (b"A", 10_000), b"\r\n", "5 421 close"),
    long(threat("vrfy", "5321 4.5.3.1.9", Hello, "VRFY with 10000 octets gets one reply", &[]),
        b"VRFY ", (b"x", 10_000), b"\r\n", ONE),
    long(threat("help", "5321 4.5.3.1.9", Hello, "HELP with 10000 octets gets one reply", &[]),
        b"HELP ", (b"x", 10_000), b"\r\n", ONE),
    long(threat("text-line", "5321 4.5.3.1.6", Data, "A text line of 100000 octets gets one reply, behind the end of data", &[]),
        HEADER, (b"x", 100_000), END, "2 5 4"),
    long(threat("field", "5321 4.5.3.1.7", Data, "A header field of 100000 octets gets one reply", &[]),
        b"Subject: ", (b"x", 100_000), b"\r\n\r\ntext\r\n.\r\n", "2 5 4"),
    long(threat("fields", "5321 4.5.3.1.7", Data, "Ten thousand header fields get one reply", &[]),
        b"Subject: smtp conform\r\n", (b"X: y\r\n", 60_000), b"\r\ntext\r\n.\r\n", "2 5 4"),
    long(threat("received", "5321 6.3", Data, "A hundred Received fields are a loop or not, and get one reply", &[]),
        b"", (RECEIVED, 5500), b"\r\ntext\r\n.\r\n", "2 5 4"),
    long(threat("nul-content", "5321 2.3.8", Data, "Content of NULs gets one reply", &[]),
        HEADER, (b"\0", 1000), END, "2 5 4"),
];

const HUNDRED: Row = must("", "5321 4.5.3.1.8", Mail, "A hundred recipients are accepted", &[]);
const EVERY: Row =
    threat("", "5321 2.3.8", Data, "Content of every octet there is gets one reply", &[]);
const TEN: Row =
    must("", "5321 3.3", Rcpt, "Ten messages may follow each other in one session", &[]);

pub(super) fn checks() -> Vec<Check> {
    let mut checks: Vec<_> = LONG.iter().map(check).collect();
    let recipients = (0..100).map(|_| say("RCPT TO:{to}\r\n", "25")).collect();
    checks.push(Check::made(&GROUP, &HUNDRED, "recipients-100", recipients));
    let every: Vec<u8> = (0..=255).collect();
    let content = say([HEADER, &every, END].concat(), "2 5 4");
    checks.push(Check::made(&GROUP, &EVERY, "every-octet", vec![content]));
    let message =
        || [say("DATA\r\n", "354"), say("Subject: smtp conform\r\n\r\ntext\r\n.\r\n", "2 45 55")];
    let next = || [say("MAIL FROM:{from}\r\n", "250"), say("RCPT TO:{to}\r\n", "25")];
    let mut ten: Vec<Step> = message().into();
    (1..10).for_each(|_| ten.extend(next().into_iter().chain(message())));
    checks.push(Check::made(&GROUP, &TEN, "messages-10", ten));
    checks
}

fn check(long: &Long) -> Check {
    let fill: Vec<u8> = long.unit.iter().copied().cycle().take(long.fill).collect();
    let octets = [long.head, &fill, long.tail].concat();
    Check::made(&GROUP, &long.row, long.row.name, vec![say(octets, long.wants)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets(name: &str) -> Vec<u8> {
        let long = LONG.iter().find(|long| long.row.name == name).unwrap();
        let Step::Say { octets, .. } = &check(long).script[0] else { panic!() };
        octets.clone()
    }

    #[test]
    fn sizes_are_what_they_say() {
        for size in [512, 513, 1000, 2048, 4096, 65_536] {
            assert_eq!(octets(&format!("line-{size}")).len(), size);
        }
        let line = octets("path-256");
        let path = line.strip_prefix(b"MAIL FROM:").unwrap().strip_suffix(b"\r\n").unwrap();
        assert_eq!(path.len(), 256);
        let line = String::from_utf8(octets("domain-255")).unwrap();
        let domain = line.strip_prefix("{ehlo} ").unwrap().trim_end();
        assert_eq!(domain.len(), 255);
        assert!(smtp_proto::address::Domain::parse(domain).is_ok());
        assert!(octets("content-64k").len() >= 65_536 && octets("content-1m").len() >= 1 << 20);
        for name in ["text-line-1000", "text-line-1000-dot"] {
            let line = octets(name).len() - HEADER.len() - b".\r\n".len();
            assert_eq!(line, if name.ends_with("dot") { 1001 } else { 1000 });
        }
    }
}
