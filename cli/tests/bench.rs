//! The load generator: its counts add up, whatever the server does.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::Value;

const RUNTIMES: [&str; 4] = ["tokio", "async-std", "smol", "std"];

fn bench(server: &str, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_smtp"))
        .args(["bench", "--server", server])
        .args(args)
        .env("PASSWORD", "tiger")
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

/// What is printed with `--json`, when it exits like that and complains of nothing.
fn results(server: &str, args: &[&str], code: i32) -> Value {
    let output = bench(server, &[args, &["--json"]].concat());
    assert_eq!(output.status.code(), Some(code), "{args:?} {output:?}");
    let json: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["error"].is_null(), output.stderr.is_empty(), "{args:?} {output:?}");
    let count = |key: &str| json[key].as_u64().unwrap();
    let failed = count("refused") + count("deferred") + count("unknown");
    assert_eq!(count("accepted") + failed, count("messages"), "{json}");
    let failures = json["failures"].as_array().unwrap();
    assert!(failures.iter().all(|it| it["reply"].is_string() != it["error"].is_string()));
    let told: u64 = failures.iter().map(|it| it["count"].as_u64().unwrap()).sum();
    assert_eq!(told, failed, "{json}");
    json
}

fn failures(json: &Value, key: &str, text: &str) -> u64 {
    let failures = json["failures"].as_array().unwrap();
    let mut counts = failures.iter().filter(|it| it[key] == text).map(|it| it["count"].as_u64());
    counts.next().flatten().unwrap_or_default()
}

fn measured(json: &Value) -> Vec<(&str, u64)> {
    let latencies = json["latency_us"].as_object().unwrap();
    let mut measured = Vec::new();
    for (name, it) in latencies {
        if !it.is_null() {
            let [count, p50, p90, p99, max] =
                ["count", "p50", "p90", "p99", "max"].map(|key| it[key].as_u64().unwrap());
            assert!(p50 <= p90 && p90 <= p99 && p99 <= max, "{it}");
            measured.push((name.as_str(), count));
        }
    }
    measured.sort_unstable();
    measured
}

/// `smtp serve` that ends when it has taken so many messages.
struct Server(Child, String);

impl Server {
    fn start(messages: &str, args: &[&str]) -> Self {
        Self::listen("--listen", messages, args)
    }

    fn listen(how: &str, messages: &str, args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_smtp"))
            .args(["serve", how, "127.0.0.1:0", "--discard", "--log", "off"])
            .args(["--exit-after", messages])
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Server(child, line.trim().strip_prefix("listening on ").unwrap().to_owned())
    }

