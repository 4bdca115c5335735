//! What is measured, and on what: a row is the same work, done by each contender.

use std::fmt;

pub mod commands;
pub mod data_in;
pub mod data_out;
pub mod encode;
pub mod memory;
pub mod replies;
pub mod sessions;
pub mod small;

pub const OURS: &str = "ours";
pub const ASYNC_SMTP: &str = "async-smtp 0.10.2";
pub const IO_SMTP: &str = "io-smtp 0.6.0";
pub const LETTRE: &str = "lettre 0.11.23";
pub const MAIL_SEND: &str = "mail-send 0.7.0";
pub const MAILIN: &str = "mailin 0.6.5";
pub const MAILRS: &str = "mailrs-smtp-proto 1.2.0";
pub const MEMCPY: &str = "memcpy";
pub const SAMOTOP: &str = "samotop-parser 0.13.0";
pub const SMTP_CODEC: &str = "smtp-codec 0.2.0";
pub const SMTP_MESSAGE: &str = "smtp-message 0.1.0";
pub const SMTP_PROTO: &str = "smtp-proto 0.2.5";

/// Does the work on one input, and says how much came of it; 0 where it was refused.
pub type Work = Box<dyn FnMut(&[u8]) -> usize>;

/// One of those that take turns.
pub struct Contender {
    pub who: &'static str,
    pub work: Work,
}

impl Contender {
    pub fn new(who: &'static str, work: impl FnMut(&[u8]) -> usize + 'static) -> Self {
        Contender { who, work: Box::new(work) }
    }

    /// One that only says whether it took the input.
    pub fn taking(who: &'static str, mut take: impl FnMut(&[u8]) -> bool + 'static) -> Self {
        Self::new(who, move |input| usize::from(take(input)))
    }
}

impl fmt::Debug for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.who)
    }
}

/// What a time stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Per {
    /// One of these.
    Each(&'static str),
    /// So many octets, whose rate is shown.
    Octets(usize),
}

/// The same work on the same inputs.
#[derive(Debug)]
pub struct Row {
    pub name: String,
    pub per: Per,
    pub inputs: Vec<Vec<u8>>,
    /// What must come of each input, where all have to agree; a contender that makes something else
    /// of it is marked.
    pub expected: Option<usize>,
    pub contenders: Vec<Contender>,
}

impl Row {
    pub fn new(name: &str, per: Per, inputs: Vec<Vec<u8>>, contenders: Vec<Contender>) -> Self {
        Row { name: name.to_owned(), per, inputs, expected: None, contenders }
    }

    #[must_use]
    pub fn expecting(mut self, expected: usize) -> Self {
        self.expected = Some(expected);
        self
    }
}
