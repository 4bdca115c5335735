//! A program that answers nothing: it spins, and must not keep other tasks from running.

use smtp_tokio::Server;
use smtp_tokio::codec::server::Config;

#[tokio::test]
async fn an_unanswered_event_lets_others_run() {
    let stream = tokio::io::join(tokio::io::empty(), tokio::io::sink());
    let mut server = Server::new(stream, Config::new("mx.example.org").unwrap());
    let other = tokio::spawn(async {});
    // A hundred thousand times the greeting; it would be for ever.
    for _ in 0..100_000 {
        server.next().await.unwrap();
    }
    assert!(other.is_finished());
}
