//! Where mail data ends: at CR LF . CR LF, and nowhere else.

use super::super::check::At::{Data, Rcpt};
use super::super::check::{Check, Ends, Group, Row, Step, must, say, threat};

pub(super) static GROUP: Group = Group {
    name: "end-of-data",
    title: "End of mail data and smuggling (RFC 5321 sections 2.3.8, 4.1.1.4, 4.5.2)",
};

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    must("end", "5321 4.1.1.4", Data, "CR LF . CR LF ends mail data",
        &[(b"Subject: smtp conform\r\n\r\ntext\r\n.\r\n", "2")]),
    must("empty", "5321 4.1.1.4", Data, "The line end behind DATA counts: a dot at once ends an empty message",
        &[(b".\r\n", "2 5 4")]),
    must("end-and-commands", "5321 4.1.1.4", Data, "What stands behind the end is commands",
        &[(b"Subject: smtp conform\r\n\r\ntext\r\n.\r\nRSET\r\n", "2 5 4, 250")]).needs("PIPELINING"),
    must("end-octet-by-octet", "5321 4.1.1.4", Data, "The end may arrive octet by octet",
        &[(b"Subject: smtp conform\r\n\r\ntext\r\n.\r\n", "~2")]),
    must("end-cut-1", "5321 4.1.1.4", Data, "The end may be cut behind its first CR",
        &[(b"Subject: smtp conform\r\n\r\ntext\r", ""), (b"\n.\r\n", "2")]),
    must("end-cut-2", "5321 4.1.1.4", Data, "The end may be cut before its dot",
        &[(b"Subject: smtp conform\r\n\r\ntext\r\n", ""), (b".\r\n", "2")]),
    must("end-cut-3", "5321 4.1.1.4", Data, "The end may be cut behind its dot",
        &[(b"Subject: smtp conform\r\n\r\ntext\r\n.", ""), (b"\r\n", "2")]),
    must("end-cut-4", "5321 4.1.1.4", Data, "The end may be cut before its last LF",
        &[(b"Subject: smtp conform\r\n\r\ntext\r\n.\r", ""), (b"\n", "2")]),
    must("bogus-cut", "5321 4.1.1.4", Data, "A dot at the start of a line is no end, wherever it is cut",
        &[(b"Subject: smtp conform\r\n\r\ntext\r\n.", ""), (b"NOOP\r\n.\r\n", "2 5")]),
    must("stuffed", "5321 4.5.2", Data, "A line of two dots is a line of one, and no end",
        &[(b"Subject: smtp conform\r\n\r\n..\r\nNOOP\r\n.\r\n", "2")]),
    must("stuffed-first", "5321 4.5.2", Data, "Two dots at the very start of content are no end",
        &[(b"..\r\nNOOP\r\n.\r\n", "2 5")]),
    must("stuffed-three", "5321 4.5.2", Data, "A line of three dots is no end",
        &[(b"Subject: smtp conform\r\n\r\n...\r\nNOOP\r\n.\r\n", "2")]),
    must("dot-and-text", "5321 4.5.2", Data, "A dot with text behind it is no end",
        &[(b"Subject: smtp conform\r\n\r\n.text\r\nNOOP\r\n.\r\n", "2 5")]),
    must("dot-space", "5321 4.1.1.4", Data, "A dot with a space behind it is no end",
        &[(b"Subject: smtp conform\r\n\r\ntext\r\n. \r\nNOOP\r\n.\r\n", "2 5")]),
    must("dot-tab", "5321 4.1.1.4", Data, "A dot with a tab behind it is no end",
        &[(b"Subject: smtp conform\r\n\r\ntext\r\n.\t\r\nNOOP\r\n.\r\n", "2 5")]),
    must("space-dot", "5321 4.1.1.4", Data, "A dot with a space before it is no end",
        &[(b"Subject: smtp conform\r\n\r\ntext\r\n .\r\nNOOP\r\n.\r\n", "2 5")]),
    must("commands-as-content", "5321 4.1.1.4", Data, "Commands before the end are content",
        &[(b"Subject: smtp conform\r\n\r\nRSET\r\nMAIL FROM:<a@example.org>\r\nQUIT\r\n.\r\n", "2")]),
    must("blank-lines", "5321 4.1.1.4", Data, "Empty lines before the end are content",
        &[(b"Subject: smtp conform\r\n\r\n\r\n\r\n\r\n.\r\n", "2")]),
    must("end-behind-bare-cr", "5321 4.1.1.4", Data, "CR before CR LF . CR LF does not hide the end",
        &[(b"Subject: smtp conform\r\n\r\ntext\r\r\n.\r\n", "2 5 4")]),
    must("end-behind-bare-lf", "5321 4.1.1.4", Data, "LF before CR LF . CR LF does not hide the end",
        &[(b"Subject: smtp conform\r\n\r\ntext\n\r\n.\r\n", "2 5 4")]),
    must("end-behind-nul", "5321 4.1.1.4", Data, "NUL before CR LF . CR LF does not hide the end",
        &[(b"Subject: smtp conform\r\n\r\ntext\0\r\n.\r\n", "2 5 4")]),
    must("end-behind-8bit", "5321 4.1.1.4", Data, "Octets above 127 do not hide the end",
        &[(b"Subject: smtp conform\r\n\r\n\xff\xfe\xe2\x80\r\n.\r\n", "2 5 4")]),
    must("one-message", "5321 4.1.1.4", Rcpt, "One message gets one reply, and RSET behind it the next",
        &[(b"DATA\r\n", "354"), (b"Subject: smtp conform\r\n\r\ntext\r\n.\r\n", "2"), (b"NOOP\r\n", "250")]),
];

