//! For how long the operating system lets a stream wait. Saying so takes a system call, as many as
//! reading and writing itself, and so it is said only when it differs from what was said before.

use std::io;
use std::time::Duration;

use crate::Transport;
use crate::wire::{Direction, Wire};

/// What was said for each direction.
#[derive(Debug, Default)]
pub(crate) struct Bounds {
    read: Option<Duration>,
    write: Option<Duration>,
}

/// A wait may outlast what is left by one part in so many. It never ends early.
const LATENESS: u32 = 64;

impl Bounds {
    /// Bounds the next operation in that direction by what is `left`.
    pub(crate) fn hold<S: Transport>(
        &mut self,
        stream: &mut Wire<S>,
        direction: Direction,
        left: Duration,
    ) -> io::Result<()> {
        let said = match direction {
            Direction::Read => &mut self.read,
            Direction::Write => &mut self.write,
        };
        let latest = left.saturating_add(left / LATENESS);
        if said.is_some_and(|said| left <= said && said <= latest) {
            return Ok(());
        }
        // Half of that, so that it holds for waits that begin a little later, or are a little longer.
        let wait = left.saturating_add(left / (2 * LATENESS));
        stream.bound(direction, wait)?;
        *said = Some(wait);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    /// Takes down what it is told.
    #[derive(Default)]
    struct Told(Vec<(char, u128)>);

    impl Read for Told {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Ok(0)
        }
    }

    impl Write for Told {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Transport for Told {
        fn bound_reads(&mut self, wait: Duration) -> io::Result<()> {
            self.0.push(('r', wait.as_micros()));
            Ok(())
        }

        fn bound_writes(&mut self, wait: Duration) -> io::Result<()> {
            self.0.push(('w', wait.as_micros()));
            Ok(())
        }

        fn nonblocking(&mut self, _: bool) -> io::Result<bool> {
            Ok(false)
        }

        fn end(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_still_holds_is_not_said_again() {
        let (mut bounds, mut wire) = (Bounds::default(), Wire::Plain(Told::default()));
        for (direction, left) in [
            (Direction::Read, 128_000),
            (Direction::Write, 128_000),
            (Direction::Read, 127_999),
            (Direction::Read, 128_000),
            (Direction::Read, 128_001),
            (Direction::Write, 129_000),
            (Direction::Read, 127_016),
            // Longer, and it must not end early.
            (Direction::Read, 129_001),
            // Shorter by more than may be.
            (Direction::Read, 64_000),
            (Direction::Write, 1),
        ] {
            bounds.hold(&mut wire, direction, Duration::from_micros(left)).unwrap();
        }
        let Wire::Plain(Told(told)) = wire else { panic!() };
        let expected = [('r', 129_000), ('w', 129_000), ('r', 130_008), ('r', 64_500), ('w', 1)];
        assert_eq!(told, expected);
    }
}
