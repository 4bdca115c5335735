//! AUTH: syntax and order. Nothing is guessed.

use super::super::check::At::{Auth, Greeted, Hello};
use super::super::check::{Check, Group, Row, Step, must, say, should, threat};

pub(super) static GROUP: Group = Group { name: "auth", title: "AUTH (RFC 4954, RFC 4616)" };

#[rustfmt::skip]
pub(super) const ROWS: &[Row] = &[
    must("nothing", "4954 4", Auth, "AUTH needs a mechanism",
        &[(b"AUTH\r\n", "501 5")]),
    must("unknown", "4954 4", Auth, "A mechanism that is not offered is refused with 504",
        &[(b"AUTH X-NO-SUCH\r\n", "504 / 5")]),
    must("unknown-initial", "4954 4", Auth, "A mechanism that is not offered is refused, initial response and all",
        &[(b"AUTH X-NO-SUCH AAAA\r\n", "504 5")]),
    should("long-name", "4422 3.1", Auth, "A mechanism's name has at most 20 characters",
        &[(b"AUTH ABCDEFGHIJKLMNOPQRSTUVWXYZ\r\n", "504 501 5")]),
    should("odd-name", "4422 3.1", Auth, "A mechanism's name is letters, digits, hyphens and underscores",
        &[(b"AUTH PL@IN\r\n", "504 501 5")]),
    must("before-ehlo", "4954 3", Greeted, "AUTH before EHLO is refused",
        &[(b"AUTH PLAIN AHgAeQ==\r\n", "5")]),
    must("in-transaction", "4954 3", Auth, "AUTH within a transaction is refused with 503",
        &[(b"MAIL FROM:{from}\r\n", "250 53$ 55$"), (b"AUTH PLAIN AHgAeQ==\r\n", "503 / 5")]),
    must("more", "4954 4", Auth, "Nothing stands behind the initial response",
        &[(b"AUTH PLAIN AHgAeQ== AHgAeQ==\r\n", "501 5")]).needs("AUTH=PLAIN"),
    must("cancel-plain", "4954 4", Auth, "* cancels PLAIN, with 501",
        &[(b"AUTH PLAIN\r\n", "334"), (b"*\r\n", "501")]).needs("AUTH=PLAIN"),
    must("cancel-login", "4954 4", Auth, "* cancels LOGIN, with 501",
        &[(b"AUTH LOGIN\r\n", "334"), (b"*\r\n", "501")]).needs("AUTH=LOGIN"),
    must("cancel-login-late", "4954 4", Auth, "* cancels LOGIN behind the user's name too",
        &[(b"AUTH LOGIN\r\n", "334"), (b"eA==\r\n", "334"), (b"*\r\n", "501")]).needs("AUTH=LOGIN"),
    must("cancel-cram", "4954 4", Auth, "* cancels CRAM-MD5, with 501",
        &[(b"AUTH CRAM-MD5\r\n", "334"), (b"*\r\n", "501")]).needs("AUTH=CRAM-MD5"),
    must("cancel-scram", "4954 4", Auth, "* cancels SCRAM-SHA-256, with 501",
        &[(b"AUTH SCRAM-SHA-256\r\n", "334"), (b"*\r\n", "501")]).needs("AUTH=SCRAM-SHA-256"),
    must("challenge-plain", "4954 4", Auth, "An empty challenge is 334 and a space",
        &[(b"AUTH PLAIN\r\n", "334:base64"), (b"*\r\n", "501")]).needs("AUTH=PLAIN"),
    must("challenge-login", "4954 4", Auth, "LOGIN's challenges are base64",
        &[(b"AUTH LOGIN\r\n", "334:base64"), (b"eA==\r\n", "334:base64"), (b"*\r\n", "501")]).needs("AUTH=LOGIN"),
    must("challenge-cram", "4954 4", Auth, "CRAM-MD5's challenge is base64",
        &[(b"AUTH CRAM-MD5\r\n", "334:base64"), (b"*\r\n", "501")]).needs("AUTH=CRAM-MD5"),
    should("cram-initial", "4954 4", Auth, "CRAM-MD5 takes no initial response",
        &[(b"AUTH CRAM-MD5 AHgAeQ==\r\n", "501 5")]).needs("AUTH=CRAM-MD5"),
    must("cram-nonsense", "2195 2", Auth, "Nonsense to CRAM-MD5 authenticates nobody",
        &[(b"AUTH CRAM-MD5\r\n", "334"), (b"AAAA\r\n", "5 454")]).needs("AUTH=CRAM-MD5"),
    must("scram-nonsense", "5802 7", Auth, "Nonsense to SCRAM authenticates nobody",
        &[(b"AUTH SCRAM-SHA-256 AAAA\r\n", "5 454")]).needs("AUTH=SCRAM-SHA-256"),
    threat("mail-as-response", "4954 4", Auth, "A command in place of a response is not obeyed",
        &[(b"AUTH LOGIN\r\n", "334"), (b"MAIL FROM:<a@example.org>\r\n", "5")]).needs("AUTH=LOGIN"),
    must("login-empty", "4954 4", Auth, "An empty response is one, and answered",
        &[(b"AUTH LOGIN\r\n", "334"), (b"\r\n", "334 5$"), (b"\r\n", "5 454")]).needs("AUTH=LOGIN"),
    must("login-wrong", "4954 6", Auth, "LOGIN with names that nobody has is refused with 535",
        &[(b"AUTH LOGIN\r\n", "334"), (b"bm8gb25l\r\n", "334 5$"), (b"bm8gb25l\r\n", "535 / 5 4")]).needs("AUTH=LOGIN"),
    must("failed-then-mail", "4954 4", Auth, "Behind AUTH that failed the session is as it was",
        &[(b"AUTH X-NO-SUCH\r\n", "5"), (b"{ehlo} {hello}\r\n", "250"), (b"NOOP\r\n", "250")]),
    must("failed-then-again", "4954 4", Auth, "Behind AUTH that failed another may follow",
        &[(b"AUTH PLAIN AG5vIG9uZQBubyBvbmU=\r\n", "535 5 4"), (b"AUTH PLAIN AG5vIG9uZQBubyBvbmU=\r\n", "535 5 4")]).needs("AUTH=PLAIN"),
    must("and-noop", "4954 4", Auth, "AUTH with an initial response, and NOOP in the same segment, get a reply each",
        &[(b"AUTH PLAIN AG5vIG9uZQBubyBvbmU=\r\nNOOP\r\n", "535 5 4, 250 5")]).needs("AUTH=PLAIN PIPELINING"),
    must("mail-auth", "4954 5", Auth, "MAIL takes AUTH=<>",
        &[(b"MAIL FROM:{from} AUTH=<>\r\n", "250 53")]),
    should("mail-auth-xtext", "4954 5", Auth, "The value of AUTH= is xtext",
        &[(b"MAIL FROM:{from} AUTH=a+ZZ\r\n", "501 5")]),
    threat("mail-auth-newline", "4954 5", Auth, "A line end in the xtext of AUTH= is refused, or shows nowhere",
        &[(b"MAIL FROM:{from} AUTH=a@b.example+0D+0ARSET\r\n", "5 / 250")]),
    threat("not-in-clear", "4954 4", Hello, "A mechanism that is offered only inside TLS is not begun outside",
        &[(b"AUTH PLAIN\r\n", "5 / 334$")]).needs("later-plain").dropped(),
    threat("not-in-clear-login", "4954 4", Hello, "LOGIN is not begun in the clear where AUTH is offered only inside TLS",
        &[(b"AUTH LOGIN\r\n", "5 / 334$")]).needs("later-login").dropped(),
    must("login", "4954 4", Auth, "The right password is taken, with 235",
        &[(b"AUTH PLAIN {plain}\r\n", "235")]).needs("login"),
    must("login-two-steps", "4954 4", Auth, "The right password is taken without an initial response",
        &[(b"AUTH PLAIN\r\n", "334"), (b"{plain}\r\n", "235")]).needs("login"),
    must("login-twice", "4954 3", Auth, "AUTH behind AUTH that succeeded is refused with 503",
        &[(b"AUTH PLAIN {plain}\r\n", "235"), (b"AUTH PLAIN {plain}\r\n", "503 / 5")]).needs("login"),
    must("login-rset", "5321 4.1.1.5", Auth, "RSET does not forget who authenticated",
        &[(b"AUTH PLAIN {plain}\r\n", "235"), (b"RSET\r\n", "250"), (b"AUTH PLAIN {plain}\r\n", "503 / 5")]).needs("login"),
    must("login-mail", "4954 3", Auth, "Behind AUTH a transaction may follow",
        &[(b"AUTH PLAIN {plain}\r\n", "235"), (b"MAIL FROM:{from}\r\n", "250"), (b"RCPT TO:{to}\r\n", "25")]).needs("login"),
];

