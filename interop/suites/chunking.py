"""Content by BDAT (RFC 3030): counted, never searched, stored octet for octet; a refused chunk is swallowed."""

import os
import smtplib
import time

from harness.bodies import BODIES, HEADER, PLAIN
from harness.clients import HELLO
from harness.report import Row, ensure, equal, equal_bytes
from harness.smtp import RawStore, serve
from harness.wire import Wire

MAX_SIZE = 12 * 1024 * 1024
RECIPIENTS = ("bob@example.net", "carol@example.com")
# All that would end mail data or be a command elsewhere.
BINARY = (
    ("every-octet", bytes(range(256)) * 3),
    ("ends-of-data", b".\r\n.\r\n\r\n.\r\n.\n.\r.\r\n..\r\n\n.\n\r.\r"),
    ("bare-newlines", b"\n\na\rb\nc\r\r\n\n\r"),
    ("commands", b"QUIT\r\nRSET\r\nMAIL FROM:<evil@example.org>\r\nBDAT 5 LAST\r\nevil\n"),
    ("cr-at-end", HEADER + b"last line\r"),
    ("nothing", b""),
)


class _Session(smtplib.SMTP):
    """smtplib knows no BDAT; its connection, commands and replies serve to speak it."""

    def __init__(self, port):
        super().__init__("127.0.0.1", port, local_hostname=HELLO, timeout=30)

    def begin(self, *options):
        self.ehlo()
        ensure(self.has_extn("chunking") and self.has_extn("binarymime"), f"EHLO: {self.esmtp_features}")
        equal(self.mail("alice@example.org", options)[0], 250, "reply to MAIL")
        for recipient in RECIPIENTS:
            equal(self.rcpt(recipient)[0], 250, "reply to RCPT")

    def chunk(self, content, last):
        self.send(b"BDAT %d%s\r\n" % (len(content), b" LAST" if last else b"") + content)
        return self.getreply()[0]


def _pieces(content, size):
    return [content[at:at + size] for at in range(0, len(content), size)]


def chunking(report, smtp, runtime, work):
    """Everything against one runtime."""
    area = f"chunking/{runtime}"
    if not report.wants(area):
        return
    store = RawStore(os.path.join(work, "raw"))
    server = report.start(f"{area}/start", Row("smtp serve", "starts", runtime, "listening line"),
                          lambda: serve(smtp, runtime, "--raw", store.path, "--max-size", str(MAX_SIZE)))
    if server is None:
        return
    with server:
        row = Row("smtplib", "delivers to serve", runtime, "BDAT, byte for byte")
        for body in BODIES:
            report.check(f"{area}/8bitmime/{body.name}", row, _delivers, server, store, body.content, "BODY=8BITMIME")
        row = Row("smtplib", "delivers to serve", runtime, "BODY=BINARYMIME, byte for byte")
        for name, content in BINARY:
            report.check(f"{area}/binarymime/{name}", row, _delivers, server, store, content, "BODY=BINARYMIME")
            report.check(f"{area}/8bitmime/{name}", row, _delivers, server, store, content, "BODY=8BITMIME")
        row = Row("raw socket", "delivers to serve", runtime, "BDAT in and out of order")
        for work_of_check in CHECKS:
            name = work_of_check.__name__.replace("_", "-")
            report.check(f"{area}/{name}", row, _guarded, work_of_check, server, store)


