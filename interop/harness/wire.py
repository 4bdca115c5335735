"""A raw SMTP client, for input that no honest client sends."""

import socket

from .report import Failed


class Ended(Failed):
    """The server closed the connection."""


class Wire:
    """One connection; replies are read whole and checked for their shape."""

    def __init__(self, port, limit=15, greet=True):
        self.socket = socket.create_connection(("127.0.0.1", port), limit)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._pending = b""
        self.text = ""
        if greet and self.reply() != 220:
            raise Failed(f"greeting is {self.text!r}")

    def send(self, octets):
        self.socket.sendall(octets)

    def _line(self):
        while b"\n" not in self._pending:
            try:
                more = self.socket.recv(65536)
            except (ConnectionResetError, BrokenPipeError):
                more = b""
            except TimeoutError:
                raise Failed(f"no reply within the limit; so far {self._pending!r}") from None
            if not more:
                raise Ended("the server closed the connection")
            self._pending += more
        line, _, self._pending = self._pending.partition(b"\n")
        return line

    def reply(self):
        """The code of the next reply; its lines are in `text`."""
        lines = []
        while True:
            line = self._line()
            if not line.endswith(b"\r") or b"\r" in line[:-1] or b"\0" in line or not line[:3].isdigit():
                raise Failed(f"malformed reply line {line!r}")
            lines.append(line[:-1])
            if lines[0][:3] != line[:3]:
                raise Failed(f"codes differ within a reply: {lines!r}")
            if line[3:4] != b"-":
                break
        self.text = b"\n".join(lines).decode("utf-8", "replace")
        return int(lines[0][:3])

    def ask(self, line):
        """Sends one line and gives the code of its reply."""
        self.send(line + b"\r\n")
        return self.reply()

    def must(self, line, *codes):
        """Sends one line; fails unless its reply has one of these codes (or classes, given as 2 to 5)."""
        code = self.ask(line)
        if code not in codes and code // 100 not in codes:
            raise Failed(f"{line[:60]!r} was answered {self.text!r} instead of {codes}")
        return code

    def hello(self):
        self.must(b"EHLO client.example", 250)
        return self

    def begin(self, sender=b"alice@example.org", recipient=b"bob@example.net"):
        """EHLO to the 354 of DATA."""
        self.hello()
        self.must(b"MAIL FROM:<" + sender + b">", 250)
        self.must(b"RCPT TO:<" + recipient + b">", 250)
        self.must(b"DATA", 354)
        return self

    def replies(self, most=10_000):
        """The codes of all replies up to the end of the connection."""
        codes = []
        while len(codes) < most:
            try:
                codes.append(self.reply())
            except Ended:
                break
        return codes

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
