//! Both sides against each other, and each against what it should not take.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, clippy::indexing_slicing)]

use std::sync::Arc;

use data_encoding::BASE64;
use smtp_codec::client::{Attempt, Authenticator};
use smtp_sasl::{
    Exchange, Identity, Login, Passwords, Secret, Step, Users, bound_mechanisms, mechanisms,
};

const ALL: [&str; 10] = [
    "LOGIN",
    "PLAIN",
    "CRAM-MD5",
    "XOAUTH2",
    "OAUTHBEARER",
    "EXTERNAL",
    "SCRAM-SHA-1",
    "SCRAM-SHA-256",
    "SCRAM-SHA-1-PLUS",
    "SCRAM-SHA-256-PLUS",
];

const BINDING: &[u8] = &[7; 32];

/// Alice and her secret, somebody with a comma, and a certificate.
struct Everybody;

impl Users for Everybody {
    fn password(&self, user: &str) -> Option<Secret> {
        match user {
            "alice" | "a,b=c" => Some("tiger".into()),
            "nobody" => Some("".into()),
            "ünï" => Some("pässword".into()),
            _ => None,
        }
    }
    fn is_token(&self, user: &str, token: &Secret) -> bool {
        (user == "alice" || user == "a,b=c") && token.expose() == "ya29.token"
    }
    fn external(&self, acts_as: Option<&str>) -> Option<String> {
        acts_as.is_none_or(|name| name == "alice").then(|| "alice".into())
    }
    fn may_act(&self, user: &str, acts_as: &str) -> bool {
        user == acts_as || (user == "alice" && acts_as == "list")
    }
}

fn server(binding: Option<&[u8]>) -> Exchange {
    Exchange::new(Arc::new(Everybody), binding)
}

/// What the server thinks in the end; the client must agree that it is over.
fn talk(mut login: Login, offered: &[&str], mut server: Exchange) -> Option<(String, Step)> {
    let Attempt { mechanism, initial_response } = login.start(offered, true)?;
    let mut step = server.start(&mechanism, initial_response.as_deref());
    for _ in 0..10 {
        match step {
            Step::Challenge(challenge) => match login.respond(&challenge) {
                Some(response) => step = server.respond(&response),
                None => return Some((mechanism, Step::Rejected)),
            },
            Step::Accepted(_) => {
                assert!(login.finish(), "{mechanism}");
                return Some((mechanism, step));
            }
            Step::Rejected => return Some((mechanism, step)),
        }
    }
    panic!("{mechanism} does not end");
}

fn accepted(user: &str) -> Step {
    Step::Accepted(Identity { user: user.into(), acts_as: user.into() })
}

fn login(mechanism: &str, user: &str, secret: &str) -> Login {
    match mechanism {
        "XOAUTH2" | "OAUTHBEARER" => Login::token(user, secret),
        "EXTERNAL" => Login::certificate(),
        _ => Login::password(user, secret),
    }
    .bind(BINDING)
}

fn secret(mechanism: &str) -> &'static str {
    if mechanism.contains("OAUTH") { "ya29.token" } else { "tiger" }
}

#[test]
fn each_mechanism_lets_the_right_one_in() {
    for mechanism in ALL {
        let login = login(mechanism, "alice", secret(mechanism));
        let binding = mechanism.ends_with("-PLUS").then_some(BINDING);
        let (used, step) = talk(login, &[mechanism], server(binding)).unwrap();
        assert_eq!((used.as_str(), step), (mechanism, accepted("alice")));
    }
}

#[test]
fn each_mechanism_keeps_the_others_out() {
    for mechanism in ALL.into_iter().filter(|mechanism| *mechanism != "EXTERNAL") {
        for (user, secret) in [
            ("alice", "lion"),
            ("alice", "tiger "),
            ("bob", "tiger"),
            ("alice", "Tiger"),
            ("nobody", "x"),
        ] {
            let binding = mechanism.ends_with("-PLUS").then_some(BINDING);
            let login = login(mechanism, user, secret);
            let (_, step) = talk(login, &[mechanism], server(binding)).unwrap();
            assert_eq!(step, Step::Rejected, "{mechanism} {user} {secret}");
        }
    }
}

