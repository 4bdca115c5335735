//! Inbound mail to HTTP: each message is posted as JSON to a webhook, and accepted once that says 2xx.
//!
//! ```text
//! cargo run -p smtp-examples --bin webhook -- 127.0.0.1:2525 http://127.0.0.1:8080/mail example.org
//! ```
//!
//! takes mail for the domain in the last argument, and posts
//!
//! ```json
//! {"client": "192.0.2.1:4025", "hello": "client.example.net", "protocol": "ESMTP",
//!  "from": {"address": "alice@example.net", "parameters": "SIZE=25"},
//!  "to": [{"address": "bob@example.org", "parameters": ""}],
//!  "content": "U3ViamVjdDogSGkNCg0KSGkNCg=="}
//! ```
//!
//! The address is empty in reports, which have no sender; the content is in base64, as it came. If the
//! webhook cannot be reached, is slow or says anything but 2xx, the client is told 451, keeps the message
//! and comes again. So the webhook may see a message twice: Message-ID tells.
//!
//! Left out: HTTPS (a feature of ureq), TLS and AUTH, a limit of connections, spooling: up to 25 MiB a
//! message are held in memory, and for a moment 70, while they become JSON.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::{io, sync::Arc, thread, time::Duration};

use data_encoding::BASE64;
use serde_json::{Value, json};
use smtp_std::Server;
use smtp_std::codec::proto::address::{Domain, ForwardPath, Host};
use smtp_std::codec::server::{Config, Event, Refusal};

/// A client waits ten minutes for the answer to its message (RFC 5321 section 4.5.3.2.6).
const PATIENCE: Duration = Duration::from_secs(60);

struct Setup {
    config: Arc<Config>,
    agent: ureq::Agent,
    url: String,
    domain: String,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [listen, url, domain, patience @ ..] = arguments.as_slice() else {
        return Err("usage: webhook LISTEN URL DOMAIN [SECONDS]".into());
    };
    let seconds = patience.first().map(|seconds| seconds.parse()).transpose()?;
    let agent = ureq::Agent::config_builder()
        .timeout_global(Some(seconds.map_or(PATIENCE, Duration::from_secs)))
        .max_redirects(0)
        .http_status_as_error(false)
        .build();
    let setup = Arc::new(Setup {
        config: Arc::new(Config::new("mx.example.org")?.max_size(25 << 20)),
        agent: agent.into(),
        url: url.clone(),
        domain: Domain::parse(domain)?.to_string(),
    });
    let listener = TcpListener::bind(listen)?;
    println!("listening on {}", listener.local_addr()?);
    loop {
        let Ok((stream, peer)) = listener.accept() else {
            thread::sleep(Duration::from_millis(100));
            continue;
        };
        let setup = Arc::clone(&setup);
        let serve = move || {
            setup.serve(stream, peer).unwrap_or_else(|error| eprintln!("{peer}: {error}"));
        };
        let _ = thread::Builder::new().spawn(serve); // without a thread the client is let go
    }
}

impl Setup {
    fn serve(&self, stream: TcpStream, peer: SocketAddr) -> io::Result<()> {
        let mut server = Server::new(stream, Arc::clone(&self.config));
        let (mut hello, mut from, mut to) = (String::new(), Value::Null, Vec::new());
        let mut content = Vec::new();
        loop {
            match server.next()? {
                Event::Hello(it) => {
                    hello = it.host().to_string();
                    it.accept();
                }
                Event::Mail(mail) => {
                    let address = mail.reverse_path().mailbox().map(|it| it.to_string());
                    from = json!({
                        "address": address.unwrap_or_default(),
                        "parameters": mail.parameters().as_str(),
                    });
                    (to, content) = (Vec::new(), Vec::new());
                    mail.accept();
                }
                Event::Rcpt(rcpt) if !self.is_ours(rcpt.forward_path()) => {
                    rcpt.reject(Refusal::RELAY_DENIED);
                }
                Event::Rcpt(rcpt) => {
                    let address = rcpt.forward_path().mailbox().map(|it| it.to_string());
                    to.push(json!({
                        "address": address.unwrap_or_else(|| "postmaster".into()),
                        "parameters": rcpt.parameters().as_str(),
                    }));
                    rcpt.accept();
                }
                Event::Body(bytes) => content.extend_from_slice(bytes),
                Event::Message(message) => {
                    let mut mail = json!({
                        "client": peer.to_string(),
                        "hello": hello,
                        "protocol": message.protocol().to_string(),
                        "from": from,
                        "to": to,
                    });
                    let body = BASE64.encode(&std::mem::take(&mut content));
                    mail.as_object_mut().map(|it| it.insert("content".into(), body.into()));
                    match self.post(mail) {
                        Ok(()) => message.accept(),
                        Err(error) => {
                            eprintln!("{}: {error}", self.url);
                            message.reject(Refusal::LOCAL_ERROR);
                        }
                    }
                }
                Event::Aborted(_) => content = Vec::new(),
                Event::Closed(_) => return Ok(()),
                other => other.proceed(),
            }
        }
    }

    /// `<postmaster>` too, which every server must take (RFC 5321 section 4.5.1).
    fn is_ours(&self, path: ForwardPath<'_>) -> bool {
        let Some(mailbox) = path.mailbox() else { return true };
        matches!(mailbox.host(), Host::Domain(domain) if domain.as_str().eq_ignore_ascii_case(&self.domain))
    }

    fn post(&self, mail: Value) -> Result<(), Box<dyn std::error::Error>> {
        let request = self.agent.post(&self.url).content_type("application/json");
        let json = mail.to_string();
        drop(mail);
        let response = request.send(json)?;
        match response.status() {
            status if status.is_success() => Ok(()),
            status => Err(format!("the webhook said {status}").into()),
        }
    }
}
