//! Conversations with a server: what is answered, what the application sees.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod common;

use common::script::{End, Script, Verdict, config};
use smtp_codec::proto::Syntax;
use smtp_codec::proto::reply::Extension;
use smtp_codec::server::{Closing, Limits};

fn limits(change: impl FnOnce(&mut Limits)) -> Limits {
    let mut limits = Limits::default();
    change(&mut limits);
    limits
}

#[test]
fn one_message_and_goodbye() {
    let talk = Script::ehlo(config().max_size(1000))
        .say("MAIL FROM:<alice@client.example> SIZE=11 BODY=8BITMIME", "250 2.1.0 ")
        .say("RCPT TO:<Bob@example.org> NOTIFY=NEVER", "250 2.1.5 ")
        .say("RCPT TO:<postmaster>", "250 2.1.5 ")
        .say("DATA", "354 ")
        .say("Hi\r\n..Bob\r\n.", "250 2.0.0 ")
        .say("QUIT", "221 2.0.0 mx.example.org ")
        .run();
    assert_eq!(
        talk.events,
        [
            "greet",
            "hello client.example",
            "mail <alice@client.example> SIZE=11 BODY=8BITMIME",
            "rcpt <Bob@example.org> NOTIFY=NEVER",
            "rcpt <Postmaster>",
            "data",
            r"message Hi\r\n.Bob\r\n",
            "closed Quit",
        ]
    );
    assert_eq!(
        talk.replies[1],
        "250-mx.example.org\r\n250-PIPELINING\r\n250-SIZE 1000\r\n250-8BITMIME\r\n\
         250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n250 DSN\r\n"
    );
}

#[test]
fn several_messages_in_a_session() {
    let one = |script: Script, n: u32| {
        script
            .say(format!("MAIL FROM:<a{n}@x>"), "250 2.1.0 ")
            .say(format!("RCPT TO:<b{n}@x>"), "250 2.1.5 ")
            .say("DATA", "354 ")
            .say(format!("{n}\r\n."), "250 2.0.0 ")
    };
    let talk = (0..5).fold(Script::ehlo(config()), one).run();
    assert_eq!(talk.messages(), [r"0\r\n", r"1\r\n", r"2\r\n", r"3\r\n", r"4\r\n"]);
}

#[test]
fn helo_takes_no_parameters_and_is_offered_nothing() {
    Script::new(config())
        .say("HELO client.example", "250 mx.example.org hello\r\n")
        .say("MAIL FROM:<a@x> SIZE=1", "555 ")
        .say("MAIL FROM:<a@x> BODY=7BIT", "555 ")
        .say("MAIL FROM:<\u{e9}@x> SMTPUTF8", "555 ")
        .say("MAIL FROM:<\u{e9}@x>", "553 5.6.7 ")
        .say("MAIL FROM:<a@x>", "250 ")
        .say("RCPT TO:<b@x> NOTIFY=NEVER", "555 ")
        .say("RCPT TO:<b@x>", "250 ")
        .say("DATA", "354 ")
        .say(".", "250 ")
        .run();
}

#[test]
fn nothing_before_an_introduction_but_what_needs_none() {
    let talk = Script::new(config())
        .say("MAIL FROM:<a@x>", "503 5.5.1 ")
        .say("RCPT TO:<a@x>", "503 5.5.1 ")
        .say("DATA", "503 5.5.1 ")
        .say("RSET", "250 2.0.0 ")
        .say("NOOP", "250 2.0.0 ")
        .say("HELP", "214 2.0.0 ")
        .say("VRFY a@x", "252 2.5.0 ")
        .say("EXPN list", "502 5.5.1 ")
        .say("QUIT", "221 2.0.0 ")
        .run();
    assert_eq!(talk.events, ["greet", "closed Quit"]);
}

