//! The order of commands: every string of some six of them, with every answer that the
//! application may give, against a model that was written apart from the code.
//!
//! The session is a value that is copied, so the strings are walked as a tree and share their
//! starts. stateright merges the ways that lead to one state, which needs a session that can be
//! compared and takes that comparison on trust; proptest-state-machine draws strings at random.
//! Neither walks every string, and a hundred lines do.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod model;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Buf;
use model::server::{
    Ask, Bounds, CONTENT, HELD, Model, NOTHING, PATIENCE, Rules, SLOW_CONTENT, SOONEST, Said,
    Symbol, UNTIL, Verdict, Wire,
};
use model::servers::{SERVERS, Server};
use proptest::prelude::*;
use smtp_codec::proto::Syntax;
use smtp_codec::proto::command::{Base64, DateTime};
use smtp_codec::proto::reply::{EnhancedCode, Extension, Refusal};
use smtp_codec::proto::session::Framing;
use smtp_codec::proto::session::server::{Abort, Context, LineFault, Question, Session, Settings};
use smtp_codec::server::{Config, Connection, Event, Limits, PriorityProfile, Want};

const MECHANISMS: &str = "PLAIN CRAM-MD5";

fn limits(rules: Rules) -> Limits {
    let Bounds { errors, junk, over, failures, challenges, small } = rules.bounds;
    let mut limits = Limits::default();
    limits.recipients = rules.recipients.unwrap_or(u32::MAX);
    limits.recipients_over = over;
    (limits.errors, limits.junk, limits.small_chunks) = (errors, junk, small);
    (limits.auth_failures, limits.challenges) = (failures, challenges);
    limits.least_rate = rules.rate as u32;
    limits
}

fn settings(rules: Rules) -> Settings {
    let mut settings = Settings::default();
    let offer = &mut settings.extensions;
    if !rules.chunking {
        *offer = offer.without(Extension::Chunking).without(Extension::BinaryMime);
    }
    if rules.auth {
        *offer = offer.with(Extension::Auth);
    }
    if rules.etrn {
        *offer = offer.with(Extension::Etrn);
    }
    if rules.each {
        *offer = offer.with(Extension::Prdr);
    }
    if rules.promises {
        *offer = offer.with_future_release(HELD).with_deliver_by(SOONEST);
        *offer = offer.with(Extension::MtPriority);
        settings.hold_until = DateTime::parse(UNTIL);
        settings.priorities = Some(PriorityProfile::Nsep);
    }
    let mut told = offer.limits();
    (told.mail_max, told.rcpt_max) = (rules.mails, rules.rcpts);
    if rules.mails.is_some() || rules.rcpts.is_some() {
        *offer = offer.with_limits(told);
    }
    *offer = offer.with_size(rules.size.unwrap_or(0));
    settings.limits = limits(rules);
    settings.lmtp = rules.lmtp;
    settings.require_tls = rules.require_tls;
    settings.require_auth = rules.require_auth;
    settings.plaintext_auth = rules.plaintext_auth;
    (settings.ask_verify, settings.ask_expand) = (rules.users, rules.users);
    settings.refuse_early_content = rules.strict_data;
    settings.syntax = if rules.lenient { Syntax::Lenient } else { Syntax::Strict };
    settings
}

fn verdicts(ask: Ask) -> &'static [Verdict] {
    use Verdict::{Challenge, Close, Later, Never, Yes};
    match ask {
        Ask::Aborted => &[Yes],
        Ask::Auth | Ask::Response => &[Yes, Later, Never, Close, Challenge],
        _ => &[Yes, Later, Never, Close],
    }
}

fn refusal(verdict: Verdict) -> Refusal<'static> {
    let (code, class) = match verdict {
        Verdict::Close => (421, 4),
        Verdict::Never => (550, 5),
        _ => (450, 4),
    };
    Refusal::new(code, EnhancedCode::new(class, 9, 9), "as told").unwrap()
}

