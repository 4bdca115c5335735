//! A client against every class of reply at every point: what it says next, and what it reports
//! in the end, against a server that was written apart from it.
//!
//! A connection is run from the start for each sequence of choices, and the last choice that can
//! be another one is changed: no library is needed for a search of that kind, and none that was
//! considered (see `server_model.rs`) runs a connection that cannot be copied.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod model;

use std::time::Duration;

use bytes::Buf;
use model::client::{Due, Judge, Said, World, Writes};
use smtp_codec::client::{Closing, Config, Connection, Delivery, Event, Limits, Step, Want};
use smtp_codec::proto::command::Mechanism;
use smtp_codec::proto::session::{BareNewline, TlsPolicy};
use smtp_codec::proto::{Envelope, Verdict};

/// Choices, each with how many there were to choose from.
#[derive(Debug, Default)]
struct Choices {
    made: Vec<(usize, usize)>,
    at: usize,
}

impl Choices {
    fn choose(&mut self, of: usize) -> usize {
        if self.at == self.made.len() {
            self.made.push((0, of));
        }
        let (chosen, number) = self.made[self.at];
        assert_eq!(number, of, "the same choices lead to the same point");
        self.at += 1;
        chosen
    }

    /// The next sequence of choices, if there is another.
    fn next(&mut self) -> bool {
        self.at = 0;
        while let Some((chosen, of)) = self.made.pop() {
            if chosen + 1 < of {
                self.made.push((chosen + 1, of));
                return true;
            }
        }
        false
    }
}

/// What a server does when a reply is due. Behind a number the same reply is sent twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Reply(u16),
    /// The good reply, and in the same breath another one.
    AndThen(u16),
    Text(&'static str),
    /// Half a reply, or none, and the end.
    Closes(&'static str),
    Silence,
}

const USUAL: &[Act] = &[
    Act::Reply(250),
    Act::Reply(354),
    Act::Reply(450),
    Act::Reply(550),
    Act::Reply(421),
    Act::AndThen(250),
    Act::AndThen(354),
    Act::AndThen(550),
    Act::AndThen(421),
    Act::Text("hello\r\n"),
    Act::Text("250-a\r\n550 b\r\n"),
    Act::Text("250 a\n"),
    Act::Closes(""),
    Act::Closes("250 o"),
    Act::Silence,
];

/// Where one code is not as good as another of its class.
const SPECIAL: &[Act] = &[
    Act::Reply(220),
    Act::Reply(235),
    Act::Reply(334),
    Act::Reply(250),
    Act::Reply(354),
    Act::Reply(454),
    Act::Reply(535),
    Act::Reply(421),
    Act::AndThen(250),
    Act::AndThen(550),
    Act::AndThen(421),
    Act::Text("220-a\r\n250 b\r\n"),
    Act::Text("334\r\n"),
    Act::Closes("220-go\r\n"),
    Act::Closes(""),
    Act::Silence,
];

/// One of each kind.
const FEW: &[Act] = &[
    Act::Reply(250),
    Act::Reply(354),
    Act::Reply(450),
    Act::Reply(550),
    Act::AndThen(250),
    Act::Text("hello\r\n"),
    Act::Closes(""),
];

/// Where 353 is an answer, or each recipient has one.
const BLOCK: &[Act] = &[
    Act::Reply(353),
    Act::Reply(250),
    Act::Reply(354),
    Act::Reply(450),
    Act::Reply(550),
    Act::Reply(421),
    Act::AndThen(250),
    Act::AndThen(421),
    Act::Closes("353 so\r\n"),
    Act::Silence,
];

/// Each that differs, and that a server may well say of its own accord.
const EARLY: &[Act] = &[
    Act::Reply(250),
    Act::Reply(354),
    Act::Reply(450),
    Act::Reply(550),
    Act::Reply(421),
    Act::Closes(""),
    Act::Silence,
];

const FEW_SPECIAL: &[Act] = &[
    Act::Reply(220),
    Act::Reply(235),
    Act::Reply(334),
    Act::Reply(454),
    Act::AndThen(550),
    Act::Closes(""),
];

fn acts(world: World, due: Due, all: bool) -> &'static [Act] {
    match (due, all) {
        (Due::Message(_) | Due::Each(_) | Due::Last, _) if world.prdr => BLOCK,
        (Due::StartTls | Due::Auth | Due::Cancelled, true) => SPECIAL,
        (Due::StartTls | Due::Auth | Due::Cancelled, false) => FEW_SPECIAL,
        (_, true) => USUAL,
        (_, false) => FEW,
    }
}

