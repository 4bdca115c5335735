#!/usr/bin/env python3
"""Tests the `smtp` command against software of other people, on every runtime.

usage: interop/run.py --smtp PATH --tools DIR [--runtimes tokio,async-std,smol,std] [--only NAME] [--table FILE]
DIR is what interop/install.sh filled. One line a check, then `N passed, N failed`; exit code 1 on failures.
"""

import argparse
import os
import signal
import sys
import tempfile
import time

from harness.pki import Pki
from harness.report import Failed, Report
from harness.tools import Tools
from suites.bench import bench
from suites.chunking import chunking
from suites.hostile import hostile
from suites.kill import kill
from suites.lmtp import lmtp
from suites.receiving import receive
from suites.relaying import relaying
from suites.secure import secure
from suites.secure_send import secure_send
from suites.sending import sending
from suites.smuggling import modes
from suites.stores import stores

RUNTIMES = "tokio,async-std,smol,std"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--smtp", required=True, help="the smtp binary")
    parser.add_argument("--tools", required=True, help="directory filled by interop/install.sh")
    parser.add_argument("--runtimes", default=RUNTIMES, help=f"comma-separated (default: {RUNTIMES})")
    parser.add_argument("--only", help="run only checks whose name contains this, such as receive/tokio/swaks")
    parser.add_argument("--table", help="write a markdown table of the results to this file")
    parser.add_argument("--limit", type=float, default=1500, help="seconds for everything (default: 1500)")
    return parser.parse_args()


def main():
    options = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    started = time.monotonic()
    smtp = os.path.abspath(options.smtp)
    if not os.access(smtp, os.X_OK):
        print(f"{smtp} is not a program", file=sys.stderr)
        return 64
    try:
        tools = Tools(options.tools)
    except Failed as error:
        print(error, file=sys.stderr)
        return 64
    runtimes = [name for name in options.runtimes.split(",") if name]
    report = Report(options.only, options.limit)
    with tempfile.TemporaryDirectory(prefix="interop.") as top:
        pki = Pki(os.path.join(top, "pki"))
        for runtime in runtimes:
            for suite in (receive, sending, lmtp, bench, secure, chunking, hostile):
                work = os.path.join(top, runtime, suite.__name__)
                os.makedirs(work)
                begun = time.monotonic()
                if suite in (chunking, hostile):
                    suite(report, smtp, runtime, work)
                elif suite is secure:
                    suite(report, smtp, tools, pki, runtime, work, runtime == runtimes[0])
                else:
                    suite(report, smtp, tools, runtime, work)
                print(f"# {suite.__name__} {runtime}: {time.monotonic() - begun:.1f} s", flush=True)
        work = os.path.join(top, "once")
        os.makedirs(work)
        os.chmod(top, 0o755)
        os.chmod(work, 0o755)
        secure_send(report, smtp, tools, pki, runtimes, work)
        relaying(report, smtp, tools, pki, runtimes, work)
        stores(report, smtp, tools, runtimes[0], work)
        modes(report, smtp, runtimes[0], work)
        kill(report, smtp, runtimes, work)
    if options.table:
        with open(options.table, "w", encoding="utf-8") as file:
            file.write(report.table(tools.versions))
    print(f"# {time.monotonic() - started:.0f} s in all", flush=True)
    return report.close()


if __name__ == "__main__":
    sys.exit(main())