/// Responses to PLAIN that are no base64.
const NOT_BASE64: &[(&str, &str, &[u8])] = &[
    ("percent", "% is no character of base64", b"AHg%eQ=="),
    ("one", "One character is no base64", b"A"),
    ("three", "What is not padded is no base64", b"AHgAeQ"),
    ("padding", "Padding alone is no base64", b"===="),
    ("padding-first", "Padding stands only at the end", b"=HgA"),
    ("padding-inner", "Padding does not stand in the middle", b"AHg=eQ=="),
    ("padding-more", "There is no padding beyond what is due", b"AHgAeQ==="),
    ("url", "Base64 for URLs is another", b"AP__-_8="),
    ("nul", "A NUL does not end a response", b"AHgAeQ==\0"),
    ("8bit", "Base64 is ASCII", b"AHgA\xe9Q=="),
];

/// What PLAIN's response may decode to and is no credentials.
const NOT_PLAIN: &[(&str, &str, &[u8])] = &[
    ("empty", "nothing at all", b"="),
    ("no-nul", "no NUL", b"YWJj"),
    ("one-nul", "one NUL", b"YQBi"),
    ("three-nuls", "three NULs", b"AGEAYgBj"),
    ("no-user", "no user", b"AABw"),
    ("no-password", "no password", b"AHUA"),
    ("nuls", "nothing but NULs", b"AAAA"),
    ("not-utf8", "octets that are not UTF-8", b"AP8A/w=="),
    ("control", "control characters", b"AGENCmIAYw=="),
    ("wrong", "names that nobody has", b"AG5vIG9uZQBubyBvbmU="),
    ("wrong-authzid", "somebody to act as, and names that nobody has", b"cm9vdABubyBvbmUAbm8gb25l"),
];