    fn has_taken_all(mut self) {
        assert_eq!(self.0.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn all_messages_arrive_over_reused_connections() {
    for runtime in RUNTIMES {
        let server = Server::start("200", &[]);
        let args = ["--messages", "200", "--connections", "7", "--runtime", runtime];
        let json = results(&server.1, &args, 0);
        server.has_taken_all();
        assert_eq!(json["requested"], 200);
        assert_eq!((&json["accepted"], &json["connections"]), (&200.into(), &7.into()), "{json}");
        assert_eq!((&json["reconnects"], &json["tls"]), (&0.into(), &Value::Null));
        assert!(json["messages_per_second"].as_f64() > Some(0.0), "{json}");
        assert!(json["bytes_per_second"].as_f64() > Some(0.0), "{json}");
        let once = [("connect", 7), ("ehlo", 7), ("greeting", 7)];
        let each = [("mail", 200), ("message", 200), ("rcpt", 200)];
        assert_eq!(measured(&json), [&once[..], &each[..]].concat());
    }
}

#[test]
fn all_messages_arrive_over_a_connection_each() {
    for runtime in RUNTIMES {
        let server = Server::start("50", &[]);
        let args = ["--messages", "50", "--connections", "4", "--one-per-connection"];
        let more = ["--runtime", runtime, "--no-chunking", "--no-pipelining", "--size", "100000"];
        let json = results(&server.1, &[&args[..], &more[..]].concat(), 0);
        server.has_taken_all();
        assert_eq!((&json["accepted"], &json["connections"]), (&50.into(), &50.into()), "{json}");
        assert_eq!(json["reconnects"], 0);
        let names = ["connect", "data", "ehlo", "greeting", "mail", "message", "rcpt"];
        assert_eq!(measured(&json), names.map(|name| (name, 50)));
    }
}

#[test]
fn lmtp_answers_for_each_recipient() {
    for runtime in RUNTIMES {
        let server = Server::start("20", &["--lmtp"]);
        let args = ["--lmtp", "--messages", "20", "--connections", "2", "--recipients", "3"];
        let json = results(&server.1, &[&args[..], &["--runtime", runtime]].concat(), 0);
        server.has_taken_all();
        assert_eq!((&json["accepted"], &json["recipients"]), (&20.into(), &3.into()), "{json}");
        let measured = measured(&json);
        assert!(measured.contains(&("rcpt", 60)) && measured.contains(&("message", 60)));
    }
}

#[test]
fn tls_and_auth_are_measured_too() {
    let room = tempfile::tempdir().unwrap();
    let users = room.path().join("users");
    std::fs::write(&users, "alice:tiger\n").unwrap();
    let users = ["--tls-self-signed", "--users", users.to_str().unwrap()];
    for runtime in RUNTIMES {
        let server = Server::start("12", &users);
        let args = ["--messages", "12", "--connections", "3", "--runtime", runtime, "--insecure"];
        let auth = ["--tls", "required", "--user", "alice", "--password-env", "PASSWORD"];
        let json = results(&server.1, &[&args[..], &auth[..]].concat(), 0);
        server.has_taken_all();
        assert_eq!(json["tls"]["version"], "TLSv1.3");
        assert_eq!(json["tls"]["verified"], false);
        let names = ["auth", "connect", "ehlo", "greeting"];
        let once = [&names.map(|name| (name, 3))[..], &[("starttls", 3), ("tls", 3)]].concat();
        let each = ["mail", "message", "rcpt"].map(|name| (name, 12));
        let mut all = [once, each.to_vec()].concat();
        all.sort_unstable();
        assert_eq!(measured(&json), all);
    }
}

#[test]
fn implicit_tls_is_measured_with_the_greeting() {
    for runtime in RUNTIMES {
        let server = Server::listen("--listen-tls", "6", &["--tls-self-signed"]);
        let args = ["--messages", "6", "--connections", "2", "--runtime", runtime];
        let tls = ["--tls", "implicit", "--insecure"];
        let json = results(&server.1, &[&args[..], &tls[..]].concat(), 0);
        server.has_taken_all();
        let names = [("connect", 2), ("ehlo", 2), ("mail", 6), ("message", 6), ("rcpt", 6)];
        assert_eq!(measured(&json), [&names[..], &[("tls", 2)]].concat());
    }
}

#[test]
fn a_wrong_password_and_missing_trust_end_it_at_once() {
    let room = tempfile::tempdir().unwrap();
    let users = room.path().join("users");
    std::fs::write(&users, "alice:lion\n").unwrap();
    let users = ["--tls-self-signed", "--users", users.to_str().unwrap()];
    for runtime in RUNTIMES {
        let server = Server::start("1", &users);
        let args = ["--connections", "1", "--runtime", runtime];
        for (more, why) in [
            (&["--user", "alice", "--password-env", "PASSWORD"][..], "refused to authenticate"),
            (&["--tls", "required"], "TLS failed: the certificate"),
        ] {
            let json = results(&server.1, &[&args[..], more].concat(), 77);
            assert_eq!((&json["messages"], &json["connections"]), (&0.into(), &1.into()));
            assert!(json["error"].as_str().unwrap().contains(why), "{json}");
        }
    }
    let peer = Peer::start("250-mx\r\n250 SIZE 100\r\n", |_, _| Deed::Take);
    let json = results(&peer.address, &["--tls", "required"], 77);
    assert!(json["error"].as_str().unwrap().contains("does not do TLS"), "{json}");
    let json = results(&peer.address, &["--connections", "1"], 65);
    let why = "the message is larger than the 100 octets that the server takes";
    assert_eq!((&json["error"], &json["messages"]), (&why.into(), &0.into()));
}

/// What a peer does with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Deed {
    Take,
    RefuseMail,
    DeferMessage,
    /// Closes where MAIL should be answered, or the message.
    CloseAtMail,
    CloseAtMessage,
    /// The same at MAIL, with 421.
    Leave,
    /// Goes on reading, and says nothing.
    StaySilent,
}

/// A server that takes one message and fails at the other, and counts both.
struct Peer {
    address: String,
    deeds: Arc<Mutex<Vec<Deed>>>,
    connections: Arc<AtomicU64>,
}

impl Peer {
    /// `choose` decides by the number of a message, from 0, and how many its connection had.
    fn start(hello: &'static str, choose: fn(u64, u64) -> Deed) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let deeds = Arc::new(Mutex::new(Vec::new()));
        let connections = Arc::new(AtomicU64::new(0));
        let peer = Peer { address, deeds: deeds.clone(), connections: connections.clone() };
        thread::spawn(move || {
            for stream in listener.incoming() {
                connections.fetch_add(1, Ordering::Relaxed);
                let deeds = deeds.clone();
                thread::spawn(move || {
                    let stream = stream.unwrap();
                    stream.set_nodelay(true).unwrap();
                    let _ = session(&stream, hello, choose, &deeds);
                    let _ = stream.shutdown(Shutdown::Both);
                });
            }
        });
        peer
    }

    fn count(&self, deeds: &[Deed]) -> u64 {
        let all = self.deeds.lock().unwrap();
        u64::try_from(all.iter().filter(|deed| deeds.contains(deed)).count()).unwrap()
    }
}

fn session(
    mut stream: &TcpStream,
    hello: &str,
    choose: fn(u64, u64) -> Deed,
    deeds: &Mutex<Vec<Deed>>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let (mut deed, mut carried, mut content) = (Deed::Take, 0, false);
    stream.write_all(b"220 mx ESMTP\r\n")?;
    while let Some(Ok(line)) = lines.next() {
        let reply = match line.get(..4) {
            _ if content && line != "." => continue,
            _ if content => {
                content = false;
                carried += 1;
                match deed {
                    Deed::CloseAtMessage => return Ok(()),
                    Deed::DeferMessage => "451 4.3.0 later\r\n",
                    _ => "250 2.0.0 taken\r\n",
                }
            }
            Some("EHLO") => hello,
            Some("MAIL") => {
                let mut deeds = deeds.lock().unwrap();
                deed = choose(deeds.len().try_into().unwrap(), carried);
                deeds.push(deed);
                match deed {
                    Deed::CloseAtMail => return Ok(()),
                    Deed::StaySilent => "",
                    Deed::Leave => return stream.write_all(b"421 4.3.2 closing\r\n"),
                    Deed::RefuseMail => {
                        carried += 1;
                        "550 5.7.1 not you\r\n"
                    }
                    _ => "250 2.1.0 ok\r\n",
                }
            }
            Some("RCPT" | "DATA") if deed == Deed::RefuseMail => "503 5.5.1 no\r\n",
            Some("RCPT") => "250 2.1.5 ok\r\n",
            Some("DATA") => {
                content = true;
                "354 go on\r\n"
            }
            // No handshake follows: what comes is no text, and that is the end.
            Some("STAR") => "220 go on\r\n",
            Some("QUIT") => "221 bye\r\n",
            _ => "250 ok\r\n",
        };
        stream.write_all(reply.as_bytes())?;
    }
    Ok(())
}

/// Never two failures in a row on the connections of one worker: five would end it.
fn at_times(number: u64, carried: u64) -> Deed {
    match number {
        _ if carried == 0 => Deed::Take,
        _ if number % 7 == 3 => Deed::RefuseMail,
        _ if number % 11 == 2 => Deed::DeferMessage,
        _ if number % 13 == 4 => Deed::CloseAtMessage,
        _ if number % 17 == 5 => Deed::CloseAtMail,
        _ if number % 19 == 6 => Deed::Leave,
        _ => Deed::Take,
    }
}

#[test]
fn every_failure_is_counted_by_its_reply() {
    for runtime in RUNTIMES {
        for hello in ["250 mx\r\n", "250-mx\r\n250 PIPELINING\r\n"] {
            let peer = Peer::start(hello, at_times);
            let args = ["--messages", "200", "--connections", "5", "--runtime", runtime];
            let json = results(&peer.address, &args, 75);
            assert_eq!((&json["requested"], &json["messages"]), (&200.into(), &200.into()));
            for (key, deeds) in [
                ("accepted", &[Deed::Take][..]),
                ("refused", &[Deed::RefuseMail]),
                ("deferred", &[Deed::DeferMessage, Deed::CloseAtMail, Deed::Leave]),
                ("unknown", &[Deed::CloseAtMessage]),
            ] {
                assert_eq!(json[key], peer.count(deeds), "{runtime} {key} {json}");
            }
            for (reply, deed) in [
                ("550 5.7.1 not you", Deed::RefuseMail),
                ("451 4.3.0 later", Deed::DeferMessage),
                ("421 4.3.2 closing", Deed::Leave),
            ] {
                assert_eq!(failures(&json, "reply", reply), peer.count(&[deed]), "{json}");
            }
            let lost = [Deed::CloseAtMail, Deed::CloseAtMessage, Deed::Leave];
            let reconnects = json["reconnects"].as_u64().unwrap();
            assert!((1..=peer.count(&lost)).contains(&reconnects), "{json}");
            assert_eq!(json["connections"], reconnects + 5);
            assert_eq!(json["connections"], peer.connections.load(Ordering::Relaxed));
        }
    }
}

#[test]
fn what_is_refused_for_good_is_told_apart_by_the_exit_code() {
    let peer = Peer::start("250 mx\r\n", |number, _| match number {
        3 => Deed::RefuseMail,
        _ => Deed::Take,
    });
    let json = results(&peer.address, &["--messages", "10"], 69);
    assert_eq!((&json["accepted"], &json["refused"]), (&9.into(), &1.into()));
}

#[test]
fn a_session_that_may_carry_no_more_is_followed_by_another() {
    for runtime in RUNTIMES {
        let peer = Peer::start("250-mx\r\n250 LIMITS MAILMAX=2\r\n", |_, _| Deed::Take);
        let args = ["--messages", "10", "--connections", "1", "--runtime", runtime];
        let json = results(&peer.address, &args, 0);
        assert_eq!((&json["connections"], &json["reconnects"]), (&5.into(), &0.into()));
    }
}

#[test]
fn tls_that_is_only_tried_may_fail() {
    for runtime in RUNTIMES {
        let peer = Peer::start("250-mx\r\n250 STARTTLS\r\n", |_, _| Deed::Take);
        let args = ["--messages", "10", "--connections", "2", "--runtime", runtime];
        let output = bench(&peer.address, &[&args[..], &["--json"]].concat());
        assert_eq!(output.status.code(), Some(0), "{runtime} {output:?}");
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&json["accepted"], &json["tls"]), (&10.into(), &Value::Null));
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.starts_with("smtp bench: TLS failed"), "{text}");
        assert_eq!(text.lines().count(), 1, "{text}");
    }
}

