//! The client's side.

use rsasl::callback::{Context, Request, SessionCallback, SessionData};
use rsasl::mechanisms::scram;
use rsasl::prelude::{
    ChannelBindingCallback, Mechanism, Mechname, Registry, SASLClient, SASLConfig, Session,
    SessionError,
};
use rsasl::property::{AuthId, AuthzId, Password};
use rsasl::validate::NoValidation;
use smtp_codec::client::{Attempt, Authenticator};

use crate::{Secret, cram, is_name, is_scram};

/// How a client proves who it is.
#[derive(Clone, Debug)]
enum Proof {
    /// It knows a password.
    Password(Secret),
    /// It has a token, for OAUTHBEARER and XOAUTH2.
    Token(Secret),
    /// It has shown a certificate in the handshake, for EXTERNAL.
    Certificate,
}

/// Who a client is: an [`Authenticator`] for one exchange after the other.
///
/// ```
/// use smtp_codec::client::Authenticator;
/// use smtp_sasl::Login;
///
/// let mut login = Login::password("alice", "tiger");
/// let attempt = login.start(&["PLAIN", "CRAM-MD5"], false).unwrap();
/// assert_eq!(attempt.mechanism, "CRAM-MD5");
/// assert!(Login::password("alice", "tiger").start(&["PLAIN"], false).is_none());
/// ```
#[derive(Clone, Debug)]
pub struct Login {
    user: String,
    proof: Proof,
    acts_as: Option<String>,
    only: Option<String>,
    plaintext: bool,
    binding: Option<Vec<u8>>,
    run: Run,
}

enum Run {
    Idle,
    /// The rest is answered in this order.
    Replies(Vec<Vec<u8>>),
    Cram,
    /// The server tells why it refuses a token, and wants an empty answer.
    Token,
    Scram {
        session: Box<Session<NoValidation, Binding>>,
        proven: bool,
    },
}

/// A copy has not begun.
impl Clone for Run {
    fn clone(&self) -> Self {
        Run::Idle
    }
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Run::Idle => "Idle",
            Run::Replies(_) => "Replies",
            Run::Cram => "Cram",
            Run::Token => "Token",
            Run::Scram { .. } => "Scram",
        })
    }
}

/// Strongest first.
const STRENGTH: [&str; 10] = [
    "SCRAM-SHA-256-PLUS",
    "SCRAM-SHA-1-PLUS",
    "SCRAM-SHA-256",
    "SCRAM-SHA-1",
    "EXTERNAL",
    "OAUTHBEARER",
    "XOAUTH2",
    "CRAM-MD5",
    "PLAIN",
    "LOGIN",
];

/// A server that asks for more rounds than this wants to keep the client busy.
const MOST_ROUNDS: u32 = 1_000_000;

impl Login {
    /// A user who knows a password.
    #[must_use]
    pub fn password(user: &str, password: impl Into<Secret>) -> Self {
        Self::new(user, Proof::Password(password.into()))
    }

    /// A user with a token, for OAUTHBEARER and XOAUTH2.
    #[must_use]
    pub fn token(user: &str, token: impl Into<Secret>) -> Self {
        Self::new(user, Proof::Token(token.into()))
    }

    /// Whoever the certificate is for, that was shown in the handshake: EXTERNAL.
    #[must_use]
    pub fn certificate() -> Self {
        Self::new("", Proof::Certificate)
    }

    fn new(user: &str, proof: Proof) -> Self {
        Login {
            user: user.to_owned(),
            proof,
            acts_as: None,
            only: None,
            plaintext: false,
            binding: None,
            run: Run::Idle,
        }
    }

    /// Uses this mechanism and no other. It must still be offered, and may still need TLS.
    #[must_use]
    pub fn mechanism(mut self, name: &str) -> Self {
        self.only = Some(name.to_ascii_uppercase());
        self
    }

    /// Acts for somebody else, whom the server must know that this user may act for (RFC 4422
    /// section 3.4.1).
    #[must_use]
    pub fn acts_as(mut self, user: &str) -> Self {
        self.acts_as = Some(user.to_owned());
        self
    }

    /// Uses mechanisms that show the password to whoever listens without TLS too.
    #[must_use]
    pub fn allow_plaintext(mut self) -> Self {
        self.plaintext = true;
        self
    }

