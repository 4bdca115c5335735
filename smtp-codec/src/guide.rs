//! How to build with these crates, chapter by chapter. Every program on these pages is compiled
//! and run with the tests.
//!
//! | chapter | about |
//! |---|---|
//! | [sessions] | what a connection is, and who moves its bytes |
//! | [events] | what an application is told and asked, on both sides |
//! | [answering] | yes, no, not now, and taking one's time |
//! | [streaming] | content that is never held whole |
//! | [deadlines] | how long each wait lasts, and who ends it |
//! | [tls] | STARTTLS, TLS from the first octet, policies |
//! | [auth] | who a client is |
//! | [lmtp] | an answer for each recipient: LMTP and PRDR |
//! | [limits] | what a peer may use up |
//! | [errors] | who was wrong, and what became of a message |
//! | [testing] | whole dialogues in memory |
//!
//! The [cookbook](crate::cookbook) has whole answers to small questions.
//!
//! The programs here drive connections without sockets, so that they can run anywhere. A program
//! with sockets leaves that to an adapter (`smtp-std`, `smtp-tokio`, `smtp-futures`,
//! `smtp-async-std`), whose `next` gives the same events, and looks the same but for that.

macro_rules! chapters {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        pub mod $name {}
    )*};
}

chapters! {
    #[doc = include_str!("../docs/guide/sessions.md")] sessions
    #[doc = include_str!("../docs/guide/events.md")] events
    #[doc = include_str!("../docs/guide/answering.md")] answering
    #[doc = include_str!("../docs/guide/streaming.md")] streaming
    #[doc = include_str!("../docs/guide/deadlines.md")] deadlines
    #[doc = include_str!("../docs/guide/tls.md")] tls
    #[doc = include_str!("../docs/guide/auth.md")] auth
    #[doc = include_str!("../docs/guide/lmtp.md")] lmtp
    #[doc = include_str!("../docs/guide/limits.md")] limits
    #[doc = include_str!("../docs/guide/errors.md")] errors
    #[doc = include_str!("../docs/guide/testing.md")] testing
}
