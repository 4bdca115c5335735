"""What was checked and how it went: one line a check, totals, and a markdown table."""

import time
from dataclasses import dataclass

SUITES = ("receive", "send", "lmtp", "bench", "secure", "secure-send", "relay", "chunking", "hostile", "stores", "kill")


class Failed(Exception):
    """A check found something that is not as it must be."""


@dataclass(frozen=True)
class Row:
    """Where a check counts in the table."""

    peer: str
    direction: str
    runtime: str
    exchanged: str


class Report:
    """Runs checks and remembers their results."""

    def __init__(self, only=None, limit=480.0):
        self.only = only
        self.deadline = time.monotonic() + limit
        self.passed = 0
        self.failed = 0
        self.rows = {}

    def wants(self, area):
        """Whether any check whose name begins with this area may be asked for; spares its servers if not."""
        if self.only is None or self.only.split("/")[0] not in SUITES:
            return True
        return area.startswith(self.only) or self.only.startswith(area)

    def check(self, name, row, work, *arguments):
        """Runs `work(*arguments)`; any exception is a failure. Returns whether it passed."""
        if self.only is not None and self.only not in name:
            return True
        begun = time.monotonic()
        try:
            if time.monotonic() > self.deadline:
                raise Failed("not run: the time for all checks is over")
            work(*arguments)
        except Exception as error:  # whatever goes wrong in a check is that check's failure
            why = str(error) if isinstance(error, Failed) else f"{type(error).__name__}: {error}"
            print(f"FAIL {name}: {' '.join(why.split())[:600]}", flush=True)
            self.failed += 1
            passed = False
        else:
            took = time.monotonic() - begun
            print(f"ok {name}" + (f" ({took:.1f} s)" if took >= 1 else ""), flush=True)
            self.passed += 1
            passed = True
        good, total = self.rows.get(row, (0, 0))
        self.rows[row] = (good + passed, total + 1)
        return passed

    def start(self, name, row, make):
        """Makes what other checks need, whichever of them were asked for; None, and a failure, if that goes wrong."""
        made, wrong = None, None
        try:
            made = make()
        except Exception as error:  # told below, as a check of its own
            wrong = error

        def tell():
            if wrong is not None:
                raise wrong

        only, self.only = self.only, None if wrong is not None else self.only
        self.check(name, row, tell)
        self.only = only
        return made

    def close(self):
        """Prints the totals and returns the exit code."""
        print(f"{self.passed} passed, {self.failed} failed", flush=True)
        return 1 if self.failed or not self.passed else 0

    def table(self, versions):
        """The results as a markdown page; checks of one kind are added up, and so are runtimes."""
        merged = {}
        for row, (good, total) in self.rows.items():
            runtimes, sums = merged.setdefault((row.peer, row.direction, row.exchanged), ([], [0, 0]))
            if row.runtime and row.runtime not in runtimes:
                runtimes.append(row.runtime)
            sums[0] += good
            sums[1] += total
        lines = ["# What was exchanged with whom", "",
                 f"Written by `interop/run.py --table` on {time.strftime('%Y-%m-%d', time.gmtime())}: "
                 f"{self.passed} checks passed, {self.failed} failed. `all` is all runtimes in turn within one check.", "",
                 "| peer | version | direction | what was exchanged | runtimes | checks passed |",
                 "|---|---|---|---|---|---|"]
        for (peer, direction, exchanged), (runtimes, (good, total)) in sorted(merged.items(), key=lambda item: item[0]):
            result = f"{good} of {total}" + ("" if good == total else " **FAILED**")
            cells = (peer, versions.get(peer, ""), direction, exchanged, ", ".join(runtimes), result)
            lines.append("| " + " | ".join(cells) + " |")
        return "\n".join(lines) + "\n"


def equal_bytes(got, want, what="content"):
    """Fails with the first difference unless `got` is `want`, byte for byte."""
    if got == want:
        return
    at = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
    raise Failed(
        f"{what} differs at byte {at}: {len(got)} bytes {got[max(0, at - 8):at + 24]!r} "
        f"instead of {len(want)} bytes {want[max(0, at - 8):at + 24]!r}"
    )


def same_messages(got, want):
    """Fails unless the contents that arrived are those that were sent, each once."""
    lost, more = set(want) - set(got), set(got) - set(want)
    if lost or more or len(got) != len(want):
        raise Failed(f"{len(lost)} of {len(want)} lost or changed, {len(more)} unexpected, {len(got)} in all; "
                     f"{sorted(more)[:1]!r}"[:400])


def equal(got, want, what):
    """Fails unless the two are equal."""
    if got != want:
        raise Failed(f"{what} is {got!r} instead of {want!r}"[:500])


def ensure(condition, why):
    """Fails with `why` unless the condition holds."""
    if not condition:
        raise Failed(why)
