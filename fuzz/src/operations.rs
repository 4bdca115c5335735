//! The server's session by operations: whatever is done to it, in whatever order, it answers each
//! command once and asks nothing that it should not.
//!
//! Behind the choices an input is the octets of a client. Controls that mail does not hold are
//! operations between them; see [`Operation`].

use bytes::Buf;
use smtp_codec::proto::command::AttributeValue;
use smtp_codec::server::{Abort, Closing, Connection, Event, Want};

use crate::Choices;
use crate::answer::{Answer, give, give_with};
use crate::reckoning::Reckoning;
use crate::settings::{More, config};

/// What stands between the octets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operation {
    Byte(u8),
    Eof,
    TimedOut,
    ShutDown,
    HandshakeDone,
    HandshakeFailed,
    Broken,
    Release,
    Unbound,
    OfferTls,
    /// What was gathered arrives, and the session runs as far as it gets.
    Arrive,
}

impl Operation {
    fn read(script: &mut &[u8]) -> Option<Self> {
        let (first, rest) = script.split_first()?;
        *script = rest;
        Some(match first {
            0x01 => Operation::Eof,
            0x02 => Operation::TimedOut,
            0x03 => Operation::ShutDown,
            0x04 => Operation::HandshakeDone,
            0x05 => Operation::HandshakeFailed,
            0x06 => Operation::Broken,
            0x07 => Operation::Release,
            0x0e => Operation::Unbound,
            0x0f => Operation::OfferTls,
            0x10 => Operation::Arrive,
            // So that every octet can be sent.
            0x1b => {
                let (escaped, rest) = rest.split_first()?;
                *script = rest;
                Operation::Byte(*escaped)
            }
            byte => Operation::Byte(*byte),
        })
    }
}

/// Any operations.
pub fn server_operations(input: &[u8]) {
    let (mut choices, script) = Choices::part(input);
    let mut session = Session::new(&mut choices);
    let mut script = script;
    // In step a line is sent once the one before is answered, so that replies can be counted.
    let in_step = choices.flag();
    let mut gathered = Vec::new();
    while let Some(operation) = Operation::read(&mut script) {
        match operation {
            Operation::Byte(byte) => {
                gathered.push(byte);
                let whole = gathered.ends_with(b"\r\n");
                if in_step && (whole || gathered.len() >= session.reckoning.next_piece()) {
                    session.arrive(&mut gathered, &mut choices, true);
                }
            }
            Operation::Arrive if in_step => {}
            Operation::Arrive => session.arrive(&mut gathered, &mut choices, false),
            other => session.operate(other, &mut choices),
        }
        if session.over {
            break;
        }
    }
    session.arrive(&mut gathered, &mut choices, false);
    session.end(&mut choices);
}

/// How far the application has been led.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Idle,
    Open,
    /// Content may come.
    Content,
    /// In LMTP and under PRDR, so many recipients were judged.
    Judged(u32),
}

struct Session {
    connection: Connection,
    reckoning: Reckoning,
    stage: Stage,
    accepted: u32,
    received: u64,
    max_size: Option<u64>,
    lmtp: bool,
    more: More,
    /// The transaction is under PRDR.
    each: bool,
    /// MAIL of which the application was told, and RCPT of the transaction.
    mails: u32,
    named: u32,
    trusted: bool,
    greeted: bool,
    /// HELO or EHLO was taken, since TLS or XCLIENT made all things new.
    introduced: bool,
    tls_due: bool,
    secure: bool,
    authenticated: bool,
    challenges: u32,
    utf8: bool,
    /// So was a transaction whose replies may not have been sent yet.
    was_utf8: bool,
    heard: u64,
    eof: bool,
    over: bool,
    steps: usize,
    sent: usize,
}

