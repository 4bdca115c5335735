"""Foreign clients deliver into `smtp serve --raw`: content byte for byte, the envelope, one pair of files a message."""

import os
import smtplib

from harness.bodies import BODIES, PLAIN, unstuffed
from harness.clients import HELLO, Curl, SmtpSource, Smtplib, Swaks
from harness.report import Failed, Row, ensure, equal, equal_bytes
from harness.smtp import Envelope, RawStore, serve

SENDER = "alice@example.org"
RECIPIENTS = ("bob@example.net", "carol@example.com")
MANY = tuple(f"r{i}@example.net" for i in range(1000))
DIRECTION = "delivers to serve"
LOAD = 1000


def receive(report, smtp, tools, runtime, work):
    """All clients against one runtime."""
    area = f"receive/{runtime}"
    if not report.wants(area):
        return
    store = RawStore(os.path.join(work, "raw"))
    server = report.start(f"{area}/start", Row("smtp serve", "starts", runtime, "listening line"),
                          lambda: serve(smtp, runtime, "--raw", store.path, "--max-size", "33554432"))
    if server is None:
        return
    with server:
        for client, label in (
            (Swaks(tools, work, pipelined=False), "swaks"),
            (Swaks(tools, work, pipelined=True), "swaks-pipelined"),
            (SmtpSource(tools, work), "smtp-source"),
            (Smtplib(tools, work), "smtplib"),
            (Curl(tools, work), "curl"),
        ):
            bodies(report, client, server, store, f"{area}/{label}", runtime, label)
            recipients(report, client, server, store, f"{area}/{label}", runtime, label)
        _smtplib_only(report, Smtplib(tools, work), server, store, area, runtime)
        _curl_only(report, Curl(tools, work), server, store, area, runtime)
        load(report, SmtpSource(tools, work), server, store, area, runtime)
        report.check(f"{area}/survives", Row("smtp serve", "still runs", runtime, "after all deliveries"),
                     lambda: ensure(server.alive, f"the server ended: {server.complaint()}"))


def _kind(label, what):
    return what + (", pipelined" if label.endswith("pipelined") else "")


def bodies(report, client, server, store, area, runtime, label):
    recipients = RECIPIENTS if client.name != "smtp-source" else ("2bob@example.net", "bob@example.net")
    want = Envelope(SENDER, recipients, hello=HELLO, protocols=client.protocols)

    def deliver(body):
        store.clear()
        client.send(server.port, SENDER, recipients, body)
        message = store.one()
        equal_bytes(message.content, client.arrives(body))
        message.check_envelope(want)

    for body in BODIES:
        if client.can(body):
            row = Row(client.name, DIRECTION, runtime, _kind(label, "bodies, byte for byte"))
            report.check(f"{area}/{body.name}", row, deliver, body)


def recipients(report, client, server, store, area, runtime, label):
    def deliver(sender, recipients):
        store.clear()
        client.send(server.port, sender, recipients, PLAIN)
        message = store.one()
        equal_bytes(message.content, client.arrives(PLAIN))
        message.check_envelope(Envelope(sender or None, recipients, protocols=client.protocols))

    many = MANY
    if client.name == "smtp-source":
        many = (*(f"{i}bob@example.net" for i in range(1000, 1, -1)), "bob@example.net")
    row = Row(client.name, DIRECTION, runtime, _kind(label, "1000 recipients"))
    report.check(f"{area}/1000-recipients", row, deliver, SENDER, many)
    row = Row(client.name, DIRECTION, runtime, _kind(label, "unusual addresses"))
    if client.name != "smtp-source":
        quoted = ('"quoted local"@example.net', '"a@b"@example.net', '"x>y"@example.net')
        if client.name == "smtplib":
            quoted = quoted[:2]  # it takes a closing bracket for the end of the address
        report.check(f"{area}/quoted-local-parts", row, deliver, '"the sender"@example.org', quoted)
    if client.name in ("swaks", "smtplib"):
        report.check(f"{area}/null-reverse-path", row, deliver, "", RECIPIENTS)


