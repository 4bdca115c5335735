//! What an event looks at, and how it is handed out.

use smtp_proto::command::{Base64, Command, Deviations};
use smtp_proto::session::server::Question;

use super::event::Answer;
use super::{
    Auth, AuthResponse, Connection, Data, Etrn, Event, Expand, Greet, Hello, Mail, Message, Rcpt,
    StartTls, Verify, Xclient, Xforward,
};

/// What stands at the start of the receive buffer and is consumed by the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Present {
    Nothing,
    /// A line of so many octets, without its CRLF.
    Line(usize),
    /// So many octets of content, of which the application sees `shown`.
    Body {
        shown: usize,
        len: usize,
    },
    /// Content that the wire does not hold.
    Literal(&'static [u8]),
}

impl Connection {
    /// What the application must look at or answer. Asked twice it answers the same: a handle
    /// that is dropped without an answer comes back.
    pub fn event(&mut self) -> Event<'_> {
        let Connection { config, session, rx, tx, present, deviations, .. } = self;
        match *present {
            Present::Literal(text) => return Event::Body(text),
            Present::Body { shown, .. } => {
                return Event::Body(rx.bytes().get(..shown).unwrap_or_default());
            }
            Present::Line(_) | Present::Nothing => {}
        }
        let question = session.question();
        let closing = session.closing();
        let line = match *present {
            Present::Line(len) => rx.bytes().get(..len).unwrap_or_default(),
            _ => &[],
        };
        let syntax = config.settings().syntax;
        let deviations = match *present {
            Present::Line(_) => deviations.0,
            _ => Deviations::NONE,
        };
        let answer = Answer { config, session, tx, deviations };
        let command = || Command::parse_with(line, syntax).ok();
        match question {
            Some(Question::Greet) => Event::Greet(Greet::new(answer)),
            Some(Question::Data) => Event::Data(Data::new(answer)),
            Some(Question::Message) => Event::Message(Message::new(answer)),
            Some(Question::Aborted(abort)) => Event::Aborted(abort),
            Some(Question::Hello) => match command() {
                Some(Command::Ehlo(host) | Command::Helo(host) | Command::Lhlo(host)) => {
                    Event::Hello(Hello::new(answer, host))
                }
                _ => Event::Idle,
            },
            Some(Question::Mail) => match command() {
                Some(Command::Mail { reverse_path, parameters }) => {
                    Event::Mail(Mail::new(answer, reverse_path, parameters))
                }
                _ => Event::Idle,
            },
            Some(Question::Rcpt) => match command() {
                Some(Command::Rcpt { forward_path, parameters }) => {
                    Event::Rcpt(Rcpt::new(answer, forward_path, parameters))
                }
                _ => Event::Idle,
            },
            Some(Question::Verify) => match command() {
                Some(Command::Vrfy(argument)) => Event::Verify(Verify::new(answer, argument)),
                _ => Event::Idle,
            },
            Some(Question::StartTls) => Event::StartTls(StartTls::new(answer)),
            Some(Question::Auth) => match command() {
                Some(Command::Auth { mechanism, initial_response }) => {
                    Event::Auth(Auth::new(answer, mechanism, initial_response))
                }
                _ => Event::Idle,
            },
            Some(Question::AuthResponse) => {
                let text = str::from_utf8(line).ok().and_then(Base64::parse);
                Event::AuthResponse(AuthResponse::new(answer, text.unwrap_or(Base64::EMPTY)))
            }
            Some(Question::Etrn) => match command() {
                Some(Command::Etrn(queue)) => Event::Etrn(Etrn::new(answer, queue)),
                _ => Event::Idle,
            },
            Some(Question::Xclient) => match command() {
                Some(Command::Xclient(it)) => Event::Xclient(Xclient::new(answer, it)),
                _ => Event::Idle,
            },
            Some(Question::Xforward) => match command() {
                Some(Command::Xforward(it)) => Event::Xforward(Xforward::new(answer, it)),
                _ => Event::Idle,
            },
            Some(Question::Expand) => match command() {
                Some(Command::Expn(argument)) => Event::Expand(Expand::new(answer, argument)),
                _ => Event::Idle,
            },
            _ => closing.map_or(Event::Idle, Event::Closed),
        }
    }
}
