//! Commands as lines.

use core::fmt;

use super::{Command, Octets, Queue, parameter};
use crate::sink::{Sink, Text};

pub(super) fn command<S: Sink + ?Sized>(command: &Command<'_>, out: &mut S) {
    // One way for both commands that name a path, so that all of it is compiled into one piece.
    let (mailbox, text, even) = match command {
        Command::Mail { reverse_path, parameters } => {
            out.put(b"MAIL FROM:<");
            (reverse_path.mailbox_ref(), parameters.as_bytes(), parameters.is_even())
        }
        Command::Rcpt { forward_path, parameters } => {
            out.put(b"RCPT TO:<");
            let mailbox = forward_path.mailbox_ref();
            if mailbox.is_none() {
                out.put(b"Postmaster");
            }
            (mailbox, parameters.as_bytes(), parameters.is_even())
        }
        _ => return other(command, out),
    };
    if let Some(mailbox) = mailbox {
        mailbox.encode(out);
    }
    parameter::encode_behind_path(text, even, out);
}

/// One that names no path.
#[inline(never)]
fn other<S: Sink + ?Sized>(command: &Command<'_>, out: &mut S) {
    out.put(command.verb().as_str().as_bytes());
    match command {
        Command::Helo(host) | Command::Ehlo(host) | Command::Lhlo(host) => {
            out.put(b" ");
            host.encode(out);
        }
        Command::Bdat { size, last } => {
            write(out, format_args!(" {size}{}", if *last { " LAST" } else { "" }));
        }
        Command::Noop(argument) => octets(out, *argument),
        Command::Vrfy(wanted) | Command::Expn(wanted) => {
            out.put(b" ");
            out.put(wanted.as_str().as_bytes());
            if wanted.smtp_utf8() {
                out.put(b" SMTPUTF8");
            }
        }
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
        Command::Mail { .. }
        | Command::Rcpt { .. }
        | Command::Data
        | Command::Rset
        | Command::Quit
        | Command::Help(None)
        | Command::StartTls => {}
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

#[cfg(test)]
#[cfg(feature = "alloc")]
mod tests {
    use alloc::string::String;
    use alloc::vec::Vec;
    use alloc::{format, vec};

    use proptest::prelude::*;

    use crate::Syntax;
    use crate::command::{Command, MailParameters, MailParametersBuf, RcptParameters};

    fn written(command: Command<'_>) -> String {
        let mut out = Vec::new();
        command.encode(&mut out);
        String::from_utf8(out).unwrap()
    }

    proptest! {
        /// However they were received, one space stands before each parameter.
        #[test]
        fn parameters_are_written_with_one_space_before_each(
            number in 0_usize..5,
            white in prop::collection::vec(prop::sample::select(vec![" ", "\t", "  ", " \t", "\t "]), 4),
        ) {
            let kept = ["SIZE=10", "X=a=b", "BODY=7BIT", "XFOO", "RET=FULL"];
            let kept = &kept[..number];
            let white = white.iter().chain([&""]);
            let text: String = kept.iter().zip(white).flat_map(|(word, white)| [*word, *white]).collect();
            let text = text.trim_end();
            let behind: String = kept.iter().map(|word| format!(" {word}")).collect();

            let mail = MailParameters::parse_with(text, Syntax::Lenient).unwrap();
            let reverse_path = "<a@b.c>";
            let line = format!("MAIL FROM:{reverse_path}{behind}\r\n");
            let path = crate::address::ReversePath::parse(reverse_path).unwrap();
            prop_assert_eq!(written(Command::Mail { reverse_path: path, parameters: mail }), line.clone());
            let owned = MailParametersBuf::from(mail);
            let again = owned.as_parameters();
            prop_assert_eq!(written(Command::Mail { reverse_path: path, parameters: again }), line);

            let parameters = RcptParameters::parse_with(text, Syntax::Lenient).unwrap();
            for forward in ["<Postmaster>", "<a@[192.0.2.1]>", "<\"a b\"@c>"] {
                let forward_path = crate::address::ForwardPath::parse(forward).unwrap();
                let command = Command::Rcpt { forward_path, parameters };
                prop_assert_eq!(written(command), format!("RCPT TO:{forward}{behind}\r\n"));
            }
        }
    }

    #[test]
    fn the_null_path_has_nothing_between_its_brackets() {
        let line = b"MAIL FROM:<> SIZE=1";
        assert_eq!(written(Command::parse(line).unwrap()), "MAIL FROM:<> SIZE=1\r\n");
    }
}