fn asked(question: Question) -> Ask {
    match question {
        Question::Greet => Ask::Greet,
        Question::Hello => Ask::Hello,
        Question::Mail => Ask::Mail,
        Question::Rcpt => Ask::Rcpt,
        Question::Data => Ask::Data,
        Question::Message => Ask::Message,
        Question::StartTls => Ask::StartTls,
        Question::Auth => Ask::Auth,
        Question::AuthResponse => Ask::Response,
        Question::Etrn => Ask::Etrn,
        Question::Xclient => Ask::Xclient,
        Question::Xforward => Ask::Xforward,
        Question::Verify => Ask::Verify,
        Question::Expand => Ask::Expand,
        Question::Aborted(_) => Ask::Aborted,
        other => panic!("nobody expects {other:?}"),
    }
}

fn wire(framing: Framing) -> Wire {
    match framing {
        Framing::Line => Wire::Line,
        Framing::Data => Wire::Data,
        Framing::Chunk(left) => Wire::Chunk(left),
        Framing::Skip(left) => Wire::Skip(left),
        Framing::Tls => Wire::Tls,
        Framing::End => Wire::End,
        other => panic!("nobody expects {other:?}"),
    }
}

/// The codes of each reply of those that the model has.
fn replies(said: Said) -> impl Iterator<Item = &'static [u16]> {
    said.into_iter().flat_map(|(times, codes)| (0..times).map(move |_| codes))
}

/// Whether `out` holds what the model says, and nothing else.
fn is_said(mut out: &[u8], said: Said) -> bool {
    for codes in replies(said) {
        let (reply, behind) = out.split_at(end_of_reply(out));
        if !is_reply(reply, codes) {
            return false;
        }
        out = behind;
    }
    out.is_empty()
}

/// Whether all lines of `reply` have one of these codes, the same.
fn is_reply(reply: &[u8], codes: &[u16]) -> bool {
    let (mut rest, mut open) = (reply, None);
    while !rest.is_empty() {
        let Some(end) = rest.windows(2).position(|two| two == b"\r\n") else { return false };
        let (line, behind) = rest.split_at(end);
        rest = &behind[2..];
        let Some((code, text)) = line.split_at_checked(3) else { return false };
        if !code.iter().all(u8::is_ascii_digit) || line.contains(&b'\n') {
            return false;
        }
        let number = code.iter().fold(0, |number, digit| number * 10 + u16::from(digit - b'0'));
        let class = match text {
            [_, class, b'.', ..] if class.is_ascii_digit() => *class,
            _ => code[0],
        };
        if open.is_some_and(|code| code != number) || !codes.contains(&number) || class != code[0] {
            return false;
        }
        open = (text.first() == Some(&b'-')).then_some(number);
    }
    !reply.is_empty() && open.is_none()
}

/// A step of both, and what the model says to it.
#[derive(Clone, Copy, Debug)]
enum Move {
    Hear(Symbol, Said, Wire),
    Answer(Ask, Verdict, Said),
    EndOfContent(Said),
    /// Content came too slowly.
    Late(Said),
    Handshake(Handshake),
}

#[derive(Clone, Copy, Debug)]
enum Handshake {
    Succeeds,
    Fails,
    /// It takes too long.
    Stalls,
}

struct Walk<'w> {
    settings: &'w Settings,
    rules: Rules,
    alphabet: &'w [Symbol],
    /// What all strings begin with.
    prefix: &'w [Symbol],
    length: usize,
    trail: Vec<Move>,
    out: Vec<u8>,
    steps: u64,
    leaf: &'w mut dyn FnMut(&[Move]),
}

