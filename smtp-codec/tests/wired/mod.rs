//! A client and a server connection with a wire between them that carries a few octets at a time.
#![allow(dead_code, missing_docs, unreachable_pub)]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

use bytes::Buf;
use smtp_codec::client::{self, Content, Delivery, Event as Told, Step};
use smtp_codec::proto::reply::{Extension, Refusal};
use smtp_codec::proto::{Envelope, Outcome, Recipient, Verdict};
use smtp_codec::server::{self, Event};
use smtp_codec::{Machine, Want};

/// What the application does when asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Take,
    Refuse,
    Defer,
}

impl Fate {
    fn verdict(self) -> Verdict {
        match self {
            Fate::Take => Verdict::Accepted,
            Fate::Refuse => Verdict::Refused,
            Fate::Defer => Verdict::Deferred,
        }
    }

    fn refusal(self) -> Option<Refusal<'static>> {
        match self {
            Fate::Take => None,
            Fate::Refuse => Some(Refusal::POLICY),
            Fate::Defer => Some(Refusal::TRY_LATER),
        }
    }

    fn word(self) -> &'static str {
        match self {
            Fate::Take => "take",
            Fate::Refuse => "refuse",
            Fate::Defer => "defer",
        }
    }

    /// The domain of a recipient that says so of the message.
    fn domain(self) -> &'static str {
        match self {
            Fate::Take => "yes.example",
            Fate::Refuse => "no.example",
            Fate::Defer => "later.example",
        }
    }

    fn of_domain(address: &str) -> Self {
        let all = [Fate::Refuse, Fate::Defer];
        all.into_iter().find(|fate| address.contains(fate.domain())).unwrap_or(Fate::Take)
    }

    fn of(address: &str) -> Self {
        match address {
            _ if address.contains("refuse") => Fate::Refuse,
            _ if address.contains("defer") => Fate::Defer,
            _ => Fate::Take,
        }
    }
}

/// A message, and what is to become of it at each step.
#[derive(Clone, Debug)]
pub struct Message {
    pub mail: Fate,
    pub recipients: Vec<Fate>,
    pub data: Fate,
    pub end: Fate,
    /// What each recipient says of the message, where it is asked; those behind the last take it.
    pub own: Vec<Fate>,
    pub content: Vec<u8>,
}

pub struct Expected {
    pub verdicts: Vec<Verdict>,
    /// Content, and how many recipients it is for.
    pub stored: Vec<(Vec<u8>, usize)>,
}

impl Message {
    pub fn plain(content: &[u8]) -> Self {
        Message {
            mail: Fate::Take,
            recipients: vec![Fate::Take],
            data: Fate::Take,
            end: Fate::Take,
            own: Vec::new(),
            content: content.to_vec(),
        }
    }

    fn envelope(&self) -> Envelope {
        let mut envelope =
            Envelope::new(format!("{}@example.org", self.mail.word()).parse().unwrap());
        for (number, fate) in self.recipients.iter().enumerate() {
            let domain = self.own_fate(number).domain();
            let path = format!("{}{number}@{domain}", fate.word()).parse().unwrap();
            envelope.recipients.push(Recipient::new(path));
        }
        envelope
    }

    fn own_fate(&self, number: usize) -> Fate {
        self.own.get(number).copied().unwrap_or(Fate::Take)
    }

    /// What must come of it, in the plainest words.
    pub fn expected(&self, ways: Ways) -> Expected {
        let asked = self.recipients.len() > 1 && ways.prdr || ways.lmtp;
        let own = |number| if asked { self.own_fate(number) } else { Fate::Take };
        let decides = [self.mail, self.data, self.end].into_iter().find(|it| *it != Fate::Take);
        let fates = self.recipients.iter().enumerate();
        let fates = fates.map(|(number, recipient)| match (self.mail, recipient) {
            (Fate::Take, Fate::Take) => decides.unwrap_or(own(number)),
            (Fate::Take, other) => *other,
            (refused, _) => refused,
        });
        let fates: Vec<_> = fates.collect();
        let taken = fates.iter().filter(|it| **it == Fate::Take).count();
        let verdicts = fates.iter().map(|fate| fate.verdict());
        let mut canonical = self.content.clone();
        // By DATA the last line gets the CRLF that it may lack; chunks go as they are.
        if !ways.chunking && !canonical.is_empty() && !canonical.ends_with(b"\r\n") {
            canonical.extend_from_slice(b"\r\n");
        }
        let stored = if taken > 0 && decides.is_none() { vec![(canonical, taken)] } else { vec![] };
        Expected { verdicts: verdicts.collect(), stored }
    }
}

/// How the two go about it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ways {
    pub pipelining: bool,
    pub chunking: bool,
    pub lmtp: bool,
    pub prdr: bool,
}

/// The server's application: addresses say what becomes of them.
#[derive(Default)]
pub struct Application {
    pub stored: Vec<(Vec<u8>, usize)>,
    content: Vec<u8>,
    /// What each that was accepted will say.
    recipients: Vec<Fate>,
    kept: bool,
    pub data: Option<Fate>,
    pub end: Option<Fate>,
}

