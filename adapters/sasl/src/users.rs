//! Who a server lets in, and by which mechanisms.

use std::collections::HashMap;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::Secret;

/// Who may come in.
///
/// A method that is not there refuses everybody.
///
/// ```
/// use smtp_sasl::{Exchange, Secret, Step, Users};
///
/// /// One who may send for the list too.
/// struct Alice;
///
/// impl Users for Alice {
///     fn password(&self, user: &str) -> Option<Secret> {
///         (user == "alice").then(|| "tiger".into())
///     }
///     fn may_act(&self, user: &str, acts_as: &str) -> bool {
///         user == acts_as || acts_as == "list"
///     }
/// }
///
/// let mut exchange = Exchange::new(std::sync::Arc::new(Alice), None);
/// let step = exchange.start("PLAIN", Some(b"list\0alice\0tiger"));
/// assert!(matches!(step, Step::Accepted(who) if who.acts_as == "list"));
/// ```
pub trait Users: Send + Sync {
    /// The password of that user: for PLAIN, LOGIN, CRAM-MD5 and SCRAM.
    fn password(&self, user: &str) -> Option<Secret> {
        let _ = user;
        None
    }

    /// Whether the token is good for that user; for OAUTHBEARER and XOAUTH2.
    fn is_token(&self, user: &str, token: &Secret) -> bool {
        let _ = (user, token);
        false
    }

    /// Who the TLS client is, and whether it may act as whom it names; for EXTERNAL.
    fn external(&self, acts_as: Option<&str>) -> Option<String> {
        let _ = acts_as;
        None
    }

    /// Whether one user may act for another.
    fn may_act(&self, user: &str, acts_as: &str) -> bool {
        user == acts_as
    }
}

/// Users with their passwords, or their tokens, held in memory.
///
/// ```
/// use smtp_sasl::{Passwords, Users};
///
/// let users = Passwords::from_iter([("alice", "tiger")]);
/// assert_eq!(users.password("alice").unwrap().expose(), "tiger");
/// assert!(users.password("bob").is_none());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Passwords {
    passwords: HashMap<String, Secret>,
    tokens: HashMap<String, Secret>,
}

impl Passwords {
    /// Users who show a token as well, or instead: one each, compared in constant time.
    ///
    /// ```
    /// use smtp_sasl::{Passwords, Users};
    ///
    /// let users = Passwords::default().with_tokens([("alice", "ya29.x")]);
    /// assert!(users.is_token("alice", &"ya29.x".into()));
    /// assert!(!users.is_token("alice", &"ya29.y".into()));
    /// ```
    #[must_use]
    pub fn with_tokens<N, S>(mut self, users: impl IntoIterator<Item = (N, S)>) -> Self
    where
        N: Into<String>,
        S: Into<Secret>,
    {
        self.tokens = users.into_iter().map(|(name, token)| (name.into(), token.into())).collect();
        self
    }
}

impl<N: Into<String>, S: Into<Secret>> FromIterator<(N, S)> for Passwords {
    fn from_iter<I: IntoIterator<Item = (N, S)>>(users: I) -> Self {
        let passwords = users.into_iter().map(|(name, secret)| (name.into(), secret.into()));
        Passwords { passwords: passwords.collect(), tokens: HashMap::new() }
    }
}

impl Users for Passwords {
    fn password(&self, user: &str) -> Option<Secret> {
        self.passwords.get(user).cloned()
    }

    fn is_token(&self, user: &str, token: &Secret) -> bool {
        let expected = self.tokens.get(user);
        // A user who is not there takes as long as one who is.
        let known = expected.unwrap_or(token).expose();
        let same = bool::from(digest(known.as_bytes()).ct_eq(&digest(token.expose().as_bytes())));
        same && expected.is_some()
    }
}

/// The mechanisms that passwords suffice for, strongest first: what to give to
/// `server::Config::auth`.
#[must_use]
pub fn mechanisms() -> &'static [&'static str] {
    &["SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN"]
}

/// The same and those that are bound to the TLS channel, for servers that give each
/// [`Exchange`](crate::Exchange::new) its binding: without it, who uses one of them is refused.
#[must_use]
pub fn bound_mechanisms() -> &'static [&'static str] {
    &[
        "SCRAM-SHA-256-PLUS",
        "SCRAM-SHA-1-PLUS",
        "SCRAM-SHA-256",
        "SCRAM-SHA-1",
        "CRAM-MD5",
        "PLAIN",
        "LOGIN",
    ]
}

/// The mechanisms that tokens suffice for; they need TLS, as PLAIN does.
#[must_use]
pub fn token_mechanisms() -> &'static [&'static str] {
    &["OAUTHBEARER", "XOAUTH2"]
}

pub(crate) fn digest(octets: &[u8]) -> [u8; 32] {
    Sha256::digest(octets).into()
}
