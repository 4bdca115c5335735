//! The parameters of MAIL and of RCPT: one checked text, read when asked.

use core::fmt;

use super::date_time::DateTime;
use super::original_recipient::OriginalRecipient;
use super::parameter::{self, Keyword, Kinds, Parameter, ParameterError, Scope};
use super::value::{self, AuthParameter, Body, DeliverBy, Notify, Ret, Tracking, ValidSince};
use super::xtext::Xtext;
use crate::address::Utf8;
use crate::syntax::Syntax;

macro_rules! parameters {
    ($(#[$doc:meta])* $name:ident, $scope:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default)]
        pub struct $name<'a> {
            text: Utf8<'a>,
            kinds: Kinds,
        }

        impl<'a> $name<'a> {
            /// No parameters.
            pub const EMPTY: $name<'static> = $name { text: Utf8::EMPTY, kinds: Kinds::NONE };

            /// Checks a whole list, strictly; an empty text is no parameters.
            ///
            /// # Errors
            ///
            /// [`ParameterError`] says what is wrong with it.
            pub fn parse(text: &'a str) -> Result<Self, ParameterError> {
                Self::parse_with(text, Syntax::Strict)
            }

            /// Checks a whole list. Lenient syntax takes any run of spaces and tabs between
            /// parameters, and `=` in the values of unknown ones.
            ///
            /// # Errors
            ///
            /// [`ParameterError`] says what is wrong with it.
            pub fn parse_with(text: &'a str, syntax: Syntax) -> Result<Self, ParameterError> {
                Self::of_octets(text.as_bytes(), syntax)
            }

            /// The same for octets; what is taken is UTF-8.
            #[inline]
            pub(super) fn of_octets(
                octets: &'a [u8],
                syntax: Syntax,
            ) -> Result<Self, ParameterError> {
                if octets.is_empty() {
                    return Ok(Self::EMPTY);
                }
                let kinds = parameter::check(octets, $scope, syntax)?;
                Ok($name { text: Utf8::checked(octets), kinds })
            }

            /// A list that was checked, with one space between each two.
            #[cfg(feature = "alloc")]
            pub(super) const fn checked(text: &'a str) -> Self {
                $name { text: Utf8::new(text), kinds: Kinds::ANY }
            }

            pub(super) const fn as_bytes(&self) -> &'a [u8] {
                self.text.as_bytes()
            }

            /// One space stands between each two of them.
            pub(super) const fn is_even(&self) -> bool {
                self.kinds.is_even()
            }

            /// The list as received.
            #[must_use]
            pub const fn as_str(&self) -> &'a str {
                self.text.as_str()
            }

            /// There are none.
            #[must_use]
            pub const fn is_empty(&self) -> bool {
                self.text.as_bytes().is_empty()
            }

            /// The parameters in order.
            pub fn iter(&self) -> impl Iterator<Item = Parameter<'a>> + Clone + use<'a> {
                parameter::parameters(self.text, $scope)
            }

            /// The parameter of that keyword, in any case.
            #[must_use]
            pub fn get(&self, keyword: &str) -> Option<Parameter<'a>> {
                self.iter().find(|parameter| parameter.is_named(keyword))
            }

            #[inline]
            fn find(&self, kind: Keyword) -> Option<Parameter<'a>> {
                if !self.kinds.may_hold(kind) {
                    return None;
                }
                self.iter().find(|parameter| parameter.kind() == Some(kind))
            }

            fn value(&self, kind: Keyword) -> Option<&'a str> {
                self.find(kind)?.value()
            }
        }

        impl PartialEq for $name<'_> {
            fn eq(&self, other: &Self) -> bool {
                self.iter().eq(other.iter())
            }
        }

        impl Eq for $name<'_> {}

        impl fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.text).finish()
            }
        }

        impl fmt::Display for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut space = "";
                for parameter in self.iter() {
                    write!(f, "{space}{parameter}")?;
                    space = " ";
                }
                Ok(())
            }
        }
    };
}

parameters! {
    /// The parameters of MAIL, in order, each at most once.
    ///
    /// Those that are known were checked with their values; those that are not are kept. Two lists
    /// are equal if their parameters are, one by one.
    ///
    /// ```
    /// use smtp_proto::command::{Body, MailParameters, ParameterError};
    ///
    /// let parameters = MailParameters::parse("SIZE=73412 BODY=8BITMIME XFOO").unwrap();
    /// assert_eq!(parameters.size(), Some(73_412));
    /// assert_eq!(parameters.body(), Some(Body::EightBitMime));
    /// assert!(parameters.get("xfoo").is_some() && !parameters.smtp_utf8());
    /// assert_eq!(MailParameters::parse("SIZE=1 SIZE=2"), Err(ParameterError::Duplicate));
    /// ```
    MailParameters, Scope::Mail
}