#[test]
fn the_order_of_commands() {
    Script::ehlo(config())
        .say("RCPT TO:<b@x>", "503 5.5.1 ")
        .say("DATA", "503 5.5.1 ")
        .say("MAIL FROM:<a@x>", "250 ")
        .say("MAIL FROM:<other@x>", "503 5.5.1 ")
        .say("DATA", "503 5.5.1 no valid recipients")
        .say("RCPT TO:<no550@x>", "550 5.9.9 ")
        .say("DATA", "503 5.5.1 no valid recipients")
        .say("RCPT TO:<b@x>", "250 ")
        .say("MAIL FROM:<other@x>", "503 5.5.1 ")
        .say("DATA", "354 ")
        .say(".", "250 2.0.0 ")
        .run();
}

#[test]
fn ehlo_helo_and_rset_end_a_transaction() {
    for (line, reply) in
        [("EHLO again.example", "250-mx"), ("HELO again.example", "250 mx"), ("RSET", "250 2.0.0 ")]
    {
        Script::ehlo(config())
            .say("MAIL FROM:<a@x>", "250 ")
            .say("RCPT TO:<b@x>", "250 ")
            .say(line, reply)
            .say("RCPT TO:<b@x>", "503 5.5.1 ")
            .say("DATA", "503 5.5.1 ")
            .say("MAIL FROM:<a@x>", "250 ")
            .say("DATA", "503 5.5.1 ")
            .run();
    }
}

#[test]
fn a_refused_ehlo_changes_nothing() {
    Script::new(config()).say("EHLO no550.example", "550 ").say("MAIL FROM:<a@x>", "503 ").run();
    Script::ehlo(config())
        .say("MAIL FROM:<a@x>", "250 ")
        .say("EHLO no550.example", "550 5.9.9 ")
        .say("RCPT TO:<b@x>", "250 ")
        .run();
}

#[test]
fn helo_after_ehlo_takes_the_extensions_back() {
    Script::ehlo(config())
        .say("HELO client.example", "250 mx.example.org ")
        .say("MAIL FROM:<a@x> SIZE=1", "555 ")
        .say("EHLO client.example", "250-")
        .say("MAIL FROM:<a@x> SIZE=1", "250 ")
        .run();
}

#[test]
fn the_envelope_is_gone_after_the_final_reply() {
    let content = [
        ("good\r\n.", "250 2.0.0 "),
        ("no451\r\n.", "451 4.9.9 "),
        ("no554\r\n.", "554 5.9.9 "),
        ("bare\nLF\r\n.", "554 5.6.0 "),
        ("0123456789012345678901234567890123456789\r\n.", "552 5.3.4 "),
    ];
    for (content, reply) in content {
        Script::in_data(config().max_size(40))
            .say(content, reply)
            .say("RCPT TO:<c@x>", "503 5.5.1 ")
            .say("DATA", "503 5.5.1 ")
            .say("MAIL FROM:<d@x>", "250 2.1.0 ")
            .say("DATA", "503 5.5.1 ")
            .run();
    }
    Script::ehlo(config())
        .with(|script| script.data = Verdict::No(451, "disk full"))
        .say("MAIL FROM:<a@x>", "250 ")
        .say("RCPT TO:<b@x>", "250 ")
        .say("DATA", "451 4.9.9 disk full\r\n")
        .say("DATA", "503 5.5.1 ")
        .say("RCPT TO:<b@x>", "503 5.5.1 ")
        .say("MAIL FROM:<a@x>", "250 ")
        .run();
}

#[test]
fn a_refused_mail_opens_nothing() {
    for line in ["MAIL FROM:<no550@x>", "MAIL FROM:<no450@x>", "MAIL FROM:a@x", "MAIL"] {
        let talk = Script::ehlo(config()).send(format!("{line}\r\n")).hear(match line {
            "MAIL FROM:<no550@x>" => "550 5.9.9 ",
            "MAIL FROM:<no450@x>" => "450 4.9.9 ",
            _ => "501 5.",
        });
        talk.say("RCPT TO:<b@x>", "503 5.5.1 ").say("MAIL FROM:<a@x>", "250 ").run();
    }
}

