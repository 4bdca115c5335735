//! Draws docs/states/client.md: the table as it is, and the ways that a session goes by it.

extern crate std;

use std::collections::{BTreeSet, VecDeque};
use std::format;
use std::string::String;
use std::vec::Vec;

use super::state::{State, Transaction};
use super::table::{Awaited, Deed, deed};
use super::{Closing, Question, Session, Settings};
use crate::address::{ForwardPath, Host, ReversePath};
use crate::command::{
    Argument, Attributes, Base64, Command, MailParameters, Mechanism, RcptParameters,
};
use crate::reply::{Class, Reply};
use crate::session::drawing::{Drawing, check};
use crate::session::{Framing, TlsPolicy};

const ROWS: [Awaited; 21] = [
    Awaited::Greeting,
    Awaited::Ehlo,
    Awaited::Lhlo,
    Awaited::Helo,
    Awaited::StartTls,
    Awaited::Auth,
    Awaited::Cancelled,
    Awaited::Answer,
    Awaited::Rset,
    Awaited::Mail,
    Awaited::Rcpt,
    Awaited::Data,
    Awaited::Chunk,
    Awaited::LostChunk,
    Awaited::Message,
    Awaited::Leaving,
    Awaited::MessageOrBlock,
    Awaited::Block,
    Awaited::LoneDot,
    Awaited::Quit,
    Awaited::Nothing,
];

const CLASSES: [(Class, &str); 4] = [
    (Class::PositiveCompletion, "2yz"),
    (Class::PositiveIntermediate, "3yz"),
    (Class::TransientNegative, "4yz"),
    (Class::PermanentNegative, "5yz"),
];

/// A reply to EHLO that offers all that the session goes by.
const OFFER: &[u8] = b"250-mx.example.org\r\n250-PIPELINING\r\n250-STARTTLS\r\n250-AUTH PLAIN\r\n\
    250-CHUNKING\r\n250-PRDR\r\n250 XCLIENT NAME\r\n";

fn name(session: &Session) -> &'static str {
    match session.state {
        State::Greeting => "Greeting",
        State::Ehlo => "Ehlo",
        State::Helo => "Helo",
        State::Lhlo => "Lhlo",
        State::StartTls => "StartTls",
        State::Tls { greet: true } => "ImplicitTls",
        State::Tls { greet: false } => "Tls",
        State::Auth(_) => "Auth",
        State::Challenge(_) => "Challenge",
        State::Cancelled => "Cancelled",
        State::Answer { .. } => "Answer",
        State::Ready => "Ready",
        State::Open(transaction) => match transaction.awaited() {
            Some(Awaited::Mail) => "Mail",
            Some(Awaited::Rcpt) => "Rcpt",
            Some(_) => "Data",
            None => "WantRcpt",
        },
        State::Body { .. } => "WantBody",
        State::Chunks(chunks) if chunks.sent == chunks.answered => "WantChunk",
        State::Chunks(_) => "Chunk",
        State::Message { .. } => "Message",
        State::Leaving { .. } => "Leaving",
        State::MessageOrBlock { .. } => "MessageOrBlock",
        State::Block { .. } => "Block",
        State::LostChunks(_) => "LostChunk",
        State::LoneDot => "LoneDot",
        State::Rset => "Rset",
        State::Quit(_) => "Quit",
        State::Closed(_) => "Closed",
    }
}

struct Walk {
    drawing: Drawing,
    found: BTreeSet<String>,
    left: VecDeque<Session>,
    rows: Vec<Awaited>,
}

impl Walk {
    fn arrive(&mut self, mut session: Session) {
        session.noted();
        if self.found.insert(format!("{:?} {:?}", session.settings, session.state)) {
            self.left.push_back(session);
        }
    }

    fn way(&mut self, from: &Session, by: &str, act: impl FnOnce(&mut Session, &mut Vec<u8>)) {
        let (mut session, mut out) = (*from, Vec::new());
        act(&mut session, &mut out);
        self.drawing.way(name(from), by, name(&session));
        self.arrive(session);
    }

