//! A server as the RFCs have it: who is asked, what is said, what comes next on the wire.
//!
//! Where an RFC leaves the code of a reply open, each that it allows is allowed here.

/// What a client may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symbol {
    Ehlo,
    Helo,
    Lhlo,
    Mail,
    /// Bad syntax.
    MailBad,
    /// With a SIZE of 999.
    MailLarge,
    /// Asks for PRDR.
    MailEach,
    Rcpt,
    /// Bad syntax.
    RcptBad,
    /// With a body, if it is asked for.
    Data,
    /// The same with bare newlines in it.
    DataBare,
    Bdat,
    BdatLast,
    /// The last chunk, without content.
    BdatEnd,
    /// As DATA; of its content just enough comes before each wait is over.
    DataSteady,
    /// The same, and an octet too little.
    DataSlow,
    /// As the last chunk, like these.
    BdatSteady,
    BdatSlow,
    Rset,
    StartTls,
    Auth,
    /// With a mechanism that is not there.
    AuthOther,
    Etrn,
    Xclient,
    /// The same, and it says who has authenticated over there.
    XclientLogin,
    Noop,
    Quit,
    /// No command; in an AUTH exchange the word that cancels it.
    Garbage,
    /// A line with a bare LF in it.
    Broken,
    /// A line that drips, octet by octet.
    Dripping,
    /// Nothing comes for as long as the server waits.
    Silent,
    /// The client closes its side.
    Gone,
    /// No symbol of the client's: the server is told to go down.
    Down,
}

use Symbol::{
    Auth, AuthOther, Bdat, BdatEnd, BdatLast, BdatSlow, BdatSteady, Broken, Data, DataBare,
    DataSlow, DataSteady, Down, Dripping, Ehlo, Etrn, Garbage, Gone, Helo, Lhlo, Mail, MailBad,
    MailEach, MailLarge, Noop, Quit, Rcpt, RcptBad, Rset, Silent, StartTls, Xclient, XclientLogin,
};

/// Octets of each chunk but the empty one, and of each message.
pub const CONTENT: u64 = 6;

/// The same of those that take their time.
pub const SLOW_CONTENT: u64 = 600;

/// RFC 5321 section 4.5.3.2.7: how many seconds a server waits.
pub const PATIENCE: u64 = 300;

impl Symbol {
    pub const ALL: [Symbol; 33] = [
        Ehlo,
        Helo,
        Lhlo,
        Mail,
        MailBad,
        MailLarge,
        MailEach,
        Rcpt,
        RcptBad,
        Data,
        DataBare,
        Bdat,
        BdatLast,
        BdatEnd,
        DataSteady,
        DataSlow,
        BdatSteady,
        BdatSlow,
        Rset,
        StartTls,
        Auth,
        AuthOther,
        Etrn,
        Xclient,
        XclientLogin,
        Noop,
        Quit,
        Garbage,
        Broken,
        Dripping,
        Silent,
        Gone,
        Down,
    ];