fn good(due: Due) -> u16 {
    match due {
        Due::Greeting | Due::StartTls => 220,
        Due::Auth => 235,
        Due::Data => 354,
        Due::Quit => 221,
        _ => 250,
    }
}

/// A run of one client through one world.
struct Run<'c> {
    world: World,
    client: Connection,
    judge: Judge,
    choices: &'c mut Choices,
    /// All acts are tried, not one of each kind.
    all: bool,
    challenges: u32,
    /// The server has spoken out of turn; once is enough.
    spoke: bool,
    /// What the server did, for those who read a failure.
    log: Vec<(Due, Act)>,
}

const CONTENT: &[u8] = b"hello\r\n.\r\n";

impl Run<'_> {
    fn text(&self, due: Due, code: u16) -> String {
        if due != Due::Ehlo || code / 100 != 2 {
            let text = if code == 334 { "" } else { "as told" };
            return format!("{code} {text}\r\n");
        }
        let mut text = format!("{code}-mx.example\r\n");
        let World { pipelining, chunking, starttls, auth, .. } = self.world;
        let offers = [
            (pipelining, "PIPELINING"),
            (chunking, "CHUNKING"),
            (starttls && !self.judge.secure, "STARTTLS"),
            (auth, "AUTH PLAIN"),
            (self.world.prdr, "PRDR"),
        ];
        for (_, keyword) in offers.iter().filter(|(offered, _)| *offered) {
            text += &format!("{code}-{keyword}\r\n");
        }
        text + &format!("{code} HELP\r\n")
    }

    /// The server answers what is due first, in one of all ways.
    fn answer(&mut self) {
        let Some(&due) = self.judge.dues.front() else {
            panic!("the client waits for nothing: {:?} {:?}", self.log, self.judge)
        };
        let acts = acts(self.world, due, self.all);
        let mut act = acts[self.choices.choose(acts.len())];
        if let (Due::Auth, Act::Reply(334) | Act::Text("334\r\n")) = (due, act) {
            self.challenges += 1;
            if self.challenges > 2 {
                act = Act::Reply(535);
            }
        }
        self.act(due, act);
    }

    fn act(&mut self, due: Due, act: Act) {
        self.log.push((due, act));
        let octets = match act {
            Act::Reply(code) => {
                let text = self.text(due, code);
                self.judge.says(Said::Code(code));
                text
            }
            Act::AndThen(code) => {
                let text = self.text(due, good(due)) + &format!("{code} more\r\n");
                self.judge.says(Said::Code(good(due)));
                self.judge.says(Said::Code(code));
                text
            }
            // A challenge may be of no octets.
            Act::Text(text @ "334\r\n") => {
                self.judge.says(Said::Code(334));
                text.into()
            }
            Act::Text(text) | Act::Closes(text) => {
                self.judge.says(Said::Nonsense);
                text.into()
            }
            Act::Silence => {
                self.judge.says(Said::Nonsense);
                return self.client.timed_out();
            }
        };
        assert_eq!(self.client.rx().receive(octets.as_bytes()), octets.len());
        if let Act::Closes(_) = act {
            self.client.eof();
        }
    }

    /// Goes on until the client has something to tell; false when it is over.
    fn exchange(&mut self) -> bool {
        loop {
            match self.client.step() {
                Want::Event => return true,
                Want::Close => {
                    assert!(!self.client.tx().has_remaining());
                    return false;
                }
                Want::Tls => {
                    assert!(!self.client.tx().has_remaining());
                    if self.choices.choose(2) == 0 {
                        self.judge.secured();
                        self.client.secured();
                    } else {
                        self.judge.lost();
                        self.client.tls_failed();
                    }
                }
                Want::Flush | Want::Input if self.client.tx().has_remaining() => self.take(),
                Want::Flush => panic!("nothing to flush"),
                Want::Input => self.answer(),
            }
        }
    }

    /// The server takes what was said to it; where it may speak out of turn, also less than that.
    fn take(&mut self) {
        let octets = self.client.tx().chunk().to_vec();
        let line = octets.iter().position(|octet| *octet == b'\n').map_or(0, |end| end + 1);
        let mut cuts = vec![octets.len()];
        if self.world.early && !self.spoke {
            cuts.extend([0, line / 2, line, octets.len() - 1]);
            cuts.dedup();
        }
        let taken = cuts[self.choices.choose(cuts.len())];
        self.judge.receive(&octets[..taken]);
        self.client.tx().advance(taken);
        if taken < octets.len() {
            self.spoke = true;
            let act = EARLY[self.choices.choose(EARLY.len())];
            self.act(self.judge.dues.front().copied().unwrap_or(Due::Nothing), act);
        }
    }

    /// Begins an AUTH exchange where it may be begun, and answers what challenges there are.
    fn authenticate(&mut self) {
        let mut begun = false;
        while self.exchange() {
            match self.client.event() {
                Event::Ready(_) if begun => return,
                Event::Ready(ready) => {
                    let mechanism = Mechanism::parse("PLAIN").unwrap();
                    begun = true;
                    if ready.auth(mechanism, Some(b"\0a\0b")).is_err() {
                        return;
                    }
                }
                Event::Challenge(challenge) if self.challenges > 1 => challenge.cancel(),
                Event::Challenge(challenge) => challenge.respond(b"r"),
                Event::Closed(_) => return,
                _ => {}
            }
        }
    }

    fn send(&mut self, letter: usize, recipients: usize) {
        let mut envelope = Envelope::new(format!("a{letter}@client.example").parse().unwrap());
        for index in 0..recipients {
            envelope = envelope.to(format!("b{letter}{index}@mx.example").parse().unwrap());
        }
        let mut delivery = Delivery::new(&envelope);
        let mut written = 0;
        while self.exchange() {
            match delivery.on(self.client.event()) {
                Step::Next => {}
                Step::Over => break,
                Step::Body(slot) if self.world.writes == Writes::Whole => {
                    assert_eq!(slot.write_end(CONTENT).unwrap(), CONTENT.len());
                }
                Step::Body(mut slot) if self.world.writes == Writes::Both => {
                    assert_eq!(slot.write(CONTENT).unwrap(), CONTENT.len());
                    slot.finish().unwrap();
                }
                Step::Body(slot) if written == CONTENT.len() => slot.finish().unwrap(),
                Step::Body(mut slot) => written += slot.write(&CONTENT[written..]).unwrap(),
            }
        }
        let outcome = delivery.outcome(&self.client);
        let verdicts: Vec<_> = outcome.recipients.iter().map(|it| it.verdict).collect();
        let told = || format!("{:?}\n{:?}", self.log, self.judge);
        assert_eq!(verdicts, self.judge.verdicts(letter), "{}", told());
        if verdicts.contains(&Verdict::Accepted) {
            let whole: &[u8] = b"hello\r\n..\r\n.\r\n";
            assert!([whole, CONTENT].contains(&&self.judge.content[..]), "{}", told());
        }
    }

    fn quit(&mut self) {
        while self.exchange() {
            if let Event::Ready(ready) = self.client.event() {
                ready.quit();
            }
        }
    }
}

