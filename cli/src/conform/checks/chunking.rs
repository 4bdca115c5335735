//! BDAT.

use super::super::check::At::{Hello, Mail, Rcpt};
use super::super::check::{Check, Group, Row, must, say, should, threat};

pub(super) static GROUP: Group =
    Group { name: "chunking", title: "CHUNKING and BINARYMIME (RFC 3030)" };

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    must("last", "3030 2", Rcpt, "One chunk that is the last makes a message",
        &[(b"BDAT 31 LAST\r\n", ""), (b"Subject: smtp conform\r\n\r\ntext\r\n", "250")]),
    must("two", "3030 2", Rcpt, "Each chunk is answered with 250",
        &[(b"BDAT 25\r\nSubject: smtp conform\r\n\r\n", "250"), (b"BDAT 6 LAST\r\ntext\r\n", "250")]),
    must("two-together", "3030 2", Rcpt, "Chunks may come together",
        &[(b"BDAT 25\r\nSubject: smtp conform\r\n\r\nBDAT 6 LAST\r\ntext\r\n", "250, 250")]).needs("PIPELINING"),
    must("zero-last", "3030 2", Rcpt, "An empty chunk may be the last",
        &[(b"BDAT 31\r\nSubject: smtp conform\r\n\r\ntext\r\n", "250"), (b"BDAT 0 LAST\r\n", "250")]),
    must("zero-last-alone", "3030 2", Rcpt, "An empty chunk may be the only one",
        &[(b"BDAT 0 LAST\r\n", "2 5 4")]),
    should("zero", "3030 2", Rcpt, "An empty chunk may be among others",
        &[(b"BDAT 0\r\n", "250"), (b"BDAT 31 LAST\r\nSubject: smtp conform\r\n\r\ntext\r\n", "250")]),
    must("bdat-lower", "5321 2.4", Rcpt, "bdat and last are the same in any case",
        &[(b"bdat 31 last\r\nSubject: smtp conform\r\n\r\ntext\r\n", "250")]),
    must("pieces", "3030 2", Rcpt, "A chunk may arrive octet by octet",
        &[(b"BDAT 31 LAST\r\nSubject: smtp conform\r\n\r\ntext\r\n", "~250")]),
    must("line-across", "3030 2", Rcpt, "A line may go across chunks",
        &[(b"BDAT 27\r\nSubject: smtp conform\r\n\r\nte", "250"), (b"BDAT 4 LAST\r\nxt\r\n", "250")]),
    must("crlf-across", "3030 2", Rcpt, "A line end may go across chunks",
        &[(b"BDAT 30\r\nSubject: smtp conform\r\n\r\ntext\r", "250"), (b"BDAT 1 LAST\r\n\n", "250")]),
    must("end-of-data", "3030 2", Rcpt, "CR LF . CR LF in a chunk is content",
        &[(b"BDAT 40 LAST\r\nSubject: smtp conform\r\n\r\n.\r\nRSET\r\nNOOP\r\n", "2 5")]),
    must("dot-across", "3030 2", Rcpt, "CR LF . CR LF across chunks is content",
        &[(b"BDAT 26\r\nSubject: smtp conform\r\n\r\n.", "250"), (b"BDAT 8 LAST\r\n\r\nRSET\r\n", "2 5")]),
    must("commands", "3030 2", Rcpt, "Commands in a chunk are content",
        &[(b"BDAT 37 LAST\r\nSubject: smtp conform\r\n\r\nRSET\r\nNOOP\r\n", "250")]),
    must("bare", "3030 2", Rcpt, "A chunk is counted, not searched: bare CR, LF and NUL do not end it",
        &[(b"BDAT 39 LAST\r\nSubject: smtp conform\r\n\r\n\n\r\0RSET\r\nNOOP\n", "2 5")]),
    must("and-command", "3030 2", Rcpt, "What stands behind the last octet of a chunk is a command",
        &[(b"BDAT 31 LAST\r\nSubject: smtp conform\r\n\r\ntext\r\nNOOP\r\n", "250, 250")]).needs("PIPELINING"),
    must("no-line-end", "3030 2", Rcpt, "A chunk needs no line end for a command to follow",
        &[(b"BDAT 29 LAST\r\nSubject: smtp conform\r\n\r\ntextNOOP\r\n", "2 5, 250")]).needs("PIPELINING"),
    must("after-last", "3030 2", Rcpt, "BDAT behind the last chunk is refused with 503",
        &[(b"BDAT 31 LAST\r\nSubject: smtp conform\r\n\r\ntext\r\n", "250"), (b"BDAT 6 LAST\r\nNOOP\r\n", "503")]),
    must("data-behind", "3030 2", Rcpt, "DATA behind BDAT is refused with 503",
        &[(b"BDAT 31\r\nSubject: smtp conform\r\n\r\ntext\r\n", "250"), (b"DATA\r\n", "503")]),
    must("rset-between", "3030 2", Rcpt, "RSET between chunks forgets them",
        &[(b"BDAT 31\r\nSubject: smtp conform\r\n\r\ntext\r\n", "250"), (b"RSET\r\n", "250"), (b"RCPT TO:{to}\r\n", "503 5")]),
    must("rset-then-bdat", "3030 2", Rcpt, "A chunk behind RSET belongs to nothing: it is refused, and its octets are no commands",
        &[(b"BDAT 31\r\nSubject: smtp conform\r\n\r\ntext\r\n", "250"), (b"RSET\r\n", "250"), (b"BDAT 6 LAST\r\nNOOP\r\n", "503 5")]),
    must("noop-between", "3030 2", Rcpt, "NOOP between chunks changes nothing",
        &[(b"BDAT 31\r\nSubject: smtp conform\r\n\r\ntext\r\n", "250"), (b"NOOP\r\n", "250"), (b"BDAT 0 LAST\r\n", "250")]),
    must("mail-between", "3030 2", Rcpt, "MAIL between chunks is refused",
        &[(b"BDAT 31\r\nSubject: smtp conform\r\n\r\ntext\r\n", "250"), (b"MAIL FROM:{from}\r\n", "503 / 5")]),
    should("rcpt-between", "3030 2", Rcpt, "RCPT between chunks is refused",
        &[(b"BDAT 31\r\nSubject: smtp conform\r\n\r\ntext\r\n", "250"), (b"RCPT TO:{to}\r\n", "503 5")]),
    must("ehlo-between", "5321 4.1.4", Rcpt, "EHLO between chunks forgets them",
        &[(b"BDAT 31\r\nSubject: smtp conform\r\n\r\ntext\r\n", "250"), (b"{ehlo} {hello}\r\n", "250 503$ 5$"), (b"RCPT TO:{to}\r\n", "503 5")]),
    must("quit-between", "5321 4.1.1.10", Rcpt, "QUIT between chunks ends the session",
        &[(b"BDAT 31\r\nSubject: smtp conform\r\n\r\ntext\r\n", "250"), (b"QUIT\r\n", "221, close")]),
    must("next-message", "3030 2", Rcpt, "Behind the last chunk another transaction may follow, by DATA too",
        &[(b"BDAT 31 LAST\r\nSubject: smtp conform\r\n\r\ntext\r\n", "250"), (b"MAIL FROM:{from}\r\n", "250"),
          (b"RCPT TO:{to}\r\n", "25"), (b"DATA\r\n", "354"), (b"Subject: smtp conform\r\n\r\ntext\r\n.\r\n", "2 5 4")]),
    must("last-forgets", "3030 2", Rcpt, "Behind the last chunk the transaction is over",
        &[(b"BDAT 31 LAST\r\nSubject: smtp conform\r\n\r\ntext\r\n", "250"), (b"RCPT TO:{to}\r\n", "503 5")]),
    threat("no-mail", "3030 2", Hello, "A chunk without MAIL is refused, and its octets are no commands",
        &[(b"BDAT 12 LAST\r\nNOOP\r\nRSET\r\n", "503 5")]),
    threat("no-rcpt", "3030 2", Mail, "A chunk without RCPT is refused, and its octets are no commands",
        &[(b"BDAT 12 LAST\r\nNOOP\r\nRSET\r\n", "503 554 5")]),
    threat("rcpt-refused", "3030 2", Mail, "A chunk whose recipients were refused is swallowed octet by octet",
        &[(b"RCPT FOR:{to}\r\n", "5"), (b"BDAT 12 LAST\r\nNOOP\r\nRSET\r\n", "503 554 5")]),
    threat("refused-group", "3030 2", Hello, "Chunks that are under way behind refused recipients are swallowed, each with its reply",
        &[(b"MAIL FROM:{from}\r\nRCPT FOR:{to}\r\nBDAT 6\r\nNOOP\r\nBDAT 12 LAST\r\nNOOP\r\nRSET\r\n", "250, 5, 503 554 5, 503 554 5")]).needs("PIPELINING"),
    threat("refused-data-next", "3030 2", Mail, "Behind a chunk that was refused DATA needs a recipient all the same",
        &[(b"BDAT 6 LAST\r\nNOOP\r\n", "503 554 5"), (b"DATA\r\n", "503 554 5 354:dot")]),
    threat("mail-as-chunk", "3030 2", Mail, "A transaction in a chunk that is refused is not begun",
        &[(b"BDAT 46 LAST\r\nRSET\r\nMAIL FROM:<a@example.org>\r\nRCPT TO:<b>\r\n", "503 554 5"), (b"RCPT TO:{to}\r\n", "25 503 5")]),
    must("binary-data", "3030 3", Hello, "DATA is refused with 503 where BODY=BINARYMIME was declared",
        &[(b"MAIL FROM:{from} BODY=BINARYMIME\r\n", "250"), (b"RCPT TO:{to}\r\n", "25"), (b"DATA\r\n", "503")]).needs("BINARYMIME"),
    must("binary", "3030 3", Hello, "Binary content goes by BDAT",
        &[(b"MAIL FROM:{from} BODY=BINARYMIME\r\n", "250"), (b"RCPT TO:{to}\r\n", "25"),
          (b"BDAT 33 LAST\r\nSubject: smtp conform\r\n\r\n\0\xff\n\r\n.\r\n", "250")]).needs("BINARYMIME"),
    must("data-still", "3030 2", Rcpt, "DATA still works where BDAT is offered",
        &[(b"DATA\r\n", "354"), (b"Subject: smtp conform\r\n\r\ntext\r\n.\r\n", "2 5 4")]),
    should("last-misspelt", "3030 2", Rcpt, "Nothing but LAST may stand behind the length",
        &[(b"BDAT 6 LOST\r\n", "501 5 421 close")]).dropped(),
];

