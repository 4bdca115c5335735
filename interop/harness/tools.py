"""Where the foreign software is, and its versions."""

import glob
import json
import os
import platform
import re

from .process import run
from .report import Failed
from .sinks import PEERS


class Tools:
    """What install.sh put into a directory."""

    def __init__(self, directory):
        directory = os.path.abspath(directory)
        self.smtp_source = os.path.join(directory, "root/usr/sbin/smtp-source")
        self.smtp_sink = os.path.join(directory, "root/usr/sbin/smtp-sink")
        self.swaks = os.path.join(directory, "root/usr/bin/swaks")
        self.msmtp = os.path.join(directory, "root/usr/bin/msmtp")
        self.lettre = os.path.join(directory, "lettre/debug/lettre-send")
        self.root = os.path.join(directory, "root")
        self.node_modules = os.path.join(directory, "node/node_modules")
        self.perl = os.pathsep.join(glob.glob(os.path.join(directory, "root/usr/lib/*/perl5/*")))
        self.python = os.path.join(directory, "venv/bin/python")
        for path in (self.smtp_source, self.smtp_sink, self.swaks, self.msmtp, self.python, self.lettre,
                     self.node_modules):
            if not os.path.exists(path):
                raise Failed(f"{path} is missing: run interop/install.sh {directory}")
        with open(os.path.join(directory, "library-path"), encoding="utf-8") as file:
            self.environment = os.environ | {"LD_LIBRARY_PATH": file.read().strip()}
        self.environment["SASL_PATH"] = os.pathsep.join(glob.glob(os.path.join(directory, "root/usr/lib/*/sasl2")))
        self.versions = self._versions(directory)

    def _node_version(self, package):
        with open(os.path.join(self.node_modules, package, "package.json"), encoding="utf-8") as file:
            return json.load(file)["version"]

    @staticmethod
    def _locked(crate):
        with open(os.path.join(PEERS, "lettre/Cargo.lock"), encoding="utf-8") as file:
            return re.search(rf'name = "{crate}"\nversion = "(.*)"', file.read())[1]

    def _versions(self, directory):
        packages = {}
        with open(os.path.join(directory, "versions"), encoding="utf-8") as file:
            for line in file:
                package, version = line.split()
                packages[package] = version
        probe = "from importlib.metadata import version; print(version('aiosmtpd'))"
        postfix = "Postfix " + packages.get("postfix", "?")
        return {
            "msmtp": packages.get("msmtp", "?"),
            "Exim": packages.get("exim4-daemon-light", "?"),
            "Postfix": packages.get("postfix", "?"),
            "OpenSMTPD": packages.get("opensmtpd", "?"),
            "Dovecot": packages.get("dovecot-core", "?"),
            "lettre": self._locked("lettre"),
            "nodemailer": self._node_version("nodemailer"),
            "smtp-server": self._node_version("smtp-server"),
            "swaks": packages.get("swaks", "?"),
            "Postfix relay": packages.get("postfix", "?"),
            "Exim -bs": packages.get("exim4-daemon-light", "?"),
            "Exim relay": packages.get("exim4-daemon-light", "?"),
            "smtp-source": postfix,
            "smtp-sink": postfix,
            "smtplib": "Python " + platform.python_version(),
            "curl": run(["curl", "--version"], 20)[1].split()[1].decode(),
            "aiosmtpd": run([self.python, "-c", probe], 20)[1].decode().strip(),
        }
