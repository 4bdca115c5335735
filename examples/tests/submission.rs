//! The submission server between a client of ours and the smart host.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::indexing_slicing)]

#[allow(unreachable_pub)]
mod running;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::thread;

use running::{Program, plain_sink, sink, until};
use smtp_codec::client::{AuthError, Config, Sent};
use smtp_codec::proto::address::ReversePathBuf;
use smtp_codec::proto::reply::Extension;
use smtp_codec::proto::session::TlsPolicy;
use smtp_codec::proto::{Envelope, Recipient, Verdict};
use smtp_codec::server;
use smtp_sasl::Login;
use smtp_std::Client;
use smtp_tls::{ClientTls, Roots, Trust};

struct Submission {
    program: Program,
    certificate: String,
}

impl Submission {
    fn start(test: &str, smart_host: SocketAddr, more: &[&str]) -> Self {
        let directory = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
        std::fs::create_dir_all(&directory).unwrap();
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let write = |name: &str, text: &str| {
            let path = directory.join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let chain = write("chain.pem", &made.cert.pem());
        let key = write("key.pem", &made.signing_key.serialize_pem());
        let users = "alice tiger alice@example.org\nalice tiger sales@example.org\nbob lion bob@example.org\n";
        let users = write("users.txt", users);
        let host = smart_host.to_string();
        let arguments = [&["127.0.0.1:0", &host, &chain, &key, &users], more].concat();
        let program = Program::start(env!("CARGO_BIN_EXE_submission"), &arguments);
        Submission { program, certificate: made.cert.pem() }
    }

    fn client(&self, policy: TlsPolicy) -> Client<TcpStream> {
        let roots = Roots::from_pem(self.certificate.as_bytes()).unwrap();
        let tls = ClientTls::new("localhost", Trust::Verified, &roots).unwrap();
        let config = Config::new("client.example").unwrap().tls(policy);
        Client::connect_tls(self.program.address, config, tls).unwrap()
    }

    fn alice(&self, policy: TlsPolicy) -> Client<TcpStream> {
        let mut client = self.client(policy);
        client.authenticate(&mut Login::password("alice", "tiger")).unwrap();
        client
    }
}

fn send(
    client: &mut Client<TcpStream>,
    from: &str,
    to: &[&str],
    content: &str,
) -> (Vec<Verdict>, String) {
    let envelope = Envelope::new(from.parse().unwrap());
    let envelope = to.iter().fold(envelope, |it, to| it.to(to.parse().unwrap()));
    let Sent { outcome, error } = client.send(&envelope, content.as_bytes());
    assert!(error.is_none(), "{error:?}");
    let said = outcome.recipients[0].reply.as_ref().map(ToString::to_string).unwrap_or_default();
    (outcome.recipients.iter().map(|it| it.verdict).collect(), said)
}

#[test]
fn what_a_user_sends_reaches_the_smart_host_with_a_line_more() {
    let (host, seen) = plain_sink();
    for (policy, more) in [(TlsPolicy::Required, &[][..]), (TlsPolicy::Implicit, &["--tls"])] {
        let submission = Submission::start(&format!("sends{}", more.len()), host, more);
        let mut client = submission.alice(policy);
        let content = "Subject: Hi\r\n\r\n.dots\r\n.\r\n";
        let sent = send(&mut client, "sales@EXAMPLE.org", &["b@y", "c@y"], content);
        assert_eq!(sent, (vec![Verdict::Accepted; 2], "250 2.6.0 queued as 17".into()));
        client.quit().unwrap();
        let seen = until(&seen, "quit");
        assert_eq!(seen[..3], ["mail <sales@EXAMPLE.org> ", "rcpt <b@y> ", "rcpt <c@y> "]);
        let begins = r"message Received: from client.example ([127.0.0.1])\r\n\tby submission.example.org with ESMTPSA;\r\n\t";
        let (date, rest) = seen[3].strip_prefix(begins).unwrap().split_once(r"\r\n").unwrap();
        assert!(date.ends_with(" +0000"), "{date}");
        assert_eq!(rest, content.escape_default().to_string());
    }
}

#[test]
fn the_verdicts_of_the_smart_host_are_told() {
    let (host, _seen) = plain_sink();
    let submission = Submission::start("verdicts", host, &[]);
    let mut client = submission.alice(TlsPolicy::Required);
    let (verdicts, said) = send(&mut client, "alice@example.org", &["no@y", "b@y"], "Hi\r\n");
    assert_eq!(verdicts, [Verdict::Refused, Verdict::Accepted]);
    assert_eq!(said, "550 5.1.1 no such user here, at least");
    for (word, verdict, reply) in [
        ("refuse-me", Verdict::Refused, "571 5.7.9 not from you"),
        ("defer-me", Verdict::Deferred, "450 4.7.1 try again later"),
        ("", Verdict::Accepted, "250 2.6.0 queued as 17"),
    ] {
        let sent = send(&mut client, "alice@example.org", &["b@y"], word);
        assert_eq!(sent, (vec![verdict], reply.into()));
    }
}

#[test]
fn what_the_smart_host_is_not_capable_of_is_refused() {
    let (tell, _seen) = channel();
    let config = server::Config::new("back.example").unwrap();
    let host = sink(config.without(Extension::Dsn).max_size(1000), tell);
    let submission = Submission::start("misfit", host, &[]);
    let mut client = submission.alice(TlsPolicy::Required);
    let from: ReversePathBuf = "alice@example.org".parse().unwrap();
    let mut picky = Recipient::new("b@y".parse().unwrap());
    picky.parameters = "NOTIFY=NEVER".parse().unwrap();
    let mut envelope = Envelope::new(from.clone());
    envelope.recipients = vec![picky, Recipient::new("c@y".parse().unwrap())];
    let sent = client.send(&envelope, &b"Hi\r\n"[..]);
    let said: Vec<_> =
        sent.outcome.recipients.iter().map(|it| it.reply.as_ref().unwrap().to_string()).collect();
    assert_eq!(
        said,
        ["554 5.3.3 the next server is not capable of this", "250 2.6.0 queued as 17"]
    );
    let mut large = Envelope::new(from).to("b@y".parse().unwrap());
    large.parameters = large.parameters.size(2000);
    let sent = client.send(&large, &b"Hi\r\n"[..]);
    assert_eq!(sent.outcome.recipients[0].verdict, Verdict::Refused);
}

#[test]
fn nobody_sends_as_another() {
    let (host, seen) = plain_sink();
    let submission = Submission::start("others", host, &[]);
    let mut client = submission.alice(TlsPolicy::Required);
    for from in ["bob@example.org", "mallory@example.org", "ALICE@example.org", "alice@example.com"]
    {
        let (verdicts, said) = send(&mut client, from, &["b@y"], "Hi\r\n");
        assert_eq!(
            (verdicts, said.as_str()),
            (vec![Verdict::Refused], "550 5.7.1 refused by policy")
        );
    }
    let receipt = Envelope::new(ReversePathBuf::Null);
    let sent = client.send(&receipt.to("b@y".parse().unwrap()), &b"Read\r\n"[..]);
    assert!(sent.outcome.is_accepted());
    client.quit().unwrap();
    assert_eq!(until(&seen, "quit")[0], "mail <> ");
}

#[test]
fn nobody_comes_in_without_tls_and_a_password() {
    let (host, _seen) = plain_sink();
    let submission = Submission::start("strangers", host, &[]);
    let mut talk = submission.program.talk();
    let offered = talk.ehlo();
    assert!(offered.contains("STARTTLS") && !offered.contains("PLAIN"), "{offered}");
    assert!(talk.say("MAIL FROM:<alice@example.org>").starts_with("530 5.7.0 "));
    assert!(talk.say("AUTH PLAIN AGFsaWNlAHRpZ2Vy").starts_with("5"));
    assert!(talk.say("FROG").starts_with("500 "));
    let mut client = submission.client(TlsPolicy::Required);
    let (verdicts, said) = send(&mut client, "alice@example.org", &["b@y"], "Hi\r\n");
    assert_eq!(verdicts, [Verdict::Refused]);
    assert!(said.starts_with("530 5.7.0 "), "{said}");
    for (user, password) in [("alice", "lion"), ("mallory", "tiger")] {
        let mut client = submission.client(TlsPolicy::Required);
        let error = client.authenticate(&mut Login::password(user, password)).unwrap_err();
        assert!(matches!(AuthError::of(&error), Some(AuthError::Refused(_))), "{error:?}");
    }
}

#[test]
fn a_smart_host_that_is_away_is_no_reason_to_give_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let submission = Submission::start("away", listener.local_addr().unwrap(), &[]);
    thread::spawn(move || listener.incoming().for_each(drop));
    let mut client = submission.alice(TlsPolicy::Required);
    let (verdicts, said) = send(&mut client, "alice@example.org", &["b@y"], "Hi\r\n");
    assert_eq!(
        (verdicts, said.as_str()),
        (vec![Verdict::Deferred], "451 4.3.0 local error, try again later")
    );
    client.quit().unwrap();
}