/// Lengths that are none, each with octets behind it that show how it was read.
const LENGTHS: &[(&str, &str, &[u8])] = &[
    ("nothing", "BDAT needs a length", b"BDAT\r\n"),
    ("only-last", "LAST is no length", b"BDAT LAST\r\n"),
    ("letters", "A length is a number", b"BDAT ABC LAST\r\n"),
    ("negative", "A length has no minus", b"BDAT -1 LAST\r\n"),
    ("plus", "A length has no plus", b"BDAT +1 LAST\r\nx"),
    ("hex", "A length is decimal", b"BDAT 0x1 LAST\r\nx"),
    ("fraction", "A length is whole", b"BDAT 1.0 LAST\r\nx"),
    ("unit", "A length has no unit", b"BDAT 1k LAST\r\n"),
    ("glued", "LAST is a word of its own", b"BDAT 1LAST\r\nx"),
    ("more", "Nothing stands behind LAST", b"BDAT 1 LAST X\r\nx"),
    ("two", "There is one length", b"BDAT 1 2 LAST\r\nx"),
    ("nul", "A NUL does not end the length", b"BDAT 1\x002 LAST\r\nx"),
];

/// Lengths that are too large, each with the octets that would do if it wrapped.
const HUGE: &[(&str, &str, &[u8])] = &[
    ("wraps-64", "2 to the power of 64 does not wrap to 0", b"BDAT 18446744073709551616 LAST\r\n"),
    (
        "wraps-64-by-1",
        "2 to the power of 64 and 1 does not wrap to 1",
        b"BDAT 18446744073709551617 LAST\r\nx",
    ),
    ("wraps-63", "2 to the power of 63 is not negative", b"BDAT 9223372036854775808 LAST\r\n"),
    ("wraps-32", "2 to the power of 32 does not wrap to 0", b"BDAT 4294967296 LAST\r\n"),
    (
        "wraps-32-by-1",
        "2 to the power of 32 and 1 does not wrap to 1",
        b"BDAT 4294967297 LAST\r\nx",
    ),
    ("wraps-31", "2 to the power of 31 is not negative", b"BDAT 2147483648 LAST\r\n"),
    (
        "largest",
        "2 to the power of 64 less 1 and a chunk before it do not wrap",
        b"BDAT 1\r\nxBDAT 18446744073709551615 LAST\r\n",
    ),
    (
        "23-digits",
        "23 nines are not cut to the last of them",
        b"BDAT 99999999999999999999999 LAST\r\n",
    ),
];

