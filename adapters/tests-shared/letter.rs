//! What a client under test sends, and what came of it.

use std::io::{self, Read};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use smtp_codec::client::{Closing, Sent, Traffic};
use smtp_codec::proto::{Envelope, Failure};

/// A message.
pub struct Letter {
    pub envelope: Envelope,
    pub body: Body,
}

impl Letter {
    /// From `alice`, to the local-parts in `to`.
    pub fn new(to: &[&str], body: impl Into<Body>) -> Self {
        let mut envelope = Envelope::new("alice@example.net".parse().unwrap());
        for recipient in to {
            envelope = envelope.to(format!("{recipient}@example.org").parse().unwrap());
        }
        Letter { envelope, body: body.into() }
    }
}

/// Content that may stall on its way, or fail.
#[derive(Clone, Default)]
pub struct Body {
    pub bytes: Vec<u8>,
    pub at: usize,
    /// Behind so many octets, wait so long.
    pub stall: Option<(usize, Duration)>,
    /// Behind so many octets, fail.
    pub fails: Option<usize>,
}

impl From<&[u8]> for Body {
    fn from(bytes: &[u8]) -> Self {
        Body { bytes: bytes.to_vec(), ..Body::default() }
    }
}

impl From<&str> for Body {
    fn from(text: &str) -> Self {
        text.as_bytes().into()
    }
}

impl Read for Body {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        let mut end = self.bytes.len();
        if let Some(fails) = self.fails {
            if self.at >= fails {
                return Err(io::ErrorKind::InvalidData.into());
            }
            end = end.min(fails);
        }
        if let Some((stall, long)) = self.stall {
            if self.at >= stall {
                self.stall = None;
                thread::sleep(long);
            } else {
                end = end.min(stall);
            }
        }
        let n = room.len().min(end - self.at);
        room[..n].copy_from_slice(&self.bytes[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

/// What a client's work came to.
#[derive(Debug)]
pub struct Report {
    /// Each recipient of each message, in words.
    pub outcomes: Vec<String>,
    /// What kept each message from its end, if anything did.
    pub failures: Vec<Option<Failure>>,
    pub errors: Vec<Option<io::ErrorKind>>,
    /// How the session stood before `quit`.
    pub closing: Option<Closing>,
    pub quit: Result<(), io::ErrorKind>,
    /// Why there was no connection.
    pub unconnected: Option<io::ErrorKind>,
    dialogue: Arc<Mutex<String>>,
}

impl Default for Report {
    fn default() -> Self {
        Report {
            outcomes: Vec::new(),
            failures: Vec::new(),
            errors: Vec::new(),
            closing: None,
            quit: Ok(()),
            unconnected: None,
            dialogue: Arc::default(),
        }
    }
}

impl Report {
    pub fn unconnected(error: &io::Error) -> Self {
        Report { unconnected: Some(error.kind()), ..Report::default() }
    }

    /// Writes down what `observe` hears.
    pub fn ear(&self) -> impl FnMut(Traffic<'_>) + Send + 'static {
        let dialogue = Arc::clone(&self.dialogue);
        move |traffic| {
            let (who, line) = match traffic {
                Traffic::Sent(line) => ('C', line),
                Traffic::Received(line) => ('S', line),
            };
            let line = std::str::from_utf8(line).unwrap();
            dialogue.lock().unwrap().push_str(&format!("{who}: {line}\n"));
        }
    }

    pub fn sent(&mut self, envelope: &Envelope, sent: Sent) {
        assert_eq!(sent.outcome.recipients.len(), envelope.recipients.len());
        for (recipient, delivered) in envelope.recipients.iter().zip(sent.outcome.recipients) {
            let path = recipient.forward_path.to_string();
            let reply = delivered.reply.map_or("-".into(), |reply| reply.to_string());
            let (verdict, stage) = (delivered.verdict, delivered.stage);
            self.outcomes.push(format!("{path} {verdict:?} at {stage:?}: {}", reply.trim_end()));
        }
        self.failures.push(sent.outcome.failure);
        self.errors.push(sent.error.map(|error| error.kind()));
    }

    pub fn dialogue(&self) -> String {
        self.dialogue.lock().unwrap().clone()
    }
}
