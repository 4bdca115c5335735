"""kill -9 under load: what got 250 is in the Maildir, whole and once, and nothing half is visible."""

import os
import random
import smtplib
import threading
import time

from harness.report import Row, ensure, equal, equal_bytes
from harness.smtp import serve
from suites.stores import delivered

ROUNDS = 5
THREADS = 8
SENDER = "alice@example.org"


def _content(identifier):
    head = f"Message-Id: <{identifier}@example.org>\r\n\r\n".encode()
    return head + (f"{identifier} ".encode() * 8 + b"\r\n") * 400


class _Load:
    """Threads that deliver until the server is gone; `acknowledged` is what got 250."""

    def __init__(self, port, prefix):
        self.acknowledged = []
        self.tried = 0
        self._lock = threading.Lock()
        self.threads = [threading.Thread(target=self._deliver, args=(port, f"{prefix}-{i}"), daemon=True)
                        for i in range(THREADS)]
        for thread in self.threads:
            thread.start()

    def _deliver(self, port, prefix):
        try:
            with smtplib.SMTP("127.0.0.1", port, timeout=15) as session:
                for number in range(100_000):
                    identifier = f"{prefix}-{number}"
                    with self._lock:
                        self.tried += 1
                    session.sendmail(SENDER, ["bob@example.net"], _content(identifier))
                    with self._lock:
                        self.acknowledged.append(identifier)
        except (OSError, smtplib.SMTPException):
            return


def _messages(maildir):
    """identifier -> how often it is in new/; fails on any file that is not one whole message."""
    found = {}
    for name in os.listdir(os.path.join(maildir, "new")):
        with open(os.path.join(maildir, "new", name), "rb") as file:
            octets = file.read()
        fields, rest = delivered(octets)
        ensure(len(fields) == 2, f"half a message is visible: {name}, {len(octets)} bytes")
        identifier = rest.partition(b"@")[0].removeprefix(b"Message-Id: <").decode("utf-8", "replace")
        equal_bytes(rest, _content(identifier), f"{name} ({identifier})")
        found[identifier] = found.get(identifier, 0) + 1
    return found


def kill(report, smtp, runtimes, work):
    """Five rounds, the runtimes in turn."""
    for turn in range(ROUNDS):
        runtime = runtimes[turn % len(runtimes)]
        row = Row("smtplib", "delivers to serve --maildir", runtime, f"{THREADS} at a time until kill -9")
        report.check(f"kill/{turn + 1}-{runtime}", row, _round, smtp, runtime, os.path.join(work, f"kill{turn}"), turn)


def _round(smtp, runtime, maildir, turn):
    with serve(smtp, runtime, "--maildir", maildir) as server:
        load = _Load(server.port, f"round{turn}")
        until = time.monotonic() + 20
        while len(load.acknowledged) < 40 and time.monotonic() < until and server.alive:
            time.sleep(0.01)
        time.sleep(random.Random(turn).uniform(0.05, 0.4))
        ensure(server.alive, f"the server ended by itself: {server.complaint()}")
        server.kill()
        for thread in load.threads:
            thread.join(20)
            ensure(not thread.is_alive(), "a client still waits although the server is gone")
    ensure(len(load.acknowledged) >= 20, f"only {len(load.acknowledged)} messages were accepted before the kill")
    found = _messages(maildir)
    lost = [one for one in load.acknowledged if one not in found]
    twice = [one for one, count in found.items() if count > 1]
    ensure(not lost, f"{len(lost)} of {len(load.acknowledged)} acknowledged messages are lost, such as {lost[:2]}")
    ensure(not twice, f"{len(twice)} messages are there twice, such as {twice[:2]}")
    with serve(smtp, runtime, "--maildir", maildir) as server:
        with smtplib.SMTP("127.0.0.1", server.port, timeout=15) as session:
            session.sendmail(SENDER, ["bob@example.net"], _content(f"after{turn}"))
    again = _messages(maildir)
    equal(len(again), len(found) + 1, "messages after a new start on the same Maildir")
