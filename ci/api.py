"""Compares docs/api.md with the listings in api/."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LISTINGS = {path.stem: path.read_text() for path in sorted((ROOT / "api").glob("*.txt"))}
PAGE = (ROOT / "docs/api.md").read_text()
# `io` and `fmt` are the standard library's.
OURS = {name.replace("-", "_") for name in LISTINGS} | {"core", "std", "alloc", "io", "fmt"}
wrong = []


def table(name):
    """The rows of a table, the head first, as lists of cells."""
    text = PAGE.split(f"<!-- {name} -->")[1].split("<!-- end -->")[0]
    rows = [line.strip().strip("|").split("|") for line in text.strip().splitlines()]
    return [[cell.strip() for cell in row] for row in rows if not row[0].startswith("---")]


def names(cell):
    return re.findall(r"`([^`]+)`", cell)


def check_names():
    head, *rows = table("names")
    for row in rows:
        for crate, cell in zip(head[1:], row[1:]):
            for name in names(cell):
                path = re.escape(crate.replace("-", "_")) + "::"
                path += r"(<.*>)?::".join(map(re.escape, name.split("::"))) + r"\b"
                if not re.search(path, LISTINGS[crate]):
                    wrong.append(f"{crate} has no {name}")


def check_foreign():
    told = {(names(row[0])[0], row[1]) for row in table("foreign")[1:]}
    seen = set()
    for crate, listing in LISTINGS.items():
        for root in re.findall(r"(?<![\w:>])([a-z][a-z0-9_]*)::", listing):
            if root not in OURS:
                seen.add((root, crate))
    wrong.extend(f"{root} shows in {crate}, and is not told of" for root, crate in seen - told)
    wrong.extend(f"{root} does not show in {crate}" for root, crate in told - seen)


def check_closed():
    told = {name for row in table("closed")[1:] for name in names(row[0])}
    made = set(names(PAGE.split("are made by callers:")[1].split("\n\n")[0]))
    closed, plain = set(), set()
    for listing in LISTINGS.values():
        for line in listing.splitlines():
            match = re.match(r"pub enum ([\w:]+)", line)
            if match and "::Error" not in line:
                closed.add(match[1].split("::")[-1])
        for path in re.findall(r"^pub struct ([\w:]+)", listing, re.M):
            if re.search(rf"^pub {path}::\w+: ", listing, re.M):
                plain.add(path.split("::")[-1])
            elif re.search(rf"^pub struct {path}(<.*>)?\(pub ", listing, re.M):
                plain.add(path.split("::")[-1])
    for kind, seen, listed in [("enumeration", closed, told), ("structure", plain, made)]:
        wrong.extend(f"the {kind} {name} is closed, and nobody says why" for name in seen - listed)
        wrong.extend(f"the {kind} {name} is not closed, or is gone" for name in listed - seen)


check_names()
check_foreign()
check_closed()
for line in sorted(wrong):
    print("docs/api.md:", line)
sys.exit(bool(wrong))