impl<'w> Walk<'w> {
    fn new(
        settings: &'w Settings,
        (rules, alphabet): (Rules, &'w [Symbol]),
        leaf: &'w mut dyn FnMut(&[Move]),
    ) -> Self {
        let (trail, out) = (Vec::new(), Vec::new());
        Walk { settings, rules, alphabet, prefix: &[], length: 0, trail, out, steps: 0, leaf }
    }

    /// What a session and the model agree on after each step.
    fn check(&self, session: &Session, model: &Model, said: Said) {
        let told = || {
            let trail = &self.trail;
            format!("{trail:?}\n{session:?}\n{model:?}\n{}", self.out.escape_ascii())
        };
        assert!(is_said(&self.out, said), "{said:?}: {}", told());
        assert_eq!(session.question().map(asked), model.ask, "{}", told());
        if model.ask.is_none() {
            assert_eq!(wire(session.framing()), model.wire, "{}", told());
        }
        assert_eq!(session.closing().is_some(), model.wire == Wire::End, "{}", told());
        assert_eq!(session.is_secure(), model.secure, "{}", told());
        assert_eq!(session.is_authenticated(), model.authenticated, "{}", told());
        assert_eq!(session.protocol().is_extended(), model.is_extended(), "{}", told());
        if self.out.starts_with(b"250-") {
            let offers = |keyword: &str| {
                self.out.windows(keyword.len()).any(|window| window == keyword.as_bytes())
            };
            assert_eq!(offers("STARTTLS\r\n"), model.offers_tls(), "{}", told());
            // CRAM-MD5 shows no password.
            assert_eq!(offers("AUTH "), self.rules.auth, "{}", told());
            assert_eq!(offers(" PLAIN"), model.offers_auth(), "{}", told());
            assert_eq!(offers("CHUNKING\r\n"), self.rules.chunking, "{}", told());
            assert_eq!(offers("ETRN\r\n"), self.rules.etrn, "{}", told());
            assert_eq!(offers("XCLIENT NAME "), self.rules.trusted, "{}", told());
            assert_eq!(offers("XFORWARD NAME "), self.rules.trusted, "{}", told());
            assert_eq!(offers("PRDR\r\n"), self.rules.each && !self.rules.lmtp, "{}", told());
            let promises = self.rules.promises;
            assert_eq!(offers(&format!("FUTURERELEASE {HELD} {UNTIL}\r\n")), promises);
            assert_eq!(offers(&format!("DELIVERBY {SOONEST}\r\n")), promises);
            assert_eq!(offers("MT-PRIORITY NSEP\r\n"), promises);
            let limits = [("MAILMAX", self.rules.mails), ("RCPTMAX", self.rules.rcpts)];
            for (name, most) in limits {
                assert_eq!(offers(&format!(" {name}=")), most.is_some(), "{}", told());
                assert!(most.is_none_or(|most| offers(&format!(" {name}={most}"))), "{}", told());
            }
        }
    }

    /// Walks all strings of `length` commands that begin with `prefix`.
    fn begin(&mut self, prefix: &'w [Symbol], length: usize) {
        (self.prefix, self.length) = (prefix, length);
        let mut session = Session::new();
        if self.rules.tls {
            session.offer_tls();
        }
        if self.rules.trusted {
            session.trust();
        }
        if self.rules.implicit {
            session.implicit_tls();
        }
        // A connection does so, as its configuration has it.
        if self.rules.pause {
            session.hold_greeting();
        }
        let model = Model::new(self.rules);
        self.check(&session, &model, NOTHING);
        self.settle(session, model, length);
    }

    fn after(&mut self, step: Move, session: Session, model: Model, left: usize) {
        let said = match step {
            Move::Hear(_, said, _) | Move::Answer(_, _, said) => said,
            Move::EndOfContent(said) | Move::Late(said) => said,
            Move::Handshake(_) => NOTHING,
        };
        self.trail.push(step);
        self.check(&session, &model, said);
        self.settle(session, model, left);
        self.trail.pop();
    }

    /// Goes every way on from where both are, with so many commands.
    fn settle(&mut self, mut session: Session, mut model: Model, left: usize) {
        self.steps += 1;
        self.out.clear();
        let mut cx = Context::new("mx.example.org", self.settings);
        if self.rules.auth {
            cx.mechanisms = MECHANISMS;
        }
        if let Some(ask) = model.ask {
            for &verdict in verdicts(ask) {
                let (mut session, mut model) = (session, model);
                self.out.clear();
                match verdict {
                    _ if ask == Ask::Aborted => session.noted(),
                    Verdict::Yes => session.accept(&cx, None, &mut self.out),
                    Verdict::Challenge => {
                        session.challenge(&cx, Base64::parse("").unwrap(), &mut self.out);
                    }
                    _ => session.reject(&cx, refusal(verdict), &mut self.out),
                }
                let step = Move::Answer(ask, verdict, model.answer(verdict));
                self.after(step, session, model, left);
            }
            return;
        }
        let wire = model.wire;
        match wire {
            Wire::End => (self.leaf)(&self.trail),
            Wire::Line if left == 0 => (self.leaf)(&self.trail),
            Wire::Line => {
                let forced = self.prefix.get(self.length - left).map(std::slice::from_ref);
                for &symbol in forced.unwrap_or(self.alphabet) {
                    let (mut session, mut model) = (session, model);
                    self.out.clear();
                    let line = symbol.line().as_bytes();
                    match symbol {
                        _ if session.is_held() && !is_no_octet(symbol) => {
                            session.spoke_first(&cx, &mut self.out);
                        }
                        _ if symbol.is_broken() => {
                            // A connection tells of its start without white space.
                            let line = line.trim_ascii_start();
                            session.bad_line(&cx, LineFault::BareNewline, line, &mut self.out);
                        }
                        Symbol::Dripping | Symbol::Silent => session.timed_out(&cx, &mut self.out),
                        Symbol::Gone => session.peer_gone(),
                        Symbol::Down => session.shut_down(&cx, &mut self.out),
                        _ => session.command(&cx, line, &mut self.out),
                    }
                    if symbol == Symbol::DataEarly {
                        session.followed(&cx, &mut self.out);
                    }
                    let said = model.hear(symbol);
                    let step = Move::Hear(symbol, said, model.wire);
                    self.after(step, session, model, left - 1);
                }
            }
            Wire::Skip(_) | Wire::Data | Wire::Chunk(_) if model.is_late() => {
                let part = model.heard().first_part().unwrap_or_default();
                match model.wire {
                    Wire::Skip(_) => session.swallowed(part),
                    _ => assert_eq!(session.content(&cx, part), part, "content is seen"),
                }
                session.timed_out(&cx, &mut self.out);
                let step = Move::Late(model.late());
                self.after(step, session, model, left);
            }
            Wire::Skip(n) => {
                session.swallowed(n);
                model.wire = Wire::Line;
                self.check(&session, &model, NOTHING);
                self.settle(session, model, left);
            }
            Wire::Data | Wire::Chunk(_) => {
                let (octets, is_chunk) = match model.wire {
                    Wire::Chunk(left) => (left, true),
                    _ if model.heard().first_part().is_some() => (SLOW_CONTENT, false),
                    _ => (CONTENT, false),
                };
                let seen = session.content(&cx, octets);
                if model.is_too_large() {
                    assert_eq!(session.question(), Some(Question::Aborted(Abort::TooLarge)));
                    session.noted();
                } else {
                    assert_eq!(seen, octets, "content is seen");
                }
                if model.heard() == Symbol::DataBare && !is_chunk {
                    session.abort(Abort::BareNewline);
                    assert_eq!(session.question(), Some(Question::Aborted(Abort::BareNewline)));
                    session.noted();
                }
                match is_chunk {
                    false => session.end_of_data(&cx, &mut self.out),
                    true => session.end_of_chunk(&cx, &mut self.out),
                }
                let step = Move::EndOfContent(model.end_of_content());
                self.after(step, session, model, left);
            }
            Wire::Tls => {
                for handshake in [Handshake::Succeeds, Handshake::Fails, Handshake::Stalls] {
                    let (mut session, mut model) = (session, model);
                    self.out.clear();
                    match handshake {
                        Handshake::Succeeds => {
                            session.secured();
                            if self.rules.pause {
                                session.hold_greeting();
                            }
                            model.secured();
                        }
                        Handshake::Fails => {
                            session.tls_failed();
                            model.tls_failed();
                        }
                        Handshake::Stalls => {
                            session.timed_out(&cx, &mut self.out);
                            model.tls_failed();
                        }
                    }
                    self.after(Move::Handshake(handshake), session, model, left);
                }
            }
        }
    }
}

/// Nothing of the client's arrives.
fn is_no_octet(symbol: Symbol) -> bool {
    matches!(symbol, Symbol::Silent | Symbol::Gone | Symbol::Down)
}

/// Walks all strings of `length` commands behind `prefix`, of all servers, on so many threads; of fewer
/// where that is too much for a server. How many there were, each with one way of answering it, and how many steps.
fn walk_all(prefix: &[Symbol], length: usize, threads: usize) -> (u64, u64) {
    let jobs: Vec<(Server, Symbol)> = SERVERS
        .into_iter()
        .flat_map(|server| server.alphabet.iter().map(move |&first| (server, first)))
        .collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let (mut leaves, mut steps) = (0, 0);
        while let Some(&(server, first)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let Server { rules, alphabet, most } = server;
            let settings = settings(rules);
            let mut count = |_: &[Move]| leaves += 1;
            let prefix = [prefix, &[first]].concat();
            let mut walk = Walk::new(&settings, (rules, alphabet), &mut count);
            walk.begin(&prefix, prefix.len() + length.min(most) - 1);
            steps += walk.steps;
        }
        (leaves, steps)
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let counts = workers.into_iter().map(|worker| worker.join().unwrap());
        counts.fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1))
    })
}