def _smtplib_only(report, client, server, store, area, runtime):
    area += "/smtplib"

    def delivered(want, body=PLAIN, **options):
        store.clear()
        client.send(server.port, want.reverse_path, list(want.recipients), body, **options)
        message = store.one()
        equal_bytes(message.content, body.arrives)
        message.check_envelope(want)

    utf8 = Envelope("жук@пример.example", ("猫@例え.example", "plain@example.net"),
                    protocols=("ESMTP", "UTF8SMTP"), parameters=(("SIZE", str(len(PLAIN.content))), ("SMTPUTF8", None)))
    row = Row("smtplib", DIRECTION, runtime, "SMTPUTF8 addresses")
    report.check(f"{area}/smtputf8", row, lambda: delivered(utf8, mail_options=("SMTPUTF8",)))

    dsn = Envelope(
        SENDER, ("bob@example.net",),
        parameters=(("SIZE", str(len(PLAIN.content))), ("RET", "HDRS"), ("ENVID", "QQ+2B314159")),
        recipient_parameters=(("NOTIFY", "SUCCESS,FAILURE,DELAY"), ("ORCPT", "rfc822;Bob+2Bx@example.net")),
    )
    row = Row("smtplib", DIRECTION, runtime, "DSN parameters")
    report.check(f"{area}/dsn", row, lambda: delivered(
        dsn, mail_options=("RET=HDRS", "ENVID=QQ+2B314159"),
        rcpt_options=("NOTIFY=SUCCESS,FAILURE,DELAY", "ORCPT=rfc822;Bob+2Bx@example.net")))

    def several():
        store.clear()
        with smtplib.SMTP("127.0.0.1", server.port, local_hostname=HELLO, timeout=30) as session:
            for body in BODIES * 2:
                session.sendmail(SENDER, RECIPIENTS, body.content)
                message = store.one()
                equal_bytes(message.content, client.arrives(body), body.name)
                session.rset()

    report.check(f"{area}/one-session", Row("smtplib", DIRECTION, runtime, "22 messages in one session"), several)

    def nothing_at_all():
        store.clear()
        with smtplib.SMTP("127.0.0.1", server.port, local_hostname=HELLO, timeout=30) as session:
            session.ehlo()
            for verb, code in (("MAIL FROM:<>", 250), ("RCPT TO:<Postmaster>", 250), ("DATA", 354)):
                equal(session.docmd(verb)[0], code, f"reply to {verb}")
            session.send(b".\r\n")
            equal(session.getreply()[0], 250, "reply to the end of data")
        message = store.one()
        equal_bytes(message.content, b"")
        message.check_envelope(Envelope(None, ("Postmaster",)))

    row = Row("smtplib", DIRECTION, runtime, "no content at all, <> to <Postmaster>")
    report.check(f"{area}/nothing-at-all", row, nothing_at_all)

    def octet_by_octet():
        store.clear()
        stuffed = b"..a\r\n.c\r\n..\r\nb\r\n.\r\n"
        with smtplib.SMTP("127.0.0.1", server.port, local_hostname=HELLO, timeout=30) as session:
            session.ehlo()
            for octet in b"MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\nDATA\r\n":
                session.send(bytes([octet]))
            codes = [session.getreply()[0] for _ in range(3)]
            equal(codes, [250, 250, 354], "replies")
            for octet in stuffed:
                session.send(bytes([octet]))
            equal(session.getreply()[0], 250, "reply to the end of data")
        equal_bytes(store.one().content, unstuffed(stuffed.removesuffix(b".\r\n")))

    row = Row("smtplib", DIRECTION, runtime, "a session octet by octet")
    report.check(f"{area}/octet-by-octet", row, octet_by_octet)


def _curl_only(report, client, server, store, area, runtime):
    def utf8():
        store.clear()
        client.send(server.port, "жук@example.org", ("猫@example.net",), PLAIN)
        message = store.one()
        equal_bytes(message.content, PLAIN.content)
        message.check_envelope(Envelope("жук@example.org", ("猫@example.net",), protocols=("ESMTP", "UTF8SMTP")))
        ensure("SMTPUTF8" in [one["keyword"].upper() for one in message.envelope["parameters"]],
               "SMTPUTF8 is not among the parameters of MAIL")

    report.check(f"{area}/curl/smtputf8", Row("curl", DIRECTION, runtime, "SMTPUTF8 addresses"), utf8)


def load(report, client, server, store, area, runtime):
    def loaded(*options):
        store.clear()
        client.load(server.port, "-s", "20", "-m", str(LOAD), "-l", "4096", "-f", SENDER, "-t", "bob@example.net",
                    *options)
        messages = store.take()
        identifiers, rests = set(), set()
        for message in messages:
            head, _, rest = message.content.partition(b"\r\n\r\n")
            found = [line for line in head.split(b"\r\n") if line.startswith(b"Message-Id:")]
            if len(found) != 1:
                raise Failed(f"message {message.name} has no Message-Id of smtp-source: {head[:100]!r}")
            identifiers.add(found[0])
            rests.add(rest)
        equal(len(messages), LOAD, "number of messages stored")
        equal(len(identifiers), LOAD, "number of different messages")
        ensure(len(rests) == 1 and rests.pop().endswith(b"X\r\n"), "the contents are not all alike and whole")

    row = Row(client.name, DIRECTION, runtime, f"{LOAD} messages, 20 at a time")
    report.check(f"{area}/smtp-source/load", row, loaded)
    row = Row(client.name, DIRECTION, runtime, f"{LOAD} messages, 20 sessions kept open")
    report.check(f"{area}/smtp-source/load-kept-open", row, loaded, "-d")
