#!/usr/bin/env python3
"""Tests the examples that stand between two others, with software of other people on both sides.

usage: interop/examples_bridges.py --bin DIR --tools DIR [--only NAME] [--table FILE]
The first DIR holds the programs, as `cargo build -p smtp-examples` leaves them; the second is what interop/install.sh
filled. One line a check, then `N passed, N failed`; exit code 1 on failures.
"""

import argparse
import base64
import http.server
import json
import os
import quopri
import re
import signal
import smtplib
import socketserver
import sys
import tempfile
import time

from harness.bodies import BODIES, HEADER, Body, odd_messages
from harness.clients import SmtpSource
from harness.mtas import Aiosmtpd as TlsAiosmtpd
from harness.mtas import STARTTLS as BY_STARTTLS
from harness.pki import Pki
from harness.postfix import Filtered
from harness.process import Daemon, free_port, run
from harness.report import Failed, Report, Row, ensure, equal, equal_bytes, same_messages
from harness.secured import IMPLICIT, PLAIN, STARTTLS, Curl, Smtplib, Swaks
from harness.sinks import Aiosmtpd, Listener, SmtpSink
from harness.tools import Tools

SENDER = "alice@example.org"
RECIPIENTS = ("bob@example.net", "carol@example.com")
RULE = "X-Spam-Flag: YES"
SPAM = Body("spam", HEADER.replace(b"Subject", RULE.encode() + b"\r\nSubject") + b"Buy\r\n")
USER, PASSWORD = "alice", "tiger"
LOAD = 500
SOME = [body for body in BODIES if body.name in ("plain", "eight-bit", "dots-inside")]
TRACE = re.compile(rb"Received: from [^\r\n]*\r\n\tby submission\.example\.org with (\w+);\r\n\t[^\r\n]* \+0000\r\n")


class Bridges:
    """What all parts need."""

    def __init__(self, report, programs, tools, pki, work):
        self.report, self.programs, self.tools, self.pki, self.work = report, programs, tools, pki, work

    def directory(self, name):
        return os.path.join(self.work, name)

    def program(self, name, *arguments):
        return Daemon([os.path.join(self.programs, name), "127.0.0.1:0", *map(str, arguments)])

    def check(self, name, peer, what, work, *arguments):
        self.report.check(name, Row(peer, name.split("/")[0], "", what), work, *arguments)

    def clients(self, name):
        work = self.directory(name)
        os.makedirs(work)
        return [make(self.tools, work) for make in (Swaks, Curl, Smtplib)]


def bodies(client, among=BODIES):
    """Those that a client can send; what takes long, by one of them."""
    return [body for body in among if client.can(body) and (len(body.content) < 1 << 20 or client.name == "curl")]


def speaks(code, text, port, sender, recipients, content, *login):
    """smtplib, once it has done this to log in, must be told this code, with this text, in its transaction."""
    try:
        with smtplib.SMTP("127.0.0.1", port, local_hostname="client.example", timeout=30) as session:
            for step in login:
                step(session)
            session.sendmail(sender, recipients, content)
    except smtplib.SMTPRecipientsRefused as error:
        told = next(iter(error.recipients.values()))
    except smtplib.SMTPResponseException as error:
        told = (error.smtp_code, error.smtp_error)
    else:
        raise Failed(f"accepted instead of {code}")
    ensure(told[0] == code and text in told[1], f"told {told} instead of {code} {text}")


def filter_sinks(on):
    """smtp-source and others, the filter, smtp-sink and aiosmtpd."""
    for make in (SmtpSink, Aiosmtpd):
        area = f"filter-proxy/{make.name}"
        with make(on.tools, on.directory(f"filter-{make.name}-mail")) as sink, \
                on.program("filter-proxy", f"127.0.0.1:{sink.port}", RULE) as proxy:
            source = SmtpSource(on.tools, on.work)

            def passes(deliver, arrives):
                sink.clear()
                deliver()
                kept = sink.one()
                equal_bytes(kept.content, arrives)
                equal(kept.recipients, list(RECIPIENTS), "recipients")

            for client in on.clients(f"filter-{make.name}"):
                for body in bodies(client):
                    on.check(f"{area}/{client.name}/{body.name}", client.name, "bodies, byte for byte", passes,
                             lambda: client.deliver(proxy.port, PLAIN, None, None, SENDER, RECIPIENTS, body),
                             client.arrives(body))

            def load():
                sink.clear()
                source.load(proxy.port, "-s", "20", "-m", str(LOAD), "-l", "4096", "-f", SENDER, "-t", RECIPIENTS[0])
                equal(len(sink.take()), LOAD, "number of messages")

            on.check(f"{area}/smtp-source/load", source.name, f"{LOAD} messages, 20 at a time", load)

            def spam():
                sink.clear()
                speaks(554, b"5.6.0", proxy.port, SENDER, RECIPIENTS, SPAM.content)
                sink.none()

            on.check(f"{area}/refused", sink.name, "a header field is refused, and nothing is stored", spam)
            if make is Aiosmtpd:
                for sender, recipient, code, text in (
                    (SENDER, "refuse@example.net", 550, b"5.1.1 No such mailbox"),
                    (SENDER, "defer@example.net", 450, b"4.2.1 Mailbox busy"),
                    ("refuse-message@example.org", RECIPIENTS[0], 554, b"5.7.1 Message refused"),
                    ("defer-message@example.org", RECIPIENTS[0], 451, b"4.3.0 Try again later"),
                ):
                    on.check(f"{area}/verdict/{code}{recipient.partition('@')[0]}", sink.name, "verdicts in its words",
                             speaks, code, text, proxy.port, sender, [recipient], BODIES[0].content)


