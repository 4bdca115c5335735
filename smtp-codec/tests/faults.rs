//! The link breaks, at every octet of random sessions and in each direction: what was promised is
//! stored, what is stored was promised or nobody knows, and a lost link refuses nobody.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

use std::collections::BTreeSet;

use bytes::Buf;
use smtp_codec::Want;
use smtp_codec::client::{self, Delivery, Event as Told, Step};
use smtp_codec::proto::reply::Refusal;
use smtp_codec::proto::{Envelope, Verdict};
use smtp_codec::server::{self, Event};

/// Numbers that look random, and are the same each time.
#[derive(Clone, Copy)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        (self.0 >> 33) as usize % sides
    }

    /// Yes most of the time, else for now or for good.
    fn fate(&mut self) -> char {
        ['y', 'y', 'y', 'y', 'y', 'y', 'd', 'r'][self.roll(8)]
    }
}

fn refusal(fate: char) -> Option<Refusal<'static>> {
    match fate {
        'd' => Some(Refusal::TRY_LATER),
        'r' => Some(Refusal::POLICY),
        _ => None,
    }
}

/// A letter, and what becomes of each step of it: the addresses and the content say so.
#[derive(Clone, Debug)]
struct Letter {
    mail: char,
    rcpt: Vec<char>,
    data: char,
    end: char,
    content: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Plan {
    letters: Vec<Letter>,
    lmtp: bool,
    pipelining: bool,
    chunking: bool,
    piece: usize,
}

impl Plan {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(seed);
        for _ in 0..3 {
            dice.roll(2);
        }
        let letters = (0..=dice.roll(2)).map(|number| Letter {
            mail: dice.fate(),
            rcpt: (0..=dice.roll(3)).map(|_| dice.fate()).collect(),
            data: dice.fate(),
            end: dice.fate(),
            content: format!("{number}\r\n{}", ".\r\n..x\r\n".repeat(dice.roll(4))).into_bytes(),
        });
        Plan {
            letters: letters.collect(),
            lmtp: dice.roll(2) == 0,
            pipelining: dice.roll(2) == 0,
            chunking: dice.roll(2) == 0,
            piece: [usize::MAX, 1 + dice.roll(40)][dice.roll(2)],
        }
    }
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Nothing,
    /// So many octets of the client arrive. The server is told, or waits.
    There(usize, bool),
    /// So many octets of the server arrive. The client is told, or waits.
    Back(usize, bool),
    /// Both ends are told when so many octets of both have arrived.
    Both(usize),
    /// At the so-manieth wait the clock jumps: an end has waited for too long.
    ClientWaits(usize),
    ServerWaits(usize),
    /// The client closes its side behind the content of the last letter, and listens on.
    HalfClosed,
}

#[derive(Default)]
struct Application {
    stored: BTreeSet<(usize, usize)>,
    letter: usize,
    taken: Vec<usize>,
    content: Vec<u8>,
}

impl Application {
    fn on(&mut self, event: Event<'_>, plan: &Plan) {
        let letter = plan.letters.get(self.letter);
        let fate = match event {
            Event::Data(_) => letter.map_or('y', |letter| letter.data),
            Event::Message(_) => letter.map_or('y', |letter| letter.end),
            _ => 'y',
        };
        match event {
            Event::Mail(mail) => {
                let path = mail.reverse_path().to_string();
                self.letter = usize::from(path.as_bytes()[2] - b'0');
                self.taken.clear();
                self.content.clear();
                match refusal(plan.letters[self.letter].mail) {
                    None => mail.accept(),
                    Some(no) => mail.reject(no),
                }
            }
            Event::Rcpt(rcpt) => {
                let path = rcpt.forward_path().to_string();
                let index = usize::from(path.as_bytes()[3] - b'0');
                match refusal(plan.letters[self.letter].rcpt[index]) {
                    None => {
                        self.taken.push(index);
                        rcpt.accept();
                    }
                    Some(no) => rcpt.reject(no),
                }
            }
            Event::Data(data) => match refusal(fate) {
                None => data.accept(),
                Some(no) => data.reject(no),
            },
            Event::Body(octets) => self.content.extend_from_slice(octets),
            Event::Message(message) => match refusal(fate) {
                None => {
                    assert_eq!(self.content, plan.letters[self.letter].content, "whole, or not");
                    let whom = match message.recipient() {
                        None => self.taken.clone(),
                        Some(number) => vec![self.taken[number as usize]],
                    };
                    for index in whom {
                        assert!(self.stored.insert((self.letter, index)), "stored twice");
                    }
                    message.accept();
                }
                Some(no) => message.reject(no),
            },
            other => other.proceed(),
        }
    }
}

