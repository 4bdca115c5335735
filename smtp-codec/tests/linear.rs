//! Each parser looks at each octet a bounded number of times: twice the input, twice the work.
//!
//! Work is counted in instructions, which are the same each time, by callgrind: the program runs
//! itself under it with inputs of no, so many and twice as many octets. Counting the octets that a
//! parser looks at would need another parser, or a hook in this one; a clock would count what else
//! the machine does.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::hint::black_box;
use std::process::Command as Process;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Buf;
use smtp_codec::proto::command::{Command, MailParameters, RcptParameters};
use smtp_codec::proto::reply::{Capabilities, Reply, ReplyScanner};
use smtp_codec::proto::session::BareNewline;
use smtp_codec::proto::{Syntax, address};
use smtp_codec::{Encoder, Run, Want, client, server};

/// Octets of the smaller input.
const OCTETS: usize = 40_000;

/// What is done with some text, and the text: a start, a part that is repeated, an end.
type Case = (&'static str, fn(&str), [&'static str; 3]);

const CASES: [Case; 62] = [
    ("no command", command, ["", "a", ""]),
    ("spaces", command, ["", " ", ""]),
    ("spaces behind NOOP", command, ["NOOP", " ", ""]),
    ("NULs", command, ["NOOP ", "\0", ""]),
    ("a local part", command, ["MAIL FROM:<", "a.", "a@x>"]),
    ("dots", command, ["MAIL FROM:<a", ".", "@x>"]),
    ("a domain", command, ["MAIL FROM:<a@", "b.", "x>"]),
    ("hyphens", command, ["MAIL FROM:<a@b", "-", "x>"]),
    ("a quoted string", command, ["MAIL FROM:<\"", "\\\"", "\"@x>"]),
    ("an open quoted string", command, ["MAIL FROM:<\"", "a ", ""]),
    ("at signs", command, ["MAIL FROM:<", "@", ">"]),
    ("a source route", command, ["RCPT TO:<@a", ",@a", ":b@x>"]),
    ("an open source route", command, ["RCPT TO:<@a", ",@a", ""]),
    ("angle brackets", command, ["RCPT TO:", "<", ">"]),
    ("outside ASCII", command, ["RCPT TO:<", "\u{fc}", "@x>"]),
    ("an address literal", command, ["MAIL FROM:<a@[IPv6:", ":1", "]>"]),
    ("parameters", command, ["MAIL FROM:<a@x>", " A=1", ""]),
    ("parameters without a value", command, ["RCPT TO:<a@x>", " A", ""]),
    ("a value", command, ["MAIL FROM:<a@x> X=", "a", ""]),
    ("at signs and commas", command, ["MAIL FROM:<", "@a,", ""]),
    ("backslashes", command, ["NOOP ", "\\", ""]),
    ("a size", command, ["MAIL FROM:<a@x> SIZE=", "1", ""]),
    ("xtext", command, ["MAIL FROM:<a@x> ENVID=", "+2B", ""]),
    ("AUTH=", command, ["MAIL FROM:<a@x> AUTH=", "+2B", "@x"]),
    ("ORCPT", command, ["RCPT TO:<a@x> ORCPT=rfc822;", "+2B", ""]),
    ("ORCPT in UTF-8", command, ["RCPT TO:<a@x> ORCPT=utf-8;", "\\x{FC}", ""]),
    ("NOTIFY", command, ["RCPT TO:<a@x> NOTIFY=SUCCESS", ",DELAY", ""]),
    ("base64", command, ["AUTH PLAIN ", "AAAA", ""]),
    ("padding", command, ["AUTH PLAIN ", "=", ""]),
    ("attributes", command, ["XCLIENT", " NAME=a", ""]),
    ("VRFY", command, ["VRFY ", "a ", ""]),
    ("EHLO", command, ["EHLO ", "a.", "a"]),
    ("BDAT", command, ["BDAT ", "0", "1 LAST"]),
    ("distinct parameters", distinct_parameters, ["", "a", ""]),
    ("a mailbox that is owned", owned, ["<", "a.", "a@x>"]),
    ("a reply", reply, ["250 ", "a", "\r\n"]),
    ("a reply of many lines", reply, ["", "250-a\r\n", "250 b\r\n"]),
    ("lines without text", reply, ["", "250-\r\n", "250 b\r\n"]),
    ("what is offered", reply, ["250-a\r\n", "250-SIZE 1\r\n", "250 b\r\n"]),
    ("mechanisms", reply, ["250-a\r\n250 AUTH", " A", "\r\n"]),
    ("limits", reply, ["250-a\r\n250 LIMITS", " A=1", "\r\n"]),
    ("a reply that drips", client_drips, ["220-a\r\n", "220-b\r\n", "220 c\r\n"]),
    ("a command that drips", server_drips, ["NOOP ", "a", "\r\n"]),
    ("commands that drip", server_drips, ["", "NOOP\r\n", ""]),
    ("empty lines", server_takes, ["", "\r\n", ""]),
    ("an endless line", server_takes, ["", "a", "\r\n"]),
    ("CRs in a line", server_takes, ["", "\r", "\r\n"]),
    ("LFs in a line", server_takes, ["", "\n", "\r\n"]),
    ("content", content_drips, ["", "text\r\n", ".\r\n"]),
    ("dots in content", content_drips, ["", ".", "\r\n.\r\n"]),
    ("dotted lines", content_drips, ["", "..\r\n", ".\r\n"]),
    ("CRs in content", content_drips, ["", "\r", "\r\n.\r\n"]),
    ("LFs in content", content_drips, ["", "\n", "\r\n.\r\n"]),
    ("content at once", content_whole, ["", "text\r\n", ".\r\n"]),
    ("dotted lines at once", content_whole, ["", "..\r\n", ".\r\n"]),
    ("CRs at once", content_whole, ["", "\r", "\r\n.\r\n"]),
    ("LFs at once", content_whole, ["", "\n.", "\r\n.\r\n"]),
    ("lines to be sent", encode, ["", "text\r\n", ""]),
    ("dots to be sent", encode, ["", ".\r\n", ""]),
    ("CRs to be sent", encode, ["", "\r", ""]),
    ("LFs to be sent", encode, ["", "\n.", ""]),
    ("a line to be sent", encode, ["", "a", ""]),
];