/// Spellings of the end that are none. Whoever takes one for the end obeys what stands behind it.
const BOGUS: &[(&str, &str, &[u8])] = &[
    ("lf-dot-lf", "LF . LF", b"\n.\n"),
    ("lf-dot-cr", "LF . CR", b"\n.\r"),
    ("cr-dot-lf", "CR . LF", b"\r.\n"),
    ("cr-dot-cr", "CR . CR", b"\r.\r"),
    ("lf-dot-crlf", "LF . CR LF", b"\n.\r\n"),
    ("cr-dot-crlf", "CR . CR LF", b"\r.\r\n"),
    ("crlf-dot-lf", "CR LF . LF", b"\r\n.\n"),
    ("crlf-dot-cr", "CR LF . CR", b"\r\n.\r"),
    ("crlf-dot-crcrlf", "CR LF . CR CR LF", b"\r\n.\r\r\n"),
    ("crcrlf-dot-crcrlf", "CR CR LF . CR CR LF", b"\r\r\n.\r\r\n"),
    ("crlf-nul-dot-crlf", "CR LF NUL . CR LF", b"\r\n\0.\r\n"),
    ("crlf-dot-nul-crlf", "CR LF . NUL CR LF", b"\r\n.\0\r\n"),
    ("lflf-dot-lflf", "LF LF . LF LF", b"\n\n.\n\n"),
    ("lfcr-dot-lfcr", "LF CR . LF CR", b"\n\r.\n\r"),
    ("crlf-dot-lfcr", "CR LF . LF CR", b"\r\n.\n\r"),
    ("vt-dot-vt", "VT . VT", b"\x0b.\x0b"),
    ("ff-dot-ff", "FF . FF", b"\x0c.\x0c"),
    ("nel-dot-nel", "NEL . NEL", b"\x85.\x85"),
    ("nel-utf8", "NEL . NEL in UTF-8", b"\xc2\x85.\xc2\x85"),
    ("line-separator", "U+2028 . U+2028", b"\xe2\x80\xa8.\xe2\x80\xa8"),
    ("high-bit-twins", "CR LF . CR LF with the high bit set", b"\x8d\x8a\xae\x8d\x8a"),
    ("high-bit-dot", "CR LF . CR LF with the dot's high bit set", b"\r\n\xae\r\n"),
    ("overlong-dot", "CR LF . CR LF with an overlong dot", b"\r\n\xc0\xae\r\n"),
    ("wide-dot", "CR LF . CR LF with a full-width dot", b"\r\n\xef\xbc\x8e\r\n"),
    ("bom-dot", "CR LF . CR LF with a byte order mark before the dot", b"\r\n\xef\xbb\xbf.\r\n"),
    ("low-octet-twins", "U+010D U+010A . U+010D U+010A", b"\xc4\x8d\xc4\x8a.\xc4\x8d\xc4\x8a"),
    ("backspace-dot", "CR LF, a letter, backspace, . CR LF", b"\r\nx\x08.\r\n"),
];

