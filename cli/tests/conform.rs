//! `smtp conform` against our own server, which must come out clean, and against servers with faults
//! that it must find.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test fails by panicking, and the bad server cuts lengths on purpose"
)]

use std::collections::HashMap;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::thread;

use rustls::{ServerConnection, StreamOwned};
use serde_json::Value;
use smtp_tls::ServerTls;

const RUNTIMES: [&str; 4] = ["tokio", "async-std", "smol", "std"];

fn smtp() -> Command {
    Command::new(env!("CARGO_BIN_EXE_smtp"))
}

fn conform(args: &[&str]) -> Output {
    let mut command = smtp();
    command.env("SECRET", "pencil").args(["conform", "--to", "bob@example.net"]).args(args);
    command.output().unwrap()
}

/// What was found, and the exit code.
fn found(args: &[&str]) -> (Value, i32) {
    let output = conform(&[args, &["--json"]].concat());
    let sentence = String::from_utf8_lossy(&output.stderr);
    let object = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{sentence}"));
    (object, output.status.code().unwrap())
}

fn verdicts(found: &Value) -> HashMap<String, String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let checks = found["checks"].as_array().unwrap();
    checks.iter().map(|check| (text(&check["id"]), text(&check["verdict"]))).collect()
}

/// Our own server, killed when the test is over, and its address.
struct Server(Child, String);

impl Server {
    fn start(args: &[&str]) -> Self {
        let mut command = smtp();
        command.args(["serve", "--discard", "--log", "off"]).args(args);
        if !args.contains(&"--listen-tls") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap().to_owned();
        Server(child, address)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn users() -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"alice:pencil\n").unwrap();
    file
}

/// Neither a failure nor a risk, and nothing left out but for what these are.
fn clean(args: &[&str], most_left_out: usize) {
    let (found, code) = found(&[args, &["--timeout", "60"]].concat());
    for check in found["checks"].as_array().unwrap() {
        let fine = check["verdict"] == "pass" || check["verdict"] == "not_offered";
        assert!(fine, "{args:?}: {check:#}");
    }
    assert_eq!(code, 0);
    let summary = &found["summary"];
    assert!(summary["checks"].as_u64().unwrap() >= 600, "{summary}");
    assert!(summary["not_offered"].as_u64().unwrap() <= most_left_out as u64, "{summary}");
}

#[test]
fn our_own_server_is_clean_on_every_runtime() {
    let users = users();
    let users = users.path().to_str().unwrap();
    thread::scope(|scope| {
        for runtime in RUNTIMES {
            scope.spawn(move || {
                let args = ["--runtime", runtime, "--tls-self-signed", "--users", users];
                let server = Server::start(&args);
                clean(&[&server.1, "--user", "alice", "--password-env", "SECRET"], 10);
            });
        }
    });
}

#[test]
fn our_own_lmtp_is_clean() {
    let server = Server::start(&["--lmtp", "--tls-self-signed"]);
    clean(&[&server.1, "--lmtp", "--floods", "0"], 80);
}

#[test]
fn our_own_server_is_clean_on_standard_input_and_output() {
    let command = format!("{} serve --stdio --discard --log off", env!("CARGO_BIN_EXE_smtp"));
    clean(&["--stdio", &command, "--floods", "0"], 110);
}

#[test]
fn implicit_tls_is_begun_with() {
    let users = users();
    let users = users.path().to_str().unwrap();
    let args = ["--listen-tls", "127.0.0.1:0", "--tls-self-signed", "--users", users];
    let server = Server::start(&args);
    let login = ["--user", "alice", "--password-env", "SECRET"];
    clean(&[&[server.1.as_str(), "--implicit-tls", "--floods", "0"], &login[..]].concat(), 45);

    let server = Server::start(&[]);
    let output = conform(&[&server.1, "--implicit-tls", "--timeout", "5"]);
    assert_eq!(output.status.code(), Some(76), "{output:?}");
    let sentence = String::from_utf8(output.stderr).unwrap();
    assert!(sentence.contains("TLS cannot be begun"), "{sentence}");
}

