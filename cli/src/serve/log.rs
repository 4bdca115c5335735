//! One line a session or message on standard error.

use std::fmt::Write as _;
use std::io::{self, IsTerminal, Stderr, Write};
use std::sync::Arc;

use super::live::Live;
use crate::args::serve::Log;
use crate::plain::is_deceptive;

/// A line that cannot be written is lost. That is no reason to lose anything else, so nothing is
/// said about it: whatever would say it would fail as well.
pub(super) fn start(log: Log, live: Option<&Arc<Live>>) {
    let live = live.cloned();
    let out = move || live.clone().map_or_else(|| Out::Stderr(io::stderr()), Out::Live);
    let lines = tracing_subscriber::fmt().with_target(false).log_internal_errors(false);
    match log {
        Log::Text => {
            let colours = io::stderr().is_terminal();
            let shown = Shown { json: false, colours };
            lines.with_ansi(colours).with_writer(move || Harmless(out(), shown)).compact().init();
        }
        Log::Json => {
            let shown = Shown { json: true, colours: false };
            let lines = lines.with_ansi(false).with_writer(move || Harmless(out(), shown));
            lines.json().flatten_event(true).init();
        }
        Log::Off => {}
    }
}

/// Where lines go.
enum Out {
    Stderr(Stderr),
    Live(Arc<Live>),
}

impl Write for Out {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match self {
            Out::Stderr(stderr) => stderr.write(line),
            Out::Live(live) => (&**live).write(line),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Out::Stderr(stderr) => stderr.flush(),
            Out::Live(live) => (&**live).flush(),
        }
    }
}

/// How the lines are written that pass through [`Harmless`].
#[derive(Clone, Copy)]
struct Shown {
    json: bool,
    colours: bool,
}

/// Escapes the characters by which a peer could make a line look like something else. Each piece
/// written is one whole line.
struct Harmless<W>(W, Shown);

impl<W: Write> Write for Harmless<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut text = String::with_capacity(line.len());
        for character in String::from_utf8_lossy(line).chars() {
            let _ = match character {
                '\n' => text.write_char('\n'),
                '\u{1b}' if self.1.colours => text.write_char(character),
                _ if !is_deceptive(character) => text.write_char(character),
                _ if self.1.json => write!(text, "\\u{:04x}", u32::from(character)),
                _ => write!(text, "{}", character.escape_unicode()),
            };
        }
        self.0.write_all(text.as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(line: &str, json: bool, colours: bool) -> String {
        let mut out = Vec::new();
        Harmless(&mut out, Shown { json, colours }).write_all(line.as_bytes()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_line_cannot_look_like_another() {
        for character in ['\u{7f}', '\u{85}', '\u{2028}', '\u{2029}', '\u{202e}', '\u{2066}'] {
            let line = format!("{{\"from\":\"a{character}b@жук.example\"}}\n");
            let text = written(&line, false, false);
            assert_eq!(text, line.replace(character, &character.escape_unicode().to_string()));
            let json = written(&line, true, false);
            assert!(!json.contains(character) && json.ends_with("\"}\n"), "{json}");
            let value: serde_json::Value = serde_json::from_str(&json).unwrap();
            assert_eq!(value["from"], format!("a{character}b@жук.example"));
        }
    }

    #[test]
    fn escape_characters_are_for_colours_only() {
        assert_eq!(written("\u{1b}[2mx\n", false, true), "\u{1b}[2mx\n");
        assert_eq!(written("\u{1b}[2mx\n", false, false), "\\u{1b}[2mx\n");
    }
}
