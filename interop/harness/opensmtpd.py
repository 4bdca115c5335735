"""OpenSMTPD, which has the paths of its helpers and of its queue compiled in.

Debian 12 links its 6.8.0p2 with OpenSSL 3, under which every TLS handshake of that version fails in the server
(its issues 1171 and 1239); and it offers AUTH under TLS only. What is left to exchange is in the clear.
"""

import os
import re
import shutil

from .mtas import CLEAR, STARTTLS, Delivering
from .process import Daemon, free_port
from .rooted import Root

USERS = {"root": 0, "opensmtpd": 901, "opensmtpq": 902, "keeper": 903}


class OpenSmtpd(Delivering):
    name = "OpenSMTPD"
    does = ("DSN",)
    recipients = ("bob@example.net",)
    broken_tls = True
    # Its reports do not name the envelope.
    reports = "Reporting-MTA: dns; opensmtpd.example"
    missing = re.compile(rb"Date: [^\n]*\nMessage-ID: <[0-9a-f]*@opensmtpd\.example>\n(?=\n)")

    def undo(self, content):
        """It ends a header section that lacks Date and Message-ID with them."""
        head, blank, rest = content.partition(b"\n\n")
        return self.missing.sub(b"", head + blank) + rest

    def start(self):
        port = free_port()
        root = Root(self.tools, os.path.join(self.work, "root"))
        root.users(USERS)
        # Its delivery agents are run by a shell.
        root.install("bin/sh", "/bin/sh")
        for path in ("usr/sbin/smtpd", "usr/sbin/smtpctl", "usr/libexec/opensmtpd"):
            root.install(path)
        for path in ("var/lib/opensmtpd/empty", "var/spool", "mail"):
            os.makedirs(root.inside(path))
        self.directory = root.inside("mail")
        os.chown(self.directory, USERS["keeper"], USERS["keeper"])
        shutil.copy(self.pki.rsa_chain, root.inside("etc/server.pem"))
        shutil.copy(self.pki.rsa_key, root.inside("etc/server.key"))
        os.chmod(root.inside("etc/server.key"), 0o600)
        root.write("etc/smtpd.conf", f"""
pki localhost cert "/etc/server.pem"
pki localhost key "/etc/server.key"
table all {{ "@" = "keeper" }}
smtp max-message-size "64M"
listen on 127.0.0.1 port {port} hostname opensmtpd.example tls pki localhost
action keep maildir "/mail" virtual <all>
match from any for any action keep
""")
        argv = ["chroot", root.directory, "/usr/sbin/smtpd", "-d", "-f", "/etc/smtpd.conf"]
        self.daemons.append(Daemon(argv, port=port))
        self.ports = {CLEAR: port, STARTTLS: port}
