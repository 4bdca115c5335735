"""Postfix and Exim take mail in and relay it to `smtp serve`, by SMTP and by LMTP.

Each gets every body, mechanism and extension through with one runtime, a selection with the others, and 1000 odd messages
by each protocol to all of them.
"""

import concurrent.futures
import contextlib
import os
import re

from harness.bodies import BODIES, odd_messages
from harness.exim import EximRelay
from harness.mtas import CLEAR, IMPLICIT, STARTTLS
from harness.postfix import PostfixRelay
from harness.relays import Route, Submission
from harness.report import Row, ensure, equal_bytes, same_messages
from harness.sinks import Tap
from harness.smtp import Envelope, RawStore, pairs, serve

SENDER, USER, PASSWORD = "alice@example.org", "alice@example.org", "tiger tiger"
DIRECTION = "relays to serve"
LOAD = 1000
TRACE = re.compile(rb"(?:Received:[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)*")


def relaying(report, smtp, tools, pki, runtimes, work):
    """Both relays, with servers of all runtimes behind them."""
    if not report.wants("relay"):
        return
    users = os.path.join(work, "relay-users")
    with open(users, "w", encoding="utf-8") as file:
        file.write(f"{USER}:{PASSWORD}\n")
    with contextlib.ExitStack() as stack:
        ends = []
        for runtime in runtimes:
            for lmtp in (False, True):
                row = Row("smtp serve", "starts", runtime, "two listening lines")
                end = report.start(f"relay/{runtime}/{'lmtp' if lmtp else 'smtp'}/start", row,
                                   lambda: stack.enter_context(_End(smtp, runtime, lmtp, pki, users, work)))
                if end is None:
                    return
                ends.append(end)
        for make in (PostfixRelay, EximRelay):
            area = f"relay/{make.name}".replace(" ", "-").lower()
            if not report.wants(area):
                continue
            routes = [route for end in ends for route in end.routes(make.mechanisms)]
            relay = report.start(f"{area}/start", Row(make.name, DIRECTION, "", "start"),
                                 lambda: stack.enter_context(make(tools, pki, work, routes, PASSWORD)))
            if relay is None:
                continue
            for end in ends:
                _Passage(report, relay, end, thorough=end.runtime == runtimes[0]).run()
            _loads(report, relay, ends)


class _End:
    """`smtp serve` with one runtime and one protocol, and where it stores."""

    def __init__(self, smtp, runtime, lmtp, pki, users, work):
        self.runtime, self.lmtp = runtime, lmtp
        self.protocol = "LMTP" if lmtp else "SMTP"
        self.store = RawStore(os.path.join(work, f"relay-{runtime}-{self.protocol}"))
        self.server = serve(smtp, runtime, "--raw", self.store.path, "--tls-cert", pki.chain, "--tls-key", pki.key,
                            "--users", users, "--listen-tls", "127.0.0.1:0", *(("--lmtp",) if lmtp else ()), addresses=2)
        self.tap = Tap(self.server.port)
        plain, implicit = (address[1] for address in self.server.addresses)
        self.ports = {CLEAR: plain, STARTTLS: plain, IMPLICIT: implicit}
        if lmtp:
            # Neither Postfix nor Exim speaks LMTP under TLS from the first octet.
            del self.ports[IMPLICIT]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tap.__exit__()
        self.server.__exit__()

    def domain(self, tls, mechanism=None):
        """The domain whose mail comes here in this way."""
        words = (self.protocol, tls, mechanism or "none")
        return f"{'-'.join(words).lower().replace(' ', '-')}.{self.runtime}.example"

    def routes(self, mechanisms):
        for tls, port in self.ports.items():
            yield Route(self.domain(tls), port, tls, lmtp=self.lmtp)
            if tls != CLEAR:
                for mechanism in mechanisms:
                    yield Route(self.domain(tls, mechanism), port, tls, mechanism, self.lmtp)
        yield Route(f"tapped.{self.domain(CLEAR)}", self.tap.port, CLEAR, lmtp=self.lmtp)