#[test]
fn names_may_hold_what_the_mechanisms_use() {
    for mechanism in ALL.into_iter().filter(|mechanism| *mechanism != "EXTERNAL") {
        let binding = mechanism.ends_with("-PLUS").then_some(BINDING);
        let login = login(mechanism, "a,b=c", secret(mechanism));
        let (_, step) = talk(login, &[mechanism], server(binding)).unwrap();
        assert_eq!(step, accepted("a,b=c"), "{mechanism}");
    }
    for mechanism in ["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"] {
        let login = Login::password("ünï", "pässword");
        assert_eq!(talk(login, &[mechanism], server(None)).unwrap().1, accepted("ünï"));
    }
}

#[test]
fn the_strongest_is_chosen() {
    let chosen = |login: Login, offered: &[&str], secure| {
        let mut login = login;
        login.start(offered, secure).map(|attempt| attempt.mechanism)
    };
    let password = || Login::password("alice", "tiger");
    let mut left: Vec<&str> = ALL.to_vec();
    for expected in [
        "SCRAM-SHA-256-PLUS",
        "SCRAM-SHA-1-PLUS",
        "SCRAM-SHA-256",
        "SCRAM-SHA-1",
        "CRAM-MD5",
        "PLAIN",
        "LOGIN",
    ] {
        let best = chosen(password().bind(BINDING), &left, true);
        assert_eq!(best.as_deref(), Some(expected));
        left.retain(|name| *name != expected);
    }
    assert_eq!(chosen(password(), &left, true), None);
    assert_eq!(chosen(password(), &ALL, true).as_deref(), Some("SCRAM-SHA-256"));
    assert_eq!(chosen(password(), &["scram-sha-1"], false).as_deref(), Some("SCRAM-SHA-1"));
    assert_eq!(chosen(password().mechanism("plain"), &ALL, true).as_deref(), Some("PLAIN"));
    assert_eq!(chosen(password().mechanism("EXTERNAL"), &ALL, true), None);
    assert_eq!(chosen(Login::token("a", "t"), &ALL, true).as_deref(), Some("OAUTHBEARER"));
    assert_eq!(chosen(Login::certificate(), &ALL, true).as_deref(), Some("EXTERNAL"));
}

/// Threats 6: nothing that shows a secret without TLS, unless it is asked for.
#[test]
fn secrets_wait_for_tls() {
    for (mechanism, may) in [
        ("PLAIN", false),
        ("LOGIN", false),
        ("XOAUTH2", false),
        ("OAUTHBEARER", false),
        ("EXTERNAL", false),
        ("SCRAM-SHA-256-PLUS", false),
        ("CRAM-MD5", true),
        ("SCRAM-SHA-1", true),
    ] {
        let started = login(mechanism, "alice", "x").start(&[mechanism], false);
        assert_eq!(started.is_some(), may, "{mechanism}");
    }
    for mechanism in ["PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER"] {
        let login = login(mechanism, "alice", "x").allow_plaintext();
        assert!({ login }.start(&[mechanism], false).is_some(), "{mechanism}");
    }
}

/// RFC 5802 section 6: a client that could bind, and a server that offers to, notice who hides it.
#[test]
fn a_downgrade_is_noticed() {
    let client = || Login::password("alice", "tiger").bind(BINDING);
    let mut login = client();
    let first = login.start(&["SCRAM-SHA-256"], true).unwrap().initial_response.unwrap();
    assert!(first.starts_with(b"y,"), "{}", first.escape_ascii());
    assert_eq!(
        talk(client(), &["SCRAM-SHA-256"], server(Some(BINDING))).unwrap().1,
        Step::Rejected
    );
    assert_eq!(talk(client(), &["SCRAM-SHA-256"], server(None)).unwrap().1, accepted("alice"));
    let unbound = Login::password("alice", "tiger");
    let step = talk(unbound, &["SCRAM-SHA-256"], server(Some(BINDING))).unwrap().1;
    assert_eq!(step, accepted("alice"), "a client that cannot bind says n");
    let insists = client().mechanism("SCRAM-SHA-256");
    let step = talk(insists, &["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"], server(Some(BINDING)));
    assert_eq!(
        step.unwrap().1,
        accepted("alice"),
        "nor does one that was offered it, and does not"
    );
}

