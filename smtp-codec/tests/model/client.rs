//! A server that looks at what a client does: what it may say, and what it may report in the end.
//!
//! It knows only what went over the wire. Each command waits in a queue for its reply; what a
//! reply means for the recipients stands in RFC 5321 sections 3.3, 4.1.1.4 and 4.2.1.

use std::collections::VecDeque;

use smtp_codec::proto::Verdict;

/// What the next reply is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    Greeting,
    /// EHLO or LHLO.
    Ehlo,
    Helo,
    StartTls,
    /// AUTH, or a response.
    Auth,
    Cancelled,
    Mail,
    Rcpt(usize),
    Data,
    /// A chunk that is not the last.
    Chunk,
    /// The end of the content: for all, or in LMTP for one.
    Message(Option<usize>),
    /// PRDR: behind a 353 what one recipient is told, and at last what all are.
    Each(usize),
    Last,
    LoneDot,
    Rset,
    Quit,
    /// Nothing is.
    Nothing,
}

/// What the server says, by what it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// A code.
    Code(u16),
    /// No reply at all, or none that is one: it cannot be trusted after that.
    Nonsense,
}

/// What has become of a recipient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Open,
    /// RCPT was answered with 2yz.
    Taken,
    /// So was the message, for this one; the last reply has not come.
    Promised,
    Decided(Verdict),
}

/// How the client writes its content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Writes {
    /// The content when it is asked for, and the end when it is asked for more.
    #[default]
    Apart,
    /// The content, and its end in the same breath.
    Both,
    /// As one: it has all of it at hand.
    Whole,
}

/// What is known of the client and of its server.
#[derive(Clone, Copy, Debug, Default)]
pub struct World {
    pub lmtp: bool,
    /// What the server offers.
    pub pipelining: bool,
    pub chunking: bool,
    pub starttls: bool,
    pub auth: bool,
    /// What the client is told to do about TLS.
    pub required: bool,
    pub opportunistic: bool,
    pub implicit: bool,
    /// The server offers PRDR, and the client is to ask for it.
    pub prdr: bool,
    /// The server may speak before all that was said to it has come.
    pub early: bool,
    pub writes: Writes,
}

#[derive(Debug)]
pub struct Judge {
    world: World,
    pub dues: VecDeque<Due>,
    fates: Vec<Vec<Fate>>,
    letter: usize,
    pub secure: bool,
    pub authenticated: bool,
    /// What was offered, since EHLO was last answered.
    pub introduced: bool,
    extended: bool,
    /// STARTTLS was refused.
    tls_refused: bool,
    /// A transaction may be open over here.
    open: bool,
    mail_refused: bool,
    /// 354 was said, and the end of the content has not come.
    pub in_content: bool,
    /// The end of the content has come, and is not answered in full.
    ended: bool,
    chunk_refused: bool,
    /// Octets of a chunk that are under way, and whether it is the last.
    coming: Option<(usize, bool)>,
    /// That chunk is answered already.
    answered: bool,
    /// The client has asked for PRDR.
    each: bool,
    exchange: bool,
    /// One recipient was told 421 in LMTP: behind what the others are told it is over.
    leaving: bool,
    /// Nothing but QUIT may come, or nothing at all.
    turned_away: bool,
    broken: bool,
    /// The session ended between the end of a message and the last reply to it.
    pub in_doubt: bool,
    received: Vec<u8>,
    pub content: Vec<u8>,
}

impl Judge {
    /// So many recipients for each letter.
    pub fn new(world: World, letters: &[usize]) -> Self {
        Judge {
            world,
            dues: VecDeque::from([Due::Greeting]),
            fates: letters.iter().map(|&recipients| vec![Fate::Open; recipients]).collect(),
            letter: 0,
            secure: false,
            authenticated: false,
            introduced: false,
            extended: false,
            tls_refused: false,
            open: false,
            mail_refused: false,
            in_content: false,
            ended: false,
            chunk_refused: false,
            coming: None,
            answered: false,
            each: false,
            exchange: false,
            leaving: false,
            turned_away: false,
            broken: false,
            in_doubt: false,
            received: Vec::new(),
            content: Vec::new(),
        }
    }

