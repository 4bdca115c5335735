//! What SCRAM asks about a user (RFC 5802).

use std::sync::{Arc, Mutex, PoisonError};

use hmac::{Hmac, Mac};
use rsasl::callback::{Context, Request, SessionCallback, SessionData};
use rsasl::mechanisms::scram::properties::ScramStoredPassword;
use rsasl::mechanisms::scram::tools;
use rsasl::prelude::SessionError;
use rsasl::property::{AuthId, AuthzId};
use rsasl::validate::{Validate, ValidationError};
use sha2::{Digest, Sha256};

use crate::{Identity, Users, is_name};

/// Who has proven to be somebody, once that is so.
pub(crate) type Verdict = Arc<Mutex<Option<Identity>>>;

/// `=2C` is a comma and `=3D` an equals sign; no other `=` may stand there (RFC 5802 section 5.1).
pub(crate) fn unescape(name: &str) -> Option<String> {
    let mut parts = name.split('=');
    let mut whole = parts.next()?.to_owned();
    for part in parts {
        let (sign, rest) = match (part.strip_prefix("2C"), part.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (_, Some(rest)) => ('=', rest),
            _ => return None,
        };
        whole.push(sign);
        whole.push_str(rest);
    }
    Some(whole)
}

/// RFC 7677 section 4 asks for at least this many.
const ROUNDS: u32 = 4096;

/// What SCRAM asks about a user.
pub(crate) struct Keeper {
    pub(crate) users: Arc<dyn Users>,
    pub(crate) sha1: bool,
    pub(crate) verdict: Verdict,
}

impl SessionCallback for Keeper {
    fn callback(
        &self,
        _: &SessionData,
        context: &Context<'_>,
        request: &mut Request<'_>,
    ) -> Result<(), SessionError> {
        if !request.is::<ScramStoredPassword<'_>>() {
            return Ok(());
        }
        let name = context.get_ref::<AuthId>().unwrap_or_default();
        let user = unescape(name).filter(|user| is_name(user));
        let known = user.as_deref().and_then(|user| self.users.password(user));
        // Somebody who is not known has a salt that stays the same, and a password that nobody
        // knows: names cannot be told apart from here.
        let (salt, nobody) = derived(name);
        let password = match &known {
            Some(secret) if !secret.expose().is_empty() => secret.expose().as_bytes(),
            _ => &nobody,
        };
        let (stored, server) = match self.sha1 {
            true => keys::<sha1::Sha1>(password, &salt),
            false => keys::<Sha256>(password, &salt),
        };
        request.satisfy::<ScramStoredPassword<'_>>(&ScramStoredPassword::new(
            ROUNDS, &salt, &stored, &server,
        ))?;
        Ok(())
    }

    /// Called once the proof is found to be right.
    fn validate(
        &self,
        _: &SessionData,
        context: &Context<'_>,
        _: &mut Validate<'_>,
    ) -> Result<(), ValidationError> {
        let user = context.get_ref::<AuthId>().and_then(unescape);
        let acts_as = match context.get_ref::<AuthzId>() {
            None | Some("") => user.clone(),
            Some(acts_as) => unescape(acts_as),
        };
        if let (Some(user), Some(acts_as)) = (user, acts_as)
            && self.users.password(&user).is_some_and(|secret| !secret.expose().is_empty())
            && is_name(&acts_as)
            && self.users.may_act(&user, &acts_as)
        {
            *self.verdict.lock().unwrap_or_else(PoisonError::into_inner) =
                Some(Identity { user, acts_as });
        }
        Ok(())
    }
}

macro_rules! stored {
    ($digest:ty, $password:expr, $salt:expr) => {{
        let mut salted = Default::default();
        tools::hash_password::<$digest>($password, ROUNDS, $salt, &mut salted);
        let (client, server) = tools::derive_keys::<$digest>(salted.as_slice());
        (<$digest>::digest(client).to_vec(), server.to_vec())
    }};
}

trait Hash {
    fn keys(password: &[u8], salt: &[u8]) -> (Vec<u8>, Vec<u8>);
}

impl Hash for sha1::Sha1 {
    fn keys(password: &[u8], salt: &[u8]) -> (Vec<u8>, Vec<u8>) {
        stored!(sha1::Sha1, password, salt)
    }
}

impl Hash for Sha256 {
    fn keys(password: &[u8], salt: &[u8]) -> (Vec<u8>, Vec<u8>) {
        stored!(Sha256, password, salt)
    }
}

fn keys<D: Hash>(password: &[u8], salt: &[u8]) -> (Vec<u8>, Vec<u8>) {
    D::keys(password, salt)
}

/// A salt, and a password for whoever is not known, made of a name and a secret of this process.
pub(crate) fn derived(name: &str) -> ([u8; 16], [u8; 16]) {
    static KEY: std::sync::OnceLock<[u8; 32]> = std::sync::OnceLock::new();
    let key = KEY.get_or_init(|| {
        let mut key = [0; 32];
        // Without randomness a salt can be foreseen, which is no secret to begin with.
        let _ = getrandom::fill(&mut key);
        key
    });
    let (mut salt, mut nobody) = ([0; 16], [0; 16]);
    if let Ok(mut mac) = <Hmac<Sha256> as Mac>::new_from_slice(key) {
        mac.update(name.as_bytes());
        let octets = mac.finalize().into_bytes();
        let (first, second) = octets.split_at(16);
        salt.copy_from_slice(first);
        nobody.copy_from_slice(second);
    }
    (salt, nobody)
}
