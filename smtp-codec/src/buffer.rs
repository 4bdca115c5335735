//! The two buffers of a connection. Both are bounded, and both hold no memory while empty and
//! released.

use std::cell::Cell;
use std::fmt;
use std::task::Poll;

use bytes::Buf;
use smtp_proto::Sink;

/// Bytes received and not yet consumed.
///
/// An adapter reads into [`space`](RxBuf::space) and says with [`filled`](RxBuf::filled) how much
/// arrived. The buffer never grows past the limit that its connection computed from what was
/// advertised, so a peer cannot make it larger.
///
/// ```
/// use std::sync::Arc;
/// use smtp_codec::server::{Config, Connection};
///
/// let mut connection = Connection::new(Config::new("mx.example.org")?);
/// let arrived = b"EHLO client.example.net\r\n";
/// let rx = connection.rx();
/// rx.space()[..arrived.len()].copy_from_slice(arrived);
/// rx.filled(arrived.len());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct RxBuf {
    room: Vec<u8>,
    start: usize,
    end: usize,
    limit: usize,
    /// What arrived last took all the room that there was.
    brimful: bool,
    /// Octets that arrived since the beginning.
    #[cfg(feature = "watch")]
    came: u64,
}

/// Room for the command lines that are usual.
const LINE: usize = 256;

/// What a buffer starts with that is read into, and grows from by doubling.
const FIRST: usize = 4 * 1024;

/// What it grows to when more arrives than there is room for, though all of it is consumed: mail
/// data then comes in larger pieces.
const BULK: usize = 16 * 1024;

thread_local! {
    /// Room to read into while it is not known whether anything is there.
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl RxBuf {
    pub(crate) fn new(limit: usize) -> Self {
        RxBuf {
            room: Vec::new(),
            start: 0,
            end: 0,
            limit: limit.max(FIRST),
            brimful: false,
            #[cfg(feature = "watch")]
            came: 0,
        }
    }

    /// Free room to read into; never empty, unless the connection asked for no input.
    pub fn space(&mut self) -> &mut [u8] {
        if self.start > 0 && self.end == self.room.len() {
            self.room.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        let most = match (self.end == self.room.len(), std::mem::take(&mut self.brimful)) {
            (true, _) => self.limit,
            (_, true) => self.limit.min(BULK),
            _ => FIRST,
        };
        if self.room.len() < most {
            self.room.resize(self.room.len().saturating_mul(2).clamp(FIRST, most), 0);
        }
        self.room.get_mut(self.end..).unwrap_or_default()
    }

    /// Says that the first `n` octets of [`space`](RxBuf::space) were filled.
    pub fn filled(&mut self, n: usize) {
        self.end = self.end.saturating_add(n).min(self.room.len());
        self.brimful = n > 0 && self.end == self.room.len();
        self.count(n);
    }

    /// Copies as much of `bytes` as fits; how much that was is returned. It takes no more memory
    /// than they need, and fills it once.
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.vacant());
        let Some(part) = bytes.get(..taken) else { return 0 };
        self.room.truncate(self.end);
        if self.room.capacity() - self.end < taken {
            self.room.drain(..self.start);
            self.end -= std::mem::take(&mut self.start);
            let room = (self.end + taken).next_power_of_two().clamp(LINE, self.limit);
            self.room.reserve_exact(room.saturating_sub(self.end));
        }
        match part {
            [octet] => self.room.push(*octet),
            _ => self.room.extend_from_slice(part),
        }
        self.end += taken;
        self.count(taken);
        taken
    }

    #[cfg(feature = "watch")]
    fn count(&mut self, n: usize) {
        self.came = self.came.saturating_add(u64::try_from(n).unwrap_or(u64::MAX));
    }

    #[cfg(not(feature = "watch"))]
    fn count(&self, _: usize) {}

    #[cfg(feature = "watch")]
    pub(crate) fn came(&self) -> u64 {
        self.came
    }

    /// Has `read` read into room that every connection of a thread reads into, and copies what came,
    /// so that a wait takes no memory. What came is wiped from there. Without [room](RxBuf::vacant)
    /// `read` is lent nothing.
    ///
    /// ```
    /// use std::io::{Error, Read};
    /// use std::task::Poll;
    /// use smtp_codec::server::{Config, Connection};
    ///
    /// let mut connection = Connection::new(Config::new("mx.example.org")?);
    /// let mut stream = &b"EHLO client.example.net\r\n"[..];
    /// let came = connection.rx().poll_receive(|room| Poll::Ready(stream.read(room)));
    /// assert!(matches!(came, Poll::Ready(Ok(25))));
    /// let came = connection.rx().poll_receive::<Error>(|_| Poll::Pending);
    /// assert!(came.is_pending());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn poll_receive<E>(
        &mut self,
        read: impl FnOnce(&mut [u8]) -> Poll<Result<usize, E>>,
    ) -> Poll<Result<usize, E>> {
        let mut room = ROOM.take();
        room.resize(BULK, 0);
        let most = self.vacant().min(BULK);
        let came = read(room.get_mut(..most).unwrap_or_default());
        if let Poll::Ready(Ok(n)) = came
            && let Some(came) = room.get_mut(..n)
        {
            self.receive(came);
            // A stream that claims more than it wrote must not show another connection's octets.
            came.fill(0);
        }
        ROOM.set(room);
        came
    }

    /// How many octets more it takes now.
    #[must_use]
    pub fn vacant(&self) -> usize {
        self.limit.saturating_sub(self.len())
    }

    /// How many octets wait to be consumed.
    #[must_use]
    pub fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether there is no room for more until some of it is consumed.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.len() >= self.limit
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.start == self.end
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.room.get(self.start..self.end).unwrap_or_default()
    }

    pub(crate) fn consume(&mut self, n: usize) {
        self.start = self.start.saturating_add(n).min(self.end);
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
        }
    }

    pub(crate) fn release(&mut self) {
        if self.is_empty() {
            self.room = Vec::new();
            self.brimful = false;
        }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.room.capacity()
    }
}

