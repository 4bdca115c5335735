"""Child processes with a time limit on every wait; none outlives the run."""

import atexit
import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import threading
import time

from .report import Failed

_running = set()


@atexit.register
def _end_all():
    for child in list(_running):
        kill_group(child)


def kill_group(child):
    """Ends a child and whatever it started, at once."""
    if child.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(10)
    _running.discard(child)


def start(argv, **options):
    """Starts a child in a process group of its own."""
    child = subprocess.Popen([str(word) for word in argv], start_new_session=True, **options)
    _running.add(child)
    return child


def run(argv, limit, input=b"", env=None, cwd=None):
    """Runs a command to its end; gives (exit code, stdout, stderr)."""
    child = start(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env, cwd=cwd)
    try:
        out, err = child.communicate(input, timeout=limit)
    except subprocess.TimeoutExpired:
        raise Failed(f"{os.path.basename(str(argv[0]))} did not end within {limit} s") from None
    finally:
        kill_group(child)
    return child.returncode, out, err


def free_port():
    """A port on 127.0.0.1 that was free a moment ago, for programs that cannot pick one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Daemon:
    """A child that listens; it says `listening on HOST:PORT` on stdout, or is told its port."""

    def __init__(self, argv, port=None, addresses=1, env=None, cwd=None):
        self.errors = tempfile.TemporaryFile()
        self.addresses = []
        self._spoken = threading.Condition()
        self.child = start(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors, env=env, cwd=cwd
        )
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            if port is None:
                self._await_addresses(addresses)
            else:
                self._await_port(port)
        except Failed:
            self.kill()
            raise
        self.port = self.addresses[0][1]

    def _listen(self):
        for line in self.child.stdout:
            words = line.decode("utf-8", "replace").split()
            if words[:2] == ["listening", "on"] and len(words) == 3:
                host, _, port = words[2].rpartition(":")
                with self._spoken:
                    self.addresses.append((host, int(port)))
                    self._spoken.notify_all()
        with self._spoken:
            self._spoken.notify_all()

    def _await_addresses(self, count, limit=15):
        until = time.monotonic() + limit
        with self._spoken:
            while len(self.addresses) < count:
                left = until - time.monotonic()
                if left <= 0 or self.child.poll() is not None:
                    raise Failed(f"never said `listening on ADDR`: {self.complaint()}")
                self._spoken.wait(min(left, 0.2))

    def _await_port(self, port, limit=15):
        until = time.monotonic() + limit
        while True:
            if time.monotonic() > until or self.child.poll() is not None:
                raise Failed(f"does not listen on port {port}: {self.complaint()}")
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                self.addresses.append(("127.0.0.1", port))
                return
            time.sleep(0.02)

    def complaint(self):
        """The end of what it wrote on stderr, and its exit code if it ended."""
        end = self.errors.seek(0, os.SEEK_END)
        self.errors.seek(max(0, end - 300))
        return f"exit code {self.child.poll()}, stderr {self.errors.read().decode('utf-8', 'replace').strip()!r}"

    @property
    def alive(self):
        return self.child.poll() is None

    def wait(self, limit):
        """Waits until it ends by itself; gives its exit code."""
        try:
            return self.child.wait(limit)
        except subprocess.TimeoutExpired:
            raise Failed(f"did not end within {limit} s") from None

    def kill(self):
        """kill -9."""
        kill_group(self.child)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()
        self.errors.close()

    def memory(self, field):
        """A field of /proc/PID/status in KiB: VmRSS now, VmHWM the most so far."""
        with open(f"/proc/{self.child.pid}/status", encoding="ascii", errors="replace") as status:
            for line in status:
                if line.startswith(field + ":"):
                    return int(line.split()[1])
        raise Failed(f"no {field} in /proc")