#[test]
fn empty_content_is_a_message() {
    assert_eq!(Script::in_data(config()).say(".", "250 ").run().messages(), [""]);
    assert_eq!(Script::in_data(config()).say("\r\n.", "250 ").run().messages(), [r"\r\n"]);
    assert_eq!(Script::in_data(config()).say("..\r\n.", "250 ").run().messages(), [r".\r\n"]);
}

#[test]
fn what_is_not_offered_is_not_taken() {
    let parameters = [
        "BODY=BINARYMIME",
        "AUTH=<>",
        "HOLDFOR=10",
        "BY=10;R",
        "MT-PRIORITY=3",
        "REQUIRETLS",
        "MTRK=abcdefgh",
        "XUNKNOWN",
        "XUNKNOWN=1",
    ];
    for parameter in parameters {
        Script::ehlo(config())
            .say(format!("MAIL FROM:<a@x> {parameter}"), "555 5.5.4 ")
            .say("RCPT TO:<b@x>", "503 ")
            .run();
    }
    Script::ehlo(config())
        .say("MAIL FROM:<a@x>", "250 ")
        .say("RCPT TO:<b@x> RRVS=2014-04-03T23:01:00Z", "555 5.5.4 ")
        .say("RCPT TO:<b@x> XFOO", "555 5.5.4 ")
        .say("DATA", "503 5.5.1 ")
        .run();
    let bare = config()
        .without(Extension::Size)
        .without(Extension::EightBitMime)
        .without(Extension::SmtpUtf8)
        .without(Extension::EnhancedStatusCodes)
        .without(Extension::Pipelining)
        .without(Extension::Dsn);
    Script::new(bare)
        .say("EHLO client.example", "250 mx.example.org\r\n")
        .say("MAIL FROM:<a@x> SIZE=1", "555 parameter")
        .say("MAIL FROM:<a@x> BODY=8BITMIME", "555 ")
        .say("MAIL FROM:<a@x> SMTPUTF8", "555 ")
        .say("MAIL FROM:<a@x> RET=FULL", "555 ")
        .say("MAIL FROM:<a@x>", "250 reverse")
        .say("RCPT TO:<b@x> ORCPT=rfc822;b@x", "555 ")
        .run();
}

#[test]
fn commands_that_are_not_offered() {
    Script::ehlo(config())
        .say("STARTTLS", "502 5.5.1 ")
        .say("AUTH PLAIN =", "502 5.5.1 ")
        .say("ETRN x.example", "502 5.5.1 ")
        .say("XCLIENT NAME=x", "502 5.5.1 ")
        .say("XFORWARD NAME=x", "502 5.5.1 ")
        .say("LHLO x", "500 5.5.1 ")
        .say("FROBNICATE", "500 5.5.1 ")
        .say("TURN", "500 5.5.1 ")
        .run();
}

#[test]
fn bdat_is_refused_and_its_octets_are_swallowed() {
    let evil = "MAIL FROM:<evil@x>\r\nQUIT\r\n";
    let chunk = |n: usize, last: &str| format!("BDAT {n}{last}\r\n{}", &evil[..n]);
    for (n, last) in [(0, ""), (0, " LAST"), (1, ""), (20, " LAST"), (evil.len(), " LAST")] {
        let talk = Script::ehlo(config())
            .send(chunk(n, last))
            .hear("502 5.5.1 ")
            .say("NOOP", "250 ")
            .say("MAIL FROM:<a@x>", "250 ")
            .say("RCPT TO:<b@x>", "250 ")
            .send(chunk(n, last))
            .hear("502 5.5.1 ")
            .say("RSET", "250 ")
            .run();
        assert!(!talk.events.iter().any(|event| event.contains("evil")));
    }
    Script::new(config())
        .send(format!("BDAT {} LAST\r\n{evil}", evil.len()))
        .hear("502 5.5.1 ")
        .say("NOOP", "250 ")
        .run();
}

