//! The limit: a listener on tokio that parses nothing. It tells commands by their first letter, waits
//! for the end of the mail data, and answers with fixed replies.
//! usage: bare_loop PORT

use std::io;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port: u16 = std::env::args().nth(1).ok_or("no port")?.parse()?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        // A client that goes away is no concern of others.
        tokio::spawn(async move { drop(serve(stream).await) });
    }
}

/// Where a session is: the last octets of its mail data, if it is in any.
#[derive(Default)]
struct Session {
    last: Option<[u8; 5]>,
}

async fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.write_all(b"220 mx.example.org ESMTP\r\n").await?;
    let mut session = Session::default();
    loop {
        stream.readable().await?;
        let Some(reply) = session.read(&stream)? else { return Ok(()) };
        stream.write_all(reply).await?;
    }
}

impl Session {
    /// The reply to what was read, `None` when the client has gone. The buffer is there no longer than
    /// that. One read is taken for one command: the client waits for each reply.
    fn read(&mut self, stream: &TcpStream) -> io::Result<Option<&'static [u8]>> {
        let mut room = [0; 16 * 1024];
        let read = match stream.try_read(&mut room) {
            Ok(0) => return Ok(None),
            Ok(n) => &room[..n],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(Some(b"")),
            Err(error) => return Err(error),
        };
        if let Some(last) = &mut self.last {
            for byte in &read[read.len().saturating_sub(5)..] {
                last.rotate_left(1);
                last[4] = *byte;
            }
            let ended = last == b"\r\n.\r\n";
            if ended {
                self.last = None;
            }
            return Ok(Some(if ended { b"250 2.0.0 taken\r\n" } else { b"" }));
        }
        Ok(Some(match read[0] {
            b'E' | b'e' => b"250-mx.example.org\r\n250 SIZE 52428800\r\n",
            b'D' | b'd' => {
                self.last = Some([0; 5]);
                b"354 go on\r\n"
            }
            b'Q' | b'q' => b"221 2.0.0 bye\r\n",
            _ => b"250 2.0.0 yes\r\n",
        }))
    }
}
