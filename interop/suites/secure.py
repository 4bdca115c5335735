"""Foreign clients deliver into `smtp serve` under TLS and with AUTH; what must not get in does not."""

import os

from harness.bodies import BODIES, Body, odd_messages
from harness.clients import HELLO
from harness.report import Failed, Row, ensure, equal, equal_bytes, same_messages
from harness.secured import IMPLICIT, PLAIN, STARTTLS, Curl, Lettre, Msmtp, Nodemailer, Smtplib, Swaks
from harness.smtp import Envelope, RawStore, serve

SENDER = "alice@example.org"
RECIPIENTS = ("bob@example.net", "carol@example.com")
USER, PASSWORD, TOKEN = "alice@example.org", "tiger tiger%20=+", "ya29.a0-_~+/=="
DIRECTION = "delivers to serve"
CLIENTS = (Swaks, Curl, Smtplib, Msmtp, Nodemailer, Lettre)
# smtplib.LMTP reads one reply to the message, however many recipients there are, and so fails with two.
LMTP_CLIENTS = (Swaks, Msmtp, Nodemailer)
LOAD = 1000


def secure(report, smtp, tools, pki, runtime, work, thorough):
    """All clients against one runtime; `thorough` with every body and many messages."""
    area = f"secure/{runtime}"
    if not report.wants(area):
        return
    store = RawStore(os.path.join(work, "raw"))
    users = os.path.join(work, "users")
    with open(users, "w", encoding="utf-8") as file:
        file.write(f"{USER}:{PASSWORD}\nbob:other\n")
    tokens = os.path.join(work, "tokens")
    with open(tokens, "w", encoding="utf-8") as file:
        file.write(f"{USER}:{TOKEN}\n")
    common = ("--raw", store.path, "--tls-cert", pki.chain, "--tls-key", pki.key, "--users", users, "--tokens", tokens,
              "--listen-tls", "127.0.0.1:0")
    row = Row("smtp serve", "starts", runtime, "two listening lines")
    server = report.start(f"{area}/start", row, lambda: serve(smtp, runtime, *common, "--require-tls", addresses=2))
    if server is None:
        return
    ports = {STARTTLS: server.addresses[0][1], IMPLICIT: server.addresses[1][1]}
    with server:
        for make in CLIENTS:
            client = make(tools, work)
            _deliveries(report, client, ports, pki, store, f"{area}/{client.name}", runtime, thorough)
        _stay_out(report, (Curl(tools, work), Smtplib(tools, work)), ports, pki, store, area, runtime)
    open_server = report.start(f"{area}/open/start", row,
                               lambda: serve(smtp, runtime, *common, "--allow-plaintext-auth", addresses=2))
    if open_server is None:
        return
    with open_server:
        for make in CLIENTS:
            client = make(tools, work)
            if client.name in ("msmtp", "nodemailer", "lettre"):
                # The others are in the suite `receive`.
                _bodies(report, client, open_server.port, PLAIN, None, store, f"{area}/{client.name}", runtime,
                        thorough)
            if thorough:
                row = Row(client.name, DIRECTION, runtime, f"{LOAD} odd messages")
                report.check(f"{area}/{client.name}/load", row, _load, client, open_server, pki, store)
            for mechanism in client.mechanisms:
                row = Row(client.name, DIRECTION, runtime, f"AUTH {mechanism}, {PLAIN}")
                report.check(f"{area}/{client.name}/{mechanism}-in-the-clear", row, _deliver, client,
                             open_server.port, PLAIN, None, mechanism, BODIES[0], store)
    lmtp_server = report.start(f"{area}/lmtp/start", row, lambda: serve(smtp, runtime, *common, "--lmtp", addresses=2))
    if lmtp_server is None:
        return
    with lmtp_server:
        for make in LMTP_CLIENTS:
            client = make(tools, work)
            client.protocol = "lmtp"
            for tls in (PLAIN, STARTTLS):
                _bodies(report, client, lmtp_server.port, tls, pki.ca, store, f"{area}/{client.name}-lmtp", runtime,
                        thorough)
            row = Row(client.name, DIRECTION + ", LMTP", runtime, f"AUTH CRAM-MD5, {STARTTLS}")
            report.check(f"{area}/{client.name}-lmtp/starttls/CRAM-MD5", row, _deliver, client, lmtp_server.port,
                         STARTTLS, pki.ca, "CRAM-MD5", BODIES[0], store)
    row = Row("smtp serve", "starts", runtime, "two listening lines")
    shut_server = report.start(f"{area}/shut/start", row, lambda: serve(smtp, runtime, *common, addresses=2))
    if shut_server is None:
        return
    with shut_server:
        for client in (Curl(tools, work), Smtplib(tools, work), Nodemailer(tools, work)):
            for mechanism in ("PLAIN", "LOGIN"):
                row = Row(client.name, DIRECTION, runtime, "PLAIN and LOGIN without TLS are refused")
                report.check(f"{area}/{client.name}/no-{mechanism}-in-the-clear", row, _fails, store, client.deliver,
                             shut_server.port, PLAIN, None, (mechanism, USER, PASSWORD), SENDER, RECIPIENTS, BODIES[0])


