//! The file of users.

use std::io;
use std::path::Path;
use std::sync::Arc;

use smtp_sasl::{Passwords, Users};

/// Reads `name:password` lines; empty ones are passed over. A password may hold colons.
pub(super) fn read(path: &Path) -> io::Result<Arc<dyn Users>> {
    let explain = |error: io::Error| {
        io::Error::new(error.kind(), format!("--users {}: {error}", path.display()))
    };
    let text = std::fs::read_to_string(path).map_err(explain)?;
    let users = parse(&text).map_err(|line| {
        explain(io::Error::other(format!("line {line} is not a name, a colon and a password")))
    })?;
    Ok(Arc::new(users))
}

/// The users, or the number of the line that is none.
fn parse(text: &str) -> Result<Passwords, usize> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty());
    let users = lines.map(|(index, line)| match line.split_once(':') {
        Some((name, password)) if is_name(name) && !password.is_empty() => Ok((name, password)),
        _ => Err(index + 1),
    });
    users.collect::<Result<Vec<_>, _>>().map(Passwords::from_iter)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_passwords() {
        let users = parse("alice:tiger\n\nbob@example.org:a:b c\r\n").unwrap();
        assert_eq!(users.password("alice").unwrap().expose(), "tiger");
        assert_eq!(users.password("bob@example.org").unwrap().expose(), "a:b c");
        assert!(users.password("").is_none() && users.password("eve").is_none());
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        for (text, line) in [("alice", 1), ("a:b\n:c", 2), ("a:b\n\nc:", 3), ("a\tb:c", 1)] {
            assert_eq!(parse(text).err(), Some(line), "{text:?}");
        }
    }
}
