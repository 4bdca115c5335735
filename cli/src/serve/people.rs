//! The files of users.

use std::io;
use std::path::Path;
use std::sync::Arc;

use smtp_sasl::{Passwords, Users};

/// Reads `name:password` lines and `name:token` lines, whichever files there are; empty lines are
/// passed over. A password may hold colons.
pub(super) fn read(
    passwords: Option<&Path>,
    tokens: Option<&Path>,
) -> io::Result<Option<Arc<dyn Users>>> {
    if passwords.is_none() && tokens.is_none() {
        return Ok(None);
    }
    let passwords = Passwords::from_iter(pairs("--users", "password", passwords)?);
    Ok(Some(Arc::new(passwords.with_tokens(pairs("--tokens", "token", tokens)?))))
}

fn pairs(option: &str, what: &str, path: Option<&Path>) -> io::Result<Vec<(String, String)>> {
    let Some(path) = path else { return Ok(Vec::new()) };
    let explain = |error: io::Error| {
        io::Error::new(error.kind(), format!("{option} {}: {error}", path.display()))
    };
    let text = std::fs::read_to_string(path).map_err(explain)?;
    parse(&text).map_err(|line| {
        explain(io::Error::other(format!("line {line} is not a name, a colon and a {what}")))
    })
}

/// Names and secrets, or the number of the line that is none.
fn parse(text: &str) -> Result<Vec<(String, String)>, usize> {
    let lines = text.lines().enumerate().filter(|(_, line)| !line.is_empty());
    let pairs = lines.map(|(index, line)| match line.split_once(':') {
        Some((name, secret)) if is_name(name) && !secret.is_empty() => {
            Ok((name.to_owned(), secret.to_owned()))
        }
        _ => Err(index + 1),
    });
    pairs.collect()
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
        let want = [("alice", "tiger"), ("bob@example.org", "a:b c")];
        assert_eq!(users, want.map(|(name, secret)| (name.to_owned(), secret.to_owned())));
    }

    #[test]
    fn either_file_or_both() {
        let dir = tempfile::tempdir().unwrap();
        let (passwords, tokens) = (dir.path().join("users"), dir.path().join("tokens"));
        std::fs::write(&passwords, "alice:tiger\n").unwrap();
        std::fs::write(&tokens, "alice:ya29.x\nbob:ya29.y\n").unwrap();
        let users = read(Some(&passwords), Some(&tokens)).unwrap().unwrap();
        assert_eq!(users.password("alice").unwrap().expose(), "tiger");
        assert!(
            users.is_token("alice", &"ya29.x".into()) && users.is_token("bob", &"ya29.y".into())
        );
        // A token is no password, a password no token, and one's token not another's.
        assert!(users.password("bob").is_none() && !users.is_token("alice", &"tiger".into()));
        assert!(
            !users.is_token("bob", &"ya29.x".into()) && !users.is_token("eve", &"ya29.x".into())
        );
        assert!(read(Some(&passwords), None).unwrap().is_some());
        assert!(read(None, Some(&tokens)).unwrap().is_some());
        assert!(read(None, None).unwrap().is_none());
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        for (text, line) in [("alice", 1), ("a:b\n:c", 2), ("a:b\n\nc:", 3), ("a\tb:c", 1)] {
            assert_eq!(parse(text).err(), Some(line), "{text:?}");
        }
    }
}
