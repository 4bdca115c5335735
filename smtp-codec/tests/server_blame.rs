//! What counts against a client, and what does not: a client that groups its commands is not to blame
//! for those behind one that was refused, and what was refused for good reasons is no error.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod common;

use common::script::{Script, Verdict, chunking, config};
use smtp_codec::proto::Syntax;
use smtp_codec::proto::reply::Extension;
use smtp_codec::server::{Closing, Config, Limits};

fn limited(config: Config, change: impl FnOnce(&mut Limits)) -> Config {
    let mut limits = Limits::default();
    change(&mut limits);
    config.limits(limits)
}

/// Not one error is put up with.
fn strict(config: Config) -> Config {
    limited(config, |limits| limits.errors = 0)
}

const BLAMELESS: &str = "503 5.5.1 the transaction was refused\r\n";

/// RFC 2920 section 3.1: what follows a MAIL that was refused was under way already.
#[test]
fn recipients_behind_a_refused_mail_are_no_errors() {
    let behind = |script: Script| {
        script
            .say("RCPT TO:<b@x>", BLAMELESS)
            .say("RCPT TO:<c@x>", BLAMELESS)
            .say("DATA", BLAMELESS)
            .say("MAIL FROM:<a@x>", "250 ")
            .say("RCPT TO:<b@x>", "250 ")
    };
    // By the application, for what it declares, or for what it must wait for.
    behind(Script::ehlo(strict(config())).say("MAIL FROM:<no550@x>", "550 ")).run();
    let small = strict(config().max_size(10));
    behind(Script::ehlo(small).say("MAIL FROM:<a@x> SIZE=11", "552 5.3.4 ")).run();
    // One error is put up with: MAIL itself.
    let one = || limited(config(), |limits| limits.errors = 1);
    for mail in ["MAIL FROM:<a@x> FOO=1", "MAIL FROM:<a b@x>", "MAIL FROM:<a@x> SIZE=x"] {
        behind(Script::ehlo(one()).say(mail, "5")).run();
    }
    let talk = Script::ehlo(limited(config().require_auth(), |limits| limits.errors = 1))
        .say("MAIL FROM:<a@x>", "530 5.7.0 ")
        .say("RCPT TO:<b@x>", BLAMELESS)
        .say("DATA", BLAMELESS)
        .say("DATA", "421 4.7.0 ")
        .run();
    assert_eq!(talk.closing, Some(Closing::TooManyErrors));
}

/// The same where MAIL is no line at all: too long, or with a newline of its own in it.
#[test]
fn recipients_behind_a_mail_that_is_no_line_are_no_errors() {
    let long = format!("MAIL FROM:<{}@x>", "a".repeat(4000));
    for mail in [&long, " mail FROM:<a\r@x>", "MAIL FROM:<a@x>\nRCPT TO:<b@x>"] {
        let one = limited(config(), |limits| limits.errors = 1);
        Script::ehlo(one)
            .say(mail, "500 5.5.2 ")
            .say("RCPT TO:<b@x>", BLAMELESS)
            .say("DATA", BLAMELESS)
            .say("MAIL FROM:<a@x>", "250 ")
            .say("RCPT TO:<b@x>", "250 ")
            .run();
    }
}

/// Where white space may stand before a verb, so may it before that of a MAIL with bad syntax.
#[test]
fn white_space_before_a_refused_mail_changes_nothing() {
    for mail in ["MAIL FROM:<a", " MAIL FROM:<a", "\t MAIL FROM:<a"] {
        let lenient = limited(config().syntax(Syntax::Lenient), |limits| limits.errors = 1);
        let talk = Script::ehlo(lenient).say(mail, "501 ").say("RCPT TO:<b@x>", BLAMELESS).run();
        assert_eq!(talk.closing, None, "{mail:?}");
    }
}

/// What a client could have known is an error.
#[test]
fn what_was_not_offered_is_an_error() {
    for line in ["MAIL FROM:<a@x> FOO=1", "AUTH PLAIN", "DATA", "FROB"] {
        let talk = Script::ehlo(strict(config())).say(line, "421 4.7.0 ").run();
        assert_eq!(talk.closing, Some(Closing::TooManyErrors), "{line}");
    }
}

