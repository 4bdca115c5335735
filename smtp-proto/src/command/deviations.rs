//! What lenient syntax lets through in a line that strict syntax would refuse.

use core::fmt;
use core::ops::{BitOr, BitOrAssign};

use super::parse::{trim_end, trim_start};
use super::{Argument, Command, Parameter, Queue, Verb};
use crate::address::{ForwardPath, Host, LocalPart, Mailbox, ReversePath};
use crate::syntax::Syntax;

/// A set of deviations from the grammar: what made a line need [`Syntax::Lenient`].
///
/// `Display` writes their names, with a comma and a space between them.
///
/// ```
/// use smtp_proto::command::Deviations;
///
/// let found = Deviations::of(b"MAIL FROM: alice@mail_1.example");
/// assert!(found.contains(Deviations::NO_BRACKETS));
/// assert_eq!(found.to_string(), "space-after-colon, no-brackets, underscore");
/// assert_eq!(Deviations::of(b"MAIL FROM:<alice@example.org>"), Deviations::NONE);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Deviations(u16);

impl Deviations {
    /// None.
    pub const NONE: Self = Deviations(0);
    /// White space before the verb.
    pub const LEADING_SPACE: Self = Deviations(1);
    /// A tab, or more than one space, where one space belongs.
    pub const SPACING: Self = Deviations(1 << 1);
    /// White space behind `FROM:` or `TO:`.
    pub const SPACE_AFTER_COLON: Self = Deviations(1 << 2);
    /// A path without angle brackets.
    pub const NO_BRACKETS: Self = Deviations(1 << 3);
    /// A local part that begins or ends with a full stop, or holds two in a row.
    pub const DOTS: Self = Deviations(1 << 4);
    /// A local part of more than 64 octets.
    pub const LONG_LOCAL_PART: Self = Deviations(1 << 5);
    /// A domain with an underscore.
    pub const UNDERSCORE: Self = Deviations(1 << 6);
    /// A domain with a hyphen at the end of a label.
    pub const HYPHEN: Self = Deviations(1 << 7);
    /// A domain with a full stop at its end.
    pub const FINAL_DOT: Self = Deviations(1 << 8);
    /// An unknown parameter with `=` in its value.
    pub const EQUALS_SIGN: Self = Deviations(1 << 9);
    /// VRFY or EXPN with text that is no user, mailbox or list.
    pub const FREE_TEXT: Self = Deviations(1 << 10);
    /// EHLO, HELO or LHLO with a name outside ASCII. The grammar has it; RFC 6531 section 3.7.1
    /// wants A-labels, and a strict server refuses it.
    pub const UTF8_HOST: Self = Deviations(1 << 11);

    const NAMES: [(Self, &'static str); 12] = [
        (Self::LEADING_SPACE, "leading-space"),
        (Self::SPACING, "spacing"),
        (Self::SPACE_AFTER_COLON, "space-after-colon"),
        (Self::NO_BRACKETS, "no-brackets"),
        (Self::DOTS, "dots"),
        (Self::LONG_LOCAL_PART, "long-local-part"),
        (Self::UNDERSCORE, "underscore"),
        (Self::HYPHEN, "hyphen"),
        (Self::FINAL_DOT, "final-dot"),
        (Self::EQUALS_SIGN, "equals-sign"),
        (Self::FREE_TEXT, "free-text"),
        (Self::UTF8_HOST, "utf8-host"),
    ];

    /// Those in a command line, without its CRLF; none if lenient syntax refuses it.
    #[must_use]
    pub fn of(line: &[u8]) -> Self {
        let Ok(command) = Command::parse_with(line, Syntax::Lenient) else { return Self::NONE };
        let line = trim_end(line);
        let bare = trim_start(line);
        let leading = Self::LEADING_SPACE.only_if(bare.len() < line.len());
        let Some((_, rest)) = Verb::split(bare) else { return leading };
        leading | in_argument(&command, bare, rest)
    }

    /// Those in a path, as it stands in MAIL or RCPT; none if lenient syntax refuses it.
    #[must_use]
    pub fn of_path(text: &str) -> Self {
        let reverse = ReversePath::parse_with(text, Syntax::Lenient).map(ReversePath::mailbox);
        let forward = ForwardPath::parse_with(text, Syntax::Lenient).map(ForwardPath::mailbox);
        reverse.or(forward).map_or(Self::NONE, |mailbox| in_path(text.as_bytes(), mailbox))
    }

    /// Those in a mailbox without angle brackets; none if lenient syntax refuses it.
    #[must_use]
    pub fn of_mailbox(text: &str) -> Self {
        Mailbox::parse_with(text, Syntax::Lenient).map_or(Self::NONE, in_mailbox)
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether all of `others` are among them.
    #[must_use]
    pub const fn contains(self, others: Self) -> bool {
        self.0 & others.0 == others.0
    }

    /// Their names.
    pub fn names(self) -> impl Iterator<Item = &'static str> + Clone {
        Self::NAMES.into_iter().filter(move |(one, _)| self.contains(*one)).map(|(_, name)| name)
    }

    const fn only_if(self, found: bool) -> Self {
        if found { self } else { Self::NONE }
    }
}

impl BitOr for Deviations {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Deviations(self.0 | other.0)
    }
}