def filter_postfix(on):
    """The filter before the queue of a real Postfix (smtpd_proxy_filter), which is its client and its server."""
    proxy, after = None, free_port()
    with on.program("filter-proxy", f"127.0.0.1:{after}", RULE) as proxy, \
            Filtered(on.tools, on.pki, on.work, proxy.port, after) as postfix:
        area, name = "filter-proxy/postfix", postfix.name

        def passes(client, body):
            postfix.clear()
            client.deliver(postfix.port, PLAIN, None, None, SENDER, ["bob@example.net"], body)
            kept = postfix.one()
            equal_bytes(kept.content, client.arrives(body))
            equal(kept.fields["trace"].count("Received:"), 2, "Received fields")

        for client in on.clients("filter-postfix"):
            for body in bodies(client):
                if body.mail_like:
                    on.check(f"{area}/{client.name}/{body.name}", name, "bodies, before its queue", passes, client, body)

        def load():
            postfix.clear()
            source = SmtpSource(on.tools, on.work)
            source.load(postfix.port, "-s", "10", "-m", "200", "-l", "4096", "-f", SENDER, "-t", "bob@example.net")
            postfix.gather(200, 60)

        def odd():
            postfix.clear()
            contents = odd_messages(100)
            with smtplib.SMTP("127.0.0.1", postfix.port, local_hostname="client.example", timeout=30) as session:
                for content in contents:
                    session.sendmail(SENDER, ["bob@example.net"], content, ["BODY=8BITMIME"])
            same_messages([kept.content for kept in postfix.gather(len(contents), 60)], contents)

        on.check(f"{area}/load", name, "200 messages, 10 at a time", load)
        on.check(f"{area}/odd", name, "100 odd messages", odd)

        def spam():
            postfix.clear()
            speaks(554, b"5.6.0", postfix.port, SENDER, ["bob@example.net"], SPAM.content)
            time.sleep(0.2)
            postfix.none()

        on.check(f"{area}/refused", name, "a header field is refused, and nothing is queued", spam)
        on.check(f"{area}/verdict", name, "verdicts in its words", speaks, 550, b"no such user", postfix.port, SENDER,
                 ["no@example.net"], BODIES[0].content)

        def forwarded():
            # Postfix's own XFORWARD: the smtpd behind the filter logs whose mail it was.
            postfix.clear()
            client = Smtplib(on.tools, on.work)
            client.deliver(postfix.port, PLAIN, None, None, SENDER, ["bob@example.net"], BODIES[0])
            postfix.one()
            log = postfix.log()
            ensure(re.search(r"orig_client=unknown\[127\.0\.0\.1\]", log), f"no orig_client in {log[-600:]!r}")

        on.check(f"{area}/xforward", name, "XFORWARD", forwarded)

        def xclient():
            postfix.clear()
            with smtplib.SMTP("127.0.0.1", proxy.port, local_hostname="client.example", timeout=30) as session:
                session.ehlo()
                ensure("xclient" in session.esmtp_features, "XCLIENT is not offered")
                equal(session.docmd("XCLIENT", "NAME=far.example ADDR=192.0.2.7 HELO=far.example")[0], 220, "reply")
                session.ehlo("far.example")
                session.sendmail(SENDER, ["bob@example.net"], BODIES[0].content)
            trace = postfix.one().fields["trace"]
            ensure("192.0.2.7" in trace and "far.example" in trace, f"the trace is {trace!r}")

        on.check(f"{area}/xclient", name, "XCLIENT", xclient)