impl Session {
    fn new(choices: &mut Choices<'_>) -> Self {
        let (config, max_size, lmtp) = config(choices);
        let flags = choices.next();
        let more = More::of(if flags & 8 != 0 { choices.next() } else { 0 });
        let mut connection = Connection::new(more.add(config));
        if flags & 1 != 0 {
            connection.trust();
        }
        if flags & 2 != 0 {
            connection.offer_tls();
        }
        if flags & 4 != 0 {
            connection.implicit_tls();
        }
        Session {
            connection,
            reckoning: Reckoning::new(lmtp, more.lenient),
            stage: Stage::Idle,
            accepted: 0,
            received: 0,
            max_size,
            lmtp,
            more,
            each: false,
            mails: 0,
            named: 0,
            trusted: flags & 1 != 0,
            greeted: false,
            introduced: false,
            tls_due: flags & 4 != 0,
            secure: false,
            authenticated: false,
            challenges: 0,
            utf8: false,
            was_utf8: false,
            heard: 0,
            eof: false,
            over: false,
            steps: 0,
            sent: 0,
        }
    }

    /// Has octets arrive, and lets the session run until it wants more. `exact`: they are one line,
    /// or a piece of content, and everything before was answered.
    fn arrive(&mut self, gathered: &mut Vec<u8>, choices: &mut Choices<'_>, exact: bool) {
        let mut rest = &gathered[..];
        self.run(choices);
        self.reckoning.settle();
        if self.over || self.eof || self.tls_due {
            return gathered.clear();
        }
        if exact {
            self.reckoning.sent(rest);
        } else if !rest.is_empty() {
            self.reckoning.lose_count();
        }
        while !rest.is_empty() && !self.over && !self.tls_due && !self.eof {
            let taken = self.connection.rx().receive(rest);
            assert!(taken > 0, "no room for what was wanted");
            self.sent += taken;
            rest = rest.get(taken..).unwrap_or_default();
            self.run(choices);
        }
        gathered.clear();
        let closing = self.connection.closing();
        // A line that is sent alone has nothing behind it.
        let early = closing == Some(Closing::EarlyTalker);
        assert!(!early || self.more.strict_data && !exact, "{closing:?}");
        self.reckoning.check(self.accepted, self.each, closing);
    }

    /// Steps until something is wanted that only the script can give.
    fn run(&mut self, choices: &mut Choices<'_>) {
        loop {
            self.steps += 1;
            assert!(self.steps < 10_000 + 30 * self.sent, "a session without an end");
            let want = self.connection.step();
            assert!(self.connection.heard() >= self.heard);
            self.heard = self.connection.heard();
            assert!(self.connection.buffered() <= 128 * 1024);
            assert!(!self.connection.patience().is_zero());
            assert_eq!(self.connection.is_secure(), self.secure);
            match want {
                Want::Event => self.event(choices),
                Want::Flush => self.flush(),
                Want::Input => return self.flush(),
                Want::Tls => {
                    assert!(self.tls_due, "a handshake that nobody agreed to");
                    assert!(!self.connection.tx().has_remaining());
                    return;
                }
                Want::Close => {
                    assert!(!self.connection.tx().has_remaining());
                    self.over = true;
                    return;
                }
            }
        }
    }

    fn flush(&mut self) {
        let tx = self.connection.tx();
        let said = tx.chunk().to_vec();
        let utf8 = std::mem::replace(&mut self.was_utf8, self.utf8) || self.utf8;
        assert!(utf8 || said.is_ascii(), "{}", said.escape_ascii());
        tx.advance(said.len());
        self.reckoning.said(&said);
    }

    fn operate(&mut self, operation: Operation, choices: &mut Choices<'_>) {
        if !matches!(operation, Operation::Release | Operation::Unbound | Operation::OfferTls) {
            self.reckoning.disturb();
        }
        match operation {
            Operation::Byte(_) | Operation::Arrive => {}
            Operation::Eof => {
                self.eof = true;
                self.connection.eof();
            }
            Operation::TimedOut => self.connection.timed_out(),
            Operation::ShutDown => self.connection.shut_down(),
            Operation::Broken => {
                self.connection.broken();
                assert!(!self.connection.tx().has_remaining());
            }
            Operation::Release => self.connection.release(),
            Operation::Unbound => self.connection.unbound(),
            Operation::OfferTls => self.connection.offer_tls(),
            Operation::HandshakeDone => {
                self.run(choices);
                if self.tls_due && !self.over {
                    let injected = choices.next() == 255;
                    if injected {
                        self.connection.rx().receive(b"RSET\r\n");
                    }
                    self.connection.secured();
                    self.tls_due = false;
                    if injected {
                        assert_eq!(self.connection.closing(), Some(Closing::Injected));
                    } else {
                        assert!(self.connection.is_secure());
                        (self.secure, self.authenticated) = (true, false);
                        (self.introduced, self.mails) = (false, 0);
                        self.reset();
                    }
                }
            }
            Operation::HandshakeFailed => {
                self.run(choices);
                if self.tls_due && !self.over {
                    self.connection.tls_failed();
                    assert_eq!(self.connection.closing(), Some(Closing::TlsFailed));
                    assert!(!self.connection.tx().has_remaining());
                }
            }
        }
        self.run(choices);
    }