impl BitOrAssign for Deviations {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

impl fmt::Display for Deviations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        for name in self.names() {
            write!(f, "{comma}{name}")?;
            comma = ", ";
        }
        Ok(())
    }
}

/// `rest` is what stands behind the verb of `line`.
fn in_argument(command: &Command<'_>, line: &[u8], rest: &[u8]) -> Deviations {
    match *command {
        Command::Mail { reverse_path, parameters } => {
            let path = in_transaction(rest, b"FROM:", reverse_path.mailbox());
            path | in_parameters(line, parameters.as_str(), parameters.iter())
        }
        Command::Rcpt { forward_path, parameters } => {
            let path = in_transaction(rest, b"TO:", forward_path.mailbox());
            path | in_parameters(line, parameters.as_str(), parameters.iter())
        }
        Command::Helo(host) | Command::Ehlo(host) | Command::Lhlo(host) => {
            let foreign = Deviations::UTF8_HOST.only_if(!host.is_ascii());
            spacing(rest) | in_host(host) | foreign
        }
        Command::Vrfy(_) | Command::Expn(_) => {
            let text = core::str::from_utf8(trim_start(rest)).ok();
            let strict = text.is_some_and(|text| Argument::parse(text).is_some());
            spacing(rest) | Deviations::FREE_TEXT.only_if(!strict)
        }
        Command::Etrn(queue) => {
            let domain = match queue {
                Queue::Host(domain) | Queue::Subdomains(domain) => in_domain(domain.as_str()),
                Queue::Named(_) => Deviations::NONE,
            };
            spacing(rest) | domain
        }
        Command::Bdat { .. } | Command::Auth { .. } => all_spacing(rest),
        Command::Help(Some(_)) | Command::Xclient(_) | Command::Xforward(_) => spacing(rest),
        _ => Deviations::NONE,
    }
}

/// What stands behind MAIL or RCPT, up to the path.
fn in_transaction(rest: &[u8], keyword: &[u8], mailbox: Option<Mailbox<'_>>) -> Deviations {
    let behind = trim_start(rest).get(keyword.len()..).unwrap_or_default();
    let path = trim_start(behind);
    let space = Deviations::SPACE_AFTER_COLON.only_if(path.len() < behind.len());
    spacing(rest) | space | in_path(path, mailbox)
}

/// A path that `text` begins with; the mailbox does not tell of a source route.
fn in_path(text: &[u8], mailbox: Option<Mailbox<'_>>) -> Deviations {
    let (bare, inner) = match text {
        [b'<', inner @ ..] => (Deviations::NONE, inner),
        _ => (Deviations::NO_BRACKETS, text),
    };
    let route = match inner {
        [b'@', ..] => inner.split(|&octet| octet == b':').next().unwrap_or_default(),
        _ => &[],
    };
    let domains = route.split(|&octet| octet == b',').map(|at_domain| {
        let name = at_domain.strip_prefix(b"@").unwrap_or(at_domain);
        in_domain(core::str::from_utf8(name).unwrap_or_default())
    });
    bare | domains.fold(Deviations::NONE, BitOr::bitor)
        | mailbox.map_or(Deviations::NONE, in_mailbox)
}

fn in_mailbox(mailbox: Mailbox<'_>) -> Deviations {
    in_local_part(mailbox.local_part()) | in_host(mailbox.host())
}

fn in_local_part(local_part: LocalPart<'_>) -> Deviations {
    let text = local_part.as_str();
    let dots = text.starts_with('.') || text.ends_with('.') || text.contains("..");
    Deviations::DOTS.only_if(dots && !local_part.is_quoted())
        | Deviations::LONG_LOCAL_PART.only_if(text.len() > 64)
}

fn in_host(host: Host<'_>) -> Deviations {
    match host {
        Host::Domain(domain) => in_domain(domain.as_str()),
        Host::Literal(_) => Deviations::NONE,
    }
}

fn in_domain(name: &str) -> Deviations {
    let hyphen = name.split('.').any(|label| label.starts_with('-') || label.ends_with('-'));
    Deviations::UNDERSCORE.only_if(name.contains('_'))
        | Deviations::HYPHEN.only_if(hyphen)
        | Deviations::FINAL_DOT.only_if(name.ends_with('.'))
}

