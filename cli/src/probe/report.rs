//! What was found, for people and for programs.

use std::fmt::Write as _;
use std::io::{self, Write};

use console::Style;
use serde::Serialize;

use super::advice::{Advice, Severity, about};
use super::certificate::Certificate;
use super::findings::{Findings, Offered};
use super::watch::Timings;
use crate::args::probe::ProbeArgs;
use crate::exit::{Exit, complain, complain_of_output};
use crate::plain::plain;

#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    findings: &'a Findings,
    advice: &'a [Advice],
}

/// Tells it; an exit code of its own only if that cannot be done.
pub(super) fn tell(args: &ProbeArgs, findings: &Findings) -> Option<Exit> {
    let advice = about(findings);
    let text = if args.json {
        let json = crate::plain::json(&Report { findings, advice: &advice }).ok()?;
        format!("{json}\n")
    } else {
        text(findings, &advice, console::colors_enabled())
    };
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    if let Some(why) = &findings.error {
        complain(format_args!("smtp probe: {}", plain(why)));
    }
    complain_of_output("smtp probe", written).then_some(Exit::Io)
}

/// Lines under headings, put together one by one.
struct Page {
    text: String,
    coloured: bool,
}

impl Page {
    fn heading(&mut self, heading: &str) {
        let heading = self.styled(heading, Style::new().bold());
        let gap = if self.text.is_empty() { "" } else { "\n" };
        let _ = writeln!(self.text, "{gap}{heading}");
    }

    fn line(&mut self, name: &str, value: &str) {
        let line = format!("  {name:<15} {}", plain(value));
        let _ = writeln!(self.text, "{}", line.trim_end());
    }

    fn styled(&self, text: &str, style: Style) -> String {
        style.force_styling(self.coloured).apply_to(plain(text)).to_string()
    }
}

fn text(it: &Findings, advice: &[Advice], coloured: bool) -> String {
    let mut page = Page { text: String::new(), coloured };
    page.heading(&match &it.address {
        Some(address) if *address != it.server => format!("{} ({address})", it.server),
        _ => it.server.clone(),
    });
    for gone in &it.unreachable {
        page.line("no answer", &format!("{}: {}", gone.address, gone.error));
    }
    for (name, reply) in [("greeting", &it.greeting), ("refusal", &it.refusal)] {
        if let Some(reply) = reply {
            page.line(name, &reply.line());
        }
    }
    if let Some(protocol) = it.protocol {
        page.line("protocol", protocol);
    }
    if let Some(name) = &it.name {
        page.line("calls itself", name);
    }
    if it.is_introduced() {
        capabilities(&mut page, it);
    }
    tls(&mut page, it);
    if it.is_introduced() {
        authentication(&mut page, it);
        limits(&mut page, it);
    }
    timings(&mut page, &it.timings_ms);
    if it.is_introduced() || !advice.is_empty() {
        page.heading("Advice");
        if advice.is_empty() {
            page.line("none", "");
        }
        for advice in advice {
            tell_one(&mut page, advice);
        }
    }
    page.text
}

fn capabilities(page: &mut Page, it: &Findings) {
    let both = &it.capabilities;
    page.heading(match (&both.clear, &both.tls) {
        (Some(_), Some(_)) => "Capabilities (- gone inside TLS, + only there)",
        (None, Some(_)) => "Capabilities inside TLS",
        _ => "Capabilities without TLS",
    });
    let (clear, tls) = (both.clear.as_deref(), both.tls.as_deref());
    let compared = clear.is_some() && tls.is_some();
    let gone = clear
        .unwrap_or_default()
        .iter()
        .filter(|it| compared && !tls.unwrap_or_default().contains(it));
    for offered in gone {
        row(page, '-', offered);
    }
    for offered in both.last().unwrap_or_default() {
        let is_new = compared && !clear.unwrap_or_default().contains(offered);
        row(page, if is_new { '+' } else { ' ' }, offered);
    }
    if both.last().is_some_and(<[Offered]>::is_empty) {
        page.line("none", "");
    }
}

fn row(page: &mut Page, sign: char, offered: &Offered) {
    let line = format!("{sign} {} {}", offered.keyword, offered.arguments.join(" "));
    let style = match sign {
        '+' => Style::new().green(),
        '-' => Style::new().yellow(),
        _ => Style::new(),
    };
    let line = page.styled(line.trim_end(), style);
    let _ = writeln!(page.text, "{line}");
}

