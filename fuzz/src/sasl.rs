//! SASL exchanges: two ends that agree, two that do not, and each against anything at all.

use std::sync::Arc;

use arbitrary::{Arbitrary, Unstructured};
use smtp_codec::client::Authenticator;
use smtp_sasl::{Exchange, Identity, Login, Secret, Step, Users};

const USER: &str = "alice";
const PASSWORD: &str = "tiger";
const TOKEN: &str = "vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg==";
const MECHANISMS: [&str; 10] = [
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

/// A user with a password, a token and a certificate, who may act for one other.
struct Directory;

impl Users for Directory {
    fn password(&self, user: &str) -> Option<Secret> {
        (user == USER).then(|| Secret::from(PASSWORD))
    }
    fn is_token(&self, user: &str, token: &Secret) -> bool {
        (user == USER || user == "bob") && token.expose() == TOKEN
    }
    fn external(&self, acts_as: Option<&str>) -> Option<String> {
        acts_as.is_none_or(|name| name == USER || name == "bob").then(|| USER.to_owned())
    }
    fn may_act(&self, user: &str, acts_as: &str) -> bool {
        user == acts_as || user == USER && acts_as == "bob"
    }
}

/// What is changed on the way.
#[derive(Arbitrary, Clone, Copy, Debug, PartialEq, Eq)]
enum Meddling<'a> {
    Nothing,
    /// Another message in the place of that one.
    Replaced(&'a [u8]),
    /// One octet of it is another.
    Flipped(u16, u8),
    Cut(u8),
    Longer(&'a [u8]),
}

impl Meddling<'_> {
    fn on(self, message: &[u8]) -> Vec<u8> {
        let mut changed = message.to_vec();
        match self {
            Meddling::Nothing => {}
            Meddling::Replaced(other) => changed = other.to_vec(),
            Meddling::Flipped(at, with) => {
                let at = usize::from(at) % changed.len().max(1);
                if let Some(octet) = changed.get_mut(at) {
                    *octet ^= with;
                }
            }
            Meddling::Cut(n) => changed.truncate(changed.len().saturating_sub(usize::from(n))),
            Meddling::Longer(more) => changed.extend_from_slice(more),
        }
        changed
    }
}

/// One exchange of two ends, with whatever stands between them; or one end alone.
pub fn sasl(input: &[u8]) {
    let mut given = Unstructured::new(input);
    let _ = match given.int_in_range(0..=3) {
        Ok(0) => server_alone(&mut given),
        Ok(1) => client_alone(&mut given),
        _ => both(&mut given),
    };
}

/// Any octets from a client: whoever comes in has shown the secret.
fn server_alone(given: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let binding = <[u8; 32]>::arbitrary(given)?;
    let bound = bool::arbitrary(given)?;
    let mut exchange = Exchange::new(Arc::new(Directory), bound.then_some(&binding[..]));
    for _ in 0..given.int_in_range(1..=3)? {
        let named = given.choose(&MECHANISMS)?.to_string();
        let mechanism = if given.ratio(1, 8)? { <&str>::arbitrary(given)?.into() } else { named };
        let mut messages = vec![<Option<&[u8]>>::arbitrary(given)?];
        let mut step = exchange.start(&mechanism, messages.last().copied().flatten());
        let mut challenges = 0;
        while let Step::Challenge(_) = step {
            challenges += 1;
            assert!(challenges < 6, "an exchange without an end");
            let message = <&[u8]>::arbitrary(given)?;
            messages.push(Some(message));
            step = exchange.respond(message);
        }
        if let Step::Accepted(identity) = step {
            assert!(good(&identity));
            let said = messages.iter().flatten().copied().collect::<Vec<_>>().concat();
            let holds = |what: &str| said.windows(what.len()).any(|part| part == what.as_bytes());
            let shown = match mechanism.to_ascii_uppercase().as_str() {
                "EXTERNAL" => true,
                "PLAIN" | "LOGIN" => holds(PASSWORD),
                "OAUTHBEARER" | "XOAUTH2" => holds(TOKEN),
                _ => false,
            };
            assert!(shown, "{mechanism} {}", said.escape_ascii());
        }
        // It is over, whatever comes.
        assert_eq!(exchange.respond(b""), Step::Rejected);
    }
    Ok(())
}

/// Somebody whom the directory lets in. A token names as its user whom it is used for.
fn good(identity: &Identity) -> bool {
    let Identity { user, acts_as } = identity;
    user == USER && Directory.may_act(user, acts_as) || user == "bob" && acts_as == "bob"
}

/// A client, and whether it acts for somebody else.
fn login(given: &mut Unstructured<'_>, only: Option<&str>) -> arbitrary::Result<(Login, bool)> {
    let mut login = match only {
        Some("EXTERNAL") => Login::certificate(),
        Some("OAUTHBEARER" | "XOAUTH2") => Login::token(USER, TOKEN),
        _ => Login::password(USER, PASSWORD),
    };
    if let Some(name) = only {
        login = login.mechanism(name);
    }
    let acts = given.ratio(1, 4)?;
    if acts {
        login = login.acts_as("bob");
    }
    if given.ratio(1, 4)? {
        login = login.allow_plaintext();
    }
    Ok((login, acts))
}

/// Any octets from a server: nothing is shown that must not be, and a server that does not know
/// the secret cannot make a SCRAM client believe that it does.
fn client_alone(given: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let only = if given.ratio(1, 2)? { Some(*given.choose(&MECHANISMS)?) } else { None };
    let (mut login, _) = login(given, only)?;
    if bool::arbitrary(given)? {
        login = login.bind(&<[u8; 32]>::arbitrary(given)?);
    }
    let mut offered: Vec<&str> = MECHANISMS.to_vec();
    offered.retain(|_| given.ratio(3, 4).unwrap_or(true));
    if bool::arbitrary(given)? {
        offered.push(<&str>::arbitrary(given)?);
    }
    let secure = bool::arbitrary(given)?;
    if given.ratio(1, 4)? {
        login = login.acts_as(<&str>::arbitrary(given)?);
    }
    let Some(attempt) = login.start(&offered, secure) else { return Ok(()) };
    // No name brings a field of its own.
    let initial = attempt.initial_response.as_deref().unwrap_or_default();
    let count = |what| initial.iter().filter(|byte| **byte == what).count();
    match attempt.mechanism.as_str() {
        "PLAIN" => assert_eq!(count(0), 2),
        "OAUTHBEARER" | "XOAUTH2" => assert_eq!(count(1), 3),
        _ => assert!(!initial.iter().any(u8::is_ascii_control)),
    }
    let mechanism = attempt.mechanism.as_str();
    assert!(offered.iter().any(|name| name.eq_ignore_ascii_case(mechanism)));
    assert!(only.is_none_or(|only| only == mechanism));
    let mut turns = 0;
    while let Ok(challenge) = <&[u8]>::arbitrary(given) {
        turns += 1;
        if turns > 5 || login.respond(challenge).is_none() {
            break;
        }
    }
    let agrees = login.finish();
    assert!(!(agrees && mechanism.starts_with("SCRAM")), "believed a stranger");
    assert!(!login.finish(), "finished twice");
    Ok(())
}

/// The two ends, with somebody between them who changes one message or none.
fn both(given: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let mechanism = *given.choose(&MECHANISMS)?;
    let knows = given.ratio(3, 4)?;
    let (mut login, acts) = login(given, Some(mechanism))?;
    if !knows {
        login = match mechanism {
            "OAUTHBEARER" | "XOAUTH2" => Login::token(USER, "vF9dft4qmT"),
            _ => Login::password(USER, "lion"),
        };
        login = login.mechanism(mechanism);
    }
    let channel = [7; 32];
    let plus = mechanism.ends_with("-PLUS");
    let bound = plus || bool::arbitrary(given)?;
    // Somebody between who ends TLS on both sides has two channels.
    let same_channel = !plus || given.ratio(3, 4)?;
    let other = [8; 32];
    if bound {
        login = login.bind(if same_channel { &channel } else { &other });
    }
    let mut exchange = Exchange::new(Arc::new(Directory), bound.then_some(&channel[..]));
    let (at, meddling) = <(u8, Meddling<'_>)>::arbitrary(given)?;
    let mut number = 0;
    let mut meddled = false;
    let mut carry = |message: &[u8]| {
        let carried = if number == at % 6 { meddling.on(message) } else { message.to_vec() };
        number += 1;
        meddled |= carried != message;
        carried
    };
    let mut offered = vec![mechanism];
    if bound && !plus {
        offered.insert(0, "SCRAM-SHA-256-PLUS");
    }
    let Some(attempt) = login.start(&offered, true) else { return Ok(()) };
    let initial = attempt.initial_response.as_deref().map(&mut carry);
    let mut step = exchange.start(&attempt.mechanism, initial.as_deref());
    let mut cancelled = false;
    while let Step::Challenge(challenge) = &step {
        let Some(response) = login.respond(&carry(challenge)) else {
            cancelled = true;
            break;
        };
        step = exchange.respond(&carry(&response));
    }
    let accepted = matches!(step, Step::Accepted(_)) && !cancelled;
    let agrees = accepted && login.finish();
    let external = mechanism == "EXTERNAL";
    if !meddled {
        let good = (knows || external) && same_channel;
        assert_eq!(accepted, good, "{mechanism} {step:?}");
        assert_eq!(agrees, good, "{mechanism}");
        let as_whom = if acts && knows { "bob" } else { USER };
        assert!(
            !matches!(&step, Step::Accepted(it) if it.acts_as != as_whom),
            "{mechanism} {step:?}"
        );
    }
    if mechanism.starts_with("SCRAM") {
        assert!(!(accepted && !(knows && same_channel)), "{mechanism}: taken without the secret");
        assert!(!(agrees && meddled), "{mechanism}: changed on the way, and not noticed");
    }
    if let Step::Accepted(identity) = step {
        assert!(good(&identity));
    }
    Ok(())
}
