//! What a well-behaved client sends, and what came of it.

use smtp_codec::proto::{Envelope, Outcome, Verdict};

use crate::Transcript;
use crate::dialogue::bare;
use crate::expect::{crlf, fail};

/// A message for [`Client::deliver`](crate::Client::deliver).
///
/// ```
/// use smtp_test::Letter;
///
/// let letter = Letter::new("alice@example.net")
///     .to("bob@example.org")
///     .to("carol@example.org")
///     .content("Subject: Hello\n\nHello\n");
/// assert_eq!(letter.octets(), b"Subject: Hello\r\n\r\nHello\r\n");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Letter {
    pub(crate) envelope: Envelope,
    pub(crate) content: Vec<u8>,
}

impl Letter {
    /// From that mailbox, with its brackets or without; `""` is the null path.
    ///
    /// # Panics
    ///
    /// Where it is no mailbox.
    #[track_caller]
    pub fn new(from: &str) -> Self {
        let Ok(path) = format!("<{}>", bare(from)).parse() else { panic!("no mailbox: {from:?}") };
        Letter { envelope: Envelope::new(path), content: b"Subject: test\r\n\r\ntest\r\n".to_vec() }
    }

    /// Also to that mailbox.
    ///
    /// # Panics
    ///
    /// Where it is no mailbox.
    #[track_caller]
    pub fn to(mut self, mailbox: &str) -> Self {
        let Ok(path) = format!("<{}>", bare(mailbox)).parse() else {
            panic!("no mailbox: {mailbox:?}")
        };
        self.envelope = self.envelope.to(path);
        self
    }

    /// Holds that text, header included. LF stands for CRLF.
    pub fn content(mut self, text: &str) -> Self {
        self.content = crlf(text).into_bytes();
        self
    }

    /// Holds these octets, bare newlines and all; dots are still stuffed.
    pub fn raw_content(mut self, octets: impl Into<Vec<u8>>) -> Self {
        self.content = octets.into();
        self
    }

    /// What it holds.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.content
    }
}

/// What came of a [`Letter`], as the client knows it.
///
/// ```
/// use smtp_test::{At, Client, Do, Letter, Server};
///
/// let server = Server::script().on(At::message(), Do::cut()).in_memory();
/// let letter = Letter::new("alice@example.net").to("bob@example.org");
/// // The server has it, and nobody told the client.
/// Client::over(server.connect()).deliver(&letter).expect_unknown();
/// server.expect_message().told("");
/// ```
#[derive(Clone, Debug)]
pub struct Delivered {
    /// Each recipient, in the order of the letter.
    pub outcome: Outcome,
    /// What was said.
    pub transcript: Transcript,
    pub(crate) recipients: Vec<String>,
}

impl Delivered {
    #[track_caller]
    fn expect_all(&self, verdict: Verdict) -> &Self {
        for (name, recipient) in self.recipients.iter().zip(&self.outcome.recipients) {
            if recipient.verdict != verdict {
                let why = format!("expected {name} to be {verdict:?}, and it is {recipient:?}");
                fail(&why, &self.transcript);
            }
        }
        self
    }

    /// The server took it for all recipients.
    ///
    /// # Panics
    ///
    /// Where it did not, as the others do.
    #[track_caller]
    pub fn expect_accepted(&self) -> &Self {
        self.expect_all(Verdict::Accepted)
    }

    /// It was refused for all recipients, for good.
    #[track_caller]
    pub fn expect_refused(&self) -> &Self {
        self.expect_all(Verdict::Refused)
    }

    /// It is to be tried again for all recipients.
    #[track_caller]
    pub fn expect_deferred(&self) -> &Self {
        self.expect_all(Verdict::Deferred)
    }

    /// The link broke when the server may have taken it.
    #[track_caller]
    pub fn expect_unknown(&self) -> &Self {
        self.expect_all(Verdict::Unknown)
    }

    /// The reply to that recipient begins so.
    #[track_caller]
    pub fn expect_reply(&self, mailbox: &str, start: &str) -> &Self {
        let found = self.recipients.iter().position(|name| name == bare(mailbox));
        let Some(i) = found else { fail(&format!("no recipient is {mailbox}"), &self.transcript) };
        let reply = self.outcome.recipients[i].reply.as_ref().map(ToString::to_string);
        if !reply.as_ref().is_some_and(|reply| reply.starts_with(start)) {
            let why = format!("expected {start:?} for {mailbox}, and it is {reply:?}");
            fail(&why, &self.transcript);
        }
        self
    }
}
