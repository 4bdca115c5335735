"""Dovecot: LMTP into a Maildir, and the authentication of Postfix."""

import base64
import hashlib
import hmac
import json
import os
import shutil
import time

from .mtas import CLEAR, PASSWORD, STARTTLS, USER, Delivering
from .process import Daemon, free_port

KEY = b"a key that Dovecot and the issuer of tokens share"


def token():
    """A JSON web token (RFC 7519) that says who the user is, as an OAuth provider would issue it."""
    def part(octets):
        return base64.urlsafe_b64encode(octets).rstrip(b"=")

    now = int(time.time())
    head = {"alg": "HS256", "typ": "JWT"}
    claims = {"sub": USER, "iat": now - 60, "nbf": now - 60, "exp": now + 3600}
    signed = b".".join(part(json.dumps(piece).encode()) for piece in (head, claims))
    return (signed + b"." + part(hmac.digest(KEY, signed, hashlib.sha256))).decode()


class Dovecot(Delivering):
    """LMTP into a Maildir; and authentication for others over a socket."""

    name = "Dovecot"
    lmtp = True
    recipients = ("bob@example.net",)
    # By BDAT it is told where content ends, and adds nothing.
    ends_lines = False
    does = ("BDAT",)

    def start(self):
        port = free_port()
        base = os.path.join(self.work, "run")
        users = self.write("users", f"{USER}:{{PLAIN}}{PASSWORD}\n")
        tokens = self.write("oauth2.conf", f"""
introspection_mode = local
local_validation_key_dict = fs:posix:prefix={self.work}/keys/
username_attribute = sub
""")
        os.makedirs(os.path.join(self.work, "keys/default/HS256"))
        self.write("keys/default/HS256/default", base64.b64encode(KEY).decode())
        for path in (self.work, self.directory):
            shutil.chown(path, "dovecot")
        libexec = os.path.join(self.tools.root, "usr/lib/dovecot")
        config = self.write("dovecot.conf", f"""
base_dir = {base}
state_dir = {base}
libexec_dir = {libexec}
mail_plugin_dir = {libexec}/modules
auth_debug = no
log_path = {self.work}/log
protocols = lmtp
listen = 127.0.0.1
ssl = yes
ssl_cert = <{self.pki.chain}
ssl_key = <{self.pki.key}
ssl_dh =
default_internal_user = dovecot
default_internal_group = dovecot
default_login_user = dovenull
mail_uid = dovecot
mail_gid = dovecot
first_valid_uid = 1
mail_location = maildir:{self.directory}/%u
auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256 xoauth2 oauthbearer
import_environment = LD_LIBRARY_PATH
auth_failure_delay = 0
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {tokens}
}}
passdb {{
  driver = passwd-file
  mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256
  args = {users}
}}
userdb {{
  driver = static
  args = uid=dovecot gid=dovecot home={self.work}/home allow_all_users=yes
}}
lmtp_save_to_detail_mailbox = no
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {port}
  }}
}}
service anvil {{
  # Without it a refused password does not make the next attempt slower.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service auth {{
  unix_listener {self.work}/auth {{
    mode = 0666
  }}
}}
""")
        environment = self.tools.environment
        # What dovecot would do by itself if doveconf were where the package puts it.
        argv = [os.path.join(self.tools.root, "usr/bin/doveconf"), "-f", "service=master", "-c", config, "-m", "master",
                "-e", os.path.join(self.tools.root, "usr/sbin/dovecot"), "-F", "-c", config]
        daemon = Daemon(argv, port=port, env=environment)
        self.daemons.append(daemon)
        self.ports = {CLEAR: port, STARTTLS: port}
        self.socket = os.path.join(self.work, "auth")
