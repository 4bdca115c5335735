//! The configurations under which a server's session is driven, and what each of them promises.

use smtp_codec::proto::Syntax;
use smtp_codec::proto::command::{DateTime, DeliverByMode, MailParameters};
use smtp_codec::proto::reply::Extension;
use smtp_codec::proto::session::BareNewline;
use smtp_codec::server::{Config, Limits, PriorityProfile};

use crate::Choices;

/// A configuration, the most octets of content that it takes, and whether it is LMTP's.
pub(crate) fn config(choices: &mut Choices<'_>) -> (Config, Option<u64>, bool) {
    let mut limits = Limits::default();
    match choices.next() % 4 {
        1 => (limits.errors, limits.junk, limits.recipients_over) = (3, 3, 1),
        2 => (limits.recipients, limits.recipients_over) = (3, 3),
        3 => (limits.challenges, limits.auth_failures) = (2, 1),
        _ => {}
    }
    let mut config = Config::new("mx.example.org").expect("a host").limits(limits);
    let flags = choices.next();
    if flags & 1 != 0 {
        config = config.max_size(40);
    }
    if flags & 2 != 0 {
        config = config.lmtp();
    }
    if flags & 4 != 0 {
        config = config.require_tls();
    }
    if flags & 8 != 0 {
        config = config.auth(["PLAIN", "SCRAM-SHA-256-PLUS", "CRAM-MD5"]).expect("mechanisms");
    }
    if flags & 16 != 0 {
        config = config.require_auth().allow_plaintext_auth();
    }
    if flags & 32 != 0 {
        config = config.ask_verify().ask_expand().with(Extension::Etrn);
    }
    if flags & 64 != 0 {
        config = config.without(Extension::EnhancedStatusCodes).without(Extension::SmtpUtf8);
    }
    let config = config.bare_newline(match choices.next() % 3 {
        0 => BareNewline::Reject,
        1 => BareNewline::Pass,
        _ => BareNewline::Normalise,
    });
    (config, (flags & 1 != 0).then_some(40), flags & 2 != 0)
}

/// What a server may have besides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct More {
    promises: bool,
    pub(crate) strict_data: bool,
    pub(crate) lenient: bool,
    /// The most MAIL of a session, and the most RCPT of a transaction.
    pub(crate) told: Option<(u32, u32)>,
    pub(crate) each: bool,
}

/// Seconds for which a message may be held, and until when; in how many it is delivered at best.
const HELD: u32 = 100;
const UNTIL: &str = "2030-01-01T00:00:00Z";
const SOONEST: u32 = 60;

impl More {
    pub(crate) fn of(choice: u8) -> Self {
        More {
            promises: choice & 1 != 0,
            strict_data: choice & 2 != 0,
            lenient: choice & 4 != 0,
            told: (choice & 8 != 0).then_some((2, 3)),
            each: choice & 16 != 0,
        }
    }

    pub(crate) fn add(self, mut config: Config) -> Config {
        if self.promises {
            let until = DateTime::parse(UNTIL).expect("a time");
            config = config.future_release(HELD, until).deliver_by(SOONEST);
            config = config.priorities(PriorityProfile::Stanag4406);
        }
        if self.strict_data {
            config = config.refuse_early_content();
        }
        if self.lenient {
            config = config.syntax(Syntax::Lenient);
        }
        if let Some((mails, recipients)) = self.told {
            config = config.mail_max(mails).rcpt_max(recipients);
        }
        if self.each { config.with(Extension::Prdr) } else { config }
    }

    /// Nobody is asked for what the server does not do.
    pub(crate) fn check(self, parameters: &MailParameters<'_>) {
        let until = DateTime::parse(UNTIL).expect("a time").unix_seconds();
        let held = parameters.hold_for().is_none_or(|seconds| seconds <= HELD);
        assert!(held && parameters.hold_until().is_none_or(|it| it.unix_seconds() <= until));
        let by = parameters.by().filter(|by| by.mode() == DeliverByMode::Return);
        assert!(by.is_none_or(|by| i64::from(by.seconds()) >= i64::from(SOONEST)));
        let asks = [
            parameters.hold_for().is_some(),
            parameters.hold_until().is_some(),
            parameters.by().is_some(),
            parameters.mt_priority().is_some(),
        ];
        assert!(self.promises || asks == [false; 4], "{parameters}");
    }
}
