//! What a test says of what a server saw.

use std::fmt;
use std::fmt::Write as _;

use crate::dialogue::bare;
use crate::record::{Ended, Pages, Session, Transaction};
use crate::transcript::{Side, visible};
use crate::{MemoryServer, Server};

/// Fails with what was said.
macro_rules! fail {
    ($session:expr, $($why:tt)*) => {
        fail(&format!($($why)*), $session)
    };
}

fn all(pages: &Pages) -> String {
    let mut all = String::new();
    for (i, session) in pages.sessions.iter().enumerate() {
        let _ = write!(all, "session {} {session}", i + 1);
    }
    if all.is_empty() { "nobody has connected".into() } else { all }
}

macro_rules! assertions {
    ($server:ident) => {
        impl $server {
            /// All that was said, session by session: for the message of an assertion of one's own.
            #[must_use]
            pub fn transcript(&self) -> String {
                all(&self.book.read())
            }

            /// The sessions so far, those included that are not over.
            #[must_use]
            pub fn sessions(&self) -> Vec<Session> {
                self.book.read().sessions.clone()
            }

            /// The messages that were taken so far, in that order, whatever clients were told.
            #[must_use]
            pub fn messages(&self) -> Vec<Transaction> {
                let pages = self.book.read();
                let taken = pages.taken.iter();
                taken.map(|&(i, n)| pages.sessions[i].transactions[n].clone()).collect()
            }

            /// The first message that was taken and that no earlier call has given out; waits for
            /// it.
            ///
            /// # Panics
            ///
            /// Where none comes in time.
            #[track_caller]
            pub fn expect_message(&self) -> SeenMessage {
                let next = self.book.wait(self.script.patience, |pages| {
                    let &(i, n) = pages.taken.get(pages.seen_messages)?;
                    pages.seen_messages += 1;
                    let session = pages.sessions[i].clone();
                    Some(SeenMessage { message: session.transactions[n].clone(), session })
                });
                match next {
                    Some(message) => message,
                    None => fail!(self.transcript(), "expected a message, and none came"),
                }
            }

            /// No message was taken that [`expect_message`](Self::expect_message) has not given out.
            /// Does not wait: what a client was told is known by then.
            ///
            /// # Panics
            ///
            /// Where there is one.
            #[track_caller]
            pub fn expect_no_message(&self) {
                let pages = self.book.read();
                let more = pages.taken.len() - pages.seen_messages;
                if more > 0 {
                    let all = all(&pages);
                    drop(pages);
                    fail!(all, "expected no message, and {more} came");
                }
            }

            /// The first session that no earlier call has given out; waits until it is over.
            ///
            /// # Panics
            ///
            /// Where there is none in time.
            #[track_caller]
            pub fn expect_session(&self) -> SeenSession {
                let next = self.book.wait(self.script.patience, |pages| {
                    let session = pages.sessions.get(pages.seen_sessions)?;
                    session.ended?;
                    let session = session.clone();
                    pages.seen_sessions += 1;
                    Some(SeenSession { session })
                });
                match next {
                    Some(session) => session,
                    None => fail!(self.transcript(), "expected a session to begin and to end"),
                }
            }
        }
    };
}
assertions!(Server);
assertions!(MemoryServer);

/// A message that a server has taken. Each assertion panics with the transcript of the session.
///
/// ```
/// use smtp_test::{Client, Letter, Server};
///
/// let server = Server::script().in_memory();
/// let letter = Letter::new("").to("bob@example.org").content("Subject: Report\n\nSorry\n");
/// Client::over(server.connect()).deliver(&letter);
/// let message = server.expect_message().from("").to(["<bob@example.org>"]).told("250");
/// assert_eq!(message.message.content, b"Subject: Report\r\n\r\nSorry\r\n");
/// ```
#[derive(Clone, Debug)]
pub struct SeenMessage {
    /// The message.
    pub message: Transaction,
    /// The session that it came in, as it was then.
    pub session: Session,
}

impl SeenMessage {
    /// The reverse-path, with its brackets or without.
    #[track_caller]
    pub fn from(self, mailbox: &str) -> Self {
        let (wanted, found) = (bare(mailbox), &self.message.reverse_path);
        if wanted != found {
            fail!(self.session, "expected a message from <{wanted}>, and it is from <{found}>");
        }
        self
    }

