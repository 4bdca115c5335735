"""`smtp send` delivers to foreign servers under TLS and with AUTH, 1000 odd messages each; what is not safe is not sent."""

import concurrent.futures
import contextlib
import os
import random
import time

from harness.bodies import BODIES, HEADER
from harness.mtas import PASSWORD, USER, Aiosmtpd, Dovecot, Exim, Postfix, SmtpServer
from harness.report import Row, ensure, equal, equal_bytes
from harness.smtp import send

SENDER = "alice@example.org"
DIRECTION = "receives from send"
POLICY = {"STARTTLS": "required", "implicit TLS": "implicit"}
LOAD = 1000


def secure_send(report, smtp, tools, pki, runtimes, work):
    """All servers; each runtime has its turn with each."""
    if not report.wants("secure-send"):
        return
    with contextlib.ExitStack() as stack:
        def started(make):
            row = Row(make.name, DIRECTION, "", "start")
            return report.start(f"secure-send/{make.name}/start", row, lambda: stack.enter_context(make.made()))

        for path in (work, pki.directory):
            os.chmod(path, 0o755)
        begun = time.monotonic()
        dovecot = started(_Made(lambda: Dovecot(tools, pki, work), "Dovecot"))
        made = [dovecot] + [started(_Made(lambda make=make: make(tools, pki, work), make.name))
                            for make in (Exim, SmtpServer, Aiosmtpd)]
        if dovecot is not None:
            made.append(started(_Made(lambda: Postfix(tools, pki, work, dovecot), "Postfix")))
        for server in filter(None, made):
            for index, runtime in enumerate(runtimes):
                _Trial(report, smtp, server, pki, runtime, work, thorough=index == 0).run()
            print(f"# secure-send {server.name}: {time.monotonic() - begun:.1f} s so far", flush=True)


class _Made:
    def __init__(self, made, name):
        self.made, self.name = made, name