    fn reset(&mut self) {
        self.was_utf8 |= self.utf8;
        (self.stage, self.accepted, self.utf8) = (Stage::Idle, 0, false);
        (self.each, self.named) = (false, 0);
    }

    /// What an application is asked, and any answer to it.
    fn event(&mut self, choices: &mut Choices<'_>) {
        let first = format!("{:?}", self.connection.event());
        // Not answered, it comes back.
        assert_eq!(format!("{:?}", self.connection.event()), first);
        assert!(!self.tls_due, "asked while a handshake is due: {first}");
        let answer = Answer::of(choices.next());
        let event = self.connection.event();
        if let Event::Body(bytes) = &event {
            assert_eq!(self.stage, Stage::Content);
            assert!(!bytes.is_empty());
            self.received += u64::try_from(bytes.len()).expect("a length");
            assert!(self.max_size.is_none_or(|most| self.received <= most));
            return;
        }
        if !matches!(event, Event::Aborted(_)) {
            self.reckoning.asked(answer.code());
        }
        let yes = matches!(answer, Answer::Accept | Answer::AcceptWith(_));
        let anybody = matches!(
            event,
            Event::Greet(_)
                | Event::Hello(_)
                | Event::Verify(_)
                | Event::Expand(_)
                | Event::Xclient(_)
                | Event::Xforward(_)
        );
        assert!(self.introduced || anybody, "asked before EHLO: {first}");
        match event {
            Event::Greet(greet) => {
                assert!(!self.greeted, "greeted twice");
                self.greeted = true;
                give_with!(answer, greet);
            }
            Event::Hello(hello) => {
                give!(answer, hello);
                if yes {
                    self.introduced = true;
                    self.reset();
                }
            }
            Event::Mail(mail) => {
                assert_eq!(mail.parameters().iter().filter(|it| it.kind().is_none()).count(), 0);
                let utf8 = mail.parameters().smtp_utf8();
                let each = mail.parameters().prdr();
                self.more.check(&mail.parameters());
                self.mails += 1;
                assert!(self.more.told.is_none_or(|(mails, _)| self.mails <= mails));
                give_with!(answer, mail);
                if yes {
                    self.reset();
                    (self.stage, self.received, self.utf8) = (Stage::Open, 0, utf8);
                    assert!(!each || self.more.each && !self.lmtp);
                    self.each = each;
                }
            }
            Event::Rcpt(rcpt) => {
                assert_eq!(self.stage, Stage::Open, "a recipient for nothing");
                self.named += 1;
                assert!(self.more.told.is_none_or(|(_, most)| self.named <= most));
                give_with!(answer, rcpt);
                self.accepted += u32::from(yes);
            }
            Event::Data(data) => {
                assert_eq!(self.stage, Stage::Open);
                assert!(self.accepted > 0, "content for nobody");
                assert_eq!(data.protocol().is_secure(), self.secure);
                give!(answer, data);
                self.stage = if yes { Stage::Content } else { Stage::Idle };
            }
            Event::Message(message) => {
                let judged = match self.stage {
                    Stage::Content => 0,
                    Stage::Judged(number) => number,
                    other => panic!("a message at {other:?}"),
                };
                assert!(judged < self.accepted, "a message for nobody");
                let each = self.lmtp || self.each;
                assert_eq!(message.recipient(), each.then_some(judged));
                if self.each && self.accepted > 1 {
                    // The last reply is the session's.
                    self.reckoning.asked(None);
                }
                assert_eq!(message.size(), self.received);
                assert_eq!(message.protocol().is_utf8(), self.utf8);
                give_with!(answer, message);
                let last = !each || judged + 1 == self.accepted;
                self.stage = if last { Stage::Idle } else { Stage::Judged(judged + 1) };
            }
            Event::Aborted(abort) => {
                assert_eq!(self.stage, Stage::Content, "{abort:?}");
                assert!(abort != Abort::TooLarge || self.max_size.is_some());
                self.stage = Stage::Idle;
            }
            Event::Verify(it) => {
                give_with!(answer, it);
            }
            Event::Expand(it) => {
                give_with!(answer, it);
            }
            Event::StartTls(start) => {
                assert!(!self.secure);
                give!(answer, start);
                self.tls_due = yes;
            }
            Event::Auth(auth) => {
                assert!(!self.authenticated, "authenticated twice");
                self.challenges = 0;
                let _ = auth.initial_response();
                match answer {
                    Answer::AcceptWith(_) => {
                        self.challenges += 1;
                        self.reckoning.asked(None);
                        auth.challenge(b"who?");
                    }
                    other => give!(other, auth),
                }
                self.authenticated = answer == Answer::Accept;
            }
            Event::AuthResponse(response) => {
                assert!(self.challenges > 0, "a response to nothing");
                let _ = response.response();
                match answer {
                    Answer::AcceptWith(_) => {
                        self.challenges += 1;
                        assert!(self.challenges < 64);
                        self.reckoning.asked(None);
                        response.challenge(&[0xff; 20]);
                    }
                    other => give!(other, response),
                }
                self.authenticated = answer == Answer::Accept;
            }
            Event::Etrn(it) => {
                give_with!(answer, it);
            }
            Event::Xclient(xclient) => {
                assert!(self.trusted, "nobody may say so");
                let login =
                    matches!(xclient.attributes().get("LOGIN"), Some(AttributeValue::Is(_)));
                give!(answer, xclient);
                if yes {
                    // What is said next is the greeting.
                    self.reckoning.asked(None);
                    self.reset();
                    (self.authenticated, self.greeted) = (login, false);
                    (self.introduced, self.mails) = (false, 0);
                }
            }
            Event::Xforward(xforward) => {
                assert!(self.trusted, "nobody may say so");
                give!(answer, xforward);
            }
            Event::Body(_) | Event::Idle | Event::Closed(_) => {
                panic!("nothing to be asked: {first}")
            }
            other => other.proceed(),
        }
        if self.connection.closing().is_none() {
            assert_eq!(self.connection.is_authenticated(), self.authenticated);
        }
    }

