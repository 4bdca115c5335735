//! What this adapter traces by itself.
#![allow(clippy::unwrap_used)]

use smtp_codec::server::{Config, Event};
use smtp_tokio::Server;
use smtp_tokio::watch::Watch;
use tracing_subscriber::filter::LevelFilter;

#[path = "../../tests-shared/traced.rs"]
mod traced;

const CLIENT: &[u8] = b"HELO \x01\r\nQUIT\r\n";

#[test]
fn each_session_is_a_span_that_may_be_named() {
    let unnamed = traced::traced(LevelFilter::TRACE, || serve(None));
    assert!(unnamed.iter().all(|it| it.contains(r#"smtp{side="server" id="#)), "{unnamed:?}");
    assert!(unnamed.iter().any(|it| it.ends_with(r"received line=HELO \x01")), "{unnamed:?}");
    assert!(!unnamed[0].contains("peer="), "{unnamed:?}");
    let named = traced::traced(LevelFilter::TRACE, || serve(Some("pipe")));
    assert!(
        named.iter().all(|it| it.contains(r#"smtp{side="server" id=7 peer=pipe}"#)),
        "{named:?}"
    );
    assert!(named.last().unwrap().contains("closed why=the client said QUIT"), "{named:?}");
    assert_eq!(named.len(), unnamed.len());
}

fn serve(peer: Option<&str>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let config = Config::new("mx.example.org").unwrap();
        let mut server = Server::new(tokio::io::join(CLIENT, tokio::io::sink()), config);
        if let Some(peer) = peer {
            Watch::new().id(7).peer(peer).install(server.connection());
        }
        loop {
            match server.next().await.unwrap() {
                Event::Closed(_) => break,
                other => other.proceed(),
            }
        }
    });
}
