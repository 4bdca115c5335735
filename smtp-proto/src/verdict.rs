//! What a reply comes to for a recipient.

use core::fmt;

use crate::reply::Reply;

/// How far a recipient got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum Stage {
    /// The greeting, EHLO or HELO, or no connection at all.
    Connect,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA.
    Data,
    /// The message itself.
    Message,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Stage::Connect => "connection",
            Stage::Mail => "MAIL",
            Stage::Rcpt => "RCPT",
            Stage::Data => "DATA",
            Stage::Message => "message",
        })
    }
}

/// What became of a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum Verdict {
    /// The server has taken over the message for it.
    Accepted,
    /// Refused for good: report a failure.
    Refused,
    /// Refused for now, or never asked: try again later.
    Deferred,
    /// The link broke between the end of the mail data and its reply: it may have been accepted
    /// (RFC 1047). Trying again may deliver twice.
    Unknown,
}

impl Verdict {
    /// What a reply at that stage comes to; `Accepted` before [`Stage::Message`] is so far only. Not
    /// for 354 or 353, which decide nothing.
    ///
    /// ```
    /// use smtp_proto::reply::Reply;
    /// use smtp_proto::{Stage, Verdict};
    ///
    /// let full = Reply::parse(b"552 5.5.3 too many recipients\r\n").unwrap();
    /// assert_eq!(Verdict::from_reply(Stage::Rcpt, full), Verdict::Deferred);
    /// assert_eq!(Verdict::from_reply(Stage::Message, full), Verdict::Refused);
    /// ```
    #[must_use]
    pub fn from_reply(stage: Stage, reply: Reply<'_>) -> Self {
        match (reply.code(), stage) {
            // RFC 5321 section 4.5.3.1.10: 552 to RCPT means too many recipients, not too large.
            (code, Stage::Rcpt) if code.get() == 552 => Verdict::Deferred,
            (code, _) if code.is_positive() => Verdict::Accepted,
            (code, _) if code.is_permanent() => Verdict::Refused,
            _ => Verdict::Deferred,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Verdict::Accepted => "accepted",
            Verdict::Refused => "refused",
            Verdict::Deferred => "deferred",
            Verdict::Unknown => "unknown",
        })
    }
}
