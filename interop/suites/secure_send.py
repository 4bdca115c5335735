"""`smtp send` delivers to foreign servers, in the clear, under TLS and with AUTH; what is not safe is not sent.

Each server gets every body, mechanism and extension with one runtime, a selection with the others, and 1000 odd messages
from all of them.
"""

import concurrent.futures
import contextlib
import os
import time

from harness.bodies import BODIES, odd_messages
from harness.dovecot import Dovecot
from harness.exim import Exim, EximStdio
from harness.mtas import CLEAR, IMPLICIT, STARTTLS, USER, Aiosmtpd, SmtpServer
from harness.opensmtpd import OpenSmtpd
from harness.postfix import Postfix
from harness.report import Row, ensure, equal, equal_bytes, same_messages
from harness.smtp import send
from suites.probe import probes

SENDER = "alice@example.org"
DIRECTION = "receives from send"
POLICY = {CLEAR: "never", STARTTLS: "required", IMPLICIT: "implicit"}
LOAD = 1000


def secure_send(report, smtp, tools, pki, runtimes, work):
    """All servers; each runtime has its turn with each."""
    if not report.wants("secure-send"):
        return
    # Servers give up the superuser's rights and must find their way all the same.
    for path in (work, pki.directory):
        os.chmod(path, 0o755)
    with contextlib.ExitStack() as stack:
        dovecot = None
        for make in (Dovecot, Postfix, Exim, EximStdio, OpenSmtpd, SmtpServer, Aiosmtpd):
            area = f"secure-send/{make.name}".replace(" ", "-")
            if not (report.wants(area) or make is Dovecot):
                continue
            begun = time.monotonic()
            more = (dovecot,) if make is Postfix else ()
            server = report.start(f"{area}/start", Row(make.name, DIRECTION, "", "start"),
                                  lambda: stack.enter_context(make(tools, pki, work, *more)))
            if make is Dovecot:
                dovecot = server
            if server is None:
                continue
            for index, runtime in enumerate(runtimes):
                _Trial(report, smtp, server, pki, runtime, work, thorough=index == 0).run()
            trial = _Trial(report, smtp, server, pki, "all", work, thorough=True)
            if server.loaded:
                trial.check("load", f"{LOAD} odd messages", trial.load, runtimes)
            print(f"# secure-send {server.name}: {time.monotonic() - begun:.1f} s", flush=True)


