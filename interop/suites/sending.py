"""`smtp send` delivers to foreign servers: content, envelope, every recipient's outcome, exit codes."""

import os

from harness.bodies import BODIES, HEADER, PLAIN
from harness.process import free_port
from harness.report import Row, ensure, equal, equal_bytes
from harness.sinks import Aiosmtpd, Scripted, SmtpSink, Tap
from harness.smtp import send

SENDER = "alice@example.org"
RECIPIENTS = ("bob@example.net", "carol@example.com")
MANY = tuple(f"r{i}@example.net" for i in range(1000))
DIRECTION = "receives from send"


class Sender:
    """`smtp send` with one runtime."""

    def __init__(self, smtp, runtime, work, *options):
        self.smtp, self.runtime, self.work, self.options = smtp, runtime, work, options

    def __call__(self, port, recipients, content, *options, sender=SENDER):
        """Sends content by file, or nothing by file if it is None."""
        path = None
        if content is not None:
            path = os.path.join(self.work, "message.eml")
            with open(path, "wb") as file:
                file.write(content)
        return send(self.smtp, self.runtime, port, sender, recipients, None, *self.options, *options, file=path)


def sending(report, smtp, tools, runtime, work):
    """Everything with one runtime."""
    area = f"send/{runtime}"
    if not report.wants(area):
        return
    sender = Sender(smtp, runtime, work)
    for make in (SmtpSink, Aiosmtpd):
        directory = os.path.join(work, make.name)
        sink = report.start(f"{area}/{make.name}/start", Row(make.name, DIRECTION, runtime, "start"),
                            lambda: make(tools, directory))
        if sink is not None:
            with sink:
                common(report, sender, sink, f"{area}/{sink.name}", runtime)
                if make is Aiosmtpd:
                    _refusals(report, sender, sink, f"{area}/{sink.name}", runtime)
                else:
                    _pipelining(report, sender, sink, f"{area}/{sink.name}", runtime)
    _failing_sinks(report, sender, tools, area, runtime)
    _faults(report, sender, area, runtime)


def common(report, sender, sink, area, runtime):
    def check(what, name, work, *arguments):
        def fresh():
            sink.clear()
            work(*arguments)

        report.check(f"{area}/{name}", Row(sink.name, DIRECTION, runtime, what), fresh)

    def delivers(recipients, body, *options, reverse_path=SENDER):
        sender(sink.port, recipients, body.content, *options, sender=reverse_path or "<>").exits(0).lists(recipients)
        kept = sink.one()
        equal_bytes(kept.content, body.arrives)
        equal(kept.reverse_path, reverse_path, "reverse-path")
        equal(kept.recipients, list(recipients), "recipients")
        return kept

    for body in BODIES:
        check("bodies, byte for byte", body.name, delivers, RECIPIENTS, body)
        check("bodies, not pipelined", body.name + "/no-pipelining", delivers, RECIPIENTS, body, "--no-pipelining")
    check("1000 recipients", "1000-recipients", delivers, MANY, PLAIN)
    check("1000 recipients", "1000-recipients/no-pipelining", delivers, MANY, PLAIN, "--no-pipelining")

    def null():
        delivers(RECIPIENTS, PLAIN, reverse_path="")

    check("null reverse-path", "null-reverse-path", null)
    check("quoted local parts", "quoted-local-part", delivers, ('"quoted local"@example.net',), PLAIN)

    def brackets():
        sender(sink.port, ["<bob@example.net>"], PLAIN.content, sender="<alice@example.org>").exits(0)
        kept = sink.one()
        equal((kept.reverse_path, kept.recipients), (SENDER, ["bob@example.net"]), "envelope")

    check("addresses in angle brackets", "angle-brackets", brackets)

    def standard_input(*file):
        argv = (sender.smtp, sender.runtime, sink.port, SENDER, RECIPIENTS, BODIES[1].content)
        send(*argv, *sender.options, file=file[0] if file else None).exits(0)
        equal_bytes(sink.one().content, BODIES[1].arrives)

    check("standard input", "standard-input", standard_input)
    check("standard input", "standard-input-dash", standard_input, "-")

    def json_accepted():
        outcome = sender(sink.port, RECIPIENTS, PLAIN.content, "--json").exits(0).json
        equal(outcome["outcome"], "accepted", "outcome")
        equal(outcome["tls"], None, "tls")
        equal(outcome["reply"]["code"], 250, "code of the reply")
        ensure("8BITMIME" in [one.upper().split()[0] for one in outcome["extensions"]],
               f"extensions are {outcome['extensions']}")
        equal(sorted(outcome["by_address"]), sorted(RECIPIENTS), "recipients")
        for one in outcome["recipients"]:
            equal((one["outcome"], one["stage"], one["reply"]["code"]), ("accepted", "message", 250), "recipient")

    check("--json", "json-accepted", json_accepted)

    def bare_newline(content, normal):
        sender(sink.port, RECIPIENTS, content).exits(65)
        sink.none()
        sender(sink.port, RECIPIENTS, content, "--normalise").exits(0)
        equal_bytes(sink.one().content, normal)

    for name, content, normal in (
        ("lf", HEADER.replace(b"\r\n", b"\n") + b".a\n.\nb\n", HEADER + b".a\r\n.\r\nb\r\n"),
        ("lf-dot-crlf", HEADER + b"a\n.\r\nb\r\n", HEADER + b"a\r\n.\r\nb\r\n"),
        ("cr-dot-crlf", HEADER + b"a\r.\r\nb\r\n", HEADER + b"a\r\n.\r\nb\r\n"),
        ("cr-at-end", HEADER + b"a\r", HEADER + b"a\r\n"),
        ("lf-late", HEADER + b"line\r\n" * 50_000 + b"a\nb\r\n", HEADER + b"line\r\n" * 50_000 + b"a\r\nb\r\n"),
    ):
        check("bare newlines: exit 65, and --normalise", f"bare-newline/{name}", bare_newline, content, normal)

    def unsendable(address):
        sender(sink.port, [address], PLAIN.content).exits(64, 65)
        sink.none()

    for name, address in (("space", "a b@example.net"), ("newline", "x@example.net>\r\nRCPT TO:<y@example.net"),
                          ("parameter", "x@example.net> NOTIFY=NEVER"), ("empty", "")):
        check("addresses that cannot be sent", f"unsendable/{name}", unsendable, address)


