//! Sends a message that lettre built, over the client of the core.
//!
//! ```text
//! echo Hello | cargo run -p smtp-examples --bin lettre-transport -- 127.0.0.1:2525 Hi a@example.net b@example.org
//! ```
//!
//! sends the text on standard input with the subject `Hi` from the first address to the others, and
//! tells what became of each. `--lmtp` before all that speaks LMTP, where each recipient gets an answer
//! of its own to the message, and `--async` sends on tokio. The transports are in
//! `examples/src/lettre.rs`, to be copied; one line below is all that a user of lettre changes.
//!
//! Exit code: 0 if all were accepted, 75 if trying again may help, 69 if not.
//!
//! Left out: TLS and a login, for which `Mailer` has methods, and a pool of connections.

use std::io::Read;
use std::process::ExitCode;

use lettre::{AsyncTransport, Message, Transport, message::header::ContentType};
use smtp_codec::client::Config;
use smtp_examples::lettre::Mailer;

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (flags, rest): (Vec<_>, Vec<_>) = arguments.iter().partition(|it| it.starts_with("--"));
    let [server, subject, from, to @ ..] = rest.as_slice() else {
        return Err("usage: lettre-transport [--lmtp] [--async] SERVER SUBJECT FROM TO...".into());
    };
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let mut message = Message::builder().from(from.parse()?).subject(subject.as_str());
    for address in to {
        message = message.to(address.parse()?);
    }
    let message = message.header(ContentType::TEXT_PLAIN).body(text)?;

    let config = Config::new("client.example.net")?;
    let config = if flags.iter().any(|it| *it == "--lmtp") { config.lmtp() } else { config };
    // Here stood `SmtpTransport::builder_dangerous(server).build()`.
    let mailer = Mailer::new(server, config);
    let result = match flags.iter().any(|it| *it == "--async") {
        false => Transport::send(&mailer, &message),
        true => tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?
            .block_on(AsyncTransport::send(&mailer, message)),
    };

    match result {
        Ok(_) => {
            to.iter().for_each(|address| println!("{address}: Accepted"));
            Ok(ExitCode::SUCCESS)
        }
        Err(error) => {
            eprintln!("{error}");
            for (address, outcome) in error.recipients() {
                println!("{address}: {:?}", outcome.verdict);
            }
            Ok(ExitCode::from(if error.is_transient() { 75 } else { 69 }))
        }
    }
}
