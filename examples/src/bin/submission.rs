//! A submission server (RFC 6409): it authenticates its users, lets each send from their own addresses
//! only, and hands what they send to a smart host while they wait.
//!
//! ```text
//! cargo run -p smtp-examples --bin submission -- 127.0.0.1:587 HOST:25 chain.pem key.pem users.txt
//! ```
//!
//! `users.txt` has a line for each address: `USER PASSWORD ADDRESS`. Clients must use STARTTLS; with
//! `--tls` behind it there is TLS from the first octet on, as on port 465 (RFC 8314). The smart host is
//! asked command by command: each recipient and the message get its verdict, or 451 where it cannot be
//! reached. TLS is used there if offered. The content stays as it is, below a Received field.
//!
//! Left out: a queue, logging in at the smart host, SCRAM bound to the channel, hashed passwords,
//! BINARYMIME, limits for each user, and Date and Message-ID where a client forgot them.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::{io, sync::Arc, time::Duration};

use jiff::{Zoned, tz::TimeZone};
use smtp_codec::proto::address::{AddressLiteral, ReversePath, ReversePathBuf};
use smtp_codec::proto::reply::{Extension, Refusal};
use smtp_codec::proto::session::{Protocol, TlsPolicy};
use smtp_codec::{client, server, server::Event};
use smtp_examples::{answer, relay::Relay};
use smtp_sasl::{Exchange, Identity, Passwords};
use smtp_tls::{ClientTls, Roots, ServerTls, Trust};
use smtp_tokio::Server;
use tokio::net::{TcpListener, TcpStream};

const NAME: &str = "submission.example.org";

struct Setup {
    config: Arc<server::Config>,
    tls: ServerTls,
    starts_with_tls: bool,
    smart_host: String,
    passwords: Arc<Passwords>,
    owners: HashMap<ReversePathBuf, String>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [listen, smart_host, chain, key, users, rest @ ..] = arguments.as_slice() else {
        return Err("usage: submission LISTEN SMART-HOST CHAIN KEY USERS [--tls]".into());
    };
    let (mut passwords, mut owners) = (HashMap::new(), HashMap::new());
    for line in std::fs::read_to_string(users)?.lines() {
        let [user, password, address] = line.split(' ').collect::<Vec<_>>()[..] else {
            return Err("a line of USERS is not USER PASSWORD ADDRESS".into());
        };
        passwords.insert(user.to_owned(), password.to_owned());
        owners.insert(address.parse()?, user.to_owned());
    }
    let config = server::Config::new(NAME)?.max_size(50 << 20).require_tls().require_auth();
    let config = config.auth(smtp_sasl::mechanisms().iter().copied())?;
    let setup = Arc::new(Setup {
        config: Arc::new(config.without(Extension::BinaryMime)),
        tls: ServerTls::from_pem_files(chain, key)?,
        starts_with_tls: rest == ["--tls"],
        smart_host: smart_host.clone(),
        passwords: Arc::new(passwords.into_iter().collect()),
        owners,
    });
    let listener = TcpListener::bind(listen).await?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let setup = Arc::clone(&setup);
        tokio::spawn(async move {
            setup.serve(stream, peer).await.unwrap_or_else(|error| eprintln!("{peer}: {error}"))
        });
    }
}

impl Setup {
    async fn serve(&self, stream: TcpStream, peer: SocketAddr) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let serve = if self.starts_with_tls { Server::implicit_tls } else { Server::with_tls };
        let mut front = serve(stream, Arc::clone(&self.config), self.tls.clone());
        let mut exchange = Exchange::new(self.passwords.clone(), None);
        let (mut user, mut hello, mut relay) = (None, String::new(), None);
        loop {
            match (front.next().await?, &mut relay) {
                (Event::Hello(it), _) => {
                    hello = it.host().to_string();
                    it.accept();
                }
                (Event::Auth(auth), _) => user = exchange.on_auth(auth),
                (Event::AuthResponse(response), _) => user = exchange.on_response(response),
                (Event::Mail(mail), _) if !self.may_send(user.as_ref(), mail.reverse_path()) => {
                    mail.reject(Refusal::POLICY);
                }
                (Event::Mail(mail), relay) => {
                    if relay.is_none() {
                        *relay = self.dial().await;
                    }
                    match relay {
                        None => mail.reject(Refusal::LOCAL_ERROR),
                        Some(it) => {
                            answer!(mail, it.mail(mail.reverse_path(), mail.parameters()).await)
                        }
                    }
                }
                (Event::Rcpt(rcpt), Some(relay)) => {
                    answer!(rcpt, relay.rcpt(rcpt.forward_path(), rcpt.parameters()).await);
                }
                (Event::Data(data), Some(relay)) => {
                    let received = received(&hello, peer, data.protocol());
                    answer!(data, relay.data().await);
                    relay.write(received.as_bytes()).await;
                }
                (Event::Body(content), Some(relay)) => relay.write(content).await,
                (Event::Message(message), Some(relay)) => answer!(message, relay.finish().await),
                (Event::Aborted(_), Some(relay)) => relay.cut().await,
                (Event::Closed(_), _) => break,
                (other, _) => other.proceed(),
            }
        }
        if let Some(relay) = relay {
            relay.quit().await;
        }
        Ok(())
    }

    /// Receipts and other reports have no sender (RFC 8098 section 3), whoever sends them.
    fn may_send(&self, user: Option<&Identity>, path: ReversePath<'_>) -> bool {
        let owner = self.owners.get(&path.into());
        path == ReversePath::Null || user.is_some_and(|user| owner == Some(&user.acts_as))
    }

    async fn dial(&self) -> Option<Relay> {
        let (name, _) = self.smart_host.rsplit_once(':')?;
        let tls = ClientTls::new(name, Trust::Opportunistic, &Roots::none()).ok();
        let config = client::Config::new(NAME).ok()?.tls(TlsPolicy::Opportunistic);
        let relay = Relay::connect(&self.smart_host, config, tls).await;
        relay.inspect_err(|error| eprintln!("{}: {error}", self.smart_host)).ok()
    }
}

/// What each hop puts above a message (RFC 5321 section 4.4).
fn received(hello: &str, peer: SocketAddr, protocol: Protocol) -> String {
    let from = AddressLiteral::from(peer.ip());
    let date = Zoned::now().with_time_zone(TimeZone::UTC).strftime("%a, %d %b %Y %H:%M:%S %z");
    format!("Received: from {hello} ({from})\r\n\tby {NAME} with {protocol};\r\n\t{date}\r\n")
}