    /// The recipients that were accepted, all of them and in that order.
    #[track_caller]
    pub fn to<'a>(self, mailboxes: impl IntoIterator<Item = &'a str>) -> Self {
        let wanted: Vec<&str> = mailboxes.into_iter().map(bare).collect();
        let accepted = self.message.recipients.iter().filter(|it| it.accepted);
        let found: Vec<&str> = accepted.map(|it| it.forward_path.as_str()).collect();
        if wanted != found {
            fail!(self.session, "expected a message to {wanted:?}, and it is to {found:?}");
        }
        self
    }

    /// MAIL had this parameter, to the letter.
    #[track_caller]
    pub fn parameter(self, parameter: &str) -> Self {
        let found = &self.message.parameters;
        if !found.split(' ').any(|it| it == parameter) {
            fail!(self.session, "expected MAIL with {parameter:?}, and it has {found:?}");
        }
        self
    }

    /// The content, to the octet.
    #[track_caller]
    pub fn content(self, content: impl AsRef<[u8]>) -> Self {
        let (wanted, found) = (content.as_ref(), &self.message.content);
        if wanted != found {
            let (wanted, found) = (visible(wanted), visible(found));
            fail!(self.session, "expected the content\n{wanted}\nand it is\n{found}");
        }
        self
    }

    /// The text behind the first empty line. LF stands for CRLF in `text`.
    #[track_caller]
    pub fn body(self, text: &str) -> Self {
        let content = String::from_utf8_lossy(&self.message.content).into_owned();
        let found = match content.strip_prefix("\r\n") {
            Some(body) => body,
            None => content.split_once("\r\n\r\n").map_or("", |(_, body)| body),
        };
        let wanted = crlf(text);
        if wanted != found {
            let (wanted, found) = (visible(wanted.as_bytes()), visible(found.as_bytes()));
            fail!(self.session, "expected the body\n{wanted}\nand it is\n{found}");
        }
        self
    }

    /// A field of the header, folded lines unfolded; the name in any case.
    #[track_caller]
    pub fn header(self, name: &str, value: &str) -> Self {
        let content = String::from_utf8_lossy(&self.message.content).replace("\r\n ", " ");
        let header = content.split("\r\n\r\n").next().unwrap_or_default().replace("\r\n\t", "\t");
        let mut found = header.lines().filter_map(|line| line.split_once(':'));
        let mut found = found.by_ref().filter(|(it, _)| it.eq_ignore_ascii_case(name));
        let found: Vec<&str> = found.by_ref().map(|(_, value)| value.trim()).collect();
        if !found.contains(&value) {
            fail!(self.session, "expected {name:?} to be {value:?}, and it is {found:?}");
        }
        self
    }

    /// What the client was told about it begins so; `""` is nothing at all.
    #[track_caller]
    pub fn told(self, start: &str) -> Self {
        let found = &self.message.told;
        if !found.starts_with(start) || (start.is_empty() && !found.is_empty()) {
            fail!(self.session, "expected it to be answered with {start:?}, and it was {found:?}");
        }
        self
    }
}

/// A session that is over. Each assertion panics with its transcript.
///
/// ```
/// use smtp_test::{Client, Ended, Letter, Server};
///
/// let server = Server::script().in_memory();
/// Client::over(server.connect()).deliver(&Letter::new("a@example.net").to("b@example.org"));
/// server.expect_session().ended(Ended::Quit).said(["EHLO", "MAIL", "RCPT", "QUIT"]).never_said("AUTH");
/// ```
#[derive(Clone, Debug)]
pub struct SeenSession {
    /// The session.
    pub session: Session,
}

impl SeenSession {
    /// How it ended.
    #[track_caller]
    pub fn ended(self, how: Ended) -> Self {
        if self.session.ended != Some(how) {
            fail!(self.session, "expected the session to end with {how:?}");
        }
        self
    }

    /// The client said lines that begin so, in that order, whatever was said between; the case is
    /// not looked at.
    #[track_caller]
    pub fn said<'a>(self, starts: impl IntoIterator<Item = &'a str>) -> Self {
        let lines = self.session.transcript.lines(Side::Client);
        let mut lines = lines.iter();
        for start in starts {
            if !lines.any(|line| begins(line, start)) {
                fail!(self.session, "expected the client to say {start:?} then");
            }
        }
        self
    }

    /// The client said no line that begins so; lines of content are looked at, too.
    #[track_caller]
    pub fn never_said(self, start: &str) -> Self {
        if self.session.transcript.lines(Side::Client).iter().any(|line| begins(line, start)) {
            fail!(self.session, "expected the client never to say {start:?}");
        }
        self
    }

    /// The client authenticated itself as that user.
    #[track_caller]
    pub fn user(self, name: &str) -> Self {
        let found = self.session.user.as_deref();
        if found != Some(name) {
            fail!(self.session, "expected the user {name:?}, and it is {found:?}");
        }
        self
    }

    /// TLS was on.
    #[track_caller]
    pub fn secured(self) -> Self {
        if !self.session.secured {
            fail!(self.session, "expected the session to use TLS");
        }
        self
    }
}

fn begins(line: &str, start: &str) -> bool {
    line.get(..start.len()).is_some_and(|it| it.eq_ignore_ascii_case(start))
}

/// Each line end as CRLF.
pub(crate) fn crlf(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\n', "\r\n")
}

/// Fails with a transcript.
#[track_caller]
pub(crate) fn fail(why: &str, said: impl fmt::Display) -> ! {
    panic!("{why}\n\n{said}")
}
