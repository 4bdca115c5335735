//! Parameters that own their text and are built value by value.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use super::base64::Base64;
use super::date_time::DateTime;
use super::parameter::{self, Keyword, ParameterError, Scope};
use super::parameters::{MailParameters, RcptParameters};
use super::value::{Body, DeliverBy, Notify, Ret, ValidSince};
use super::xtext::write_xtext;
use crate::address::Mailbox;
use crate::syntax::Syntax;

macro_rules! parameters_buf {
    ($(#[$doc:meta])* $name:ident, $view:ident, $scope:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default)]
        pub struct $name(String);

        impl $name {
            /// No parameters.
            #[must_use]
            pub const fn new() -> Self {
                $name(String::new())
            }

            /// The same parameters, borrowed; nothing is parsed again.
            #[must_use]
            pub const fn as_parameters(&self) -> $view<'_> {
                $view::checked(self.0.as_str())
            }

            /// There are none.
            #[must_use]
            pub const fn is_empty(&self) -> bool {
                self.0.is_empty()
            }

            /// Adds any parameter as it stands on the wire.
            ///
            /// # Errors
            ///
            /// [`ParameterError`] if the keyword or the value is malformed, if the parameter is
            /// known and its value is not valid, or if it is there already.
            pub fn other(self, keyword: &str, value: Option<&str>) -> Result<Self, ParameterError> {
                let mut text = String::from(keyword);
                if let Some(value) = value {
                    text.push('=');
                    text.push_str(value);
                }
                let is_one = parameter::esmtp_param(text.as_bytes(), $scope).is_some_and(|(it, rest)| {
                    rest.is_empty() && (it.keyword(), it.value()) == (keyword, value)
                });
                if !is_one {
                    return Err(ParameterError::Syntax);
                }
                let Self(mut list) = self;
                push(&mut list, &text);
                $view::parse(&list)?;
                Ok($name(list))
            }

            fn set(self, keyword: Keyword, value: fmt::Arguments<'_>) -> Self {
                let Self(mut list) = self;
                let old = $view::checked(&list);
                if old.get(keyword.as_str()).is_some() {
                    let mut kept = String::new();
                    for parameter in old.iter().filter(|p| !p.is_named(keyword.as_str())) {
                        push(&mut kept, &parameter.to_string());
                    }
                    list = kept;
                }
                push(&mut list, keyword.as_str());
                let value = value.to_string();
                if !value.is_empty() {
                    list.push('=');
                    list.push_str(&value);
                }
                $name(list)
            }

            /// Like [`set`](Self::set), for values that may not be valid.
            fn try_set(
                self,
                keyword: Keyword,
                value: fmt::Arguments<'_>,
            ) -> Result<Self, ParameterError> {
                let list = self.set(keyword, value);
                parameter::check(list.0.as_bytes(), $scope, Syntax::Lenient)?;
                Ok(list)
            }
        }

        impl From<$view<'_>> for $name {
            fn from(parameters: $view<'_>) -> Self {
                // What is owned has one space between each two.
                $name(match parameters.is_even() {
                    true => parameters.as_str().to_string(),
                    false => parameters.to_string(),
                })
            }
        }

        impl FromStr for $name {
            type Err = ParameterError;

            fn from_str(text: &str) -> Result<Self, ParameterError> {
                $view::parse(text).map(Self::from)
            }
        }

        impl PartialEq for $name {
            fn eq(&self, other: &Self) -> bool {
                self.as_parameters() == other.as_parameters()
            }
        }

        impl Eq for $name {}

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.as_parameters().fmt(f)
            }
        }
    };
}

fn push(list: &mut String, parameter: &str) {
    if !list.is_empty() {
        list.push(' ');
    }
    list.push_str(parameter);
}

fn xtext(value: &[u8]) -> String {
    let mut out = Vec::new();
    write_xtext(&mut out, value);
    out.into_iter().map(char::from).collect()
}

parameters_buf! {
    /// Parameters of MAIL to be sent. A value that is set again replaces the one before.
    ///
    /// ```
    /// use smtp_proto::command::{Body, MailParametersBuf};
    ///
    /// let parameters = MailParametersBuf::new()
    ///     .size(1024)
    ///     .body(Body::EightBitMime)
    ///     .envid("id=7")?
    ///     .other("XFOO", Some("bar"))?;
    /// assert_eq!(parameters.to_string(), "SIZE=1024 BODY=8BITMIME ENVID=id+3D7 XFOO=bar");
    /// assert_eq!(parameters.as_parameters().size(), Some(1024));
    /// assert!(parameters.envid("two\r\nlines").is_err());
    /// # Ok::<(), smtp_proto::command::ParameterError>(())
    /// ```
    MailParametersBuf, MailParameters, Scope::Mail
}