    /// Takes what the client has sent.
    pub fn receive(&mut self, octets: &[u8]) {
        assert!(octets.is_empty() || !self.broken, "{} {self:?}", octets.escape_ascii());
        self.received.extend_from_slice(octets);
        loop {
            if let Some((size, last)) = self.coming {
                if self.received.len() < size {
                    assert!(self.world.early, "a chunk follows at once");
                    return;
                }
                self.content.extend(self.received.drain(..size));
                self.coming = None;
                match (std::mem::take(&mut self.answered), last) {
                    (true, _) => self.ended = last && !self.dues.is_empty(),
                    (false, true) => self.end_of_content(),
                    (false, false) => self.dues.push_back(Due::Chunk),
                }
                continue;
            }
            if self.in_content {
                let framed = [b"\r\n", &self.received[..]].concat();
                let Some(end) = framed.windows(5).position(|five| five == b"\r\n.\r\n") else {
                    return;
                };
                self.content = self.received.drain(..end + 3).collect();
                self.in_content = false;
                self.end_of_content();
                continue;
            }
            let Some(end) = self.received.windows(2).position(|two| two == b"\r\n") else {
                assert!(self.world.early || self.received.is_empty(), "half a line: {self:?}");
                return;
            };
            let line: Vec<u8> = self.received.drain(..end + 2).collect();
            let line = String::from_utf8(line).unwrap();
            self.hear(line.trim_end());
        }
    }

    fn end_of_content(&mut self) {
        let wanted = self.taken().count();
        if wanted == 0 {
            assert!(self.content == b".\r\n", "nobody is there to profit from it: {self:?}");
            return self.dues.push_back(Due::LoneDot);
        }
        self.ended = true;
        if self.world.lmtp {
            let each: Vec<_> = self.taken().map(|index| Due::Message(Some(index))).collect();
            self.dues.extend(each);
        } else {
            self.dues.push_back(Due::Message(None));
        }
    }

    fn taken(&self) -> impl Iterator<Item = usize> {
        let fates = self.fates[self.letter].iter().enumerate();
        fates.filter(|(_, fate)| **fate == Fate::Taken).map(|(index, _)| index)
    }

    /// A command, checked against what may be said at this point.
    fn hear(&mut self, line: &str) {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let grouped = matches!(verb, "RCPT" | "DATA" | "BDAT");
        assert!(!self.leaving, "{line} {self:?}");
        assert!(self.dues.is_empty() || (grouped && self.world.pipelining && self.extended));
        assert!(!self.turned_away || verb == "QUIT", "{line} {self:?}");
        let number = |text: &str, at| text.as_bytes()[at] as usize - usize::from(b'0');
        match verb {
            _ if self.exchange => {
                self.exchange = false;
                self.dues.push_back(if line == "*" { Due::Cancelled } else { Due::Auth });
                return;
            }
            "EHLO" | "LHLO" => assert_eq!(verb == "LHLO", self.world.lmtp),
            "HELO" => assert!(!self.world.lmtp && !self.introduced, "{self:?}"),
            "STARTTLS" => assert!(self.world.starttls && self.extended && !self.secure),
            "AUTH" => {
                assert!(self.world.auth && self.extended && !self.authenticated, "{self:?}");
                assert!(self.secure, "a password in the clear");
                assert!(!self.open, "{self:?}");
            }
            "MAIL" => {
                assert!(self.introduced && !self.open, "{self:?}");
                let opportunity = self.world.opportunistic && self.world.starttls && self.extended;
                let waits = self.world.required || (opportunity && !self.tls_refused);
                assert!(self.secure || !waits, "MAIL in the clear: {self:?}");
                self.letter = number(rest, "FROM:<a".len());
                self.each = rest.ends_with(" PRDR");
                // It is of no use to a single recipient, nor in LMTP.
                let several = self.fates[self.letter].len() > 1 && !self.world.lmtp;
                assert_eq!(self.each, self.world.prdr && self.extended && several, "{self:?}");
                (self.open, self.mail_refused) = (true, false);
                (self.ended, self.chunk_refused) = (false, false);
                self.content.clear();
            }
            // What was grouped may come behind a refusal that it did not know of.
            "RCPT" => {
                assert!(self.open || (self.mail_refused && self.world.early), "{self:?}");
                assert_eq!(number(rest, "TO:<b".len()), self.letter, "{self:?}");
            }
            "DATA" if self.world.early && self.world.pipelining => {
                assert!(self.open || self.mail_refused, "{self:?}");
            }
            "DATA" => {
                let unanswered = self.dues.iter().any(|due| matches!(due, Due::Rcpt(_)));
                assert!(self.open && (unanswered || self.taken().count() > 0), "{self:?}");
            }
            "BDAT" => {
                assert!(self.world.chunking && self.extended && self.open, "{self:?}");
                assert!(!self.dues.iter().any(|due| *due != Due::Chunk), "{self:?}");
                let is_lost = self.chunk_refused && self.world.early && self.world.pipelining;
                let wanted = self.taken().count() > 0 && !self.chunk_refused;
                assert!(wanted || is_lost, "{self:?}");
                let (size, last) = rest.split_once(' ').unwrap_or((rest, ""));
                let size: usize = size.parse().unwrap();
                // Behind a chunk that was refused there is no message to end.
                self.coming = Some((size, last == "LAST" && !is_lost));
                return;
            }
            "RSET" | "QUIT" => {}
            _ => panic!("{line} {self:?}"),
        }
        let next = self.dues.iter().filter(|due| matches!(due, Due::Rcpt(_))).count();
        let named = self.fates[self.letter].iter().take_while(|fate| **fate != Fate::Open).count();
        self.dues.push_back(match verb {
            "EHLO" | "LHLO" => Due::Ehlo,
            "HELO" => Due::Helo,
            "STARTTLS" => Due::StartTls,
            "AUTH" => Due::Auth,
            "MAIL" => Due::Mail,
            // Once MAIL was refused nobody is open any more.
            "RCPT" => Due::Rcpt(named + next),
            "DATA" => Due::Data,
            "RSET" => Due::Rset,
            _ => Due::Quit,
        });
    }