#[test]
fn a_chunk_of_unknown_size_ends_the_session() {
    let sizes = [
        "BDAT",
        "BDAT ",
        "BDAT LAST",
        "BDAT -1",
        "BDAT +1",
        "BDAT 0x10",
        "BDAT 123LAST",
        "BDAT 1 LAST X",
        "BDAT 1 LASTX",
        "BDAT 18446744073709551616",
        "BDAT 184467440737095516150",
        "BDAT 99999999999999999999999",
        "BDAT 000000000000000000001",
        "BDAT\t5",
        "BDAT 1\x0b",
        "BDAT 5\0",
        "bdat  5",
        "BDAT \u{665}",
    ];
    for line in sizes {
        let talk = Script::ehlo(config())
            .say(line, "501 5.5.4 ")
            .send("MAIL FROM:<evil@x>\r\nQUIT\r\n")
            .run();
        assert_eq!(talk.closing, Some(Closing::ChunkSize), "{line}");
    }
}

#[test]
fn the_largest_chunk_swallows_all_there_is() {
    for line in ["BDAT 18446744073709551615", "BDAT 9223372036854775808 LAST"] {
        Script::ehlo(config()).say(line, "502 ").send("QUIT\r\nNOOP\r\n").run();
    }
}

/// A size that cannot be read because of the line's framing is no better known than others.
#[test]
fn a_chunk_announced_on_a_broken_line_ends_the_session() {
    for line in ["BDAT 20\r", "BDAT 20\rLAST", "BDAT 20\nLAST", "bdat 20 LAST\r"] {
        let talk = Script::ehlo(config()).send(line).send("\r\nMAIL FROM:<evil@x>\r\n").observe();
        assert!(!talk.events.iter().any(|event| event.contains("evil")), "{line:?} {talk:#?}");
        assert!(talk.closing.is_some(), "{line:?}");
    }
}

#[test]
fn size_is_a_promise_and_a_limit() {
    let small = || config().max_size(20);
    Script::ehlo(small())
        .say("MAIL FROM:<a@x> SIZE=21", "552 5.3.4 ")
        .say("RCPT TO:<b@x>", "503 ")
        .say("MAIL FROM:<a@x> SIZE=18446744073709551615", "552 5.3.4 ")
        .say("MAIL FROM:<a@x> SIZE=20", "250 ")
        .run();
    for bad in [
        "SIZE=18446744073709551616",
        "SIZE=100000000000000000000",
        "SIZE=-1",
        "SIZE=A",
        "SIZE=",
        "SIZE",
        "SIZE 1",
        "SIZE=1 SIZE=1",
        "SIZE=1 size=2",
        "BODY=7BIT BODY=8BITMIME",
        "RET=HDRS RET=FULL",
        "SMTPUTF8 SMTPUTF8",
        "SMTPUTF8=1",
        "BODY=9BIT",
        "BODY",
        "ENVID=a+0D+0A",
        "ENVID=+",
        "ENVID=a+0d",
        "=1",
        "SIZE==1",
    ] {
        Script::ehlo(small())
            .say(format!("MAIL FROM:<a@x> {bad}"), "501 5.5.4 ")
            .say("RCPT TO:<b@x>", "503 ")
            .run();
    }
    let exact = Script::in_data(small()).say("012345678901234567\r\n.", "250 ").run();
    assert_eq!(exact.messages().len(), 1);
    let stuffed = Script::in_data(small()).say("..2345678901234567\r\n.", "250 ").run();
    assert_eq!(stuffed.messages().len(), 1);
    let talk = Script::in_data(small())
        .say("0123456789012345678\r\n.", "552 5.3.4 ")
        .say("NOOP", "250 ")
        .run();
    assert!(talk.messages().is_empty());
    assert!(talk.events.contains(&"aborted TooLarge".into()));
    Script::ehlo(small())
        .say("MAIL FROM:<a@x> SIZE=1", "250 ")
        .say("RCPT TO:<b@x>", "250 ")
        .say("DATA", "354 ")
        .say(format!("{}\r\n.", "x".repeat(40_000)), "552 5.3.4 ")
        .run();
}

#[test]
fn too_large_and_bare_at_once_is_refused_for_the_same_reason_however_it_arrives() {
    for content in ["0123456789012345678901\nb\r\n.", "a\n0123456789012345678901\r\n."] {
        let talk = Script::in_data(config().max_size(20)).send(content).send("\r\n").observe();
        assert!(talk.replies[5].starts_with("55"));
    }
}

