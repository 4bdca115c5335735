//! The server's session: however its input is cut, it says and does the same.

use bytes::Buf;
use smtp_codec::proto::address::Host;
use smtp_codec::proto::reply::{Extension, Progress, Refusal, Reply, ReplyScanner};
use smtp_codec::proto::session::BareNewline;
use smtp_codec::proto::{Sink, Syntax};
use smtp_codec::server::{Config, Connection, Event, Limits, Want};

use crate::{Choices, Cut};

/// Any octets from a client, whole and in pieces, with any answers.
pub fn server_session(input: &[u8]) {
    let (mut choices, wire) = Choices::part(input);
    let config = config(&mut choices);
    let whole = Dialogue::run(&config, wire, choices, Cut::Whole);
    let pieces = Dialogue::run(&config, wire, choices, Cut::Pieces(choices));
    assert_eq!(whole.events, pieces.events);
    assert_eq!(whole.said.escape_ascii().to_string(), pieces.said.escape_ascii().to_string());
    let bytes = Choices { bytes: &[], at: 0 };
    let bytewise = Dialogue::run(&config, wire, choices, Cut::Pieces(bytes));
    assert_eq!(whole.events, bytewise.events);
    assert_eq!(whole.said.escape_ascii().to_string(), bytewise.said.escape_ascii().to_string());
    replies(&whole.said);
}

fn config(choices: &mut Choices<'_>) -> Config {
    let mut config = Config::new("mx.example.org").expect("a host");
    let mut limits = Limits::default();
    match choices.next() % 4 {
        1 => config = config.max_size(64),
        2 => limits.recipients = 2,
        3 => {
            (limits.errors, limits.junk, limits.recipients_over) = (3, 3, 1);
            limits.small_chunks = 2;
        }
        _ => {}
    }
    let config = config.limits(limits);
    let config = match choices.next() % 3 {
        0 => config,
        1 => config.bare_newline(BareNewline::Pass),
        _ => config.bare_newline(BareNewline::Normalise),
    };
    let config = if choices.flag() { config.syntax(Syntax::Lenient) } else { config };
    let config = if choices.flag() { config.ask_verify().ask_expand() } else { config };
    match choices.next() % 4 {
        0 | 1 => config,
        2 => config.with(Extension::Prdr),
        _ => config.with(Extension::Prdr).rcpt_max(2).mail_max(3),
    }
}

/// What a session came to.
#[derive(Default)]
pub(crate) struct Dialogue {
    /// What the application was asked and told.
    pub(crate) events: Vec<String>,
    /// The content of the first message, or none where it was void.
    pub(crate) first: Option<Option<Vec<u8>>>,
    /// What the client was sent.
    said: Vec<u8>,
    /// The content that is coming in.
    content: Vec<u8>,
    recipients: u32,
    steps: usize,
}

impl Dialogue {
    pub(crate) fn run(config: &Config, wire: &[u8], answers: Choices<'_>, cut: Cut<'_>) -> Self {
        let (mut this, mut answers, mut cut) = (Dialogue::default(), answers, cut);
        let mut connection = Connection::new(config.clone());
        let mut rest = wire;
        let mut ended = false;
        loop {
            this.steps += 1;
            assert!(this.steps < 1000 + 20 * wire.len(), "a session without an end");
            match connection.step() {
                Want::Event => {
                    let event = connection.event();
                    let shown = show(&event);
                    // Not answered, it comes back.
                    let event = connection.event();
                    assert_eq!(show(&event), shown);
                    assert!(!matches!(event, Event::Idle), "{:?}", this.events);
                    this.take(event, shown, &mut answers);
                }
                Want::Flush => {
                    assert!(connection.tx().has_remaining());
                    this.drain(&mut connection, &mut cut);
                }
                Want::Input => {
                    assert!(!ended, "input wanted behind its end");
                    while connection.tx().has_remaining() {
                        this.drain(&mut connection, &mut cut);
                    }
                    let piece = cut.piece(rest);
                    if piece.is_empty() {
                        ended = true;
                        connection.eof();
                    } else {
                        let taken = connection.rx().receive(piece);
                        assert!(taken > 0, "no room for what was wanted");
                        rest = rest.get(taken..).unwrap_or_default();
                    }
                }
                Want::Tls => unreachable!("TLS is not offered"),
                Want::Close => break,
            }
            assert!(connection.buffered() <= 128 * 1024, "{}", connection.buffered());
        }
        let event = connection.event();
        assert!(matches!(event, Event::Closed(_)), "{event:?}");
        let shown = show(&event);
        this.events.push(shown);
        assert_eq!(connection.step(), Want::Close);
        assert!(!connection.tx().has_remaining());
        this
    }