    pub fn line(self) -> &'static str {
        match self {
            Ehlo => "EHLO a.example",
            Helo => "HELO a.example",
            Lhlo => "LHLO a.example",
            Mail => "MAIL FROM:<a@a.example>",
            MailBad => "MAIL FROM:a@a.example",
            MailLarge => "MAIL FROM:<a@a.example> SIZE=999",
            MailEach => "MAIL FROM:<a@a.example> PRDR",
            Rcpt => "RCPT TO:<b@x.example>",
            RcptBad => "RCPT TO:<>",
            Data | DataBare | DataSteady | DataSlow => "DATA",
            Bdat => "BDAT 6",
            BdatLast => "BDAT 6 LAST",
            BdatEnd => "BDAT 0 LAST",
            BdatSteady | BdatSlow => "BDAT 600 LAST",
            Rset => "RSET",
            StartTls => "STARTTLS",
            Auth => "AUTH PLAIN AGEAYg==",
            AuthOther => "AUTH NOPE",
            Etrn => "ETRN a.example",
            Xclient => "XCLIENT NAME=a.example",
            XclientLogin => "XCLIENT LOGIN=alice",
            Noop => "NOOP",
            Quit => "QUIT",
            Garbage => "*",
            Broken => "NOOP\nQUIT",
            // Not all of it comes.
            Dripping | Silent | Gone | Down => "NOOP",
        }
    }

    /// Octets that follow a BDAT, and whether they are the last.
    pub fn chunk(self) -> Option<(u64, bool)> {
        match self {
            Bdat => Some((CONTENT, false)),
            BdatLast => Some((CONTENT, true)),
            BdatEnd => Some((0, true)),
            BdatSteady | BdatSlow => Some((SLOW_CONTENT, true)),
            _ => None,
        }
    }

    /// Octets of content behind it that come within two thirds of a wait; so do the others, then.
    pub fn first_part(self) -> Option<u64> {
        match self {
            DataSteady | BdatSteady => Some(SLOW_CONTENT / 2),
            DataSlow | BdatSlow => Some(SLOW_CONTENT / 2 - 1),
            _ => None,
        }
    }

    /// RFC 4648 section 4: fours of the alphabet, padded.
    fn is_base64(self) -> bool {
        let text = self.line();
        text.len().is_multiple_of(4) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
    }
}

/// What the application is asked, or told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    Greet,
    Hello,
    Mail,
    Rcpt,
    Data,
    Message,
    StartTls,
    Auth,
    Response,
    Etrn,
    Xclient,
    /// Told only.
    Aborted,
}

/// What it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Yes,
    Later,
    Never,
    /// 421.
    Close,
    /// In an AUTH exchange only.
    Challenge,
}

/// What comes next on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    Line,
    Data,
    Chunk(u64),
    Skip(u64),
    Tls,
    End,
}

/// What the server offers, and asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Rules {
    pub lmtp: bool,
    pub chunking: bool,
    pub tls: bool,
    pub auth: bool,
    pub plaintext_auth: bool,
    pub require_tls: bool,
    pub require_auth: bool,
    pub etrn: bool,
    /// The client may say for whom it speaks.
    pub trusted: bool,
    /// The most octets of a message.
    pub size: Option<u64>,
    /// The most recipients of a message.
    pub recipients: Option<u32>,
    /// PRDR is offered.
    pub each: bool,
    /// Octets of content in a second, on average, that a client must bring; 0 for any.
    pub rate: u64,
    /// TLS comes before the greeting.
    pub implicit: bool,
    /// The greeting is held back for a while, to see who waits for it.
    pub pause: bool,
}

