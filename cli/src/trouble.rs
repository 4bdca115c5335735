//! What went wrong other than by a reply to the message: in words, and as an exit code. The same for
//! every client.

use std::io;

use smtp_codec::client::{CallError, Closing};
use smtp_codec::proto::reply::ReplyBuf;
use smtp_codec::proto::{Delivered, Failure, Verdict};
use smtp_tls::Fault;

use crate::exit::Exit;
use crate::outcome::{lack_reply, line};

/// What a session ended with, if it did not end well.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trouble<'a> {
    /// What the link said.
    pub(crate) error: Option<&'a io::Error>,
    pub(crate) failure: Option<Failure>,
    /// What STARTTLS was refused with.
    pub(crate) starttls: Option<&'a ReplyBuf>,
}

impl<'a> Trouble<'a> {
    /// What went wrong, in a sentence; none if nothing did.
    pub(crate) fn why(&self) -> Option<String> {
        if let Some(error) = self.error {
            return Some(match (self.failure, Fault::of(error)) {
                (Some(Failure::Closed(Closing::TlsFailed)), Some(fault)) => {
                    format!("TLS failed: {fault}")
                }
                (_, Some(_)) => format!("TLS failed behind the handshake: {error}"),
                (Some(Failure::Closed(Closing::TlsFailed)), None) => no_handshake(error),
                (Some(Failure::Closed(Closing::PeerGone | Closing::TimedOut)), None) => {
                    broken(error)
                }
                _ => error.to_string(),
            });
        }
        Some(match self.failure? {
            Failure::NotSent(error) => error.to_string(),
            Failure::BareNewline => "the message holds a bare CR or LF".to_owned(),
            Failure::Closed(Closing::Protocol(fault)) => fault.to_string(),
            Failure::Closed(Closing::PeerGone) => "the server closed the connection".to_owned(),
            Failure::Closed(Closing::TimedOut) => "the server did not answer in time".to_owned(),
            Failure::Closed(Closing::Unavailable) => "the server is closing the session".to_owned(),
            Failure::Closed(Closing::NoTls) => match self.starttls {
                Some(reply) => format!("the server refused STARTTLS: {}", line(reply.as_reply())),
                None => "the server does not do TLS, which is required; --tls opportunistic does without"
                    .to_owned(),
            },
            Failure::Closed(Closing::TlsFailed) => "TLS failed".to_owned(),
            Failure::Closed(Closing::Refused) => "the server does not serve this client".to_owned(),
            _ => "the session ended".to_owned(),
        })
    }

    /// What every recipient was told by the server counts; what went wrong beside it only where a
    /// recipient was told nothing.
    pub(crate) fn exit(&self, recipients: &[Delivered]) -> Exit {
        let has = |verdict| recipients.iter().any(|it| it.verdict == verdict);
        match self.failure.filter(|_| lack_reply(recipients)) {
            Some(Failure::NotSent(
                CallError::TooManyRecipients(_) | CallError::TooManyTransactions(_),
            )) => Exit::TryLater,
            Some(Failure::BareNewline | Failure::NotSent(_)) => Exit::Data,
            Some(Failure::Closed(Closing::Protocol(_))) => Exit::Protocol,
            Some(_) if self.lacks_trust() => Exit::Forbidden,
            _ if has(Verdict::Unknown) || has(Verdict::Deferred) => Exit::TryLater,
            _ if has(Verdict::Refused) => Exit::Unavailable,
            _ => Exit::Done,
        }
    }

    /// Whether there was no TLS where there must be, and another attempt would end in the same way.
    pub(crate) fn lacks_trust(&self) -> bool {
        match self.failure {
            // RFC 3207 section 4: 454 is for now.
            Some(Failure::Closed(Closing::NoTls)) => {
                !self.starttls.is_some_and(|reply| reply.as_reply().code().is_transient())
            }
            Some(Failure::Closed(Closing::TlsFailed)) => !self.error.is_some_and(is_of_the_link),
            _ => false,
        }
    }

    /// The reply for want of which nothing was sent: that to STARTTLS.
    pub(crate) fn reply(&self) -> Option<&'a ReplyBuf> {
        self.starttls.filter(|_| self.failure == Some(Failure::Closed(Closing::NoTls)))
    }
}

/// Why there was no handshake, in a sentence.
pub(crate) fn no_handshake(error: &io::Error) -> String {
    match Fault::of(error) {
        Some(fault) => fault.to_string(),
        None => format!("{} in the TLS handshake", broken(error)),
    }
}

/// Whether a handshake was ended by the link, and not by what one side found wrong with the other.
pub(crate) fn is_of_the_link(error: &io::Error) -> bool {
    Fault::of(error).is_none()
}

/// How a link broke: each runtime and system has words of its own for it.
fn broken(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::NotConnected
        | io::ErrorKind::WriteZero => "the server closed the connection".to_owned(),
        _ if is_late(error) => "the server did not answer in time".to_owned(),
        _ => format!("the link broke ({error})"),
    }
}

