#!/usr/bin/env python3
"""Tests the examples that speak to other people's software: the servers without an adapter, the LMTP sink, the tiny client.

usage: interop/examples_servers.py --programs DIR --tools DIR [--only NAME]
The first DIR is where cargo puts programs, such as target/debug after `cargo build -p smtp-examples`; the second is what
interop/install.sh filled. One line a check, then `N passed, N failed`; exit code 1 on failures.
"""

import argparse
import os
import signal
import smtplib
import ssl
import sys
import tempfile
import time

from harness import secured
from harness.bodies import BODIES, PLAIN, Body, odd_messages
from harness.clients import HELLO, Curl, SmtpSource, SmtpSourceLmtp, Smtplib, Swaks
from harness.exim import EximRelay
from harness.mtas import STARTTLS
from harness.pki import Pki
from harness.postfix import PostfixRelay
from harness.process import Daemon, run
from harness.relays import Route, Submission
from harness.report import Failed, Report, Row, ensure, equal, equal_bytes, same_messages
from harness.sinks import Aiosmtpd, SmtpSink
from harness.tools import Tools
from suites.relaying import TRACE

SENDER = "alice@example.org"
RECIPIENTS = ("bob@example.net", "carol@example.net")
LOAD = 1000
# smtplib.LMTP reads one reply to the message, however many recipients there are.
LMTP_CLIENTS = [type(make.__name__, (make,), {"protocol": "lmtp"})
                for make in (secured.Swaks, secured.Msmtp, secured.Nodemailer)]


class Program(Daemon):
    """An example, and what it printed since it said where it listens."""

    def __init__(self, *argv):
        self.lines = []
        super().__init__(argv)

    def _listen(self):
        for line in self.child.stdout:
            text = line.decode("utf-8", "replace").rstrip("\n")
            with self._spoken:
                if text.startswith("listening on "):
                    self.addresses.append(("127.0.0.1", int(text.rpartition(":")[2])))
                else:
                    self.lines.append(text)
                self._spoken.notify_all()
        with self._spoken:
            self._spoken.notify_all()

    def take(self, count):
        """The lines that it printed, which must be so many."""
        with self._spoken:
            self._spoken.wait_for(lambda: len(self.lines) >= count, 15)
            lines, self.lines = self.lines, []
        equal(len(lines), count, "number of lines that the program printed")
        return lines


def server(report, programs, tools, _pki, work, name):
    """A server that counts octets: whatever clients send, it must see as many as arrive."""
    with Program(os.path.join(programs, name), "127.0.0.1:0") as program:

        def deliver(client, body):
            client.send(program.port, SENDER, RECIPIENTS, body)
            equal(program.take(1), [f"a message of {len(client.arrives(body))} octets"], "what the program printed")

        for client, label in (
            (Swaks(tools, work, pipelined=False), "swaks"),
            (Swaks(tools, work, pipelined=True), "swaks, pipelined"),
            (Curl(tools, work), "curl"),
            (Smtplib(tools, work), "smtplib"),
        ):
            for body in BODIES:
                # Ten megabytes is all that it takes.
                if client.can(body) and len(body.content) <= 10 * 1024 * 1024:
                    row = Row(client.name, f"delivers to {name}", "", "bodies, octets counted")
                    report.check(f"{name}/{label}/{body.name}", row, deliver, client, body)

        def too_large():
            body = next(body for body in BODIES if len(body.content) > 10 * 1024 * 1024)
            with smtplib.SMTP("127.0.0.1", program.port, local_hostname=HELLO, timeout=30) as session:
                session.ehlo()
                equal(session.mail(SENDER, [f"SIZE={len(body.content)}"])[0], 552, "reply to MAIL")
            program.take(0)

        report.check(f"{name}/smtplib/too-large", Row("smtplib", f"delivers to {name}", "", "SIZE"), too_large)

        def load(*options):
            source = SmtpSource(tools, work)
            source.load(program.port, "-s", "20", "-m", str(LOAD), "-l", "4096", "-f", SENDER, "-t", "bob@example.net",
                        *options)
            lines = set(program.take(LOAD))
            ensure(len(lines) <= 10, f"messages of many lengths: {sorted(lines)[:20]}")

        row = Row("smtp-source", f"delivers to {name}", "", f"{LOAD} messages, 20 at a time")
        report.check(f"{name}/smtp-source/load", row, load)
        report.check(f"{name}/smtp-source/load-kept-open", row, load, "-d")
        report.check(f"{name}/survives", Row(name, "still runs", "", "after all deliveries"),
                     lambda: ensure(program.alive, f"it ended: {program.complaint()}"))