fn run(world: World, letters: &[usize], all: bool, choices: &mut Choices) {
    let mut config = Config::new("client.example").unwrap();
    if world.lmtp {
        config = config.lmtp();
    }
    let policy = match world {
        World { implicit: true, .. } => TlsPolicy::Implicit,
        World { required: true, .. } => TlsPolicy::Required,
        World { opportunistic: true, .. } => TlsPolicy::Opportunistic,
        _ => TlsPolicy::Never,
    };
    let client = Connection::new(config.tls(policy).prdr(world.prdr));
    let judge = Judge::new(world, letters);
    let mut run =
        Run { world, client, judge, choices, all, challenges: 0, spoke: false, log: Vec::new() };
    if world.auth {
        run.authenticate();
    }
    for (letter, &recipients) in letters.iter().enumerate() {
        run.send(letter, recipients);
    }
    run.quit();
    let told = || format!("{:?}\n{:?}", run.log, run.judge);
    assert!(run.client.closing().is_some(), "{}", told());
    assert_eq!(run.client.in_doubt(), run.judge.in_doubt, "{}", told());
    assert_eq!(run.client.is_secure(), run.judge.secure, "{}", told());
    assert_eq!(run.client.is_authenticated(), run.judge.authenticated, "{}", told());
}

/// How many runs there were.
fn every_run(worlds: impl IntoIterator<Item = World>, letters: &[usize], all: bool) -> u64 {
    let mut runs = 0;
    for world in worlds {
        let mut choices = Choices::default();
        loop {
            run(world, letters, all, &mut choices);
            runs += 1;
            if !choices.next() {
                break;
            }
        }
    }
    runs
}

