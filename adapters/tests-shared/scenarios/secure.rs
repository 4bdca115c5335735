//! Clients that misbehave around TLS. Nothing may be read or said in the clear once TLS was agreed
//! on.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::sleep;
use std::time::Duration;

use smtp_codec::proto::session::TlsPolicy;
use smtp_codec::{client, server};
use smtp_tls::rustls::{ClientConnection, ServerConnection, StreamOwned};
use smtp_tls::{ClientTls, Roots, ServerTls, Trust};

use crate::shared::secure::{Secure, Tls, start};
use crate::shared::{App, BOUND, CLIENT, Letter, Peer, Running, SERVER};

/// A client under TLS whose TCP stream can be written to behind its back.
struct Secured(StreamOwned<ClientConnection, TcpStream>);

impl Secured {
    fn handshake(stream: TcpStream, pem: &str) -> Self {
        let roots = Roots::from_pem(pem.as_bytes()).unwrap();
        let tls = ClientTls::new(SERVER, Trust::Verified, &roots).unwrap();
        let connection =
            ClientConnection::new(Arc::clone(tls.config()), tls.name().clone()).unwrap();
        let mut secured = StreamOwned::new(connection, stream);
        secured.conn.complete_io(&mut secured.sock).unwrap();
        Secured(secured)
    }

    fn say(&mut self, text: &str) {
        say(&mut self.0, text);
    }

    fn hear(&mut self, start: &str) {
        hear(&mut self.0, start);
    }

    /// Says that nothing more comes under TLS; and then goes on in the clear.
    fn close_notify_and(mut self, plain: &str) -> Vec<u8> {
        self.0.conn.send_close_notify();
        self.0.conn.complete_io(&mut self.0.sock).unwrap();
        let mut raw = self.0.sock;
        // The other end may have closed by now.
        let _ = raw.write_all(plain.as_bytes());
        let _ = raw.shutdown(Shutdown::Write);
        to_the_end(raw)
    }
}

fn say(stream: &mut impl Write, text: &str) {
    stream.write_all(text.as_bytes()).unwrap();
    stream.flush().unwrap();
}

/// Reads up to a line that begins so.
fn hear(stream: &mut impl Read, start: &str) {
    let (mut line, mut octet) = (String::new(), [0]);
    loop {
        stream.read_exact(&mut octet).unwrap();
        line.push(char::from(octet[0]));
        if octet[0] == b'\n' {
            if line.starts_with(start) {
                return;
            }
            line.clear();
        }
    }
}

/// What is left on the wire, as it is.
fn to_the_end(mut raw: TcpStream) -> Vec<u8> {
    let mut rest = Vec::new();
    // A reset says the same as an end.
    let _ = raw.read_to_end(&mut rest);
    rest
}

#[track_caller]
fn silent(rest: &[u8]) {
    let says = |code: &str| rest.windows(4).any(|four| four == code.as_bytes());
    let codes = ["220 ", "250-", "250 ", "354 ", "421 ", "500 ", "503 ", "554 "];
    assert!(!codes.into_iter().any(says), "in the clear: {}", rest.escape_ascii());
}

fn started<A: Secure>(config: server::Config, when: Tls) -> (TcpStream, String, Running<App>) {
    let (tls, pem) = ServerTls::self_signed([SERVER]).unwrap();
    let (address, serving) = start::<A>(config, when, tls);
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(BOUND)).unwrap();
    stream.set_write_timeout(Some(BOUND)).unwrap();
    (stream, pem, serving)
}

/// A client that has said EHLO and STARTTLS, and heard 220.
fn agreed<A: Secure>(config: server::Config) -> (TcpStream, String, Running<App>) {
    let (stream, pem, serving) = started::<A>(config, Tls::StartTls);
    let mut peer = Peer::new(stream.try_clone().unwrap());
    assert!(peer.reply().starts_with("220 "));
    assert!(peer.ask("EHLO client.example.net").contains("STARTTLS"));
    assert!(peer.ask("STARTTLS").starts_with("220 "));
    (stream, pem, serving)
}

fn config() -> server::Config {
    server::Config::new(SERVER).unwrap()
}

const TRANSACTION: &str = "EHLO client.example.net\r\nMAIL FROM:<a@example.net>\r\n\
    RCPT TO:<bob@example.org>\r\n";

/// Threats 2.1, CVE-2026-45185: close_notify in mid-session, and plaintext behind it, ends the session;
/// not an octet of the plaintext is read.
pub fn plaintext_behind_close_notify<A: Secure>() {
    let evil =
        "MAIL FROM:<evil@example.net>\r\nRCPT TO:<bob@example.org>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n";
    for (say, hear, plain) in [
        ("EHLO client.example.net\r\n", "250 ", evil.to_owned()),
        ("EHLO client.example.net\r\nMAIL FR", "250 ", format!("OM:<a@example.net>\r\n{evil}")),
        (TRANSACTION, "250 2.1.5 ", format!("DATA\r\nx\r\n.\r\n{evil}")),
        (&format!("{TRANSACTION}DATA\r\nhalf\r\n"), "354 ", format!("more\r\n.\r\n{evil}")),
        (&format!("{TRANSACTION}BDAT 9 LAST\r\nhalf"), "250 2.1.5 ", format!("-more{evil}")),
        (&format!("{TRANSACTION}BDAT 5 LAST\r\nhalf"), "250 2.1.5 ", "x".to_owned()),
    ] {
        let (stream, pem, serving) = agreed::<A>(config());
        let mut client = Secured::handshake(stream, &pem);
        client.say(say);
        client.hear(hear);
        silent(&client.close_notify_and(&plain));
        let app = serving.end();
        assert_eq!(app.closing, Some(server::Closing::PeerGone), "{say}");
        assert_eq!(app.stored, [], "{say}");
    }
}

