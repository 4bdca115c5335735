//! Where in a session something is to happen.

/// A place in a session, at which a [`Script`](crate::Script) does something.
///
/// What is counted is counted over all sessions of a server, from 1.
///
/// ```
/// use smtp_test::At;
///
/// At::rcpt();                                  // each RCPT
/// At::rcpt().nth(2);                           // the second RCPT that the server sees
/// At::rcpt().recipient(2);                     // the second of each transaction
/// At::rcpt().containing("bob@");               // by what the line holds
/// At::message().first(3);                      // the ends of the first three messages
/// At::sent(40).session(1);                     // behind 40 octets of the first session
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct At {
    place: Place,
    which: Which,
    session: Option<usize>,
    recipient: Option<usize>,
    containing: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Connect,
    Command(String),
    Hello,
    AnyCommand,
    Response,
    Message,
    Sent(usize),
    Received(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Each,
    Nth(usize),
    First(usize),
    After(usize),
}

/// What is happening, for a place to be compared with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Happening<'a> {
    Connect,
    /// A command line, without its CRLF.
    Command(&'a str),
    /// A line of an AUTH exchange.
    Response(&'a str),
    /// The content is complete.
    Message,
}

macro_rules! verbs {
    ($($(#[$doc:meta])* $name:ident $verb:literal;)*) => {$(
        $(#[$doc])*
        pub fn $name() -> Self {
            Self::command($verb)
        }
    )*};
}

impl At {
    fn new(place: Place) -> Self {
        At { place, which: Which::Each, session: None, recipient: None, containing: None }
    }

    /// A client has connected: what is said here stands in the place of the greeting.
    pub fn connect() -> Self {
        Self::new(Place::Connect)
    }

    /// EHLO, HELO or LHLO.
    pub fn hello() -> Self {
        Self::new(Place::Hello)
    }

    /// A command of that verb, in any case; the core need not know it.
    pub fn command(verb: &str) -> Self {
        Self::new(Place::Command(verb.to_ascii_uppercase()))
    }

    /// Any command.
    pub fn any_command() -> Self {
        Self::new(Place::AnyCommand)
    }

    verbs! {
        /// MAIL.
        mail "MAIL";
        /// RCPT.
        rcpt "RCPT";
        /// DATA, before the content.
        data "DATA";
        /// BDAT. Its reply follows the chunk.
        bdat "BDAT";
        /// RSET.
        rset "RSET";
        /// STARTTLS.
        start_tls "STARTTLS";
        /// AUTH.
        auth "AUTH";
        /// QUIT.
        quit "QUIT";
    }

    /// What a client responds to a challenge of AUTH.
    pub fn response() -> Self {
        Self::new(Place::Response)
    }

    /// The end of the content: the lone dot, or the last octet of BDAT LAST.
    pub fn message() -> Self {
        Self::new(Place::Message)
    }

    /// So many octets of a session have left the server. The link can only be cut or stall there.
    pub fn sent(octets: usize) -> Self {
        Self::new(Place::Sent(octets))
    }

    /// So many octets of a session have come to the server; what comes behind them is not looked
    /// at. The link can only be cut or stall there.
    pub fn received(octets: usize) -> Self {
        Self::new(Place::Received(octets))
    }

    /// Only the `n`-th time.
    pub fn nth(mut self, n: usize) -> Self {
        self.which = Which::Nth(n);
        self
    }

    /// Only the first `n` times.
    pub fn first(mut self, n: usize) -> Self {
        self.which = Which::First(n);
        self
    }

    /// Each time but the first `n`.
    pub fn after(mut self, n: usize) -> Self {
        self.which = Which::After(n);
        self
    }

    /// Only in the `n`-th session.
    pub fn session(mut self, n: usize) -> Self {
        self.session = Some(n);
        self
    }

    /// Only behind the `n`-th RCPT of a transaction, or at it.
    pub fn recipient(mut self, n: usize) -> Self {
        self.recipient = Some(n);
        self
    }

    /// Only where the command line holds this.
    pub fn containing(mut self, text: impl Into<String>) -> Self {
        self.containing = Some(text.into());
        self
    }

    pub(crate) fn octets(&self) -> Option<(bool, usize)> {
        match self.place {
            Place::Sent(n) => Some((true, n)),
            Place::Received(n) => Some((false, n)),
            _ => None,
        }
    }

    /// Whether this is the place, whatever its number.
    pub(crate) fn is_here(&self, what: Happening<'_>, session: usize, recipient: usize) -> bool {
        let line = match what {
            Happening::Command(line) | Happening::Response(line) => line,
            Happening::Connect | Happening::Message => "",
        };
        let verb = line.split([' ', ':']).next().unwrap_or_default().to_ascii_uppercase();
        let is_place = match (&self.place, what) {
            (Place::Connect, Happening::Connect)
            | (Place::AnyCommand, Happening::Command(_))
            | (Place::Response, Happening::Response(_))
            | (Place::Message, Happening::Message) => true,
            (Place::Command(wanted), Happening::Command(_)) => *wanted == verb,
            (Place::Hello, Happening::Command(_)) => {
                matches!(verb.as_str(), "EHLO" | "HELO" | "LHLO")
            }
            _ => false,
        };
        is_place
            && self.is_session(session)
            && self.recipient.is_none_or(|wanted| wanted == recipient)
            && self.containing.as_ref().is_none_or(|text| line.contains(text.as_str()))
    }

    pub(crate) fn is_session(&self, session: usize) -> bool {
        self.session.is_none_or(|wanted| wanted == session)
    }

    /// Whether it is that number's turn.
    pub(crate) fn is_turn(&self, number: usize) -> bool {
        match self.which {
            Which::Each => true,
            Which::Nth(n) => number == n,
            Which::First(n) => number <= n,
            Which::After(n) => number > n,
        }
    }
}
