"""The program under test: `smtp serve` and `smtp send`, as its command line page describes them."""

import json
import os
import time
from dataclasses import dataclass, field

from .process import Daemon, run
from .report import Failed, ensure, equal


def serve(smtp, runtime, *options, listen=1, addresses=None, cwd=None):
    """Starts `smtp serve` on ports of its own choice; `addresses` are to be told, if more than those of `--listen`."""
    argv = [smtp, "serve"]
    for _ in range(listen):
        argv += ["--listen", "127.0.0.1:0"]
    return Daemon([*argv, "--runtime", runtime, "--log", "off", *options],
                  addresses=addresses or listen, cwd=cwd)


def bare(address):
    """An address without angle brackets."""
    if address is not None and address.startswith("<") and address.endswith(">"):
        return address[1:-1]
    return address


@dataclass(frozen=True)
class Envelope:
    """What the stored envelope must say; None means that it is not looked at."""

    reverse_path: str | None
    recipients: tuple
    hello: str | None = None
    protocols: tuple = ("ESMTP",)
    parameters: tuple | None = None
    recipient_parameters: tuple = field(default=None)
    authenticated: str | None = None


@dataclass(frozen=True)
class Stored:
    """One message of `--raw`."""

    name: str
    content: bytes
    envelope: dict

    def check_envelope(self, want, peer="127.0.0.1"):
        envelope = self.envelope
        equal(bare(envelope["reverse_path"]), want.reverse_path, "reverse_path")
        got = [bare(recipient["path"]) for recipient in envelope["recipients"]]
        if got != list(want.recipients):
            lost, more = set(want.recipients) - set(got), set(got) - set(want.recipients)
            raise Failed(f"{len(got)} recipients instead of {len(want.recipients)}, lost {sorted(lost)[:3]}, "
                         f"unexpected {sorted(more)[:3]}, or another order")
        ensure(envelope["protocol"] in want.protocols, f"protocol is {envelope['protocol']!r}, not {want.protocols}")
        equal(envelope["size"], len(self.content), "size")
        equal(envelope["authenticated"], want.authenticated, "authenticated")
        if peer is None:
            equal(envelope["peer"], None, "peer")
        else:
            ensure(peer in str(envelope["peer"]), f"peer is {envelope['peer']!r}")
        if want.hello is not None:
            equal(envelope["hello"], want.hello, "hello")
        if want.parameters is not None:
            equal(pairs(envelope["parameters"]), list(want.parameters), "parameters of MAIL")
        if want.recipient_parameters is not None:
            for recipient in envelope["recipients"]:
                equal(pairs(recipient["parameters"]), list(want.recipient_parameters), "parameters of RCPT")


def pairs(parameters):
    """Parameters as (KEYWORD, value) pairs; a keyword alone has the value None."""
    return [(one["keyword"].upper(), one.get("value")) for one in parameters]


class RawStore:
    """The directory of `--raw`: what is in it is taken out, so that each check sees its own messages only."""

    def __init__(self, path):
        self.path = path
        os.makedirs(path, exist_ok=True)

    def take(self):
        """Every message that is there now. Each must be one pair of files, and nothing else may lie about."""
        names = sorted(
            os.path.relpath(os.path.join(folder, name), self.path)
            for folder, _, names in os.walk(self.path)
            for name in names
        )
        messages = []
        for name in names:
            stem, ending = os.path.splitext(name)
            other = {".eml": ".json", ".json": ".eml"}.get(ending)
            ensure(other is not None, f"left over in the raw directory: {name}")
            ensure(stem + other in names, f"{name} without its {other}")
            if ending == ".eml":
                with open(os.path.join(self.path, name), "rb") as file:
                    content = file.read()
                with open(os.path.join(self.path, stem + ".json"), encoding="utf-8") as file:
                    messages.append(Stored(stem, content, json.load(file)))
        for name in names:
            os.unlink(os.path.join(self.path, name))
        return messages

    def gather(self, count, limit):
        """So many messages, once they are there: for clients that deliver in their own time."""
        until = time.monotonic() + limit
        while time.monotonic() < until and sum(name.endswith(".eml") for name in os.listdir(self.path)) < count:
            time.sleep(0.01)
        messages = self.take()
        equal(len(messages), count, "number of messages stored")
        return messages

    def clear(self):
        """Forgets what an earlier, failed check left."""
        for folder, _, names in os.walk(self.path):
            for name in names:
                os.unlink(os.path.join(folder, name))

    def one(self):
        """The one message that must be there."""
        messages = self.take()
        ensure(len(messages) == 1, f"{len(messages)} messages stored instead of 1")
        return messages[0]

    def none(self):
        messages = self.take()
        ensure(not messages, f"{len(messages)} messages stored although none was accepted")


@dataclass
class Sent:
    """How `smtp send` ended."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        try:
            outcome = json.loads(self.out)
        except ValueError:
            raise Failed(f"stdout is not one JSON object: {self.out[:200]!r}, stderr {self.err[-200:]!r}") from None
        outcome["by_address"] = {bare(one["address"]): one for one in outcome["recipients"]}
        return outcome

    def exits(self, *codes):
        ensure(self.code in codes, f"exit code {self.code} instead of {codes}; stdout {self.out[:200]!r}, "
                                   f"stderr {self.err[-300:]!r}")
        return self

    def lists(self, recipients):
        """stdout must have one line for each recipient."""
        lines = [line for line in self.out.splitlines() if line.strip()]
        equal(len(lines), len(recipients), "number of lines on stdout")
        for recipient in recipients:
            ensure(sum(recipient in line for line in lines) == 1, f"{recipient} is not on exactly one line of stdout")
        return self


def send(smtp, runtime, port, sender, recipients, content, *options, file=None, limit=60, env=None):
    """Runs `smtp send`; content is bytes for standard input, or None with the path of a file."""
    argv = [smtp, "send", "--server", f"127.0.0.1:{port}", "--runtime", runtime, "--from", sender]
    for recipient in recipients:
        argv += ["--to", recipient]
    argv += [*options, *([] if file is None else [file])]
    code, out, err = run(argv, limit, input=content or b"", env=env)
    return Sent(code, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))