#[test]
fn duplicate_parameters_of_rcpt() {
    for bad in [
        "NOTIFY=NEVER NOTIFY=NEVER",
        "NOTIFY=NEVER,SUCCESS",
        "NOTIFY=",
        "ORCPT=rfc822;a@x ORCPT=rfc822;a@x",
        "ORCPT=rfc822;a+0Ab",
        "ORCPT=a@x",
    ] {
        Script::ehlo(config())
            .say("MAIL FROM:<a@x>", "250 ")
            .say(format!("RCPT TO:<b@x> {bad}"), "501 5.5.4 ")
            .say("DATA", "503 ")
            .run();
    }
}

#[test]
fn utf8_needs_smtputf8() {
    let talk = Script::ehlo(config())
        .say("MAIL FROM:<\u{fc}@x>", "553 5.6.7 ")
        .say("RCPT TO:<b@x>", "503 ")
        .say("MAIL FROM:<a@b\u{fc}cher.example>", "553 5.6.7 ")
        .say("MAIL FROM:<a@x>", "250 ")
        .say("RCPT TO:<\u{fc}@x>", "553 5.6.7 ")
        .say("DATA", "503 5.5.1 ")
        .say("RCPT TO:<b@x>", "250 ")
        .say("RCPT TO:<\u{fc}@x>", "553 5.6.7 ")
        .say("DATA", "354 ")
        .say(".", "250 ")
        .say("MAIL FROM:<\u{fc}@x> SMTPUTF8", "250 ")
        .say("RCPT TO:<\u{e9}@b\u{fc}cher.example>", "250 ")
        .say("RCPT TO:<b@x> ORCPT=utf-8;\u{fc}@x", "250 ")
        .say("DATA", "354 ")
        .say(".", "250 ")
        .say("MAIL FROM:<a@x>", "250 ")
        .say("RCPT TO:<\u{fc}@x>", "553 5.6.7 ")
        .say("RCPT TO:<b@x> ORCPT=utf-8;\u{fc}@x", "553 5.6.7 ")
        .say(r"RCPT TO:<b@x> ORCPT=utf-8;\x{FC}@x", "250 ")
        .run();
    assert!(talk.events.contains(&"mail <\u{fc}@x> SMTPUTF8".into()));
    for bad in [&b"\xc0\x80"[..], b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf1\x80", b"\x80"] {
        let line = [b"MAIL FROM:<", bad, b"@x> SMTPUTF8"].concat();
        Script::ehlo(config()).say(line, "501 5.").say("RCPT TO:<b@x>", "503 ").run();
    }
}

#[test]
fn replies_are_utf8_only_where_the_transaction_is() {
    let no = Verdict::No(550, "\u{fc} nicht");
    Script::ehlo(config())
        .with(|script| script.rcpt = no)
        .say("MAIL FROM:<a@x>", "250 ")
        .say("RCPT TO:<b@x>", "550 5.9.9 ? nicht\r\n")
        .say("RSET", "250 ")
        .say("MAIL FROM:<a@x> SMTPUTF8", "250 ")
        .say("RCPT TO:<b@x>", "550 5.9.9 \u{fc} nicht\r\n")
        .run();
    Script::in_data(config())
        .with(|script| script.message = Verdict::With(250, "\u{fc}"))
        .say(".", "250 ?\r\n")
        .run();
}

/// RFC 6531 section 3.7.4.2, RFC 5321 section 4.5.3.1.5.
#[test]
fn the_greeting_is_one_line_of_ascii_whatever_it_says() {
    Script::new(config())
        .greeted(
            Verdict::With(220, "sch\u{f6}nen Tag \u{2600}"),
            "220 mx.example.org sch?nen Tag ?\r\n",
        )
        .say("NOOP", "250 ")
        .run();
    const LONG: &str = match str::from_utf8(&[b'x'; 496]) {
        Ok(text) => text,
        Err(_) => "",
    };
    let line = format!("220 mx.example.org {}\r\n", "x".repeat(512 - 21));
    assert_eq!(line.len(), 512);
    Script::new(config()).greeted(Verdict::With(220, LONG), &line).say("NOOP", "250 ").run();
}

