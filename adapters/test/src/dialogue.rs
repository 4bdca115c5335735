//! One session of a scripted server, without I/O: octets in, things to do with the link out.
//!
//! The core gets one line at a time, so that what it says can be laid to that line, and changed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Buf;
use smtp_codec::server::{Closing, Connection, Want};

use crate::act::{Do, Then};
use crate::at::Happening;
use crate::login::Login;
use crate::record::{Book, Ended};
use crate::script::{Rules, Script, Tls};
use crate::transcript::Side;

mod answers;

use self::answers::abandon;

/// What the link is to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Wait(Duration),
    Say(Vec<u8>),
    /// Octet by octet.
    Drip(Vec<u8>, Duration),
    /// Handshake.
    Secure,
    /// Say nothing more, and keep the link.
    Stall,
    Close,
}

/// What comes in next.
#[derive(Clone, Copy, Debug)]
enum Next {
    Line,
    /// Content by DATA; whether the last line ended in CRLF.
    Data(bool),
    /// Content by BDAT: octets, and whether they are the last.
    Chunk(usize, bool),
    /// A handshake.
    Tls,
    /// Nothing counts any more.
    Nothing,
}

pub(crate) struct Dialogue {
    script: Arc<Script>,
    rules: Arc<Rules>,
    book: Arc<Book>,
    /// From 0.
    page: usize,
    core: Connection,
    next: Next,
    input: Vec<u8>,
    acts: VecDeque<Act>,
    /// What the last BDAT was answered with is said behind its chunk.
    held: Option<Do>,
    /// Octets in each direction.
    received: usize,
    sent: usize,
    recipients: usize,
    login: Login,
}

impl Dialogue {
    pub(crate) fn new(script: &Arc<Script>, rules: &Arc<Rules>, book: &Arc<Book>) -> Self {
        let mut core = Connection::new(script.config.clone());
        match script.tls {
            Tls::Never => {}
            Tls::Offered => core.offer_tls(),
            Tls::Implicit => core.implicit_tls(),
        }
        let mut dialogue = Dialogue {
            script: Arc::clone(script),
            rules: Arc::clone(rules),
            book: Arc::clone(book),
            page: book.open(),
            core,
            next: Next::Line,
            input: Vec::new(),
            acts: VecDeque::new(),
            held: None,
            received: 0,
            sent: 0,
            recipients: 0,
            login: Login::default(),
        };
        match script.tls {
            Tls::Never | Tls::Offered => dialogue.greet(),
            Tls::Implicit => {
                let _ = dialogue.core.step();
                dialogue.next = Next::Tls;
                dialogue.acts.push_back(Act::Secure);
            }
        }
        dialogue
    }

    fn greet(&mut self) {
        let act = self.rules.find(Happening::Connect, self.page + 1, 0).unwrap_or(Do::usual());
        if !act.act {
            return self.end(act.then);
        }
        let usual = self.run(&[], act.refuses());
        self.reply(&act, usual);
    }

    /// The next thing to do; none if there must come something first.
    pub(crate) fn act(&mut self) -> Option<Act> {
        self.acts.pop_front()
    }

    /// The client said something.
    pub(crate) fn receive(&mut self, octets: &[u8]) {
        let end = self.rules.end(false, self.page + 1);
        let left = end.as_ref().map_or(usize::MAX, |(most, _)| most.saturating_sub(self.received));
        let octets = &octets[..left.min(octets.len())];
        self.received += octets.len();
        self.book.write(self.page, |session| session.transcript.say(Side::Client, octets));
        self.input.extend_from_slice(octets);
        while self.turn() {}
        if let Some((_, act)) = end.filter(|_| octets.len() == left) {
            self.end(act.then);
        }
    }

    /// The client closed its side, or the link broke.
    pub(crate) fn gone(&mut self) {
        if !matches!(self.next, Next::Nothing) {
            self.core.eof();
            self.close(Ended::ByClient);
        }
    }

    pub(crate) fn timed_out(&mut self) {
        if !matches!(self.next, Next::Nothing) {
            self.core.timed_out();
            let last = self.run(&[], false);
            self.say(last, None);
            self.close(Ended::TimedOut);
        }
    }

    /// The handshake came to that.
    pub(crate) fn secured(&mut self, done: bool) {
        if !done {
            self.core.tls_failed();
            return self.close(Ended::TlsFailed);
        }
        self.book.write(self.page, |session| {
            session.secured = true;
            session.transcript.note("TLS");
        });
        self.core.secured();
        self.next = Next::Line;
        if self.script.tls == Tls::Implicit {
            self.greet();
        } else {
            let _ = self.run(&[], false);
        }
    }

