//! Which extension a parameter belongs to: what was not offered is neither taken nor sent.

use crate::command::{Keyword, Parameter};
use crate::reply::{Extension, Extensions};

/// The extension that must have been offered for `parameter` to be used; `None` for a keyword
/// that no extension known here defines.
pub(super) fn needed(parameter: &Parameter<'_>) -> Option<Extension> {
    Some(match parameter.kind()? {
        Keyword::Size => Extension::Size,
        Keyword::Body => match parameter.value() {
            Some(value) if value.eq_ignore_ascii_case("BINARYMIME") => Extension::BinaryMime,
            _ => Extension::EightBitMime,
        },
        Keyword::SmtpUtf8 => Extension::SmtpUtf8,
        Keyword::Ret | Keyword::Envid | Keyword::Notify | Keyword::Orcpt => Extension::Dsn,
        Keyword::Auth => Extension::Auth,
        Keyword::HoldFor | Keyword::HoldUntil => Extension::FutureRelease,
        Keyword::By => Extension::DeliverBy,
        Keyword::MtPriority => Extension::MtPriority,
        Keyword::RequireTls => Extension::RequireTls,
        Keyword::Mtrk => Extension::Mtrk,
        Keyword::Prdr => Extension::Prdr,
        Keyword::Submitter => Extension::Submitter,
        Keyword::Rrvs => Extension::Rrvs,
    })
}

/// Whether `parameter` may be used where `offered` was advertised.
pub(super) fn is_offered(parameter: &Parameter<'_>, offered: &Extensions) -> bool {
    needed(parameter).is_some_and(|extension| offered.contains(extension))
}