class _Passage:
    """What goes through one relay to one server."""

    def __init__(self, report, relay, end, thorough):
        self.report, self.relay, self.end, self.thorough = report, relay, end, thorough

    def run(self):
        bodies = [body for body in BODIES if body.mail_like]
        for tls in self.end.ports:
            for body in bodies if self.thorough else bodies[:2]:
                self.check(f"{tls}/{body.name}", f"{tls}, byte for byte", self.passes, tls, None, body)
            if tls != CLEAR:
                for mechanism in self.relay.mechanisms if self.thorough else self.relay.mechanisms[-1:]:
                    self.check(f"{tls}/auth-{mechanism}", f"AUTH {mechanism}, {tls}", self.passes, tls, mechanism, bodies[0])
        if self.thorough:
            self.check("dsn", "DSN parameters", self.dsn)
            self.check("smtputf8", "SMTPUTF8 addresses", self.utf8)
            content = "BDAT" if self.relay.chunks else "DATA"
            self.check("content", f"content by {content}", self.content, content.encode())

    def check(self, name, what, work, *arguments):
        def fresh():
            self.end.store.clear()
            work(*arguments)

        name = f"relay/{self.relay.name}/{self.end.runtime}/{self.end.protocol}/{name}".replace(" ", "-").lower()
        row = Row(self.relay.name, f"{DIRECTION} by {self.end.protocol}", self.end.runtime, what)
        self.report.check(name, row, fresh)

    def hand_over(self, domain, content, sender=SENDER, mail_options=(), rcpt_options=()):
        """Two recipients in one transaction; gives what was stored."""
        recipients = (f"bob@{domain}", f"carol@{domain}")
        with Submission(self.relay.port) as submission:
            submission.hand_over(sender, recipients, content, mail_options, rcpt_options)
        message = self.end.store.gather(1, 20)[0]
        equal_bytes(TRACE.sub(b"", message.content, count=1), content)
        return message, recipients

    def passes(self, tls, mechanism, body):
        message, recipients = self.hand_over(self.end.domain(tls, mechanism), body.arrives)
        protocol = ("LMTP" if self.end.lmtp else "ESMTP") + ("" if tls == CLEAR else "S") + ("A" if mechanism else "")
        message.check_envelope(Envelope(SENDER, recipients, hello=self.relay.hello, protocols=(protocol,),
                                        authenticated=USER if mechanism else None))

    def dsn(self):
        message, _ = self.hand_over(self.end.domain(CLEAR), BODIES[0].arrives, mail_options=("RET=HDRS", "ENVID=QQ+3D1"),
                                    rcpt_options=("NOTIFY=FAILURE,DELAY", "ORCPT=rfc822;Bob+2Bx@example.net"))
        mail = pairs(message.envelope["parameters"])
        ensure(("RET", "HDRS") in mail and ("ENVID", "QQ+3D1") in mail, f"parameters of MAIL are {mail}")
        for recipient in message.envelope["recipients"]:
            rcpt = {name: value.lower() for name, value in pairs(recipient["parameters"])}
            ensure(sorted(rcpt.get("NOTIFY", "").split(",")) == ["delay", "failure"], f"parameters of RCPT are {rcpt}")
            ensure(rcpt.get("ORCPT") == "rfc822;bob+2bx@example.net", f"parameters of RCPT are {rcpt}")

    def utf8(self):
        sender = "жук@пример.example"
        message, recipients = self.hand_over(self.end.domain(CLEAR), BODIES[0].arrives, sender, ("SMTPUTF8",))
        message.check_envelope(Envelope(sender, recipients, protocols=("ESMTP", "UTF8SMTP", "LMTP", "UTF8LMTP")))
        ensure(("SMTPUTF8", None) in pairs(message.envelope["parameters"]), "SMTPUTF8 was not said with MAIL")

    def content(self, verb):
        self.end.tap.pieces.clear()
        self.hand_over(f"tapped.{self.end.domain(CLEAR)}", BODIES[0].arrives)
        said = b"".join(octets for from_client, octets in self.end.tap.pieces if from_client)
        ensure(b"\r\n" + verb in said, f"no {verb} on the wire: {said[:400]!r}")


def _loads(report, relay, ends):
    for protocol in ("SMTP", "LMTP"):
        behind = [end for end in ends if end.protocol == protocol]
        row = Row(relay.name, f"{DIRECTION} by {protocol}", "all", f"{LOAD} odd messages")
        report.check(f"relay/{relay.name}/all/{protocol}/load".replace(" ", "-").lower(), row, _load, relay, behind)


def _load(relay, ends):
    """Every server's share, half of it under TLS, handed over in four sessions at once."""
    for end in ends:
        end.store.clear()
    shares = {end.runtime: [] for end in ends}
    for number, content in enumerate(odd_messages(LOAD)):
        shares[ends[number % len(ends)].runtime].append(content)

    def session(number):
        with Submission(relay.port) as submission:
            for end in ends:
                for index, content in list(enumerate(shares[end.runtime]))[number::4]:
                    recipient = "bob@" + end.domain(STARTTLS if index % 2 else CLEAR)
                    submission.hand_over(SENDER, (recipient,), content)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for _ in pool.map(session, range(4)):
            pass
    for end in ends:
        want = shares[end.runtime]
        same_messages([TRACE.sub(b"", message.content, count=1) for message in end.store.gather(len(want), 90)], want)