/// Says yes to STARTTLS, and then closes, or only reads where it is silent.
fn without_handshake(is_silent: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || {
                let mut stream = stream.unwrap();
                let mut heard = BufReader::new(stream.try_clone().unwrap());
                let mut line = String::new();
                for reply in ["220 mx\r\n", "250-mx\r\n250 STARTTLS\r\n", "220 go\r\n"] {
                    stream.write_all(reply.as_bytes()).unwrap();
                    if reply != "220 go\r\n" {
                        heard.read_line(&mut line).unwrap();
                    }
                }
                while is_silent && heard.fill_buf().is_ok_and(|octets| !octets.is_empty()) {
                    let octets = heard.buffer().len();
                    heard.consume(octets);
                }
            });
        }
    });
    address
}

#[test]
fn a_handshake_that_the_link_ends_is_for_later() {
    for runtime in RUNTIMES {
        for (is_silent, connections, why) in [
            (false, 5, "the server closed the connection in the TLS handshake"),
            (true, 1, "the server did not answer in time in the TLS handshake"),
        ] {
            let peer = without_handshake(is_silent);
            let args = ["--tls", "required", "--connections", "1", "--timeout", "0.3"];
            let json = results(&peer, &[&args[..], &["--runtime", runtime]].concat(), 75);
            assert_eq!(
                (&json["connections"], &json["deferred"]),
                (&connections.into(), &connections.into())
            );
            assert_eq!(failures(&json, "error", why), connections, "{runtime} {json}");
            assert!(json["error"].as_str().unwrap().starts_with(why), "{runtime} {json}");
        }
    }
}

