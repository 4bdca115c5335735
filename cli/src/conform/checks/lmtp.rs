//! LMTP, and other protocols.

use super::super::check::At::{Connected, Greeted, Hello, Mail, Rcpt};
use super::super::check::{Group, Row, must, should, threat};

pub(super) static GROUP: Group = Group { name: "lmtp", title: "LMTP (RFC 2033)" };

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    must("helo", "2033 4.1", Greeted, "HELO is no command of LMTP",
        &[(b"HELO {hello}\r\n", "500 / 5")]),
    must("ehlo", "2033 4.1", Greeted, "EHLO is no command of LMTP",
        &[(b"EHLO {hello}\r\n", "500 / 5")]),
    must("pipelining", "2033 5", Hello, "PIPELINING is offered: a group gets its replies",
        &[(b"MAIL FROM:{from}\r\nRCPT TO:{to}\r\nRSET\r\n", "250, 25, 250")]).needs("PIPELINING"),
    must("enhanced", "2033 5", Mail, "ENHANCEDSTATUSCODES is offered and kept to",
        &[(b"RCPT TO:{to}\r\n", "25:enhanced")]).needs("ENHANCEDSTATUSCODES"),
    must("no-rcpt", "2033 4.2", Mail, "DATA without a recipient is refused with 503",
        &[(b"DATA\r\n", "503 / 5")]),
    must("rcpt-refused", "2033 4.2", Mail, "DATA where every recipient was refused is refused with 503",
        &[(b"RCPT FOR:{to}\r\n", "5"), (b"DATA\r\n", "503 / 5")]),
    must("two", "2033 4.2", Rcpt, "A message has a reply for each recipient, the same one named twice too",
        &[(b"RCPT TO:{to}\r\n", "25"), (b"DATA\r\n", "354"), (b"Subject: smtp conform\r\n\r\ntext\r\n.\r\n", "2 4 5, 2 4 5")]),
    must("one-refused", "2033 4.2", Rcpt, "A recipient that was refused has no reply behind the message",
        &[(b"RCPT FOR:{to}\r\n", "5"), (b"DATA\r\n", "354"), (b"Subject: smtp conform\r\n\r\ntext\r\n.\r\n", "2 4 5")]),
    must("bdat-two", "2033 4.2", Rcpt, "The last chunk has a reply for each recipient",
        &[(b"RCPT TO:{to}\r\n", "25"), (b"BDAT 31 LAST\r\nSubject: smtp conform\r\n\r\ntext\r\n", "2 4 5, 2 4 5")]).needs("CHUNKING"),
    must("bdat-first", "2033 4.2", Rcpt, "A chunk that is not the last has one reply",
        &[(b"RCPT TO:{to}\r\n", "25"), (b"BDAT 31\r\nSubject: smtp conform\r\n\r\ntext\r\n", "250"),
          (b"BDAT 0 LAST\r\n", "2 4 5, 2 4 5")]).needs("CHUNKING"),
];

/// For SMTP alone.
#[rustfmt::skip]
pub(super) const SMTP: &[Row] = &[
    should("lhlo", "2033 4.1", Greeted, "LHLO is no command of SMTP",
        &[(b"LHLO {hello}\r\n", "500 5")]).needs("smtp"),
];

pub(super) static FOREIGN: Group =
    Group { name: "foreign", title: "Other protocols (RFC 5321 section 7.8)" };

/// What is not SMTP: no crash, no hang, and no command of SMTP found in it.
#[rustfmt::skip]
pub(super) const OTHERS: &[Row] = &[
    threat("http-get", "5321 7.8", Greeted, "A browser that asks is told so or hung up on",
        &[(b"GET / HTTP/1.1\r\n", "5 421 221 close")]).dropped(),
    threat("http-post", "5321 7.8", Greeted, "What a browser posts is not taken for commands",
        &[(b"POST / HTTP/1.1\r\n", "5 421 221 close"), (b"Host: mx.example\r\n", "5 421 221 close"),
          (b"\r\n", "5 421 221 close"), (b"{ehlo} {hello}\r\n", "5 421 221 close / 250")]).dropped(),
    threat("http-connect", "5321 7.8", Greeted, "A server is no HTTP proxy",
        &[(b"CONNECT mx.example:25 HTTP/1.1\r\n", "5 421 221 close")]).dropped(),
    threat("tls", "5321 7.8", Greeted, "A TLS handshake that nobody asked for makes nothing hang",
        &[(b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\x03\r\n\r\n", "5 421 221 close noise")]).dropped(),
    threat("ssh", "5321 7.8", Greeted, "An SSH client is refused",
        &[(b"SSH-2.0-conform\r\n", "5 421 221 close")]).dropped(),
    threat("proxy-v1", "5321 7.8", Greeted, "A PROXY header that nobody asked for is refused",
        &[(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 25\r\n", "5 421 221 close")]).dropped(),
    threat("sip", "5321 7.8", Greeted, "A SIP client is refused",
        &[(b"OPTIONS sip:mx.example SIP/2.0\r\n", "5 421 221 close")]).dropped(),
    threat("redis", "5321 7.8", Greeted, "A Redis client is refused",
        &[(b"*1\r\n$4\r\nPING\r\n", "5 421 221 close, 5 421 221 close, 5 421 221 close")]).dropped(),
    threat("early", "5321 4.3.1", Connected, "A client that does not wait for the greeting gets it all the same, or is refused",
        &[(b"NOOP\r\n", "220 5 421 close"), (b"", "2 5 421 close")]).dropped(),
];
