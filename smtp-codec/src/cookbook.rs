//! Whole answers to small questions. Every recipe is compiled and run with the tests.
//!
//! On the server: [refuse unknown users](#refuse-unknown-users), [greylist](#greylist),
//! [limit the size per user](#limit-the-size-per-user), [require TLS](#require-tls),
//! [authenticate](#authenticate), [reject by content](#reject-by-content),
//! [a verdict for each recipient](#a-verdict-for-each-recipient),
//! [slow back ends](#slow-back-ends).
//!
//! On the client: [send to many over one connection](#send-to-many-over-one-connection),
//! [retry rightly](#retry-rightly).
//!
//! The recipes are functions of an event and of what a program knows. An adapter's loop calls them as
//! they are; here they are called in memory, as the guide's chapter on
//! [testing](crate::guide::testing) shows.
//!
#![doc = include_str!("../docs/cookbook/server.md")]
//!
#![doc = include_str!("../docs/cookbook/client.md")]
