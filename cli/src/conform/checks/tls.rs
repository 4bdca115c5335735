//! STARTTLS, and what is smuggled behind it.

use super::super::check::At::{Hello, Mail, Tls, TlsRcpt};
use super::super::check::{Check, Ends, Group, Row, Step, must, say, should, threat};

pub(super) static GROUP: Group =
    Group { name: "starttls", title: "STARTTLS and injection (RFC 3207)" };

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    must("handshake", "3207 4", Hello, "220, a handshake, and EHLO inside",
        &[(b"STARTTLS\r\n", "220"), (b"", "!tls"), (b"{ehlo} {hello}\r\n", "250")]),
    must("starttls-lower", "5321 2.4", Hello, "starttls is the same in any case",
        &[(b"starttls\r\n", "220"), (b"", "!tls"), (b"{ehlo} {hello}\r\n", "250")]).needs("tls"),
    must("argument", "3207 4", Hello, "STARTTLS with an argument is refused with 501",
        &[(b"STARTTLS now\r\n", "501 / 5")]),
    must("not-again", "3207 4.2", Tls, "STARTTLS is not offered inside TLS",
        &[(b"{ehlo} {hello}\r\n", "250:nostarttls")]),
    must("not-twice", "3207 4.2", Tls, "STARTTLS inside TLS is refused",
        &[(b"STARTTLS\r\n", "503 5")]),
    must("forgets-mail", "3207 4.2", Mail, "A transaction does not go on inside TLS; STARTTLS within one may be refused",
        &[(b"STARTTLS\r\n", "220 5$"), (b"", "!tls"), (b"{ehlo} {hello}\r\n", "250"), (b"RCPT TO:{to}\r\n", "503 5")]).needs("tls"),
    must("forgets-mail-at-once", "3207 4.2", Mail, "A transaction does not go on inside TLS, with no EHLO between either",
        &[(b"STARTTLS\r\n", "220 5$"), (b"", "!tls"), (b"RCPT TO:{to}\r\n", "503 5")]).needs("tls"),
    must("forgets-ehlo", "3207 4.2", Hello, "EHLO is forgotten at the handshake: where MAIL needs it, it needs it again",
        &[(b"STARTTLS\r\n", "220"), (b"", "!tls"), (b"MAIL FROM:{from}\r\n", "503 5 250")]).needs("tls"),
    must("message", "3207 4", TlsRcpt, "A message goes through inside",
        &[(b"DATA\r\n", "354"), (b"Subject: smtp conform\r\n\r\ntext\r\n.\r\n", "2 5 4")]),
    must("quit-inside", "5321 4.1.1.10", Tls, "QUIT inside TLS ends the session",
        &[(b"QUIT\r\n", "221, close")]),
    must("rset-group", "2920 3.1", Mail, "STARTTLS may be the last of a group",
        &[(b"RSET\r\nSTARTTLS\r\n", "250, 220"), (b"", "!tls"), (b"{ehlo} {hello}\r\n", "250")]).needs("PIPELINING tls"),
    must("in-pieces-inside", "5321 2.3.8", Tls, "A command may be cut across TLS records",
        &[(b"MAIL FR", ""), (b"OM:{from}\r", ""), (b"\n", "250")]),
    must("in-group", "2920 3.1", Tls, "A group goes through inside",
        &[(b"MAIL FROM:{from}\r\nRCPT TO:{to}\r\nRSET\r\n", "250, 25, 250")]).needs("PIPELINING"),
    threat("bogus-end", "5321 4.1.1.4", TlsRcpt, "LF . LF is no end inside either",
        &[(b"DATA\r\n", "354"), (b"Subject: smtp conform\r\n\r\ntext\n.\nRSET\r\nNOOP\r\n\r\n.\r\n", "2 5")]),
    threat("plain-instead", "3207 4", Hello, "Commands in place of the handshake are not obeyed",
        &[(b"STARTTLS\r\n", "220"), (b"NOOP\r\nNOOP\r\nNOOP\r\n{ehlo} {hello}\r\n", "close noise silence")]).dropped(),
    threat("plain-behind", "3207 4", Tls, "Commands in the clear behind the end of TLS are not obeyed",
        &[(b"", "!clear"), (b"NOOP\r\nNOOP\r\n", "close noise silence")]).dropped(),
    should("ehlo-twice-inside", "5321 4.1.4", Tls, "EHLO may be said twice inside",
        &[(b"{ehlo} {hello}\r\n", "250"), (b"MAIL FROM:{from}\r\n", "250")]),
];

/// What is sent in one segment with STARTTLS. A server may refuse, hang up or throw it away; what
/// it must not do is to obey it, in the clear or inside.
const INJECTED: &[(&str, &str, &[u8])] = &[
    ("noop", "NOOP", b"NOOP\r\n"),
    ("rset", "RSET", b"RSET\r\n"),
    ("ehlo", "EHLO", b"{ehlo} evil.example\r\n"),
    ("mail", "MAIL", b"MAIL FROM:<evil@example.org>\r\n"),
    (
        "transaction",
        "EHLO, MAIL and RCPT",
        b"{ehlo} evil.example\r\nMAIL FROM:<evil@example.org>\r\nRCPT TO:{to}\r\n",
    ),
    ("auth", "AUTH", b"AUTH PLAIN AGV2aWwAZXZpbA==\r\n"),
    ("quit", "QUIT", b"QUIT\r\n"),
    ("unknown", "a command that is not known", b"FROB\r\n"),
    ("starttls", "a second STARTTLS", b"STARTTLS\r\n"),
    ("empty", "an empty line", b"\r\n"),
    ("lf", "a bare LF", b"\n"),
    ("half", "half a command", b"MAIL FRO"),
    ("octet", "one octet", b"X"),
    ("nul", "a NUL", b"\0"),
];

pub(super) fn more() -> Vec<Check> {
    const ROW: Row = threat("", "3207 4.2", Hello, "", &[]).needs("STARTTLS tls");
    let mut checks = Vec::new();
    for (name, words, octets) in INJECTED {
        let line = [b"STARTTLS\r\n", *octets].concat();
        let steps = vec![
            say(line, "220 5$ 4$ close$"),
            Step::Handshake { may_fail: true },
            say("QUIT\r\n", "221"),
        ];
        let mut check = Check::made(&GROUP, &ROW, &format!("injected-{name}"), steps);
        check.demand = format!("What is sent with STARTTLS is not obeyed inside TLS: {words}");
        // Refused, what stands behind it may be commands in the clear.
        check.ends = Ends::Dropped;
        checks.push(check);
    }
    checks
}