    fn replies(&mut self, from: &Session) {
        let awaited = from.awaited();
        if !self.rows.contains(&awaited) {
            self.rows.push(awaited);
        }
        for (class, name) in CLASSES {
            let (label, reply): (&str, &[u8]) = match (awaited, class) {
                (Awaited::Ehlo | Awaited::Lhlo, Class::PositiveCompletion) => (name, OFFER),
                (Awaited::StartTls, Class::PositiveCompletion) => ("220", b"220 \r\n"),
                (Awaited::Auth, Class::PositiveCompletion) => ("235", b"235 \r\n"),
                (Awaited::Auth, Class::PositiveIntermediate) => ("334", b"334 \r\n"),
                (Awaited::MessageOrBlock, Class::PositiveIntermediate) => ("353", b"353 \r\n"),
                (_, Class::PositiveCompletion) => (name, b"250 \r\n"),
                (_, Class::PositiveIntermediate) => (name, b"354 \r\n"),
                (_, Class::TransientNegative) => (name, b"451 \r\n"),
                (_, Class::PermanentNegative) => (name, b"550 \r\n"),
            };
            self.hear(from, label, reply);
        }
        self.hear(from, "421", b"421 \r\n");
    }

    fn hear(&mut self, from: &Session, label: &str, reply: &[u8]) {
        let hello = Host::parse("client.example.net").unwrap();
        self.way(from, label, |it, out| it.reply(Reply::parse(reply).unwrap(), hello, out));
    }

    fn calls(&mut self, from: &Session) {
        let text = Base64::parse("YQ==").unwrap();
        match from.asked() {
            Some(Question::Ready) => {
                let path = ReversePath::parse("<a@example.net>").unwrap();
                let prdr = match Command::parse(b"MAIL FROM:<a@example.net> PRDR").unwrap() {
                    Command::Mail { parameters, .. } if from.settings.prdr => parameters,
                    _ => MailParameters::default(),
                };
                self.way(from, "mail", |it, out| it.mail(path, prdr, out).unwrap());
                if !from.is_authenticated() && !from.extensions.is_empty() {
                    let plain = Mechanism::parse("PLAIN").unwrap();
                    self.way(from, "auth", |it, out| {
                        it.auth(plain, None, out).unwrap();
                    });
                }
                let whom = Argument::parse("a").unwrap();
                self.way(from, "verify", |it, out| it.verify(whom, out).unwrap());
                if !from.extensions.is_empty() {
                    let who = Attributes::parse("NAME=a").unwrap();
                    self.way(from, "xclient", |it, out| it.xclient(who, out).unwrap());
                }
                self.way(from, "quit", |it, out| it.quit(out));
            }
            Some(Question::Challenge) => {
                self.way(from, "respond", |it, out| it.respond(text, out));
                self.way(from, "cancel", |it, out| it.cancel(out));
            }
            Some(Question::WantRcpt) => {
                // Behind a 421 for one of them LMTP has more than a last reply.
                let most = if from.settings.lmtp { 3 } else { 2 };
                if matches!(from.state, State::Open(Transaction { sent, .. }) if sent < most) {
                    let path = ForwardPath::parse("<b@example.org>").unwrap();
                    let none = RcptParameters::default();
                    self.way(from, "rcpt", |it, out| it.rcpt(path, none, out).unwrap());
                }
                self.way(from, "end", |it, out| it.end_rcpt(out));
                self.way(from, "abandon", |it, _| it.close(Closing::Abandoned));
            }
            Some(Question::WantBody) => {
                if let State::Chunks(chunks) = from.state {
                    if chunks.sent < 2 {
                        self.way(from, "chunk", |it, out| it.chunk(9, false, out));
                    }
                    self.way(from, "last chunk", |it, out| it.chunk(9, true, out));
                } else {
                    self.way(from, "end", |it, _| it.end_body());
                }
                self.way(from, "abandon", |it, _| it.close(Closing::Abandoned));
            }
            _ => {}
        }
    }