/// Whether the server was waited for in vain.
pub(crate) fn is_late(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

#[cfg(test)]
mod tests {
    use smtp_codec::proto::Stage;
    use smtp_codec::proto::reply::Reply;
    use smtp_codec::proto::session::client::ProtocolFault;

    use super::*;

    fn told(text: &str) -> Delivered {
        let reply = format!("{text}\r\n");
        Delivered::from_reply(Stage::Message, Reply::parse(reply.as_bytes()).unwrap())
    }

    fn untold(verdict: Verdict) -> Delivered {
        Delivered { verdict, stage: Stage::Rcpt, reply: None }
    }

    #[test]
    fn a_handshake_that_the_link_ends_may_be_tried_again() {
        let tls_failed = Some(Failure::Closed(Closing::TlsFailed));
        let told = |error: &io::Error| {
            let trouble = Trouble { error: Some(error), failure: tls_failed, starttls: None };
            (trouble.exit(&[untold(Verdict::Deferred)]), trouble.why().unwrap())
        };
        let closed = "the server closed the connection in the TLS handshake";
        let late = "the server did not answer in time in the TLS handshake";
        for (kind, sentence) in [
            (io::ErrorKind::UnexpectedEof, closed),
            (io::ErrorKind::ConnectionReset, closed),
            (io::ErrorKind::BrokenPipe, closed),
            (io::ErrorKind::TimedOut, late),
            (io::ErrorKind::WouldBlock, late),
        ] {
            assert_eq!(told(&kind.into()), (Exit::TryLater, sentence.to_owned()));
        }
        let unlike = told(&io::Error::other("no route"));
        let sentence = "the link broke (no route) in the TLS handshake".to_owned();
        assert_eq!(unlike, (Exit::TryLater, sentence));
        let fault = rustls::Error::NoCertificatesPresented;
        assert_eq!(told(&io::Error::other(fault)).0, Exit::Forbidden);
        let unknown = Trouble { error: None, failure: tls_failed, starttls: None };
        assert_eq!(unknown.exit(&[untold(Verdict::Deferred)]), Exit::Forbidden);
    }

    #[test]
    fn a_link_that_breaks_behind_the_handshake_is_told_so() {
        let failure = Some(Failure::Closed(Closing::PeerGone));
        let told = |error: io::Error| {
            Trouble { error: Some(&error), failure, starttls: None }.why().unwrap()
        };
        let undecipherable =
            io::Error::new(io::ErrorKind::InvalidData, rustls::Error::DecryptError);
        let want = format!("TLS failed behind the handshake: {}", rustls::Error::DecryptError);
        assert_eq!(told(undecipherable), want);
        for kind in [io::ErrorKind::BrokenPipe, io::ErrorKind::ConnectionReset] {
            assert_eq!(told(kind.into()), "the server closed the connection");
        }
    }

    #[test]
    fn exit_codes() {
        let (yes, no, later) = (told("250 ok"), told("550 no"), told("451 later"));
        let (not_sent, broken, gone) = (
            Some(Failure::NotSent(CallError::NeedsChunking)),
            Some(Failure::Closed(Closing::Protocol(ProtocolFault::Class))),
            Some(Failure::Closed(Closing::PeerGone)),
        );
        let bare = Some(Failure::BareNewline);
        let too_many = Some(Failure::NotSent(CallError::TooManyRecipients(1)));
        let [refused, deferred, unknown] =
            [Verdict::Refused, Verdict::Deferred, Verdict::Unknown].map(untold);
        for (recipients, failure, code) in [
            (vec![&yes, &yes], None, Exit::Done),
            (vec![&yes], broken, Exit::Done),
            (vec![&yes], gone, Exit::Done),
            (vec![&yes, &no], None, Exit::Unavailable),
            (vec![&no], broken, Exit::Unavailable),
            (vec![&yes, &no], gone, Exit::Unavailable),
            (vec![&no, &later, &yes], None, Exit::TryLater),
            (vec![&later], broken, Exit::TryLater),
            (vec![&refused], bare, Exit::Data),
            (vec![&refused, &yes], not_sent, Exit::Data),
            (vec![&no, &yes], not_sent, Exit::Unavailable),
            (vec![&deferred, &yes], too_many, Exit::TryLater),
            (vec![&deferred], broken, Exit::Protocol),
            (vec![&unknown], broken, Exit::Protocol),
            (vec![&no, &deferred], broken, Exit::Protocol),
            (vec![&deferred], gone, Exit::TryLater),
            (vec![&unknown], gone, Exit::TryLater),
            (vec![&no, &unknown], None, Exit::TryLater),
        ] {
            let recipients: Vec<_> = recipients.into_iter().cloned().collect();
            let trouble = Trouble { error: None, failure, starttls: None };
            assert_eq!(trouble.exit(&recipients), code, "{recipients:?} {failure:?}");
        }
    }

    #[test]
    fn what_starttls_is_refused_with_is_told() {
        let failure = Some(Failure::Closed(Closing::NoTls));
        for (reply, exit) in
            [("454 4.7.0 no TLS now", Exit::TryLater), ("554 5.7.0 no TLS", Exit::Forbidden)]
        {
            let told = told(reply).reply;
            let trouble = Trouble { error: None, failure, starttls: told.as_ref() };
            assert_eq!(trouble.exit(&[untold(Verdict::Deferred)]), exit);
            assert_eq!(trouble.why().unwrap(), format!("the server refused STARTTLS: {reply}"));
            assert_eq!(trouble.reply(), told.as_ref());
            let went_on = Trouble { failure: Some(Failure::Closed(Closing::PeerGone)), ..trouble };
            assert_eq!(went_on.reply(), None);
        }
    }
}
