"""Postfix: as a server that `smtp send` delivers to, and as a relay that delivers to `smtp serve`."""

import os
import pwd
import shutil

from .dovecot import token
from .mtas import CLEAR, IMPLICIT, STARTTLS, USER, Delivering
from .process import Daemon, free_port

# What every instance runs besides the services of its own.
MASTER = """
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
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
"""
# The directories of a queue, who may enter them, and whether they belong to the group of who may submit.
QUEUE = {"maildrop": 0o1730, "public": 0o710, "pid": 0o755} | dict.fromkeys(
    ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace"), 0o700)


class Instance(Delivering):
    """An instance with a directory of its own for everything."""

    def launch(self, port, main, master):
        """Starts it with these additions to main.cf and master.cf; it listens on this port when that is done."""
        root = self.tools.root
        queue, data = os.path.join(self.work, "queue"), os.path.join(self.work, "data")
        for path in (queue, data, os.path.join(self.work, "dynamicmaps.cf.d"),
                     os.path.join(self.work, "postfix-files.d")):
            os.makedirs(path)
        shutil.chown(data, "postfix")
        shutil.chown(self.directory, "postfix")
        self.write("main.cf", f"""
compatibility_level = 3.6
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mydestination =
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
import_environment = MAIL_CONFIG MAIL_LOGTAG LD_LIBRARY_PATH SASL_PATH
alias_maps =
message_size_limit = 67108864
smtpd_recipient_restrictions =
smtpd_client_connection_count_limit = 0
smtpd_client_connection_rate_limit = 0
smtpd_peername_lookup = no
always_add_missing_headers = no
local_header_rewrite_clients =
line_length_limit = 4096
""" + main)
        self.write("master.cf", MASTER + master)
        for name in ("postfix-files", "dynamicmaps.cf"):
            for folder in ("etc/postfix", "usr/share/postfix", "usr/lib/postfix"):
                source = os.path.join(root, folder, name)
                if os.path.exists(source):
                    shutil.copy(source, self.work)
        for name, mode in QUEUE.items():
            path = os.path.join(queue, name)
            os.makedirs(path)
            if name != "pid":
                shutil.chown(path, "postfix", "postdrop" if name in ("maildrop", "public") else None)
            os.chmod(path, mode)
        master = os.path.join(root, "usr/lib/postfix/sbin/master")
        environment = self.tools.environment | {"MAIL_CONFIG": self.work}
        self.daemons.append(Daemon([master, "-d", "-c", self.work], port=port, env=environment))


class Postfix(Instance):
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
        owner = pwd.getpwnam("postfix").pw_uid
        self.launch(plain, f"""
myhostname = postfix.example
virtual_mailbox_domains = static:all
virtual_mailbox_maps = static:mail/
virtual_mailbox_base = {self.work}
virtual_uid_maps = static:{owner}
virtual_gid_maps = static:{owner}
virtual_mailbox_limit = 0
smtpd_relay_restrictions = permit_mynetworks, permit_sasl_authenticated, reject_unauth_destination
smtpd_tls_security_level = may
smtpd_tls_chain_files = {self.pki.key}, {self.pki.chain}
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {self.dovecot.socket}
""", f"""
127.0.0.1:{plain} inet n - n - - smtpd
127.0.0.1:{implicit} inet n - n - - smtpd
  -o smtpd_tls_wrappermode=yes
""")
        self.ports = {CLEAR: plain, STARTTLS: plain, IMPLICIT: implicit}


class PostfixRelay(Instance):
    """smtpd takes everything from here; the recipient's domain decides where and how smtp(8) and lmtp(8) go on."""

    name = "Postfix relay"
    mechanisms = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256")
    hello = "postfix-relay.example"
    # It takes BDAT, but never sends it.
    chunks = False

    def __init__(self, tools, pki, work, routes, password):
        super().__init__(tools, pki, work)
        self.routes = routes
        self.password = password

    def start(self):
        self.port = free_port()
        self.write("passwords", f"localhost {USER}:{self.password}\n")
        services, nexthops = [], []
        for number, route in enumerate(self.routes):
            services.append(f"way{number} unix - - n - - {'lmtp' if route.lmtp else 'smtp'}")
            kind = "lmtp" if route.lmtp else "smtp"
            for option in self.options(route):
                services.append(f"  -o {{ {kind}_{option} }}")
            nexthop = f"inet:localhost:{route.port}" if route.lmtp else f"[localhost]:{route.port}"
            nexthops.append(f"{{ {route.domain} = way{number}:{nexthop} }}")
        self.launch(self.port, f"""
myhostname = {self.hello}
smtpd_relay_restrictions = permit_mynetworks, reject
transport_maps = inline:{{ {", ".join(nexthops)} }}
# Names of this machine only.
smtp_dns_support_level = disabled
smtp_host_lookup = native
lmtp_host_lookup = native
# A route is tried again at once, and one that fails fails now.
maximal_queue_lifetime = 0
bounce_queue_lifetime = 0
smtp_destination_concurrency_limit = 5
smtp_sasl_security_options = noanonymous
lmtp_sasl_security_options = noanonymous
smtp_tls_secure_cert_match = nexthop
smtp_tls_CAfile = {self.pki.ca}
lmtp_tls_CAfile = {self.pki.ca}
""", f"""
127.0.0.1:{self.port} inet n - n - - smtpd
""" + "\n".join(services) + "\n")

    def options(self, route):
        level = "none" if route.tls == CLEAR else "secure"
        yield f"tls_security_level = {level}"
        if route.tls == IMPLICIT:
            yield "tls_wrappermode = yes"
        if route.mechanism:
            yield "sasl_auth_enable = yes"
            yield f"sasl_mechanism_filter = {route.mechanism.lower()}"
            yield f"sasl_password_maps = texthash:{self.work}/passwords"


class Filtered(Instance):
    """smtpd with a filter before its queue (smtpd_proxy_filter) on one port, and the smtpd behind it on another."""

    name = "Postfix"
    recipients = ("bob@example.net",)

    def __init__(self, tools, pki, work, proxy, after):
        super().__init__(tools, pki, work)
        self.proxy, self.after = proxy, after

    def start(self):
        self.port = free_port()
        owner = pwd.getpwnam("postfix").pw_uid
        self.launch(self.port, f"""
myhostname = postfix.example
virtual_mailbox_domains = static:all
virtual_mailbox_maps = static:mail/
virtual_mailbox_base = {self.work}
virtual_uid_maps = static:{owner}
virtual_gid_maps = static:{owner}
virtual_mailbox_limit = 0
smtpd_relay_restrictions = permit_mynetworks, reject_unauth_destination
""", f"""
127.0.0.1:{self.port} inet n - n - - smtpd
  -o smtpd_proxy_filter=127.0.0.1:{self.proxy}
127.0.0.1:{self.after} inet n - n - - smtpd
  -o smtpd_authorized_xforward_hosts=127.0.0.0/8
  -o smtpd_authorized_xclient_hosts=127.0.0.0/8
  -o {{ smtpd_recipient_restrictions = check_recipient_access inline:{{ {{ no@example.net = 550 5.1.1 no such user }} }} }}
""")

    def log(self):
        with open(os.path.join(self.work, "maillog"), encoding="utf-8", errors="replace") as file:
            return file.read()
