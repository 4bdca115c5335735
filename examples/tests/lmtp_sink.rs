//! The LMTP sink: what it says for each recipient, and what is in the Maildirs then.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
#![allow(missing_docs, unreachable_pub)]

mod served;

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use served::Program;
use smtp_std::Client;
use smtp_std::codec::client::{Config, TlsPolicy};
use smtp_std::codec::proto::{Envelope, Stage, Verdict};
use smtp_std::tls::{ClientTls, Roots, Trust};

/// A folder with a certificate, and Maildirs for alice and bob, who has only room for so much.
struct Setting {
    dir: tempfile::TempDir,
    certificate: String,
}

impl Setting {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = made.cert.pem();
        fs::write(dir.path().join("chain.pem"), &certificate).unwrap();
        fs::write(dir.path().join("key.pem"), made.signing_key.serialize_pem()).unwrap();
        for user in ["alice", "bob"] {
            fs::create_dir_all(dir.path().join("mail").join(user).join("cur")).unwrap();
        }
        fs::write(dir.path().join("mail/bob/cur/old:2,S"), "x".repeat(900)).unwrap();
        Setting { dir, certificate }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn start(&self, has_tls: bool) -> Program {
        let [mail, chain, key] = ["mail", "chain.pem", "key.pem"].map(|name| self.path(name));
        let mut arguments = vec!["127.0.0.1:0", mail.to_str().unwrap(), "1000"];
        if has_tls {
            arguments.extend([chain.to_str().unwrap(), key.to_str().unwrap()]);
        }
        Program::start(env!("CARGO_BIN_EXE_lmtp-sink"), &arguments)
    }

    fn client(&self, program: &Program) -> Client<TcpStream> {
        let roots = Roots::from_pem(self.certificate.as_bytes()).unwrap();
        let tls = ClientTls::new("localhost", Trust::Verified, &roots).unwrap();
        let config = Config::new("mx.example.org").unwrap().lmtp().tls(TlsPolicy::Required);
        Client::connect_tls(program.address, config, tls).unwrap()
    }

    /// What lies in a folder of a user's Maildir.
    fn messages(&self, folder: &str) -> Vec<Vec<u8>> {
        let entries = fs::read_dir(self.path("mail").join(folder)).unwrap();
        entries.map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect()
    }
}

fn envelope(recipients: &[&str]) -> Envelope {
    let start = Envelope::new("alice@example.net".parse().unwrap());
    recipients.iter().fold(start, |envelope, to| envelope.to(to.parse().unwrap()))
}

#[test]
fn each_recipient_is_told_what_became_of_it() {
    let setting = Setting::new();
    let program = setting.start(true);
    let mut client = setting.client(&program);
    let content = "Subject: dots\r\n\r\n.\r\n..\r\n.a\r\nlast\r\n".repeat(3);
    let to = ["alice@example.org", "carol@example.org", "bob@example.org", "ALICE@example.org"];
    for round in 1..=2 {
        let sent = client.send(&envelope(&to), content.as_bytes());
        let verdicts: Vec<_> =
            sent.outcome.recipients.iter().map(|one| (one.verdict, one.stage)).collect();
        // Nobody can know before the content came that bob has no room for it.
        let want = [
            (Verdict::Accepted, Stage::Message),
            (Verdict::Refused, Stage::Rcpt),
            (Verdict::Deferred, Stage::Message),
            (Verdict::Accepted, Stage::Message),
        ];
        assert_eq!(verdicts, want);
        let full = sent.outcome.recipients[2].reply.as_ref().unwrap();
        assert_eq!(full.as_reply().code().get(), 452);
        let stored = setting.messages("alice/new");
        assert_eq!(stored.len(), 2 * round);
        let want = format!("Return-Path: <alice@example.net>\r\n{content}");
        assert!(stored.iter().all(|message| message == want.as_bytes()));
        assert!(setting.messages("bob/new").is_empty());
        assert!(setting.messages("alice/tmp").is_empty() && setting.messages("bob/tmp").is_empty());
    }
    client.quit().unwrap();
}

#[test]
fn a_copy_that_cannot_be_stored_is_put_off_and_the_others_are_not() {
    let setting = Setting::new();
    fs::write(setting.path("mail/alice/new"), "no folder").unwrap();
    fs::create_dir(setting.path("mail/postmaster")).unwrap();
    let program = setting.start(true);
    let mut client = setting.client(&program);
    let sent = client.send(&envelope(&["alice@example.org", "postmaster"]), &b"text\r\n"[..]);
    let verdicts: Vec<_> = sent.outcome.recipients.iter().map(|one| one.verdict).collect();
    assert_eq!(verdicts, [Verdict::Deferred, Verdict::Accepted]);
    assert_eq!(setting.messages("postmaster/new").len(), 1);
    client.quit().unwrap();
}

#[test]
fn no_mail_comes_in_the_clear_where_there_is_tls() {
    let setting = Setting::new();
    let program = setting.start(true);
    let mut peer = program.connect();
    peer.hear("220");
    peer.ask("LHLO mx.example.org", "250");
    peer.ask("MAIL FROM:<a@example.net>", "530");
    peer.say("STARTTLS\r\nMAIL FROM:<evil@example.net>\r\n");
    peer.hear("421");
    assert_eq!(peer.rest(), "");
}

#[test]
fn names_stay_within_the_folder() {
    let setting = Setting::new();
    fs::create_dir(setting.path("mail/.hidden")).unwrap();
    fs::create_dir(setting.path("outside")).unwrap();
    let program = setting.start(false);
    let mut peer = program.connect();
    peer.hear("220");
    peer.ask("LHLO mx.example.org", "250");
    peer.ask("MAIL FROM:<>", "250");
    for name in ["\"../outside\"", "\"alice/../bob\"", "\"..\"", "\".\"", "\".hidden\"", "\"\""] {
        peer.ask(&format!("RCPT TO:<{name}@example.org>"), "550");
    }
    peer.ask("RCPT TO:<Postmaster>", "550");
    peer.ask("RCPT TO:<\"a\\lice\"@example.org>", "250");
    peer.ask("MAIL FROM:<> SIZE=99999999", "503");
    peer.ask("RSET", "250");
    peer.ask("MAIL FROM:<> SIZE=200", "250");
    peer.ask("RCPT TO:<bob@example.org>", "452");
}

#[test]
fn what_is_no_message_leaves_nothing() {
    let setting = Setting::new();
    let program = setting.start(false);
    let to_data =
        "LHLO a.example\r\nMAIL FROM:<>\r\nRCPT TO:<alice@x>\r\nRCPT TO:<bob@x>\r\nDATA\r\n";
    let mut peer = program.connect();
    peer.hear("220");
    peer.ask("EHLO a.example", "500");
    peer.say(to_data);
    for code in ["250", "250", "250", "250", "354"] {
        peer.hear(code);
    }
    peer.say("bare\nnewline\r\n.\r\n");
    for _ in ["alice", "bob"] {
        peer.hear("554");
    }
    peer.ask("QUIT", "221");
    assert!(setting.messages("alice/tmp").is_empty() && setting.messages("alice/new").is_empty());

    // The link breaks before the end: the files go once the server has seen it.
    let peer = program.connect();
    peer.say(format!("{to_data}half a mess"));
    peer.end();
    drop(peer);
    let begun = Instant::now();
    while has_files(&setting.path("mail/alice/tmp")) {
        assert!(begun.elapsed() < Duration::from_secs(60), "it is still there");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(setting.messages("alice/new").is_empty());
}

fn has_files(dir: &Path) -> bool {
    fs::read_dir(dir).unwrap().next().is_some()
}