def _refusals(report, sender, sink, area, runtime):
    def check(name, what, work):
        def fresh():
            sink.clear()
            work()

        report.check(f"{area}/{name}", Row(sink.name, DIRECTION, runtime, what), fresh)

    def outcome_of(recipients, code, reverse_path=SENDER, **want):
        """want: recipient's first word = (outcome, stage, code)."""
        for options in ((), ("--no-pipelining",)):
            sender(sink.port, recipients, PLAIN.content, *options, sender=reverse_path).exits(code).lists(recipients)
            accepted = [one for one in recipients if want[one.split("-")[0].split("@")[0]][0] == "accepted"]
            if accepted:
                kept = sink.one()
                equal(kept.recipients, accepted, "recipients that the server has")
                equal_bytes(kept.content, PLAIN.content)
            else:
                sink.none()
            outcome = sender(sink.port, recipients, PLAIN.content, "--json", *options, sender=reverse_path).exits(code)
            sink.clear()
            outcome = outcome.json
            equal([one["address"].strip("<>") for one in outcome["recipients"]], list(recipients), "recipients")
            for address, one in outcome["by_address"].items():
                got = (one["outcome"], one["stage"], one["reply"]["code"])
                equal(got, want[address.split("-")[0].split("@")[0]], f"outcome of {address}")
        return outcome

    accepted, refused, deferred = ("accepted", "message", 250), ("refused", "rcpt", 550), ("deferred", "rcpt", 450)

    def partly_refused():
        outcome = outcome_of(("bob@example.net", "refuse-1@example.net", "carol@example.com"), 69,
                             bob=accepted, refuse=refused, carol=accepted)
        equal(outcome["outcome"], "partial", "outcome")
        reply = outcome["by_address"]["refuse-1@example.net"]["reply"]
        equal((reply["enhanced"], "No such mailbox" in reply["text"]), ("5.1.1", True), "the refused recipient's reply")

    def partly_deferred():
        outcome = outcome_of(("defer-1@example.net", "bob@example.net", "refuse-1@example.net"), 75,
                             bob=accepted, refuse=refused, defer=deferred)
        equal(outcome["outcome"], "partial", "outcome")

    def all_refused():
        outcome = outcome_of(("refuse-1@example.net", "refuse-2@example.net"), 69, refuse=refused)
        equal(outcome["outcome"], "refused", "outcome")

    def all_deferred():
        outcome = outcome_of(("defer-1@example.net", "defer-2@example.net"), 75, defer=deferred)
        equal(outcome["outcome"], "deferred", "outcome")

    def message_refused():
        outcome = outcome_of(("bob@example.net",), 69, "refuse-message@example.org", bob=("refused", "message", 554))
        equal(outcome["outcome"], "refused", "outcome")
        equal(outcome["reply"]["code"], 554, "code of the reply")

    def message_deferred():
        outcome = outcome_of(("bob@example.net",), 75, "defer-message@example.org", bob=("deferred", "message", 451))
        equal(outcome["outcome"], "deferred", "outcome")

    def every_other_of_1000():
        mixed = tuple(("refuse-" if i % 2 else "ok-") + one for i, one in enumerate(MANY))
        outcome_of(mixed, 69, ok=accepted, refuse=refused)

    for work in (partly_refused, partly_deferred, all_refused, all_deferred, message_refused, message_deferred,
                 every_other_of_1000):
        check(work.__name__.replace("_", "-"), "refusals by recipient", work)

    def smtputf8():
        addresses = ("猫@例え.example", "bob@example.net")
        sender(sink.port, addresses, BODIES[1].content, "--smtputf8", sender="жук@пример.example").exits(0)
        kept = sink.one()
        equal((kept.reverse_path, kept.recipients), ("жук@пример.example", list(addresses)), "envelope")
        ensure(kept.fields["smtp_utf8"], "SMTPUTF8 was not said with MAIL")
        equal_bytes(kept.content, BODIES[1].arrives)

    check("smtputf8", "SMTPUTF8 addresses", smtputf8)

    def eight_bit_mime():
        sender(sink.port, RECIPIENTS, BODIES[1].content, "--body", "8bitmime", "--hello", "client.example").exits(0)
        kept = sink.one()
        ensure("BODY=8BITMIME" in kept.fields["mail_options"], f"options of MAIL: {kept.fields['mail_options']}")
        equal(kept.fields["hello"], "client.example", "name in EHLO")

    check("8bitmime", "BODY=8BITMIME", eight_bit_mime)


