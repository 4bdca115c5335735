//! The client's session: whatever a server sends, it ends, and sends nothing but commands.

use bytes::Buf;
use smtp_codec::client::{Config, Connection, Delivery, Event, Step, Traffic, Want};
use smtp_codec::proto::command::{Command, MailParameters, RcptParameters};
use smtp_codec::proto::session::BareNewline;
use smtp_codec::proto::{Envelope, Recipient, Verdict};

use crate::{Choices, Cut};

/// Any octets from a server, to a caller that does anything, and to one that sends a message.
pub fn client_session(input: &[u8]) {
    let (mut choices, wire) = Choices::part(input);
    let config = Config::new("client.example.net").expect("a host").pipelining(!choices.flag());
    let config = match choices.next() % 3 {
        0 => config,
        1 => config.bare_newline(BareNewline::Pass),
        _ => config.bare_newline(BareNewline::Normalise),
    };
    let config = config.prdr(choices.flag());
    let envelope = envelope(&mut choices);
    for cut in [Cut::Whole, Cut::Pieces(choices)] {
        Link::new(&config, wire, cut).wander(&envelope, choices);
        Link::new(&config, wire, cut).deliver(&envelope, choices);
    }
}

fn envelope(choices: &mut Choices<'_>) -> Envelope {
    let sender = ["a@example.net", "<>", "ä@example.net"];
    let sender = sender.get(usize::from(choices.next() % 3)).unwrap_or(&"<>");
    let mut envelope = Envelope::new(sender.parse().expect("a path"));
    if choices.flag() {
        envelope.parameters = envelope.parameters.size(100).smtp_utf8();
    }
    if choices.flag() {
        envelope.parameters = envelope.parameters.envid("x y").expect("an envid");
    }
    for number in 0..1 + choices.next() % 8 {
        let path = format!("b{number}@example.org").parse().expect("a path");
        let mut recipient = Recipient::new(path);
        if choices.flag() {
            recipient.parameters =
                recipient.parameters.orcpt("rfc822", "b@example.org").expect("an orcpt");
        }
        envelope.recipients.push(recipient);
    }
    envelope
}

/// A connection and a server that has said everything already.
struct Link<'a> {
    connection: Connection,
    rest: &'a [u8],
    cut: Cut<'a>,
    ended: bool,
    steps: usize,
    most: usize,
}

impl<'a> Link<'a> {
    fn new(config: &Config, wire: &'a [u8], cut: Cut<'a>) -> Self {
        let mut connection = Connection::new(config.clone());
        connection.observe(|traffic| {
            if let Traffic::Sent(line) = traffic {
                let command = Command::parse(line);
                let known = command.is_ok_and(|c| !matches!(c, Command::Unknown { .. }));
                assert!(known || line == b".", "sent {}", line.escape_ascii());
            }
        });
        Link { connection, rest: wire, cut, ended: false, steps: 0, most: 2000 + 20 * wire.len() }
    }

    /// Serves the connection until there is an event, or it is over.
    fn next(&mut self) -> Option<Event<'_>> {
        loop {
            self.steps += 1;
            assert!(self.steps < self.most, "a session without an end");
            match self.connection.step() {
                Want::Event => {
                    let event = self.connection.event();
                    assert!(!matches!(event, Event::Idle));
                    let shown = format!("{:?}", std::mem::discriminant(&event));
                    let event = self.connection.event();
                    assert_eq!(format!("{:?}", std::mem::discriminant(&event)), shown);
                    break;
                }
                Want::Flush => {
                    assert!(self.connection.tx().has_remaining());
                    self.drain();
                }
                Want::Input => {
                    assert!(!self.ended, "input wanted behind its end");
                    self.drain();
                    let piece = self.cut.piece(self.rest);
                    if piece.is_empty() {
                        self.ended = true;
                        self.connection.eof();
                    } else {
                        let taken = self.connection.rx().receive(piece);
                        assert!(taken > 0, "no room for what was wanted");
                        self.rest = self.rest.get(taken..).unwrap_or_default();
                    }
                }
                Want::Tls => unreachable!("the policy is never"),
                Want::Close => {
                    assert!(matches!(self.connection.event(), Event::Closed(_)));
                    assert!(self.connection.closing().is_some());
                    return None;
                }
            }
        }
        Some(self.connection.event())
    }

    fn drain(&mut self) {
        let n = self.connection.tx().remaining();
        self.connection.tx().advance(n);
    }

    /// A caller that does whatever it is allowed.
    fn wander(mut self, envelope: &Envelope, mut choices: Choices<'_>) {
        let mut transactions = 0;
        while let Some(event) = self.next() {
            match event {
                Event::Ready(ready) => {
                    transactions += 1;
                    if transactions > 4 {
                        ready.quit();
                        continue;
                    }
                    let path = envelope.reverse_path.as_path();
                    let parameters = envelope.parameters.as_parameters();
                    let parameters =
                        if choices.flag() { MailParameters::EMPTY } else { parameters };
                    let _ = ready.mail(path, parameters);
                }
                Event::WantRcpt(slot) => match choices.next() {
                    190..200 => slot.reset(),
                    choice @ (0 | 200..) if choice > 0 || transactions % 2 == 1 => slot.end(),
                    choice => {
                        let index = usize::from(choice) % envelope.recipients.len();
                        let recipient = envelope.recipients.get(index).expect("one");
                        let parameters = match choice & 2 {
                            0 => RcptParameters::EMPTY,
                            _ => recipient.parameters.as_parameters(),
                        };
                        let _ = slot.send(recipient.forward_path.as_path(), parameters);
                    }
                },
                Event::WantBody(mut slot) => match choices.next() {
                    0..100 => drop(slot.finish()),
                    100..110 => slot.abandon(),
                    choice => drop(slot.write(&vec![choice; usize::from(choice) * 9])),
                },
                _ => {}
            }
            if self.steps > self.most / 2 {
                // Choices may well go round in circles; only the link must not.
                self.connection.broken();
            }
        }
    }

    /// A caller that sends one message and asks what came of it.
    fn deliver(mut self, envelope: &Envelope, mut choices: Choices<'_>) {
        let mut delivery = Delivery::new(envelope);
        let (mut taken, mut written) = (false, 0);
        while let Some(event) = self.next() {
            if let Event::Done(reply) = &event {
                taken |= reply.code().is_positive();
            }
            match delivery.on(event) {
                Step::Next => {}
                Step::Over => break,
                Step::Body(slot) if written > 5 => {
                    if let Err(found) = slot.finish() {
                        delivery.content_refused(found);
                    }
                }
                Step::Body(mut slot) => {
                    written += 1;
                    let content = [b"line\r\n", &[choices.next()][..], b"\r\n.\r\n"].concat();
                    if let Err(found) = slot.write(&content) {
                        delivery.content_refused(found);
                    }
                }
            }
        }
        let outcome = delivery.outcome(&self.connection);
        assert_eq!(outcome.recipients.len(), envelope.recipients.len());
        let accepted = outcome.recipients.iter().any(|r| r.verdict == Verdict::Accepted);
        assert!(taken || !accepted, "accepted without a word");
    }
}
