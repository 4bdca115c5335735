//! The client's session without a codec: whatever it is told to do, and in whatever order, it keeps
//! its states apart.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::indexing_slicing)]

use smtp_proto::address::{Domain, ForwardPath, Host, ReversePath};
use smtp_proto::command::{
    Argument, Base64, Body, MailParameters, MailParametersBuf, Mechanism, Queue, RcptParameters,
};
use smtp_proto::reply::{Extension, Reply};
use smtp_proto::session::client::{
    CallError, Closing, ContentKind, ProtocolFault, Question, Session, Settings,
};
use smtp_proto::session::{Framing, TlsPolicy};

struct Talk {
    session: Session,
    out: Vec<u8>,
}

impl Talk {
    fn new(settings: Settings) -> Self {
        Talk { session: Session::new(settings), out: Vec::new() }
    }

    /// A session with a server that offers these; it waits for what is next.
    fn ready(offer: &[&str]) -> Self {
        let mut talk = Talk::new(Settings::default());
        talk.hear("220 mx\r\n");
        let offer: String = offer.iter().map(|line| format!("250-{line}\r\n")).collect();
        talk.hear(&format!("250-mx\r\n{offer}250 HELP\r\n"));
        talk.session.noted();
        assert_eq!(talk.session.asked(), Some(Question::Ready));
        talk
    }

    /// What the client says to these replies.
    fn hear(&mut self, replies: &str) -> String {
        self.out.clear();
        let hello = Host::parse("client.example").unwrap();
        let mut reply = String::new();
        for line in replies.split_inclusive("\r\n") {
            reply.push_str(line);
            if line.as_bytes()[3] == b' ' {
                let whole = Reply::parse(reply.as_bytes()).unwrap();
                self.session.noted();
                self.session.reply(whole, hello, &mut self.out);
                reply.clear();
            }
        }
        self.said()
    }

    fn said(&self) -> String {
        String::from_utf8(self.out.clone()).unwrap()
    }

    fn mail(&mut self, parameters: MailParameters<'_>) -> Result<(), CallError> {
        self.session.mail(path(), parameters, &mut self.out)
    }

    fn rcpt(&mut self, to: &str) -> Result<(), CallError> {
        let path = ForwardPath::parse(to).unwrap();
        self.session.rcpt(path, RcptParameters::default(), &mut self.out)
    }

    fn end_rcpt(&mut self) {
        self.session.end_rcpt(&mut self.out);
    }
}

fn path() -> ReversePath<'static> {
    ReversePath::parse("<a@client.example>").unwrap()
}

fn plain() -> Mechanism<'static> {
    Mechanism::parse("PLAIN").unwrap()
}

#[test]
fn before_the_session_is_ready_nothing_can_be_said() {
    let mut talk = Talk::new(Settings::default());
    let argument = Argument::parse("alice").unwrap();
    assert_eq!(talk.mail(MailParameters::default()), Ok(()));
    assert_eq!(talk.rcpt("<b@example.org>"), Ok(()));
    talk.end_rcpt();
    talk.session.end_body();
    talk.session.chunk(5, true, &mut talk.out);
    assert_eq!(talk.session.auth(plain(), None, &mut talk.out), Ok(true));
    talk.session.respond(Base64::EMPTY, &mut talk.out);
    talk.session.cancel(&mut talk.out);
    talk.session.quit(&mut talk.out);
    talk.session.verify(argument, &mut talk.out).unwrap();
    let queue = Queue::Host(Domain::parse("example.org").unwrap());
    let refused = talk.session.etrn(queue, &mut talk.out);
    assert_eq!(refused, Err(CallError::NotOffered(Extension::Etrn)));
    talk.session.secured(Host::parse("client.example").unwrap(), &mut talk.out);
    assert_eq!((talk.said().as_str(), talk.session.asked()), ("", None));
    assert!(!talk.session.is_secure());
    assert_eq!(talk.hear("220 mx\r\n"), "EHLO client.example\r\n", "nothing was disturbed");
}