/// `text`, the parameters, stands at the end of `line`.
fn in_parameters<'a>(
    line: &[u8],
    text: &str,
    mut parameters: impl Iterator<Item = Parameter<'a>>,
) -> Deviations {
    if text.is_empty() {
        return Deviations::NONE;
    }
    let before = line.get(..line.len().saturating_sub(text.len())).unwrap_or_default();
    let before = before.get(trim_end(before).len()..).unwrap_or_default();
    let equals = parameters.any(|parameter| {
        parameter.kind().is_none() && parameter.value().is_some_and(|value| value.contains('='))
    });
    spacing(before) | all_spacing(text.as_bytes()) | Deviations::EQUALS_SIGN.only_if(equals)
}

/// Whether `rest` begins with anything but one space.
fn spacing(rest: &[u8]) -> Deviations {
    let space = rest.get(..rest.len().saturating_sub(trim_start(rest).len()));
    Deviations::SPACING.only_if(space != Some(b" "))
}

/// Whether white space in `text` is anything but single spaces.
fn all_spacing(text: &[u8]) -> Deviations {
    let found = text.contains(&b'\t') || text.windows(2).any(|two| two == b"  ");
    Deviations::SPACING.only_if(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_found_alone() {
        use Deviations as D;
        for (line, found) in [
            (" NOOP", D::LEADING_SPACE),
            ("\tQUIT", D::LEADING_SPACE),
            (" FOO", D::LEADING_SPACE),
            ("EHLO  a", D::SPACING),
            ("MAIL\tFROM:<a@b>", D::SPACING),
            ("MAIL  FROM:<>", D::SPACING),
            ("MAIL FROM:<>  SIZE=1", D::SPACING),
            ("MAIL FROM:<>\tSIZE=1", D::SPACING),
            ("MAIL FROM:<> SIZE=1  XFOO", D::SPACING),
            ("BDAT  1", D::SPACING),
            ("BDAT 1\tLAST", D::SPACING),
            ("AUTH PLAIN  =", D::SPACING),
            ("AUTH  PLAIN", D::SPACING),
            ("HELP  me", D::SPACING),
            ("ETRN  a", D::SPACING),
            ("XCLIENT  NAME=a", D::SPACING),
            ("MAIL FROM: <a@b>", D::SPACE_AFTER_COLON),
            ("RCPT TO:\t<a@b>", D::SPACE_AFTER_COLON),
            ("RCPT TO:a@b", D::NO_BRACKETS),
            ("RCPT TO:postmaster", D::NO_BRACKETS),
            ("MAIL FROM:<a..b@c>", D::DOTS),
            ("MAIL FROM:<.a@c>", D::DOTS),
            ("MAIL FROM:<a.@c>", D::DOTS),
            ("EHLO a_b", D::UNDERSCORE),
            ("MAIL FROM:<@a_b:c@d>", D::UNDERSCORE),
            ("ETRN @a_b", D::UNDERSCORE),
            ("RCPT TO:<a@-b>", D::HYPHEN),
            ("RCPT TO:<@a,@b-:c@d>", D::HYPHEN),
            ("RCPT TO:<a@b.>", D::FINAL_DOT),
            ("MAIL FROM:<> X=a=b", D::EQUALS_SIGN),
            ("VRFY Alice Smith", D::FREE_TEXT),
            ("EHLO \u{e9}", D::UTF8_HOST),
        ] {
            assert_eq!(D::of(line.as_bytes()), found, "{line:?}");
        }
        let long = [b"RCPT TO:<".as_slice(), &[b'a'; 65], b"@b>"].concat();
        assert_eq!(D::of(&long), D::LONG_LOCAL_PART);
    }

    #[test]
    fn what_is_strict_or_refused_deviates_in_nothing() {
        for line in [
            "MAIL FROM:<\"a..b\"@c> SIZE=1 MTRK=dGVzdA== X=y ",
            "RCPT TO:<@a:b@c>",
            "NOOP  two",
            "QUIT\t",
            "DATA  x",
            "MAIL FROM: ",
            "BDAT x",
            "XCLIENT NAME=a  ADDR=b",
            "",
            "   ",
            "FOO  bar",
        ] {
            assert_eq!(Deviations::of(line.as_bytes()), Deviations::NONE, "{line:?}");
        }
    }

    #[test]
    fn paths_and_mailboxes_alone() {
        assert_eq!(Deviations::of_path("a@b"), Deviations::NO_BRACKETS);
        assert_eq!(Deviations::of_path("<Postmaster>"), Deviations::NONE);
        assert_eq!(Deviations::of_path("postmaster"), Deviations::NO_BRACKETS);
        assert_eq!(Deviations::of_path("<>"), Deviations::NONE);
        assert_eq!(Deviations::of_path("a b"), Deviations::NONE);
        assert_eq!(Deviations::of_mailbox("a@b_c"), Deviations::UNDERSCORE);
        assert_eq!(Deviations::of_mailbox("a@b@c"), Deviations::NONE);
    }
}