    /// Adds to the transcript.
    pub(crate) fn note(&self, note: &str) {
        self.book.write(self.page, |session| session.transcript.note(note));
    }

    /// Takes one thing out of the input; whether there was one.
    fn turn(&mut self) -> bool {
        match self.next {
            Next::Line => self.line(),
            Next::Data(whole) => self.data(whole),
            Next::Chunk(left, last) => self.chunk(left, last),
            Next::Tls | Next::Nothing => false,
        }
    }

    fn take_line(&mut self) -> Option<Vec<u8>> {
        let end = self.input.iter().position(|&b| b == b'\n')? + 1;
        Some(self.input.drain(..end).collect())
    }

    fn line(&mut self) -> bool {
        let Some(mut line) = self.take_line() else { return false };
        let text = String::from_utf8_lossy(&line).trim_end_matches(['\r', '\n']).to_owned();
        let words: Vec<String> = text.split(' ').map(str::to_ascii_uppercase).collect();
        let what = if self.login.is_on() {
            Happening::Response(&text)
        } else {
            match words[0].as_str() {
                "MAIL" => self.recipients = 0,
                "RCPT" => self.recipients += 1,
                _ => {}
            }
            Happening::Command(&text)
        };
        let is_command = matches!(what, Happening::Command(_));
        let act = self.rules.find(what, self.page + 1, self.recipients);
        let act_or_usual = act.clone().unwrap_or(Do::usual());
        if !act_or_usual.act {
            self.end(act_or_usual.then);
            return false;
        }
        if is_command && words[0] == "STARTTLS" {
            // What stands behind it is the core's to notice.
            line.append(&mut self.input);
        }
        let bdat = (is_command && words[0] == "BDAT").then(|| words.get(1)?.parse().ok()).flatten();
        let is_last = words.get(2).is_some_and(|word| word == "LAST");
        if bdat == Some(0) && is_last {
            return self.message(&line, act);
        }
        let usual = self.run(&line, act_or_usual.refuses());
        if !usual.starts_with(b"334") {
            self.login.end();
        }
        if let Some(size @ 1..) = bdat {
            // A chunk that is refused as it is announced is swallowed all the same.
            self.next = Next::Chunk(size, is_last && usual.is_empty());
            if usual.is_empty() {
                self.held = act;
                return true;
            }
        } else if usual.starts_with(b"354") {
            self.next = Next::Data(true);
        }
        let usual = self.lie(&words[0], usual);
        self.reply(&act_or_usual, usual);
        true
    }

    /// Changes what an EHLO is answered.
    fn lie(&self, verb: &str, usual: Vec<u8>) -> Vec<u8> {
        let has_lies = !self.script.claims.is_empty() || !self.script.hides.is_empty();
        if !has_lies || !matches!(verb, "EHLO" | "LHLO") || !usual.starts_with(b"250") {
            return usual;
        }
        let text = String::from_utf8_lossy(&usual).into_owned();
        let is_hidden = |line: &&str| {
            let keyword = line[4..].split(' ').next().unwrap_or_default().to_ascii_uppercase();
            !self.script.hides.contains(&keyword)
        };
        let mut lines: Vec<&str> = text.lines().take(1).map(|line| &line[4..]).collect();
        lines.extend(text.lines().skip(1).filter(is_hidden).map(|line| &line[4..]));
        lines.extend(self.script.claims.iter().map(String::as_str));
        let last = lines.len() - 1;
        let lines = lines.iter().enumerate();
        let lines =
            lines.map(|(i, line)| format!("250{}{line}\r\n", if i < last { '-' } else { ' ' }));
        lines.collect::<String>().into_bytes()
    }

    fn data(&mut self, whole: bool) -> bool {
        let Some(line) = self.take_line() else { return false };
        if whole && line == b".\r\n" {
            return self.message(&line, None);
        }
        self.next = Next::Data(line.ends_with(b"\r\n"));
        let said = self.run(&line, false);
        self.say(said, None);
        true
    }

    fn chunk(&mut self, left: usize, last: bool) -> bool {
        let n = left.min(self.input.len());
        if n < left {
            if n == 0 {
                return false;
            }
            self.next = Next::Chunk(left - n, last);
            let some: Vec<u8> = self.input.drain(..n).collect();
            let said = self.run(&some, false);
            self.say(said, None);
            return true;
        }
        let rest: Vec<u8> = self.input.drain(..n).collect();
        let held = self.held.take();
        if last {
            return self.message(&rest, held);
        }
        self.next = Next::Line;
        let act = held.unwrap_or(Do::usual());
        let usual = self.run(&rest, act.refuses());
        if !usual.is_empty() {
            self.reply(&act, usual);
        }
        true
    }

