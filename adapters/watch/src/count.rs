//! Counters. Their names and labels are literals, so that no key is put together at run time.

use metrics::{Counter, counter, gauge};
use smtp_codec::proto::reply::{Class, ReplyCode};
use smtp_codec::{Note, Side};

macro_rules! by_side {
    ($macro:ident, $side:expr, $name:literal $(, $label:literal => $value:expr)*) => {
        match $side {
            Side::Server => $macro!($name, "side" => "server" $(, $label => $value)*),
            Side::Client => $macro!($name, "side" => "client" $(, $label => $value)*),
        }
    };
}

macro_rules! by_class {
    ($side:expr, $code:expr, $name:literal) => {
        match ReplyCode::class($code) {
            Class::PositiveCompletion => by_side!(counter, $side, $name, "class" => "2yz"),
            Class::PositiveIntermediate => by_side!(counter, $side, $name, "class" => "3yz"),
            Class::TransientNegative => by_side!(counter, $side, $name, "class" => "4yz"),
            Class::PermanentNegative => by_side!(counter, $side, $name, "class" => "5yz"),
        }
    };
}

pub(crate) fn begun(side: Side) {
    by_side!(counter, side, "smtp_sessions_total").increment(1);
    by_side!(gauge, side, "smtp_sessions").increment(1.0);
}

pub(crate) fn gone(side: Side) {
    by_side!(gauge, side, "smtp_sessions").decrement(1.0);
}

pub(crate) fn note(side: Side, note: &Note<'_>) {
    let one = |counter: Counter| counter.increment(1);
    match *note {
        Note::Reply(code) => one(by_class!(side, code, "smtp_replies_total")),
        Note::Secured => one(by_side!(counter, side, "smtp_tls_total")),
        Note::Auth(code) => one(by_class!(side, code, "smtp_auth_total")),
        Note::Begun => one(by_side!(counter, side, "smtp_transactions_total")),
        Note::Recipient(code) => one(by_class!(side, code, "smtp_recipients_total")),
        Note::Message { code, octets } => {
            one(by_class!(side, code, "smtp_messages_total"));
            by_side!(counter, side, "smtp_message_octets_total").increment(octets.unwrap_or(0));
        }
        Note::Abandoned | Note::InDoubt => {
            one(by_side!(counter, side, "smtp_transactions_abandoned_total"));
        }
        Note::Closed { why, sent, received } => {
            let why = format!("{why:?}");
            one(by_side!(counter, side, "smtp_sessions_closed_total", "why" => why));
            by_side!(counter, side, "smtp_octets_sent_total").increment(sent);
            by_side!(counter, side, "smtp_octets_received_total").increment(received);
        }
        _ => {}
    }
}
