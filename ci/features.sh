#!/usr/bin/env bash
# Each crate with every set of its features (each alone and all together, where they are more than three),
# linted as a library; with as few as its tests need, the tests too. Features that others bring along are not counted twice. `--list` only names the sets.
#
# cargo-hack does the same; this loop needs nothing installed.
set -euo pipefail
cd "$(dirname "$0")/.."

sets() {
    cargo metadata --format-version 1 --no-deps --locked | python3 -c '
import itertools, json, pathlib, sys

# Not asked for: aws-lc-rs builds C, and takes the place of ring. smtp-tls needs one of the two.
LEFT_OUT = {"default", "aws-lc-rs"}
ALWAYS = {"smtp-tls": {"ring"}}
TESTS_NEED = {"smtp-proto": {"alloc"}, "smtp-tls": {"ring"}}

metadata = json.load(sys.stdin)
for package in metadata["packages"]:
    name, features = package["name"], package["features"]
    place = pathlib.Path(package["manifest_path"]).relative_to(metadata["workspace_root"])
    if place.parts[0] in {"cli", "examples"}:
        continue
    own = sorted(set(features) - LEFT_OUT - ALWAYS.get(name, set()))
    seen = set()
    # Every set where there are few; otherwise none, each alone, and all.
    sizes = range(len(own) + 1) if len(own) <= 3 else [0, 1, len(own)]
    for size in sizes:
        for chosen in itertools.combinations(own, size):
            whole, left = set(), list(chosen) + sorted(ALWAYS.get(name, set()))
            while left:
                feature = left.pop()
                if feature in features and feature not in whole:
                    whole.add(feature)
                    left += features[feature]
            if frozenset(whole) not in seen:
                seen.add(frozenset(whole))
                tests = whole == TESTS_NEED.get(name, set())
                print(name, "all" if tests else "lib", ",".join(sorted(whole)))
'
}

if [ "${1-}" = --list ]; then sets; exit; fi
sets | while read -r package targets features; do
    echo "$package: ${features:-none}"
    if [ "$targets" = all ]; then targets=--all-targets; else targets=--lib; fi
    cargo clippy --quiet -p "$package" --no-default-features --features "$features" "$targets" --locked \
        </dev/null -- -D warnings
done
