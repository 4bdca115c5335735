//! The client's session by operations: whatever a server says and whatever becomes of the link,
//! nothing is said that must not be, and nobody is told what is not known.
//!
//! Behind the choices an input is the octets of a server, with operations between them as in
//! [`server_operations`](crate::server_operations).

use bytes::Buf;
use smtp_codec::client::{
    Attempt, Authentication, Authenticator, Closing, Config, Connection, Delivery, Event, Step,
    Want,
};
use smtp_codec::proto::command::{
    Argument, Attributes, DateTime, DeliverBy, DeliverByMode, Mechanism, Queue,
};
use smtp_codec::proto::reply::Extension;
use smtp_codec::proto::session::{BareNewline, TlsPolicy};
use smtp_codec::proto::{Envelope, Recipient, Stage, Verdict};

use crate::Choices;
use crate::monitor::Monitor;

/// Any operations.
pub fn client_operations(input: &[u8]) {
    let (mut choices, script) = Choices::part(input);
    Link::new(&mut choices, script).play(choices);
}

/// Says what it is told to say, and agrees or not.
#[derive(Debug)]
struct Scripted<'a>(Choices<'a>);

impl Authenticator for Scripted<'_> {
    fn start(&mut self, offered: &[&str], _: bool) -> Option<Attempt> {
        let named = ["PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2", "SCRAM-SHA-256", "X"];
        let choice = usize::from(self.0.next());
        let mechanism = named.get(choice % 8).or(offered.get(choice % offered.len().max(1)))?;
        let length = usize::from(self.0.next());
        let initial_response = self.0.flag().then(|| vec![b'i'; length * 3]);
        Some(Attempt { mechanism: (*mechanism).to_owned(), initial_response })
    }

    fn respond(&mut self, challenge: &[u8]) -> Option<Vec<u8>> {
        (self.0.next() < 200).then(|| challenge.iter().rev().copied().collect())
    }

    fn finish(&mut self) -> bool {
        self.0.next() < 200
    }
}

struct Link<'a> {
    connection: Connection,
    monitor: Monitor,
    script: &'a [u8],
    ended: bool,
    broken: bool,
    /// Commands may be grouped.
    grouping: bool,
    /// What is written goes out at once.
    eager: bool,
    /// Replies come in as many at once as there are, and not line by line.
    bulk: bool,
    /// What is asked for besides, with each message.
    asks: u8,
    prdr: bool,
    secured: u64,
    steps: usize,
    most: usize,
}

impl<'a> Link<'a> {
    fn new(choices: &mut Choices<'_>, script: &'a [u8]) -> Self {
        let policies =
            [TlsPolicy::Never, TlsPolicy::Opportunistic, TlsPolicy::Required, TlsPolicy::Implicit];
        let first = choices.next();
        let policy = *policies.get(usize::from(first % 4)).expect("one of four");
        let flags = choices.next();
        let mut config = Config::new("client.example.net")
            .expect("a host")
            .tls(policy)
            .pipelining(flags & 1 == 0)
            .chunking(flags & 2 == 0);
        if flags & 4 != 0 {
            config = config.lmtp();
        }
        if flags & 8 != 0 {
            config = config.allow_plaintext_auth();
        }
        config = match flags >> 4 & 3 {
            1 => config.bare_newline(BareNewline::Pass),
            2 => config.bare_newline(BareNewline::Normalise),
            _ => config,
        };
        let more = if first & 8 != 0 { choices.next() } else { 0 };
        let prdr = more & 1 != 0;
        let mut connection = Connection::new(config.prdr(prdr));
        if flags & 64 != 0 {
            connection.without_tls();
        }
        let plaintext = flags & 8 != 0;
        Link {
            connection,
            monitor: Monitor::new(policy, plaintext, flags & 4 != 0),
            grouping: flags & 1 == 0,
            script,
            ended: false,
            broken: false,
            eager: flags & 128 == 0,
            bulk: first & 64 != 0,
            asks: more >> 1,
            prdr: prdr && flags & 4 == 0,
            secured: 0,
            steps: 0,
            most: 4000 + 40 * script.len(),
        }
    }

    /// Several things one after the other, as a program does them.
    fn play(mut self, mut choices: Choices<'_>) {
        for _ in 0..4 {
            match choices.next() % 8 {
                0..=3 => self.deliver(&mut choices),
                4 | 5 => self.authenticate(&mut choices),
                _ => self.wander(&mut choices),
            }
            if self.connection.closing().is_some() {
                break;
            }
        }
        while self.next() {
            if let Event::Ready(ready) = self.connection.event() {
                ready.quit();
            } else {
                // What was left half-way is given up.
                match self.connection.event() {
                    Event::WantRcpt(slot) => slot.abandon(),
                    Event::WantBody(slot) => slot.abandon(),
                    Event::Challenge(challenge) => challenge.cancel(),
                    _ => {}
                }
            }
        }
        self.after();
    }