    /// Binds SCRAM to the TLS channel, by what `tls-exporter` (RFC 9266) gives: the adapters' `tls`
    /// has it.
    #[must_use]
    pub fn bind(mut self, exporter: &[u8]) -> Self {
        self.binding = Some(exporter.to_vec());
        self
    }

    fn may(&self, name: &str, secure: bool) -> bool {
        let chosen = self.only.as_ref().is_none_or(|only| only == name);
        let fits = match (&self.proof, name) {
            (Proof::Certificate, "EXTERNAL") => secure,
            (Proof::Token(_), "OAUTHBEARER" | "XOAUTH2") => secure || self.plaintext,
            (Proof::Password(_), "PLAIN" | "LOGIN") => secure || self.plaintext,
            (Proof::Password(_), "CRAM-MD5" | "SCRAM-SHA-1" | "SCRAM-SHA-256") => true,
            (Proof::Password(_), "SCRAM-SHA-1-PLUS" | "SCRAM-SHA-256-PLUS") => {
                secure && self.binding.is_some()
            }
            _ => false,
        };
        chosen && fits
    }

    /// CRAM-MD5 and LOGIN have no place for somebody else's name.
    fn can_act(&self, name: &str) -> bool {
        self.acts_as.is_none() || !matches!(name, "CRAM-MD5" | "LOGIN")
    }

    fn begin(&mut self, name: &str, plus_offered: bool) -> Option<Option<Vec<u8>>> {
        let acts_as = self.acts_as.as_deref().unwrap_or_default();
        // RFC 7628 section 4.1: with a token the user is named as whom one acts for.
        let as_whom = if acts_as.is_empty() { self.user.as_str() } else { acts_as };
        let (run, initial) = match (name, &self.proof) {
            ("PLAIN", Proof::Password(secret)) => {
                let text = [acts_as, &self.user, secret.expose()];
                if text.iter().any(|part| part.contains('\0')) {
                    return None;
                }
                (Run::Replies(Vec::new()), Some(text.join("\0").into_bytes()))
            }
            ("LOGIN", Proof::Password(secret)) => {
                let (user, secret) = (self.user.clone(), secret.expose().to_owned());
                (Run::Replies(vec![secret.into_bytes(), user.into_bytes()]), None)
            }
            ("CRAM-MD5", Proof::Password(_)) => (Run::Cram, None),
            ("EXTERNAL", Proof::Certificate) => {
                (Run::Replies(Vec::new()), Some(acts_as.as_bytes().to_vec()))
            }
            ("XOAUTH2", Proof::Token(secret)) => {
                let text = format!("user={as_whom}\x01auth=Bearer {}\x01\x01", secret.expose());
                (Run::Token, Some(text.into_bytes()))
            }
            ("OAUTHBEARER", Proof::Token(secret)) => {
                let user = as_whom.replace('=', "=3D").replace(',', "=2C");
                let text = format!("n,a={user},\x01auth=Bearer {}\x01\x01", secret.expose());
                (Run::Token, Some(text.into_bytes()))
            }
            (_, Proof::Password(secret)) => {
                let plus = name.ends_with("-PLUS");
                let who = Who {
                    user: self.user.clone(),
                    acts_as: self.acts_as.clone(),
                    secret: secret.clone(),
                    // The flag `y` tells a server that offers -PLUS, and was made to look as if it
                    // did not, that somebody is between (RFC 5802 section 6).
                    binds: self.binding.is_some() && (plus || !plus_offered),
                };
                let mut session = scram(name, who, Binding(self.binding.clone()))?;
                let mut first = Vec::new();
                session.step(None, &mut first).ok()?;
                let flag = if plus { &b"p="[..] } else { b"" };
                if !first.starts_with(flag) {
                    return None;
                }
                (Run::Scram { session: Box::new(session), proven: false }, Some(first))
            }
            _ => return None,
        };
        self.run = run;
        Some(initial)
    }
}

