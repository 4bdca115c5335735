//! What a subscriber sees.
#![allow(clippy::unwrap_used, missing_docs)]

use tracing_subscriber::filter::LevelFilter;

mod common;
#[path = "../../tests-shared/traced.rs"]
mod traced;

use traced::traced;

const SERVER: &str = r#"smtp{side="server" id=41 peer=192.0.2.1:40000}: smtp: "#;

#[test]
fn at_info_there_is_what_became_of_it() {
    let lines = traced(LevelFilter::INFO, common::talk);
    let server: Vec<&str> =
        lines.iter().filter_map(|it| it.split_once(SERVER)).map(|it| it.1).collect();
    assert_eq!(server[..2], ["auth code=235", "message code=250 octets=7"]);
    assert!(server[2].starts_with("closed why=the client said QUIT sent="), "{lines:?}");
    assert_eq!(server.len(), 3, "{lines:?}");
    let client: Vec<&String> =
        lines.iter().filter(|it| it.contains(r#"side="client" id="#)).collect();
    assert_eq!(client.len(), 3, "{lines:?}");
    assert!(client[1].ends_with("smtp: message code=250") && !client[1].contains("peer"));
}

#[test]
fn at_trace_there_is_every_line_and_no_secret() {
    let lines = traced(LevelFilter::TRACE, common::talk);
    let server: Vec<&str> =
        lines.iter().filter_map(|it| it.split_once(SERVER)).map(|it| it.1).collect();
    for expected in [
        "sent line=220 mx.example.org ESMTP ready",
        "received line=AUTH PLAIN ****",
        "received line=MAIL FROM:<alice@example.net>",
        "transaction",
        "recipient code=250",
        "recipient code=550",
        "received line=BDAT 7 LAST",
        "sent line=250 2.0.0 message taken",
    ] {
        assert!(server.contains(&expected), "{expected} {server:#?}");
    }
    assert!(
        lines.iter().any(|it| it.contains("client") && it.ends_with("sent line=AUTH PLAIN ****"))
    );
    let all = lines.concat();
    assert!(!all.contains("hello") && !all.contains("AGFsaWNlAHNlY3JldA"), "{all}");
}
