//! Floods: much of one thing. The session answers, slows down or ends; it does not lose its place.

use super::super::check::At::{Data, Hello, Mail, Rcpt};
use super::super::check::{At, Check, Ends, Flood, Group, Row, Step, say, threat};

pub(super) static GROUP: Group =
    Group { name: "floods", title: "Floods (RFC 5321 sections 4.5.3.1, 7.8)" };

/// Name, where, what is needed, whether a server should tire of it, the line, the demand.
type Line = (&'static str, At, &'static str, bool, &'static [u8], &'static str);

#[rustfmt::skip]
const LINES: &[Line] = &[
    ("noop", Hello, "", true, b"NOOP\r\n", "NOOPs without end are counted"),
    ("rset", Hello, "", true, b"RSET\r\n", "RSETs without end are counted"),
    ("empty", Hello, "", true, b"\r\n", "Empty lines without end are counted"),
    ("unknown", Hello, "", true, b"FROB\r\n", "Unknown commands without end are counted"),
    ("syntax", Hello, "", true, b"MAIL FROM:<\r\n", "Errors of syntax without end are counted"),
    ("vrfy", Hello, "", true, b"VRFY postmaster\r\n", "VRFYs without end are counted"),
    ("help", Hello, "", true, b"HELP\r\n", "HELPs without end are counted"),
    ("ehlo", Hello, "", true, b"{ehlo} {hello}\r\n", "EHLOs without end are counted"),
    ("rcpt", Mail, "", true, b"RCPT TO:{to}\r\n", "Recipients without end are refused at some number"),
    ("rcpt-bad", Mail, "", true, b"RCPT TO:<>\r\n", "Refused recipients without end are counted"),
    ("auth", At::Auth, "AUTH", true, b"AUTH X-NO-SUCH\r\n", "Failures to authenticate without end are counted"),
    ("bdat-refused", Hello, "CHUNKING", true, b"BDAT 1\r\nx", "Chunks without a transaction are counted"),
    ("bdat", Rcpt, "CHUNKING", false, b"BDAT 1\r\nx", "Chunks of one octet are each answered, or the session ends"),
    ("binary", Hello, "", true, b"\0\xff\x80\x1b\r\n", "Lines of binary octets without end are counted"),
];

/// Much between two things that are answered.
struct Blob {
    name: &'static str,
    at: At,
    needs: &'static str,
    head: &'static [u8],
    unit: &'static [u8],
    tail: &'static [u8],
    wants: &'static str,
    demand: &'static str,
}

#[rustfmt::skip]
const BLOBS: &[Blob] = &[
    Blob { name: "line", at: Hello, needs: "", head: b"NOOP ", unit: b"x", tail: b"\r\n", wants: "5 2 421 221 close",
        demand: "A command line without end is refused once" },
    Blob { name: "line-nul", at: Hello, needs: "", head: b"", unit: b"\0", tail: b"\r\n", wants: "5 421 221 close",
        demand: "A line of NULs without end is refused once" },
    Blob { name: "line-bare", at: Hello, needs: "", head: b"", unit: b"\n", tail: b"\r\n", wants: "5 421 221 close",
        demand: "Bare LFs without end are one line" },
    Blob { name: "line-cr", at: Hello, needs: "", head: b"", unit: b"\r", tail: b"\n", wants: "5 421 221 close",
        demand: "Bare CRs without end are one line" },
    Blob { name: "path", at: Hello, needs: "", head: b"MAIL FROM:<", unit: b"a.", tail: b"a@example.org>\r\n", wants: "5 421 221 close",
        demand: "A path without end is refused once" },
    Blob { name: "quoted", at: Hello, needs: "", head: b"MAIL FROM:<\"", unit: b"\\\\", tail: b"\"@example.org>\r\n", wants: "5 421 221 close",
        demand: "A quoted local-part without end is refused once" },
    Blob { name: "parameters", at: Hello, needs: "", head: b"MAIL FROM:<>", unit: b" SIZE=1", tail: b"\r\n", wants: "5 421 221 close",
        demand: "Parameters without end are refused once" },
    Blob { name: "text-line", at: Data, needs: "", head: b"Subject: smtp conform\r\n\r\n", unit: b"x", tail: b"\r\n.\r\n", wants: "2 5 4",
        demand: "A text line without end is answered once, behind the end of data" },
    Blob { name: "dots", at: Data, needs: "", head: b"Subject: smtp conform\r\n\r\n", unit: b"..\r\n", tail: b".\r\n", wants: "2 5 4",
        demand: "Dots without end are content" },
    Blob { name: "bogus-ends", at: Data, needs: "", head: b"Subject: smtp conform\r\n\r\n", unit: b"\n.\n", tail: b"\r\n.\r\n", wants: "5 2 4",
        demand: "Bogus ends without end are answered once" },
    Blob { name: "header", at: Data, needs: "", head: b"Subject: smtp conform\r\n", unit: b"X-Flood: x\r\n", tail: b"\r\n.\r\n", wants: "2 5 4",
        demand: "Header fields without end are answered once" },
    Blob { name: "folded", at: Data, needs: "", head: b"Subject: smtp conform\r\n", unit: b" x\r\n", tail: b"\r\n.\r\n", wants: "2 5 4",
        demand: "A header field folded without end is answered once" },
    Blob { name: "auth-response", at: At::Auth, needs: "AUTH=PLAIN", head: b"AUTH PLAIN ", unit: b"AAAA", tail: b"\r\n", wants: "5 4 421 221 close",
        demand: "An initial response without end is refused once" },
];

/// The floods, each of so many octets.
pub(super) fn checks(octets: usize) -> Vec<Check> {
    let row = |at, demand| -> Row { threat("", "5321 7.8", at, demand, &[]) };
    let lines = LINES.iter().map(|(name, at, needs, tires, line, demand)| {
        let flood = Flood { line: line.to_vec(), tires: *tires };
        let row = row(*at, demand);
        let mut check =
            Check::made(&GROUP, &row, &format!("flood-{name}"), vec![Step::Flood(flood)]);
        check.needs = needs.split_whitespace().collect();
        if *name == "bdat" {
            check.script.push(say("BDAT 0 LAST\r\n", "2 5 4"));
        }
        check
    });
    let blobs = BLOBS.iter().map(|blob| {
        let count = octets.checked_div(blob.unit.len()).unwrap_or_default();
        let all = [blob.head, &blob.unit.repeat(count), blob.tail].concat();
        let row = row(blob.at, blob.demand);
        let mut check = Check::made(
            &GROUP,
            &row,
            &format!("endless-{}", blob.name),
            vec![say(all, blob.wants)],
        );
        check.needs = blob.needs.split_whitespace().collect();
        if blob.unit.contains(&b'\n') && !blob.unit.ends_with(b"\r\n") {
            // Whether a bare LF ends a line is asked elsewhere.
            check.ends = Ends::Dropped;
        }
        check
    });
    lines.chain(blobs).collect()
}
