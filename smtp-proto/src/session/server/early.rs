//! Clients that do not wait for their turn (RFC 5321 section 4.3.1).

use super::{Asked, Closing, Context, Session, State};
use crate::Sink;
use crate::reply::Refusal;

impl Session {
    /// Holds the greeting back until [`timed_out`](Session::timed_out) says that the client has
    /// waited for it. Without effect on a session that has begun.
    pub fn hold_greeting(&mut self) {
        if let (State::Fresh, Some(Asked::Greet)) = (self.state, self.asked) {
            (self.state, self.asked) = (State::Held, None);
        }
    }

    /// Whether the greeting is held back.
    #[must_use]
    pub fn is_held(&self) -> bool {
        matches!(self.state, State::Held)
    }

    /// Says that the client spoke while the greeting was held back: 554 in the place of the
    /// greeting, and the session is over.
    pub fn spoke_first<S: Sink + ?Sized>(&mut self, cx: &Context<'_>, out: &mut S) {
        if self.is_held() {
            self.say_host(cx, (554, None, "a client waits for the greeting"), out);
            self.close(Closing::EarlyTalker);
        }
    }

    /// Says that octets stand behind the command line that was just taken. Where it is DATA, and
    /// the settings have it so, that ends the session: nobody could tell those octets from content
    /// once DATA were refused.
    pub fn followed<S: Sink + ?Sized>(&mut self, cx: &Context<'_>, out: &mut S) {
        if let Some(Asked::Data(_)) = self.asked
            && cx.settings.refuse_early_content
        {
            let refusal = Refusal::known(554, (5, 5, 0), "content came before it was asked for");
            self.refuse(cx, refusal, false, out);
            self.close(Closing::EarlyTalker);
        }
    }
}
