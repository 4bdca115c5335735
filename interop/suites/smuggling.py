"""Bogus ends of data: only CRLF, dot, CRLF ends a message, and nothing behind a bogus end is ever a command."""

import os

from harness.bodies import unstuffed
from harness.report import Failed, Row, ensure, equal, equal_bytes
from harness.smtp import RawStore, serve
from harness.wire import Wire

END = b"\r\n.\r\n"
EVIL = b"MAIL FROM:<evil@example.org>\r\nRCPT TO:<victim@example.net>\r\nDATA\r\nSubject: smuggled\r\n\r\nsmuggled"

# name, sequence, whether it holds a bare CR or LF (a NUL alone may be refused or be content).
SEQUENCES = (
    ("lf-dot-lf", b"\n.\n", True),
    ("lf-dot-cr", b"\n.\r", True),
    ("cr-dot-lf", b"\r.\n", True),
    ("cr-dot-cr", b"\r.\r", True),
    ("lf-dot-crlf", b"\n.\r\n", True),
    ("cr-dot-crlf", b"\r.\r\n", True),
    ("crlf-nul-dot-crlf", b"\r\n\0.\r\n", False),
    ("crlf-dot-crcrlf", b"\r\n.\r\r\n", True),
    ("crcrlf-dot-crcrlf", b"\r\r\n.\r\r\n", True),
    ("crlf-dot-lf", b"\r\n.\n", True),
    ("crlf-dot-cr", b"\r\n.\r", True),
    ("crlf-dot-nul-crlf", b"\r\n.\0\r\n", False),
    ("lf-lf-dot-lf-lf", b"\n\n.\n\n", True),
    ("crlflf-dot-crlf", b"\r\n\n.\r\n", True),
)
STARTS = tuple(
    (f"start-{name}", sequence, True)
    for name, sequence in (
        ("dot-lf", b".\n"), ("dot-cr", b".\r"), ("dot-crcrlf", b".\r\r\n"), ("lf-dot-lf", b"\n.\n"),
        ("lf-dot-crlf", b"\n.\r\n"), ("cr-dot-crlf", b"\r.\r\n"), ("cr-dot-cr", b"\r.\r"),
    )
)


def framings():
    """(name, stream up to the true end, with a bare newline?) for every sequence in every framing."""
    for sequences, befores in ((SEQUENCES, (b"text\r\n", b"text", b"")), (STARTS, (b"",))):
        for name, sequence, is_bare in sequences:
            streams = []
            for before in befores:
                for after in (b"\r\n", b""):
                    stream = before + sequence + after + EVIL
                    if END not in b"\r\n" + stream + b"\r\n":
                        streams.append(stream + b"\r\n")
            yield name, streams, is_bare


def _codes(port, stream):
    """The replies to one message and what follows it, up to the end of the session."""
    with Wire(port) as wire:
        wire.begin()
        wire.send(stream + b".\r\nNOOP\r\nQUIT\r\n")
        return wire.replies(20)


def _rejected(server, store, streams, is_bare):
    for stream in streams:
        store.clear()
        codes = _codes(server.port, stream)
        messages = store.take()
        about = f"{stream[:24]!r}...: replies {codes}, {len(messages)} messages"
        ensure(codes[1:] == [250, 221], f"out of step, {about}")
        if codes[0] // 100 == 5:
            ensure(not messages, f"refused and stored, {about}")
        elif is_bare or codes[0] != 250:
            raise Failed(f"not refused, {about}")
        else:
            ensure(len(messages) == 1, about)
            equal_bytes(messages[0].content, unstuffed(stream))


def _kept(server, store, streams, change):
    for stream in streams:
        store.clear()
        codes = _codes(server.port, stream)
        equal(codes, [250, 250, 221], f"replies to {stream[:24]!r}...")
        content = store.one().content
        ensure(EVIL.replace(b"\r\n", b"") in content.replace(b"\r\n", b""), f"text of {stream[:24]!r}... is lost")
        if change == "pass":
            equal_bytes(content, unstuffed(stream))
        else:
            rest = content.replace(b"\r\n", b"")
            ensure(b"\r" not in rest and b"\n" not in rest, f"bare CR or LF stored: {content[:40]!r}")


def smuggling(report, server, store, runtime):
    """Against a server with the default policy."""
    row = Row("raw socket", "attacks serve", runtime, "bogus ends of data")
    for name, streams, is_bare in framings():
        report.check(f"hostile/{runtime}/smuggling/{name}", row, _rejected, server, store, streams, is_bare)


def modes(report, smtp, runtime, work):
    """The two other policies of --bare-newline: one message, its end where it truly is."""
    if not report.wants("hostile/bare-newline"):
        return
    for mode in ("pass", "normalise"):
        store = RawStore(os.path.join(work, mode))
        row = Row("raw socket", f"attacks serve --bare-newline {mode}", runtime, "bogus ends of data")
        server = report.start(f"hostile/bare-newline/{mode}/start", row,
                              lambda: serve(smtp, runtime, "--raw", store.path, "--bare-newline", mode))
        if server is not None:
            with server:
                for name, streams, is_bare in framings():
                    if is_bare:
                        report.check(f"hostile/bare-newline/{mode}/{name}", row, _kept, server, store, streams, mode)
