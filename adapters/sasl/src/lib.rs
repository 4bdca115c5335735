//! SASL mechanisms for AUTH (RFC 4954), on both sides.
//!
//! | mechanism | source | needs TLS | the server learns |
//! |---|---|---|---|
//! | `SCRAM-SHA-256-PLUS`, `SCRAM-SHA-1-PLUS` | RFC 7677, RFC 5802, RFC 9266 | bound to it | that both know the secret, over this channel |
//! | `SCRAM-SHA-256`, `SCRAM-SHA-1` | RFC 7677, RFC 5802 | no | that both know the secret |
//! | `EXTERNAL` | RFC 4422 appendix A | yes | who the certificate is for |
//! | `OAUTHBEARER`, `XOAUTH2` | RFC 7628; Google's documents | yes | a token |
//! | `CRAM-MD5` | RFC 2195 | no | that the client knows the password |
//! | `PLAIN` | RFC 4616 | yes | the password |
//! | `LOGIN` | draft-murchison-sasl-login-00 | yes | the password |
//!
//! [`Login`] is a client's [`Authenticator`](smtp_codec::client::Authenticator), which picks the
//! strongest that both sides have, in the order of the table. [`Exchange`] is a server's end of
//! one exchange; [`Users`] knows who may come in. SCRAM is [rsasl]'s; the rest is a few lines each.
//!
//! Passwords are compared as octets, not prepared by SASLprep, except in SCRAM. No `Debug` shows a
//! secret.
//!
//! Both ends of an exchange, without a connection:
//!
//! ```
//! use std::sync::Arc;
//! use smtp_codec::client::Authenticator;
//! use smtp_sasl::{Exchange, Login, Passwords, Step};
//!
//! let users = Arc::new(Passwords::from_iter([("alice", "tiger")]));
//! let (mut login, mut exchange) = (Login::password("alice", "tiger"), Exchange::new(users, None));
//! let attempt = login.start(smtp_sasl::mechanisms(), false).unwrap();
//! assert_eq!(attempt.mechanism, "SCRAM-SHA-256");
//! let mut step = exchange.start(&attempt.mechanism, attempt.initial_response.as_deref());
//! while let Step::Challenge(challenge) = step {
//!     step = exchange.respond(&login.respond(&challenge).unwrap());
//! }
//! assert!(matches!(step, Step::Accepted(who) if who.user == "alice"));
//! assert!(login.finish(), "and the server knows the secret too");
//! ```
//!
//! A client gives its `Login` to an adapter's `authenticate`. A server leads an exchange through two
//! events, and [`Exchange`] answers both:
//!
//! ```
//! use smtp_codec::server::Event;
//! use smtp_sasl::{Exchange, Identity};
//!
//! fn on(event: Event<'_>, exchange: &mut Exchange, who: &mut Option<Identity>) {
//!     match event {
//!         Event::Auth(auth) => *who = exchange.on_auth(auth),
//!         Event::AuthResponse(response) => *who = exchange.on_response(response),
//!         other => other.proceed(),
//!     }
//! }
//! ```
//!
//! [`start`](Exchange::start) and [`respond`](Exchange::respond) do the same without a session.

mod client;
mod events;
mod keeper;
mod secret;
mod server;
mod users;

pub use client::Login;
pub use secret::Secret;
pub use server::{Exchange, Identity, Step};
pub use users::{Passwords, Users, bound_mechanisms, mechanisms, token_mechanisms};

/// The longest user name, password or token that is taken, in octets.
pub(crate) const LONGEST: usize = 8 * 1024;

/// CRAM-MD5: the keyed digest of a challenge, in hexadecimal (RFC 2195 section 2).
pub(crate) fn cram(password: &[u8], challenge: &[u8]) -> Option<String> {
    use hmac::{Hmac, Mac};
    let mut mac = Hmac::<md5::Md5>::new_from_slice(password).ok()?;
    mac.update(challenge);
    let digest = mac.finalize().into_bytes();
    Some(digest.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Whether a name can stand in a log, a header field or a reply.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= LONGEST && !name.chars().any(char::is_control)
}

/// Whether a message of SCRAM has attributes of these `names`, behind a GS2 header if `gs2`, and no
/// others (RFC 5802 section 7). rsasl 2.3 counts on each having two octets at least, and panics where
/// one has not. Extensions, of which there are none, it passes over, and leaves out of what both
/// ends sign: who adds one would be refused at the end, and who adds one on the way not noticed.
///
/// ```text
/// attr-val   = ALPHA "=" value
/// gs2-header = gs2-cbind-flag "," [ authzid ] ","
/// ```
pub(crate) fn is_scram(message: &[u8], gs2: bool, names: &[u8]) -> bool {
    let mut attributes = message.split(|byte| *byte == b',');
    if gs2 {
        let flag = attributes.next().unwrap_or_default();
        let acts_as = attributes.next().unwrap_or_default();
        if flag.is_empty() || !(acts_as.is_empty() || acts_as.starts_with(b"a=")) {
            return false;
        }
    }
    let mut names = names.iter();
    attributes.all(|it| matches!((it, names.next()), ([a, b'=', ..], Some(b)) if a == b))
        && names.next().is_none()
}
