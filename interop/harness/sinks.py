"""The servers that `smtp send` delivers to, and what they kept."""

import json
import os
import socket
import socketserver
import threading
from dataclasses import dataclass

from .process import Daemon, free_port
from .report import Failed, ensure

PEERS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "peers")


@dataclass(frozen=True)
class Kept:
    """One message as the sink wrote it down; `fields` are the sink's own records."""

    content: bytes
    reverse_path: str
    recipients: list
    fields: dict


class Sink:
    """A server and its directory."""

    name = ""
    # Whether line ends are kept as they came.
    exact = True

    def __init__(self, directory, daemon):
        self.directory = directory
        self.daemon = daemon
        self.port = daemon.port

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.daemon.kill()

    def clear(self):
        for name in os.listdir(self.directory):
            os.unlink(os.path.join(self.directory, name))

    def one(self):
        """The one message that must be there."""
        messages = self.take()
        ensure(len(messages) == 1, f"{self.name} has {len(messages)} messages instead of 1")
        return messages[0]

    def none(self):
        messages = self.take()
        ensure(not messages, f"{self.name} has {len(messages)} messages although none may be sent")


class Aiosmtpd(Sink):
    name = "aiosmtpd"

    def __init__(self, tools, directory):
        os.makedirs(directory)
        super().__init__(directory, Daemon([tools.python, os.path.join(PEERS, "aiosmtpd_sink.py"), directory]))

    def take(self):
        messages = []
        for name in sorted(os.listdir(self.directory)):
            stem, ending = os.path.splitext(os.path.join(self.directory, name))
            if ending == ".json":
                with open(stem + ".json", encoding="utf-8") as file:
                    fields = json.load(file)
                with open(stem + ".eml", "rb") as file:
                    content = file.read()
                reverse_path = fields["reverse_path"].removeprefix("<>")  # it keeps the null one in its brackets
                messages.append(Kept(content, reverse_path, fields["recipients"], fields))
        self.clear()
        return messages


class SmtpSink(Sink):
    """Postfix's smtp-sink: it dumps with LF line ends, whatever they were, and adds one empty line."""

    name = "smtp-sink"
    exact = False

    def __init__(self, tools, directory, *options):
        os.makedirs(directory, exist_ok=True)
        port = free_port()
        user = ["-u", "root"] if os.geteuid() == 0 else []
        argv = [tools.smtp_sink, *user, "-d", os.path.join(directory, "dump."), *options, f"127.0.0.1:{port}", "100"]
        super().__init__(directory, Daemon(argv, port=port, env=tools.environment))

    def take(self):
        messages = []
        for name in sorted(os.listdir(self.directory)):
            with open(os.path.join(self.directory, name), "rb") as file:
                dump = file.read()
            # A transaction that came to nothing leaves a dump without the header or its end.
            if b"\nReceived: " in dump and dump.endswith(b"\n"):
                messages.append(self._parse(dump))
        self.clear()
        return messages

    @staticmethod
    def _parse(dump):
        head, _, rest = dump.partition(b"\nReceived: ")
        for _ in range(3):
            rest = rest.partition(b"\n")[2]
        records = {}
        for line in head.split(b"\n"):
            name, _, value = line.decode("utf-8", "replace").partition(": ")
            records.setdefault(name, []).append(value)
        mail = records["X-Mail-Args"][0]
        return Kept(
            rest.removesuffix(b"\n").replace(b"\n", b"\r\n"),
            mail.split(">")[0].removeprefix("<"),
            [value.rpartition(">")[0].removeprefix("<") if " " not in value else value.split(">")[0][1:]
             for value in records.get("X-Rcpt-Args", [])],
            records,
        )


class Listener(socketserver.ThreadingTCPServer):
    """Serves each connection in a thread of its own, on a port of its own choice, until the block ends."""

    daemon_threads = True

    def __init__(self, handler):
        super().__init__(("127.0.0.1", 0), handler)
        self.port = self.server_address[1]
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Tap(Listener):
    """A relay to a server that notes what each side sent, piece by piece: [(from_client, octets)]."""

    def __init__(self, port):
        self.pieces = []
        tap = self

        class Relay(socketserver.BaseRequestHandler):
            def handle(self):
                with socket.create_connection(("127.0.0.1", port), 10) as inner:
                    other = threading.Thread(target=tap._copy, args=(inner, self.request, False), daemon=True)
                    other.start()
                    tap._copy(self.request, inner, True)
                    other.join(10)

        super().__init__(Relay)

    def _copy(self, source, target, from_client):
        try:
            while octets := source.recv(65536):
                self.pieces.append((from_client, octets))
                target.sendall(octets)
            target.shutdown(1)
        except OSError:
            return

    def most_commands_ahead(self):
        """The most command lines up to and with DATA that stood unanswered at once."""
        ahead = most = answered = 0
        for from_client, octets in self.pieces:
            if from_client:
                lines = octets.split(b"\r\n")[:-1]
                ends = [i for i, line in enumerate(lines) if line.upper() == b"DATA"]
                ahead += len(lines[:ends[0] + 1] if ends else lines)
                most = max(most, ahead)
                if ends:
                    return most
            else:
                replies = [line for line in octets.split(b"\r\n")[:-1] if line[3:4] != b"-"]
                if answered == 0 and replies:
                    replies = replies[1:]  # the greeting answers nothing
                    answered = 1
                ahead = max(0, ahead - len(replies))
        raise Failed("the client never said DATA")


class Scripted(Listener):
    """A server that says the given octets, one piece a line received, whatever the line is, and then closes."""

    def __init__(self, *pieces):
        class Speaker(socketserver.StreamRequestHandler):
            timeout = 10

            def handle(self):
                try:
                    for number, piece in enumerate(pieces):
                        if number and not self.rfile.readline():
                            return
                        self.wfile.write(piece)
                except OSError:
                    return

        super().__init__(Speaker)