    fn decide(&mut self, which: impl Fn(Fate) -> bool, verdict: Verdict) {
        for fate in self.fates[self.letter].iter_mut().filter(|fate| which(**fate)) {
            *fate = Fate::Decided(verdict);
        }
    }

    /// The session is over, and what is not decided is lost for now; or nobody knows.
    fn over(&mut self, verdict: Verdict) {
        (self.turned_away, self.broken) = (true, true);
        self.dues.clear();
        let in_doubt = self.ended && verdict == Verdict::Unknown;
        // Under PRDR one reply is due yet, whoever was refused before.
        self.in_doubt |= in_doubt && (self.each || self.taken().count() > 0);
        for (letter, fates) in self.fates.iter_mut().enumerate() {
            for fate in fates {
                if let Fate::Open | Fate::Taken | Fate::Promised = *fate {
                    let doubtful = in_doubt && *fate != Fate::Open && letter == self.letter;
                    *fate = Fate::Decided(match doubtful {
                        true => Verdict::Unknown,
                        false if verdict == Verdict::Refused => Verdict::Refused,
                        false => Verdict::Deferred,
                    });
                }
            }
        }
    }

    /// The server has turned the client away; it may say QUIT.
    fn turn_away(&mut self, verdict: Verdict) {
        self.over(verdict);
        self.broken = false;
    }

    /// The link is gone, or it cannot be trusted.
    pub fn lost(&mut self) {
        self.over(Verdict::Unknown);
    }

    pub fn secured(&mut self) {
        assert!(!self.secure && self.received.is_empty());
        self.secure = true;
        (self.introduced, self.extended) = (false, false);
    }