    fn go_on(&mut self, from: &Session) {
        if from.closing().is_some() {
            return;
        }
        let hello = Host::parse("client.example.net").unwrap();
        if from.framing() == Framing::Tls {
            self.way(from, "handshake", |it, out| it.secured(hello, out));
            self.way(from, "failed handshake", |it, _| it.tls_failed());
            self.way(from, "octets in the clear", |it, _| it.injected());
        } else {
            self.replies(from);
            self.calls(from);
        }
        self.way(from, "silence", |it, _| it.close(Closing::TimedOut));
        self.way(from, "end of the link", |it, _| it.close(Closing::PeerGone));
    }
}

#[test]
fn the_page_shows_the_table_and_where_it_leads() {
    let plain = Settings {
        pipelining: false,
        chunking: false,
        plaintext_auth: true,
        ..Settings::default()
    };
    let all = [
        plain,
        Settings { pipelining: true, ..plain },
        Settings { tls: TlsPolicy::Required, ..plain },
        Settings { tls: TlsPolicy::Opportunistic, ..plain },
        Settings { tls: TlsPolicy::Implicit, ..plain },
        Settings { chunking: true, pipelining: true, ..plain },
        Settings { prdr: true, ..plain },
        Settings { lmtp: true, ..plain },
    ];
    let mut walk = Walk {
        drawing: Drawing::default(),
        found: BTreeSet::new(),
        left: VecDeque::new(),
        rows: Vec::new(),
    };
    for settings in all {
        walk.arrive(Session::new(settings));
        while let Some(from) = walk.left.pop_front() {
            walk.go_on(&from);
        }
    }

    let mut table = String::from("| |");
    for (_, class) in CLASSES {
        table += &format!(" {class} |");
    }
    table += "\n|---|---|---|---|---|\n";
    for row in ROWS {
        assert!(walk.rows.contains(&row), "{row:?} was not reached");
        table += &format!("| {row:?} |");
        for (class, _) in CLASSES {
            table += &format!(" {:?} |", deed(row, class));
        }
        table += "\n";
    }
    let is_hidden = |from: &str, by: &str| {
        let row = ROWS.iter().find(|row| format!("{row:?}") == from);
        let class = CLASSES.iter().find(|(_, class)| by.get(..1) == class.get(..1));
        // What waits for the caller alone awaits no reply.
        let row = row.copied().unwrap_or(Awaited::Nothing);
        let is_broken = class.is_some_and(|(class, _)| deed(row, *class) == Deed::Broken);
        is_broken || (by == "421" && row != Awaited::Quit)
    };
    let text = format!(
        "# The client session\n\n\
         Drawn by a test from `smtp-proto/src/session/client/table.rs` and from sessions that went by it;\n\
         `UPDATE=1 cargo test -p smtp-proto drawing` draws it again.\n\n\
         ## What a reply of each class means to what was sent\n\n{table}\n\
         421 is looked at before. Of the replies to STARTTLS, AUTH and the message only 220, 235, 334 and 353\n\
         are what they seem; others of their class are as good as `Broken`, which ends the session.\n\n\
         ## Where it leads\n\n\
         Words are the caller's calls, numbers the server's replies. Each state is named for the reply that is\n\
         awaited next, or for what the caller is asked for. With PIPELINING more commands may be under way\n\
         behind that one: the session counts them.\n\n{}\n\
         Nor is a 421 that ends it, or a reply for which the table says `Broken`. Where one word or number\n\
         leads to several states, it is for the settings, for what the server offers, and for what was said\n\
         before to decide.\n\n\
         ## Every way\n\n{}",
        walk.drawing.mermaid(&["Greeting", "ImplicitTls"], is_hidden),
        walk.drawing.table(),
    );
    check("client.md", &text);
}
