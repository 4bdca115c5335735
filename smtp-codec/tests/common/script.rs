//! What a client says, what it should hear, and what the application should see.

use std::sync::Arc;

use bytes::Buf;
use smtp_codec::proto::reply::{EnhancedCode, Extension, Positive, Refusal};
use smtp_codec::server::{Closing, Config, Connection, Event, Want};

use super::Cut;

/// How the application answers.
#[derive(Clone, Copy, Debug)]
pub enum Verdict {
    Yes,
    With(u16, &'static str),
    No(u16, &'static str),
}

/// What happens once the client has sent everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It waits.
    Open,
    /// It closes its side.
    Eof,
    /// It waits for too long.
    TimedOut,
    /// The server goes down.
    ShutDown,
    /// The link breaks.
    Broken,
}

/// A conversation. The application refuses what asks for it: an address of which the local part
/// begins with `no550`, an EHLO from `no550.example`, a message that begins with `no550`.
#[derive(Clone, Debug)]
pub struct Script {
    pub config: Arc<Config>,
    pub greet: Verdict,
    pub data: Verdict,
    pub rcpt: Verdict,
    pub message: Verdict,
    /// What is said about the message for one recipient after the other; then as `message` says.
    pub each: Vec<Verdict>,
    pub end: End,
    /// What the transport can do, and what is known of the client.
    pub tls: Tls,
    pub starttls: Verdict,
    pub trusted: bool,
    /// The client goes on from these places only once the handshake is done, or the reply is there.
    stops: Vec<(usize, Stop)>,
    /// Octets that no cut is tried in.
    settled: usize,
    input: Vec<u8>,
    expected: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stop {
    Handshake,
    Reply,
    End,
}

/// What the transport can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    Absent,
    Offered,
    Implicit,
    /// The handshake fails.
    Fails,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transcript {
    /// Whole replies, with their CRLFs.
    pub replies: Vec<String>,
    pub events: Vec<String>,
    pub closing: Option<Closing>,
}

impl Transcript {
    /// The contents of the messages that the application was asked to take over.
    pub fn messages(&self) -> Vec<&str> {
        self.events.iter().filter_map(|event| event.strip_prefix("message ")).collect()
    }
}

fn code_in(text: &str) -> Option<u16> {
    text.strip_prefix("no")?.get(..3)?.parse().ok()
}

fn refusal(code: u16, text: &'static str) -> Refusal<'static> {
    let class = u8::try_from(code / 100).unwrap();
    Refusal::new(code, EnhancedCode::new(class, 9, 9), text).unwrap()
}

/// A server that takes content by DATA alone.
pub fn config() -> Config {
    chunking().without(Extension::Chunking).without(Extension::BinaryMime)
}

/// A server with all that is offered by default.
pub fn chunking() -> Config {
    Config::new("mx.example.org").unwrap()
}

impl Default for Script {
    fn default() -> Self {
        Self::new(config())
    }
}

impl Script {
    pub fn new(config: Config) -> Self {
        Script {
            config: Arc::new(config),
            greet: Verdict::Yes,
            data: Verdict::Yes,
            rcpt: Verdict::Yes,
            message: Verdict::Yes,
            each: Vec::new(),
            end: End::Open,
            tls: Tls::Absent,
            starttls: Verdict::Yes,
            trusted: false,
            stops: Vec::new(),
            settled: 0,
            input: Vec::new(),
            expected: vec!["220 mx.example.org ".into()],
        }
    }

    /// A session that has said EHLO.
    pub fn ehlo(config: Config) -> Self {
        Script::new(config).say("EHLO client.example", "250-mx.example.org\r\n")
    }

    /// A session that is ready for the content of a message.
    pub fn in_data(config: Config) -> Self {
        Script::ehlo(config)
            .say("MAIL FROM:<a@client.example>", "250 2.1.0 ")
            .say("RCPT TO:<b@example.org>", "250 2.1.5 ")
            .say("DATA", "354 ")
    }

    /// What was said so far arrives whole: only what follows is cut.
    pub fn settled(mut self) -> Self {
        self.settled = self.input.len();
        self
    }

    /// The client sends a line; the server answers with a reply that begins like this.
    pub fn say(mut self, line: impl AsRef<[u8]>, reply: &str) -> Self {
        self.expected.push(reply.into());
        self.send(line).send("\r\n")
    }

    /// The client sends octets that get no reply of their own.
    pub fn send(mut self, octets: impl AsRef<[u8]>) -> Self {
        self.input.extend_from_slice(octets.as_ref());
        self
    }

    /// The client waits for the handshake.
    pub fn handshake(mut self) -> Self {
        self.stops.push((self.input.len(), Stop::Handshake));
        self
    }

    /// The client waits for the reply.
    pub fn wait(mut self) -> Self {
        self.stops.push((self.input.len(), Stop::Reply));
        self
    }

    /// The server says something that no line asked for.
    pub fn hear(mut self, reply: &str) -> Self {
        self.expected.push(reply.into());
        self
    }

    /// The server says something else than the usual greeting.
    pub fn greeted(mut self, verdict: Verdict, reply: &str) -> Self {
        self.greet = verdict;
        self.expected[0] = reply.into();
        self
    }

    pub fn end(mut self, end: End) -> Self {
        self.end = end;
        self
    }

    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// Holds the conversation in every way; it must come out as expected, and always the same.
    #[track_caller]
    pub fn run(&self) -> Transcript {
        let whole = self.hold(Cut::Whole, false, usize::MAX);
        let told = || format!("{}\n{whole:#?}", self.input.escape_ascii());
        assert_eq!(whole.replies.len(), self.expected.len(), "replies to {}", told());
        for (reply, expected) in whole.replies.iter().zip(&self.expected) {
            assert!(reply.starts_with(expected), "{reply:?} for {expected:?} in {}", told());
        }
        self.same(&whole);
        whole
    }

    /// Holds the conversation once, in large pieces; for long ones.
    #[track_caller]
    pub fn hold_whole(&self) -> Transcript {
        let whole = self.hold(Cut::Whole, false, usize::MAX);
        assert_eq!(whole.replies.len(), self.expected.len(), "{whole:#?}");
        for (reply, expected) in whole.replies.iter().zip(&self.expected) {
            assert!(reply.starts_with(expected), "{reply:?} for {expected:?}");
        }
        whole
    }

    /// Holds the conversation in every way, expecting nothing but that it is always the same.
    #[track_caller]
    pub fn observe(&self) -> Transcript {
        let whole = self.hold(Cut::Whole, false, usize::MAX);
        self.same(&whole);
        whole
    }

    #[track_caller]
    fn same(&self, whole: &Transcript) {
        let told = |how: &str| format!("{how}: {}", self.input.escape_ascii());
        assert_eq!(&self.hold(Cut::Whole, true, usize::MAX), whole, "{}", told("dropped"));
        assert_eq!(&self.hold(Cut::Whole, false, 5), whole, "{}", told("slow reader"));
        for cut in Cut::all(self.input.len()) {
            if matches!(cut, Cut::At(place) if place < self.settled) {
                continue;
            }
            let got = self.hold(cut, false, usize::MAX);
            assert_eq!(&got, whole, "{}", told(&format!("{cut:?}")));
        }
    }

    /// Holds the conversation once. With `forgetful` the application drops each handle once;
    /// `reads` is how much the client reads at a time.
    pub fn hold(&self, cut: Cut, forgetful: bool, reads: usize) -> Transcript {
        let mut server = Connection::new(Arc::clone(&self.config));
        let (mut heard, mut events, mut body) = (Vec::new(), Vec::new(), Vec::new());
        match self.tls {
            Tls::Absent => {}
            Tls::Offered | Tls::Fails => server.offer_tls(),
            Tls::Implicit => server.implicit_tls(),
        }
        if self.trusted {
            server.trust();
        }
        let mut sent = 0;
        let mut ended = false;
        let mut stops = self.stops.iter().copied();
        let last = (self.input.len(), Stop::End);
        let (mut until, mut stop) = stops.next().unwrap_or(last);
        loop {
            match server.step() {
                Want::Tls => {
                    assert!(!server.tx().has_remaining(), "something is left to be sent");
                    assert_eq!(server.step(), Want::Tls, "asked twice");
                    assert!(matches!(server.event(), Event::Idle));
                    events.push("tls".into());
                    if self.tls == Tls::Fails {
                        server.tls_failed();
                    } else {
                        assert_eq!((sent, stop), (until, Stop::Handshake), "TLS too early");
                        server.secured();
                    }
                    (until, stop) = stops.next().unwrap_or(last);
                }
                Want::Event => {
                    if forgetful {
                        let first = format!("{:?}", server.event());
                        assert_eq!(first, format!("{:?}", server.event()), "level-triggered");
                        if !first.starts_with("Body") && !first.starts_with("Aborted") {
                            assert_eq!(server.step(), Want::Event, "a dropped handle comes back");
                        }
                    }
                    self.answer(server.event(), &mut events, &mut body);
                }
                Want::Flush => flush(&mut server, &mut heard, reads),
                Want::Input => {
                    while server.tx().has_remaining() {
                        flush(&mut server, &mut heard, reads);
                    }
                    let rest = &self.input[sent..until];
                    if !rest.is_empty() {
                        let n = server.rx().receive(&rest[..cut.piece(sent, rest.len())]);
                        assert!(n > 0, "input is wanted, and there is no room for it");
                        sent += n;
                        continue;
                    }
                    if stop == Stop::Reply {
                        (until, stop) = stops.next().unwrap_or(last);
                        continue;
                    }
                    if ended || self.end == End::Open {
                        break;
                    }
                    ended = true;
                    match self.end {
                        End::Open => {}
                        End::Eof => server.eof(),
                        End::TimedOut => server.timed_out(),
                        End::ShutDown => server.shut_down(),
                        End::Broken => server.broken(),
                    }
                }
                Want::Close => {
                    assert!(!server.tx().has_remaining(), "closed before everything is sent");
                    self.answer(server.event(), &mut events, &mut body);
                    assert_eq!(server.step(), Want::Close, "it stays closed");
                    break;
                }
            }
        }
        Transcript { replies: replies(&heard), events, closing: server.closing() }
    }

    fn answer(&self, event: Event<'_>, events: &mut Vec<String>, body: &mut Vec<u8>) {
        macro_rules! decide {
            ($handle:expr, $verdict:expr) => {
                match $verdict {
                    Verdict::Yes => $handle.accept(),
                    Verdict::With(code, text) => {
                        $handle.accept_with(Positive::new(code, None, text).unwrap());
                    }
                    Verdict::No(code, text) => $handle.reject(refusal(code, text)),
                }
            };
        }
        let asked_for = |text: &str, verdict| match code_in(text) {
            Some(code) => Verdict::No(code, "as you asked"),
            None => verdict,
        };
        match event {
            Event::Body(octets) => {
                assert!(!octets.is_empty());
                body.extend_from_slice(octets);
            }
            Event::Aborted(abort) => {
                body.clear();
                events.push(format!("aborted {abort:?}"));
            }
            Event::Closed(closing) => events.push(format!("closed {closing:?}")),
            Event::Greet(greet) => {
                events.push("greet".into());
                decide!(greet, self.greet);
            }
            Event::Hello(hello) => {
                let host = hello.host().to_string();
                events.push(format!("hello {host}"));
                match code_in(&host) {
                    Some(code) => hello.reject(refusal(code, "as you asked")),
                    None => hello.accept(),
                }
            }
            Event::Mail(mail) => {
                body.clear();
                let path = mail.reverse_path().to_string();
                events.push(line("mail", &path, &mail.parameters().to_string()));
                decide!(mail, asked_for(path.trim_start_matches('<'), Verdict::Yes));
            }
            Event::Rcpt(rcpt) => {
                let path = rcpt.forward_path().to_string();
                events.push(line("rcpt", &path, &rcpt.parameters().to_string()));
                decide!(rcpt, asked_for(path.trim_start_matches('<'), self.rcpt));
            }
            Event::Data(data) => {
                events.push("data".into());
                match self.data {
                    Verdict::No(code, text) => data.reject(refusal(code, text)),
                    _ => data.accept(),
                }
            }
            Event::Message(message) => {
                let content = match message.recipient() {
                    None => std::mem::take(body),
                    Some(_) => body.clone(),
                };
                assert_eq!(message.size(), u64::try_from(content.len()).unwrap());
                events.push(format!("message {}", content.escape_ascii()));
                let text = String::from_utf8_lossy(&content).into_owned();
                let number = message.recipient().map_or(usize::MAX, |it| it as usize);
                let verdict = self.each.get(number).copied().unwrap_or(self.message);
                decide!(message, asked_for(&text, verdict));
            }
            Event::Verify(verify) => {
                events.push("verify".into());
                decide!(verify, asked_for(verify.argument().as_str(), Verdict::Yes));
            }
            Event::Expand(expand) => {
                events.push("expand".into());
                decide!(expand, asked_for(expand.argument().as_str(), Verdict::Yes));
            }
            Event::StartTls(start) => {
                events.push("starttls".into());
                match self.starttls {
                    Verdict::No(code, text) => start.reject(refusal(code, text)),
                    _ => start.accept(),
                }
            }
            Event::Auth(auth) => {
                let initial = auth.initial_response();
                let shown = initial.as_ref().map(|octets| octets.escape_ascii().to_string());
                events.push(format!("auth {} {shown:?}", auth.mechanism()));
                match initial.as_deref() {
                    None => auth.challenge(b""),
                    Some(b"yes") => auth.accept(),
                    Some(b"more") => auth.challenge(b"more?"),
                    Some(_) => auth.reject(Refusal::BAD_CREDENTIALS),
                }
            }
            Event::AuthResponse(response) => {
                let octets = response.response();
                events.push(format!("response {}", octets.escape_ascii()));
                match octets.as_slice() {
                    b"yes" => response.accept(),
                    b"more" => response.challenge(b"more?"),
                    b"gone" => response.reject(Refusal::SHUTTING_DOWN),
                    _ => response.reject(Refusal::BAD_CREDENTIALS),
                }
            }
            Event::Etrn(etrn) => {
                events.push(format!("etrn {:?}", etrn.queue()));
                etrn.accept();
            }
            Event::Xclient(xclient) => {
                events.push(format!("xclient {}", xclient.attributes()));
                xclient.accept();
            }
            Event::Xforward(xforward) => {
                events.push(format!("xforward {}", xforward.attributes()));
                xforward.accept();
            }
            Event::Idle => panic!("an event was announced, and there is none"),
            other => panic!("unknown event {other:?}"),
        }
    }
}

fn line(verb: &str, path: &str, parameters: &str) -> String {
    format!("{verb} {path} {parameters}").trim_end().into()
}

fn flush(server: &mut Connection, heard: &mut Vec<u8>, reads: usize) {
    let tx = server.tx();
    let n = tx.remaining().min(reads);
    heard.extend_from_slice(&tx.chunk()[..n]);
    tx.advance(n);
}

/// The bytes that a server sent, as whole replies. Each line of each must be in order.
pub fn replies(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8(bytes.to_vec()).unwrap();
    let (mut whole, mut current) = (Vec::new(), String::new());
    for line in text.split_inclusive('\n') {
        let content = line.strip_suffix("\r\n").expect("a reply line ends in CRLF");
        assert!(!content.contains(['\r', '\n', '\0']), "{line:?}");
        assert!(content.len() <= 510, "a reply line of {} octets", line.len());
        assert!(content.as_bytes()[..3].iter().all(u8::is_ascii_digit), "{line:?}");
        assert!(current.is_empty() || current[..3] == line[..3], "{current:?} {line:?}");
        current.push_str(line);
        if content.as_bytes().get(3) != Some(&b'-') {
            whole.push(std::mem::take(&mut current));
        }
    }
    assert!(current.is_empty(), "half a reply: {current:?}");
    whole
}