/// Bogus ends where content begins.
const STARTS: &[(&str, &str, &[u8])] = &[
    ("start-dot-lf", ". LF", b".\n"),
    ("start-dot-cr", ". CR", b".\r"),
    ("start-dot-crcrlf", ". CR CR LF", b".\r\r\n"),
    ("start-lf-dot-lf", "LF . LF", b"\n.\n"),
    ("start-lf-dot-crlf", "LF . CR LF", b"\n.\r\n"),
    ("start-cr-dot-crlf", "CR . CR LF", b"\r.\r\n"),
    ("start-cr-dot-cr", "CR . CR", b"\r.\r"),
    ("start-nul-dot-crlf", "NUL . CR LF", b"\0.\r\n"),
];

/// Two commands that would each be answered, were they obeyed.
const SMUGGLED: &[u8] = b"RSET\r\nNOOP smuggled\r\n";

const ROW: Row = threat("", "5321 4.1.1.4", Data, "", &[]);
const COMMANDS: Row = threat("", "5321 4.1.1.4", Rcpt, "", &[]);

/// Every bogus end behind a line without its line end, and, where that differs, behind a whole
/// line; those that end with CR also with LF to come.
pub(super) fn more() -> Vec<Check> {
    let mut checks = Vec::new();
    for (name, words, end) in BOGUS {
        checks.push(check(name, words, b"Subject: smtp conform\r\n\r\ntext", end, b""));
        if !end.starts_with(b"\r\n") {
            let words = format!("{words} behind a line end");
            let name = format!("{name}-after-line");
            checks.push(check(&name, &words, b"Subject: smtp conform\r\n\r\ntext\r\n", end, b""));
        }
        // CR LF . CR with CR LF behind it is in the table already.
        if end.ends_with(b"\r") && *name != "crlf-dot-cr" {
            let (name, words) = (format!("{name}-and-crlf"), format!("{words} CR LF"));
            checks.push(check(&name, &words, b"Subject: smtp conform\r\n\r\ntext", end, b"\r\n"));
        }
    }
    for (name, words, end) in STARTS {
        checks.push(check(name, &format!("{words} at the start of content"), b"", end, b""));
    }
    checks.push(transaction());
    checks
}

fn check(name: &str, words: &str, before: &[u8], end: &[u8], after: &[u8]) -> Check {
    let octets = [before, end, after, SMUGGLED, b"\r\n.\r\n"].concat();
    let mut check = Check::made(&GROUP, &ROW, name, vec![say(octets, "2 5")]);
    check.demand = format!("{words} is no end: what stands behind it is content");
    check
}

/// The whole attack: a second message within the first.
fn transaction() -> Check {
    let first = b"Subject: smtp conform\r\n\r\ntext\n.\r\nMAIL FROM:<smuggled@example.org>\r\n\
                  RCPT TO:{to}\r\nDATA\r\nSubject: smtp conform, smuggled\r\n\r\ntext\r\n.\r\n";
    let steps: Vec<Step> = vec![say("DATA\r\n", "354"), say(&first[..], "2 5")];
    let mut check = Check::made(&GROUP, &COMMANDS, "second-message", steps);
    check.demand =
        "Content that holds LF . CR LF and a whole transaction is one message".to_owned();
    check.ends = Ends::InStep;
    check
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A plain search, written apart from any decoder.
    fn ends(octets: &[u8]) -> usize {
        let all = [b"\r\n", octets].concat();
        all.windows(5).filter(|five| five == b"\r\n.\r\n").count()
    }

    #[test]
    fn each_holds_one_true_end_and_that_is_last() {
        let mut seen = Vec::new();
        for check in more() {
            for step in &check.script {
                let Step::Say { octets, .. } = step else { panic!() };
                if octets.starts_with(b"DATA") || check.id.ends_with("second-message") {
                    continue;
                }
                assert_eq!(ends(octets), 1, "{}", check.id);
                assert!(octets.ends_with(b"\r\n.\r\n"));
                assert!(!seen.contains(octets), "{} repeats another", check.id);
                seen.push(octets.clone());
            }
        }
    }
}
