//! The dialogue as people read it: `--trace`.
//!
//! ```text
//!    0.000     = connecting to 127.0.0.1:2525
//!    0.002     < 220 mx.example.org ESMTP ready
//!    0.002     > EHLO client.example.net
//!    0.003     < 250-mx.example.org
//!              < 250 PIPELINING                 the same reply
//!    0.003     > MAIL FROM:<alice@example.org>
//!        +     > RCPT TO:<bob@example.org>      left together with the one before
//! ```

mod content;

use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use console::{Style, Term, truncate_str};
use smtp_codec::client::Traffic;
use smtp_tls::Facts;

use crate::plain::plain;
use content::Content;

/// Writes what it is shown on standard error. The connection, the reader of the content and the
/// command each have one.
#[derive(Clone, Debug)]
pub(crate) struct Trace(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    start: Instant,
    dress: Dress,
    tls: Tls,
    /// A command has left that no reply has come behind: the next one left together with it.
    in_flight: bool,
    /// The reply goes on.
    midway: bool,
    content: Option<Content>,
}

/// How far TLS has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tls {
    Off,
    Asked,
    /// The handshake has begun.
    Begins(Duration),
    On,
}

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Dress {
    Plain,
    Terminal { coloured: bool, arrows: bool },
}

/// What a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Sent,
    /// By the first digit of its reply.
    Received(u8),
    /// Of the content.
    Content,
    Note,
}

/// What stands where the time does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    At(Duration),
    Together,
    Same,
}

impl Trace {
    /// As standard error wants it.
    pub(crate) fn new() -> Self {
        let dress = match io::stderr().is_terminal() {
            true => {
                Dress::Terminal { coloured: console::colors_enabled_stderr(), arrows: is_utf8() }
            }
            false => Dress::Plain,
        };
        Trace(Arc::new(Mutex::new(State::new(dress))))
    }

    /// A connection is about to be made; TLS may be `implicit`.
    pub(crate) fn connecting(&self, server: &dyn std::fmt::Display, implicit: bool) {
        let mut state = self.state();
        let at = state.start.elapsed();
        state.tls = if implicit { Tls::Begins(at) } else { Tls::Off };
        (state.in_flight, state.midway, state.content) = (false, false, None);
        state.write(state.line(Moment::At(at), Kind::Note, &format!("connecting to {server}")));
    }

    pub(crate) fn see(&self, traffic: Traffic<'_>) {
        let mut state = self.state();
        let at = state.start.elapsed();
        let lines = state.see(traffic, at);
        state.write(lines);
    }

    /// What the handshake came to.
    pub(crate) fn secured(&self, facts: Option<&Facts>) {
        let Some(facts) = facts else { return };
        let state = self.state();
        let trust = if facts.verified { "is valid" } else { "is not verified" };
        let text = format!("{}, {}; the certificate {trust}", facts.version, facts.cipher_suite);
        state.write(state.line(Moment::Same, Kind::Note, &text));
    }

    /// Content is read from its start on.
    pub(crate) fn content_begins(&self) {
        self.state().content = Some(Content::default());
    }