struct Link<'p> {
    plan: &'p Plan,
    fault: Fault,
    client: client::Connection,
    server: server::Connection,
    application: Application,
    /// Octets that have arrived there, and back; all that has left the client.
    there: usize,
    back: usize,
    left: Vec<u8>,
    letter: usize,
    waits: (usize, usize),
    server_gone: bool,
    rounds: usize,
}

impl<'p> Link<'p> {
    fn new(plan: &'p Plan, fault: Fault) -> Self {
        let mut hello = client::Config::new("client.example")
            .unwrap()
            .pipelining(plan.pipelining)
            .chunking(plan.chunking);
        let mut name = server::Config::new("mx.example").unwrap();
        if plan.lmtp {
            (hello, name) = (hello.lmtp(), name.lmtp());
        }
        Link {
            plan,
            fault,
            client: client::Connection::new(hello),
            server: server::Connection::new(name),
            application: Application::default(),
            there: 0,
            back: 0,
            left: Vec::new(),
            letter: 0,
            waits: (0, 0),
            server_gone: false,
            rounds: 0,
        }
    }

    fn serve(&mut self) -> Want {
        loop {
            match self.server.step() {
                Want::Event => self.application.on(self.server.event(), self.plan),
                want => return want,
            }
        }
    }

    /// Moves what can be moved; whether anything was.
    fn carry(&mut self) -> bool {
        let most = |limit: usize, gone: usize| limit.saturating_sub(gone).min(self.plan.piece);
        let (there, back) = match self.fault {
            Fault::There(limit, _) => (most(limit, self.there), self.plan.piece),
            Fault::Back(limit, _) => (self.plan.piece, most(limit, self.back)),
            Fault::Both(limit) => {
                let most = most(limit, self.there + self.back);
                (most, most.saturating_sub(self.client.tx().remaining().min(most)))
            }
            _ => (self.plan.piece, self.plan.piece),
        };
        let waiting = self.client.tx().chunk().to_vec();
        let gone = self.pour(&waiting, there);
        let waiting = self.server.tx().chunk().to_vec();
        let back = self.client.rx().receive(&waiting[..waiting.len().min(back)]);
        self.server.tx().advance(back);
        self.back += back;
        gone + back > 0
    }

    fn pour(&mut self, waiting: &[u8], most: usize) -> usize {
        let there = self.server.rx().receive(&waiting[..waiting.len().min(most)]);
        self.there += there;
        // What the link does not carry any more is gone for the client all the same.
        let gone = match self.fault {
            Fault::There(limit, _) if self.there == limit => waiting.len(),
            _ => there,
        };
        self.left.extend_from_slice(&waiting[..gone]);
        self.client.tx().advance(gone);
        gone
    }

    /// The two go on until the client must be looked at again.
    fn round(&mut self) {
        self.rounds += 1;
        assert!(self.rounds < 20_000, "{:?} {:?}", self.fault, self.plan);
        let want = self.serve();
        let over = want == Want::Close && !self.server.tx().has_remaining();
        self.waits.0 += 1;
        match self.fault {
            Fault::ClientWaits(at) if at == self.waits.0 => return self.client.timed_out(),
            Fault::ServerWaits(at) if at == self.waits.0 => {
                self.server.timed_out();
                // A clock that jumps twice changes nothing.
                self.server.timed_out();
            }
            _ => {}
        }
        if self.carry() {
            let last = self.letter + 1 == self.plan.letters.len();
            if self.fault == Fault::HalfClosed && last && self.has_sent_all() {
                self.server.eof();
            }
            return;
        }
        match self.fault {
            _ if over && !self.server_gone => {
                self.server_gone = true;
                self.client.eof();
            }
            Fault::There(_, true) if self.waits.1 == 0 => {
                self.waits.1 = 1;
                self.server.eof();
            }
            Fault::Back(_, true) => self.client.eof(),
            Fault::Both(_) => {
                self.client.broken();
                self.server.eof();
            }
            Fault::There(_, false) if self.waits.1 == 0 => {
                self.waits.1 = 1;
                self.server.timed_out();
            }
            _ => self.client.timed_out(),
        }
    }

    /// Whether the end of the content has left the client.
    fn has_sent_all(&self) -> bool {
        self.left.ends_with(if self.plan.chunking { b"LAST\r\n" } else { b"\r\n.\r\n" })
    }

