//! Draws docs/states/server.md: the table as it is, and the ways that a session goes by it.

extern crate std;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use super::table::{Phase, Rule, rule};
use super::{
    Abort, Asked, Chunk, Context, Limits, Question, Session, Settings, State, Transaction,
};
use crate::command::{Base64, Verb};
use crate::reply::{Extension, Refusal};
use crate::session::Framing;
use crate::session::drawing::{Drawing, check};

/// A line for each row of the table.
const LINES: [(Verb, &str); 19] = [
    (Verb::Ehlo, "EHLO client.example.net"),
    (Verb::Helo, "HELO client.example.net"),
    (Verb::Mail, "MAIL FROM:<a@example.net>"),
    (Verb::Rcpt, "RCPT TO:<b@example.org>"),
    (Verb::Data, "DATA"),
    (Verb::Bdat, "BDAT 9"),
    (Verb::Rset, "RSET"),
    (Verb::Noop, "NOOP"),
    (Verb::Quit, "QUIT"),
    (Verb::Vrfy, "VRFY a"),
    (Verb::Expn, "EXPN a"),
    (Verb::Help, "HELP"),
    (Verb::StartTls, "STARTTLS"),
    (Verb::Auth, "AUTH PLAIN"),
    (Verb::Etrn, "ETRN example.net"),
    (Verb::Xclient, "XCLIENT NAME=a"),
    (Verb::Xforward, "XFORWARD NAME=a"),
    (Verb::Lhlo, "LHLO client.example.net"),
    (Verb::Unknown, "UNKNOWN"),
];

const PHASES: [Phase; 6] =
    [Phase::Refused, Phase::Greeted, Phase::Ready, Phase::Mail, Phase::Rcpt, Phase::Chunks];

const ANSWERS: [&str; 3] = ["yes", "no", "421"];

fn name(session: &Session) -> &'static str {
    match session.state {
        State::Fresh => "Fresh",
        State::Held => "Held",
        State::Refused => "Refused",
        State::Greeted => "Greeted",
        State::Ready => "Ready",
        State::Open(Transaction { recipients: 0, .. }) => "Mail",
        State::Open(_) => "Rcpt",
        State::Data(_) => "Data",
        State::Chunk(_, Chunk { last: false, .. }) => "Chunk",
        State::Chunk(..) => "LastChunk",
        State::Chunks(_) => "Chunks",
        State::Auth(_) => "Auth",
        State::Tls { greet: true } => "ImplicitTls",
        State::Tls { greet: false } => "Tls",
        State::Closed(_) => "Closed",
    }
}

struct Walk<'c> {
    cx: Context<'c>,
    drawing: Drawing,
    found: BTreeSet<&'static str>,
    left: VecDeque<Session>,
    /// The columns that were seen, with the session that stood there.
    seen: Vec<(Phase, Session)>,
}

impl Walk<'_> {
    fn arrive(&mut self, session: Session) {
        if self.found.insert(name(&session)) {
            self.left.push_back(session);
        }
    }

    fn to(&mut self, from: &Session, by: &str, mut session: Session) {
        if let Framing::Skip(octets) = session.framing() {
            session.swallowed(octets);
        }
        self.drawing.way(name(from), by, name(&session));
        self.arrive(session);
    }

    /// Answers what is asked until nothing is, but for the greeting, which is a state of its own.
    fn answer(&mut self, from: &Session, by: &str, asking: Session) {
        let is_greeting = asking.question() == Some(Question::Greet);
        if asking.question().is_none() || (is_greeting && !matches!(from.state, State::Fresh)) {
            return self.to(from, by, asking);
        }
        if let Some(Asked::Auth | Asked::AuthResponse) = asking.asked {
            let mut session = asking;
            session.challenge(&self.cx, Base64::parse("YQ==").unwrap(), &mut Vec::new());
            self.to(from, &format!("{by} challenge"), session);
        }
        for answer in ANSWERS {
            let (mut session, mut out) = (asking, Vec::new());
            match (session.asked, answer) {
                (Some(Asked::Aborted(_)), "yes") => session.noted(),
                (Some(Asked::Aborted(_)), _) => continue,
                (_, "yes") => session.accept(&self.cx, None, &mut out),
                (_, "no") => session.reject(&self.cx, Refusal::POLICY, &mut out),
                _ => session.reject(&self.cx, Refusal::SHUTTING_DOWN, &mut out),
            }
            let label = match (answer, asking.asked) {
                ("421", _) => "421".to_string(),
                (_, Some(Asked::Aborted(_))) => by.to_string(),
                (answer, _) => format!("{by} {answer}").trim_start().to_string(),
            };
            assert!(session.question().is_none_or(|it| it == Question::Greet));
            self.to(from, &label, session);
        }
    }

    fn commands(&mut self, from: &Session) {
        let phase = from.phase();
        if !self.seen.iter().any(|(seen, _)| *seen == phase) {
            self.seen.push((phase, *from));
        }
        for (verb, line) in LINES {
            let (mut session, mut out) = (*from, Vec::new());
            session.command(&self.cx, line.as_bytes(), &mut out);
            self.answer(from, verb_name(verb), session);
            if verb == Verb::Bdat {
                let (mut session, mut out) = (*from, Vec::new());
                session.command(&self.cx, b"BDAT 9 LAST", &mut out);
                self.answer(from, "BDAT LAST", session);
            }
        }
    }

    fn go_on(&mut self, from: Session) {
        if from.closing().is_some() {
            return;
        }
        let cx = self.cx;
        let mut events: Vec<(&str, Session)> = Vec::new();
        let mut event = |by, act: &dyn Fn(&mut Session, &mut Vec<u8>)| {
            let (mut session, mut out) = (from, Vec::new());
            act(&mut session, &mut out);
            events.push((by, session));
        };
        match from.framing() {
            _ if from.question().is_some() => {}
            Framing::Data => {
                event("end of data", &|it, out| it.end_of_data(&cx, out));
                event("end of data with a bare CR or LF", &|it, out| {
                    it.abort(Abort::BareNewline);
                    it.noted();
                    it.end_of_data(&cx, out);
                });
            }
            Framing::Chunk(octets) => event("end of chunk", &|it, out| {
                it.content(&cx, octets);
                it.end_of_chunk(&cx, out);
            }),
            Framing::Tls => {
                event("handshake", &|it, _| it.secured());
                event("failed handshake", &|it, _| it.tls_failed());
                event("octets in the clear", &|it, out| it.injected(&cx, out));
            }
            Framing::Line if from.is_held() => {
                event("octets too early", &|it, out| it.spoke_first(&cx, out));
                event("end of the pause", &|it, out| it.timed_out(&cx, out));
            }
            Framing::Line if !from.is_commanded() => {
                event("response", &|it, out| it.command(&cx, b"YQ==", out));
                event("cancel", &|it, out| it.command(&cx, b"*", out));
            }
            _ => {}
        }
        if !from.is_held() && from.question().is_none() {
            event("silence", &|it, out| it.timed_out(&cx, out));
        }
        if from.question().is_none() {
            event("end of the link", &|it, _| it.peer_gone());
        }
        for (by, session) in events {
            self.answer(&from, by, session);
        }
        if from.question().is_some() {
            self.answer(&from, "", from);
        } else if from.framing() == Framing::Line && from.is_commanded() && !from.is_held() {
            self.commands(&from);
        }
    }
}

