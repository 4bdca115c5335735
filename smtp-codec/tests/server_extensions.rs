//! What is advertised is enforced, and what is not advertised is not taken: the parameters of the
//! extensions of MAIL and RCPT.
#![allow(clippy::expect_used, clippy::string_slice, clippy::panic, clippy::unwrap_used)]
#![allow(clippy::indexing_slicing, clippy::cast_possible_truncation)]

mod common;

use common::script::{Script, config};
use smtp_codec::proto::command::DateTime;
use smtp_codec::proto::reply::Extension;
use smtp_codec::server::{Config, PriorityProfile};

const OK: &str = "250 2.1.0 ";
const ABSENT: &str = "555 5.5.4 parameter not offered here\r\n";
const BAD: &str = "501 5.5.4 ";

/// What EHLO says of `keyword`.
#[track_caller]
fn advertised(config: Config, keyword: &str) -> Option<String> {
    let talk = Script::ehlo(config).run();
    let lines = talk.replies[1].lines().map(|line| line[4..].to_owned()).collect::<Vec<_>>();
    lines.into_iter().find(|line| line.split(' ').next() == Some(keyword))
}

/// MAIL with each of these parameters gets that reply, and the application sees what is taken.
#[track_caller]
fn mail(config: &Config, cases: &[(&str, &str)]) {
    for (parameter, reply) in cases {
        let line = format!("MAIL FROM:<a@x> {parameter}");
        let talk = Script::ehlo(config.clone()).say(line, reply).say("NOOP", "250 ").run();
        let seen = talk.events.iter().any(|e| *e == format!("mail <a@x> {parameter}"));
        assert_eq!(seen, *reply == OK, "{parameter}: {:?}", talk.events);
    }
}

/// RFC 4865 section 4.
#[test]
fn future_release() {
    let until = DateTime::parse("2030-01-01T00:00:00Z").unwrap();
    let far = "HOLDUNTIL=2029-12-31T23:59:59Z";
    mail(&config(), &[("HOLDFOR=60", ABSENT), (far, ABSENT)]);
    // Without its two values it cannot be advertised, and is not there.
    let bare = config().with(Extension::FutureRelease);
    assert_eq!(advertised(bare.clone(), "FUTURERELEASE"), None);
    mail(&bare, &[("HOLDFOR=60", ABSENT), (far, ABSENT)]);
    let config = config().future_release(86_400, until);
    assert_eq!(
        advertised(config.clone(), "FUTURERELEASE").unwrap(),
        "FUTURERELEASE 86400 2030-01-01T00:00:00Z"
    );
    mail(
        &config,
        &[
            ("HOLDFOR=1", OK),
            ("HOLDFOR=86400", OK),
            ("HOLDFOR=86401", BAD),
            ("HOLDFOR=999999999", BAD),
            ("HOLDFOR=0", BAD),
            ("HOLDFOR=-1", BAD),
            ("HOLDFOR=1000000000", BAD),
            ("HOLDFOR", BAD),
            (far, OK),
            ("HOLDUNTIL=2030-01-01T00:00:00Z", OK),
            ("HOLDUNTIL=2030-01-01T00:00:00.5Z", BAD),
            ("HOLDUNTIL=2030-01-01T00:00:01Z", BAD),
            ("HOLDUNTIL=2029-12-31T23:30:00-01:00", BAD),
            ("HOLDUNTIL=2030-01-01T00:30:00+01:00", OK),
            ("HOLDUNTIL=2029-02-29T00:00:00Z", BAD),
            ("HOLDUNTIL=60", BAD),
            ("HOLDFOR=60 HOLDUNTIL=2029-12-31T23:59:59Z", BAD),
        ],
    );
}

/// RFC 2852 sections 3 and 4.
#[test]
fn deliver_by() {
    mail(&config(), &[("BY=120;R", ABSENT)]);
    assert_eq!(advertised(config().deliver_by(0), "DELIVERBY").unwrap(), "DELIVERBY");
    mail(&config().deliver_by(0), &[("BY=1;R", OK), ("BY=0;R", BAD)]);
    let config = config().deliver_by(240);
    assert_eq!(advertised(config.clone(), "DELIVERBY").unwrap(), "DELIVERBY 240");
    mail(
        &config,
        &[
            ("BY=240;R", OK),
            ("BY=240;RT", OK),
            ("BY=239;R", "555 5.5.4 to be delivered sooner"),
            ("BY=239;RT", "555 5.5.4 "),
            ("BY=239;N", OK),
            ("BY=-5;NT", OK),
            ("BY=-5;R", BAD),
            ("BY=0;R", BAD),
            ("BY=240", BAD),
            ("BY=240;X", BAD),
            ("BY=1000000000;N", BAD),
        ],
    );
}

