//! AUTH PLAIN (RFC 4616) and LOGIN, as far as a test needs them.

/// Where an exchange is.
#[derive(Debug, Default)]
pub(crate) struct Login {
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Off,
    Plain,
    Name,
    Password(String),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Ask(&'static [u8]),
    Yes(String),
    No,
}

type Users = [(String, String)];

impl Login {
    /// Whether the next line is no command.
    pub(crate) fn is_on(&self) -> bool {
        !matches!(self.state, State::Off)
    }

    pub(crate) fn begin(&mut self, users: &Users, name: &str, initial: Option<&[u8]>) -> Answer {
        let (state, ask): (_, &[u8]) = match name.eq_ignore_ascii_case("PLAIN") {
            true => (State::Plain, b""),
            false => (State::Name, b"Username:"),
        };
        self.state = state;
        match initial {
            Some(initial) => self.go_on(users, initial),
            None => Answer::Ask(ask),
        }
    }

    pub(crate) fn go_on(&mut self, users: &Users, response: &[u8]) -> Answer {
        let text = String::from_utf8_lossy(response).into_owned();
        let (name, password) = match std::mem::take(&mut self.state) {
            State::Off => return Answer::No,
            State::Name => {
                self.state = State::Password(text);
                return Answer::Ask(b"Password:");
            }
            State::Password(name) => (name, text),
            State::Plain => {
                let parts: Vec<&str> = text.split('\0').collect();
                let [_, name, password] = parts[..] else { return Answer::No };
                (name.to_owned(), password.to_owned())
            }
        };
        match users.iter().any(|user| *user == (name.clone(), password.clone())) {
            true => Answer::Yes(name),
            false => Answer::No,
        }
    }

    /// The exchange ended in another way.
    pub(crate) fn end(&mut self) {
        self.state = State::Off;
    }
}