fn command(line: &str) {
    for syntax in [Syntax::Strict, Syntax::Lenient] {
        if let Ok(command) = Command::parse_with(black_box(line.as_bytes()), syntax) {
            let mut out = Vec::with_capacity(2 * line.len() + 10);
            command.encode(&mut out);
            match command {
                Command::Mail { parameters, .. } => values(&parameters),
                Command::Rcpt { parameters, .. } => {
                    black_box((parameters.notify(), parameters.orcpt().is_some()));
                }
                Command::Xclient(attributes) => drop(black_box(attributes.get("HELO").is_some())),
                _ => {}
            }
        }
    }
}

fn values(parameters: &MailParameters<'_>) {
    black_box((parameters.size(), parameters.body(), parameters.smtp_utf8()));
    black_box(parameters.envid().map(|id| id.decode().count()));
}

/// As many as there are, no two alike: the search for one that comes twice must not look at each
/// for each.
fn distinct_parameters(text: &str) {
    let names = (0..text.len() / 6).map(|number| format!(" X{number:04}"));
    let line = names.collect::<String>();
    black_box(MailParameters::parse(line.trim_start()).is_ok());
    black_box(RcptParameters::parse(line.trim_start()).is_ok());
}

fn owned(path: &str) {
    if let Ok(path) = path.parse::<address::ForwardPathBuf>() {
        black_box(path.to_string());
        black_box(path == path.clone());
    }
}

fn reply(octets: &str) {
    if let Ok(reply) = Reply::parse(black_box(octets.as_bytes())) {
        black_box((reply.enhanced(), reply.texts().count()));
        let capabilities = Capabilities::new(reply);
        black_box((capabilities.extensions(), capabilities.mechanisms().count()));
    }
    let mut scanner = ReplyScanner::default();
    for line in octets.split("\r\n") {
        if black_box(scanner.feed(line.as_bytes())).is_err() {
            break;
        }
    }
}

fn client_drips(octets: &str) {
    let mut client = client::Connection::new(client::Config::new("a.example").unwrap());
    for octet in octets.as_bytes() {
        while client.step() == Want::Event {}
        client.rx().receive(&[*octet]);
        let tx = client.tx();
        tx.advance(tx.remaining());
    }
}

