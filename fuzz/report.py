#!/usr/bin/env python3
"""report.py LOG: writes what LOG tells of each fuzz target into docs/fuzzing.md, between its markers.

LOG has a line of JSON for each run: t (target), cpu (seconds), n (executions), cov (edges covered in the
end), rc (exit status). run.sh writes one with LOG=FILE."""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "fuzzing.md"
BEGIN, END = "<!-- report.py: begin -->", "<!-- report.py: end -->"
# What libFuzzer exits with when somebody stops it: nothing was found.
INTERRUPTED = 72


def edges(cov):
    """One number, or a list of them, the last being the one in the end."""
    if isinstance(cov, list):
        cov = cov[-1] if cov else 0
    return int(cov)


def table(lines):
    targets = {path.stem: [0.0, 0, 0, 0] for path in sorted((HERE / "targets").glob("*.rs"))}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            run = json.loads(line)
            row = targets[run["t"]]
            row[0] += run["cpu"]
            row[1] += run["n"]
            row[2] = max(row[2], edges(run["cov"]))
            row[3] += run["rc"] not in (0, INTERRUPTED)
        except (ValueError, KeyError, TypeError) as error:
            sys.exit(f"line {number} tells of no run of a target that is here: {error!r}")
    rows = ["| target | CPU-minutes | executions | edges | runs that ended in a finding |", "|---|---:|---:|---:|---:|"]
    for name, (cpu, executed, covered, found) in targets.items():
        rows.append(f"| `{name}` | {cpu / 60:.1f} | {executed:,} | {covered:,} | {found} |")
    cpu, executed, found = (sum(row[column] for row in targets.values()) for column in (0, 1, 3))
    rows.append(f"| all | {cpu / 60:.1f} | {executed:,} | | {found} |")
    return "\n".join(rows)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with open(sys.argv[1], encoding="utf-8") as log:
        report = table(log)
    before, found, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, closed, after = rest.partition(END)
    if not (found and closed):
        sys.exit(f"{PAGE} lacks its markers")
    PAGE.write_text(f"{before}{BEGIN}\n\n{report}\n\n{END}{after}", encoding="utf-8")
    print(report)


main()
