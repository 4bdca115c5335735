//! The two events of an exchange, answered.

use smtp_codec::proto::reply::Refusal;
use smtp_codec::server::{Auth, AuthResponse};

use crate::{Exchange, Identity, Step};

macro_rules! answer {
    ($event:expr, $step:expr) => {
        match $step {
            Step::Challenge(challenge) => {
                $event.challenge(&challenge);
                None
            }
            Step::Accepted(identity) => {
                $event.accept();
                Some(identity)
            }
            Step::Rejected => {
                $event.reject(Refusal::BAD_CREDENTIALS);
                None
            }
        }
    };
}

impl Exchange {
    /// Begins anew, and answers AUTH: with a challenge, with yes, or with 535. Who has come in is
    /// returned, if they have.
    pub fn on_auth(&mut self, auth: Auth<'_>) -> Option<Identity> {
        let initial = auth.initial_response();
        let step = self.start(auth.mechanism().as_str(), initial.as_deref());
        answer!(auth, step)
    }

    /// Goes on, and answers the response to a challenge in the same way.
    pub fn on_response(&mut self, response: AuthResponse<'_>) -> Option<Identity> {
        let step = self.respond(&response.response());
        answer!(response, step)
    }
}
