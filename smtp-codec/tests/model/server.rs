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
}

use Symbol::{
    Auth, AuthOther, Bdat, BdatEnd, BdatLast, Broken, Data, DataBare, Ehlo, Etrn, Garbage, Helo,
    Lhlo, Mail, MailBad, MailLarge, Noop, Quit, Rcpt, RcptBad, Rset, StartTls, Xclient,
    XclientLogin,
};

/// Octets of each chunk but the empty one, and of each message.
pub const CONTENT: u64 = 6;

impl Symbol {
    pub const ALL: [Symbol; 24] = [
        Ehlo,
        Helo,
        Lhlo,
        Mail,
        MailBad,
        MailLarge,
        Rcpt,
        RcptBad,
        Data,
        DataBare,
        Bdat,
        BdatLast,
        BdatEnd,
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
    ];

    pub fn line(self) -> &'static str {
        match self {
            Ehlo => "EHLO a.example",
            Helo => "HELO a.example",
            Lhlo => "LHLO a.example",
            Mail => "MAIL FROM:<a@a.example>",
            MailBad => "MAIL FROM:a@a.example",
            MailLarge => "MAIL FROM:<a@a.example> SIZE=999",
            Rcpt => "RCPT TO:<b@x.example>",
            RcptBad => "RCPT TO:<>",
            Data | DataBare => "DATA",
            Bdat => "BDAT 6",
            BdatLast => "BDAT 6 LAST",
            BdatEnd => "BDAT 0 LAST",
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
        }
    }

    /// Octets that follow a BDAT, and whether they are the last.
    pub fn chunk(self) -> Option<(u64, bool)> {
        match self {
            Bdat => Some((CONTENT, false)),
            BdatLast => Some((CONTENT, true)),
            BdatEnd => Some((0, true)),
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
}

/// So many replies, each with one of these codes.
pub type Said = (u32, &'static [u16]);

const NOTHING: Said = (0, &[]);

const fn once(codes: &'static [u16]) -> Said {
    (1, codes)
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
    /// In LMTP the recipients that the message was judged for.
    judged: u32,
}

#[derive(Clone, Copy, Debug)]
pub struct Model {
    rules: Rules,
    pub ask: Option<Ask>,
    pub wire: Wire,
    pub secure: bool,
    pub authenticated: bool,
    hello: Hello,
    envelope: Option<Envelope>,
    turned_away: bool,
    exchange: bool,
    asked_by: Symbol,
}

impl Model {
    pub fn new(rules: Rules) -> Self {
        Model {
            rules,
            ask: Some(Ask::Greet),
            wire: Wire::Line,
            secure: false,
            authenticated: false,
            hello: Hello::No,
            envelope: None,
            turned_away: false,
            exchange: false,
            asked_by: Noop,
        }
    }

    /// Whether extensions were offered to this client.
    pub fn is_extended(&self) -> bool {
        self.hello == Hello::Extended
    }

    /// RFC 3207 section 4.2: not again.
    pub fn offers_tls(&self) -> bool {
        self.rules.tls && !self.secure
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

    pub fn hear(&mut self, symbol: Symbol) -> Said {
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
            Mail | MailLarge if too_early || self.envelope.is_some() => once(&[503]),
            // RFC 3207 section 4, RFC 4954 section 6.
            Mail | MailLarge if require_tls && !self.secure => once(&[530]),
            Mail | MailLarge if require_auth && !self.authenticated => once(&[530]),
            // RFC 5321 section 4.1.1.11.
            MailLarge if self.hello == Hello::Helo => once(&[555]),
            // RFC 1870 section 6.1.
            MailLarge if self.rules.size.is_some() => once(&[552]),
            Mail | MailLarge => self.ask(Ask::Mail, symbol),
            Rcpt => match self.envelope {
                Some(Envelope { chunks: false, .. }) => self.ask(Ask::Rcpt, symbol),
                _ => once(&[503]),
            },
            Data | DataBare => match self.envelope {
                Some(Envelope { recipients: 0, .. }) => once(&[503, 554]),
                Some(Envelope { chunks: false, .. }) => self.ask(Ask::Data, symbol),
                _ => once(&[503]),
            },
            Bdat | BdatLast | BdatEnd => self.hear_chunk(symbol),
            StartTls if !self.rules.tls => once(&[500, 502]),
            StartTls if self.secure || !self.is_extended() || self.envelope.is_some() => {
                once(&[503])
            }
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
            return (self.replies(envelope, last), &[552]);
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

    /// Everything of the content is there.
    pub fn end_of_content(&mut self) -> Said {
        let envelope = self.envelope.unwrap_or_default();
        self.wire = Wire::Line;
        match self.asked_by.chunk() {
            Some((size, false)) => {
                let size = envelope.size + size;
                self.envelope = Some(Envelope { chunks: true, size, ..envelope });
                once(&[250])
            }
            _ if self.asked_by == DataBare => {
                self.envelope = None;
                (self.replies(envelope, true), &[550, 554])
            }
            _ => self.ask(Ask::Message, self.asked_by),
        }
    }

    /// The application has answered.
    pub fn answer(&mut self, verdict: Verdict) -> Said {
        let Some(ask) = self.ask.take() else { return NOTHING };
        let chunk = self.asked_by.chunk();
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
                self.envelope = Some(Envelope::default());
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
                    (self.replies(envelope, last), no)
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

    /// RFC 3207 section 4.2: what was said before is forgotten.
    pub fn secured(&mut self) {
        *self = Model { ask: None, secure: true, ..Model::new(self.rules) };
    }

    /// No way back to the clear.
    pub fn tls_failed(&mut self) {
        self.wire = Wire::End;
    }
}