/// What a bad server does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Takes a bare LF for a line end, in commands and in content.
    BareLf,
    /// Keeps what came in the clear behind STARTTLS and obeys it inside.
    Glue,
    /// Answers two commands of a group and forgets the rest.
    Lost,
    /// Reads the length of a chunk into 32 bits, and takes a refused chunk for commands.
    Chunks,
    /// Offers more than it can, accepts every path, parameter and password, sends back what it does
    /// not know, and never tires.
    Lax,
    /// Says nothing to NOOP.
    Mute,
    /// Ends NOOP's reply with LF alone.
    Broken,
    /// Keeps the transaction over EHLO and behind a message.
    Keeps,
    /// Ends the session over a long line without a word.
    Dies,
}

trait Stream: Read + Write {}
impl<S: Read + Write> Stream for S {}

/// A server with one fault, for as many connections as come. It is as short as it can be: it knows
/// no more than the checks of this file need.
fn bad(fault: Fault) -> String {
    bad_with(fault, ServerTls::self_signed(["localhost"]).unwrap().0)
}

fn bad_with(fault: Fault, tls: ServerTls) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let tls = Arc::new(tls);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, tls) = (stream.unwrap(), Arc::clone(&tls));
            // However the client goes is no matter.
            thread::spawn(move || session(fault, stream, &tls));
        }
    });
    address
}

struct Bad {
    stream: Box<dyn Stream>,
    buffer: Vec<u8>,
    fault: Fault,
    /// Commands that were taken from one piece of input.
    taken: usize,
}

impl Bad {
    fn fill(&mut self) -> io::Result<()> {
        let mut piece = [0; 65_536];
        let count = self.stream.read(&mut piece)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.buffer.extend_from_slice(&piece[..count]);
        Ok(())
    }

    /// The next line, without its end.
    fn line(&mut self) -> io::Result<Vec<u8>> {
        let end: &[u8] = if self.fault == Fault::BareLf { b"\n" } else { b"\r\n" };
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|some| some == end) {
                let line: Vec<u8> = self.buffer.drain(..at + end.len()).collect();
                return Ok(line[..at].strip_suffix(b"\r").unwrap_or(&line[..at]).to_vec());
            }
            if self.fault == Fault::Dies && self.buffer.len() > 600 {
                return Err(io::ErrorKind::InvalidData.into());
            }
            self.taken = 0;
            self.fill()?;
        }
    }

    fn say(&mut self, reply: &str) -> io::Result<()> {
        self.taken += 1;
        if self.fault == Fault::Lost && self.taken > 2 {
            return Ok(());
        }
        self.stream.write_all(format!("{reply}\r\n").as_bytes())
    }
}

fn session(fault: Fault, stream: TcpStream, tls: &ServerTls) -> io::Result<()> {
    let raw = stream.try_clone()?;
    let mut it = Bad { stream: Box::new(stream), buffer: Vec::new(), fault, taken: 0 };
    let (mut secure, mut mail, mut rcpt) = (false, false, false);
    it.say("220 bad.example ready")?;
    loop {
        let line = it.line()?;
        let text = String::from_utf8_lossy(&line).to_ascii_uppercase();
        let legal = fault == Fault::Lax || text.contains("@EXAMPLE.") && !text.contains("..");
        match text.get(..4).unwrap_or_default() {
            "EHLO" => {
                (mail, rcpt) = (mail && fault == Fault::Keeps, rcpt && fault == Fault::Keeps);
                let more = match fault {
                    Fault::Lax => {
                        "250-AUTH PLAIN LOGIN\r\n250-DSN\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n"
                    }
                    _ if secure => "",
                    _ => "250-STARTTLS\r\n",
                };
                it.say(&format!("250-bad.example\r\n{more}250-CHUNKING\r\n250 PIPELINING"))?;
            }
            "MAIL" if mail => it.say("503 again")?,
            "MAIL" if legal => {
                mail = true;
                it.say("250 fine")?;
            }
            "RCPT" if !mail => it.say("503 first MAIL")?,
            "RCPT" if legal => {
                rcpt = true;
                it.say("250 fine")?;
            }
            "MAIL" | "RCPT" => it.say("501 malformed")?,
            "DATA" if rcpt => {
                it.say("354 go")?;
                while it.line()? != b"." {}
                (mail, rcpt) = (fault == Fault::Keeps, fault == Fault::Keeps);
                it.say("250 kept")?;
            }
            "DATA" => it.say("503 first RCPT")?,
            "BDAT" => {
                let word = text.split(' ').nth(1).unwrap_or_default().to_owned();
                let Ok(length) = word.parse::<u64>() else {
                    return it.say("501 no length");
                };
                let length = match fault {
                    Fault::Chunks if !rcpt => 0,
                    Fault::Chunks => length as u32 as usize,
                    _ if length > 1 << 20 => return it.say("552 too large"),
                    _ => length as usize,
                };
                while it.buffer.len() < length {
                    it.fill()?;
                }
                it.buffer.drain(..length);
                it.say(if rcpt { "250 chunk" } else { "503 first RCPT" })?;
                if text.ends_with("LAST") {
                    (mail, rcpt) = (false, false);
                }
            }
            "NOOP" if fault == Fault::Mute => {}
            "NOOP" if fault == Fault::Broken => it.stream.write_all(b"250 fine\n")?,
            "NOOP" => it.say("250 fine")?,
            "RSET" => {
                (mail, rcpt) = (false, false);
                it.say("250 fine")?;
            }
            "STAR" if !secure => {
                if fault != Fault::Glue {
                    it.buffer.clear();
                }
                it.say("220 go")?;
                let connection = ServerConnection::new(tls.config().clone()).unwrap();
                it.stream = Box::new(StreamOwned::new(connection, raw.try_clone()?));
                secure = true;
            }
            "AUTH" if fault == Fault::Lax => it.say("235 welcome")?,
            "QUIT" => return it.say("221 bye"),
            _ if fault == Fault::Lax => {
                let echo = [b"500 what is ", &line[..], b"?\r\n"].concat();
                it.stream.write_all(&echo)?;
            }
            _ => it.say("500 unknown")?,
        }
    }
}

