#!/usr/bin/env python3
"""Runs `smtp conform` against `smtp serve` on every runtime, and, if asked, against servers of other people.

usage: interop/conform.py --smtp PATH [--runtimes tokio,async-std,smol,std]
       interop/conform.py --smtp PATH --tools DIR --foreign all [--reports DIR] [--table FILE]

One line a server. Our own must come out without a failure and without a risk: exit code 1 if one does not. What is found
in the servers of other people is told, and decides nothing; DIR is what interop/install.sh filled, --reports keeps the
full report of each, --table writes what docs/conformance.md shows.
"""

import argparse
import contextlib
import json
import os
import sys
import tempfile
import time

from harness.process import run
from harness.report import Failed
from harness.smtp import serve

RUNTIMES = "tokio,async-std,smol,std"
USER, PASSWORD = "alice@example.org", "tiger tiger"
VERDICTS = ("pass", "fail", "risky", "not_offered")


def conform(smtp, *options, limit=900):
    """What the suite finds, as its JSON object."""
    argv = [smtp, "conform", "--json", "--user", USER, "--password-env", "CONFORM_PASSWORD", *options]
    code, out, err = run(argv, limit, env=os.environ | {"CONFORM_PASSWORD": PASSWORD})
    if code not in (0, 69, 75) or not out:
        raise Failed(f"exit code {code}: {err.decode('utf-8', 'replace').strip()}")
    found = json.loads(out)
    found["stopped"] = code == 75
    return found


def tell(name, found, seconds):
    counts = found["summary"]
    words = ", ".join(f"{counts[verdict]} {verdict.replace('_', ' ')}" for verdict in VERDICTS)
    end = f"; stopped: {found['error']}" if found["stopped"] else ""
    print(f"{name}: {counts['checks']} checks: {words}{end} ({seconds:.0f} s)", flush=True)


def bad(found):
    return [check for check in found["checks"] if check["verdict"] in ("fail", "risky")]


def explain(check):
    print(f"  {check['verdict'].upper()} {check['id']}: {check['demand']}: {check['found']}")
    for said in check["dialogue"][-8:]:
        print(f"    {said['who']}: {said['text']}")


def ours(smtp, runtimes, work):
    """Every configuration of ours, on every runtime; how many are not as they must be."""
    users = os.path.join(work, "users")
    with open(users, "w", encoding="utf-8") as file:
        file.write(f"{USER}:{PASSWORD}\n")
    full = ("--tls-self-signed", "--users", users)
    # Whatever else the machine does: nothing here waits for the time to be over unless something is wrong.
    recipient = ("--to", "bob@example.net", "--timeout", "60")
    wrong = 0
    for runtime in runtimes:
        for kind, options, more in (
            ("TLS and AUTH", full, ()),
            ("plain AUTH", ("--users", users, "--allow-plaintext-auth"), ()),
            ("nothing more", (), ("--floods", "4")),
            ("LMTP", ("--lmtp", *full), ("--lmtp",)),
        ):
            with serve(smtp, runtime, "--discard", *options) as server:
                wrong += one(smtp, f"smtp serve, {runtime}, {kind}", f"127.0.0.1:{server.port}", *recipient, *more)
        command = f"{smtp} serve --stdio --discard --log off --runtime {runtime}"
        wrong += one(smtp, f"smtp serve --stdio, {runtime}", "--stdio", command, *recipient)
    return wrong


def one(smtp, name, *options):
    """Whether it is not as it must be."""
    started = time.monotonic()
    try:
        found = conform(smtp, *options)
    except Failed as error:
        print(f"{name}: {error}", flush=True)
        return True
    tell(name, found, time.monotonic() - started)
    for check in bad(found):
        explain(check)
    return bool(bad(found)) or found["stopped"]


