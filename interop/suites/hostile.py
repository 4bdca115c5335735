"""Bad input by raw socket: the right reply, the session stays in step, memory stays bounded, nothing is stored."""

import contextlib
import os
import random
import threading
import time

from harness.bodies import PLAIN
from harness.report import Row, ensure, equal, equal_bytes
from harness.smtp import RawStore, serve
from harness.wire import Ended, Wire
from suites.smuggling import smuggling

MAX_SIZE = 100_000
MAX_RECIPIENTS = 10
MEMORY_KIB = 16 * 1024


def hostile(report, smtp, runtime, work):
    """Everything against one runtime."""
    area = f"hostile/{runtime}"
    if not report.wants(area):
        return
    store = RawStore(os.path.join(work, "raw"))
    options = ("--raw", store.path, "--max-size", str(MAX_SIZE), "--max-recipients", str(MAX_RECIPIENTS))
    server = report.start(f"{area}/start", Row("smtp serve", "starts", runtime, "listening line"),
                          lambda: serve(smtp, runtime, *options))
    if server is None:
        return
    with server:
        smuggling(report, server, store, runtime)
        for kind, checks in (("commands", COMMANDS), ("floods", FLOODS), ("limits", LIMITS)):
            row = Row("raw socket", "attacks serve", runtime, kind)
            for work_of_check in checks:
                name = work_of_check.__name__.strip("_").replace("_", "-")
                report.check(f"{area}/{kind}/{name}", row, _guarded, work_of_check, server, store)


def _guarded(work, server, store):
    """Runs a check; then the server must still serve the next client, and nothing may be left in the store."""
    store.clear()
    work(server, store)
    ensure(server.alive, f"the server ended: {server.complaint()}")
    store.none()
    with Wire(server.port) as wire:
        wire.hello()
        wire.must(b"QUIT", 221)


def _refuses(server, line, *codes):
    """One line, one refusal, and the session goes on."""
    with Wire(server.port) as wire:
        wire.hello()
        wire.must(line, *(codes or (5,)))
        wire.must(b"NOOP", 250)
        wire.must(b"QUIT", 221)


def _deliver(wire, store, content=PLAIN.content):
    """A message in a session that is open already."""
    wire.must(b"MAIL FROM:<alice@example.org>", 250)
    wire.must(b"RCPT TO:<bob@example.net>", 250)
    wire.must(b"DATA", 354)
    wire.send(content + b".\r\n")
    equal(wire.reply(), 250, "reply to the message")
    equal_bytes(store.one().content, content)


# --- commands


def bare_lf_joins_commands(server, store):
    _refuses(server, b"NOOP\nMAIL FROM:<a@example.org>")
    _refuses(server, b"RSET\nQUIT")


def bare_cr_joins_commands(server, store):
    _refuses(server, b"RSET\rQUIT")
    _refuses(server, b"NOOP\rNOOP")


def cr_before_crlf(server, store):
    _refuses(server, b"EHLO client.example\r")
    _refuses(server, b"MAIL FROM:<a@example.org>\r")


def eight_bit_verb(server, store):
    _refuses(server, b"\x80FAIL", 500)
    _refuses(server, b"FROP \xf1\x80", 500)
    _refuses(server, "жук".encode(), 500)


def nul(server, store):
    _refuses(server, b"MAIL FROM:<a\0b@example.org>", 500, 501)
    _refuses(server, b"\0", 500)
    _refuses(server, b"NO\0OP", 500)


def control_characters(server, store):
    _refuses(server, b"\x08")
    _refuses(server, b"MAIL FROM:<a\x07b@example.org>", 500, 501)
    _refuses(server, b"\tNOOP", 500)
    _refuses(server, b" NOOP", 500)


def wrong_arguments(server, store):
    _refuses(server, b"MAIL FROM: <a@example.org>", 501)
    _refuses(server, b"MAIL FROM:a@example.org", 501)
    _refuses(server, b"MAIL FROM:", 501)
    _refuses(server, b"MAIL FROM:<a@example.org> BODY=7BIT BODY=8BITMIME", 501)
    _refuses(server, b"MAIL FROM:<a@example.org> SIZE=18446744073709551616", 501, 552)
    _refuses(server, b"MAIL FROM:<a@example.org> XUNKNOWN=1", 555)
    _refuses(server, b"MAIL FROM:<a@example.org> ENVID=ab+0D+0Acd", 501)
    _refuses(server, "MAIL FROM:<жук@example.org>".encode(), 550, 553)
    _refuses(server, b"RSET now", 501)
    with Wire(server.port) as wire:
        wire.hello().must(b"MAIL FROM:<>", 250)
        wire.must(b"RCPT TO:<>", 501, 553)
        wire.must(b"RCPT TO:<b@[::1]>", 501, 553)
        wire.must(b"RCPT TO:<b@example.net> NOTIFY=NEVER,SUCCESS", 501)
        wire.must(b"NOOP", 250)


