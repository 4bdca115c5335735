//! Servers that are good but for one place.

use std::time::Duration;

use smtp_codec::client;
use smtp_test::{At, Do, Script, Server, Side};

use crate::shared::{Adapter, CLIENT, Letter, start_client};

fn by_data() -> Script {
    Server::script().without("CHUNKING").without("BINARYMIME")
}

/// What the client makes of its only recipient.
fn verdict<A: Adapter>(server: &Server, patience: Duration) -> String {
    let config = client::Config::new(CLIENT).unwrap().patience(patience);
    let letter = Letter::new(&["bob"], "hello\r\n");
    let report = start_client::<A>(server.address(), config, vec![letter]).end();
    report.outcomes[0].split(' ').nth(1).unwrap().to_owned()
}

/// Nothing that the client takes for accepted is missing, and nothing that the server has is tried
/// again as if it were not known.
pub fn cut_at_each_octet<A: Adapter>() {
    let patience = Duration::from_secs(5);
    let server = by_data().start();
    assert_eq!(verdict::<A>(&server, patience), "Accepted");
    let whole = server.expect_session().session.transcript;
    for (side, place, step) in
        [(Side::Client, At::received as fn(usize) -> At, 1), (Side::Server, At::sent, 3)]
    {
        let mut verdicts = Vec::new();
        for octets in (0..=whole.octets(side).len()).step_by(step) {
            let server = by_data().on(place(octets), Do::cut()).start();
            let verdict = verdict::<A>(&server, patience);
            match server.messages().len() {
                0 => assert!(verdict == "Deferred" || verdict == "Unknown", "{verdict} {octets}"),
                1 => assert!(verdict == "Accepted" || verdict == "Unknown", "{verdict} {octets}"),
                more => panic!("{more} messages\n{}", server.transcript()),
            }
            if verdicts.last() != Some(&verdict) {
                verdicts.push(verdict);
            }
        }
        assert_eq!(verdicts, ["Deferred", "Unknown", "Accepted"], "{side:?}");
    }
}

/// No lie makes the client believe that a message is taken.
pub fn lies_are_not_believed<A: Adapter>() {
    let soon = Duration::from_millis(200);
    for (script, expected) in [
        (by_data().claim("CHUNKING"), "Refused"),
        (by_data().on(At::hello(), Do::usual().and_say("250 2.0.0 all\r\n")), "Deferred"),
        (by_data().on(At::data(), Do::usual().and_say("250 2.0.0 early\r\n")), "Deferred"),
        (by_data().on(At::message(), Do::reply("banana")), "Unknown"),
        (by_data().on(At::message(), Do::raw("2500 2.0.0 ok\r\n")), "Unknown"),
        (by_data().on(At::message(), Do::reply("250-2.0.0 one\n251 2.0.0 two")), "Unknown"),
        (by_data().on(At::message(), Do::nothing()), "Unknown"),
        (by_data().on(At::message(), Do::stall()), "Unknown"),
        (by_data().on(At::message(), Do::usual().dripping(soon)), "Unknown"),
    ] {
        let server = script.start();
        assert_eq!(verdict::<A>(&server, soon), expected, "{}", server.transcript());
    }
}
