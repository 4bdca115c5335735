//! What an application may answer, at random.

use smtp_codec::proto::reply::{EnhancedCode, Positive, Refusal};

/// Any of the answers that an application has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Answer {
    Accept,
    AcceptWith(Positive<'static>),
    Reject(Refusal<'static>),
}

const LONG: &str = match str::from_utf8(&[b'x'; 496]) {
    Ok(text) => text,
    Err(_) => "",
};

impl Answer {
    pub(crate) fn of(choice: u8) -> Self {
        let positive = |code, text: &'static str| {
            let enhanced = EnhancedCode::new(2, 1, 0);
            Answer::AcceptWith(Positive::new(code, enhanced, text).expect("good words"))
        };
        let lines: &[&str] = &["one", "näher", "three"];
        match choice {
            0..150 => Answer::Accept,
            150..155 => positive(250, "in my own words"),
            155..160 => positive(299, "na\u{ef}ve \u{2764}"),
            160..165 => positive(200, LONG),
            165..170 => Answer::AcceptWith(Positive::new(251, None, lines).expect("lines")),
            170..185 => Answer::Reject(Refusal::TRY_LATER),
            185..200 => Answer::Reject(Refusal::POLICY),
            200..210 => Answer::Reject(Refusal::MAILBOX_FULL),
            210..220 => Answer::Reject(Refusal::new(552, None, lines).expect("lines")),
            220..230 => Answer::Reject(Refusal::new(599, None, LONG).expect("a line")),
            230..240 => Answer::Reject(Refusal::NOT_NOW),
            240..250 => Answer::Reject(Refusal::BAD_CREDENTIALS),
            _ => Answer::Reject(Refusal::SHUTTING_DOWN),
        }
    }

    /// The code that the client must get, where the answer says which.
    pub(crate) fn code(self) -> Option<u16> {
        match self {
            Answer::Reject(refusal) => Some(refusal.code().get()),
            Answer::Accept | Answer::AcceptWith(_) => None,
        }
    }
}

/// Answers by a handle that knows no words but its own.
macro_rules! give {
    ($answer:expr, $handle:expr) => {
        match $answer {
            Answer::Accept | Answer::AcceptWith(_) => $handle.accept(),
            Answer::Reject(refusal) => $handle.reject(refusal),
        }
    };
}

/// Answers by one that takes other words.
macro_rules! give_with {
    ($answer:expr, $handle:expr) => {
        match $answer {
            Answer::Accept => $handle.accept(),
            Answer::AcceptWith(positive) => $handle.accept_with(positive),
            Answer::Reject(refusal) => $handle.reject(refusal),
        }
    };
}

pub(crate) use {give, give_with};