/// Worlds like this one, with each of these so and so.
macro_rules! every {
    ($world:expr; $($field:ident),*) => {{
        let worlds = vec![$world];
        $(let worlds = worlds.into_iter().flat_map(|world| {
            [false, true].map(|$field| World { $field, ..world })
        }).collect::<Vec<World>>();)*
        worlds
    }};
}

/// In which ways a message may go.
fn ways() -> Vec<World> {
    every!(World::default(); lmtp, pipelining, chunking)
}

/// The same where each recipient hears of it, by PRDR or LMTP.
fn each() -> Vec<World> {
    every!(World { prdr: true, ..World::default() }; lmtp, pipelining, chunking)
}

/// The same where the server speaks out of turn, however content is written.
fn early() -> Vec<World> {
    let worlds =
        every!(World { early: true, ..World::default() }; prdr, lmtp, pipelining, chunking);
    let writes = [Writes::Apart, Writes::Both, Writes::Whole];
    let worlds = worlds.into_iter();
    worlds.flat_map(|world| writes.map(|writes| World { writes, ..world })).collect()
}

/// What a client is told to do about TLS, and what its server offers.
fn securities() -> Vec<World> {
    let never = World::default();
    let required = World { required: true, ..never };
    let policies = [
        never,
        World { opportunistic: true, ..never },
        required,
        World { implicit: true, ..required },
    ];
    policies.into_iter().flat_map(|world| every!(world; starttls, auth, pipelining)).collect()
}

#[test]
fn replies_for_each_recipient() {
    let worlds = each().into_iter();
    let worlds = worlds.filter(|world| world.pipelining == world.chunking);
    let runs = every_run(worlds, &[2], false);
    assert!(runs > 8_000, "{runs}");
}

#[test]
fn replies_before_their_time() {
    let worlds = early().into_iter().filter(|world| match world.writes {
        Writes::Apart => !world.pipelining,
        Writes::Both => world.chunking && !world.prdr && !world.lmtp,
        Writes::Whole => world.pipelining,
    });
    let runs = every_run(worlds, &[1], false);
    assert!(runs > 5_000, "{runs}");
    let plain = early().into_iter().filter(|world| !world.pipelining && !world.chunking);
    let plain = plain.filter(|world| world.writes == Writes::Whole && world.lmtp != world.prdr);
    let runs = every_run(plain, &[2], false);
    assert!(runs > 5_000, "{runs}");
}

#[test]
fn replies_to_one_letter() {
    let runs = every_run(ways(), &[1], false);
    assert!(runs > 1_000, "{runs}");
}

#[test]
fn replies_to_what_concerns_tls_and_auth() {
    let runs = every_run(securities(), &[1], false);
    assert!(runs > 10_000, "{runs}");
}

#[test]
fn replies_to_two_letters() {
    let worlds = ways().into_iter().filter(|world| world.lmtp == world.chunking);
    let runs = every_run(worlds, &[1, 1], false);
    assert!(runs > 5_000, "{runs}");
}

/// What a server must take in a wait, and how long that is: 100 octets in each of 100 seconds.
const LEAST: usize = 10_000;
const PATIENCE: Duration = Duration::from_secs(100);