/// The checks that a bad server must be found by, and some that it passes.
fn finds(fault: Fault, only: &[&str], failed: &[&str], risky: &[&str], passed: &[&str]) {
    let address = bad(fault);
    let mut args = vec![address.as_str(), "--timeout", "2"];
    only.iter().for_each(|name| args.extend(["--only", name]));
    let (found, code) = found(&args);
    let verdicts = verdicts(&found);
    for (ids, verdict) in [(failed, "fail"), (risky, "risky"), (passed, "pass")] {
        for id in ids {
            assert_eq!(verdicts.get(*id).map(String::as_str), Some(verdict), "{fault:?}: {id}");
        }
    }
    assert_eq!(code, if failed.is_empty() { 0 } else { 69 }, "{fault:?}");
}

#[test]
fn bare_lf_as_a_line_end_is_found() {
    finds(
        Fault::BareLf,
        &["end-of-data", "commands"],
        &[
            "5321-4.1.1.4-lf-dot-lf",
            "5321-4.1.1.4-lf-dot-crlf-after-line",
            "5321-4.1.1.4-crlf-dot-lf",
            "5321-4.1.1.4-start-dot-lf",
            "5321-4.1.1.4-second-message",
            "5321-2.3.8-bare-lf",
            "5321-2.3.8-bare-lf-mail",
        ],
        &[],
        &[
            "5321-4.1.1.4-end",
            "5321-4.1.1.4-cr-dot-cr",
            "5321-4.1.1.4-crlf-nul-dot-crlf",
            "5321-2.3.8-bare-cr",
        ],
    );
}

#[test]
fn commands_behind_starttls_are_found() {
    finds(
        Fault::Glue,
        &["starttls"],
        &[
            "3207-4.2-injected-noop",
            "3207-4.2-injected-ehlo",
            "3207-4.2-injected-transaction",
            "3207-4.2-injected-half",
            "3207-4.2-injected-octet",
            "3207-4.2-injected-empty",
        ],
        &[],
        &["3207-4-handshake", "3207-4.2-not-again", "3207-4-message", "3207-4-plain-behind"],
    );
}

#[test]
fn certificates_are_minded_where_an_authority_is_named() {
    for name in ["127.0.0.1", "mx.example.org"] {
        let (tls, pem) = ServerTls::self_signed([name]).unwrap();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(pem.as_bytes()).unwrap();
        let address = bad_with(Fault::Mute, tls);
        let authority = ["--tls-ca", file.path().to_str().unwrap()];
        for (authority, trusted) in [(&authority[..], name == "127.0.0.1"), (&[], true)] {
            let args = [&[&address, "--only", "handshake"], authority].concat();
            let (found, code) = found(&args);
            assert_eq!(code, if trusted { 0 } else { 69 }, "{name}: {found:#}");
            assert_eq!(found["tls"]["error"].is_null(), trusted);
        }
    }
}

