//! When a wait ends, for loops that have a clock.

use std::ops::Add;
use std::time::Duration;

use crate::Machine;

/// Until when the present wait of a connection lasts: [`patience`](Machine::patience) from when it
/// began, however its octets drip. There is no clock here, so each call is told the time: by
/// `std::time::Instant`, a runtime's own, or a `Duration` since the start.
///
/// It suits loops that have many connections and one place to sleep. The time that an application
/// takes to answer must be no part of a wait: it is none where events are answered at once.
///
/// ```
/// use std::time::Duration;
/// use bytes::Buf;
/// use smtp_codec::server::{Closing, Config, Connection, Want};
/// use smtp_codec::Deadline;
///
/// let mut connection = Connection::new(Config::new("mx.example.org")?);
/// let mut deadline = Deadline::new(Duration::ZERO);
/// while connection.step() == Want::Event {
///     connection.event().proceed();
/// }
/// // The client was greeted, and has five minutes.
/// assert_eq!(deadline.renew(&connection, Duration::from_secs(1)), Duration::from_secs(301));
/// assert!(!deadline.expire(&mut connection, Duration::from_secs(300)));
/// assert!(deadline.expire(&mut connection, Duration::from_secs(301)));
/// assert_eq!(connection.closing(), Some(Closing::TimedOut));
/// assert!(connection.tx().chunk().ends_with(b"421 4.4.2 mx.example.org timed out\r\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Deadline<T> {
    by: T,
    heard: Option<u64>,
    over: bool,
}

/// How long a peer that was told the end may take to read it.
const LAST_WORDS: Duration = Duration::from_secs(5);

impl<T: Copy + Ord + Add<Duration, Output = T>> Deadline<T> {
    /// That of a connection which was not stepped yet: no wait has begun, and none can end.
    #[must_use]
    pub fn new(now: T) -> Self {
        Deadline { by: now, heard: None, over: false }
    }

    /// Takes note of what a `step` heard; when the present wait ends is returned. Called behind
    /// each step, or at least before each wait.
    pub fn renew(&mut self, machine: &impl Machine, now: T) -> T {
        let heard = Some(machine.heard());
        if self.heard != heard && !self.over {
            (self.heard, self.by) = (heard, now + machine.patience());
        }
        self.by
    }

    /// When the present wait ends.
    pub fn by(&self) -> T {
        self.by
    }

    /// Looks whether the present wait has lasted too long, and says so to the connection, which
    /// then wants a `step`: its peer is told, or, if it was and does not even read that, given up.
    pub fn expire(&mut self, machine: &mut impl Machine, now: T) -> bool {
        if now < self.by || self.heard.is_none() {
            return false;
        }
        if self.over {
            machine.broken();
        } else {
            machine.timed_out();
            self.over = machine.is_over();
        }
        let patience = machine.patience();
        self.by = now + if self.over { patience.min(LAST_WORDS) } else { patience };
        true
    }
}

#[cfg(test)]
mod tests {
    use bytes::Buf;

    use super::*;
    use crate::Want;
    use crate::server::{Closing, Config, Connection};

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn go_on(connection: &mut Connection) -> Want {
        loop {
            match connection.step() {
                Want::Event => connection.event().proceed(),
                want => return want,
            }
        }
    }

    #[test]
    fn what_drips_extends_nothing_and_what_is_whole_begins_anew() {
        let mut connection = Connection::new(Config::new("mx.example.org").unwrap());
        let mut deadline = Deadline::new(at(0));
        assert_eq!(go_on(&mut connection), Want::Input);
        assert_eq!(deadline.renew(&connection, at(10)), at(310));
        for (byte, now) in b"NOOP\r".iter().zip(11..) {
            connection.rx().receive(&[*byte]);
            assert_eq!(go_on(&mut connection), Want::Input);
            assert_eq!(deadline.renew(&connection, at(now)), at(310));
        }
        connection.rx().receive(b"\n");
        assert_eq!(go_on(&mut connection), Want::Input);
        assert_eq!((deadline.renew(&connection, at(20)), deadline.by()), (at(320), at(320)));
    }

    #[test]
    fn nobody_is_late_before_the_first_step() {
        let mut connection = Connection::new(Config::new("mx.example.org").unwrap());
        let mut deadline = Deadline::new(at(0));
        assert!(!deadline.expire(&mut connection, at(1000)));
        assert_eq!(go_on(&mut connection), Want::Input);
        assert_eq!(deadline.renew(&connection, at(1000)), at(1300));
        assert!(connection.tx().chunk().starts_with(b"220 "));
    }

    #[test]
    fn who_does_not_read_its_last_reply_is_given_up() {
        let mut connection = Connection::new(Config::new("mx.example.org").unwrap());
        let mut deadline = Deadline::new(at(0));
        assert_eq!(go_on(&mut connection), Want::Input);
        deadline.renew(&connection, at(0));
        assert!(deadline.expire(&mut connection, at(400)));
        assert_eq!(go_on(&mut connection), Want::Flush);
        assert_eq!(deadline.renew(&connection, at(402)), at(405), "no new wait begins");
        assert!(!deadline.expire(&mut connection, at(404)));
        assert!(deadline.expire(&mut connection, at(405)));
        assert!(!connection.tx().has_remaining());
        assert_eq!(go_on(&mut connection), Want::Close);
        assert_eq!(connection.closing(), Some(Closing::TimedOut));
    }

    #[test]
    fn a_pause_before_the_greeting_ends_in_a_wait() {
        let config = Config::new("mx.example.org").unwrap().greet_pause(at(3));
        let mut connection = Connection::new(config);
        let mut deadline = Deadline::new(at(0));
        assert_eq!(go_on(&mut connection), Want::Input);
        assert_eq!(deadline.renew(&connection, at(0)), at(3));
        assert!(deadline.expire(&mut connection, at(3)));
        assert_eq!(go_on(&mut connection), Want::Input);
        assert!(connection.tx().chunk().starts_with(b"220 "));
        assert_eq!(deadline.renew(&connection, at(4)), at(304));
    }
}
