"""OpenSMTPD, which has the paths of its helpers and of its queue compiled in: it gets a root directory of its own.

Debian 12 links its 6.8.0p2 with OpenSSL 3, under which every TLS handshake of that version fails in the server
(its issues 1171 and 1239); and it offers AUTH under TLS only. What is left to exchange is in the clear.
"""

import contextlib
import os
import re
import shutil

from .mtas import CLEAR, STARTTLS, Delivering
from .process import Daemon, free_port, run
from .report import Failed

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
        shutil.rmtree(self.directory)
        self.directory = os.path.join(self.work, "root/mail")
        self.root()
        for path, uid in (("mail", USERS["keeper"]), ("etc", 0)):
            os.chown(self.inside(path), uid, uid)
        shutil.copy(self.pki.rsa_chain, self.inside("etc/server.pem"))
        shutil.copy(self.pki.rsa_key, self.inside("etc/server.key"))
        os.chmod(self.inside("etc/server.key"), 0o600)
        self.write("root/etc/smtpd.conf", f"""
pki localhost cert "/etc/server.pem"
pki localhost key "/etc/server.key"
table all {{ "@" = "keeper" }}
smtp max-message-size "64M"
listen on 127.0.0.1 port {port} hostname opensmtpd.example tls pki localhost
action keep maildir "/mail" virtual <all>
match from any for any action keep
""")
        argv = ["chroot", self.inside("."), "/usr/sbin/smtpd", "-d", "-f", "/etc/smtpd.conf"]
        self.daemons.append(Daemon(argv, port=port))
        self.ports = {CLEAR: port, STARTTLS: port}

    def inside(self, path):
        return os.path.join(self.work, "root", path)

    def root(self):
        """What it needs: itself, a shell for its delivery agents, libraries, two devices, users."""
        unpacked = self.tools.root
        for path in ("dev", "etc", "tmp", "bin", "lib", "usr/sbin", "var/run", "var/lib/opensmtpd/empty", "var/spool",
                     "mail"):
            os.makedirs(self.inside(path))
        programs = ["/bin/sh"]
        shutil.copy("/bin/sh", self.inside("bin/sh"))
        for name in ("smtpd", "smtpctl"):
            programs.append(os.path.join(unpacked, "usr/sbin", name))
            shutil.copy(programs[-1], self.inside("usr/sbin"))
        helpers = os.path.join(unpacked, "usr/libexec/opensmtpd")
        shutil.copytree(helpers, self.inside("usr/libexec/opensmtpd"))
        programs += [os.path.join(helpers, name) for name in os.listdir(helpers)]
        for library in self.libraries(programs):
            # The loader is asked for by its path, everything else is looked for in /lib.
            place = self.inside(library.lstrip("/")) if "/ld-" in library else self.inside("lib")
            os.makedirs(os.path.dirname(place) if "/ld-" in library else place, exist_ok=True)
            shutil.copy(library, place)
        for name in ("null", "urandom"):
            with contextlib.suppress(FileExistsError):
                os.mknod(self.inside(f"dev/{name}"), os.stat(f"/dev/{name}").st_mode, os.stat(f"/dev/{name}").st_rdev)
            os.chmod(self.inside(f"dev/{name}"), 0o666)
        self.write("root/etc/passwd", "".join(f"{name}:x:{uid}:{uid}::/:/bin/sh\n" for name, uid in USERS.items()))
        self.write("root/etc/group", "".join(f"{name}:x:{uid}:\n" for name, uid in USERS.items()))
        self.write("root/etc/hosts", "127.0.0.1 localhost\n")

    def libraries(self, programs):
        found = set()
        for program in programs:
            code, out, err = run(["ldd", program], 20, env=self.tools.environment)
            if code != 0:
                raise Failed(f"ldd {program}: {err[-200:]!r}")
            found |= {word for word in out.decode().split() if word.startswith("/")}
        return sorted(found)
