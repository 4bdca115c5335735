"""Mail servers that `smtp send` delivers to, and what they kept.

Each listens with STARTTLS on one port and, where it can, with TLS from the first octet on another. Servers that deliver
store LF line ends and put trace fields on top: what they keep is compared with both taken off again.
"""

import json
import os
import re
import shutil
import time

from .process import Daemon
from .report import ensure
from .sinks import PEERS, Kept

USER, PASSWORD = "alice@example.org", "tiger tiger"
CLEAR, STARTTLS, IMPLICIT = "in the clear", "STARTTLS", "implicit TLS"


class Mta:
    """`ports`: how TLS begins there to a port; `mechanisms`; `does`: features worth a check of their own."""

    name = ""
    mechanisms = ()
    does = ()
    lmtp = False
    # Whether content needs a header section to be kept as it is.
    mail_like = False
    # The longest line, in octets without its end.
    longest = 998
    # The field of a delivery report that names the envelope QQ=1, or what else tells that it was understood.
    reports = "Original-Envelope-Id: QQ=1"
    # Whether it is worth a thousand messages.
    loaded = True
    # Whether STARTTLS is offered, but no handshake ever succeeds.
    broken_tls = False
    # Whether content without a final line end is kept with one.
    ends_lines = True
    recipients = ("bob@example.net", "carol@example.com")

    def __init__(self, tools, pki, work):
        self.tools = tools
        self.pki = pki
        self.work = os.path.join(work, self.name.lower().replace(' ', '-'))
        shutil.rmtree(self.work, ignore_errors=True)
        os.makedirs(self.work)
        self.directory = os.path.join(self.work, "mail")
        os.makedirs(self.directory)
        self.ports = {}
        self.secrets = {}
        self.daemons = []

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for daemon in self.daemons:
            daemon.kill()

    def secret(self, mechanism):
        """What the user shows with this mechanism."""
        return self.secrets.get(mechanism, PASSWORD)

    def arrives(self, body):
        return body.arrives if self.ends_lines else body.content

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.work, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def clear(self):
        """Forgets what is there. What is still being written is left alone: it belongs to the server."""
        self.take()

    def gather(self, count, limit=15):
        """So many messages, once they are there: a server that delivers does so a little later."""
        until = time.monotonic() + limit
        messages = self.take()
        while len(messages) < count and time.monotonic() < until:
            time.sleep(0.02)
            messages += self.take()
        ensure(len(messages) == count, f"{self.name} has {len(messages)} messages instead of {count}")
        return messages

    def one(self):
        return self.gather(1)[0]

    def none(self):
        messages = self.take()
        ensure(not messages, f"{self.name} has {len(messages)} messages although none may be sent")


class Recorder(Mta):
    """One that writes N.eml and N.json."""

    def take(self):
        messages = []
        for name in sorted(os.listdir(self.directory)):
            if name.endswith(".json"):
                stem = os.path.join(self.directory, name.removesuffix(".json"))
                with open(stem + ".json", encoding="utf-8") as file:
                    fields = json.load(file)
                with open(stem + ".eml", "rb") as file:
                    messages.append(Kept(file.read(), fields["reverse_path"], fields["recipients"], fields))
                for ending in (".json", ".eml"):
                    os.unlink(stem + ending)
        return messages


class SmtpServer(Recorder):
    name = "smtp-server"
    mechanisms = ("PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2")

    def start(self):
        for tls, mode in ((STARTTLS, "starttls"), (IMPLICIT, "implicit")):
            daemon = Daemon(["node", os.path.join(PEERS, "smtp_server.js"), self.directory, mode, self.pki.key,
                             self.pki.chain, USER, PASSWORD], env=os.environ | {"NODE_PATH": self.tools.node_modules})
            self.daemons.append(daemon)
            self.ports[tls] = daemon.port
        self.ports = {CLEAR: self.ports[STARTTLS]} | self.ports


class Aiosmtpd(Recorder):
    name = "aiosmtpd"
    mechanisms = ("PLAIN", "LOGIN")

    def start(self):
        for tls, mode in ((STARTTLS, "starttls"), (IMPLICIT, "implicit")):
            daemon = Daemon([self.tools.python, os.path.join(PEERS, "aiosmtpd_sink.py"), self.directory, mode,
                             self.pki.key, self.pki.chain, USER, PASSWORD])
            self.daemons.append(daemon)
            self.ports[tls] = daemon.port
        self.ports = {CLEAR: self.ports[STARTTLS]} | self.ports


class Delivering(Mta):
    """One that delivers into files below `directory`."""

    mail_like = True
    trace = re.compile(rb"(?:(?:Return-Path|Delivered-To|Received|Envelope-To|X-Original-To):[^\n]*\n"
                       rb"(?:[ \t][^\n]*\n)*)*", re.IGNORECASE)

    def undo(self, content):
        """Takes off what this server adds besides trace fields."""
        return content

    def take(self):
        messages = []
        for folder, _, names in sorted(os.walk(self.directory)):
            if os.path.basename(folder) not in ("new", "cur"):
                continue
            for name in sorted(names):
                with open(os.path.join(folder, name), "rb") as file:
                    content = file.read()
                os.unlink(os.path.join(folder, name))
                if b"\r\n" in content[:200]:
                    content = content.replace(b"\r\n", b"\n")
                end = self.trace.match(content).end()
                head = content[:end].decode("utf-8", "replace")
                content = self.undo(content[end:]).replace(b"\n", b"\r\n")
                messages.append(Kept(content, None, None, {"trace": head}))
        return messages
