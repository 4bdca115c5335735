"""Clients that deliver into `smtp serve` under TLS and with AUTH. Each is told whom to trust, and must mean it."""

import base64
import concurrent.futures
import json
import os
import smtplib
import ssl

from .bodies import Body
from .clients import HELLO, LIMIT, Client, _run
from .sinks import PEERS

SHARES = 6
PLAIN, STARTTLS, IMPLICIT = "in the clear", "STARTTLS", "implicit TLS"


class Secured(Client):
    """A client that can do TLS; `mechanisms` are those that it speaks."""

    mechanisms = ()
    # Of these, the ones that show a token instead of a password.
    tokens = ("XOAUTH2", "OAUTHBEARER")
    # "smtp", or "lmtp" for clients that speak that as well.
    protocol = "smtp"

    def deliver(self, port, tls, ca, login, sender, recipients, body):
        """login: (mechanism, user, password or token) or None."""
        raise NotImplementedError

    def series(self, port, tls, ca, sender, recipients, contents):
        """Many messages, from as many at once as there are shares."""
        def share(number):
            worker = type(self)(self.tools, os.path.join(self.work, f"share-{number}"))
            os.makedirs(worker.work, exist_ok=True)
            worker.share(port, tls, ca, sender, recipients, contents[number::SHARES])

        with concurrent.futures.ThreadPoolExecutor(SHARES) as pool:
            for _ in pool.map(share, range(SHARES)):
                pass

    def share(self, port, tls, ca, sender, recipients, contents):
        """One after the other, each with a run of its own unless the client can do better."""
        for content in contents:
            self.deliver(port, tls, ca, None, sender, recipients, Body("odd", content))

    def files(self, contents):
        paths = []
        for number, content in enumerate(contents):
            paths.append(os.path.join(self.work, f"{number}.eml"))
            with open(paths[-1], "wb") as file:
                file.write(content)
        return paths


class Swaks(Secured):
    name = "swaks"
    mechanisms = ("PLAIN", "LOGIN", "CRAM-MD5")

    def can(self, body):
        # A lone dot at the end is taken for the end of data, and removed.
        return body.mail_like and not body.arrives.endswith((b"\r\n.\r\n", b"\r\n.\r\n\r\n"))

    def deliver(self, port, tls, ca, login, sender, recipients, body):
        argv = ["perl", self.tools.swaks, "--server", "localhost", "-4", "--port", str(port), "--helo", HELLO]
        argv += ["--timeout", "30", "--from", sender, "--to", ",".join(recipients), "--hide-all"]
        argv += ["--protocol", {"smtp": "ESMTP", "lmtp": "LMTP"}[self.protocol]]
        argv += ["--data", "@" + self._file(body.arrives.removesuffix(b"\r\n"))]
        argv += {PLAIN: [], STARTTLS: ["--tls"], IMPLICIT: ["--tls-on-connect"]}[tls]
        if tls != PLAIN:
            argv += ["--tls-verify", "--tls-ca-path", ca]
        if login:
            argv += ["--auth", login[0], "--auth-user", login[1], "--auth-password", login[2]]
        _run(argv, env=os.environ | {"PERL5LIB": self.tools.perl})


class Curl(Secured):
    name = "curl"
    mechanisms = ("PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER")

    def deliver(self, port, tls, ca, login, sender, recipients, body):
        scheme = "smtps" if tls == IMPLICIT else "smtp"
        argv = ["curl", f"{scheme}://localhost:{port}/{HELLO}", "-4", "--silent", "--show-error"]
        argv += ["--max-time", str(LIMIT), "--mail-from", sender, "--upload-file", self._file(body.content)]
        for recipient in recipients:
            argv += ["--mail-rcpt", recipient]
        if tls != PLAIN:
            argv += ["--ssl-reqd", "--cacert", ca]
        if login and login[0] in self.tokens:
            argv += ["--login-options", "AUTH=" + login[0], "--user", login[1], "--oauth2-bearer", login[2]]
        elif login:
            argv += ["--login-options", "AUTH=" + login[0], "--user", f"{login[1]}:{login[2]}"]
        _run(argv)

    def share(self, port, tls, ca, sender, recipients, contents):
        """One run, with as many sessions as it sees fit."""
        lines = []
        scheme = "smtps" if tls == IMPLICIT else "smtp"
        for path in self.files(contents):
            lines += [f'url = "{scheme}://localhost:{port}/{HELLO}"', "ipv4", "silent", "show-error"]
            lines += [f'mail-from = "{sender}"', *(f'mail-rcpt = "{one}"' for one in recipients)]
            lines += [f'upload-file = "{path}"', *(() if tls == PLAIN else ("ssl-reqd", f'cacert = "{ca}"')), "next"]
        config = os.path.join(self.work, "curl.config")
        with open(config, "w", encoding="utf-8") as file:
            file.write("\n".join(lines[:-1]) + "\n")
        _run(["curl", "--fail-early", "--config", config])