def wrong_order(server, store):
    with Wire(server.port) as wire:
        wire.must(b"RSET", 250)
        wire.must(b"MAIL FROM:<a@example.org>", 503)
        wire.hello()
        wire.must(b"RCPT TO:<b@example.net>", 503)
        wire.must(b"DATA", 503, 554)
        wire.must(b"MAIL FROM:<a@example.org>", 250)
        wire.must(b"MAIL FROM:<a@example.org>", 503)
        wire.must(b"DATA", 503, 554)
        wire.must(b"RCPT TO:<b@example.net>", 250)
        wire.must(b"EHLO client.example", 250)
        wire.must(b"DATA", 503, 554)
        _deliver(wire, store)
        wire.must(b"DATA", 503, 554)
        wire.must(b"RCPT TO:<b@example.net>", 503)
        wire.must(b"QUIT", 221)


def envelope_gone_after_refusal(server, store):
    with Wire(server.port) as wire:
        wire.begin()
        wire.send(b"bare\nnewline\r\n.\r\n")
        equal(wire.reply() // 100, 5, "class of the reply to bare newlines")
        wire.must(b"RCPT TO:<b@example.net>", 503)
        wire.must(b"DATA", 503, 554)
        _deliver(wire, store)


def garbage(server, store):
    source = random.Random(7)
    for _ in range(20):
        with Wire(server.port) as wire, contextlib.suppress(Ended, ConnectionError):
            for _ in range(15):
                octets = source.randbytes(source.randrange(1, 900)).replace(b"\n", b"").strip(b"\r")
                code = wire.ask(b"\xff" + octets)
                ensure(code // 100 == 5 or code == 421, f"garbage was answered {wire.text!r}")


def half_utf8_then_end(server, store):
    with Wire(server.port) as wire:
        wire.send(b"FROP \xf1\x80")
    with Wire(server.port) as wire:
        wire.hello().send(b"MAIL FRO")


def http_request(server, store):
    for request in (b"GET / HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n\r\n",
                    b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 96\r\n\r\nEHLO x\r\nMAIL FROM:<a@b.example>\r\n"
                    b"RCPT TO:<c@d.example>\r\nDATA\r\nx\r\n.\r\nQUIT\r\n"):
        with Wire(server.port) as wire:
            wire.send(request)
            first = wire.reply()
            ensure(first // 100 == 5 or first in (221, 421), f"the request line was answered {wire.text!r}")
            with contextlib.suppress(OSError):
                wire.send(b"QUIT\r\n")
            codes = wire.replies(20)
            if request.startswith(b"GET"):
                ensure(all(code // 100 == 5 or code in (221, 421) for code in codes), f"answered {codes}")
    # What a POST carries may be mail by the letter of the protocol; it is not held against the server.
    store.clear()


def end_in_mid_data(server, store):
    for stream in (b"half a mess", b"a line\r\n", b"a line\r\n.", b"a line\r\n.\r"):
        with Wire(server.port) as wire:
            wire.begin().send(stream)
        with Wire(server.port) as wire:
            wire.hello()
        time.sleep(0.1)
        store.none()


# --- floods


def over_long_line(server, store):
    with Wire(server.port) as wire:
        wire.hello()
        wire.send(b"a" * 1_000_000 + b"\r\n")
        equal(wire.reply(), 500, "reply to a line of a million octets")
        wire.must(b"NOOP", 250)
        wire.send(b"MAIL FROM:<" + b"b" * 5000 + b"@example.org>\r\n")
        ensure(wire.reply() in (500, 501), f"a MAIL line of 5000 octets was answered {wire.text!r}")
        wire.must(b"NOOP", 250)
        _deliver(wire, store)


def line_without_end(server, store):
    _pour(server, b"", b"a" * 65536, 512)


def body_without_end(server, store):
    _pour(server, b"EHLO x.example\r\nMAIL FROM:<>\r\nRCPT TO:<b@example.net>\r\nDATA\r\n", b"line\r\n" * 10_000, 512)


def noop_flood_unread(server, store):
    _pour(server, b"", b"NOOP\r\n" * 10_000, 512)


def _pour(server, start, block, count):
    """Pours octets in without reading a reply; the server's memory may not grow with them."""
    before = server.memory("VmHWM")
    with Wire(server.port) as wire:
        wire.send(start)
        wire.socket.settimeout(3)
        with contextlib.suppress(OSError):  # refusing to read on, or closing, is as good
            for _ in range(count):
                wire.send(block)
    ensure(server.alive, f"the server ended: {server.complaint()}")
    grown = server.memory("VmHWM") - before
    ensure(grown < MEMORY_KIB, f"the server's memory grew by {grown} KiB")


def bad_commands(server, store):
    for line in (b"FOO", b"", b"MAIL FROM:<"):
        codes = []
        with Wire(server.port) as wire:
            wire.hello()
            with contextlib.suppress(Ended, ConnectionError):
                while len(codes) < 250:
                    codes.append(wire.ask(line))
        ensure(codes and codes[-1] == 421, f"{len(codes)} times {line!r} did not end with 421 and the connection: "
                                           f"last replies {codes[-3:]}")
        ensure(all(code // 100 == 5 for code in codes[:-1]), f"answered {codes}")


def bad_commands_pipelined(server, store):
    with Wire(server.port) as wire:
        wire.hello()
        with contextlib.suppress(OSError):
            wire.send(b"FOO\r\n" * 50_000)
        codes = wire.replies()
        ensure(len(codes) < 1000, f"{len(codes)} bad commands were answered")


def many_connections(server, store):
    wires = [Wire(server.port) for _ in range(200)]
    try:
        for wire in wires:
            wire.hello()
        with Wire(server.port) as wire:
            _deliver(wire.hello(), store)
    finally:
        for wire in wires:
            wire.close()


# --- limits


def too_many_recipients(server, store):
    rcpts = [b"RCPT TO:<r%d@example.net>" % i for i in range(MAX_RECIPIENTS + 5)]
    for pipelined in (False, True):
        with Wire(server.port) as wire:
            wire.hello().must(b"MAIL FROM:<alice@example.org>", 250)
            if pipelined:
                wire.send(b"\r\n".join(rcpts) + b"\r\n")
                codes = [wire.reply() for _ in rcpts]
            else:
                codes = [wire.ask(line) for line in rcpts]
            equal(codes, [250] * MAX_RECIPIENTS + [452] * 5, "replies to RCPT")
            wire.must(b"DATA", 354)
            wire.send(PLAIN.content + b".\r\n")
            equal(wire.reply(), 250, "reply to the message")
            equal(len(store.one().envelope["recipients"]), MAX_RECIPIENTS, "recipients stored")
            _deliver(wire, store)


def declared_too_large(server, store):
    with Wire(server.port) as wire:
        wire.hello()
        ensure(f"SIZE {MAX_SIZE}" in wire.text, f"the EHLO reply does not say SIZE {MAX_SIZE}: {wire.text!r}")
        wire.must(b"MAIL FROM:<alice@example.org> SIZE=%d" % (MAX_SIZE + 1), 552)
        wire.must(b"RCPT TO:<bob@example.net>", 503)
        wire.must(b"MAIL FROM:<alice@example.org> SIZE=%d" % MAX_SIZE, 250)
        wire.must(b"RSET", 250)
        _deliver(wire, store)


def too_large(server, store):
    for size in (MAX_SIZE + 2, 2 * MAX_SIZE, 300 * MAX_SIZE):
        before = server.memory("VmHWM")
        with Wire(server.port) as wire:
            wire.hello().must(b"MAIL FROM:<alice@example.org> SIZE=10", 250)
            wire.must(b"RCPT TO:<bob@example.net>", 250)
            wire.must(b"DATA", 354)
            line = b"x" * 98 + b"\r\n"
            wire.send(line * (size // 100) + b"y" * (size % 100) + b"\r\n.\r\nNOOP\r\n")
            equal([wire.reply(), wire.reply()], [552, 250], "replies to a message that is too large, and NOOP")
            store.none()
            _deliver(wire, store)
        grown = server.memory("VmHWM") - before
        ensure(grown < MEMORY_KIB, f"the server's memory grew by {grown} KiB")


def just_small_enough(server, store):
    with Wire(server.port) as wire:
        _deliver(wire.hello(), store, b"x" * 98 + b"\r\n" + (b"y" * 98 + b"\r\n") * (MAX_SIZE // 100 - 1))


def slow_reader(server, store):
    """Replies that are read late: every command of a long pipelined session is answered, in order."""
    group = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.net>\r\nRSET\r\n" * 30
    with Wire(server.port) as wire:
        wire.hello()
        sender = threading.Thread(target=wire.send, args=(group + b"QUIT\r\n",), daemon=True)
        sender.start()
        sender.join(10)
        equal(wire.replies(), [250] * 90 + [221], "replies")


COMMANDS = (
    bare_lf_joins_commands, bare_cr_joins_commands, cr_before_crlf, eight_bit_verb, nul, control_characters,
    wrong_arguments, wrong_order, envelope_gone_after_refusal, garbage, half_utf8_then_end, http_request,
    end_in_mid_data,
)
FLOODS = (
    over_long_line, line_without_end, body_without_end, noop_flood_unread, bad_commands, bad_commands_pipelined,
    many_connections,
)
LIMITS = (too_many_recipients, declared_too_large, too_large, just_small_enough, slow_reader)
