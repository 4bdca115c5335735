//! What is done with a command, by the table.

use super::check::{UTF8_UNASKED, is_other_protocol, is_utf8_unasked, names_login};
use super::table::{Phase, Rule, rule};
use super::{Abort, Asked, Closing, Context, Session, State};
use crate::Sink;
use crate::command::{Command, Verb};
use crate::reply::{Refusal, known};
use crate::session::Protocol;

impl Session {
    pub(super) fn obey<S: Sink + ?Sized>(
        &mut self,
        cx: &Context<'_>,
        command: &Command<'_>,
        out: &mut S,
    ) {
        if let Command::Bdat { size, .. } = *command {
            // Whatever the answer, these octets are no commands.
            self.swallow = size;
        }
        let verb = command.verb();
        if !matches!(verb, Verb::Rcpt | Verb::Data | Verb::Bdat) {
            self.void = None;
        }
        let row = match (cx.settings.lmtp, verb) {
            (true, Verb::Lhlo) => Verb::Ehlo,
            (true, Verb::Ehlo | Verb::Helo) => Verb::Lhlo,
            _ => verb,
        };
        let rule = rule(row, self.phase());
        if verb == Verb::Mail && rule == Rule::Ask && !self.may_mail(cx) {
            return self.give_up(cx, Closing::TooManyMessages, out);
        }
        if let (Rule::Ask | Rule::Verify | Rule::Expand, Some(refusal)) =
            (rule, self.must_wait(cx, verb))
        {
            self.void = (verb == Verb::Mail).then_some(0);
            return self.fault(cx, refusal, out);
        }
        match rule {
            _ if self.is_absent(cx, verb) && self.phase() != Phase::Refused => {
                self.fault(cx, Refusal::known(502, (5, 5, 1), "not offered here"), out);
            }
            Rule::Ask => self.ask(cx, command, out),
            Rule::Order if self.void.is_some() => self.follow_up(cx, command, out),
            Rule::Order => {
                let text = match self.state {
                    State::Greeted if cx.settings.lmtp => "say LHLO first",
                    State::Greeted => "say EHLO or HELO first",
                    State::Refused => "only QUIT is taken here",
                    _ => "bad sequence of commands",
                };
                self.fault(cx, Refusal::known(503, (5, 5, 1), text), out);
            }
            Rule::NoRcpt => {
                self.fruitless(cx, Refusal::known(503, (5, 5, 1), "no valid recipients"), out);
            }
            Rule::Foreign => self.foreign(cx, command, out),
            Rule::Reset => {
                self.reset();
                self.junk(cx, known!(250, "2.0.0", "reset"), out);
            }
            Rule::Nothing => self.junk(cx, known!(250, "2.0.0", "done nothing"), out),
            Rule::Quit => {
                self.say_host(cx, (221, Some((2, 0, 0)), "closing the session"), out);
                self.close(Closing::Quit);
            }
            Rule::Verify | Rule::Expand if is_utf8_unasked(command) => {
                self.fault(cx, UTF8_UNASKED, out);
            }
            Rule::Verify if cx.settings.ask_verify => self.put(cx, Asked::Verify, out),
            Rule::Verify => {
                self.junk(
                    cx,
                    known!(252, "2.5.0", "will take mail for it and try to deliver"),
                    out,
                );
            }
            Rule::Expand if cx.settings.ask_expand => self.put(cx, Asked::Expand, out),
            Rule::Expand => {
                self.fault(cx, Refusal::known(502, (5, 5, 1), "EXPN is not offered here"), out);
            }
            Rule::Help => {
                let help = known!(
                    214,
                    "2.0.0",
                    "see RFC 5321 section 4.1.1, and the reply to EHLO or LHLO"
                );
                self.junk(cx, help, out);
            }
        }
    }

