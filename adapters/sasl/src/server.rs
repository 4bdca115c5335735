//! The server's side.

use std::fmt;
use std::sync::{Arc, PoisonError};

use rsasl::mechanisms::scram;
use rsasl::prelude::{Mechanism, Mechname, Registry, SASLConfig, SASLServer, Session, State};
use rsasl::validate::NoValidation;
use subtle::ConstantTimeEq;

use crate::client::Binding;
use crate::keeper::{Keeper, Verdict, unescape};
use crate::users::digest;
use crate::{LONGEST, Secret, Users, cram, is_name, is_scram};

/// Who has come in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Whose secret it was. Without controls.
    pub user: String,
    /// For whom they act; the same, unless they asked for another.
    pub acts_as: String,
}

/// What to answer.
#[derive(Clone, PartialEq, Eq)]
pub enum Step {
    /// Send this challenge.
    Challenge(Vec<u8>),
    /// It is they.
    Accepted(Identity),
    /// It is not, or what they say cannot be read.
    Rejected,
}

impl fmt::Debug for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Challenge(_) => f.write_str("Challenge"),
            Step::Accepted(identity) => f.debug_tuple("Accepted").field(identity).finish(),
            Step::Rejected => f.write_str("Rejected"),
        }
    }
}

/// One exchange with a client; each AUTH begins it anew.
///
/// ```
/// use std::sync::Arc;
/// use smtp_sasl::{Exchange, Passwords, Step};
///
/// let users = Arc::new(Passwords::from_iter([("alice", "tiger")]));
/// let mut exchange = Exchange::new(users, None);
/// let Step::Accepted(who) = exchange.start("PLAIN", Some(b"\0alice\0tiger")) else { panic!() };
/// assert_eq!(who.user, "alice");
/// ```
pub struct Exchange {
    users: Arc<dyn Users>,
    binding: Option<Vec<u8>>,
    run: Run,
}

enum Run {
    /// Nothing, or it is over.
    Idle,
    /// The mechanism has begun without an initial response, and this is the name of it.
    Waiting(String),
    LoginName,
    LoginPassword(String),
    Cram(Vec<u8>),
    /// The token is no good; the client has been told, and will answer something.
    TokenRefused,
    Scram(Box<Session<NoValidation, Binding>>, Verdict),
    /// SCRAM's last message is sent as a challenge, and its answer must be empty.
    ScramEnd(Identity),
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exchange")
    }
}

impl Exchange {
    /// An exchange that has not begun. SCRAM derives keys in it, some milliseconds of computing; where
    /// that holds up others, do it on a thread for such work.
    ///
    /// `binding` is what `tls-exporter` (RFC 9266) gives, where
    /// the session is under TLS 1.3 and mechanisms in -PLUS are offered.
    #[must_use]
    pub fn new(users: Arc<dyn Users>, binding: Option<&[u8]>) -> Self {
        Exchange { users, binding: binding.map(<[u8]>::to_vec), run: Run::Idle }
    }

    /// Begins, with what came along with AUTH.
    pub fn start(&mut self, mechanism: &str, initial: Option<&[u8]>) -> Step {
        let mechanism = mechanism.to_ascii_uppercase();
        self.run = Run::Idle;
        match (mechanism.as_str(), initial) {
            ("LOGIN", None) => {
                self.run = Run::LoginName;
                Step::Challenge(b"Username:".to_vec())
            }
            // Some clients give the name along with the command.
            ("LOGIN", Some(name)) => self.login_name(name),
            ("CRAM-MD5", None) => self.challenge(),
            // RFC 4954 section 4: the server speaks first.
            ("CRAM-MD5", Some(_)) => Step::Rejected,
            (_, Some(initial)) => self.first(&mechanism, initial),
            (_, None) => {
                self.run = Run::Waiting(mechanism);
                Step::Challenge(Vec::new())
            }
        }
    }

    /// Goes on with the response to a challenge.
    pub fn respond(&mut self, response: &[u8]) -> Step {
        if response.len() > 2 * LONGEST {
            self.run = Run::Idle;
            return Step::Rejected;
        }
        match std::mem::replace(&mut self.run, Run::Idle) {
            Run::Idle | Run::TokenRefused => Step::Rejected,
            Run::Waiting(mechanism) => self.first(&mechanism, response),
            Run::LoginName => self.login_name(response),
            Run::LoginPassword(user) => self.check(&user, response, None),
            Run::Cram(challenge) => self.digest(&challenge, response),
            Run::Scram(..) if !is_scram(response, false, b"crp") => Step::Rejected,
            Run::Scram(session, verdict) => self.scram(session, verdict, response),
            Run::ScramEnd(identity) if response.is_empty() => Step::Accepted(identity),
            Run::ScramEnd(_) => Step::Rejected,
        }
    }