/// Sends a long message to a server that takes so many octets of it behind each half of a wait; in
/// which of them it was given up.
fn given_up(chunking: bool, takes: &[usize]) -> Option<usize> {
    let mut limits = Limits::default();
    limits.least_rate = 100;
    let config = Config::new("client.example").unwrap().limits(limits).patience(PATIENCE);
    let mut client = Connection::new(config.bare_newline(BareNewline::Pass));
    let envelope = Envelope::new("a@client.example".parse().unwrap());
    let envelope = envelope.to("b@mx.example".parse().unwrap());
    let mut delivery = Delivery::new(&envelope);
    // Replies to chunks would end waits, too; grouped, they need not come yet.
    let ehlo = match chunking {
        true => "250-mx\r\n250-PIPELINING\r\n250 CHUNKING\r\n",
        false => "250 mx\r\n",
    };
    let mut replies = ["220 mx\r\n", ehlo, "250 a\r\n", "250 b\r\n", "354 go\r\n"].into_iter();
    let (mut writes, mut octets) = (false, 0);
    let (mut now, mut wait) = (Duration::ZERO, (0, Duration::ZERO));
    let mut halves = takes.iter().enumerate();
    loop {
        let want = client.step();
        if wait.0 != client.heard() {
            wait = (client.heard(), now + client.patience());
        }
        match want {
            Want::Event => match delivery.on(client.event()) {
                Step::Body(mut slot) => {
                    // There is always more.
                    slot.write(&[b'x'; 4096]).unwrap();
                    writes = true;
                }
                Step::Next => {}
                Step::Over => panic!("it ends in the loop"),
            },
            Want::Flush | Want::Input if writes && octets == 0 => {
                let (half, &takes) = halves.next()?;
                now += PATIENCE / 2;
                if now >= wait.1 {
                    client.timed_out();
                    assert_eq!(client.closing(), Some(Closing::TimedOut));
                    let outcome = delivery.outcome(&client);
                    assert_eq!(outcome.recipients[0].verdict, Verdict::Deferred);
                    assert!(!client.tx().has_remaining() && !client.in_doubt());
                    return Some(half);
                }
                octets = takes;
            }
            Want::Flush | Want::Input if writes => {
                let tx = client.tx();
                let taken = octets.min(tx.remaining());
                assert!(taken > 0, "there is always more");
                tx.advance(taken);
                octets -= taken;
            }
            Want::Input => {
                let tx = client.tx();
                tx.advance(tx.remaining());
                client.rx().receive(replies.next().unwrap_or_default().as_bytes());
            }
            other => panic!("{other:?}"),
        }
    }
}

/// In which half a wait is over that brought too little, if one is; nothing where that depends on
/// the pieces in which octets leave at one moment, those before the end of a wait and those behind.
fn too_slow(takes: &[usize]) -> Option<Option<usize>> {
    let (mut least, mut most, mut begun) = (0, 0, 0);
    for (half, octets) in takes.iter().enumerate() {
        if half + 1 - begun == 2 {
            return Some(Some(half));
        }
        (least, most) = (least + octets, most + octets);
        match (least >= LEAST, most >= LEAST) {
            (true, _) => (least, most, begun) = (0, most - LEAST, half + 1),
            (false, true) => return None,
            (false, false) => {}
        }
    }
    Some(None)
}

/// A server that takes what it must is not given up, at whatever point of a wait; one that does
/// not is, when that wait is over. How many paces there were to tell of.
fn every_pace(halves: usize) -> u64 {
    let (mut choices, mut paces) = (Choices::default(), 0);
    loop {
        let amounts = [0, 1, LEAST / 2 - 1, LEAST / 2, LEAST - 1, LEAST];
        let takes: Vec<_> = (0..halves).map(|_| amounts[choices.choose(amounts.len())]).collect();
        if let Some(late) = too_slow(&takes) {
            for chunking in [false, true] {
                assert_eq!(given_up(chunking, &takes), late, "{chunking} {takes:?}");
            }
            paces += 1;
        }
        if !choices.next() {
            return paces;
        }
    }
}

#[test]
fn servers_of_every_pace() {
    let paces = every_pace(4);
    assert!(paces > 1_000, "{paces}");
}

/// `ci/exhaustive.sh` runs this.
#[test]
#[ignore = "a minute, in release mode"]
fn every_reply_to_three_recipients_in_two_letters() {
    println!("{} runs", every_run(ways(), &[2, 1], true));
}

#[test]
#[ignore = "a minute, in release mode"]
fn every_reply_for_each_of_three_recipients() {
    println!("{} runs", every_run(each(), &[3], false));
    println!("{} runs", every_run(each(), &[2, 1], false));
}

#[test]
#[ignore = "a minute, in release mode"]
fn every_reply_to_two_recipients_before_its_time() {
    println!("{} runs", every_run(early(), &[2], false));
}

#[test]
#[ignore = "a minute, in release mode"]
fn every_reply_to_two_recipients_under_tls() {
    println!("{} runs", every_run(securities(), &[2], true));
}
