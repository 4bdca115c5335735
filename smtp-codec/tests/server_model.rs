//! The order of commands against a model of thirty lines: every short session, and random long
//! ones.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod common;

use common::Cut;
use common::script::{Script, config};
use proptest::prelude::*;
use smtp_codec::server::Closing;

/// A client's move. `Bad` is a syntax error, `No` is refused by the application.
const MOVES: [&str; 17] = [
    "EHLO a.example",
    "HELO a.example",
    "EHLO no550.example",
    "MAIL FROM:<a@x>",
    "MAIL FROM:<no450@x>",
    "MAIL FROM:a@x",
    "RCPT TO:<b@x>",
    "RCPT TO:<no550@x>",
    "RCPT TO:<>",
    "DATA good",
    "DATA no554",
    "DATA bare\n",
    "BDAT 6",
    "RSET",
    "STARTTLS",
    "NOOP",
    "GARBAGE",
];

/// What RFC 5321 section 4.1.4 makes of them.
#[derive(Clone, Copy, Default)]
struct Model {
    greeted: bool,
    open: bool,
    recipients: u32,
}

impl Model {
    /// The code of the reply, and of the reply to the content if it is asked for.
    fn play(&mut self, play: &str) -> (u16, Option<u16>) {
        let fresh = Model { greeted: true, ..Model::default() };
        let code = match play {
            "EHLO no550.example" => 550,
            _ if play.starts_with("EHLO") || play.starts_with("HELO") => {
                *self = fresh;
                250
            }
            "MAIL FROM:a@x" | "RCPT TO:<>" => 501,
            "RSET" => {
                *self = Model { greeted: self.greeted, ..Model::default() };
                250
            }
            "NOOP" => 250,
            "BDAT 6" | "STARTTLS" => 502,
            "GARBAGE" => 500,
            _ if play.starts_with("MAIL") && (!self.greeted || self.open) => 503,
            "MAIL FROM:<no450@x>" => 450,
            "MAIL FROM:<a@x>" => {
                self.open = true;
                250
            }
            _ if !self.open => 503,
            "RCPT TO:<no550@x>" => 550,
            "RCPT TO:<b@x>" => {
                self.recipients += 1;
                250
            }
            _ if self.recipients == 0 => 503,
            _ => {
                *self = fresh;
                return (354, Some(if play == "DATA good" { 250 } else { 554 }));
            }
        };
        (code, None)
    }
}

fn session(plays: impl IntoIterator<Item = &'static str>) -> (Script, Vec<u16>, usize) {
    let (mut model, mut script) = (Model::default(), Script::new(config()));
    let (mut codes, mut accepted) = (vec![220], 0);
    for play in plays {
        let (code, last) = model.play(play);
        codes.push(code);
        if let Some((_, content)) = play.split_once("DATA ") {
            script = script.send("DATA\r\n");
            if let Some(last) = last {
                script = script.send(format!("{content}\r\nMAIL FROM:<evil@x>\r\n.\r\n"));
                codes.push(last);
                accepted += usize::from(last == 250);
            }
        } else {
            script = script.send(play).send("\r\n");
            if play.starts_with("BDAT") {
                script = script.send("QUIT\r\n");
            }
        }
    }
    (script.send("QUIT\r\n"), [codes, vec![221]].concat(), accepted)
}

fn check(plays: &[&'static str], cuts: &[Cut]) {
    let (script, codes, accepted) = session(plays.iter().copied());
    for cut in cuts {
        let talk = script.hold(*cut, false, usize::MAX);
        let got: Vec<u16> = talk.replies.iter().map(|reply| reply[..3].parse().unwrap()).collect();
        assert_eq!(got, codes, "{plays:?}");
        assert_eq!(talk.closing, Some(Closing::Quit), "{plays:?}");
        let messages = talk.messages();
        assert_eq!(messages.iter().filter(|text| text.starts_with("good")).count(), accepted);
        assert!(!talk.events.iter().any(|event| event.starts_with("mail <evil")), "{plays:?}");
    }
}

#[test]
fn every_session_of_three_moves() {
    for first in MOVES {
        for second in MOVES {
            for third in MOVES {
                check(&[first, second, third], &[Cut::Whole]);
            }
        }
    }
}

#[test]
fn every_three_moves_in_an_open_transaction() {
    let start = ["EHLO a.example", "MAIL FROM:<a@x>", "RCPT TO:<b@x>"];
    for depth in 2..=start.len() {
        for first in MOVES {
            for second in MOVES {
                check(&[&start[..depth], &[first, second, "DATA good"]].concat(), &[Cut::Whole]);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]
    #[test]
    fn long_sessions(plays in prop::collection::vec(prop::sample::select(MOVES.to_vec()), 1..19)) {
        check(&plays, &[Cut::Whole, Cut::EachOctet]);
    }
}