class Maildirs:
    """The users of the LMTP sink."""

    def __init__(self, root):
        self.root = root
        for user in ("alice", "bob"):
            os.makedirs(os.path.join(root, user, "cur"))
        with open(os.path.join(root, "bob/cur/old:2,S"), "wb") as file:
            file.write(b"x" * 100)

    def await_messages(self, user, count):
        """Waits until so many are there, as relays deliver when they see fit."""
        until = time.monotonic() + 60
        path = os.path.join(self.root, user, "new")
        while not os.path.exists(path) or len(os.listdir(path)) < count:
            ensure(time.monotonic() < until, f"fewer than {count} messages came for {user}")
            time.sleep(0.05)

    def take(self, user):
        """What is in a user's `new`; and in no `tmp` anything."""
        messages = []
        for folder in ("tmp", "new"):
            path = os.path.join(self.root, user, folder)
            for name in sorted(os.listdir(path)) if os.path.exists(path) else ():
                with open(os.path.join(path, name), "rb") as file:
                    messages.append(file.read())
                os.unlink(os.path.join(path, name))
            ensure(folder == "new" or not messages, f"{len(messages)} files are left in tmp of {user}")
        return [message.removeprefix(b"Return-Path: <%s>\r\n" % SENDER.encode()) for message in messages]


def lmtp_sink(report, programs, tools, pki, work, name):
    store = Maildirs(os.path.join(work, "mail"))
    path = os.path.join(programs, name)
    quota = str(64 * 1024 * 1024)
    users = ("alice@example.org", "bob@example.org")
    with Program(path, "127.0.0.1:0", store.root, quota, pki.chain, pki.key) as program:

        def deliver(client, body):
            client.deliver(program.port, secured.STARTTLS, pki.ca, None, SENDER, users, body)
            for user in ("alice", "bob"):
                messages = store.take(user)
                equal(len(messages), 1, f"messages for {user}")
                equal_bytes(messages[0], client.arrives(body))

        def load(client):
            contents = [content for content in odd_messages(100) if client.can(Body("odd", content))]
            client.series(program.port, secured.STARTTLS, pki.ca, SENDER, users, contents)
            for user in ("alice", "bob"):
                same_messages(store.take(user), [client.arrives(Body("odd", content)) for content in contents])

        for make in LMTP_CLIENTS:
            client = make(tools, work)
            for body in BODIES:
                if client.can(body):
                    row = Row(client.name, f"delivers to {name}", "", "LMTP by STARTTLS: bodies, octet for octet")
                    report.check(f"{name}/{client.name}/{body.name}", row, deliver, client, body)
            row = Row(client.name, f"delivers to {name}", "", "LMTP by STARTTLS: 100 odd messages")
            report.check(f"{name}/{client.name}/odd", row, load, client)

        def session():
            lmtp = smtplib.LMTP("localhost", program.port, local_hostname=HELLO, timeout=30)
            lmtp.starttls(context=ssl.create_default_context(cafile=pki.ca))
            return lmtp

        def refusals():
            with session() as lmtp:
                lmtp.ehlo()
                equal(lmtp.mail(SENDER)[0], 250, "reply to MAIL")
                for local, code in (("alice", 250), ("nobody", 550), ('"../alice"', 550), ("ALICE", 250)):
                    equal(lmtp.rcpt(f"{local}@example.org")[0], code, f"reply to {local}")
                lmtp.rset()
                equal(lmtp.mail(SENDER, ["SIZE=50000000"])[0], 250, "reply to MAIL")
                equal(lmtp.rcpt(users[0])[0], 250, "reply to RCPT")
                lmtp.rset()
                refused = lmtp.sendmail(SENDER, [users[0]], PLAIN.content)
                equal(refused, {}, "refused")
            equal_bytes(store.take("alice")[0], PLAIN.arrives)

        row = Row("smtplib", f"delivers to {name}", "", "LMTP by STARTTLS: refusals by recipient")
        report.check(f"{name}/smtplib/refusals", row, refusals)

        def distrust():
            client = LMTP_CLIENTS[0](tools, work)
            try:
                client.deliver(program.port, secured.STARTTLS, pki.other_ca, None, SENDER, users, PLAIN)
            except Failed:
                pass
            else:
                raise Failed("a certificate of an unknown authority was trusted")
            with smtplib.LMTP("localhost", program.port, local_hostname=HELLO, timeout=30) as lmtp:
                lmtp.ehlo()
                equal(lmtp.mail(SENDER)[0], 530, "reply to MAIL in the clear")
            equal(store.take("alice"), [], "messages")

        row = Row("swaks", f"delivers to {name}", "", "LMTP: neither in the clear nor to a stranger")
        report.check(f"{name}/swaks/distrust", row, distrust)

        routes = [Route("store.example", program.port, STARTTLS, lmtp=True)]
        for make in (PostfixRelay, EximRelay):
            row = Row(make.name, f"relays to {name}", "", "LMTP by STARTTLS: 100 odd messages")
            area = f"{name}/{make.name}".replace(" ", "-").lower()
            relay = report.start(f"{area}/start", row, lambda make=make: make(tools, pki, work, routes, "unused"))
            if relay is None:
                continue

            def relayed(relay):
                contents = odd_messages(100)
                with Submission(relay.port) as submission:
                    for content in contents:
                        submission.hand_over(SENDER, ("alice@store.example", "bob@store.example"), content)
                for user in ("alice", "bob"):
                    store.await_messages(user, len(contents))
                    same_messages([TRACE.sub(b"", message, count=1) for message in store.take(user)], contents)

            with relay:
                report.check(f"{area}/odd", row, relayed, relay)

    with Program(path, "127.0.0.1:0", store.root, "2000") as program:

        def quota_by_recipient():
            client = LMTP_CLIENTS[2](tools, work)
            # Room for alice, who has nothing yet; none for bob.
            body = Body("large", PLAIN.content + b"x" * 950 + b"\r\n" + b"y" * 930 + b"\r\n")
            try:
                client.deliver(program.port, secured.PLAIN, None, None, SENDER, users, body)
            except Failed:
                pass
            equal([len(store.take(user)) for user in ("alice", "bob")], [1, 0], "messages stored")

        row = Row("nodemailer", f"delivers to {name}", "", "LMTP: quotas by recipient")
        report.check(f"{name}/nodemailer/quota", row, quota_by_recipient)

    with Program(path, "127.0.0.1:0", store.root, quota) as program:

        def load_in_the_clear(*options):
            source = SmtpSourceLmtp(tools, work)
            source.load(program.port, "-s", "20", "-m", "300", "-l", "1024", "-f", SENDER, "-t", "alice@example.org",
                        *options)
            messages = store.take("alice")
            equal(len(messages), 300, "messages stored")
            equal(len({message.partition(b"\r\n\r\n")[2] for message in messages}), 1, "different contents")

        row = Row("smtp-source", f"delivers to {name}", "", "LMTP: 300 messages, 20 at a time")
        report.check(f"{name}/smtp-source/load", row, load_in_the_clear)
        report.check(f"{name}/smtp-source/load-kept-open", row, load_in_the_clear, "-d")
        report.check(f"{name}/survives", Row(name, "still runs", "", "after all deliveries"),
                     lambda: ensure(program.alive, f"it ended: {program.complaint()}"))