def _delivers(server, store, content, *options):
    """In one chunk, in several, in one with the LAST by itself, and several messages in one session."""
    store.clear()
    size = max(1, len(content) // 7)
    with _Session(server.port) as session:
        for chunks in ([content], _pieces(content, size) or [b""], [content, b""], [b"", content]):
            session.begin(*options)
            codes = [session.chunk(chunk, last=False) for chunk in chunks[:-1]]
            codes.append(session.chunk(chunks[-1], last=True))
            equal(codes, [250] * len(chunks), "replies to BDAT")
            message = store.one()
            equal_bytes(message.content, content)
            equal([one["path"].strip("<>") for one in message.envelope["recipients"]], list(RECIPIENTS), "recipients")
            equal(message.envelope["protocol"], "ESMTP", "protocol")


def _nothing_stored(store, limit=2):
    """What was begun is removed when the server sees the end of the session, a little after the client."""
    until = time.monotonic() + limit
    while time.monotonic() < until and any(name.startswith(".") for name in os.listdir(store.path)):
        time.sleep(0.02)
    store.none()


def _guarded(work, server, store):
    store.clear()
    work(server, store)
    ensure(server.alive, f"the server ended: {server.complaint()}")
    _nothing_stored(store)
    with Wire(server.port) as wire:
        _begin(wire)
        _last(wire, PLAIN.content)
        equal_bytes(store.one().content, PLAIN.content)


def _begin(wire, mail=b"MAIL FROM:<alice@example.org>"):
    wire.hello()
    wire.must(mail, 250)
    wire.must(b"RCPT TO:<bob@example.net>", 250)


def _last(wire, content):
    wire.send(b"BDAT %d LAST\r\n" % len(content) + content)
    equal(wire.reply(), 250, "reply to the last chunk")


def octet_by_octet(server, store):
    with Wire(server.port) as wire:
        _begin(wire)
        for octet in b"BDAT 5\r\na\r\n.\rbdat 4 last\r\n\n.\r\n":
            wire.send(bytes([octet]))
        equal([wire.reply(), wire.reply()], [250, 250], "replies")
    equal_bytes(store.one().content, b"a\r\n.\r\n.\r\n")


def all_at_once(server, store):
    chunks = b"".join(b"BDAT 4\r\n.\r\n%d" % number for number in range(10)) + b"BDAT 0 LAST\r\n"
    message = b"MAIL FROM:<alice@example.org>\r\nRCPT TO:<bob@example.net>\r\n" + chunks
    with Wire(server.port) as wire:
        wire.hello().send(message * 3 + b"NOOP\r\nQUIT\r\n")
        equal(wire.replies(), ([250] * 13) * 3 + [250, 221], "replies")
    messages = store.take()
    equal(len(messages), 3, "messages stored")
    for message in messages:
        equal_bytes(message.content, b"".join(b".\r\n%d" % number for number in range(10)))


def many_small_chunks(server, store):
    content = PLAIN.content * 40
    with Wire(server.port) as wire:
        _begin(wire)
        for octet in content[:-1]:
            wire.send(b"BDAT 1\r\n" + bytes([octet]))
        _codes = [wire.reply() for _ in content[:-1]]
        ensure(set(_codes) == {250}, f"replies {set(_codes)}")
        _last(wire, content[-1:])
    equal_bytes(store.one().content, content)


def refused_chunk_is_swallowed(server, store):
    evil = b"QUIT\r\nMAIL FROM:<evil@example.org>\r\n" * 2000
    with Wire(server.port) as wire:
        wire.hello()
        for start in (b"NOOP", b"MAIL FROM:<alice@example.org>"):
            wire.must(start, 250)
            wire.send(b"BDAT %d\r\n" % len(evil) + evil + b"BDAT %d LAST\r\n" % len(evil) + evil)
            equal([wire.reply(), wire.reply()], [503, 503], "replies to BDAT without a recipient")
            wire.must(b"NOOP", 250)
        wire.must(b"RSET", 250)
        _begin(wire)
        _last(wire, b"still in step\r\n")
    equal_bytes(store.one().content, b"still in step\r\n")


def too_large(server, store):
    half = b"x" * (MAX_SIZE // 2) + b"\r\n"
    with Wire(server.port) as wire:
        _begin(wire)
        wire.send(b"BDAT %d\r\n" % len(half) + half)
        equal(wire.reply(), 250, "reply to the first chunk")
        wire.send(b"BDAT %d\r\n" % len(half) + half)
        equal(wire.reply(), 552, "reply to the chunk that is too much")
        wire.send(b"BDAT 6 LAST\r\nQUIT\r\n")
        equal(wire.reply() // 100, 5, "class of the reply to the chunk behind it")
        wire.must(b"RSET", 250)
        _begin(wire)
        _last(wire, b"small\r\n")
    equal_bytes(store.one().content, b"small\r\n")


def commands_between_chunks(server, store):
    with Wire(server.port) as wire:
        _begin(wire)
        wire.send(b"BDAT 3\r\nabc")
        equal(wire.reply(), 250, "reply to the first chunk")
        wire.must(b"NOOP", 250)
        wire.must(b"DATA", 503)
        wire.must(b"MAIL FROM:<a@example.org>", 503)
        wire.must(b"RCPT TO:<late@example.net>", 503)
        _last(wire, b"def")
    message = store.one()
    equal_bytes(message.content, b"abcdef")
    equal(len(message.envelope["recipients"]), 1, "recipients")


def reset_between_chunks(server, store):
    for line in (b"RSET", b"EHLO client.example"):
        with Wire(server.port) as wire:
            _begin(wire)
            wire.send(b"BDAT 3\r\nabc")
            equal(wire.reply(), 250, "reply to the first chunk")
            wire.must(line, 250)
            wire.send(b"BDAT 3 LAST\r\ndef")
            equal(wire.reply(), 503, "reply to a chunk of nothing")
            wire.must(b"QUIT", 221)


def binary_needs_chunks(server, store):
    with Wire(server.port) as wire:
        _begin(wire, b"MAIL FROM:<alice@example.org> BODY=BINARYMIME")
        wire.must(b"DATA", 503)
        wire.must(b"NOOP", 250)


def unreadable_size(server, store):
    for size in (b"", b"x", b"-1", b"1 2", b"99999999999999999999999", b"5 LATE"):
        with Wire(server.port) as wire:
            _begin(wire)
            wire.send(b"BDAT " + size + b"\r\nQUIT\r\n")
            codes = wire.replies(5)
            # How much content follows is not known: nothing behind it may be taken for a command.
            ensure(codes and codes[0] // 100 == 5 and 221 not in codes, f"BDAT {size!r} was answered {codes}")


def end_in_mid_chunk(server, store):
    for stream in (b"BDAT 10\r\nabc", b"BDAT 3\r\nabc", b"BDAT 10 LAST\r\nabc", b"BDAT 10 LAST"):
        with Wire(server.port) as wire:
            _begin(wire)
            wire.send(stream)
        with Wire(server.port) as wire:
            wire.hello()
        time.sleep(0.1)
        _nothing_stored(store)


CHECKS = (
    octet_by_octet, all_at_once, many_small_chunks, refused_chunk_is_swallowed, too_large, commands_between_chunks,
    reset_between_chunks, binary_needs_chunks, unreadable_size, end_in_mid_chunk,
)