/// RFC 9266: the channel of somebody between is another one.
#[test]
fn another_channel_is_noticed() {
    for mechanism in ["SCRAM-SHA-1-PLUS", "SCRAM-SHA-256-PLUS"] {
        let login = Login::password("alice", "tiger").bind(&[8; 32]);
        assert_eq!(talk(login, &[mechanism], server(Some(BINDING))).unwrap().1, Step::Rejected);
        let login = Login::password("alice", "tiger").bind(BINDING);
        assert_eq!(talk(login, &[mechanism], server(None)).unwrap().1, Step::Rejected);
    }
    for (mechanism, first) in [
        ("SCRAM-SHA-256-PLUS", &b"n,,n=alice,r=abc"[..]),
        ("SCRAM-SHA-256-PLUS", b"y,,n=alice,r=abc"),
        ("SCRAM-SHA-256", b"p=tls-exporter,,n=alice,r=abc"),
        ("SCRAM-SHA-256-PLUS", b"p=tls-unique,,n=alice,r=abc"),
    ] {
        assert_eq!(server(Some(BINDING)).start(mechanism, Some(first)), Step::Rejected);
    }
}

#[test]
fn one_user_acts_for_another() {
    for mechanism in ["PLAIN", "SCRAM-SHA-256"] {
        let login = |whom| Login::password("alice", "tiger").acts_as(whom);
        let step = talk(login("list"), &[mechanism], server(None)).unwrap().1;
        assert_eq!(step, Step::Accepted(Identity { user: "alice".into(), acts_as: "list".into() }));
        assert_eq!(talk(login("root"), &[mechanism], server(None)).unwrap().1, Step::Rejected);
    }
    for mechanism in ["OAUTHBEARER", "XOAUTH2"] {
        let login = Login::token("bob", "ya29.token").acts_as("alice");
        let step = talk(login, &[mechanism], server(None)).unwrap().1;
        assert_eq!(step, accepted("alice"), "{mechanism}: the token is for whom is acted for");
    }
    let mut login = Login::password("alice", "tiger").acts_as("list");
    assert!(login.start(&["LOGIN", "CRAM-MD5"], true).is_none(), "there is no place for it");
}

#[test]
fn a_name_to_act_for_cannot_bring_fields_of_its_own() {
    for name in ["a\x01auth=Bearer other", "a\0b", "a\r\nb"] {
        for mechanism in ["OAUTHBEARER", "XOAUTH2"] {
            let mut login = Login::token("alice", "ya29.token").acts_as(name);
            assert!(login.start(&[mechanism], true).is_none(), "{mechanism} {name:?}");
        }
        for mechanism in ["PLAIN", "SCRAM-SHA-256"] {
            let mut login = Login::password("alice", "tiger").acts_as(name);
            assert!(login.start(&[mechanism], true).is_none(), "{mechanism} {name:?}");
        }
        let mut login = Login::certificate().acts_as(name);
        assert!(login.start(&["EXTERNAL"], true).is_none(), "{name:?}");
    }
}

/// RFC 4616 section 2, threats 6.
#[test]
fn messages_of_plain_that_are_none() {
    let long = [&b"\0alice\0"[..], &vec![b'x'; 8193]].concat();
    for bad in [
        &b""[..],
        b"alice",
        b"\0alicetiger",
        b"\0alice\0tiger\0",
        b"\0\0alice\0tiger",
        b"\0alice\0",
        b"\0\0tiger",
        b"root\0alice\0tiger",
        b"\0alice\0ti\0ger",
        b"\0al\xffice\0tiger",
        b"\0alice\n\0tiger",
        b"\0\x01\0tiger",
        b"\0nobody\0",
        &long,
    ] {
        assert_eq!(
            server(None).start("PLAIN", Some(bad)),
            Step::Rejected,
            "{}",
            bad.escape_ascii()
        );
    }
    assert_eq!(server(None).start("PLAIN", Some(b"alice\0alice\0tiger")), accepted("alice"));
    let mut waiting = server(None);
    assert_eq!(waiting.start("plain", None), Step::Challenge(vec![]));
    assert_eq!(waiting.respond(b"\0alice\0tiger"), accepted("alice"));
    assert_eq!(waiting.respond(b"\0alice\0tiger"), Step::Rejected, "it is over");
}