    fn drain(&mut self, connection: &mut Connection, cut: &mut Cut<'_>) {
        let tx = connection.tx();
        let waiting = tx.chunk();
        let n = match cut {
            Cut::Whole => waiting.len(),
            Cut::Pieces(_) => waiting.len().min(cut.piece(waiting).len().max(100)),
        };
        self.said.put(waiting.get(..n).unwrap_or_default());
        tx.advance(n);
    }

    fn take(&mut self, event: Event<'_>, shown: String, answers: &mut Choices<'_>) {
        match event {
            Event::Body(bytes) => {
                assert!(!bytes.is_empty(), "a piece of content without content");
                return self.content.extend_from_slice(bytes);
            }
            // How much of a void message was seen depends on how it arrived.
            Event::Aborted(_) => {
                self.content.clear();
                self.first.get_or_insert(None);
            }
            Event::Message(_) => {
                assert!(self.recipients > 0, "a message for nobody");
                let content = std::mem::take(&mut self.content);
                self.events.push(format!("content {}", content.escape_ascii()));
                self.first.get_or_insert(Some(content));
            }
            Event::Mail(_) => self.recipients = 0,
            Event::Data(_) => assert!(self.recipients > 0, "mail data for nobody"),
            _ => {}
        }
        let told = matches!(event, Event::Aborted(_) | Event::Closed(_));
        let answer = if told { 0 } else { answers.next() };
        self.events.push(format!("{shown} {answer}"));
        if matches!(event, Event::Rcpt(_)) && answer < 160 {
            self.recipients += 1;
        }
        match answer {
            0..160 => accept(event),
            160..200 => reject(event, Refusal::TRY_LATER),
            200..250 => reject(event, Refusal::POLICY),
            _ => reject(event, Refusal::SHUTTING_DOWN),
        }
    }
}

fn accept(event: Event<'_>) {
    match event {
        Event::Rcpt(rcpt) => rcpt.accept(),
        Event::Message(message) => message.accept(),
        other => other.proceed(),
    }
}

fn reject(event: Event<'_>, refusal: Refusal<'_>) {
    match event {
        Event::Greet(greet) => greet.reject(refusal),
        Event::Hello(hello) => hello.reject(refusal),
        Event::Mail(mail) => mail.reject(refusal),
        Event::Rcpt(rcpt) => rcpt.reject(refusal),
        Event::Data(data) => data.reject(refusal),
        Event::Message(message) => message.reject(refusal),
        Event::Verify(verify) => verify.reject(refusal),
        Event::Expand(expand) => expand.reject(refusal),
        other => other.proceed(),
    }
}

fn show(event: &Event<'_>) -> String {
    match event {
        Event::Greet(_) => "greet".into(),
        Event::Hello(hello) => match hello.host() {
            Host::Domain(domain) => format!("hello {domain}"),
            Host::Literal(literal) => format!("hello {literal}"),
        },
        Event::Mail(mail) => format!("mail {} {}", mail.reverse_path(), mail.parameters()),
        Event::Rcpt(rcpt) => format!("rcpt {} {}", rcpt.forward_path(), rcpt.parameters()),
        Event::Data(_) => "data".into(),
        Event::Body(_) => "body".into(),
        Event::Message(message) => format!("message {} {}", message.size(), message.protocol()),
        Event::Aborted(abort) => format!("aborted {abort:?}"),
        Event::Verify(verify) => format!("verify {:?}", verify.argument()),
        Event::Expand(expand) => format!("expand {:?}", expand.argument()),
        Event::Closed(closing) => format!("closed {closing:?}"),
        _ => "other".into(),
    }
}

/// What the client was sent is whole replies, and lines that it must take (RFC 5321 section
/// 4.5.3.1.5).
fn replies(said: &[u8]) {
    let (mut scanner, mut reply) = (ReplyScanner::new(), Vec::new());
    for line in said.split_inclusive(|byte| *byte == b'\n') {
        assert!(line.len() <= 512, "a line of {} octets", line.len());
        reply.extend_from_slice(line);
        let line = line.strip_suffix(b"\r\n").expect("a CRLF");
        if scanner.feed(line).expect("a line of a reply") == Progress::Complete {
            Reply::parse(&reply).expect("a whole reply");
            reply.clear();
        }
    }
    assert!(reply.is_empty(), "a reply without an end");
}
