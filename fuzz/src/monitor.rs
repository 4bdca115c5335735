//! What leaves a client, octet for octet: commands that may be said there, and content.

use smtp_codec::proto::command::{Base64, Command, Keyword, MailParameters};
use smtp_codec::proto::reply::{Extension, Extensions};
use smtp_codec::proto::session::TlsPolicy;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Lines,
    /// Mail data until its end.
    Data,
    Chunk(u64),
}

#[derive(Debug)]
pub(crate) struct Monitor {
    policy: TlsPolicy,
    plaintext: bool,
    lmtp: bool,
    secure: bool,
    phase: Phase,
    in_exchange: bool,
    starttls: bool,
    /// What was sent of a line that is not complete.
    partial: Vec<u8>,
    commands: u64,
    total: u64,
    /// The last thing that was sent whole was the end of a message.
    end_is_sent: bool,
    last_chunk: bool,
    /// DATA was the last command.
    data_is_last: bool,
    /// What the server offers.
    offered: Extensions,
    /// What each MAIL must ask for, however little is offered: to be held, by when, how urgent.
    wanted: [bool; 3],
}

impl Monitor {
    pub(crate) fn new(policy: TlsPolicy, plaintext: bool, lmtp: bool) -> Self {
        Monitor {
            policy,
            plaintext,
            lmtp,
            secure: false,
            phase: Phase::Lines,
            in_exchange: false,
            starttls: false,
            partial: Vec::new(),
            commands: 0,
            total: 0,
            end_is_sent: false,
            last_chunk: false,
            data_is_last: false,
            offered: Extensions::default(),
            wanted: [false; 3],
        }
    }

    pub(crate) fn end_is_sent(&self) -> bool {
        self.end_is_sent
    }

    pub(crate) fn offered(&mut self, offered: Extensions) {
        self.offered = offered;
    }

    pub(crate) fn wants(&mut self, wanted: [bool; 3]) {
        self.wanted = wanted;
    }

    /// What is not offered is not asked for, and nobody's wish is left out.
    fn asks(&self, parameters: &MailParameters<'_>) {
        for parameter in parameters.iter() {
            let needed = match parameter.kind() {
                Some(Keyword::Size) => Extension::Size,
                Some(Keyword::Prdr) => Extension::Prdr,
                Some(Keyword::HoldFor | Keyword::HoldUntil) => Extension::FutureRelease,
                Some(Keyword::By) => Extension::DeliverBy,
                Some(Keyword::MtPriority) => Extension::MtPriority,
                Some(Keyword::SmtpUtf8) => Extension::SmtpUtf8,
                Some(Keyword::RequireTls) => Extension::RequireTls,
                _ => continue,
            };
            assert!(self.offered.contains(needed), "{parameter:?}");
        }
        assert!(!self.lmtp || !parameters.prdr());
        let held = parameters.hold_for().is_some() || parameters.hold_until().is_some();
        let asked = [held, parameters.by().is_some(), parameters.mt_priority().is_some()];
        assert_eq!(asked, self.wanted, "{parameters}");
    }

    /// Content is wanted: behind DATA it is mail data.
    pub(crate) fn body(&mut self) {
        if std::mem::take(&mut self.data_is_last) {
            assert!(self.partial.is_empty() && self.phase == Phase::Lines);
            self.phase = Phase::Data;
        }
    }

    pub(crate) fn exchange_is_over(&mut self) {
        self.in_exchange = false;
    }

    /// A handshake is wanted: it was asked for.
    pub(crate) fn handshake(&self) {
        assert!(self.partial.is_empty());
        match self.policy {
            TlsPolicy::Never => panic!("TLS although it is never to be used"),
            TlsPolicy::Implicit => assert_eq!(self.total, 0, "said before TLS"),
            TlsPolicy::Opportunistic | TlsPolicy::Required => assert!(self.starttls),
        }
    }

    pub(crate) fn secured(&mut self) {
        self.secure = true;
    }

    /// Octets that leave. `answered` replies were looked at, the greeting among them; `alone`:
    /// they go out as they are written, and commands must not be grouped.
    pub(crate) fn sent(&mut self, octets: &[u8], answered: u64, alone: bool) {
        self.total += u64::try_from(octets.len()).expect("a length");
        assert!(self.secure || self.policy != TlsPolicy::Implicit || octets.is_empty());
        for byte in octets {
            if let Phase::Chunk(left) = self.phase {
                if left > 1 {
                    self.phase = Phase::Chunk(left - 1);
                } else {
                    self.chunk_is_over();
                }
                continue;
            }
            self.partial.push(*byte);
            if !self.partial.ends_with(b"\r\n") {
                continue;
            }
            let line = std::mem::take(&mut self.partial);
            match self.phase {
                Phase::Data if line == b".\r\n" => {
                    self.phase = Phase::Lines;
                    self.end_is_sent = true;
                    self.commands += 1;
                }
                Phase::Data => {}
                _ => self.line(&line, answered, alone),
            }
        }
    }

    fn chunk_is_over(&mut self) {
        self.phase = Phase::Lines;
        self.end_is_sent = self.last_chunk;
    }

    fn line(&mut self, line: &[u8], answered: u64, alone: bool) {
        let text = line.strip_suffix(b"\r\n").unwrap_or(line);
        self.end_is_sent = false;
        // The first reply is the greeting, and answers nothing.
        let unanswered = (self.commands + 1).saturating_sub(answered);
        if alone && !self.lmtp {
            assert_eq!(unanswered, 0, "grouped: {} {self:?}", text.escape_ascii());
        }
        self.commands += 1;
        let response =
            str::from_utf8(text).is_ok_and(|it| it == "*" || Base64::parse(it).is_some());
        if std::mem::take(&mut self.data_is_last) && text == b"." {
            // Nobody was left to profit from the 354 (RFC 2920 section 3.1).
            return;
        }
        let command = match Command::parse(text) {
            _ if self.in_exchange && response => return,
            Ok(command) => command,
            Err(error) => panic!("{error}: {}", text.escape_ascii()),
        };
        self.in_exchange = false;
        let verb = command.verb();
        let before_tls = self.policy.is_binding() && !self.secure;
        match command {
            Command::Unknown { .. } => panic!("sent {}", text.escape_ascii()),
            Command::Auth { mechanism, .. } => {
                assert!(text.len() <= 510, "{} octets of AUTH", text.len());
                assert!(self.secure || self.plaintext || !mechanism.is_plaintext(), "{mechanism}");
                assert!(self.secure || !mechanism.needs_tls(), "{mechanism}");
                assert!(!before_tls);
                self.in_exchange = true;
            }
            Command::StartTls => {
                assert!(!self.secure && self.policy != TlsPolicy::Never);
                self.starttls = true;
            }
            Command::Bdat { size, last } => {
                assert!(!before_tls);
                self.last_chunk = last;
                match size {
                    0 => self.chunk_is_over(),
                    size => self.phase = Phase::Chunk(size),
                }
            }
            Command::Ehlo(_) => assert!(!self.lmtp),
            Command::Lhlo(_) => assert!(self.lmtp),
            Command::Helo(_) => assert!(!self.lmtp && !before_tls),
            Command::Quit => {}
            Command::Data => {
                assert!(!before_tls);
                self.data_is_last = true;
            }
            Command::Mail { parameters, .. } => {
                assert!(!before_tls, "MAIL without TLS");
                self.asks(&parameters);
            }
            _ => assert!(!before_tls, "{verb:?} without TLS"),
        }
    }
}