/// RFC 2195 section 2.
#[test]
fn cram_md5_by_the_book() {
    struct Tim;
    impl Users for Tim {
        fn password(&self, _: &str) -> Option<Secret> {
            Some("tanstaaftanstaaf".into())
        }
    }
    let mut login = Login::password("tim", "tanstaaftanstaaf");
    login.start(&["CRAM-MD5"], false).unwrap();
    let challenge =
        BASE64.decode(b"PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+").unwrap();
    assert_eq!(
        login.respond(&challenge).unwrap(),
        BASE64.decode(b"dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw").unwrap()
    );
    assert!(login.finish());
    let challenge = || Exchange::new(Arc::new(Tim), None).start("CRAM-MD5", None);
    assert_ne!(format_of(challenge()), format_of(challenge()), "no challenge comes twice");
    assert_eq!(server(None).start("CRAM-MD5", Some(b"x")), Step::Rejected, "the server is first");
    for bad in [&b""[..], b"alice", b"alice ", b"alice 00", b" x", b"\xff x"] {
        let mut server = server(None);
        server.start("CRAM-MD5", None);
        assert_eq!(server.respond(bad), Step::Rejected);
    }
}

fn format_of(step: Step) -> Vec<u8> {
    let Step::Challenge(challenge) = step else { panic!() };
    assert!(challenge.starts_with(b"<") && challenge.ends_with(b">"));
    challenge
}

/// RFC 7628 section 3.2: why it is refused, an empty answer, and only then the refusal.
#[test]
fn a_bad_token_is_explained() {
    let first = b"n,a=alice,\x01host=mx\x01port=587\x01auth=Bearer bad\x01\x01";
    let mut exchange = server(None);
    let Step::Challenge(why) = exchange.start("OAUTHBEARER", Some(first)) else { panic!() };
    assert!(why.starts_with(b"{\"status\":"));
    assert_eq!(exchange.respond(b"\x01"), Step::Rejected);
    let good = b"n,a=alice,\x01host=mx\x01port=587\x01auth=bearer ya29.token\x01\x01";
    assert_eq!(server(None).start("OAUTHBEARER", Some(good)), accepted("alice"));
    for bad in [
        &b""[..],
        b"\x01\x01",
        b"n,a=alice,\x01auth=Bearer ya29.token\x01",
        b"n,,\x01auth=Bearer t\x01\x01",
        b"p=x,a=alice,\x01auth=Bearer ya29.token\x01\x01",
        b"n,a=alice,\x01\x01",
        b"n,a=al=2Xice,\x01auth=Bearer ya29.token\x01\x01",
        b"n,a=alice,\x01auth=Bearer ya29.token\x01auth=Bearer x\x01\x01",
    ] {
        assert_eq!(
            server(None).start("OAUTHBEARER", Some(bad)),
            Step::Rejected,
            "{}",
            bad.escape_ascii()
        );
    }
    for bad in
        [&b""[..], b"user=alice", b"user=alice\x01\x01", b"auth=Bearer x\x01user=alice\x01\x01"]
    {
        assert_eq!(server(None).start("XOAUTH2", Some(bad)), Step::Rejected);
    }
}

#[test]
fn messages_of_scram_that_are_none() {
    for bad in [
        &b""[..],
        b"n",
        b"n,,",
        b"n,,n=alice",
        b"n,,r=abc",
        b"x,,n=alice,r=abc",
        b"n,,n=al=ice,r=abc",
        b"n,,m=x,n=alice,r=abc",
        b"\xff,,n=a,r=b",
    ] {
        let mut exchange = server(None);
        let step = exchange.start("SCRAM-SHA-256", Some(bad));
        if let Step::Challenge(_) = step {
            assert_eq!(exchange.respond(b"c=biws,r=x,p=AAAA"), Step::Rejected);
        }
    }
    for bad in [&b""[..], b"c=biws", b"c=biws,r=abc,p=AAAA", b"c=biws,r=abc", b"\0", b"v=x"] {
        let mut exchange = server(None);
        let first = exchange.start("SCRAM-SHA-256", Some(b"n,,n=alice,r=abcdefgh"));
        assert!(matches!(first, Step::Challenge(_)));
        assert_eq!(exchange.respond(bad), Step::Rejected, "{}", bad.escape_ascii());
    }
}