/// What happens on the client's side of the link, in this order.
#[derive(Debug)]
enum Sends {
    /// Only when the server waits for it.
    Octets(Vec<u8>),
    /// Two thirds of a wait pass.
    Nothing,
    /// It closes its side.
    Eof,
    /// It is the server's turn to end it.
    ShutDown,
}

/// What a client sends that says so. Content looks like commands that would end the session. One that
/// waits sends nothing behind DATA until it is answered.
fn sent(trail: &[Move], waits: bool) -> Vec<Sends> {
    let (mut sent, mut line) = (vec![Sends::Octets(Vec::new())], Symbol::Noop);
    let add = |sent: &mut Vec<Sends>, octets: &[u8]| match sent.last_mut() {
        Some(Sends::Octets(before)) => before.extend_from_slice(octets),
        _ => sent.push(Sends::Octets(octets.to_vec())),
    };
    let pause = |sent: &mut Vec<Sends>| sent.push(Sends::Nothing);
    let content = |sent: &mut Vec<Sends>, symbol: Symbol| {
        let Some(first) = symbol.first_part() else { return add(sent, b"QUIT\r\n") };
        let content = b"QUIT\r\n".repeat((SLOW_CONTENT / CONTENT) as usize);
        let (first, second) = content.split_at(first as usize);
        pause(sent);
        add(sent, first);
        pause(sent);
        add(sent, second);
    };
    for step in trail {
        match *step {
            Move::Hear(Symbol::Dripping, ..) => {
                for octet in [b"N", b"O", b"O"] {
                    add(&mut sent, octet);
                    pause(&mut sent);
                }
            }
            Move::Hear(Symbol::Silent, _, wire) => {
                // The pause before a greeting is shorter.
                for _ in 0..if wire == Wire::End { 2 } else { 1 } {
                    pause(&mut sent);
                }
            }
            Move::Hear(Symbol::Gone, ..) => sent.push(Sends::Eof),
            Move::Hear(Symbol::Down, ..) => sent.push(Sends::ShutDown),
            Move::Hear(symbol, _, wire) => {
                line = symbol;
                add(&mut sent, symbol.line().as_bytes());
                add(&mut sent, b"\r\n");
                if let Wire::Skip(_) | Wire::Chunk(1..) = wire {
                    content(&mut sent, symbol);
                }
                match symbol {
                    Symbol::DataEarly if wire == Wire::End => content(&mut sent, symbol),
                    _ if waits && symbol.is_data() => sent.push(Sends::Octets(vec![])),
                    _ => {}
                }
            }
            Move::Answer(_, _, [(_, [354]), _]) => {
                if line == Symbol::DataBare {
                    add(&mut sent, b"QUIT\n.\n");
                }
                content(&mut sent, line);
                add(&mut sent, b".\r\n");
            }
            Move::Answer(Ask::StartTls, ..) => sent.push(Sends::Octets(Vec::new())),
            Move::Answer(..) | Move::EndOfContent(_) | Move::Late(_) | Move::Handshake(_) => {}
        }
    }
    sent
}