    /// The server has said something, for what is due first, or for nothing.
    pub fn says(&mut self, said: Said) {
        let due = self.dues.pop_front();
        if due == Some(Due::Quit) {
            return self.lost();
        }
        let Said::Code(code) = said else { return self.lost() };
        let verdict = match code / 100 {
            2 => Verdict::Accepted,
            4 => Verdict::Deferred,
            5 => Verdict::Refused,
            _ => Verdict::Unknown,
        };
        let refused = matches!(verdict, Verdict::Deferred | Verdict::Refused);
        let good = verdict == Verdict::Accepted;
        let Some(due) = due else {
            // RFC 3030 leaves it open when a chunk is answered; it cannot be taken before it is here.
            if let (Some((_, last)), true) = (self.coming, refused) {
                self.answered = true;
                self.dues.push_front(match (last, self.world.lmtp) {
                    (false, _) => Due::Chunk,
                    (true, false) => Due::Message(None),
                    (true, true) => Due::Message(self.taken().next()),
                });
                if last {
                    let others: Vec<_> =
                        self.taken().skip(1).map(|it| Due::Message(Some(it))).collect();
                    self.dues.extend(others.into_iter().filter(|_| self.world.lmtp));
                }
                return self.says(said);
            }
            // In the midst of the content a server may say that it has had enough.
            if self.in_content && refused {
                self.decide(|fate| fate == Fate::Taken, verdict);
                self.over(Verdict::Deferred);
            } else if code == 421 {
                self.over(Verdict::Deferred);
            } else {
                self.lost();
            }
            return;
        };
        match due {
            // It is told of one recipient; the last reply is still to come.
            Due::Each(index) if refused => self.fates[self.letter][index] = Fate::Decided(verdict),
            Due::Each(index) if good => self.fates[self.letter][index] = Fate::Promised,
            // RFC 5321 section 3.8: at any point.
            _ if code == 421 => {
                let whom = |fate| fate == Fate::Taken;
                match due {
                    Due::Mail => self.decide(|_| true, verdict),
                    Due::Data | Due::Chunk | Due::Message(None) => self.decide(whom, verdict),
                    Due::Last => self.decide(|fate| fate == Fate::Promised, verdict),
                    // RFC 2033 section 4.2: it is told of one. What is not here in full is
                    // nobody's yet.
                    Due::Message(Some(index)) => {
                        self.fates[self.letter][index] = Fate::Decided(verdict);
                        self.leaving = true;
                        if !self.dues.is_empty() && self.coming.is_none() {
                            return;
                        }
                    }
                    _ => {}
                }
                self.over(Verdict::Deferred);
            }
            Due::Greeting if good => {}
            Due::Greeting | Due::Helo if refused => self.turn_away(verdict),
            Due::Ehlo if verdict == Verdict::Refused && !self.world.lmtp => {
                (self.introduced, self.extended) = (false, false);
                if self.world.required && !self.secure {
                    self.turn_away(Verdict::Deferred);
                }
            }
            Due::Ehlo if refused => self.turn_away(verdict),
            Due::Ehlo | Due::Helo if good => {
                (self.introduced, self.extended) = (true, due == Due::Ehlo);
                let possible = self.world.starttls && self.extended;
                if self.world.required && !self.secure && !possible {
                    self.turn_away(Verdict::Deferred);
                }
            }
            Due::StartTls if code == 220 => {}
            Due::StartTls if refused => {
                self.tls_refused = true;
                if self.world.required {
                    self.turn_away(Verdict::Deferred);
                }
            }
            Due::Auth if code == 235 => self.authenticated = true,
            Due::Auth if code == 334 => self.exchange = true,
            Due::Auth | Due::Cancelled if refused => {}
            Due::Mail if good => {}
            Due::Mail if refused => {
                self.decide(|_| true, verdict);
                (self.open, self.mail_refused) = (false, true);
            }
            // Whatever is said to what was grouped with a MAIL that was refused.
            Due::Rcpt(_) if self.mail_refused && (good || refused) => {}
            Due::Rcpt(index) if good => self.fates[self.letter][index] = Fate::Taken,
            Due::Rcpt(index) if refused => self.fates[self.letter][index] = Fate::Decided(verdict),
            Due::Data if code / 100 == 3 => self.in_content = true,
            Due::Data if refused => self.decide(|fate| fate == Fate::Taken, verdict),
            Due::Chunk if good || (self.chunk_refused && refused) => {}
            Due::Chunk if refused => {
                self.decide(|fate| fate == Fate::Taken, verdict);
                self.chunk_refused = true;
                // The last may be under way; what it would have brought is gone.
                if let Some(Due::Message(_)) = self.dues.back() {
                    self.dues.retain(|due| *due == Due::Chunk);
                    self.dues.push_back(Due::Chunk);
                }
                self.ended = false;
            }
            Due::Message(whom) if good || refused => {
                match whom {
                    None => self.decide(|fate| fate == Fate::Taken, verdict),
                    Some(index) => self.fates[self.letter][index] = Fate::Decided(verdict),
                }
                self.open = !self.dues.is_empty();
                self.ended = self.open && self.coming.is_none();
                if self.leaving && !self.open {
                    self.over(Verdict::Deferred);
                }
            }
            // It may take back what was promised, and no refusal.
            Due::Last if good || refused => {
                self.decide(|fate| fate == Fate::Promised, verdict);
                (self.ended, self.open) = (false, false);
            }
            Due::Message(None) if code == 353 && self.each => {
                self.dues.extend(self.fates[self.letter].iter().enumerate().filter_map(
                    |(index, fate)| (*fate == Fate::Taken).then_some(Due::Each(index)),
                ));
                self.dues.push_back(Due::Last);
            }
            Due::LoneDot if good || refused => self.open = false,
            Due::Rset if good => self.open = false,
            _ => self.lost(),
        }
    }

    /// What the client must have reported for each letter.
    pub fn verdicts(&self, letter: usize) -> Vec<Verdict> {
        let decided = |fate: &Fate| match fate {
            Fate::Decided(verdict) => *verdict,
            other => panic!("{other:?} in the end: {self:?}"),
        };
        self.fates[letter].iter().map(decided).collect()
    }
}