def _deliver(client, port, tls, ca, mechanism, body, store):
    store.clear()
    login = (mechanism, USER, TOKEN if mechanism in client.tokens else PASSWORD) if mechanism else None
    client.deliver(port, tls, ca, login, SENDER, RECIPIENTS, body)
    message = store.one()
    equal_bytes(message.content, client.arrives(body))
    protocol = {"smtp": "ESMTP", "lmtp": "LMTP"}[client.protocol] + ("S" if tls != PLAIN else "") + ("A" if mechanism else "")
    message.check_envelope(Envelope(SENDER, RECIPIENTS, hello=HELLO, protocols=(protocol,),
                                    authenticated=USER if mechanism else None))


def _bodies(report, client, port, tls, ca, store, area, runtime, thorough):
    name = tls.lower().replace(" ", "-")
    for body in filter(client.can, BODIES if thorough else BODIES[:3]):
        direction = DIRECTION + (", LMTP" if client.protocol == "lmtp" else "")
        row = Row(client.name, direction, runtime, f"{tls}, byte for byte")
        report.check(f"{area}/{name}/{body.name}", row, _deliver, client, port, tls, ca, None, body, store)


def _load(client, server, pki, store):
    """A third each in the clear, by STARTTLS and by implicit TLS."""
    store.clear()
    bodies = [body for body in (Body("odd", content) for content in odd_messages(LOAD * 2)) if client.can(body)][:LOAD]
    equal(len(bodies), LOAD, "number of messages that it can send")
    contents = [body.content for body in bodies]
    plain, implicit = (address[1] for address in server.addresses)
    for first, (tls, port) in enumerate(((PLAIN, plain), (STARTTLS, plain), (IMPLICIT, implicit))):
        client.series(port, tls, pki.ca, SENDER, RECIPIENTS, contents[first::3])
    same_messages([message.content for message in store.take()], [client.arrives(body) for body in bodies])


def _deliveries(report, client, ports, pki, store, area, runtime, thorough):
    for tls, port in ports.items():
        name = tls.lower().replace(" ", "-")
        _bodies(report, client, port, tls, pki.ca, store, area, runtime, thorough)
        for mechanism in client.mechanisms:
            row = Row(client.name, DIRECTION, runtime, f"AUTH {mechanism}, {tls}")
            report.check(f"{area}/{name}/{mechanism}", row, _deliver, client, port, tls, pki.ca, mechanism, BODIES[0],
                         store)
        for mechanism in client.mechanisms if thorough else client.mechanisms[:1]:
            row = Row(client.name, DIRECTION, runtime, "a wrong password is refused")
            login = (mechanism, USER, "lion")
            report.check(f"{area}/{name}/{mechanism}-wrong-password", row, _fails, store, client.deliver, port, tls,
                         pki.ca, login, SENDER, RECIPIENTS, BODIES[0])
        row = Row(client.name, DIRECTION, runtime, "a client that trusts another authority goes away")
        report.check(f"{area}/{name}/another-authority", row, _fails, store, client.deliver, port, tls, pki.other_ca,
                     None, SENDER, RECIPIENTS, BODIES[0])


def _fails(store, deliver, *arguments):
    store.clear()
    try:
        deliver(*arguments)
    except Exception:  # however a client says no
        store.none()
        return
    raise Failed("it was delivered all the same")


def _stay_out(report, clients, ports, pki, store, area, runtime):
    row = Row("smtp serve", DIRECTION, runtime, "--require-tls")
    for client in clients:
        report.check(f"{area}/{client.name}/require-tls", row, _fails, store, client.deliver, ports[STARTTLS], PLAIN,
                     None, None, SENDER, RECIPIENTS, BODIES[0])
        report.check(f"{area}/{client.name}/tls-on-the-plain-port", row, _fails, store, client.deliver,
                     ports[STARTTLS], IMPLICIT, pki.ca, None, SENDER, RECIPIENTS, BODIES[0])

    def still_serves():
        _deliver(clients[1], ports[STARTTLS], STARTTLS, pki.ca, "CRAM-MD5", BODIES[0], store)
        ensure(True, "")

    report.check(f"{area}/still-serves", row, still_serves)
