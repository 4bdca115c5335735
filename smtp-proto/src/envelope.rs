//! The envelope, and what became of it (feature `alloc`).

use alloc::string::ToString;
use alloc::vec::Vec;
use core::fmt;

use crate::address::{ForwardPathBuf, ReversePathBuf};
use crate::command::{MailParametersBuf, ParameterError, RcptParametersBuf};
use crate::reply::ReplyBuf;
use crate::session::client::{CallError, Closing};
use crate::verdict::{Stage, Verdict};

/// Who a message is from and who it is for (RFC 5321 section 2.3.1).
///
/// ```
/// use smtp_proto::{Envelope, Recipient};
///
/// let envelope = Envelope::new("alice@example.org".parse()?)
///     .to("bob@example.net".parse()?)
///     .to("carol@example.com".parse()?);
/// assert_eq!(envelope.recipients.len(), 2);
/// # Ok::<(), smtp_proto::address::AddressError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Envelope {
    /// Where failures are reported to; null for reports themselves.
    pub reverse_path: ReversePathBuf,
    /// The parameters of MAIL.
    #[cfg_attr(feature = "serde", serde(default))]
    pub parameters: MailParametersBuf,
    /// In the order in which they are named.
    pub recipients: Vec<Recipient>,
}

impl Envelope {
    /// An envelope without recipients or parameters.
    #[must_use]
    pub fn new(reverse_path: ReversePathBuf) -> Self {
        Envelope { reverse_path, parameters: MailParametersBuf::default(), recipients: Vec::new() }
    }

    /// Adds a recipient without parameters.
    #[must_use]
    pub fn to(mut self, forward_path: ForwardPathBuf) -> Self {
        self.recipients.push(Recipient::new(forward_path));
        self
    }
}

/// One recipient of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Recipient {
    /// Whom it is for.
    pub forward_path: ForwardPathBuf,
    /// The parameters of RCPT.
    #[cfg_attr(feature = "serde", serde(default))]
    pub parameters: RcptParametersBuf,
}

impl Recipient {
    /// A recipient without parameters.
    #[must_use]
    pub fn new(forward_path: ForwardPathBuf) -> Self {
        Recipient { forward_path, parameters: RcptParametersBuf::default() }
    }

    /// Adds ORCPT as the first sender of a message gives it: the address of RCPT itself (RFC 3461
    /// section 4.2), of type `rfc822`, or `utf-8` where it is not in ASCII (RFC 6533 section 3).
    /// Whoever relays a message keeps the ORCPT that it came with.
    ///
    /// ```
    /// use smtp_proto::Recipient;
    ///
    /// let bob = Recipient::new("bob+lists@example.com".parse()?).with_original()?;
    /// assert_eq!(bob.parameters.to_string(), "ORCPT=rfc822;bob+2Blists@example.com");
    /// let ren = Recipient::new("任@example.com".parse()?).with_original()?;
    /// assert_eq!(ren.parameters.to_string(), r"ORCPT=utf-8;\x{4EFB}@example.com");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`ParameterError`] as for [`RcptParametersBuf::orcpt`]; no path that parses is known to be
    /// refused.
    pub fn with_original(mut self) -> Result<Self, ParameterError> {
        let path = self.forward_path.as_path();
        let address = path.mailbox().map_or_else(|| "Postmaster".into(), |it| it.to_string());
        let kind = if address.is_ascii() { "rfc822" } else { "utf-8" };
        self.parameters = self.parameters.orcpt(kind, &address)?;
        Ok(self)
    }
}

/// What became of one recipient, and why; it prints on one line.
///
/// ```
/// use smtp_proto::reply::Reply;
/// use smtp_proto::{Delivered, Stage};
///
/// let reply = Reply::parse(b"550 5.1.1 no such user\r\n").unwrap();
/// let delivered = Delivered::from_reply(Stage::Rcpt, reply);
/// assert_eq!(delivered.to_string(), "refused (RCPT): 550 5.1.1 no such user");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Delivered {
    /// What became of it.
    pub verdict: Verdict,
    /// How far it got.
    pub stage: Stage,
    /// The reply that decided; none where the link or this side did.
    pub reply: Option<ReplyBuf>,
}

impl Delivered {
    /// What a reply at that stage comes to. A [`ReplyBuf`] is shared, a
    /// [`Reply`](crate::reply::Reply) copied.
    #[must_use]
    pub fn from_reply(stage: Stage, reply: impl Into<ReplyBuf>) -> Self {
        let reply = reply.into();
        let verdict = Verdict::from_reply(stage, reply.as_reply());
        Delivered { verdict, stage, reply: Some(reply) }
    }
}

impl fmt::Display for Delivered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.verdict, self.stage)?;
        match &self.reply {
            Some(reply) => write!(f, ": {reply}"),
            None => Ok(()),
        }
    }
}

/// What became of a message, recipient by recipient, in the order of the envelope.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Outcome {
    /// One for each recipient.
    pub recipients: Vec<Delivered>,
    /// The reply that decided about the transaction as a whole, where there was one.
    pub reply: Option<ReplyBuf>,
    /// Why recipients have no reply, if some have none.
    pub failure: Option<Failure>,
}

/// What kept a transaction from its end, other than a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "snake_case")
)]
pub enum Failure {
    /// The server does not offer what the envelope needs.
    NotSent(CallError),
    /// The content holds a bare CR or LF, which must not be sent (RFC 5321 section 2.3.8).
    BareNewline,
    /// The session ended.
    Closed(Closing),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::NotSent(error) => error.fmt(f),
            Failure::BareNewline => {
                f.write_str("the content holds a CR or LF that is not part of a CRLF")
            }
            Failure::Closed(closing) => closing.fmt(f),
        }
    }
}

impl core::error::Error for Failure {}

impl Outcome {
    /// Whether every recipient was accepted; true where there was none.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        self.recipients.iter().all(|recipient| recipient.verdict == Verdict::Accepted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::client::ProtocolFault;

    #[test]
    fn what_failed_is_told_to_people() {
        for (failure, text) in [
            (
                Failure::NotSent(CallError::TooLarge(9)),
                "the message is larger than the 9 octets that the server takes",
            ),
            (Failure::BareNewline, "the content holds a CR or LF that is not part of a CRLF"),
            (
                Failure::Closed(Closing::PeerGone),
                "the server closed the connection, or the link broke",
            ),
            (
                Failure::Closed(Closing::Protocol(ProtocolFault::Unasked)),
                "the server sent a reply that nothing asked for",
            ),
        ] {
            assert_eq!(failure.to_string(), text);
        }
    }
}
