//! What the application looks at, and how it answers.

use smtp_proto::address::{ForwardPath, Host, ReversePath};
use smtp_proto::command::{
    Argument, Attributes, Base64, Deviations, MailParameters, Mechanism, Queue, RcptParameters,
};
use smtp_proto::reply::{Class, Positive, Refusal, Reply};
use smtp_proto::session::Protocol;
use smtp_proto::session::server::{Abort, Closing, Session};

use super::Config;
use crate::base64;
use crate::buffer::TxBuf;

/// What has happened, or must be answered.
///
/// A variant that holds a handle waits for its answer: the handle is used up by it. An application
/// may keep a handle while it asks somebody else, over an `.await` too; one that is dropped without
/// an answer comes back with the next call, for ever: a loop that ends in `_ => {}` spins. An
/// application that has no opinion on an event calls [`proceed`](Event::proceed).
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// A client has connected.
    Greet(Greet<'a>),
    /// EHLO or HELO; LHLO in LMTP.
    Hello(Hello<'a>),
    /// MAIL: a transaction begins, and whatever an earlier one had gathered is void. This is the
    /// place to forget it: RSET and EHLO end a transaction without an event of their own.
    Mail(Mail<'a>),
    /// RCPT.
    Rcpt(Rcpt<'a>),
    /// DATA, before the 354; or the first BDAT, which has none.
    Data(Data<'a>),
    /// Some of the content: by DATA with the stuffed dots removed and the CRLF of the last line
    /// kept, by BDAT as it came. Seen once the connection is stepped again.
    Body(&'a [u8]),
    /// The content is complete: is the message taken over? Only the answer to this makes it so.
    Message(Message<'a>),
    /// What came of the content is void; the session refuses the message itself.
    Aborted(Abort),
    /// VRFY, where [`Config::ask_verify`] was set.
    Verify(Verify<'a>),
    /// EXPN, where [`Config::ask_expand`] was set.
    Expand(Expand<'a>),
    /// STARTTLS: is the handshake to begin?
    StartTls(StartTls<'a>),
    /// AUTH, where [`Config::auth`] offers it: an exchange begins, and any earlier one is void.
    Auth(Auth<'a>),
    /// The response to a challenge of that exchange.
    AuthResponse(AuthResponse<'a>),
    /// ETRN, where it is offered.
    Etrn(Etrn<'a>),
    /// XCLIENT, from a client that is [trusted](super::Connection::trust).
    Xclient(Xclient<'a>),
    /// XFORWARD, from a client that is trusted.
    Xforward(Xforward<'a>),
    /// The session is over: leave the loop. A transaction that was open has come to nothing.
    Closed(Closing),
    /// Nothing: the connection waits for something else than the application.
    Idle,
}

impl Event<'_> {
    /// Answers as an application without an opinion: greets, takes HELO, MAIL, DATA and STARTTLS,
    /// and says 252 to VRFY and EXPN. A recipient is refused with 550 and a message with 451,
    /// because nobody has taken them over; AUTH with 535, ETRN with 458, XCLIENT and XFORWARD with
    /// 550.
    pub fn proceed(self) {
        match self {
            Event::Greet(greet) => greet.accept(),
            Event::Hello(hello) => hello.accept(),
            Event::Mail(mail) => mail.accept(),
            Event::Rcpt(rcpt) => rcpt.reject(Refusal::RELAY_DENIED),
            Event::Data(data) => data.accept(),
            Event::Message(message) => message.reject(Refusal::LOCAL_ERROR),
            Event::Verify(verify) => verify.accept(),
            Event::Expand(expand) => expand.accept(),
            Event::StartTls(start) => start.accept(),
            Event::Auth(auth) => auth.reject(Refusal::BAD_CREDENTIALS),
            Event::AuthResponse(response) => response.reject(Refusal::BAD_CREDENTIALS),
            Event::Etrn(etrn) => etrn.reject(Refusal::NO_QUEUE),
            Event::Xclient(xclient) => xclient.reject(Refusal::POLICY),
            Event::Xforward(xforward) => xforward.reject(Refusal::POLICY),
            Event::Body(_) | Event::Aborted(_) | Event::Closed(_) | Event::Idle => {}
        }
    }
}

/// The part of a handle that answers.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    pub(super) config: &'a Config,
    pub(super) session: &'a mut Session,
    pub(super) tx: &'a mut TxBuf,
    /// What lenient syntax let through in the line that this is about.
    pub(super) deviations: Deviations,
}

impl Answer<'_> {
    fn accept(self, with: Option<Positive<'_>>) {
        self.session.accept(&self.config.context(), with, self.tx);
    }

    fn reject(self, refusal: Refusal<'_>) {
        self.session.reject(&self.config.context(), refusal, self.tx);
    }

    /// Says what another server said; yes in its words only where there is room for words.
    fn relay(self, reply: Reply<'_>, in_its_words: bool) {
        match (Positive::try_from(reply), Refusal::try_from(reply)) {
            (Ok(yes), _) => self.accept(in_its_words.then_some(yes)),
            (_, Ok(no)) => self.reject(no),
            _ if reply.class() == Class::PositiveIntermediate && !in_its_words => self.accept(None),
            _ => self.reject(Refusal::LOCAL_ERROR),
        }
    }
}

macro_rules! handle {
    ($(#[$doc:meta])* $name:ident { $($field:ident: $type:ty),* } $accept:literal) => {
        $(#[$doc])*
        #[derive(Debug)]
        #[must_use = "an event that is not answered comes back"]
        pub struct $name<'a> {
            $($field: $type,)*
            answer: Answer<'a>,
        }

        impl<'a> $name<'a> {
            pub(super) fn new(answer: Answer<'a> $(, $field: $type)*) -> Self {
                $name { $($field,)* answer }
            }

            #[doc = $accept]
            pub fn accept(self) {
                self.answer.accept(None);
            }

            /// Says no. 421 ends the session behind the reply.
            pub fn reject(self, refusal: Refusal<'_>) {
                self.answer.reject(refusal);
            }
        }
    };
}

macro_rules! accept_with {
    ($($name:ident),*) => {$(
        impl $name<'_> {
            /// Says yes in one's own words. The code stands as it is given; of the greeting only the
            /// text does, as `220 hostname text`, cut off where the line is full.
            pub fn accept_with(self, positive: Positive<'_>) {
                self.answer.accept(Some(positive));
            }
        }
    )*};
}

handle! {
    /// A client has connected and waits for the greeting (RFC 5321 section 3.1).
    ///
    /// A refusal leaves it nothing but QUIT (RFC 7504 names 521 and 554); with 421 it is gone.
    ///
    #[doc = include_str!("../../docs/handles/greet.md")]
    Greet {} "Greets with `220 hostname ESMTP ready`."
}
handle! {
    /// EHLO or HELO (RFC 5321 section 4.1.1.1), or LHLO (RFC 2033 section 4.1).
    ///
    #[doc = include_str!("../../docs/handles/hello.md")]
    Hello { host: Host<'a> } "Welcomes the client, and offers it the extensions if it said EHLO."
}
handle! {
    /// MAIL (RFC 5321 section 4.1.1.2).
    ///
    #[doc = include_str!("../../docs/handles/mail.md")]
    Mail { reverse_path: ReversePath<'a>, parameters: MailParameters<'a> }
    "250 2.1.0: the transaction is open."
}
handle! {
    /// RCPT (RFC 5321 section 4.1.1.3).
    ///
    #[doc = include_str!("../../docs/handles/rcpt.md")]
    Rcpt { forward_path: ForwardPath<'a>, parameters: RcptParameters<'a> }
    "250 2.1.5: this recipient is taken."
}
handle! {
    /// DATA (RFC 5321 section 4.1.1.4) or the first BDAT (RFC 3030 section 2), with at least one
    /// recipient taken.
    ///
    #[doc = include_str!("../../docs/handles/data.md")]
    Data {} "The content may come: 354 to DATA, nothing to BDAT. A refusal ends the transaction."
}
handle! {
    /// A complete message (RFC 5321 section 4.1.1.4).
    ///
    /// Accepting it takes over the responsibility for every recipient that was accepted; do so
    /// once it is safe. Either answer ends the transaction. In LMTP, and where the client asked
    /// for PRDR, it is asked once for each recipient that was accepted, and each answer is for
    /// [that one](Message::recipient) alone.
    ///
    #[doc = include_str!("../../docs/handles/message.md")]
    Message {} "250 2.0.0: the message is taken over."
}
handle! {
    /// VRFY (RFC 5321 section 4.1.1.6).
    ///
    #[doc = include_str!("../../docs/handles/verify.md")]
    Verify { argument: Argument<'a> } "252 2.5.0: cannot tell, but will take mail for it."
}
handle! {
    /// EXPN (RFC 5321 section 4.1.1.7).
    ///
    #[doc = include_str!("../../docs/handles/expand.md")]
    Expand { argument: Argument<'a> } "252 2.5.0: cannot tell, but will take mail for it."
}
handle! {
    /// STARTTLS (RFC 3207). Nothing stands behind it in the buffer.
    ///
    #[doc = include_str!("../../docs/handles/start_tls.md")]
    StartTls {} "220 2.0.0: the handshake begins, and what was said before it is forgotten."
}
handle! {
    /// AUTH (RFC 4954 section 4): a mechanism that is offered, perhaps with an initial response.
    ///
    /// Answer with a challenge, with yes, or with no (`Refusal::BAD_CREDENTIALS`). What the
    /// mechanism says is octets here; `smtp-sasl` knows their meaning.
    ///
    #[doc = include_str!("../../docs/handles/auth.md")]
    Auth { mechanism: Mechanism<'a>, initial: Option<Base64<'a>> }
    "235 2.7.0: the client is who it says it is."
}
handle! {
    /// The response to a challenge (RFC 4954 section 4). One that cancels the exchange, or is not
    /// base64, does not come here: the session refuses it.
    ///
    #[doc = include_str!("../../docs/handles/auth_response.md")]
    AuthResponse { octets: Base64<'a> } "235 2.7.0: the client is who it says it is."
}
handle! {
    /// ETRN (RFC 1985 section 5).
    ///
    #[doc = include_str!("../../docs/handles/etrn.md")]
    Etrn { queue: Queue<'a> } "250 2.0.0: what waits for it will be sent."
}
handle! {
    /// XCLIENT: a proxy says for whom it speaks.
    ///
    #[doc = include_str!("../../docs/handles/xclient.md")]
    Xclient { attributes: Attributes<'a> }
    "The session is that other client's, and begins again with [`Event::Greet`]. With LOGIN that
    client counts as authenticated."
}
handle! {
    /// XFORWARD: a filter says where the message came from, for logging.
    ///
    #[doc = include_str!("../../docs/handles/xforward.md")]
    Xforward { attributes: Attributes<'a> } "250 2.0.0."
}
accept_with!(Greet, Mail, Rcpt, Message, Verify, Expand, Etrn);

macro_rules! relay {
    ($in_its_words:literal, $doc:literal: $($name:ident),*) => {$(
        impl $name<'_> {
            #[doc = $doc]
            /// 4yz and 5yz are no, in its words; what is no answer, or has more than 100 lines,
            /// becomes 451 4.3.0.
            pub fn relay(self, reply: Reply<'_>) {
                self.answer.relay(reply, $in_its_words);
            }
        }
    )*};
}
relay!(true, "Says what another server said. 2yz is yes, in its words;": Mail, Rcpt, Message, Verify, Expand, Etrn);
relay!(false, "Says what another server said. 2yz and 3yz are yes;": Greet, Data, Xclient, Xforward);

macro_rules! deviations {
    ($($name:ident),*) => {$(
        impl $name<'_> {
            /// In which ways the command deviates from the grammar; none under
            /// [`Syntax::Strict`](smtp_proto::Syntax).
            #[must_use]
            pub fn deviations(&self) -> Deviations {
                self.answer.deviations
            }
        }
    )*};
}
deviations!(Hello, Mail, Rcpt, Data, Verify, Expand, Auth, Etrn, Xclient, Xforward);

macro_rules! challenge {
    ($($name:ident),*) => {$(
        impl $name<'_> {
            /// Sends `challenge` with 334, and waits for the response; there may be 32 in one
            /// exchange, unless [`Limits`](super::Limits) says otherwise.
            pub fn challenge(self, challenge: &[u8]) {
                let Answer { config, session, tx, .. } = self.answer;
                if let Some(text) = Base64::parse(&base64::encode(challenge)) {
                    session.challenge(&config.context(), text, tx);
                }
            }
        }
    )*};
}
challenge!(Auth, AuthResponse);

impl<'a> Auth<'a> {
    /// Which mechanism; compared without regard to case.
    #[must_use]
    pub fn mechanism(&self) -> Mechanism<'a> {
        self.mechanism
    }

    /// What came with the command; `Some` of no octets for `=`.
    #[must_use]
    pub fn initial_response(&self) -> Option<Vec<u8>> {
        self.initial.map(base64::decode)
    }
}

impl AuthResponse<'_> {
    /// What the client responds.
    #[must_use]
    pub fn response(&self) -> Vec<u8> {
        base64::decode(self.octets)
    }
}

impl<'a> Etrn<'a> {
    /// What is to be sent.
    #[must_use]
    pub fn queue(&self) -> Queue<'a> {
        self.queue
    }
}

impl<'a> Xclient<'a> {
    /// Who the client is: NAME, ADDR, PORT, PROTO, HELO, LOGIN, DESTADDR, DESTPORT.
    #[must_use]
    pub fn attributes(&self) -> Attributes<'a> {
        self.attributes
    }
}

impl<'a> Xforward<'a> {
    /// Where the message came from: NAME, ADDR, PORT, PROTO, HELO, IDENT, SOURCE.
    #[must_use]
    pub fn attributes(&self) -> Attributes<'a> {
        self.attributes
    }
}

impl<'a> Hello<'a> {
    /// How the client calls itself. Nobody has checked it.
    #[must_use]
    pub fn host(&self) -> Host<'a> {
        self.host
    }
}

impl<'a> Mail<'a> {
    /// Where failures are to be reported.
    #[must_use]
    pub fn reverse_path(&self) -> ReversePath<'a> {
        self.reverse_path
    }

    /// The parameters; each belongs to an extension that is offered.
    #[must_use]
    pub fn parameters(&self) -> MailParameters<'a> {
        self.parameters
    }
}

impl<'a> Rcpt<'a> {
    /// The recipient.
    #[must_use]
    pub fn forward_path(&self) -> ForwardPath<'a> {
        self.forward_path
    }

    /// The parameters; each belongs to an extension that is offered.
    #[must_use]
    pub fn parameters(&self) -> RcptParameters<'a> {
        self.parameters
    }
}

impl Data<'_> {
    /// What is spoken, for the `with` clause of a Received field.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.answer.session.protocol()
    }
}

impl Message<'_> {
    /// In LMTP and under PRDR, which of the recipients that were accepted this is about, counted
    /// from 0; `None` otherwise in SMTP, where it is about all of them.
    #[must_use]
    pub fn recipient(&self) -> Option<u32> {
        self.answer.session.recipient(&self.answer.config.context())
    }

    /// Octets of content.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.answer.session.size()
    }

    /// What was spoken, for the `with` clause of a Received field.
    #[must_use]
    pub fn protocol(&self) -> Protocol {
        self.answer.session.protocol()
    }
}

impl<'a> Verify<'a> {
    /// Whom it asks about.
    #[must_use]
    pub fn argument(&self) -> Argument<'a> {
        self.argument
    }
}

impl<'a> Expand<'a> {
    /// Which list it asks about.
    #[must_use]
    pub fn argument(&self) -> Argument<'a> {
        self.argument
    }
}
