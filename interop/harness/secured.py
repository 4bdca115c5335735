"""Clients that deliver into `smtp serve` under TLS and with AUTH. Each is told whom to trust, and must mean it."""

import base64
import json
import os
import smtplib
import ssl

from .clients import HELLO, LIMIT, Client, _run
from .sinks import PEERS

PLAIN, STARTTLS, IMPLICIT = "in the clear", "STARTTLS", "implicit TLS"


class Secured(Client):
    """A client that can do TLS; `mechanisms` are those that it speaks."""

    mechanisms = ()

    def deliver(self, port, tls, ca, login, sender, recipients, body):
        """login: (mechanism, user, password) or None."""
        raise NotImplementedError


class Swaks(Secured):
    name = "swaks"
    mechanisms = ("PLAIN", "LOGIN", "CRAM-MD5")

    def can(self, body):
        return body.mail_like

    def deliver(self, port, tls, ca, login, sender, recipients, body):
        argv = ["perl", self.tools.swaks, "--server", "localhost", "-4", "--port", str(port), "--helo", HELLO]
        argv += ["--timeout", "30", "--from", sender, "--to", ",".join(recipients), "--hide-all"]
        argv += ["--data", "@" + self._file(body.arrives.removesuffix(b"\r\n"))]
        argv += {PLAIN: [], STARTTLS: ["--tls"], IMPLICIT: ["--tls-on-connect"]}[tls]
        if tls != PLAIN:
            argv += ["--tls-verify", "--tls-ca-path", ca]
        if login:
            argv += ["--auth", login[0], "--auth-user", login[1], "--auth-password", login[2]]
        _run(argv, env=os.environ | {"PERL5LIB": self.tools.perl})


class Curl(Secured):
    name = "curl"
    mechanisms = ("PLAIN", "LOGIN", "CRAM-MD5")

    def deliver(self, port, tls, ca, login, sender, recipients, body):
        scheme = "smtps" if tls == IMPLICIT else "smtp"
        argv = ["curl", f"{scheme}://localhost:{port}/{HELLO}", "-4", "--silent", "--show-error"]
        argv += ["--max-time", str(LIMIT), "--mail-from", sender, "--upload-file", self._file(body.content)]
        for recipient in recipients:
            argv += ["--mail-rcpt", recipient]
        if tls != PLAIN:
            argv += ["--ssl-reqd", "--cacert", ca]
        if login:
            argv += ["--login-options", "AUTH=" + login[0], "--user", f"{login[1]}:{login[2]}"]
        _run(argv)


class Smtplib(Secured):
    name = "smtplib"
    mechanisms = ("PLAIN", "LOGIN", "CRAM-MD5")

    def arrives(self, body):
        return body.arrives or b"\r\n"

    def deliver(self, port, tls, ca, login, sender, recipients, body):
        context = ssl.create_default_context(cafile=ca) if tls != PLAIN else None
        if tls == IMPLICIT:
            session = smtplib.SMTP_SSL("localhost", port, local_hostname=HELLO, timeout=30, context=context)
        else:
            session = smtplib.SMTP("localhost", port, local_hostname=HELLO, timeout=30)
        with session:
            if tls == STARTTLS:
                session.starttls(context=context)
            session.ehlo()
            if login:
                session.user, session.password = login[1:]
                method = getattr(session, "auth_" + login[0].lower().replace("-", "_"))
                session.auth(login[0], method, initial_response_ok=login[0] != "CRAM-MD5")
            options = ["BODY=8BITMIME"] if body.eight_bit else []
            session.sendmail(sender, recipients, body.content, options)


class Msmtp(Secured):
    name = "msmtp"
    mechanisms = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256")

    def can(self, body):
        # It reads text, and makes a header of what has none.
        return body.mail_like and not body.eight_bit

    def deliver(self, port, tls, ca, login, sender, recipients, body):
        argv = [self.tools.msmtp, "--file=/dev/null", "--host=localhost", f"--port={port}", f"--domain={HELLO}"]
        argv += [f"--from={sender}", "--timeout=30", "--undisclosed-recipients=off", "--set-from-header=off"]
        argv += ["--set-date-header=off", "--set-msgid-header=off"]
        argv += [f"--tls={'off' if tls == PLAIN else 'on'}", f"--tls-starttls={'on' if tls == STARTTLS else 'off'}"]
        if tls != PLAIN:
            argv.append(f"--tls-trust-file={ca}")
        if login:
            argv += [f"--auth={login[0].lower()}", f"--user={login[1]}", f"--passwordeval=printf %s '{login[2]}'"]
        with open(self._file(body.arrives.replace(b"\r\n", b"\n")), "rb") as file:
            content = file.read()
        _run_fed([*argv, "--", *recipients], content, self.tools.environment)


class Nodemailer(Secured):
    name = "nodemailer"
    mechanisms = ("PLAIN", "LOGIN", "CRAM-MD5")

    def arrives(self, body):
        return body.arrives or b"\r\n"

    def can(self, body):
        return body.content != b""

    def order(self, port, tls, ca, login, sender, recipients):
        transport = {"host": "localhost", "port": port, "name": HELLO, "secure": tls == IMPLICIT,
                     "requireTLS": tls == STARTTLS, "ignoreTLS": tls == PLAIN, "connectionTimeout": 30000}
        if tls != PLAIN:
            with open(ca, encoding="ascii") as file:
                transport["tls"] = {"ca": file.read()}
        if login:
            transport |= {"authMethod": login[0], "auth": {"user": login[1], "pass": login[2]}}
        return {"transport": transport, "envelope": {"from": sender, "to": list(recipients)}}

    def deliver(self, port, tls, ca, login, sender, recipients, body):
        order = self.order(port, tls, ca, login, sender, recipients)
        order["content"] = base64.b64encode(body.content).decode()
        self.run(order)

    def series(self, port, sender, recipients, contents):
        """Many messages over a pool of connections."""
        order = self.order(port, PLAIN, None, None, sender, recipients)
        order["transport"] |= {"pool": True, "maxConnections": 5, "maxMessages": 1000}
        order["content"] = ""
        order["contents"] = [base64.b64encode(content).decode() for content in contents]
        self.run(order)

    def run(self, order):
        environment = os.environ | {"NODE_PATH": self.tools.node_modules}
        _run_fed(["node", os.path.join(PEERS, "nodemailer_send.js")], json.dumps(order).encode(), environment)


def _run_fed(argv, content, environment):
    from .process import run
    from .report import Failed
    code, out, err = run(argv, LIMIT, input=content, env=environment)
    if code != 0:
        raise Failed(f"{os.path.basename(argv[0])} ended with {code}: {(err or out)[-300:]!r}")