fn server(policy: BareNewline) -> server::Connection {
    let mut limits = server::Limits::default();
    (limits.errors, limits.junk) = (u32::MAX, u32::MAX);
    let config = server::Config::new("mx.example").unwrap().limits(limits).bare_newline(policy);
    server::Connection::new(config)
}

fn feed(server: &mut server::Connection, octets: &[u8], piece: usize) {
    for mut piece in octets.chunks(piece) {
        loop {
            match server.step() {
                Want::Event => match server.event() {
                    server::Event::Rcpt(rcpt) => rcpt.accept(),
                    event => event.proceed(),
                },
                Want::Flush | Want::Input if server.tx().has_remaining() => {
                    let tx = server.tx();
                    tx.advance(tx.remaining());
                }
                Want::Input if !piece.is_empty() => {
                    let n = server.rx().receive(piece);
                    piece = &piece[n..];
                }
                _ => break,
            }
        }
    }
}

fn server_drips(octets: &str) {
    feed(&mut server(BareNewline::Reject), octets.as_bytes(), 1);
}

fn server_takes(octets: &str) {
    feed(&mut server(BareNewline::Reject), octets.as_bytes(), octets.len().max(1));
}

fn content(octets: &str, piece: usize) {
    for policy in [BareNewline::Reject, BareNewline::Normalise, BareNewline::Pass] {
        let mut server = server(policy);
        feed(&mut server, b"EHLO a\r\nMAIL FROM:<>\r\nRCPT TO:<b@x>\r\nDATA\r\n", 100);
        feed(&mut server, octets.as_bytes(), piece);
    }
}

fn content_drips(octets: &str) {
    content(octets, 1);
}

fn content_whole(octets: &str) {
    content(octets, octets.len().max(1));
}

fn encode(text: &str) {
    for policy in [BareNewline::Reject, BareNewline::Normalise, BareNewline::Pass] {
        let (mut encoder, mut rest) = (Encoder::new(policy), text.as_bytes());
        while let Ok(Some(run)) = encoder.next(black_box(rest)) {
            rest = match run {
                Run::Lent(bytes) => &rest[bytes.len()..],
                Run::Written(_, taken) => &rest[taken..],
            };
        }
        let _ = black_box(encoder.finish());
    }
}

/// What the counted program does.
#[test]
#[ignore = "run by the other, under callgrind"]
fn one_of_them() {
    let Ok(case) = std::env::var("LINEAR_CASE") else { return };
    let octets: usize = std::env::var("LINEAR_OCTETS").unwrap().parse().unwrap();
    let (_, work, [start, part, end]) = CASES[case.parse::<usize>().unwrap()];
    work(&[start, &part.repeat(octets / part.len()), end].concat());
}

fn instructions(case: usize, octets: usize) -> f64 {
    let output = Process::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "one_of_them", "--ignored", "--test-threads=1"])
        .env("LINEAR_CASE", case.to_string())
        .env("LINEAR_OCTETS", octets.to_string())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    let counted = text.lines().find_map(|line| line.split_once("Collected :"));
    counted.unwrap_or_else(|| panic!("{text}")).1.trim().parse().unwrap()
}

/// `ci/exhaustive.sh` runs this.
#[test]
#[ignore = "a minute, in release mode, with valgrind"]
fn twice_the_input_is_twice_the_work() {
    if Process::new("valgrind").arg("--version").output().is_err() {
        println!("skipped: valgrind is not there, so that instructions are not counted");
        return;
    }
    // What it costs to start; a few thousand more or less with the case.
    let none = instructions(0, 0);
    let next = AtomicUsize::new(0);
    let worst = || {
        let mut worst = (0.0, "");
        loop {
            let case = next.fetch_add(1, Ordering::Relaxed);
            let Some((name, ..)) = CASES.get(case) else { return worst };
            let [once, twice] = [OCTETS, 2 * OCTETS].map(|n| instructions(case, n));
            let ratio = (twice - none) / (once - none + 20_000.0);
            assert!(ratio < 2.2, "{name}: {none} {once} {twice}");
            if ratio > worst.0 {
                worst = (ratio, *name);
            }
        }
    };
    let worst = std::thread::scope(|scope| {
        [scope.spawn(worst), scope.spawn(worst)].map(|thread| thread.join().unwrap())
    });
    println!("{} parsers, the steepest {worst:?}", CASES.len());
}
