//! Builds only if neither `std` nor an allocator is needed: there is none here.
#![no_std]

use core::panic::PanicInfo;
use core::time::Duration;

use embedded_io::{ErrorKind, ErrorType, Read, Write};
use smtp_proto::Fixed;
use smtp_proto::address::{ForwardPath, Host, ReversePath};
use smtp_proto::command::{MailParameters, RcptParameters};
use smtp_proto::reply::Reply;
use smtp_proto::session::{client, server};

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {}
}

/// A server takes a line.
pub extern "C" fn serve() -> usize {
    let settings = server::Settings::default();
    let cx = server::Context::new("mx.example.org", &settings);
    let mut room = [0; 512];
    let mut out = Fixed::new(&mut room);
    let mut session = server::Session::new();
    session.accept(&cx, None, &mut out);
    session.command(&cx, b"EHLO client.example.net", &mut out);
    session.accept(&cx, None, &mut out);
    out.finish().map_or(0, <[u8]>::len)
}

/// A client writes a transaction.
pub extern "C" fn send() -> usize {
    let mut room = [0; 512];
    let mut out = Fixed::new(&mut room);
    let mut session = client::Session::new(client::Settings::default());
    let (Ok(hello), Ok(greeting), Ok(from), Ok(to)) = (
        Host::parse("client.example.net"),
        Reply::parse(b"220 mx.example.org\r\n"),
        ReversePath::parse("<a@example.org>"),
        ForwardPath::parse("<b@example.net>"),
    ) else {
        return 0;
    };
    session.reply(greeting, hello, &mut out);
    session.noted();
    let _ = session.mail(from, MailParameters::EMPTY, &mut out);
    let _ = session.rcpt(to, RcptParameters::EMPTY, &mut out);
    session.end_rcpt(&mut out);
    out.finish().map_or(0, <[u8]>::len)
}

/// A line that nobody has connected.
struct Unplugged;

impl ErrorType for Unplugged {
    type Error = ErrorKind;
}

impl Read for Unplugged {
    fn read(&mut self, _: &mut [u8]) -> Result<usize, ErrorKind> {
        Err(ErrorKind::TimedOut)
    }
}

impl Write for Unplugged {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl tiny_client::Link for Unplugged {
    fn deadline(&mut self, _: Duration) {}
}

/// The client for devices, whole.
pub extern "C" fn post() -> usize {
    let (Ok(hello), Ok(from), Ok(to)) = (
        Host::parse("device.example.net"),
        ReversePath::parse("<a@example.org>"),
        ForwardPath::parse("<b@example.net>"),
    ) else {
        return 0;
    };
    let sent = tiny_client::send(&mut Unplugged, hello, from, [to], &["Subject: low battery"]);
    usize::from(sent.is_ok())
}