#[test]
fn the_end_of_the_recipients_is_said_once() {
    let mut talk = Talk::ready(&["PIPELINING"]);
    talk.mail(MailParameters::default()).unwrap();
    talk.rcpt("<b@example.org>").unwrap();
    talk.end_rcpt();
    talk.end_rcpt();
    assert_eq!(talk.said().matches("DATA\r\n").count(), 1);
    assert_eq!(talk.session.outstanding(), 3);
    assert_eq!(talk.session.asked(), None, "it takes no more recipients");
    assert_eq!(talk.hear("250 ok\r\n250 ok\r\n354 go\r\n"), "");
    assert_eq!(talk.session.asked(), Some(Question::WantBody));
}

#[test]
fn content_goes_in_the_form_that_was_agreed_on() {
    let mut talk = Talk::ready(&["CHUNKING", "BINARYMIME"]);
    assert_eq!(talk.session.content(), ContentKind::Data);
    let binary = MailParametersBuf::new().body(Body::BinaryMime);
    talk.mail(binary.as_parameters()).unwrap();
    talk.hear("250 ok\r\n");
    talk.rcpt("<b@example.org>").unwrap();
    talk.hear("250 ok\r\n");
    talk.end_rcpt();
    assert_eq!(talk.said(), "", "no DATA");
    assert_eq!(talk.session.content(), ContentKind::BinaryChunks);
    talk.session.chunk(3, false, &mut talk.out);
    assert_eq!(talk.said(), "BDAT 3\r\n");
    talk.hear("250 ok\r\n");
    talk.session.chunk(0, true, &mut talk.out);
    talk.session.chunk(7, true, &mut talk.out);
    assert_eq!(talk.said(), "BDAT 0 LAST\r\n", "behind the last there is none");
    assert_eq!(talk.session.patience().as_secs(), 600);
    talk.hear("250 ok\r\n");
    assert_eq!(talk.session.told(), Some(Question::Done));

    talk.mail(MailParameters::default()).unwrap();
    talk.hear("250 ok\r\n");
    talk.rcpt("<b@example.org>").unwrap();
    talk.hear("250 ok\r\n");
    talk.end_rcpt();
    assert_eq!(talk.session.content(), ContentKind::Chunks);
    let patience = talk.session.patience().as_secs();
    assert_eq!(patience, 180, "RFC 5321 section 4.5.3.2.5");
}

/// The last chunk is under way, and one before it is not answered yet.
#[test]
fn the_end_of_the_chunks_is_waited_for_as_long_as_the_end_of_data() {
    let mut talk = Talk::ready(&["CHUNKING", "PIPELINING"]);
    talk.mail(MailParameters::default()).unwrap();
    talk.rcpt("<b@example.org>").unwrap();
    talk.end_rcpt();
    talk.hear("250 ok\r\n250 ok\r\n");
    talk.session.chunk(3, false, &mut talk.out);
    assert_eq!(talk.session.patience().as_secs(), 180);
    talk.session.chunk(3, true, &mut talk.out);
    assert_eq!((talk.session.outstanding(), talk.session.asked()), (2, None));
    assert_eq!(talk.session.patience().as_secs(), 600, "RFC 5321 section 4.5.3.2.6");
    talk.hear("250 ok\r\n");
    assert_eq!((talk.session.told(), talk.session.outstanding()), (None, 1));
    talk.hear("250 ok\r\n");
    assert_eq!(talk.session.told(), Some(Question::Done));
    assert_eq!(talk.session.asked(), Some(Question::Ready));
}

#[test]
fn chunks_that_were_answered_are_not_under_way() {
    let mut talk = Talk::ready(&["CHUNKING", "PIPELINING"]);
    talk.mail(MailParameters::default()).unwrap();
    talk.rcpt("<b@example.org>").unwrap();
    talk.end_rcpt();
    talk.hear("250 ok\r\n250 ok\r\n");
    for under_way in 1..=3 {
        talk.session.chunk(3, false, &mut talk.out);
        assert_eq!(talk.session.outstanding(), under_way);
    }
    talk.hear("250 ok\r\n");
    assert_eq!(talk.session.outstanding(), 2);
    talk.hear("452 no room\r\n");
    assert_eq!((talk.session.told(), talk.session.outstanding()), (Some(Question::Done), 1));
    assert_eq!(talk.hear("503 no\r\n"), "RSET\r\n", "the last of them was answered");
}

