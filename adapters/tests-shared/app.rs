//! The application behind every server under test.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use smtp_codec::proto::reply::Refusal;
use smtp_codec::server::{Abort, Closing, Event};

/// A mail store that answers by local-part: `nobody` is refused, `later` is put off, `enough` ends
/// the session. Content that begins with `Subject: spam` is refused.
#[derive(Debug, Default)]
pub struct App {
    pub stored: Vec<Stored>,
    pub refused: usize,
    pub aborts: Vec<Abort>,
    pub closing: Option<Closing>,
    pub error: Option<io::ErrorKind>,
    /// Counts the events.
    pub events: Arc<AtomicUsize>,
    open: Stored,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    pub reverse_path: String,
    pub parameters: String,
    pub recipients: Vec<String>,
    pub content: Vec<u8>,
}

impl App {
    /// Takes an event; whether there are more to come.
    pub fn on(&mut self, event: Event<'_>) -> bool {
        self.events.fetch_add(1, Relaxed);
        match event {
            Event::Mail(mail) => {
                self.open = Stored {
                    reverse_path: mail.reverse_path().to_string(),
                    parameters: mail.parameters().to_string(),
                    ..Stored::default()
                };
                mail.accept();
            }
            Event::Rcpt(rcpt) => {
                let path = rcpt.forward_path().to_string();
                if path.contains("nobody") {
                    rcpt.reject(Refusal::NO_SUCH_USER);
                } else if path.contains("later") {
                    rcpt.reject(Refusal::TRY_LATER);
                } else if path.contains("enough") {
                    rcpt.reject(Refusal::SHUTTING_DOWN);
                } else {
                    self.open.recipients.push(path);
                    rcpt.accept();
                }
            }
            Event::Body(bytes) => self.open.content.extend_from_slice(bytes),
            Event::Message(message) => {
                assert_eq!(message.size(), self.open.content.len() as u64);
                if self.open.content.starts_with(b"Subject: spam") {
                    self.refused += 1;
                    message.reject(Refusal::CONTENT);
                } else {
                    self.stored.push(std::mem::take(&mut self.open));
                    message.accept();
                }
            }
            Event::Aborted(abort) => self.aborts.push(abort),
            Event::Closed(closing) => {
                self.closing = Some(closing);
                return false;
            }
            other => other.proceed(),
        }
        true
    }

    /// The link broke. That happens once, and the next event must be `Closed`.
    pub fn broke(&mut self, error: &io::Error) {
        assert_eq!(self.error, None, "an error after an error: {error}");
        self.error = Some(error.kind());
    }
}
