"""The other ways to receive: Maildir, --discard, --stdio, and what else `smtp serve` promises on its command line."""

import os
import re

from harness.bodies import BODIES, PLAIN, stuffed
from harness.clients import Smtplib, Swaks
from harness.process import run
from harness.report import Row, ensure, equal, equal_bytes
from harness.smtp import Envelope, RawStore, serve

SENDER = "alice@example.org"
RECIPIENTS = ("bob@example.net", "carol@example.com")


def delivered(octets):
    """Splits a Maildir file into the header that was added on top (a list of unfolded fields) and the rest."""
    fields, at = [], 0
    for line in octets.splitlines(keepends=True):
        starts = re.match(rb"(Return-Path|Received):", line, re.IGNORECASE)
        if line[:1] in b" \t" and fields and line.strip():
            fields[-1] += b" " + line.strip()
        elif starts and len(fields) < 2:
            fields.append(line.strip())
        else:
            break
        ensure(line.endswith(b"\r\n"), f"an added line does not end as the content's lines do: {line!r}")
        at += len(line)
    return fields, octets[at:]


def check_delivered(octets, sender, content):
    """One Return-Path, one Received, then the content byte for byte."""
    fields, rest = delivered(octets)
    names = [field.partition(b":")[0].lower() for field in fields]
    equal(names, [b"return-path", b"received"], "added header fields")
    equal(fields[0].partition(b":")[2].strip(), b"<" + sender.encode() + b">", "Return-Path")
    ensure(re.search(rb"from .*by .*with E?SMTP.*; .*\d\d:\d\d:\d\d", fields[1]), f"Received is {fields[1]!r}")
    equal_bytes(rest, content)


def take_new(maildir):
    """The files in new/, taken out."""
    folder, taken = os.path.join(maildir, "new"), []
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), "rb") as file:
            taken.append(file.read())
        os.unlink(os.path.join(folder, name))
    return taken


def stores(report, smtp, tools, runtime, work):
    """All of it on one runtime."""
    if not report.wants("stores"):
        return
    smtplib, swaks = Smtplib(tools, work), Swaks(tools, work, pipelined=True)
    row = Row("smtplib", "delivers to serve --maildir", runtime, "bodies, byte for byte")

    def maildir_of(path, options, cwd):
        with serve(smtp, runtime, *options, cwd=cwd) as server:
            for body in BODIES:
                smtplib.send(server.port, SENDER, RECIPIENTS, body)
                files = take_new(path)
                equal(len(files), 1, f"files in new/ after {body.name}")
                check_delivered(files[0], SENDER, smtplib.arrives(body))
            smtplib.send(server.port, "", RECIPIENTS, PLAIN)
            check_delivered(take_new(path)[0], "", PLAIN.content)
            swaks.send(server.port, '"the sender"@example.org', RECIPIENTS, PLAIN)
            check_delivered(take_new(path)[0], '"the sender"@example.org', PLAIN.content)
            equal(os.listdir(os.path.join(path, "tmp")), [], "files in tmp/")
            equal(os.listdir(os.path.join(path, "cur")), [], "files in cur/")

    given = os.path.join(work, "mail")
    report.check("stores/maildir", row, lambda: maildir_of(given, ["--maildir", given], None))
    empty = os.path.join(work, "empty")
    os.makedirs(empty, exist_ok=True)
    report.check("stores/maildir-default", row, lambda: maildir_of(os.path.join(empty, "maildir"), [], empty))

    def discard():
        nothing = os.path.join(work, "nothing")
        os.makedirs(nothing)
        with serve(smtp, runtime, "--discard", cwd=nothing) as server:
            for body in BODIES:
                smtplib.send(server.port, SENDER, RECIPIENTS, body)
        equal(os.listdir(nothing), [], "files written although all is discarded")

    report.check("stores/discard", Row("smtplib", "delivers to serve --discard", runtime, "bodies"), discard)

    def several_addresses():
        store = RawStore(os.path.join(work, "two"))
        with serve(smtp, runtime, "--raw", store.path, listen=2) as server:
            ports = {port for _, port in server.addresses}
            equal(len(ports), 2, "number of ports")
            for port in ports:
                smtplib.send(port, SENDER, RECIPIENTS, PLAIN)
                equal_bytes(store.one().content, PLAIN.content)

    report.check("stores/two-addresses", Row("smtplib", "delivers to serve", runtime, "two addresses"),
                 several_addresses)

    def exit_after():
        store = RawStore(os.path.join(work, "three"))
        with serve(smtp, runtime, "--raw", store.path, "--exit-after", "3") as server:
            for _ in range(3):
                ensure(server.alive, "ended too early")
                smtplib.send(server.port, SENDER, RECIPIENTS, PLAIN)
            equal(server.wait(10), 0, "exit code")
        equal(len(store.take()), 3, "messages stored")

    report.check("stores/exit-after", Row("smtplib", "delivers to serve --exit-after", runtime, "3 messages"),
                 exit_after)
    _stdio(report, smtp, work)


def _stdio(report, smtp, work):
    store = RawStore(os.path.join(work, "stdio"))
    row = Row("a pipe", "talks to serve --stdio", "", "one session")

    def session(octets):
        store.clear()
        argv = [smtp, "serve", "--stdio", "--raw", store.path, "--log", "off"]
        code, out, err = run(argv, 20, input=octets)
        ensure(out.endswith(b"\r\n"), f"output does not end with a reply: {out[-80:]!r}, stderr {err[-200:]!r}")
        lines = [line for line in out.split(b"\r\n")[:-1] if line[3:4] != b"-"]
        return code, [int(line[:3]) for line in lines]

    def bodies():
        for body in BODIES:
            dialogue = b"EHLO client.example\r\nMAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\n"
            code, codes = session(dialogue + stuffed(body.arrives) + b".\r\nQUIT\r\n")
            equal(codes, [220, 250, 250, 250, 354, 250, 221], f"replies for {body.name}")
            equal(code, 0, "exit code")
            message = store.one()
            equal_bytes(message.content, body.arrives, body.name)
            message.check_envelope(Envelope(SENDER, ("bob@example.net",)), peer=None)

    def end_of_input():
        code, codes = session(b"EHLO client.example\r\nMAIL FROM:<a@example.org>\r\n")
        equal(codes[:3], [220, 250, 250], "replies")
        store.none()
        _, codes = session(b"HELO client.example\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.net>\r\nDATA\r\nhalf a mess")
        equal(codes[:5], [220, 250, 250, 250, 354], "replies")
        store.none()

    report.check("stores/stdio", row, bodies)
    report.check("stores/stdio-end-of-input", row, end_of_input)