    /// Whatever is done to a session that is over, it stays so.
    fn after(mut self) {
        let closing = self.connection.closing().expect("an end");
        let doubt = self.connection.in_doubt();
        for operation in 0..8 {
            match operation {
                0 => self.connection.eof(),
                1 => self.connection.timed_out(),
                2 => self.connection.broken(),
                3 => self.connection.tls_failed(),
                4 => self.connection.without_tls(),
                5 => self.connection.not_proven(),
                6 => self.connection.release(),
                _ => drop(self.connection.rx().receive(b"250 ok\r\n")),
            }
            assert_eq!(self.connection.step(), Want::Close);
            assert_eq!(self.connection.closing(), Some(closing));
            assert_eq!(self.connection.in_doubt(), doubt);
            assert!(!self.connection.tx().has_remaining());
            assert!(matches!(self.connection.event(), Event::Closed(_)));
        }
    }

    /// Runs until there is an event; whether there is one.
    fn next(&mut self) -> bool {
        loop {
            self.steps += 1;
            assert!(self.steps < self.most, "a session without an end");
            if self.steps > self.most / 2 {
                // A caller may well go round in circles; only the link must not.
                self.broken = true;
                self.connection.broken();
            }
            let want = self.connection.step();
            assert!(self.connection.buffered() <= 256 * 1024);
            assert!(!self.connection.patience().is_zero());
            if self.eager && self.connection.closing().is_none() {
                self.drain(usize::MAX);
            }
            match want {
                Want::Event => {
                    let first = shown(&self.connection.event());
                    assert_ne!(first, "Idle");
                    assert_eq!(shown(&self.connection.event()), first, "asked twice");
                    return true;
                }
                Want::Flush => {
                    // Sent at once, it leaves nothing that must be sent first.
                    assert!(self.connection.tx().has_remaining() || self.eager);
                    self.operate();
                    self.drain(1000);
                }
                Want::Input => {
                    assert!(!self.ended, "input wanted behind its end");
                    self.drain(if self.eager { usize::MAX } else { 7 });
                    self.operate();
                }
                Want::Tls => {
                    assert!(!self.connection.tx().has_remaining());
                    assert!(self.connection.rx().is_empty());
                    assert!(!self.connection.is_secure());
                    self.monitor.handshake();
                    self.shake_hands();
                }
                Want::Close => {
                    assert!(matches!(self.connection.event(), Event::Closed(_)));
                    return false;
                }
            }
        }
    }

    fn drain(&mut self, most: usize) {
        let tx = self.connection.tx();
        let n = tx.remaining().min(most);
        let sent = tx.chunk().get(..n).unwrap_or_default().to_vec();
        tx.advance(n);
        let answered = self.connection.heard() - self.secured;
        let pipelining =
            self.grouping && self.connection.extensions().contains(Extension::Pipelining);
        self.monitor.offered(*self.connection.extensions());
        self.monitor.sent(&sent, answered, self.eager && !pipelining);
    }

    /// Goes on in the script: octets up to a line end, or an operation.
    fn operate(&mut self) {
        let is_operation = |byte: &u8| matches!(byte, 0x01..=0x07 | 0x0f | 0x10);
        match self.script.split_first() {
            None if !self.ended => {
                self.ended = true;
                self.connection.eof();
            }
            None => {}
            Some((operation, rest)) if is_operation(operation) => {
                self.script = rest;
                match operation {
                    0x01 => {
                        self.ended = true;
                        self.connection.eof();
                    }
                    0x02 => self.connection.timed_out(),
                    0x03 => {
                        self.broken = true;
                        self.connection.broken();
                    }
                    0x06 => self.connection.without_tls(),
                    0x07 => self.connection.release(),
                    _ => {}
                }
            }
            Some(_) if self.ended => self.script = &[],
            Some(_) => {
                let end = self.script.iter().position(is_operation).unwrap_or(self.script.len());
                let mut piece = self.script.get(..end).unwrap_or_default();
                if !self.bulk {
                    piece = piece.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
                }
                let taken = self.connection.rx().receive(piece);
                self.script = self.script.get(taken..).unwrap_or_default();
                assert!(taken > 0 || self.connection.rx().is_full());
            }
        }
    }

    fn shake_hands(&mut self) {
        match self.script.split_first() {
            Some((0x05, rest)) => {
                self.script = rest;
                self.connection.tls_failed();
            }
            Some((0x02, rest)) => {
                self.script = rest;
                self.connection.timed_out();
            }
            Some((0x04, rest)) => {
                self.script = rest;
                self.connection.secured();
                assert!(self.connection.is_secure() && !self.connection.is_authenticated());
                assert!(self.connection.extensions().is_empty());
                assert_eq!(self.connection.mechanisms().count(), 0);
                self.secured += 1;
                self.monitor.secured();
            }
            _ => self.connection.broken(),
        }
    }