/// Bytes to be sent: a [`bytes::Buf`], so that every runtime's vectored and buffered writes take
/// it as it is.
///
/// ```
/// use bytes::Buf;
/// use smtp_codec::server::{Config, Connection, Event, Want};
///
/// let mut connection = Connection::new(Config::new("mx.example.org")?);
/// while connection.step() == Want::Event {
///     connection.event().proceed();
/// }
/// assert!(connection.tx().chunk().starts_with(b"220 mx.example.org "));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Default)]
pub struct TxBuf {
    bytes: Vec<u8>,
    sent: usize,
    /// Octets that were sent since the beginning.
    gone: u64,
    /// A transport that buffers has the first octet here, and may not have passed it on.
    held: bool,
}

/// Room for the longest reply that is usual, the one to EHLO.
const REPLIES: usize = 256;

/// Past this the connection stops taking input until its peer has read what waits.
pub(crate) const HIGH_WATER: usize = 16 * 1024;

impl TxBuf {
    /// What a transport with a buffer of its own, such as TLS, was not handed yet.
    ///
    /// [`advance`](Buf::advance) says that octets have left. Of octets that only lie in another buffer
    /// that would be said too soon: a client could take a reply for that to a command, or to a message,
    /// that the server has never seen. Such a transport says [`handed`](TxBuf::handed), and
    /// [`flushed`](TxBuf::flushed) once its buffer is empty.
    ///
    /// ```
    /// use bytes::Buf;
    /// use smtp_codec::client::{Config, Connection};
    ///
    /// let mut connection = Connection::new(Config::new("client.example.net")?);
    /// connection.rx().receive(b"220 mx.example.org\r\n");
    /// while let smtp_codec::Want::Event = connection.step() {}
    /// let n = connection.tx().fresh().len();
    /// connection.tx().handed(n);
    /// assert!(connection.tx().fresh().is_empty() && connection.tx().has_remaining());
    /// connection.tx().flushed();
    /// assert!(!connection.tx().has_remaining());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn fresh(&self) -> &[u8] {
        self.chunk().get(usize::from(self.held)..).unwrap_or_default()
    }

    /// The transport has taken the next `octets` of what is [fresh](TxBuf::fresh), and may not have
    /// passed them on: the last of them stays here until it has.
    pub fn handed(&mut self, octets: usize) {
        let octets = octets.min(self.fresh().len());
        if octets > 0 {
            self.advance(octets - usize::from(!self.held));
            self.held = true;
        }
    }

    /// The transport has passed on all that it was handed.
    pub fn flushed(&mut self) {
        self.advance(usize::from(self.held));
    }

    pub(crate) fn is_full(&self) -> bool {
        self.remaining() >= HIGH_WATER
    }

    /// Room below the high-water mark.
    pub(crate) fn room(&self) -> usize {
        HIGH_WATER.saturating_sub(self.remaining())
    }

    pub(crate) fn release(&mut self) {
        if !self.has_remaining() {
            self.bytes = Vec::new();
            self.sent = 0;
        }
    }

    pub(crate) fn gone(&self) -> u64 {
        self.gone
    }

    pub(crate) fn clear(&mut self) {
        self.bytes.clear();
        self.sent = 0;
        self.held = false;
    }

    pub(crate) fn capacity(&self) -> usize {
        self.bytes.capacity()
    }

    /// What was put behind the first `mark` unsent octets.
    pub(crate) fn since(&self, mark: usize) -> &[u8] {
        self.chunk().get(mark..).unwrap_or_default()
    }
}

