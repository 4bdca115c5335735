//! A server that reads from a script, and a client that sends letters to it.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Buf;
use smtp_codec::client::{
    Authentication, Authenticator, Closing, Config, Connection, Delivery, Event, Part, Split, Step,
    Want,
};
use smtp_codec::proto::{Envelope, Outcome};

use super::Cut;

/// Letters, and the replies that they meet: the greeting first, then one for each command and
/// for each end of mail data. In a reply `|` is CRLF, and a CRLF is put behind it unless it ends
/// with `~`. `""` is silence, `<close>` closes the connection, `reply<close>` does both.
#[derive(Clone, Debug)]
pub struct Mission {
    config: Arc<Config>,
    letters: Vec<(Envelope, Vec<u8>)>,
    replies: Vec<String>,
    who: Option<fn() -> Box<dyn Authenticator>>,
    tls: Handshake,
}

/// What the transport makes of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    Succeeds,
    Fails,
    Absent,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// What the server read: a line each, the content of a message as one.
    pub lines: Vec<String>,
    /// For each letter, for each recipient: verdict, stage, code of the reply.
    pub fates: Vec<Vec<String>>,
    pub outcomes: Vec<Outcome>,
    pub events: Vec<String>,
    pub closing: Option<Closing>,
    pub in_doubt: bool,
    /// What came of AUTH.
    pub auth: Option<String>,
}

impl Report {
    /// The fates of the recipients of the only letter.
    pub fn fate(&self) -> Vec<&str> {
        assert_eq!(self.fates.len(), 1);
        self.fates[0].iter().map(String::as_str).collect()
    }
}

pub fn config() -> Config {
    Config::new("client.example").unwrap()
}

/// From `a@client.example` to these.
pub fn envelope(recipients: &[&str]) -> Envelope {
    recipients
        .iter()
        .fold(Envelope::new("a@client.example".parse().unwrap()), |envelope, recipient| {
            envelope.to(recipient.parse().unwrap())
        })
}

struct Server {
    replies: VecDeque<Vec<u8>>,
    closes: VecDeque<bool>,
    received: Vec<u8>,
    in_data: bool,
    lines: Vec<String>,
    queue: Vec<u8>,
    closed: bool,
}

impl Server {
    fn new(replies: &[String]) -> Self {
        let close = "<close>";
        let octets = |reply: &String| {
            let text = reply.strip_suffix(close).unwrap_or(reply).replace('|', "\r\n");
            match text.strip_suffix('~') {
                Some(raw) => raw.as_bytes().to_vec(),
                None if text.is_empty() => Vec::new(),
                None => [text.as_bytes(), b"\r\n"].concat(),
            }
        };
        let mut server = Server {
            replies: replies.iter().map(octets).collect(),
            closes: replies.iter().map(|reply| reply.ends_with(close)).collect(),
            received: Vec::new(),
            in_data: false,
            lines: Vec::new(),
            queue: Vec::new(),
            closed: false,
        };
        server.reply();
        server
    }

    fn reply(&mut self) -> bool {
        let reply = self.replies.pop_front().unwrap_or_default();
        self.queue.extend_from_slice(&reply);
        self.closed |= self.closes.pop_front().unwrap_or(false);
        reply.starts_with(b"3")
    }

    fn receive(&mut self, octets: &[u8]) {
        self.received.extend_from_slice(octets);
        while !self.closed {
            if self.in_data {
                let framed = [b"\r\n", &self.received[..]].concat();
                let Some(end) = framed.windows(5).position(|five| five == b"\r\n.\r\n") else {
                    return;
                };
                let content: Vec<u8> = self.received.drain(..end + 3).collect();
                self.lines.push(format!("content {}", content.escape_ascii()));
                self.in_data = false;
                self.reply();
            } else {
                let Some(end) = self.received.windows(2).position(|two| two == b"\r\n") else {
                    return;
                };
                let line: Vec<u8> = self.received.drain(..end + 2).collect();
                self.lines.push(line[..end].escape_ascii().to_string());
                self.in_data = self.reply() && line == b"DATA\r\n";
            }
        }
    }
}

impl Mission {
    pub fn new(config: Config, replies: &[&str]) -> Self {
        let replies = replies.iter().map(|reply| reply.to_string()).collect();
        Mission {
            config: Arc::new(config),
            letters: Vec::new(),
            replies,
            who: None,
            tls: Handshake::Succeeds,
        }
    }

