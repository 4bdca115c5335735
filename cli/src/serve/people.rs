//! The files of users.

use std::collections::HashMap;
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
    parse(&text, what).map_err(|why| explain(io::Error::new(io::ErrorKind::InvalidInput, why)))
}

/// Names and secrets, or what is wrong with them.
fn parse(text: &str, what: &str) -> Result<Vec<(String, String)>, String> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.is_empty()) {
        match line.split_once(':') {
            Some((name, secret)) if is_name(name) && !secret.is_empty() => {
                if let Some(before) = seen.insert(name, number) {
                    return Err(format!("lines {before} and {number} are both for {name}"));
                }
                pairs.push((name.to_owned(), secret.to_owned()));
            }
            _ => return Err(format!("line {number} is not a name, a colon and a {what}")),
        }
    }
    if pairs.is_empty() {
        return Err("nobody is in it".to_owned());
    }
    Ok(pairs)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_passwords() {
        let users = parse("alice:tiger\n\nbob@example.org:a:b c\r\n", "password").unwrap();
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
    fn what_is_wrong_is_said() {
        for (text, line) in [("alice", 1), ("a:b\n:c", 2), ("a:b\n\nc:", 3), ("a\tb:c", 1)] {
            let why = format!("line {line} is not a name, a colon and a token");
            assert_eq!(parse(text, "token").err(), Some(why), "{text:?}");
        }
        let twice = parse("alice:a\n\nbob:b\nalice:a", "password");
        assert_eq!(twice.unwrap_err(), "lines 1 and 4 are both for alice");
        assert_eq!(parse("\n\n", "password").unwrap_err(), "nobody is in it");
    }
}
