//! How values are kept by serde: as they stand on the wire, and checked when they are read.
//!
//! | type | as |
//! |---|---|
//! | `ReplyCode` | a number |
//! | `EnhancedCode` | `"5.7.26"` |
//! | `Extension` | its keyword |
//! | owned hosts, mailboxes, paths and parameters | their text; paths in angle brackets, and read without them too |
//! | `ReplyBuf` | its code, and the text of each of its lines |
//!
//! What is read is what can be written, so also what only lenient syntax takes, since a mail that
//! was accepted must not be lost when it is read again.

use core::fmt;
use core::marker::PhantomData;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::reply::{EnhancedCode, Extension, ReplyCode};

impl Serialize for ReplyCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.get())
    }
}

impl<'de> Deserialize<'de> for ReplyCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = u16::deserialize(deserializer)?;
        ReplyCode::new(code).ok_or_else(|| {
            Error::invalid_value(Unexpected::Unsigned(code.into()), &"a reply code, 200 to 599")
        })
    }
}

/// What is kept as text.
trait Text: Sized {
    const EXPECTED: &'static str;

    fn read(text: &str) -> Option<Self>;
}

/// Reads text without keeping it.
struct TextVisitor<T>(PhantomData<T>);

impl<T: Text> Visitor<'_> for TextVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        T::read(text).ok_or_else(|| E::invalid_value(Unexpected::Str(text), &self))
    }
}

macro_rules! as_text {
    ($($type:ty: $expected:literal, $read:expr, $write:expr;)*) => {$(
        impl Text for $type {
            const EXPECTED: &'static str = $expected;

            fn read(text: &str) -> Option<Self> {
                $read(text)
            }
        }

        impl Serialize for $type {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&$write(self))
            }
        }

        impl<'de> Deserialize<'de> for $type {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(TextVisitor(PhantomData))
            }
        }
    )*};
}

as_text! {
    EnhancedCode: "an enhanced status code, such as 5.7.26",
        |text: &str| EnhancedCode::parse(text.as_bytes()), |code: &Self| *code;
    Extension: "the keyword of a known extension",
        |text: &str| Extension::from_keyword(text.as_bytes()), |it: &Self| it.keyword();
}

#[cfg(feature = "alloc")]
mod owned {
    use alloc::string::{String, ToString};
    use alloc::vec::Vec;

    use super::{
        Deserialize, Deserializer, Error, PhantomData, ReplyCode, Serialize, Serializer, Text,
        TextVisitor, Unexpected,
    };
    use crate::Syntax::Lenient;
    use crate::address::{
        ForwardPath, ForwardPathBuf, Host, HostBuf, Mailbox, MailboxBuf, ReversePath,
        ReversePathBuf,
    };
    use crate::command::{MailParameters, MailParametersBuf, RcptParameters, RcptParametersBuf};
    use crate::reply::{Reply, ReplyBuf};

    /// Strictly, or leniently where it is written in just that way.
    macro_rules! strict_or_written {
        ($text:ident, $view:ident) => {
            $text.parse().ok().or_else(|| {
                let lenient = $view::parse_with($text, Lenient).ok().map(Self::from)?;
                (lenient.to_string() == $text).then_some(lenient)
            })
        };
    }

    macro_rules! owned {
        ($($type:ident $view:ident $expected:literal)*) => {
            as_text! {$(
                $type: $expected, |text: &str| strict_or_written!(text, $view), |it: &Self| it.clone();
            )*}
        };
    }

    owned! {
        HostBuf Host "a domain or an address literal"
        MailboxBuf Mailbox "a mailbox"
        ReversePathBuf ReversePath "a mailbox, or <>"
        ForwardPathBuf ForwardPath "a mailbox, or Postmaster"
        MailParametersBuf MailParameters "parameters of MAIL"
        RcptParametersBuf RcptParameters "parameters of RCPT"
    }

    #[derive(Serialize, Deserialize)]
    struct Lines {
        code: ReplyCode,
        lines: Vec<String>,
    }

    /// What is not UTF-8 in it is replaced, and a line without text is written without a space.
    impl Serialize for ReplyBuf {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let reply = self.as_reply();
            let lines = reply.lines().map(|line| String::from_utf8_lossy(line).into_owned());
            Lines { code: reply.code(), lines: lines.collect() }.serialize(serializer)
        }
    }

    impl<'de> Deserialize<'de> for ReplyBuf {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let Lines { code, lines } = Lines::deserialize(deserializer)?;
            let mut text = String::new();
            for (i, line) in lines.iter().enumerate() {
                let is_last = i + 1 == lines.len();
                text.push_str(&code.to_string());
                text.push_str(match (is_last, line.is_empty()) {
                    (true, true) => "",
                    (true, false) => " ",
                    (false, _) => "-",
                });
                text.push_str(line);
                text.push_str("\r\n");
            }
            match Reply::parse(text.as_bytes()) {
                Ok(reply) if reply.lines().count() == lines.len() => Ok(reply.into()),
                _ => {
                    Err(Error::invalid_value(Unexpected::Other("such lines"), &"lines of a reply"))
                }
            }
        }
    }
}