    /// Authenticates before the first letter.
    pub fn who(mut self, who: fn() -> Box<dyn Authenticator>) -> Self {
        self.who = Some(who);
        self
    }

    pub fn tls(mut self, handshake: Handshake) -> Self {
        self.tls = handshake;
        self
    }

    pub fn letter(mut self, envelope: Envelope, content: impl AsRef<[u8]>) -> Self {
        self.letters.push((envelope, content.as_ref().to_vec()));
        self
    }

    /// Carries it out with the replies cut in every way; it must always come out the same.
    #[track_caller]
    pub fn run(&self) -> Report {
        let (report, len) = self.fly(Cut::Whole, usize::MAX);
        for cut in Cut::all(len) {
            assert_eq!(self.fly(cut, usize::MAX).0, report, "{cut:?} {:#?}", self.replies);
        }
        assert_eq!(self.fly(Cut::Whole, 1).0, report, "content octet by octet");
        report
    }

    /// Carries it out once, giving out content in pieces of so many octets; also how many octets
    /// the server sent.
    pub fn fly(&self, cut: Cut, piece: usize) -> (Report, usize) {
        let mut server = Server::new(&self.replies);
        let mut client = Connection::new(Arc::clone(&self.config));
        if self.tls == Handshake::Absent {
            client.without_tls();
        }
        let tls = self.tls;
        let (mut events, mut outcomes, mut heard) = (Vec::new(), Vec::new(), 0);
        let mut auth = None;
        if let Some(who) = self.who {
            let (mut exchanged, mut who) = (Authentication::new(), who());
            loop {
                let _ = exchange(&mut client, &mut server, tls, cut, &mut heard);
                tell(&client.event(), &mut events);
                if let Some(result) = exchanged.on(&mut client, &mut *who) {
                    auth = Some(match result {
                        Ok(()) => "ok".to_owned(),
                        Err(error) => format!("{error:?}"),
                    });
                    break;
                }
            }
        }
        for (envelope, content) in &self.letters {
            let mut delivery = Delivery::new(envelope);
            let mut written = 0;
            while exchange(&mut client, &mut server, tls, cut, &mut heard) {
                let event = client.event();
                tell(&event, &mut events);
                match delivery.on(event) {
                    Step::Next => {}
                    Step::Over => break,
                    Step::Body(mut slot) => {
                        let rest = &content[written..];
                        let result = if rest.is_empty() {
                            slot.finish()
                        } else {
                            slot.write(&rest[..rest.len().min(piece)]).map(|n| written += n)
                        };
                        if let Err(error) = result {
                            delivery.content_refused(error);
                        }
                    }
                }
            }
            outcomes.push(delivery.outcome(&client));
        }
        while exchange(&mut client, &mut server, tls, cut, &mut heard) {
            let event = client.event();
            tell(&event, &mut events);
            if let Event::Ready(ready) = event {
                ready.quit();
            }
        }
        tell(&client.event(), &mut events);
        events.dedup();
        let report = Report {
            lines: server.lines,
            fates: outcomes.iter().map(fates).collect(),
            outcomes,
            events,
            closing: client.closing(),
            in_doubt: client.in_doubt(),
            auth,
        };
        (report, heard)
    }
}

/// Sends one letter in as many parts as it takes, over one session after the other: `replies` are
/// those of each. What each server read, and the fates of the recipients.
#[track_caller]
pub fn split(
    config: &Config,
    sessions: &[&[&str]],
    letter: &Envelope,
) -> (Vec<Vec<String>>, Vec<String>, Outcome) {
    let whole = split_by(config, sessions, letter, Cut::Whole);
    assert_eq!(split_by(config, sessions, letter, Cut::EachOctet), whole);
    whole
}

