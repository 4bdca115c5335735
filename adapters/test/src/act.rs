//! What is to happen there.

use std::time::Duration;

/// What a [`Script`](crate::Script) does at a place, instead of what a good server does.
///
/// ```
/// use smtp_test::Do;
/// use std::time::Duration;
///
/// Do::reply("550 5.1.1 no such user");        // a refusal, and the session goes on
/// Do::reply("250-one\n250 two");              // LF stands for CRLF
/// Do::shut_down();                            // 421, and the link is closed
/// Do::raw("25");                              // exactly these octets, and nothing more
/// Do::cut();                                  // does it, and does not say so
/// Do::cut_before();                           // does not do it
/// Do::cut_reply(7).dripping(Duration::from_millis(1));
/// Do::usual().and_say("250 and again\r\n");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Do {
    pub(crate) act: bool,
    pub(crate) wait: Duration,
    pub(crate) say: Say,
    pub(crate) behind: Vec<u8>,
    pub(crate) drip: Option<Duration>,
    pub(crate) only: Option<usize>,
    pub(crate) then: Then,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Say {
    /// What the core says.
    Usual,
    Twice,
    Instead(Vec<u8>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    GoOn,
    Cut,
    Stall,
}

impl Do {
    /// What a good server does: to put something around it.
    pub fn usual() -> Self {
        Do {
            act: true,
            wait: Duration::ZERO,
            say: Say::Usual,
            behind: Vec::new(),
            drip: None,
            only: None,
            then: Then::GoOn,
        }
    }

    fn say(say: impl Into<Vec<u8>>) -> Self {
        Do { say: Say::Instead(say.into()), ..Self::usual() }
    }

    /// Replies with that. Where it is a 4yz or a 5yz, the server does refuse what it refuses; and
    /// otherwise it does what it would do, whatever it says. CRLF is put at its end, and in the
    /// place of each LF.
    pub fn reply(text: &str) -> Self {
        let lines: Vec<&str> = text.lines().collect();
        Self::say(lines.join("\r\n") + "\r\n")
    }

    /// The same to the octet: a reply that breaks off, has no code, comes in wrong line ends.
    pub fn raw(octets: impl AsRef<[u8]>) -> Self {
        Self::say(octets.as_ref())
    }

    /// Does it, never answers, and goes on.
    pub fn nothing() -> Self {
        Self::say("")
    }

    /// Replies twice.
    pub fn twice() -> Self {
        Do { say: Say::Twice, ..Self::usual() }
    }

    /// Cuts the link as if it had not been heard. At [`At::message`](crate::At::message) the
    /// message is lost.
    pub fn cut_before() -> Self {
        Do { act: false, then: Then::Cut, ..Self::nothing() }
    }

    /// Does it, says nothing, and cuts the link. At [`At::message`](crate::At::message) the message
    /// is taken, and the client is not told.
    pub fn cut() -> Self {
        Self::nothing().then_cut()
    }

    /// Says so many octets of the reply, and cuts the link.
    pub fn cut_reply(octets: usize) -> Self {
        Do { only: Some(octets), ..Self::usual() }.then_cut()
    }

    /// Does it, and says and hears nothing any more. The link stays open as long as the client keeps
    /// it, or the [patience](crate::Script::patience) lasts.
    pub fn stall() -> Self {
        Self::nothing().then_stall()
    }

    /// Says 421, and closes (RFC 5321 section 3.8).
    pub fn shut_down() -> Self {
        Self::reply("421 4.3.2 the server is shutting down").then_cut()
    }

    /// Waits first. In memory no time passes.
    pub fn waiting(mut self, pause: Duration) -> Self {
        self.wait = pause;
        self
    }

    /// Says it octet by octet, with a pause behind each. In memory no time passes, but there is one
    /// octet for each read.
    pub fn dripping(mut self, pause: Duration) -> Self {
        self.drip = Some(pause);
        self
    }

    /// Says this, too, behind the reply and in one piece with it: the answer to what was not asked
    /// yet, or what an attacker puts behind the reply to STARTTLS.
    pub fn and_say(mut self, octets: impl AsRef<[u8]>) -> Self {
        self.behind.extend_from_slice(octets.as_ref());
        self
    }

    /// Then cuts the link.
    pub fn then_cut(mut self) -> Self {
        self.then = Then::Cut;
        self
    }

    /// Then is silent for ever.
    pub fn then_stall(mut self) -> Self {
        self.then = Then::Stall;
        self
    }

    /// Whether this refuses.
    pub(crate) fn refuses(&self) -> bool {
        match &self.say {
            Say::Instead(say) => matches!(say.first(), Some(b'4' | b'5')),
            Say::Usual | Say::Twice => false,
        }
    }

    /// What is said, where the core would say that.
    pub(crate) fn said(&self, usual: Vec<u8>) -> Vec<u8> {
        let mut said = match &self.say {
            Say::Usual => usual,
            Say::Twice => usual.repeat(2),
            Say::Instead(say) => say.clone(),
        };
        if let Some(only) = self.only {
            said.truncate(only);
        }
        said.extend_from_slice(&self.behind);
        said
    }

    /// Whether this is for the link alone.
    pub(crate) fn is_end(&self) -> bool {
        self.then != Then::GoOn
            && self.behind.is_empty()
            && (self.said(b"x".to_vec()).is_empty() || self.only.is_some())
    }
}