pub(super) fn more() -> Vec<Check> {
    const CODED: Row = must("", "4954 4", Auth, "", &[]).needs("AUTH=PLAIN");
    const PLAIN: Row = must("", "4616 2", Auth, "", &[]).needs("AUTH=PLAIN");
    const SIZE: Row = must(
        "",
        "4954 4",
        Auth,
        "A response of 12288 octets is read whole, and answered once",
        &[],
    )
    .needs("AUTH=PLAIN");
    const OVER: Row = must("", "4954 4", Auth, "A response of 20000 octets is answered once", &[])
        .needs("AUTH=PLAIN");
    let mut checks = Vec::new();
    for (name, demand, octets) in NOT_BASE64 {
        let line = [*octets, b"\r\n"].concat();
        // A NUL may be an error of the line already.
        let wants = if *name == "nul" { "501 500 / 5" } else { "501 / 5" };
        let initial = [b"AUTH PLAIN ", &line[..]].concat();
        for (name, steps) in [
            (format!("base64-{name}"), vec![say("AUTH PLAIN\r\n", "334"), say(line, wants)]),
            (format!("base64-{name}-initial"), vec![say(initial, wants)]),
        ] {
            let mut check = Check::made(&GROUP, &CODED, &name, steps);
            check.demand = format!("{demand}: 501");
            checks.push(check);
        }
    }
    for (name, words, octets) in NOT_PLAIN {
        let steps: Vec<Step> = vec![say([b"AUTH PLAIN ", *octets, b"\r\n"].concat(), "5 4")];
        let mut check = Check::made(&GROUP, &PLAIN, &format!("plain-{name}"), steps);
        check.demand = format!("PLAIN with {words} authenticates nobody");
        checks.push(check);
    }
    for (row, name, octets) in [(&SIZE, "long", 12_286), (&OVER, "too-long", 19_998)] {
        let steps = vec![
            say("AUTH PLAIN\r\n", "334"),
            say([vec![b'A'; octets], b"\r\n".to_vec()].concat(), "5 4"),
        ];
        checks.push(Check::made(&GROUP, row, name, steps));
    }
    checks
}
