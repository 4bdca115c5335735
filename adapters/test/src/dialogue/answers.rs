//! What the application of a scripted server answers, and writes down.

use smtp_codec::proto::reply::Refusal;
use smtp_codec::server::Event;

use super::{Dialogue, bare};
use crate::login::Answer;
use crate::record::{Book, Outcome, Recipient, Transaction};

impl Dialogue {
    /// Takes everything, unless the script refuses it.
    pub(super) fn event(&mut self, refuses: bool) {
        let refusal = Refusal::LOCAL_ERROR;
        let (book, page) = (&self.book, self.page);
        match self.core.event() {
            Event::Greet(greet) if refuses => greet.reject(refusal),
            Event::Hello(hello) if refuses => hello.reject(refusal),
            Event::Data(data) if refuses => data.reject(refusal),
            Event::StartTls(start) if refuses => start.reject(refusal),
            Event::Mail(mail) => {
                let opened = Transaction {
                    reverse_path: bare(&mail.reverse_path().to_string()).to_owned(),
                    parameters: mail.parameters().to_string(),
                    ..Transaction::default()
                };
                if refuses {
                    return mail.reject(refusal);
                }
                book.write(page, |session| {
                    abandon(&mut session.transactions);
                    session.transactions.push(opened);
                });
                mail.accept();
            }
            Event::Rcpt(rcpt) => {
                let recipient = Recipient {
                    forward_path: bare(&rcpt.forward_path().to_string()).to_owned(),
                    parameters: rcpt.parameters().to_string(),
                    accepted: !refuses,
                };
                book.write(page, |session| {
                    if let Some(open) = session.transactions.last_mut() {
                        open.recipients.push(recipient);
                    }
                });
                match refuses {
                    true => rcpt.reject(refusal),
                    false => rcpt.accept(),
                }
            }
            Event::Body(octets) => book.write(page, |session| {
                if let Some(open) = session.transactions.last_mut() {
                    open.content.extend_from_slice(octets);
                }
            }),
            Event::Message(message) if refuses => {
                settle(book, page, Outcome::Refused);
                message.reject(refusal);
            }
            Event::Message(message) => {
                settle(book, page, Outcome::Taken);
                message.accept();
            }
            Event::Aborted(_) => settle(book, page, Outcome::Refused),
            Event::Auth(auth) => {
                let initial = auth.initial_response();
                let name = auth.mechanism().to_string();
                match self.login.begin(&self.script.users, &name, initial.as_deref()) {
                    _ if refuses => auth.reject(Refusal::BAD_CREDENTIALS),
                    Answer::Ask(challenge) => auth.challenge(challenge),
                    Answer::Yes(user) => {
                        book.write(page, |session| session.user = Some(user));
                        auth.accept();
                    }
                    Answer::No => auth.reject(Refusal::BAD_CREDENTIALS),
                }
            }
            Event::AuthResponse(response) => {
                match self.login.go_on(&self.script.users, &response.response()) {
                    _ if refuses => response.reject(Refusal::BAD_CREDENTIALS),
                    Answer::Ask(challenge) => response.challenge(challenge),
                    Answer::Yes(user) => {
                        book.write(page, |session| session.user = Some(user));
                        response.accept();
                    }
                    Answer::No => response.reject(Refusal::BAD_CREDENTIALS),
                }
            }
            Event::Etrn(etrn) => etrn.accept(),
            other => other.proceed(),
        }
    }
}

/// The message of the present transaction is decided upon. LMTP decides for each recipient; that
/// one has it is enough.
fn settle(book: &Book, page: usize, outcome: Outcome) {
    let is_first = book.write(page, |session| match session.transactions.last_mut() {
        Some(open) if open.outcome != Outcome::Taken => {
            open.outcome = outcome;
            outcome == Outcome::Taken
        }
        _ => false,
    });
    if is_first {
        book.took(page);
    }
}

pub(super) fn abandon(transactions: &mut [Transaction]) {
    if let Some(last) = transactions.last_mut()
        && last.outcome == Outcome::Open
    {
        last.outcome = Outcome::Abandoned;
    }
}
