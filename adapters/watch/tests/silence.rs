//! Where nobody listens. Alone in its process: a subscriber anywhere would be one that listens.
#![allow(clippy::unwrap_used, missing_docs)]

use smtp_codec::server::{Config, Connection};

#[test]
#[cfg(not(feature = "metrics"))]
fn nothing_is_allocated() {
    let config = std::sync::Arc::new(Config::new("mx.example.org").unwrap());
    let made = allocation_counter::measure(|| drop(Connection::new(config.clone())));
    let watched =
        allocation_counter::measure(|| drop(smtp_watch::watched(Connection::new(config.clone()))));
    assert_eq!(watched.count_total, made.count_total);
}

/// With metrics there is one for the session, none for what it does, and one at its end.
#[test]
#[cfg(feature = "metrics")]
fn a_session_is_one_allocation() {
    use bytes::Buf;
    use smtp_codec::Want;

    let run = |connection: &mut Connection, said: &[u8]| {
        connection.rx().receive(said);
        loop {
            match connection.step() {
                Want::Event => connection.event().proceed(),
                Want::Flush => {}
                _ => break,
            }
            let n = connection.tx().remaining();
            connection.tx().advance(n);
        }
        let n = connection.tx().remaining();
        connection.tx().advance(n);
    };
    let config = std::sync::Arc::new(Config::new("mx.example.org").unwrap());
    let mut connection = smtp_watch::watched(Connection::new(config.clone()));
    run(&mut connection, b"EHLO a.example\r\n");
    let said = b"MAIL FROM:<a@a.example>\r\nRCPT TO:<b@c.example>\r\nNOOP\r\nRSET\r\nBOO\r\n";
    let busy = allocation_counter::measure(|| run(&mut connection, said));
    assert_eq!(busy.count_total, 0, "{busy:?}");
    let made = allocation_counter::measure(|| drop(Connection::new(config.clone())));
    let watched =
        allocation_counter::measure(|| drop(smtp_watch::watched(Connection::new(config.clone()))));
    assert_eq!(watched.count_total, made.count_total + 1);
}