class _Trial:
    """One server and one runtime. `thorough` is with every body and mechanism, and the load."""

    def __init__(self, report, smtp, server, pki, runtime, work, thorough):
        self.report, self.smtp, self.server, self.pki = report, smtp, server, pki
        self.runtime, self.work, self.thorough = runtime, work, thorough

    def run(self):
        bodies = [body for body in BODIES if self.fits(body)]
        for tls, port in self.server.ports.items():
            for body in bodies if self.thorough else bodies[:2]:
                self.check(f"{tls}/{body.name}", f"{tls}, byte for byte", self.delivers, tls, port, body)
            for mechanism in self.server.mechanisms if self.thorough else self.server.mechanisms[-1:]:
                self.check(f"{tls}/{mechanism}", f"AUTH {mechanism}, {tls}", self.delivers, tls, port, bodies[0],
                           *self.login(mechanism))
            for mechanism in self.server.mechanisms:
                self.check(f"{tls}/{mechanism}-wrong-password", "a wrong password: exit 77", self.fails, tls, port,
                           ("--tls-ca", self.pki.ca, *self.login(mechanism)), {"PW": "lion"})
            if self.server.mechanisms:
                self.check(f"{tls}/auto", f"AUTH auto, {tls}", self.delivers, tls, port, bodies[0], *self.login("auto"))
            self.check(f"{tls}/another-authority", "an unknown authority: exit 77", self.fails, tls, port,
                       ("--tls-ca", self.pki.other_ca), {})
        tls, port = next(iter(self.server.ports.items()))
        self.check("no-tls-on-that-port", "TLS from the first octet on the wrong port: exit 77", self.fails,
                   "implicit TLS", port, ("--tls-ca", self.pki.ca), {})
        self.check("opportunistic", "opportunistic TLS", self.opportunistic, port)
        if not self.thorough:
            return
        if "BDAT" in self.server.does:
            for options, what in (((), "BDAT"), (("--no-chunking",), "DATA")):
                self.check(what, what, self.chunked, tls, port, options, what)
        if "SMTPUTF8" in self.server.does:
            self.check("smtputf8", "SMTPUTF8 addresses", self.utf8, tls, port)
        if self.server.name in ("Exim", "Postfix", "Dovecot"):
            self.check("dsn", "DSN parameters", self.dsn, tls, port)
        self.check("load", f"{LOAD} odd messages", self.load, port)

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

        name = f"secure-send/{self.server.name}/{self.runtime}/{name.lower().replace(' ', '-')}"
        self.report.check(name, Row(self.server.name, DIRECTION, self.runtime, what), fresh)

    def send(self, port, content, *options, env=None, sender=SENDER, recipients=None, name="message"):
        path = os.path.join(self.work, f"{name}.eml")
        with open(path, "wb") as file:
            file.write(content)
        lmtp = ("--lmtp",) if self.server.lmtp else ()
        return send(self.smtp, self.runtime, port, sender, recipients or self.server.recipients, None, *lmtp, *options,
                    file=path, env=os.environ | {"PW": PASSWORD} | (env or {}))

    def delivers(self, tls, port, body, *options):
        outcome = self.send(port, body.content, "--json", "--tls", POLICY[tls], "--tls-ca", self.pki.ca, *options)
        told = outcome.exits(0).json
        equal(told["tls"]["verified"], True, "verified")
        ensure(told["tls"]["version"] in ("TLSv1.2", "TLSv1.3"), f"version is {told['tls']}")
        kept = self.server.one()
        equal_bytes(kept.content, body.arrives)
        if kept.reverse_path is not None:
            equal((kept.reverse_path, kept.recipients), (SENDER, list(self.server.recipients)), "envelope")
            ensure(kept.fields["secure"], "the server saw no TLS")
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
        ensure(f"\n> {what}" in outcome.err, f"no {what} in the trace: {outcome.err[-300:]}")
        equal_bytes(self.server.one().content, BODIES[0].arrives)

    def utf8(self, tls, port):
        options = ("--tls", POLICY[tls], "--tls-ca", self.pki.ca, "--smtputf8")
        self.send(port, BODIES[0].content, *options, sender="жук@пример.example",
                  recipients=("猫@例え.example",)).exits(0)
        equal_bytes(self.server.one().content, BODIES[0].arrives)

    def dsn(self, tls, port):
        options = ("--tls", POLICY[tls], "--tls-ca", self.pki.ca, "--notify", "never", "--ret", "hdrs", "--envid", "QQ=1")
        offered = self.send(port, BODIES[0].content, "--json", "--tls", POLICY[tls], "--tls-ca", self.pki.ca).json
        self.server.one()
        outcome = self.send(port, BODIES[0].content, *options)
        if "DSN" not in offered["extensions"]:
            outcome.exits(65)
            return self.server.none()
        outcome.exits(0)
        equal_bytes(self.server.one().content, BODIES[0].arrives)

    def load(self, port):
        dice = random.Random(7)
        contents = {HEADER + b"X-Number: %d\r\n\r\n" % number + _odd(dice) for number in range(LOAD)}

        def one(item):
            number, content = item
            outcome = self.send(port, content, "--tls", "never" if number % 4 else "required", "--tls-ca", self.pki.ca,
                                name=f"load-{number % 8}-{number}")
            os.unlink(os.path.join(self.work, f"load-{number % 8}-{number}.eml"))
            outcome.exits(0)

        with concurrent.futures.ThreadPoolExecutor(6) as pool:
            for _ in pool.map(one, enumerate(sorted(contents))):
                pass
        kept = [message.content for message in self.server.gather(LOAD, 30)]
        lost, more = contents - set(kept), set(kept) - contents
        ensure(not lost and not more and len(kept) == LOAD, f"{len(lost)} lost or changed, {len(more)} unexpected, "
               f"{len(kept)} in all; {sorted(more)[:1]!r}"[:400])


def _odd(dice):
    """A body of odd lines: dots, blanks, octets of every kind but CR, LF and NUL."""
    line = (
        lambda: b"." * dice.randrange(4),
        lambda: b". " + dice.randbytes(5).hex().encode(),
        lambda: b"",
        lambda: bytes(dice.choice(b"\t !\"#$%&'()*+,-./09:;<=>?@AZ[\\]^_`az{|}~") for _ in range(dice.randrange(78))),
        lambda: "жук, 猫".encode() * dice.randrange(1, 9),
        lambda: b"From " + b"x" * dice.randrange(900),
        lambda: b"BDAT 3 LAST",
        lambda: b"QUIT",
    )
    return b"".join(dice.choice(line)() + b"\r\n" for _ in range(dice.randrange(1, 40)))