def submission(on):
    """swaks, curl and smtplib log in; smtp-sink and aiosmtpd, in the clear and under TLS, are the smart host."""
    users = os.path.join(on.work, "users.txt")
    with open(users, "w", encoding="utf-8") as file:
        file.write(f"{USER} {PASSWORD} {SENDER}\n{USER} {PASSWORD} refuse-message@example.org\n")
    secure = TlsAiosmtpd(on.tools, on.pki, on.work)
    ways = {STARTTLS: [], IMPLICIT: ["--tls"]}
    with SmtpSink(on.tools, on.directory("submission-sink")) as sink, secure:
        for host, port, keeps, exact in (("smtp-sink", sink.port, sink, False),
                                         ("aiosmtpd", secure.ports[BY_STARTTLS], secure, True)):
            for tls, options in ways.items():
                area = f"submission/{host}/{tls.replace(' ', '-')}"
                with on.program("submission", f"localhost:{port}", on.pki.chain, on.pki.key, users, *options) as server:
                    for client in on.clients(f"submission-{host}-{len(options)}"):
                        def submits(mechanism, body):
                            keeps.clear()
                            client.deliver(server.port, tls, on.pki.ca, (mechanism, USER, PASSWORD), SENDER,
                                           RECIPIENTS, body)
                            kept = keeps.one()
                            trace = TRACE.match(kept.content)
                            ensure(trace, f"no Received field on top of {kept.content[:200]!r}")
                            equal(trace[1], b"ESMTPSA", "protocol")
                            equal_bytes(kept.content[trace.end():], client.arrives(body))
                            if exact:
                                equal(kept.fields["secure"], True, "TLS to the smart host")

                        for mechanism in client.mechanisms:
                            if mechanism not in client.tokens:
                                on.check(f"{area}/{client.name}/{mechanism}", client.name, f"AUTH {mechanism}, {tls}",
                                         submits, mechanism, BODIES[0])
                        for body in bodies(client, BODIES if exact and not options else SOME):
                            on.check(f"{area}/{client.name}/{body.name}", client.name, f"bodies, {tls}", submits,
                                     "PLAIN", body)

                        def stays_out(user, password, sender):
                            keeps.clear()
                            try:
                                client.deliver(server.port, tls, on.pki.ca, ("PLAIN", user, password), sender,
                                               RECIPIENTS, BODIES[0])
                            except (Failed, smtplib.SMTPException):
                                return keeps.none()
                            raise Failed("it got in")

                        for name, login in (("wrong-password", (USER, "lion", SENDER)),
                                            ("nobody", ("mallory", PASSWORD, SENDER)),
                                            ("anothers-address", (USER, PASSWORD, "bob@example.org"))):
                            on.check(f"{area}/{client.name}/{name}", client.name, "who must not send does not",
                                     stays_out, *login)
        login = (lambda session: session.starttls(), lambda session: session.login(USER, PASSWORD))
        with on.program("submission", f"localhost:{secure.ports[BY_STARTTLS]}", on.pki.chain, on.pki.key,
                        users) as server:
            for sender, recipient, code, text in ((SENDER, "refuse@example.net", 550, b"5.1.1 No such mailbox"),
                                                  ("refuse-message@example.org", RECIPIENTS[0], 554, b"5.7.1 Message"),
                                                  ("bob@example.org", RECIPIENTS[0], 550, b"5.7.1")):
                on.check(f"submission/verdict/{code}-{sender}", "aiosmtpd", "verdicts in its words", speaks, code, text,
                         server.port, sender, [recipient], BODIES[0].content, *login)
        # A port that answers and serves nobody.
        with Listener(socketserver.BaseRequestHandler) as away, \
                on.program("submission", f"localhost:{away.port}", on.pki.chain, on.pki.key, users) as server:
            on.check("submission/away", "smtplib", "451 where the smart host is away", speaks, 451, b"4.3.0",
                     server.port, SENDER, RECIPIENTS, BODIES[0].content, *login)