def _pipelining(report, sender, sink, area, runtime):
    def ahead(*options):
        sink.clear()
        with Tap(sink.port) as tap:
            sender(tap.port, MANY[:20], PLAIN.content, *options).exits(0)
            equal(sink.one().recipients, list(MANY[:20]), "recipients")
            return tap.most_commands_ahead()

    def pipelined():
        most = ahead()
        ensure(most >= 5, f"at most {most} commands were sent ahead of their replies")

    def not_pipelined():
        equal(ahead("--no-pipelining"), 1, "most commands unanswered at once")

    def dsn():
        sink.clear()
        options = ("--notify", "success,failure", "--ret", "hdrs", "--envid", "QQ314159")
        sender(sink.port, ("bob@example.net",), PLAIN.content, *options).exits(0)
        fields = sink.one().fields
        mail, rcpt = fields["X-Mail-Args"][0].upper(), fields["X-Rcpt-Args"][0].upper()
        ensure(" RET=HDRS" in mail and " ENVID=QQ314159" in mail, f"MAIL {mail}")
        ensure(" NOTIFY=SUCCESS,FAILURE" in rcpt, f"RCPT {rcpt}")

    for work, what in ((pipelined, "commands ahead of replies"), (not_pipelined, "--no-pipelining"),
                       (dsn, "DSN parameters")):
        report.check(f"{area}/{work.__name__.replace('_', '-')}", Row(sink.name, DIRECTION, runtime, what), work)