    /// The last of the content is there.
    fn message(&mut self, rest: &[u8], held: Option<Do>) -> bool {
        let find = || self.rules.find(Happening::Message, self.page + 1, self.recipients);
        let act = held.or_else(find).unwrap_or(Do::usual());
        if !act.act {
            self.end(act.then);
            return false;
        }
        self.next = Next::Line;
        let usual = self.run(rest, act.refuses());
        let said = self.reply(&act, usual);
        self.book.write(self.page, |session| {
            if let Some(transaction) = session.transactions.last_mut() {
                transaction.told = said;
            }
        });
        true
    }

    /// Says what that comes to, and what follows from it; the text of it.
    fn reply(&mut self, act: &Do, usual: Vec<u8>) -> String {
        if !act.wait.is_zero() {
            self.acts.push_back(Act::Wait(act.wait));
        }
        let said = act.said(usual);
        let text = String::from_utf8_lossy(&said).trim_end().to_owned();
        let closed = self.say(said, act.drip);
        if act.then != Then::GoOn {
            self.end(act.then);
        } else if let Some(ended) = closed {
            self.close(ended);
        } else if self.core_wants_tls() {
            self.next = Next::Tls;
            self.acts.push_back(Act::Secure);
        }
        text
    }

    fn core_wants_tls(&mut self) -> bool {
        self.core.step() == Want::Tls
    }

    /// Lets octets out as far as the link is to take them; how the core has ended, if it has.
    fn say(&mut self, mut said: Vec<u8>, drip: Option<Duration>) -> Option<Ended> {
        if matches!(self.next, Next::Nothing) {
            return None;
        }
        let end = self.rules.end(true, self.page + 1);
        let left = end.as_ref().map_or(usize::MAX, |(most, _)| most.saturating_sub(self.sent));
        let ends = said.len() >= left;
        said.truncate(left);
        self.sent += said.len();
        if !said.is_empty() {
            self.book.write(self.page, |session| session.transcript.say(Side::Server, &said));
            self.acts.push_back(match drip.or(self.script.drip) {
                Some(pause) => Act::Drip(said, pause),
                None => Act::Say(said),
            });
        }
        if let Some((_, act)) = end.filter(|_| ends) {
            self.end(act.then);
            return None;
        }
        self.core.closing().map(|closing| match closing {
            Closing::Quit => Ended::Quit,
            Closing::PeerGone => Ended::ByClient,
            _ => Ended::ByServer,
        })
    }

    /// The script wants this to be the end.
    fn end(&mut self, then: Then) {
        if matches!(self.next, Next::Nothing) {
            return;
        }
        if then == Then::Stall {
            self.note("the server says nothing more");
            self.next = Next::Nothing;
            self.abandon();
            self.acts.push_back(Act::Stall);
            self.book.write(self.page, |session| session.ended = Some(Ended::Cut));
        } else {
            self.note("the server cuts the link");
            self.close(Ended::Cut);
        }
    }

    fn close(&mut self, ended: Ended) {
        self.next = Next::Nothing;
        self.abandon();
        self.acts.push_back(Act::Close);
        self.book.write(self.page, |session| session.ended = Some(ended));
    }

    fn abandon(&self) {
        self.book.write(self.page, |session| abandon(&mut session.transactions));
    }

    /// Feeds the core, and answers what it asks; what it says.
    fn run(&mut self, mut octets: &[u8], refuses: bool) -> Vec<u8> {
        let mut said = Vec::new();
        loop {
            let n = self.core.rx().receive(octets);
            octets = &octets[n..];
            loop {
                let want = self.core.step();
                if want == Want::Event {
                    self.event(refuses);
                    continue;
                }
                let tx = self.core.tx();
                while tx.has_remaining() {
                    said.extend_from_slice(tx.chunk());
                    let n = tx.chunk().len();
                    tx.advance(n);
                }
                match want {
                    Want::Flush => {}
                    Want::Close => {
                        // What else came is not for the core any more.
                        return said;
                    }
                    _ => break,
                }
            }
            if octets.is_empty() || n == 0 {
                return said;
            }
        }
    }
}

/// A path without its brackets.
pub(crate) fn bare(path: &str) -> &str {
    path.strip_prefix('<').and_then(|path| path.strip_suffix('>')).unwrap_or(path)
}
