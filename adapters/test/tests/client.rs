//! Scripted clients, against servers that are good and servers that are not.

use std::io::{self, Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};

use smtp_test::{Client, Letter, MemoryStream, SMUGGLING, Script, Server, Side};

/// A server behind which something takes LF for CRLF, as some did.
struct Deceived(MemoryStream);

impl Read for Deceived {
    fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        self.0.read(room)
    }
}

impl Write for Deceived {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(octets).replace("\r\n", "\n").replace('\n', "\r\n");
        self.0.write_all(text.as_bytes())?;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn smugglers_are_told_apart() {
    let server = Script::new().in_memory();
    for end in SMUGGLING {
        let client = Client::over(server.connect());
        client.smuggle("alice@example.net", "bob@example.org", end);
    }
    let deceived = SMUGGLING.iter().filter(|end| {
        let client = Client::over(Deceived(server.connect()));
        let smuggled =
            AssertUnwindSafe(|| client.smuggle("alice@example.net", "bob@example.org", end));
        let Err(panic) = catch_unwind(smuggled) else { return false };
        let why = panic.downcast_ref::<String>().unwrap();
        assert!(why.contains("for the end of the content"), "{why}");
        true
    });
    let of_newlines: [&[u8]; 5] = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r\n.\n\r\n", b"\n.\r\n"];
    for end in deceived {
        assert!(of_newlines.contains(end), "{end:?}");
    }
    assert!(server.messages().len() > SMUGGLING.len());
}

#[test]
fn a_cut_client_leaves_no_half_messages() {
    let letter = Letter::new("alice@example.net").to("bob@example.org").content("a: b\n\nc\n");
    let server = Script::new().in_memory();
    let whole = Client::over(server.connect()).deliver(&letter).transcript;
    for n in 0..=whole.octets(Side::Client).len() {
        let server = Script::new().in_memory();
        let sent = Client::over(server.connect()).cut_after_sending(n).deliver(&letter);
        assert_eq!(sent.transcript.octets(Side::Client).len(), n);
        for message in server.messages() {
            assert_eq!(message.content, letter.octets());
        }
        let server = Script::new().in_memory();
        let sent = Client::over(server.connect()).cut_after_receiving(n).deliver(&letter);
        assert!(sent.transcript.octets(Side::Server).len() <= n);
    }
}

#[test]
fn raw_content_goes_as_it_is() {
    for content in ["a\nb\r\n", ".\r\n", "..", "a\rb", ""] {
        let server = Script::new()
            .without("CHUNKING")
            .without("BINARYMIME")
            .configure(|config| {
                config.bare_newline(smtp_test::smtp_codec::server::BareNewline::Pass)
            })
            .in_memory();
        let letter = Letter::new("").to("bob@example.org").raw_content(content);
        Client::over(server.connect()).deliver(&letter).expect_accepted();
        // An unfinished last line is finished.
        let ended = if content == ".." || content == "a\rb" { "\r\n" } else { "" };
        server.expect_message().content(format!("{content}{ended}"));
    }
}

#[test]
fn half_a_session() {
    let server = Server::start();
    let mut client = Client::connect(server.address());
    client.hello();
    client.raw("NOO").end();
    assert_eq!(client.rest(), b"");
    let said = server.expect_session().ended(smtp_test::Ended::ByClient).session;
    assert!(said.transcript.to_string().ends_with("C: NOO\n"), "{said}");
}

#[cfg(feature = "tls")]
mod tls {
    use smtp_test::{At, Client, Do, Ended, Letter, Server};

    #[test]
    fn both_ways_of_tls() {
        let server = Server::script().start_tls().start();
        let mut client = Client::connect(server.address());
        assert!(client.hello().has_line("STARTTLS"));
        client.start_tls("mx.example.org", server.certificate());
        assert!(!client.ask("EHLO client.example.net").has_line("STARTTLS"));
        client.ask("QUIT").expect("221");
        client.expect_end();
        server.expect_session().secured().ended(Ended::Quit).said(["STARTTLS", "EHLO"]);

        let server = Server::script().implicit_tls().start();
        let mut client = Client::connect(server.address());
        client.secure("localhost", server.certificate());
        client.hello();
        client.ask("NOOP").expect("250");
        drop(client);
        server.expect_session().secured().ended(Ended::ByClient);
    }

    #[test]
    fn tls_that_goes_wrong() {
        let server = Server::script()
            .start_tls()
            .on(At::start_tls().nth(1), Do::reply("454 4.7.0 not now"))
            .on(At::start_tls().nth(2), Do::usual().and_say("250 injected\r\n"))
            .start();
        let mut client = Client::connect(server.address());
        client.hello();
        client.ask("STARTTLS").expect("454");
        client.ask("NOOP").expect("250");
        // In the clear, behind the 220, before any handshake.
        client.ask("STARTTLS").expect("220");
        client.expect("250 injected");
        client.say("no handshake").rest();
        server.expect_session().ended(Ended::TlsFailed);

        // What a client puts behind STARTTLS is the end of it.
        let mut client = Client::connect(server.address());
        client.hello();
        client.raw("STARTTLS\r\nMAIL FROM:<>\r\n").expect("421");
        client.expect_end();
        server.expect_session().ended(Ended::ByServer);
        server.expect_no_message();
    }

    #[test]
    fn a_client_in_the_clear_is_served_beside() {
        let server = Server::script().start_tls().start();
        let letter = Letter::new("alice@example.net").to("bob@example.org");
        Client::connect(server.address()).deliver(&letter).expect_accepted();
        assert!(!server.expect_message().session.secured);
    }
}
