"""Exim as a server: it receives from `smtp send` and delivers into a Maildir."""

import os
import shutil

from .mtas import CLEAR, IMPLICIT, PASSWORD, STARTTLS, USER, Delivering
from .process import Daemon, free_port


class Exim(Delivering):
    name = "Exim"
    mechanisms = ("PLAIN", "LOGIN", "CRAM-MD5")
    does = ("BDAT", "DSN", "SMTPUTF8")
    # It repeats what it was told, still in xtext.
    reports = "Original-Envelope-ID: QQ+3D1"
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
dsn_advertise_hosts = *
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
        self.ports = {CLEAR: plain, STARTTLS: plain, IMPLICIT: implicit}
