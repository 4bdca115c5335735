//! `smtp parse` as scripts see it: the exact JSON lines.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use data_encoding::BASE64;

fn parse(args: &[&str], input: &[u8]) -> Vec<String> {
    let mut child = Command::new(env!("CARGO_BIN_EXE_smtp"))
        .arg("parse")
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert_eq!(output.status.code(), Some(0));
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Each input, as base64, gives the line beside it.
fn check(kind: &str, cases: &[(&[u8], &str)]) {
    let input: String = cases.iter().map(|(bytes, _)| BASE64.encode(bytes) + "\n").collect();
    let lines = parse(&[kind, "--base64"], input.as_bytes());
    assert_eq!(lines.len(), cases.len());
    for ((bytes, expected), line) in cases.iter().zip(lines) {
        assert_eq!(line, *expected, "{}", bytes.escape_ascii());
    }
}

#[test]
fn commands() {
    check(
        "command",
        &[
            (
                b"mail FROM:<alice@example.org> SIZE=1024 SMTPUTF8 x-foo=bar ",
                r#"{"ok":true,"verb":"MAIL","path":{"local_part":"alice","domain":"example.org","kind":"domain","canonical":"alice@example.org","utf8":false},"parameters":[{"keyword":"SIZE","value":"1024"},{"keyword":"SMTPUTF8","value":null},{"keyword":"x-foo","value":"bar"}]}"#,
            ),
            (b"MAIL FROM:<>", r#"{"ok":true,"verb":"MAIL","path":null,"parameters":[]}"#),
            (
                b"RCPT TO:<Postmaster> NOTIFY=NEVER",
                r#"{"ok":true,"verb":"RCPT","path":"postmaster","parameters":[{"keyword":"NOTIFY","value":"NEVER"}]}"#,
            ),
            (b"EHLO mx.example.org", r#"{"ok":true,"verb":"EHLO","domain":"mx.example.org"}"#),
            (b"HELO [192.0.2.1]", r#"{"ok":true,"verb":"HELO","domain":"[192.0.2.1]"}"#),
            (b"LHLO a", r#"{"ok":true,"verb":"LHLO","domain":"a"}"#),
            (b"DATA", r#"{"ok":true,"verb":"DATA"}"#),
            (b"RSET", r#"{"ok":true,"verb":"RSET"}"#),
            (b"QUIT", r#"{"ok":true,"verb":"QUIT"}"#),
            (b"STARTTLS", r#"{"ok":true,"verb":"STARTTLS"}"#),
            (b"BDAT 86 LAST", r#"{"ok":true,"verb":"BDAT","size":86,"last":true}"#),
            (b"NOOP", r#"{"ok":true,"verb":"NOOP","argument":null}"#),
            (b"NOOP a\xe9", r#"{"ok":true,"verb":"NOOP","argument":"a\u00e9","raw":true}"#),
            (b"HELP", r#"{"ok":true,"verb":"HELP","argument":null}"#),
            (b"HELP mail", r#"{"ok":true,"verb":"HELP","argument":"mail"}"#),
            (b"VRFY alice", r#"{"ok":true,"verb":"VRFY","argument":"alice"}"#),
            (b"EXPN list", r#"{"ok":true,"verb":"EXPN","argument":"list"}"#),
            (b"ETRN @example.org", r#"{"ok":true,"verb":"ETRN","argument":"@example.org"}"#),
            (
                b"AUTH PLAIN =",
                r#"{"ok":true,"verb":"AUTH","mechanism":"PLAIN","initial_response":""}"#,
            ),
            (
                b"AUTH PLAIN",
                r#"{"ok":true,"verb":"AUTH","mechanism":"PLAIN","initial_response":null}"#,
            ),
            (
                b"XCLIENT ADDR=192.0.2.1 NAME=[UNAVAILABLE]",
                r#"{"ok":true,"verb":"XCLIENT","parameters":[{"keyword":"ADDR","value":"192.0.2.1"},{"keyword":"NAME","value":"[UNAVAILABLE]"}]}"#,
            ),
        ],
    );
}

#[test]
fn refused_commands_tell_the_reply() {
    for (bytes, reply) in [
        (&b"RCPT TO:<>"[..], "501 5.1.3 "),
        (b"MAIL FROM:<a..b@example.org>", "501 5.1.7 "),
        (b"DATA now", "501 5.5.4 "),
        (b"NOOP a\rb", "500 5.5.2 "),
        (b"RSET\r\n", "500 5.5.2 "),
        (b"MAIL FROM:<a\xff@b>", "501 5.5.2 "),
        (b"FROP", "500 5.5.1 "),
        (b"", "500 5.5.2 "),
    ] {
        let line = parse(&["command", "--base64"], BASE64.encode(bytes).as_bytes()).join("");
        let line = if bytes.is_empty() { parse(&["command"], b"\n").join("") } else { line };
        let start = format!(r#"{{"ok":false,"reply":"{reply}"#);
        assert!(line.starts_with(&start) && line.contains(r#"","error":""#), "{line}");
    }
}

#[test]
fn leniency_is_asked_for() {
    let line = b"MAIL FROM: <alice@example.org>\n";
    assert!(parse(&["command"], line)[0].starts_with(r#"{"ok":false,"reply":"501 "#));
    let lenient = &parse(&["command", "--lenient"], line)[0];
    assert!(lenient.starts_with(r#"{"ok":true,"verb":"MAIL""#), "{lenient}");
    assert!(
        lenient.ends_with(r#","parameters":[],"deviations":["space-after-colon"]}"#),
        "{lenient}"
    );
    let strict = &parse(&["command", "--lenient"], b"QUIT\n")[0];
    assert_eq!(strict, r#"{"ok":true,"verb":"QUIT","deviations":[]}"#);
    let refused = &parse(&["command", "--lenient"], b"MAIL FROM:\n")[0];
    assert!(!refused.contains("deviations"), "{refused}");
    let address = &parse(&["address", "--lenient"], b"a..b@c_d.\n")[0];
    assert!(address.ends_with(r#""deviations":["dots","underscore","final-dot"]}"#), "{address}");
}

#[test]
fn the_corpus_is_answered_as_it_is_labelled() {
    let corpus = |name: &str| {
        let dir = concat!(env!("CARGO_MANIFEST_DIR"), "/../smtp-proto/tests/corpus/");
        std::fs::read_to_string(format!("{dir}{name}")).unwrap()
    };
    let valid = corpus("commands_valid.txt");
    // A line of this file is a command, the spelling of its CRLF, a tab and a remark.
    let lenient = corpus("commands_lenient.txt")
        .lines()
        .fold(String::new(), |all, line| all + line.split_once("\\r\\n").unwrap().0 + "\n");
    for (args, input) in [(&["command"][..], valid), (&["command", "--lenient"], lenient)] {
        let answers = parse(args, input.as_bytes());
        assert_eq!(answers.len(), input.lines().count());
        for (line, answer) in input.lines().zip(answers) {
            assert!(answer.starts_with(r#"{"ok":true,"verb":""#), "{line}: {answer}");
        }
    }
}

#[test]
fn paths() {
    check(
        "path",
        &[
            (b"<>", r#"{"ok":true,"path":null}"#),
            (b"<PostMaster>", r#"{"ok":true,"path":"postmaster"}"#),
            (
                b"<@relay.example.org:alice@example.org>",
                r#"{"ok":true,"path":{"local_part":"alice","domain":"example.org","kind":"domain","canonical":"alice@example.org","utf8":false}}"#,
            ),
            (
                "<né@例子.广告>".as_bytes(),
                r#"{"ok":true,"path":{"local_part":"né","domain":"例子.广告","kind":"domain","canonical":"né@例子.广告","utf8":true}}"#,
            ),
            (
                b"alice@example.org",
                r#"{"ok":false,"reply":"501 5.1.3 the address is incomplete or malformed","error":"the address is incomplete or malformed"}"#,
            ),
            (
                b"<a\xff@example.org>",
                r#"{"ok":false,"reply":"501 5.1.3 the address is not UTF-8","error":"the address is not UTF-8"}"#,
            ),
        ],
    );
    let lines = parse(&["path", "--lenient"], b"alice@example.org\r\n");
    assert!(lines[0].starts_with(r#"{"ok":true,"path":{"local_part":"alice""#), "{}", lines[0]);
    assert!(lines[0].ends_with(r#""deviations":["no-brackets"]}"#), "{}", lines[0]);
}

#[test]
fn addresses() {
    check(
        "address",
        &[
            (
                br#""a\@\"b"@[192.0.2.1]"#,
                r#"{"ok":true,"path":{"local_part":"a@\"b","domain":"[192.0.2.1]","kind":"ipv4","canonical":"\"a@\\\"b\"@[192.0.2.1]","utf8":false}}"#,
            ),
            (
                br#""alice"@[IPv6:2001:db8::1]"#,
                r#"{"ok":true,"path":{"local_part":"alice","domain":"[IPv6:2001:db8::1]","kind":"ipv6","canonical":"alice@[IPv6:2001:db8::1]","utf8":false}}"#,
            ),
            (
                b"alice@example.org\r\n",
                r#"{"ok":false,"reply":"501 5.1.3 the domain is malformed","error":"the domain is malformed"}"#,
            ),
        ],
    );
}

#[test]
fn replies() {
    check(
        "reply",
        &[
            (b"250\r\n", r#"{"ok":true,"code":250,"enhanced":null,"lines":[""]}"#),
            (
                b"550-5.7.26 one\r\n550 5.7.26 two\r\n",
                r#"{"ok":true,"code":550,"enhanced":"5.7.26","lines":["one","two"]}"#,
            ),
            (
                b"250 caf\xe9 \xc3\xa9\r\n",
                r#"{"ok":true,"code":250,"enhanced":null,"lines":["caf\u00e9 é"],"raw":true}"#,
            ),
            (
                b"250-a\r\n550 b\r\n",
                r#"{"ok":false,"error":"the lines of a reply carry different codes"}"#,
            ),
            (b"250-a\r\n", r#"{"ok":false,"error":"the last line of the reply is missing"}"#),
            (
                &b"250-x\r\n".repeat(200).into_iter().chain(*b"250 x\r\n").collect::<Vec<_>>(),
                r#"{"ok":false,"error":"the reply has too many lines"}"#,
            ),
        ],
    );
    assert_eq!(
        parse(&["reply"], b"250 2.0.0 ok\n"),
        [r#"{"ok":true,"code":250,"enhanced":"2.0.0","lines":["ok"]}"#]
    );
}

#[test]
fn capabilities() {
    check(
        "ehlo",
        &[
            (
                b"250-mx.example.org hello\r\n250-size 1024\r\n250-AUTH=PLAIN LOGIN\r\n250-\r\n250-X\xff a\r\n250 DSN\r\n",
                r#"{"ok":true,"domain":"mx.example.org","capabilities":[{"keyword":"size","arguments":["1024"]},{"keyword":"AUTH","arguments":["PLAIN","LOGIN"]},{"keyword":"X\u00ff","arguments":["a"],"raw":true},{"keyword":"DSN","arguments":[]}]}"#,
            ),
            (
                b"502 no\r\n",
                r#"{"ok":false,"error":"EHLO is answered with 250, not 502"}"#,
            ),
        ],
    );
}

#[test]
fn each_input_is_answered_in_order_whatever_it_holds() {
    let mut input = b"a@b\n\n%%%\n".to_vec();
    input.extend(vec![b'A'; (1 << 20) + 4]);
    input.extend(b"\nYUBi");
    let lines = parse(&["address", "--base64"], &input);
    let ok = |line: &String| line.starts_with(r#"{"ok":true"#);
    assert_eq!(lines.iter().map(ok).collect::<Vec<_>>(), [false, false, false, false, true]);
    assert_eq!(lines[0], r#"{"ok":false,"error":"the line is not base64"}"#);
    assert_eq!(lines[3], r#"{"ok":false,"error":"the line is longer than 1 MiB"}"#);
}

#[test]
fn answers_are_flushed_line_by_line() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_smtp"))
        .args(["parse", "address"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    for _ in 0..3 {
        stdin.write_all(b"a@b\n").unwrap();
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        assert!(line.starts_with(r#"{"ok":true"#) && line.ends_with('\n'));
    }
    drop(stdin);
    assert!(child.wait().unwrap().success());
}

/// What `smtp parse` makes of replies as servers send them.
#[test]
fn replies_of_several_lines() {
    let input = b"250-mx.example.org\r\n250-SIZE 5\r\n250 DSN\r\n220 mx\n250-x\n\n250-a\r\n";
    let lines = parse(&["reply", "--multiline"], input);
    assert_eq!(lines.len(), 4, "{lines:?}");
    let first =
        r#"{"ok":true,"code":250,"enhanced":null,"lines":["mx.example.org","SIZE 5","DSN"]}"#;
    assert_eq!(lines.first().unwrap(), first);
    assert_eq!(lines.get(1).unwrap(), r#"{"ok":true,"code":220,"enhanced":null,"lines":["mx"]}"#);
    // Cut short by something else, and by the end.
    for line in lines.iter().skip(2) {
        assert!(line.starts_with(r#"{"ok":false,"#), "{line}");
    }
    let ehlo = parse(&["ehlo", "--multiline"], b"250-mx.example.org\r\n250 DSN\r\n");
    let want = r#"{"ok":true,"domain":"mx.example.org","capabilities":[{"keyword":"DSN","arguments":[]}]}"#;
    assert_eq!(ehlo, [want]);
    // The same as one input in base64.
    let base64 = BASE64.encode(b"250-mx.example.org\r\n250 DSN\r\n");
    assert_eq!(parse(&["ehlo", "--base64"], base64.as_bytes()), [want]);
    // Without the option each line is an input, as ever.
    assert_eq!(parse(&["reply"], input).len(), 7);
    let long = [&b"250-x\r\n".repeat(200_000)[..], b"250 x\r\n220 mx\r\n"].concat();
    let lines = parse(&["reply", "--multiline"], &long);
    let want = r#"{"ok":false,"error":"the reply is longer than 1 MiB"}"#;
    assert_eq!((lines.len(), lines.first().unwrap().as_str()), (2, want));
}
