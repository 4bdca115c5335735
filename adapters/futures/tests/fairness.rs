//! A program that answers nothing: it spins, and must not keep other tasks from running.

use std::cell::Cell;

use futures_lite::future::{block_on, zip};
use futures_lite::io::Cursor;
use smtp_futures::codec::server::Config;
use smtp_futures::{AsyncIo, Server};

#[test]
fn an_unanswered_event_lets_others_run() {
    let config = Config::new("mx.example.org").unwrap();
    let mut server = Server::new(Cursor::new(Vec::new()), AsyncIo, config);
    let ran = Cell::new(false);
    let spinning = async {
        // A hundred thousand times the greeting; it would be for ever.
        for _ in 0..100_000 {
            server.next().await.unwrap();
        }
        ran.get()
    };
    let (saw, ()) = block_on(zip(spinning, async { ran.set(true) }));
    assert!(saw);
}