parameters! {
    /// The parameters of RCPT, in order, each at most once.
    ///
    /// Those that are known were checked with their values; those that are not are kept. Two lists
    /// are equal if their parameters are, one by one.
    ///
    /// ```
    /// use smtp_proto::command::{Notify, RcptParameters};
    ///
    /// let parameters = RcptParameters::parse("NOTIFY=FAILURE,DELAY ORCPT=rfc822;a@b").unwrap();
    /// assert_eq!(parameters.notify(), Some(Notify::FAILURE | Notify::DELAY));
    /// assert_eq!(parameters.orcpt().unwrap().address().to_string(), "a@b");
    /// ```
    RcptParameters, Scope::Rcpt
}

impl<'a> MailParameters<'a> {
    /// SIZE: how long the content is, in octets, as estimated by the client (RFC 1870).
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        self.find(Keyword::Size)?.octets().and_then(value::octets)
    }

    /// BODY (RFC 6152, RFC 3030).
    #[must_use]
    pub fn body(&self) -> Option<Body> {
        self.find(Keyword::Body)?.octets().and_then(Body::parse)
    }

    /// SMTPUTF8 (RFC 6531).
    #[must_use]
    pub fn smtp_utf8(&self) -> bool {
        self.find(Keyword::SmtpUtf8).is_some()
    }

    /// RET (RFC 3461).
    #[must_use]
    pub fn ret(&self) -> Option<Ret> {
        self.value(Keyword::Ret).and_then(Ret::parse)
    }

    /// ENVID: it stands for printable ASCII (RFC 3461).
    #[must_use]
    pub fn envid(&self) -> Option<Xtext<'a>> {
        self.value(Keyword::Envid).and_then(value::envid)
    }

    /// AUTH (RFC 4954 section 5).
    #[must_use]
    pub fn auth(&self) -> Option<AuthParameter<'a>> {
        self.value(Keyword::Auth).and_then(AuthParameter::parse)
    }

    /// HOLDFOR: 1 to 999,999,999 seconds (RFC 4865).
    #[must_use]
    pub fn hold_for(&self) -> Option<u32> {
        self.value(Keyword::HoldFor).and_then(value::hold_for)
    }

    /// HOLDUNTIL (RFC 4865).
    #[must_use]
    pub fn hold_until(&self) -> Option<DateTime> {
        self.value(Keyword::HoldUntil).and_then(DateTime::parse)
    }

    /// BY (RFC 2852).
    #[must_use]
    pub fn by(&self) -> Option<DeliverBy> {
        self.value(Keyword::By).and_then(DeliverBy::parse)
    }

    /// MT-PRIORITY: -9 to 9 (RFC 6710).
    #[must_use]
    pub fn mt_priority(&self) -> Option<i8> {
        self.value(Keyword::MtPriority).and_then(value::mt_priority)
    }

    /// REQUIRETLS (RFC 8689).
    #[must_use]
    pub fn require_tls(&self) -> bool {
        self.find(Keyword::RequireTls).is_some()
    }

    /// MTRK (RFC 3885).
    #[must_use]
    pub fn mtrk(&self) -> Option<Tracking<'a>> {
        self.value(Keyword::Mtrk).and_then(Tracking::parse)
    }

    /// PRDR (draft-hall-prdr-00): a reply to the message for each recipient.
    #[must_use]
    pub fn prdr(&self) -> bool {
        self.find(Keyword::Prdr).is_some()
    }

    /// SUBMITTER: who is responsible for this transmission, a mailbox in xtext that was not parsed
    /// further (RFC 4405).
    #[must_use]
    pub fn submitter(&self) -> Option<Xtext<'a>> {
        self.value(Keyword::Submitter).and_then(value::submitter)
    }
}

impl<'a> RcptParameters<'a> {
    /// Whether they can be sent without SMTPUTF8: the value of ORCPT may be outside ASCII (RFC 6533).
    pub(crate) const fn is_ascii(&self) -> bool {
        self.text.as_bytes().is_ascii()
    }

    /// NOTIFY (RFC 3461).
    #[must_use]
    pub fn notify(&self) -> Option<Notify> {
        self.value(Keyword::Notify).and_then(Notify::parse)
    }

