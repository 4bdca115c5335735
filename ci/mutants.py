#!/usr/bin/env python3
"""Tries mutants of smtp-proto and smtp-codec in one copy of the tree; for ci/mutants.sh, which see.

cargo-mutants makes the list. It would build everything and run all tests for each: a minute. Here one
copy is built over and over, all integration tests of a crate are one program, the crate's own tests come
first, then files of tests that caught a mutant of the same file, then the quick ones; the first test that
fails ends it.
"""

import argparse
import collections
import json
import math
import os
import pathlib
import random
import re
import resource
import signal
import subprocess
import sys
import threading
import time

CRATES = ["smtp-proto", "smtp-codec"]
# What each is built with: all of its features.
FEATURES = {"smtp-proto": ["--no-default-features", "--features", "alloc,serde"], "smtp-codec": ["--all-features"]}
MEMORY = 4 << 30
BUILD_SECONDS = 600


class TimedOut(Exception):
    pass


def arguments():
    parser = argparse.ArgumentParser(description="see ci/mutants.sh")
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--sample", type=int, metavar="N", help="N of each crate, at random")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--missed", action="store_true", help="those that the last run missed")
    parser.add_argument("-f", "--file", action="append", default=[], metavar="GLOB")
    parser.add_argument("-F", "--re", default="", metavar="REGEX", help="those whose name matches")
    parser.add_argument("shard", nargs="?", metavar="K/N", help="each Nth, from the Kth on")
    return parser.parse_args()