class Smtplib(Secured):
    name = "smtplib"
    mechanisms = ("PLAIN", "LOGIN", "CRAM-MD5")

    def arrives(self, body):
        return body.arrives or b"\r\n"

    def session(self, port, tls, ca):
        context = ssl.create_default_context(cafile=ca) if tls != PLAIN else None
        if tls == IMPLICIT:
            session = smtplib.SMTP_SSL("localhost", port, local_hostname=HELLO, timeout=30, context=context)
        else:
            session = smtplib.SMTP("localhost", port, local_hostname=HELLO, timeout=30)
        if tls == STARTTLS:
            session.starttls(context=context)
        session.ehlo()
        return session

    def deliver(self, port, tls, ca, login, sender, recipients, body):
        with self.session(port, tls, ca) as session:
            if login:
                session.user, session.password = login[1:]
                method = getattr(session, "auth_" + login[0].lower().replace("-", "_"))
                session.auth(login[0], method, initial_response_ok=login[0] != "CRAM-MD5")
            options = ["BODY=8BITMIME"] if body.eight_bit else []
            session.sendmail(sender, recipients, body.content, options)

    def share(self, port, tls, ca, sender, recipients, contents):
        """Ten messages a session."""
        for start in range(0, len(contents), 10):
            with self.session(port, tls, ca) as session:
                for content in contents[start:start + 10]:
                    session.sendmail(sender, recipients, content, ["BODY=8BITMIME"])


class Msmtp(Secured):
    name = "msmtp"
    mechanisms = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "XOAUTH2", "OAUTHBEARER")

    def can(self, body):
        # It makes a header section of what has none.
        return body.mail_like

    def deliver(self, port, tls, ca, login, sender, recipients, body):
        argv = [self.tools.msmtp, "--file=/dev/null", "--host=localhost", f"--port={port}", f"--domain={HELLO}"]
        argv.append(f"--protocol={self.protocol}")
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
    mechanisms = ("PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2")

    def arrives(self, body):
        return body.arrives or b"\r\n"

    def can(self, body):
        return body.content != b""

    def order(self, port, tls, ca, login, sender, recipients):
        transport = {"host": "localhost", "port": port, "name": HELLO, "secure": tls == IMPLICIT,
                     "requireTLS": tls == STARTTLS, "ignoreTLS": tls == PLAIN, "connectionTimeout": 30000,
                     "lmtp": self.protocol == "lmtp"}
        if tls != PLAIN:
            with open(ca, encoding="ascii") as file:
                transport["tls"] = {"ca": file.read()}
        if login and login[0] in self.tokens:
            transport |= {"auth": {"type": "OAuth2", "user": login[1], "accessToken": login[2]}}
        elif login:
            transport |= {"authMethod": login[0], "auth": {"user": login[1], "pass": login[2]}}
        return {"transport": transport, "envelope": {"from": sender, "to": list(recipients)}}

    def deliver(self, port, tls, ca, login, sender, recipients, body):
        order = self.order(port, tls, ca, login, sender, recipients)
        order["content"] = base64.b64encode(body.content).decode()
        self.run(order)

    def share(self, port, tls, ca, sender, recipients, contents):
        """A pool of connections."""
        order = self.order(port, tls, ca, None, sender, recipients)
        order["transport"] |= {"pool": True, "maxConnections": 5, "maxMessages": 50}
        order["content"] = ""
        order["contents"] = [base64.b64encode(content).decode() for content in contents]
        self.run(order)

    def run(self, order):
        environment = os.environ | {"NODE_PATH": self.tools.node_modules}
        _run_fed(["node", os.path.join(PEERS, "nodemailer_send.js")], json.dumps(order).encode(), environment)


class Lettre(Secured):
    """A small program of our own on lettre."""

    name = "lettre"
    mechanisms = ("PLAIN", "LOGIN", "XOAUTH2")

    def arrives(self, body):
        """It ends the last line, also if that has an end."""
        return body.content + b"\r\n"

    def deliver(self, port, tls, ca, login, sender, recipients, body):
        self.send(port, tls, ca, login, sender, recipients, [self._file(body.content)])

    def share(self, port, tls, ca, sender, recipients, contents):
        """All over one connection of its pool."""
        self.send(port, tls, ca, None, sender, recipients, self.files(contents))

    def send(self, port, tls, ca, login, sender, recipients, paths):
        way = {PLAIN: "clear", STARTTLS: "starttls", IMPLICIT: "implicit"}[tls]
        mechanism, user, secret = login or ("none", "", "")
        argv = [self.tools.lettre, str(port), way, ca or "", HELLO, mechanism, user, sender, ",".join(recipients)]
        _run([*argv, *paths], env=os.environ | {"PW": secret})


def _run_fed(argv, content, environment):
    from .process import run
    from .report import Failed
    code, out, err = run(argv, LIMIT, input=content, env=environment)
    if code != 0:
        raise Failed(f"{os.path.basename(argv[0])} ended with {code}: {(err or out)[-300:]!r}")
