//! How a session comes to its end.

use super::state::{Chunks, State};
use super::{Closing, Session};
use crate::Sink;
use crate::command::Command;

impl Session {
    /// How the session ended, if it did.
    #[must_use]
    pub fn closing(&self) -> Option<Closing> {
        match self.state {
            State::Closed(closing) => Some(closing),
            _ => None,
        }
    }

    /// Whether the session ended between the end of the mail data and its reply, so that the
    /// message may have been accepted (RFC 5321 section 4.5.3.2.6, RFC 1047).
    #[must_use]
    pub fn in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// Says QUIT.
    pub fn quit<S: Sink + ?Sized>(&mut self, out: &mut S) {
        if let State::Ready = self.state {
            self.say_quit(Closing::Quit, out);
        }
    }

    pub(super) fn say_quit<S: Sink + ?Sized>(&mut self, closing: Closing, out: &mut S) {
        Command::Quit.encode(out);
        self.state = State::Quit(closing);
    }

    /// Ends the session without another word.
    pub fn close(&mut self, closing: Closing) {
        let closing = match (self.state, closing) {
            (State::Closed(_), _) => return,
            (State::Quit(closing), _) => closing,
            // As it said it would.
            (State::Leaving { .. }, Closing::PeerGone) => Closing::Unavailable,
            _ => closing,
        };
        self.in_doubt |= self.awaits_a_verdict();
        self.state = State::Closed(closing);
    }

    /// Takes back [`in_doubt`](Session::in_doubt): the end of the mail data never left this side.
    pub fn not_in_doubt(&mut self) {
        self.in_doubt = false;
    }

    fn awaits_a_verdict(&self) -> bool {
        matches!(
            self.state,
            State::Message { .. }
                | State::Leaving { .. }
                | State::MessageOrBlock { .. }
                | State::Block { .. }
                | State::Chunks(Chunks { last_sent: true, .. })
        )
    }
}