    fn first(&mut self, mechanism: &str, initial: &[u8]) -> Step {
        if initial.len() > 2 * LONGEST {
            return Step::Rejected;
        }
        match mechanism {
            "PLAIN" => self.plain(initial),
            "EXTERNAL" => self.external(initial),
            "XOAUTH2" => self.xoauth2(initial),
            "OAUTHBEARER" => self.oauthbearer(initial),
            // RFC 5802 section 6: the name and the flag say the same of the binding.
            _ if mechanism.ends_with("-PLUS") != initial.starts_with(b"p=") => Step::Rejected,
            _ if !is_scram(initial, true, b"nr") => Step::Rejected,
            _ => match self.scram_session(mechanism) {
                Some((session, verdict)) => self.scram(session, verdict, initial),
                None => Step::Rejected,
            },
        }
    }

    /// `[authzid] NUL authcid NUL passwd` (RFC 4616 section 2).
    fn plain(&self, message: &[u8]) -> Step {
        let mut parts = message.split(|byte| *byte == 0);
        let (Some(acts_as), Some(user), Some(password), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Step::Rejected;
        };
        match (str::from_utf8(acts_as), str::from_utf8(user)) {
            (Ok(acts_as), Ok(user)) => {
                self.check(user, password, Some(acts_as).filter(|it| !it.is_empty()))
            }
            _ => Step::Rejected,
        }
    }

    fn login_name(&mut self, name: &[u8]) -> Step {
        match str::from_utf8(name) {
            Ok(name) if is_name(name) => {
                self.run = Run::LoginPassword(name.to_owned());
                Step::Challenge(b"Password:".to_vec())
            }
            _ => Step::Rejected,
        }
    }

    fn check(&self, user: &str, password: &[u8], acts_as: Option<&str>) -> Step {
        if !is_name(user) || password.is_empty() || password.len() > LONGEST {
            return Step::Rejected;
        }
        let known = self.users.password(user);
        // A user who is not known costs a comparison too.
        let expected = known.as_ref().map_or("", Secret::expose).as_bytes();
        let same = bool::from(digest(expected).ct_eq(&digest(password)));
        match known {
            Some(secret) if same && !secret.expose().is_empty() => self.admit(user, acts_as),
            _ => Step::Rejected,
        }
    }

    fn admit(&self, user: &str, acts_as: Option<&str>) -> Step {
        let acts_as = acts_as.unwrap_or(user);
        match is_name(acts_as) && self.users.may_act(user, acts_as) {
            true => Step::Accepted(Identity { user: user.to_owned(), acts_as: acts_as.to_owned() }),
            false => Step::Rejected,
        }
    }

    /// RFC 2195 section 2: a challenge in the form of a message identifier, never the same twice.
    fn challenge(&mut self) -> Step {
        let mut octets = [0; 16];
        if getrandom::fill(&mut octets).is_err() {
            return Step::Rejected;
        }
        let number: String = octets.iter().map(|byte| format!("{byte:02x}")).collect();
        let challenge = format!("<{number}@smtp>").into_bytes();
        self.run = Run::Cram(challenge.clone());
        Step::Challenge(challenge)
    }

    /// `user SP digest`; the name may hold spaces.
    fn digest(&self, challenge: &[u8], response: &[u8]) -> Step {
        let Some((user, digest)) =
            str::from_utf8(response).ok().and_then(|response| response.rsplit_once(' '))
        else {
            return Step::Rejected;
        };
        let known = self.users.password(user).filter(|_| is_name(user));
        let password = known.as_ref().map_or("", Secret::expose);
        let Some(expected) = cram(password.as_bytes(), challenge) else { return Step::Rejected };
        let same = bool::from(expected.as_bytes().ct_eq(digest.as_bytes()));
        if known.is_some() && !password.is_empty() && same {
            self.admit(user, None)
        } else {
            Step::Rejected
        }
    }

