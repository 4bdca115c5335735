"""LMTP (RFC 2033) with foreign software on the other side: each recipient has an answer, the message is stored once."""

import os

from harness.bodies import PLAIN
from harness.clients import SmtpSourceLmtp
from harness.report import Row, ensure, equal, equal_bytes
from harness.sinks import Scripted, SmtpSink
from harness.smtp import RawStore, serve
from harness.wire import Wire
from suites.receiving import bodies, load, recipients
from suites.sending import RECIPIENTS, Sender, common

RECEIVES = "receives LMTP from send"


def lmtp(report, smtp, tools, runtime, work):
    """Both directions with one runtime."""
    area = f"lmtp/{runtime}"
    if not report.wants(area):
        return
    store = RawStore(os.path.join(work, "raw"))
    server = report.start(f"{area}/start", Row("smtp serve", "starts", runtime, "listening line"),
                          lambda: serve(smtp, runtime, "--lmtp", "--raw", store.path, "--max-size", "33554432"))
    if server is not None:
        with server:
            client = SmtpSourceLmtp(tools, work)
            for exchange in (bodies, recipients):
                exchange(report, client, server, store, f"{area}/smtp-source", runtime, "smtp-source, LMTP")
            load(report, client, server, store, area, runtime)
            _by_hand(report, server, store, area, runtime)
    sender = Sender(smtp, runtime, work, "--lmtp")
    sink = report.start(f"{area}/smtp-sink/start", Row("smtp-sink", RECEIVES, runtime, "start"),
                        lambda: SmtpSink(tools, os.path.join(work, "sink"), "-L"))
    if sink is not None:
        with sink:
            common(report, sender, sink, f"{area}/smtp-sink", runtime)
    _failing(report, sender, tools, area, runtime)


def _by_hand(report, server, store, area, runtime):
    row = Row("raw socket", "talks LMTP to serve", runtime, "commands, replies by recipient")

    def other_greetings():
        with Wire(server.port) as wire:
            wire.must(b"EHLO client.example", 500)
            wire.must(b"HELO client.example", 500)
            wire.must(b"LHLO client.example", 250)
            ensure("PIPELINING" in wire.text and "ENHANCEDSTATUSCODES" in wire.text, f"LHLO: {wire.text!r}")

    def replies(closing, count):
        store.clear()
        with Wire(server.port) as wire:
            wire.must(b"LHLO client.example", 250)
            wire.must(b"MAIL FROM:<alice@example.org>", 250)
            wire.must(b"RCPT TO:<>", 501, 553)
            for number in range(3):
                wire.must(b"RCPT TO:<r%d@example.net>" % number, 250)
            closing(wire)
            equal([wire.reply() for _ in range(count)], [250] * count, "replies to the message")
            wire.must(b"NOOP", 250)
            wire.must(b"DATA", 503, 554)
            wire.must(b"QUIT", 221)
        message = store.one()
        equal_bytes(message.content, PLAIN.content)
        equal(len(message.envelope["recipients"]), 3, "recipients stored")

    def by_data(wire):
        wire.must(b"DATA", 354)
        wire.send(PLAIN.content + b".\r\n")

    def by_bdat(wire):
        wire.send(b"BDAT 7\r\n" + PLAIN.content[:7])
        equal(wire.reply(), 250, "reply to the first chunk")
        wire.send(b"BDAT %d LAST\r\n" % len(PLAIN.content[7:]) + PLAIN.content[7:])

    def no_recipient():
        with Wire(server.port) as wire:
            wire.must(b"LHLO client.example", 250)
            wire.must(b"MAIL FROM:<alice@example.org>", 250)
            wire.must(b"DATA", 503)
            wire.must(b"NOOP", 250)

    report.check(f"{area}/by-hand/other-greetings", row, other_greetings)
    report.check(f"{area}/by-hand/replies-to-data", row, replies, by_data, 3)
    report.check(f"{area}/by-hand/replies-to-bdat", row, replies, by_bdat, 3)
    report.check(f"{area}/by-hand/no-recipient", row, no_recipient)


# smtp-sink's options, exit codes, outcome with --json.
FAILING = (
    ("lhlo-refused", ("-f", "lhlo"), (69,), "refused"),
    ("mail-refused", ("-f", "mail"), (69,), "refused"),
    ("rcpt-deferred", ("-r", "rcpt"), (75,), "deferred"),
    ("data-refused", ("-f", "data"), (69,), "refused"),
    ("message-refused", ("-f", "."), (69,), "refused"),
    ("message-deferred", ("-r", "."), (75,), "deferred"),
    ("closed-after-dot", ("-q", "."), (75,), "unknown"),
    ("quit-not-answered", ("-q", "quit"), (0,), "accepted"),
)


def _failing(report, sender, tools, area, runtime):
    def fails(name, options, codes, outcome):
        with SmtpSink(tools, os.path.join(sender.work, name), "-L", *options) as sink:
            sink.clear()
            got = sender(sink.port, RECIPIENTS, PLAIN.content, "--json").exits(*codes).json
            equal(got["outcome"], outcome, "outcome")
            equal({one["outcome"] for one in got["recipients"]}, {outcome}, "outcomes of the recipients")

    for name, *rest in FAILING:
        row = Row("smtp-sink", RECEIVES, runtime, "refusals, lost connections")
        report.check(f"{area}/smtp-sink/{name}", row, fails, name, *rest)

    def each_its_own():
        told = (b"250 2.0.0 x\r\n", b"550 5.1.1 y\r\n", b"451 4.2.0 z\r\n")
        for last, code, fourth in ((b"250 2.0.0 w\r\n", 75, "accepted"), (b"", 75, "unknown")):
            pieces = (b"220 x.example LMTP\r\n", b"250 x.example\r\n", *[b"250 ok\r\n"] * 5, b"354 go\r\n", b"",
                      b"".join(told) + last, b"221 bye\r\n")
            if not last:
                pieces = pieces[:-1]
            with Scripted(*pieces) as peer:
                four = [f"r{number}@example.net" for number in range(4)]
                got = sender(peer.port, four, b"x\r\n", "--json", "--no-pipelining").exits(code).json
            equal([one["outcome"] for one in got["recipients"]], ["accepted", "refused", "deferred", fourth],
                  "outcomes of the recipients")
            equal(got["outcome"], "partial", "outcome")

    report.check(f"{area}/scripted/each-its-own", Row("scripted peer", RECEIVES, runtime, "a reply each"), each_its_own)