parameters_buf! {
    /// Parameters of RCPT to be sent. A value that is set again replaces the one before.
    ///
    /// ```
    /// use smtp_proto::command::{Notify, RcptParametersBuf};
    ///
    /// let parameters = RcptParametersBuf::new()
    ///     .notify(Notify::FAILURE | Notify::DELAY)
    ///     .orcpt("rfc822", "bob+tag@example.com")?;
    /// assert_eq!(
    ///     parameters.to_string(),
    ///     "NOTIFY=FAILURE,DELAY ORCPT=rfc822;bob+2Btag@example.com"
    /// );
    /// # Ok::<(), smtp_proto::command::ParameterError>(())
    /// ```
    RcptParametersBuf, RcptParameters, Scope::Rcpt
}

impl MailParametersBuf {
    /// SIZE: the length of the content in octets.
    #[must_use]
    pub fn size(self, octets: u64) -> Self {
        self.set(Keyword::Size, format_args!("{octets}"))
    }

    /// BODY.
    #[must_use]
    pub fn body(self, body: Body) -> Self {
        self.set(Keyword::Body, format_args!("{body}"))
    }

    /// SMTPUTF8.
    #[must_use]
    pub fn smtp_utf8(self) -> Self {
        self.set(Keyword::SmtpUtf8, format_args!(""))
    }

    /// RET.
    #[must_use]
    pub fn ret(self, ret: Ret) -> Self {
        self.set(Keyword::Ret, format_args!("{ret}"))
    }

    /// ENVID, not yet encoded.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] unless it is one or more printable ASCII characters.
    pub fn envid(self, id: &str) -> Result<Self, ParameterError> {
        require(!id.is_empty())?;
        self.try_set(Keyword::Envid, format_args!("{}", xtext(id.as_bytes())))
    }

    /// AUTH: who submitted the message; `None` is `AUTH=<>`.
    #[must_use]
    pub fn auth(self, mailbox: Option<Mailbox<'_>>) -> Self {
        match mailbox {
            None => self.set(Keyword::Auth, format_args!("<>")),
            Some(mailbox) => {
                let mailbox = xtext(mailbox.to_string().as_bytes());
                self.set(Keyword::Auth, format_args!("{mailbox}"))
            }
        }
    }

    /// HOLDFOR. It replaces HOLDUNTIL.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] unless from 1 to 999,999,999 seconds.
    pub fn hold_for(self, seconds: u32) -> Result<Self, ParameterError> {
        self.without(Keyword::HoldUntil).try_set(Keyword::HoldFor, format_args!("{seconds}"))
    }

    /// HOLDUNTIL. It replaces HOLDFOR.
    #[must_use]
    pub fn hold_until(self, time: DateTime) -> Self {
        self.without(Keyword::HoldFor).set(Keyword::HoldUntil, format_args!("{time}"))
    }

    /// BY.
    #[must_use]
    pub fn by(self, by: DeliverBy) -> Self {
        self.set(Keyword::By, format_args!("{by}"))
    }

    /// MT-PRIORITY.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] unless from -9 to 9.
    pub fn mt_priority(self, priority: i8) -> Result<Self, ParameterError> {
        self.try_set(Keyword::MtPriority, format_args!("{priority}"))
    }

    /// REQUIRETLS.
    #[must_use]
    pub fn require_tls(self) -> Self {
        self.set(Keyword::RequireTls, format_args!(""))
    }

    /// PRDR: a reply to the message for each recipient.
    #[must_use]
    pub fn prdr(self) -> Self {
        self.set(Keyword::Prdr, format_args!(""))
    }

    /// MTRK, with a timeout of at most 999,999,999 seconds.
    ///
    /// # Errors
    ///
    /// [`ParameterError`] if the certifier is empty or the timeout too long.
    pub fn mtrk(self, certifier: Base64<'_>, timeout: Option<u32>) -> Result<Self, ParameterError> {
        require(!certifier.is_empty())?;
        let certifier = certifier.as_str();
        match timeout {
            None => self.try_set(Keyword::Mtrk, format_args!("{certifier}")),
            Some(timeout) => self.try_set(Keyword::Mtrk, format_args!("{certifier}:{timeout}")),
        }
    }
}

impl RcptParametersBuf {
    /// NOTIFY.
    #[must_use]
    pub fn notify(self, notify: Notify) -> Self {
        self.set(Keyword::Notify, format_args!("{notify}"))
    }