def foreign(smtp, tools, wanted, work):
    """(name, version, what was found) of each server of other people."""
    from harness.dovecot import Dovecot
    from harness.exim import Exim
    from harness.mtas import STARTTLS, Aiosmtpd, SmtpServer
    from harness.opensmtpd import OpenSmtpd
    from harness.pki import Pki
    from harness.postfix import Postfix

    class Normalising(Postfix):
        """The same with what its authors advise against smuggling, which this version does not do by itself."""

        name = "Postfix (normalize)"

        def write(self, name, text, mode=0o644):
            if name == "main.cf":
                # Its own networks are excepted unless it is told otherwise.
                text += "smtpd_forbid_bare_newline = normalize\nsmtpd_forbid_bare_newline_exclusions =\n"
            return super().write(name, text, mode)

    pki = Pki(os.path.join(work, "pki"))
    with contextlib.ExitStack() as stack:
        dovecot = stack.enter_context(Dovecot(tools, pki, work))
        for make in (Postfix, Normalising, Exim, OpenSmtpd, SmtpServer, Aiosmtpd, Dovecot):
            if wanted != ["all"] and make.name not in wanted:
                continue
            server = dovecot
            if make is not Dovecot:
                server = make(tools, pki, work, dovecot) if issubclass(make, Postfix) else make(tools, pki, work)
                try:
                    stack.enter_context(server)
                except Failed as error:
                    print(f"{make.name}: {error}", flush=True)
                    continue
            options = [f"127.0.0.1:{server.ports[STARTTLS]}", "--to", server.recipients[0], "--timeout", "10"]
            if server.lmtp:
                options.append("--lmtp")
            started = time.monotonic()
            try:
                found = conform(smtp, *options, limit=3000)
            except Failed as error:
                print(f"{make.name}: {error}", flush=True)
                continue
            version = tools.versions[make.name.partition(" (")[0]]
            tell(f"{make.name} {version}", found, time.monotonic() - started)
            yield make.name, version, found


def table(rows):
    """What was found as markdown: the totals, and each group's share."""
    lines = ["| server | version | checks | pass | fail | risky | not offered |", "|---|---|--:|--:|--:|--:|--:|"]
    for name, version, found in rows:
        counts = found["summary"]
        cells = [str(counts[key]) for key in ("checks", *VERDICTS)]
        lines.append(f"| {name} | {version} | " + " | ".join(cells) + " |")
    lines += ["", "Fail and risky by group (`fail + risky`; `-`: nothing of it is offered):", ""]
    groups = []
    for _, _, found in rows:
        for group in found["summary"]["groups"]:
            if (group["group"], group["title"]) not in groups:
                groups.append((group["group"], group["title"]))
    lines.append("| group | " + " | ".join(name for name, _, _ in rows) + " |")
    lines.append("|---|" + "--:|" * len(rows))
    for name, title in groups:
        cells = [cell(found, name) for _, _, found in rows]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def cell(found, name):
    for group in found["summary"]["groups"]:
        if group["group"] == name:
            if group["checks"] == group["not_offered"]:
                return "-"
            return f"{group['fail']} + {group['risky']}" if group["fail"] + group["risky"] else "0"
    return "-"


def failures(rows):
    """What failed, each with who failed it."""
    seen = {}
    for name, _, found in rows:
        for check in found["checks"]:
            if check["verdict"] == "fail":
                seen.setdefault((check["id"], check["demand"]), []).append(name)
    lines = ["| check | demanded | failed by |", "|---|---|---|"]
    lines += [f"| `{id}` | {demand} | {', '.join(names)} |" for (id, demand), names in seen.items()]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smtp", required=True, help="the smtp binary")
    parser.add_argument("--runtimes", default=RUNTIMES, help=f"comma-separated (default: {RUNTIMES})")
    parser.add_argument("--tools", help="directory filled by interop/install.sh")
    parser.add_argument("--foreign", help="comma-separated names of servers of other people, or all")
    parser.add_argument("--reports", help="directory for the JSON of each server")
    parser.add_argument("--table", help="write markdown tables to this file")
    options = parser.parse_args()
    smtp = os.path.abspath(options.smtp)
    with tempfile.TemporaryDirectory(prefix="conform.") as work:
        os.chmod(work, 0o755)
        wrong = ours(smtp, [name for name in options.runtimes.split(",") if name], work)
        if not options.foreign:
            return 1 if wrong else 0
        from harness.tools import Tools

        users = os.path.join(work, "users")
        with serve(smtp, "tokio", "--discard", "--tls-self-signed", "--users", users) as server:
            found = conform(smtp, f"127.0.0.1:{server.port}", "--to", "bob@example.net")
        version = run([smtp, "--version"], 20)[1].decode().split()[-1]
        rows = [("smtp serve", version, found)]
        for row in foreign(smtp, Tools(options.tools), options.foreign.split(","), work):
            rows.append(row)
            if options.reports:
                os.makedirs(options.reports, exist_ok=True)
                with open(os.path.join(options.reports, f"{row[0]}.json"), "w", encoding="utf-8") as file:
                    json.dump(row[2], file, indent=1)
        if options.table:
            with open(options.table, "w", encoding="utf-8") as file:
                file.write(table(rows) + "\n" + failures(rows))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