#[test]
fn the_application_finds_its_own_words() {
    Script::new(config())
        .greeted(Verdict::With(220, "good day"), "220 mx.example.org good day\r\n")
        .with(|script| {
            script.rcpt = Verdict::With(251, "will forward");
            script.message = Verdict::With(250, "queued as 4711");
        })
        .say("EHLO c.example", "250-")
        .say("MAIL FROM:<a@x>", "250 2.1.0 reverse-path taken\r\n")
        .say("RCPT TO:<b@x>", "251 will forward\r\n")
        .say("DATA", "354 ")
        .say("x\r\n.", "250 queued as 4711\r\n")
        .say("MAIL FROM:<no553@x>", "553 5.9.9 as you asked\r\n")
        .run();
}

#[test]
fn enhanced_codes_only_where_they_are_offered() {
    Script::ehlo(config().without(Extension::EnhancedStatusCodes))
        .say("MAIL FROM:<no553@x>", "553 as you asked\r\n")
        .say("MAIL FROM:<a@x>", "250 reverse-path taken\r\n")
        .say("RCPT TO:<\u{fc}@x>", "553 address")
        .say("FOO", "500 command")
        .say("NOOP", "250 done")
        .say("QUIT", "221 mx.example.org ")
        .run();
}

#[test]
fn a_refused_client_has_nothing_left_but_quit() {
    let talk = Script::new(config())
        .greeted(Verdict::No(554, "no mail here"), "554 no mail here\r\n")
        .say("EHLO client.example", "503 5.5.1 ")
        .say("NOOP", "503 5.5.1 ")
        .say("MAIL FROM:<a@x>", "503 5.5.1 ")
        .say("QUIT", "221 ")
        .run();
    assert_eq!(talk.events, ["greet", "closed Quit"]);
}

#[test]
fn a_421_of_the_application_is_the_last_reply() {
    let behind = "NOOP\r\nQUIT\r\n";
    let talk = Script::new(config())
        .greeted(Verdict::No(421, "too busy"), "421 too busy\r\n")
        .send(behind)
        .run();
    assert_eq!(talk.events, ["greet", "closed Refused"]);
    let closed = |script: Script| {
        let talk = script.send(behind).run();
        assert_eq!(talk.closing, Some(Closing::Refused));
    };
    closed(Script::new(config()).say("EHLO no421.example", "421 4.9.9 "));
    closed(Script::ehlo(config()).say("MAIL FROM:<no421@x>", "421 4.9.9 "));
    closed(
        Script::ehlo(config())
            .say("MAIL FROM:<a@x>", "250 ")
            .say("RCPT TO:<no421@x>", "421 4.9.9 "),
    );
    closed(
        Script::ehlo(config())
            .with(|script| script.data = Verdict::No(421, "going"))
            .say("MAIL FROM:<a@x>", "250 ")
            .say("RCPT TO:<b@x>", "250 ")
            .say("DATA", "421 4.9.9 "),
    );
    closed(Script::in_data(config()).say("no421\r\n.", "421 4.9.9 "));
    closed(Script::ehlo(config().ask_verify()).say("VRFY no421", "421 4.9.9 "));
    closed(Script::ehlo(config().ask_expand()).say("EXPN no421", "421 4.9.9 "));
}

#[test]
fn verify_and_expand_are_asked_where_wanted() {
    let talk = Script::ehlo(config().ask_verify().ask_expand())
        .say("VRFY bob", "252 2.5.0 ")
        .say("VRFY no550", "550 5.9.9 ")
        .say("EXPN list", "252 2.5.0 ")
        .say("EXPN no550", "550 5.9.9 ")
        .say("VRFY", "501 ")
        .say("EXPN", "501 ")
        .run();
    assert_eq!(talk.events[2..], ["verify", "verify", "expand", "expand"]);
}

