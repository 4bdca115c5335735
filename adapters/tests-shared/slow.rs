//! A stream that takes what is written at once and sends it only while it is flushed, as tokio's
//! standard output does: its end does not flush it. And the tests over it; each adapter has the traits.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

#[derive(Clone, Default)]
pub struct Sent(Arc<Mutex<Vec<u8>>>);

impl Sent {
    fn with<T>(&self, look: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The codes of the replies so far, each of one line.
    pub fn codes(&self) -> String {
        let text = self.with(|sent| String::from_utf8_lossy(sent).into_owned());
        text.lines()
            .map(|line| line.split(' ').next().unwrap_or(line))
            .collect::<Vec<_>>()
            .join(" ")
    }
}

#[derive(Default)]
pub struct Slow {
    pub input: &'static [u8],
    held: Vec<u8>,
    waited: bool,
    sent: Sent,
    /// Comes in as soon as something was written, before it is sent.
    early: &'static [u8],
    /// There is no end of input.
    pub open: bool,
}

impl Slow {
    pub fn over(input: &'static [u8]) -> (Self, Sent) {
        let stream = Slow { input, ..Slow::default() };
        let sent = stream.sent.clone();
        (stream, sent)
    }

    pub fn answering_too_soon(input: &'static [u8], early: &'static [u8]) -> Self {
        Slow { input, early, open: true, ..Slow::default() }
    }

    pub fn take(&mut self, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.held.extend_from_slice(bytes);
        self.waited = false;
        if !self.early.is_empty() {
            self.input = std::mem::take(&mut self.early);
        }
        Poll::Ready(Ok(bytes.len()))
    }

    pub fn flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.held.is_empty() && !std::mem::replace(&mut self.waited, true) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        self.sent.with(|sent| sent.append(&mut self.held));
        Poll::Ready(Ok(()))
    }
}

/// `$server` and `$client` make one of a stream and a configuration; `$block_on` runs a future.
macro_rules! slow_tests {
    ($server:expr, $client:expr, $block_on:path) => {
        const COMMANDS: &[u8] = b"HELO client.example.net\r\nVRFY a\r\nQUIT\r\n";

        fn config() -> Config {
            Config::new("mx.example.org").unwrap_or_else(|error| unreachable!("{error}"))
        }

        fn told(input: &'static [u8]) -> String {
            let (stream, sent) = Slow::over(input);
            let mut server = $server(stream, config());
            $block_on(async {
                loop {
                    match server.next().await.unwrap() {
                        Event::Closed(_) => break,
                        other => other.proceed(),
                    }
                }
            });
            sent.codes()
        }

        #[test]
        fn what_is_told_last_is_sent() {
            assert_eq!(told(COMMANDS), "220 250 252 221");
        }

        /// The end of input needs no word, so that nothing is flushed for one.
        #[test]
        fn what_was_told_before_the_end_of_input_is_sent() {
            assert_eq!(told(b"HELO client.example.net\r\nVRFY a\r\n"), "220 250 252");
        }

        #[test]
        fn also_by_futures_that_are_dropped() {
            let (stream, sent) = Slow::over(COMMANDS);
            let mut server = $server(stream, config());
            $block_on(async {
                loop {
                    match pin!(server.next()).poll(&mut Context::from_waker(Waker::noop())) {
                        Poll::Ready(Ok(Event::Closed(_))) => break,
                        Poll::Ready(event) => event.unwrap().proceed(),
                        Poll::Pending => {}
                    }
                }
            });
            assert_eq!(sent.codes(), "220 250 252 221");
        }

        /// In LMTP what one recipient is told need not wait for what the next will be, also where the
        /// future that began to send it was dropped.
        #[test]
        fn a_recipient_is_told_before_the_next_is_decided_about() {
            let (stream, sent) = Slow::over(
                b"LHLO c.example\r\nMAIL FROM:<>\r\nRCPT TO:<a@b.example>\r\nRCPT TO:<b@b.example>\r\n\
                  DATA\r\n.\r\nQUIT\r\n",
            );
            let mut server = $server(stream, config().lmtp());
            let mut replies = Vec::new();
            $block_on(async {
                loop {
                    match pin!(server.next()).poll(&mut Context::from_waker(Waker::noop())) {
                        Poll::Ready(Ok(Event::Closed(_))) => break,
                        Poll::Ready(Ok(Event::Rcpt(rcpt))) => rcpt.accept(),
                        Poll::Ready(Ok(Event::Message(message))) => {
                            replies.push(sent.codes().split(' ').filter(|code| code.len() == 3).count());
                            message.accept();
                        }
                        Poll::Ready(event) => event.unwrap().proceed(),
                        Poll::Pending => {}
                    }
                }
            });
            let [first, second] = replies[..] else { panic!("{replies:?}") };
            assert!(second > first, "{replies:?}");
            assert!(sent.codes().ends_with("354 250 250 221"), "{}", sent.codes());
        }

        /// What the stream has taken it need not have sent, and nobody can have answered that.
        #[test]
        fn a_reply_to_what_was_not_sent_yet_is_none() {
            use smtp_codec::client::{Closing, Config, Event};
            use smtp_codec::proto::session::client::ProtocolFault;
            let config = Config::new("client.example.net").unwrap_or_else(|_| unreachable!());
            let early = b"250 mx.example.org\r\n";
            let stream = Slow::answering_too_soon(b"220 mx.example.org\r\n", early);
            let mut client = $client(stream, config);
            let closing = $block_on(async {
                loop {
                    match client.next().await.unwrap() {
                        Event::Closed(closing) => break closing,
                        Event::Ready(_) => panic!("taken for the reply to EHLO"),
                        _ => {}
                    }
                }
            });
            assert_eq!(closing, Closing::Protocol(ProtocolFault::Unasked));
        }
    };
}