    /// A piece of it; an empty one is its end.
    pub(crate) fn content(&self, piece: &[u8]) {
        if let Some(content) = &mut self.state().content {
            content.take(piece);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the terminal shows more than ASCII, as far as the environment tells.
fn is_utf8() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(std::env::var_os);
    let mut chosen = set.filter(|value| !value.is_empty());
    chosen.next().is_some_and(|value| {
        let value = value.to_string_lossy().to_ascii_lowercase();
        value.contains("utf-8") || value.contains("utf8")
    })
}

impl State {
    fn new(dress: Dress) -> Self {
        State {
            start: Instant::now(),
            dress,
            tls: Tls::Off,
            in_flight: false,
            midway: false,
            content: None,
        }
    }

    fn see(&mut self, traffic: Traffic<'_>, at: Duration) -> String {
        match traffic {
            Traffic::Sent(line) => self.sent(line, at),
            Traffic::Received(line) => self.received(line, at),
        }
    }

    fn sent(&mut self, line: &[u8], at: Duration) -> String {
        // Behind STARTTLS nothing is said before the handshake is done.
        let mut text = self.secured_by(at);
        if line.eq_ignore_ascii_case(b"STARTTLS") {
            self.tls = Tls::Asked;
        }
        let moment = if self.in_flight { Moment::Together } else { Moment::At(at) };
        self.in_flight = true;
        text.push_str(&self.line(moment, Kind::Sent, &shown(line)));
        text
    }

    fn received(&mut self, line: &[u8], at: Duration) -> String {
        let mut text = self.secured_by(at);
        let digit = line.first().copied().unwrap_or_default();
        if let Some(content) = self.content.take_if(|it| it.is_worth_telling(digit)) {
            text.push_str(&self.tell(&content, at));
        }
        let moment = if self.midway { Moment::Same } else { Moment::At(at) };
        self.midway = line.get(3) == Some(&b'-');
        self.in_flight = false;
        if !self.midway && self.tls == Tls::Asked {
            self.tls = if line.starts_with(b"220") { Tls::Begins(at) } else { Tls::Off };
        }
        text.push_str(&self.line(moment, Kind::Received(digit), &shown(line)));
        text
    }

    /// A handshake that had begun is done.
    fn secured_by(&mut self, at: Duration) -> String {
        let Tls::Begins(since) = self.tls else { return String::new() };
        self.tls = Tls::On;
        (self.in_flight, self.midway) = (false, false);
        let took = at.saturating_sub(since).as_secs_f64() * 1e3;
        self.line(Moment::At(at), Kind::Note, &format!("TLS is on, after {took:.1} ms"))
    }

    fn tell(&self, content: &Content, at: Duration) -> String {
        let mut text = self.line(Moment::At(at), Kind::Content, &content.summary());
        for line in content.excerpt() {
            text.push_str(&self.line(Moment::Same, Kind::Content, &format!("| {line}")));
        }
        text
    }

    fn line(&self, moment: Moment, kind: Kind, text: &str) -> String {
        let time = match moment {
            Moment::At(at) => format!("{:8.3}", at.as_secs_f64()),
            Moment::Together => format!("{:>8}", "+"),
            Moment::Same => " ".repeat(8),
        };
        let tls = if self.tls == Tls::On { "tls" } else { "   " };
        let (coloured, arrows) = match self.dress {
            Dress::Plain => (false, false),
            Dress::Terminal { coloured, arrows } => (coloured, arrows),
        };
        let mark = match kind {
            Kind::Sent | Kind::Content if arrows => "→",
            Kind::Received(_) if arrows => "←",
            Kind::Sent | Kind::Content => ">",
            Kind::Received(_) => "<",
            Kind::Note => "=",
        };
        let (dim, colour) = (Style::new().dim(), kind.style());
        let dress = |style: Style, text: &str| {
            style.force_styling(coloured).apply_to(text.to_owned()).to_string()
        };
        let said = dress(colour, &format!("{mark} {text}"));
        format!("{} {} {said}\n", dress(dim, &time), dress(Style::new().green().dim(), tls))
    }

    /// Lines that are wider than the terminal are cut.
    fn write(&self, lines: String) {
        let width = match self.dress {
            Dress::Plain => None,
            Dress::Terminal { .. } => Term::stderr().size_checked().map(|(_, width)| width),
        };
        let lines = match width {
            Some(width) => cut(&lines, usize::from(width)),
            None => lines,
        };
        let _ = io::stderr().write_all(lines.as_bytes());
    }
}

impl Kind {
    fn style(self) -> Style {
        match self {
            Kind::Sent => Style::new().cyan(),
            Kind::Received(b'2') => Style::new().green(),
            Kind::Received(b'3') => Style::new().blue(),
            Kind::Received(b'4') => Style::new().yellow(),
            Kind::Received(_) => Style::new().red(),
            Kind::Content | Kind::Note => Style::new().dim(),
        }
    }
}

fn cut(lines: &str, width: usize) -> String {
    let cut = lines.lines().map(|line| truncate_str(line, width, "…").into_owned() + "\n");
    cut.collect()
}

fn shown(line: &[u8]) -> String {
    plain(&String::from_utf8_lossy(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays a dialogue, a millisecond for each line.
    fn play(dress: Dress, dialogue: &[&str]) -> String {
        let mut state = State::new(dress);
        let mut text = String::new();
        for (number, line) in (1..).zip(dialogue) {
            let at = Duration::from_millis(number);
            let line = match line.split_at(2) {
                ("> ", line) => Traffic::Sent(line.as_bytes()),
                (_, line) => Traffic::Received(line.as_bytes()),
            };
            text.push_str(&state.see(line, at));
        }
        text
    }

    #[test]
    fn groups_replies_and_tls_show() {
        let text = play(
            Dress::Plain,
            &[
                "< 220 mx",
                "> EHLO x",
                "< 250-mx",
                "< 250 STARTTLS",
                "> STARTTLS",
                "< 220 go",
                "> EHLO x",
                "< 250 PIPELINING",
                "> MAIL FROM:<>",
                "> RCPT TO:<a@b>",
                "> DATA",
                "< 250 ok",
                "< 550-no",
                "< 550 such",
                "< 503 what",
                "> QUIT",
            ],
        );
        assert_eq!(
            text,
            "   0.001     < 220 mx
   0.002     > EHLO x
   0.003     < 250-mx
             < 250 STARTTLS
   0.005     > STARTTLS
   0.006     < 220 go
   0.007 tls = TLS is on, after 1.0 ms
   0.007 tls > EHLO x
   0.008 tls < 250 PIPELINING
   0.009 tls > MAIL FROM:<>
       + tls > RCPT TO:<a@b>
       + tls > DATA
   0.012 tls < 250 ok
   0.013 tls < 550-no
         tls < 550 such
   0.015 tls < 503 what
   0.016 tls > QUIT
"
        );
    }

    #[test]
    fn refused_starttls_is_no_tls() {
        let text = play(Dress::Plain, &["> STARTTLS", "< 454 later", "> QUIT"]);
        assert!(!text.contains("tls"), "{text}");
    }

    #[test]
    fn tls_from_the_first_octet_is_on_with_the_greeting() {
        let mut state = State::new(Dress::Plain);
        state.tls = Tls::Begins(Duration::ZERO);
        let text = state.see(Traffic::Received(b"220 mx"), Duration::from_millis(4));
        assert_eq!(text, "   0.004 tls = TLS is on, after 4.0 ms\n   0.004 tls < 220 mx\n");
    }

    #[test]
    fn content_is_told_of_with_the_reply_behind_it() {
        let mut state = State::new(Dress::Plain);
        let mut content = Content::default();
        content.take(b"Subject: x\r\n\r\na\r\nb\r\nend\r\n");
        state.content = Some(content.clone());
        let at = Duration::ZERO;
        assert_eq!(state.see(Traffic::Received(b"250 of a chunk"), at).lines().count(), 1);
        content.take(b"");
        state.content = Some(content);
        assert_eq!(
            state.see(Traffic::Received(b"250 taken"), at),
            "   0.000     > (content: 5 lines, 25 octets)
             > | Subject: x
             > | (3 more)
             > | end
   0.000     < 250 taken
"
        );
        assert!(state.content.is_none());
    }

    #[test]
    fn what_a_peer_says_is_escaped_and_colours_are_for_terminals() {
        let dialogue = ["< 220 \u{1b}[2J\u{202e}"];
        assert_eq!(play(Dress::Plain, &dialogue), "   0.001     < 220 \\u{1b}[2J\\u{202e}\n");
        let plain = Dress::Terminal { coloured: false, arrows: true };
        assert_eq!(play(plain, &["> QUIT"]), "   0.001     → QUIT\n");
        let text = play(Dress::Terminal { coloured: true, arrows: true }, &["> QUIT", "< 500 no"]);
        assert!(text.contains("\u{1b}[36m→ QUIT\u{1b}[0m\n"), "{text:?}");
        assert!(text.contains("\u{1b}[31m← 500 no\u{1b}[0m\n"), "{text:?}");
        assert_eq!(
            console::strip_ansi_codes(&text),
            "   0.001     → QUIT\n   0.002     ← 500 no\n"
        );
    }

    #[test]
    fn wide_lines_are_cut_by_what_is_seen_of_them() {
        let text = play(Dress::Terminal { coloured: true, arrows: true }, &["> EHLO жук.example"]);
        let cut = cut(&text, 24);
        assert_eq!(console::strip_ansi_codes(&cut), "   0.001     → EHLO жук…\n");
        assert!(cut.ends_with("\u{1b}[0m\n"), "{cut:?}");
    }
}
