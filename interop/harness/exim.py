"""Exim: as a server that `smtp send` delivers to, and as a relay that delivers to `smtp serve`."""

import os
import shutil
import socketserver
import subprocess

from .mtas import CLEAR, IMPLICIT, PASSWORD, STARTTLS, USER, Delivering
from .process import Daemon, free_port, kill_group, start
from .sinks import Listener


class Process(Delivering):
    """An Exim with its spool and configuration in a directory of its own."""

    def configure(self, config):
        """Writes this configuration and what every instance has besides; gives the spool."""
        spool = os.path.join(self.work, "spool")
        os.makedirs(spool)
        for path in (self.work, spool, self.directory):
            shutil.chown(path, "Debian-exim")
        self.config = self.write("exim.conf", f"""
exim_path = {self.tools.root}/usr/sbin/exim4
spool_directory = {spool}
log_file_path = {spool}/%slog
exim_user = Debian-exim
exim_group = Debian-exim
keep_environment = LD_LIBRARY_PATH
disable_ipv6
host_lookup =
rfc1413_query_timeout = 0s
check_spool_space = 0
received_header_text =
allow_utf8_domains = true
smtputf8_advertise_hosts = *
pipelining_advertise_hosts = *
chunking_advertise_hosts = *
dsn_advertise_hosts = *
acl_smtp_mail = accept
acl_smtp_rcpt = accept
acl_smtp_data = accept
smtp_accept_max = 100
smtp_accept_max_per_connection = 0
smtp_accept_queue_per_connection = 0
message_size_limit = 64M
""" + config)
        return spool

    def launch(self, ports, config):
        """Starts it with this configuration; the first port tells that it runs."""
        spool = self.configure(config)
        listen = " : ".join(f"127.0.0.1.{port}" for port in ports)
        argv = [self.program, "-C", self.config, "-bdf", "-odf", "-oX", listen, "-oP", os.path.join(spool, "pid")]
        self.daemons.append(Daemon(argv, port=ports[0], env=self.tools.environment))

    @property
    def program(self):
        return os.path.join(self.tools.root, "usr/sbin/exim4")


class Exim(Process):
    name = "Exim"
    mechanisms = ("PLAIN", "LOGIN", "CRAM-MD5")
    does = ("BDAT", "DSN", "SMTPUTF8")
    # It repeats what it was told, still in xtext.
    reports = "Original-Envelope-ID: QQ+3D1"
    recipients = ("bob@example.net",)

    def start(self):
        plain, implicit = free_port(), free_port()
        with open(self.pki.key, encoding="ascii") as file:
            shutil.chown(self.write("key.pem", file.read(), 0o600), "Debian-exim")
        self.launch((plain, implicit), f"""
primary_hostname = exim.example
tls_advertise_hosts = *
tls_certificate = {self.pki.chain}
tls_privatekey = {self.work}/key.pem
tls_on_connect_ports = {implicit}
prdr_enable = true
acl_smtp_auth = accept
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
        self.ports = {CLEAR: plain, STARTTLS: plain, IMPLICIT: implicit}


class EximStdio(Exim):
    """`exim -bs` with each connection as its standard input and output, as inetd would have it."""

    name = "Exim -bs"
    # It is the same program as above, started anew for each session.
    loaded = False
    listener = None

    def launch(self, ports, config):
        spool = self.configure(config)
        argv, environment = [self.program, "-C", self.config, "-bs", "-odf"], self.tools.environment

        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                child = start(argv, stdin=self.request, stdout=self.request, stderr=subprocess.DEVNULL, env=environment,
                              cwd=spool)
                try:
                    child.wait(60)
                finally:
                    kill_group(child)

        self.listener = Listener(Handler)

    def start(self):
        super().start()
        # It takes the port for TLS from the first octet from where it is told to listen, which it is not.
        self.ports = {CLEAR: self.listener.port, STARTTLS: self.listener.port}

    def __exit__(self, *_):
        if self.listener is not None:
            self.listener.__exit__()


class EximRelay(Process):
    """It takes everything; the recipient's domain decides where and how it goes on."""

    name = "Exim relay"
    mechanisms = ("PLAIN", "LOGIN", "CRAM-MD5")
    hello = "exim-relay.example"
    chunks = True

    def __init__(self, tools, pki, work, routes, password):
        super().__init__(tools, pki, work)
        self.routes = routes
        self.password = password

    def start(self):
        self.port = free_port()
        ways = [f"way{number}_{route.mechanism or 'none'}".replace("-", "_").lower()
                for number, route in enumerate(self.routes)]
        self.launch((self.port,), f"""
primary_hostname = {self.hello}
tls_advertise_hosts =
retry_interval_max = 1s
begin routers
""" + "".join(f"""
{way}:
  driver = manualroute
  domains = {route.domain}
  route_list = * localhost byname
  self = send
  transport = {way}
""" for way, route in zip(ways, self.routes)) + """
begin transports
""" + "".join(f"""
{way}:
  driver = smtp
  port = {route.port}
  protocol = {"lmtp" if route.lmtp else "smtps" if route.tls == IMPLICIT else "smtp"}
  allow_localhost
  helo_data = {self.hello}
  {"hosts_avoid_tls" if route.tls == CLEAR else "hosts_require_tls"} = *
  tls_verify_certificates = {self.pki.ca}
  tls_verify_hosts = *
  tls_verify_cert_hostnames = *
  hosts_require_auth = {"*" if route.mechanism else ""}
""" for way, route in zip(ways, self.routes)) + f"""
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  client_condition = ${{if match{{$transport_name}}{{_plain}}}}
  client_send = ^{USER}^{self.password}
login:
  driver = plaintext
  public_name = LOGIN
  client_condition = ${{if match{{$transport_name}}{{_login}}}}
  client_send = : {USER} : {self.password}
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  client_condition = ${{if match{{$transport_name}}{{_cram_md5}}}}
  client_name = {USER}
  client_secret = {self.password}
""")