/// Takes a whole connection the same way, with what the client sends in pieces of so many octets.
fn replay(rules: Rules, trail: &[Move], piece: usize) {
    let mut server = Connection::new(config(rules));
    if rules.tls {
        server.offer_tls();
    }
    if rules.trusted {
        server.trust();
    }
    if rules.implicit {
        server.implicit_tls();
    }
    let told = || format!("{rules:?} {trail:?} in pieces of {piece}");
    let mut moves = trail.iter().filter(|step| match step {
        Move::Answer(ask, ..) => *ask != Ask::Aborted,
        Move::Handshake(_) => true,
        _ => false,
    });
    let mut sends = sent(trail, rules.strict_data).into_iter().peekable();
    // What comes too early is what comes together with the command.
    let piece = if rules.strict_data { usize::MAX } else { piece };
    let (mut at, mut heard, mut body) = (0, Vec::new(), Vec::new());
    // The time, in seconds; and of the present wait its number and its end.
    let (mut now, mut wait) = (0, (u64::MAX, 0));
    loop {
        match server.step() {
            Want::Event => answer(server.event(), &mut moves, &mut body, &told),
            Want::Tls => match moves.next() {
                Some(Move::Handshake(Handshake::Succeeds)) => server.secured(),
                Some(Move::Handshake(Handshake::Fails)) => server.tls_failed(),
                Some(Move::Handshake(Handshake::Stalls)) => server.timed_out(),
                other => panic!("{other:?} {}", told()),
            },
            Want::Input | Want::Flush if server.tx().has_remaining() => {
                let tx = server.tx();
                heard.extend_from_slice(tx.chunk());
                tx.advance(tx.remaining());
            }
            Want::Flush => panic!("nothing to flush"),
            Want::Input => {
                if wait.0 != server.heard() {
                    wait = (server.heard(), now + server.patience().as_secs());
                }
                match sends.peek() {
                    Some(Sends::Octets(octets)) if at < octets.len() => {
                        let rest = &octets[at..];
                        at += server.rx().receive(&rest[..piece.min(rest.len())]);
                        continue;
                    }
                    Some(Sends::Octets(_)) => at = 0,
                    Some(Sends::Nothing) => {
                        now += PATIENCE * 2 / 3;
                        if now >= wait.1 {
                            server.timed_out();
                        }
                    }
                    Some(Sends::Eof) => server.eof(),
                    Some(Sends::ShutDown) => server.shut_down(),
                    None => break,
                }
                sends.next();
            }
            Want::Close => break,
        }
    }
    assert!(moves.next().is_none(), "not asked {}", told());
    for step in trail {
        let said = match *step {
            Move::Hear(_, said, _) | Move::Answer(_, _, said) => said,
            Move::EndOfContent(said) | Move::Late(said) => said,
            Move::Handshake(_) => continue,
        };
        for codes in replies(said) {
            let end = end_of_reply(&heard);
            assert!(is_reply(&heard[..end], codes), "{} {}", heard.escape_ascii(), told());
            heard.drain(..end);
        }
    }
    assert!(heard.is_empty(), "{} {}", heard.escape_ascii(), told());
}