#[test]
fn replies_that_are_lost_are_found() {
    finds(
        Fault::Lost,
        &["pipelining"],
        &["2920-3.1-transaction", "2920-3.2-order", "2920-3.2-hundred-recipients"],
        &[],
        &["2920-3.2-cut-in-crlf"],
    );
}

#[test]
fn chunks_that_are_obeyed_or_miscounted_are_found() {
    finds(
        Fault::Chunks,
        &["chunking"],
        &[
            "3030-2-no-mail",
            "3030-2-rcpt-refused",
            "3030-2-length-wraps-32",
            "3030-2-length-wraps-32-by-1",
        ],
        &[],
        &["3030-2-last", "3030-2-hundred", "3030-2-commands", "3030-2-length-letters"],
    );
}

#[test]
fn what_is_only_advised_against_is_risky() {
    finds(
        Fault::Lax,
        &["5321-4.1.2-two-dots", "5321-4.1.2-comment", "5321-7.8-flood-noop", "5321-4.1.2-atoms"],
        &[],
        &["5321-4.1.2-two-dots", "5321-4.1.2-comment", "5321-7.8-flood-noop"],
        &["5321-4.1.2-atoms"],
    );
}

#[test]
fn what_is_accepted_although_it_must_not_be_is_found() {
    finds(
        Fault::Lax,
        &[
            "parameters",
            "rcpt-null",
            "auth",
            "dsn",
            "smtputf8",
            "replies",
            "short",
            "greeting-bare",
        ],
        &[
            "5321-4.1.1.11-parameter-unknown",
            "5321-4.1.1.3-rcpt-null",
            "4616-2-plain-wrong",
            "4616-2-plain-empty",
            "4954-4-unknown",
            "4954-4-base64-percent-initial",
            "3461-5.1-envid-twice",
            "3461-5.1-ret-unknown",
            "6531-3.4-mail-value",
            "2034-4-enhanced-mail",
            "5321-4.2-ascii-unknown",
            "5321-4.2-controls-unknown",
            "5321-4.2-split-cr",
            "5321-4.5.3.1.5-short-unknown",
        ],
        &["3461-5.1-notify-never-and", "3629-3-overlong"],
        &["3461-4.1-notify-all", "6531-3.3-mail-local-part", "2034-4-greeting-bare"],
    );
}

#[test]
fn silence_broken_replies_and_what_is_kept_are_found() {
    finds(
        Fault::Mute,
        &["noop-first", "mixed"],
        &["5321-2.4-noop-mixed"],
        &[],
        &["5321-2.4-rcpt-mixed"],
    );
    finds(Fault::Broken, &["noop-first"], &["5321-4.1.4-noop-first"], &[], &[]);
    finds(
        Fault::Keeps,
        &["sequence", "ehlo-resets"],
        &["5321-4.1.4-ehlo-resets", "5321-4.1.1.4-message-then-rcpt"],
        &[],
        &["5321-4.1.1.5-rset-mail", "5321-3.3-data-first"],
    );
    finds(
        Fault::Dies,
        &["limits"],
        &["5321-4.5.3.1.6-text-line"],
        &[],
        &["5321-4.5.3.1.4-line-512", "5321-4.5.3.1.9-line-4096"],
    );
}

#[test]
fn what_is_not_offered_is_not_checked() {
    let address = bad(Fault::Mute);
    let (found, code) = found(&[&address, "--only", "3461-", "--only", "4616-", "--only", "3629-"]);
    let left_out = |check: &Value| check["verdict"] == "not_offered" && check["found"].is_string();
    let checks = found["checks"].as_array().unwrap();
    assert!(checks.len() > 50 && checks.iter().all(left_out));
    assert_eq!(code, 0);
}

/// Says one thing to so many connections, and then is gone.
fn sayer(words: &'static str, connections: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming().take(connections) {
            let mut stream = stream.unwrap();
            for line in words.split_inclusive('\n') {
                stream.write_all(line.as_bytes()).unwrap();
                let _ = stream.read(&mut [0; 4096]);
            }
        }
    });
    address
}