    /// Whatever happens to a session that is over, it stays so.
    fn end(mut self, choices: &mut Choices<'_>) {
        if !self.over {
            self.run(choices);
        }
        if self.tls_due && !self.over {
            self.connection.timed_out();
            assert_eq!(self.connection.closing(), Some(Closing::TlsFailed));
            self.tls_due = false;
            self.run(choices);
        }
        if !self.over {
            self.reckoning.disturb();
            match choices.next() % 3 {
                0 => self.connection.eof(),
                1 => self.connection.timed_out(),
                _ => self.connection.broken(),
            }
            self.run(choices);
        }
        // A client that goes on sending in the middle of content is at its end all the same.
        assert!(self.over, "{:?}", self.connection);
        self.reckoning.end();
        let closing = self.connection.closing().expect("an end");
        assert!(self.connection.lingers() || !matches!(closing, Closing::TooManyErrors));
        for operation in [
            Operation::Eof,
            Operation::TimedOut,
            Operation::ShutDown,
            Operation::Broken,
            Operation::OfferTls,
            Operation::Unbound,
            Operation::Release,
        ] {
            match operation {
                Operation::Eof => self.connection.eof(),
                Operation::TimedOut => self.connection.timed_out(),
                Operation::ShutDown => self.connection.shut_down(),
                Operation::Broken => self.connection.broken(),
                Operation::OfferTls => self.connection.offer_tls(),
                Operation::Unbound => self.connection.unbound(),
                _ => self.connection.release(),
            }
            let _ = self.connection.rx().receive(b"NOOP\r\n");
            assert_eq!(self.connection.step(), Want::Close);
            assert!(!self.connection.tx().has_remaining(), "a word behind the last");
            assert_eq!(self.connection.closing(), Some(closing));
            match self.connection.event() {
                Event::Closed(told) => assert_eq!(told, closing),
                other => panic!("behind the end: {other:?}"),
            }
        }
    }
}