/// A reply to what has not left this side is none, unless it ends the session anyway.
#[test]
fn what_nobody_could_have_asked_for_ends_the_session() {
    let unasked = Some(Closing::Protocol(ProtocolFault::Unasked));
    let unavailable = Some(Closing::Unavailable);
    let refusal = Reply::parse(b"550 no\r\n").unwrap();
    let mut talk = Talk::ready(&[]);
    talk.mail(MailParameters::default()).unwrap();
    let mut other = talk.session;
    talk.session.unasked(refusal);
    assert_eq!((talk.session.closing(), talk.session.told()), (unasked, None));
    other.unasked(Reply::parse(b"421 going\r\n").unwrap());
    assert_eq!((other.closing(), other.told()), (unavailable, Some(Question::Refused)));

    // The content was refused before its end was there: that is its reply.
    let mut talk = Talk::ready(&["PIPELINING"]);
    talk.mail(MailParameters::default()).unwrap();
    talk.rcpt("<b@example.org>").unwrap();
    talk.end_rcpt();
    talk.hear("250 ok\r\n250 ok\r\n354 go\r\n");
    talk.session.end_body();
    let mut other = talk.session;
    talk.session.unasked(refusal);
    assert_eq!((talk.session.closing(), talk.session.told()), (unavailable, Some(Question::Done)));
    other.unasked(Reply::parse(b"250 ok\r\n").unwrap());
    assert_eq!(other.closing(), unasked, "it cannot have been taken");
}

/// RFC 4954 section 4: a command line of 512 octets, its CRLF included.
#[test]
fn an_initial_response_goes_along_where_the_line_has_room_for_it() {
    let scram = Mechanism::parse("SCRAM-SHA-256").unwrap();
    for (len, goes) in [(0, true), (488, true), (492, false), (600, false)] {
        let text = "A".repeat(len);
        let response = Base64::parse(&text).unwrap();
        let mut talk = Talk::ready(&["AUTH SCRAM-SHA-256"]);
        talk.out.clear();
        assert_eq!(talk.session.auth(scram, Some(response), &mut talk.out), Ok(goes), "{len}");
        assert!(talk.out.len() <= 512);
        assert_eq!(talk.said().contains(&text), goes, "{len}");
    }
}

/// RFC 5321 section 4.5.3.2: two minutes for the reply to DATA, five for those before it.
#[test]
fn each_reply_is_waited_for_as_long_as_it_may_take() {
    let mut talk = Talk::ready(&[]);
    assert_eq!(talk.session.patience().as_secs(), 300);
    talk.mail(MailParameters::default()).unwrap();
    assert_eq!(talk.session.patience().as_secs(), 300);
    talk.hear("250 ok\r\n");
    talk.rcpt("<b@example.org>").unwrap();
    assert_eq!(talk.session.patience().as_secs(), 300);
    talk.hear("250 ok\r\n");
    talk.end_rcpt();
    assert_eq!(talk.session.patience().as_secs(), 120);
    talk.hear("354 go\r\n");
    assert_eq!(talk.session.patience().as_secs(), 180);
    talk.session.end_body();
    assert_eq!(talk.session.patience().as_secs(), 600);
    talk.hear("250 ok\r\n");
    talk.session.quit(&mut talk.out);
    assert_eq!(talk.session.patience().as_secs(), 60);
}