/// So many replies, each with one of these codes, and then so many with one of those.
pub type Said = [(u32, &'static [u16]); 2];

pub const NOTHING: Said = times(0, &[]);

const fn times(times: u32, codes: &'static [u16]) -> Said {
    [(times, codes), (0, &[])]
}

const fn once(codes: &'static [u16]) -> Said {
    times(1, codes)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hello {
    No,
    Helo,
    /// EHLO, or LHLO.
    Extended,
}

#[derive(Clone, Copy, Debug, Default)]
struct Envelope {
    recipients: u32,
    /// RFC 3030: chunks have begun, so DATA and RCPT are out of place.
    chunks: bool,
    size: u64,
    /// The client asked for PRDR.
    each: bool,
    /// Where each recipient is told, those that the message was judged for.
    judged: u32,
    /// Those of them for whom it was taken, and for whom it may be taken later.
    taken: u32,
    deferred: u32,
}

#[derive(Clone, Copy, Debug)]
pub struct Model {
    rules: Rules,
    pub ask: Option<Ask>,
    pub wire: Wire,
    pub secure: bool,
    pub authenticated: bool,
    hello: Hello,
    /// The greeting is held back.
    held: bool,
    envelope: Option<Envelope>,
    turned_away: bool,
    exchange: bool,
    asked_by: Symbol,
    heard: Symbol,
    /// Octets of content that came in the present wait.
    brought: u64,
}

impl Model {
    pub fn new(rules: Rules) -> Self {
        Model {
            rules,
            ask: (!rules.implicit && !rules.pause).then_some(Ask::Greet),
            // RFC 8314 section 3.3.
            wire: if rules.implicit { Wire::Tls } else { Wire::Line },
            secure: false,
            authenticated: false,
            hello: Hello::No,
            held: rules.pause && !rules.implicit,
            envelope: None,
            turned_away: false,
            exchange: false,
            asked_by: Noop,
            heard: Noop,
            brought: 0,
        }
    }

    /// Whether extensions were offered to this client.
    pub fn is_extended(&self) -> bool {
        self.hello == Hello::Extended
    }

    /// RFC 3207 section 4.2: not again.
    pub fn offers_tls(&self) -> bool {
        self.rules.tls && !self.secure && !self.rules.implicit
    }

    /// RFC 4954 section 4: no password in the clear.
    pub fn offers_auth(&self) -> bool {
        self.rules.auth && (self.secure || self.rules.plaintext_auth)
    }

    pub fn rules(&self) -> Rules {
        self.rules
    }

    fn ask(&mut self, ask: Ask, symbol: Symbol) -> Said {
        (self.ask, self.asked_by) = (Some(ask), symbol);
        NOTHING
    }

    /// The session is over.
    fn over(&mut self, said: Said) -> Said {
        (self.ask, self.wire) = (None, Wire::End);
        said
    }

    /// Whether the content that is due comes too slowly. A wait ends with something whole, or with so
    /// much content as makes up for the time that it might have lasted; an announcement is no content.
    pub fn is_late(&mut self) -> bool {
        let least = PATIENCE * self.rules.rate;
        let all = match self.wire {
            Wire::Chunk(size) | Wire::Skip(size) => size,
            _ => self.data_size(),
        };
        let rest = match self.heard.first_part() {
            // What is left comes when a wait that is not over by now is over.
            Some(first) if self.brought + first < least => return true,
            Some(first) => {
                self.brought = 0;
                all - first
            }
            None => all,
        };
        self.brought += rest;
        if self.brought >= least {
            self.brought = 0;
        }
        false
    }

    /// RFC 5321 sections 3.8 and 4.5.3.2: a client that is too slow is told so.
    pub fn late(&mut self) -> Said {
        self.over(once(&[421]))
    }

    /// What the client has said last.
    pub fn heard(&self) -> Symbol {
        self.heard
    }

    pub fn hear(&mut self, symbol: Symbol) -> Said {
        self.heard = symbol;
        match symbol {
            Silent if self.held => {
                self.held = false;
                return self.ask(Ask::Greet, symbol);
            }
            Dripping | Silent if !self.held => return self.late(),
            Gone => return self.over(NOTHING),
            // RFC 5321 section 3.8.
            Down => return self.over(once(&[421])),
            // RFC 5321 section 4.3.1: a client waits for its greeting.
            _ if self.held => return self.over(once(&[554])),
            _ => {}
        }
        let goes_on = matches!(self.envelope, Some(Envelope { chunks: true, .. }));
        if self.exchange || !goes_on || symbol.chunk().is_none() {
            self.brought = 0;
        }
        if self.exchange {
            return self.hear_response(symbol);
        }
        if let Some((size @ 1.., _)) = symbol.chunk() {
            // RFC 3030 section 2: whatever is answered, a chunk is no command.
            self.wire = Wire::Skip(size);
        }
        let Rules { require_tls, require_auth, .. } = self.rules;
        let lmtp = self.rules.lmtp;
        let too_early = self.hello == Hello::No;
        match symbol {
            Quit => {
                self.wire = Wire::End;
                once(&[221])
            }
            // RFC 5321 section 3.1.
            _ if self.turned_away => once(&[500, 501, 503]),
            Garbage | Broken => once(&[500]),
            MailBad | RcptBad => once(&[501]),
            Noop => once(&[250]),
            Rset => {
                self.envelope = None;
                once(&[250])
            }
            // RFC 2033 section 4.1.
            Ehlo | Helo if lmtp => once(&[500]),
            Lhlo if !lmtp => once(&[500]),
            Ehlo | Helo | Lhlo => self.ask(Ask::Hello, symbol),
            // RFC 5321 section 4.1.4.
            Mail | MailLarge | MailEach if too_early || self.envelope.is_some() => once(&[503]),
            // RFC 3207 section 4, RFC 4954 section 6.
            Mail | MailLarge | MailEach if require_tls && !self.secure => once(&[530]),
            Mail | MailLarge | MailEach if require_auth && !self.authenticated => once(&[530]),
            // RFC 5321 section 4.1.1.11.
            MailLarge | MailEach if self.hello == Hello::Helo => once(&[555]),
            // It is not offered in LMTP, which has no need of it.
            MailEach if lmtp || !self.rules.each => once(&[555]),
            // RFC 1870 section 6.1.
            MailLarge if self.rules.size.is_some() => once(&[552]),
            Mail | MailLarge | MailEach => self.ask(Ask::Mail, symbol),
            Rcpt => match self.envelope {
                // RFC 5321 section 4.5.3.1.10.
                Some(Envelope { chunks: false, recipients, .. })
                    if self.rules.recipients.is_some_and(|most| recipients >= most) =>
                {
                    once(&[452])
                }
                Some(Envelope { chunks: false, .. }) => self.ask(Ask::Rcpt, symbol),
                _ => once(&[503]),
            },
            Data | DataBare | DataSteady | DataSlow => match self.envelope {
                Some(Envelope { recipients: 0, .. }) => once(&[503, 554]),
                Some(Envelope { chunks: false, .. }) => self.ask(Ask::Data, symbol),
                _ => once(&[503]),
            },
            Bdat | BdatLast | BdatEnd | BdatSteady | BdatSlow => self.hear_chunk(symbol),
            // The exchange is over, or was never begun; see above.
            Dripping | Silent | Gone | Down => NOTHING,
            // RFC 3207 section 4.2: it is known, and has been of use, or never can be.
            StartTls if self.secure => once(&[503]),
            StartTls if !self.rules.tls => once(&[500, 502]),
            StartTls if !self.is_extended() || self.envelope.is_some() => once(&[503]),
            StartTls => self.ask(Ask::StartTls, symbol),
            Auth | AuthOther if !self.rules.auth => once(&[500, 502]),
            // Both are true where both apply.
            Auth | AuthOther if require_tls && !self.secure => once(match self.envelope {
                None if self.is_extended() => &[530],
                _ => &[503, 530],
            }),
            Auth | AuthOther if !self.is_extended() || self.envelope.is_some() => once(&[503]),
            Auth | AuthOther if self.authenticated => once(&[503]),
            Etrn if !self.rules.etrn => once(match require_tls || require_auth {
                true => &[500, 502, 530],
                false => &[500, 502],
            }),
            // RFC 1985 section 5.3: not in the middle of a transaction.
            Etrn if too_early || self.envelope.is_some() => once(&[503]),
            Etrn if require_tls && !self.secure => once(&[530]),
            Etrn if require_auth && !self.authenticated => once(&[530]),
            Etrn if !self.is_extended() => once(&[503]),
            Etrn => self.ask(Ask::Etrn, symbol),
            // The documents of Postfix: at any point but in a transaction.
            Xclient | XclientLogin if !self.rules.trusted => once(&[500, 502]),
            Xclient | XclientLogin if self.envelope.is_some() => once(&[503]),
            Xclient | XclientLogin => self.ask(Ask::Xclient, symbol),
            AuthOther => once(&[504]),
            Auth if !self.offers_auth() => once(&[538]),
            Auth => self.ask(Ask::Auth, symbol),
        }
    }

    /// RFC 3030 section 2.
    fn hear_chunk(&mut self, symbol: Symbol) -> Said {
        let (size, last) = symbol.chunk().unwrap_or_default();
        if !self.rules.chunking {
            return once(&[500, 502]);
        }
        let Some(envelope) = self.envelope else { return once(&[503]) };
        if envelope.recipients == 0 {
            return once(&[503, 554]);
        }
        if self.rules.size.is_some_and(|most| envelope.size + size > most) {
            self.envelope = None;
            self.ask = envelope.chunks.then_some(Ask::Aborted);
            self.brought = 0;
            return times(self.replies(envelope, last), &[552]);
        }
        if !envelope.chunks {
            return self.ask(Ask::Data, symbol);
        }
        self.asked_by = symbol;
        self.wire = Wire::Chunk(size);
        NOTHING
    }

    /// RFC 2033 section 4.2: the end of the content is answered for each recipient.
    fn replies(&self, envelope: Envelope, last: bool) -> u32 {
        if self.rules.lmtp && last { envelope.recipients } else { 1 }
    }

    /// RFC 4954 section 4: in an exchange each line is a response.
    fn hear_response(&mut self, symbol: Symbol) -> Said {
        if symbol.is_base64() {
            return self.ask(Ask::Response, symbol);
        }
        self.exchange = false;
        once(if symbol == Broken { &[500, 501] } else { &[501] })
    }

    /// Whether the message is judged for each recipient in turn. In the draft of PRDR that makes no
    /// difference to a single one.
    fn is_judged_for_each(&self, envelope: Envelope) -> bool {
        self.rules.lmtp || (envelope.each && envelope.recipients > 1)
    }

    /// Octets of what follows the 354, its end aside.
    fn data_size(&self) -> u64 {
        if self.heard.first_part().is_some() { SLOW_CONTENT } else { CONTENT }
    }

    /// RFC 1870 section 6.3: what passes the limit is not kept.
    pub fn is_too_large(&self) -> bool {
        self.wire == Wire::Data && self.rules.size.is_some_and(|most| self.data_size() > most)
    }

    /// Everything of the content is there.
    pub fn end_of_content(&mut self) -> Said {
        let envelope = self.envelope.unwrap_or_default();
        if self.is_too_large() {
            (self.wire, self.envelope) = (Wire::Line, None);
            return times(self.replies(envelope, true), &[552]);
        }
        self.wire = Wire::Line;
        match self.asked_by.chunk() {
            Some((size, false)) => {
                let size = envelope.size + size;
                self.envelope = Some(Envelope { chunks: true, size, ..envelope });
                once(&[250])
            }
            _ if self.asked_by == DataBare => {
                self.envelope = None;
                times(self.replies(envelope, true), &[550, 554])
            }
            _ => {
                self.ask(Ask::Message, self.asked_by);
                let is_block = self.is_judged_for_each(envelope) && !self.rules.lmtp;
                if is_block { once(&[353]) } else { NOTHING }
            }
        }
    }

    /// The application has answered.
    pub fn answer(&mut self, verdict: Verdict) -> Said {
        let Some(ask) = self.ask.take() else { return NOTHING };
        let chunk = self.asked_by.chunk();
        self.brought = 0;
        if let (Ask::Message, Some(envelope @ Envelope { each: true, recipients: 2.., .. })) =
            (ask, self.envelope)
        {
            return self.answer_for_one(envelope, verdict);
        }
        let no: &'static [u16] = match verdict {
            Verdict::Close => {
                self.wire = Wire::End;
                return once(&[421]);
            }
            Verdict::Challenge => {
                self.exchange = true;
                return once(&[334]);
            }
            Verdict::Later => &[450],
            Verdict::Never => &[550],
            Verdict::Yes => &[],
        };
        let yes = no.is_empty();
        match ask {
            Ask::Greet => {
                self.turned_away = !yes;
                once(if yes { &[220] } else { no })
            }
            Ask::Hello if yes => {
                self.hello = if self.asked_by == Helo { Hello::Helo } else { Hello::Extended };
                self.envelope = None;
                once(&[250])
            }
            Ask::Mail if yes => {
                let each = self.asked_by == MailEach;
                self.envelope = Some(Envelope { each, ..Envelope::default() });
                once(&[250])
            }
            Ask::Rcpt if yes => {
                if let Some(envelope) = &mut self.envelope {
                    envelope.recipients += 1;
                }
                once(&[250])
            }
            Ask::Hello | Ask::Mail | Ask::Rcpt => once(no),
            Ask::Data => match (yes, chunk) {
                (true, Some((size, _))) => {
                    self.wire = Wire::Chunk(size);
                    NOTHING
                }
                (true, None) => {
                    self.wire = Wire::Data;
                    once(&[354])
                }
                (false, _) => {
                    let envelope = self.envelope.take().unwrap_or_default();
                    let last = chunk.is_some_and(|(_, last)| last);
                    times(self.replies(envelope, last), no)
                }
            },
            Ask::Message => {
                let mut envelope = self.envelope.unwrap_or_default();
                envelope.judged += 1;
                self.envelope = Some(envelope);
                if self.rules.lmtp && envelope.judged < envelope.recipients {
                    self.ask = Some(Ask::Message);
                } else {
                    self.envelope = None;
                }
                once(if yes { &[250] } else { no })
            }
            Ask::StartTls if yes => {
                self.wire = Wire::Tls;
                once(&[220])
            }
            Ask::StartTls => once(no),
            Ask::Auth | Ask::Response => {
                self.exchange = false;
                self.authenticated = yes;
                once(if yes { &[235] } else { no })
            }
            Ask::Etrn => once(if yes { &[250] } else { no }),
            // The session is another client's, and begins with its greeting.
            Ask::Xclient if yes => {
                let secure = self.secure;
                let authenticated = self.asked_by == XclientLogin;
                *self = Model { secure, authenticated, ..Model::new(self.rules) };
                NOTHING
            }
            Ask::Xclient => once(no),
            Ask::Aborted => NOTHING,
        }
    }

    /// PRDR: behind the 353 a reply for each recipient, and one for the message. That refuses only what
    /// nobody took, and for good only what everybody refused for good.
    fn answer_for_one(&mut self, mut envelope: Envelope, verdict: Verdict) -> Said {
        let left = envelope.recipients - envelope.judged;
        let (replies, codes): (u32, &'static [u16]) = match verdict {
            Verdict::Yes => (1, &[250]),
            Verdict::Never => (1, &[550]),
            // Who goes away goes away for all of them.
            Verdict::Close => (left, &[421]),
            _ => (1, &[450]),
        };
        envelope.judged += replies;
        match verdict {
            Verdict::Yes => envelope.taken += 1,
            Verdict::Never => {}
            _ => envelope.deferred += replies,
        }
        if envelope.judged < envelope.recipients {
            (self.envelope, self.ask) = (Some(envelope), Some(Ask::Message));
            return times(replies, codes);
        }
        self.envelope = None;
        if verdict == Verdict::Close {
            self.wire = Wire::End;
        }
        let all: &[u16] = match envelope {
            Envelope { taken: 1.., .. } => &[250],
            Envelope { deferred: 1.., .. } => &[450, 451, 452],
            _ => &[550, 554],
        };
        [(replies, codes), (1, all)]
    }

    /// RFC 3207 section 4.2: what was said before is forgotten.
    pub fn secured(&mut self) {
        let Rules { implicit, pause, .. } = self.rules;
        // Only with implicit TLS is the greeting still to come.
        let first = implicit && !self.secure;
        let ask = (first && !pause).then_some(Ask::Greet);
        let held = first && pause;
        let new = Model::new(self.rules);
        *self = Model { ask, held, wire: Wire::Line, secure: true, ..new };
    }

    /// No way back to the clear; nor if the handshake takes too long.
    pub fn tls_failed(&mut self) {
        self.wire = Wire::End;
    }
}