def lettre_transport(on):
    """What lettre built goes to aiosmtpd, to smtp-sink by LMTP, and to Postfix."""
    def send(port, recipients, text, *flags, code=0):
        argv = [os.path.join(on.programs, "lettre-transport"), *flags, f"127.0.0.1:{port}", "Hi", SENDER, *recipients]
        ended, out, err = run(argv, 60, input=text)
        ensure(ended == code, f"exit code {ended} instead of {code}: {out!r} {err[-300:]!r}")
        return out.decode().splitlines()

    text = b".dots\r\n..\r\n.\r\n" + "Grüße".encode() + b"\r\n"

    def arrives(sink, *flags):
        sink.clear()
        equal(send(sink.port, RECIPIENTS, text, *flags), [f"{one}: Accepted" for one in RECIPIENTS], "outcomes")
        kept = sink.one()
        equal((kept.reverse_path, kept.recipients), (SENDER, list(RECIPIENTS)), "envelope")
        head, _, body = kept.content.partition(b"\r\n\r\n")
        ensure(b"Subject: Hi\r\n" in head + b"\r\n", f"the header section is {head!r}")
        if b"quoted-printable" in head:
            body = quopri.decodestring(body)
        elif b"base64" in head:
            body = base64.b64decode(body)
        equal_bytes(body.removesuffix(b"\r\n") + b"\r\n", text)

    for flags in ((), ("--async",)):
        way = "async" if flags else "blocking"
        with Aiosmtpd(on.tools, on.directory(f"lettre-{way}")) as sink:
            on.check(f"lettre-transport/aiosmtpd/{way}", "aiosmtpd", way, arrives, sink, *flags)

            def refused():
                sink.clear()
                told = send(sink.port, ["refuse@example.net", "bob@example.net"], text, *flags, code=69)
                equal(told, ["refuse@example.net: Refused", "bob@example.net: Accepted"], "outcomes")
                equal(sink.one().recipients, ["bob@example.net"], "recipients")
                told = send(sink.port, ["defer@example.net"], text, *flags, code=75)
                equal(told, ["defer@example.net: Deferred"], "outcomes")

            on.check(f"lettre-transport/aiosmtpd/{way}/refused", "aiosmtpd", "an outcome for each recipient", refused)
        with SmtpSink(on.tools, on.directory(f"lettre-{way}-lmtp"), "-L") as sink:
            on.check(f"lettre-transport/smtp-sink/lmtp-{way}", "smtp-sink", f"LMTP, {way}", arrives, sink, "--lmtp",
                     *flags)


def webhook(on):
    """swaks, curl and smtplib deliver; a web server of Python's gets the posts."""
    posts, answers = [], []

    class Hook(http.server.BaseHTTPRequestHandler):
        timeout = 30

        def do_POST(self):
            posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(answers.pop() if answers else 200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with Listener(Hook) as hook, on.program("webhook", f"http://127.0.0.1:{hook.port}/", "example.net", 5) as server:
        for client in on.clients("webhook"):
            def posted(body):
                posts.clear()
                client.deliver(server.port, PLAIN, None, None, SENDER, ["bob@example.net", "x@EXAMPLE.net"], body)
                post, = posts
                equal_bytes(base64.b64decode(post["content"]), client.arrives(body))
                equal(post["from"]["address"], SENDER, "sender")
                equal([one["address"] for one in post["to"]], ["bob@example.net", "x@EXAMPLE.net"], "recipients")

            for body in bodies(client):
                on.check(f"webhook/{client.name}/{body.name}", client.name, "bodies, byte for byte", posted, body)

        def fails(status):
            posts.clear()
            answers.append(status)
            speaks(451, b"4.3.0", server.port, SENDER, ["bob@example.net"], BODIES[0].content)
            equal(len(posts), 1, "number of posts")

        for status in (500, 404, 302):
            on.check(f"webhook/{status}", "http.server", "451 where it fails", fails, status)
        on.check("webhook/foreign", "smtplib", "no mail for others", speaks, 550, b"5.7.1", server.port, SENDER,
                 ["bob@example.com"], BODIES[0].content)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", required=True, help="directory of the programs")
    parser.add_argument("--tools", required=True, help="directory filled by interop/install.sh")
    parser.add_argument("--only", help="run only checks whose name contains this")
    parser.add_argument("--table", help="write a markdown table of the results to this file")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    tools = Tools(options.tools)
    report = Report(options.only, 900)
    with tempfile.TemporaryDirectory(prefix="bridges.") as top:
        os.chmod(top, 0o755)
        on = Bridges(report, os.path.abspath(options.bin), tools, Pki(os.path.join(top, "pki")), top)
        for part in (filter_sinks, filter_postfix, submission, lettre_transport, webhook):
            begun = time.monotonic()
            report.start(f"{part.__name__}/whole", Row("", part.__name__, "", "runs to its end"), lambda: part(on))
            print(f"# {part.__name__}: {time.monotonic() - begun:.1f} s", flush=True)
    if options.table:
        with open(options.table, "w", encoding="utf-8") as file:
            file.write(report.table(tools.versions))
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
