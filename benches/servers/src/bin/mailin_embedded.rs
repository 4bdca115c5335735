//! mailin-embedded, with a handler that takes everything and keeps nothing.
//! usage: mailin_embedded PORT THREADS

use mailin_embedded::{Handler, Server};

#[derive(Clone)]
struct Discarding;

impl Handler for Discarding {}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let port: u16 = arguments.next().ok_or("no port")?.parse()?;
    let threads: u32 = arguments.next().ok_or("no number of threads")?.parse()?;
    let mut server = Server::new(Discarding);
    server.with_name("mx.example.org").with_num_threads(threads);
    server.with_addr(("127.0.0.1", port)).map_err(|error| error.to_string())?;
    server.serve().map_err(|error| error.to_string().into())
}
