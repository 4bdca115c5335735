//! Commands as lines.

use core::fmt;

use super::{Argument, Command, Octets, Queue, parameter};
use crate::sink::{Sink, Text};

pub(super) fn command<S: Sink + ?Sized>(command: &Command<'_>, out: &mut S) {
    out.put(command.verb().as_str().as_bytes());
    match command {
        Command::Helo(host) | Command::Ehlo(host) | Command::Lhlo(host) => {
            out.put(b" ");
            host.encode(out);
        }
        Command::Mail { reverse_path, parameters } => {
            out.put(b" FROM:");
            reverse_path.encode(out);
            parameter::encode(parameters.as_bytes(), out);
        }
        Command::Rcpt { forward_path, parameters } => {
            out.put(b" TO:");
            forward_path.encode(out);
            parameter::encode(parameters.as_bytes(), out);
        }
        Command::Bdat { size, last } => {
            write(out, format_args!(" {size}{}", if *last { " LAST" } else { "" }));
        }
        Command::Noop(argument) => octets(out, *argument),
        Command::Vrfy(wanted) | Command::Expn(wanted) => argument(out, *wanted),
        Command::Help(Some(topic)) => write(out, format_args!(" {topic}")),
        Command::Auth { mechanism, initial_response } => {
            out.put(b" ");
            out.put(mechanism.as_str().as_bytes());
            if let Some(response) = initial_response {
                let text = if response.is_empty() { "=" } else { response.as_str() };
                out.put(b" ");
                out.put(text.as_bytes());
            }
        }
        Command::Etrn(Queue::Host(domain)) => write(out, format_args!(" {domain}")),
        Command::Etrn(Queue::Subdomains(domain)) => write(out, format_args!(" @{domain}")),
        Command::Etrn(Queue::Named(name)) => write(out, format_args!(" #{name}")),
        Command::Xclient(attributes) | Command::Xforward(attributes) => {
            write(out, format_args!(" {attributes}"));
        }
        Command::Unknown { verb, argument } => {
            out.put(verb.as_bytes());
            octets(out, *argument);
        }
        Command::Data | Command::Rset | Command::Quit | Command::Help(None) | Command::StartTls => {
        }
    }
    out.put(b"\r\n");
}

fn write<S: Sink + ?Sized>(out: &mut S, text: fmt::Arguments<'_>) {
    let _ = fmt::write(&mut Text(out), text);
}

fn octets<S: Sink + ?Sized>(out: &mut S, octets: Octets<'_>) {
    if !octets.is_empty() {
        out.put(b" ");
        out.put(octets.as_bytes());
    }
}

fn argument<S: Sink + ?Sized>(out: &mut S, argument: Argument<'_>) {
    out.put(b" ");
    out.put(argument.as_str().as_bytes());
    if argument.smtp_utf8() {
        out.put(b" SMTPUTF8");
    }
}