    fn send(&mut self, number: usize) -> Vec<Verdict> {
        self.letter = number;
        let letter = &self.plan.letters[number];
        let mut envelope = Envelope::new(format!("a{number}@client.example").parse().unwrap());
        for index in 0..letter.rcpt.len() {
            envelope = envelope.to(format!("b{number}{index}@mx.example").parse().unwrap());
        }
        let (mut delivery, mut written) = (Delivery::new(&envelope), 0);
        loop {
            match self.client.step() {
                Want::Event => match delivery.on(self.client.event()) {
                    Step::Next => {}
                    Step::Over => break,
                    Step::Body(slot) if written == letter.content.len() => slot.finish().unwrap(),
                    Step::Body(mut slot) => {
                        written += slot.write(&letter.content[written..]).unwrap();
                    }
                },
                Want::Close => break,
                Want::Tls => panic!("no TLS here"),
                Want::Input | Want::Flush => self.round(),
            }
        }
        let outcome = delivery.outcome(&self.client);
        let verdicts: Vec<_> = outcome.recipients.iter().map(|it| it.verdict).collect();
        if verdicts.contains(&Verdict::Unknown) {
            assert!(
                self.has_sent_all(),
                "in doubt, and the end never left: {:?} {:?}",
                self.fault,
                self.plan
            );
        }
        verdicts
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
                Want::Tls => panic!("no TLS here"),
                Want::Input | Want::Flush => self.round(),
            }
        }
        // What the client has sent before is still looked at.
        self.server.eof();
        while self.serve() != Want::Close {
            let tx = self.server.tx();
            tx.advance(tx.remaining());
        }
    }
}

/// Holds a session with a fault, and checks what either side believes. How many octets were
/// carried each way, how long it waited, and how many recipients nobody knows about.
fn hold(plan: &Plan, fault: Fault) -> (usize, usize, usize, usize) {
    let mut link = Link::new(plan, fault);
    let verdicts: Vec<_> = (0..plan.letters.len()).map(|number| link.send(number)).collect();
    link.quit();
    assert!(link.client.closing().is_some() && link.server.closing().is_some());
    let mut unknown = 0;
    for (number, letter) in plan.letters.iter().enumerate() {
        for (index, verdict) in verdicts[number].iter().enumerate() {
            let stored = link.application.stored.contains(&(number, index));
            let told = || format!("{number}.{index} {verdict:?} {stored} {fault:?} {plan:?}");
            let steps = [letter.mail, letter.rcpt[index], letter.data, letter.end];
            match verdict {
                Verdict::Accepted => assert!(stored, "promised, not stored: {}", told()),
                Verdict::Unknown => unknown += 1,
                Verdict::Refused => assert!(!stored && steps.contains(&'r'), "{}", told()),
                Verdict::Deferred => assert!(!stored, "stored, and sent again: {}", told()),
            }
            if let Fault::Nothing | Fault::HalfClosed = fault {
                let decides = steps.into_iter().find(|fate| *fate != 'y');
                let expected = match decides {
                    None => Verdict::Accepted,
                    Some('d') => Verdict::Deferred,
                    Some(_) => Verdict::Refused,
                };
                assert_eq!(*verdict, expected, "{}", told());
            }
        }
    }
    (link.there, link.back, link.waits.0, unknown)
}

/// Breaks so many sessions in every place and way; how many there were, and how many of them left
/// somebody in doubt.
fn break_all(sessions: std::ops::Range<u64>) -> (usize, usize) {
    let (mut runs, mut doubts) = (0, 0);
    for seed in sessions {
        let plan = Plan::new(seed);
        let (there, back, waits, unknown) = hold(&plan, Fault::Nothing);
        assert_eq!(unknown, 0);
        let told = seed % 2 == 0;
        let faults = (0..there)
            .map(|at| Fault::There(at, told ^ (at % 2 == 0)))
            .chain((0..back).map(|at| Fault::Back(at, told ^ (at % 2 == 0))))
            .chain((0..there + back).step_by(3).map(Fault::Both))
            .chain((1..=waits).map(Fault::ClientWaits))
            .chain((1..=waits).map(Fault::ServerWaits));
        for fault in faults {
            runs += 1;
            doubts += hold(&plan, fault).3;
        }
    }
    (runs, doubts)
}

#[test]
fn sessions_that_break_at_every_octet() {
    let (runs, doubts) = break_all(0..12);
    assert!(runs > 5_000 && doubts > 0, "{runs} {doubts}");
}

/// `ci/exhaustive.sh` runs this.
#[test]
#[ignore = "a minute, in release mode"]
fn two_thousand_sessions_that_break_at_every_octet() {
    let (runs, doubts) = std::thread::scope(|scope| {
        let halves = [0..1000, 1000..2000].map(|seeds| scope.spawn(|| break_all(seeds)));
        let counts = halves.map(|half| half.join().unwrap());
        (counts[0].0 + counts[1].0, counts[0].1 + counts[1].1)
    });
    println!("{runs} sessions cut, {doubts} recipients that nobody knows about");
}

#[test]
fn without_a_fault_all_goes_as_planned() {
    for seed in 0..300 {
        hold(&Plan::new(seed), Fault::Nothing);
        hold(&Plan::new(seed), Fault::HalfClosed);
    }
}
