//! The server's session without a codec: whatever it is told, and in whatever order, it keeps its
//! states apart.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::indexing_slicing)]

use smtp_proto::reply::{Positive, Refusal};
use smtp_proto::session::Framing;
use smtp_proto::session::server::{Abort, Closing, Context, Question, Session, Settings};

/// A session, and what it said since last asked.
struct Talk<'a> {
    cx: Context<'a>,
    session: Session,
    out: Vec<u8>,
}

impl<'a> Talk<'a> {
    fn new(cx: Context<'a>) -> Self {
        Talk { cx, session: Session::default(), out: Vec::new() }
    }

    /// Greeted.
    fn begun(cx: Context<'a>) -> Self {
        let mut talk = Talk::new(cx);
        talk.accept();
        talk
    }

    /// Each line is taken.
    fn yes(mut self, lines: &[&str]) -> Self {
        for line in lines {
            self.line(line);
            assert!(self.session.question().is_some(), "{line}: {}", self.said());
            self.accept();
        }
        self
    }

    fn accept(&mut self) {
        self.session.accept(&self.cx, None, &mut self.out);
        self.out.clear();
    }

    /// What is said to a line, with the application not yet heard.
    fn line(&mut self, line: &str) -> String {
        self.out.clear();
        self.session.command(&self.cx, line.as_bytes(), &mut self.out);
        self.said()
    }

    fn said(&self) -> String {
        String::from_utf8(self.out.clone()).unwrap()
    }
}

const TO_DATA: [&str; 4] =
    ["EHLO client.example", "MAIL FROM:<a@example.net>", "RCPT TO:<b@example.org>", "DATA"];
const TO_CHUNK: [&str; 4] =
    ["EHLO client.example", "MAIL FROM:<a@example.net>", "RCPT TO:<b@example.org>", "BDAT 10"];

