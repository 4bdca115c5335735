//! LIMITS (RFC 9422): what is told beforehand is what holds.
//!
//! RCPTDOMAINMAX is not offered: to hold a client to it, its domains would have to be kept.

use super::{Context, Session, Transaction};
use crate::reply::{Extensions, SmtpLimits};

impl Session {
    /// Takes note of a MAIL, whatever becomes of it (RFC 9422 section 4.1); false if it is one too
    /// many.
    pub(super) fn may_mail(&mut self, cx: &Context<'_>) -> bool {
        self.mails = self.mails.saturating_add(1);
        told(cx).mail_max.is_none_or(|most| self.mails <= most)
    }
}

impl Transaction {
    /// Whether it takes no more recipients. RCPTMAX counts those that were refused too (RFC 9422
    /// section 4.2).
    pub(super) fn is_full(&self, cx: &Context<'_>) -> bool {
        let named = self.recipients.saturating_add(self.refused);
        self.recipients >= cx.settings.limits.recipients
            || told(cx).rcpt_max.is_some_and(|most| named >= most)
    }
}

fn told(cx: &Context<'_>) -> SmtpLimits {
    cx.settings.extensions.limits()
}

/// Tells of no more recipients than are taken.
pub(super) fn within(offered: Extensions, recipients: u32) -> Extensions {
    let mut limits = offered.limits();
    if limits.rcpt_max.is_none_or(|most| most <= recipients) {
        return offered;
    }
    limits.rcpt_max = Some(recipients);
    offered.with_limits(limits)
}