fn split_by(
    config: &Config,
    sessions: &[&[&str]],
    letter: &Envelope,
    cut: Cut,
) -> (Vec<Vec<String>>, Vec<String>, Outcome) {
    let mut split = Split::new(letter);
    let mut read = Vec::new();
    for replies in sessions {
        let replies: Vec<String> = replies.iter().map(|reply| reply.to_string()).collect();
        let mut server = Server::new(&replies);
        let mut client = Connection::new(config.clone());
        let (tls, mut heard) = (Handshake::Absent, 0);
        while exchange(&mut client, &mut server, tls, cut, &mut heard)
            && !matches!(client.event(), Event::Ready(_))
        {}
        let over = loop {
            let part = match split.next(&client) {
                Part::Send(part) => part,
                Part::Reconnect => break false,
                Part::Over => break true,
            };
            let mut delivery = Delivery::new(&part);
            let mut content = &b"Hi\r\n"[..];
            while exchange(&mut client, &mut server, tls, cut, &mut heard) {
                match delivery.on(client.event()) {
                    Step::Next => {}
                    Step::Over => break,
                    Step::Body(slot) if content.is_empty() => slot.finish().unwrap(),
                    Step::Body(mut slot) => content = &content[slot.write(content).unwrap()..],
                }
            }
            split.came(delivery.outcome(&client));
        };
        while exchange(&mut client, &mut server, tls, cut, &mut heard) {
            if let Event::Ready(ready) = client.event() {
                ready.quit();
            }
        }
        read.push(server.lines);
        if over {
            break;
        }
    }
    assert_eq!(read.len(), sessions.len(), "a session was not needed");
    let outcome = split.outcome();
    (read, fates(&outcome), outcome)
}

/// For each recipient: verdict, stage, code of the reply.
fn fates(outcome: &Outcome) -> Vec<String> {
    let of = |recipient: &smtp_codec::proto::Delivered| {
        let code = recipient
            .reply
            .as_ref()
            .map_or(String::from("-"), |reply| reply.as_reply().code().to_string());
        format!("{:?} {:?} {code}", recipient.verdict, recipient.stage)
    };
    outcome.recipients.iter().map(of).collect()
}

/// Moves octets until the client has something to tell; false if it is over.
fn exchange(
    client: &mut Connection,
    server: &mut Server,
    tls: Handshake,
    cut: Cut,
    heard: &mut usize,
) -> bool {
    let mut gone = false;
    loop {
        match client.step() {
            Want::Tls => {
                assert!(!client.tx().has_remaining(), "something is left to be sent");
                // What waits now was sent in the clear, and is no handshake.
                let noise = client.closing().is_none() && !server.queue.is_empty();
                let greeted = server.lines.is_empty();
                if tls == Handshake::Fails || (noise && !greeted) {
                    client.tls_failed();
                } else {
                    server.lines.push("<tls>".into());
                    client.secured();
                }
            }
            Want::Event => return true,
            Want::Close => return false,
            Want::Flush => drain(client, server),
            Want::Input => {
                drain(client, server);
                let left = server.queue.len();
                if left > 0 {
                    let piece = cut.piece(*heard, left);
                    let n = client.rx().receive(&server.queue[..piece]);
                    assert!(n > 0, "input is wanted, and there is no room for it");
                    server.queue.drain(..n);
                    *heard += n;
                } else if server.closed {
                    assert!(!gone, "input is wanted after the end of file");
                    gone = true;
                    client.eof();
                } else {
                    assert!(!gone, "input is wanted after it took too long");
                    gone = true;
                    client.timed_out();
                }
            }
        }
    }
}

fn drain(client: &mut Connection, server: &mut Server) {
    server.receive(client.tx().chunk());
    let n = client.tx().remaining();
    client.tx().advance(n);
}

fn tell(event: &Event<'_>, events: &mut Vec<String>) {
    events.push(match event {
        Event::Greeting(reply) => format!("greeting {}", reply.code()),
        Event::Ehlo(_) => "ehlo".into(),
        Event::Refused(reply) => format!("refused {}", reply.code()),
        Event::Mail(reply) => format!("mail {}", reply.code()),
        Event::Rcpt(number, reply) => format!("rcpt {number} {}", reply.code()),
        Event::Data(reply) => format!("data {}", reply.code()),
        Event::Done(reply) => format!("done {}", reply.code()),
        Event::DoneFor(number, reply) => format!("done for {number} {}", reply.code()),
        Event::Closed(closing) => format!("closed {closing:?}"),
        Event::StartTls(reply) => format!("starttls {}", reply.code()),
        Event::Challenge(challenge) => format!("challenge {}", challenge.octets().escape_ascii()),
        Event::Auth(reply) => format!("auth {}", reply.code()),
        Event::Answer(reply) => format!("answer {}", reply.code()),
        Event::Ready(_) => "ready".into(),
        Event::WantRcpt(_) => "rcpt?".into(),
        Event::WantBody(_) => "body?".into(),
        other => panic!("unknown event {other:?}"),
    });
}
