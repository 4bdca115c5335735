//! What replies look like.

use super::super::check::At::{Connected, Data, Greeted, Hello, Mail, Rcpt};
use super::super::check::{Group, Row, must, should, threat};

pub(super) static GROUP: Group =
    Group { name: "replies", title: "Replies (RFC 5321 section 4.2, RFC 2034)" };

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    should("text-greeting", "5321 4.2", Connected, "The greeting has text behind its code", &[(b"", "220:text")]),
    should("text-noop", "5321 4.2", Hello, "The reply to NOOP has text behind its code", &[(b"NOOP\r\n", "250:text")]),
    should("text-mail", "5321 4.2", Hello, "The reply to MAIL has text behind its code", &[(b"MAIL FROM:{from}\r\n", "250:text")]),
    should("text-data", "5321 4.2", Rcpt, "354 has text behind its code",
        &[(b"DATA\r\n", "354:text"), (b"Subject: smtp conform\r\n\r\ntext\r\n.\r\n", "2:text 5:text 4:text")]),
    should("text-quit", "5321 4.2", Hello, "221 has text behind its code, the server's domain first", &[(b"QUIT\r\n", "221:text")]),
    must("ascii-unknown", "5321 4.2", Hello, "A reply is ASCII whatever was sent",
        &[(b"FR\xc3\x96B \xff\xfe\r\n", "5:ascii")]),
    must("ascii-mail", "5321 4.2", Hello, "A reply about an address is ASCII though the address is not",
        &[(b"MAIL FROM:<\xc3\xb6\xc3\xa4@example.org>\r\n", "5:ascii 2:ascii")]),
    must("ascii-ehlo", "5321 4.2", Greeted, "A reply about a client's name is ASCII though the name is not",
        &[(b"{ehlo} \xc3\xb6\xc3\xa4.example\r\n", "5:ascii 250:ascii")]),
    must("controls-unknown", "5321 4.2", Hello, "Control characters are not sent back: unknown command",
        &[(b"FROB \x1b[2J\x07\x08\r\n", "5:clean")]),
    must("controls-mail", "5321 4.2", Hello, "Control characters are not sent back: MAIL",
        &[(b"MAIL FROM:<\x1b[2J\x08@example.org>\r\n", "5:clean 2:clean")]),
    must("controls-ehlo", "5321 4.2", Greeted, "Control characters are not sent back: EHLO",
        &[(b"{ehlo} \x1b[2J\x08\r\n", "5:clean 250:clean")]),
    must("controls-vrfy", "5321 4.2", Hello, "Control characters are not sent back: VRFY",
        &[(b"VRFY \x1b[2J\x08\r\n", "5:clean 25:clean")]),
    threat("split-cr", "5321 4.2", Hello, "A bare CR does not become a reply of its own",
        &[(b"FROB a\r250 fine\r\n", "5")]),
    threat("split-mail", "5321 4.2", Hello, "A bare CR in an address does not become a reply of its own",
        &[(b"MAIL FROM:<\"a\r250 fine\"@example.org>\r\n", "5 2")]),
    must("short-help", "5321 4.5.3.1.5", Hello, "A reply line has at most 512 octets: HELP", &[(b"HELP\r\n", "2:short 5:short")]),
    must("enhanced-mail", "2034 4", Hello, "The reply to MAIL has an enhanced status code", &[(b"MAIL FROM:{from}\r\n", "250:enhanced")]).needs("ENHANCEDSTATUSCODES"),
    must("enhanced-rcpt", "2034 4", Mail, "The reply to RCPT has an enhanced status code", &[(b"RCPT TO:{to}\r\n", "25:enhanced")]).needs("ENHANCEDSTATUSCODES"),
    must("enhanced-rset", "2034 4", Hello, "The reply to RSET has an enhanced status code", &[(b"RSET\r\n", "250:enhanced")]).needs("ENHANCEDSTATUSCODES"),
    must("enhanced-noop", "2034 4", Hello, "The reply to NOOP has an enhanced status code", &[(b"NOOP\r\n", "250:enhanced")]).needs("ENHANCEDSTATUSCODES"),
    must("enhanced-vrfy", "2034 4", Hello, "The reply to VRFY has an enhanced status code", &[(b"VRFY postmaster\r\n", "2:enhanced 5:enhanced")]).needs("ENHANCEDSTATUSCODES"),
    must("enhanced-quit", "2034 4", Hello, "The reply to QUIT has an enhanced status code", &[(b"QUIT\r\n", "221:enhanced")]).needs("ENHANCEDSTATUSCODES"),
    must("enhanced-unknown", "2034 4", Hello, "The reply to an unknown command has an enhanced status code", &[(b"FROB\r\n", "5:enhanced")]).needs("ENHANCEDSTATUSCODES"),
    must("enhanced-syntax", "2034 4", Hello, "A reply about syntax has an enhanced status code", &[(b"MAIL FROM\r\n", "5:enhanced")]).needs("ENHANCEDSTATUSCODES"),
    must("enhanced-order", "2034 4", Hello, "A reply about the order has an enhanced status code", &[(b"RCPT TO:{to}\r\n", "5:enhanced")]).needs("ENHANCEDSTATUSCODES"),
    must("enhanced-parameter", "2034 4", Hello, "A reply about a parameter has an enhanced status code", &[(b"MAIL FROM:{from} XYZZY\r\n", "5:enhanced")]).needs("ENHANCEDSTATUSCODES"),
    must("enhanced-message", "2034 4", Data, "The reply to a message has an enhanced status code",
        &[(b"Subject: smtp conform\r\n\r\ntext\r\n.\r\n", "2:enhanced 5:enhanced 4:enhanced")]).needs("ENHANCEDSTATUSCODES"),
];