impl Sink for TxBuf {
    fn put(&mut self, bytes: &[u8]) {
        if self.sent > 0 && self.bytes.len() + bytes.len() > self.bytes.capacity() {
            self.bytes.drain(..self.sent);
            self.sent = 0;
        }
        if self.bytes.capacity() == 0 {
            self.bytes.reserve(REPLIES);
        }
        self.bytes.extend_from_slice(bytes);
    }
}

impl Buf for TxBuf {
    fn remaining(&self) -> usize {
        self.bytes.len() - self.sent
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.get(self.sent..).unwrap_or_default()
    }

    fn advance(&mut self, cnt: usize) {
        let before = self.sent;
        self.sent = self.sent.saturating_add(cnt).min(self.bytes.len());
        let sent = u64::try_from(self.sent - before).unwrap_or(u64::MAX);
        self.gone = self.gone.saturating_add(sent);
        self.held &= sent == 0;
        if self.sent == self.bytes.len() {
            self.clear();
        }
    }
}

/// Without what is in it: that may be a password, also when it was sent or read long ago.
impl fmt::Debug for RxBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RxBuf({} of {} octets)", self.len(), self.limit)
    }
}

/// The same.
impl fmt::Debug for TxBuf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TxBuf({} octets)", self.remaining())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rx_never_passes_its_limit() {
        let mut rx = RxBuf::new(8 * 1024);
        assert_eq!(rx.receive(&[b'x'; 100_000]), 8 * 1024);
        assert!(rx.space().is_empty());
        rx.consume(100);
        assert_eq!(rx.space().len(), 100);
        assert_eq!(rx.capacity(), 8 * 1024);
    }

    #[test]
    fn what_is_received_takes_the_room_that_it_needs() {
        let mut rx = RxBuf::new(16 * 1024);
        for (len, capacity) in [(30, 256), (30, 256), (300, 512), (5000, 8192), (11_000, 16_384)] {
            let before = rx.len();
            assert_eq!(rx.receive(&vec![b'x'; len]), len);
            assert_eq!((rx.len(), rx.capacity()), (before + len, capacity), "{len}");
        }
        assert_eq!(
            (rx.vacant(), rx.is_full(), rx.receive(b"abcdefghijklmnopqrstuvwxyz")),
            (24, false, 24)
        );
        assert_eq!((rx.vacant(), rx.is_full(), rx.receive(b"z")), (0, true, 0));
        rx.consume(100);
        assert_eq!((rx.receive(&[b'y'; 101]), rx.capacity()), (100, 16_384));
        assert!(rx.bytes().ends_with(&[b"wx".as_slice(), &[b'y'; 100]].concat()));
        rx.consume(rx.len());
        assert_eq!(rx.space().len(), 16_384, "what is there is not given up");
        rx.release();
        rx.receive(b"NOOP");
        assert_eq!(rx.space().len(), 4092, "and what is short of a read is not enough for one");
    }

    #[test]
    fn space_grows_with_what_arrives_up_to_the_limit() {
        let mut rx = RxBuf::new(20_000);
        for len in [4096, 4096, 8192, 3616] {
            let space = rx.space();
            assert_eq!(space.len(), len);
            space.fill(b'x');
            rx.filled(len);
        }
        assert!(rx.is_full() && rx.bytes() == [b'x'; 20_000]);
        // Asked twice, it is the same.
        let mut rx = RxBuf::new(20_000);
        rx.space();
        rx.filled(4096);
        assert_eq!((rx.space().len(), rx.space().len()), (4096, 4096));
        rx.filled(10);
        rx.consume(4100);
        assert_eq!((rx.len(), rx.space().len()), (6, 4086), "nothing is moved while there is room");
    }

    #[test]
    fn what_was_sent_makes_room_for_what_is_put() {
        let mut tx = TxBuf::default();
        assert_eq!((tx.capacity(), tx.gone()), (0, 0));
        tx.put(&[b'a'; 250]);
        assert_eq!((tx.capacity(), tx.since(249)), (256, &b"a"[..]));
        tx.advance(200);
        tx.advance(40);
        assert_eq!((tx.gone(), tx.remaining()), (240, 10));
        tx.put(&[b'b'; 200]);
        assert_eq!((tx.capacity(), tx.remaining()), (256, 210), "no more is taken for it");
        assert_eq!(tx.chunk(), [&[b'a'; 10][..], &[b'b'; 200]].concat());
        assert_eq!(
            (tx.since(10), tx.since(210), tx.since(999)),
            (&[b'b'; 200][..], &b""[..], &b""[..])
        );
        tx.advance(999);
        assert_eq!((tx.gone(), tx.remaining(), tx.capacity()), (450, 0, 256));
        tx.release();
        assert_eq!((tx.gone(), tx.capacity()), (450, 0));
    }

    #[test]
    fn buffers_do_not_show_what_they_hold() {
        let (mut rx, mut tx) = (RxBuf::new(8192), TxBuf::default());
        rx.receive(b"AUTH PLAIN AGEAYg==");
        tx.put(b"334 secret");
        assert_eq!(format!("{rx:?} {tx:?}"), "RxBuf(19 of 8192 octets) TxBuf(10 octets)");
    }

    #[test]
    fn a_read_that_finds_nothing_takes_no_memory() {
        let mut rx = RxBuf::new(20_000);
        assert!(rx.poll_receive::<()>(|_| Poll::Pending).is_pending());
        assert_eq!(rx.poll_receive(|_| Poll::Ready(Err("no"))), Poll::Ready(Err("no")));
        assert_eq!(rx.capacity(), 0);
        let fill = |room: &mut [u8]| {
            room.fill(b'x');
            Poll::Ready(Ok::<_, ()>(room.len()))
        };
        assert_eq!(rx.poll_receive(fill), Poll::Ready(Ok(16_384)));
        assert_eq!(rx.poll_receive(fill), Poll::Ready(Ok(3616)));
        assert_eq!(rx.poll_receive(fill), Poll::Ready(Ok(0)), "there is no room");
        assert!(rx.bytes() == [b'x'; 20_000]);
    }

    #[test]
    fn nothing_is_left_for_the_next_read_to_see() {
        let (mut rx, mut other) = (RxBuf::new(20_000), RxBuf::new(20_000));
        let put = |room: &mut [u8]| {
            room[..6].copy_from_slice(b"secret");
            Poll::Ready(Ok::<_, ()>(6))
        };
        assert_eq!(rx.poll_receive(put), Poll::Ready(Ok(6)));
        assert_eq!(other.poll_receive(|_| Poll::Ready(Ok::<_, ()>(6))), Poll::Ready(Ok(6)));
        assert_eq!((rx.bytes(), other.bytes()), (&b"secret"[..], &[0; 6][..]));
    }

    #[test]
    fn reads_within_reads_do_not_meet() {
        let (mut rx, mut inner) = (RxBuf::new(20_000), RxBuf::new(20_000));
        let put = |room: &mut [u8], text: &[u8]| {
            room[..text.len()].copy_from_slice(text);
            Poll::Ready(Ok::<_, ()>(text.len()))
        };
        let _ = rx.poll_receive(|room| {
            let came = put(room, b"outer");
            let _ = inner.poll_receive(|room| put(room, b"INNER"));
            came
        });
        assert_eq!((rx.bytes(), inner.bytes()), (&b"outer"[..], &b"INNER"[..]));
    }

    #[test]
    fn what_is_received_and_what_is_read_stand_in_order() {
        let mut rx = RxBuf::new(16 * 1024);
        let (mut sent, mut seen) = (Vec::new(), Vec::new());
        for round in 0..200_u8 {
            let piece = vec![round; usize::from(round) * 7 % 900];
            if round % 3 == 0 {
                let space = rx.space();
                let n = space.len().min(piece.len());
                space[..n].copy_from_slice(&piece[..n]);
                rx.filled(n);
                sent.extend_from_slice(&piece[..n]);
            } else {
                assert_eq!(rx.receive(&piece), piece.len());
                sent.extend_from_slice(&piece);
            }
            let take = rx.len() - rx.len().min(usize::from(round % 5) * 50);
            seen.extend_from_slice(&rx.bytes()[..take]);
            rx.consume(take);
            if round % 7 == 0 {
                rx.release();
            }
        }
        seen.extend_from_slice(rx.bytes());
        assert!(seen == sent);
    }

    #[test]
    fn what_fills_all_the_room_is_given_more_up_to_a_bound() {
        let mut rx = RxBuf::new(1024 * 1024);
        for room in [4, 8, 16, 16, 16] {
            let n = rx.space().len();
            assert_eq!((n, rx.space().len()), (room * 1024, n), "asking twice changes nothing");
            rx.filled(n);
            rx.consume(n);
        }
        rx.release();
        assert_eq!(rx.space().len(), 4 * 1024);
        for _ in 0..5 {
            rx.filled(4 * 1024 - 1);
            rx.consume(4 * 1024 - 1);
            assert_eq!(rx.space().len(), 4 * 1024);
        }
        let mut narrow = RxBuf::new(6 * 1024);
        for room in [4, 6, 6] {
            assert_eq!(narrow.space().len(), room * 1024);
            narrow.filled(room * 1024);
            narrow.consume(room * 1024);
        }
    }

    #[test]
    fn growing_keeps_what_waits() {
        let mut rx = RxBuf::new(64 * 1024);
        let (mut sent, mut seen) = (Vec::new(), Vec::new());
        for round in 0..40_u8 {
            let space = rx.space();
            let n = space.len() - usize::from(round % 3 == 0);
            space[..n].fill(round);
            sent.extend(std::iter::repeat_n(round, n));
            rx.filled(n);
            let take = rx.len() - usize::from(round % 5);
            seen.extend_from_slice(&rx.bytes()[..take]);
            rx.consume(take);
        }
        seen.extend_from_slice(rx.bytes());
        assert!(seen == sent);
    }

    #[test]
    fn empty_buffers_hold_nothing_once_released() {
        let mut rx = RxBuf::new(8 * 1024);
        assert_eq!(rx.capacity(), 0);
        rx.receive(b"abc");
        rx.release();
        assert_eq!(rx.bytes(), b"abc");
        rx.consume(3);
        rx.release();
        assert_eq!(rx.capacity(), 0);

        let mut tx = TxBuf::default();
        tx.put(b"250 OK\r\n");
        tx.release();
        assert_eq!(tx.chunk(), b"250 OK\r\n");
        tx.advance(8);
        tx.release();
        assert_eq!(tx.capacity(), 0);
    }

    #[test]
    fn tx_keeps_order_when_it_moves() {
        let mut tx = TxBuf::default();
        let mut seen = Vec::new();
        for round in 0..200_u8 {
            tx.put(&[round; 33]);
            let n = tx.remaining().min(31);
            seen.extend_from_slice(&tx.chunk()[..n]);
            tx.advance(n);
        }
        seen.extend_from_slice(tx.chunk());
        assert!(seen.chunks(33).zip(0..).all(|(part, round)| part == [round; 33]));
    }

    #[test]
    fn the_last_octet_stays_until_it_was_passed_on() {
        let mut tx = TxBuf::default();
        tx.put(b"MAIL\r\n");
        tx.handed(0);
        assert_eq!(tx.fresh(), b"MAIL\r\n");
        tx.flushed();
        tx.handed(2);
        assert_eq!((tx.fresh(), tx.chunk(), tx.gone()), (&b"IL\r\n"[..], &b"AIL\r\n"[..], 1));
        tx.handed(4);
        assert_eq!((tx.fresh(), tx.chunk()), (&b""[..], &b"\n"[..]));
        tx.put(b"RCPT");
        assert_eq!((tx.fresh(), tx.remaining()), (&b"RCPT"[..], 5));
        // What is not there cannot be taken.
        tx.handed(100);
        assert_eq!((tx.fresh(), tx.chunk()), (&b""[..], &b"T"[..]));
        tx.flushed();
        assert_eq!((tx.remaining(), tx.gone()), (0, 10));
        tx.flushed();
        assert_eq!(tx.gone(), 10);
        // Nothing of what was thrown away is owed.
        tx.put(b"QUIT");
        tx.handed(4);
        tx.clear();
        tx.put(b"NOOP");
        assert_eq!(tx.fresh(), b"NOOP");
        tx.handed(1);
        tx.advance(1);
        assert_eq!(tx.fresh(), b"OOP");
    }
}