/// Threats 2.1: a handshake that fails is the end, and no return to plaintext.
pub fn plaintext_in_the_place_of_a_handshake<A: Secure>() {
    let plain = "EHLO evil.example\r\nMAIL FROM:<evil@example.net>\r\nQUIT\r\n";
    for when in [Tls::StartTls, Tls::Implicit] {
        let (mut stream, _, serving) = match when {
            Tls::StartTls => agreed::<A>(config()),
            Tls::Implicit => started::<A>(config(), when),
        };
        stream.write_all(plain.as_bytes()).unwrap();
        silent(&to_the_end(stream));
        let app = serving.end();
        assert_eq!(app.closing, Some(server::Closing::TlsFailed), "{when:?}");
        assert!(app.error.is_some());
    }
}

/// Threats 2.1: the client goes away in the middle of the handshake.
pub fn handshake_that_is_cut<A: Secure>() {
    for when in [Tls::StartTls, Tls::Implicit] {
        for hello in [&b""[..], b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"] {
            let (mut stream, _, serving) = match when {
                Tls::StartTls => agreed::<A>(config()),
                Tls::Implicit => started::<A>(config(), when),
            };
            stream.write_all(hello).unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            silent(&to_the_end(stream));
            assert_eq!(serving.end().closing, Some(server::Closing::TlsFailed), "{when:?}");
        }
    }
}

/// Threats 2.1: octets in the clear in the segment of STARTTLS.
pub fn octets_behind_starttls<A: Secure>() {
    for behind in ["NOOP\r\n", "MAIL FRO", "\r\n", "x"] {
        let (mut stream, _, serving) = started::<A>(config(), Tls::StartTls);
        let mut peer = Peer::new(stream.try_clone().unwrap());
        assert!(peer.reply().starts_with("220 "));
        peer.ask("EHLO client.example.net");
        stream.write_all(format!("STARTTLS\r\n{behind}").as_bytes()).unwrap();
        let rest = peer.rest().unwrap();
        assert!(rest.starts_with("421 4.7.0 ") && rest.lines().count() == 1, "{rest}");
        assert_eq!(serving.end().closing, Some(server::Closing::Injected), "{behind:?}");
    }
}

/// Threats 5: an unanswered handshake has a deadline of its own, and drips do not extend it.
pub fn unanswered_handshake<A: Secure>() {
    let patience = Duration::from_millis(200);
    for when in [Tls::StartTls, Tls::Implicit] {
        for drips in [false, true] {
            let config = config().patience(patience);
            let (mut stream, _, serving) = match when {
                Tls::StartTls => agreed::<A>(config),
                Tls::Implicit => started::<A>(config, when),
            };
            if drips {
                let record = b"\x16\x03\x01\x02\x00\x01".iter().chain([0; 500].iter());
                for octet in record {
                    if stream.write_all(&[*octet]).is_err() {
                        break;
                    }
                    std::thread::sleep(patience / 8);
                }
            }
            silent(&to_the_end(stream));
            let app = serving.end();
            assert_eq!(app.closing, Some(server::Closing::TlsFailed), "{when:?} {drips}");
        }
    }
}

/// A truncation is no end of a message.
pub fn cut_without_close_notify<A: Secure>() {
    let (stream, pem, serving) = agreed::<A>(config());
    let mut client = Secured::handshake(stream, &pem);
    client.say(&format!("{TRANSACTION}DATA\r\nhalf\r\n"));
    client.hear("354 ");
    drop(client.0.sock);
    let app = serving.end();
    assert_eq!(app.closing, Some(server::Closing::PeerGone));
    assert_eq!(app.stored, []);
}

/// A server that refuses the content while it comes, and then neither reads nor closes: what it said
/// is heard although nothing can be written.
pub fn refused_in_much_content_under_tls<A: Secure>() {
    let (tls, pem) = ServerTls::self_signed([SERVER]).unwrap();
    let roots = Roots::from_pem(pem.as_bytes()).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (done, wait) = channel::<()>();
    let serving = Running::start(move || {
        let connection = ServerConnection::new(Arc::clone(tls.config())).unwrap();
        let mut stream = StreamOwned::new(connection, listener.accept().unwrap().0);
        say(&mut stream, "220 mx.example.org\r\n");
        hear(&mut stream, "EHLO");
        say(&mut stream, "250-mx.example.org\r\n250 PIPELINING\r\n");
        hear(&mut stream, "DATA");
        say(&mut stream, "250 ok\r\n250 ok\r\n354 go\r\n");
        stream.read_exact(&mut vec![0; 100_000]).unwrap();
        sleep(Duration::from_millis(200));
        say(&mut stream, "552 5.3.4 too big\r\n");
        let _ = wait.recv();
    });
    let config = client::Config::new(CLIENT).unwrap().tls(TlsPolicy::Implicit);
    let config = config.patience(Duration::from_secs(5));
    let tls = ClientTls::new(SERVER, Trust::Verified, &roots).unwrap();
    let letter = Letter::new(&["bob"], vec![b'.'; 16 << 20].as_slice());
    let report = Running::start(move || A::send(address, config, tls, None, vec![letter])).end();
    drop(done);
    serving.end();
    assert_eq!(report.outcomes, ["<bob@example.org> Refused at Message: 552 5.3.4 too big"]);
}