class _Trial:
    """One server and one runtime. `thorough` is with every body, mechanism and extension."""

    def __init__(self, report, smtp, server, pki, runtime, work, thorough):
        self.report, self.smtp, self.server, self.pki = report, smtp, server, pki
        self.runtime, self.work, self.thorough = runtime, work, thorough

    def run(self):
        bodies = [body for body in BODIES if self.fits(body)]
        for tls, port in self.server.ports.items():
            self.check(f"{tls}/probe", f"what probe tells, {tls}", probes, self.smtp, self.server, self.pki, self.runtime,
                       tls, port)
            if tls != CLEAR and self.server.broken_tls:
                self.check(f"{tls}/broken", "a handshake that fails: no fall back, exit 77", self.fails, tls, port,
                           ("--tls-ca", self.pki.ca), {})
                continue
            for body in bodies if self.thorough else bodies[:2]:
                self.check(f"{tls}/{body.name}", f"{tls}, byte for byte", self.delivers, tls, port, body)
            if tls != CLEAR:
                self.secured(tls, port, bodies[0])
        if not self.server.broken_tls:
            self.check("no-tls-on-that-port", "TLS from the first octet on the wrong port: exit 77", self.fails,
                       IMPLICIT, self.server.ports[CLEAR], ("--tls-ca", self.pki.ca), {})
            self.check("opportunistic", "opportunistic TLS", self.opportunistic, self.server.ports[CLEAR])
        tls, port = list(self.server.ports.items())[0 if self.server.broken_tls else 1]
        if not self.thorough:
            return
        if "BDAT" in self.server.does:
            for options, what in (((), "BDAT"), (("--no-chunking",), "DATA")):
                self.check(what, what, self.chunked, tls, port, options, what)
        if "SMTPUTF8" in self.server.does:
            self.check("smtputf8", "SMTPUTF8 addresses", self.utf8, tls, port)
        if "DSN" in self.server.does:
            self.check("dsn", "DSN parameters, and the report", self.dsn, tls, port)
        else:
            self.check("no-dsn", "no DSN there: exit 65", self.no_dsn, tls, port)

    def secured(self, tls, port, body):
        for mechanism in self.server.mechanisms if self.thorough else self.server.mechanisms[-1:]:
            self.check(f"{tls}/auth-{mechanism}", f"AUTH {mechanism}, {tls}", self.delivers, tls, port, body,
                       *self.login(mechanism))
            self.check(f"{tls}/auth-{mechanism}-wrong-password", "a wrong password: exit 77", self.fails, tls, port,
                       ("--tls-ca", self.pki.ca, *self.login(mechanism)), {"PW": "lion"})
        if self.server.mechanisms:
            self.check(f"{tls}/auth-auto", f"AUTH auto, {tls}", self.delivers, tls, port, body, *self.login("auto"))
        self.check(f"{tls}/another-authority", "an unknown authority: exit 77", self.fails, tls, port,
                   ("--tls-ca", self.pki.other_ca), {})

    def fits(self, body):
        if self.server.mail_like and not body.mail_like:
            return False
        return max(map(len, body.content.split(b"\r\n"))) <= self.server.longest

    def login(self, mechanism):
        return ("--user", USER, "--password-env", "PW", "--mechanism", mechanism)

    def check(self, name, what, work, *arguments):
        def fresh():
            self.server.clear()
            work(*arguments)

        name = f"secure-send/{self.server.name}/{self.runtime}/{name.lower()}".replace(" ", "-")
        self.report.check(name, Row(self.server.name, DIRECTION, self.runtime, what), fresh)

    def send(self, port, content, *options, env=None, sender=SENDER, recipients=None, name="message",
             runtime=None):
        path = os.path.join(self.work, f"{name}.eml")
        with open(path, "wb") as file:
            file.write(content)
        lmtp = ("--lmtp",) if self.server.lmtp else ()
        mechanism = options[options.index("--mechanism") + 1] if "--mechanism" in options else None
        return send(self.smtp, runtime or self.runtime, port, sender, recipients or self.server.recipients, None, *lmtp,
                    *options, file=path, env=os.environ | {"PW": self.server.secret(mechanism)} | (env or {}))

    def delivers(self, tls, port, body, *options):
        outcome = self.send(port, body.content, "--json", "--tls", POLICY[tls], "--tls-ca", self.pki.ca, *options)
        told = outcome.exits(0).json
        if tls == CLEAR:
            equal(told["tls"], None, "tls")
        else:
            equal(told["tls"]["verified"], True, "verified")
            ensure(told["tls"]["version"] in ("TLSv1.2", "TLSv1.3"), f"version is {told['tls']}")
        kept = self.server.one()
        equal_bytes(kept.content, self.server.arrives(body))
        if kept.reverse_path is not None:
            equal((kept.reverse_path, kept.recipients), (SENDER, list(self.server.recipients)), "envelope")
            equal(kept.fields["secure"], tls != CLEAR, "whether the server saw TLS")
            if "--mechanism" in options and "auto" not in options:
                equal(kept.fields["method"], options[-1], "mechanism that the server saw")
        return kept

    def fails(self, tls, port, options, env):
        outcome = self.send(port, BODIES[0].content, "--json", "--tls", POLICY[tls], *options, env=env).exits(77).json
        equal(outcome["outcome"], "deferred", "outcome")
        self.server.none()

    def opportunistic(self, port):
        """No certificate matters then, and none that is checked is good here."""
        outcome = self.send(port, BODIES[0].content, "--json", "--tls", "opportunistic", "--tls-ca", self.pki.other_ca)
        equal(outcome.exits(0).json["tls"]["verified"], False, "verified")
        self.server.one()

    def chunked(self, tls, port, options, what):
        options = ("--tls", POLICY[tls], "--tls-ca", self.pki.ca, "--trace", *options)
        outcome = self.send(port, BODIES[0].content, *options).exits(0)
        ensure(f" > {what}" in outcome.err, f"no {what} in the trace: {outcome.err[-300:]}")
        equal_bytes(self.server.one().content, BODIES[0].arrives)

    def utf8(self, tls, port):
        options = ("--tls", POLICY[tls], "--tls-ca", self.pki.ca, "--smtputf8")
        self.send(port, BODIES[0].content, *options, sender="жук@пример.example",
                  recipients=("猫@例え.example",)).exits(0)
        equal_bytes(self.server.one().content, BODIES[0].arrives)

    def dsn(self, tls, port):
        """The server reports the success back, to the sender, and names the envelope as it was named to it."""
        options = ("--tls", POLICY[tls], "--tls-ca", self.pki.ca, "--notify", "success", "--ret", "hdrs",
                   "--envid", "QQ=1")
        self.send(port, BODIES[0].content, *options).exits(0)
        messages = [message.content for message in self.server.gather(2)]
        ensure(BODIES[0].arrives in messages, "the message itself is not there")
        messages.remove(BODIES[0].arrives)
        report, named = messages[0].decode().lower(), self.server.reports.lower()
        ensure("content-type: message/delivery-status" in report, f"no delivery report: {report[:600]!r}")
        ensure(f"\n{named}\r" in report, f"no {named} in the report: {report[-600:]!r}")

    def no_dsn(self, tls, port):
        outcome = self.send(port, BODIES[0].content, "--tls", POLICY[tls], "--tls-ca", self.pki.ca, "--notify", "never")
        outcome.exits(65)
        self.server.none()

    def load(self, runtimes):
        contents = set(odd_messages(LOAD))
        port = self.server.ports[CLEAR]

        def one(item):
            number, content = item
            tls = "never" if number % 4 or self.server.broken_tls else "required"
            self.send(port, content, "--tls", tls, "--tls-ca", self.pki.ca, name=f"load-{number}",
                      runtime=runtimes[number // 4 % len(runtimes)]).exits(0)
            os.unlink(os.path.join(self.work, f"load-{number}.eml"))

        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            for _ in pool.map(one, enumerate(sorted(contents))):
                pass
        same_messages([message.content for message in self.server.gather(LOAD, 60)], contents)