/// As many as a transaction could have had, and no more.
#[test]
fn recipients_behind_a_refused_mail_are_bounded() {
    let few = limited(config(), |limits| (limits.recipients, limits.recipients_over) = (2, 1));
    let full = (0..3).fold(Script::ehlo(few).say("MAIL FROM:<no550@x>", "550 "), |script, _| {
        script.say("RCPT TO:<b@x>", BLAMELESS)
    });
    full.clone().say("DATA", BLAMELESS).say("MAIL FROM:<a@x>", "250 ").run();
    let talk = full.say("RCPT TO:<b@x>", "421 4.7.0 mx.example.org too many errors\r\n").run();
    assert_eq!(talk.closing, Some(Closing::TooManyErrors));
}

/// What is too large is refused, but the client could not have known.
#[test]
fn what_is_too_large_is_no_error() {
    let small = || strict(chunking().max_size(10));
    let open = |script: Script| script.say("MAIL FROM:<a@x>", "250 ").say("RCPT TO:<b@x>", "250 ");
    let sized = Script::ehlo(small())
        .say("MAIL FROM:<a@x> SIZE=11", "552 5.3.4 ")
        .say("MAIL FROM:<a@x> SIZE=12", "552 5.3.4 ");
    open(sized).run();
    let chunked =
        open(Script::ehlo(small())).send("BDAT 11 LAST\r\nHello world").hear("552 5.3.4 ");
    open(chunked).run();
    let dotted =
        open(Script::ehlo(small())).say("DATA", "354 ").say("Hello world\r\n.", "552 5.3.4 ");
    open(dotted).run();
}

/// RFC 5321 section 4.5.3.1.10: those that the application has no room for, and those that this
/// side has none for, are counted apart.
#[test]
fn recipients_that_the_application_puts_off_are_bounded_as_those_it_refuses() {
    let few = || limited(config(), |limits| (limits.recipients, limits.recipients_over) = (3, 1));
    for (to, reply) in [("RCPT TO:<no452@x>", "452 4.9.9 "), ("RCPT TO:<no550@x>", "550 ")] {
        let begun = Script::ehlo(few()).say("MAIL FROM:<a@x>", "250 ");
        let put_off = (0..4).fold(begun, |script, _| script.say(to, reply));
        put_off.clone().say("RCPT TO:<b@x>", "250 ").say("DATA", "354 ").run();
        let talk = put_off.say(to, "421 4.7.0 ").run();
        assert_eq!(talk.closing, Some(Closing::TooManyErrors), "{to}");
    }
}

/// A message that is refused again and again comes to an end, but not before each recipient has
/// heard of it.
#[test]
fn a_refused_message_counts_once_whatever_the_number_of_its_recipients() {
    let few = |config| limited(config, |limits| (limits.junk, limits.errors) = (1, 0));
    let no = |script: &mut Script| script.message = Verdict::No(550, "no");
    let talk = Script::new(few(chunking().lmtp()))
        .with(no)
        .say("LHLO x", "250-")
        .say("MAIL FROM:<a@x>", "250 ")
        .say("RCPT TO:<b@x>", "250 ")
        .say("RCPT TO:<c@x>", "250 ")
        .say("RCPT TO:<d@x>", "250 ")
        .say("DATA", "354 ")
        .say(".", "550 5.9.9 no\r\n")
        .hear("550 5.9.9 no\r\n")
        .hear("421 4.7.0 mx.example.org too many errors\r\n")
        .run();
    assert_eq!(talk.closing, Some(Closing::TooManyErrors));
    let open = |config| {
        Script::ehlo(few(config))
            .with(no)
            .say("MAIL FROM:<a@x> PRDR", "250 ")
            .say("RCPT TO:<b@x>", "250 ")
    };
    // Under PRDR the last reply is the session's own, and it is that one that ends it.
    let talk = open(config().with(Extension::Prdr))
        .say("RCPT TO:<c@x>", "250 ")
        .say("DATA", "354 ")
        .say(".", "353 ")
        .hear("550 5.9.9 no\r\n")
        .hear("550 5.9.9 no\r\n")
        .hear("421 4.7.0 mx.example.org too many errors\r\n")
        .run();
    assert_eq!(talk.closing, Some(Closing::TooManyErrors));
    let talk =
        open(config().with(Extension::Prdr)).say("DATA", "354 ").say(".", "421 4.7.0 ").run();
    assert_eq!(talk.closing, Some(Closing::TooManyErrors));
    // If one has taken it, it was worth the while.
    let talk = open(config().with(Extension::Prdr))
        .with(|script| script.each = vec![Verdict::Yes])
        .say("RCPT TO:<c@x>", "250 ")
        .say("DATA", "354 ")
        .say(".", "353 ")
        .hear("250 2.0.0 message taken\r\n")
        .hear("550 5.9.9 no\r\n")
        .hear("250 2.0.0 message taken for some recipients\r\n")
        .run();
    assert_eq!(talk.closing, None);
}

