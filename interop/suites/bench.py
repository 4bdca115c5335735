"""`smtp bench` loads Postfix's smtp-sink: what it counts is what arrived."""

import json
import os

from harness.process import run
from harness.report import Failed, Row, ensure, equal
from harness.sinks import SmtpSink

DIRECTION = "receives from bench"
MESSAGES = 200

# smtp-sink's options, exit code, where the messages go, what the failures say.
FAILING = (
    ("message-refused", ("-f", "."), 69, "refused", "5"),
    ("mail-deferred", ("-r", "mail"), 75, "deferred", "4"),
    ("closed-after-dot", ("-q", "."), 75, "unknown", "the server closed the connection"),
)


def bench(report, smtp, tools, runtime, work):
    """Both protocols with one runtime."""
    area = f"bench/{runtime}"
    if not report.wants(area):
        return
    for protocol, sink_options, options in (("smtp", (), ()), ("lmtp", ("-L",), ("--lmtp",))):
        directory = os.path.join(work, protocol)
        row = Row("smtp-sink", DIRECTION, runtime, "start")
        sink = report.start(f"{area}/{protocol}/start", row, lambda: SmtpSink(tools, directory, *sink_options))
        if sink is None:
            continue
        with sink:
            row = Row("smtp-sink", DIRECTION, runtime, f"{MESSAGES} messages by {protocol.upper()}")
            for name, more in (
                ("reused", ()),
                ("one-per-connection", ("--one-per-connection",)),
                ("no-pipelining", ("--no-pipelining", "--recipients", "3", "--size", "100000")),
            ):
                report.check(f"{area}/{protocol}/{name}", row, _arrives, smtp, runtime, sink, *options, *more)
    for name, sink_options, code, key, reason in FAILING:
        row = Row("smtp-sink", DIRECTION, runtime, "refusals, lost connections")
        report.check(f"{area}/{name}", row, _fails, smtp, tools, runtime, os.path.join(work, name),
                     sink_options, code, key, reason)


def _bench(smtp, runtime, port, messages, *options):
    argv = [smtp, "bench", "--server", f"127.0.0.1:{port}", "--runtime", runtime, "--json",
            "--messages", str(messages), "--connections", "5", *options]
    code, out, err = run(argv, 60)
    try:
        return code, json.loads(out)
    except ValueError:
        raise Failed(f"no JSON but {out!r} and {err!r}") from None


def _arrives(smtp, runtime, sink, *options):
    sink.clear()
    code, told = _bench(smtp, runtime, sink.port, MESSAGES, *options)
    equal(code, 0, "exit code")
    equal([told["messages"], told["accepted"], told["failures"]], [MESSAGES, MESSAGES, []], "what is told")
    equal(told["connections"], MESSAGES if "--one-per-connection" in options else 5, "connections")
    kept = sink.take()
    equal(len(kept), MESSAGES, "messages that arrived")
    equal({len(message.content) for message in kept}, {told["size"]}, "their sizes")
    equal({len(message.recipients) for message in kept}, {told["recipients"]}, "their recipients")
    answers = told["recipients"] if "--lmtp" in options else 1
    for name, count in (("mail", 1), ("rcpt", told["recipients"]), ("data", 1), ("message", answers)):
        equal(told["latency_us"][name]["count"], MESSAGES * count, f"times of {name}")


def _fails(smtp, tools, runtime, directory, sink_options, code, key, reason):
    with SmtpSink(tools, directory, *sink_options) as sink:
        got, told = _bench(smtp, runtime, sink.port, 20)
    equal(got, code, "exit code")
    equal(told["accepted"], 0, "accepted")
    ensure(told[key] == told["messages"] > 0, f"not all are {key}: {told}")
    equal(sum(failure["count"] for failure in told["failures"]), told["messages"], "failures")
    for failure in told["failures"]:
        ensure((failure.get("reply") or failure.get("error")).startswith(reason), f"{failure} is not {reason}")