impl Authenticator for Login {
    fn start(&mut self, offered: &[&str], secure: bool) -> Option<Attempt> {
        self.run = Run::Idle;
        let unfit = |name: &str| !name.is_empty() && !is_name(name);
        if !matches!(self.proof, Proof::Certificate) && !is_name(&self.user)
            || self.acts_as.as_deref().is_some_and(unfit)
        {
            return None;
        }
        let mechanism = STRENGTH.into_iter().find(|name| {
            let is_offered = offered.iter().any(|offered| offered.eq_ignore_ascii_case(name));
            is_offered && self.may(name, secure) && self.can_act(name)
        })?;
        let plus = offered.iter().any(|name| name.to_ascii_uppercase().ends_with("-PLUS"));
        let initial_response = self.begin(mechanism, plus)?;
        Some(Attempt { mechanism: mechanism.to_owned(), initial_response })
    }

    fn respond(&mut self, challenge: &[u8]) -> Option<Vec<u8>> {
        match (&mut self.run, &self.proof) {
            (Run::Replies(replies), _) => replies.pop(),
            (Run::Cram, Proof::Password(secret)) => {
                let digest = cram(secret.expose().as_bytes(), challenge)?;
                self.run = Run::Replies(Vec::new());
                Some(format!("{} {digest}", self.user).into_bytes())
            }
            (Run::Token, _) => {
                self.run = Run::Replies(Vec::new());
                // RFC 7628 section 3.2.3; XOAUTH2 takes it too.
                Some(vec![1])
            }
            (Run::Scram { .. }, _) => {
                // A session that has failed, or is over, must not be asked again.
                let run = std::mem::replace(&mut self.run, Run::Idle);
                let Run::Scram { mut session, proven: false } = run else { return None };
                let absurd = rounds(challenge).is_some_and(|rounds| rounds > MOST_ROUNDS);
                // The server's first message; its last, good or bad.
                let is_one =
                    [&b"rsi"[..], b"v", b"e"].iter().any(|it| is_scram(challenge, false, it));
                if absurd || !is_one {
                    return None;
                }
                let mut answer = Vec::new();
                let state = session.step(Some(challenge), &mut answer).ok()?;
                self.run = Run::Scram { session, proven: state.is_finished() };
                Some(answer)
            }
            (Run::Idle | Run::Cram, _) => None,
        }
    }

    fn finish(&mut self) -> bool {
        match std::mem::replace(&mut self.run, Run::Idle) {
            Run::Scram { proven, .. } => proven,
            Run::Replies(left) => left.is_empty(),
            Run::Token => true,
            Run::Idle | Run::Cram => false,
        }
    }
}

/// The iteration count in the first message of a SCRAM server.
fn rounds(message: &[u8]) -> Option<u32> {
    let field = message.split(|byte| *byte == b',').find_map(|field| field.strip_prefix(b"i="))?;
    Some(str::from_utf8(field).ok()?.parse().unwrap_or(u32::MAX))
}

fn scram(name: &str, who: Who, binding: Binding) -> Option<Session<NoValidation, Binding>> {
    static ALL: [Mechanism; 4] =
        [scram::SCRAM_SHA1, scram::SCRAM_SHA1_PLUS, scram::SCRAM_SHA256, scram::SCRAM_SHA256_PLUS];
    let config = SASLConfig::builder()
        .with_registry(Registry::with_mechanisms(&ALL))
        .with_callback(who)
        .ok()?;
    let name = Mechname::parse(name.as_bytes()).ok()?;
    SASLClient::with_cb(config, binding).start_suggested(&[name]).ok()
}

/// What `tls-exporter` gives, where there is TLS.
pub(crate) struct Binding(pub(crate) Option<Vec<u8>>);

impl ChannelBindingCallback for Binding {
    fn get_cb_data(&self, name: &str) -> Option<&[u8]> {
        self.0.as_deref().filter(|_| name == "tls-exporter")
    }
}

struct Who {
    user: String,
    acts_as: Option<String>,
    secret: Secret,
    binds: bool,
}

impl SessionCallback for Who {
    fn callback(
        &self,
        _: &SessionData,
        _: &Context<'_>,
        request: &mut Request<'_>,
    ) -> Result<(), SessionError> {
        request.satisfy::<AuthId>(&self.user)?;
        request.satisfy::<Password>(self.secret.expose().as_bytes())?;
        if let Some(acts_as) = &self.acts_as {
            request.satisfy::<AuthzId>(acts_as)?;
        }
        Ok(())
    }

    fn enable_channel_binding(&self) -> bool {
        self.binds
    }
}
