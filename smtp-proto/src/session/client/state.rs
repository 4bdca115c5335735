//! How far a client session has come: counters, since replies come in the order of the commands.

use super::Closing;
use super::table::Awaited;

/// A transaction, in counters: replies come in the order of the commands.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Transaction {
    pub(super) utf8: bool,
    /// A reply to the message for each recipient was asked for: PRDR.
    pub(super) each: bool,
    pub(super) chunked: bool,
    pub(super) binary: bool,
    pub(super) mail_due: bool,
    pub(super) mail_refused: bool,
    pub(super) sent: u32,
    pub(super) answered: u32,
    pub(super) accepted: u32,
    pub(super) ended: bool,
    pub(super) given_up: bool,
    pub(super) data_due: bool,
}

impl Transaction {
    pub(super) fn awaited(&self) -> Option<Awaited> {
        if self.mail_due {
            Some(Awaited::Mail)
        } else if self.answered < self.sent {
            Some(Awaited::Rcpt)
        } else if self.data_due {
            Some(Awaited::Data)
        } else {
            None
        }
    }

    /// Whether the recipients are named, and content is to follow.
    pub(super) fn has_content(&self) -> bool {
        self.ended && !self.given_up && self.accepted > 0
    }

    pub(super) fn outstanding(&self) -> u32 {
        let others = u32::from(self.mail_due) + u32::from(self.data_due);
        (self.sent - self.answered).saturating_add(others)
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Chunks {
    pub(super) each: bool,
    pub(super) binary: bool,
    pub(super) accepted: u32,
    pub(super) sent: u32,
    pub(super) answered: u32,
    pub(super) last_sent: bool,
}

impl Chunks {
    /// Once only the last chunk is unanswered, its replies are those of the message.
    pub(super) fn next(self, lmtp: bool) -> State {
        if self.last_sent && self.answered + 1 == self.sent {
            State::sent(lmtp, self.each, self.accepted)
        } else {
            State::Chunks(self)
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum State {
    Greeting,
    Ehlo,
    Helo,
    Lhlo,
    StartTls,
    /// A handshake is due, with the greeting behind it where TLS is implicit.
    Tls {
        greet: bool,
    },
    /// The reply to AUTH or to a response is awaited; so many challenges were answered.
    Auth(u32),
    /// A challenge is to be answered.
    Challenge(u32),
    /// An exchange was cancelled; its reply is awaited.
    Cancelled,
    /// The reply to a command that stands alone is awaited. With `restart`, a good one begins the
    /// session anew: XCLIENT.
    Answer {
        restart: bool,
    },
    Ready,
    Open(Transaction),
    /// Content goes by DATA, for so many recipients.
    Body {
        each: bool,
        accepted: u32,
    },
    /// Content goes by BDAT.
    Chunks(Chunks),
    /// One reply is awaited, or in LMTP as many as recipients were accepted.
    Message {
        answered: u32,
        due: u32,
    },
    /// LMTP: a recipient was told 421, and the replies for others are awaited yet.
    Leaving {
        answered: u32,
        due: u32,
    },
    /// One reply is awaited, or 353 and as many as recipients were accepted (draft-hall-prdr-00).
    MessageOrBlock {
        accepted: u32,
    },
    /// Behind that 353; the last reply follows.
    Block {
        answered: u32,
        due: u32,
    },
    /// A chunk was refused; so many replies to those behind it are awaited.
    LostChunks(u32),
    LoneDot,
    /// A transaction that came to nothing may still be open over there.
    Rset,
    Quit(Closing),
    Closed(Closing),
}

impl State {
    /// The content is sent, its end included, for so many recipients.
    pub(super) const fn sent(lmtp: bool, each: bool, accepted: u32) -> Self {
        match (lmtp, each) {
            (true, _) => State::Message { answered: 0, due: accepted },
            (false, true) => State::MessageOrBlock { accepted },
            (false, false) => State::Message { answered: 0, due: 1 },
        }
    }
}