#[test]
fn too_many_recipients() {
    let few = limits(|limits| (limits.recipients, limits.recipients_over) = (2, 2));
    let over = |config| {
        Script::ehlo(config)
            .say("MAIL FROM:<a@x>", "250 ")
            .say("RCPT TO:<b@x>", "250 ")
            .say("RCPT TO:<no550@x>", "550 ")
            .say("RCPT TO:<c@x>", "250 ")
            .say("RCPT TO:<d@x>", "452 4.5.3 ")
            .say("RCPT TO:<e@x>", "452 4.5.3 ")
    };
    let talk = over(config().limits(few)).say("DATA", "354 ").say(".", "250 ").run();
    assert_eq!(talk.messages().len(), 1);
    assert!(!talk.events.contains(&"rcpt <d@x>".into()));
    let talk = over(config().limits(few))
        .say("RCPT TO:<f@x>", "421 4.7.0 mx.example.org ")
        .send("DATA\r\nx\r\n.\r\n")
        .run();
    assert_eq!(talk.closing, Some(Closing::TooManyErrors));
    assert!(talk.messages().is_empty());
}

#[test]
fn too_many_errors() {
    let few = limits(|limits| limits.errors = 3);
    let wrong = ["DATA", "", " NOOP", "FOO", "MAIL FROM:", "RCPT TO:<>", "BDAT 0", "NOOP\n", "\0"];
    for line in wrong {
        let script = (0..3).fold(Script::ehlo(config().limits(few)), |script, _| {
            script.send(line).send("\r\n").hear("5")
        });
        let talk = script.say(line, "421 4.7.0 mx.example.org ").send("NOOP\r\n").run();
        assert_eq!(talk.closing, Some(Closing::TooManyErrors), "{line:?}");
    }
}

#[test]
fn a_message_taken_over_makes_up_for_errors() {
    let few = limits(|limits| (limits.errors, limits.junk) = (2, 2));
    let round = |script: Script| {
        script
            .say("FOO", "500 ")
            .say("FOO", "500 ")
            .say("NOOP", "250 ")
            .say("MAIL FROM:<a@x>", "250 ")
            .say("RCPT TO:<b@x>", "250 ")
            .say("DATA", "354 ")
            .say(".", "250 ")
    };
    round(round(round(Script::ehlo(config().limits(few))))).run();
}

#[test]
fn too_much_junk() {
    let few = || config().limits(limits(|limits| (limits.junk, limits.errors) = (4, 2)));
    for (line, reply) in [("NOOP", "250 "), ("RSET", "250 "), ("HELP", "214 "), ("VRFY a", "252 ")]
    {
        // EHLO is the first, three more are free, two are errors.
        let script = (0..5).fold(Script::ehlo(few()), |script, _| script.say(line, reply));
        let talk = script.say(line, "421 4.7.0 ").send("QUIT\r\n").run();
        assert_eq!(talk.closing, Some(Closing::TooManyErrors), "{line}");
    }
}

#[test]
fn too_much_junk_that_the_application_answers() {
    let few = || config().limits(limits(|limits| (limits.junk, limits.errors) = (4, 2)));
    let asking = || few().ask_verify().ask_expand();
    for line in ["EHLO a.example", "HELO a.example", "VRFY a", "EXPN a", "VRFY no550"] {
        let script =
            (0..30).fold(Script::ehlo(asking()), |script, _| script.send(line).send("\r\n"));
        let talk = script.observe();
        assert_eq!(talk.closing, Some(Closing::TooManyErrors), "{line}");
        assert_eq!(talk.replies.len(), 8, "{line}");
        assert!(talk.replies[7].starts_with("421 4.7.0 "), "{line}");
    }
}

#[test]
fn other_protocols_are_sent_away() {
    for line in [
        "GET / HTTP/1.1",
        "get / HTTP/1.1",
        "POST /x HTTP/1.1",
        "CONNECT mx.example.org:25 HTTP/1.1",
        "PUT /x HTTP/1.0",
        "HEAD / HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "Host: mx.example.org",
        "Subject: hello",
    ] {
        let talk = Script::new(config())
            .say(line, "421 4.7.0 mx.example.org ")
            .send("\r\nEHLO a.example\r\nMAIL FROM:<evil@x>\r\n")
            .run();
        assert_eq!(talk.closing, Some(Closing::NotSmtp), "{line}");
    }
    Script::new(config()).say("PROXY TCP4 192.0.2.1 192.0.2.2 1 25", "500 ").run();
}

