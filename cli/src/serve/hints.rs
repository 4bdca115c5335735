//! What is said to somebody who tries the server: where mail goes, and lines that send some.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::args::serve::{ServeArgs, Storage};

/// What the lines of `hints` have in common.
struct Way<'a> {
    smtp: &'a str,
    address: SocketAddr,
    lmtp: bool,
    /// TLS comes before the greeting.
    implicit: bool,
    /// There is a certificate; with the file that it was written to, if clients can check it by that.
    tls: Option<Option<String>>,
    login: Option<Login>,
}

/// What must be told before mail is taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Login {
    Password,
    Token,
}

/// Where mail goes, and how to send some, as far as `smtp`, curl and swaks can do so here.
pub(super) fn hints(smtp: &str, addresses: &[SocketAddr], args: &ServeArgs) -> String {
    let place = match args.storage() {
        Storage::Maildir(dir) => format!("into the Maildir {}", dir.display()),
        Storage::Raw(dir) => format!("into {}, as ID.eml and ID.json", dir.display()),
        Storage::Discard => "nowhere: it is accepted and dropped".to_owned(),
    };
    let Some(way) = Way::new(smtp, addresses, args) else {
        return format!("Mail goes {place}. Ctrl-C stops the server. Arriving:");
    };
    let whose = match way.login {
        None => "",
        Some(Login::Password) => ", with a name and a password of --users",
        Some(Login::Token) => ", with a name and a token of --tokens",
    };
    format!(
        "Mail goes {place}. To send some, copy a line into another terminal{whose}:\n\n{}\n\n\
         Ctrl-C stops the server. Arriving:",
        way.lines().join("\n"),
    )
}

impl<'a> Way<'a> {
    /// None where a line would need more than a command: a PROXY header, or a token without TLS.
    fn new(smtp: &'a str, addresses: &[SocketAddr], args: &ServeArgs) -> Option<Self> {
        let mut address = *addresses.first().filter(|_| !args.proxy_protocol)?;
        // Not every system connects to the address that stands for all.
        match address.ip() {
            IpAddr::V4(Ipv4Addr::UNSPECIFIED) => address.set_ip(Ipv4Addr::LOCALHOST.into()),
            IpAddr::V6(Ipv6Addr::UNSPECIFIED) => address.set_ip(Ipv6Addr::LOCALHOST.into()),
            _ => {}
        }
        let tls = args.certificate().map(|_| {
            let file = args.tls_cert_out.as_ref().filter(|_| address.ip().is_loopback());
            file.map(|file| file.display().to_string())
        });
        let login = match (args.require_auth, &args.users) {
            (false, _) => None,
            (true, Some(_)) => Some(Login::Password),
            (true, None) => Some(Login::Token),
        };
        (login != Some(Login::Token) || tls.is_some()).then_some(Way {
            smtp,
            address,
            lmtp: args.lmtp,
            implicit: args.listen().is_empty(), // those in the clear are the first
            tls,
            login,
        })
    }

    fn lines(&self) -> Vec<String> {
        let letter = r"printf 'Subject: Hello\r\n\r\nHello Bob\r\n' |";
        let envelope = "--from alice@example.org --to bob@example.org";
        let (address, host, port) = (self.address, self.address.ip(), self.address.port());
        let mut lines = Vec::new();

        let secret = if self.login.is_some() { "SECRET=... " } else { "" };
        let lmtp = if self.lmtp { " --lmtp" } else { "" };
        let tls = match &self.tls {
            None => String::new(),
            Some(file) => {
                let when = if self.implicit { "implicit" } else { "required" };
                format!(" --tls {when}{}", trust(file.as_deref(), "--tls-ca"))
            }
        };
        let login = match self.login {
            None => "",
            Some(Login::Password) => " --user NAME --password-env SECRET",
            Some(Login::Token) => " --user NAME --password-env SECRET --mechanism OAUTHBEARER",
        };
        let smtp = self.smtp;
        lines.push(format!(
            "  {letter} {secret}{smtp} send{lmtp} --server {address}{tls}{login} {envelope}"
        ));

        if !self.lmtp {
            let scheme = if self.implicit { "smtps" } else { "smtp" };
            let reqd = if self.implicit { "" } else { " --ssl-reqd" };
            let tls = self.tls.as_ref().map_or(String::new(), |file| {
                format!("{reqd}{}", trust(file.as_deref(), "--cacert"))
            });
            let login = match self.login {
                None => "",
                Some(Login::Password) => " --user NAME:PASSWORD",
                Some(Login::Token) => " --user NAME --oauth2-bearer TOKEN",
            };
            lines.push(format!(
                "  {letter} curl {scheme}://{address}{tls}{login} --mail-from alice@example.org \
                 --mail-rcpt bob@example.org --upload-file -"
            ));
        }

        if self.login != Some(Login::Token) {
            let protocol = if self.lmtp { " --protocol LMTP" } else { "" };
            let tls = match (&self.tls, self.implicit) {
                (None, _) => "",
                (Some(_), false) => " --tls",
                (Some(_), true) => " --tls-on-connect",
            };
            let login = match self.login {
                Some(_) => " --auth-user NAME --auth-password PASSWORD",
                None => "",
            };
            lines.push(format!(
                "  swaks{protocol} --server {host} --port {port}{tls}{login} {envelope}"
            ));
        }
        lines
    }
}