fn with<T>(run: impl FnOnce(Context<'_>) -> T) -> T {
    let settings = Settings::default();
    run(Context::new("mx.example.org", &settings))
}

#[test]
fn a_session_begins_with_the_question_whether_to_greet() {
    let session = Session::default();
    assert_eq!(session.question(), Some(Question::Greet));
    assert_eq!((session.framing(), session.closing()), (Framing::Line, None));
    assert!(!session.is_secure() && !session.is_authenticated() && session.is_commanded());
}

#[test]
fn commands_that_come_while_content_is_due_are_out_of_order() {
    with(|cx| {
        for line in ["RCPT TO:<c@example.org>", "DATA", "BDAT 3", "BDAT 3 LAST"] {
            let mut talk = Talk::begun(cx).yes(&TO_DATA);
            assert_eq!(talk.line(line), "503 5.5.1 bad sequence of commands\r\n", "{line}");
            assert_eq!(talk.session.question(), None, "{line}");
        }
        for line in ["RCPT TO:<c@example.org>", "DATA", "MAIL FROM:<>", "BDAT 3"] {
            let mut talk = Talk::begun(cx).yes(&TO_CHUNK);
            assert_eq!(talk.line(line), "503 5.5.1 bad sequence of commands\r\n", "{line}");
        }
    });
}

#[test]
fn content_counts_only_where_it_is_due() {
    with(|cx| {
        let mut talk = Talk::begun(cx).yes(&TO_DATA[..3]);
        assert_eq!(talk.session.content(&cx, 5), 0);
        talk.session.end_of_data(&cx, &mut talk.out);
        talk.session.end_of_chunk(&cx, &mut talk.out);
        talk.session.abort(Abort::BareNewline);
        assert_eq!((talk.said().as_str(), talk.session.question()), ("", None));
        assert_eq!(talk.session.size(), 0);

        let mut talk = talk.yes(&["DATA"]);
        assert_eq!((talk.session.framing(), talk.session.content(&cx, 5)), (Framing::Data, 5));
        assert_eq!(talk.session.size(), 5);
        talk.session.end_of_chunk(&cx, &mut talk.out);
        assert_eq!(talk.session.framing(), Framing::Data, "DATA ends by a dot");
        talk.session.end_of_data(&cx, &mut talk.out);
        assert_eq!(talk.session.question(), Some(Question::Message));

        let mut talk = Talk::begun(cx).yes(&TO_CHUNK);
        assert_eq!(talk.session.framing(), Framing::Chunk(10));
        assert_eq!((talk.session.content(&cx, 4), talk.session.size()), (4, 4));
        assert_eq!(talk.session.framing(), Framing::Chunk(6));
        talk.session.end_of_data(&cx, &mut talk.out);
        assert_eq!(talk.session.framing(), Framing::Chunk(6), "a chunk ends by its length");
    });
}

#[test]
fn what_is_only_told_cannot_be_answered() {
    with(|cx| {
        let mut talk = Talk::begun(cx).yes(&TO_DATA);
        talk.session.abort(Abort::BareNewline);
        assert_eq!(talk.session.question(), Some(Question::Aborted(Abort::BareNewline)));
        let mut other = talk.session;
        talk.session.accept(&cx, None, &mut talk.out);
        other.reject(&cx, Refusal::POLICY, &mut talk.out);
        assert_eq!(talk.said(), "");
        for mut session in [talk.session, other] {
            assert_eq!((session.question(), session.framing()), (None, Framing::Data));
            assert_eq!(session.content(&cx, 3), 0, "the content is void all the same");
            let mut out = Vec::new();
            session.end_of_data(&cx, &mut out);
            assert_eq!(out, b"554 5.6.0 message with a bare CR or LF refused\r\n");
            assert_eq!(session.question(), None);
        }
    });
}

#[test]
fn the_first_reason_against_a_message_is_the_one_that_counts() {
    with(|cx| {
        let mut talk = Talk::begun(cx).yes(&TO_DATA);
        talk.session.abort(Abort::TooLarge);
        talk.session.noted();
        talk.session.abort(Abort::BareNewline);
        assert_eq!(talk.session.question(), None, "told once");
        talk.session.end_of_data(&cx, &mut talk.out);
        assert_eq!(talk.said(), "552 5.3.4 message too large\r\n");
    });
}

#[test]
fn a_chunk_that_became_void_is_refused_at_its_end_and_those_behind_it_without_blame() {
    with(|cx| {
        let mut talk = Talk::begun(cx).yes(&TO_CHUNK);
        talk.session.abort(Abort::BareNewline);
        talk.session.noted();
        assert_eq!(talk.session.content(&cx, 10), 0);
        talk.session.end_of_chunk(&cx, &mut talk.out);
        assert_eq!(talk.said(), "554 5.6.0 message with a bare CR or LF refused\r\n");
        assert_eq!(talk.line("BDAT 3"), "503 5.5.1 the transaction was refused\r\n");
        assert_eq!(talk.session.framing(), Framing::Skip(3));
        talk.session.swallowed(2);
        assert_eq!(talk.session.framing(), Framing::Skip(1));
        talk.session.swallowed(1);
        assert_eq!(talk.line("BDAT 0 LAST"), "503 5.5.1 the transaction was refused\r\n");
        assert_eq!(talk.line("BDAT 0 LAST"), "503 5.5.1 bad sequence of commands\r\n");
    });
}

#[test]
fn nobody_is_judged_for_before_the_message_is_there() {
    let mut settings = Settings::default();
    settings.lmtp = true;
    let cx = Context::new("mx.example.org", &settings);
    let lines = ["LHLO client.example", TO_DATA[1], TO_DATA[2], TO_DATA[2], "DATA"];
    let mut talk = Talk::begun(cx).yes(&lines);
    assert_eq!(talk.session.recipient(&cx), None);
    talk.session.end_of_data(&cx, &mut talk.out);
    assert_eq!(talk.session.recipient(&cx), Some(0));
    talk.accept();
    assert_eq!(talk.session.recipient(&cx), Some(1));
    talk.accept();
    assert_eq!((talk.session.recipient(&cx), talk.session.question()), (None, None));
    with(|cx| {
        let mut talk = Talk::begun(cx).yes(&TO_DATA);
        talk.session.end_of_data(&cx, &mut talk.out);
        assert_eq!(talk.session.question(), Some(Question::Message));
        assert_eq!(talk.session.recipient(&cx), None, "one answer is for all");
    });
}

#[test]
fn a_server_whose_name_fits_on_no_line_ends_the_session() {
    let (settings, name) = (Settings::default(), "x".repeat(600));
    let cx = Context::new(&name, &settings);
    let mut talk = Talk::begun(cx);
    assert_eq!(talk.line("EHLO client.example"), "");
    talk.session.accept(&cx, None, &mut talk.out);
    assert_eq!(talk.said(), "421 this server does not know its own name\r\n");
    assert_eq!(talk.session.closing(), Some(Closing::Refused));
}

#[test]
fn an_ended_session_says_nothing_more_and_stays_ended_as_it_was() {
    with(|cx| {
        let mut talk = Talk::begun(cx).yes(&TO_DATA[..1]);
        assert_eq!(talk.line("QUIT"), "221 2.0.0 mx.example.org closing the session\r\n");
        talk.out.clear();
        talk.session.timed_out(&cx, &mut talk.out);
        talk.session.shut_down(&cx, &mut talk.out);
        talk.session.peer_gone();
        talk.session.tls_failed();
        talk.session.accept(&cx, None, &mut talk.out);
        talk.session.reject(&cx, Refusal::POLICY, &mut talk.out);
        assert_eq!(talk.said(), "");
        assert_eq!(talk.session.closing(), Some(Closing::Quit));
        assert_eq!(talk.session.framing(), Framing::End);
    });
}

#[test]
fn tls_begins_only_where_it_is_due() {
    with(|cx| {
        let mut talk = Talk::begun(cx).yes(&TO_DATA[..2]);
        talk.session.secured();
        talk.session.implicit_tls();
        assert!(!talk.session.is_secure());
        assert_eq!(talk.session.framing(), Framing::Line);
        assert_eq!(talk.line(TO_DATA[2]), "");
        assert_eq!(talk.session.question(), Some(Question::Rcpt), "the transaction is still there");

        let mut talk = Talk::new(cx);
        talk.session.implicit_tls();
        assert_eq!((talk.session.framing(), talk.session.question()), (Framing::Tls, None));
        talk.session.secured();
        assert!(talk.session.is_secure());
        assert_eq!(talk.session.question(), Some(Question::Greet));
        talk.session.offer_tls();
        talk.accept();
        let mut talk = talk.yes(&["EHLO client.example"]);
        assert!(talk.session.is_secure(), "TLS that is on is not offered");
        assert_eq!(talk.line("STARTTLS"), "503 5.5.1 TLS is on already\r\n");
    });
}

#[test]
fn the_words_of_the_application_stand_in_the_place_of_the_usual_ones() {
    with(|cx| {
        let mut talk = Talk::begun(cx).yes(&["EHLO client.example"]);
        talk.line("MAIL FROM:<a@example.net>");
        let words = Positive::new(250, None, "welcome").unwrap();
        talk.session.accept(&cx, Some(words), &mut talk.out);
        assert_eq!(talk.said(), "250 welcome\r\n");
    });
}

#[test]
fn a_transaction_is_there_from_its_mail_to_its_end() {
    with(|cx| {
        let talk = Talk::begun(cx).yes(&["EHLO client.example"]);
        assert!(!talk.session.has_transaction());
        let mut talk = talk.yes(&["MAIL FROM:<a@example.net>"]);
        assert!(talk.session.has_transaction());
        talk.line("RSET");
        assert!(!talk.session.has_transaction());
    });
}

/// RFC 2033 section 4.2: each recipient of a refused chunk gets a reply; the last one at length.
#[test]
fn lines_of_a_refusal_are_told_at_length_to_one() {
    let mut settings = Settings::default();
    settings.lmtp = true;
    let cx = Context::new("mx.example", &settings);
    let mut talk = Talk::begun(cx).yes(&[
        "LHLO client.example",
        "MAIL FROM:<a@example.net>",
        "RCPT TO:<b@example.org>",
        "RCPT TO:<c@example.org>",
    ]);
    talk.line("BDAT 1 LAST");
    let no = Refusal::new(554, None, &["no", "never"][..]).unwrap();
    talk.session.reject(&talk.cx, no, &mut talk.out);
    assert_eq!(talk.said(), "554 no\r\n554-no\r\n554 never\r\n");
}