fn verb_name(verb: Verb) -> &'static str {
    if verb == Verb::Unknown { "any other" } else { verb.as_str() }
}

fn settings() -> Settings {
    let mut settings = Settings { plaintext_auth: true, ..Settings::default() };
    settings.extensions = settings.extensions.with(Extension::Etrn).with(Extension::Auth);
    settings.limits = Limits { errors: u32::MAX, junk: u32::MAX, ..Limits::default() };
    (settings.ask_verify, settings.ask_expand) = (true, true);
    settings
}

/// What a session did at each entry of the table: the codes that it answered with, or "asked".
fn deeds(walk: &Walk<'_>) -> BTreeMap<String, BTreeSet<String>> {
    let mut deeds: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let unasked = Settings { ask_verify: false, ask_expand: false, ..*walk.cx.settings };
    for (phase, from) in &walk.seen {
        for (verb, line) in LINES {
            for settings in [walk.cx.settings, &unasked] {
                let cx = Context { settings, ..walk.cx };
                let (mut session, mut out) = (*from, Vec::new());
                session.command(&cx, line.as_bytes(), &mut out);
                let went_on = matches!(session.state, State::Chunk(..));
                let deed = match session.question() {
                    Some(_) => "the application is asked".to_string(),
                    None if went_on => "the next chunk comes".to_string(),
                    None => String::from_utf8_lossy(&out).chars().take(9).collect(),
                };
                deeds.entry(format!("{:?}", rule(verb, *phase))).or_default().insert(deed);
            }
        }
    }
    deeds
}

#[test]
fn the_page_shows_the_table_and_where_it_leads() {
    let settings = settings();
    let mut cx = Context::new("mx.example.org", &settings);
    cx.mechanisms = "PLAIN";
    let mut fresh = Session::new();
    fresh.offer_tls();
    fresh.trust();
    let (mut held, mut implicit) = (fresh, fresh);
    held.hold_greeting();
    implicit.implicit_tls();
    let mut walk = Walk {
        cx,
        drawing: Drawing::default(),
        found: BTreeSet::new(),
        left: VecDeque::new(),
        seen: Vec::new(),
    };
    for start in [fresh, held, implicit] {
        walk.arrive(start);
    }
    while let Some(from) = walk.left.pop_front() {
        walk.go_on(from);
    }

    let mut table = String::from("| |");
    for phase in PHASES {
        assert!(walk.seen.iter().any(|(seen, _)| *seen == phase), "{phase:?} was not reached");
        table += &format!(" {phase:?} |");
    }
    table += "\n|---|---|---|---|---|---|---|\n";
    for (verb, _) in LINES {
        table += &format!("| {} |", verb_name(verb));
        for phase in PHASES {
            table += &format!(" {:?} |", rule(verb, phase));
        }
        table += "\n";
    }
    let mut legend = String::from("| entry | what the session does |\n|---|---|\n");
    for (entry, deeds) in deeds(&walk) {
        let deeds: Vec<_> = deeds.into_iter().collect();
        assert!(entry != format!("{:?}", Rule::Ask) || deeds.len() < 3, "{deeds:?}");
        legend += &format!("| {entry} | {} |\n", deeds.join("; "));
    }
    let text = format!(
        "# The server session\n\n\
         Drawn by a test from `smtp-proto/src/session/server/table.rs` and from sessions that went by it;\n\
         `UPDATE=1 cargo test -p smtp-proto drawing` draws it again. Everything is offered here: what is not\n\
         offered is refused with 502 before the table is looked at.\n\n\
         ## What each command does in each phase\n\n{table}\n\
         In LMTP the rows of EHLO and LHLO are exchanged, and HELO is as foreign as EHLO.\n\n{legend}\n\
         ## Where it leads\n\n\
         `yes` and `no` are the application's answers; `421` is one that ends the session.\n\n{}\n\
         ## Every way\n\n{}",
        walk.drawing.mermaid(&["Fresh", "Held", "ImplicitTls"], |_, _| false),
        walk.drawing.table(),
    );
    check("server.md", &text);
}
