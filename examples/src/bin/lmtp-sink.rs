//! The last hop: LMTP under TLS, into a Maildir for each user.
//!
//! ```sh
//! mkdir -p mail/alice mail/bob    # whoever has a directory is a user
//! cargo run -p smtp-examples --bin lmtp-sink -- 127.0.0.1:2424 mail 1000000 chain.pem key.pem
//! ```
//!
//! It shows an answer for each recipient: unknown users are refused, who would have more than a
//! million octets is put off, and nobody is told yes before their copy is synced. Content is
//! streamed. STARTTLS must come before any mail; without certificate and key there is none. It
//! leaves out domains, `+detail`, and locks: deliveries at once may pass the quota together.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::{path::PathBuf, sync::Arc, thread, time::Duration};

use maildir::{Maildir, TemporaryMailFile};
use smtp_std::Server;
use smtp_std::codec::proto::address::ForwardPath;
use smtp_std::codec::server::{Config, Event, Message, Refusal};
use smtp_std::tls::ServerTls;

/// Sessions at once, each with a thread; further clients wait.
const SESSIONS: usize = 100;

struct Sink {
    config: Arc<Config>,
    tls: Option<ServerTls>,
    root: PathBuf,
    quota: u64,
}

/// What is being written for a recipient that was taken.
type Copy = (io::Result<TemporaryMailFile>, Maildir);

impl Sink {
    /// Whose mail that is, if there is room for so many octets more.
    fn user(&self, path: ForwardPath<'_>, size: u64) -> Result<Maildir, Refusal<'static>> {
        let name = match path.mailbox() {
            Some(mailbox) => mailbox.local_part().value().collect::<String>().to_ascii_lowercase(),
            None => "postmaster".into(),
        };
        // It becomes a name in the file system, and comes from a stranger.
        let is_plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b));
        let dir = self.root.join(&name);
        if !is_plain || !name.starts_with(char::is_alphanumeric) || !dir.is_dir() {
            return Err(Refusal::NO_SUCH_USER);
        }
        let user = Maildir::from(dir);
        if self.has_room(&user, size) { Ok(user) } else { Err(Refusal::MAILBOX_FULL) }
    }

    fn has_room(&self, user: &Maildir, size: u64) -> bool {
        let messages = user.list_new().chain(user.list_cur()).filter_map(io::Result::ok);
        let sizes = messages.filter_map(|message| Some(fs::metadata(message.path()).ok()?.len()));
        sizes.sum::<u64>().saturating_add(size) <= self.quota
    }

    fn open(user: &Maildir, sender: &str) -> io::Result<TemporaryMailFile> {
        user.create_dirs()?;
        let mut file = user.open_file_in_tmp().map_err(io::Error::other)?;
        write!(file, "Return-Path: {sender}\r\n")?;
        Ok(file)
    }

    /// Answers for one recipient: yes if the message is there, whatever happens from now on.
    fn answer(&self, message: Message<'_>, copy: Option<Copy>) {
        let Some((Ok(file), user)) = copy else { return message.reject(Refusal::LOCAL_ERROR) };
        if !self.has_room(&user, message.size()) {
            return message.reject(Refusal::MAILBOX_FULL);
        }
        let new = user.path().join("new");
        let stored = user.move_tmp_to_new(file).map_err(io::Error::other).and_then(|name| {
            let mut dirs = [&*new, user.path()].into_iter(); // the file itself is synced already
            let synced = dirs.try_for_each(|dir| File::open(dir)?.sync_all());
            synced.inspect_err(|_| drop(fs::remove_file(new.join(name))))
        });
        if stored.is_ok() { message.accept() } else { message.reject(Refusal::LOCAL_ERROR) }
    }

    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_nodelay(true)?;
        let mut server = match self.tls.clone() {
            None => Server::new(stream, Arc::clone(&self.config)),
            Some(tls) => Server::with_tls(stream, Arc::clone(&self.config), tls),
        };
        let (mut sender, mut size) = (String::new(), 0);
        let (mut users, mut copies) = (Vec::new(), VecDeque::new());
        loop {
            match server.next()? {
                Event::Mail(mail) => {
                    users.clear();
                    sender = mail.reverse_path().to_string();
                    size = mail.parameters().size().unwrap_or(0);
                    mail.accept();
                }
                Event::Rcpt(rcpt) => match self.user(rcpt.forward_path(), size) {
                    Err(refusal) => rcpt.reject(refusal),
                    Ok(user) => {
                        users.push(user);
                        rcpt.accept();
                    }
                },
                Event::Data(data) => {
                    copies =
                        users.drain(..).map(|user| (Self::open(&user, &sender), user)).collect();
                    data.accept();
                }
                Event::Body(octets) => {
                    for (file, _) in &mut copies {
                        let written = file.as_mut().map_or(Ok(()), |open| open.write_all(octets));
                        written.unwrap_or_else(|error| *file = Err(error));
                    }
                }
                Event::Message(message) => self.answer(message, copies.pop_front()),
                Event::Aborted(_) => copies.clear(), // and with them their files
                Event::Closed(_) => return Ok(()),
                other => other.proceed(),
            }
        }
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let config = Config::new("store.example.org")?.lmtp().max_size(50 << 20);
    let (address, root, quota, config, tls) = match arguments.as_slice() {
        [address, root, quota] => (address, root, quota.parse()?, config, None),
        [address, root, quota, chain, key] => {
            let tls = ServerTls::from_pem_files(chain, key)?;
            (address, root, quota.parse()?, config.require_tls(), Some(tls))
        }
        _ => return Err("usage: lmtp-sink ADDRESS ROOT QUOTA [CHAIN KEY]".into()),
    };
    let sink = Arc::new(Sink { config: Arc::new(config), tls, root: root.into(), quota });
    let listener = TcpListener::bind(address)?;
    println!("listening on {}", listener.local_addr()?);
    let pause = || thread::sleep(Duration::from_millis(10));
    loop {
        while Arc::strong_count(&sink) > SESSIONS {
            pause();
        }
        let Ok((stream, from)) = listener.accept().inspect_err(|_| pause()) else { continue };
        let sink = Arc::clone(&sink);
        let serve = move || sink.serve(stream).inspect_err(|e| eprintln!("{from}: {e}"));
        let _ = thread::Builder::new().spawn(serve); // without a thread the client is let go
    }
}
