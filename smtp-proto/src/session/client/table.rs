//! The client session as a table: what each class of reply means for each thing that was sent.

use crate::reply::Class;

/// What the next reply answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Awaited {
    /// The connection itself.
    Greeting,
    Ehlo,
    Helo,
    Lhlo,
    StartTls,
    /// AUTH, or a response.
    Auth,
    /// `*` in the place of a response.
    Cancelled,
    /// A command that stands alone.
    Answer,
    Rset,
    Mail,
    Rcpt,
    Data,
    /// A chunk that is not the last.
    Chunk,
    /// A chunk behind one that was refused.
    LostChunk,
    /// The end of the mail data.
    Message,
    /// In LMTP the next of the replies to it, behind a 421 for one recipient.
    Leaving,
    /// The end of the mail data, where 353 may announce a reply for each recipient.
    MessageOrBlock,
    /// Behind that 353, a recipient.
    Block,
    /// The lone dot behind a 354 that nobody was left to profit from (RFC 2920 section 3.1).
    LoneDot,
    Quit,
    /// Nothing: it comes unasked.
    Nothing,
}

impl Awaited {
    /// Whether the caller is told of the reply as a step of its transaction.
    pub(super) const fn is_of_a_transaction(self) -> bool {
        matches!(
            self,
            Awaited::Mail
                | Awaited::Rcpt
                | Awaited::Data
                | Awaited::Chunk
                | Awaited::Message
                | Awaited::Leaving
                | Awaited::MessageOrBlock
                | Awaited::Block
        )
    }

    /// Whether a 421 is told to one recipient, and replies that are due yet follow it as others do.
    pub(super) const fn is_followed(self) -> bool {
        matches!(self, Awaited::Leaving | Awaited::Block)
    }
}

/// What is done with a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    /// Say EHLO.
    Introduce,
    /// EHLO is unknown there: say HELO (RFC 5321 section 3.2).
    FallBack,
    /// Introduced.
    Ready,
    /// The session cannot be used: QUIT.
    Refused,
    /// The handshake comes.
    Secure,
    /// STARTTLS was refused: go on in the clear, or not at all.
    NoTls,
    /// AUTH came to an end, or goes on.
    Authenticated,
    Challenged,
    Unauthenticated,
    /// The caller asked, and is told.
    Told,
    /// A reply for each recipient follows, and one for the message.
    Announced,
    /// A step of the transaction succeeded, or failed.
    Good,
    Bad,
    /// Said, heard, done.
    Ignore,
    /// The session is over.
    Over,
    /// The server does not follow the protocol: what comes next cannot be trusted.
    Broken,
}

/// Each row is what was sent, each column the class of the reply. 421 is looked at before; of
/// the replies to STARTTLS, AUTH and the message only 220, 235, 334 and 353 are what they seem.
#[rustfmt::skip]
pub(super) const fn deed(awaited: Awaited, class: Class) -> Deed {
    use Deed::{
        Announced, Authenticated, Bad, Broken, Challenged, FallBack, Good, Ignore, Introduce, NoTls, Over,
        Ready, Refused, Secure, Told, Unauthenticated,
    };
    //                          2yz        3yz     4yz      5yz
    let row = match awaited {
        Awaited::Greeting  => [Introduce, Broken, Refused, Refused ],
        Awaited::Ehlo      => [Ready,     Broken, Refused, FallBack],
        Awaited::Lhlo      => [Ready,     Broken, Refused, Refused ],
        Awaited::Helo      => [Ready,     Broken, Refused, Refused ],
        Awaited::StartTls  => [Secure,    Broken, NoTls,   NoTls   ],
        Awaited::Auth      => [Authenticated, Challenged, Unauthenticated, Unauthenticated],
        Awaited::Cancelled => [Broken,    Broken, Unauthenticated, Unauthenticated],
        Awaited::Answer    => [Told,      Broken, Told,    Told    ],
        Awaited::Rset      => [Ignore,    Broken, Broken,  Broken  ],
        Awaited::Mail      => [Good,      Broken, Bad,     Bad     ],
        Awaited::Rcpt      => [Good,      Broken, Bad,     Bad     ],
        Awaited::Data      => [Broken,    Good,   Bad,     Bad     ],
        Awaited::Chunk     => [Ignore,    Broken, Bad,     Bad     ],
        Awaited::LostChunk => [Ignore,    Broken, Ignore,  Ignore  ],
        Awaited::Message   => [Good,      Broken, Bad,     Bad     ],
        Awaited::Leaving   => [Good,      Broken, Bad,     Bad     ],
        Awaited::MessageOrBlock => [Good, Announced, Bad, Bad],
        Awaited::Block     => [Good,      Broken, Bad,     Bad     ],
        Awaited::LoneDot   => [Ignore,    Broken, Ignore,  Ignore  ],
        Awaited::Quit      => [Over,      Over,   Over,    Over    ],
        Awaited::Nothing   => [Broken,    Broken, Broken,  Broken  ],
    };
    let [positive, intermediate, transient, permanent] = row;
    match class {
        Class::PositiveCompletion   => positive,
        Class::PositiveIntermediate => intermediate,
        Class::TransientNegative    => transient,
        Class::PermanentNegative    => permanent,
    }
}