/// What says no more than is so without it is left out where it is not known.
#[test]
fn parameters_that_can_be_done_without_are_left_out() {
    let own = MailParametersBuf::new().size(5).body(Body::SevenBit).prdr();
    let mut talk = Talk::ready(&[]);
    talk.mail(own.as_parameters()).unwrap();
    assert_eq!(talk.said(), "MAIL FROM:<a@client.example>\r\n");
    let mut talk = Talk::ready(&["8BITMIME", "SIZE", "PRDR"]);
    talk.out.clear();
    talk.mail(own.as_parameters()).unwrap();
    assert_eq!(talk.said(), "MAIL FROM:<a@client.example> SIZE=5 BODY=7BIT PRDR\r\n");
    let eight = MailParametersBuf::new().body(Body::EightBitMime);
    let refused = Talk::ready(&[]).mail(eight.as_parameters());
    assert_eq!(refused, Err(CallError::NotOffered(Extension::EightBitMime)));
}

/// RFC 6531 section 3.4: the whole envelope counts, an ORCPT that is not written in ASCII too (RFC 6533
/// section 3).
#[test]
fn an_original_recipient_outside_ascii_needs_smtputf8() {
    let recipient = ForwardPath::parse("<b@x>").unwrap();
    let plain = RcptParameters::parse("ORCPT=utf-8;\u{fc}@x").unwrap();
    let embedded = RcptParameters::parse(r"ORCPT=utf-8;\x{FC}@x").unwrap();
    let mut talk = Talk::ready(&["DSN", "SMTPUTF8"]);
    talk.mail(MailParameters::EMPTY).unwrap();
    talk.out.clear();
    let refused = talk.session.rcpt(recipient, plain, &mut talk.out);
    assert_eq!((refused, talk.said().as_str()), (Err(CallError::NeedsSmtpUtf8), ""));
    talk.session.rcpt(recipient, embedded, &mut talk.out).unwrap();
    let mut talk = Talk::ready(&["DSN", "SMTPUTF8"]);
    talk.mail(MailParameters::parse("SMTPUTF8").unwrap()).unwrap();
    talk.session.rcpt(recipient, plain, &mut talk.out).unwrap();
    assert!(talk.said().ends_with("RCPT TO:<b@x> ORCPT=utf-8;\u{fc}@x\r\n"));
}

#[test]
fn require_tls_needs_tls() {
    let mut talk = Talk::ready(&["REQUIRETLS"]);
    let parameters = MailParametersBuf::new().require_tls();
    assert_eq!(talk.mail(parameters.as_parameters()), Err(CallError::NeedsTls));
    assert_eq!(talk.session.asked(), Some(Question::Ready), "another may be tried");
    assert_eq!(talk.session.mails_left(), None);
}

#[test]
fn the_first_end_of_a_session_is_its_end() {
    let mut talk = Talk::ready(&[]);
    talk.session.close(Closing::Abandoned);
    talk.session.close(Closing::PeerGone);
    talk.session.tls_failed();
    talk.session.not_proven();
    assert_eq!(talk.session.closing(), Some(Closing::Abandoned));
    assert_eq!(talk.session.framing(), Framing::End);
    let mut talk = Talk::ready(&[]);
    talk.session.quit(&mut talk.out);
    talk.session.close(Closing::PeerGone);
    assert_eq!(talk.session.closing(), Some(Closing::Quit), "it was over already");
}

#[test]
fn a_session_ends_where_trust_does() {
    let settings = || {
        let mut settings = Settings::default();
        settings.tls = TlsPolicy::Implicit;
        settings
    };
    let mut talk = Talk::new(settings());
    assert_eq!(talk.session.framing(), Framing::Tls);
    talk.session.tls_failed();
    assert_eq!(talk.session.closing(), Some(Closing::TlsFailed));
    let mut talk = Talk::new(settings());
    talk.session.secured(Host::parse("client.example").unwrap(), &mut talk.out);
    assert!(talk.session.is_secure());
    talk.session.not_proven();
    assert_eq!(talk.session.closing(), Some(Closing::NotProven));
    let mut talk = Talk::ready(&[]);
    talk.session.injected();
    let injected = Closing::Protocol(ProtocolFault::Injected);
    assert_eq!((talk.session.closing(), talk.session.told()), (Some(injected), None));
}