def tiny_client(report, programs, tools, _pki, work, name):
    """The client for devices delivers to other people's servers."""
    path = os.path.join(programs, name)

    def send(port, content, recipient="bob@example.net"):
        return run([path, f"127.0.0.1:{port}", SENDER, recipient], 60, input=content.replace(b"\r\n", b"\n"))

    for make, label in ((Aiosmtpd, "aiosmtpd"), (SmtpSink, "smtp-sink")):
        with make(tools, os.path.join(work, label)) as sink:

            def deliver(sink, body):
                code, out, err = send(sink.port, body.content)
                equal((code, out), (0, b"Accepted, Quit\n"), f"what it said besides {err!r}")
                kept = sink.one()
                equal_bytes(kept.content, body.arrives)
                equal((kept.reverse_path, kept.recipients), (SENDER, ["bob@example.net"]), "envelope")

            for body in BODIES:
                if not body.eight_bit:
                    row = Row(label, f"receives from {name}", "", "bodies, octet for octet")
                    report.check(f"{name}/{label}/{body.name}", row, deliver, sink, body)

    def refused():
        # -f refuses for good, -r for now, -q drops the line.
        for options, said in ((("-f", "RCPT"), b"Refused, Quit\n"), (("-r", "RCPT"), b"Deferred, Quit\n"),
                              (("-f", "."), b"Refused, Quit\n"), (("-q", "."), b"Unknown, PeerGone\n"),
                              (("-q", "DATA"), b"Deferred, PeerGone\n")):
            with SmtpSink(tools, os.path.join(work, "refusing"), *options) as sink:
                code, out, _ = send(sink.port, PLAIN.content)
                equal((code, out), (1, said), f"what it said with {options}")

    report.check(f"{name}/smtp-sink/refusals", Row("smtp-sink", f"receives from {name}", "", "refusals"), refused)


EXAMPLES = (
    (server, "mio-server"),
    (server, "poll-server"),
    (server, "uring-server"),
    (lmtp_sink, "lmtp-sink"),
    (tiny_client, "tiny-client"),
)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--programs", required=True, help="directory with the examples")
    parser.add_argument("--tools", required=True, help="directory filled by interop/install.sh")
    parser.add_argument("--only", help="run only checks whose name contains this")
    parser.add_argument("--limit", type=float, default=600, help="seconds for everything (default: 600)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    started = time.monotonic()
    programs = os.path.abspath(options.programs)
    try:
        tools = Tools(options.tools)
        for _, name in EXAMPLES:
            ensure(os.access(os.path.join(programs, name), os.X_OK), f"{programs} has no {name}")
    except Failed as error:
        print(error, file=sys.stderr)
        return 64
    report = Report(options.only, options.limit)
    with tempfile.TemporaryDirectory(prefix="interop.") as top:
        os.chmod(top, 0o755)
        pki = Pki(os.path.join(top, "pki"))
        for example, name in EXAMPLES:
            work = os.path.join(top, name)
            os.makedirs(work)
            example(report, programs, tools, pki, work, name)
    print(f"# {time.monotonic() - started:.0f} s in all", flush=True)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