/// A client that offers nothing but what is refused comes to an end too.
#[test]
fn senders_that_are_refused_again_and_again_are_bounded() {
    let few = limited(config(), |limits| (limits.junk, limits.errors) = (3, 1));
    let mail = "MAIL FROM:<no550@x>";
    // EHLO is the first that brings no mail nearer.
    let refused = (0..3).fold(Script::ehlo(few), |script, _| script.say(mail, "550 5.9.9 "));
    let talk = refused.say(mail, "421 4.7.0 mx.example.org too many errors\r\n").run();
    assert_eq!(talk.closing, Some(Closing::TooManyErrors));
}

/// RFC 6531 section 3.7.1: a name outside ASCII has A-labels.
#[test]
fn clients_name_themselves_in_ascii() {
    let name = "EHLO m\u{fc}nchen.example";
    Script::new(config()).say(name, "501 5.5.4 a host name outside ASCII needs A-labels\r\n").run();
    let talk = Script::new(config().syntax(Syntax::Lenient)).say(name, "250-").run();
    assert_eq!(talk.events[1], "hello m\u{fc}nchen.example");
}

/// RFC 6531 section 3.7.4: VRFY and EXPN have SMTPUTF8 as a parameter.
#[test]
fn users_outside_ascii_are_looked_up_only_with_smtputf8() {
    let asking = || config().ask_verify().ask_expand();
    for (verb, event) in [("VRFY", "verify"), ("EXPN", "expand")] {
        let talk = Script::ehlo(asking())
            .say(
                format!("{verb} jos\u{e9}"),
                "553 5.6.7 address outside ASCII without SMTPUTF8\r\n",
            )
            .run();
        assert_eq!(talk.events.len(), 2, "{verb}: {:?}", talk.events);
        let asked = [
            format!("{verb} jos\u{e9} SMTPUTF8"),
            format!("{verb} jose"),
            format!("{verb} jose SMTPUTF8"),
        ];
        for line in asked {
            let talk = Script::ehlo(asking()).say(&line, "252 ").run();
            assert_eq!(talk.events[2], event, "{line}");
        }
    }
}

#[test]
fn the_commands_of_another_protocol_are_told_apart() {
    let wrong = |text| format!("500 5.5.1 {text}\r\n");
    Script::ehlo(config()).say("LHLO x", &wrong("this is SMTP, not LMTP")).run();
    Script::ehlo(config()).say("FROB x", &wrong("command not recognised")).run();
    let lmtp = || Script::new(chunking().lmtp());
    let greeted = |script: Script| script.run().replies[0].clone();
    assert_eq!(greeted(lmtp()), "220 mx.example.org LMTP ready\r\n");
    assert_eq!(greeted(Script::new(config())), "220 mx.example.org ESMTP ready\r\n");
    Script::new(config())
        .say("GET / HTTP/1.1", "421 4.7.0 mx.example.org this is an SMTP server\r\n")
        .run();
    lmtp().say("EHLO x", &wrong("this is LMTP: say LHLO")).run();
    lmtp().say("HELO x", &wrong("this is LMTP: say LHLO")).run();
    lmtp().say("MAIL FROM:<>", "503 5.5.1 say LHLO first\r\n").run();
    lmtp().say("LHLO x", "250-").say("FROB x", &wrong("command not recognised")).run();
}
