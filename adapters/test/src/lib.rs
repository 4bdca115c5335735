//! Scriptable SMTP peers for tests: servers and clients that behave, misbehave and remember.
//!
//! Whatever you test, on whatever runtime, speaks over a socket: a [`Server`] has a loopback port
//! of its own, does what a good server does but for what its [`Script`] says, and remembers every
//! session; a [`Client`] says what a test has it say to the server under test. Both also work in
//! memory, without threads or time. What waits blocks its thread: in `#[tokio::test]` await your client
//! before you `expect_` anything, or ask for `flavor = "multi_thread"`. Nothing here waits for ever: 5
//! seconds, unless told otherwise. What was not as expected is a panic that shows the place in the test and all that was said.
//!
//! | to | there is |
//! |---|---|
//! | refuse, put off, shut down, cut, drip, stall, answer twice or early, break replies | [`At`], [`Do`], [`Script::on`] |
//! | offer what is not done, or do what is not offered | [`Script::claim`], [`Script::hide`] |
//! | cut the link at an octet | [`At::sent`], [`At::received`], [`Client::cut_after_sending`] |
//! | say what a message was like | [`Server::expect_message`] |
//! | say how a client behaved | [`Server::expect_session`] |
//! | say something to a server, and hear what it says | [`Client::ask`], [`Client::raw`] |
//! | be a good client on a bad link | [`Client::deliver`] |
//! | have no runtime and no sockets | [`Script::in_memory`], [`Client::over`] |
//! | do all that under TLS | `Script::start_tls`, `Client::start_tls` (feature `tls`) |
//!
//! # Recipes
//!
//! In each, the function `your_client` or `your_server` is what you have.
//!
//! ## My client tries again where it was put off
//!
//! ```
//! # use std::net::SocketAddr;
//! # fn your_client(server: SocketAddr) {
//! #     let letter = smtp_test::Letter::new("alice@example.net").to("bob@example.org");
//! #     let sent = smtp_test::Client::connect(server).deliver(&letter);
//! #     if !sent.outcome.is_accepted() {
//! #         smtp_test::Client::connect(server).deliver(&letter);
//! #     }
//! # }
//! use smtp_test::{At, Do, Server};
//!
//! let server = Server::script().on(At::rcpt().nth(1), Do::reply("451 4.7.1 greylisted")).start();
//! your_client(server.address());
//! server.expect_message().from("alice@example.net").to(["bob@example.org"]);
//! server.expect_no_message();
//! ```
//!
//! ## My client neither loses nor doubles mail where the link is cut
//!
//! Before the server has the message, it must be sent again; behind the end of the content nobody
//! knows, and where the server was heard to say yes it must not be.
//!
//! ```
//! # use std::net::SocketAddr;
//! # use smtp_test::smtp_codec::proto::Verdict;
//! # fn your_client(server: SocketAddr) -> Verdict {
//! #     let letter = smtp_test::Letter::new("alice@example.net").to("bob@example.org");
//! #     smtp_test::Client::connect(server).deliver(&letter).outcome.recipients[0].verdict
//! # }
//! use smtp_test::{At, Do, Server};
//!
//! for place in [At::connect(), At::hello(), At::mail(), At::rcpt()] {
//!     let server = Server::script().on(place, Do::cut_before()).start();
//!     assert_eq!(your_client(server.address()), Verdict::Deferred, "{}", server.transcript());
//!     server.expect_no_message();
//! }
//! // Taken, but the client hears nothing of it, or half of it.
//! for act in [Do::cut(), Do::cut_reply(8)] {
//!     let server = Server::script().on(At::message(), act).start();
//!     assert_eq!(your_client(server.address()), Verdict::Unknown, "{}", server.transcript());
//! }
//! let server = Server::script().on(At::quit(), Do::cut_before()).start();
//! assert_eq!(your_client(server.address()), Verdict::Accepted, "{}", server.transcript());
//! ```
//!
//! ## My client tells one recipient's reply from another's
//!
//! ```
//! # use std::net::SocketAddr;
//! # fn your_client(server: SocketAddr) -> Vec<u16> {
//! #     let mut letter = smtp_test::Letter::new("alice@example.net");
//! #     for name in ["a", "b", "c"] {
//! #         letter = letter.to(&format!("{name}@example.org"));
//! #     }
//! #     let sent = smtp_test::Client::connect(server).deliver(&letter);
//! #     let replies = sent.outcome.recipients.iter();
//! #     replies.map(|it| it.reply.as_ref().unwrap().as_reply().code().get()).collect()
//! # }
//! use smtp_test::{At, Do, Server};
//!
//! let server = Server::script()
//!     .on(At::rcpt().recipient(2), Do::reply("550-5.1.1 no such\n550 5.1.1 user"))
//!     .start();
//! assert_eq!(your_client(server.address()), [250, 550, 250]);
//! server.expect_message().to(["a@example.org", "c@example.org"]);
//! ```
//!
//! ## My client believes no server that lies
//!
//! ```
//! # use std::net::SocketAddr;
//! # fn your_client(server: SocketAddr) -> bool {
//! #     let letter = smtp_test::Letter::new("alice@example.net").to("bob@example.org");
//! #     let client = smtp_test::Client::connect(server).patience(std::time::Duration::from_millis(500));
//! #     client.deliver(&letter).outcome.is_accepted()
//! # }
//! use smtp_test::{At, Do, Server};
//!
//! let lies = [
//!     Server::script().claim("CHUNKING").without("CHUNKING").without("BINARYMIME"),
//!     Server::script().on(At::message(), Do::raw("2")),
//!     Server::script().on(At::message(), Do::raw("banana\r\n")),
//!     Server::script().on(At::hello(), Do::usual().and_say("250 to all the rest\r\n")),
//!     Server::script().on(At::message(), Do::nothing()),
//! ];
//! for lie in lies {
//!     let server = lie.start();
//!     assert!(!your_client(server.address()), "{}", server.transcript());
//! }
//! ```
//!
//! ## My server is not deceived about where a message ends, and loses none
//!
//! ```
//! # struct Yours(smtp_test::Server);
//! # impl Yours {
//! #     fn address(&self) -> std::net::SocketAddr { self.0.address() }
//! #     fn stored(&self) -> usize { self.0.messages().len() }
//! # }
//! # fn your_server() -> Yours { Yours(smtp_test::Server::start()) }
//! use smtp_test::{Client, Letter, SMUGGLING};
//!
//! let server = your_server();
//! for end in SMUGGLING {
//!     Client::connect(server.address()).smuggle("alice@example.net", "bob@example.org", end);
//! }
//!
//! let letter = Letter::new("alice@example.net").to("bob@example.org");
//! let before = server.stored();
//! let whole = Client::connect(server.address()).deliver(&letter);
//! whole.expect_accepted();
//! let octets = whole.transcript.octets(smtp_test::Side::Client).len();
//! for cut in (0..octets).step_by(10) {
//!     let client = Client::connect(server.address()).cut_after_sending(cut);
//!     // No half of a message is taken, nor acknowledged.
//!     assert!(client.deliver(&letter).outcome.recipients[0].reply.is_none() || cut > octets / 2);
//! }
//! assert!(server.stored() > before);
//! ```
//!
//! # What is remembered
//!
//! A [`Session`] holds the [`Transcript`], octet for octet and with whatever secrets were said, and
//! its [`Transaction`]s: envelope, parameters, content, what the server made of it, and what the
//! client was told.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "what goes wrong in a test is told by a panic"
)]

mod act;
mod at;
mod client;
mod dialogue;
mod expect;
mod letter;
mod login;
mod memory;
mod record;
mod script;
#[cfg(feature = "tls")]
mod secured;
mod server;
mod smuggling;
mod transcript;
mod wire;

pub use act::Do;
pub use at::At;
pub use client::{Client, Reply};
pub use expect::{SeenMessage, SeenSession};
pub use letter::{Delivered, Letter};
pub use memory::{MemoryServer, MemoryStream};
pub use record::{Ended, Outcome, Recipient, Session, Transaction};
pub use script::Script;
pub use server::Server;
pub use smtp_codec;
pub use smuggling::SMUGGLING;
pub use transcript::{Entry, Side, Transcript};