    fn authenticate(&mut self, choices: &mut Choices<'_>) {
        let mut authenticator = Scripted(*choices);
        let mut authentication = Authentication::new();
        let _ = choices.next();
        loop {
            let more = self.next();
            self.watch();
            let result = authentication.on(&mut self.connection, &mut authenticator);
            match result {
                Some(Ok(())) => {
                    assert!(self.connection.is_authenticated());
                    return;
                }
                Some(Err(_)) => return,
                None => assert!(more, "the end, and no result"),
            }
        }
    }

    /// Tells the monitor what the server's word means for what may be sent next.
    fn watch(&mut self) {
        match self.connection.event() {
            Event::WantBody(_) => self.monitor.body(),
            Event::Auth(_) => self.monitor.exchange_is_over(),
            _ => {}
        }
    }

    fn deliver(&mut self, choices: &mut Choices<'_>) {
        let envelope = envelope(choices, self.asks);
        let asks = |bit| self.asks & bit != 0;
        self.monitor.wants([matches!(self.asks & 3, 1 | 2), asks(4), asks(8)]);
        let mut delivery = Delivery::new(&envelope);
        // The places of those that were accepted, and what was said for each of them at the end.
        let (mut taken, mut told) = (Vec::new(), Vec::new());
        let mut done = None;
        let mut good = 0;
        let mut named = 0;
        let mut finished = false;
        let mut pieces = choices.next() % 8;
        while self.next() {
            self.watch();
            let event = self.connection.event();
            match &event {
                Event::Done(reply) | Event::DoneFor(_, reply) if reply.code().is_positive() => {
                    good += 1;
                }
                Event::Rcpt(number, reply) => {
                    assert_eq!(*number, named, "out of step");
                    if reply.code().is_positive() {
                        taken.push(named);
                    }
                    named += 1;
                }
                _ => {}
            }
            match &event {
                Event::Done(reply) => done = Some(reply.code().is_positive()),
                Event::DoneFor(number, reply) => {
                    assert_eq!(usize::try_from(*number).ok(), Some(told.len()), "out of step");
                    told.push(reply.code().get());
                }
                _ => {}
            }
            match delivery.on(event) {
                Step::Next => {}
                Step::Over => break,
                Step::Body(slot) if pieces == 0 => match slot.finish() {
                    Ok(()) => finished = true,
                    Err(found) => delivery.content_refused(found),
                },
                Step::Body(mut slot) => {
                    pieces -= 1;
                    let content = b".line\r\n".repeat(30);
                    let wild = [&content[..], b"\r", &[choices.next()]].concat();
                    let piece = if choices.next() > 250 { &wild } else { &content };
                    if let Err(found) = slot.write(piece) {
                        delivery.content_refused(found);
                    }
                }
            }
        }
        let doubt = self.connection.in_doubt();
        let outcome = delivery.outcome(&self.connection);
        assert_eq!(outcome.recipients.len(), envelope.recipients.len());
        // Who is told 421 takes nothing from those that are told something behind it.
        let waits = told.contains(&421) && told.len() < taken.len() && self.monitor.end_is_sent();
        if waits && self.connection.closing() == Some(Closing::Unavailable) && !self.prdr {
            assert!(self.ended || self.broken, "not all was heard: {told:?} {outcome:?}");
        }
        let mut next = 0;
        for recipient in &outcome.recipients {
            // One that cannot be named to this server is not, and those behind it move up.
            let is_named = recipient.stage != Stage::Rcpt || recipient.reply.is_some();
            let place = next;
            next += usize::from(is_named);
            let number = taken.iter().position(|it| usize::try_from(*it) == Ok(place));
            let own = number.filter(|_| is_named).and_then(|number| told.get(number));
            match own.map(|code| (code, code / 100)) {
                // Under PRDR a yes can be taken back.
                Some((_, 2)) if self.prdr => {}
                Some((code, class)) => {
                    let verdict = match class {
                        2 => Verdict::Accepted,
                        4 => Verdict::Deferred,
                        _ => Verdict::Refused,
                    };
                    assert_eq!(recipient.verdict, verdict, "{code} {recipient:?}");
                }
                None => {}
            }
            match recipient.verdict {
                Verdict::Accepted => {
                    assert!(good > 0, "accepted without a word");
                    // It was told of this one, and under PRDR the last word has come, too.
                    let number = number.expect("one that was accepted");
                    let own = told.get(number);
                    assert!(told.is_empty() || own.is_some_and(|code| code / 100 == 2));
                    assert!(done == Some(true) || !told.is_empty() && !self.prdr);
                    assert!(
                        recipient
                            .reply
                            .as_ref()
                            .is_some_and(|it| { it.as_reply().code().is_positive() })
                    );
                }
                Verdict::Unknown => {
                    assert!(doubt && recipient.reply.is_none());
                    assert!(finished, "unknown before the end was written");
                    assert!(self.monitor.end_is_sent(), "unknown before the end was sent");
                }
                Verdict::Refused | Verdict::Deferred => {
                    // Nobody knows what became of it, and so nobody says that it is not sent.
                    let taken = recipient.stage == Stage::Message && recipient.reply.is_none();
                    let sent = finished && self.monitor.end_is_sent();
                    assert!(!(taken && sent), "{recipient:?} {:?}", self.connection.closing());
                }
            }
        }
        if outcome.is_accepted() && !outcome.recipients.is_empty() {
            assert!(finished, "accepted before its end");
        }
    }

