//! A client and a server with a wire between them that carries a few octets at a time, and may be
//! cut: what is acknowledged is stored, and what is stored is never reported as not sent.

use arbitrary::{Arbitrary, Unstructured};
use bytes::Buf;
use smtp_codec::client::{
    self, Authentication, Content, Delivery, Event as Told, Step as Wanted, Traffic,
};
use smtp_codec::proto::command::DateTime;
use smtp_codec::proto::reply::Extension;
use smtp_codec::proto::session::TlsPolicy;
use smtp_codec::proto::{Envelope, Outcome, Verdict};
use smtp_codec::server::PriorityProfile;
use smtp_codec::{Machine, Want, server};
use smtp_sasl::Login;

use crate::letters::{Application, Fate, HELD, Message, SOONEST, is_bare};

#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// The link is gone, both ways at once; what is under way is lost.
    Cut,
    /// What the client said still arrives; what the server says does not.
    CutBack,
    /// The client's wait is over.
    ClientTimedOut,
    ServerTimedOut,
    ShutDown,
    /// The server closes its side.
    ServerEof,
    HandshakeFailed,
}

#[derive(Debug)]
struct Ways {
    pipelining: bool,
    chunking: bool,
    lmtp: bool,
    tls: bool,
    login: bool,
    /// PRDR is offered and asked for.
    each: bool,
    max_size: Option<u16>,
    /// In which pieces octets travel, one after the other.
    sizes: Vec<u8>,
    fault: Option<(u16, Fault)>,
}

impl Ways {
    fn arbitrary(given: &mut Unstructured<'_>) -> arbitrary::Result<Self> {
        let flags = u8::arbitrary(given)?;
        let max_size = if flags & 1 != 0 { Some(given.int_in_range(0..=300)?) } else { None };
        let fault = if flags & 2 != 0 { Some(<(u16, Fault)>::arbitrary(given)?) } else { None };
        let mut sizes = <[u8; 6]>::arbitrary(given)?.to_vec();
        sizes.iter_mut().for_each(|size| *size = (*size).max(1));
        Ok(Ways {
            pipelining: flags & 4 == 0,
            chunking: flags & 8 == 0,
            lmtp: flags & 16 != 0,
            tls: flags & 32 != 0,
            login: flags & 64 != 0,
            each: false,
            max_size,
            sizes,
            fault,
        })
    }
}

/// Any messages, over any wire.
pub fn pair(input: &[u8]) {
    let mut given = Unstructured::new(input);
    let _ = exchange(&mut given);
}

fn exchange(given: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let mut ways = Ways::arbitrary(given)?;
    let mut messages = Vec::new();
    for _ in 0..given.int_in_range(1..=3)? {
        messages.push(Message::arbitrary(given)?);
    }
    // Behind all the rest, so that inputs mean what they meant.
    ways.each = u8::arbitrary(given)? & 1 != 0;
    let mut pair = Pair::new(ways);
    pair.log_in();
    for (number, message) in messages.iter().enumerate() {
        pair.application.message = Some(message.clone());
        let envelope = message.envelope(number);
        let alive = pair.client.closing().is_none();
        let (outcome, bare) = pair.send(&envelope, &message.content);
        pair.compare(number, message, &outcome, bare || !alive);
    }
    pair.quit();
    Ok(())
}

struct Pair {
    client: client::Connection,
    server: server::Connection,
    application: Application,
    ways: Ways,
    turn: usize,
    carried: usize,
    /// What has gone wrong, once it has.
    happened: Option<Fault>,
}