/// RFC 6710 section 3.
#[test]
fn priorities() {
    mail(&config(), &[("MT-PRIORITY=3", ABSENT)]);
    let bare = config().with(Extension::MtPriority);
    assert_eq!(advertised(bare, "MT-PRIORITY").unwrap(), "MT-PRIORITY");
    for (profile, line) in [
        (PriorityProfile::Mixer, "MT-PRIORITY MIXER"),
        (PriorityProfile::Stanag4406, "MT-PRIORITY STANAG4406"),
        (PriorityProfile::Nsep, "MT-PRIORITY NSEP"),
    ] {
        let config = config().priorities(profile);
        assert_eq!(advertised(config.clone(), "MT-PRIORITY").unwrap(), line);
        mail(
            &config,
            &[
                ("MT-PRIORITY=-9", OK),
                ("MT-PRIORITY=0", OK),
                ("MT-PRIORITY=9", OK),
                ("MT-PRIORITY=10", BAD),
                ("MT-PRIORITY=-10", BAD),
                ("MT-PRIORITY=99", BAD),
                ("MT-PRIORITY=+1", BAD),
                ("MT-PRIORITY=-0", BAD),
                ("MT-PRIORITY", BAD),
            ],
        );
    }
}

/// RFC 3885 section 4.1.
#[test]
fn message_tracking() {
    mail(&config(), &[("MTRK=dGVzdA==", ABSENT)]);
    let config = config().with(Extension::Mtrk);
    assert_eq!(advertised(config.clone(), "MTRK").unwrap(), "MTRK");
    mail(
        &config,
        &[
            ("MTRK=dGVzdA==", OK),
            ("MTRK=dGVzdA==:86400", OK),
            ("MTRK=dGVzdA", BAD),
            ("MTRK=dGVzdA==:", BAD),
            ("MTRK=dGVzdA==:1000000000", BAD),
            ("MTRK=:60", BAD),
            ("MTRK", BAD),
        ],
    );
}

/// RFC 4405 section 4.
#[test]
fn submitter() {
    mail(&config(), &[("SUBMITTER=alice@example.org", ABSENT)]);
    let config = config().with(Extension::Submitter);
    assert_eq!(advertised(config.clone(), "SUBMITTER").unwrap(), "SUBMITTER");
    mail(
        &config,
        &[
            ("SUBMITTER=alice@example.org", OK),
            ("SUBMITTER=a+2Bb@example.org", OK),
            ("SUBMITTER=alice", BAD),
            ("SUBMITTER=a+0D+0A@example.org", BAD),
            ("SUBMITTER=a+zz@example.org", BAD),
            ("SUBMITTER", BAD),
            ("SUBMITTER=a@b SUBMITTER=c@d", BAD),
        ],
    );
}

/// RFC 7293 section 3.
#[test]
fn valid_since() {
    let rcpt = |config: Config, parameter: &str, reply: &str| {
        let talk = Script::ehlo(config)
            .say("MAIL FROM:<a@x>", "250 ")
            .say(format!("RCPT TO:<b@x> {parameter}"), reply)
            .run();
        let seen = talk.events.iter().any(|e| *e == format!("rcpt <b@x> {parameter}"));
        assert_eq!(seen, reply.starts_with("250"), "{parameter}");
    };
    rcpt(config(), "RRVS=2014-04-03T23:01:00Z", ABSENT);
    let config = config().with(Extension::Rrvs);
    assert_eq!(advertised(config.clone(), "RRVS").unwrap(), "RRVS");
    for (parameter, reply) in [
        ("RRVS=2014-04-03T23:01:00Z", "250 2.1.5 "),
        ("RRVS=2014-04-03T23:01:00Z;C", "250 2.1.5 "),
        ("RRVS=2014-04-03T23:01:00Z;R", "250 2.1.5 "),
        ("RRVS=2014-04-03T23:01:00Z;X", BAD),
        ("RRVS=2014-04-31T23:01:00Z", BAD),
        ("RRVS=;R", BAD),
        ("RRVS", BAD),
    ] {
        rcpt(config.clone(), parameter, reply);
    }
}

/// A client that said HELO was offered nothing.
#[test]
fn nothing_of_it_behind_helo() {
    let until = DateTime::parse("2030-01-01T00:00:00Z").unwrap();
    let config = config()
        .future_release(60, until)
        .deliver_by(0)
        .priorities(PriorityProfile::Mixer)
        .with(Extension::Mtrk)
        .with(Extension::Submitter);
    for parameter in ["HOLDFOR=1", "BY=1;R", "MT-PRIORITY=1", "MTRK=dGVzdA==", "SUBMITTER=a@b"] {
        Script::new(config.clone())
            .say("HELO client.example", "250 ")
            .say(format!("MAIL FROM:<a@x> {parameter}"), ABSENT)
            .run();
    }
}