#[test]
fn what_starttls_is_refused_with_is_told_where_it_is_required() {
    for (reply, exit, deferred) in [("454 4.7.0 no TLS now", 75, 5), ("554 5.7.0 no TLS", 77, 0)] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut heard = BufReader::new(stream.try_clone().unwrap()).lines();
                let replies = ["220 mx", "250-mx\r\n250 STARTTLS", reply, "221 bye"];
                for reply in replies.map(|reply| format!("{reply}\r\n")) {
                    stream.write_all(reply.as_bytes()).unwrap();
                    let _ = heard.next();
                }
            }
        });
        let json = results(&address, &["--tls", "required", "--connections", "1"], exit);
        let why = format!("the server refused STARTTLS: {reply}");
        assert_eq!(failures(&json, "error", &why), deferred, "{json}");
        assert!(json["error"].as_str().unwrap().starts_with(&why), "{json}");
    }
}

#[test]
fn a_server_that_dies_ends_the_run_with_a_sentence() {
    for runtime in RUNTIMES {
        let peer = Peer::start("250 mx\r\n", |number, _| match number {
            0..20 => Deed::Take,
            _ => Deed::CloseAtMail,
        });
        let args = ["--messages", "1000", "--connections", "2", "--runtime", runtime];
        let json = results(&peer.address, &args, 75);
        let error = json["error"].as_str().unwrap();
        assert_eq!(json["accepted"], 20, "{json}");
        // Each of the two connections has five attempts.
        assert_eq!(json["messages"], 30, "{json}");
        assert!(error.ends_with("; 30 of 1000 messages were tried"), "{error}");
    }
}