    fn ask<S: Sink + ?Sized>(&mut self, cx: &Context<'_>, command: &Command<'_>, out: &mut S) {
        let question = match command {
            Command::Ehlo(host) => self.check_host(cx, *host, Protocol::esmtp()),
            Command::Helo(host) => self.check_host(cx, *host, Protocol::smtp()),
            Command::Mail { reverse_path, parameters } => {
                self.check_mail(cx, reverse_path.is_ascii(), parameters)
            }
            Command::Rcpt { forward_path, parameters } => {
                let ascii = forward_path.is_ascii() && parameters.is_ascii();
                self.check_rcpt(cx, ascii, parameters)
            }
            Command::Lhlo(host) => self.check_host(cx, *host, Protocol::lmtp()),
            Command::Data => self.check_data(),
            Command::StartTls => self.check_start_tls(),
            Command::Auth { mechanism, .. } => self.check_auth(cx, *mechanism),
            Command::Etrn(_) => self.check_extended().map(|()| Asked::Etrn),
            Command::Xclient(attributes) => Ok(Asked::Xclient { login: names_login(attributes) }),
            Command::Xforward(_) => Ok(Asked::Xforward),
            Command::Bdat { size, last } => match self.check_chunk(cx, *size, *last) {
                Ok(Some(asked)) => Ok(asked),
                Ok(None) => return self.next_chunk(cx, out),
                Err(refusal) => Err(refusal),
            },
            _ => Err(Refusal::known(503, (5, 5, 1), "bad sequence of commands")),
        };
        let mut begun = false;
        match (&question, command) {
            (Err(_), Command::Mail { .. }) => self.void = Some(0),
            (Err(refusal), Command::Bdat { last, .. }) => {
                begun = matches!(self.state, State::Chunks(_));
                if *last && let Some(transaction) = self.transaction() {
                    self.refuse_others(cx, transaction.recipients, *refusal, out);
                }
                self.refuse_chunks(*last);
            }
            _ => {}
        }
        match question {
            Ok(
                asked @ (Asked::Hello(_) | Asked::Etrn | Asked::Xclient { .. } | Asked::Xforward),
            ) => {
                self.put(cx, asked, out);
            }
            Ok(asked) => self.asked = Some(asked),
            Err(refusal) if refusal.code().get() == 452 => self.over(cx, refusal, out),
            Err(refusal) if refusal.code().get() == 552 => self.fruitless(cx, refusal, out),
            Err(refusal) => self.fault(cx, refusal, out),
        }
        if begun && self.closing().is_none() {
            self.asked = Some(Asked::Aborted(Abort::TooLarge));
        }
    }

    /// Asks about a command that brings no mail nearer, unless there were too many.
    fn put<S: Sink + ?Sized>(&mut self, cx: &Context<'_>, asked: Asked, out: &mut S) {
        if self.is_junk_spent(cx) {
            self.give_up(cx, Closing::TooManyErrors, out);
        } else {
            self.asked = Some(asked);
        }
    }

    /// One more recipient of this transaction is refused.
    pub(super) fn over<S: Sink + ?Sized>(
        &mut self,
        cx: &Context<'_>,
        refusal: Refusal<'_>,
        out: &mut S,
    ) {
        let utf8 = self.protocol().is_utf8();
        let State::Open(transaction) = &mut self.state else { return };
        let limits = &cx.settings.limits;
        let (count, most) = match refusal.code().get() {
            452 if transaction.is_full(cx) => (&mut transaction.over, limits.recipients_over),
            _ => {
                let most = limits.recipients.saturating_add(limits.recipients_over);
                (&mut transaction.refused, most)
            }
        };
        *count = count.saturating_add(1);
        if *count > most {
            self.give_up(cx, Closing::TooManyErrors, out);
        } else {
            self.refuse(cx, refusal, utf8, out);
        }
    }

    fn foreign<S: Sink + ?Sized>(&mut self, cx: &Context<'_>, command: &Command<'_>, out: &mut S) {
        if let Command::Unknown { verb, .. } = command
            && is_other_protocol(verb.as_bytes())
        {
            return self.give_up(cx, Closing::NotSmtp, out);
        }
        let text = match command.verb() {
            Verb::Lhlo => "this is SMTP, not LMTP",
            Verb::Ehlo | Verb::Helo => "this is LMTP: say LHLO",
            _ => "command not recognised",
        };
        self.fault(cx, Refusal::known(500, (5, 5, 1), text), out);
    }
}