/// Lengths that cannot be, and many chunks.
pub(super) fn more() -> Vec<Check> {
    const LENGTH: Row = threat("", "3030 2", Rcpt, "", &[]).needs("CHUNKING").dropped();
    const MANY: Row =
        must("", "3030 2", Rcpt, "A hundred chunks of one octet get a hundred replies", &[])
            .needs("CHUNKING PIPELINING");
    const SPELT: Row =
        must("", "3030 2", Rcpt, "A length may begin with zeros, or is refused", &[])
            .needs("CHUNKING")
            .dropped();
    let mut checks = Vec::new();
    for (name, demand, octets) in LENGTHS {
        let steps = vec![say(*octets, "5 421 close")];
        let mut check = Check::made(&GROUP, &LENGTH, &format!("length-{name}"), steps);
        check.demand = format!("{demand}: it is refused, and the session may end");
        checks.push(check);
    }
    for (name, demand, octets) in HUGE {
        // Waiting for so many octets is right, if not wise.
        let first = if octets.starts_with(b"BDAT 1\r") { "250," } else { "" };
        let steps = vec![say(*octets, &format!("{first}5 421 4 close silence"))];
        let mut check = Check::made(&GROUP, &LENGTH, &format!("length-{name}"), steps);
        check.demand = (*demand).to_owned();
        checks.push(check);
    }
    let head = b"BDAT 25\r\nSubject: smtp conform\r\n\r\n".to_vec();
    let many = [b"BDAT 1\r\nx".repeat(99), b"BDAT 1 LAST\r\nx".to_vec()].concat();
    checks.push(Check::made(
        &GROUP,
        &MANY,
        "hundred",
        vec![say(head.clone(), "250"), say(many, "100*250")],
    ));
    let zeros = b"BDAT 00000000000000000000006 LAST\r\ntext\r\n".to_vec();
    checks.push(Check::made(
        &GROUP,
        &SPELT,
        "length-zeros",
        vec![say(head, "250"), say(zeros, "2 5 421 close")],
    ));
    checks
}