#[test]
fn nobody_there_is_told_in_one_sentence() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    for runtime in RUNTIMES {
        let json = results(&gone, &["--runtime", runtime], 75);
        assert_eq!((&json["messages"], &json["seconds"]), (&0.into(), &0.0.into()));
        let output = bench(&gone, &["--runtime", runtime]);
        assert_eq!(output.status.code(), Some(75));
        assert!(output.stdout.is_empty());
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.starts_with(&format!("smtp bench: cannot connect to {gone}: ")), "{text}");
        assert_eq!(text.lines().count(), 1);
    }
}

#[test]
fn a_server_that_falls_silent_is_not_waited_for_again() {
    for runtime in RUNTIMES {
        let peer = Peer::start("250 mx\r\n", |number, _| match number {
            0 => Deed::Take,
            _ => Deed::StaySilent,
        });
        let args = ["--connections", "1", "--timeout", "0.3", "--runtime", runtime];
        let json = results(&peer.address, &args, 75);
        let why = "the server did not answer in time";
        assert_eq!((&json["accepted"], &json["deferred"]), (&1.into(), &1.into()), "{json}");
        assert_eq!(failures(&json, "error", why), 1);
        assert_eq!(json["error"], format!("{why}; 2 of 20000 messages were tried"));
    }
}

#[test]
fn a_run_that_is_called_off_tells_what_it_has() {
    for runtime in RUNTIMES {
        let peer = Peer::start("250 mx\r\n", |_, _| Deed::Take);
        let child = Command::new(env!("CARGO_BIN_EXE_smtp"))
            .args(["bench", "--server", &peer.address, "--json", "--runtime", runtime])
            .args(["--messages", "1000000000", "--connections", "2"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        while peer.count(&[Deed::Take]) < 10 {
            thread::yield_now();
        }
        let kill = format!("kill -s INT {}", child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(75), "{output:?}");
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        // Messages that were under way went to their end.
        assert_eq!(json["accepted"], peer.count(&[Deed::Take]), "{json}");
        assert_eq!(json["messages"], json["accepted"]);
        assert!(json["error"].as_str().unwrap().starts_with("interrupted; "), "{json}");
    }
}

#[test]
fn a_server_that_refuses_everybody_is_not_asked_for_ever() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().write_all(b"421 4.7.0 too many\r\n");
        }
    });
    for runtime in RUNTIMES {
        let json = results(&address, &["--connections", "1", "--runtime", runtime], 75);
        assert_eq!((&json["messages"], &json["connections"]), (&5.into(), &5.into()), "{json}");
        assert_eq!(failures(&json, "reply", "421 4.7.0 too many"), 5);
    }
}

#[test]
fn what_a_server_says_cannot_steer_the_terminal() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = stream.unwrap().write_all("554 5.7.1 go \u{1b}[2J\u{202e}away\r\n".as_bytes());
        }
    });
    let output = bench(&address, &["--connections", "1"]);
    let shown = r"554 5.7.1 go \u{1b}[2J\u{202e}away";
    for text in [output.stdout, output.stderr] {
        let text = String::from_utf8(text).unwrap();
        assert!(text.contains(shown), "{text}");
        assert!(!text.contains(['\u{1b}', '\u{202e}']), "{text}");
    }
}

#[test]
fn people_are_told_in_words_and_without_a_bar_where_there_is_no_terminal() {
    let server = Server::start("10", &[]);
    let output = bench(&server.1, &["--messages", "10"]);
    assert!(output.stderr.is_empty(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with(&format!("10 messages to {} in ", server.1)), "{text}");
    for words in [" messages/s", " MB/s", "accepted         10\n", "p99", "\n  message "] {
        assert!(text.contains(words), "{text}");
    }
    assert!(!text.contains('\u{1b}') && !text.contains("refused"), "{text}");
}

#[test]
fn the_command_line_is_looked_at_first() {
    for (args, code) in [
        (&["--connections", "0"][..], 64),
        (&["--lmtp"], 64),
        (&["--to", "a..b@example.org"], 65),
        (&["--user", "alice", "--password-env", "NO_SUCH_VARIABLE"], 64),
    ] {
        let output = bench("127.0.0.1:25", args);
        assert_eq!(output.status.code(), Some(code), "{output:?}");
        assert_eq!(String::from_utf8(output.stderr).unwrap().lines().count(), 1);
    }
}
