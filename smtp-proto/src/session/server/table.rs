//! The server session as a table: what each command does in each phase.

use crate::command::Verb;

/// What has happened so far, as far as the order of commands goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The greeting refused the client (RFC 7504): only QUIT is left.
    Refused,
    /// Greeted; no HELO or EHLO yet.
    Greeted,
    /// Introduced; no mail transaction.
    Ready,
    /// A reverse-path was accepted.
    Mail,
    /// At least one forward-path was accepted.
    Rcpt,
    /// At least one chunk of the content was taken, and the last is still to come.
    Chunks,
}

/// What is done with a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rule {
    /// The application decides.
    Ask,
    /// 503: not now.
    Order,
    /// 503: there is no valid recipient (RFC 5321 section 4.1.1.4).
    NoRcpt,
    /// 500: not a command of this protocol.
    Foreign,
    /// Answered here: 250 and the transaction is gone.
    Reset,
    /// Answered here: 250 and nothing changes.
    Nothing,
    /// Answered here: 221, and the session ends.
    Quit,
    /// Asked where the application wants to be asked, else answered here.
    Verify,
    /// The same; 502 where it does not.
    Expand,
    /// Answered here: 214.
    Help,
}

/// RFC 5321 section 4.1.4, RFC 3030 section 2, RFC 3207 section 4, RFC 4954 section 4, RFC 1985
/// section 5. Each row is a command, each column a phase. What is not offered is refused before
/// this is looked at.
///
/// In LMTP the rows of EHLO and LHLO are exchanged, and HELO is as foreign as EHLO (RFC 2033
/// section 4.1).
#[rustfmt::skip]
pub(super) const fn rule(verb: Verb, phase: Phase) -> Rule {
    use Rule::{Ask, Expand, Foreign, Help, NoRcpt, Nothing, Order, Quit, Reset, Verify};
    //                          Refused  Greeted  Ready    Mail     Rcpt     Chunks
    let row = match verb {
        Verb::Ehlo          => [Order,   Ask,     Ask,     Ask,     Ask,     Ask    ],
        Verb::Helo          => [Order,   Ask,     Ask,     Ask,     Ask,     Ask    ],
        Verb::Mail          => [Order,   Order,   Ask,     Order,   Order,   Order  ],
        Verb::Rcpt          => [Order,   Order,   Order,   Ask,     Ask,     Order  ],
        Verb::Data          => [Order,   Order,   Order,   NoRcpt,  Ask,     Order  ],
        Verb::Bdat          => [Order,   Order,   Order,   NoRcpt,  Ask,     Ask    ],
        Verb::Rset          => [Order,   Reset,   Reset,   Reset,   Reset,   Reset  ],
        Verb::Noop          => [Order,   Nothing, Nothing, Nothing, Nothing, Nothing],
        Verb::Quit          => [Quit,    Quit,    Quit,    Quit,    Quit,    Quit   ],
        Verb::Vrfy          => [Order,   Verify,  Verify,  Verify,  Verify,  Verify ],
        Verb::Expn          => [Order,   Expand,  Expand,  Expand,  Expand,  Expand ],
        Verb::Help          => [Order,   Help,    Help,    Help,    Help,    Help   ],
        Verb::StartTls      => [Order,   Order,   Ask,     Order,   Order,   Order  ],
        Verb::Auth          => [Order,   Order,   Ask,     Order,   Order,   Order  ],
        Verb::Etrn          => [Order,   Order,   Ask,     Order,   Order,   Order  ],
        Verb::Xclient       => [Order,   Ask,     Ask,     Order,   Order,   Order  ],
        Verb::Xforward      => [Order,   Ask,     Ask,     Order,   Order,   Order  ],
        Verb::Lhlo          => [Order,   Foreign, Foreign, Foreign, Foreign, Foreign],
        Verb::Unknown       => [Order,   Foreign, Foreign, Foreign, Foreign, Foreign],
    };
    let [refused, greeted, ready, mail, rcpt, chunks] = row;
    match phase {
        Phase::Refused => refused,
        Phase::Greeted => greeted,
        Phase::Ready   => ready,
        Phase::Mail    => mail,
        Phase::Rcpt    => rcpt,
        Phase::Chunks  => chunks,
    }
}
