//! The dialogue that `--trace` shows, where standard error is no terminal.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

const RUNTIMES: [&str; 4] = ["tokio", "async-std", "smol", "std"];

struct Server(Child, String);

impl Server {
    fn start(args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_smtp"))
            .args(["serve", "--listen", "127.0.0.1:0", "--discard", "--log", "off"])
            .args(["--hostname", "mx.example.org"])
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        Server(child, line.trim().strip_prefix("listening on ").unwrap().to_owned())
    }

    fn trace(&self, args: &[&str], content: &[u8]) -> String {
        let mut child = Command::new(env!("CARGO_BIN_EXE_smtp"))
            .args(["send", "--server", &self.1, "--trace", "--hello", "client.example.net"])
            .args(["--from", "alice@example.org", "--to", "bob@example.org"])
            .args(args)
            .env("PASSWORD", "tiger")
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(content).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The lines with what differs from run to run taken out: times to `T`, ids.
fn skeleton(trace: &str) -> Vec<String> {
    let timeless = |line: &str| {
        let (moment, rest) = line.split_at(8);
        let moment = match moment.trim().parse::<f64>() {
            Ok(_) => "T",
            Err(_) => moment.trim(),
        };
        let rest = rest.split(" taken as ").next().unwrap();
        let rest = rest.split(", after ").next().unwrap();
        format!("{moment}{rest}")
    };
    trace.lines().map(timeless).collect()
}

#[test]
fn groups_and_folded_content_without_tls() {
    let server = Server::start(&[]);
    let content = b"Subject: x\r\n\r\n1\r\n2\r\nthe end\r\n";
    for runtime in RUNTIMES {
        let args = ["--runtime", runtime, "--tls", "never", "--to", "carol@example.com"];
        let lines = skeleton(&server.trace(&args, content));
        let connecting = format!("T     = connecting to {}", server.1);
        let opening = [connecting.as_str(), "T     < 220 mx.example.org ESMTP ready"];
        assert_eq!(lines.get(..2).unwrap(), opening, "{runtime}");
        assert_eq!(
            lines.get(2..4).unwrap(),
            ["T     > EHLO client.example.net", "T     < 250-mx.example.org"]
        );
        assert_eq!(lines.get(4).unwrap(), "     < 250-PIPELINING", "the same reply has no time");
        let from = lines.iter().position(|line| line.contains("MAIL")).unwrap();
        let want = [
            "T     > MAIL FROM:<alice@example.org> SIZE=29",
            "+     > RCPT TO:<bob@example.org>",
            "+     > RCPT TO:<carol@example.com>",
            "T     < 250 2.1.0 reverse-path taken",
            "T     < 250 2.1.5 recipient taken",
            "T     < 250 2.1.5 recipient taken",
            "T     > BDAT 29 LAST",
            "T     > (content: 5 lines, 29 octets)",
            "     > | Subject: x",
            "     > | (3 more)",
            "     > | the end",
            "T     < 250 2.0.0",
            "T     > QUIT",
            "T     < 221 2.0.0 mx.example.org closing the session",
        ];
        assert_eq!(lines.get(from..).unwrap(), want, "{runtime}");
    }
}

#[test]
fn content_by_data_stands_behind_its_354() {
    let server = Server::start(&[]);
    for runtime in RUNTIMES {
        let lines = skeleton(&server.trace(&["--no-chunking", "--runtime", runtime], b"one\r\n"));
        let from = lines.iter().position(|line| line.contains("< 354")).unwrap();
        let want = ["T     > (content: 1 line, 5 octets)", "     > | one", "T     < 250 2.0.0"];
        assert_eq!(lines.get(from + 1..from + 4).unwrap(), want, "{runtime}");
    }
}

#[test]
fn tls_shows_and_secrets_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let users = dir.path().join("users");
    std::fs::write(&users, "alice:tiger\n").unwrap();
    let server = Server::start(&["--tls-self-signed", "--users", users.to_str().unwrap()]);
    for runtime in RUNTIMES {
        for mechanism in ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"] {
            let login = ["--user", "alice", "--password-env", "PASSWORD", "--mechanism", mechanism];
            let args = ["--insecure", "--runtime", runtime];
            let trace = server.trace(&[&login[..], &args].concat(), b"x\r\n");
            let lines = skeleton(&trace);
            let on = lines.iter().position(|line| line == "T tls = TLS is on").unwrap();
            assert_eq!(lines.get(on - 2).unwrap(), "T     > STARTTLS");
            assert_eq!(lines.get(on + 1).unwrap(), "T tls > EHLO client.example.net");
            assert!(lines.iter().skip(on).all(|line| line.contains(" tls ")), "{trace}");
            let facts = " tls = TLSv1.3, TLS13_AES_256_GCM_SHA384; the certificate is not verified";
            assert!(lines.contains(&facts.to_owned()), "{trace}");
            assert!(trace.contains(&format!(" > AUTH {mechanism}")) && trace.contains("****\n"));
            // As it is, and as PLAIN, LOGIN and the user's name come in base64.
            for secret in ["tiger", "AGFsaWNlAHRpZ2Vy", "dGlnZXI=", "YWxpY2U="] {
                assert!(!trace.contains(secret), "{mechanism}: {trace}");
            }
            assert!(!trace.contains('\u{1b}') && trace.is_ascii(), "{trace:?}");
        }
    }
}

#[test]
fn a_login_that_somebody_in_between_might_see_is_warned_of() {
    let dir = tempfile::tempdir().unwrap();
    let users = dir.path().join("users");
    std::fs::write(&users, "alice:tiger\n").unwrap();
    let server = Server::start(&["--tls-self-signed", "--users", users.to_str().unwrap()]);
    // Nobody in between can pass on what is bound to the channel, which is the first choice.
    for (options, mechanism, warned) in [
        (&["--mechanism", "SCRAM-SHA-256"][..], "SCRAM-SHA-256", true),
        (&["--mechanism", "PLAIN"], "PLAIN", true),
        (&["--mechanism", "PLAIN", "--insecure"], "PLAIN", false),
        (&[], "SCRAM-SHA-256-PLUS", false),
    ] {
        let login = ["--user", "alice", "--password-env", "PASSWORD"];
        let told = server.trace(&[&login[..], options].concat(), b"x\r\n");
        let warning = "smtp send: logging in although the certificate is not verified";
        assert_eq!(told.contains(warning), warned, "{told}");
        assert!(told.contains(&format!(" > AUTH {mechanism} ")), "{told}");
    }
}
