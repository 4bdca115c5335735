//! Commands in groups.

use super::super::check::At::{Data, Hello, Mail, Rcpt};
use super::super::check::{Check, Group, Row, must, say, should, threat};

pub(super) static GROUP: Group = Group { name: "pipelining", title: "Pipelining (RFC 2920)" };

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    must("transaction", "2920 3.1", Hello, "MAIL, RCPT and DATA in one group get three replies, in order",
        &[(b"MAIL FROM:{from}\r\nRCPT TO:{to}\r\nDATA\r\n", "250, 25, 354"), (b"Subject: smtp conform\r\n\r\ntext\r\n.\r\n", "2 5 4")]),
    must("order", "2920 3.2", Hello, "Replies come in the order of the commands",
        &[(b"MAIL FROM:{from}\r\nFROB\r\nRCPT TO:{to}\r\nRCPT FOR:{to}\r\nRSET\r\n", "250, 50, 25, 5, 250")]),
    must("rcpt-refused-last", "2920 3.1", Hello, "A recipient that is refused within a group is told of in its place",
        &[(b"MAIL FROM:{from}\r\nRCPT TO:{to}\r\nRCPT FOR:{to}\r\nDATA\r\n", "250, 25, 5, 354"),
          (b"Subject: smtp conform\r\n\r\ntext\r\n.\r\n", "2 5 4")]),
    must("mail-refused", "2920 3.2", Hello, "Behind MAIL that is refused the rest of its group is refused too",
        &[(b"MAIL FOR:{from}\r\nRCPT TO:{to}\r\nDATA\r\n", "5, 503 5, 503 554 5 354:dot")]),
    should("no-rcpt", "2920 3.2", Hello, "DATA is accepted only if a recipient was",
        &[(b"MAIL FROM:{from}\r\nRCPT FOR:{to}\r\nDATA\r\n", "250, 5, 503 554 5 / 354:dot")]),
    must("rset-starts", "2920 3.1", Rcpt, "RSET begins a group",
        &[(b"RSET\r\nMAIL FROM:{from}\r\nRCPT TO:{to}\r\n", "250, 250, 25")]),
    must("rset-ends", "2920 3.1", Hello, "RSET ends a group",
        &[(b"MAIL FROM:{from}\r\nRCPT TO:{to}\r\nRSET\r\n", "250, 25, 250")]),
    must("noop-last", "2920 3.1", Hello, "NOOP may be the last of a group",
        &[(b"MAIL FROM:{from}\r\nRCPT TO:{to}\r\nNOOP\r\n", "250, 25, 250"), (b"RCPT TO:{to}\r\n", "25 45")]),
    must("ehlo-last", "2920 3.1", Mail, "EHLO may be the last of a group",
        &[(b"RSET\r\n{ehlo} {hello}\r\n", "250, 250")]),
    must("vrfy-last", "2920 3.1", Mail, "VRFY may be the last of a group",
        &[(b"RCPT TO:{to}\r\nVRFY postmaster\r\n", "25, 25 5")]),
    must("quit-last", "2920 3.1", Rcpt, "QUIT may be the last of a group",
        &[(b"RSET\r\nQUIT\r\n", "250, 221, close")]),
    must("content-and-mail", "2920 3.1", Data, "The end of a message begins a group",
        &[(b"Subject: smtp conform\r\n\r\ntext\r\n.\r\nMAIL FROM:{from}\r\nRCPT TO:{to}\r\nDATA\r\n", "2 5 4, 250, 25, 354"),
          (b"Subject: smtp conform\r\n\r\nagain\r\n.\r\n", "2 5 4")]),
    must("content-and-quit", "2920 3.1", Data, "A message and QUIT go together",
        &[(b"Subject: smtp conform\r\n\r\ntext\r\n.\r\nQUIT\r\n", "2 5 4, 221, close")]),
    must("refused-content-and-mail", "2920 3.1", Data, "A message that is refused, or not, begins a group all the same",
        &[(b"Subject: smtp conform\r\n\r\nbare\nbare\r\n.\r\nMAIL FROM:{from}\r\nRSET\r\n", "2 5 4, 250, 250")]),
    must("cut-in-verb", "2920 3.2", Hello, "A group may be cut within a command",
        &[(b"MAIL FROM:{from}\r\nRC", "250"), (b"PT TO:{to}\r\nRSET\r\n", "25, 250")]),
    must("cut-in-crlf", "2920 3.2", Hello, "A group may be cut within a line end",
        &[(b"MAIL FROM:{from}\r", ""), (b"\nRCPT TO:{to}\r", "250"), (b"\nRSET\r\n", "25, 250")]),
    must("octet-by-octet", "2920 3.2", Hello, "A group may arrive octet by octet",
        &[(b"MAIL FROM:{from}\r\nRCPT TO:{to}\r\nRSET\r\n", "~250, 25, 250")]),
    must("two-groups", "2920 3.2", Hello, "Two groups may arrive together",
        &[(b"MAIL FROM:{from}\r\nRCPT TO:{to}\r\nRSET\r\nMAIL FROM:{from}\r\nRCPT TO:{to}\r\nRSET\r\n", "250, 25, 250, 250, 25, 250")]),
    must("empty-line", "2920 3.2", Hello, "An empty line within a group has its own reply",
        &[(b"MAIL FROM:{from}\r\n\r\nRCPT TO:{to}\r\n", "250, 5, 25")]),
    must("long-line", "2920 3.2", Hello, "A line that is refused takes nothing of the next one with it",
        &[(b"MAIL FROM:<a b c\r\nRCPT TO:{to}\r\nMAIL FROM:{from}\r\n", "5, 503 5, 250")]),
    threat("ehlo-first", "2920 3.1", Hello, "EHLO must be the last of a group; where it is not, no reply is lost",
        &[(b"{ehlo} {hello}\r\nMAIL FROM:{from}\r\nRCPT TO:{to}\r\n", "250 5, 250 5 close, 2 5 close")]),
    threat("noop-first", "2920 3.1", Hello, "NOOP must be the last of a group; where it is not, no reply is lost",
        &[(b"NOOP\r\nMAIL FROM:{from}\r\nRCPT TO:{to}\r\n", "250 5, 250 5 close, 2 5 close")]),
];

/// Groups too long to write down.
pub(super) fn more() -> Vec<Check> {
    #[rustfmt::skip]
    const ROW: [Row; 3] = [
        must("", "2920 3.2", Mail, "A group of 100 recipients gets 100 replies", &[]).needs("PIPELINING"),
        must("", "2920 3.2", Mail, "A group of 250 recipients loses no reply, accepted or not", &[]).needs("PIPELINING"),
        must("", "2920 3.2", Hello, "A group within whose every command something is refused loses nothing", &[]).needs("PIPELINING"),
    ];
    let [hundred, large, refused] = &ROW;
    let rcpt = b"RCPT TO:{to}\r\n".repeat(100);
    let many = b"RCPT TO:{to}\r\n".repeat(250);
    let bad = "MAIL FROM:{from}\r\nRCPT FOR:{to}\r\nRSET\r\n".repeat(2);
    vec![
        Check::made(&GROUP, hundred, "hundred-recipients", vec![say(rcpt, "100*25 45")]),
        Check::made(&GROUP, large, "large-group", vec![say(many, "250*25 45 55")]),
        Check::made(&GROUP, refused, "refused-throughout", vec![say(bad, "250,5,250,250,5,250")]),
    ]
}