/// Trusts the certificate in the file, or whatever comes.
fn trust(file: Option<&str>, option: &str) -> String {
    file.map_or(" --insecure".to_owned(), |file| format!(" {option} {}", quoted(file)))
}

/// As a shell takes it for one word.
fn quoted(word: &str) -> Cow<'_, str> {
    let is_plain = |octet: u8| octet.is_ascii_alphanumeric() || b"./_-+,:@%".contains(&octet);
    match !word.is_empty() && word.bytes().all(is_plain) {
        true => word.into(),
        false => format!("'{}'", word.replace('\'', r"'\''")).into(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Cli, Command};

    /// The lines that begin with a command, without what they all begin or end with.
    fn lines(options: &str, address: &str) -> Vec<String> {
        let words = ["smtp", "serve"].into_iter().chain(options.split_whitespace());
        let Command::Serve(args) = Cli::try_parse_from(words).unwrap().command else { panic!() };
        assert_eq!(args.contradiction(), None);
        let told = hints("smtp", &[address.parse().unwrap()], &args);
        assert!(told.ends_with("Ctrl-C stops the server. Arriving:"), "{told}");
        let lines = told.lines().filter_map(|line| line.strip_prefix("  "));
        let bare = lines.map(|line| {
            line.replace(r"printf 'Subject: Hello\r\n\r\nHello Bob\r\n' | ", "")
                .replace(" --from alice@example.org --to bob@example.org", "")
                .replace(" --mail-from alice@example.org --mail-rcpt bob@example.org", "")
                .replace(" --upload-file -", "")
        });
        bare.collect()
    }

    #[test]
    fn in_the_clear() {
        assert_eq!(
            lines("--discard", "127.0.0.1:2525"),
            [
                "smtp send --server 127.0.0.1:2525",
                "curl smtp://127.0.0.1:2525",
                "swaks --server 127.0.0.1 --port 2525",
            ]
        );
        assert_eq!(
            lines("--lmtp", "[::]:24"),
            ["smtp send --lmtp --server [::1]:24", "swaks --protocol LMTP --server ::1 --port 24",]
        );
        assert!(lines("--proxy-protocol", "127.0.0.1:2525").is_empty());
    }

    #[test]
    fn with_tls() {
        assert_eq!(
            lines("--tls-self-signed --require-tls", "127.0.0.1:2525"),
            [
                "smtp send --server 127.0.0.1:2525 --tls required --insecure",
                "curl smtp://127.0.0.1:2525 --ssl-reqd --insecure",
                "swaks --server 127.0.0.1 --port 2525 --tls",
            ]
        );
        let own = "--tls-self-signed --tls-cert-out own.pem --listen-tls 0.0.0.0:465";
        assert_eq!(
            lines(own, "0.0.0.0:465"),
            [
                "smtp send --server 127.0.0.1:465 --tls implicit --tls-ca own.pem",
                "curl smtps://127.0.0.1:465 --cacert own.pem",
                "swaks --server 127.0.0.1 --port 465 --tls-on-connect",
            ]
        );
        // The certificate is not for that address.
        let own = "--tls-self-signed --tls-cert-out own.pem";
        let elsewhere = lines(own, "192.0.2.1:25");
        assert_eq!(elsewhere[0], "smtp send --server 192.0.2.1:25 --tls required --insecure");
    }

    #[test]
    fn a_file_of_any_name_is_one_word() {
        for (name, word) in [
            ("/etc/own-1.pem", "/etc/own-1.pem"),
            ("my own.pem", "'my own.pem'"),
            ("$(x);`y`", "'$(x);`y`'"),
            ("it's", r"'it'\''s'"),
            ("\u{e9}.pem", "'\u{e9}.pem'"),
            ("", "''"),
        ] {
            assert_eq!(trust(Some(name), "--tls-ca"), format!(" --tls-ca {word}"));
        }
    }

    #[test]
    fn with_a_login() {
        assert_eq!(
            lines("--users u --require-auth", "127.0.0.1:2525"),
            [
                "SECRET=... smtp send --server 127.0.0.1:2525 --user NAME --password-env SECRET",
                "curl smtp://127.0.0.1:2525 --user NAME:PASSWORD",
                "swaks --server 127.0.0.1 --port 2525 --auth-user NAME --auth-password PASSWORD",
            ]
        );
        assert_eq!(lines("--users u", "127.0.0.1:2525")[0], "smtp send --server 127.0.0.1:2525");
        assert_eq!(
            lines("--tls-self-signed --tokens t --require-auth", "127.0.0.1:2525"),
            [
                "SECRET=... smtp send --server 127.0.0.1:2525 --tls required --insecure --user NAME \
             --password-env SECRET --mechanism OAUTHBEARER",
                "curl smtp://127.0.0.1:2525 --ssl-reqd --insecure --user NAME --oauth2-bearer TOKEN",
            ]
        );
        assert!(lines("--tokens t --require-auth", "127.0.0.1:2525").is_empty());
    }
}