#[cfg(test)]
mod tests {
    use super::super::super::check::Step;
    use super::*;

    /// Counts the octets of chunks whose length is meant to be right, command by command.
    #[test]
    fn lengths_are_right() {
        for row in ROWS.iter().filter(|row| row.ends != super::super::super::check::Ends::Dropped) {
            let all: Vec<u8> = row.script.iter().flat_map(|(octets, _)| octets.to_vec()).collect();
            let mut rest = &all[..];
            while !rest.is_empty() {
                let end = rest.windows(2).position(|two| two == b"\r\n").unwrap_or_else(|| {
                    panic!("{}: {:?} is no line", row.name, rest.escape_ascii().to_string())
                });
                let line = String::from_utf8_lossy(&rest[..end]).to_ascii_uppercase();
                rest = &rest[end + 2..];
                let mut words = line.split(' ');
                match words.next() {
                    Some("BDAT") => {
                        let length: usize = words.next().unwrap().parse().unwrap();
                        assert!(rest.len() >= length, "{} lacks octets", row.name);
                        rest = &rest[length..];
                    }
                    Some("DATA") => break,
                    Some(verb) => assert!(
                        ["MAIL", "RCPT", "RSET", "NOOP", "QUIT", "{EHLO}"].contains(&verb),
                        "{}: {verb}",
                        row.name
                    ),
                    None => unreachable!(),
                }
            }
        }
        assert!(more().iter().all(|check| matches!(check.script[0], Step::Say { .. })));
    }
}
