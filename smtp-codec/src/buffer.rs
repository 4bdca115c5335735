//! The two buffers of a connection. Both are bounded, and both hold no memory while empty and
//! released.

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
#[derive(Debug)]
pub struct RxBuf {
    room: Vec<u8>,
    start: usize,
    end: usize,
    limit: usize,
    /// What arrived last took all the room that there was.
    brimful: bool,
}

/// What a buffer starts with, and grows from by doubling.
const FIRST: usize = 4 * 1024;

/// What it grows to when more arrives than there is room for, though all of it is consumed: mail
/// data then comes in larger pieces.
const BULK: usize = 16 * 1024;

impl RxBuf {
    pub(crate) fn new(limit: usize) -> Self {
        RxBuf { room: Vec::new(), start: 0, end: 0, limit: limit.max(FIRST), brimful: false }
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
            _ => 0,
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
    }

    /// Copies as much of `bytes` as fits; how much that was is returned.
    pub fn receive(&mut self, bytes: &[u8]) -> usize {
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            let space = self.space();
            let n = space.len().min(rest.len());
            let (Some(place), Some(part)) = (space.get_mut(..n), rest.get(..n)) else { break };
            if n == 0 {
                break;
            }
            place.copy_from_slice(part);
            self.filled(n);
            taken += n;
        }
        taken
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
#[derive(Debug, Default)]
pub struct TxBuf {
    bytes: Vec<u8>,
    sent: usize,
    /// Octets that were sent since the beginning.
    gone: u64,
}

/// Past this the connection stops taking input until its peer has read what waits.
pub(crate) const HIGH_WATER: usize = 16 * 1024;

impl TxBuf {
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
        if self.sent == self.bytes.len() {
            self.clear();
        }
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
}
