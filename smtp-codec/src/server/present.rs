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
        let parsed = match *present {
            // Only a command's own octets are read as one: a response in AUTH is none.
            Present::Line(_) if session.is_commanded() => Some(Command::parse_with(line, syntax)),
            _ => None,
        };
        // By reference: each move of what was just written in pieces costs as much as a parse.
        let command = parsed.as_ref().and_then(|parsed| parsed.as_ref().ok());
        let answer = Answer { config, session, tx, deviations };
        match (question, command) {
            (Some(Question::Greet), _) => Event::Greet(Greet::new(answer)),
            (Some(Question::Data), _) => Event::Data(Data::new(answer)),
            (Some(Question::Message), _) => Event::Message(Message::new(answer)),
            (Some(Question::Aborted(abort)), _) => Event::Aborted(abort),
            (Some(Question::StartTls), _) => Event::StartTls(StartTls::new(answer)),
            (Some(Question::AuthResponse), _) => {
                let text = str::from_utf8(line).ok().and_then(Base64::parse);
                Event::AuthResponse(AuthResponse::new(answer, text.unwrap_or(Base64::EMPTY)))
            }
            (
                Some(Question::Hello),
                Some(Command::Ehlo(host) | Command::Helo(host) | Command::Lhlo(host)),
            ) => Event::Hello(Hello::new(answer, *host)),
            (Some(Question::Mail), Some(Command::Mail { reverse_path, parameters })) => {
                Event::Mail(Mail::new(answer, *reverse_path, *parameters))
            }
            (Some(Question::Rcpt), Some(Command::Rcpt { forward_path, parameters })) => {
                Event::Rcpt(Rcpt::new(answer, *forward_path, *parameters))
            }
            (Some(Question::Auth), Some(Command::Auth { mechanism, initial_response })) => {
                Event::Auth(Auth::new(answer, *mechanism, *initial_response))
            }
            (Some(Question::Verify), Some(Command::Vrfy(argument))) => {
                Event::Verify(Verify::new(answer, *argument))
            }
            (Some(Question::Expand), Some(Command::Expn(argument))) => {
                Event::Expand(Expand::new(answer, *argument))
            }
            (Some(Question::Etrn), Some(Command::Etrn(queue))) => {
                Event::Etrn(Etrn::new(answer, *queue))
            }
            (Some(Question::Xclient), Some(Command::Xclient(it))) => {
                Event::Xclient(Xclient::new(answer, *it))
            }
            (Some(Question::Xforward), Some(Command::Xforward(it))) => {
                Event::Xforward(Xforward::new(answer, *it))
            }
            _ => closing.map_or(Event::Idle, Event::Closed),
        }
    }
}
