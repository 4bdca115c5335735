//! A filtering SMTP proxy: a server and a client in one loop, as Postfix's before-queue filter
//! (`smtpd_proxy_filter`) speaks it.
//!
//! ```text
//! cargo run -p smtp-examples --bin filter-proxy -- 127.0.0.1:10025 127.0.0.1:10026 'X-Spam-Flag: YES'
//! ```
//!
//! listens on the first address and passes mail on to the second, but for messages with a header
//! field that begins like the third argument. Those get 554, and the connection to the back end is cut
//! before the end of their content, so that nothing is stored there.
//!
//! Nothing is ever held as a whole: content goes on as it comes, and while the back end does not read,
//! the client waits. It is read and written anew, so that both sides see the same end of a message.
//! XCLIENT and XFORWARD are passed on.
//!
//! Left out: TLS, AUTH, a limit of connections. It believes every client that uses XCLIENT, so let it
//! listen where only the mail server can reach it.

use std::{io, time::Duration};

use smtp_codec::proto::reply::{Extension, Extensions, Refusal};
use smtp_codec::{client, server, server::Event};
use smtp_examples::{answer, relay::Relay};
use smtp_tokio::Server;
use tokio::net::{TcpListener, TcpStream};

/// What the proxy is called in greetings.
const NAME: &str = "proxy.example.org";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [listen, back, rule] = arguments.as_slice() else {
        return Err("usage: filter-proxy LISTEN BACK-END RULE".into());
    };
    let listener = TcpListener::bind(listen).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (back, rule) = (back.clone(), rule.clone());
        tokio::spawn(async move {
            if let Err(error) = serve(stream, &back, &rule).await {
                eprintln!("{peer}: {error}");
            }
        });
    }
}

async fn serve(stream: TcpStream, back: &str, rule: &str) -> io::Result<()> {
    let client = client::Config::new(NAME).map_err(io::Error::other)?;
    let mut relay = match Relay::connect(back, client, None).await {
        Ok(relay) => relay,
        Err(error) => {
            // 421: the client may come again.
            let mut front = Server::new(stream, offer(&Extensions::NONE)?);
            if let Event::Greet(greet) = front.next().await? {
                greet.reject(Refusal::SHUTTING_DOWN);
            }
            front.next().await?;
            return Err(error);
        }
    };
    let offered = relay.extensions();
    let mut front = Server::new(stream, offer(&offered)?);
    front.connection().trust();
    let mut header = Header::new(rule);
    loop {
        match front.next().await? {
            Event::Xclient(xclient) => {
                let told = xclient.attributes();
                answer!(xclient, relay.ask(|ready| ready.xclient(told)).await)
            }
            // It is for logs: that the back end has no use for it is no reason to refuse.
            Event::Xforward(it) if !offered.contains(Extension::Xforward) => it.accept(),
            Event::Xforward(xforward) => {
                let told = xforward.attributes();
                answer!(xforward, relay.ask(|ready| ready.xforward(told)).await)
            }
            Event::Mail(mail) => {
                answer!(mail, relay.mail(mail.reverse_path(), mail.parameters()).await)
            }
            Event::Rcpt(rcpt) => {
                answer!(rcpt, relay.rcpt(rcpt.forward_path(), rcpt.parameters()).await)
            }
            Event::Data(data) => {
                header = Header::new(rule);
                answer!(data, relay.data().await)
            }
            Event::Body(content) => match header.is_refused(content) {
                true => relay.cut().await,
                false => relay.write(content).await,
            },
            Event::Message(message) if header.refused => message.reject(Refusal::CONTENT),
            Event::Message(message) => answer!(message, relay.finish().await),
            Event::Aborted(_) => relay.cut().await,
            Event::Closed(_) => break,
            other => other.proceed(),
        }
    }
    // Content that has no end yet is not ended by this.
    relay.quit().await;
    Ok(())
}

/// What the back end offers is offered, as far as this can pass it on.
fn offer(offered: &Extensions) -> io::Result<server::Config> {
    let config = server::Config::new(NAME).map_err(io::Error::other)?;
    let config = config.max_size(offered.size().unwrap_or(0));
    let passed = [Extension::EightBitMime, Extension::SmtpUtf8, Extension::Dsn];
    let lacking = passed.into_iter().filter(|extension| !offered.contains(*extension));
    Ok(lacking.fold(config.without(Extension::BinaryMime), server::Config::without))
}

/// Looks for the rule at the beginning of each line of a header section.
struct Header<'r> {
    rule: &'r str,
    /// The line that is coming, as far as it is compared.
    line: Vec<u8>,
    ended: bool,
    refused: bool,
}

impl<'r> Header<'r> {
    fn new(rule: &'r str) -> Self {
        Header { rule, line: Vec::new(), ended: false, refused: false }
    }

    /// Whether the rule was met in this piece of the content, or before.
    fn is_refused(&mut self, content: &[u8]) -> bool {
        for octet in content {
            match octet {
                _ if self.ended || self.refused => break,
                b'\r' => {}
                b'\n' => {
                    self.ended = self.line.is_empty();
                    self.line.clear();
                }
                _ if self.line.len() < self.rule.len() => {
                    self.line.push(*octet);
                    self.refused = self.line.eq_ignore_ascii_case(self.rule.as_bytes());
                }
                _ => {}
            }
        }
        self.refused
    }
}