impl Pair {
    fn new(ways: Ways) -> Self {
        // A client that waits for the 354 is not refused for what it does not do.
        let until = DateTime::parse("2030-01-01T00:00:00Z").expect("a time");
        let mut name = server::Config::new("mx.example.org")
            .expect("a host")
            .refuse_early_content()
            .future_release(HELD, until)
            .deliver_by(SOONEST)
            .priorities(PriorityProfile::Mixer);
        let mut hello = client::Config::new("client.example.net")
            .expect("a host")
            .pipelining(ways.pipelining)
            .chunking(ways.chunking);
        if ways.lmtp {
            (hello, name) = (hello.lmtp(), name.lmtp());
        }
        if ways.each {
            (hello, name) = (hello.prdr(true), name.with(Extension::Prdr));
        }
        if ways.tls {
            (hello, name) = (hello.tls(TlsPolicy::Required), name.require_tls());
        }
        if ways.login {
            let mechanisms = ["CRAM-MD5", "PLAIN"];
            name = name.auth(mechanisms).expect("mechanisms").require_auth();
        }
        if let Some(most) = ways.max_size {
            name = name.max_size(most.into());
        }
        let mut client = client::Connection::new(hello);
        let secret = !ways.tls;
        client.observe(move |traffic| {
            if let Traffic::Sent(line) = traffic {
                // A password is not shown to whoever looks.
                assert!(secret || !line.windows(5).any(|part| part == b"tiger"));
            }
        });
        let mut server = server::Connection::new(name);
        if ways.tls {
            server.offer_tls();
        }
        Pair {
            client,
            server,
            application: Application::default(),
            ways,
            turn: 0,
            carried: 0,
            happened: None,
        }
    }

    fn log_in(&mut self) {
        if !self.ways.login {
            return;
        }
        let mut login = Login::password("alice", "tiger");
        let mut authentication = Authentication::new();
        let result = loop {
            match self.client.step() {
                Want::Event | Want::Close => {
                    if let Some(result) = authentication.on(&mut self.client, &mut login) {
                        break result;
                    }
                }
                _ => self.go_on(),
            }
        };
        match result {
            Ok(()) => assert!(self.client.is_authenticated()),
            Err(error) => assert!(self.happened.is_some(), "{error}"),
        }
    }

    /// What came of it, and whether this side found a bare newline.
    fn send(&mut self, envelope: &Envelope, mut body: &[u8]) -> (Outcome, bool) {
        let whole = body;
        let mut delivery = Delivery::new(envelope);
        let mut content = Content::new();
        let mut bare = false;
        loop {
            match self.client.step() {
                Want::Event | Want::Close => match delivery.on(self.client.event()) {
                    Wanted::Next => {}
                    Wanted::Over => break,
                    Wanted::Body(slot) => {
                        if content.wants_more() {
                            let n =
                                std::io::Read::read(&mut body, content.space()).expect("octets");
                            content.filled(n);
                        }
                        if let Err(found) = content.write_to(slot) {
                            assert!(is_bare(whole), "a bare newline where there is none");
                            delivery.content_refused(found);
                            bare = true;
                        }
                    }
                },
                _ => self.go_on(),
            }
        }
        (delivery.outcome(&self.client), bare)
    }

    /// `weak`: this side has given it up, or the session was over before.
    fn compare(&mut self, number: usize, message: &Message, outcome: &Outcome, weak: bool) {
        let chunked = self.ways.chunking;
        let canonical = message.canonical(chunked);
        // What the server still has under way is its own.
        self.serve();
        let stored: Vec<usize> = self
            .application
            .stored
            .iter()
            .filter(|(of, _, content)| {
                assert!(*of != number || *content == canonical, "the content is another");
                *of == number
            })
            .map(|(_, place, _)| *place)
            .collect();
        assert_eq!(outcome.recipients.len(), message.recipients.len());
        for (place, delivered) in outcome.recipients.iter().enumerate() {
            let count = stored.iter().filter(|it| **it == place).count();
            assert!(count <= 1, "stored twice");
            match delivered.verdict {
                Verdict::Accepted => assert_eq!(count, 1, "acknowledged and not stored"),
                Verdict::Refused | Verdict::Deferred => {
                    assert_eq!(count, 0, "{:?} and stored: {delivered:?}", self.happened);
                }
                Verdict::Unknown => {
                    assert!(self.happened.is_some(), "unknown, and nothing has happened");
                }
            }
        }
        if self.happened.is_some() || weak {
            return;
        }
        let refused_first = message.mail != Fate::Take
            || message.recipients.iter().all(|it| it.0 != Fate::Take)
            || message.data != Fate::Take;
        let size = u64::try_from(canonical.len()).expect("a length");
        let large = self.ways.max_size.is_some_and(|most| most > 0 && size > most.into());
        assert!(
            !is_bare(&message.content) || refused_first || large && chunked,
            "bare newlines were sent"
        );
        for (delivered, (fate, late)) in outcome.recipients.iter().zip(&message.recipients) {
            let each = self.ways.each && message.recipients.len() > 1;
            let end = if self.ways.lmtp || each { *late } else { message.end };
            let end = if large { Fate::Refuse } else { end };
            // A chunk that is too large is refused before anybody is asked.
            let data = if large && chunked { Fate::Take } else { message.data };
            let row = [message.mail, *fate, data, end];
            let expected = row.into_iter().find(|fate| *fate != Fate::Take).unwrap_or(Fate::Take);
            let uncertain = large && chunked && message.data != Fate::Take;
            assert!(
                uncertain || delivered.verdict == expected.verdict(),
                "{row:?} {delivered:?} {outcome:?}"
            );
        }
    }