fn tls(page: &mut Page, it: &Findings) {
    let refused = it.starttls.as_ref().filter(|reply| reply.code != 220);
    if it.tls.is_none() && refused.is_none() && it.aside.tls_failed.is_none() {
        return;
    }
    page.heading("TLS");
    if let Some(reply) = refused {
        page.line("STARTTLS", &reply.line());
    }
    if let Some(why) = &it.aside.tls_failed {
        page.line("handshake", &format!("failed: {why}"));
    }
    let Some(tls) = &it.tls else { return };
    page.line("begins", if tls.how == "starttls" { "by STARTTLS" } else { "with the first octet" });
    page.line("version", tls.version);
    page.line("cipher", &tls.cipher);
    page.line(
        "trusted",
        &match &tls.fault {
            None if tls.verified => "yes, for this name".to_owned(),
            None => "no".to_owned(),
            Some(fault) => format!("no: {fault}"),
        },
    );
    match &tls.certificate {
        Some(certificate) => show(page, certificate),
        None => page.line("certificate", "cannot be read"),
    }
}

fn show(page: &mut Page, it: &Certificate) {
    let left = match it.days_left {
        days if days < 0 => "expired".to_owned(),
        1 => "1 day left".to_owned(),
        days => format!("{days} days left"),
    };
    page.line("certificate", &it.subject);
    page.line("  names", &it.names.join(", "));
    page.line("  for this name", if it.is_for_name { "yes" } else { "no" });
    page.line("  issuer", if it.self_signed { "itself" } else { &it.issuer });
    page.line("  valid", &format!("{} to {}, {left}", it.first_day(), it.last_day()));
    page.line("  key", &format!("{}, signed with {}", it.key, it.signature));
    page.line(
        "  sent",
        &match it.sent {
            1 => "alone".to_owned(),
            n => format!("with {} more", n.saturating_sub(1)),
        },
    );
}

fn authentication(page: &mut Page, it: &Findings) {
    let none = |all: &[String]| if all.is_empty() { "none".to_owned() } else { all.join(" ") };
    page.heading("Authentication");
    if it.capabilities.clear.is_some() {
        page.line("without TLS", &none(&it.auth.clear));
    }
    if it.capabilities.tls.is_some() {
        page.line("inside TLS", &none(&it.auth.tls));
    }
}

fn limits(page: &mut Page, it: &Findings) {
    let limits = &it.limits;
    page.heading("Limits");
    page.line("message", &limits.size.map_or("not told".to_owned(), |it| format!("{it} octets")));
    for (name, most, unit) in [
        ("recipients", limits.rcpt_max, "a message"),
        ("messages", limits.mail_max, "a session"),
        ("domains", limits.rcpt_domain_max, "a session"),
    ] {
        if let Some(most) = most {
            page.line(name, &format!("{most} {unit}"));
        }
    }
    for (name, most) in [("command line", limits.command_line), ("line of text", limits.text_line)]
    {
        if let Some(most) = most {
            page.line(name, &format!("{most} octets with CRLF, by the standards"));
        }
    }
}

fn timings(page: &mut Page, it: &Timings) {
    let all = [
        ("lookup", it.lookup),
        ("connect", it.connect),
        ("greeting", it.greeting),
        ("EHLO", it.ehlo),
        ("STARTTLS", it.starttls),
        (if it.greeting.is_none() { "TLS, greeting" } else { "TLS" }, it.tls),
        ("EHLO inside TLS", it.ehlo_tls),
        ("QUIT", it.quit),
    ];
    if it.connect.is_none() {
        return;
    }
    page.heading("Timings");
    for (name, time) in all {
        if let Some(time) = time {
            page.line(name, &format!("{time:8.1} ms"));
        }
    }
}

fn tell_one(page: &mut Page, advice: &Advice) {
    let (word, style) = match advice.severity {
        Severity::Error => ("error", Style::new().red().bold()),
        Severity::Warning => ("warning", Style::new().yellow()),
        Severity::Note => ("note", Style::new().cyan()),
    };
    let word = page.styled(word, style);
    let text = plain(&advice.text);
    let _ = writeln!(page.text, "  {word}: {text}");
    let _ = writeln!(page.text, "    {}, {}", advice.key, advice.source);
}