    /// ORCPT (RFC 3461, RFC 6533).
    #[must_use]
    pub fn orcpt(&self) -> Option<OriginalRecipient<'a>> {
        self.value(Keyword::Orcpt).and_then(OriginalRecipient::parse)
    }

    /// RRVS (RFC 7293).
    #[must_use]
    pub fn rrvs(&self) -> Option<ValidSince> {
        self.value(Keyword::Rrvs).and_then(ValidSince::parse)
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::{String, ToString};

    use super::*;

    #[test]
    fn every_mail_parameter_is_read() {
        let text = "SIZE=10 BODY=BINARYMIME SMTPUTF8 RET=HDRS ENVID=a+20b AUTH=<> HOLDFOR=60 \
                    BY=-5;NT MT-PRIORITY=-3 REQUIRETLS MTRK=dGVzdA==:60 PRDR \
                    SUBMITTER=a@b XFOO=1";
        let parameters = MailParameters::parse(text).unwrap();
        assert_eq!(parameters.size(), Some(10));
        assert_eq!(parameters.body(), Some(Body::BinaryMime));
        assert!(parameters.smtp_utf8() && parameters.require_tls() && parameters.prdr());
        assert_eq!(parameters.ret(), Some(Ret::Hdrs));
        assert!(parameters.envid().unwrap().decode().eq(*b"a b"));
        assert_eq!(parameters.auth(), Some(AuthParameter::Null));
        assert_eq!((parameters.hold_for(), parameters.hold_until()), (Some(60), None));
        assert_eq!(parameters.by().unwrap().seconds(), -5);
        assert_eq!(parameters.mt_priority(), Some(-3));
        assert_eq!(parameters.mtrk().unwrap().timeout(), Some(60));
        assert!(parameters.submitter().unwrap().decode().eq(*b"a@b"));
        assert_eq!(parameters.iter().filter(|p| p.kind().is_none()).count(), 1);
        assert_eq!(parameters.to_string(), text);
    }

    #[test]
    fn malformed_lists_are_refused() {
        use ParameterError::{Duplicate, Syntax as Malformed, Value};

        for (text, error) in [
            ("SIZE", Value),
            ("SIZE=", Value),
            ("XFOO=", Malformed),
            ("SIZE=1 ", Malformed),
            (" SIZE=1", Malformed),
            ("SIZE=1  RET=FULL", Malformed),
            ("SIZE=1\tRET=FULL", Malformed),
            ("SIZE 100", Value),
            ("-X=1", Malformed),
            ("X_Y=1", Malformed),
            ("=1", Malformed),
            ("X=a=b", Malformed),
            ("X=a\u{85}", Malformed),
            ("X=a\u{7f}", Malformed),
            ("SMTPUTF8=yes", Value),
            ("REQUIRETLS=1", Value),
            ("PRDR=1", Value),
            ("ENVID=ab+0D+0Acd", Value),
            ("AUTH=a+0A", Value),
            ("size=1 SIZE=2", Duplicate),
            ("XFOO XBAR=1 xfoo=2", Duplicate),
            ("BODY=7BIT BODY=8BITMIME", Duplicate),
            ("HOLDFOR=1 HOLDUNTIL=2026-08-01T00:00:00Z", Duplicate),
        ] {
            assert_eq!(MailParameters::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_keyword_is_known_in_its_own_command_only() {
        let parameters = MailParameters::parse("NOTIFY=BOGUS").unwrap();
        assert_eq!(parameters.get("notify").unwrap().kind(), None);
        let parameters = RcptParameters::parse("SIZE=x").unwrap();
        assert_eq!(parameters.get("SIZE").unwrap().kind(), None);
    }

    #[test]
    fn lenient_lists_are_read_alike() {
        let lenient = MailParameters::parse_with("SIZE=10  X=a=b\tRET=FULL", Syntax::Lenient);
        let parameters = lenient.unwrap();
        assert_eq!(parameters.get("x").unwrap().value(), Some("a=b"));
        assert_eq!(parameters.ret(), Some(Ret::Full));
        assert_eq!(parameters.to_string(), "SIZE=10 X=a=b RET=FULL");
    }

    #[test]
    fn unknown_parameters_are_bounded() {
        let list = |n: usize| (0..n).map(|i| format!(" X{i}")).collect::<String>();
        assert!(RcptParameters::parse(list(32).trim_start()).is_ok());
        let error = RcptParameters::parse(list(33).trim_start()).err();
        assert_eq!(error, Some(ParameterError::TooMany));
    }
}
