//! A server as the RFCs have it: who is asked, what is said, what comes next on the wire.
//!
//! Where an RFC leaves the code of a reply open, each that it allows is allowed here.

/// What a client may say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symbol {
    Ehlo,
    Helo,
    Lhlo,
    /// A command only where syntax is lenient.
    EhloLoose,
    Mail,
    /// Bad syntax, unless it is lenient.
    MailBad,
    /// With a SIZE of 999.
    MailLarge,
    /// Asks for PRDR.
    MailEach,
    /// May not go by DATA.
    MailBinary,
    /// To be held for as long as the server does, and for a second longer; the same until a date.
    MailHeld,
    MailHeldLong,
    MailUntil,
    MailUntilLate,
    /// To be returned unless it is delivered as soon as the server promises, and a second sooner.
    MailBy,
    MailBySoon,
    /// As soon as that, or its sender is to be told.
    MailByNotify,
    MailUrgent,
    /// On a line with a bare LF in it.
    MailBroken,
    /// A command only where syntax is lenient, and then bad syntax.
    MailLoose,
    Rcpt,
    /// Bad syntax.
    RcptBad,
    /// Bad syntax, unless it is lenient.
    RcptLoose,
    /// With a body, if it is asked for.
    Data,
    /// The same with bare newlines in it.
    DataBare,
    /// The same, and the content does not wait for the reply.
    DataEarly,
    /// A command only where syntax is lenient.
    DataLoose,
    Bdat,
    BdatLast,
    /// The last chunk, without content.
    BdatEnd,
    /// Neither.
    BdatNone,
    /// The last, if syntax is lenient; if not, its length cannot be told.
    BdatLoose,
    /// A line with a bare LF in it, and no length that could be told.
    BdatBroken,
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
    Xforward,
    Vrfy,
    /// Outside ASCII, and does not say so.
    VrfyUtf8,
    /// Bad syntax, unless it is lenient.
    VrfyLoose,
    Expn,
    Help,
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
    Auth, AuthOther, Bdat, BdatBroken, BdatEnd, BdatLast, BdatLoose, BdatNone, BdatSlow,
    BdatSteady, Broken, Data, DataBare, DataEarly, DataLoose, DataSlow, DataSteady, Down, Dripping,
    Ehlo, EhloLoose, Etrn, Expn, Garbage, Gone, Helo, Help, Lhlo, Mail, MailBad, MailBinary,
    MailBroken, MailBy, MailByNotify, MailBySoon, MailEach, MailHeld, MailHeldLong, MailLarge,
    MailLoose, MailUntil, MailUntilLate, MailUrgent, Noop, Quit, Rcpt, RcptBad, RcptLoose, Rset,
    Silent, StartTls, Vrfy, VrfyLoose, VrfyUtf8, Xclient, XclientLogin, Xforward,
};

/// Octets of each chunk but the empty one, and of each message.
pub const CONTENT: u64 = 6;

/// The same of those that take their time.
pub const SLOW_CONTENT: u64 = 600;

/// Seconds for which a message may be held, and until when.
pub const HELD: u32 = 100;
pub const UNTIL: &str = "2030-01-01T00:00:00Z";

/// In how many seconds a message is delivered at best.
pub const SOONEST: u32 = 60;

/// RFC 5321 section 4.5.3.2.7: how many seconds a server waits.
pub const PATIENCE: u64 = 300;

impl Symbol {
    #[rustfmt::skip]
    pub const ALL: [Symbol; 57] = [
        Ehlo, Helo, Lhlo, EhloLoose, Mail, MailBad, MailLarge, MailEach,
        MailBinary, MailHeld, MailHeldLong, MailUntil, MailUntilLate, MailBy, MailBySoon, MailByNotify,
        MailUrgent, MailBroken, MailLoose, Rcpt, RcptBad, RcptLoose, Data, DataBare,
        DataEarly, DataLoose, Bdat, BdatLast, BdatEnd, BdatNone, BdatLoose, BdatBroken,
        DataSteady, DataSlow, BdatSteady, BdatSlow, Rset, StartTls, Auth, AuthOther,
        Etrn, Xclient, XclientLogin, Xforward, Vrfy, VrfyUtf8, VrfyLoose, Expn,
        Help, Noop, Quit, Garbage, Broken, Dripping, Silent, Gone,
        Down,
    ];