# smtp-sink's options, options of send, exit codes, outcome with --json, whether the message must be there.
FAILING = (
    ("greeting-refused", ("-f", "connect"), (), (69,), "refused"),
    ("greeting-deferred", ("-r", "connect"), (), (75,), "deferred"),
    ("mail-refused", ("-f", "mail"), (), (69,), "refused"),
    ("mail-deferred", ("-r", "mail"), (), (75,), "deferred"),
    ("rcpt-refused", ("-f", "rcpt"), (), (69,), "refused"),
    ("rcpt-deferred", ("-r", "rcpt"), (), (75,), "deferred"),
    ("data-refused", ("-f", "data"), (), (69,), "refused"),
    ("data-deferred", ("-r", "data"), (), (75,), "deferred"),
    ("message-refused", ("-f", "."), (), (69,), "refused"),
    ("message-deferred", ("-r", "."), (), (75,), "deferred"),
    ("closed-after-mail", ("-q", "mail"), (), (75,), None),
    ("closed-after-data", ("-q", "data"), (), (75,), None),
    ("closed-after-dot", ("-q", "."), (), (75,), "unknown"),
    ("421-after-rcpt", ("-Q", "rcpt"), (), (75,), None),
    ("quit-not-answered", ("-q", "quit"), (), (0,), "accepted"),
    ("ehlo-refused", ("-f", "ehlo"), (), (0,), "accepted"),
    ("no-esmtp", ("-e",), (), (0,), "accepted"),
    ("no-pipelining", ("-p",), (), (0,), "accepted"),
    ("no-8bitmime", ("-8",), ("--body", "8bitmime"), (65,), None),
)


def _failing_sinks(report, sender, tools, area, runtime):
    def fails(name, sink_options, options, codes, outcome):
        with SmtpSink(tools, os.path.join(sender.work, name), *sink_options) as sink:
            sink.clear()
            body = BODIES[1] if options else PLAIN
            sent = sender(sink.port, RECIPIENTS, body.content, "--json", *options).exits(*codes)
            if outcome is not None:
                got = sent.json
                equal(got["outcome"], outcome, "outcome")
                equal({one["outcome"] for one in got["recipients"]}, {outcome}, "outcomes of the recipients")
            if outcome == "accepted":
                equal_bytes(sink.one().content, body.arrives)
            sink.clear()
            sender(sink.port, RECIPIENTS, body.content, *options).exits(*codes)

    for name, *rest in FAILING:
        row = Row("smtp-sink", DIRECTION, runtime, "refusals, lost connections, missing extensions")
        report.check(f"{area}/smtp-sink/{name}", row, fails, name, *rest)


def _faults(report, sender, area, runtime):
    """What needs no foreign server: nobody there, no file, bad usage, a peer that breaks the protocol."""
    row = Row("scripted peer", DIRECTION, runtime, "exit codes for faults")

    def nobody_there():
        sender(free_port(), RECIPIENTS, PLAIN.content).exits(75)

    def no_such_file():
        path = os.path.join(sender.work, "no such file")
        send(sender.smtp, sender.runtime, free_port(), SENDER, RECIPIENTS, None, file=path).exits(74)

    def usage():
        sender(free_port(), RECIPIENTS, PLAIN.content, "--no-such-option").exits(64)
        sender(free_port(), (), PLAIN.content).exits(64)

    def no_smtputf8():
        with Scripted(b"220 x.example ESMTP\r\n", b"250-x.example\r\n250 8BITMIME\r\n", b"221 2.0.0 Bye\r\n") as peer:
            sender(peer.port, ("猫@example.net",), PLAIN.content, "--smtputf8").exits(65)

    def broken(*pieces):
        with Scripted(*pieces) as peer:
            sender(peer.port, RECIPIENTS, PLAIN.content).exits(76)

    report.check(f"{area}/faults/nobody-there", row, nobody_there)
    report.check(f"{area}/faults/no-such-file", row, no_such_file)
    report.check(f"{area}/faults/usage", row, usage)
    report.check(f"{area}/faults/no-smtputf8", row, no_smtputf8)
    greeting = b"220 x.example ESMTP\r\n"
    for name, pieces in (
        ("no-smtp", (b"SSH-2.0-OpenSSH_9.2\r\n",)),
        ("codes-differ", (greeting, b"250-x.example\r\n550 8BITMIME\r\n", b"")),
        ("wrong-class", (greeting, b"354 go\r\n", b"")),
        ("number-too-long", (greeting, b"2500 ok\r\n", b"")),
        ("endless-reply", (greeting, b"250-x.example\r\n" * 100_000, b"")),
    ):
        report.check(f"{area}/faults/{name}", row, broken, *pieces)
