//! A check: where it begins, what is said, what is wanted, and where that stands written.

use super::want::{Want, What, wants};

/// How much it matters, by RFC 2119, or because it was an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    Must,
    Should,
    /// No rule says it in so many words; the attack or the crash is known.
    Threat,
}

impl Level {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Level::Must => "MUST",
            Level::Should => "SHOULD",
            Level::Threat => "threat",
        }
    }
}

/// How far a session is brought before a check begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// Connected; the greeting is the check's to read.
    Connected,
    /// The greeting was read.
    Greeted,
    /// EHLO was answered (LHLO in LMTP).
    Hello,
    /// MAIL was accepted.
    Mail,
    /// RCPT was accepted.
    Rcpt,
    /// 354 was received.
    Data,
    /// TLS was begun, and EHLO answered inside.
    Tls,
    /// RCPT was accepted inside TLS.
    TlsRcpt,
    /// EHLO was answered where AUTH is offered: in the clear if it is there, else inside TLS.
    Auth,
}

/// What a check ends with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// RSET and QUIT, each with its own reply.
    InStep,
    /// Nothing: the connection is dropped.
    Dropped,
}

/// A step of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Octets to send, together or one by one, and the replies that are wanted.
    Say { octets: Vec<u8>, trickle: bool, wants: Vec<Want> },
    /// The handshake. If it may fail, failing ends the script.
    Handshake { may_fail: bool },
    /// Ends TLS in order and goes on in the clear.
    Clear,
    /// Lines that each want a reply, until there were enough or the server ends it.
    Flood(Flood),
}

/// Many lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flood {
    pub(super) line: Vec<u8>,
    /// Whether a server should grow tired of them.
    pub(super) tires: bool,
}

/// A row of a table: all that a check is made of, as constants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    /// What the check's name ends with.
    pub(super) name: &'static str,
    /// `5321 4.1.1.4`.
    pub(super) source: &'static str,
    pub(super) level: Level,
    pub(super) at: At,
    /// Keywords that must be announced, `KEYWORD=argument`; and words of [`super::survey`].
    pub(super) needs: &'static str,
    /// A sentence.
    pub(super) demand: &'static str,
    /// What is sent, and what is wanted then; `!tls`, `!tls?` and `!clear` stand alone, and `~`
    /// before the wants sends octet by octet.
    pub(super) script: &'static [(&'static [u8], &'static str)],
    pub(super) ends: Ends,
}

type Script = &'static [(&'static [u8], &'static str)];

const fn row(
    level: Level,
    name: &'static str,
    source: &'static str,
    at: At,
    demand: &'static str,
    script: Script,
) -> Row {
    Row { name, source, level, at, needs: "", demand, script, ends: Ends::InStep }
}

/// A row for what a standard demands.
pub(super) const fn must(
    name: &'static str,
    source: &'static str,
    at: At,
    demand: &'static str,
    script: Script,
) -> Row {
    row(Level::Must, name, source, at, demand, script)
}

/// A row for what a standard advises.
pub(super) const fn should(
    name: &'static str,
    source: &'static str,
    at: At,
    demand: &'static str,
    script: Script,
) -> Row {
    row(Level::Should, name, source, at, demand, script)
}

/// A row for an attack.
pub(super) const fn threat(
    name: &'static str,
    source: &'static str,
    at: At,
    demand: &'static str,
    script: Script,
) -> Row {
    row(Level::Threat, name, source, at, demand, script)
}

impl Row {
    /// The same, for servers that announce this only.
    pub(super) const fn needs(mut self, needs: &'static str) -> Self {
        self.needs = needs;
        self
    }

    /// The same, with nothing behind it.
    pub(super) const fn dropped(mut self) -> Self {
        self.ends = Ends::Dropped;
        self
    }
}

/// A check, ready to run but for the addresses.
#[derive(Clone, Debug)]
pub(super) struct Check {
    pub(super) id: String,
    pub(super) group: &'static Group,
    pub(super) source: &'static str,
    pub(super) level: Level,
    pub(super) at: At,
    pub(super) needs: Vec<&'static str>,
    pub(super) demand: String,
    pub(super) script: Vec<Step>,
    pub(super) ends: Ends,
}

/// Checks that belong together.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// For `--only`.
    pub(super) name: &'static str,
    pub(super) title: &'static str,
}

impl Check {
    /// What a row of a table says, with what the whole table needs.
    pub(super) fn new(group: &'static Group, row: &Row, needs: &'static str) -> Self {
        let script = row.script.iter().map(|(octets, wants)| step(octets, wants)).collect();
        Check {
            id: id(row.source, row.name),
            group,
            source: row.source,
            level: row.level,
            at: row.at,
            needs: needs.split_whitespace().chain(row.needs.split_whitespace()).collect(),
            demand: row.demand.to_owned(),
            script,
            ends: row.ends,
        }
    }

    /// A check whose octets are computed.
    pub(super) fn made(group: &'static Group, row: &Row, name: &str, script: Vec<Step>) -> Self {
        Check { id: id(row.source, name), script, ..Check::new(group, row, "") }
    }

    /// Where it stands written: `RFC 5321 section 4.1.1.4`.
    pub(super) fn citation(&self) -> String {
        match self.source.split_once(' ') {
            Some((rfc, section)) => format!("RFC {rfc} section {section}"),
            None => format!("RFC {}", self.source),
        }
    }

    /// Whether the server may end the session over what it was sent last.
    pub(super) fn may_end(&self) -> bool {
        let last = self.script.iter().rev().find_map(|step| match step {
            Step::Say { wants, .. } => wants.last(),
            _ => None,
        });
        last.is_some_and(|want| want.pass.iter().any(|token| token.what == What::Close))
    }

    /// Whether a server may deliver a message because of it.
    pub(super) fn delivers(&self) -> bool {
        let asks = |step: &Step| match step {
            Step::Say { octets, .. } => {
                let text = octets.to_ascii_uppercase();
                memchr::memmem::find(&text, b"DATA\r\n").is_some()
                    || memchr::memmem::find(&text, b"BDAT").is_some()
            }
            Step::Flood(flood) => flood.line.starts_with(b"BDAT"),
            Step::Handshake { .. } | Step::Clear => false,
        };
        self.at == At::Data || self.script.iter().any(asks)
    }
}

fn id(source: &str, name: &str) -> String {
    format!("{}-{name}", source.replace(' ', "-"))
}

/// A step that sends.
pub(super) fn say(octets: impl Into<Vec<u8>>, column: &str) -> Step {
    let (column, trickle) = column.strip_prefix('~').map_or((column, false), |rest| (rest, true));
    Step::Say { octets: octets.into(), trickle, wants: wants(column) }
}

fn step(octets: &[u8], column: &str) -> Step {
    match column {
        "!tls" => Step::Handshake { may_fail: false },
        "!tls?" => Step::Handshake { may_fail: true },
        "!clear" => Step::Clear,
        column => say(octets, column),
    }
}
