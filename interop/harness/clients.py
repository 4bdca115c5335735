"""The clients that deliver into `smtp serve`. Each tells what must arrive when it is given a body.

What each puts on the wire was recorded: swaks and curl send CRLF content as it is and end the last line if need be;
smtp-source turns LF into CRLF and adds one empty line to a file; smtplib normalises line ends.
"""

import os
import smtplib

from .bodies import stuffed
from .process import run
from .report import Failed

LIMIT = 60
HELLO = "client.example"


def _run(argv, env=None):
    code, out, err = run(argv, LIMIT, env=env)
    if code != 0:
        said = (err.strip() or out.strip())[-300:].decode("utf-8", "replace")
        raise Failed(f"{os.path.basename(str(argv[0]))} ended with {code}: {said}")
    return out


class Client:
    """A client; `work` is a directory for its input files."""

    name = ""
    protocols = ("ESMTP",)
    hello = HELLO

    def __init__(self, tools, work):
        self.tools = tools
        self.work = work

    def can(self, body):
        return True

    def arrives(self, body):
        return body.arrives

    def _file(self, content):
        self.input = os.path.join(self.work, f"{self.name}.input")
        with open(self.input, "wb") as file:
            file.write(content)
        return self.input


class Swaks(Client):
    name = "swaks"

    def __init__(self, tools, work, pipelined):
        super().__init__(tools, work)
        self.pipelined = pipelined

    def can(self, body):
        # A lone dot as data is taken for the name of a directory, so that it cannot send nothing at all.
        return body.content != b""

    def send(self, port, sender, recipients, body):
        argv = ["perl", self.tools.swaks, "--server", f"127.0.0.1:{port}", "--helo", HELLO, "--timeout", "30"]
        argv += ["--from", sender or "<>", "--to", ",".join(recipients), "--hide-all"]
        content = body.arrives
        if body.mail_like:
            # It dot-stuffs by itself, and ends what it was given with CRLF, dot, CRLF.
            argv += ["--data", "@" + self._file(content.removesuffix(b"\r\n"))]
        else:
            argv += ["--no-data-fixup", "--data", "@" + self._file(stuffed(content) + b".")]
        if self.pipelined:
            argv.append("--pipeline")
        _run(argv)


class SmtpSource(Client):
    name = "smtp-source"
    protocols = ("SMTP",)
    flags = ()

    def can(self, body):
        # From an empty file it makes up a message.
        return body.content != b""

    def arrives(self, body):
        return body.arrives + b"\r\n"

    def send(self, port, sender, recipients, body):
        path = self._file(body.content.replace(b"\r\n", b"\n"))
        options = ["-f", sender, "-t", recipients[-1], "-r", str(len(recipients))]
        self.load(port, "-F", path, "-M", HELLO, *options)

    def load(self, port, *options):
        _run([self.tools.smtp_source, *self.flags, *options, f"127.0.0.1:{port}"], env=self.tools.environment)


class SmtpSourceLmtp(SmtpSource):
    protocols = ("LMTP",)
    flags = ("-L",)


class Curl(Client):
    name = "curl"

    def send(self, port, sender, recipients, body):
        options = [f'url = "smtp://127.0.0.1:{port}/{HELLO}"', "silent", "show-error", f"max-time = {LIMIT}"]
        quoted = [word.replace("\\", "\\\\").replace('"', '\\"') for word in (sender, *recipients)]
        options += [f'mail-from = "{quoted[0]}"', *(f'mail-rcpt = "{word}"' for word in quoted[1:])]
        options.append(f'upload-file = "{self._file(body.content)}"')
        path = os.path.join(self.work, "curl.config")
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(options) + "\n")
        _run(["curl", "--config", path], env=os.environ | {"LC_ALL": "C.UTF-8"})


class Smtplib(Client):
    name = "smtplib"

    def arrives(self, body):
        return body.arrives or b"\r\n"

    def send(self, port, sender, recipients, body, mail_options=(), rcpt_options=()):
        if body.eight_bit and not mail_options:
            mail_options = ("BODY=8BITMIME",)
        with smtplib.SMTP("127.0.0.1", port, local_hostname=HELLO, timeout=30) as session:
            refused = session.sendmail(sender, recipients, body.content, list(mail_options), list(rcpt_options))
        if refused:
            raise Failed(f"recipients refused: {dict(list(refused.items())[:3])}")
