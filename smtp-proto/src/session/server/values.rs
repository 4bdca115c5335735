//! Values that are advertised with an extension, and hold for what the client asks for.

use super::Context;
use crate::command::{DateTime, DeliverByMode, MailParameters};
use crate::reply::{Extension, Refusal};

/// Which priorities a server tells apart (RFC 6710 section 3, appendices A to C). All of -9 to 9 are
/// taken under each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PriorityProfile {
    /// `MIXER`: three, those of X.400.
    Mixer,
    /// `STANAG4406`: six, of military messages.
    Stanag4406,
    /// `NSEP`: five, of national security and emergency preparedness.
    Nsep,
}

impl PriorityProfile {
    /// The name as it stands behind MT-PRIORITY in the EHLO reply.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            PriorityProfile::Mixer => "MIXER",
            PriorityProfile::Stanag4406 => "STANAG4406",
            PriorityProfile::Nsep => "NSEP",
        }
    }
}

const TOO_FAR: Refusal<'static> =
    Refusal::known(501, (5, 5, 4), "to be held for longer than this server does");
const TOO_SOON: Refusal<'static> =
    Refusal::known(555, (5, 5, 4), "to be delivered sooner than this server can promise");

/// HOLDFOR and HOLDUNTIL within what was advertised (RFC 4865 section 4); BY not below it, where a
/// message that is late would be returned (RFC 2852 section 4). All of them are offered. Whether
/// HOLDUNTIL lies in the past only the application can tell: there is no clock here.
pub(super) fn check(
    cx: &Context<'_>,
    parameters: &MailParameters<'_>,
) -> Result<(), Refusal<'static>> {
    let extensions = &cx.settings.extensions;
    if extensions.contains(Extension::FutureRelease) {
        let most = extensions.future_release().unwrap_or(0);
        let until = cx.settings.hold_until.map(|until| instant(&until));
        if parameters.hold_for().is_some_and(|seconds| seconds > most)
            || parameters.hold_until().is_some_and(|time| until.is_none_or(|u| instant(&time) > u))
        {
            return Err(TOO_FAR);
        }
    }
    if let Some(least) = extensions.deliver_by()
        && let Some(by) = parameters.by()
        && by.mode() == DeliverByMode::Return
        && i64::from(by.seconds()) < i64::from(least)
    {
        return Err(TOO_SOON);
    }
    Ok(())
}

fn instant(time: &DateTime) -> (i64, u32) {
    (time.unix_seconds(), time.nanosecond())
}
