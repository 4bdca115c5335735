"""Postfix as a server: smtpd, which asks Dovecot who a user is, and delivers by virtual(8)."""

import os
import shutil

from .dovecot import token
from .mtas import CLEAR, IMPLICIT, STARTTLS, Delivering
from .process import Daemon, free_port


class Postfix(Delivering):
    """smtpd, which asks Dovecot who a user is, and delivers by virtual(8)."""

    name = "Postfix"
    mechanisms = ("PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2", "OAUTHBEARER", "SCRAM-SHA-1", "SCRAM-SHA-256")
    does = ("BDAT", "SMTPUTF8", "DSN")
    recipients = ("bob@example.net",)

    def __init__(self, tools, pki, work, dovecot):
        super().__init__(tools, pki, work)
        self.dovecot = dovecot
        self.secrets = {mechanism: token() for mechanism in ("XOAUTH2", "OAUTHBEARER")}

    def start(self):
        plain, implicit = free_port(), free_port()
        root = self.tools.root
        queue, data = os.path.join(self.work, "queue"), os.path.join(self.work, "data")
        for path in (queue, data):
            os.makedirs(path)
        shutil.chown(data, "postfix")
        shutil.chown(self.directory, "postfix")
        uid = shutil._get_uid("postfix")
        self.write("main.cf", f"""
compatibility_level = 3.6
myhostname = postfix.example
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
queue_directory = {queue}
data_directory = {data}
command_directory = {root}/usr/sbin
daemon_directory = {root}/usr/lib/postfix/sbin
shlib_directory = {root}/usr/lib/postfix
meta_directory = {self.work}
mail_owner = postfix
setgid_group = postdrop
maillog_file = {self.work}/maillog
maillog_file_prefixes = {self.work}
import_environment = MAIL_CONFIG MAIL_LOGTAG LD_LIBRARY_PATH
alias_maps =
virtual_mailbox_domains = static:all
virtual_mailbox_maps = static:mail/
virtual_mailbox_base = {self.work}
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{uid}
virtual_mailbox_limit = 0
message_size_limit = 67108864
smtpd_recipient_restrictions =
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
smtpd_tls_security_level = may
smtpd_tls_chain_files = {self.pki.key}, {self.pki.chain}
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {self.dovecot.socket}
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_peername_lookup = no
always_add_missing_headers = no
local_header_rewrite_clients =
line_length_limit = 4096
""")
        self.write("master.cf", f"""
127.0.0.1:{plain} inet n - n - - smtpd
127.0.0.1:{implicit} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
local unix - n n - - local
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
showq unix n - n - - showq
""")
        for name in ("postfix-files", "dynamicmaps.cf"):
            for folder in ("etc/postfix", "usr/share/postfix", "usr/lib/postfix"):
                source = os.path.join(root, folder, name)
                if os.path.exists(source):
                    shutil.copy(source, self.work)
        os.makedirs(os.path.join(self.work, "dynamicmaps.cf.d"), exist_ok=True)
        os.makedirs(os.path.join(self.work, "postfix-files.d"), exist_ok=True)
        environment = self.tools.environment | {"MAIL_CONFIG": self.work}
        for name in ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved",
                     "trace", "maildrop", "public", "pid"):
            path = os.path.join(queue, name)
            os.makedirs(path)
            if name not in ("pid",):
                shutil.chown(path, "postfix", "postdrop" if name in ("maildrop", "public") else None)
            os.chmod(path, {"maildrop": 0o1730, "public": 0o710, "pid": 0o755}.get(name, 0o700))
        daemon = Daemon([os.path.join(root, "usr/lib/postfix/sbin/master"), "-d", "-c", self.work], port=plain,
                        env=environment)
        self.daemons.append(daemon)
        self.ports = {CLEAR: plain, STARTTLS: plain, IMPLICIT: implicit}