#[test]
fn half_closed_clients_get_their_replies() {
    let eof = |script: Script| {
        let talk = script.end(End::Eof).run();
        assert_eq!(talk.closing, Some(Closing::PeerGone));
        assert_eq!(talk.events.last().map(String::as_str), Some("closed PeerGone"));
        talk
    };
    eof(Script::new(config()));
    eof(Script::new(config()).send("EHL"));
    eof(Script::ehlo(config()));
    eof(Script::ehlo(config()).send("NOOP\r"));
    eof(Script::ehlo(config()).say("MAIL FROM:<a@x>", "250 ").send("RCPT TO:<a@x>"));
    eof(Script::ehlo(config()).say("BDAT 10", "502 ").send("12345"));
    eof(Script::ehlo(config()).send("x".repeat(20_000)));
    for half in ["", "text", "text\r", "text\r\n", "text\r\n.", "text\r\n.\r", "a\nb", ".", "\r\n."]
    {
        let talk = eof(Script::in_data(config()).send(half));
        assert!(talk.messages().is_empty(), "{half:?}");
    }
    let talk = eof(Script::in_data(config()).say("text\r\n.", "250 ").say("NOOP", "250 "));
    assert_eq!(talk.messages(), [r"text\r\n"]);
}

#[test]
fn eof_while_replies_wait_loses_none() {
    let script = (0..90).fold(Script::ehlo(config()), |script, _| script.say("HELP", "214 "));
    script.end(End::Eof).run();
}

#[test]
fn timeouts_in_each_state() {
    for script in [
        Script::new(config()),
        Script::ehlo(config()).send("NOO"),
        Script::ehlo(config()).say("MAIL FROM:<a@x>", "250 "),
        Script::in_data(config()).send("text\r\n.\r"),
        Script::in_data(config().max_size(4)).send("text text text"),
        Script::ehlo(config()).say("BDAT 10", "502 ").send("12345"),
    ] {
        let talk = script.end(End::TimedOut).hear("421 4.4.2 mx.example.org ").run();
        assert_eq!(talk.closing, Some(Closing::TimedOut));
        assert!(talk.messages().is_empty());
    }
}

#[test]
fn a_shutdown_waits_for_the_end_of_mail_data() {
    for script in [
        Script::new(config()),
        Script::ehlo(config()).send("NOO"),
        Script::ehlo(config()).say("MAIL FROM:<a@x>", "250 "),
    ] {
        let talk = script.end(End::ShutDown).hear("421 4.3.2 mx.example.org ").run();
        assert_eq!(talk.closing, Some(Closing::ShuttingDown));
    }
    let talk = Script::in_data(config()).send("text").end(End::ShutDown).run();
    assert_eq!(talk.closing, None);
}

#[test]
fn a_broken_link_says_nothing_more() {
    let talk = Script::in_data(config()).send("text").end(End::Broken).run();
    assert_eq!(talk.closing, Some(Closing::PeerGone));
    assert!(talk.messages().is_empty());
}

#[test]
fn what_stands_behind_quit_is_not_looked_at() {
    let talk = Script::ehlo(config()).say("QUIT", "221 ").send("EHLO x\r\nQUIT\r\n").run();
    assert_eq!(talk.closing, Some(Closing::Quit));
}

#[test]
fn lenient_syntax_is_a_choice() {
    let lines = ["MAIL FROM: <a@x>", "MAIL FROM:a@x", "mail\tfrom:<a@x>", "MAIL FROM:<.a@x>"];
    for line in lines {
        Script::ehlo(config()).say(line, "501 ").run();
        Script::ehlo(config().syntax(Syntax::Lenient)).say(line, "250 2.1.0 ").run();
    }
}
