//! The client's side of a relay: a back end that is asked command by command, as a server's events
//! come in. `filter-proxy` and `submission` are loops around it.
//!
//! Content is passed on as it comes: at most 16 KiB of it wait here, and while the back end does not
//! read, nothing more is taken. What the back end says is handed back as it said it. Once the
//! connection is lost or cut the answer to everything is 421, so that the client begins anew, and so
//! does this side.
//!
//! Left out: a pool of connections, groups of commands (each waits for its reply), BDAT.

use std::io;
use std::time::Duration;

use smtp_tokio::Client;
use smtp_tokio::codec::client::{CallError, Config, Event, Ready};
use smtp_tokio::codec::proto::address::{ForwardPath, ReversePath};
use smtp_tokio::codec::proto::command::{MailParameters, RcptParameters};
use smtp_tokio::codec::proto::reply::{EnhancedCode, Extensions, Refusal, ReplyBuf};
use smtp_tokio::tls::ClientTls;
use tokio::net::TcpStream;

/// What the back end said, or what is to be said in its place.
pub type Answer = Result<ReplyBuf, Refusal<'static>>;

/// Answers an event with that.
#[macro_export]
macro_rules! answer {
    ($event:expr, $answer:expr) => {
        match $answer {
            Ok(reply) => $event.relay(reply.as_reply()),
            Err(refusal) => $event.reject(refusal),
        }
    };
}

/// The connection to the back end is lost.
const LOST: Refusal<'static> = Refusal::SHUTTING_DOWN;

/// How long to wait until the back end serves. It may take its five minutes (RFC 5321 section
/// 4.5.3.2.1), but the client does not wait longer than that for this side.
const GREETED: Duration = Duration::from_secs(60);

/// A session with the back end.
#[derive(Debug)]
pub struct Relay {
    client: Client<TcpStream>,
    /// What became of the message before its end.
    early: Option<Answer>,
}

impl Relay {
    /// Connects to `server`, HOST:PORT, with TLS as `config` says. It has a minute.
    ///
    /// # Errors
    ///
    /// What kept it; the back end may have refused to serve.
    pub async fn connect(server: &str, config: Config, tls: Option<ClientTls>) -> io::Result<Self> {
        let config = config.pipelining(false).chunking(false);
        let begin = async {
            let mut client = match tls {
                Some(tls) => Client::connect_tls(server, config, tls).await?,
                None => Client::connect(server, config).await?,
            };
            client.ready().await?;
            Ok(Relay { client, early: None })
        };
        tokio::time::timeout(GREETED, begin).await?
    }

    /// What the back end offers.
    pub fn extensions(&mut self) -> Extensions {
        *self.client.connection().extensions()
    }

    /// Sends one command outside of a transaction, such as XCLIENT. An open one is given up.
    pub async fn ask(&mut self, ask: impl Fn(Ready<'_>) -> Result<(), CallError>) -> Answer {
        self.early = None;
        loop {
            match self.client.next().await {
                Ok(Event::WantRcpt(slot)) => slot.reset(),
                Ok(Event::WantBody(slot)) => slot.abandon(),
                Ok(Event::Ready(ready)) => match ask(ready) {
                    Ok(()) => {}
                    Err(error) => return Err(misfit(error)),
                },
                Ok(Event::Answer(reply) | Event::Mail(reply)) => return Ok(reply.into()),
                Ok(Event::Closed(_)) | Err(_) => return Err(LOST),
                Ok(_) => {}
            }
        }
    }

    /// Begins a transaction.
    pub async fn mail(&mut self, path: ReversePath<'_>, parameters: MailParameters<'_>) -> Answer {
        self.ask(|ready| ready.mail(path, parameters)).await
    }

    /// Names a recipient.
    pub async fn rcpt(&mut self, path: ForwardPath<'_>, parameters: RcptParameters<'_>) -> Answer {
        loop {
            match self.client.next().await {
                Ok(Event::WantRcpt(slot)) => match slot.send(path, parameters) {
                    Ok(()) => {}
                    Err(error) => return Err(misfit(error)),
                },
                Ok(Event::Rcpt(_, reply)) => return Ok(reply.into()),
                Ok(Event::Ready(_) | Event::Closed(_)) | Err(_) => return Err(LOST),
                Ok(_) => {}
            }
        }
    }

    /// Asks for the go-ahead to send the content.
    pub async fn data(&mut self) -> Answer {
        loop {
            match self.client.next().await {
                Ok(Event::WantRcpt(slot)) => slot.end(),
                Ok(Event::Data(reply)) => return Ok(reply.into()),
                Ok(Event::Ready(_) | Event::Closed(_)) | Err(_) => return Err(LOST),
                Ok(_) => {}
            }
        }
    }

    /// Passes some of the content on. If the back end does not take it, `finish` tells why.
    pub async fn write(&mut self, mut content: &[u8]) {
        while !content.is_empty() && self.early.is_none() {
            match self.client.next().await {
                Ok(Event::WantBody(mut slot)) => match slot.write(content) {
                    Ok(taken) => content = content.get(taken..).unwrap_or_default(),
                    Err(_) => self.early = Some(Err(Refusal::CONTENT)),
                },
                Ok(Event::Done(reply)) => self.early = Some(Ok(reply.into())),
                Ok(Event::Ready(_) | Event::Closed(_)) | Err(_) => self.early = Some(Err(LOST)),
                Ok(_) => {}
            }
        }
    }

    /// Ends the content, and waits for what the back end says to the message.
    pub async fn finish(&mut self) -> Answer {
        loop {
            if let Some(early) = self.early.take() {
                return early;
            }
            match self.client.next().await {
                Ok(Event::WantBody(slot)) => match slot.finish() {
                    Ok(()) => {}
                    Err(_) => return Err(Refusal::CONTENT),
                },
                Ok(Event::Done(reply)) => return Ok(reply.into()),
                Ok(Event::Ready(_) | Event::Closed(_)) | Err(_) => return Err(LOST),
                Ok(_) => {}
            }
        }
    }

    /// Takes the content back, which nothing can but closing the connection: nothing is stored.
    pub async fn cut(&mut self) {
        loop {
            match self.client.next().await {
                Ok(Event::WantBody(slot)) => slot.abandon(),
                Ok(Event::Ready(_) | Event::Closed(_)) | Err(_) => return,
                Ok(_) => {}
            }
        }
    }

    /// Takes leave.
    pub async fn quit(self) {
        let _ = self.client.quit().await;
    }
}

/// This side offers what the back end cannot do.
fn misfit(error: CallError) -> Refusal<'static> {
    match error {
        CallError::TooManyRecipients(_) | CallError::TooManyTransactions(_) => Refusal::TRY_LATER,
        _ => {
            let (code, status) = (554, EnhancedCode::new(5, 3, 3));
            Refusal::new(code, status, "the next server is not capable of this")
                .unwrap_or(Refusal::LOCAL_ERROR)
        }
    }
}
