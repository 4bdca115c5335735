#!/usr/bin/env python3
"""A table of line coverage from an LCOV file, without what only tests use; for ci/coverage.sh."""

import argparse
import pathlib
import re
import sys

MACHINES = re.compile(
    r"smtp-proto/src/session/|smtp-codec/src/(server|client)/|smtp-codec/src/(machine|data|dot|line)\.rs"
)
# Lines of the machines that nothing can reach: file, line, the line before it, why. One that is reached
# after all, or is gone, is an error here.
UNREACHED = [
    (
        "smtp-codec/src/client/mod.rs",
        "_ => Event::Idle,",
        "Question::DoneFor(number) => Event::DoneFor(number, reply),",
        "the questions that are left are asked, never told: one enum serves both",
    ),
    (
        "smtp-proto/src/session/client/mod.rs",
        "_ => {}",
        "(Awaited::LoneDot | Awaited::Rset, _) => self.state = State::Ready,",
        "what is awaited was worked out from the state: no other pair comes about",
    ),
    (
        "smtp-proto/src/session/server/obey.rs",
        '_ => Err(Refusal::known(503, (5, 5, 1), "bad sequence of commands")),',
        "},",
        "the table has the application asked about no other command",
    ),
]
TESTS = re.compile(r"^#\[cfg\(test\)\]\n(?:#\[[^\n]*\]\n)*(?:pub(?:\([a-z]+\))? )?mod \w+ \{\n", re.MULTILINE)
TEST_FILES = re.compile(r"^#\[cfg\(test\)\]\n(?:#\[[^\n]*\]\n)*(?:pub(?:\([a-z]+\))? )?mod (\w+);", re.MULTILINE)


def of_tests(text):
    """The numbers of the lines that stand in a test module: from its head to a brace in column one."""
    found = set()
    for head in TESTS.finditer(text):
        first = text.count("\n", 0, head.start()) + 1
        end = text.find("\n}\n", head.end() - 1)
        last = text.count("\n", 0, end) + 2
        found.update(range(first, last + 1))
    return found


def read(lcov, root):
    """File name -> {line: count}, of lines that are not tests'."""
    counts, name = {}, None
    for entry in lcov.read_text().splitlines():
        key, _, rest = entry.partition(":")
        if key == "SF":
            name = pathlib.Path(rest).resolve().relative_to(root).as_posix()
            counts[name] = {}
        elif key == "DA":
            line, count = rest.split(",")[:2]
            counts[name][int(line)] = int(count)
    only_tests = set()
    for path in root.glob("smtp-*/src/**/*.rs"):
        for module in TEST_FILES.findall(path.read_text()):
            only_tests.add((path.parent / f"{module}.rs").relative_to(root).as_posix())
    files = {}
    for name, lines in counts.items():
        if name in only_tests:
            continue
        tests = of_tests((root / name).read_text())
        files[name] = {line: count for line, count in lines.items() if line not in tests}
    return files


def forgive(files, root):
    """Takes the lines out that nothing can reach; those entries that are not true are returned."""
    wrong = []
    for name, text, before, _ in UNREACHED:
        source = [line.strip() for line in (root / name).read_text().splitlines()]
        lines = files.get(name, {})
        places = [
            at
            for at, line in enumerate(source, 1)
            if line == text and source[at - 2] == before and lines.get(at) == 0
        ]
        if len(places) == 1:
            del lines[places[0]]
        else:
            wrong.append(f"{name}: {text}")
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("lcov", type=pathlib.Path)
    parser.add_argument("--least", action="append", default=[], metavar="GROUP=PERCENT")
    parser.add_argument("--missed", action="store_true")
    given = parser.parse_args()
    root = pathlib.Path.cwd().resolve()
    files = read(given.lcov, root)
    wrong = forgive(files, root)

    print(f"{'file':<52}{'lines':>7}{'missed':>8}{'':>3}percent")
    groups = {"smtp-proto/": [0, 0], "smtp-codec/": [0, 0], "machines": [0, 0]}

    def row(name, lines, missed):
        percent = 100 * (lines - missed) / lines if lines else 100.0
        print(f"{name:<52}{lines:>7}{missed:>8}{percent:>10.2f}")
        return percent

    for name, lines in sorted(files.items()):
        missed = sorted(line for line, count in lines.items() if count == 0)
        row(name, len(lines), len(missed))
        if given.missed and missed:
            source = (root / name).read_text().splitlines()
            for line in missed:
                print(f"    {line:>4} {source[line - 1]}")
        for group, sums in groups.items():
            if name.startswith(group) or (group == "machines" and MACHINES.match(name)):
                sums[0] += len(lines)
                sums[1] += len(missed)

    print()
    percents = {group: row(group, *sums) for group, sums in groups.items()}
    print(f"{'lines that nothing can reach, not counted':<52}{len(UNREACHED):>7}")
    for entry in wrong:
        print(f"not the only line that nothing reaches: {entry}")
    failed = bool(wrong)
    for entry in given.least:
        group, _, least = entry.partition("=")
        if percents[group] < float(least):
            print(f"{group} is below {least} %")
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