/// Names cannot be found out by their salts.
#[test]
fn who_is_not_known_has_a_salt_too() {
    let salt = |user: &str| {
        let first = format!("n,,n={user},r=abcdefgh");
        let step = server(None).start("SCRAM-SHA-256", Some(first.as_bytes()));
        let Step::Challenge(message) = step else { panic!() };
        let text = String::from_utf8(message).unwrap();
        text.split(',').find(|field| field.starts_with("s=")).unwrap().to_owned()
    };
    assert_eq!(salt("bob"), salt("bob"));
    assert_eq!(salt("alice"), salt("alice"));
    assert_ne!(salt("bob"), salt("eve"));
    assert_eq!(salt("bob").len(), salt("alice").len());
}

/// A server that says yes must have proven itself; one that wants too much is left alone.
#[test]
fn a_scram_client_is_not_to_be_fooled() {
    let begun = || {
        let mut login = Login::password("alice", "tiger");
        let first = login.start(&["SCRAM-SHA-256"], true).unwrap().initial_response.unwrap();
        let text = String::from_utf8(first).unwrap();
        let nonce = text.rsplit_once("r=").unwrap().1.to_owned();
        (login, nonce)
    };
    let (mut login, _) = begun();
    assert!(!login.finish(), "before anything was said");
    let (mut login, nonce) = begun();
    let first = format!("r={nonce}server,s=QSXCR+Q6sek8bf92,i=4096");
    assert!(login.respond(first.as_bytes()).is_some());
    assert!(!login.finish(), "before the signature");
    let (mut login, nonce) = begun();
    login.respond(format!("r={nonce}server,s=QSXCR+Q6sek8bf92,i=4096").as_bytes()).unwrap();
    assert!(login.respond(b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=").is_none(), "a false signature");
    assert!(!login.finish());
    for bad in [
        "r=other,s=QSXCR+Q6sek8bf92,i=4096".to_owned(),
        format!("r={nonce},s=QSXCR+Q6sek8bf92,i=4096"),
        format!("r={nonce}x,s=QSXCR+Q6sek8bf92,i=0"),
        format!("r={nonce}x,s=QSXCR+Q6sek8bf92,i=4294967295"),
        format!("r={nonce}x,s=QSXCR+Q6sek8bf92,i=99999999999"),
        format!("r={nonce}x,s=QSXCR+Q6sek8bf92,i=-1"),
        format!("r={nonce}x,s=!,i=4096"),
        format!("m=x,r={nonce}x,s=QSXCR+Q6sek8bf92,i=4096"),
        String::new(),
    ] {
        let (mut login, fresh) = begun();
        let message = bad.replace(&nonce, &fresh);
        assert_eq!(login.respond(message.as_bytes()), None, "{bad}");
        assert!(!login.finish());
    }
}

/// A server that refuses to ask for what LOGIN has to say.
#[test]
fn yes_too_early_is_no() {
    let mut login = Login::password("alice", "tiger").mechanism("LOGIN");
    login.start(&["LOGIN"], true).unwrap();
    login.respond(b"Username:").unwrap();
    assert!(!login.finish());
}

#[test]
fn what_cannot_be_sent_is_not() {
    for user in ["", "a\0b", "a\r\nb", "a\u{7f}b"] {
        assert!(Login::password(user, "x").start(&["PLAIN", "LOGIN"], true).is_none(), "{user:?}");
    }
    assert!(Login::password("a", "x\0y").start(&["PLAIN"], true).is_none());
}

#[test]
fn secrets_are_not_shown() {
    let mut login = login("PLAIN", "alice", "tiger");
    let attempt = login.start(&["PLAIN"], true);
    let mut exchange = server(None);
    let step = exchange.start("LOGIN", None);
    let _ = exchange.respond(b"alice");
    let users = Passwords::from_iter([("alice", "tiger")]);
    let scram = { Login::password("alice", "tiger") };
    for shown in [
        format!("{login:?}"),
        format!("{attempt:?}"),
        format!("{exchange:?}"),
        format!("{step:?}"),
        format!("{users:?}"),
        format!("{scram:?}"),
        format!("{:?}", Secret::from("tiger")),
        format!("{:?}", Step::Challenge(b"tiger".to_vec())),
    ] {
        assert!(!shown.contains("tiger") && !shown.contains("116, 105"), "{shown}");
    }
}

#[test]
fn all_that_passwords_can_do_is_served() {
    let users: Arc<dyn Users> = Arc::new(Passwords::from_iter([("alice", "tiger")]));
    assert!(mechanisms().iter().all(|name| !name.ends_with("-PLUS")), "they need a binding");
    assert!(mechanisms().iter().all(|name| bound_mechanisms().contains(name)));
    for mechanism in bound_mechanisms() {
        let login = Login::password("alice", "tiger").bind(BINDING);
        let binding = mechanism.ends_with("-PLUS").then_some(BINDING);
        let server = Exchange::new(Arc::clone(&users), binding);
        assert_eq!(talk(login, &[mechanism], server).unwrap().1, accepted("alice"));
    }
}

proptest::proptest! {
    /// No message brings a server down, or in.
    #[test]
    fn noise_is_rejected(
        mechanism in proptest::sample::select(ALL.to_vec()),
        messages in proptest::collection::vec(proptest::collection::vec(proptest::num::u8::ANY, 0..60), 1..4),
    ) {
        let mut exchange = server(Some(BINDING));
        let mut step = exchange.start(mechanism, messages.first().map(Vec::as_slice));
        for message in &messages {
            if mechanism != "EXTERNAL" {
                proptest::prop_assert!(!matches!(step, Step::Accepted(_)));
            }
            step = exchange.respond(message);
        }
    }

    /// What looks like SCRAM brings nobody down either.
    #[test]
    fn noise_in_attributes_is_rejected(
        first in "[nypx]?(=[a-z-]{0,12})?,(a=?[a-z]{0,3})?(,[a-z]?=?[ -~]{0,12}){0,4}",
        last in "([a-z]?=?[A-Za-z0-9+/=]{0,40},?){0,4}",
        challenge in "([a-z]?=?[A-Za-z0-9+/=]{0,12},?){0,4}",
        mechanism in proptest::sample::select(vec!["SCRAM-SHA-1", "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"]),
    ) {
        let mut exchange = server(Some(BINDING));
        let _ = exchange.start(mechanism, Some(first.as_bytes()));
        proptest::prop_assert_eq!(exchange.respond(last.as_bytes()), Step::Rejected);
        let mut exchange = server(None);
        let begun = exchange.start("SCRAM-SHA-256", Some(b"n,,n=alice,r=abcdefgh"));
        proptest::prop_assert!(matches!(begun, Step::Challenge(_)));
        proptest::prop_assert_eq!(exchange.respond(last.as_bytes()), Step::Rejected);
        let mut login = Login::password("alice", "tiger");
        login.start(&["SCRAM-SHA-256"], true).unwrap();
        let _ = login.respond(challenge.as_bytes());
        let _ = login.respond(last.as_bytes());
        proptest::prop_assert!(!login.finish());
    }

    /// Nor a client.
    #[test]
    fn noise_proves_nothing(
        messages in proptest::collection::vec(proptest::collection::vec(proptest::num::u8::ANY, 0..60), 1..4),
    ) {
        let mut login = Login::password("alice", "tiger");
        login.start(&["SCRAM-SHA-256"], true).unwrap();
        for message in &messages {
            let _ = login.respond(message);
        }
        proptest::prop_assert!(!login.finish());
    }
}

/// rsasl passes over extensions of SCRAM and signs none of them: added on the way, none of them would be
/// noticed.
#[test]
fn nothing_is_added_to_scram_on_the_way() {
    for meddled in 0..4 {
        let mut number = 0;
        let mut carry = |message: Vec<u8>| {
            number += 1;
            let more: &[u8] = if number - 1 == meddled { b",x=1" } else { b"" };
            [&message, more].concat()
        };
        let mut login = Login::password("alice", "tiger").mechanism("SCRAM-SHA-256");
        let attempt = login.start(&["SCRAM-SHA-256"], true).unwrap();
        let mut server = server(None);
        let initial = carry(attempt.initial_response.unwrap());
        let mut step = server.start("SCRAM-SHA-256", Some(&initial));
        while let Step::Challenge(challenge) = step {
            let Some(response) = login.respond(&carry(challenge)) else { break };
            step = server.respond(&carry(response));
        }
        assert!(!login.finish(), "message {meddled}");
    }
}