impl Application {
    pub fn on(&mut self, event: Event<'_>) {
        match event {
            Event::Mail(mail) => {
                self.content.clear();
                self.recipients.clear();
                self.kept = false;
                match Fate::of(&mail.reverse_path().to_string()).refusal() {
                    None => mail.accept(),
                    Some(refusal) => mail.reject(refusal),
                }
            }
            Event::Rcpt(rcpt) => match Fate::of(&rcpt.forward_path().to_string()).refusal() {
                None => {
                    self.recipients.push(Fate::of_domain(&rcpt.forward_path().to_string()));
                    rcpt.accept();
                }
                Some(refusal) => rcpt.reject(refusal),
            },
            Event::Data(data) => match self.data.and_then(Fate::refusal) {
                None => data.accept(),
                Some(refusal) => data.reject(refusal),
            },
            Event::Body(bytes) => self.content.extend_from_slice(bytes),
            Event::Message(message) => {
                let number = message.recipient();
                let own = number.map(|number| self.recipients[number as usize]);
                let refused = self.end.and_then(Fate::refusal);
                match refused.or_else(|| own.and_then(Fate::refusal)) {
                    None => {
                        self.keep(number.map_or(self.recipients.len(), |_| 1));
                        message.accept();
                    }
                    Some(refusal) => message.reject(refusal),
                }
            }
            other => other.proceed(),
        }
    }
}

impl Application {
    /// Stores the message for so many more.
    fn keep(&mut self, recipients: usize) {
        if !std::mem::replace(&mut self.kept, true) {
            self.stored.push((self.content.clone(), 0));
        }
        self.stored.last_mut().unwrap().1 += recipients;
    }
}

pub struct Pair {
    pub client: client::Connection,
    pub server: server::Connection,
    pub application: Application,
    sizes: Vec<usize>,
    turn: usize,
    /// Octets carried, both ways together.
    pub carried: usize,
    /// The link breaks when so many were carried.
    pub cut_after: Option<usize>,
}

impl Pair {
    pub fn new(pipelining: bool, sizes: &[usize]) -> Self {
        Self::with(Ways { pipelining, ..Ways::default() }, sizes)
    }

    pub fn with(ways: Ways, sizes: &[usize]) -> Self {
        let mut hello = client::Config::new("client.example.net")
            .unwrap()
            .pipelining(ways.pipelining)
            .chunking(ways.chunking)
            .prdr(ways.prdr);
        let mut name = server::Config::new("mx.example.org").unwrap();
        if ways.prdr {
            name = name.with(Extension::Prdr);
        }
        if ways.lmtp {
            hello = hello.lmtp();
            name = name.lmtp();
        }
        Pair {
            client: client::Connection::new(hello),
            server: server::Connection::new(name),
            application: Application::default(),
            sizes: sizes.to_vec(),
            turn: 0,
            carried: 0,
            cut_after: None,
        }
    }

    pub fn send(&mut self, message: &Message) -> Outcome {
        self.application.data = Some(message.data);
        self.application.end = Some(message.end);
        self.send_envelope(&message.envelope(), &message.content)
    }

    pub fn send_envelope(&mut self, envelope: &Envelope, mut body: &[u8]) -> Outcome {
        let mut delivery = Delivery::new(envelope);
        let mut content = Content::new();
        loop {
            match self.client.step() {
                Want::Tls => panic!("no TLS here"),
                Want::Event => match delivery.on(self.client.event()) {
                    Step::Next => {}
                    Step::Over => break,
                    Step::Body(slot) => {
                        if content.wants_more() {
                            let n = std::io::Read::read(&mut body, content.space()).unwrap();
                            content.filled(n);
                        }
                        content.write_to(slot).unwrap();
                    }
                },
                Want::Input | Want::Flush => {
                    self.serve();
                    self.carry();
                }
                Want::Close => break,
            }
        }
        delivery.outcome(&self.client)
    }

    pub fn quit(&mut self) {
        loop {
            match self.client.step() {
                Want::Tls => panic!("no TLS here"),
                Want::Event => {
                    if let Told::Ready(ready) = self.client.event() {
                        ready.quit();
                    }
                }
                Want::Input | Want::Flush => {
                    self.serve();
                    self.carry();
                }
                Want::Close => break,
            }
        }
        self.serve();
        assert_eq!(self.client.closing(), Some(client::Closing::Quit));
        assert_eq!(self.server.closing(), Some(server::Closing::Quit));
    }

    /// Lets the server go on as far as it gets.
    pub fn serve(&mut self) {
        while let Want::Event = self.server.step() {
            self.application.on(self.server.event());
            if self.server.closing().is_some() {
                break;
            }
        }
    }

    /// Carries a few octets each way.
    fn carry(&mut self) {
        let size = self.sizes[self.turn % self.sizes.len()];
        self.turn += 1;
        assert!(self.turn < 1_000_000, "{:?} {:?}", self.client, self.server);
        let left = self.cut_after.map_or(usize::MAX, |cut| cut - self.carried);
        let there = pour(&mut self.client, &mut self.server, size.min(left));
        let back = pour(&mut self.server, &mut self.client, size.min(left - there));
        self.carried += there + back;
        if self.cut_after == Some(self.carried) {
            self.client.broken();
            self.server.eof();
            self.serve();
        }
    }
}

pub fn pour(from: &mut impl Machine, to: &mut impl Machine, most: usize) -> usize {
    let waiting = from.tx();
    let chunk = waiting.chunk();
    let n = to.rx().receive(&chunk[..chunk.len().min(most)]);
    waiting.advance(n);
    n
}