def listed(files):
    """What cargo-mutants would change, but for what .cargo/mutants.toml excludes."""
    command = ["cargo", "mutants", "--list", "--json", *(it for crate in CRATES for it in ("-p", crate))]
    command += [it for file in files for it in ("-f", file)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def chosen(options, last):
    found = [it for it in listed(options.file) if re.search(options.re, it["name"])]
    if options.missed:
        missed = {line.split("\t")[1] for line in last.read_text().splitlines() if line.startswith("missed\t")}
        found = [it for it in found if it["name"] in missed]
    if options.shard:
        k, n = map(int, options.shard.split("/"))
        found = found[k::n]
    if options.sample is not None:
        groups = [[it for it in found if it["package"] == crate] for crate in CRATES]
        pick = random.Random(options.seed)
        found = [it for group in groups for it in pick.sample(group, min(options.sample, len(group)))]
        # A run that is cut short is a sample as well.
        pick.shuffle(found)
    return found


def copy(tree):
    """The tree as it is, and in each crate one program of all its integration tests."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")
    wanted = {name for name in names if os.path.isfile(name)}
    for name in wanted:
        put(tree / name, pathlib.Path(name).read_bytes())
    for crate in CRATES:
        tests = sorted((pathlib.Path(crate) / "tests").glob("*.rs"))
        every = "".join(f'#[path = "{test.name}"]\nmod {test.stem};\n' for test in tests)
        put(tree / crate / "tests/every.rs", every.encode())
        wanted.add(f"{crate}/tests/every.rs")
    for left in tree.rglob("*"):
        if left.is_file() and str(left.relative_to(tree)) not in wanted:
            left.unlink()


def put(file, content):
    """Writes only what differs, so that the rest is not built again."""
    if not file.exists() or file.read_bytes() != content:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)


def changed(text, mutant):
    """The text with the part that the mutant spans replaced; lines and columns count from one."""
    lines = text.splitlines(keepends=True)

    def at(place):
        return sum(map(len, lines[: place["line"] - 1])) + place["column"] - 1

    start, end = at(mutant["span"]["start"]), at(mutant["span"]["end"])
    return f"{text[:start]}{mutant['replacement']} /* changed */ {text[end:]}"


class Runner:
    def __init__(self, work):
        self.tree, self.target = work / "tree", work / "target"
        # How long each file of tests takes, and how many mutants of a file of the source it caught.
        self.seconds, self.caught = {}, collections.Counter()
        self.environment = dict(
            os.environ,
            CARGO_TARGET_DIR=str(self.target),
            RUSTFLAGS="--cap-lints=allow",
            PROPTEST_DISABLE_FAILURE_PERSISTENCE="1",
            PROPTEST_MAX_SHRINK_ITERS="1",
            RUST_BACKTRACE="0",
        )

    def start(self, command, directory, seconds):
        """Runs it in a group of its own, of limited memory; yields its lines, ends it when time is up."""
        def limit():
            os.setsid()
            if command[0] != "cargo":
                resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))

        process = subprocess.Popen(
            command, cwd=directory, env=self.environment, text=True, errors="replace",
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, preexec_fn=limit,
        )
        late = threading.Event()

        def end():
            late.set()
            os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(seconds, end)
        timer.start()
        try:
            yield from process.stdout
        finally:
            timer.cancel()
            if not late.is_set() and process.poll() is None:
                try:
                    process.wait(0.2)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
            self.code = process.wait()
        if late.is_set():
            raise TimedOut

    def build(self, crate):
        """The crate's two programs of tests, or what the compiler has against it."""
        command = ["cargo", "test", "--profile", "mutants", "--locked", "--no-run", "--message-format", "json"]
        command += ["-p", crate, *FEATURES[crate], "--lib", "--test", "every"]
        programs, error = [], None
        for line in self.start(command, self.tree, BUILD_SECONDS):
            message = json.loads(line) if line.startswith("{") else {}
            if message.get("executable") and message["profile"]["test"]:
                programs.append((message["target"]["name"] == "every", message["executable"]))
            if message.get("message", {}).get("level") == "error":
                error = error or message["message"]["message"]
        return [program for _, program in sorted(programs)], error if self.code else None

    def learn(self):
        """Builds the tree and times each file of tests; whatever fails is an error."""
        for crate in CRATES:
            programs, error = self.build(crate)
            if error is not None:
                sys.exit(f"{crate} does not build: {error}")
            for program in programs:
                # The unit tests are one group: they are quick.
                groups = {""}
                if os.path.basename(program).startswith("every-"):
                    lines = self.start([program, "--list"], self.tree / crate, 60)
                    groups = {line.split("::")[0] + "::" for line in lines if line.endswith(": test\n")}
                for group in sorted(groups):
                    begun = time.monotonic()
                    failed = self.test(crate, program, group, 300)
                    if failed is not None:
                        sys.exit(f"fails without a change: {crate} {failed}")
                    self.seconds[program, group] = time.monotonic() - begun

    def test(self, crate, program, group, seconds):
        """The first test that fails, if any does."""
        for line in self.start([program, group], self.tree / crate, seconds):
            if line.startswith("test ") and line.rstrip().endswith("FAILED"):
                return line.split()[1]
        return f"exit {self.code}" if self.code else None

    def fate(self, crates, file):
        """What the tests of these crates make of the tree with a mutant in `file`."""
        try:
            for crate in crates:
                programs, error = self.build(crate)
                if error is not None or len(programs) != 2:
                    return "unviable", error or "does not build"
                groups = [it for it in self.seconds if it[0] in programs]
                groups.sort(key=lambda it: (it[0] != programs[0], -self.caught[file, it], self.seconds[it]))
                for program, group in groups:
                    seconds = max(20, 10 * self.seconds[program, group])
                    failed = self.test(crate, program, group, seconds)
                    if failed is not None:
                        self.caught[file, (program, group)] += 1
                        return "caught", failed
        except TimedOut:
            return "timeout", ""
        return "missed", ""

    def try_one(self, mutant):
        file = self.tree / mutant["file"]
        before = file.read_text()
        file.write_text(changed(before, mutant))
        try:
            return self.fate(CRATES[CRATES.index(mutant["package"]) :], mutant["file"])
        finally:
            file.write_text(before)


def interval(hits, of):
    """Wilson's interval of 95 %."""
    z, share = 1.96, hits / of
    middle, width = share + z * z / (2 * of), z * math.sqrt(share * (1 - share) / of + z * z / (4 * of * of))
    return (middle - width) / (1 + z * z / of), (middle + width) / (1 + z * z / of)


def report(counts):
    heads = ["tried", "unviable", "caught", "timeout", "missed"]
    print("\n" + " " * 12 + "".join(f"{head:>10}" for head in heads) + "   caught or timed out, of the viable")
    for crate in CRATES:
        of = counts[crate]
        seen, viable = of["caught"] + of["timeout"], of.total() - of["unviable"]
        if viable:
            low, high = interval(seen, viable)
            row = [of.total(), *(of[head] for head in heads[1:])]
            share = f"{seen / viable:.1%} (95 %: {low:.1%} to {high:.1%})"
            print(f"{crate:12}" + "".join(f"{number:10}" for number in row) + f"   {share}")


def try_all(runner, mutants, counts, outcomes):
    with outcomes.open("w") as log:
        for number, mutant in enumerate(mutants, 1):
            begun = time.monotonic()
            fate, what = runner.try_one(mutant)
            counts[mutant["package"]][fate] += 1
            took = time.monotonic() - begun
            print(fate, mutant["name"], what, f"{took:.1f}", sep="\t", file=log, flush=True)
            if fate in ("missed", "timeout"):
                print(f"{number:5} {fate:8}{mutant['name']}", flush=True)


def main():
    options = arguments()
    outcomes = options.work / "outcomes"
    mutants = chosen(options, outcomes)
    if not mutants:
        sys.exit("no mutant is meant")
    runner = Runner(options.work)
    copy(runner.tree)
    runner.learn()
    print(f"{len(mutants)} mutants; unchanged, the tests take {sum(runner.seconds.values()):.0f} s", flush=True)
    counts = collections.defaultdict(collections.Counter)
    # Whoever ends it early is told what there is.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        try_all(runner, mutants, counts, outcomes)
    except KeyboardInterrupt:
        print("cut short")
    report(counts)
    sys.exit(any(of["missed"] for of in counts.values()))


if __name__ == "__main__":
    main()