#[test]
fn what_is_no_server_is_told_in_a_sentence() {
    let told = |args: &[&str], code: i32, part: &str| {
        let output = conform(args);
        let sentence = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{sentence}");
        assert!(sentence.contains(part) && sentence.lines().count() == 1, "{sentence}");
        assert!(output.stdout.is_empty());
    };
    told(&[&sayer("HTTP/1.1 400 Bad Request\r\n", 1)], 76, "does not speak SMTP");
    told(&[&sayer("", 1)], 76, "the connection ends instead of the greeting");
    told(&[&sayer("554 no\r\n", 1)], 65, "the greeting is answered with 554 no");
    told(&[&sayer("220 a\r\n250 a\r\n250 b\r\n550 who\r\n", 1)], 65, "with --from and --to");
    told(&["--stdio", "exit 3"], 76, "the connection ends");
    told(&["127.0.0.1:1", "--timeout", "1"], 75, "cannot connect to 127.0.0.1:1");
    told(&["127.0.0.1:1", "--only", "no-such-check"], 64, "--list names them");
    told(&["127.0.0.1:1", "--tls-ca", "/no/such/file"], 64, "--tls-ca /no/such/file");
}

#[test]
fn a_server_that_goes_away_ends_the_run() {
    let address = sayer("220 a\r\n250 a\r\n250 b\r\n250 c\r\n", 2);
    let (found, code) = found(&[&address, "--only", "session", "--timeout", "1"]);
    assert_eq!(code, 75);
    let sentence = found["error"].as_str().unwrap();
    assert!(sentence.contains("cannot connect") && sentence.contains(" after "), "{sentence}");
    assert!(found["summary"]["checks"].as_u64().unwrap() < 5);
}

#[test]
fn a_server_that_falls_silent_ends_the_run() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let mut kept = Vec::new();
        for (n, stream) in listener.incoming().enumerate() {
            let mut stream = stream.unwrap();
            for line in
                ["220 a\r\n", "250 a\r\n", "250 b\r\n", "250 c\r\n"].iter().take_while(|_| n == 0)
            {
                stream.write_all(line.as_bytes()).unwrap();
                let _ = stream.read(&mut [0; 4096]);
            }
            kept.push(stream);
        }
    });
    let (found, code) = found(&[&address, "--only", "5321-4.1.1.10", "--timeout", "0.2"]);
    assert_eq!(code, 75);
    let sentence = found["error"].as_str().unwrap();
    assert!(sentence.contains("takes up no session after the survey"), "{sentence}");
    assert_eq!(found["summary"]["fail"], 3);
}

#[test]
fn the_text_tells_what_was_sent_what_came_and_what_is_demanded() {
    let output = conform(&[
        &bad(Fault::BareLf),
        "--only",
        "4.1.1.4-lf-dot-lf",
        "--only",
        "3461-",
        "--timeout",
        "2",
    ]);
    assert_eq!(output.status.code(), Some(69));
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "  FAIL   5321-4.1.1.4-lf-dot-lf ",
        "sent      Subject: smtp conform\\r\\n\\r\\ntext\\n.\\nRSET\\r\\n",
        "came      250 kept\\r\\n",
        "demanded  RFC 5321 section 4.1.1.4, threat: LF . LF is no end",
        "found     out of step: ",
        "more replies than commands",
        "    -    35 checks left out: DSN is not offered",
        "\nSummary ",
        "0 pass, 2 fail, 0 risky, ",
    ] {
        assert!(text.contains(part), "{part:?} is not in\n{text}");
    }
    assert!(!text.contains('\x1b'), "colour where there is no terminal");
}

#[test]
fn the_list_needs_no_server() {
    let output = conform(&["--list"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success());
    assert!(text.lines().count() > 600, "{}", text.lines().count());
    let output = conform(&["--list", "--json", "--no-delivery", "--floods", "0"]);
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    let all = all.as_array().unwrap();
    assert!(all.len() >= 250 && all.iter().all(|check| check["delivers"] == false));
    assert!(all.iter().all(|check| check["source"].as_str().unwrap().starts_with("RFC ")));
    assert!(all.iter().all(|check| check["group"] != "floods"));
}