    /// ORCPT: an address of that type, not yet encoded. With the type `utf-8` each character
    /// outside ASCII is written as `\x{HEX}`, which needs no SMTPUTF8 (RFC 6533 section 3).
    ///
    /// # Errors
    ///
    /// [`ParameterError`] if the type is no atom, or the address holds control characters, is
    /// empty, or with another type than `utf-8` holds anything outside ASCII (RFC 3461 section
    /// 4.2).
    pub fn orcpt(self, address_type: &str, address: &str) -> Result<Self, ParameterError> {
        let atom = address_type.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'=' | b';'));
        require(atom && !address.is_empty())?;
        let address = if address_type.eq_ignore_ascii_case("utf-8") {
            utf8_xtext(address)
        } else {
            require(address.is_ascii())?;
            xtext(address.as_bytes())
        };
        self.try_set(Keyword::Orcpt, format_args!("{address_type};{address}"))
    }

    /// RRVS.
    #[must_use]
    pub fn rrvs(self, since: ValidSince) -> Self {
        self.set(Keyword::Rrvs, format_args!("{since}"))
    }
}

impl MailParametersBuf {
    fn without(self, keyword: Keyword) -> Self {
        let mut kept = String::new();
        for parameter in self.as_parameters().iter().filter(|p| p.kind() != Some(keyword)) {
            push(&mut kept, &parameter.to_string());
        }
        MailParametersBuf(kept)
    }
}

fn require(valid: bool) -> Result<(), ParameterError> {
    if valid { Ok(()) } else { Err(ParameterError::Value) }
}

fn utf8_xtext(address: &str) -> String {
    let mut out = String::new();
    for character in address.chars() {
        if character.is_ascii_graphic() && !matches!(character, '+' | '=' | '\\') {
            out.push(character);
        } else {
            out.push_str(&alloc::format!("\\x{{{:02X}}}", u32::from(character)));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::DeliverByMode;

    #[test]
    fn every_value_that_is_set_reads_back() {
        let mailbox = Mailbox::parse("\"a b\"@example.org").unwrap();
        let until = DateTime::from_unix_seconds(1_785_585_600).unwrap();
        let by = DeliverBy::new(60, DeliverByMode::Return, true).unwrap();
        let built = MailParametersBuf::new()
            .size(1)
            .size(u64::MAX)
            .body(Body::SevenBit)
            .smtp_utf8()
            .smtp_utf8()
            .ret(Ret::Full)
            .auth(Some(mailbox))
            .hold_for(9)
            .unwrap()
            .hold_until(until)
            .by(by)
            .mt_priority(-9)
            .unwrap()
            .require_tls()
            .prdr()
            .mtrk(Base64::parse("dGVzdA==").unwrap(), Some(7))
            .unwrap();
        let parameters = built.as_parameters();
        assert_eq!(MailParameters::parse(&built.to_string()), Ok(parameters));
        assert_eq!(parameters.iter().count(), 11);
        assert_eq!(parameters.size(), Some(u64::MAX));
        assert_eq!((parameters.hold_for(), parameters.hold_until()), (None, Some(until)));
        assert_eq!(parameters.by(), Some(by));
        assert_eq!(parameters.get("AUTH").unwrap().value(), Some("\"a+20b\"@example.org"));
    }

    #[test]
    fn nothing_can_be_smuggled_in() {
        let new = MailParametersBuf::new;
        for value in ["x\r\nRCPT TO:<v@x>", "x y", "x\tSIZE=1", "x\0", "", "x\n", "\u{85}"] {
            assert!(new().other("XFOO", Some(value)).is_err(), "{value:?}");
            assert!(new().other(value, None).is_err() || value == "x", "{value:?}");
        }
        assert!(new().other("XFOO=1", None).is_err(), "a keyword is no parameter");
        for id in ["a\r\nb", "a\0", "", "é"] {
            assert!(new().envid(id).is_err(), "{id:?}");
        }
        for (kind, address) in [
            ("rfc822", "a\r\nb"),
            ("utf-8", "a\r\nb"),
            ("utf-8", "a\u{85}b"),
            ("rfc822;x NOTIFY=NEVER", "a"),
            ("rfc822 X=a", "a"),
            ("", "a"),
            ("rfc822", ""),
            ("rfc822", "é@x"),
        ] {
            let built = RcptParametersBuf::new().orcpt(kind, address);
            assert!(built.is_err(), "{kind:?} {address:?}");
        }
        assert!(new().size(1).other("size", Some("2")).is_err());
        assert!(new().hold_for(0).is_err() && new().mt_priority(10).is_err());
    }

    #[test]
    fn utf8_recipients_stay_ascii_on_the_wire() {
        let built = RcptParametersBuf::new().orcpt("utf-8", "用户+a b\\@x").unwrap();
        assert!(built.to_string().is_ascii());
        let address = built.as_parameters().orcpt().unwrap().address().to_string();
        assert_eq!(address, "用户+a b\\@x");
    }
}
