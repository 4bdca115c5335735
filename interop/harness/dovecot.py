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
from .rooted import Root

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


USERS = {"root": 0, "dovecot": 911, "dovenull": 912}


class Dovecot(Delivering):
    """It looks for its TLS module where the package would have put it, and nowhere else."""

    name = "Dovecot"
    lmtp = True
    recipients = ("bob@example.net",)
    # By BDAT it is told where content ends, and adds nothing.
    ends_lines = False
    does = ("BDAT",)

    def start(self):
        port = free_port()
        root = Root(self.tools, os.path.join(self.work, "root"))
        root.users(USERS)
        for path in ("usr/sbin/dovecot", "usr/bin/doveconf", "usr/lib/dovecot"):
            root.install(path)
        for path in ("mail", "home", "keys/default/HS256"):
            os.makedirs(root.inside(path))
        self.directory = root.inside("mail")
        for path in ("mail", "home"):
            os.chown(root.inside(path), USERS["dovecot"], USERS["dovecot"])
        shutil.copy(self.pki.chain, root.inside("etc/server.pem"))
        shutil.copy(self.pki.key, root.inside("etc/server.key"))
        root.write("etc/users", f"{USER}:{{PLAIN}}{PASSWORD}\n")
        root.write("keys/default/HS256/default", base64.b64encode(KEY).decode())
        root.write("etc/oauth2.conf", """
introspection_mode = local
local_validation_key_dict = fs:posix:prefix=/keys/
username_attribute = sub
""")
        root.write("etc/dovecot.conf", f"""
base_dir = /var/run/dovecot
state_dir = /var/run/dovecot
log_path = /tmp/log
protocols = lmtp
listen = 127.0.0.1
ssl = yes
ssl_cert = </etc/server.pem
ssl_key = </etc/server.key
ssl_dh =
default_internal_user = dovecot
default_internal_group = dovecot
default_login_user = dovenull
mail_uid = dovecot
mail_gid = dovecot
first_valid_uid = 1
mail_location = maildir:/mail/%u
auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256 xoauth2 oauthbearer
auth_failure_delay = 0
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = /etc/oauth2.conf
}}
passdb {{
  driver = passwd-file
  mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256
  args = /etc/users
}}
userdb {{
  driver = static
  args = uid=dovecot gid=dovecot home=/home allow_all_users=yes
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
  unix_listener /auth {{
    mode = 0666
  }}
}}
""")
        argv = ["chroot", root.directory, "/usr/sbin/dovecot", "-F", "-c", "/etc/dovecot.conf"]
        self.daemons.append(Daemon(argv, port=port))
        self.ports = {CLEAR: port, STARTTLS: port}
        # What Postfix asks who a user is.
        self.socket = root.inside("auth")