    fn quit(&mut self) {
        loop {
            match self.client.step() {
                Want::Event => {
                    if let Told::Ready(ready) = self.client.event() {
                        ready.quit();
                    }
                }
                Want::Close => break,
                _ => self.go_on(),
            }
        }
        self.serve();
        let (client, server) = (self.client.closing(), self.server.closing());
        if self.happened.is_none() && client == Some(client::Closing::Quit) {
            assert_eq!(server, Some(server::Closing::Quit));
        }
    }

    /// The server goes on as far as it gets, and a few octets travel each way.
    fn go_on(&mut self) {
        let shakes = self.client.step() == Want::Tls;
        self.serve();
        if shakes && self.server.step() == Want::Tls {
            if self.due(Fault::HandshakeFailed) {
                self.client.tls_failed();
                self.server.tls_failed();
                return;
            }
            self.server.secured();
            self.client.secured();
            return;
        }
        if shakes && self.server.step() == Want::Close {
            // There is nobody to shake hands with.
            return self.client.tls_failed();
        }
        let size = self.ways.sizes.get(self.turn % self.ways.sizes.len()).copied().unwrap_or(1);
        self.turn += 1;
        assert!(self.turn < 500_000, "{:?} {:?}", self.client, self.server);
        let left = match self.ways.fault {
            Some((at, fault)) if self.happened.is_none() && fault != Fault::HandshakeFailed => {
                usize::from(at).saturating_sub(self.carried)
            }
            _ => usize::MAX,
        };
        let size = usize::from(size).min(left);
        let there = pour(&mut self.client, &mut self.server, size);
        let back = pour(&mut self.server, &mut self.client, size.min(left - there));
        self.carried += there + back;
        self.break_down();
        if self.server.step() == Want::Close && !self.server.tx().has_remaining() && back == 0 {
            self.client.eof();
        }
    }

    fn due(&mut self, kind: Fault) -> bool {
        let due = self.happened.is_none()
            && self.ways.fault.is_some_and(|(at, fault)| {
                fault == kind && (kind == Fault::HandshakeFailed || self.carried >= at.into())
            });
        if due {
            self.happened = Some(kind);
        }
        due
    }

    fn break_down(&mut self) {
        if self.due(Fault::Cut) {
            self.client.broken();
            self.server.eof();
        } else if self.due(Fault::CutBack) {
            while pour(&mut self.client, &mut self.server, usize::MAX) > 0 {
                self.serve();
            }
            self.client.broken();
            self.server.eof();
        } else if self.due(Fault::ClientTimedOut) {
            self.client.timed_out();
            self.server.eof();
        } else if self.due(Fault::ServerTimedOut) {
            self.server.timed_out();
        } else if self.due(Fault::ShutDown) {
            self.server.shut_down();
        } else if self.due(Fault::ServerEof) {
            self.server.broken();
            self.client.eof();
        }
        self.serve();
    }

    /// Lets the server go on as far as it gets.
    fn serve(&mut self) {
        while let Want::Event = self.server.step() {
            self.application.on(self.server.event());
        }
    }
}

fn pour(from: &mut impl Machine, to: &mut impl Machine, most: usize) -> usize {
    let waiting = from.tx();
    let chunk = waiting.chunk();
    let n = to.rx().receive(chunk.get(..chunk.len().min(most)).unwrap_or_default());
    waiting.advance(n);
    n
}