    /// A caller that asks for this and that.
    fn wander(&mut self, choices: &mut Choices<'_>) {
        for _ in 0..20 {
            if !self.next() {
                return;
            }
            self.watch();
            let authenticated = self.connection.is_authenticated();
            match self.connection.event() {
                Event::Ready(ready) => match choices.next() % 8 {
                    0 => drop(ready.verify(Argument::parse("alice").expect("a user"))),
                    1 => drop(ready.expand(Argument::parse("list").expect("a list"))),
                    2 => {
                        let queue = smtp_codec::proto::address::Domain::parse("example.org");
                        let _ = ready.etrn(Queue::Host(queue.expect("a domain")));
                    }
                    3 => {
                        let login = Attributes::parse("NAME=a.example LOGIN=b").expect("two");
                        let _ = ready.xclient(login);
                    }
                    4 => {
                        let name = Attributes::parse("NAME=a.example").expect("one");
                        let _ = ready.xforward(name);
                    }
                    5 => ready.quit(),
                    6 => {
                        let names = ["PLAIN", "CRAM-MD5", "SCRAM-SHA-256-PLUS", "LOGIN"];
                        let name = names.get(usize::from(choices.next() % 4)).expect("one of four");
                        let initial = [b'x'; 600];
                        let length = usize::from(choices.next()) * 2;
                        let mechanism = Mechanism::parse(name).expect("a name");
                        let sent = ready.auth(mechanism, initial.get(..length));
                        assert!(sent.is_err() || !authenticated, "RFC 4954 section 4");
                    }
                    _ => return,
                },
                Event::Challenge(challenge) => match choices.next() % 4 {
                    0 => challenge.cancel(),
                    _ => challenge.respond(&[b'r'; 9]),
                },
                Event::WantRcpt(slot) => match choices.next() % 2 {
                    0 => slot.end(),
                    _ => slot.reset(),
                },
                Event::WantBody(slot) => slot.abandon(),
                Event::Auth(reply) => {
                    assert_eq!(reply.code().get() == 235, authenticated);
                }
                _ => {}
            }
        }
    }
}

fn shown(event: &Event<'_>) -> String {
    let shown = format!("{event:?}");
    shown.split(['(', ' ', '{']).next().unwrap_or_default().to_owned()
}

fn envelope(choices: &mut Choices<'_>, asks: u8) -> Envelope {
    let senders = ["a@example.net", "<>", "ä@example.net"];
    let sender = senders.get(usize::from(choices.next() % 3)).expect("one of three");
    let mut envelope = Envelope::new(sender.parse().expect("a path"));
    let flags = choices.next();
    if flags & 1 != 0 {
        envelope.parameters = envelope.parameters.size(100).smtp_utf8();
    }
    if flags & 2 != 0 {
        envelope.parameters = envelope.parameters.require_tls();
    }
    if flags & 4 != 0 {
        use smtp_codec::proto::command::Body;
        envelope.parameters = envelope.parameters.body(Body::BinaryMime);
    }
    let parameters = envelope.parameters;
    envelope.parameters = match asks & 3 {
        1 => parameters.hold_for(100).expect("the only one of its kind"),
        2 => parameters.hold_until(DateTime::parse("2030-01-01T00:00:00Z").expect("a time")),
        _ => parameters,
    };
    if asks & 4 != 0 {
        let by = DeliverBy::new(60, DeliverByMode::Return, true).expect("a time");
        envelope.parameters = envelope.parameters.by(by);
    }
    if asks & 8 != 0 {
        envelope.parameters = envelope.parameters.mt_priority(-9).expect("a priority");
    }
    for number in 0..1 + flags / 8 % 16 {
        let path = format!("b{number}@example.org").parse().expect("a path");
        let mut recipient = Recipient::new(path);
        if number == 3 {
            recipient.parameters =
                recipient.parameters.orcpt("rfc822", "b@example.org").expect("an orcpt");
        }
        envelope.recipients.push(recipient);
    }
    envelope
}
