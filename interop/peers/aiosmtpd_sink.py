"""An aiosmtpd server that keeps what it gets; run with the Python of the environment that holds aiosmtpd.

usage: aiosmtpd_sink.py DIR [starttls|implicit KEY CERT USER PASSWORD]. Says `listening on HOST:PORT`. Each message becomes DIR/N.eml, the content as received
without dot-stuffing, and DIR/N.json, the envelope. A recipient whose local part begins with `refuse` gets 550, with
`defer` 450; a message whose sender's local part is `refuse-message` gets 554, `defer-message` 451.
"""

import asyncio
import json
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword


class Keeper:
    def __init__(self, directory):
        self.directory = directory
        self.number = 0

    async def handle_RCPT(self, server, session, envelope, address, options):
        if address.startswith("refuse"):
            return "550 5.1.1 No such mailbox"
        if address.startswith("defer"):
            return "450 4.2.1 Mailbox busy"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.append(options)
        return "250 2.1.5 Recipient ok"

    async def handle_DATA(self, server, session, envelope):
        sender = envelope.mail_from or ""
        if sender.startswith("refuse-message@"):
            return "554 5.7.1 Message refused"
        if sender.startswith("defer-message@"):
            return "451 4.3.0 Try again later"
        self.number += 1
        path = os.path.join(self.directory, str(self.number))
        with open(path + ".eml", "wb") as file:
            file.write(envelope.original_content)
        with open(path + ".json", "w", encoding="utf-8") as file:
            json.dump({
                "hello": session.host_name,
                "reverse_path": sender,
                "mail_options": envelope.mail_options,
                "recipients": envelope.rcpt_tos,
                "smtp_utf8": envelope.smtp_utf8,
                "secure": server.transport.get_extra_info("ssl_object") is not None,
                "method": session.auth_data.decode() if session.authenticated else None,
            }, file)
        return "250 2.0.0 Kept"


async def main(directory, mode=None, key=None, cert=None, user="", password=""):
    keeper = Keeper(directory)
    context = None
    if mode:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(cert, key)

    def authenticate(server, session, envelope, mechanism, data):
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (user.encode(), password.encode())
        return AuthResult(success=good, handled=good, auth_data=mechanism.encode())

    def session():
        return SMTP(keeper, enable_SMTPUTF8=True, decode_data=False, data_size_limit=64 * 1024 * 1024,
                    tls_context=context if mode == "starttls" else None, authenticator=authenticate if mode else None,
                    auth_require_tls=mode != "implicit")

    tls = context if mode == "implicit" else None
    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0, ssl=tls)
    host, port = server.sockets[0].getsockname()
    print(f"listening on {host}:{port}", flush=True)
    await server.serve_forever()


asyncio.run(main(*sys.argv[1:]))