    pub fn line(self) -> &'static str {
        match self {
            Ehlo => "EHLO a.example",
            Helo => "HELO a.example",
            Lhlo => "LHLO a.example",
            EhloLoose => "\tEHLO a.example",
            Mail => "MAIL FROM:<a@a.example>",
            MailBad => "MAIL FROM:a@a.example",
            MailLarge => "MAIL FROM:<a@a.example> SIZE=999",
            MailEach => "MAIL FROM:<a@a.example> PRDR",
            MailBinary => "MAIL FROM:<a@a.example> BODY=BINARYMIME",
            MailHeld => "MAIL FROM:<a@a.example> HOLDFOR=100",
            MailHeldLong => "MAIL FROM:<a@a.example> HOLDFOR=101",
            MailUntil => "MAIL FROM:<a@a.example> HOLDUNTIL=2029-12-31T19:00:00-05:00",
            MailUntilLate => "MAIL FROM:<a@a.example> HOLDUNTIL=2029-12-31T19:00:01-05:00",
            MailBy => "MAIL FROM:<a@a.example> BY=60;R",
            MailBySoon => "MAIL FROM:<a@a.example> BY=59;R",
            MailByNotify => "MAIL FROM:<a@a.example> BY=1;N",
            MailUrgent => "MAIL FROM:<a@a.example> MT-PRIORITY=9",
            MailLoose => " MAIL FROM:<a",
            MailBroken => "MAIL FROM:<a@a.example>\nQUIT",
            Rcpt => "RCPT TO:<b@x.example>",
            RcptBad => "RCPT TO:<>",
            RcptLoose => "RCPT TO: b@x.example",
            Data | DataBare | DataEarly | DataSteady | DataSlow => "DATA",
            DataLoose => " DATA",
            Bdat => "BDAT 6",
            BdatLast => "BDAT 6 LAST",
            BdatEnd => "BDAT 0 LAST",
            BdatNone => "BDAT 0",
            BdatLoose => "BDAT  6 LAST",
            BdatBroken => " BDAT 6\nQUIT",
            BdatSteady | BdatSlow => "BDAT 600 LAST",
            Rset => "RSET",
            StartTls => "STARTTLS",
            Auth => "AUTH PLAIN AGEAYg==",
            AuthOther => "AUTH NOPE",
            Etrn => "ETRN a.example",
            Xclient => "XCLIENT NAME=a.example",
            XclientLogin => "XCLIENT LOGIN=alice",
            Xforward => "XFORWARD NAME=a.example",
            Vrfy => "VRFY alice",
            VrfyUtf8 => "VRFY J\u{fc}rgen",
            VrfyLoose => "VRFY alice and bob",
            Expn => "EXPN friends",
            Help => "HELP",
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
            BdatNone => Some((0, false)),
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

    /// A line that is none.
    pub fn is_broken(self) -> bool {
        matches!(self, Broken | MailBroken | BdatBroken)
    }

    /// What grouped commands have behind their MAIL.
    fn is_follower(self) -> bool {
        self.is_data() || self == Rcpt || self.chunk().is_some()
    }

    pub fn is_data(self) -> bool {
        matches!(self, Data | DataBare | DataEarly | DataSteady | DataSlow)
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
    Xforward,
    Verify,
    Expand,
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

/// What the server puts up with; one more is the end.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Commands in error, and what brings no mail nearer before that counts as an error; both until
    /// a message is taken.
    pub errors: u32,
    pub junk: u32,
    /// Recipients of one transaction that are over their number.
    pub over: u32,
    /// AUTH that failed, and challenges of one.
    pub failures: u32,
    pub challenges: u32,
    /// Small chunks of a message, its first and last aside.
    pub small: u32,
}

impl Bounds {
    const ALL: u32 = u32::MAX;
    /// Anything.
    pub const NONE: Bounds = Bounds {
        errors: Self::ALL,
        junk: Self::ALL,
        over: Self::ALL,
        failures: Self::ALL,
        challenges: Self::ALL,
        small: Self::ALL,
    };
}

/// What the server offers, and asks for.
#[derive(Clone, Copy, Debug)]
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
    /// The application knows about users and lists.
    pub users: bool,
    /// FUTURERELEASE, DELIVERBY and MT-PRIORITY are offered.
    pub promises: bool,
    /// Content that does not wait for the reply to DATA is the end.
    pub strict_data: bool,
    pub lenient: bool,
    /// RFC 9422: the most MAIL of a session, and the most RCPT of a transaction.
    pub mails: Option<u32>,
    pub rcpts: Option<u32>,
    pub bounds: Bounds,
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
    binary: bool,
    /// Recipients that were refused, and those that there was no room for.
    refused: u32,
    over: u32,
    /// Small chunks, the first aside.
    small: u32,
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
    /// What was spent of what the server puts up with.
    errors: u32,
    junk: u32,
    failures: u32,
    challenges: u32,
    /// MAIL, as far as they were in order.
    mails: u32,
    /// MAIL or a chunk was refused, and so much has followed of what a client that groups its
    /// commands (RFC 2920 section 3.1) had sent by then.
    excused: Option<u32>,
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
            errors: 0,
            junk: 0,
            failures: 0,
            challenges: 0,
            mails: 0,
            excused: None,
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

    /// The client has used up what it had.
    fn spent(&mut self) -> Said {
        self.over(once(&[421]))
    }

    /// A command in error is answered so.
    fn fault(&mut self, codes: &'static [u16]) -> Said {
        self.errors += 1;
        if self.errors > self.rules.bounds.errors { self.spent() } else { once(codes) }
    }

    /// One that brings no mail nearer.
    fn junk(&mut self, codes: &'static [u16]) -> Said {
        self.junk += 1;
        if self.junk > self.rules.bounds.junk { self.fault(codes) } else { once(codes) }
    }

    /// The application is asked about such a one.
    fn ask_junk(&mut self, ask: Ask, symbol: Symbol) -> Said {
        let said = self.junk(&[]);
        if self.wire == Wire::End { said } else { self.ask(ask, symbol) }
    }

    /// AUTH has failed.
    fn fail(&mut self, codes: &'static [u16]) -> Said {
        self.exchange = false;
        self.failures += 1;
        if self.failures > self.rules.bounds.failures { self.spent() } else { once(codes) }
    }

    /// A command at the wrong time. Who groups commands is not to blame for those behind one that was
    /// refused, but nobody groups without an end.
    fn misplaced(&mut self, symbol: Symbol, codes: &'static [u16]) -> Said {
        let (Some(count), true) = (self.excused, symbol.is_follower()) else {
            return self.fault(codes);
        };
        self.excused = Some(count + 1);
        let most = self.rules.recipients.unwrap_or(u32::MAX);
        if symbol.is_data() || matches!(symbol.chunk(), Some((_, true))) {
            self.excused = None;
            self.junk(&[503])
        } else if count + 1 > most.saturating_add(self.rules.bounds.over) {
            self.spent()
        } else {
            once(&[503])
        }
    }

    /// Nothing came of a message, which is told so often as its end is.
    fn refuse(&mut self, envelope: Envelope, last: bool, codes: &'static [u16]) -> Said {
        let others = self.replies(envelope, last) - 1;
        let [end, _] = self.junk(codes);
        if others == 0 { [end, (0, &[])] } else { [(others, codes), end] }
    }

    /// What the server takes a line for.
    fn read(&self, symbol: Symbol) -> Symbol {
        match (symbol, self.rules.lenient) {
            (MailBad, true) => Mail,
            (RcptLoose, true) => Rcpt,
            (RcptLoose, false) => RcptBad,
            (EhloLoose, true) => Ehlo,
            (DataLoose, true) => Data,
            (MailLoose, true) => MailBad,
            // It was meant for one, whoever it was refused by.
            (MailLoose, false) => MailBroken,
            (EhloLoose | DataLoose, false) => Broken,
            (BdatLoose, true) => BdatLast,
            (VrfyLoose, true) => Vrfy,
            _ => symbol,
        }
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
        let symbol = self.read(symbol);
        let is_understood = !symbol.is_broken() && symbol != RcptBad && symbol != VrfyLoose;
        if is_understood && !symbol.is_follower() {
            self.excused = None;
        }
        if let MailBad | MailBroken = symbol {
            self.excused = Some(0);
        }
        if let Some((size @ 1.., _)) = symbol.chunk() {
            // RFC 3030 section 2: whatever is answered, a chunk is no command.
            self.wire = Wire::Skip(size);
        }
        let Rules { require_tls, require_auth, .. } = self.rules;
        let lmtp = self.rules.lmtp;
        let too_early = self.hello == Hello::No;
        match symbol {
            Quit => self.over(once(&[221])),
            // What stands behind it might be content, or commands.
            BdatLoose | BdatBroken => {
                let said = self.fault(&[500, 501]);
                self.over(said)
            }
            // RFC 5321 section 3.1.
            _ if self.turned_away => self.misplaced(symbol, &[500, 501, 503]),
            Garbage | Broken | MailBroken => self.fault(&[500]),
            MailBad | RcptBad | VrfyLoose => self.fault(&[501]),
            Noop => self.junk(&[250]),
            Help => self.junk(&[211, 214]),
            Rset => {
                self.envelope = None;
                self.junk(&[250])
            }
            // RFC 2033 section 4.1.
            Ehlo | Helo if lmtp => self.fault(&[500]),
            Lhlo if !lmtp => self.fault(&[500]),
            Ehlo | Helo | Lhlo => self.ask_junk(Ask::Hello, symbol),
            Mail | MailLarge | MailEach | MailBinary | MailHeld | MailHeldLong | MailUntil
            | MailUntilLate | MailBy | MailBySoon | MailByNotify | MailUrgent => {
                self.hear_mail(symbol)
            }
            Rcpt => match self.envelope {
                Some(envelope @ Envelope { chunks: false, .. }) => self.hear_rcpt(envelope),
                _ => self.misplaced(symbol, &[503]),
            },
            Data | DataBare | DataEarly | DataSteady | DataSlow => match self.envelope {
                Some(Envelope { recipients: 0, .. }) => self.junk(&[503, 554]),
                // RFC 3030 section 3.
                Some(Envelope { binary: true, chunks: false, .. }) => self.fault(&[503]),
                // RFC 2920 section 3.1.
                Some(Envelope { chunks: false, .. })
                    if symbol == DataEarly && self.rules.strict_data =>
                {
                    self.over(once(&[554]))
                }
                Some(Envelope { chunks: false, .. }) => self.ask(Ask::Data, symbol),
                _ => self.misplaced(symbol, &[503]),
            },
            Bdat | BdatLast | BdatEnd | BdatNone | BdatSteady | BdatSlow => self.hear_chunk(symbol),
            // The exchange is over, or was never begun; see above. The others were read.
            Dripping | Silent | Gone | Down | EhloLoose | MailLoose | RcptLoose | DataLoose => {
                NOTHING
            }
            // RFC 3207 section 4.2: it is known, and has been of use, or never can be.
            StartTls if self.secure => self.fault(&[503]),
            StartTls if !self.rules.tls => self.fault(&[500, 502]),
            StartTls if !self.is_extended() || self.envelope.is_some() => self.fault(&[503]),
            StartTls => self.ask(Ask::StartTls, symbol),
            Auth | AuthOther if !self.rules.auth => self.fault(&[500, 502]),
            // Both are true where both apply.
            Auth | AuthOther if require_tls && !self.secure => self.fault(match self.envelope {
                None if self.is_extended() => &[530],
                _ => &[503, 530],
            }),
            Auth | AuthOther if !self.is_extended() || self.envelope.is_some() => {
                self.fault(&[503])
            }
            Auth | AuthOther if self.authenticated => self.fault(&[503]),
            Etrn if !self.rules.etrn => self.fault(match require_tls || require_auth {
                true => &[500, 502, 530],
                false => &[500, 502],
            }),
            // RFC 1985 section 5.3: not in the middle of a transaction.
            Etrn if too_early || self.envelope.is_some() => self.fault(&[503]),
            // What asks about users waits for the same as mail.
            Etrn | Vrfy | VrfyUtf8 | Expn if require_tls && !self.secure => self.fault(&[530]),
            Etrn | Vrfy | VrfyUtf8 | Expn if require_auth && !self.authenticated => {
                self.fault(&[530])
            }
            Etrn if !self.is_extended() => self.fault(&[503]),
            Etrn => self.ask_junk(Ask::Etrn, symbol),
            // RFC 6531 section 3.7.4.
            VrfyUtf8 => self.fault(&[550, 553]),
            // RFC 5321 section 3.5: at any time, whatever the server will tell.
            Vrfy if self.rules.users => self.ask_junk(Ask::Verify, symbol),
            Vrfy => self.junk(&[252]),
            Expn if self.rules.users => self.ask_junk(Ask::Expand, symbol),
            Expn => self.fault(&[500, 502]),
            // The documents of Postfix: at any point but in a transaction.
            Xclient | XclientLogin | Xforward if !self.rules.trusted => self.fault(&[500, 502]),
            Xclient | XclientLogin | Xforward if self.envelope.is_some() => self.fault(&[503]),
            Xclient | XclientLogin => self.ask_junk(Ask::Xclient, symbol),
            Xforward => self.ask_junk(Ask::Xforward, symbol),
            AuthOther => self.fault(&[504]),
            Auth if !self.offers_auth() => self.fault(&[538]),
            Auth => {
                self.challenges = 0;
                self.ask(Ask::Auth, symbol)
            }
        }
    }

    fn hear_mail(&mut self, symbol: Symbol) -> Said {
        let Rules { require_tls, require_auth, lmtp, .. } = self.rules;
        // RFC 5321 section 4.1.4.
        if self.hello == Hello::No || self.envelope.is_some() {
            return self.fault(&[503]);
        }
        // RFC 9422 section 4.1: whatever becomes of it.
        self.mails += 1;
        if self.rules.mails.is_some_and(|most| self.mails > most) {
            return self.spent();
        }
        self.excused = Some(0);
        match symbol {
            // RFC 3207 section 4, RFC 4954 section 6.
            _ if require_tls && !self.secure => return self.fault(&[530]),
            _ if require_auth && !self.authenticated => return self.fault(&[530]),
            Mail => {}
            // RFC 5321 section 4.1.1.11.
            _ if self.hello == Hello::Helo => return self.fault(&[555]),
            // It is not offered in LMTP, which has no need of it.
            MailEach if lmtp || !self.rules.each => return self.fault(&[555]),
            MailBinary if !self.rules.chunking => return self.fault(&[555]),
            // RFC 1870 section 6.1.
            MailLarge if self.rules.size.is_some() => return self.junk(&[552]),
            MailEach | MailBinary | MailLarge => {}
            _ if !self.rules.promises => return self.fault(&[555]),
            // RFC 4865 section 4: further off than what was told. Times are points, not texts.
            MailHeldLong | MailUntilLate => return self.fault(&[501]),
            // RFC 2852 section 4.
            MailBySoon => return self.fault(&[555]),
            _ => {}
        }
        self.excused = None;
        self.ask(Ask::Mail, symbol)
    }

    fn hear_rcpt(&mut self, mut envelope: Envelope) -> Said {
        let named = envelope.recipients + envelope.refused;
        // RFC 5321 section 4.5.3.1.10, RFC 9422 section 4.2.
        let is_full = self.rules.recipients.is_some_and(|most| envelope.recipients >= most)
            || self.rules.rcpts.is_some_and(|most| named >= most);
        if !is_full {
            return self.ask(Ask::Rcpt, Rcpt);
        }
        envelope.over += 1;
        self.envelope = Some(envelope);
        if envelope.over > self.rules.bounds.over { self.spent() } else { once(&[452]) }
    }

    /// RFC 3030 section 2.
    fn hear_chunk(&mut self, symbol: Symbol) -> Said {
        let (size, last) = symbol.chunk().unwrap_or_default();
        if !self.rules.chunking {
            return self.fault(&[500, 502]);
        }
        let Some(mut envelope) = self.envelope else { return self.misplaced(symbol, &[503]) };
        if envelope.recipients == 0 {
            return self.junk(&[503, 554]);
        }
        if self.rules.size.is_some_and(|most| envelope.size + size > most) {
            self.envelope = None;
            self.ask = envelope.chunks.then_some(Ask::Aborted);
            self.excused = (!last).then_some(0);
            self.brought = 0;
            return self.refuse(envelope, last, &[552]);
        }
        if !envelope.chunks {
            return self.ask(Ask::Data, symbol);
        }
        if !last {
            envelope.small += 1;
            self.envelope = Some(envelope);
            if envelope.small > self.rules.bounds.small {
                return self.spent();
            }
            if size == 0 {
                self.junk(&[]);
                if self.wire == Wire::End {
                    return once(&[421]);
                }
            }
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
        self.fail(if symbol.is_broken() { &[500, 501] } else { &[501] })
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
            return self.refuse(envelope, true, &[552]);
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
                self.refuse(envelope, true, &[550, 554])
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
            Verdict::Challenge if self.challenges >= self.rules.bounds.challenges => {
                return self.fail(&[454]);
            }
            Verdict::Challenge => {
                self.exchange = true;
                self.challenges += 1;
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
                let (each, binary) = (self.asked_by == MailEach, self.asked_by == MailBinary);
                self.envelope = Some(Envelope { each, binary, ..Envelope::default() });
                once(&[250])
            }
            Ask::Mail => {
                self.excused = Some(0);
                self.junk(no)
            }
            Ask::Rcpt if yes => {
                if let Some(envelope) = &mut self.envelope {
                    envelope.recipients += 1;
                }
                once(&[250])
            }
            // Nobody names recipients without an end, either.
            Ask::Rcpt => {
                let most = self.rules.recipients.unwrap_or(u32::MAX);
                let most = most.saturating_add(self.rules.bounds.over);
                let envelope = self.envelope.get_or_insert_default();
                envelope.refused += 1;
                if envelope.refused > most { self.spent() } else { once(no) }
            }
            Ask::Hello => once(no),
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
                    if chunk.is_some() {
                        self.excused = (!last).then_some(0);
                    }
                    self.refuse(envelope, last, no)
                }
            },
            Ask::Message => {
                let mut envelope = self.envelope.unwrap_or_default();
                envelope.judged += 1;
                envelope.taken += u32::from(yes);
                let is_last = !self.rules.lmtp || envelope.judged == envelope.recipients;
                (self.envelope, self.ask) = match is_last {
                    true => (None, None),
                    false => (Some(envelope), Some(Ask::Message)),
                };
                if yes {
                    (self.errors, self.junk) = (0, 0);
                    return once(&[250]);
                }
                // One that brought mail to anybody is worth it.
                if is_last && envelope.taken == 0 { self.junk(no) } else { once(no) }
            }
            Ask::StartTls if yes => {
                self.wire = Wire::Tls;
                once(&[220])
            }
            Ask::StartTls => self.junk(no),
            Ask::Auth | Ask::Response if yes => {
                (self.exchange, self.authenticated) = (false, true);
                once(&[235])
            }
            Ask::Auth | Ask::Response => self.fail(no),
            Ask::Verify | Ask::Expand if yes => once(&[250, 252]),
            Ask::Etrn | Ask::Xforward if yes => once(&[250]),
            Ask::Etrn | Ask::Xforward | Ask::Verify | Ask::Expand => once(no),
            // The session is another client's, and begins with its greeting.
            Ask::Xclient if yes => {
                let Model { secure, errors, junk, .. } = *self;
                let authenticated = self.asked_by == XclientLogin;
                let new = Model::new(self.rules);
                *self = Model { secure, authenticated, errors, junk, ..new };
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
            Verdict::Yes => {
                envelope.taken += 1;
                (self.errors, self.junk) = (0, 0);
            }
            Verdict::Never => {}
            _ => envelope.deferred += replies,
        }
        if envelope.judged < envelope.recipients {
            (self.envelope, self.ask) = (Some(envelope), Some(Ask::Message));
            return times(replies, codes);
        }
        self.envelope = None;
        let all: &[u16] = match envelope {
            Envelope { taken: 1.., .. } => &[250],
            Envelope { deferred: 1.., .. } => &[450, 451, 452],
            _ => &[550, 554],
        };
        let [end, _] = match (verdict, envelope.taken) {
            (Verdict::Close, _) => self.over(once(all)),
            (_, 0) => self.junk(all),
            _ => once(all),
        };
        [(replies, codes), end]
    }

    /// RFC 3207 section 4.2: what was said before is forgotten.
    pub fn secured(&mut self) {
        let Rules { implicit, pause, .. } = self.rules;
        // Only with implicit TLS is the greeting still to come.
        let first = implicit && !self.secure;
        let ask = (first && !pause).then_some(Ask::Greet);
        let held = first && pause;
        let Model { errors, junk, failures, .. } = *self;
        let new = Model { errors, junk, failures, ..Model::new(self.rules) };
        *self = Model { ask, held, wire: Wire::Line, secure: true, ..new };
    }

    /// No way back to the clear; nor if the handshake takes too long.
    pub fn tls_failed(&mut self) {
        self.wire = Wire::End;
    }
}