/// Where the first reply ends.
fn end_of_reply(heard: &[u8]) -> usize {
    let mut end = 0;
    for line in heard.split_inclusive(|&byte| byte == b'\n') {
        end += line.len();
        if line.get(3) != Some(&b'-') {
            break;
        }
    }
    end
}

fn answer<'m>(
    event: Event<'_>,
    moves: &mut impl Iterator<Item = &'m Move>,
    body: &mut Vec<u8>,
    told: &dyn Fn() -> String,
) {
    match event {
        Event::Body(octets) => return body.extend_from_slice(octets),
        Event::Aborted(_) => return body.clear(),
        _ => {}
    }
    let Some(&Move::Answer(ask, verdict, _)) = moves.next() else {
        panic!("{event:?} {}", told());
    };
    macro_rules! decide {
        ($handle:expr) => {
            match verdict {
                Verdict::Yes => $handle.accept(),
                _ => $handle.reject(refusal(verdict)),
            }
        };
    }
    macro_rules! exchange {
        ($handle:expr) => {
            match verdict {
                Verdict::Challenge => $handle.challenge(b""),
                _ => decide!($handle),
            }
        };
    }
    match (ask, event) {
        (Ask::Greet, Event::Greet(greet)) => decide!(greet),
        (Ask::Hello, Event::Hello(hello)) => decide!(hello),
        (Ask::Mail, Event::Mail(mail)) => {
            assert_eq!(mail.reverse_path().to_string(), "<a@a.example>");
            body.clear();
            decide!(mail);
        }
        (Ask::Rcpt, Event::Rcpt(rcpt)) => {
            assert_eq!(rcpt.forward_path().to_string(), "<b@x.example>");
            decide!(rcpt);
        }
        (Ask::Data, Event::Data(data)) => decide!(data),
        (Ask::Message, Event::Message(message)) => {
            assert!(body.chunks(6).all(|chunk| chunk == b"QUIT\r\n"), "{}", told());
            assert_eq!(message.size(), body.len() as u64, "{}", told());
            decide!(message);
        }
        (Ask::StartTls, Event::StartTls(start)) => decide!(start),
        (Ask::Auth, Event::Auth(auth)) => exchange!(auth),
        (Ask::Response, Event::AuthResponse(response)) => exchange!(response),
        (Ask::Etrn, Event::Etrn(etrn)) => decide!(etrn),
        (Ask::Verify, Event::Verify(verify)) => decide!(verify),
        (Ask::Expand, Event::Expand(expand)) => decide!(expand),
        (Ask::Xforward, Event::Xforward(xforward)) => decide!(xforward),
        (Ask::Xclient, Event::Xclient(xclient)) => decide!(xclient),
        (ask, event) => panic!("{event:?} and not {ask:?} {}", told()),
    }
}

