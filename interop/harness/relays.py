"""What relays have in common: by which way a recipient's domain goes on to `smtp serve`, and how mail gets into them."""

import smtplib
from dataclasses import dataclass

from .report import Failed


@dataclass(frozen=True)
class Route:
    """Mail to this domain goes to this port, with TLS that begins like this, and this mechanism or None."""

    domain: str
    port: int
    tls: str
    mechanism: str | None = None
    lmtp: bool = False


class Submission:
    """One session in which mail is handed to a relay."""

    def __init__(self, port):
        self.session = smtplib.SMTP("127.0.0.1", port, local_hostname="submit.example", timeout=60)
        self.session.ehlo()

    def hand_over(self, sender, recipients, content, mail_options=(), rcpt_options=()):
        if not content.isascii():
            mail_options = ("BODY=8BITMIME", *mail_options)
        refused = self.session.sendmail(sender, recipients, content, mail_options, rcpt_options)
        if refused:
            raise Failed(f"the relay refused {refused}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.session.close()