    fn external(&self, message: &[u8]) -> Step {
        let Ok(acts_as) = str::from_utf8(message) else { return Step::Rejected };
        let acts_as = Some(acts_as).filter(|name| !name.is_empty());
        if acts_as.is_some_and(|name| !is_name(name)) {
            return Step::Rejected;
        }
        match self.users.external(acts_as) {
            Some(user) if is_name(&user) => {
                let acts_as = acts_as.unwrap_or(&user).to_owned();
                Step::Accepted(Identity { user, acts_as })
            }
            _ => Step::Rejected,
        }
    }

    /// `user=` name `^A` `auth=Bearer` token `^A^A`.
    fn xoauth2(&mut self, message: &[u8]) -> Step {
        let fields = str::from_utf8(message).ok().and_then(|text| text.strip_suffix("\x01\x01"));
        let mut fields = fields.unwrap_or_default().split('\x01');
        let user = fields.next().and_then(|field| field.strip_prefix("user="));
        match (user, fields.next().and_then(bearer), fields.next()) {
            (Some(user), Some(token), None) => self.token(user, token),
            _ => Step::Rejected,
        }
    }

    /// A GS2 header with the user, then fields between `^A` (RFC 7628 section 3.1).
    fn oauthbearer(&mut self, message: &[u8]) -> Step {
        let text = str::from_utf8(message).ok().and_then(|text| text.strip_suffix("\x01\x01"));
        let Some((header, fields)) = text.and_then(|text| text.split_once('\x01')) else {
            return Step::Rejected;
        };
        let user = header
            .strip_prefix("n,")
            .or_else(|| header.strip_prefix("y,"))
            .and_then(|header| header.strip_suffix(','))
            .and_then(|header| header.strip_prefix("a="))
            .and_then(unescape);
        let mut tokens = fields.split('\x01').filter_map(bearer);
        match (user, tokens.next(), tokens.next()) {
            (Some(user), Some(token), None) => self.token(&user, token),
            _ => Step::Rejected,
        }
    }

    fn token(&mut self, user: &str, token: &str) -> Step {
        let fits = is_name(user) && !token.is_empty() && token.len() <= LONGEST;
        if fits && self.users.is_token(user, &token.into()) {
            return self.admit(user, None);
        }
        // RFC 7628 section 3.2.2: why it is refused comes first.
        self.run = Run::TokenRefused;
        Step::Challenge(br#"{"status":"invalid_token"}"#.to_vec())
    }

    fn scram_session(
        &self,
        mechanism: &str,
    ) -> Option<(Box<Session<NoValidation, Binding>>, Verdict)> {
        static BOUND: [Mechanism; 4] = [
            scram::SCRAM_SHA1,
            scram::SCRAM_SHA1_PLUS,
            scram::SCRAM_SHA256,
            scram::SCRAM_SHA256_PLUS,
        ];
        static FREE: [Mechanism; 2] = [scram::SCRAM_SHA1, scram::SCRAM_SHA256];
        // Who offers -PLUS refuses a client that believes it is not offered.
        let known: &'static [Mechanism] = if self.binding.is_some() { &BOUND } else { &FREE };
        let verdict = Verdict::default();
        let keeper = Keeper {
            users: Arc::clone(&self.users),
            sha1: mechanism.starts_with("SCRAM-SHA-1"),
            verdict: Arc::clone(&verdict),
        };
        let config = SASLConfig::builder()
            .with_registry(Registry::with_mechanisms(known))
            .with_callback(keeper)
            .ok()?;
        let name = Mechname::parse(mechanism.as_bytes()).ok()?;
        let server = SASLServer::<NoValidation, _>::with_cb(config, Binding(self.binding.clone()));
        Some((Box::new(server.start_suggested(name).ok()?), verdict))
    }

    fn scram(
        &mut self,
        mut session: Box<Session<NoValidation, Binding>>,
        verdict: Verdict,
        message: &[u8],
    ) -> Step {
        let mut answer = Vec::new();
        match session.step(Some(message), &mut answer) {
            Ok(State::Running) => {
                self.run = Run::Scram(session, verdict);
                Step::Challenge(answer)
            }
            Ok(State::Finished(_)) => {
                let identity = verdict.lock().unwrap_or_else(PoisonError::into_inner).take();
                match identity {
                    Some(identity) if answer.starts_with(b"v=") => {
                        self.run = Run::ScramEnd(identity);
                        Step::Challenge(answer)
                    }
                    _ => Step::Rejected,
                }
            }
            Err(_) => Step::Rejected,
        }
    }
}

fn bearer(field: &str) -> Option<&str> {
    let value = field.strip_prefix("auth=")?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("Bearer").then_some(token)
}