fn config(rules: Rules) -> Config {
    let mut config = Config::new("mx.example.org").unwrap().limits(limits(rules));
    config = config.max_size(rules.size.unwrap_or(0));
    if !rules.chunking {
        config = config.without(Extension::Chunking).without(Extension::BinaryMime);
    }
    if rules.auth {
        config = config.auth(MECHANISMS.split(' ')).unwrap();
    }
    if rules.pause {
        config = config.greet_pause(Duration::from_secs(5));
    }
    if rules.etrn {
        config = config.with(Extension::Etrn);
    }
    if rules.each {
        config = config.with(Extension::Prdr);
    }
    if rules.users {
        config = config.ask_verify().ask_expand();
    }
    if rules.promises {
        let until = DateTime::parse(UNTIL).unwrap();
        config = config.future_release(HELD, until).deliver_by(SOONEST);
        config = config.priorities(PriorityProfile::Nsep);
    }
    if rules.strict_data {
        config = config.refuse_early_content();
    }
    if rules.lenient {
        config = config.syntax(Syntax::Lenient);
    }
    if let Some(most) = rules.mails {
        config = config.mail_max(most);
    }
    if let Some(most) = rules.rcpts {
        config = config.rcpt_max(most);
    }
    if rules.lmtp {
        config = config.lmtp();
    }
    if rules.require_tls {
        config = config.require_tls();
    }
    if rules.require_auth {
        config = config.require_auth();
    }
    if rules.plaintext_auth {
        config = config.allow_plaintext_auth();
    }
    config
}

/// Replays all strings of `length` commands behind `prefix` on whole connections of those servers;
/// how many there were.
fn replay_all(which: fn(Rules) -> bool, prefix: &[Symbol], length: usize, pieces: &[usize]) -> u64 {
    let mut strings = 0;
    for server in SERVERS.into_iter().filter(|server| which(server.rules)) {
        let Server { rules, alphabet, most } = server;
        let length = length.min(most - 2);
        let settings = settings(rules);
        let mut leaf = |trail: &[Move]| {
            strings += 1;
            for &piece in pieces {
                replay(rules, trail, piece);
            }
        };
        Walk::new(&settings, (rules, alphabet), &mut leaf).begin(prefix, prefix.len() + length);
    }
    strings
}

/// The same in transactions whose recipients each get a reply, and in those in which time passes.
fn replay_transactions(length: usize, pieces: &[usize]) -> u64 {
    use Symbol::{Bdat, Ehlo, Lhlo, Mail, MailEach, Rcpt};
    let each = |rules: Rules| rules.each && !rules.lmtp;
    let rated = |rules: Rules| rules.rate > 0;
    replay_all(each, &[Ehlo, MailEach, Rcpt], length, pieces)
        + replay_all(each, &[Ehlo, MailEach, Rcpt, Rcpt], length, pieces)
        + replay_all(rated, &[Ehlo, Mail, Rcpt], length, pieces)
        + replay_all(rated, &[Ehlo, Mail, Rcpt, Bdat], length, pieces)
        + replay_all(|rules| rules.lmtp, &[Lhlo, Mail, Rcpt, Rcpt], length - 1, pieces)
}

