"""Mail servers with TLS and AUTH that `smtp send` delivers to, and what they kept.

Each listens with STARTTLS on one port and, where it can, with TLS from the first octet on another. Servers that deliver
store LF line ends and put trace fields on top: what they keep is compared with both taken off again.
"""

import json
import os
import re
import shutil
import time

from .process import Daemon, free_port
from .report import ensure
from .sinks import PEERS, Kept

USER, PASSWORD = "alice@example.org", "tiger tiger"


class Mta:
    """`ports`: "STARTTLS" and "implicit TLS" to a port; `mechanisms`; `does`: features worth a check of their own."""

    name = ""
    mechanisms = ()
    does = ()
    lmtp = False
    # Whether content needs a header section to be kept as it is.
    mail_like = False
    # The longest line, in octets without its end.
    longest = 998
    recipients = ("bob@example.net", "carol@example.com")

    def __init__(self, tools, pki, work):
        self.tools = tools
        self.pki = pki
        self.work = os.path.join(work, self.name.lower())
        shutil.rmtree(self.work, ignore_errors=True)
        os.makedirs(self.work)
        self.directory = os.path.join(self.work, "mail")
        os.makedirs(self.directory)
        self.ports = {}
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

    def write(self, name, text, mode=0o644):
        path = os.path.join(self.work, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    def clear(self):
        for folder, _, names in os.walk(self.directory):
            for name in names:
                os.unlink(os.path.join(folder, name))

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
        self.clear()
        return messages


class SmtpServer(Recorder):
    name = "smtp-server"
    mechanisms = ("PLAIN", "LOGIN", "CRAM-MD5", "XOAUTH2")

    def start(self):
        for tls, mode in (("STARTTLS", "starttls"), ("implicit TLS", "implicit")):
            daemon = Daemon(["node", os.path.join(PEERS, "smtp_server.js"), self.directory, mode, self.pki.key,
                             self.pki.chain, USER, PASSWORD], env=os.environ | {"NODE_PATH": self.tools.node_modules})
            self.daemons.append(daemon)
            self.ports[tls] = daemon.port


class Aiosmtpd(Recorder):
    name = "aiosmtpd"
    mechanisms = ("PLAIN", "LOGIN")

    def start(self):
        for tls, mode in (("STARTTLS", "starttls"), ("implicit TLS", "implicit")):
            daemon = Daemon([self.tools.python, os.path.join(PEERS, "aiosmtpd_sink.py"), self.directory, mode,
                             self.pki.key, self.pki.chain, USER, PASSWORD])
            self.daemons.append(daemon)
            self.ports[tls] = daemon.port


class Delivering(Mta):
    """One that delivers into files below `directory`."""

    mail_like = True
    trace = re.compile(rb"(?:(?:Return-Path|Delivered-To|Received|Envelope-To|X-Original-To):[^\n]*\n(?:[ \t][^\n]*\n)*)*",
                       re.IGNORECASE)

    def take(self):
        messages = []
        for folder, _, names in sorted(os.walk(self.directory)):
            if os.path.basename(folder) not in ("new", "cur"):
                continue
            for name in sorted(names):
                with open(os.path.join(folder, name), "rb") as file:
                    content = file.read()
                if b"\r\n" in content[:200]:
                    content = content.replace(b"\r\n", b"\n")
                end = self.trace.match(content).end()
                head = content[:end].decode("utf-8", "replace")
                messages.append(Kept(content[end:].replace(b"\n", b"\r\n"), None, None, {"trace": head}))
        self.clear()
        return messages


class Exim(Delivering):
    name = "Exim"
    mechanisms = ("PLAIN", "LOGIN", "CRAM-MD5")
    does = ("PRDR", "BDAT")
    recipients = ("bob@example.net",)

    def start(self):
        plain, implicit = free_port(), free_port()
        spool = os.path.join(self.work, "spool")
        os.makedirs(spool)
        for path in (self.work, spool, self.directory):
            shutil.chown(path, "Debian-exim")
        config = self.write("exim.conf", f"""
primary_hostname = exim.example
exim_path = {self.tools.root}/usr/sbin/exim4
spool_directory = {spool}
log_file_path = {spool}/%slog
exim_user = Debian-exim
exim_group = Debian-exim
host_lookup =
rfc1413_query_timeout = 0s
domainlist local_domains = *
tls_advertise_hosts = *
tls_certificate = {self.pki.chain}
tls_privatekey = {self.work}/key.pem
tls_on_connect_ports = {implicit}
chunking_advertise_hosts = *
prdr_enable = true
smtputf8_advertise_hosts = *
pipelining_advertise_hosts = *
received_header_text =
allow_utf8_domains = true
check_spool_space = 0
acl_smtp_mail = accept
acl_smtp_rcpt = accept
acl_smtp_data = accept
acl_smtp_auth = accept
smtp_accept_max = 100
message_size_limit = 64M
keep_environment = LD_LIBRARY_PATH
deliver_drop_privilege = true
begin routers
all:
  driver = accept
  transport = maildir
begin transports
maildir:
  driver = appendfile
  directory = {self.directory}
  maildir_format
  create_directory
  user = Debian-exim
  no_check_owner
  return_path_add = false
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and {{{{eq{{$auth2}}{{{USER}}}}}{{eq{{$auth3}}{{{PASSWORD}}}}}}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${{if and {{{{eq{{$auth1}}{{{USER}}}}}{{eq{{$auth2}}{{{PASSWORD}}}}}}}}}
  server_set_id = $auth1
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${{if eq{{$auth1}}{{{USER}}}{{{PASSWORD}}}fail}}
  server_set_id = $auth1
""")
        with open(self.pki.key, encoding="ascii") as file:
            shutil.chown(self.write("key.pem", file.read(), 0o600), "Debian-exim")
        argv = [os.path.join(self.tools.root, "usr/sbin/exim4"), "-C", config, "-bdf", "-odf",
                "-oX", f"127.0.0.1.{plain} : 127.0.0.1.{implicit}", "-oP", os.path.join(spool, "pid")]
        daemon = Daemon(argv, port=plain, env=self.tools.environment)
        self.daemons.append(daemon)
        self.ports = {"STARTTLS": plain, "implicit TLS": implicit}


class Dovecot(Delivering):
    """LMTP into a Maildir; and authentication for others over a socket."""

    name = "Dovecot"
    lmtp = True
    recipients = ("bob@example.net",)
    schemes = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256", "XOAUTH2", "OAUTHBEARER")

    def start(self):
        port = free_port()
        base = os.path.join(self.work, "run")
        users = self.write("users", f"{USER}:{{PLAIN}}{PASSWORD}\n")
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
auth_mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256
import_environment = LD_LIBRARY_PATH
passdb {{
  driver = passwd-file
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
        self.ports = {"STARTTLS": port}
        self.socket = os.path.join(self.work, "auth")


class Postfix(Delivering):
    """smtpd, which asks Dovecot who a user is, and delivers by virtual(8)."""

    name = "Postfix"
    mechanisms = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256")
    does = ("BDAT", "SMTPUTF8")
    recipients = ("bob@example.net",)

    def __init__(self, tools, pki, work, dovecot):
        super().__init__(tools, pki, work)
        self.dovecot = dovecot

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
        self.ports = {"STARTTLS": plain, "implicit TLS": implicit}