/// A way that the model goes when it is told so.
fn way(Server { rules, alphabet, .. }: Server, choices: &[u8]) -> Vec<Move> {
    let (mut model, mut trail) = (Model::new(rules), Vec::new());
    let mut choices = choices.iter().map(|&choice| usize::from(choice));
    loop {
        if let Some(ask) = model.ask {
            // Most of all answers are yes.
            let choice = choices.next().unwrap_or(0);
            let verdicts = verdicts(ask);
            let verdict = verdicts[if choice < 160 { 0 } else { choice % verdicts.len() }];
            trail.push(Move::Answer(ask, verdict, model.answer(verdict)));
            continue;
        }
        let wire = model.wire;
        match wire {
            Wire::End => return trail,
            Wire::Skip(_) | Wire::Data | Wire::Chunk(_) if model.is_late() => {
                trail.push(Move::Late(model.late()));
            }
            Wire::Skip(_) => model.wire = Wire::Line,
            Wire::Data | Wire::Chunk(_) => trail.push(Move::EndOfContent(model.end_of_content())),
            Wire::Tls => {
                model.secured();
                trail.push(Move::Handshake(Handshake::Succeeds));
            }
            Wire::Line => {
                let Some(choice) = choices.next() else { return trail };
                // What makes no difference to this server is not often said.
                let symbols = if choice < 200 { alphabet } else { &Symbol::ALL };
                let symbol = symbols[choice % symbols.len()];
                let said = model.hear(symbol);
                trail.push(Move::Hear(symbol, said, model.wire));
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    #[test]
    fn long_sessions(choices in prop::collection::vec(any::<u8>(), 1..120), piece in 1_usize..40) {
        for server in SERVERS {
            let (rules, trail) = (server.rules, way(server, &choices));
            for piece in [usize::MAX, piece, 1] {
                replay(rules, &trail, piece);
            }
        }
    }
}

#[test]
fn every_string_of_three_commands() {
    let (strings, _) = walk_all(&[], 3, 2);
    assert!(strings > 100_000, "{strings}");
}

#[test]
fn every_string_of_two_commands_in_a_transaction() {
    use Symbol::{Bdat, Ehlo, Lhlo, Mail, MailEach, Rcpt};
    for (hello, mail) in [(Ehlo, Mail), (Ehlo, MailEach), (Lhlo, Mail)] {
        for length in 2..=5 {
            let (strings, _) = walk_all(&[hello, mail, Rcpt, Rcpt, Bdat][..length], 2, 2);
            assert!(strings > 1_000, "{strings}");
        }
    }
}

/// Where the answer to what is said next depends on what was used up before.
#[test]
fn every_string_of_two_commands_behind_what_costs_or_forgives() {
    use Symbol::*;
    for prefix in [
        &[Ehlo, Mail, Rcpt, Data][..],
        &[Ehlo, Mail, Rcpt, BdatNone],
        &[Ehlo, MailEach, Rcpt, Rcpt, Data],
        &[Lhlo, Mail, Rcpt, Rcpt, Data],
        &[Lhlo, Mail, Rcpt, BdatNone],
        &[Ehlo, Auth, StartTls, Ehlo],
        &[Ehlo, MailBinary, Rcpt],
    ] {
        let (strings, _) = walk_all(prefix, 2, 2);
        assert!(strings > 1_000, "{strings}");
    }
}

#[test]
fn whole_connections_go_every_way_of_a_few_commands() {
    let strings = replay_all(|_| true, &[], 2, &[usize::MAX, 1]);
    assert!(strings > 5_000, "{strings}");
    let strings = replay_transactions(1, &[usize::MAX, 1]);
    assert!(strings > 1_000, "{strings}");
}

/// `ci/exhaustive.sh` runs this.
#[test]
#[ignore = "minutes, in release mode"]
fn every_string_of_six_or_seven_commands() {
    let (strings, steps) = walk_all(&[], usize::MAX, 2);
    println!("{strings} strings, {steps} steps");
}

#[test]
#[ignore = "a minute, in release mode"]
fn whole_connections_go_every_way_of_four_commands() {
    println!("{} strings", replay_all(|_| true, &[], 4, &[usize::MAX, 1, 9]));
    println!("{} strings in transactions", replay_transactions(2, &[usize::MAX, 1, 9]));
}
